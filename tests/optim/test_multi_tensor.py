"""One kernel over all parameters does what the rule does in NumPy, bit by bit, and takes part in everything else."""
from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import workbench as wb
from tests.optim.test_formulas import optimizer_named
from workbench import errors, optim
from workbench.backend import cpu
from workbench.optim import multi_tensor

pytestmark = pytest.mark.skipif(not cpu.available(), reason="the kernels need llvmlite")

TOGETHER = [
    ("SGD", dict(lr=0.1)), ("SGD", dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.01)), ("SGD", dict(lr=0.1, momentum=0.9, maximize=True)),
    ("Adam", dict(lr=0.05, weight_decay=0.1)), ("Adam", dict(lr=0.05, amsgrad=True)), ("AdamW", dict(lr=0.05)), ("Adagrad", dict(lr=0.1, lr_decay=0.1)),
    ("Adadelta", dict()), ("RMSprop", dict(lr=0.01, momentum=0.8, centered=True)), ("Adamax", dict(lr=0.01)), ("NAdam", dict(lr=0.02)),
    ("RAdam", dict(lr=0.02, betas=(0.8, 0.9))), ("AdaBelief", dict(lr=0.02)), ("Lion", dict(lr=0.01, weight_decay=0.1)), ("Rprop", dict(lr=0.01)),
    ("ASGD", dict(lr=0.05, t0=10)),
]
WITH_NORMS = [("LAMB", dict(lr=0.02)), ("LAMB", dict(lr=0.02, weight_decay=0.1, maximize=True)), ("LARS", dict(lr=1.0)),
              ("LARS", dict(lr=1.0, weight_decay=0.1, momentum=0.5)), ("Adafactor", dict(lr=0.02, weight_decay=0.1))]
SHAPES = [(3, 2), (4,), (), (1000,), (17, 5)]


def start(dtype: str) -> list[wb.Tensor]:
    rng = np.random.default_rng(0)
    return [wb.nn.Parameter(wb.tensor(rng.normal(size=shape).astype(dtype))) for shape in SHAPES]


def feed(parameters: list, step: int) -> None:
    """Gradients that depend on the parameters; one is missing now and then, one is a transposed view."""
    for number, p in enumerate(parameters):
        value = np.tanh(p.detach().numpy() * (number + 1) + 0.1 * step) - 0.3
        p.grad = None if number == 1 and step % 5 == 3 else wb.Tensor(np.array(value, p.dtype, order="F"))


def walk(make: Any, dtype: str, steps: int = 20) -> tuple[list, list[wb.Tensor]]:
    parameters = start(dtype)
    optimizer = make(parameters)
    for step in range(steps):
        feed(parameters, step)
        optimizer.step()
    return [optimizer], parameters


def same(first: list[wb.Tensor], second: list[wb.Tensor]) -> None:
    for p, q in zip(first, second, strict=True):
        np.testing.assert_array_equal(p.detach().numpy(), q.detach().numpy())


def together(optimizer: optim.Optimizer) -> int:
    """How many parameters kernels change."""
    return sum(len(rows.params) for step in optimizer._steps for rows in step.rows)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", TOGETHER, ids=lambda case: f"{case[0]}-{case[1]}")
def test_a_kernel_is_numpy_to_the_last_bit(case, dtype) -> None:
    (fast,), ours = walk(lambda p: getattr(optim, case[0])(p, **case[1]), dtype)
    (slow,), theirs = walk(lambda p: getattr(optim, case[0])(p, **case[1], foreach=False), dtype)
    assert together(fast) == len(SHAPES)
    assert together(slow) == 0
    same(ours, theirs)
    for p, q in zip(ours, theirs, strict=True):
        assert list(fast.state[p]) == list(slow.state[q])
        for name, value in fast.state[p].items():
            np.testing.assert_array_equal(value, slow.state[q][name])


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 2e-5), ("float64", 1e-11)])
@pytest.mark.parametrize("case", WITH_NORMS, ids=lambda case: f"{case[0]}-{case[1]}")
def test_rules_with_norms_take_two_kernels(case, dtype, rtol) -> None:
    """The first adds up, in float64, the second changes; norms of 0 count as the rule says."""
    found = []
    for foreach in (None, False):
        parameters = start(dtype)
        parameters[1].data[...] = 0
        optimizer = getattr(optim, case[0])(parameters, **case[1], foreach=foreach)
        for step in range(20):
            feed(parameters, step)
            parameters[2].grad = wb.zeros((), dtype=dtype) if step % 2 else parameters[2].grad
            optimizer.step()
        found.append((optimizer, parameters))
    assert together(found[0][0]) == len(SHAPES) - (2 if case[0] == "Adafactor" else 0)  # whose matrices have means of rows
    for p, q in zip(found[0][1], found[1][1], strict=True):
        np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=rtol, atol=1e-7 if dtype == "float32" else 1e-14)


def test_rules_that_are_not_element_wise_run_one_by_one() -> None:
    (optimizer,), _ = walk(optim.Shampoo, "float32", 3)
    assert together(optimizer) == 0


def test_every_optimizer_is_known_to_run_together_or_one_by_one() -> None:
    one_by_one = {"Muon", "Shampoo", "SOAP", "KFAC", "LBFGS", "SparseAdam"}
    assert {case[0] for case in (*TOGETHER, *WITH_NORMS)} | one_by_one == {name for name in optim.__all__ if optimizer_named(name)} - {"Optimizer"}


def test_other_dtypes_run_one_by_one() -> None:
    p, q = (wb.nn.Parameter(wb.ones(3, dtype=dtype)) for dtype in ("float16", "float32"))
    optimizer = optim.Adam([p, q])
    for _ in range(3):
        p.grad, q.grad = wb.ones(3, dtype="float16"), wb.ones(3)
        optimizer.step()
    assert together(optimizer) == 1


def test_settings_change_between_steps() -> None:
    """A rate, a momentum and a number that usually stays, one after the other; and a switch."""
    def run(foreach):
        parameters = start("float32")
        optimizer = optim.RMSprop(parameters, lr=0.01, momentum=0.5, foreach=foreach)
        for step in range(25):
            feed(parameters, step)
            group = optimizer.param_groups[0]
            group["lr"] *= 0.99
            group["momentum"] = 0.5 + 0.01 * step
            group["alpha"] = 0.99 - 0.001 * step
            group["maximize"] = step > 12
            optimizer.step()
        return optimizer, parameters

    fast, slow = run(None), run(False)
    assert together(fast[0]) == len(SHAPES)
    same(fast[1], slow[1])


def test_a_number_that_keeps_changing_costs_one_more_trace(monkeypatch) -> None:
    count = []
    lower = multi_tensor.lowering.lower
    monkeypatch.setattr(multi_tensor.lowering, "lower", lambda *args: count.append(1) or lower(*args))
    p = wb.nn.Parameter(wb.ones(4))
    optimizer = optim.RMSprop([p])
    for step in range(12):
        p.grad = wb.ones(4)
        optimizer.param_groups[0]["alpha"] = 0.9 + 0.001 * step
        optimizer.step()
    assert len(count) <= 2


def test_a_state_that_was_loaded_or_set_is_found() -> None:
    def run(foreach):
        parameters = start("float64")
        optimizer = optim.AdamW(parameters, lr=0.01, foreach=foreach)
        for step in range(12):
            feed(parameters, step)
            if step == 4:
                optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
            if step == 7:
                optimizer.state[parameters[0]]["exp_avg"] = np.ones(SHAPES[0])
            if step == 9:
                parameters[3].data = parameters[3].data + 1
            optimizer.step()
        return optimizer, parameters

    fast, slow = run(None), run(False)
    assert together(fast[0]) == len(SHAPES)
    same(fast[1], slow[1])


def test_a_state_that_was_read_before_the_first_step_is_no_state() -> None:
    p = wb.nn.Parameter(wb.ones(3))
    optimizer = optim.Adam([p], lr=0.1)
    assert optimizer.state[p] == {}
    for _ in range(3):
        p.grad = wb.ones(3)
        optimizer.step()
    assert together(optimizer) == 1
    assert optimizer.state[p]["step"] == 3


def test_groups_and_later_parameters_have_their_settings() -> None:
    def run(foreach):
        parameters = start("float32")
        optimizer = optim.AdamW([{"params": parameters[:2]}, {"params": parameters[2:4], "lr": 0.1, "weight_decay": 0.0}], lr=0.01, foreach=foreach)
        for step in range(8):
            if step == 3:
                optimizer.add_param_group({"params": parameters[4:], "lr": 0.02})
            feed(parameters, step)
            optimizer.step()
        return parameters

    same(run(None), run(False))


def test_a_step_between_forward_and_backward_is_an_error_not_a_wrong_gradient() -> None:
    p = wb.nn.Parameter(wb.ones(2))
    optimizer = optim.SGD([p], lr=0.1)
    for _ in range(2):
        p.grad = wb.ones(2)
        optimizer.step()
    loss = (p * p).sum()
    optimizer.step()
    assert together(optimizer) == 1
    with pytest.raises(errors.GraphError, match="overwritten"):
        loss.backward()


def test_an_optimizer_can_be_copied_and_pickled() -> None:
    (optimizer,), parameters = walk(optim.Adam, "float32", 3)
    twins = [copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))]
    for each in (optimizer, *twins):
        feed(each.param_groups[0]["params"], 3)
        each.step()
    for twin in twins:
        same(parameters, twin.param_groups[0]["params"])


@pytest.mark.parametrize("kind", ["SGD", "AdamW", "RMSprop"])
def test_a_setting_that_keeps_changing_makes_one_more_program_inside_jit(kind) -> None:
    found = []
    for wrap in (lambda f: f, wb.jit):
        p = wb.nn.Parameter(wb.ones(3, dtype="float64"))
        optimizer = getattr(optim, kind)([p], lr=0.1, **(dict(momentum=0.9) if kind == "SGD" else {}))
        scheduler = optim.lr_scheduler.OneCycleLR(optimizer, 0.1, 20)

        def step(x, p=p, optimizer=optimizer):
            optimizer.zero_grad()
            ((p - x) ** 2).sum().backward()
            optimizer.step()

        step = wrap(step)
        for number in range(10):
            step(wb.zeros(3, dtype="float64"))
            scheduler.step()
            if kind == "RMSprop":
                optimizer.param_groups[0]["alpha"] = 0.99 - 0.01 * number
        found.append(p.detach().numpy())
    np.testing.assert_allclose(*found, rtol=1e-9)
    assert step.traces <= 2 + (kind == "RMSprop")


def test_fused_without_llvm_is_an_error(monkeypatch) -> None:
    monkeypatch.setattr(cpu, "available", lambda: False)
    p = wb.nn.Parameter(wb.ones(3))
    with pytest.raises(errors.ConfigError, match="llvmlite"):
        optim.SGD([p], fused=True)
    p.grad = wb.ones(3)
    optim.SGD([p], lr=0.5).step()
    assert p.tolist() == [0.5] * 3


@pytest.mark.parametrize("options", [dict(differentiable=True), dict(foreach=True, fused=True)])
def test_options_without_a_meaning_here_are_errors(options) -> None:
    with pytest.raises(errors.ArgumentError):
        optim.SGD([wb.nn.Parameter(wb.ones(3))], **options)
    with pytest.raises(TypeError, match="unexpected"):
        optim.SGD([wb.nn.Parameter(wb.ones(3))], foreachh=True)
