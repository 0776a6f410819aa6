"""Messages against protocol.json: what a real run sends has the form of the schema, and the arithmetic of its buffers."""
from __future__ import annotations

import json
from typing import Any

import jsonschema
import numpy as np
import pytest

import workbench as wb
from tests.lab.stand_ins import Page, small_run, train, until
from workbench import inspect, nn
from workbench.lab import encode
from workbench.lab.protocol import SCHEMA, TO_KERNEL, TO_VIEW, ProtocolError, read
from workbench.lab.session import Session

SIZES = {"f8": 8, "f4": 4, "u4": 4, "u1": 1}


def check(data: dict[str, Any], buffers: list[bytes]) -> None:
    """One message against the schema, as the other side would read it."""
    spec = SCHEMA["toView"][data["op"]]
    names = list(spec["properties"])
    rule = {"$defs": SCHEMA["$defs"], "type": "object", "properties": {**spec["properties"], "op": {}},
            "required": names, "additionalProperties": False}
    jsonschema.validate(json.loads(json.dumps(data, allow_nan=False)), rule)
    announced = spec.get("x-buffers", [])
    fixed = [text for text in announced if not text.endswith("*")]
    for text, buffer in zip(fixed, buffers, strict=False):
        kind, _, shape = text.partition(":")[2].partition("[")
        lengths = [data.get(part, part) for part in shape.rstrip("]").split(",")]
        numbers = np.prod([len(each) if isinstance(each, list) else int(each) for each in lengths])
        assert len(buffer) == SIZES[kind] * numbers, text
    assert len(buffers) >= len(fixed)
    if data["op"] == "activations":
        assert [len(b) for b in buffers[3:]] == [m["channels"] * m["height"] * m["width"] for m in data["maps"]]
    elif data["op"] == "attention":
        assert [len(b) for b in buffers] == [m["heads"] * m["queries"] * m["keys"] for m in data["layers"]]
    else:
        assert len(buffers) == len(fixed)


def test_every_message_of_a_run_has_the_form_of_the_schema() -> None:
    live, run = Session(), small_run()
    page = Page(live)
    page.answers = True
    live.add(run)
    page.say("ready", v=1, run="")
    run.set("lr", 0.2)
    train(run, 5)
    run.note("warning", "nan", "a <b>text</b> of a person")
    page.say("ping", id=4)
    run.finish()
    until(lambda: page.heard("pong") and page.heard("graph") and page.heard("event"), "all kinds come")
    until(lambda: page.heard("state")[-1]["state"] == "done", "the end is told")
    for data, buffers in page.sent:
        check(data, buffers)
    seen = {data["op"] for data, _ in page.sent}
    assert seen >= {"runs", "hello", "state", "series", "gradflow", "activations", "graph", "event", "pong"}


@pytest.mark.parametrize("detail", [1, 4, 16])
def test_attention_and_images_have_the_form_of_the_schema(detail: int) -> None:
    run = small_run()
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    check(*encode.record("attention", run, 1, inspect.attention(layer, wb.randn(1, 5, 8)), detail).pack())
    images = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(32, 2))
    x = wb.randn(2, 1, 8, 8)
    check(*encode.record("activations", run, 1, inspect.activations(images, x), detail).pack())
    check(*encode.record("graph", run, 1, inspect.trace_graph(images, x), detail).pack())


def test_numbers_that_are_not_finite_survive() -> None:
    run = small_run()
    run.step(loss=float("nan"))
    run.step(loss=float("inf"))
    steps, values = run.history.rows()
    _, buffers = encode.series(run, 1, steps, values, True).pack()
    np.testing.assert_array_equal(np.frombuffer(buffers[1], "<f4"), [np.nan, np.inf])
    model = nn.Linear(2, 1)
    data, buffers = encode.graph(run, 1, inspect.trace_graph(model, wb.tensor([[np.nan, 1.0]]))).pack()
    check(data, buffers)


def test_a_buffer_of_the_wrong_size_is_not_sent() -> None:
    run = small_run()
    message = TO_VIEW["series"](run=run.id, seq=1, names=["a", "b"], n=3, reset=True, arrays=[np.zeros(3), np.zeros((1, 3))])
    with pytest.raises(ProtocolError, match="buffer 1 has 3 numbers"):
        message.pack()


GOOD = {"ready": {"v": 1, "view": "a", "run": ""}, "ack": {"view": "a", "seq": 3}, "want": {"view": "a", "run": "r", "streams": ["series", "graph"]},
        "set": {"view": "a", "run": "r", "name": "lr", "value": 1}, "cmd": {"view": "a", "run": "r", "name": "pause"},
        "pull": {"view": "a", "run": "r", "lo": 0.5, "hi": 7}, "ping": {"view": "a", "id": 1}, "bye": {"view": "a"}}


@pytest.mark.parametrize("op", TO_KERNEL)
def test_a_message_of_a_view_is_read(op: str) -> None:
    message = read({"op": op, **GOOD[op]})
    assert message.data() == {"op": op, **GOOD[op]}


@pytest.mark.parametrize("op", TO_KERNEL)
@pytest.mark.parametrize("value", [None, [], {}, "\x00", -1, True, float("nan"), "x" * 10_000])
def test_any_nonsense_in_any_field_is_an_error_or_harmless(op: str, value: Any) -> None:
    for name in GOOD[op]:
        problem = ""
        try:
            read({"op": op, **GOOD[op], name: value})
        except ProtocolError as raised:
            problem = str(raised)
        assert len(problem) < 400


def test_fields_of_the_future_are_ignored() -> None:
    assert read({"op": "ping", "view": "a", "id": 1, "mood": "good"}).id == 1
