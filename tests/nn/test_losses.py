"""Losses that PyTorch lacks: which class is of which function, a loss of one's own, and what is refused.

The numbers of each are compared with its formula in `formulas/losses.py`.
"""
from __future__ import annotations

import inspect
import pickle

import numpy as np
import pytest

import workbench as wb
from workbench import nn
from workbench.core import errors
from workbench.nn import functional as F

OF = {
    "nn.functional.log_cosh_loss": "LogCoshLoss", "nn.functional.quantile_loss": "QuantileLoss", "nn.functional.hinge_loss": "HingeLoss",
    "nn.functional.squared_hinge_loss": "SquaredHingeLoss", "nn.functional.binary_focal_loss": "BinaryFocalLoss", "nn.functional.focal_loss": "FocalLoss",
    "nn.functional.dice_loss": "DiceLoss", "nn.functional.jaccard_loss": "JaccardLoss", "nn.functional.tversky_loss": "TverskyLoss",
    "nn.functional.generalized_dice_loss": "GeneralizedDiceLoss", "nn.functional.lovasz_hinge_loss": "LovaszHingeLoss",
    "nn.functional.contrastive_loss": "ContrastiveLoss", "nn.functional.info_nce_loss": "InfoNCELoss", "nn.functional.nt_xent_loss": "NTXentLoss",
    "nn.functional.triplet_mining_loss": "TripletMiningLoss", "nn.functional.pairwise_logistic_loss": "PairwiseLogisticLoss",
    "nn.functional.listnet_loss": "ListNetLoss", "nn.functional.listmle_loss": "ListMLELoss",
}


@pytest.mark.parametrize(("function", "name"), OF.items(), ids=OF.values())
def test_the_class_is_of_the_function_and_has_a_formula(function, name):
    pytest.importorskip("torch", reason="the formulas are written in torch: pip install neural-workbench[oracle]")
    from tests.nn.formulas import ROWS

    assert getattr(nn, name).function is getattr(F, function.rsplit(".", 1)[1])
    assert {row.settings.get("reduction", "mean") for row in ROWS if row.name == name} == {"mean", "sum", "none"}


@nn.loss
def Relative(prediction, target, eps=0.0, power=1):
    """How far a prediction is off, as a share of the target."""
    return (abs(prediction - target) / (abs(target) + eps)) ** power


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weight", [None, np.array([1.0, 2.0, 3.0]), np.array([[2.0], [0.5]])], ids=["plain", "per-column", "per-row"])
def test_a_function_becomes_a_loss_with_weight_and_reduction(reduction, weight):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 3)), rng.uniform(1, 2, (2, 3))
    each = (abs(x - y) / (y + 0.5)) ** 2
    scale = np.ones((2, 3)) if weight is None else np.broadcast_to(weight, (2, 3))
    wanted = {"none": each * scale, "sum": (each * scale).sum(), "mean": (each * scale).sum() / scale.sum()}[reduction]
    given = None if weight is None else wb.tensor(weight)
    prediction = wb.tensor(x, requires_grad=True)
    found = Relative(0.5, power=2, weight=given, reduction=reduction)(prediction, wb.tensor(y))
    np.testing.assert_allclose(found.detach().numpy(), wanted)
    found.sum().backward()
    total = scale.sum() if reduction == "mean" else 1
    np.testing.assert_allclose(prediction.grad.numpy(), 2 * (x - y) / (y + 0.5) ** 2 * scale / total)
    later = Relative(0.5, power=2, reduction=reduction)(prediction, wb.tensor(y), weight=given)
    np.testing.assert_allclose(later.detach().numpy(), wanted)


def test_a_loss_of_ones_own_is_a_module_like_the_others():
    loss = Relative(0.1, weight=wb.ones(3))
    assert issubclass(Relative, nn.Module)
    assert Relative.__doc__.startswith("How far")
    assert str(inspect.signature(Relative)) == "(eps=0.0, power=1, weight=None, reduction='mean')"
    assert repr(loss) == "Relative(eps=0.1, power=1, reduction='mean')"
    assert list(loss.state_dict()) == ["weight"]
    twin = pickle.loads(pickle.dumps(loss))
    assert twin(wb.ones(3), wb.ones(3) * 2).item() == loss(wb.ones(3), wb.ones(3) * 2).item()
    assert wb.vmap(Relative(), in_axes=(0, 0))(wb.ones(4, 3), wb.ones(4, 3)).shape == (4,)
    assert wb.jit(Relative())(wb.ones(3), wb.ones(3)).item() == 0


def test_mixed_targets_are_the_mix_of_losses():
    """What mixup relies on: soft targets give the mix of the losses of the hard ones, smoothed or not."""
    rng = np.random.default_rng(0)
    scores, first, second = wb.tensor(rng.normal(size=(8, 5))), rng.integers(0, 5, 8), rng.integers(0, 5, 8)
    mixed = wb.tensor(0.7 * np.eye(5)[first] + 0.3 * np.eye(5)[second])
    for smoothing in (0.0, 0.1):
        loss = nn.CrossEntropyLoss(label_smoothing=smoothing)
        wanted = 0.7 * loss(scores, wb.tensor(first)).item() + 0.3 * loss(scores, wb.tensor(second)).item()
        np.testing.assert_allclose(loss(scores, mixed).item(), wanted, rtol=1e-12)


M, MASK = wb.ones(2, 3), wb.full((2, 3, 4), 0.5)
REFUSED = [
    (lambda: nn.LogCoshLoss()(M, wb.ones(3)), errors.ShapeError, r"log_cosh_loss: .*\(2, 3\).*\(3,\)"),
    (lambda: nn.LogCoshLoss(weight=wb.ones(4))(M, M), errors.ShapeError, r"\(4,\).*\(2, 3\)"),
    (lambda: nn.LogCoshLoss(weight=wb.ones(5, 2, 3))(M, M), errors.ShapeError, r"\(5, 2, 3\) does not broadcast to losses of shape \(2, 3\)"),
    (lambda: nn.LogCoshLoss(reduction="average"), errors.ArgumentError, "LogCoshLoss: reduction='average'"),
    (lambda: Relative(reduction="average"), errors.ArgumentError, "Relative: reduction='average'"),
    (lambda: F.hinge_loss(M, M, reduction="average"), errors.ArgumentError, "reduction='average'"),
    (lambda: nn.QuantileLoss(1.5)(M, M), errors.ArgumentError, "quantile=1.5"),
    (lambda: nn.FocalLoss()(M, wb.tensor([0])), errors.ShapeError, r"focal_loss: .*\(2, 3\).*\(1,\)"),
    (lambda: nn.FocalLoss(wb.ones(2))(M, wb.tensor([0, 1])), errors.ShapeError, r"\(2,\) for 3 classes"),
    (lambda: nn.FocalLoss()(M, wb.tensor([0, 3])), errors.AxisError, "target 3 is not one of the 3 classes"),
    (lambda: nn.DiceLoss()(M, M), errors.ShapeError, r"dice_loss: masks of shape \(2, 3\); expected \(N, C, ...\)"),
    (lambda: nn.TverskyLoss()(MASK * 3, MASK), errors.ArgumentError, "outside 0..1; apply sigmoid or softmax"),
    (lambda: nn.ContrastiveLoss()(M, M, M), errors.ShapeError, r"target of shape \(2,\), got \(2, 3\)"),
    (lambda: nn.InfoNCELoss()(M, wb.ones(3, 3)), errors.ShapeError, r"info_nce_loss: .*\(2, 3\) and \(3, 3\)"),
    (lambda: nn.InfoNCELoss()(M, M, wb.ones(4, 2)), errors.ShapeError, r"\(4, 2\); expected \(M, 3\)"),
    (lambda: nn.NTXentLoss(0.0)(M, M), errors.ArgumentError, "temperature=0.0"),
    (lambda: nn.TripletMiningLoss(mining="easy")(M, wb.tensor([0, 1])), errors.ArgumentError, "'easy'; expected one of 'hard', 'semihard', 'all'"),
    (lambda: nn.TripletMiningLoss()(M, M), errors.ShapeError, r"expected \(N, D\) and \(N,\)"),
    (lambda: nn.ListNetLoss()(M, wb.ones(2)), errors.ShapeError, r"listnet_loss: .*\(2,\)"),
]


@pytest.mark.parametrize(("use", "error", "message"), REFUSED, ids=[message[:40] for _, _, message in REFUSED])
def test_wrong_use_is_one_clear_error(use, error, message):
    with pytest.raises(error, match=message):
        use()


ZEROS, ONES = np.zeros((2, 2, 3)), np.ones((2, 2, 3))
EDGES = [
    ("LogCoshLoss", {}, [np.array([1e4, -1e4, 0.0])], [np.zeros(3)]),
    ("BinaryFocalLoss", {}, [np.array([300.0, -300.0, 300.0, -300.0])], [np.array([1.0, 1, 0, 0])]),
    ("FocalLoss", {}, [np.array([[400.0, 0.0], [400.0, 0.0]])], [np.array([0, 1])]),
    ("FocalLoss", {"ignore_index": 0, "reduction": "sum"}, [np.eye(2)], [np.zeros(2, int)]),
    *[(name, {}, [mask], [target]) for name in ("DiceLoss", "JaccardLoss", "TverskyLoss", "GeneralizedDiceLoss")
      for mask in (ZEROS, ONES) for target in (ZEROS, ONES)],
    *[("LovaszHingeLoss", {}, [scores[:, :, 0]], [target[:, :, 0]]) for scores in (ZEROS, 50 * ONES) for target in (ZEROS, ONES)],
    *[("ContrastiveLoss", {}, [ONES[0], ONES[0]], [np.array([label] * 2)]) for label in (0.0, 1.0)],
    ("InfoNCELoss", {"temperature": 0.01}, [np.eye(1), np.eye(1)], []), ("NTXentLoss", {}, [np.eye(1), -np.eye(1)], []), ("NTXentLoss", {}, [ZEROS[0], ONES[0]], []),
    *[("TripletMiningLoss", {"mining": mining}, [np.ones((4, 2))], [np.array(labels)]) for mining in ("hard", "semihard", "all")
      for labels in ([0, 0, 1, 1], [0, 0, 0, 0], [0, 1, 2, 3])],
    ("PairwiseLogisticLoss", {}, [np.array([[500.0, -500.0]])], [np.array([[0.0, 1.0]])]), ("PairwiseLogisticLoss", {}, [np.eye(2)], [np.ones((2, 2))]),
    ("ListNetLoss", {}, [np.array([[500.0, -500.0]])], [np.array([[0.0, 500.0]])]), ("ListMLELoss", {}, [np.array([[500.0, -500.0]])], [np.array([[0.0, 1.0]])]),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("name", "settings", "inputs", "targets"), EDGES, ids=[f"{i}-{edge[0]}" for i, edge in enumerate(EDGES)])
def test_at_the_edges_losses_and_gradients_are_finite_and_not_negative(name, settings, inputs, targets, dtype):
    tensors = [wb.tensor(array.astype(dtype), requires_grad=True) for array in inputs]
    loss = getattr(nn, name)(**settings)(*tensors, *map(wb.tensor, targets))
    loss.backward()
    assert np.isfinite(loss.item())
    assert loss.item() >= -1e-6
    assert all(np.isfinite(tensor.grad.numpy()).all() for tensor in tensors)


@pytest.mark.parametrize("options", [nn.LinearCrossEntropyOptions(), nn.LinearCrossEntropyOptions(4), nn.LinearCrossEntropyOptions(None, "aspect_ratio"),
                                     nn.LinearCrossEntropyOptions(None, None)], ids=str)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_scores_in_chunks_give_the_same_loss_and_derivatives(options, reduction):
    x, w, labels = wb.randn(10, 3, dtype="float64"), wb.randn(7, 3, dtype="float64"), wb.tensor([0, 1, 2, 3, 4, 5, 6, 0, 1, 1])
    settings = {"weight": wb.rand(7, dtype="float64"), "reduction": reduction, "ignore_index": 1, "label_smoothing": 0.1}

    def found(options):
        loss = lambda x, w: (F.linear_cross_entropy(x, w, labels, options=options, **settings) ** 2).sum()
        return [loss(x, w), *wb.grad(loss, argnums=(0, 1))(x, w), wb.grad(lambda x: wb.grad(loss)(x, w).sum())(x)]

    for mine, whole in zip(found(options), found(None), strict=True):
        np.testing.assert_allclose(mine.numpy(), whole.numpy(), rtol=1e-10, atol=1e-12)


def test_binary_cross_entropy_in_half_precision_has_finite_gradients():
    p = wb.tensor([0.0, 0.25, 1.0, 1.0], dtype="float16", requires_grad=True)
    F.binary_cross_entropy(p, wb.tensor([0.0, 1.0, 1.0, 0.0], dtype="float16"), reduction="sum").backward()
    assert np.isfinite(p.grad.numpy()).all()
    assert p.grad.tolist()[:3] == [0.0, -4.0, 0.0]
