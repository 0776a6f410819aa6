"""One call over many arrays: the same element-wise steps on every row of a table of arrays, whatever their lengths.

This is what an optimizer needs: a row is a parameter with its gradient and its state. Unlike a `Loop` the lengths are not
known when the code is made, so one kernel serves every model. Sums and products are rounded one by one: results are
NumPy's to the last bit. A value may also be added up over each row, in float64.
"""
from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .cache import build, machine
from .expression import write_step
from .memory import count, load, step, store, when
from .plan import Literal, Step
from .values import BITS, Block, Module, Value, rearrange

PROTOTYPE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)


@dataclass(frozen=True)
class Multi:
    """Element-wise steps on every row of a table of arrays.

    Attributes
    ----------
    dtype : str
        Of all arrays, but for those named in `others`: float32 or float64.
    columns : int
        Arrays in a row; all of the same length.
    numbers : int
        Numbers (float64) that every element meets.
    steps : tuple of Step
        Their operands are numbers of values: columns, then numbers, then those of the row, then steps.
    stores : tuple of (int, int)
        What is written when all of an element is computed: (value, column).
    sums : tuple of int
        Values that are added up over each row.
    row_numbers : int
        Numbers (float64) that every element of a row meets, others in each row.
    others : tuple of (int, str)
        Columns of another dtype.
    """

    dtype: str
    columns: int
    numbers: int
    steps: tuple[Step, ...]
    stores: tuple[tuple[int, int], ...] = ()
    sums: tuple[int, ...] = ()
    row_numbers: int = 0
    others: tuple[tuple[int, str], ...] = ()


class MultiKernel:
    """A compiled `Multi`.

    Attributes
    ----------
    call : callable
        ``call(objects, lengths, rows, numbers, sums, row_numbers)`` with addresses: of ``columns * rows`` addresses of NumPy
        arrays, column by column; of the int64 lengths of the rows; of the float64 numbers; of where float64 sums go, and of
        the float64 numbers of rows, both row by row (None for what there is none of). Nothing is checked.
    """

    def __init__(self, plan: Multi, ir: str, code: bytes) -> None:
        self.plan, self.ir = plan, ir
        self._code, addresses = machine().link(code, ("multi",))
        self.call = PROTOTYPE(addresses["multi"])
        self.call.code = self._code  # whoever keeps the function keeps the memory it lies in


@functools.lru_cache(512)
def compile_multi(plan: Multi) -> MultiKernel:
    """The kernel of a plan, from memory, from disk, or compiled now.

    Examples
    --------
    >>> import numpy as np
    >>> plan = Multi("float64", 2, 1, (Step("{0} * {1}", (1, 2), "float64"), Step("{0} - {1}", (0, 3), "float64")), ((4, 0),))
    >>> p, g, rate = np.ones(3), np.arange(3.0), np.array([0.5])
    >>> table, lengths = np.array([id(p), id(g)]), np.array([3])
    >>> compile_multi(plan).call(table.ctypes.data, lengths.ctypes.data, 1, rate.ctypes.data, None, None)
    >>> p.tolist()
    [1.0, 0.5, 0.0]
    """
    ir = _Writer(plan, machine().vector_bits).write()
    return build(ir, lambda code, from_disk: MultiKernel(plan, ir, code))


def multi_call(plan: Multi) -> Callable[..., None]:
    """A function of one row: contiguous NumPy arrays of one length, one per column, for a plan without numbers. Nothing is checked.

    Examples
    --------
    >>> import numpy as np
    >>> x, o = np.arange(3.0), np.empty(3)
    >>> multi_call(Multi("float64", 2, 0, (Step("{0} * {0}", (0,), "float64"),), ((2, 1),)))(x, o)
    >>> o.tolist()
    [0.0, 1.0, 4.0]
    """
    call, objects, length = compile_multi(plan).call, ctypes.c_void_p * plan.columns, ctypes.c_int64

    def run(*arrays: Any) -> None:
        call(objects(*map(id, arrays)), ctypes.byref(length(arrays[0].size)), 1, None, None, None)

    return run


class _Writer:
    """Writes the function of one plan."""

    def __init__(self, plan: Multi, vector_bits: int) -> None:
        self.plan, self.module = plan, Module()
        self.block = Block(self.module, contract=False)
        self.width = vector_bits // BITS[plan.dtype]
        others = dict(plan.others)
        self.dtypes = [others.get(column, plan.dtype) for column in range(plan.columns)]
        self.numbers: list[Value] = []
        self.own: list[Value] = []
        self.totals: list[str] = []

    def write(self) -> str:
        """``void multi(objects, lengths, rows, numbers, sums, row_numbers)``."""
        block = self.block
        for number in range(self.plan.numbers):
            value = load(block, step(block, "%numbers", "float64", 1, str(number)), "float64", 0, 1)
            self.numbers.append(value.to(self.plan.dtype))  # once, as NumPy takes a Python number into an array's dtype
        count(block, "0", "%rows", self._row)
        body = "\n".join(block.lines)
        return f"define void @multi(ptr %objects, ptr %lengths, i64 %rows, ptr %numbers, ptr %sums, ptr %own) {{\nentry:\n{body}\n  ret void\n}}\n{self.module}"

    def _row(self, row: str, _: Sequence[Value]) -> list[Value]:
        block = self.block
        length = load(block, step(block, "%lengths", "int64", 1, row), "int64", 0, 1).text
        places = [self._place(column, row) for column in range(self.plan.columns)]
        self.totals = [self._mine(row, "%sums", number, len(self.plan.sums)) for number in range(len(self.plan.sums))]
        for place in self.totals:
            store(block, place, block.constant(0, "float64"), 1)
        own = [self._mine(row, "%own", number, self.plan.row_numbers) for number in range(self.plan.row_numbers)]
        self.own = [load(block, place, "float64", 0, 1).to(self.plan.dtype) for place in own]
        whole = block.assign(f"and i64 {length}, {-self.width}")
        self._while("0", whole, self.width, places)
        self._while(whole, length, 1, places)
        return []

    def _place(self, column: int, row: str) -> str:
        """Where the numbers of an array begin: the first field of a NumPy array, in a layout that NumPy promises."""
        block = self.block
        index = block.assign(f"add i64 {row}, {block.assign(f'mul i64 %rows, {column}')}")
        array = block.assign(f"load ptr, ptr {step(block, '%objects', 'int64', 1, index)}")
        return block.assign(f"load ptr, ptr {block.assign(f'getelementptr i8, ptr {array}, i64 {object.__basicsize__}')}")

    def _mine(self, row: str, table: str, number: int, count: int) -> str:
        """Where a number of this row lies in a table with `count` of them per row."""
        index = self.block.assign(f"add i64 {self.block.assign(f'mul i64 {row}, {count}')}, {number}")
        return step(self.block, table, "float64", 1, index)

    def _while(self, begin: str, end: str, width: int, places: list[str]) -> None:
        """The elements from begin to end, which may be none, `width` at a time."""
        block = self.block
        some = block.assign(f"icmp slt i64 {begin}, {end}")
        with block.lanes(width):
            numbers = [block.splat(number) for number in (*self.numbers, *self.own)]

            def loop() -> None:
                start = [block.constant(0, "float64") for _ in self.totals]
                sums = count(block, begin, end, lambda index, sums: self._elements(index, places, numbers, sums), stride=width, carried=start)
                for place, value in zip(self.totals, map(across, sums), strict=True):
                    with block.lanes(1):
                        store(block, place, load(block, place, "float64", 0, 1) + value, 1)

            when(block, some, loop)

    def _elements(self, index: str, places: list[str], numbers: list[Value], sums: list[Value]) -> list[Value]:
        block = self.block
        where = [step(block, place, dtype, 1, index) for place, dtype in zip(places, self.dtypes, strict=True)]
        values: list[Any] = [*(load(block, place, dtype, 1, block.width) for place, dtype in zip(where, self.dtypes, strict=True)), *numbers]
        for part in self.plan.steps:
            operands = [v.value if isinstance(v, Literal) else values[v] for v in part.operands]
            values.append(write_step(part.expression, operands, part.dtype, block))
        for number, column in self.plan.stores:
            store(block, where[column], values[number], block.width)
        return [total + values[number].to("float64") for total, number in zip(sums, self.plan.sums, strict=True)]


def across(value: Value) -> Value:
    """The sum of all lanes, in halves."""
    block, width = value.block, value.block.width
    while width > 1:
        width //= 2
        with block.lanes(width):
            value = rearrange(value, range(width), 2 * width) + rearrange(value, range(width, 2 * width), 2 * width)
    return value
