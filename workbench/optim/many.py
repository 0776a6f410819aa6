"""Two things done to many tensors in one call each, as clipping needs them: sums of squares, and a factor for all."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..backend import cpu
from ..core import Tensor, mutate
from ..core.state import STATE

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))


def sums_of_squares(tensors: Sequence[Tensor]) -> np.ndarray | None:
    """The sum of squares of each tensor, added up in float64; None where no kernel can do it.

    Examples
    --------
    >>> import workbench as wb
    >>> found = sums_of_squares([wb.ones(3), wb.ones(2) * 2])
    >>> found is None or found.tolist()
    [3.0, 8.0]
    """
    arrays = _rows(tensors)
    if arrays is None:
        return None
    sums, dtype = np.empty(len(arrays)), arrays[0].dtype.name
    plan = cpu.Multi(dtype, 1, 0, (cpu.Step("{0} * {0}", (0,), "float64"),), sums=(1,))
    _call(plan, arrays, None, sums)
    return sums


def scale(tensors: Sequence[Tensor], factor: float) -> bool:
    """Multiply all tensors in place; False, and nothing done, where no kernel can do it.

    Examples
    --------
    >>> import workbench as wb
    >>> x = wb.ones(3)
    >>> if not scale([x], 0.5): x *= 0.5
    >>> x.tolist()
    [0.5, 0.5, 0.5]
    """
    arrays = _rows(tensors)
    if arrays is None or not all(a.flags.writeable for a in arrays):
        return False
    dtype = arrays[0].dtype.name
    _call(cpu.Multi(dtype, 1, 1, (cpu.Step("{0} * {1}", (0, 1), dtype),), ((2, 0),)), arrays, np.array([factor]), None)
    mutate.stamp_roots([mutate.root(a) for a in arrays])
    return True


def _rows(tensors: Sequence[Tensor]) -> list[np.ndarray] | None:
    """Their arrays, if a kernel can walk along them: all on the CPU, of one dtype, contiguous; and nobody traces or records."""
    if not tensors or STATE.trace is not None or not cpu.available() or any(type(t) is not Tensor for t in tensors):
        return None
    arrays = [t.data for t in tensors]
    first = arrays[0].dtype
    fits = first in DTYPES and all(type(a) is np.ndarray and a.dtype is first and a.flags.c_contiguous and a.size for a in arrays)
    return arrays if fits and all(t.node is None for t in tensors) else None


def _call(plan: cpu.Multi, arrays: list[np.ndarray], numbers: np.ndarray | None, sums: np.ndarray | None) -> None:
    table, lengths = np.array(list(map(id, arrays)), np.intp), np.array([a.size for a in arrays], np.int64)
    places = [None if held is None else held.ctypes.data for held in (numbers, sums)]
    cpu.compile_multi(plan).call(table.ctypes.data, lengths.ctypes.data, len(arrays), *places, None)
