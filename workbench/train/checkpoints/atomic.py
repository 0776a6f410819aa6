"""Files that are either there whole or not at all: written beside their place, forced to the disk, then renamed."""
from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_number = itertools.count()
SUFFIX = ".tmp"


def write_atomically(path: Path, chunks: Iterable[Any]) -> None:
    """Put `chunks` of bytes into `path`; a crash at any moment leaves the old file or the new one."""
    temporary = path.parent / f".{path.name}.{os.getpid()}-{next(_number)}{SUFFIX}"
    try:
        with open(temporary, "xb") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:  # a full disk does not say which file it had no room for
            error.filename = str(path)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to the disk; on Windows a rename needs no such thing, and folders cannot be opened."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_leftovers(folder: Path) -> None:
    """Delete what processes that were killed while they wrote have left in `folder`."""
    for path in folder.glob(f".*{SUFFIX}"):
        process = path.name.removesuffix(SUFFIX).rpartition(".")[2].partition("-")[0]
        if process.isdigit() and not _alive(int(process)):
            with contextlib.suppress(FileNotFoundError):  # another process may tidy up as well
                path.unlink()


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
