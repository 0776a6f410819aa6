"""These tests run on CuPy where there is a device, and on the stand-in for it elsewhere."""
from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.devices import standin


@pytest.fixture(scope="module", autouse=True)
def cupy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """CuPy, or what stands for it."""
    if not standin.needed():
        yield pytest.importorskip("cupy")
        return
    if shutil.which("g++") is None:
        pytest.skip("the stand-in for CuPy needs g++")
    with standin.installed(tmp_path_factory.mktemp("kernels")) as module:
        yield module
