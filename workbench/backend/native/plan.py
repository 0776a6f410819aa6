"""What a compiled loop computes, as plain data: operands, steps, stores and reductions over one iteration space.

A `Loop` is static (shapes and strides are numbers), hashable, and its text is the key of the cache on disk.
"""
from __future__ import annotations

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Operand:
    """An input array: its dtype, and elements to step along each axis of the loop (0: broadcast)."""

    dtype: str
    strides: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Literal:
    """A number in a step."""

    value: float | int | bool


@dataclasses.dataclass(frozen=True)
class Step:
    """One element-wise operation.

    Attributes
    ----------
    expression : str
        C expression in ``{0}, {1}...``; besides C's operators it may call functions of `vectormath`, ``max``, ``min``,
        ``where`` and ``cast``.
    operands : tuple of int or Literal
        Numbers of values: operands of the loop first, then earlier steps.
    dtype : str
        Of the result.
    """

    expression: str
    operands: tuple[int | Literal, ...]
    dtype: str


@dataclasses.dataclass(frozen=True)
class Reduction:
    """A value reduced over some axes: "sum", "prod", "max", "min", "any" or "all"."""

    value: int
    kind: str
    axes: tuple[int, ...]
    dtype: str


@dataclasses.dataclass(frozen=True)
class Loop:
    """A computation over all indices of ``shape``; outputs (stores, then reductions) are C-contiguous.

    ``into`` lists (value, operand): these values overwrite an operand that is as large as the loop and contiguous.
    """

    shape: tuple[int, ...]
    operands: tuple[Operand, ...]
    steps: tuple[Step, ...]
    stores: tuple[int, ...]
    reductions: tuple[Reduction, ...] = ()
    into: tuple[tuple[int, int], ...] = ()

    @property
    def dtypes(self) -> list[str]:
        """The dtype of every value: operands, then steps."""
        return [o.dtype for o in self.operands] + [s.dtype for s in self.steps]


@dataclasses.dataclass(frozen=True)
class Nest:
    """The axes of a loop after adjacent ones were joined: lengths, and strides of operands, stores and reductions."""

    shape: tuple[int, ...]
    operands: tuple[tuple[int, ...], ...]
    store: tuple[int, ...]
    reductions: tuple[tuple[int, ...], ...]


def nest_of(loop: Loop) -> Nest:
    """Join axes that every array walks through without a jump, and drop those of length one."""
    columns = [o.strides for o in loop.operands] + [contiguous(loop.shape)] + [_reduced(loop.shape, r.axes) for r in loop.reductions]
    axes = [(length, tuple(c[axis] for c in columns)) for axis, length in enumerate(loop.shape) if length != 1]
    joined: list[tuple[int, tuple[int, ...]]] = []
    for length, steps in axes:
        if joined and all(outer == inner * length for outer, inner in zip(joined[-1][1], steps, strict=True)):
            joined[-1] = joined[-1][0] * length, steps
        else:
            joined.append((length, steps))
    joined = joined or [(1, (0,) * len(columns))]
    count = len(loop.operands)
    by_array = list(zip(*(steps for _, steps in joined), strict=True))
    return Nest(tuple(n for n, _ in joined), tuple(by_array[:count]), by_array[count], tuple(by_array[count + 1:]))


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides in elements of a C-contiguous array."""
    return tuple(math.prod(shape[axis + 1:]) for axis in range(len(shape)))


def _reduced(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of the C-contiguous output of a reduction, as seen from the loop."""
    kept = [1 if axis in axes else n for axis, n in enumerate(shape)]
    return tuple(0 if axis in axes else step for axis, step in enumerate(contiguous(tuple(kept))))
