"""What a module is: the tensors it holds, its state, its modes, its hooks, and itself as a value."""
from __future__ import annotations

import copy
import pickle
from collections import OrderedDict

import numpy as np
import pytest

import workbench as wb
from workbench import nn
from workbench.core import errors, tree


class Net(nn.Module):
    """A buffer between two layers, so that the order of the state is worth a test."""

    def __init__(self):
        super().__init__()
        self.register_buffer("offset", wb.zeros(3))
        self.scale = nn.Parameter(wb.ones(3))
        self.first = nn.Linear(4, 3)
        self.second = nn.Sequential(nn.Tanh(), nn.Linear(3, 2))

    def forward(self, x):
        return self.second(self.first(x) * self.scale + self.offset)


def names(pairs):
    return [name for name, _ in pairs]


# What is inside -------------------------------------------------------------------------------------------------------------
def test_parameters_come_first_and_then_those_of_the_children():
    wanted = ["scale", "first.weight", "first.bias", "second.1.weight", "second.1.bias"]
    assert names(Net().named_parameters()) == wanted
    assert list(Net().state_dict()) == ["scale", "offset", *wanted[1:]]
    assert names(Net().named_buffers()) == ["offset"]


def test_modules_are_listed_depth_first_with_paths():
    assert names(Net().named_modules()) == ["", "first", "second", "second.0", "second.1"]
    assert Net().get_submodule("second.1").out_features == 2
    with pytest.raises(errors.ArgumentError, match=r"second\.7"):
        Net().get_submodule("second.7")


def test_a_shared_layer_is_one_layer_with_two_names():
    layer = nn.Linear(3, 3)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    assert len(list(model.parameters())) == 2
    assert list(model.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert len(model) == 3
    twin = copy.deepcopy(model)
    assert twin[0] is twin[2]
    assert twin[0] is not layer


def test_a_tied_parameter_is_one_parameter():
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    model[1].weight = model[0].weight
    assert names(model.named_parameters()) == ["0.weight", "0.bias", "1.bias"]
    twin = pickle.loads(pickle.dumps(model))
    assert twin[0].weight is twin[1].weight


@pytest.mark.parametrize("freeze", [
    lambda: nn.Parameter(wb.ones(2), requires_grad=False), lambda: nn.Parameter(wb.ones(2)).requires_grad_(False)],
    ids=["made-frozen", "frozen-later"])
def test_a_frozen_parameter_stays_a_parameter(freeze):
    module = nn.Module()
    module.weight = nn.Parameter(wb.zeros(2))
    module.weight = freeze()
    assert names(module.named_parameters()) == ["weight"]
    assert list(copy.deepcopy(module).state_dict()) == ["weight"]
    assert module.requires_grad_().weight.requires_grad


def test_a_plain_tensor_is_no_state():
    module = nn.Module()
    module.table = wb.ones(2)
    assert not module.state_dict()
    assert not isinstance(module.table, nn.Parameter)


def test_a_parameter_is_a_plain_tensor():
    assert type(nn.Parameter(wb.ones(2))) is wb.Tensor


@pytest.mark.parametrize(("use", "message"), [
    (lambda m: m.register_buffer("b", 3), "register_buffer.*int.*Tensor"),
    (lambda m: m.register_parameter("p", wb.ones(2)), "register_parameter.*Parameter"),
    (lambda m: m.add_module("a.b", nn.ReLU()), "add_module.*without a dot"),
    (lambda m: m.add_module("train", nn.ReLU()), "add_module.*train"),
    (lambda m: m.get_parameter("nothing"), "get_parameter.*nothing.*scale"),
    (lambda m: nn.Sequential(3), "Sequential: expected a Module, got int"),
    (lambda m: nn.ModuleList([nn.ReLU]), "ModuleList: expected a Module, got type"),
])
def test_what_does_not_belong_is_refused(use, message):
    with pytest.raises(errors.ArgumentError, match=message):
        use(Net())


def test_a_forgotten_super_init_is_said():
    class Forgetful(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter(wb.ones(1))

    class Silent(nn.Module):
        def __init__(self):
            pass

    with pytest.raises(errors.ConfigError, match=r"super\(\).__init__\(\)"):
        Forgetful()
    with pytest.raises(errors.ConfigError, match=r"super\(\).__init__\(\)"):
        Silent()(wb.ones(1))


# State ----------------------------------------------------------------------------------------------------------------------
def test_state_goes_round():
    first, second = Net(), Net()
    second.load_state_dict(first.state_dict())
    x = wb.randn(5, 4)
    assert np.array_equal(first(x).detach().numpy(), second(x).detach().numpy())


def test_loading_lists_every_problem_and_changes_nothing():
    model = Net()
    before = {name: value.numpy().copy() for name, value in model.state_dict().items()}
    state = {**{name: value + 1 for name, value in before.items()}, "extra": np.ones(2),
             "first.weight": np.ones((3, 5))}
    del state["scale"]
    message = r"first\.weight has shape \(3, 5\), the model's \(3, 4\).*missing: scale.*unexpected: extra"
    with pytest.raises(errors.CheckpointError, match=message):
        model.load_state_dict(state)
    assert all(np.array_equal(value.numpy(), before[name]) for name, value in model.state_dict().items())


def test_loading_without_strict_says_what_was_left():
    model = Net()
    mismatch = model.load_state_dict({"scale": np.full(3, 5.0), "head": np.ones(2)}, strict=False)
    assert mismatch.unexpected_keys == ["head"]
    assert "first.weight" in mismatch.missing_keys
    assert model.scale.tolist() == [5.0] * 3
    with pytest.raises(errors.CheckpointError, match="scale has shape"):
        model.load_state_dict({"scale": np.ones(4)}, strict=False)


def test_loading_keeps_the_tensors_that_an_optimizer_holds():
    model = Net()
    held = model.scale
    model.load_state_dict(Net().state_dict())
    assert model.scale is held


def test_a_buffer_that_is_not_persistent_is_not_saved():
    module = nn.Module()
    module.register_buffer("cache", wb.ones(2), persistent=False)
    assert names(module.named_buffers()) == ["cache"]
    assert not module.state_dict()


# Modes and places -----------------------------------------------------------------------------------------------------------
def test_train_and_eval_reach_every_module():
    model = Net()
    assert not any(module.training for module in model.eval().modules())
    assert all(module.training for module in model.train().modules())


def test_apply_goes_from_the_leaves_up():
    seen = []
    Net().apply(lambda module: seen.append(type(module).__name__))
    assert seen == ["Linear", "Tanh", "Linear", "Sequential", "Net"]


def test_to_converts_floating_state_and_gradients_in_place():
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    weight = model[0].weight
    model(wb.randn(4, 3)).sum().backward()
    model.double()
    assert model[0].weight is weight
    assert {p.dtype.name for p in model.parameters()} | {p.grad.dtype.name for p in model.parameters()} == {"float64"}
    assert model[1].num_batches_tracked.dtype.name == "int64"
    assert model(wb.randn(4, 3, dtype=wb.float64)).dtype == wb.float64


def test_freezing_stops_gradients():
    model = Net()
    model.first.requires_grad_(False)
    model(wb.randn(2, 4)).sum().backward()
    assert model.first.weight.grad is None
    assert model.scale.grad is not None
    model.zero_grad()
    assert model.scale.grad is None


# Hooks ----------------------------------------------------------------------------------------------------------------------
def test_forward_hooks_see_and_replace():
    layer, seen = nn.Identity(), []
    handles = [layer.register_forward_pre_hook(lambda module, args: (args[0] + 1,)),
               layer.register_forward_hook(lambda module, args, output: seen.append((args[0].item(), output.item()))),
               layer.register_forward_hook(lambda module, args, kwargs, output: output * 10, with_kwargs=True)]
    assert layer(wb.tensor(1.0)).item() == 20
    assert seen == [(2.0, 2.0)]
    for handle in handles:
        handle.remove()
        handle.remove()
    assert layer(wb.tensor(1.0)).item() == 1


def test_a_pre_hook_can_change_keyword_arguments():
    class Scaled(nn.Module):
        def forward(self, x, *, scale=1.0):
            return x * scale

    module = Scaled()
    module.register_forward_pre_hook(lambda module, args, kwargs: (args, {"scale": kwargs["scale"] * 2}),
                                     with_kwargs=True)
    assert module(wb.tensor(1.0), scale=3.0).item() == 6.0


def test_a_hook_that_raises_leaves_the_module_usable():
    layer = nn.Linear(2, 2)
    handle = layer.register_forward_hook(lambda module, args, output: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        layer(wb.ones(2))
    handle.remove()
    assert layer(wb.ones(2)).shape == (2,)


@pytest.mark.oracle
def test_backward_hooks_are_those_of_torch():
    torch = pytest.importorskip("torch", reason="compared with PyTorch")
    found = []
    for library, array in ((nn, wb.tensor), (torch.nn, torch.tensor)):
        layer = library.Bilinear(2, 3, 2, bias=False)
        layer.to(dtype=wb.float64 if library is nn else torch.float64)
        layer.load_state_dict({"weight": array(np.arange(12.0).reshape(2, 2, 3))})
        seen = []

        def hook(module, grad_input, grad_output, seen=seen):
            seen.extend([*grad_input, *grad_output])
            return tuple(g * 2 for g in grad_input)

        layer.register_full_backward_hook(hook)
        a, b = array(np.ones((4, 2)), requires_grad=True), array(np.arange(12.0).reshape(4, 3), requires_grad=True)
        (layer(a * 2, b) ** 2).sum().backward()
        found.append([np.asarray(t.tolist()) for t in (*seen, a.grad, b.grad, layer.weight.grad)])
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs)


def test_a_backward_hook_without_tracked_inputs_still_sees_the_output():
    layer, seen = nn.Linear(2, 1), []
    layer.register_full_backward_hook(lambda module, into, out: seen.append((into, out[0].tolist())))
    layer(wb.ones(1, 2)).sum().backward()
    assert seen == [((None,), [[1.0]])]


def test_a_deep_copy_does_what_its_original_does_hooks_included():
    model = Net()
    model.first.register_forward_hook(lambda module, args, output: output * 0)
    x = wb.randn(2, 4)
    assert np.array_equal(copy.deepcopy(model)(x).detach().numpy(), model(x).detach().numpy())


# As a value -----------------------------------------------------------------------------------------------------------------
def test_functional_call_leaves_the_module_alone_and_runs_its_hooks():
    model, calls = Net(), []
    model.first.register_forward_hook(lambda module, args, output: calls.append(module))
    before = model.scale
    x = wb.randn(2, 4)
    doubled = nn.functional_call(model, {"scale": model.scale * 2}, x)
    assert model.scale is before
    assert len(calls) == 1
    doubled.sum().backward()
    assert model.scale.grad is not None
    with pytest.raises(errors.ArgumentError, match="has no nothing"):
        nn.functional_call(model, {"nothing": x}, x)


def test_grad_takes_a_module_and_agrees_with_backward():
    model, x = Net(), wb.randn(5, 4)
    found = wb.grad(lambda m, x: (m(x) ** 2).sum())(model, x)
    (model(x) ** 2).sum().backward()
    assert isinstance(found, Net)
    for (name, mine), (_, parameter) in zip(found.named_parameters(), model.named_parameters(), strict=True):
        np.testing.assert_allclose(mine.numpy(), parameter.grad.numpy(), rtol=1e-6, err_msg=name)
    assert all(p.is_leaf for p in model.parameters())


def test_vmap_over_samples_gives_a_gradient_for_each():
    model, x = Net(), wb.randn(5, 4)
    each = wb.vmap(wb.grad(lambda m, x: (m(x) ** 2).sum()), in_axes=(None, 0))(model, x)
    assert each.first.weight.shape == (5, 3, 4)
    whole = wb.grad(lambda m, x: (m(x) ** 2).sum())(model, x)
    np.testing.assert_allclose(each.first.weight.sum(axis=0).numpy(), whole.first.weight.numpy(), rtol=1e-5)


def test_tree_map_makes_a_new_module():
    model = Net()
    moved = tree.map(lambda p: p + 1, model)
    assert moved.scale.tolist() == [2.0] * 3
    assert model.scale.tolist() == [1.0] * 3


# Containers -----------------------------------------------------------------------------------------------------------------
def test_sequential_is_a_list_of_modules():
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    model.append(nn.Linear(3, 1)).insert(1, nn.Tanh())
    assert [type(module).__name__ for module in model] == ["Linear", "Tanh", "ReLU", "Linear"]
    assert list(model.state_dict()) == ["0.weight", "0.bias", "3.weight", "3.bias"]
    model[1] = nn.Sigmoid()
    assert type(model[1:][0]) is nn.Sigmoid
    assert names(model[2:].named_children()) == ["2", "3"]
    assert isinstance(model.pop(), nn.Linear)
    del model[1]
    assert names(model.named_children()) == ["0", "1"]
    assert model(wb.ones(1, 2)).shape == (1, 3)


def test_sequential_takes_names():
    model = nn.Sequential(OrderedDict(inner=nn.Linear(2, 2), act=nn.ReLU()))
    assert list(model.state_dict()) == ["inner.weight", "inner.bias"]
    assert model.act is model[-1]


def test_module_list_and_dict_hold_what_they_are_given():
    held = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    assert [name for name, _ in held.named_children()] == ["0", "1", "2"]
    assert len(held[:2]) == 2
    assert isinstance(held[:2], nn.ModuleList)
    table = nn.ModuleDict({"a": nn.ReLU(), "b": nn.Linear(1, 1)})
    table["c"] = nn.Tanh()
    del table["a"]
    assert list(table) == list(table.keys()) == ["b", "c"]
    assert "b" in table
    assert len(table) == 2


def test_repr_is_an_indented_tree():
    assert repr(nn.Sequential(nn.Linear(2, 3), nn.ModuleList([nn.ReLU()]))) == (
        "Sequential(\n  (0): Linear(in_features=2, out_features=3, bias=True)\n"
        "  (1): ModuleList(\n    (0): ReLU()\n  )\n)")


def test_vectors_go_into_parameters_and_back():
    model = Net()
    vector = nn.utils.parameters_to_vector(model.parameters())
    nn.utils.vector_to_parameters(vector * 2, model.parameters())
    assert model.scale.tolist() == [2.0] * 3
    with pytest.raises(errors.ShapeError, match="3 numbers for"):
        nn.utils.vector_to_parameters(wb.ones(3), model.parameters())
    assert nn.utils.clip_grad_norm_ is wb.optim.clip_grad_norm_
