"""JupyterLab as a test sees it: open a notebook, run a cell, read outputs, find our elements, and what went wrong.

It drives Lab by its commands and reads its models, since key presses before the session is ready are lost silently
and the page holds only what is near the view.
"""
from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Locator, Page

from tests.browser.server import TOKEN, Server

ROOT = Path(__file__).parents[2]
AXE = ROOT / "extension" / "node_modules" / "axe-core" / "axe.min.js"
OUTPUT = Path(__file__).parent / "output"
PANEL = "#neural-workbench-panel"
LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"

NOTEBOOK = "[...jupyterapp.shell.widgets('main')].find(each => each.content?.activeCellIndex !== undefined)"
RUN = f"""async index => {{
  const notebook = {NOTEBOOK};
  notebook.content.activeCellIndex = index;
  notebook.content.deselectAll();
  const mine = {{}};
  window.running = {{ ...window.running, [index]: mine }};
  void jupyterapp.commands.execute('notebook:run-cell').then(() => {{
    if (window.running[index] === mine) window.running[index] = null;
  }});
}}"""
SLIDE = """(input, part) => {
  input.value = String(Number(input.min) + part * (Number(input.max) - Number(input.min)));
  input.dispatchEvent(new Event('input', { bubbles: true }));
}"""


class Lab:
    """One browser page with JupyterLab."""

    def __init__(self, page: Page, server: Server) -> None:
        self.page, self.server = page, server
        self.errors: list[str] = []
        self.foreign: list[str] = []
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        page.on("request", lambda request: self._note(request.url))

    def _note(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != urlsplit(self.server.url).netloc:
            self.foreign.append(url)

    # ------------------------------------------------------------------ notebook
    def open(self, name: str, kernel: bool = True) -> None:
        """Opens a notebook and waits until cells can be run."""
        self.page.goto(f"{self.server.url}/lab/tree/{name}?token={TOKEN}&reset")
        self.wait_ready(kernel)

    def wait_ready(self, kernel: bool = True, idle: bool = True) -> None:
        """The notebook is drawn, and its kernel has answered (`idle`) or at least is connected."""
        self.page.wait_for_function(f"window.jupyterapp && {NOTEBOOK}?.content.widgets.length > 0", timeout=60_000)
        self.page.wait_for_selector(".jp-NotebookPanel .jp-Cell", timeout=30_000)
        if kernel:
            self.page.evaluate(f"async () => {{ const session = ({NOTEBOOK}).sessionContext; await session.ready; "
                               f"{'await session.session.kernel.info;' if idle else ''} }}")

    def command(self, name: str, **arguments: Any) -> None:
        """Executes a command of JupyterLab and waits for it."""
        self.page.evaluate("([name, values]) => jupyterapp.commands.execute(name, values).then(() => null)",
                           [name, arguments])

    def run(self, index: int, wait: float | None = None) -> None:
        """Starts a cell; waits for its end if told how long that may take."""
        self.page.evaluate(RUN, index)
        if wait is not None:
            self.wait_finished(index, wait)

    def wait_finished(self, index: int, within: float = 60) -> None:
        self.page.wait_for_function(f"window.running?.[{index}] === null", timeout=within * 1000)
        problem = [each for each in self.outputs(index) if each["output_type"] == "error"]
        assert not problem, problem[0]["evalue"]

    def wait_idle(self, within: float = 10) -> None:
        """No cell runs, whoever started it."""
        self.page.wait_for_function(f"({NOTEBOOK}).sessionContext.session?.kernel?.status === 'idle'",
                                    timeout=within * 1000)

    def is_running(self, index: int) -> bool:
        return self.page.evaluate(f"Boolean(window.running?.[{index}])")

    def outputs(self, index: int) -> list[dict[str, Any]]:
        """The outputs of a cell as the notebook would be saved with them."""
        return self.page.evaluate(f"index => ({NOTEBOOK}).content.widgets[index].model.outputs.toJSON()", index)

    def text(self, index: int) -> str:
        """What a cell printed."""
        return "".join(str(each.get("text", "")) for each in self.outputs(index))

    def output(self, index: int) -> Locator:
        """Our views in the output of a cell."""
        return self.page.locator(".jp-Notebook .jp-Cell").nth(index).locator(".wb-output")

    def reload(self, idle: bool = True) -> None:
        self.page.reload()
        self.wait_ready(idle=idle)

    # ------------------------------------------------------------------ our elements
    def open_panel(self, view: str | None = None) -> Locator:
        self.command(f"workbench:open-{view}" if view else "workbench:open")
        panel = self.page.locator(PANEL)
        panel.wait_for(state="visible", timeout=20_000)
        return panel

    @property
    def panel(self) -> Locator:
        return self.page.locator(PANEL)

    def theme(self, name: str) -> None:
        self.command("apputils:change-theme", theme=name)
        expected = "true" if name == LIGHT else "false"
        self.page.wait_for_selector(f"body[data-jp-theme-light={expected}]", state="attached")
        self.page.wait_for_timeout(700)  # the style sheet, then one frame for canvases

    def shot(self, name: str, element: Locator | None = None) -> None:
        """A picture in tests/browser/output, to be looked at."""
        OUTPUT.mkdir(exist_ok=True)
        (element or self.page).screenshot(path=OUTPUT / f"{name}.png")

    def violations(self) -> list[str]:
        """What axe-core finds wrong inside our elements."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text() + ";0")
        found = self.page.evaluate("axe.run({ include: [['.wb-panel'], ['.wb-output']].filter(([each]) => "
                                   "document.querySelector(each)) }).then(result => result.violations)")
        # Lab's own shell has landmarks enough; rules about whole pages do not apply to parts of one.
        return [f"{rule['id']}: {node['html'][:200]} — {node['failureSummary']}"
                for rule in found for node in rule["nodes"]
                if ".wb-" in str(node["target"]) or "wb-" in node["html"]]


def status(scope: Locator) -> dict[str, Any]:
    """Where the run stands, from the data attributes of the status line."""
    values = scope.locator(".wb-status").first.evaluate("each => ({ ...each.dataset })")
    return {name: int(value) if name in ("step", "points") else value for name, value in values.items()}


def slider(scope: Locator, name: str = "lr") -> Locator:
    return scope.locator(f"input.wb-slider[data-name={name}]").first


def slide(scope: Locator, part: float, name: str = "lr") -> None:
    """Moves a slider to a part of its way, as a hand does."""
    slider(scope, name).evaluate(SLIDE, part)


def press(scope: Locator, command: str) -> None:
    scope.locator(f"button[data-wb-cmd={command}]").first.click()


def until(claim: Callable[[], Any], within: float, what: str) -> float:
    """Waits until the claim holds and says how long that took.

    The time is that of a machine with nothing else to do: on one with more work than processors it is longer.
    """
    within *= max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    start = time.monotonic()
    while not claim():
        assert time.monotonic() - start < within, f"not within {within:.1f} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - start
