"""Every notebook runs from top to bottom, offline, in its time, with no front end to look at it."""
from __future__ import annotations

import os
import resource
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
    start, used = time.monotonic(), processor_time()
    NotebookClient(notebook, timeout=2 * seconds, resources={"metadata": {"path": os.fspath(path.parent)}}).execute()
    # On a machine that is busy with other things the wait for a processor is not the notebook's fault.
    assert min(time.monotonic() - start, processor_time() - used) < seconds


def processor_time() -> float:
    """Seconds that finished children, the kernels among them, have computed."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def test_notebooks_are_stored_without_outputs() -> None:
    for path in FOLDER.glob("**/*.ipynb"):
        stale = [cell for cell in nbformat.read(path, as_version=4).cells if cell.get("outputs")]
        assert not stale, f"{path.name} has saved outputs: clear them, so that a change shows as a change"
