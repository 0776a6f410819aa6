"""The tour as a reader takes it: every cell in turn with the panel open. It also takes the picture of the README."""
from __future__ import annotations

import json
import shutil
import time

from tests.browser.page import LIGHT, ROOT, Lab, status, until

TOUR = ROOT / "notebooks" / "00_tour.ipynb"
LONGEST_CELL = 60
WHOLE = 180


def test_every_cell_of_the_tour_runs_with_the_panel_alive(lab: Lab) -> None:
    shutil.copy(TOUR, lab.server.files / "tour.ipynb")
    cells = [("".join(cell["source"]), index) for index, cell in enumerate(json.loads(TOUR.read_text())["cells"])
             if cell["cell_type"] == "code"]
    lab.open("tour.ipynb")
    lab.theme(LIGHT)
    panel = lab.open_panel("curves")
    lab.command("application:toggle-left-area")
    start = time.monotonic()
    for source, index in cells:
        if "cnn_run = wb.fit" in source:
            lab.open_panel("activations")
        lab.run(index)
        if "cnn_run = wb.fit" in source:
            until(lambda: status(panel)["state"] == "running" and status(panel)["points"] > 30, 30, "the curve grows")
            panel.locator("[data-wb-view=activations] .wb-body").wait_for(state="visible")
            lab.output(index).evaluate("each => each.scrollIntoView({ block: 'end' })")
            lab.page.wait_for_timeout(300)
            lab.shot("readme-panel")
        lab.wait_finished(index, LONGEST_CELL)
    assert time.monotonic() - start < WHOLE
    until(lambda: status(panel)["state"] == "done", 10, "the last run is over")
    for view in ("graph", "gradients", "activations", "attention"):
        lab.open_panel(view)
        panel.locator(".wb-body").wait_for(state="visible", timeout=15_000)
        lab.page.wait_for_timeout(800)
        lab.shot(f"tour-{view}")
    assert not lab.violations()
