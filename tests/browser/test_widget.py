"""The views as an anywidget, in a JupyterLab whose extension of ours is switched off: how VS Code and Colab get them.

And two pages on one kernel with the extension: both see the run, either may steer it.
"""
from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.cells import SETUP, steady
from tests.browser.conftest import fresh_page
from tests.browser.page import Lab, press, slide, slider, status, until
from tests.browser.server import Server


@pytest.fixture(scope="module")
def without_extension(tmp_path_factory: pytest.TempPathFactory, browser: object) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("bare")
    server = Server(folder, disabled=["neural-workbench"])
    with fresh_page(browser, server) as lab:
        yield lab
        # JupyterLab says this of any comm from the kernel whose other end is not installed.
        lab.errors = [each for each in lab.errors if each != "Exception opening new comm"]
    server.stop()


def test_a_widget_is_live_and_steers_the_loop(without_extension: Lab) -> None:
    lab = without_extension
    lab.open(lab.server.write("widget.ipynb", [SETUP, steady(3000)]))
    assert not lab.page.evaluate("jupyterapp.commands.hasCommand('workbench:open')")
    lab.run(0, wait=60)
    lab.run(1)
    output = lab.output(1)
    until(lambda: output.locator(".wb-status").count() and status(output)["points"] > 5, 20, "the curve has points")
    until(lambda: status(output)["control"] == "true", 10, "the way back is proved")
    before = status(output)["points"]
    until(lambda: status(output)["points"] > before + 20, 5, "the curve grows")
    slide(output, 0.25)
    until(lambda: "learning rate" in output.locator(".wb-event").inner_text(), 1, "the loop says it changed")
    press(output, "pause")
    until(lambda: status(output)["state"] == "paused", 1, "the loop pauses")
    assert lab.is_running(1)
    press(output, "stop")
    until(lambda: status(output)["state"] == "stopped", 2, "the loop stops")
    lab.shot("widget")
    assert not lab.violations()


def test_two_pages_on_one_kernel_agree(lab: Lab, browser: object) -> None:
    # ipywidgets' own page code logs an error in one page when another asks for a widget before it is imported.
    name = lab.server.write("two.ipynb", [f"import ipywidgets\n{SETUP}", steady(3000)])
    lab.open(name)
    lab.run(0, wait=60)
    lab.open_panel("curves")
    with fresh_page(browser, lab.server) as other:
        other.open(name)
        other.open_panel("curves")
        lab.run(1)
        for page in (lab, other):
            until(lambda page=page: status(page.panel)["points"] > 5, 20, "both pages show the run")
            until(lambda page=page: status(page.panel)["control"] == "true", 10, "both pages may steer")
        slide(other.panel, 0.2)
        until(lambda: slider(lab.panel).input_value() == slider(other.panel).input_value(), 1, "the slider follows")
        press(other.panel, "pause")
        until(lambda: status(lab.panel)["state"] == "paused", 1, "the other page sees the pause")
    # A closed tab holds nobody up.
    press(lab.panel, "resume")
    before = status(lab.panel)["step"]
    until(lambda: status(lab.panel)["step"] > before + 30, 3, "the run goes on")
    press(lab.panel, "stop")
    until(lambda: status(lab.panel)["state"] == "stopped", 2, "the loop stops")
