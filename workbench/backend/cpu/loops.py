"""The loop nest of a plan as IR: outer axes as plain loops, the last axis in vectors, reductions folded on the way.

The remainder of the last axis (its length is known) is one vector of fewer lanes, so there is no scalar loop. A
reduction has an accumulator in memory for what it keeps inside its outermost reduced axis; where the last axis is
reduced, a vector in a register collects it first. Sums of float32 are collected in float64.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .expression import maximum, minimum, write_step
from .memory import count, load, pieces, step, store, vectors, when
from .plan import Access, Literal, Loop, Reduction, collapse, contiguous
from .values import BITS, FLOATS, Block, Module, Value, rearrange, where

ON_STACK = 16384
"""Bytes up to which an accumulator lies on the stack."""
COMBINE: dict[str, Callable[[Value, Value], Value]] = {
    "sum": lambda x, y: x + y, "prod": lambda x, y: x * y, "max": maximum, "min": minimum,
    "any": lambda x, y: x | y, "all": lambda x, y: x & y}
Pointers = dict[int, str]


@dataclass
class Accumulator:
    """Where a reduction collects: `strides` walk its memory, `depth` is its outermost reduced axis.

    Where it keeps the last axis only, it has `room` for whole vectors.
    """

    plan: Reduction
    dtype: str
    depth: int
    strides: list[int]
    size: int
    room: int = 0
    memory: str = ""

    @property
    def identity(self) -> Any:
        """What changes nothing."""
        kind, dtype = self.plan.kind, self.dtype
        if kind in ("sum", "any"):
            return 0
        if kind in ("prod", "all"):
            return 1
        if dtype == "bool":
            return kind == "min"
        if dtype in FLOATS:
            return -math.inf if kind == "max" else math.inf
        return np.iinfo(dtype).min if kind == "max" else np.iinfo(dtype).max

    @property
    def bytes(self) -> int:
        """Size of its memory."""
        return max(self.size, self.room) * BITS[self.dtype] // 8


class Nest:
    """Writes the function of one loop for vectors of `vector_bits`."""

    def __init__(self, loop: Loop, vector_bits: int) -> None:
        self.loop, self.module = loop, Module()
        self.block = Block(self.module)
        self.space = collapse(loop)
        self.arrays = [*self.space.inputs, *self.space.stores, *self.space.reductions]
        self.first_reduction = len(self.space.inputs) + len(self.space.stores)
        self.lengths = self.space.lengths
        self.inner = len(self.lengths) - 1
        self.width = min(self._lanes(vector_bits), 1 << max(self.lengths[-1] - 1, 0).bit_length())
        self.accumulators = {k: self._accumulator(k) for k, reduced in enumerate(self.space.reduced) if reduced}

    def _accumulator(self, number: int) -> Accumulator:
        plan, reduced = self.loop.reductions[number], self.space.reduced[number]
        depth = min(reduced)
        dtype = "float64" if plan.dtype == "float32" and plan.kind == "sum" else plan.dtype
        strides = [0 if a < depth else s for a, s in enumerate(contiguous(self.lengths, reduced))]
        kept = [a for a in range(depth + 1, len(self.lengths)) if a not in reduced]
        size = math.prod(self.lengths[a] for a in kept)
        whole, left, lanes = pieces(self.lengths[-1], self.width)
        room = whole + lanes if kept == [self.inner] else 0
        return Accumulator(plan, dtype, depth, strides, size, room)

    def _lanes(self, vector_bits: int) -> int:
        """Lanes per vector: as many as fit of the smallest numbers computed, leaving out flags and bytes beside wider ones.

        Where a few cheap steps end in a reduction, four times as many: combining waits for the combination before,
        and LLVM makes four independent ones of it.
        """
        sizes = [BITS[dtype] for dtype in self.loop.dtypes]
        lanes = max(1, vector_bits // min([size for size in sizes if size > 8] or sizes or [32]))
        cheap = len(self.loop.steps) <= 4 and not any("(" in part.expression for part in self.loop.steps)
        waiting = cheap and any(self.inner in reduced for reduced in self.space.reduced)
        return 4 * lanes if waiting and self.lengths[-1] >= 8 * lanes else lanes

    @property
    def splittable(self) -> bool:
        """May parts of the outermost axis be computed apart?"""
        return all(a.depth > 0 for a in self.accumulators.values()) and 0 not in self.lengths

    @property
    def grain(self) -> int:
        """What the limits of parts have to be multiples of."""
        return self.width if self.inner == 0 else 1

    # The function ---------------------------------------------------------------------------------------------------
    def write(self) -> str:
        """``void run(pointers, begin, end)``: begin and end on the outermost axis, of which a part may be computed."""
        block = self.block
        pointers = {k: block.assign(f"load ptr, ptr {block.assign(f'getelementptr ptr, ptr %pointers, i64 {k}')}") for k in range(len(self.arrays))}
        if 0 in self.lengths:
            for k, accumulator in self.accumulators.items():
                shape, dtype = self.loop.outputs[len(self.loop.stores) + k]
                self._fill(pointers[self.first_reduction + k], dtype, math.prod(shape), accumulator.identity)
        else:
            for accumulator in self.accumulators.values():
                accumulator.memory = self._reserve(accumulator)
            self._axis(0, pointers, {k: a.memory for k, a in self.accumulators.items()})
            for accumulator in self.accumulators.values():
                if accumulator.bytes > ON_STACK:
                    self.module.declare("declare void @free(ptr)")
                    block.write(f"call void @free(ptr {accumulator.memory})")
        body = "\n".join(block.lines)
        return f"define internal void @run(ptr %pointers, i64 %begin, i64 %end) {{\nentry:\n{body}\n  ret void\n}}\n{self.module}"

    def _reserve(self, accumulator: Accumulator) -> str:
        if accumulator.bytes <= ON_STACK:
            return self.block.assign(f"alloca i8, i64 {accumulator.bytes}, align 64")
        self.module.declare("declare ptr @malloc(i64)")
        return self.block.assign(f"call ptr @malloc(i64 {accumulator.bytes})")

    def _axis(self, axis: int, pointers: Pointers, memory: Pointers) -> None:
        """The loop over `axis` and all inside it; `pointers` are those of the arrays at the outer indices."""
        starting = {k: a for k, a in self.accumulators.items() if a.depth == axis}
        for accumulator in starting.values():
            self._fill(accumulator.memory, accumulator.dtype, max(accumulator.size, accumulator.room), accumulator.identity)
        if axis == self.inner:
            Inner(self, pointers, memory).write()
        else:
            begin, end = ("%begin", "%end") if axis == 0 else ("0", str(self.lengths[axis]))
            count(self.block, begin, end, lambda index, carried: self._descend(axis, index, pointers, memory))
        for k, accumulator in starting.items():
            self._finish(accumulator, pointers[self.first_reduction + k])

    def _descend(self, axis: int, index: str, pointers: Pointers, memory: Pointers) -> list[Value]:
        def move(pointer: str, access: Access | Accumulator) -> str:
            return step(self.block, pointer, access.dtype, access.strides[axis], index)

        self._axis(axis + 1, {k: move(p, self.arrays[k]) for k, p in pointers.items()},
                   {k: move(p, self.accumulators[k]) for k, p in memory.items()})
        return []

    def _fill(self, pointer: str, dtype: str, size: int, identity: Any) -> None:
        block = self.block
        vectors(block, size, self._plain_width(size), lambda index, elements: store(
            block, step(block, pointer, dtype, 1, index), block.constant(identity, dtype), elements))

    def _finish(self, accumulator: Accumulator, target: str) -> None:
        """What was collected, converted into the output."""
        block, dtype = self.block, accumulator.plan.dtype

        def convert(index: str, elements: int) -> None:
            value = load(block, step(block, accumulator.memory, accumulator.dtype, 1, index), accumulator.dtype, 1, elements)
            store(block, step(block, target, dtype, 1, index), value.to(dtype), elements)

        vectors(block, accumulator.size, self._plain_width(accumulator.size), convert)

    def _plain_width(self, size: int) -> int:
        return max(1, min(self.width, 1 << max(size - 1, 0).bit_length()))


class Inner:
    """Writes the last axis at one place of the outer axes."""

    def __init__(self, nest: Nest, pointers: Pointers, memory: Pointers) -> None:
        self.nest, self.block, self.loop = nest, nest.block, nest.loop
        self.pointers, self.memory = pointers, memory
        self.folded = {k: a for k, a in nest.accumulators.items() if nest.inner in nest.space.reduced[k]}
        self.repeated: dict[int, Value] = {}

    def write(self) -> None:
        """All of the axis, or of the part from begin to end if this is the only axis."""
        nest, block = self.nest, self.block
        length, width = nest.lengths[nest.inner], nest.width
        for k, access in enumerate(nest.space.inputs):
            if access.strides[nest.inner] == 0:
                self.repeated[k] = load(block, self.pointers[k], access.dtype, 0, 1)
        if nest.inner == 0 and not self.folded:
            self._part(*pieces(length, width))
            return
        whole, left, lanes = pieces(length, width)
        partial: list[list[Value]] = []
        if whole:
            with block.lanes(width):
                start = [block.constant(a.identity, a.dtype) for a in self.folded.values()]
                partial.append(self._across(count(block, "0", str(whole), lambda index, carried: self._turn(index, width, carried),
                                                  stride=width, carried=start)))
        if left:
            with block.lanes(lanes):
                partial.append(self._across(self._turn(str(whole), left, None)))
        for values in partial:
            for (k, accumulator), value in zip(self.folded.items(), values, strict=True):
                self._collect(accumulator, self.memory[k], value, 1)

    def _part(self, whole: int, left: int, lanes: int) -> None:
        """From begin to end, which need not reach the remainder."""
        block, width = self.block, self.nest.width
        if whole:
            limit = block.assign("select i1 " + block.assign(f"icmp slt i64 %end, {whole}") + f", i64 %end, i64 {whole}")
            some = block.assign(f"icmp slt i64 %begin, {limit}")
            with block.lanes(width):
                when(block, some, lambda: count(block, "%begin", limit, lambda index, carried: self._turn(index, width, carried), stride=width))
        if left:
            with block.lanes(lanes):
                when(block, block.assign(f"icmp sgt i64 %end, {whole}"), lambda: self._turn(str(whole), left, None))

    def _turn(self, index: str, elements: int, carried: list[Value] | None) -> list[Value]:
        """One vector: loads, steps, stores; returns the folded reductions so far."""
        nest, block, inner = self.nest, self.block, self.nest.inner

        def place(pointer: str, access: Access | Accumulator) -> str:
            return step(block, pointer, access.dtype, access.strides[inner], index)

        values = [block.splat(self.repeated[k]) if k in self.repeated
                  else load(block, place(self.pointers[k], access), access.dtype, access.strides[inner], elements)
                  for k, access in enumerate(nest.space.inputs)]
        for part in self.loop.steps:
            operands = [v.value if isinstance(v, Literal) else values[v] for v in part.operands]
            values.append(write_step(part.expression, operands, part.dtype, block))
        for k, number in enumerate(self.loop.stores, len(nest.space.inputs)):
            store(block, place(self.pointers[k], nest.arrays[k]), values[number], elements)
        for number, operand in self.loop.into:
            store(block, place(self.pointers[operand], nest.arrays[operand]), values[number], elements)
        following: list[Value] = []
        for k, plan in enumerate(self.loop.reductions):
            accumulator, value = nest.accumulators.get(k), values[plan.value]
            if accumulator is None:
                number = nest.first_reduction + k
                store(block, place(self.pointers[number], nest.arrays[number]), value.to(plan.dtype), elements)
            elif k not in self.folded:
                self._collect(accumulator, place(self.memory[k], accumulator), value.to(accumulator.dtype), elements)
            else:
                value = _only(value.to(accumulator.dtype), elements, accumulator.identity)
                following.append(COMBINE[plan.kind](carried[len(following)], value) if carried is not None else value)
        return following

    def _collect(self, accumulator: Accumulator, pointer: str, value: Value, elements: int) -> None:
        """Combine with what is in the memory of the accumulator."""
        elements = self.block.width if accumulator.room else elements
        before = load(self.block, pointer, accumulator.dtype, 1, elements)
        store(self.block, pointer, COMBINE[accumulator.plan.kind](before, value), elements)

    def _across(self, values: list[Value]) -> list[Value]:
        """Every vector reduced to one number, in halves."""
        block, found = self.block, []
        for value, accumulator in zip(values, self.folded.values(), strict=True):
            width = block.width
            while width > 1:
                with block.lanes(width // 2):
                    low, high = (rearrange(value, range(start, start + width // 2), width) for start in (0, width // 2))
                    value = COMBINE[accumulator.plan.kind](low, high)
                width //= 2
            found.append(value)
        return found


def _only(value: Value, elements: int, identity: Any) -> Value:
    """The first `elements` lanes; the others hold what changes nothing."""
    width = value.block.width
    if elements == width:
        return value
    mask = ", ".join(f"i1 {'true' if lane < elements else 'false'}" for lane in range(width))
    return where(Value(value.block, f"<{mask}>", "bool"), value, identity)
