"""What outlives the kernel, and what must never come alive: saved pictures, hostile strings, restarts, empty panels."""
from __future__ import annotations

import json

from tests.browser.cells import REPORT, SETUP, steady
from tests.browser.page import NOTEBOOK, Lab, press, status, until

HOSTILE = """<img src=x onerror="window.broken_in=1"><script>window.broken_in=1</script>"""
HOSTILE_RUN = f"""bad = {HOSTILE!r}
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
with wb.watch(model, optim.SGD(model.parameters(), lr=0.1), title=bad) as run:
    for _ in range(20):
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        run.step(**{{"loss": loss, bad: 1.0}})
    run.note("warning", "hostile", bad)
"""


def test_a_panel_without_a_run_says_what_to_do(lab: Lab) -> None:
    lab.open(lab.server.write("empty.ipynb", ["1 + 1"]))
    panel = lab.open_panel("curves")
    assert "wb.fit" in panel.locator(".wb-state").inner_text()
    assert not lab.violations()


def test_a_string_from_the_kernel_is_text(lab: Lab) -> None:
    lab.open(lab.server.write("hostile.ipynb", [SETUP, HOSTILE_RUN]))
    panel = lab.open_panel("curves")
    lab.run(0, wait=60)
    lab.run(1, wait=30)
    until(lambda: status(panel)["state"] == "done", 10, "the run is over")
    for view in ("curves", "graph", "gradients", "activations", "attention"):
        lab.open_panel(view)
        lab.page.wait_for_timeout(400)
    lab.open_panel("curves")
    assert "<img src=x" in panel.inner_text()
    assert lab.page.evaluate("window.broken_in === undefined")
    assert not panel.locator("img[src=x]").count()
    assert not lab.output(1).locator("img[src=x]").count()


def test_a_restarted_kernel_leaves_the_page_in_order(lab: Lab) -> None:
    lab.open(lab.server.write("restart.ipynb", [SETUP, steady(2000), REPORT]))
    panel = lab.open_panel("curves")
    lab.run(0, wait=60)
    lab.run(1)
    until(lambda: status(panel)["points"] > 5, 20, "the curve has points")
    lab.page.evaluate(f"({NOTEBOOK}).sessionContext.session.kernel.restart()")
    until(lambda: status(panel)["state"] != "running", 20, "the panel sees that the run is gone")
    lab.page.evaluate(f"({NOTEBOOK}).sessionContext.session.kernel.info.then(() => null)")
    lab.run(0, wait=60)
    lab.run(1)
    until(lambda: status(panel)["state"] == "running" and status(panel)["points"] > 5, 20, "a new run shows")
    until(lambda: status(panel)["control"] == "true", 10, "the way back is proved")
    press(panel, "stop")
    until(lambda: status(panel)["state"] == "stopped", 5, "the run stops")


def test_a_notebook_reopened_without_a_kernel_shows_its_last_picture(lab: Lab) -> None:
    name = lab.server.write("kept.ipynb", [SETUP, steady(40), "wb.show.gradients(run)"])
    lab.open(name)
    lab.run(0, wait=60)
    lab.run(1, wait=30)
    lab.run(2, wait=20)
    until(lambda: status(lab.output(1))["state"] == "done", 10, "the run is over")
    lab.page.wait_for_timeout(1000)
    lab.command("docmanager:save")
    path = lab.server.files / name
    saved = json.loads(path.read_text())
    assert path.stat().st_size < 1_500_000
    # A kernel that this machine does not have: Lab asks for one, and is told that none is wanted.
    gone = {"name": "gone", "display_name": "gone", "language": "gone"}
    saved["metadata"] = {"kernelspec": gone, "language_info": {"name": "gone"}}
    # Under another name, since the first one still has its session.
    (lab.server.files / "reopened.ipynb").write_text(json.dumps(saved))
    lab.open("reopened.ipynb", kernel=False)
    lab.page.locator(".jp-Dialog button", has_text="No Kernel").click()
    for index, points in ((1, 40), (2, None)):
        output = lab.output(index)
        output.locator(".wb-body").wait_for(state="visible")
        if points:
            assert status(output)["points"] == points
            assert output.locator("canvas").first.is_visible()
    lab.shot("kept")
    assert "Error displaying widget" not in lab.page.inner_text(".jp-Notebook")
