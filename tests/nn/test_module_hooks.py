"""Hooks of modules: their order, what they may change, and that they are those of PyTorch."""
from __future__ import annotations

import copy
import functools
import pickle

import numpy as np
import pytest

import workbench as wb
from workbench import nn
from workbench.core import errors
from workbench.nn import hooks


class Scaled(nn.Module):
    def forward(self, x, *, scale=1.0):
        return x * scale


def log(seen, name, result=None):
    def hook(*args):
        seen.append(name)
        return result

    return hook


def test_hooks_run_in_the_order_of_their_registration_unless_put_in_front():
    seen, layer = [], nn.Identity()
    layer.register_forward_hook(log(seen, "b"))
    layer.register_forward_hook(log(seen, "c"))
    layer.register_forward_hook(log(seen, "a"), prepend=True)
    layer.register_forward_pre_hook(log(seen, "2"))
    layer.register_forward_pre_hook(log(seen, "1"), prepend=True)
    layer(wb.ones(1))
    assert seen == ["1", "2", "a", "b", "c"]


def test_hooks_of_every_module_come_first_and_see_every_module():
    seen, model = [], nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    model.register_forward_hook(log(seen, "own"))
    handles = [hooks.register_module_forward_hook(lambda module, args, output: seen.append(type(module).__name__)),
               hooks.register_module_forward_pre_hook(lambda module, args: seen.append("before " + type(module).__name__)),
               hooks.register_module_full_backward_pre_hook(lambda module, grads: seen.append("grad of " + type(module).__name__)),
               hooks.register_module_full_backward_hook(lambda module, into, out: seen.append("grad through " + type(module).__name__))]
    model(wb.ones(1, 2)).sum().backward()
    for handle in handles:
        handle.remove()
    assert seen[:7] == ["before Sequential", "before Linear", "Linear", "before Tanh", "Tanh", "Sequential", "own"]
    assert seen[7:] == ["grad of Sequential", "grad through Sequential", "grad of Tanh", "grad through Tanh", "grad of Linear", "grad through Linear"]
    seen.clear()
    nn.Tanh()(wb.ones(1))
    assert not seen
    assert all(kind == "instead" for kind, _ in hooks.EVERYWHERE)  # for symbolic values that are alive somewhere


def test_a_hook_that_always_runs_sees_a_failed_call():
    layer, seen = nn.Linear(2, 2), []
    layer.register_forward_hook(lambda module, args, output: seen.append(output), always_call=True)
    layer.register_forward_hook(log(seen, "only after success"))
    with pytest.raises(errors.ShapeError):
        layer(wb.ones(1, 3))
    assert seen == [None]
    layer(wb.ones(1, 2))
    assert seen[2:] == ["only after success"]


def test_a_hook_may_take_itself_away_while_it_runs():
    layer, seen = nn.Identity(), []
    handle = layer.register_forward_hook(lambda module, args, output: (seen.append("once"), handle.remove())[0])
    layer.register_forward_hook(log(seen, "each time"))
    layer(wb.ones(1))
    layer(wb.ones(1))
    assert seen == ["once", "each time", "each time"]


def test_a_module_whose_hooks_are_gone_takes_the_quick_road_again():
    layer = nn.Identity()
    first, second = layer.register_forward_hook(log([], "")), layer.register_state_dict_pre_hook(log([], ""))
    first.remove()
    assert layer._hooks
    second.remove()
    assert layer._hooks is None
    first.remove()


def test_what_a_backward_pre_hook_returns_replaces_the_gradient():
    layer = nn.Linear(2, 1, bias=False)
    x = wb.ones(1, 2, requires_grad=True)
    layer.register_full_backward_pre_hook(lambda module, grads: (grads[0] * 3,))
    layer.register_full_backward_hook(lambda module, into, out: (into[0] * out[0].item(),))
    layer(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 9 * layer.weight.detach().numpy())
    np.testing.assert_allclose(layer.weight.grad.numpy(), 3 * np.ones((1, 2)))


def test_a_backward_hook_with_too_few_gradients_is_told():
    layer = nn.Bilinear(2, 2, 1)
    layer.register_full_backward_hook(lambda module, into, out: (into[0],))
    with pytest.raises(errors.ArgumentError, match="returned 1 gradients for 2"):
        layer(wb.ones(1, 2, requires_grad=True), wb.ones(1, 2, requires_grad=True)).sum().backward()


class Noted(nn.Module):
    """Has state that is no tensor."""

    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(1, 1)
        self.words = ["a"]

    def get_extra_state(self):
        return {"words": list(self.words)}

    def set_extra_state(self, state):
        self.words = list(state["words"])


def test_extra_state_goes_with_the_state():
    outer, other = nn.ModuleDict({"part": Noted()}), nn.ModuleDict({"part": Noted()})
    outer["part"].words = ["b", "c"]
    state = outer.state_dict()
    assert list(state) == ["part._extra_state", "part.inner.weight", "part.inner.bias"]
    other.load_state_dict(state)
    assert other["part"].words == ["b", "c"]
    del state["part._extra_state"]
    with pytest.raises(errors.CheckpointError, match="missing: part._extra_state"):
        other.load_state_dict(state)
    with pytest.raises(errors.ConfigError, match="get_extra_state"):
        nn.Linear(1, 1).get_extra_state()


def test_state_hooks_rename_old_keys_and_forgive_missing_ones():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    state = {**model.state_dict(), "1.kernel": wb.ones(1, 2)}
    del state["1.weight"], state["1.bias"]

    def rename(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs):
        state_dict[prefix + "weight"] = state_dict.pop(prefix + "kernel")

    model[1].register_load_state_dict_pre_hook(rename)
    with pytest.raises(errors.CheckpointError, match="missing: 1.bias"):
        model.load_state_dict(state)
    model.register_load_state_dict_post_hook(lambda module, mismatch: mismatch.missing_keys.remove("1.bias"))
    assert model.load_state_dict(state).missing_keys == []
    assert model[1].weight.tolist() == [[1.0, 1.0]]
    assert "1.kernel" in state  # the caller's dict is left alone
    model[0].register_load_state_dict_pre_hook(lambda *args: args[-1].append("version 0 is too old"))
    with pytest.raises(errors.CheckpointError, match="version 0 is too old"):
        model.load_state_dict(state)


def test_hooks_around_state_dict_see_prefix_and_state():
    model, seen = nn.Sequential(nn.Linear(1, 1)), []
    model[0].register_state_dict_pre_hook(lambda module, prefix, keep_vars: seen.append((prefix, keep_vars)))
    model[0].register_state_dict_post_hook(lambda module, state, prefix, metadata: state.pop(prefix + "bias"))
    assert list(model.state_dict(keep_vars=True)) == ["0.weight"]
    assert seen == [("0.", True)]


def test_a_pickled_module_keeps_the_hooks_that_can_be_found_again_and_none_of_those_that_watch():
    model = nn.Sequential(nn.Linear(2, 2), Counting())
    model[0].register_forward_hook(doubled)
    model[0]._watch("forward", doubled)
    model[0].register_forward_hook(functools.partial(log([], "seen", "replaced")))
    model[0].register_state_dict_post_hook(without_bias)
    twin = pickle.loads(pickle.dumps(model))
    assert np.array_equal(twin(wb.ones(1, 2)).numpy(), 2 * twin[0].forward(wb.ones(1, 2)).numpy())
    assert (model[1].calls, twin[1].calls) == (0, 1)  # the method is the twin's
    assert list(twin.state_dict()) == ["0.weight"]
    assert model[0](wb.ones(1, 2)) == "replaced"


def doubled(module, args, output):
    return output * 2


class Counting(nn.Module):
    """Counts its calls by a hook of its own."""

    def __init__(self):
        super().__init__()
        self.calls = 0
        self.register_forward_hook(self.count)

    def count(self, module, args, output):
        self.calls += 1

    def forward(self, x):
        return x


def test_a_deep_copy_keeps_all_hooks_and_is_rid_of_them_by_itself():
    model, seen = nn.Sequential(nn.Linear(2, 2), Counting()), []
    handle = model[0].register_forward_hook(lambda module, args, output: seen.append(module))
    model[0].register_full_backward_hook(lambda module, grad_input, grad_output: seen.append("backward"))
    model[0].register_state_dict_post_hook(without_bias)
    model[0]._watch("forward", lambda module, args, output: seen.append("watched"))
    twin = copy.deepcopy(model)
    handle.remove()
    twin(wb.ones(1, 2)).sum().backward()
    assert seen == [twin[0], "backward"]
    assert (model[1].calls, twin[1].calls) == (0, 1)  # the method is the copy's
    assert list(twin.state_dict()) == ["0.weight"]


def without_bias(module, state, prefix, metadata):
    del state[prefix + "bias"]


# The same story told by torch ---------------------------------------------------------------------------------------------------
def story(library, ones):
    """Every kind of hook of calls on a model, with what they return; the order and numbers that come of it."""
    seen = []
    model = library.Sequential(library.Linear(2, 2, bias=False), library.Tanh(), library.Linear(2, 1, bias=False))
    for module in (model[0], model[2]):
        module.weight.data = module.weight.data * 0 + 0.5
    for name, module in model.named_modules():
        module.register_forward_pre_hook(lambda m, args, n=name: seen.append((n, "pre", args[0].sum().item())))
        module.register_forward_pre_hook(lambda m, args, kwargs: ((args[0] + 1,), kwargs), with_kwargs=True)
        module.register_forward_hook(lambda m, args, output: output * 2)
        module.register_forward_hook(lambda m, args, kwargs, output, n=name: seen.append((n, "out", output.sum().item())), with_kwargs=True, prepend=True)
        module.register_full_backward_pre_hook(lambda m, grads, n=name: seen.append((n, "grad_output", grads[0].sum().item())))
        module.register_full_backward_pre_hook(lambda m, grads: (grads[0] * 0.5,))
        module.register_full_backward_hook(lambda m, into, out, n=name: seen.append((n, "grad_input", into[0].sum().item(), out[0].sum().item())))
        module.register_full_backward_hook(lambda m, into, out: (into[0] * 3,), prepend=True)
    x = ones
    (model(x) ** 2).sum().backward()
    seen.append(("x", x.grad.sum().item(), model[0].weight.grad.sum().item(), model[2].weight.grad.sum().item()))
    return seen


@pytest.mark.oracle
def test_order_and_numbers_are_those_of_torch():
    torch = pytest.importorskip("torch", reason="compared with PyTorch")
    mine, theirs = story(nn, wb.ones(3, 2, requires_grad=True)), story(torch.nn, torch.ones(3, 2, requires_grad=True))
    assert [row[:2] for row in mine[:-1]] == [row[:2] for row in theirs[:-1]]
    for row, other in zip(mine, theirs, strict=True):
        assert [v for v in row if not isinstance(v, str)] == pytest.approx([v for v in other if not isinstance(v, str)], rel=1e-5)
