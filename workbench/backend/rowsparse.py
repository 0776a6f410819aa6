"""Gradients of tables of which few rows were looked up: the rows and their numbers, without the zeros between them.

What keeps rows apart (sums, factors, copies) does; for everything else the array fills itself with zeros, so that nobody
has to know.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from .arrays import module_of, register

_FACTORS = (np.multiply, np.true_divide, np.negative)


class RowSparse:
    """An array (n, ...) that is zero but for some rows, which may be named more than once and then add up.

    Attributes
    ----------
    rows : array of integers, shape (m,)
    values : array, shape (m, ...)
    shape : tuple of int

    Examples
    --------
    >>> import numpy as np
    >>> g = RowSparse(np.array([2, 0, 2]), np.ones((3, 1)), (4, 1))
    >>> np.asarray(g).ravel().tolist()
    [1.0, 0.0, 2.0, 0.0]
    """

    __slots__ = ("__weakref__", "rows", "shape", "values")
    base = None
    __array_priority__ = 1000

    def __init__(self, rows: Any, values: Any, shape: tuple[int, ...]) -> None:
        self.rows, self.values, self.shape = rows, values, shape

    dtype = property(lambda self: self.values.dtype)
    device = property(lambda self: getattr(self.values, "device", None))
    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: int(np.prod(self.shape)))
    flags = property(lambda self: self.values.flags)

    def coalesced(self) -> RowSparse:
        """Every row once, in order."""
        xp = module_of(type(self.values))
        rows, places = xp.unique(self.rows, return_inverse=True)
        return RowSparse(rows, _added(xp, xp.zeros((len(rows), *self.shape[1:]), self.dtype), places.reshape(-1), self.values), self.shape)

    def dense(self) -> Any:
        """A plain array."""
        xp = module_of(type(self.values))
        return _added(xp, xp.zeros(self.shape, self.dtype), self.rows, self.values)

    def copy(self) -> RowSparse:
        """The same in memory of its own."""
        return RowSparse(self.rows.copy(), self.values.copy(), self.shape)

    def astype(self, dtype: Any, copy: bool = True) -> RowSparse:
        """The same in another dtype."""
        return RowSparse(self.rows, self.values.astype(dtype, copy=copy), self.shape)

    def get(self) -> np.ndarray:
        """A plain array in main memory."""
        dense = self.dense()
        return dense if isinstance(dense, np.ndarray) else dense.get()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.get(), dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> Any:
        return self.dense()[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(value, RowSparse) and index is Ellipsis:
            self.rows, self.values = value.rows, value.values
            return
        dense = self.dense()
        dense[index] = value
        self.rows, self.values = module_of(type(dense)).arange(len(dense)), dense

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.dense(), name)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        target = None if out is None else out[0]
        if method == "__call__" and ufunc is np.add and isinstance(inputs[1], RowSparse) and target is inputs[0]:
            return _added(module_of(type(target)), target, inputs[1].rows, inputs[1].values)
        if method == "__call__" and ufunc is np.add and target is None:
            return _sum(*inputs)
        if method == "__call__" and ufunc in _FACTORS and target is None and isinstance(inputs[0], RowSparse) and all(map(_is_number, inputs[1:])):
            return RowSparse(self.rows, ufunc(self.values, *inputs[1:], **options), self.shape)
        if method == "__call__" and ufunc is np.multiply and target is None and _is_number(inputs[0]):
            return RowSparse(self.rows, ufunc(inputs[0], self.values, **options), self.shape)
        if out is not None:
            options["out"] = out
        return getattr(ufunc, method)(*_filled(inputs), **options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return function(*_filled(args), **kwargs)

    def __neg__(self) -> RowSparse:
        return np.negative(self)

    def __add__(self, other: Any) -> Any:
        return _sum(self, other)

    __radd__ = __add__

    def __mul__(self, other: Any) -> Any:
        return np.multiply(self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Any:
        return np.true_divide(self, other)

    def __sub__(self, other: Any) -> Any:
        return _sum(self, -other)

    def __rsub__(self, other: Any) -> Any:
        return _sum(other, -self)


def _is_number(value: Any) -> bool:
    return np.ndim(value) == 0


def _sum(first: Any, second: Any) -> Any:
    """Rows of both, or a plain array if one is."""
    if isinstance(first, RowSparse) and isinstance(second, RowSparse):
        xp = module_of(type(first.values))
        return RowSparse(xp.concatenate([first.rows, second.rows]), xp.concatenate([first.values, second.values]), first.shape)
    sparse, other = (first, second) if isinstance(first, RowSparse) else (second, first)
    if np.shape(other) != sparse.shape or other.dtype != sparse.dtype:
        return np.add(*_filled((first, second)))
    return _added(module_of(type(other)), other.copy(), sparse.rows, sparse.values)


def _added(xp: Any, target: Any, rows: Any, values: Any) -> Any:
    """`target` with the values added to its rows, in place."""
    if xp is np:
        np.add.at(target, rows, values)
    else:
        import cupyx

        cupyx.scatter_add(target, rows, values)
    return target


def _filled(value: Any) -> Any:
    """The same with plain arrays, also inside lists and tuples."""
    if isinstance(value, RowSparse):
        return value.dense()
    return type(value)(map(_filled, value)) if isinstance(value, (list, tuple)) else value


register(RowSparse, np)
