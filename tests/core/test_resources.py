"""What the engine costs: depth, memory of a node, reference cycles, threads, imports."""
import gc
import subprocess
import sys
import threading
import tracemalloc
import weakref

import numpy as np
import pytest

import workbench as wb
from workbench import nn


def test_a_chain_of_200_000_ops_differentiates():
    x = wb.ones(2, requires_grad=True)
    y = x
    for _ in range(200_000):
        y = y + 1.0
    y.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_dropping_a_deep_graph_does_not_overflow_the_stack():
    code = ("import workbench as wb\nx = wb.ones(2, requires_grad=True)\ny = x\n"
            "for _ in range(200_000): y = y * 1.0\ndel y\nprint('alive')")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "alive"


def test_a_node_costs_at_most_256_bytes():
    x = wb.ones(2, requires_grad=True)
    (x + 1.0).sum()
    count = 2000
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    y = x
    for _ in range(count):
        y = y + 1.0
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert used / count <= 256


@pytest.mark.parametrize("loss", [
    lambda model, x: (model(x) ** 2).mean(),
    lambda model, x: nn.functional.cross_entropy(model(x), wb.zeros(4, dtype=int)),
    lambda model, x: wb.grad(lambda t: model(t).sum())(x).sum(),
    lambda model, x: wb.vmap(model)(x).sum(),
], ids=["mean", "cross_entropy", "grad", "vmap"])
def test_a_training_step_leaves_no_reference_cycles(loss):
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 2))
    x = wb.rand(4, 3)

    def step():
        for parameter in model.parameters():
            parameter.grad = None
        loss(model, x).backward()

    step()
    gc.collect()
    gc.disable()
    try:
        step()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_what_no_rule_saves_is_freed_before_backward():
    x = wb.ones(3, requires_grad=True)
    middle = x + 1.0
    array = weakref.ref(middle.data)
    end = (middle + 1.0).sum()
    del middle
    assert array() is None
    end.backward()


def test_a_sweep_frees_what_was_saved_as_it_goes():
    x = wb.ones(3, requires_grad=True)
    middle = wb.exp(x)
    array = weakref.ref(middle.data)
    end = middle.sum()
    del middle
    assert array() is not None
    end.backward()
    assert array() is None


def test_threads_keep_their_own_modes_and_transformations():
    failures = []
    barrier = threading.Barrier(4)

    def work(number):
        try:
            barrier.wait(10)
            for _ in range(50):
                x = wb.tensor([float(number), 1.0], dtype=wb.float64, requires_grad=True)
                if number % 2:
                    with wb.no_grad():
                        assert not (x * 2).requires_grad
                (x * x * number).sum().backward()
                np.testing.assert_allclose(x.grad.numpy(), 2 * number * x.detach().numpy())
                hessian = wb.hessian(lambda t: (t**3).sum() * number)(x.detach())
                np.testing.assert_allclose(hessian.numpy(), np.diag(6 * number * x.detach().numpy()))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


def _imported(code):
    result = subprocess.run([sys.executable, "-c", f"{code}\nimport sys; print(' '.join(sys.modules))"], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


HEAVY = {"scipy", "torch", "jax", "matplotlib", "IPython", "ipykernel", "jupyterlab", "ipywidgets", "anywidget", "sklearn", "cupy", "pandas"}


def test_import_workbench_loads_nothing_heavy():
    assert _imported("import workbench") & HEAVY == set()


def test_training_loads_nothing_heavy():
    code = ("import workbench as wb\nmodel = wb.nn.Linear(2, 1)\noptimizer = wb.optim.Adam(model.parameters())\n"
            "model(wb.ones(3, 2)).sum().backward()\noptimizer.step()")
    assert _imported(code) & HEAVY == set()


def test_the_op_table_loads_no_torch():
    assert "torch" not in _imported("import workbench.testing.optable")
