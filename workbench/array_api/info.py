"""What the namespace can do, as code written against the standard asks for it."""
from __future__ import annotations

import importlib.util

import numpy as np

from ..backend import dtypes
from .dtypes import ALL, isdtype


class Info:
    """The answers of `__array_namespace_info__`."""

    def capabilities(self) -> dict[str, bool | int | None]:
        """What is optional in the standard and is here."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> str:
        """Where new arrays are."""
        return "cpu"

    def default_dtypes(self, *, device: str | None = None) -> dict[str, np.dtype]:
        """The dtypes of new arrays: float32, complex64 and int64, unless `set_default_dtype` said otherwise."""
        return {"real floating": dtypes.as_dtype(float), "complex floating": dtypes.as_dtype(complex),
                "integral": dtypes.int64, "indexing": dtypes.int64}

    def devices(self) -> list[str]:
        """The devices of this machine."""
        return ["cpu", *_cuda_devices()]

    def dtypes(self, *, device: str | None = None, kind: str | tuple[str, ...] | None = None) -> dict[str, np.dtype]:
        """The dtypes of the standard by name, of one kind or several if `kind` says so."""
        return {dtype.name: dtype for dtype in ALL if kind is None or isdtype(dtype, kind)}


def _cuda_devices() -> list[str]:
    if importlib.util.find_spec("cupy") is None:
        return []
    cupy = importlib.import_module("cupy")
    try:
        return [f"cuda:{index}" for index in range(cupy.cuda.runtime.getDeviceCount())]
    except cupy.cuda.runtime.CUDARuntimeError:  # CuPy is installed on a machine without a driver
        return []


def __array_namespace_info__() -> Info:
    """What this namespace can do.

    Examples
    --------
    >>> import workbench.array_api as xp
    >>> xp.__array_namespace_info__().default_dtypes()["real floating"]
    dtype('float32')
    """
    return Info()


__all__ = ["__array_namespace_info__"]
