"""The same numbers elsewhere: in another dtype, on another device, in new memory."""
from __future__ import annotations

from typing import Any

from ..backend import dtypes
from ..core import batching
from ..core.declare import op
from ..core.op import REGISTRY
from ..core.tensor import Tensor
from .movement import _cast


def to(x: Tensor, *target: Any, dtype: Any = None, device: str | None = None, non_blocking: bool = False, copy: bool = False) -> Tensor:
    """`x` in another dtype, on another device, or both (those of a tensor, if one is given); itself when nothing changes.

    Parameters
    ----------
    x : Tensor
    target : dtype, device or Tensor
        Also by name, ``dtype=`` and ``device=``.
    non_blocking : bool
        For compatibility: copies to a device are asynchronous where CuPy makes them so.
    copy : bool
        A copy also when nothing changes.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.tensor([1, 2]).to(wb.float64).dtype
    dtype('float64')
    """
    for item in target:
        if isinstance(item, Tensor):
            dtype, device = item.dtype, item.device
        elif isinstance(item, str) and item.split(":")[0] in ("cpu", "cuda"):
            device = item
        else:
            dtype = item
    given = x
    if dtype is not None:
        wanted = dtypes.as_dtype(dtype)
        if x.dtype is not wanted:
            x = _cast(x if wanted.kind in "fVc" else REGISTRY["stop_gradient"].call(x), dtype=wanted)
    there = device is None or device == x.device or (device == "cuda" and x.device == "cuda:0")
    x = x if there else transfer(x, device=device)
    return clone(x) if copy and x is given else x


@op(batch=batching.elementwise)
class transfer:
    """The same numbers on another device."""

    def forward(xp, x, *, device):
        from ..backend.arrays import to_device

        return to_device(x, device)

    def vjp(g, x, *, device):
        from ..backend.arrays import device_of

        return transfer(g, device=x.device if isinstance(x, Tensor) else device_of(x))

    linear = (0,)


def clone(x: Tensor) -> Tensor:
    """A copy of the numbers that stays on the tape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.ones(2).clone().tolist()
    [1.0, 1.0]
    """
    return copy_of(x)


@op(batch=batching.elementwise)
class copy_of:
    """The same numbers in new memory."""

    def forward(xp, x, *, order="K"):
        return xp.array(x, order=order)

    def vjp(g, *, order):
        return g

    linear = (0,)


__all__ = ["clone"]
