"""Tapes: their nodes, their watched tensors, several at once, higher order."""
from __future__ import annotations

import gc

import numpy as np
import pytest

import workbench as wb


def names(tape):
    return [node.name() for node in tape.nodes]


def test_nodes_are_listed_in_order():
    x = wb.tensor([1.0, 2.0], requires_grad=True)
    constant = wb.ones(2)
    with wb.Tape() as tape:
        constant + 1
        y = wb.exp(x) * constant
        y.sum()
    wb.sin(x)
    assert names(tape) == ["exp", "mul", "sum"]
    assert tape.nodes[1].parents[0] is tape.nodes[0]
    assert len(tape) == 3


def test_a_watched_tensor_is_on_the_tape_only_inside():
    x = wb.tensor([1.0, 2.0])
    with wb.Tape() as tape:
        tape.watch(x)
        assert x.requires_grad
        y = (x * x).sum()
    assert not x.requires_grad
    assert tape.gradient(y, x).tolist() == [2.0, 4.0]
    assert x.grad is None
    assert [watched is x for watched in tape.watched()] == [True]


def test_tensors_that_require_gradients_watch_themselves():
    x = wb.tensor(2.0, requires_grad=True)
    with wb.Tape() as tape:
        y = x * x
    assert tape.gradient(y, x).item() == 4.0
    assert x.grad is None
    assert x.requires_grad


def test_gradients_of_trees_and_modules():
    model = wb.nn.Linear(3, 2)
    data = {"a": wb.ones(3), "b": [wb.ones(3) * 2]}
    with wb.Tape() as tape:
        tape.watch(data)
        loss = (model(data["a"]) * model(data["b"][0])).sum()
    grads = tape.gradient(loss, data, persistent=True)
    assert set(grads) == {"a", "b"}
    assert grads["b"][0].shape == (3,)
    weights = tape.gradient(loss, list(model.parameters()))
    assert [g.shape for g in weights] == [(2, 3), (2,)]


def test_a_tape_that_is_not_persistent_gives_one_gradient():
    x = wb.tensor(2.0)
    with wb.Tape() as tape:
        tape.watch(x)
        y = wb.exp(x)
    tape.gradient(y, x)
    with pytest.raises(wb.errors.GraphError, match="already"):
        tape.gradient(y, x)


def test_a_persistent_tape_gives_many():
    x = wb.tensor(2.0)
    with wb.Tape(persistent=True) as tape:
        tape.watch(x)
        y, z = x * x, x * x * x
    assert [tape.gradient(t, x).item() for t in (y, z, y)] == [4.0, 12.0, 4.0]


def test_intermediate_tensors_are_sources_too():
    x = wb.tensor(2.0)
    with wb.Tape() as tape:
        tape.watch(x)
        middle = x * x
        y = middle * 3
    assert [g.item() for g in tape.gradient(y, [x, middle])] == [12.0, 3.0]


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_nested_tapes_differentiate_to_any_order(order):
    x = wb.tensor(0.5, dtype=wb.float64)
    tapes = [wb.Tape() for _ in range(order)]

    def level(index):
        if index == order:
            return wb.sin(x) * x
        with tapes[index] as tape:
            tape.watch(x)
            y = level(index + 1)
        return tape.gradient(y, x)

    derivative = wb.sin
    expected = lambda t: wb.sin(t) * t
    for _ in range(order):
        expected = wb.grad(expected)
    np.testing.assert_allclose(level(0).item(), expected(wb.tensor(0.5, dtype=wb.float64)).item())
    assert derivative is wb.sin


def test_a_persistent_tape_records_its_own_gradient_inside():
    x = wb.tensor(3.0)
    with wb.Tape(persistent=True) as tape:
        tape.watch(x)
        y = x * x * x
        dy = tape.gradient(y, x)
    assert tape.gradient(dy, x).item() == 18.0


def test_several_tapes_have_their_own_nodes_and_watches():
    x, w = wb.tensor(2.0), wb.tensor(5.0)
    with wb.Tape() as first:
        first.watch(x)
        with wb.Tape() as second:
            second.watch(w)
            y = x * w
        z = y + x
    assert (names(first), names(second)) == (["mul", "add"], ["mul"])
    assert first.gradient(z, x, persistent=True).item() == 6.0
    assert second.gradient(y, w, persistent=True).item() == 2.0
    with pytest.raises(wb.errors.GraphError, match="source 0 is not watched by this tape"):
        first.gradient(z, w)


def test_two_tapes_may_watch_one_tensor_and_overlap():
    x = wb.tensor(2.0)
    first, second = wb.Tape(), wb.Tape()
    first.__enter__()
    first.watch(x)
    y = x * x
    second.__enter__()
    second.watch(x)
    z = y * x
    first.__exit__(None, None, None)
    u = wb.exp(z)
    second.__exit__(None, None, None)
    assert (names(first), names(second)) == (["mul", "mul"], ["mul", "exp"])
    assert first.gradient(z, x, persistent=True).item() == 12.0
    assert second.gradient(u, x).item() == pytest.approx(12 * np.exp(8), rel=1e-5)


def test_a_tape_records_within_no_grad():
    x = wb.tensor(2.0)
    with wb.no_grad():
        with wb.Tape() as tape:
            tape.watch(x)
            y = x * x
            with wb.no_grad():
                x * 100
        assert not wb.is_grad_enabled()
    assert tape.gradient(y, x).item() == 4.0
    assert names(tape) == ["mul"]


def test_output_gradients_and_several_targets():
    x = wb.tensor([1.0, 2.0])
    with wb.Tape() as tape:
        tape.watch(x)
        y, z = x * x, x * 3
    g = tape.gradient([y, z], x, [wb.tensor([1.0, 10.0]), wb.ones(2)])
    assert g.tolist() == [5.0, 43.0]


def test_unused_sources():
    x, w = wb.tensor(2.0), wb.tensor(2.0)
    with wb.Tape(persistent=True) as tape:
        tape.watch([x, w])
        y = x * x
    assert tape.gradient(y, w, allow_unused=True) is None
    with pytest.raises(wb.errors.GraphError, match="was not used"):
        tape.gradient(y, w)


def test_ops_with_several_outputs_are_one_node():
    x = wb.tensor(np.eye(2))
    with wb.Tape() as tape:
        tape.watch(x)
        q, r = wb.linalg.qr(x * 2)
    assert names(tape) == ["mul", tape.nodes[1].name()]
    assert tape.gradient((q * r).sum(), x).shape == (2, 2)


def test_anomalies_on_request():
    with pytest.raises(wb.errors.AnomalyError, match="log produced -Inf"), wb.Tape(anomaly=True):
        wb.log(wb.zeros(1)) * 2


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda tape, x: tape.watch(x), wb.errors.GraphError, "not recording"),
    (lambda tape, x: tape.__enter__().watch([3]), wb.errors.ArgumentError, "expected tensors, got int"),
    (lambda tape, x: tape.__enter__().watch(wb.arange(3)), wb.errors.DTypeError, "int64 has no gradient"),
    (lambda tape, x: tape.gradient(x, x), wb.errors.GraphError, "not watched"),
    (lambda tape, x: tape.gradient(x, 3), wb.errors.ArgumentError, "source 0 is a int"),
    (lambda tape, x: tape.__enter__().__enter__(), wb.errors.GraphError, "recording already"),
])
def test_misuse_is_an_error(call, error, message):
    tape = wb.Tape()
    try:
        with pytest.raises(error, match=message):
            call(tape, wb.ones(2))
    finally:
        if tape._session is not None:
            tape.__exit__(None, None, None)


def test_a_tape_that_is_over_costs_nothing_and_leaves_no_cycles():
    x = wb.tensor([1.0, 2.0])
    gc.collect()
    with wb.Tape() as tape:
        tape.watch(x)
        y = (x * x).sum()
    tape.gradient(y, x)
    del tape, y
    assert gc.collect() == 0
    from workbench.core.state import STATE

    assert (STATE.mode, STATE.observers) == (1, ())
