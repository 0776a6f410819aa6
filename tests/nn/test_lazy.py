"""Lazy layers: PyTorch's signatures and keys, and that the first call or a state makes the plain layer of them."""
from __future__ import annotations

import copy
import inspect
import pickle

import numpy as np
import pytest

import workbench as wb
from workbench import config, nn
from workbench.core import errors

ROWS = [
    ("Linear", (4,), {}, (5, 3)), ("Linear", (4, False), {}, (2, 5, 3)), ("Linear", (4,), {}, (3,)),
    *[(f"Conv{n}d", (4, 2), {"padding": 1}, (2, 6, *[5] * n)) for n in (1, 2, 3)], ("Conv2d", (4, 3), {"groups": 2, "bias": False}, (6, 5, 5)),
    *[(f"ConvTranspose{n}d", (4, 2), {"stride": 2}, (2, 6, *[3] * n)) for n in (1, 2, 3)], ("ConvTranspose2d", (4, 2), {"groups": 2}, (2, 6, 3, 3)),
    *[(f"{kind}Norm{n}d", (), options, (4, 3, *[3] * n)) for kind in ("Batch", "Instance") for n in (1, 2, 3)
      for options in ({}, {"affine": True, "track_running_stats": True}, {"affine": False, "track_running_stats": False})],
    ("BatchNorm1d", (1e-3,), {"bias": False}, (5, 3)), ("InstanceNorm2d", (), {"affine": True}, (3, 4, 4)),
]
LAZY = sorted(name for name in nn.__all__ if name.startswith("Lazy"))


def made(name, args, settings, shape):
    """The lazy layer, and the plain one after it has learnt from the input."""
    lazy = getattr(nn, f"Lazy{name}")(*args, **settings)
    learnt = copy.deepcopy(lazy)
    learnt(wb.ones(*shape))
    return lazy, learnt


def plain(name, args, settings, shape):
    """The plain layer, made as one."""
    channels = shape[-1] if name == "Linear" else shape[-int(name[-2]) - 1] if len(shape) > 2 else shape[1]
    learns = {"affine": True, "track_running_stats": True} if name.startswith("Instance") else {}  # what a lazy one does by default
    return getattr(nn, name)(channels, *args, **{**learns, **settings})


def test_every_lazy_class_has_a_row():
    assert {f"Lazy{row[0]}" for row in ROWS} == set(LAZY)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_first_call_makes_the_plain_layer_with_the_numbers_it_would_have_had(row):
    name, args, settings, shape = row
    x = wb.tensor(np.random.default_rng(0).normal(size=shape).astype(np.float32))
    wb.manual_seed(0)
    wanted = plain(*row)
    expected = wanted(x)
    wb.manual_seed(0)
    lazy = getattr(nn, f"Lazy{name}")(*args, **settings)
    held = dict(lazy.named_parameters())
    assert isinstance(lazy, getattr(nn, name))
    assert np.array_equal(lazy(x).detach().numpy(), expected.detach().numpy())
    assert type(lazy) is type(wanted)
    assert repr(lazy) == repr(wanted)
    assert vars(lazy).keys() == vars(wanted).keys()
    assert [(key, value.shape) for key, value in lazy.state_dict().items()] == [(key, value.shape) for key, value in wanted.state_dict().items()]
    assert all(parameter is held[key] for key, parameter in lazy.named_parameters())
    if held:
        (lazy(x) ** 2).sum().backward()
    assert all(parameter.grad.shape == parameter.shape for parameter in lazy.parameters())


@pytest.mark.oracle
@pytest.mark.parametrize("name", LAZY)
def test_signature_and_keys_are_those_of_torch(name):
    torch = pytest.importorskip("torch", reason="PyTorch is the judge of signatures: pip install neural-workbench[oracle]")
    signature = lambda kind: [(p.name, p.default) for p in inspect.signature(kind).parameters.values()]
    assert signature(getattr(nn, name)) == signature(getattr(torch.nn, name))
    args = next(args for row, args, settings, _ in ROWS if f"Lazy{row}" == name)
    ours, theirs = getattr(nn, name)(*args), getattr(torch.nn, name)(*args)
    keys = lambda module: [(kind, [key for key, _ in getattr(module, f"named_{kind}")()]) for kind in ("parameters", "buffers")]
    assert keys(ours) == keys(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_state_makes_the_plain_layer_too(row):
    lazy, learnt = made(*row)
    state = {f"0.{key}": value for key, value in learnt.state_dict().items()}
    model = nn.Sequential(lazy)
    model.load_state_dict(state)
    told = any(key != "0.num_batches_tracked" for key in state)
    assert (type(lazy) is type(learnt)) == told
    x = wb.ones(*row[3])
    assert np.array_equal(model.eval()(x).detach().numpy(), learnt.eval()(x).detach().numpy())


def test_a_layer_held_twice_is_made_once():
    layer = nn.LazyLinear(3)
    model = nn.Sequential(layer, layer)
    model.load_state_dict(nn.Sequential(*[nn.Linear(3, 3)] * 2).state_dict())
    assert type(layer) is nn.Linear
    assert len(list(model.parameters())) == 2


def test_a_state_that_does_not_fit_changes_nothing():
    model = nn.Sequential(nn.LazyLinear(3), nn.LazyLinear(2))
    good = {f"{i}.{key}": value for i, layer in enumerate((nn.Linear(4, 3), nn.Linear(3, 2))) for key, value in layer.state_dict().items()}
    with pytest.raises(errors.CheckpointError, match=r"1.bias has shape \(5,\), the model's \(2,\)"):
        model.load_state_dict({**good, "1.bias": wb.ones(5)})
    with pytest.raises(errors.CheckpointError, match="1.bias belongs to a lazy layer.*missing: 1.weight"):
        model.load_state_dict({key: value for key, value in good.items() if key != "1.weight"})
    assert [type(layer) for layer in model] == [nn.LazyLinear, nn.LazyLinear]
    assert model.load_state_dict({"0.weight": wb.ones(3, 4)}, strict=False).missing_keys == ["0.bias", "1.weight", "1.bias"]
    assert [type(layer) for layer in model] == [nn.Linear, nn.LazyLinear]


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_dtype_freezing_copies_and_pickles_are_kept_for_the_first_call(row):
    lazy, _ = made(*row)
    twin = pickle.loads(pickle.dumps(lazy.double().requires_grad_(False).eval()))
    assert type(twin) is type(lazy)
    x = wb.ones(*row[3], dtype="float64")
    assert twin(x).dtype == wb.float64
    assert not twin.training
    assert {tensor.dtype.name for tensor in twin.parameters()} <= {"float64"}
    assert not any(parameter.requires_grad for parameter in twin.parameters())
    assert type(twin) is not type(lazy)


def test_a_state_can_be_taken_as_it_is():
    layer, state = nn.LazyLinear(3), nn.Linear(4, 3).double().state_dict()
    layer.load_state_dict(state, assign=True)
    assert (type(layer), layer.in_features, layer.weight.dtype) == (nn.Linear, 4, wb.float64)
    assert np.shares_memory(layer.weight.detach().numpy(), state["weight"].numpy())


def test_a_configuration_says_what_the_layer_is_now():
    layer = nn.LazyConv2d(4, 3, padding=1)
    assert config.to_config(layer) == {"type": "LazyConv2d", "out_channels": 4, "kernel_size": 3, "padding": 1}
    layer(wb.ones(1, 2, 5, 5))
    assert config.to_config(layer) == {"type": "Conv2d", "in_channels": 2, "out_channels": 4, "kernel_size": 3, "padding": 1}


def test_jit_waits_for_the_first_call_and_vmap_sees_one_example():
    model = nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.LazyLinear(2))
    x = wb.ones(3, 5)
    step = wb.jit(lambda x: model(x))
    first = step(x)
    assert np.allclose(step(x).detach().numpy(), first.detach().numpy())
    assert wb.vmap(nn.LazyLinear(4))(x).shape == (3, 4)


USES = {
    "shape": lambda p: p.shape, "len": lambda p: len(p), "numpy": lambda p: p.numpy(), "item": lambda p: p.item(), "add": lambda p: p + 1,
    "inplace": lambda p: p.add_(1), "copy": lambda p: p.copy_(wb.ones(3)), "matmul": lambda p: wb.ones(2, 2) @ p, "size": lambda p: p.numel(),
    "into": lambda p: nn.Linear(2, 2).load_state_dict({"weight": p, "bias": wb.ones(2)}),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_tensor_without_a_shape_says_what_to_do(use):
    for tensor in (nn.LazyLinear(3).weight, nn.LazyBatchNorm1d().running_mean):
        with pytest.raises(errors.ShapeError, match="call the model once on a batch"):
            use(tensor)


def test_wrong_use_is_one_clear_error():
    with pytest.raises(errors.ArgumentError, match="SGD: a parameter of a lazy layer.*call the model once"):
        wb.optim.SGD(nn.LazyLinear(3).parameters(), lr=0.1)
    layer = nn.LazyConv2d(4, 3)
    with pytest.raises(errors.ShapeError, match=r"LazyConv2d: expected an input of 3 or 4 axes, got \(2, 3\)"):
        layer(wb.ones(2, 3))
    assert type(layer) is nn.LazyConv2d
    with pytest.raises(errors.ArgumentError, match="in_channels=3 and out_channels=4 must be divisible by groups=2"):
        nn.LazyConv2d(4, 3, groups=2)(wb.ones(1, 3, 5, 5))
    with pytest.raises(errors.ShapeError, match="LazyLinear: expected an input of at least one axis"):
        nn.LazyLinear(2)(wb.tensor(1.0))


def test_a_parameter_can_be_given_its_shape_by_hand():
    p = nn.UninitializedParameter(dtype="float64")
    assert isinstance(p, nn.Parameter)
    p.materialize((2, 3))
    assert isinstance(p, nn.Parameter)
    assert (p.shape, p.dtype, p.requires_grad, p.is_leaf) == ((2, 3), wb.float64, True, True)
    (p * 2).sum().backward()
    assert p.grad.tolist() == [[2.0] * 3] * 2
