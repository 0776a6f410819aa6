"""One JupyterLab and one Chromium for all browser tests; a fresh page, with a record of what it did wrong, per file."""
from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# No network beyond the test's server: without these, Chromium looks for its makers' hosts at every start.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
VIEWPORT = {"width": 1500, "height": 950}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    from tests.browser.server import Server

    running = Server(tmp_path_factory.mktemp("lab"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    playwright = pytest.importorskip("playwright.sync_api", reason="browser tests need the test extra")
    path = os.environ.get("WB_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.fail("the browser tests need Chromium: `make browser` finds or installs it, or says how")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield running
        running.close()


@contextmanager
def fresh_page(browser, server) -> Iterator[object]:
    """A page of its own, which must end without errors and without requests to other hosts."""
    from tests.browser.page import OUTPUT, Lab

    context = browser.new_context(viewport=VIEWPORT)
    page = context.new_page()
    page.set_default_timeout(20_000)
    lab = Lab(page, server)
    yield lab
    OUTPUT.mkdir(exist_ok=True)
    page.screenshot(path=OUTPUT / "last.png")
    context.close()
    assert not lab.errors, "errors on the console:\n" + "\n".join(lab.errors)
    assert not lab.foreign, "requests to other hosts:\n" + "\n".join(lab.foreign)


@pytest.fixture(scope="module")
def lab(server, browser) -> Iterator[object]:
    """One page for a file of tests."""
    with fresh_page(browser, server) as page:
        yield page
