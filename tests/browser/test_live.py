"""While a cell runs: curves move, hands on the page reach the loop within a second, a reloaded page catches up.

Each test starts the loop anew on one page; all of them look at the panel and at the output below the cell.
"""
from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.cells import REPORT, SETUP, steady
from tests.browser.page import Lab, press, slide, slider, status, until

TRAIN, TELL = 1, 2
SOON = 1.0


@pytest.fixture(scope="module")
def notebook(lab: Lab) -> Lab:
    lab.open(lab.server.write("live.ipynb", [SETUP, steady(3000), REPORT]))
    lab.open_panel("curves")
    lab.run(0, wait=60)
    return lab


@pytest.fixture
def running(notebook: Lab) -> Iterator[Lab]:
    """The loop is under way, its curves are on the page and its controls are proved; it is stopped afterwards."""
    notebook.run(TRAIN)
    until(lambda: status(notebook.panel)["state"] == "running", 20, "the panel shows the run")
    until(lambda: status(notebook.panel)["points"] > 5, 10, "the curve has points")
    until(lambda: status(notebook.panel)["control"] == "true", 10, "the way back to the kernel is proved")
    yield notebook
    if status(notebook.panel)["state"] in ("running", "paused"):
        press(notebook.panel, "stop")
    until(lambda: status(notebook.panel)["state"] in ("stopped", "done"), 10, "the run stops")
    notebook.wait_idle()


def test_curves_move_while_the_cell_runs(running: Lab) -> None:
    output = running.output(TRAIN)
    for scope in (running.panel, output):
        before = status(scope)["points"]
        until(lambda scope=scope, before=before: status(scope)["points"] > before + 20, 5, "the curve grows")
        assert scope.locator("canvas").first.is_visible()
    assert running.is_running(TRAIN)
    running.shot("live")


def test_a_slider_changes_the_learning_rate_of_the_running_loop(running: Lab) -> None:
    slide(running.panel, 0.25)
    until(lambda: "learning rate" in running.panel.locator(".wb-event").inner_text(), SOON, "the loop says it changed")
    assert running.is_running(TRAIN)
    shown = float(running.panel.locator("input.wb-number[data-name=lr]").input_value())
    press(running.panel, "stop")
    running.run(TELL, wait=10)
    told = running.text(TELL).split()
    assert told[0] == "stopped"
    assert float(told[2]) == pytest.approx(shown, rel=2e-3)
    assert "control" in told


def test_pause_holds_the_loop_and_resume_lets_it_go(running: Lab) -> None:
    press(running.panel, "pause")
    until(lambda: status(running.panel)["state"] == "paused", SOON, "the loop pauses")
    step = status(running.panel)["step"]
    running.page.wait_for_timeout(700)
    assert status(running.panel)["step"] == step
    press(running.panel, "step")
    until(lambda: status(running.panel)["step"] == step + 1, SOON, "one step is done")
    press(running.output(TRAIN), "resume")
    until(lambda: status(running.panel)["step"] > step + 5, SOON + 1, "the loop goes on")


def test_panel_and_output_agree(running: Lab) -> None:
    output = running.output(TRAIN)
    for here, there, part in ((output, running.panel, 0.7), (running.panel, output, 0.3)):
        # A slider that a hand has just moved keeps its place for 0.7 s.
        running.page.wait_for_timeout(800)
        slide(here, part)
        until(lambda here=here, there=there: slider(there).input_value() == slider(here).input_value(), SOON,
              "the other slider follows")
    press(output, "pause")
    until(lambda: status(running.panel)["state"] == status(output)["state"] == "paused", SOON, "both are paused")
    until(lambda: status(running.panel)["points"] == status(output)["points"], SOON, "both have the same curve")


def test_a_page_reloaded_during_the_cell_catches_up_before_it_ends(running: Lab) -> None:
    press(running.panel, "pause")
    until(lambda: status(running.panel)["state"] == "paused", SOON, "the loop pauses")
    points = status(running.panel)["points"]
    press(running.panel, "resume")
    running.command("docmanager:save")
    running.page.reload()
    running.wait_ready(idle=False, kernel=False)
    running.open_panel("curves")
    until(lambda: status(running.panel)["points"] >= points, 3, "the history is back")
    assert status(running.panel)["state"] == "running"
    until(lambda: status(running.panel)["control"] == "true", 3, "the controls are back")
    press(running.panel, "pause")
    until(lambda: status(running.panel)["state"] == "paused", SOON, "the loop pauses again")
    until(lambda: status(running.output(TRAIN))["state"] == "paused", 3, "the output is live again")


def test_a_page_reloaded_after_the_run_shows_it_again(running: Lab) -> None:
    press(running.panel, "stop")
    until(lambda: status(running.panel)["state"] == "stopped", SOON, "the run stops")
    until(lambda: status(running.panel)["points"] == status(running.panel)["step"], 5, "the last points arrive")
    points = status(running.panel)["points"]
    running.command("docmanager:save")
    running.reload()
    running.open_panel("curves")
    for scope in (running.panel, running.output(TRAIN)):
        until(lambda scope=scope: status(scope)["points"] == points, 5, "the history is back")
        assert status(scope)["state"] == "stopped"
