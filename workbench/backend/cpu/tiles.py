"""Products of matrices in tiles: a few rows times a few vectors of columns, with all sums in registers."""
from __future__ import annotations

from collections.abc import Callable, Sequence

from .memory import count, load, step, when
from .values import Block, Value, fma

TILES = {512: (8, 2), 256: (4, 3), 128: (4, 3)}
"""Rows and vectors of a tile by bits of a vector: its sums, its columns and one factor fit into the registers."""


def product(block: Block, dtype: str, rows: Sequence[str], inner: str, columns: Callable[[str], str], begin: Sequence[Value]) -> list[Value]:
    """The sums of a tile, row by row, in vectors of the lanes of the block.

    Parameters
    ----------
    rows : sequence of str
        Where the `inner` numbers of every row begin.
    columns : callable
        Where the columns of one of these numbers lie side by side.
    begin : sequence of Value
        One vector for each group of columns: what is added to.
    """
    lanes, vectors = block.width, len(begin)

    def turn(index: str, sums: list[Value]) -> list[Value]:
        place = columns(index)
        factors = [load(block, step(block, place, dtype, lanes, str(v)), dtype, 1, lanes) for v in range(vectors)]
        found: list[Value] = []
        for row in rows:
            x = load(block, step(block, row, dtype, 1, index), dtype, 0, 1)
            found += [fma(x, factor, sums[len(found) + v]) for v, factor in enumerate(factors)]
        return found

    return count(block, "0", inner, turn, carried=[*begin] * len(rows))


def in_tiles(block: Block, begin: str, end: str, most: int, body: Callable[[list[str]], None]) -> None:
    """``body(indices)`` for all indices from begin to end: `most` (a power of two) at a time, then half as many, as often as that goes."""
    length = block.assign(f"sub i64 {end}, {begin}")
    done = begin
    for size in (most >> halved for halved in range(most.bit_length())):
        some = block.assign(f"and i64 {length}, {-size if size == most else size}")
        limit = block.assign(f"add i64 {done}, {some}")

        def turn(index: str, carried: list[Value], size: int = size) -> list[Value]:
            body([index, *(block.assign(f"add i64 {index}, {further}") for further in range(1, size))])
            return carried

        def tiles(begin: str = done, limit: str = limit, size: int = size, turn: Callable = turn) -> None:
            count(block, begin, limit, turn, stride=size)

        when(block, block.assign(f"icmp ne i64 {some}, 0"), tiles)
        done = limit
