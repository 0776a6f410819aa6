"""What holds for all tests: how examples are drawn, and the marks that `make check` leaves out."""
from __future__ import annotations

import pytest
from hypothesis import settings

# The same examples everywhere and no time limit per example: a busy machine is no failure.
settings.register_profile("workbench", deadline=None, derandomize=True)
settings.load_profile("workbench")

collect_ignore = ["emulation"]  # a plugin that imports CuPy: it is asked for by name


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    unstable = [item.nodeid for item in items if " at 0x" in item.nodeid]
    if unstable:
        raise pytest.UsageError(f"{unstable[0]}: an address in a name differs between workers; give ids, or the class a repr")
    for item in items:
        if "against_torch" in item.path.name:
            item.add_marker(pytest.mark.oracle)
