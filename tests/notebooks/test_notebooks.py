"""Every notebook runs from top to bottom, offline, in its time, with no front end to look at it."""
from __future__ import annotations

import os
import time
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "notebooks"
SECONDS = {"00_tour.ipynb": 120}
DEFAULT_SECONDS = 300
# Any connection beyond this machine ends here, and a library that tries one fails loudly.
NOWHERE = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(FOLDER.glob("**/*.ipynb")), ids=lambda path: path.name)
def test_a_notebook_runs_from_top_to_bottom(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in NOWHERE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    seconds = SECONDS.get(path.name, DEFAULT_SECONDS)
    notebook = nbformat.read(path, as_version=4)
    start = time.monotonic()
    NotebookClient(notebook, timeout=seconds, resources={"metadata": {"path": os.fspath(path.parent)}}).execute()
    assert time.monotonic() - start < seconds


def test_notebooks_are_stored_without_outputs() -> None:
    for path in FOLDER.glob("**/*.ipynb"):
        stale = [cell for cell in nbformat.read(path, as_version=4).cells if cell.get("outputs")]
        assert not stale, f"{path.name} has saved outputs: clear them, so that a change shows as a change"
