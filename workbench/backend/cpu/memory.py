"""Vectors of numbers from memory and back, for as many elements as there are, and loops over indices.

What is left of an axis is loaded as it is and widened to a vector whose further lanes repeat the first: no lane holds
a number that was not there, so nothing can trap, and nothing beyond the array is touched.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence

from .values import BITS, LLVM_TYPES, Block, Value, rearrange

MEMORY = {**LLVM_TYPES, "bool": "i8"}
"""Types of elements in memory."""


def step(block: Block, pointer: str, dtype: str, stride: int, index: str) -> str:
    """The address `index` strides behind a pointer."""
    if stride == 0:
        return pointer
    offset = index if stride == 1 else block.assign(f"mul i64 {index}, {stride}")
    return block.assign(f"getelementptr {MEMORY[dtype]}, ptr {pointer}, i64 {offset}")


def load(block: Block, pointer: str, dtype: str, stride: int, elements: int) -> Value:
    """`elements` numbers in the lanes of the block; lanes beyond them repeat the first ones."""
    stored, width = "uint8" if dtype == "bool" else dtype, block.width
    align = BITS[dtype] // 8
    if stride == 0 or width == 1:
        with block.lanes(1):
            scalar = block.value(f"load {MEMORY[dtype]}, ptr {pointer}, align {align}", stored)
        value = block.splat(scalar)
    elif stride == 1:
        with block.lanes(elements):
            value = block.value(f"load {block.type(stored)}, ptr {pointer}, align {align}", stored)
        if elements != width:
            value = rearrange(value, [lane % elements for lane in range(width)], elements)
    else:
        value = _gather(block, pointer, stored, stride, elements)
    return value.compare("ne", 0) if dtype == "bool" else value


def _gather(block: Block, pointer: str, dtype: str, stride: int, elements: int) -> Value:
    """Numbers that do not lie side by side, one by one."""
    whole = "poison"
    for lane in range(block.width):
        place = block.assign(f"getelementptr {MEMORY[dtype]}, ptr {pointer}, i64 {lane % elements * stride}")
        number = block.assign(f"load {MEMORY[dtype]}, ptr {place}, align {BITS[dtype] // 8}")
        whole = block.assign(f"insertelement {block.type(dtype)} {whole}, {MEMORY[dtype]} {number}, i64 {lane}")
    return Value(block, whole, dtype)


def store(block: Block, pointer: str, value: Value, elements: int) -> None:
    """The first `elements` lanes into memory."""
    align, width = BITS[value.dtype] // 8, block.width
    if value.dtype == "bool":
        value = value.to("uint8")
    with block.lanes(elements):
        if elements != width:
            value = rearrange(value, range(elements), width)
        block.write(f"store {value.type} {value.text}, ptr {pointer}, align {align}")


def count(block: Block, begin: str, end: str, body: Callable[[str, list[Value]], list[Value]], *,
          stride: int = 1, carried: Sequence[Value] = ()) -> list[Value]:
    """A loop of at least one turn. ``body(index, values)`` returns what it carries to the next turn, in the end the result."""
    label, done, index = block.name("loop"), block.name("done"), f"%{block.name('i')}"
    before = block.label
    block.write(f"br label %{label}")
    block.start(label)
    place = len(block.lines)
    block.lines += [""] * (1 + len(carried))  # the phis, whose last operands are known at the end
    now = [Value(block, f"%{block.name()}", value.dtype) for value in carried]
    after = body(index, now)
    following = block.assign(f"add i64 {index}, {stride}")
    more = block.assign(f"icmp slt i64 {following}, {end}")
    block.lines[place] = f"  {index} = phi i64 [ {begin}, %{before} ], [ {following}, %{block.label} ]"
    for position, (first, value, last) in enumerate(zip(carried, now, after, strict=True), place + 1):
        block.lines[position] = f"  {value.text} = phi {value.type} [ {first.text}, %{before} ], [ {last.text}, %{block.label} ]"
    block.write(f"br i1 {more}, label %{label}, label %{done}")
    block.start(done)
    return after


def when(block: Block, condition: str, body: Callable[[], None]) -> None:
    """`body` only where `condition` holds."""
    inside, after = block.name("then"), block.name("after")
    block.write(f"br i1 {condition}, label %{inside}, label %{after}")
    block.start(inside)
    body()
    block.write(f"br label %{after}")
    block.start(after)


def pieces(length: int, width: int) -> tuple[int, int, int]:
    """Elements in whole vectors, elements left, and lanes for those."""
    left = length % width
    return length - left, left, 1 << (left - 1).bit_length() if left else 0


def vectors(block: Block, length: int, width: int, body: Callable[[str, int], None]) -> None:
    """``body(index, elements)`` for vectors that cover `length`: `elements` of the block's lanes count."""
    whole, left, lanes = pieces(length, width)

    def turn(index: str, carried: list[Value]) -> list[Value]:
        body(index, width)
        return carried

    if whole:
        with block.lanes(width):
            count(block, "0", str(whole), turn, stride=width)
    if left:
        with block.lanes(lanes):
            body(str(whole), left)
