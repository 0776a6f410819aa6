"""Convolutions without a copy of every window: products of filters with numbers of the image where they lie.

The image is laid out (channels, *size, samples) with its frame of zeros. An element of a window of all places in a run (a line of the output
with all its samples) is a piece of memory at a fixed offset, so the columns of a tile need not be gathered.
"""
from __future__ import annotations

import ctypes
import functools
from typing import Any

import numpy as np

from .cache import build, machine
from .memory import count, load, step, store
from .multi import across
from .threads import together
from .tiles import TILES, in_tiles, product
from .values import BITS, Block, Module, Value, fma, where

POINTERS = 6
PROTOTYPE = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * POINTERS, ctypes.c_int64, ctypes.c_int64)
SHARED = 1 << 22
"""Products of numbers from which threads share the work."""
TOGETHER = 1 << 17
"""Numbers of all channels that meet before cotangents of filters are added up: they stay in the cache."""
SIDE = 4
"""Channels, and elements of a window, whose products with each other are added up together."""


def outputs(weight: np.ndarray, image: np.ndarray, offsets: np.ndarray, bases: np.ndarray, out: np.ndarray) -> None:
    """``out[o, run, j] = sum over k of weight[o, k] * image[bases[run] + offsets[k] + j]``, all without gaps; nothing is checked.

    Examples
    --------
    >>> out = np.empty((1, 2, 4))
    >>> outputs(np.array([[1.0, 10.0]]), np.arange(12.0), np.array([0, 1]), np.array([0, 6]), out)
    >>> out.tolist()
    [[[10.0, 21.0, 32.0, 43.0], [76.0, 87.0, 98.0, 109.0]]]
    """
    (channels, inner), (_, runs, width) = weight.shape, out.shape
    lanes, vectors = shape_of(out.dtype.name, width, TILES[machine().vector_bits][1])
    call = _compiled("outputs", out.dtype.name, lanes, vectors)
    sizes = np.array([channels, inner, runs, width])
    run = functools.partial(call, *(array.ctypes.data for array in (weight, image, offsets, bases, out, sizes)))
    if out.size * inner < SHARED:
        run(0, runs)
    else:
        together(run, runs, 1)


def filters(cotangent: np.ndarray, image: np.ndarray, offsets: np.ndarray, bases: np.ndarray, out: np.ndarray) -> None:
    """``out[o, k] += sum over runs and j of cotangent[o, run, j] * image[bases[run] + offsets[k] + j]``, all without gaps; nothing is checked.

    Examples
    --------
    >>> out = np.zeros((1, 2))
    >>> filters(np.ones((1, 1, 4)), np.arange(12.0), np.array([0, 6]), np.array([0]), out)
    >>> out.tolist()
    [[6.0, 30.0]]
    """
    (channels, inner), (_, runs, width) = out.shape, cotangent.shape
    call = _compiled("filters", out.dtype.name, *shape_of(out.dtype.name, width, 1))
    some = max(1, TOGETHER // (width * (channels + len(image) // (runs * width) + 1)))

    def part(first: int, last: int) -> None:
        sizes = np.array([last - first, inner, runs, width])
        places = [array.ctypes.data for array in (cotangent[first:], image, offsets, bases, out[first:], sizes)]
        for begin in range(0, runs, some):
            call(*places, begin, min(begin + some, runs))

    if cotangent.size * inner < SHARED:
        part(0, channels)
    else:
        together(part, channels, SIDE)


def shape_of(dtype: str, width: int, vectors: int) -> tuple[int, int]:
    """Lanes and vectors of a tile for runs of `width` numbers."""
    lanes = machine().vector_bits // BITS[dtype]
    while lanes * vectors > width and vectors > 1:
        vectors -= 1
    while lanes > width:
        lanes //= 2
    return lanes, vectors


@functools.cache
def _compiled(name: str, dtype: str, lanes: int, vectors: int) -> Any:
    writer = _Writer(dtype, lanes, vectors)
    ir = {"outputs": writer.outputs, "filters": writer.filters}[name]()

    def load_(code: bytes, from_disk: bool) -> Any:
        kept, addresses = machine().link(code, ("windows",))
        function = PROTOTYPE(addresses["windows"])
        function.code = kept  # whoever keeps the function keeps the memory it lies in
        return function

    return build(ir, load_)


class _Writer:
    """Writes ``void windows(rows, image, offsets, bases, out, sizes, begin, end)``: runs from begin to end."""

    def __init__(self, dtype: str, lanes: int, vectors: int) -> None:
        self.dtype, self.lanes, self.vectors, self.module = dtype, lanes, vectors, Module()
        self.block = block = Block(self.module)
        self.channels, self.inner, self.runs, self.width = (
            load(block, step(block, "%sizes", "int64", 1, str(number)), "int64", 0, 1).text for number in range(4))
        self.whole = block.assign(f"mul i64 {self.runs}, {self.width}")

    def _text(self) -> str:
        body = "\n".join(self.block.lines)
        return (f"define void @windows(ptr %rows, ptr %image, ptr %offsets, ptr %bases, ptr %out, ptr %sizes, i64 %begin, i64 %end) {{\nentry:\n"
                f"{body}\n  ret void\n}}\n{self.module}")

    def _at(self, pointer: str, *indices: str) -> str:
        for index in indices:
            pointer = step(self.block, pointer, self.dtype, 1, index)
        return pointer

    def _number(self, table: str, index: str) -> str:
        return load(self.block, step(self.block, table, "int64", 1, index), "int64", 0, 1).text

    def _times(self, x: str, y: str) -> str:
        return self.block.assign(f"mul i64 {x}, {y}")

    # Outputs --------------------------------------------------------------------------------------------------------
    def outputs(self) -> str:
        """A tile: channels times places of a run; the last tile of a run overlaps the one before."""
        block, wide = self.block, self.lanes * self.vectors
        last = block.assign(f"sub i64 {self.width}, {wide}")

        def places(run: str, first: str) -> list[Value]:
            beyond = block.assign(f"icmp sgt i64 {first}, {last}")
            place = block.assign(f"select i1 {beyond}, i64 {last}, i64 {first}")
            image = self._at("%image", self._number("%bases", run), place)
            target = self._at("%out", self._times(run, self.width), place)
            in_tiles(block, "0", self.channels, TILES[machine().vector_bits][0], lambda channels: self._output(channels, image, target))
            return []

        count(block, "%begin", "%end", lambda run, _: count(block, "0", self.width, lambda first, _: places(run, first), stride=wide))
        return self._text()

    def _output(self, channels: list[str], image: str, target: str) -> None:
        block = self.block
        rows = [self._at("%rows", self._times(channel, self.inner)) for channel in channels]

        def columns(index: str) -> str:
            with block.lanes(1):
                return self._at(image, self._number("%offsets", index))

        with block.lanes(self.lanes):
            sums = product(block, self.dtype, rows, self.inner, columns, [block.constant(0, self.dtype)] * self.vectors)
            for number, value in enumerate(sums):
                row, vector = divmod(number, self.vectors)
                place = self._at(target, self._times(channels[row], self.whole))
                store(block, step(block, place, self.dtype, self.lanes, str(vector)), value, self.lanes)

    # Cotangents of filters ------------------------------------------------------------------------------------------
    def filters(self) -> str:
        """A tile: channels times elements of a window, every sum a vector until all runs are done."""
        block = self.block
        self.last = block.assign(f"sub i64 {self.width}, {self.lanes}")

        def tile(channels: list[str], elements: list[str]) -> None:
            rows = [self._at("%rows", self._times(channel, self.whole)) for channel in channels]
            columns = [self._at("%image", self._number("%offsets", element)) for element in elements]
            with block.lanes(self.lanes):
                zeros = [block.constant(0, self.dtype)] * (len(rows) * len(columns))
                sums = count(block, "%begin", "%end", lambda run, sums: self._run(run, rows, columns, sums), carried=zeros)
                totals = [across(value) for value in sums]
            for number, total in enumerate(totals):
                row, column = divmod(number, len(columns))
                place = self._at("%out", self._times(channels[row], self.inner), elements[column])
                store(block, place, load(block, place, self.dtype, 0, 1) + total, 1)

        in_tiles(block, "0", self.channels, SIDE, lambda channels: in_tiles(block, "0", self.inner, SIDE, lambda elements: tile(channels, elements)))
        return self._text()

    def _run(self, run: str, rows: list[str], columns: list[str], sums: list[Value]) -> list[Value]:
        with self.block.lanes(1):
            base, start = self._number("%bases", run), self._times(run, self.width)
        rows, columns = [self._at(row, start) for row in rows], [self._at(column, base) for column in columns]
        return count(self.block, "0", self.width, lambda first, sums: self._products(first, rows, columns, sums), stride=self.lanes, carried=sums)

    def _products(self, first: str, rows: list[str], columns: list[str], sums: list[Value]) -> list[Value]:
        """The last vector of a run overlaps the one before; what that has seen counts for nothing."""
        block = self.block
        beyond = block.assign(f"icmp sgt i64 {first}, {self.last}")
        place = block.assign(f"select i1 {beyond}, i64 {self.last}, i64 {first}")
        seen = Value(block, block.assign(f"trunc i64 {block.assign(f'sub i64 {first}, {place}')} to i32"), "int32")
        lane = Value(block, f"<{', '.join(f'i32 {number}' for number in range(self.lanes))}>", "int32")
        new = lane >= block.splat(seen)
        xs, ys = ([load(block, self._at(at, place), self.dtype, 1, self.lanes) for at in places] for places in (rows, columns))
        xs = [where(new, x, 0) for x in xs]
        return [fma(x, y, total) for (x, y), total in zip(((x, y) for x in xs for y in ys), sums, strict=True)]
