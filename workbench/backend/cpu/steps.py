"""One call for a whole sequence: at every step a product of the rows of a batch with packed weights, then formulas on every row.

Between two steps there is neither Python nor a library: where rows are few, those are what costs. Weights are packed once, in
panels that are as wide as two or three vectors; of a panel and a few rows all sums are in registers. Rows do not meet, so
threads can take parts of a batch through all steps.
"""
from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .cache import build, machine
from .expression import write_step
from .memory import count, load, step, store, when
from .plan import Literal, Step
from .threads import together
from .tiles import TILES, in_tiles, product
from .values import BITS, Block, Module, Value

PROTOTYPE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
SHARED = 1 << 22
"""Products of numbers from which threads share the rows: a tenth of a millisecond of one thread, several times what handing over costs."""


@dataclass(frozen=True)
class Steps:
    """What happens at every step.

    Attributes
    ----------
    dtype : str
        Of all arrays: float32 or float64.
    columns : int
        Arrays (length, rows, width) that the formulas read and write.
    row_numbers : int
        Arrays (length, rows, 1) that they read.
    steps : tuple of Step
        Their operands are numbers of values: columns, then those of the row, then steps.
    stores : tuple of (int, int)
        What is written when all of an element is computed: (value, column).
    """

    dtype: str
    columns: int
    row_numbers: int
    steps: tuple[Step, ...]
    stores: tuple[tuple[int, int], ...]


class StepsKernel:
    """A compiled `Steps`."""

    def __init__(self, plan: Steps, ir: str, code: bytes) -> None:
        self.plan, self.ir = plan, ir
        self._code, addresses = machine().link(code, ("steps",))
        self._call = PROTOTYPE(addresses["steps"])
        self._panel = TILES[machine().vector_bits][1] * machine().vector_bits // BITS[plan.dtype]

    def __call__(self, left: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, arrays: Sequence[np.ndarray]) -> None:
        """At every step ``left @ weight + bias``, then the formulas.

        Parameters
        ----------
        left : ndarray, shape (length, rows, inner)
        weight : ndarray, shape (inner, parts * width)
        bias : ndarray, shape (parts * width,), optional
        arrays : sequence of ndarray, shapes (length, rows, width), or (rows, width) where every step meets the same
            What the formulas read and write, without the parts of the product, which are their first columns. All but the
            numbers of rows have their last axis in one piece. Nothing is checked.
        """
        (length, rows, inner), width = left.shape, arrays[0].shape[-1]
        packed = pack(weight, self._panel)
        start = np.zeros(len(packed) * self._panel, left.dtype)
        if bias is not None:
            start[:len(bias)] = bias
        product = np.empty((rows, len(start)), left.dtype)
        parts = [product[:, part * width:(part + 1) * width] for part in range(weight.shape[1] // width)]
        table = np.array([_place(array) for array in (packed, start, product, left, *parts, *arrays)])
        sizes = np.array([length, width, inner, len(packed)])
        run = functools.partial(self._call, table.ctypes.data, sizes.ctypes.data)
        if length * rows * inner * weight.shape[1] < SHARED:
            run(0, rows)
        else:
            together(run, rows, TILES[machine().vector_bits][0])


def pack(weight: np.ndarray, columns: int) -> np.ndarray:
    """(panels, rows, `columns`): `columns` columns after the other, the last ones filled up with zeros.

    Examples
    --------
    >>> pack(np.arange(6).reshape(2, 3), 2).tolist()
    [[[0, 1], [3, 4]], [[2, 0], [5, 0]]]
    """
    panels = np.zeros((-(-weight.shape[1] // columns), len(weight), columns), weight.dtype)
    for number, panel in enumerate(panels):
        part = weight[:, number * columns:(number + 1) * columns]
        panel[:, :part.shape[1]] = part
    return panels


def _place(array: np.ndarray) -> tuple[int, int, int]:
    """Address, and bytes from one step to the next and from one row to the next."""
    strides = array.strides
    return array.ctypes.data, strides[0] if array.ndim == 3 else 0, strides[-2] if array.ndim > 1 else 0


@functools.lru_cache(64)
def compile_steps(plan: Steps) -> StepsKernel:
    """The kernel of a plan, from memory, from disk, or compiled now.

    Examples
    --------
    >>> plan = Steps("float64", 3, 0, (Step("{0} + {1}", (0, 1), "float64"),), ((3, 2),))
    >>> x, state = np.ones((3, 1, 2)), np.zeros((4, 1, 2))
    >>> compile_steps(plan)(state[:-1], np.eye(2) * 2, None, [x, state[1:]])
    >>> state[:, 0].tolist()
    [[0.0, 0.0], [1.0, 1.0], [3.0, 3.0], [7.0, 7.0]]
    """
    ir = _Writer(plan).write()
    return build(ir, lambda code, from_disk: StepsKernel(plan, ir, code))


class _Writer:
    """Writes the function of one plan."""

    def __init__(self, plan: Steps) -> None:
        self.plan, self.module = plan, Module()
        self.block = Block(self.module)
        self.lanes = machine().vector_bits // BITS[plan.dtype]
        self.rows, self.vectors = TILES[machine().vector_bits]
        self.read = {v for part in plan.steps for v in part.operands if not isinstance(v, Literal)}

    def write(self) -> str:
        """``void steps(table, sizes, begin, end)``: rows from begin to end."""
        block = self.block
        self.length, self.width, self.inner, self.panels = (
            load(block, step(block, "%sizes", "int64", 1, str(number)), "int64", 0, 1).text for number in range(4))
        self.packed, self.start, self.product = (self._field(number, 0, "ptr") for number in range(3))
        count(block, "0", self.length, self._step)
        body = "\n".join(block.lines)
        return f"define void @steps(ptr %table, ptr %sizes, i64 %begin, i64 %end) {{\nentry:\n{body}\n  ret void\n}}\n{self.module}"

    def _field(self, array: int, field: int, kind: str = "i64") -> str:
        return self.block.assign(f"load {kind}, ptr {step(self.block, '%table', 'int64', 1, str(3 * array + field))}")

    def _moved(self, pointer: str, bytes_: str, index: str) -> str:
        offset = self.block.assign(f"mul i64 {bytes_}, {index}")
        return self.block.assign(f"getelementptr i8, ptr {pointer}, i64 {offset}")

    def _step(self, time: str, _: Sequence[Value]) -> list[Value]:
        left, *columns = (self._moved(self._field(array, 0, "ptr"), self._field(array, 1), time)
                          for array in range(3, 4 + self.plan.columns + self.plan.row_numbers))
        count(self.block, "0", self.panels, lambda panel, _: self._panel(panel, left))
        count(self.block, "%begin", "%end", lambda row, _: self._row(row, columns))
        return []

    # The product ----------------------------------------------------------------------------------------------------
    def _panel(self, panel: str, left: str) -> list[Value]:
        """All rows times one panel: tiles of many rows, then of half as many, as often as that goes."""
        block, dtype, wide = self.block, self.plan.dtype, self.lanes * self.vectors
        column = block.assign(f"mul i64 {panel}, {wide}")
        weights = step(block, self.packed, dtype, 1, block.assign(f"mul i64 {column}, {self.inner}"))
        places = left, step(block, self.start, dtype, 1, column), step(block, self.product, dtype, 1, column)
        in_tiles(block, "%begin", "%end", self.rows, lambda rows: self._tile(rows, weights, *places))
        return []

    def _tile(self, rows: list[str], weights: str, left: str, start: str, target: str) -> None:
        block, dtype, lanes = self.block, self.plan.dtype, self.lanes
        stride, stride_out = self._field(3, 2), self._field(2, 2)
        lefts = [self._moved(left, stride, row) for row in rows]
        with block.lanes(lanes):
            begin = [load(block, step(block, start, dtype, lanes, str(v)), dtype, 1, lanes) for v in range(self.vectors)]
            sums = product(block, dtype, lefts, self.inner, lambda index: step(block, weights, dtype, lanes * self.vectors, index), begin)
            for r, row in enumerate(rows):
                place = self._moved(target, stride_out, row)
                for v in range(self.vectors):
                    store(block, step(block, place, dtype, lanes, str(v)), sums[r * self.vectors + v], lanes)

    # The formulas ---------------------------------------------------------------------------------------------------
    def _row(self, row: str, columns: list[str]) -> list[Value]:
        """The elements of a row in vectors, then in quarters of one, then one by one."""
        block, plan = self.block, self.plan
        places = [self._moved(place, self._field(number, 2), row) for number, place in enumerate(columns, 4)]
        own = [load(block, place, plan.dtype, 0, 1) for place in places[plan.columns:]]
        done = "0"
        for lanes in sorted({self.lanes, max(self.lanes // 4, 1), 1}, reverse=True):
            end = block.assign(f"and i64 {self.width}, {-lanes}")

            def vectors(begin: str = done, end: str = end, lanes: int = lanes) -> None:
                with block.lanes(lanes):
                    numbers = [block.splat(number) for number in own]
                    count(block, begin, end, lambda index, _: self._elements(index, places, numbers), stride=lanes)

            when(block, block.assign(f"icmp slt i64 {done}, {end}"), vectors)
            done = end
        return []

    def _elements(self, index: str, places: list[str], numbers: list[Value]) -> list[Value]:
        block, plan = self.block, self.plan
        where = [step(block, place, plan.dtype, 1, index) for place in places[:plan.columns]]
        values: list[Any] = [load(block, place, plan.dtype, 1, block.width) if number in self.read else None for number, place in enumerate(where)]
        values += numbers
        for part in plan.steps:
            operands = [v.value if isinstance(v, Literal) else values[v] for v in part.operands]
            values.append(write_step(part.expression, operands, part.dtype, block))
        for number, column in plan.stores:
            store(block, where[column], values[number], block.width)
        return []
