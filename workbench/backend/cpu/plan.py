"""The plan of a loop: what is read, computed, written and reduced. Plain frozen data, so that it is a dictionary key.

Apart from what compiles it: the graph package makes plans where llvmlite may not be installed.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

from ...core.errors import ArgumentError, DTypeError, ShapeError
from ..expression import Literal, Step
from .values import LLVM_TYPES

__all__ = ["KINDS", "Access", "Literal", "Loop", "Operand", "Reduction", "Space", "Step", "collapse", "contiguous"]

KINDS = ("sum", "prod", "max", "min", "any", "all")


@dataclass(frozen=True)
class Operand:
    """An input array of a loop.

    Attributes
    ----------
    dtype : str
    strides : tuple of int
        In elements, one per axis of the loop; 0 repeats the array along that axis.
    """

    dtype: str
    strides: tuple[int, ...]


@dataclass(frozen=True)
class Reduction:
    """A value reduced along axes; the output is C-contiguous over the other axes.

    Attributes
    ----------
    value : int
    kind : str
        "sum", "prod", "max", "min", "any" or "all".
    axes : tuple of int
    dtype : str
        Of the output; float32 sums are added up in float64.
    """

    value: int
    kind: str
    axes: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class Loop:
    """Element-wise steps over a static shape, with values stored and reductions of values.

    Attributes
    ----------
    shape : tuple of int
    operands : tuple of Operand
    steps : tuple of Step
    stores : tuple of int
        Values that are written in full, C-contiguous.
    reductions : tuple of Reduction
    into : tuple of (int, int)
        Values that are written over an operand instead: (value, operand). The operand must be contiguous.
    """

    shape: tuple[int, ...]
    operands: tuple[Operand, ...]
    steps: tuple[Step, ...]
    stores: tuple[int, ...]
    reductions: tuple[Reduction, ...] = ()
    into: tuple[tuple[int, int], ...] = ()

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The dtype of every value: inputs, then steps."""
        return tuple(part.dtype for part in (*self.operands, *self.steps))

    @property
    def outputs(self) -> list[tuple[tuple[int, ...], str]]:
        """Shape and dtype of every output: stores, then reductions."""
        kept = [tuple(n for a, n in enumerate(self.shape) if a not in r.axes) for r in self.reductions]
        return [(self.shape, self.dtypes[v]) for v in self.stores] + [(k, r.dtype) for k, r in zip(kept, self.reductions, strict=True)]

    def check(self) -> None:
        """Raise if the plan contradicts itself.

        Raises
        ------
        DTypeError, ShapeError, ArgumentError
        """
        for dtype in (*self.dtypes, *(r.dtype for r in self.reductions)):
            if dtype not in LLVM_TYPES:
                raise DTypeError(f"a loop was given dtype {dtype!r}; loops are compiled for {', '.join(LLVM_TYPES)}")
        for operand in self.operands:
            if len(operand.strides) != len(self.shape):
                raise ShapeError(f"an operand has strides {operand.strides} in a loop over {self.shape}; give one stride per axis")
        for number, step in enumerate(self.steps):
            known = len(self.operands) + number
            if any(isinstance(v, int) and not 0 <= v < known for v in step.operands):
                raise ArgumentError(f"step {number} reads values {step.operands}, but only {known} exist before it; wrap numbers in Literal")
        for reduction in self.reductions:
            if reduction.kind not in KINDS or any(not 0 <= a < len(self.shape) for a in reduction.axes):
                raise ArgumentError(f"cannot reduce {reduction.kind!r} over axes {reduction.axes} of {self.shape}; kinds are {', '.join(KINDS)}")
        if any(not 0 <= v < len(self.dtypes) for v in (*self.stores, *(r.value for r in self.reductions))):
            raise ArgumentError(f"a store or reduction names a value that does not exist; there are {len(self.dtypes)}")
        for value, operand in self.into:
            target = self.operands[operand]
            walked = [(s, c) for n, s, c in zip(self.shape, target.strides, contiguous(list(self.shape), set()), strict=True) if n > 1]
            if self.dtypes[value] != target.dtype or any(s != c for s, c in walked):
                raise ArgumentError(f"value {value} ({self.dtypes[value]}) cannot be written over operand {operand}: "
                                    f"{target} is not contiguous over {self.shape} or has another dtype")


@dataclass
class Access:
    """An array as the collapsed loop walks through it: elements to step along each axis."""

    dtype: str
    strides: list[int]


@dataclass
class Space:
    """The iteration space with axes of length 1 dropped and neighbours merged that can be walked as one.

    Attributes
    ----------
    lengths : list of int
    inputs, stores, reductions : list of Access
        A reduction has stride 0 along axes that it reduces.
    reduced : list of set of int
        Axes that each reduction reduces.
    """

    lengths: list[int]
    inputs: list[Access]
    stores: list[Access]
    reductions: list[Access]
    reduced: list[set[int]]


def collapse(loop: Loop) -> Space:
    """The smallest space that walks through the same elements in the same order."""
    axes: list[tuple[int, tuple[int, ...], tuple[bool, ...]]] = []
    for axis, length in enumerate(loop.shape):
        if length == 1:
            continue
        steps = tuple(o.strides[axis] for o in loop.operands)
        flags = tuple(axis in r.axes for r in loop.reductions)
        if axes and axes[-1][2] == flags and all(outer == inner * length for outer, inner in zip(axes[-1][1], steps, strict=True)):
            axes[-1] = (axes[-1][0] * length, steps, flags)
        else:
            axes.append((length, steps, flags))
    axes = axes or [(1, (0,) * len(loop.operands), (True,) * len(loop.reductions))]
    lengths = [length for length, _, _ in axes]
    reduced = [{a for a, axis in enumerate(axes) if axis[2][r]} for r in range(len(loop.reductions))]
    return Space(
        lengths,
        [Access(o.dtype, [axis[1][k] for axis in axes]) for k, o in enumerate(loop.operands)],
        [Access(loop.dtypes[v], contiguous(lengths, set())) for v in loop.stores],
        [Access(r.dtype, contiguous(lengths, reduced[k])) for k, r in enumerate(loop.reductions)],
        reduced)


def contiguous(lengths: list[int], without: set[int]) -> list[int]:
    """Strides of a C-contiguous array over the axes not in `without`, which get 0."""
    return [0 if a in without else math.prod(n for b, n in enumerate(lengths) if b > a and b not in without) for a in range(len(lengths))]
