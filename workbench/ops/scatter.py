"""Elements picked or written along one axis by an index tensor: gather, scatter and their relatives.

Apart from `index`, whose keys choose parts of several axes at once. Here the index tensor has as many axes as the
tensor, or names slices along one axis.
"""
from __future__ import annotations

from typing import Any

from ..core.declare import op
from ..core.errors import AxisError, ShapeError
from ..core.op import Op
from ..core.tensor import Tensor
from .index import getitem, scatter_add_raw
from .movement import axes_of, broadcast_to


def take_along_axis(x: Tensor, indices: Tensor, axis: int) -> Tensor:
    """Elements of `x` picked along `axis` by `indices`, whose other axes broadcast against those of `x`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.take_along_axis(wb.tensor([[1, 2], [3, 4]]), wb.tensor([[1], [0]]), 1).tolist()
    [[2], [3]]
    """
    ndim = len(x.shape)
    axis = axes_of(axis, ndim, "take_along_axis")[0]
    if len(indices.shape) != ndim:
        raise ShapeError(f"take_along_axis: indices of shape {indices.shape} for a tensor of shape {x.shape}; they need as many axes")
    return gather_along(x, indices, axis=axis)


def gather(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """``out[i][j] = x[index[i][j]][j]`` for dim 0, and so on for other axes; as PyTorch's gather.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.gather(wb.tensor([[1, 2], [3, 4]]), 1, wb.tensor([[0, 0], [1, 0]])).tolist()
    [[1, 1], [4, 3]]
    """
    dim = axes_of(dim, len(x.shape), "gather")[0]
    cut = tuple(slice(0, n) if a != dim else slice(None) for a, n in enumerate(index.shape))
    return gather_along(getitem(x, index=cut), index, axis=dim)


def _along_batch(op: Op, values: tuple, mapped: tuple, params: dict[str, Any]) -> Any:
    size = next(v.shape[0] for v, m in zip(values, mapped, strict=True) if m)
    full = [v if m else broadcast_to(v, (size, *v.shape)) for v, m in zip(values, mapped, strict=True)]
    extra = {"shape": (size, *params["shape"])} if "shape" in params else {}
    return op.call(*full, **{**params, **extra, "axis": params["axis"] + 1})


@op(arity=2, batch=_along_batch, promotes=False)
class gather_along:
    """Elements of `x` picked along `axis` by an index tensor with as many axes."""

    def forward(xp, x, indices, *, axis):
        _check_range(xp, indices, x.shape[axis], "gather", axis)
        return xp.take_along_axis(x, indices, axis=axis)

    def joint(g, needs, xs, y, *, axis):
        return scatter_along(g, y, axis=axis, shape=tuple(xs)), None

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
        return gather_along(g, y, axis=axis), None

    linear = (0,)


def _check_range(xp: Any, indices: Any, length: int, what: str, axis: int) -> None:
    if indices.size and (int(indices.min()) < -length or int(indices.max()) >= length):
        raise AxisError(f"{what}: index {int(indices.max()) if int(indices.max()) >= length else int(indices.min())} is out "
                        f"of range for axis {axis} of length {length}")


def scatter_add(x: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """A copy of `x` with ``out[index[i][j]][j] += src[i][j]`` for dim 0, and so on for other axes.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.scatter_add(wb.zeros(3), 0, wb.tensor([0, 0, 2]), wb.ones(3)).tolist()
    [2.0, 0.0, 1.0]
    """
    dim = axes_of(dim, len(x.shape), "scatter_add")[0]
    part = getitem(src, index=tuple(slice(0, n) for n in index.shape))
    return x + scatter_along(part, index, axis=dim, shape=tuple(x.shape))


__all__ = ["take_along_axis", "gather", "scatter_add"]
