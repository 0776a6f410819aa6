"""Hooks on the tape: saved tensors, nodes, accumulated and several gradients; semantics compared with torch."""
from __future__ import annotations

import gc

import numpy as np
import pytest
import torch

import workbench as wb
from workbench.core.node import held

BOTH = [(wb, wb.autograd, np.asarray), (torch, torch.autograd, lambda t: t.detach().numpy())]


def made(lib, values):
    return lib.tensor(values, dtype=lib.float64, requires_grad=True)


def function(lib, x, w):
    return (lib.tanh(x * w) @ lib.exp(w) + lib.sum(lib.softmax(x, -1) * x)).sum()


# ---------------------------------------------------------------- saved tensors
@pytest.mark.parametrize("hooks", ["round trip", "cpu", "disk"])
def test_gradients_are_the_same_through_packed_values(hooks, tmp_path):
    context = {"round trip": lambda: wb.autograd.saved_tensors_hooks(lambda t: t.numpy().copy(), wb.as_tensor),
               "cpu": wb.autograd.save_on_cpu, "disk": lambda: wb.autograd.save_on_disk(tmp_path)}[hooks]()
    x, w = np.random.default_rng(0).normal(size=(2, 3, 3))
    grads = []
    for manager in (None, context):
        a, b = made(wb, x), made(wb, w)
        if manager is None:
            loss = function(wb, a, b)
        else:
            with manager:
                loss = function(wb, a, b)
        loss.backward()
        grads.append((a.grad.numpy(), b.grad.numpy()))
    np.testing.assert_array_equal(grads[0], grads[1])


@pytest.mark.parametrize("call", ["x * x", "lib.exp(x)", "x * 3.0", "x + x", "lib.sin(x) * x", "x @ x", "lib.tanh(x)", "lib.relu(x)", "x / 2", "x - 1"])
def test_the_same_number_of_values_is_packed_as_in_torch(call):
    counts = []
    for lib, autograd, _ in BOTH:
        hooks = (autograd if lib is wb else autograd.graph).saved_tensors_hooks
        seen = []
        x = made(lib, [1.0, 2.0])
        with hooks(lambda t, seen=seen: seen.append(t) or t, lambda t: t):
            eval(call, {"x": x, "lib": lib})
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_unpacking_happens_in_each_backward_and_packing_once():
    packed, unpacked = [], []
    x = made(wb, [1.0, 2.0])
    with wb.autograd.saved_tensors_hooks(lambda t: packed.append(t) or t, lambda t: unpacked.append(t) or t):
        y = wb.sin(x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert len(packed) == 1
    assert len(unpacked) == 2
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.cos([1.0, 2.0]))


def test_the_value_that_is_unpacked_is_the_one_that_counts():
    results = []
    for lib, autograd, plain in BOTH:
        hooks = (autograd if lib is wb else autograd.graph).saved_tensors_hooks
        x = made(lib, [1.0, 2.0])
        with hooks(lambda t: t * 4, lambda t: t):
            y = (x * x).sum()
        y.backward()
        results.append(plain(x.grad))
    np.testing.assert_allclose(*results)


def test_second_derivatives_go_through_packed_values():
    x = made(wb, [1.0, 2.0])
    with wb.autograd.saved_tensors_hooks(lambda t: t.numpy().copy(), wb.as_tensor):
        y = (wb.exp(x) * x * x).sum()
        (g,) = wb.autograd.grad(y, x, create_graph=True)
        (h,) = wb.autograd.grad(g.sum(), x)
    z = np.array([1.0, 2.0])
    np.testing.assert_allclose(h.numpy(), np.exp(z) * (z * z + 4 * z + 2))


def test_only_the_innermost_hooks_pack():
    outer, inner = [], []
    x = made(wb, [1.0])
    with wb.autograd.saved_tensors_hooks(lambda t: outer.append(t) or t, lambda t: t):
        with wb.autograd.saved_tensors_hooks(lambda t: inner.append(t) or t, lambda t: t):
            y = wb.sin(x)
        wb.cos(y)
    assert (len(outer), len(inner)) == (1, 1)


def test_untracked_operations_pack_nothing():
    seen = []
    x = made(wb, [1.0])
    with wb.autograd.saved_tensors_hooks(lambda t: seen.append(t) or t, lambda t: t), wb.no_grad():
        wb.sin(x)
    assert not seen


def test_ops_with_several_outputs_and_residuals_are_packed():
    x = made(wb, np.random.default_rng(0).normal(size=(3, 3)))
    seen = []
    with wb.autograd.saved_tensors_hooks(lambda t: seen.append(t.shape) or t, lambda t: t):
        q, r = wb.linalg.qr(x)
        loss = (q * r).sum() + wb.nn.functional.layer_norm(x, (3,)).square().sum()
    loss.backward()
    y = made(wb, x.numpy())
    q, r = wb.linalg.qr(y)
    ((q * r).sum() + wb.nn.functional.layer_norm(y, (3,)).square().sum()).backward()
    assert len(seen) >= 4
    np.testing.assert_array_equal(x.grad.numpy(), y.grad.numpy())


def test_files_live_as_long_as_the_graph(tmp_path):
    x = made(wb, np.ones((4, 4)))
    with wb.autograd.save_on_disk(tmp_path):
        y = wb.exp(wb.sin(x)).sum()
    assert len(list(tmp_path.iterdir())) == 2
    y.backward()
    assert not list(tmp_path.iterdir())


def test_small_values_stay_in_memory_when_asked(tmp_path):
    x = made(wb, [1.0])
    with wb.autograd.save_on_disk(tmp_path, min_bytes=100):
        y = wb.sin(x).sum()
    assert not list(tmp_path.iterdir())
    y.backward()


def test_bfloat16_goes_to_disk_and_back(tmp_path):
    x = wb.tensor([1.0, 2.0], dtype=wb.bfloat16, requires_grad=True)
    with wb.autograd.save_on_disk(tmp_path):
        y = (x * x).sum()
    y.backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_memory_of_packed_values_is_let_go(tmp_path):
    import weakref

    x = made(wb, np.ones(10))
    with wb.autograd.save_on_disk(tmp_path):
        middle = wb.sin(x)
        alive = weakref.ref(middle.data)
        y = wb.exp(middle)
    z = y.sum()
    del middle
    assert alive() is None
    z.backward()


def misused(pack, unpack):
    x = made(wb, [1.0, 2.0])
    with wb.autograd.saved_tensors_hooks(pack, unpack):
        y = (x * x).sum()
    y.backward()


def write(t):
    t.add_(1)
    return t


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: misused(lambda t: t, lambda t: 3), wb.errors.DTypeError, "returned int; expected a Tensor"),
    (lambda: misused(lambda t: t, lambda t: t[:1]), wb.errors.ShapeError, r"shape \(1,\); expected \(2,\)"),
    (lambda: misused(write, lambda t: t), wb.errors.GraphError, "wrote into the tensor"),
    (lambda: misused(None, lambda t: t), wb.errors.ArgumentError, "expected two functions"),
    (lambda: misused(lambda: 1, lambda t: t), TypeError, "argument"),
    (lambda: wb.autograd.graph.register_multi_grad_hook([wb.ones(1)], print), wb.errors.GraphError, "tensor 0 does not require"),
    (lambda: wb.autograd.graph.register_multi_grad_hook([], print, mode="some"), wb.errors.ArgumentError, "'all' or 'any'"),
    (lambda: made(wb, [1.0]).exp().register_post_accumulate_grad_hook(print), wb.errors.GraphError, "only a leaf"),
])
def test_misuse_is_an_error(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_hooks_can_be_disabled():
    with wb.autograd.disable_saved_tensors_hooks("not now"), pytest.raises(wb.errors.GraphError, match="not now"), wb.autograd.save_on_cpu():
        pass
    with wb.autograd.save_on_cpu(), pytest.raises(wb.errors.GraphError, match="not now"), wb.autograd.disable_saved_tensors_hooks("not now"):
        pass


def test_a_written_original_does_not_matter_once_it_is_packed():
    x = made(wb, [1.0, 2.0])
    middle = x * 1.0
    with wb.autograd.saved_tensors_hooks(lambda t: t.numpy().copy(), wb.as_tensor):
        y = (middle * middle).sum()
    with wb.no_grad():
        middle.mul_(0)
    y.backward()
    assert x.grad.tolist() == [2.0, 4.0]


# ---------------------------------------------------------------- nodes
@pytest.mark.parametrize("lib", [wb, torch], ids=["ours", "torch"])
def test_hooks_run_in_torchs_order(lib):
    seen = []
    x = lib.tensor([2.0], requires_grad=True)
    y = x * 3
    y.grad_fn.register_prehook(lambda outputs: seen.append("prehook"))
    y.grad_fn.register_hook(lambda inputs, outputs: seen.append("hook"))
    y.retain_grad()
    y.register_hook(lambda g: (seen.append("tensor"), g * 10)[1])
    x.register_hook(lambda g: seen.append("leaf"))
    x.register_post_accumulate_grad_hook(lambda leaf: seen.append(f"accumulated {leaf.grad.item():g}"))
    y.sum().backward()
    assert seen == ["tensor", "prehook", "hook", "leaf", "accumulated 30"]
    assert y.grad.item() == 10


@pytest.mark.parametrize("lib", [wb, torch], ids=["ours", "torch"])
def test_node_hooks_see_and_replace_gradients(lib):
    x, w = lib.tensor([2.0, 3.0], requires_grad=True), lib.tensor(5.0, requires_grad=True)
    y = x * w
    seen = []
    y.grad_fn.register_prehook(lambda outputs: (outputs[0] * 2,))
    handle = y.grad_fn.register_hook(lambda inputs, outputs: seen.append([t.tolist() for t in (*inputs, *outputs)]))
    y.grad_fn.register_hook(lambda inputs, outputs: (inputs[0] * 100, inputs[1]))
    y.sum().backward(retain_graph=True)
    assert seen[0][0] == [10.0, 10.0]
    assert seen[0][-1] == [2.0, 2.0]
    assert x.grad.tolist() == [1000.0, 1000.0]
    assert w.grad.item() == 10.0
    handle.remove()
    y.sum().backward()
    assert len(seen) == 1


def test_a_node_hook_sees_gradients_of_the_shape_of_the_inputs():
    w = made(wb, 5.0)
    y = wb.ones(3, dtype=wb.float64) * w
    shapes = []
    y.grad_fn.register_hook(lambda inputs, outputs: shapes.append([i if i is None else i.shape for i in inputs]))
    y.sum().backward()
    assert shapes == [[None, ()]]


def test_node_hooks_of_ops_with_several_outputs():
    x = made(wb, np.eye(2) * 2)
    q, _ = wb.linalg.qr(x)
    seen = []
    q.grad_fn.register_prehook(lambda outputs: seen.append([o is None for o in outputs]))
    q.sum().backward()
    assert seen == [[False, True]]


def test_post_accumulate_hooks_step_in_backward_and_skip_autograd_grad():
    x = made(wb, [1.0, 2.0])
    calls = []

    def step(leaf):
        calls.append(leaf is x)
        with wb.no_grad():
            leaf.sub_(leaf.grad)
        leaf.grad = None

    handle = x.register_post_accumulate_grad_hook(step)
    wb.autograd.grad((x * x).sum(), x)
    assert not calls
    (x * x).sum().backward()
    assert calls == [True]
    assert x.tolist() == [-1.0, -2.0]
    assert x.grad is None
    handle.remove()
    (x * x).sum().backward()
    assert len(calls) == 1


# ---------------------------------------------------------------- several gradients
@pytest.mark.parametrize(("mode", "expected"), [("all", [[2.0, None, 1.0]]), ("any", [2.0])])
@pytest.mark.parametrize("lib", [wb, torch], ids=["ours", "torch"])
def test_multi_grad_hooks(lib, mode, expected):
    a, b, c = (lib.tensor(1.0, requires_grad=True) for _ in range(3))
    seen = []
    number = lambda g: None if g is None else g.item()
    hook = (lambda grads: seen.append([number(g) for g in grads])) if mode == "all" else (lambda g: seen.append(g.item()))
    handle = lib.autograd.graph.register_multi_grad_hook((a, b, c), hook, mode=mode)
    loss = 2 * a + c
    if mode == "any":
        loss = 2 * a
    loss.backward(retain_graph=True)
    assert seen == expected
    loss.backward(retain_graph=True)
    assert seen == expected * 2
    handle.remove()
    loss.backward()
    assert seen == expected * 2


# ---------------------------------------------------------------- cost
def test_hooks_leave_no_cycles():
    x = made(wb, np.ones(3))
    gc.collect()
    with wb.autograd.save_on_cpu():
        y = (x * x).sum()
    y.grad_fn.register_hook(lambda inputs, outputs: None)
    y.backward()
    del y
    assert gc.collect() == 0


def test_a_node_without_hooks_holds_values_as_ever():
    x = made(wb, [1.0])
    y = x * x
    assert held(y.node) == y.node.saved == (x, x)
