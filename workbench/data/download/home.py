"""Where downloaded data lies, and the lock that lets one process fetch while others wait."""
from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def data_home() -> Path:
    """The folder of downloaded data: ``$WB_DATA``, else the cache folder of the system.

    That is ``$XDG_CACHE_HOME/workbench/data`` (``~/.cache``) on Linux, ``~/Library/Caches/workbench/data`` on macOS and
    ``%LOCALAPPDATA%\\workbench\\Cache\\data`` on Windows.

    Examples
    --------
    >>> from workbench.data import download
    >>> download.data_home().name
    'data'
    """
    if os.environ.get("WB_DATA"):
        return Path(os.environ["WB_DATA"]).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "workbench" / "Cache" / "data"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "workbench" / "data"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "workbench" / "data"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file beside `path`; whoever comes second waits. The system frees it when a process dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path.with_name(path.name + ".lock"), "a+b") as file:
        _lock(file.fileno())
        try:
            yield
        finally:
            _unlock(file.fileno())


if sys.platform == "win32":
    import msvcrt
    import time

    def _lock(handle: int) -> None:
        while True:
            try:
                os.lseek(handle, 0, os.SEEK_SET)
                return msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
            except OSError:  # LK_LOCK gives up after ten tries
                time.sleep(0.1)

    def _unlock(handle: int) -> None:
        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX)

    def _unlock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)
