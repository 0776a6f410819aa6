"""Machine code of tests is kept in a directory of the run, not in that of the user."""
from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WB_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield
