"""Dicts of tensors as safetensors files, which other libraries read."""
from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...backend import arrays, dtypes
from ...core import Tensor
from ...core.errors import CheckpointError

_NAMES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
          "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool", "C64": "complex64"}
_CODES = {name: code for code, name in _NAMES.items()}


def packed(state: Any, meta: dict[str, Any] | None) -> bytes:
    """The bytes of a safetensors file."""
    if not isinstance(state, Mapping) or not all(isinstance(name, str) for name in state):
        raise CheckpointError(f"save: a safetensors file holds a dict of names and tensors, got {type(state).__name__}; "
                              "of a model give model.state_dict(), for trees use another suffix")
    header: dict[str, Any] = {"__metadata__": {"format": "pt", **{name: str(value) for name, value in (meta or {}).items()}}}
    pieces, offset = [], 0
    for name, value in state.items():
        data = value.data if isinstance(value, Tensor) else value
        if not arrays.is_array(data) or str(data.dtype) not in _CODES:
            raise CheckpointError(f"save: {name!r} is {getattr(data, 'dtype', type(data).__name__)}; a safetensors file holds tensors of "
                                  f"{', '.join(_CODES)}; use another suffix for anything else")
        piece = np.ascontiguousarray(np.asarray(arrays.to_device(data, "cpu")).view(np.ndarray)).tobytes()
        header[name] = {"dtype": _CODES[str(data.dtype)], "shape": list(data.shape), "data_offsets": [offset, offset + len(piece)]}
        pieces.append(piece)
        offset += len(piece)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([len(text).to_bytes(8, "little"), text, *pieces])


def unpacked(path: Path, mmap: bool = False) -> dict[str, Tensor]:
    """The tensors of a safetensors file, in its order; the library checks that header and length fit together."""
    import safetensors

    try:
        with safetensors.safe_open(path, "numpy"):
            pass
    except safetensors.SafetensorError as error:
        raise CheckpointError(f"{path} is no whole safetensors file: {error}") from None
    raw = np.memmap(path, np.uint8, "c").view(np.ndarray)
    begin = 8 + int.from_bytes(raw[:8].tobytes(), "little")
    header = json.loads(raw[8:begin].tobytes())
    header.pop("__metadata__", None)
    state = {}
    for name, entry in header.items():
        if entry["dtype"] not in _NAMES:
            raise CheckpointError(f"{path}: {name!r} has dtype {entry['dtype']}, which tensors cannot have")
        start, end = (begin + offset for offset in entry["data_offsets"])
        array = raw[start:end].view(dtypes.as_dtype(_NAMES[entry["dtype"]])).reshape(entry["shape"])
        state[name] = Tensor(dtypes.marked(array if mmap and array.flags.aligned else array.copy()))
    return state
