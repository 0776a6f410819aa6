"""Threads that build and differentiate at once get what one thread gets; modes, observers and transformations are their own."""
from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import workbench as wb
from workbench.core.state import STATE


@pytest.fixture(autouse=True)
def _switch_often():
    """Let threads take turns every few byte codes, so that races show."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def together(count, work):
    """The results of ``work(0) ... work(count - 1)``, all started at the same moment."""
    barrier = threading.Barrier(count)

    def started(number):
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(started, range(count)))


def data(seed):
    return wb.tensor(np.random.default_rng(seed).normal(size=(3, 4)))


def backward(seed):
    x = data(seed).requires_grad_()
    for _ in range(5):
        (wb.tanh(x @ x.mT).sum() + wb.exp(x * 0.1).mean()).backward()
    return x.grad


def functional(seed):
    f = lambda x: (wb.sin(x) * wb.softmax(x, -1)).sum()
    return wb.grad(lambda x: (wb.grad(f)(x) * x).sum())(data(seed))


def mapped(seed):
    return wb.vmap(wb.grad(lambda row: wb.logsumexp(row * row, 0)))(data(seed))


def forward_mode(seed):
    return wb.jvp(lambda x: wb.cumsum(wb.exp(x), 0), (data(seed),), (data(seed + 100),))[1]


def hessians(seed):
    return wb.hessian(lambda x: (x ** 3).sum() * x.sum())(data(seed)[0])


def in_place(seed):
    x = data(seed).requires_grad_()
    y = x * 2
    for row in range(3):
        y[row] = wb.sin(x[row]) * x[row]
    y.sum().backward()
    return x.grad


def several_outputs(seed):
    x = (data(seed) @ data(seed).mT + wb.eye(3, dtype=wb.float64) * 5).requires_grad_()
    values, vectors = wb.linalg.eigh(x)
    (values.sum() + (vectors * vectors).sum()).backward()
    return x.grad


def checkpointed(seed):
    x = data(seed).requires_grad_()
    wb.checkpoint(lambda x: wb.tanh(wb.exp(x)).sum())(x).backward()
    return x.grad


def compiled(seed):
    return wb.jit(lambda x: wb.tanh(x) * x + 1)(data(seed))


def shared_compiled(seed):
    return SHARED(data(seed))


def on_tapes(seed):
    x = data(seed)
    with wb.Tape() as outer:
        outer.watch(x)
        with wb.Tape() as inner:
            inner.watch(x)
            y = wb.exp(x).sum()
        g = inner.gradient(y, x)
    return outer.gradient((g * g).sum(), x)


def packed(seed):
    x = data(seed).requires_grad_()
    with wb.autograd.saved_tensors_hooks(lambda t: t.numpy().copy(), wb.as_tensor):
        y = (wb.sin(x) * x).sum()
    y.backward()
    return x.grad


def watched(seed):
    x = data(seed).requires_grad_()
    with wb.inspect.profile() as p, wb.autograd.detect_anomaly():
        (wb.sin(x) * x).sum().backward()
    assert [event.name for event in p.events][:3] == ["sin", "mul", "sum"]
    return x.grad


SHARED = wb.jit(lambda x: wb.exp(x) * wb.sin(x))
WORK = [backward, functional, mapped, forward_mode, hessians, in_place, several_outputs, checkpointed, compiled, shared_compiled, on_tapes,
        packed, watched]


@pytest.mark.parametrize("count", [2, 8])
@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
def test_threads_equal_one_thread(work, count):
    serial = [work(number).numpy() for number in range(count)]
    for _ in range(3):
        parallel = together(count, work)
        for ours, expected in zip(parallel, serial, strict=True):
            np.testing.assert_array_equal(ours.numpy(), expected)


def test_different_work_at_once():
    serial = [work(number).numpy() for number, work in enumerate(WORK)]
    for _ in range(5):
        parallel = together(len(WORK), lambda number: WORK[number](number))
        for ours, expected in zip(parallel, serial, strict=True):
            np.testing.assert_array_equal(ours.numpy(), expected)


def test_observers_that_come_and_go_disturb_nobody():
    """Opening and closing fast paths in one thread, while another is in the middle of them."""
    stop = threading.Event()

    def flicker():
        while not stop.is_set():
            with wb.observing(lambda *seen: None):
                pass

    thread = threading.Thread(target=flicker)
    thread.start()
    try:
        x = wb.tensor([1.0, 2.0], requires_grad=True)
        for _ in range(2000):
            y = x * 2 + x
            assert type(y) is wb.Tensor
            assert y.node is not None
    finally:
        stop.set()
        thread.join()


def test_every_thread_has_its_own_modes():
    inside, checked = threading.Event(), threading.Event()
    seen = {}

    def other():
        inside.wait()
        seen["grad"] = wb.is_grad_enabled()
        seen["anomaly"] = wb.autograd.is_anomaly_enabled()
        seen["levels"], seen["observers"] = STATE.levels, STATE.observers
        seen["tracked"] = (wb.tensor(1.0, requires_grad=True) * 2).requires_grad
        checked.set()

    thread = threading.Thread(target=other)
    thread.start()

    def look(x):
        inside.set()
        checked.wait()
        return x

    with wb.no_grad(), wb.autograd.detect_anomaly(), wb.Tape():
        wb.vmap(look)(wb.ones(2))
    thread.join()
    assert seen == {"grad": True, "anomaly": False, "levels": (), "observers": (), "tracked": True}


def test_observers_see_their_own_thread_only():
    def work(number):
        names = []
        with wb.observing(lambda op, *rest: names.append(op.name)):
            for _ in range(50):
                (wb.sin if number else wb.cos)(wb.ones(2))
        return set(names)

    assert together(2, work) == [{"cos"}, {"sin"}]


def test_threads_add_to_one_leaf_without_losing_anything():
    w = wb.tensor([1.0, 2.0], requires_grad=True)

    def work(number):
        for _ in range(100):
            (w * 1.0).sum().backward()

    together(8, work)
    assert w.grad.tolist() == [800.0, 800.0]


def test_threads_may_go_through_one_graph_that_is_kept():
    x = wb.tensor([1.0, 2.0], requires_grad=True)
    y = wb.exp(x).sum()
    gradients = together(8, lambda _: wb.autograd.grad(y, x, retain_graph=True)[0].numpy())
    for gradient in gradients:
        np.testing.assert_allclose(gradient, np.exp([1.0, 2.0]), rtol=1e-6)


def test_multi_grad_hooks_fire_once_per_thread_and_backward():
    a, b = wb.tensor(2.0, requires_grad=True), wb.tensor(3.0, requires_grad=True)
    calls = []
    wb.autograd.graph.register_multi_grad_hook((a, b), lambda grads: calls.append([g.item() for g in grads]))
    together(4, lambda _: [(a * b).backward() for _ in range(10)])
    assert calls == [[3.0, 2.0]] * 40


def test_writes_in_one_thread_do_not_break_backward_in_another():
    stop = threading.Event()

    def write():
        while not stop.is_set():
            scratch = wb.zeros(3)
            scratch[0] = 1.0

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(200):
            x = wb.tensor([1.0, 2.0], requires_grad=True)
            y = x * 1
            z = (y * y).sum()
            scratch = wb.zeros(2)
            scratch[0] = 1.0
            z.backward()
            assert x.grad.tolist() == [2.0, 4.0]
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_an_op_registered_while_others_compute():
    def work(number):
        if number:
            return backward(number)

        @wb.op(batch="elementwise")
        class thread_cube:
            def forward(xp, x):
                return x * x * x

            def vjp(g, x):
                return g * 3 * x * x

        return wb.grad(lambda x: thread_cube(x).sum())(data(0))

    together(4, work)


def test_random_numbers_of_threads_are_not_the_same():
    draws = together(4, lambda _: wb.randn(100).numpy())
    for first, second in zip(draws, draws[1:], strict=False):
        assert not np.array_equal(first, second)
