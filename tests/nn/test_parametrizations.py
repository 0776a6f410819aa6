"""Parametrizations: PyTorch's state keys and numbers from the same state, and that they live through copies, jit and transformations."""
from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import workbench as wb
from workbench import nn
from workbench.core import errors
from workbench.nn.utils import parametrizations, parametrize

torch = pytest.importorskip("torch", reason="PyTorch is the judge of parametrizations: pip install neural-workbench[oracle]")
pytestmark = pytest.mark.oracle

ROWS = [
    ("weight_norm", {}, "Linear", (4, 3)), ("weight_norm", {"dim": 1}, "Linear", (4, 3)), ("weight_norm", {"dim": None}, "Linear", (4, 3)),
    ("weight_norm", {}, "Conv2d", (4, 6, 3)), ("weight_norm", {"name": "bias"}, "Linear", (4, 3)),
    ("spectral_norm", {}, "Linear", (4, 3)), ("spectral_norm", {"n_power_iterations": 3}, "Conv2d", (4, 6, 3)),
    ("spectral_norm", {}, "ConvTranspose2d", (4, 6, 3)), ("spectral_norm", {"dim": 1, "eps": 1e-3}, "Linear", (4, 3)),
    ("spectral_norm", {"name": "bias"}, "Linear", (4, 3)),
    *[("orthogonal", {"orthogonal_map": kind, "use_trivialization": moved}, "Linear", shape)
      for kind in ("matrix_exp", "cayley", "householder") for moved in (True, False) for shape in ((4, 4), (4, 7), (7, 4))],
    ("orthogonal", {}, "Linear", (4, 3)), ("orthogonal", {}, "Linear", (4, 4)),
]
INPUTS = {"Linear": lambda n: (5, n), "Conv2d": lambda n: (2, n, 5, 6), "ConvTranspose2d": lambda n: (2, n, 3, 4)}


def pair(method, settings, layer, args):
    """The same parametrized layer of ours and of PyTorch's with the same state, away from its special start."""
    torch.manual_seed(0)
    theirs = getattr(torch.nn.utils.parametrizations, method)(getattr(torch.nn, layer)(*args).double(), **settings)
    with torch.no_grad():
        for name, value in theirs.named_parameters():
            if not (method == "orthogonal" and settings.get("orthogonal_map") in (None, "householder")):
                value += 0.3 * torch.randn_like(value)
            elif "original" in name:
                value += 0.3 * torch.randn_like(value).tril(-1)
                value += 0.3 * torch.randn_like(value).triu(1)
    ours = getattr(parametrizations, method)(getattr(nn, layer)(*args).double(), **settings)
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    return ours, theirs, np.random.default_rng(0).normal(size=INPUTS[layer](args[0]))


def results(module, x):
    """Output, gradients and state of one call."""
    y = module(x)
    (y * y).sum().backward()
    found = {"output": y, **{name: p.grad for name, p in module.named_parameters()}, **{f"state {name}": b for name, b in module.named_buffers()}}
    return {name: value.detach().numpy() for name, value in found.items()}


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_state_numbers_and_gradients_are_those_of_torch(row, training):
    ours, theirs, x = pair(*row)
    shapes = lambda module: [(name, tuple(value.shape)) for name, value in module.state_dict().items()]
    assert shapes(ours) == shapes(theirs)
    for _ in range(2):  # the second call sees what power iteration left
        found, wanted = results(ours.train(training), wb.tensor(x)), results(theirs.train(training), torch.tensor(x))
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-10, err_msg=name)


@pytest.mark.parametrize("row", [row for row in ROWS if row[1].get("use_trivialization", True) or row[1]["orthogonal_map"] == "householder"], ids=str)
def test_registering_and_assigning_take_a_value_as_torch_does(row):
    method, settings, layer, args = row
    name = settings.get("name", "weight")
    theirs, ours = getattr(torch.nn, layer)(*args).double(), getattr(nn, layer)(*args).double()
    with torch.no_grad():
        start = (torch.nn.init.orthogonal_(getattr(theirs, name)) if method == "orthogonal" else getattr(theirs, name)).detach().clone()
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    getattr(parametrizations, method)(ours, **settings)
    getattr(torch.nn.utils.parametrizations, method)(theirs, **settings)
    if method != "spectral_norm":
        np.testing.assert_allclose(getattr(ours, name).detach().numpy(), start.numpy(), atol=1e-12)
    for key, value in theirs.state_dict().items():
        if not key.endswith(("base", "_u", "_v")):
            np.testing.assert_allclose(ours.state_dict()[key].numpy(), value.numpy(), atol=1e-12, err_msg=key)
    value = start.numpy()[..., ::-1].copy() if method == "orthogonal" else 2 * start.numpy()
    setattr(ours, name, wb.tensor(value))
    if method != "spectral_norm":
        np.testing.assert_allclose(getattr(ours, name).detach().numpy(), value, atol=1e-12)
    assert len(list(ours.parameters())) == len(list(theirs.parameters()))


def test_an_orthogonal_weight_starts_and_stays_orthogonal():
    wb.manual_seed(0)
    for shape in ((4, 4), (3, 6), (6, 3)):
        layer = parametrizations.orthogonal(nn.Linear(*shape).double())
        optimizer = wb.optim.SGD(layer.parameters(), lr=0.1)
        for _ in range(5):
            optimizer.zero_grad()
            (layer(wb.ones(2, shape[0], dtype="float64")) ** 2).sum().backward()
            optimizer.step()
            w = layer.weight.detach().numpy()
            gram = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
            np.testing.assert_allclose(gram, np.eye(len(gram)), atol=1e-12)


def test_spectral_norm_finds_the_largest_singular_value():
    wb.manual_seed(0)
    layer = parametrizations.spectral_norm(nn.Conv2d(3, 5, 3).double(), n_power_iterations=200)
    np.testing.assert_allclose(np.linalg.norm(layer.weight.detach().numpy().reshape(5, -1), 2), 1, rtol=1e-9)


def test_weight_standardization_is_the_formula():
    layer = nn.Conv2d(3, 4, 3).double()
    w = torch.tensor(layer.weight.detach().numpy(), requires_grad=True)
    parametrizations.weight_standardization(layer, eps=1e-3)
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 5))
    wanted = torch.nn.functional.conv2d(torch.tensor(x), (w - w.mean((1, 2, 3), keepdim=True)) / (w.var((1, 2, 3), correction=0, keepdim=True) + 1e-3).sqrt())
    found = layer(wb.tensor(x)) - layer.bias.reshape(4, 1, 1)
    np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), atol=1e-12)
    (wanted**2).sum().backward()
    (found**2).sum().backward()
    np.testing.assert_allclose(layer.parametrizations.weight.original.grad.numpy(), w.grad.numpy(), atol=1e-10)


class Symmetric(nn.Module):
    def forward(self, x):
        return wb.triu(x) + wb.triu(x, 1).T

    def right_inverse(self, x):
        return wb.triu(x)


class Doubled(nn.Module):
    def forward(self, x):
        return 2 * x


def test_a_chain_applies_in_order_and_the_parameter_stays_the_same_object():
    layer = nn.Linear(3, 3)
    before = layer.weight
    parametrize.register_parametrization(layer, "weight", Symmetric())
    parametrize.register_parametrization(layer, "weight", Doubled())
    assert layer.parametrizations.weight.original is before
    assert np.array_equal(layer.weight.detach().numpy(), 2 * Symmetric()(before).detach().numpy())
    with pytest.raises(errors.ArgumentError, match="Doubled has no right_inverse"):
        layer.weight = wb.ones(3, 3)
    value = layer.weight.detach().numpy()
    parametrize.remove_parametrizations(layer, "weight")
    assert layer.weight is before
    assert np.array_equal(before.detach().numpy(), value)
    assert not parametrize.is_parametrized(layer)
    assert [name for name, _ in layer.named_parameters()] == ["bias", "weight"]


@pytest.mark.parametrize("method", ["weight_norm", "spectral_norm", "orthogonal", "weight_standardization"])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))], ids=["deepcopy", "pickle"])
def test_a_copy_computes_the_same_and_shares_nothing(method, copied):
    layer = getattr(parametrizations, method)(nn.Linear(4, 4)).eval()
    twin, x = copied(layer), wb.ones(2, 4)
    assert np.array_equal(layer(x).detach().numpy(), twin(x).detach().numpy())
    for mine, other in zip(layer.state_dict().values(), twin.state_dict().values(), strict=True):
        assert not np.shares_memory(mine.numpy(), other.numpy())


@pytest.mark.parametrize("method", ["weight_norm", "spectral_norm", "orthogonal", "weight_standardization"])
def test_jit_vmap_and_grad_see_through_it(method):
    layer = getattr(parametrizations, method)(nn.Linear(4, 4).double()).eval()
    x = wb.tensor(np.random.default_rng(0).normal(size=(3, 4)))
    wanted = layer(x).detach().numpy()
    jitted = wb.jit(layer)
    for _ in range(2):
        np.testing.assert_allclose(jitted(x).detach().numpy(), wanted, atol=1e-12)
    np.testing.assert_allclose(wb.vmap(layer)(x).detach().numpy(), wanted, atol=1e-12)
    state = {name: p.detach() * wb.tensor([1.0, 2.0]).reshape(2, *(1,) * p.ndim) for name, p in layer.named_parameters()}
    call = lambda weights: nn.functional_call(layer, weights, x)
    each = wb.vmap(call)(state).detach().numpy()
    np.testing.assert_allclose(each[0], wanted, atol=1e-12)
    np.testing.assert_allclose(each[1], call({name: value[1] for name, value in state.items()}).detach().numpy(), atol=1e-12)
    (layer(x) ** 2).sum().backward()
    gradients = wb.grad(lambda weights: (call(weights) ** 2).sum())({name: p.detach() for name, p in layer.named_parameters()})
    for name, parameter in layer.named_parameters():
        np.testing.assert_allclose(gradients[name].numpy(), parameter.grad.numpy(), atol=1e-10)


@pytest.mark.parametrize(("method", "old"), [("weight_norm", "weight_norm"), ("spectral_norm", "spectral_norm")])
@pytest.mark.filterwarnings("ignore:.*deprecated")
def test_states_with_the_names_of_before_parametrizations_load(method, old):
    layer, theirs = nn.Sequential(nn.ReLU(), getattr(parametrizations, method)(nn.Linear(4, 3))), torch.nn.Linear(4, 3)
    theirs = torch.nn.Sequential(torch.nn.ReLU(), getattr(torch.nn.utils, old)(theirs))
    theirs(torch.ones(2, 4))
    twin = pickle.loads(pickle.dumps(layer))
    for module in (layer, twin):
        module.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
        np.testing.assert_allclose(module.eval()(wb.ones(2, 4)).detach().numpy(), theirs.eval()(torch.ones(2, 4)).detach().numpy(), rtol=1e-6)


def test_power_iteration_goes_on_under_jit_and_two_calls_can_be_differentiated():
    layer = parametrizations.spectral_norm(nn.Linear(4, 3).double())
    twin, x = copy.deepcopy(layer), wb.ones(2, 4, dtype="float64")
    jitted = wb.jit(lambda x: layer(x))
    for _ in range(3):
        np.testing.assert_allclose(jitted(x).detach().numpy(), twin(x).detach().numpy(), atol=1e-12)
    np.testing.assert_allclose(layer.parametrizations.weight[0]._u.numpy(), twin.parametrizations.weight[0]._u.numpy(), atol=1e-12)
    (twin(x) - twin(2 * x)).sum().backward()
    assert twin.parametrizations.weight.original.grad is not None


def test_a_checkpoint_computes_again_with_the_vectors_of_the_call():
    layer = parametrizations.spectral_norm(nn.Linear(4, 3).double())
    twin, x = copy.deepcopy(layer), wb.tensor(np.random.default_rng(0).normal(size=(2, 4)), requires_grad=True)
    (layer(x) ** 2).sum().backward()
    (wb.checkpoint(twin)(x) ** 2).sum().backward()
    np.testing.assert_allclose(twin.parametrizations.weight.original.grad.numpy(), layer.parametrizations.weight.original.grad.numpy(), rtol=1e-12)
    assert np.array_equal(twin.parametrizations.weight[0]._u.numpy(), layer.parametrizations.weight[0]._u.numpy())


def test_cached_computes_once():
    calls = []

    class Counted(nn.Module):
        def forward(self, x):
            calls.append(1)
            return x

    layer = parametrize.register_parametrization(nn.Linear(2, 2), "weight", Counted(), unsafe=True)
    with parametrize.cached(), parametrize.cached():
        assert layer.weight is layer.weight
    assert len(calls) == 1
    assert layer.weight is not None
    assert len(calls) == 2


def test_buffers_and_frozen_parameters_stay_what_they_are():
    layer = nn.BatchNorm1d(3)
    parametrize.register_parametrization(layer, "running_mean", Doubled())
    assert "parametrizations.running_mean.original" in dict(layer.named_buffers())
    parametrize.remove_parametrizations(layer, "running_mean", leave_parametrized=False)
    assert list(layer.state_dict()) == ["weight", "bias", "running_var", "num_batches_tracked", "running_mean"]
    frozen = nn.Linear(2, 2)
    frozen.weight.requires_grad_(False)
    parametrizations.weight_norm(frozen)
    assert [(name, p.requires_grad) for name, p in frozen.named_parameters()] == [
        ("bias", True), ("parametrizations.weight.original0", False), ("parametrizations.weight.original1", False)]


class Longer(nn.Module):
    def forward(self, x):
        return wb.concat([x, x])


def mapped(layer):
    return wb.vmap(lambda w: nn.functional_call(layer, {"parametrizations.weight.original": w}, wb.ones(3)))(wb.ones(2, 3, 3))


@pytest.mark.parametrize(("use", "error", "message"), [
    (lambda m: parametrize.register_parametrization(m, "scale", Doubled()), errors.ArgumentError, "no parameter or buffer 'scale'"),
    (lambda m: parametrize.register_parametrization(m, "weight", Longer()), errors.ShapeError, r"Longer changes the shape from \(3, 3\) to \(6, 3\)"),
    (lambda m: parametrize.register_parametrization(m, "weight", nn.Flatten(0)), errors.ShapeError, "unsafe=True"),
    (lambda m: parametrize.remove_parametrizations(m, "weight"), errors.ArgumentError, "not parametrized"),
    (lambda m: parametrize.remove_parametrizations(parametrizations.weight_norm(m), "weight", False), errors.ArgumentError, "2 tensors"),
    (lambda m: parametrizations.weight_norm(parametrizations.weight_norm(nn.Linear(3, 3))), errors.ArgumentError, "weight_norm comes first"),
    (lambda m: parametrizations.spectral_norm(m, n_power_iterations=0), errors.ArgumentError, "n_power_iterations=0"),
    (lambda m: parametrizations.spectral_norm(m, dim=2), errors.AxisError, "dim=2"),
    (lambda m: parametrizations.orthogonal(m, "bias"), errors.ShapeError, r"'bias' has shape \(3,\)"),
    (lambda m: parametrizations.orthogonal(m, orthogonal_map="qr"), errors.ArgumentError, "'qr'; expected"),
    (lambda m: parametrizations.orthogonal(m, "scale"), errors.ArgumentError, "no parameter or buffer 'scale'"),
    (lambda m: mapped(parametrizations.spectral_norm(m)), errors.GraphError, r"inside vmap; use .eval\(\)"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_what_cannot_be_is_one_clear_error(use, error, message):
    module = nn.Linear(3, 3)
    weight = module.weight
    before = weight.detach().numpy().copy()
    with pytest.raises(error, match=message):
        use(module)
    assert np.array_equal(weight.detach().numpy(), before)
