"""The Python array API standard, version 2024.12, on tensors that differentiate.

``import workbench.array_api as xp`` has the standard's names, signatures and dtype rules; the arrays are ordinary
tensors, so code written against the standard runs on the tape, inside `vmap` and inside `jit`. Each chapter of the
standard is a file; docs/array-api.md lists what differs.
"""
from __future__ import annotations

from . import creation, dtypes, elementwise, fft, info, linalg, manipulation, reductions, selection
from .creation import *  # noqa: F403 - the chapters of the standard, each by its own list
from .dtypes import *  # noqa: F403
from .dtypes import bool_ as bool
from .elementwise import *  # noqa: F403
from .info import __array_namespace_info__
from .linalg import matmul, matrix_transpose, tensordot, vecdot
from .manipulation import *  # noqa: F403
from .reductions import *  # noqa: F403
from .selection import *  # noqa: F403

__array_api_version__ = "2024.12"
VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12")
"""Versions that code may ask for; each is part of the next."""

__all__ = sorted({name for chapter in (creation, dtypes, elementwise, info, manipulation, reductions, selection)
                  for name in chapter.__all__} - {"bool_"} | {"bool", "fft", "linalg", "__array_api_version__", *linalg.SHARED})
