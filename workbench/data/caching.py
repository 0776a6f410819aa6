"""Caching: items that are dear to make are made once, and kept in memory or as files."""
from __future__ import annotations

import contextlib
import json
import logging
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from ..core import Tensor, as_tensor
from ..core.errors import ConfigError, DTypeError
from .dataset import Dataset

FORMAT = 1
_log = logging.getLogger(__name__)


class CachedDataset(Dataset):
    """The items of a dataset, each made once.

    Without a `path` they are kept in memory: every worker process has a memory of its own, for as long as it lives (so use
    ``persistent_workers=True``, or threads). With a `path` each is a file there, which all workers, and later runs, share. A file
    appears when it is complete, so that a killed run leaves no half of one; one that cannot be read is made again.

    Parameters
    ----------
    dataset : Dataset
        Its items must not be random: they would stay the same for ever.
    path : str or Path, optional
        A folder. Items are then tensors, arrays, numbers, texts, None, and tuples, lists and dicts of them: no pickle is used.
    key : str, optional
        What the items are made from, such as the name and version of the data and the settings of its transforms. By default
        class, name and length of the dataset. A folder that was filled under another key is refused.

    Raises
    ------
    ConfigError
        If the folder holds items of another source.

    Examples
    --------
    >>> import workbench as wb
    >>> calls = []
    >>> slow = wb.data.TensorDataset(wb.arange(3)).map(lambda item: calls.append(item) or item)
    >>> cached = slow.cache()
    >>> [cached[1][0].item() for _ in range(5)], len(calls)
    ([1, 1, 1, 1, 1], 1)
    """

    def __init__(self, dataset: Dataset, path: str | Path | None = None, *, key: str | None = None) -> None:
        self.dataset, self.path = dataset, None if path is None else Path(path)
        self.key = _describe(dataset) if key is None else key
        self._items: dict[int, Any] = {}
        if self.path is not None:
            self._claim(self.path)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        place = int(index) + len(self) if index < 0 else int(index)
        if self.path is not None:
            return self._from_file(self.path / f"{place:09d}.npz", place)
        if place not in self._items:
            self._items[place] = self.dataset[place]
        return self._items[place]

    def clear(self) -> None:
        """Forget all items; files too."""
        self._items.clear()
        for file in self.path.glob("*.npz") if self.path is not None else ():
            file.unlink()

    def _claim(self, path: Path) -> None:
        """Note in the folder what its items are made from, or find that noted."""
        source = {"format": FORMAT, "key": self.key, "length": len(self.dataset)}
        note = path / "source.json"
        path.mkdir(parents=True, exist_ok=True)
        if not note.exists():
            _write(note, json.dumps(source).encode())
        found = json.loads(note.read_text(encoding="utf-8"))
        if found != source:
            raise ConfigError(f"CachedDataset: {path} holds items of {found}, not of {source}; delete the folder, or give another path")

    def _from_file(self, file: Path, place: int) -> Any:
        try:
            with np.load(file, allow_pickle=False) as arrays:
                return _decode(json.loads(bytes(arrays["tree"])), arrays)
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            _log.warning("CachedDataset: %s cannot be read (%s); its item is made again", file, error)
        item = self.dataset[place]
        arrays = {}
        tree = _encode(item, arrays)
        with _atomic(file) as target:
            np.savez(target, tree=np.frombuffer(json.dumps(tree).encode(), np.uint8), **arrays)
        return item


def _describe(dataset: Any) -> str:
    """A key from what a dataset says of itself."""
    kind, inner = type(dataset), getattr(dataset, "dataset", None)
    own = " ".join(filter(None, (f"{kind.__module__}.{kind.__qualname__}", str(getattr(dataset, "name", "")), str(len(dataset)))))
    function = getattr(dataset, "function", None)
    if function is not None:
        own += f" {getattr(function, '__qualname__', type(function).__qualname__)}"
    return own if inner is None else f"{own} of {_describe(inner)}"


@contextlib.contextmanager
def _atomic(path: Path) -> Any:
    """A file to write that takes its name when it is complete."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as target:
            yield target
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _write(path: Path, data: bytes) -> None:
    with _atomic(path) as target:
        target.write(data)


def _encode(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """`value` as JSON that names the arrays in it; they go into `arrays`."""
    if isinstance(value, (Tensor, np.ndarray, np.generic)):
        array = value.detach().numpy() if isinstance(value, Tensor) else np.asarray(value)
        if array.dtype.kind not in "biufcSU":
            raise DTypeError(f"CachedDataset: arrays of dtype {array.dtype} cannot be kept in a file; convert the item, or cache in memory")
        name = f"a{len(arrays)}"
        arrays[name] = array
        return {"tensor" if isinstance(value, Tensor) else "scalar" if isinstance(value, np.generic) else "array": name}
    if value is None or type(value) in (bool, int, float, str):
        return {"value": value}
    if type(value) in (list, tuple):
        return {type(value).__name__: [_encode(part, arrays) for part in value]}
    if type(value) is dict and all(isinstance(name, str) for name in value):
        return {"dict": {name: _encode(part, arrays) for name, part in value.items()}}
    raise DTypeError(f"CachedDataset: an item holds a {type(value).__name__}, which cannot be kept in a file; convert the item, or cache "
                     "in memory (without a path)")


def _decode(tree: Any, arrays: Any) -> Any:
    (kind, content), = tree.items()
    if kind in ("tensor", "array", "scalar"):
        array = arrays[content]
        return as_tensor(array) if kind == "tensor" else array[()] if kind == "scalar" else array
    if kind in ("list", "tuple"):
        parts = [_decode(part, arrays) for part in content]
        return parts if kind == "list" else tuple(parts)
    if kind == "dict":
        return {name: _decode(part, arrays) for name, part in content.items()}
    return content
