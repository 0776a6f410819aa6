"""`save` and `load`: the two functions most people need."""
from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

from ...backend.arrays import Device
from ...core import Tensor
from ...core.errors import ArgumentError, CheckpointError
from ...nn import Module
from . import weights
from .atomic import write_atomically
from .codec import decode, find
from .file import Reader, chunks, damaged, verify


def save(obj: Any, path: str | os.PathLike, *, meta: dict[str, Any] | None = None) -> None:
    """Write a tree of plain values and tensors into one file that carries its own checksums.

    The file appears whole or not at all: it is written beside its place, forced to the disk and renamed. Nothing in it is
    code, and none is run when it is read.

    Parameters
    ----------
    obj : tree
        None, booleans, numbers, strings, bytes, tensors, arrays, dtypes, models; lists, tuples and dicts of them. A model is kept
        as its configuration and its state, so classes of your own must be registered (``@wb.registry.register``).
    path : path
        With the suffix ``.safetensors``, `obj` must be a dict of tensors, and other libraries read the file too.
    meta : dict, optional
        Plain values that `describe` shows without reading the tensors; strings in a safetensors file.

    Raises
    ------
    CheckpointError
        If something in `obj` cannot be saved; it says where. Nothing is written then.

    Examples
    --------
    >>> import os, tempfile, workbench as wb
    >>> model = wb.nn.Linear(2, 1)
    >>> path = os.path.join(tempfile.mkdtemp(), "model.wb")
    >>> wb.save({"model": model.state_dict(), "epoch": 3}, path)
    >>> state = wb.load(path)
    >>> state["epoch"], model.load_state_dict(state["model"])
    (3, Mismatch(missing_keys=[], unexpected_keys=[]))
    >>> wb.save(model, path)
    >>> wb.load(path)
    Linear(in_features=2, out_features=1, bias=True)
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise ArgumentError(f"save: the folder {path.parent} does not exist; make it first")
    if path.suffix == ".safetensors":
        write_atomically(path, [weights.packed(obj, meta)])
    else:
        write_atomically(path, chunks(obj, meta))


def load(path: str | os.PathLike, part: Any = None, *, mmap: bool = False, map_location: str | None = None) -> Any:
    """Read what `save` has written, after checking it.

    Parameters
    ----------
    path : path
    part : key or tuple of keys, optional
        Read and check only what lies there: ``load(path, "model")`` for ``{"model": ..., "optimizer": ...}``.
    mmap : bool
        Tensors are mapped from the file and take memory only as they are used; writing to them does not change the file.
    map_location : str, optional
        The device that tensors and models are moved to, the CPU by default.

    Returns
    -------
    tree
        On the CPU, tensors that shared memory share it again.

    Raises
    ------
    CheckpointError
        If the file was cut off or changed, is of a newer version or of another program. The message names the newest
        undamaged checkpoint beside it.
    """
    path, device = Path(path), Device(map_location or "cpu")
    if not path.is_file():
        raise CheckpointError(f"{path}: there is no such file{_standing(path)}")
    try:
        if path.suffix == ".safetensors":
            found = _part(path, weights.unpacked(path, mmap), part)
        else:
            found = _tree(Reader(path, mmap), part)
    except CheckpointError as error:
        raise CheckpointError(f"{error}{_standing(path)}") from None
    return found if device == "cpu" else _moved(found, device)


def _moved(value: Any, device: str) -> Any:
    """A tree with its tensors and models on a device."""
    if isinstance(value, dict):
        out = copy.copy(value)
        out.update({key: _moved(part, device) for key, part in value.items()})
        return out
    if isinstance(value, (list, tuple)):
        return type(value)(_moved(part, device) for part in value)
    return value.to(device) if isinstance(value, (Tensor, Module)) else value


def _part(path: Path, state: dict[str, Any], part: Any) -> Any:
    """All tensors of a safetensors file, or one."""
    name = part[0] if isinstance(part, tuple) and len(part) == 1 else part
    if name is not None and name not in state:
        raise ArgumentError(f"load: {path} has nothing at {name!r}")
    return state if name is None else state[name]


def _tree(reader: Reader, part: Any) -> Any:
    node = reader.header["tree"]
    if part is None:
        reader.check_gaps()
    else:
        try:
            node = find(node, part if isinstance(part, tuple) else (part,))
        except KeyError as error:
            raise ArgumentError(f"load: {reader.path} has nothing at {error.args[0]!r}") from None
    try:
        return decode(node, reader.array)
    except CheckpointError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, MemoryError) as error:
        raise damaged(reader.path, f"its tree makes no sense ({type(error).__name__}: {error})") from None


def _standing(path: Path) -> str:
    """In words: the newest undamaged checkpoint beside `path`."""
    if not path.parent.is_dir() or path.suffix == ".safetensors":
        return ""
    others = [other for other in path.parent.glob(f"*{path.suffix}") if other != path and other.is_file()]
    for other in sorted(others, key=lambda each: each.stat().st_mtime_ns, reverse=True):
        try:
            verify(other)
        except CheckpointError:
            continue
        return f". {other} is undamaged"
    return ""
