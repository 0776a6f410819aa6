"""Modules inside transformations: every kind of module under every transformation, against plain backward and loops."""
from __future__ import annotations

import copy

import numpy as np
import pytest

import workbench as wb
from workbench import nn
from workbench.core import errors, tree


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode, self.decode = nn.Linear(3, 3, bias=False), nn.Linear(3, 3)
        self.decode.weight = self.encode.weight

    def forward(self, x):
        return self.decode(wb.tanh(self.encode(x)))


class Scaled(nn.Module):
    """Takes a keyword, and has a plain list of modules that share a layer."""

    def __init__(self):
        super().__init__()
        layer = nn.Linear(3, 3)
        self.layers = nn.ModuleList([layer, nn.Tanh(), layer])

    def forward(self, x, *, scale=1.0):
        for layer in self.layers:
            x = layer(x)
        return x * scale


MODULES = {
    "layers": lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 3)),
    "batchnorm-training": lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)),
    "batchnorm-evaluation": lambda: nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 3)).eval(),
    "instancenorm-tracking": lambda: nn.Sequential(nn.Unflatten(1, (1, 3)), nn.InstanceNorm1d(1, track_running_stats=True), nn.Flatten()),
    "dropout": lambda: nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.Linear(4, 3)),
    "tied": Tied,
    "shared": Scaled,
    "frozen": lambda: nn.Sequential(nn.Linear(3, 3).requires_grad_(False), nn.Linear(3, 3)),
}
X = wb.tensor(np.random.default_rng(0).normal(size=(4, 3)))


def made(name: str) -> nn.Module:
    wb.manual_seed(3)
    return MODULES[name]().double()


def loss(model, x):
    return (model(x) ** 2).sum()


def plain(model):
    """Loss, gradients by name and buffers of one step by backward."""
    wb.manual_seed(5)
    model.zero_grad()
    value = loss(model, X)
    if value.requires_grad:
        value.backward()
    gradients = {name: np.zeros(p.shape) if p.grad is None else p.grad.numpy() for name, p in model.named_parameters()}
    return value.item(), gradients, {name: b.numpy().copy() for name, b in model.named_buffers()}


def pushed(model):
    """The gradient by forward mode, one parameter entry at a time would be long: contracted with ones."""
    ones = tree.map(lambda p: p * 0 + 1, model)
    value, change = wb.jvp(lambda m: loss(m, X), (model,), (ones,))
    return value, change


def twice(model):
    """The gradient as the derivative of ``s * loss`` by s, differentiated by the model."""
    wb.manual_seed(5)
    value = loss(copy.deepcopy(model), X)
    by_scale = lambda m: wb.value_and_grad(lambda s: loss(m, X) * s)(wb.tensor(1.0, dtype=wb.float64))[1]
    return value, wb.grad(by_scale)(model)


REVERSE = {
    "grad": lambda model: wb.value_and_grad(loss)(model, X),
    "jit-of-grad": lambda model: wb.jit(wb.value_and_grad(loss))(model, X),
    "grad-of-jit": lambda model: wb.value_and_grad(wb.jit(loss))(model, X),
    "vjp": lambda model: (lambda pair: (pair[0], pair[1](wb.ones((), dtype=wb.float64))[0]))(wb.vjp(lambda m: loss(m, X), model)),
    "checkpoint": lambda model: wb.value_and_grad(lambda m, x: (wb.checkpoint(lambda x: m(x))(x) ** 2).sum())(model, X),
    "grad-inside-grad": twice,
}
PAIRS = [(name, transformation) for name in MODULES for transformation in REVERSE
         if (name, transformation) != ("dropout", "grad-inside-grad")]  # its value and its gradient are of two draws


@pytest.mark.parametrize(("name", "transformation"), PAIRS)
def test_gradients_and_buffers_are_those_of_backward(name, transformation):
    value, gradients, buffers = plain(made(name))
    model = made(name)
    wb.manual_seed(5)
    found, grads = REVERSE[transformation](model)
    assert found.item() == pytest.approx(value, rel=1e-12)
    assert type(grads) is type(model)
    for path, gradient in grads.named_parameters():
        if name == "frozen" and path.startswith("0."):  # to a transformation it is an argument like the others
            gradients[path] = plain(made(name).requires_grad_())[1][path]
        np.testing.assert_allclose(gradient.numpy(), gradients[path], rtol=1e-9, atol=1e-12, err_msg=path)
    for path, buffer in model.named_buffers():
        np.testing.assert_allclose(buffer.numpy(), buffers[path], rtol=1e-12, err_msg=path)


@pytest.mark.parametrize("name", MODULES)
def test_forward_mode_agrees(name):
    value, gradients, buffers = plain(made(name))
    model = made(name)
    wb.manual_seed(5)
    found, change = pushed(model)
    assert found.item() == pytest.approx(value, rel=1e-12)
    wanted = sum(g.sum() for path, g in gradients.items())
    if name == "frozen":  # backward leaves out what is frozen, a tree has all of it
        wanted = sum(g.numpy().sum() for _, g in wb.grad(loss)(made(name), X).named_parameters())
    assert change.item() == pytest.approx(wanted, rel=1e-9, abs=1e-9)
    for path, buffer in model.named_buffers():
        np.testing.assert_allclose(buffer.numpy(), buffers[path], rtol=1e-12, err_msg=path)


@pytest.mark.parametrize("name", [name for name in MODULES if name not in ("batchnorm-training", "instancenorm-tracking", "dropout")])
def test_vmap_over_samples_is_a_loop(name):
    model = made(name)
    each = wb.vmap(wb.grad(lambda m, x: loss(m, x[None])), in_axes=(None, 0))(model, X)
    for i in range(len(X)):
        alone = wb.grad(lambda m, x: loss(m, x[None]))(model, X[i])
        for (path, batch), (_, one) in zip(each.named_parameters(), alone.named_parameters(), strict=True):
            np.testing.assert_allclose(batch[i].numpy(), one.numpy(), rtol=1e-9, atol=1e-12, err_msg=path)


@pytest.mark.parametrize("name", MODULES)
def test_an_ensemble_is_its_members(name):
    models = [made(name) for _ in range(3)]
    for number, model in enumerate(models):
        with wb.no_grad():
            for p in model.parameters():
                p.mul_(1.0 + number)
    parameters, buffers = nn.stack_module_state(models)
    assert all(p.requires_grad == models[0].get_parameter(n).requires_grad and p.is_leaf for n, p in parameters.items())

    def call(p, b, x):
        return nn.functional_call(models[0], (p, b), x), b

    wb.manual_seed(5)
    outputs, after = wb.vmap(call, in_axes=(0, 0, None), randomness="same")(parameters, buffers, X)
    for number, model in enumerate(models):
        wb.manual_seed(5)
        np.testing.assert_allclose(outputs[number].detach().numpy(), model(X).detach().numpy(), rtol=1e-9)
        for path, buffer in model.named_buffers():
            np.testing.assert_allclose(after[path][number].numpy(), buffer.numpy(), rtol=1e-12, err_msg=path)
    if parameters:
        outputs.sum().backward()
        assert {n: p.grad is not None for n, p in parameters.items()} == {n: p.requires_grad for n, p in parameters.items()}


def test_randomness_inside_vmap_is_a_choice():
    model = nn.Dropout(0.5)
    with pytest.raises(errors.GraphError, match="randomness"):
        wb.vmap(model)(X)
    same, different = (wb.vmap(model, randomness=how)(wb.ones(64, 8)).numpy() for how in ("same", "different"))
    assert (same == same[0]).all()
    assert not (different == different[0]).all()


def test_statistics_that_examples_share_are_not_updated_by_each():
    model = made("batchnorm-training")
    with pytest.raises(errors.GraphError, match="all examples share.*vmap"):
        wb.vmap(model)(X[None])


# functional_call ------------------------------------------------------------------------------------------------------------
def test_a_tied_weight_is_replaced_under_both_names_or_one():
    model, weight = Tied().double(), wb.ones(3, 3, dtype=wb.float64)
    bias = model.decode.bias
    both = nn.functional_call(model, {"encode.weight": weight}, X)
    np.testing.assert_allclose(both.detach().numpy(), (wb.tanh(X @ weight) @ weight + bias).detach().numpy())
    one = nn.functional_call(model, {"decode.weight": weight}, X, tie_weights=False)
    np.testing.assert_allclose(one.detach().numpy(), (wb.tanh(X @ model.encode.weight.mT) @ weight + bias).detach().numpy())
    two = nn.functional_call(model, {"encode.weight": weight, "decode.weight": weight}, X)
    np.testing.assert_array_equal(two.detach().numpy(), both.detach().numpy())


def test_arguments_by_name_reach_the_forward():
    model = Scaled().double()
    doubled = nn.functional_call(model, {}, X, {"scale": 2.0})
    np.testing.assert_allclose(doubled.detach().numpy(), (model(X) * 2).detach().numpy())
    np.testing.assert_allclose(nn.functional_call(model, {}, None, {"x": X}).detach().numpy(), model(X).detach().numpy())


def test_buffers_that_are_given_are_the_ones_written():
    model = made("batchnorm-training")
    before = {name: b.numpy().copy() for name, b in model.named_buffers()}
    given = {name: wb.tensor(b) for name, b in before.items()}
    nn.functional_call(model, [dict(model.named_parameters()), given], X, strict=True)
    for name, buffer in model.named_buffers():
        np.testing.assert_array_equal(buffer.numpy(), before[name])
    assert given["1.num_batches_tracked"].item() == 1
    assert not np.array_equal(given["1.running_mean"].numpy(), before["1.running_mean"])


@pytest.mark.parametrize(("call", "message"), [
    (lambda m: nn.functional_call(m, {"other": X}, X), "has no other"),
    (lambda m: nn.functional_call(m, {"encode.weight": X}, X, strict=True), "missing: decode.bias"),
    (lambda m: nn.functional_call(m, ({"encode.weight": X}, {"encode.weight": X}), X), "encode.weight is given in several dicts"),
    (lambda m: nn.functional_call(m, {"encode.weight": X, "decode.weight": X + 1}, X), "encode.weight and decode.weight are one tensor"),
    (lambda m: nn.stack_module_state([]), "no models"),
    (lambda m: nn.stack_module_state([m, Scaled()]), "model 1 is not like model 0"),
    (lambda m: nn.stack_module_state([m, Tied().eval()]), "model 1 is not like model 0"),
])
def test_a_call_that_does_not_fit_is_refused(call, message):
    with pytest.raises(errors.ArgumentError, match=message):
        call(Tied())


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["tied", "batchnorm"])
def test_functional_call_and_ensembles_are_those_of_torch(name):
    torch = pytest.importorskip("torch", reason="compared with PyTorch")

    def make(library):
        if name == "batchnorm":
            return library.Sequential(library.Linear(3, 4), library.BatchNorm1d(4), library.Linear(4, 3))
        model = library.Sequential(library.Linear(3, 3), library.Tanh(), library.Linear(3, 3))
        model[2].weight = model[0].weight
        return model

    theirs = [make(torch.nn).double() for _ in range(2)]
    mine = [make(nn).double() for _ in range(2)]
    for model, other in zip(mine, theirs, strict=True):
        model.load_state_dict({key: wb.tensor(value.numpy()) for key, value in other.state_dict().items()})
        model.eval()
        other.eval()
    x = torch.from_numpy(X.numpy())
    stacked = torch.func.stack_module_state(theirs)
    wanted = torch.vmap(lambda p, b: torch.func.functional_call(theirs[0], (p, b), (x,)))(*stacked)
    found = wb.vmap(lambda p, b: nn.functional_call(mine[0], (p, b), (X,)))(*nn.stack_module_state(mine))
    np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), rtol=1e-10)
    replaced = {"0.weight": torch.ones(theirs[0][0].weight.shape, dtype=torch.float64)}
    wanted = torch.func.functional_call(theirs[0], replaced, (x,))
    found = nn.functional_call(mine[0], {key: wb.tensor(value.numpy()) for key, value in replaced.items()}, (X,))
    np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), rtol=1e-10)
