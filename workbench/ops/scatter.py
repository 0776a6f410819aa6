"""Elements picked or written along one axis by an index tensor: gather, scatter and their relatives.

Apart from `index`, whose keys choose parts of several axes at once. Here the index tensor has as many axes as the
tensor: ``x[index[i, j], j]`` for axis 0, ``x[i, index[i, j]]`` for axis 1.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import arrays
from ..backend.dtypes import int64
from ..core.declare import op
from ..core.errors import ArgumentError, AxisError, DTypeError, ShapeError
from ..core.op import REGISTRY, Op
from ..core.tensor import Tensor, as_tensor
from . import elementwise as ew
from .index import getitem, put_at, scatter_add_raw, where
from .index_batching import SLOT
from .movement import _broadcast_to, _cast, _reshape, axis_of


def take_along_axis(x: Tensor, indices: Tensor, axis: int | None = None, *, dim: int | None = None) -> Tensor:
    """Elements of `x` picked along `axis` by `indices`; their other axes broadcast against each other.

    Parameters
    ----------
    x : Tensor
    indices : Tensor
        Integers, with as many axes as `x`; negative ones count from the end.
    axis : int, optional
        None: both are flattened.

    Raises
    ------
    ShapeError
        Another number of axes, or lengths that do not broadcast.
    AxisError
        An index, or `axis`, is out of range.
    DTypeError
        `indices` are no integers.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.take_along_axis(wb.tensor([[1, 2], [3, 4]]), wb.tensor([[1], [0]]), 1).tolist()
    [[2], [3]]
    """
    axis = axis if dim is None else dim
    indices = indices if isinstance(indices, Tensor) else as_tensor(indices)
    if axis is None:
        return gather_along(_reshape(x, shape=(-1,)), _reshape(indices, shape=(-1,)), axis=0)
    ndim = len(x.shape)
    axis = axis_of(axis, ndim, "take_along_axis")
    _check_integers(indices, "take_along_axis")
    if len(indices.shape) != ndim:
        raise ShapeError(f"take_along_axis: indices of shape {indices.shape} for a tensor of shape {x.shape}; they need as many axes")
    others = _common_shape(x, indices, axis)
    fit = lambda value: _broadcast_to(value, shape=(*others[:axis], value.shape[axis], *others[axis + 1:]))
    return gather_along(*(v if tuple(v.shape[:axis] + v.shape[axis + 1:]) == others[:axis] + others[axis + 1:] else fit(v)
                          for v in (x, indices)), axis=axis)


take_along_dim = take_along_axis


def _common_shape(x: Tensor, indices: Tensor, axis: int) -> tuple[int, ...]:
    """The shape to which both broadcast, with 1 at `axis`."""
    try:
        return np.broadcast_shapes(*((*v.shape[:axis], 1, *v.shape[axis + 1:]) for v in (x, indices)))
    except ValueError:
        raise ShapeError(f"take_along_axis: indices of shape {tuple(indices.shape)} for a tensor of shape {tuple(x.shape)}; "
                         f"all axes but {axis} must be equal or 1") from None


def _check_integers(index: Tensor, what: str) -> None:
    if index.dtype.kind not in "iu":
        raise DTypeError(f"{what}: an index of dtype {index.dtype}; expected integers (convert with .long())")


def gather(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """``out[i][j] = x[index[i][j]][j]`` for dim 0, and so on for other axes; as PyTorch's gather.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.gather(wb.tensor([[1, 2], [3, 4]]), 1, wb.tensor([[0, 0], [1, 0]])).tolist()
    [[1, 1], [4, 3]]
    """
    if not len(x.shape):
        return _reshape(gather(_reshape(x, shape=(1,)), dim, _reshape(index, shape=(-1,))), shape=tuple(index.shape))
    dim = axis_of(dim, len(x.shape), "gather")
    _check_integers(index, "gather")
    _check_index(x, dim, index, index, "gather")
    return gather_along(_cut(x, index.shape, dim), index, axis=dim)


def _cut(x: Any, shape: Sequence[int], axis: int) -> Any:
    """The part of `x` that an index of `shape` along `axis` can reach."""
    key = tuple(slice(None) if a == axis else slice(0, n) for a, n in enumerate(shape))
    return x if all(a == axis or n == m for a, (n, m) in enumerate(zip(shape, x.shape, strict=True))) else getitem(x, index=key)


def _along_batch(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    size = next(v.shape[0] for v, m in zip(values, mapped, strict=True) if m)
    full = [v if m else _broadcast_to(v, shape=(size, *v.shape)) for v, m in zip(values, mapped, strict=True)]
    extra = {"shape": (size, *params["shape"])} if "shape" in params else {}
    return op.call(*full, **{**params, **extra, "axis": params["axis"] + 1})


@op(arity=2, batch=_along_batch, promotes=False)
class gather_along:
    """Elements of `x` picked along `axis` by an index tensor with as many axes."""

    def forward(xp, x, indices, *, axis):
        check_range(indices, x.shape[axis], "gather", axis)
        return xp.take_along_axis(x, indices, axis=axis)

    def joint(g, needs, xs, y, *, axis):
        return scatter_along(g, y, axis=axis, shape=tuple(xs)) if needs[0] else None, None

    linear = (0,)


@op(arity=2, batch=_along_batch, promotes=False)
class scatter_along:
    """Zeros of `shape` to which `x` is added along `axis` at an index tensor: the transpose of `gather_along`."""

    def forward(xp, x, indices, *, axis, shape):
        out = xp.zeros(shape, x.dtype)
        grids = list(xp.ogrid[tuple(slice(0, n) for n in x.shape)])
        grids[axis] = xp.broadcast_to(indices, x.shape)
        return scatter_add_raw(xp, out, tuple(grids), x)

    def joint(g, needs, xs, y, *, axis, shape):
        return gather_along(_cut(g, xs, axis), y, axis=axis) if needs[0] else None, None

    linear = (0,)


def check_range(indices: Any, length: int, what: str, axis: int) -> None:
    """Raise unless every one of plain `indices` exists along an axis of `length`."""
    if indices.size and (int(indices.min()) < -length or int(indices.max()) >= length):
        raise AxisError(f"{what}: index {int(indices.max()) if int(indices.max()) >= length else int(indices.min())} is out "
                        f"of range for axis {axis} of length {length}")


def _check_index(x: Tensor, dim: int, index: Tensor, src: Tensor, what: str) -> None:
    if not len(index.shape) == len(x.shape) == len(src.shape):
        raise ShapeError(f"{what}: a tensor of shape {tuple(x.shape)}, an index of shape {tuple(index.shape)} and numbers of shape "
                         f"{tuple(src.shape)}; expected as many axes")
    if any(n > m and a != dim for a, (n, m) in enumerate(zip(index.shape, x.shape, strict=True))) or \
            any(n > m for n, m in zip(index.shape, src.shape, strict=True)):
        raise ShapeError(f"{what}: an index of shape {tuple(index.shape)} is larger than the tensor of shape {tuple(x.shape)} along an axis "
                         f"other than {dim}, or than the numbers of shape {tuple(src.shape)}")


def _check_same_dtype(x: Tensor, src: Tensor, what: str) -> None:
    if src.dtype is not x.dtype:
        raise DTypeError(f"{what}: numbers of dtype {src.dtype} for a tensor of dtype {x.dtype}; convert them with .to(x.dtype)")


def _prepared(x: Tensor, dim: int, index: Tensor, src: Tensor, what: str) -> tuple[int, Tensor]:
    """The axis counted from the front, and the part of `src` that `index` uses; errors before anything is computed."""
    dim = axis_of(dim, len(x.shape), what)
    _check_integers(index, what)
    _check_same_dtype(x, src, what)
    _check_index(x, dim, index, src, what)
    if tuple(src.shape) != tuple(index.shape):
        src = getitem(src, index=(*(slice(0, n) for n in index.shape), Ellipsis))
    if type(index) is Tensor:
        check_range(index.data, x.shape[dim], what, dim)
    return dim, src


def _scattered(function: Any, x: Tensor, dim: int, index: Tensor, src: Tensor, *rest: Any) -> Tensor:
    """`function` for a tensor without axes."""
    return _reshape(function(_reshape(x, shape=(1,)), dim, _reshape(index, shape=(-1,)), _reshape(src, shape=(-1,)), *rest), shape=())


def scatter_add(x: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy of `x` with ``out[index[i][j]][j] += src[i][j]`` for dim 0, and so on for other axes.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.scatter_add(wb.zeros(3), 0, wb.tensor([0, 0, 2]), wb.ones(3)).tolist()
    [2.0, 0.0, 1.0]
    """
    if not len(x.shape):
        return _scattered(scatter_add, x, dim, index, src)
    dim, src = _prepared(x, dim, index, src, "scatter_add")
    return x + scatter_along(src, index, axis=dim, shape=tuple(x.shape))


def _key(index: Tensor, dim: int) -> list[Tensor]:
    """One index tensor for every axis: `index` along `dim`, counting along the others."""
    device = index.device if isinstance(index, Tensor) else arrays.device_of(index)
    counts = np.ogrid[tuple(slice(0, n) for n in index.shape)]
    return [index if axis == dim else Tensor(arrays.to_device(grid, device)) for axis, grid in enumerate(counts)]


def _written(x: Tensor, dim: int, index: Tensor, value: Tensor) -> Tensor:
    return put_at(x, value, *_key(index, dim), template=(SLOT,) * len(x.shape), accumulate=False)


def scatter(x: Tensor, dim: int, index: Tensor, src: Tensor | float | None = None, *, value: float | None = None,
            reduce: str | None = None) -> Tensor:
    """A copy of `x` with ``out[index[i][j]][j] = src[i][j]`` for dim 0, and so on for other axes.

    Parameters
    ----------
    x : Tensor
    dim : int
        The axis along which `index` counts.
    index : Tensor
        Integers, with as many axes as `x`, no longer than `x` along the others.
    src : Tensor or number
        What to write: a tensor of the same dtype, at least as large as `index`, or one number (also as ``value=``).
    reduce : str, optional
        ``"add"`` or ``"multiply"`` what is there already.

    Returns
    -------
    Tensor
        The shape and dtype of `x`. Where an index repeats, the last one is written.

    Raises
    ------
    ShapeError, DTypeError, AxisError, ArgumentError
        Shapes or dtypes do not fit, an index is out of range, `reduce` is unknown, or there is nothing to write.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.scatter(wb.zeros(3), 0, wb.tensor([2, 0]), wb.tensor([1.0, 5.0])).tolist()
    [5.0, 0.0, 1.0]
    """
    src = value if src is None else src
    if src is None:
        raise ArgumentError("scatter: nothing to write; give src, a tensor, or value, a number")
    if reduce not in (None, "add", "multiply"):
        raise ArgumentError(f"scatter: reduce={reduce!r}; expected 'add', 'multiply' or None (see scatter_reduce for others)")
    if not isinstance(src, Tensor):
        src = _broadcast_to(as_tensor(src, dtype=x.dtype), shape=tuple(index.shape))
    if not len(x.shape):
        return _reshape(scatter(_reshape(x, shape=(1,)), dim, _reshape(index, shape=(-1,)), _reshape(src, shape=(-1,)), reduce=reduce), shape=())
    if reduce == "add":
        return scatter_add(x, dim, index, src)
    dim, src = _prepared(x, dim, index, src, "scatter")
    return _written(x, dim, index, src) if reduce is None else multiply_along(x, index, src, axis=dim)


REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


def scatter_reduce(x: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True) -> Tensor:
    """A copy of `x` in which every place that `index` names is reduced with the elements of `src` sent there.

    Parameters
    ----------
    x, index, src : Tensor
        As in `scatter`.
    dim : int
    reduce : str
        ``"sum"``, ``"prod"``, ``"mean"``, ``"amax"`` or ``"amin"``.
    include_self : bool
        The element of `x` takes part. Places that no index names keep it in any case.

    Raises
    ------
    ArgumentError
        `reduce` is unknown; otherwise as `scatter`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.scatter_reduce(wb.ones(2), 0, wb.tensor([0, 0]), wb.tensor([3.0, 5.0]), "amax").tolist()
    [5.0, 1.0]
    """
    if reduce not in REDUCTIONS:
        raise ArgumentError(f"scatter_reduce: reduce={reduce!r}; expected one of {', '.join(REDUCTIONS)}")
    if not len(x.shape):
        return _reshape(scatter_reduce(_reshape(x, shape=(1,)), dim, _reshape(index, shape=(-1,)), _reshape(src, shape=(-1,)), reduce,
                                       include_self=include_self), shape=())
    dim, src = _prepared(x, dim, index, src, "scatter_reduce")
    if not include_self:
        start = _broadcast_to(as_tensor(_neutral(reduce, x.dtype), dtype=x.dtype), shape=tuple(index.shape))
        x = _written(x, dim, index, start)
    if reduce == "prod":
        return multiply_along(x, index, src, axis=dim)
    if reduce in ("amax", "amin"):
        return extreme_along(x, index, src, axis=dim, largest=reduce == "amax")
    added = x + scatter_along(src, index, axis=dim, shape=tuple(x.shape))
    return added if reduce == "sum" else _divided(added, _parts(index, dim, x, include_self))


def _neutral(reduce: str, dtype: Any) -> float | bool:
    """What changes nothing when it takes part."""
    if reduce in ("sum", "mean", "prod"):
        return int(reduce == "prod")
    if dtype.kind == "b":
        return reduce == "amin"
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return limits.min if reduce == "amax" else limits.max
    return float("-inf") if reduce == "amax" else float("inf")


def _parts(index: Tensor, dim: int, like: Tensor, include_self: bool) -> Tensor:
    """How many numbers a mean is of."""
    ones = REGISTRY["ones_like"].call(index)
    counts = scatter_along(ones, index, axis=dim, shape=tuple(like.shape))
    counts = counts + 1 if include_self else where(ew.eq(counts, 0), 1, counts)
    return _cast(counts, dtype=like.dtype)


def _divided(x: Tensor, counts: Tensor) -> Tensor:
    return ew.floor_divide(x, counts) if x.dtype.kind in "iu" else x / counts


def _reduced(xp: Any, ufunc: str, x: Any, indices: Any, numbers: Any, axis: int) -> Any:
    """``ufunc.at`` on a copy of `x`; on the host, because CuPy has it for sums and extremes only."""
    out, indices, numbers = (arrays.to_device(part, "cpu") for part in (x, indices, numbers))
    out = np.array(out)
    check_range(indices, out.shape[axis], "scatter", axis)
    grids = list(np.ogrid[tuple(slice(0, n) for n in indices.shape)])
    grids[axis] = indices
    getattr(np, ufunc).at(out, tuple(grids), numbers)
    return xp.asarray(out)


def _sent_back(x: Any, indices: Any, axis: int) -> Any:
    return gather_along(_cut(x, indices.shape, axis), indices, axis=axis)


@op(arity=3, batch=_along_batch, promotes=False)
class multiply_along:
    """`x` times the numbers `z` sent along `axis` to the places `y`."""

    def forward(xp, x, indices, numbers, *, axis):
        return _reduced(xp, "multiply", x, indices, numbers, axis)

    def joint(g, needs, x, y, z, o, *, axis):
        # The derivative is the product of the others, which no division finds where one of them is zero.
        zero = lambda value: ew.eq(value, 0)
        own = g * multiply_along(where(zero(x), 1, x), y, z, axis=axis) / where(zero(x), 1, x) if needs[0] else None
        if not needs[2]:
            return own, None, None
        zeros = scatter_along(_cast(zero(z), dtype=int64), y, axis=axis, shape=tuple(x.shape))
        single = ew.logical_and(zero(z), ew.eq(_sent_back(zeros, y, axis), 1))
        others = _sent_back(g * multiply_along(x, y, where(single, 1, z), axis=axis), y, axis)
        quotient = _sent_back(g * o, y, axis) / where(zero(z), 1, z)
        return own, None, where(single, others, quotient)


@op(arity=3, batch=_along_batch, promotes=False)
class extreme_along:
    """The largest (or smallest) of `x` and the numbers `z` sent along `axis` to the places `y`."""

    def forward(xp, x, indices, numbers, *, axis, largest):
        return _reduced(xp, "maximum" if largest else "minimum", x, indices, numbers, axis)

    def joint(g, needs, x, y, z, o, *, axis, largest):
        own = _cast(ew.eq(x, o), dtype=g.dtype)
        sent = _cast(ew.eq(z, _sent_back(o, y, axis)), dtype=g.dtype)
        share = g / where_positive(own + scatter_along(sent, y, axis=axis, shape=tuple(x.shape)))
        return share * own if needs[0] else None, None, _sent_back(share, y, axis) * sent if needs[2] else None


def where_positive(counts: Any) -> Any:
    """`counts` with 1 for 0: where NaN is the extreme, nothing equals it and no share is taken."""
    return where(ew.eq(counts, 0), 1, counts)


__all__ = ["take_along_axis", "take_along_dim", "gather", "scatter", "scatter_add", "scatter_reduce"]
