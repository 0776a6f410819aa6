"""What a notebook keeps of a view: bounded, complete enough to show the last picture, and words where nothing can be drawn."""
from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import workbench as wb
from tests.lab.stand_ins import small_run, train
from tests.lab.test_protocol import check
from workbench import nn
from workbench.core.errors import ArgumentError
from workbench.lab import display, widget
from workbench.lab.display import SNAPSHOT, RunView, View
from workbench.lab.protocol import MIME
from workbench.lab.session import Session
from workbench.train import Run

VIEWS = ("curves", "gradflow", "activations", "attention", "graph", "dashboard")


def seen(run: Run, view: str, steps: int = 10, *others: Run) -> RunView:
    """A view of a run that was watched from the start."""
    live = Session()
    watched = [live.add(each) for each in (run, *others)]
    train(run, steps)
    run.finish()
    return RunView(view, live, watched)


def transformer() -> Run:
    """A run whose model has attention."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    return wb.watch(layer, wb.optim.SGD(layer.parameters(), lr=0.01), title="<b>bold</b>")


def attended() -> RunView:
    """Its dashboard."""
    run, live = transformer(), Session()
    watched = live.add(run)
    for _ in range(4):
        loss = run.model(wb.randn(2, 6, 8)).square().mean()
        run.optimizer.zero_grad()
        loss.backward()
        run.optimizer.step()
        run.step(loss=loss)
    run.finish()
    return RunView("dashboard", live, [watched])


@pytest.mark.parametrize("view", VIEWS)
def test_a_bundle_carries_every_form(view: str) -> None:
    bundle = seen(small_run(), view)._repr_mimebundle_()
    assert {MIME, "text/html", "text/plain"} <= set(bundle)
    json.dumps(bundle, allow_nan=False)
    own = bundle[MIME]
    assert (own["v"], own["view"]) == (1, view)
    assert [item["message"]["op"] for item in own["snapshot"]][:3] == ["runs", "hello", "state"]
    for item in own["snapshot"]:
        check(item["message"], [base64.b64decode(text) for text in item["buffers"]])


def test_the_dashboard_keeps_all_five() -> None:
    view = attended()
    ops = {item["message"]["op"] for item in view.snapshot()}
    assert ops >= {"series", "gradflow", "activations", "attention", "graph"}
    html = view._html()
    assert html.count("<img src=") == 5
    for title in ("Curves", "Gradient flow", "Activations", "Attention", "Graph"):
        assert f"{title}:" in repr(view)


def test_text_of_a_person_is_never_markup() -> None:
    assert "<b>" not in re.sub(r"base64,[^\"]*", "", attended()._html())


def test_a_snapshot_stays_small_and_keeps_the_curves() -> None:
    run = Run()
    live = Session()
    watched = live.add(run)
    for step in range(6000):
        run.step(**{f"curve {i}": np.sin(step + i) for i in range(20)})
    view = RunView("dashboard", live, [watched])
    kept = view.snapshot()
    assert len(json.dumps(kept)) <= SNAPSHOT * 1.02
    series = next(item["message"] for item in kept if item["message"]["op"] == "series")
    assert series["n"] >= 200


def test_a_large_graph_keeps_its_modules() -> None:
    model = nn.Sequential(*(nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.LayerNorm(4)) for _ in range(200)))
    kept = wb.show.graph(model, wb.ones(1, 4)).snapshot()
    assert len(json.dumps(kept)) <= SNAPSHOT * 1.02
    graph = next(item["message"] for item in kept if item["message"]["op"] == "graph")
    modules = [node for node in graph["nodes"] if node["kind"] == "module"]
    known = {node["id"] for node in graph["nodes"]}
    assert len(modules) >= 600
    assert all(edge["from"] in known and edge["to"] in known for edge in graph["edges"])


def test_a_comparison_carries_both_runs() -> None:
    one, other = small_run("one"), train(small_run("other"), 3)
    view = seen(one, "curves", 5, other)
    hellos = [item["message"]["title"] for item in view.snapshot() if item["message"]["op"] == "hello"]
    assert hellos == ["one", "other"]
    assert "other" in repr(view)


def test_a_front_end_that_is_not_built_is_said_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(widget, "BUNDLE", tmp_path / "none.js")
    display._told.cache_clear()
    for _ in range(2):
        bundle = seen(small_run(), "curves")._repr_mimebundle_()
        assert "application/vnd.jupyter.widget-view+json" not in bundle
        assert "text/html" in bundle
    assert caplog.text.count("make lab") == 1


def test_the_hook_against_pinning_is_in_place_where_it_exists() -> None:
    """ipykernel 7.4 answers on the shell that last published; when this fails, look at `BaseComm` anew."""
    from ipykernel.comm.comm import BaseComm

    if not widget.BUNDLE.exists():
        pytest.skip("the front end is not built (npm run build:widget)")
    made = widget.ViewWidget(Session(), ["1"], "curves")
    assert made.comm._reply_subshell_for({"content": {}}, "subshell") == "subshell"
    pins = hasattr(BaseComm, "_reply_subshell_for")
    assert pins == any("_reply_subshell" in name for name in vars(BaseComm)), "the hook has another name"


SHOWN = {
    "curves of a run": lambda run, model, x: wb.show.curves(run),
    "curves of two": lambda run, model, x: wb.show.curves(run, run),
    "dashboard": lambda run, model, x: wb.show.dashboard(run),
    "gradients of a run": lambda run, model, x: wb.show.gradients(run),
    "gradients of a model": lambda run, model, x: wb.show.gradients(model),
    "activations of a run": lambda run, model, x: wb.show.activations(run),
    "activations of a model": lambda run, model, x: wb.show.activations(model, x),
    "attention of a run without any": lambda run, model, x: wb.show.attention(run),
    "graph of a run": lambda run, model, x: wb.show.graph(run),
    "graph of a model": lambda run, model, x: wb.show.graph(model, x),
    "graph of a tensor": lambda run, model, x: wb.show.graph(model(x).sum()),
    "graph of a function": lambda run, model, x: wb.show.graph(lambda a: (a * a).sum(), x),
    "graph of a leaf": lambda run, model, x: wb.show.graph(model[0].weight),
    "a run that has not begun": lambda run, model, x: wb.show.dashboard(small_run()),
}


@pytest.mark.parametrize("name", SHOWN)
def test_anything_can_be_shown_without_a_kernel(name: str) -> None:
    run = train(small_run(), 3)
    run.finish()
    view: View = SHOWN[name](run, run.model, wb.ones(2, 3))
    assert len(repr(view)) > 40
    bundle = view._repr_mimebundle_()
    assert bundle["text/html"].startswith(("<figure>", "<p>"))
    assert bundle[MIME]["snapshot"]


@pytest.mark.parametrize("show", ["curves", "gradients", "activations", "attention", "dashboard"])
def test_what_cannot_be_shown_is_said(show: str) -> None:
    with pytest.raises(ArgumentError, match="expected a"):
        getattr(wb.show, show)(3)


def test_a_tensor_without_a_history_has_no_graph() -> None:
    with pytest.raises(ArgumentError, match="not on the tape"):
        wb.show.graph(wb.ones(2))


@pytest.mark.parametrize("show", ["activations", "attention"])
def test_a_model_needs_inputs(show: str) -> None:
    with pytest.raises(ArgumentError, match=rf"wb.show.{show}\(model, x\)"):
        getattr(wb.show, show)(nn.Linear(1, 1))


def test_plain_python_says_it_in_words() -> None:
    code = "import workbench as wb; r = wb.watch(wb.nn.Linear(1, 1)); r.step(loss=2.0); r.step(loss=1.0); r.finish(); print(wb.show.curves(r))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("Curves: loss went from 2 to 1 in 2 steps")
    assert not done.stderr


def test_a_library_that_imports_ipykernel_does_not_make_a_kernel() -> None:
    code = "import ipykernel; import workbench as wb\nwith wb.watch(wb.nn.Linear(1, 1)) as r: r.step(loss=2.0)\nprint('ok')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("ok\n", "")
