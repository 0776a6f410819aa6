"""The file of a checkpoint: magic, length and SHA-256 of a JSON header, the header, then blobs at multiples of 64 bytes.

::

    0    8 bytes   magic
    8    8 bytes   length of the header, low byte first
    16  32 bytes   SHA-256 of the header
    48             header: {"version", "workbench", "created", "meta", "size", "tree", "blobs": [{dtype, shape, offset, bytes, sha256}]}
    multiple of 64 the blobs; what lies between is zero

Every byte is covered by a check: one that was changed is noticed wherever it lies.
"""
from __future__ import annotations

import datetime
import hashlib
import json
import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ...backend import dtypes
from ...core.errors import CheckpointError
from . import upgrades
from .codec import Encoder

MAGIC = b"\x89WBCK\r\n\x1a"
VERSION = 1
"""The version of the header that is written; older ones are upgraded when read."""
_ALIGN = 64
_START = 48
_FIELDS = {"workbench": str, "created": str, "meta": dict, "size": int, "blobs": list}
_BLOB_FIELDS = {"dtype": str, "shape": list, "offset": int, "bytes": int, "sha256": str}
_FOREIGN = {b"PK": "a zip archive (PyTorch's torch.save or NumPy's npz?)", b"\x80": "a pickle", b"\x89HDF": "an HDF5 file (Keras?)",
            b"\x93NUMPY": "a NumPy file", b"{": "JSON"}


def chunks(tree: Any, meta: dict[str, Any] | None = None) -> Iterator[Any]:
    """The bytes of a file that holds `tree`, piece by piece."""
    encoder = Encoder()
    try:
        node = encoder.encode(tree)
    except RecursionError:
        raise CheckpointError("save: the tree is nested too deeply, hundreds of lists or dicts in one another") from None
    entries, offset = [], 0
    for blob in encoder.blobs:
        view = _bytes(blob.array)
        entries.append({"dtype": blob.dtype, "shape": list(blob.shape), "offset": offset, "bytes": len(view),
                        "sha256": hashlib.sha256(view).hexdigest()})
        offset += len(view) + _gap(len(view))
    header = json.dumps({"version": VERSION, "workbench": sys.modules["workbench"].__version__, "created": datetime.datetime.now(datetime.UTC).isoformat(),
                         "meta": _checked(meta), "size": offset, "tree": node, "blobs": entries}, separators=(",", ":")).encode()
    yield MAGIC + len(header).to_bytes(8, "little") + hashlib.sha256(header).digest()
    yield header + bytes(_gap(_START + len(header)))
    for blob in encoder.blobs:
        view = _bytes(blob.array)
        yield view
        yield bytes(_gap(len(view)))


def _checked(meta: dict[str, Any] | None) -> dict[str, Any]:
    """`meta`, if JSON can hold it."""
    for name, value in (meta or {}).items():
        try:
            json.dumps(value)
        except (TypeError, ValueError, RecursionError) as error:
            raise CheckpointError(f"save: meta[{name!r}] is no plain value ({error}); give numbers, strings, lists and dicts of them") from None
    return meta or {}


def _bytes(array: np.ndarray) -> memoryview:
    return memoryview(array.reshape(-1).view(np.uint8))


def _gap(length: int) -> int:
    return -length % _ALIGN


class Reader:
    """An open checkpoint whose header has been checked; blobs are checked when they are read.

    Parameters
    ----------
    path : Path
    mmap : bool
        Map arrays into memory instead of reading them; what is written to them does not reach the file.
    """

    def __init__(self, path: Path, mmap: bool = False) -> None:
        self.path, self.mmap = path, mmap
        with open(path, "rb") as file:
            self.header, self._base = _header(path, file)
            self._check_size(os.fstat(file.fileno()).st_size)
        self._check_blobs()
        self._arrays: dict[int, np.ndarray] = {}

    def _check_size(self, size: int) -> None:
        expected = self._base + self.header["size"]
        if size != expected:
            raise damaged(self.path, f"it has {size} bytes and should have {expected}" + (": it was cut off" if size < expected else ""))

    def _check_blobs(self) -> None:
        """Blobs lie within the file and are as long as their shapes say: nothing is allocated on the word of a header alone."""
        try:
            for entry in self.header["blobs"]:
                if not (_has(entry, _BLOB_FIELDS) and all(type(length) is int for length in entry["shape"])):
                    raise ValueError(entry)
                needed = math.prod(entry["shape"]) * dtypes.as_dtype(entry["dtype"]).itemsize
                if not (needed == entry["bytes"] and min(entry["shape"], default=0) >= 0 <= entry["offset"] <= self.header["size"] - needed):
                    raise ValueError(entry)
        except (KeyError, TypeError, ValueError):
            raise damaged(self.path, "its list of tensors makes no sense") from None

    def array(self, number: int) -> np.ndarray:
        """The array of a blob, after its bytes and the zeros behind them have been checked."""
        if number not in self._arrays:
            self._arrays[number] = self._read(number)
        return self._arrays[number]

    def _read(self, number: int) -> np.ndarray:
        entry = self.header["blobs"][number]
        start, length = self._base + entry["offset"], entry["bytes"]
        if self.mmap and length:
            raw: np.ndarray = np.memmap(self.path, np.uint8, "c", start, (length,))
        else:
            raw = np.empty(length, np.uint8)
            with open(self.path, "rb") as file:
                file.seek(start)
                if file.readinto(memoryview(raw)) != length:
                    raise damaged(self.path, "it was cut off while it was read")
        if hashlib.sha256(memoryview(raw)).hexdigest() != entry["sha256"]:
            raise damaged(self.path, f"the bytes of tensor {number} ({entry['dtype']}{entry['shape']}) do not match their SHA-256")
        return raw.view(np.ndarray).view(dtypes.as_dtype(entry["dtype"])).reshape(entry["shape"])

    def check_gaps(self) -> None:
        """Raise if anything but zeros lies between the blobs."""
        with open(self.path, "rb") as file:
            for entry in self.header["blobs"]:
                file.seek(self._base + entry["offset"] + entry["bytes"])
                if any(file.read(_gap(entry["bytes"]))):
                    raise damaged(self.path, "there is something between the tensors that does not belong there")


def _header(path: Path, file: BinaryIO) -> tuple[dict[str, Any], int]:
    """The header in today's form, and where the blobs begin."""
    start = file.read(_START)
    if start[:8] != MAGIC:
        what = next((f"; it looks like {words}" for magic, words in _FOREIGN.items() if start.startswith(magic)), "")
        raise CheckpointError(f"{path} is not a checkpoint of workbench{what}" if start else f"{path} is empty")
    length, digest = int.from_bytes(start[8:16], "little"), start[16:48]
    if len(start) < _START or length > os.fstat(file.fileno()).st_size - _START:
        raise damaged(path, "it was cut off within its header")
    raw = file.read(length)
    if hashlib.sha256(raw).digest() != digest:
        raise damaged(path, "its header does not match its SHA-256")
    if any(file.read(_gap(_START + length))):
        raise damaged(path, "there is something behind its header that does not belong there")
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError):
        header = None
    version = header.get("version") if isinstance(header, dict) else None
    if type(version) is int and version > VERSION:
        raise CheckpointError(f"{path} has format version {version} (workbench {header.get('workbench')}); this workbench reads versions "
                              f"up to {VERSION}: update it")
    if type(version) is int and (version == VERSION or version in upgrades.UPGRADES):
        header = upgrades.upgraded(header, VERSION)
        if _has(header, _FIELDS) and "tree" in header:
            return header, _START + length + _gap(_START + length)
    raise damaged(path, "its header makes no sense")


def _has(found: Any, fields: dict[str, type]) -> bool:
    """Is it an object with these fields, each of its type?"""
    return isinstance(found, dict) and all(type(found.get(name)) is kind for name, kind in fields.items())


def damaged(path: Path, why: str) -> CheckpointError:
    """The error for a file that is not as it was written."""
    return CheckpointError(f"{path} is damaged: {why}")


def verify(path: str | os.PathLike) -> None:
    """Raise CheckpointError unless every byte of a checkpoint is as it was written.

    Examples
    --------
    >>> import os, tempfile, workbench as wb
    >>> path = os.path.join(tempfile.mkdtemp(), "state.wb")
    >>> wb.save({"a": wb.ones(2)}, path)
    >>> wb.train.checkpoints.verify(path)
    """
    reader = Reader(Path(path), mmap=True)
    reader.check_gaps()
    for number in range(len(reader.header["blobs"])):
        reader._read(number)


def describe(path: str | os.PathLike) -> dict[str, Any]:
    """What a checkpoint says of itself, without reading its tensors.

    Returns
    -------
    dict
        ``version``, ``workbench`` (that wrote it), ``created``, ``meta`` (as given to `save`), ``tensors`` (their number),
        ``bytes``.

    Examples
    --------
    >>> import os, tempfile, workbench as wb
    >>> path = os.path.join(tempfile.mkdtemp(), "state.wb")
    >>> wb.save({"a": wb.ones(2)}, path, meta={"step": 3})
    >>> wb.train.checkpoints.describe(path)["meta"]
    {'step': 3}
    """
    header = Reader(Path(path)).header
    return {**{name: header[name] for name in ("version", "workbench", "created", "meta")}, "tensors": len(header["blobs"]), "bytes": header["size"]}
