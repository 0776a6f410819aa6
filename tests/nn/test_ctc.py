"""CTC against the sum over all alignments, and against PyTorch through log_softmax (its gradient supposes one)."""
import itertools

import numpy as np
import pytest

import workbench as wb
from workbench import nn

LENGTHS, SIZES = [5, 4, 3], [2, 2, 1]
TARGETS = np.array([[1, 2], [2, 2], [1, 0]])


def scores():
    return np.random.default_rng(0).normal(size=(5, 3, 3))


def collapsed(path):
    return [symbol for symbol, _ in itertools.groupby(path) if symbol != 0]


def by_enumeration(log_probs, target, length):
    total = sum(np.exp(sum(log_probs[t, symbol] for t, symbol in enumerate(path)))
                for path in itertools.product(range(log_probs.shape[1]), repeat=length) if collapsed(path) == list(target))
    return -np.log(total)


def gradient_by_enumeration(log_probs, target, length):
    """Of minus the log of the sum over alignments: each step of each alignment gets that alignment's share."""
    found, total = np.zeros(log_probs.shape), 0.0
    for path in itertools.product(range(log_probs.shape[1]), repeat=length):
        if collapsed(path) == list(target):
            chance = np.exp(sum(log_probs[t, symbol] for t, symbol in enumerate(path)))
            total += chance
            for t, symbol in enumerate(path):
                found[t, symbol] -= chance
    return found / total


def test_it_is_the_sum_over_all_alignments():
    log_probs = wb.log_softmax(wb.tensor(scores()), axis=-1)
    found = nn.CTCLoss(reduction="none")(log_probs, wb.tensor(TARGETS), wb.tensor(LENGTHS), wb.tensor(SIZES))
    wanted = [by_enumeration(log_probs.numpy()[:, n], TARGETS[n, : SIZES[n]], LENGTHS[n]) for n in range(3)]
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-10)
    weight = np.array([0.3, -1.2, 2.0])
    x = wb.tensor(scores(), requires_grad=True)
    (nn.CTCLoss(reduction="none")(x, wb.tensor(TARGETS), wb.tensor(LENGTHS), wb.tensor(SIZES)) * wb.tensor(weight)).sum().backward()
    wanted = np.stack([weight[n] * gradient_by_enumeration(scores()[:, n], TARGETS[n, : SIZES[n]], LENGTHS[n]) for n in range(3)], axis=1)
    np.testing.assert_allclose(x.grad.numpy(), wanted, rtol=1e-9, atol=1e-12)
    assert wb.testing.gradcheck(lambda x: nn.CTCLoss()(wb.log_softmax(x, axis=-1), wb.tensor(TARGETS), wb.tensor(LENGTHS), wb.tensor(SIZES)), [wb.tensor(scores())])


@pytest.mark.oracle
@pytest.mark.parametrize("options", [{}, {"reduction": "sum"}, {"reduction": "none", "zero_infinity": True}, {"blank": 2}], ids=str)
def test_it_is_pytorchs(options):
    torch = pytest.importorskip("torch", reason="PyTorch is the judge of losses: pip install neural-workbench[oracle]")
    targets = np.maximum(TARGETS - 1, 0) if options.get("blank") == 2 else TARGETS
    lengths = [2, 4, 3] if options.get("zero_infinity") else LENGTHS
    x, t = wb.tensor(scores(), requires_grad=True), torch.tensor(scores(), requires_grad=True)
    found = nn.CTCLoss(**options)(wb.log_softmax(x, axis=-1), wb.tensor(targets), wb.tensor(lengths), wb.tensor(SIZES))
    wanted = torch.nn.CTCLoss(**options)(t.log_softmax(-1), torch.tensor(targets), torch.tensor(lengths), torch.tensor(SIZES))
    np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), rtol=1e-9)
    found.sum().backward()
    wanted.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), t.grad.numpy(), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("steps", [0, 1, 2, 4])
def test_short_inputs_empty_targets_and_impossible_ones_are_the_sum_too(steps):
    """Every pair of an input length and a target, repeated labels and empty ones among them, in one batch."""
    targets = [[], [1], [2], [1, 1], [1, 2], [2, 2, 2]]
    pairs = [(length, target) for length in range(steps + 1) for target in targets]
    log_probs = np.log(np.random.default_rng(steps).dirichlet(np.ones(3), (steps, len(pairs))))
    padded = wb.tensor(np.array([target + [0] * (3 - len(target)) for _, target in pairs]))
    x = wb.tensor(log_probs.reshape(steps, len(pairs), 3), requires_grad=True)
    found = nn.CTCLoss(reduction="none")(x, padded, wb.tensor([length for length, _ in pairs]), wb.tensor([len(target) for _, target in pairs]))
    with np.errstate(divide="ignore"):
        wanted = [by_enumeration(log_probs[:, n], target, length) for n, (length, target) in enumerate(pairs)]
    np.testing.assert_allclose(found.detach().numpy(), wanted, rtol=1e-10)
    if not steps:
        return
    wb.where(wb.isinf(found), 0.0, found).sum().backward()
    for n, (length, target) in enumerate(pairs):
        share = gradient_by_enumeration(log_probs[:, n], target, length) if np.isfinite(wanted[n]) else 0.0
        np.testing.assert_allclose(x.grad.numpy()[:, n], np.broadcast_to(share, (steps, 3)), rtol=1e-9, atol=1e-12)


def test_the_composite_that_transformations_use_gives_the_same():
    def loss(x):
        return nn.CTCLoss(reduction="sum")(x, wb.tensor(TARGETS), wb.tensor(LENGTHS), wb.tensor(SIZES))

    x = wb.log_softmax(wb.tensor(scores()), axis=-1).requires_grad_()
    loss(x).backward()
    np.testing.assert_allclose(wb.grad(loss)(x.detach()).numpy(), x.grad.numpy(), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(wb.jvp(loss, (x.detach(),), (wb.ones(5, 3, 3, dtype="float64"),))[1].item(), x.grad.sum().item(), rtol=1e-10)
