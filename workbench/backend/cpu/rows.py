"""Formulas over the rows of matrices in several sweeps, in one call: a row stays in the cache from its maximum to its quotient.

Neither the number of rows nor their width is known when the code is made. Sums of float32 are collected in float64.
"""
from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .cache import build, machine
from .expression import maximum, write_step
from .memory import count, load, step, store, when
from .plan import Literal, Step
from .threads import together
from .values import BITS, Block, Module, Value, rearrange

PROTOTYPE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
SHARED = 1 << 18
"""Numbers of a matrix from which threads share the rows."""


@dataclass(frozen=True)
class Sweep:
    """One pass over a row, or one computation of numbers of it.

    Attributes
    ----------
    steps : tuple of Step
        Their operands are numbers of values: arrays of the plan, what sweeps before have found for the row, then steps.
    stores : tuple of (int, int)
        What is written: (value, array).
    found : tuple of (int, str)
        Values that are reduced over the row, and how: "sum" or "max"; for a sweep of `numbers`, ("", value) as they are.
    numbers : bool
        Are only numbers of the row computed with one another?
    """

    steps: tuple[Step, ...]
    stores: tuple[tuple[int, int], ...] = ()
    found: tuple[tuple[int, str], ...] = ()
    numbers: bool = False


@dataclass(frozen=True)
class Rows:
    """What happens to every row.

    Attributes
    ----------
    dtype : str
        Of all arrays: float32 or float64.
    kinds : str
        One letter for every array: "m" for a matrix (rows, width), "r" for a number of every row (rows,), "c" for a row that all meet
        (width,), "n" for one number (1,).
    sweeps : tuple of Sweep
    """

    dtype: str
    kinds: str
    sweeps: tuple[Sweep, ...]


@functools.lru_cache(256)
def compile_rows(plan: Rows) -> Callable[..., None]:
    """A function of the arrays of a plan, all C-contiguous, the first of them a matrix. Nothing is checked.

    Examples
    --------
    >>> mean = Rows("float64", "mr", (Sweep((), found=((0, "sum"),)), Sweep((Step("{0} / 2", (2,), "float64"),), stores=((3, 1),), numbers=True)))
    >>> x, o = np.arange(6.0).reshape(3, 2), np.empty(3)
    >>> compile_rows(mean)(x, o)
    >>> o.tolist()
    [0.5, 2.5, 4.5]
    """
    ir = _Writer(plan).write()

    def load_(code: bytes, from_disk: bool) -> Callable[..., None]:
        kept, addresses = machine().link(code, ("rows",))
        call, places = PROTOTYPE(addresses["rows"]), ctypes.c_void_p * len(plan.kinds)
        call.code = kept  # whoever keeps the function keeps the memory it lies in

        def run(*arrays: Any) -> None:
            first = arrays[0]
            run_part = functools.partial(call, places(*(array.ctypes.data for array in arrays)), first.shape[1])
            if first.size < SHARED:
                run_part(0, len(first))
            else:
                together(run_part, len(first), 1)

        return run

    return build(ir, load_)


class _Writer:
    """Writes ``void rows(table, width, begin, end)``."""

    def __init__(self, plan: Rows) -> None:
        self.plan, self.module = plan, Module()
        self.block = Block(self.module)
        self.lanes = machine().vector_bits // BITS[plan.dtype]
        self.rooms: list[list[str]] = []

    def write(self) -> str:
        block = self.block
        for sweep in self.plan.sweeps:  # what is found lies in memory while loops that may not run at all change it
            self.rooms.append([] if sweep.numbers else [block.assign(f"alloca {block.type(_collected(kind, self.plan.dtype))}") for _, kind in sweep.found])
        count(block, "%begin", "%end", self._row)
        body = "\n".join(block.lines)
        return f"define void @rows(ptr %table, i64 %width, i64 %begin, i64 %end) {{\nentry:\n{body}\n  ret void\n}}\n{self.module}"

    def _row(self, row: str, _: Sequence[Value]) -> list[Value]:
        block, plan = self.block, self.plan
        offsets = {"m": block.assign(f"mul i64 {row}, %width"), "r": row, "c": "0", "n": "0"}
        places = [step(block, block.assign(f"load ptr, ptr {step(block, '%table', 'int64', 1, str(number))}"), plan.dtype, 1, offsets[kind])
                  for number, kind in enumerate(plan.kinds)]
        known: list[Value] = []
        for sweep, rooms in zip(plan.sweeps, self.rooms, strict=True):
            known += self._numbers(sweep, places, known) if sweep.numbers else self._sweep(sweep, rooms, places, known)
        return []

    def _numbers(self, sweep: Sweep, places: list[str], known: list[Value]) -> list[Value]:
        read = _read(sweep)
        values = self._values(sweep, [load(self.block, place, self.plan.dtype, 0, 1) if number in read else None for number, place in enumerate(places)], known)
        for number, array in sweep.stores:
            store(self.block, places[array], values[number], 1)
        return [values[number] for number, _ in sweep.found]

    def _sweep(self, sweep: Sweep, rooms: list[str], places: list[str], known: list[Value]) -> list[Value]:
        """In vectors, then one by one."""
        block, done = self.block, "0"
        for room, value in zip(rooms, self._nothing(sweep), strict=True):
            store(block, room, value, 1)
        for lanes in (self.lanes, 1):
            end = block.assign(f"and i64 %width, {-lanes}")

            def vectors(begin: str = done, end: str = end, lanes: int = lanes) -> None:
                with block.lanes(lanes):
                    same = [block.splat(value) for value in known]
                    found = count(block, begin, end, lambda index, now: self._elements(sweep, index, places, same, now),
                                  stride=lanes, carried=self._nothing(sweep))
                    wholes = [_across(value, kind) for value, (_, kind) in zip(found, sweep.found, strict=True)]
                for room, whole, (_, kind) in zip(rooms, wholes, sweep.found, strict=True):
                    store(block, room, _joined(load(block, room, whole.dtype, 0, 1), whole, kind), 1)

            when(block, block.assign(f"icmp slt i64 {done}, {end}"), vectors)
            done = end
        return [load(block, room, _collected(kind, self.plan.dtype), 0, 1).to(self.plan.dtype) for room, (_, kind) in zip(rooms, sweep.found, strict=True)]

    def _nothing(self, sweep: Sweep) -> list[Value]:
        """What joining begins with."""
        return [self.block.constant(0 if kind == "sum" else -np.inf, _collected(kind, self.plan.dtype)) for _, kind in sweep.found]

    def _elements(self, sweep: Sweep, index: str, places: list[str], known: list[Value], now: list[Value]) -> list[Value]:
        block, dtype, read = self.block, self.plan.dtype, _read(sweep)
        where = [place if kind in "rn" else step(block, place, dtype, 1, index) for place, kind in zip(places, self.plan.kinds, strict=True)]
        values = self._values(sweep, [load(block, place, dtype, 0 if kind in "rn" else 1, block.width) if number in read else None
                                      for number, (place, kind) in enumerate(zip(where, self.plan.kinds, strict=True))], known)
        for number, array in sweep.stores:
            store(block, where[array], values[number], block.width)
        return [_joined(before, values[number], kind) for before, (number, kind) in zip(now, sweep.found, strict=True)]

    def _values(self, sweep: Sweep, arrays: list[Any], known: list[Value]) -> list[Any]:
        values: list[Any] = [*arrays, *known]
        for part in sweep.steps:
            operands = [v.value if isinstance(v, Literal) else values[v] for v in part.operands]
            values.append(write_step(part.expression, operands, part.dtype, self.block))
        return values


def _read(sweep: Sweep) -> set[Any]:
    return {v for part in sweep.steps for v in part.operands if not isinstance(v, Literal)} | {number for number, _ in sweep.found}


def _collected(kind: str, dtype: str) -> str:
    return "float64" if kind == "sum" else dtype


def _joined(before: Value, new: Value, kind: str) -> Value:
    return before + new.to("float64") if kind == "sum" else maximum(before, new)


def _across(value: Value, kind: str) -> Value:
    """All lanes joined, in halves."""
    block, width = value.block, value.block.width
    while width > 1:
        width //= 2
        with block.lanes(width):
            value = _joined(rearrange(value, range(width), 2 * width), rearrange(value, range(width, 2 * width), 2 * width), kind)
    return value
