"""Taking archives apart: regular files only, and none that would land outside the folder."""
from __future__ import annotations

import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from ...core.errors import DownloadError
from .home import locked

# What a damaged archive, or one that holds a name twice, ends in.
_DAMAGES = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, FileExistsError, NotADirectoryError, IsADirectoryError)


def extract(archive: str | os.PathLike, folder: str | os.PathLike) -> Path:
    """Take a .tar, .tar.gz, .tar.bz2, .tar.xz or .zip apart into a new folder, unless the folder is there.

    The folder appears when all is in it, so one that is there is whole.

    Raises
    ------
    DownloadError
        If the archive is damaged, or holds a link, a device, or a name that leads out of the folder. Nothing is left behind.

    Examples
    --------
    >>> import pathlib, tempfile, zipfile
    >>> from workbench.data.download import extract
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> with zipfile.ZipFile(root / "x.zip", "w") as archive: archive.writestr("a/b.txt", "hello")
    >>> (extract(root / "x.zip", root / "x") / "a" / "b.txt").read_text()
    'hello'
    """
    place = Path(folder)
    with locked(place):
        if place.exists():
            return place
        temporary = Path(tempfile.mkdtemp(prefix=place.name + ".", dir=place.parent))
        try:
            for name, content in _members(Path(archive)):
                target = temporary / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with content, open(target, "xb") as file:
                    shutil.copyfileobj(content, file)
            temporary.chmod(0o755)  # mkdtemp lets nobody else read
            temporary.replace(place)
        except _DAMAGES as error:
            raise DownloadError(f"{os.fspath(archive)} cannot be taken apart ({type(error).__name__}: {error}); remove it, and fetch it "
                                "again") from None
        finally:
            if temporary.exists():
                shutil.rmtree(temporary)
    return place


def _members(archive: Path) -> Iterator[tuple[PurePosixPath, IO[bytes]]]:
    """The regular files of an archive, by a name that has been checked."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            for entry in file.infolist():
                kind = stat.S_IFMT(entry.external_attr >> 16)
                if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                    raise DownloadError(f"{archive} holds {entry.filename!r}, which is neither a file nor a folder")
                if not entry.is_dir():
                    yield _safe(entry.filename, archive), file.open(entry)
        return
    with tarfile.open(archive) as file:
        for member in file:
            if not member.isreg() and not member.isdir():
                raise DownloadError(f"{archive} holds {member.name!r}, which is neither a file nor a folder")
            name = _safe(member.name, archive)
            content = file.extractfile(member)
            if member.isreg() and content is not None:
                yield name, content


def _safe(name: str, archive: Path) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name or "\0" in name:
        raise DownloadError(f"{archive} holds {name!r}, which leads out of its folder; it is not to be trusted")
    return path
