"""SyncBatchNorm: members of a vmap or pmap that see parts of a batch compute what batch normalization of the whole does."""
from __future__ import annotations

import copy
import inspect

import numpy as np
import pytest

import workbench as wb
from workbench import nn
from workbench.core import errors

RNG = np.random.default_rng(0)
WHOLE = RNG.normal(size=(8, 3, 4, 5)) * RNG.uniform(0.5, 2, (8, 1, 1, 1)) + RNG.normal(size=(8, 1, 1, 1))
FACTORS = RNG.normal(size=WHOLE.shape)


def parts(array):
    return wb.tensor(array.reshape(4, 2, 3, 4, 5))


def pair(**options):
    plain = nn.BatchNorm2d(3, **options).double()
    if plain.affine:
        plain.weight.data[...] = [0.5, 1.5, -1.0]
    return plain, nn.SyncBatchNorm.convert_sync_batchnorm(copy.deepcopy(plain))


@pytest.mark.parametrize("over", [wb.vmap, wb.pmap], ids=["vmap", "pmap"])
@pytest.mark.parametrize("options", [{}, {"momentum": None}, {"affine": False}, {"track_running_stats": False}, {"bias": False, "eps": 0.1}], ids=str)
def test_parts_are_normalized_as_the_whole(options, over):
    plain, synced = pair(**options)
    mapped = over(synced, axis_name="devices")
    for step in (1, 2):
        wanted, found = plain(wb.tensor(WHOLE * step)), mapped(parts(WHOLE * step))
        np.testing.assert_allclose(found.detach().numpy().reshape(WHOLE.shape), wanted.detach().numpy(), atol=1e-12)
    for (name, held), other in zip(plain.named_buffers(), synced.buffers(), strict=True):
        np.testing.assert_allclose(other.numpy(), held.numpy(), rtol=1e-12, err_msg=name)
    np.testing.assert_allclose(over(synced.eval(), axis_name="devices")(parts(WHOLE)).detach().numpy().reshape(WHOLE.shape),
                               plain.eval()(wb.tensor(WHOLE)).detach().numpy(), atol=1e-12)


@pytest.mark.parametrize("over", [wb.vmap, wb.pmap], ids=["vmap", "pmap"])
def test_gradients_are_those_of_the_whole(over):
    plain, synced = pair()
    names = [name for name, _ in plain.named_parameters()]

    def loss(layer, weights, x, factors):
        return (nn.functional_call(layer, dict(zip(names, weights, strict=True)), x) * factors).sum()

    weights = [p.detach() for p in plain.parameters()]
    wanted = wb.grad(lambda w, x: loss(plain, w, x, wb.tensor(FACTORS)), argnums=(0, 1))(weights, wb.tensor(WHOLE))
    total = lambda w, x: over(lambda x, factors: loss(synced, w, x, factors), axis_name="devices")(x, parts(FACTORS)).sum()
    found = wb.grad(total, argnums=(0, 1))(weights, parts(WHOLE))
    np.testing.assert_allclose(found[1].numpy().reshape(WHOLE.shape), wanted[1].numpy(), atol=1e-11)
    for mine, other in zip(found[0], wanted[0], strict=True):
        np.testing.assert_allclose(mine.numpy(), other.numpy(), atol=1e-11)


def test_one_step_of_data_parallel_training_is_a_step_on_the_whole_batch():
    """Each member differentiates its own part; the sum of these gradients is the gradient of the whole."""
    plain, synced = pair()
    part = lambda x, factors: wb.grad(lambda w: (nn.functional_call(synced, {"weight": w}, x) * factors).sum())(synced.weight.detach())
    (plain(wb.tensor(WHOLE)) * wb.tensor(FACTORS)).sum().backward()
    each = wb.vmap(part, axis_name="devices")(parts(WHOLE), parts(FACTORS))
    np.testing.assert_allclose(each.sum(0).numpy(), plain.weight.grad.numpy(), atol=1e-11)
    np.testing.assert_allclose(synced.running_var.numpy(), plain.running_var.numpy(), rtol=1e-12)


def test_without_an_axis_it_is_plain_and_another_axis_is_left_alone():
    plain, synced = pair()
    assert np.array_equal(synced(wb.tensor(WHOLE)).detach().numpy(), plain(wb.tensor(WHOLE)).detach().numpy())
    other = nn.SyncBatchNorm(3, track_running_stats=False, process_group="devices")
    alone = nn.BatchNorm2d(3, track_running_stats=False)
    found = wb.vmap(other, axis_name="models")(parts(WHOLE)).detach().numpy()
    np.testing.assert_allclose(found, np.stack([alone(part).detach().numpy() for part in parts(WHOLE)]), atol=1e-12)


def test_conversion_keeps_parameters_and_mode():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.BatchNorm2d(4)), nn.BatchNorm1d(4, affine=False)).eval()
    held = list(model.parameters())
    converted = nn.SyncBatchNorm.convert_sync_batchnorm(model, "devices")
    assert [type(module).__name__ for module in converted.modules()] == ["Sequential", "Conv2d", "Sequential", "SyncBatchNorm", "SyncBatchNorm"]
    assert all(mine is other for mine, other in zip(converted.parameters(), held, strict=True))
    assert not converted[1][0].training
    assert converted[2].process_group == "devices"


def test_wrong_shapes_are_refused_and_change_nothing():
    layer = nn.SyncBatchNorm(3)
    with pytest.raises(errors.ShapeError, match=r"SyncBatchNorm: .*3 channels \(num_features\).*\(2, 4\)"):
        wb.vmap(layer, axis_name="devices")(wb.ones(2, 2, 4))
    assert layer.num_batches_tracked.item() == 0


@pytest.mark.oracle
def test_signature_and_keys_are_those_of_torch():
    torch = pytest.importorskip("torch", reason="PyTorch is the judge of signatures: pip install neural-workbench[oracle]")
    names = lambda kind: [(p.name, p.default, p.kind) for p in inspect.signature(kind).parameters.values()]
    assert names(nn.SyncBatchNorm) == names(torch.nn.SyncBatchNorm)
    assert list(nn.SyncBatchNorm(3).state_dict()) == list(torch.nn.SyncBatchNorm(3).state_dict())
