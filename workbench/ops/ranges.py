"""Evenly spaced numbers: by their step (`arange`), by how many there are (`linspace`), and powers of a base (`logspace`).

Apart from `create` because their ends are checked, and may be tensors.
"""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backend import dtypes
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.tensor import Tensor
from .create import _new

Number = float | Tensor


def _number(value: Any, what: str, name: str) -> Any:
    """An end of a range as a Python number."""
    if isinstance(value, Tensor):
        if len(value.shape):
            raise ShapeError(f"{what}: {name} of shape {tuple(value.shape)}; expected one number")
        return value.item()
    return value.item() if isinstance(value, np.generic) else value


def arange(start: Number = 0, end: Number | None = None, step: Number = 1, *, stop: Number | None = None, dtype: Any = None, device: str | None = None,
           requires_grad: bool = False) -> Tensor:
    """Numbers from `start` (0 if only one is given) up to but not including `end`, `step` apart; integers give int64.

    Parameters
    ----------
    start, end, step : number
        The end is also spelled ``stop``.
    dtype : dtype, optional
        An integer dtype cuts off the fractions of `start` and `step` first, as in PyTorch.

    Raises
    ------
    ArgumentError
        A step of zero or in the other direction, or an end that is not finite.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.arange(3).tolist(), wb.arange(1, 2, 0.5).tolist()
    ([0, 1, 2], [1.0, 1.5])
    """
    end = stop if end is None else end
    start, end = (0, start) if end is None else (start, end)  # one number alone is the end
    start, end, step = (_number(v, "arange", name) for v, name in ((start, "start"), (end, "end"), (step, "step")))
    wanted = dtypes.as_dtype(dtype if dtype is not None else float if any(isinstance(v, float) for v in (start, end, step)) else int)
    if not all(math.isfinite(v) for v in (start, end)) or not step or (end - start) * step < 0:
        raise ArgumentError(f"arange: from {start} to {end} by {step}; expected finite ends and a step that leads from one to the other")
    if wanted.kind in "iu":
        if wanted.itemsize == 8:
            start, end, step = int(start), int(end), int(step)
        count = math.ceil((end - start) / step) if step else 0
        return _new((int(start) + int(step) * np.arange(count)).astype(wanted), device, requires_grad)
    return _new(dtypes.converted(np.arange(start, end, step), wanted), device, requires_grad)


def linspace(start: Number, end: Number, steps: int, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """`steps` evenly spaced numbers from `start` to `end`, both included.

    Raises
    ------
    ArgumentError, DTypeError, ShapeError
        `steps` is negative or no integer, an end has axes.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.linspace(0, 1, 3).tolist()
    [0.0, 0.5, 1.0]
    """
    places, wanted = _places("linspace", start, end, steps, dtype)
    return _new(dtypes.converted(places, wanted), device, requires_grad)


def logspace(start: Number, end: Number, steps: int, base: float = 10.0, *, dtype: Any = None, device: str | None = None,
             requires_grad: bool = False) -> Tensor:
    """Powers of `base` whose exponents are ``linspace(start, end, steps)``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.logspace(0, 2, 3).tolist()
    [1.0, 10.0, 100.0]
    """
    places, wanted = _places("logspace", start, end, steps, dtype)
    return _new(dtypes.converted(np.power(float(base), places), wanted), device, requires_grad)


def _places(what: str, start: Any, end: Any, steps: int, dtype: Any) -> tuple[np.ndarray, np.dtype]:
    """Evenly spaced numbers in double precision, and the dtype that is wanted; half of integers are counted from each end."""
    start, end = _number(start, what, "start"), _number(end, what, "end")
    wanted = dtypes.as_dtype(complex if isinstance(start, complex) or isinstance(end, complex) else float) if dtype is None else dtypes.as_dtype(dtype)
    if not isinstance(steps, (int, np.integer)):
        raise DTypeError(f"{what}: steps={steps!r}; expected an integer")
    if steps < 0:
        raise ArgumentError(f"{what}: steps={steps}; expected no negative number")
    if wanted.kind not in "iu" or steps < 2:
        return np.linspace(start, end, steps), wanted
    start, end = int(start), int(end)
    step = (end - start) / (steps - 1)
    order = np.arange(steps)
    return np.where(order < steps // 2, start + step * order, end - step * (steps - 1 - order)), wanted


__all__ = ["arange", "linspace", "logspace"]
