"""The execution trace and the memory time-line: what they hold, what they write, what they cost."""
from __future__ import annotations

import gc
import json
import time

import numpy as np
import pytest

import workbench as wb
from workbench.core.state import STATE

HERE = __file__


def step(x, w):
    hidden = wb.tanh(x @ w)
    scaled = hidden * 2
    return scaled.sum()


@pytest.fixture
def traced():
    x, w = wb.ones((8, 16)), wb.ones((16, 4), requires_grad=True)
    with wb.inspect.profile() as p:
        loss = step(x, w)
        loss.backward()
    return p


def names(p, phase):
    return [event.name for event in p.events if event.phase == phase]


def test_every_op_is_there_forward_and_backward(traced):
    assert names(traced, "forward")[:4] == ["matmul", "tanh", "mul", "sum"]
    assert names(traced, "backward") == ["sum", "mul", "tanh", "matmul"]


def test_an_event_tells_shapes_dtype_bytes_and_line(traced):
    event = traced.events[0]
    assert (event.shapes, event.output_shapes, event.dtype) == (((8, 16), (16, 4)), ((8, 4),), "float32")
    assert event.allocated == 8 * 4 * 4
    assert event.saved == (8 * 16 + 16 * 4) * 4  # both inputs of the product
    assert event.place[0] == HERE
    assert event.flops == 2 * 8 * 16 * 4
    back = next(e for e in traced.events if (e.name, e.phase) == ("matmul", "backward"))
    assert back.place == event.place
    assert back.shapes == ((8, 4),)
    assert back.flops is None
    row = next(row for row in traced.rows(sort="flops") if row.phase == "forward")
    assert (row.key, row.flops, row.rate) == ("matmul", event.flops, event.flops / row.seconds)


def test_times_are_in_order_and_add_up(traced):
    begins = [event.begin for event in traced.events]
    assert begins == sorted(begins)
    assert all(event.seconds >= event.own_seconds >= 0 for event in traced.events)
    assert sum(event.own_seconds for event in traced.events) <= traced.seconds


def test_the_time_of_an_op_is_what_it_takes():
    @wb.op
    class slow_copy:
        def forward(xp, x):
            time.sleep(0.02)
            return x.copy()

        def vjp(g, x):
            return g

    with wb.inspect.profile() as p:
        slow_copy(wb.ones(3))
    assert 0.02 <= p.events[0].seconds < 0.2


def test_untracked_operations_are_traced_too():
    with wb.inspect.profile() as p, wb.no_grad():
        wb.exp(wb.ones(2)) + 1
    assert names(p, "forward") == ["exp", "add"]


def test_views_allocate_nothing():
    x = wb.ones((4, 4))
    with wb.inspect.profile() as p:
        x.reshape(16)
        x.transpose(0, 1)
        x[1:]
    assert [event.allocated for event in p.events] == [0, 0, 0]
    assert p.memory.peak == 64


def test_checkpoints_show_what_is_computed_again():
    x = wb.ones((4, 4), requires_grad=True)
    with wb.inspect.profile() as p:
        wb.checkpoint(lambda x: wb.tanh(wb.exp(x)).sum())(x).backward()
    assert names(p, "recompute") == ["exp", "tanh", "sum"]
    outer = next(event for event in p.events if event.name == "checkpoint")
    assert outer.own_seconds < outer.seconds


def test_ops_of_a_recorded_backward_are_inside_its_nodes():
    x = wb.tensor(2.0, requires_grad=True)
    with wb.inspect.profile() as p:
        (g,) = wb.autograd.grad(wb.exp(x) * x, x, create_graph=True)
        g.backward()
    outer = next(event for event in p.events if (event.name, event.phase) == ("mul", "backward"))
    inner = [e for e in p.events if outer.begin <= e.begin and e.begin + e.seconds <= outer.begin + outer.seconds and e is not outer]
    assert {event.name for event in inner} == {"mul"}


def test_transformations_are_traced_at_the_bottom():
    with wb.inspect.profile() as p:
        wb.vmap(wb.grad(lambda x: wb.sin(x) * x))(wb.ones(3))
    assert "sin" in names(p, "forward")
    assert all(event.place[0] == HERE for event in p.events if event.place)


def test_a_compiled_function_is_one_event():
    @wb.jit
    def f(x):
        return wb.tanh(x) * x + 1

    x = wb.ones((4, 4))
    f(x)
    with wb.inspect.profile() as p:
        y = f(x)
    (event,) = p.events
    assert (event.name, event.shapes, event.allocated, event.place[0]) == ("jit f", ((4, 4),), 64, HERE)
    assert p.memory.live == y.size * 4


def test_backward_of_a_compiled_function_is_traced():
    f = wb.jit(lambda x: (wb.tanh(x) * x).sum())
    x = wb.ones((4, 4), requires_grad=True)
    with wb.inspect.profile() as p:
        f(x).backward()
    assert names(p, "backward")


# ---------------------------------------------------------------- tables
def test_rows_sum_up_by_op_line_and_shape(traced):
    by_op = {(row.key, row.phase): row for row in traced.rows()}
    assert by_op["matmul", "forward"].calls == 1
    assert sum(row.share for row in by_op.values()) == pytest.approx(1)
    lines = [row.key for row in traced.rows("line")]
    assert any("hidden = wb.tanh(x @ w)" in line for line in lines)
    assert any(row.key == "matmul 8×16, 16×4" for row in traced.rows("shape"))
    saved = traced.rows(sort="saved")
    assert saved[0].key == "matmul"
    with pytest.raises(wb.errors.ArgumentError, match="'op', 'line' or 'shape'"):
        traced.rows("color")
    with pytest.raises(wb.errors.ArgumentError, match="'seconds'"):
        traced.rows(sort="color")


def test_it_shows_as_text_and_html(traced):
    text = repr(traced)
    assert "matmul" in text
    assert "ops took" in text
    page = traced._repr_html_()
    assert page.count("<table>") == 2
    assert "<svg" in page
    assert "wb.tanh(x @ w)" in page
    assert "made before" in repr(traced.memory)


def test_a_name_is_escaped_in_html():
    with wb.inspect.profile() as p:
        wb.ones(2) * len("<b>")
    assert "<b>" not in p.memory._repr_html_() + p._repr_html_()


def test_an_empty_profile_shows_too(tmp_path):
    with wb.inspect.profile() as p:
        pass
    assert "0 ops" in repr(p)
    assert p._repr_html_()
    assert (p.memory.peak, p.memory.live, p.memory.top()) == (0, 0, [])
    assert json.loads(p.to_speedscope(tmp_path / "empty.json").read_text())["profiles"] == []


def test_a_profile_is_used_once(traced):
    with pytest.raises(wb.errors.GraphError, match="used already"), traced:
        pass


# ---------------------------------------------------------------- files
def test_chrome_trace(traced, tmp_path):
    content = json.loads(traced.to_chrome(tmp_path / "trace.json").read_text())
    intervals = [event for event in content["traceEvents"] if event["ph"] == "X"]
    assert [event["name"] for event in intervals] == [event.name for event in traced.events]
    for event in intervals:
        assert event.keys() >= {"name", "cat", "ph", "ts", "dur", "pid", "tid", "args"}
        assert event["dur"] >= 0
    assert intervals[0]["args"]["shapes"] == [[8, 16], [16, 4]]
    counters = [event["args"]["bytes"] for event in content["traceEvents"] if event["ph"] == "C"]
    assert max(counters) == traced.memory.peak


SPEEDSCOPE = {  # the parts of speedscope's schema that evented profiles use
    "type": "object", "required": ["$schema", "shared", "profiles"],
    "properties": {
        "$schema": {"const": "https://www.speedscope.app/file-format-schema.json"},
        "name": {"type": "string"}, "exporter": {"type": "string"}, "activeProfileIndex": {"type": "number"},
        "shared": {"type": "object", "required": ["frames"], "properties": {"frames": {"type": "array", "items": {
            "type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "file": {"type": "string"},
                                                                    "line": {"type": "number"}, "col": {"type": "number"}}}}}},
        "profiles": {"type": "array", "items": {
            "type": "object", "required": ["type", "name", "unit", "startValue", "endValue", "events"],
            "properties": {
                "type": {"const": "evented"}, "name": {"type": "string"}, "startValue": {"type": "number"}, "endValue": {"type": "number"},
                "unit": {"enum": ["bytes", "microseconds", "milliseconds", "nanoseconds", "none", "seconds"]},
                "events": {"type": "array", "items": {"type": "object", "required": ["type", "at", "frame"], "properties": {
                    "type": {"enum": ["O", "C"]}, "at": {"type": "number"}, "frame": {"type": "number"}}}}}}}}}


def test_speedscope_file_is_valid_and_nested(tmp_path):
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema comes with JupyterLab")
    x = wb.ones((4, 4), requires_grad=True)
    with wb.inspect.profile() as p:
        wb.checkpoint(lambda x: wb.tanh(wb.exp(x)).sum())(x).backward()
    content = json.loads(p.to_speedscope(tmp_path / "trace.json").read_text())
    jsonschema.validate(content, SPEEDSCOPE)
    (profile,) = content["profiles"]
    stack, last = [], profile["startValue"]
    for event in profile["events"]:
        assert last <= event["at"] <= profile["endValue"]
        last = event["at"]
        if event["type"] == "O":
            stack.append(event["frame"])
        else:
            assert stack.pop() == event["frame"]
    assert not stack
    frame = content["shared"]["frames"][profile["events"][0]["frame"]]
    assert (frame["name"], frame["file"]) == ("exp", HERE)


# ---------------------------------------------------------------- memory
MIB = 2 ** 20


def block(n=1):
    return wb.ones((n * MIB // 4,))


def test_which_line_holds_what():
    x = block()
    with wb.inspect.profile() as p:
        kept = x + 1
        for _ in range(3):
            passing = kept * 2
        del passing
        _ = kept * 3
    assert p.memory.peak == 4 * MIB  # x, kept, and two of `passing`: the new one is made before the old is dropped
    assert p.memory.live == 3 * MIB
    top = p.memory.top(1, at=p.seconds)
    assert top[0].nbytes == MIB
    lines = {holder.line.split(": ")[-1]: holder.nbytes for holder in p.memory.top()}
    assert lines == {"made before": MIB, "kept = x + 1": MIB, "passing = kept * 2": 2 * MIB}


def test_what_is_saved_for_backward_is_told_apart():
    x = block().requires_grad_()
    with wb.inspect.profile() as p:
        y = wb.tanh(x)
        z = y + 1
    holders = {holder.line.split(": ")[-1]: holder.saved for holder in p.memory.top()}
    assert holders == {"made before": 0, "y = wb.tanh(x)": MIB, "z = y + 1": 0}
    assert p.memory.saved() == MIB
    assert z.requires_grad


def test_backward_lets_go():
    x = block().requires_grad_()
    with wb.inspect.profile() as p:
        wb.exp(wb.tanh(x)).sum().backward()
    assert p.memory.saved() == 0
    assert p.memory.live == 2 * MIB  # x and its gradient


def test_a_checkpoint_is_visible():
    def f(x):
        for _ in range(4):
            x = wb.tanh(x)
        return x.sum()

    held = []
    for function in (f, wb.checkpoint(f)):
        x = block().requires_grad_()
        with wb.inspect.profile() as p:
            loss = function(x)
        held.append(p.memory.saved())
        assert loss.requires_grad
    assert held[0] == 4 * MIB
    assert held[1] <= MIB


def test_offload_is_visible(tmp_path):
    x = block().requires_grad_()
    with wb.inspect.profile() as p, wb.autograd.save_on_disk(tmp_path):
        y = wb.tanh(x).sum()
    assert p.memory.saved() == 0
    assert p.memory.live == MIB + 4 * 0
    y.backward()


def test_without_memory():
    with wb.inspect.profile(memory=False) as p:
        block() + 1
    assert p.memory.allocations == []
    assert "held" not in repr(p)


# ---------------------------------------------------------------- cost
def test_nothing_remains_when_it_is_over():
    x = wb.ones((4, 4), requires_grad=True)
    gc.collect()
    with wb.inspect.profile() as p:
        wb.exp(x).sum().backward()
    assert (STATE.mode, STATE.observers) == (1, ())
    assert wb.exp.__globals__["Tensor"] is wb.Tensor  # the fast path is open again
    assert p.events


def test_an_error_inside_ends_the_profile():
    with pytest.raises(wb.errors.ShapeError), wb.inspect.profile() as p:
        wb.ones(2) + wb.ones(3)
    assert STATE.observers == ()
    assert p.events == []


def test_profiles_nest():
    with wb.inspect.profile() as outer:
        wb.exp(wb.ones(2))
        with wb.inspect.profile() as inner:
            wb.sin(wb.ones(2))
    assert names(outer, "forward") == ["exp", "sin"]
    assert names(inner, "forward") == ["sin"]


def test_numbers_do_not_change_under_a_profile():
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(4, 3)), rng.normal(size=(3, 2))
    grads = []
    for watched in (False, True):
        a = wb.tensor(w, requires_grad=True)
        if watched:
            with wb.inspect.profile():
                step(wb.tensor(x), a).backward()
        else:
            step(wb.tensor(x), a).backward()
        grads.append(a.grad.numpy())
    np.testing.assert_array_equal(*grads)
