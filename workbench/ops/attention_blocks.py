"""Attention on arrays, block by block, so that the matrix of weights is never held.

For every query, forward keeps the running maximum and sum of its scores (Milakov and Gimelshein 2018; Rabe and Staats
2021); backward computes each block of weights again from the logarithm of that sum (Dao et al. 2022). Blocks that nothing
may see are skipped. What is dropped is drawn again from a seed that can be moved to any block. Short sequences are one
block, whose weights are kept.
"""
from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

ROWS, COLUMNS = 256, 512
"""Queries and keys of a block: its scores and what is computed of them fit into the cache of a processor core (measured)."""
SHORT = 256 * 256
"""Queries times keys up to which a head is not divided, several are a block, and weights are kept: faster, and they are small (measured)."""


class Rule(NamedTuple):
    """What decides about scores apart from arrays.

    Attributes
    ----------
    scale : float
        Factor of the products.
    causal : bool
        A query sees no later key.
    window : int or None
        A query sees keys fewer than this many places away.
    offset : int
        The place of the first query; that of the first key is 0.
    dropout : float
        Probability with which a weight is dropped.
    """

    scale: float
    causal: bool = False
    window: int | None = None
    offset: int = 0
    dropout: float = 0.0

    def limits(self, first: int, last: int, keys: int) -> tuple[int, int]:
        """Which keys, from and up to, any query from `first` to `last` may see."""
        low, high = 0, keys
        if self.window is not None:
            low, high = first + self.offset - self.window + 1, min(high, last + self.offset + self.window)
        return max(low, 0), min(high, last + self.offset + 1) if self.causal else high

    def hides(self, rows: slice, columns: slice) -> bool:
        """Is a key of this block hidden from a query of it?"""
        first, last = rows.start + self.offset, rows.stop - 1 + self.offset
        near = self.window is None or max(last - columns.start, 0 if self.causal else columns.stop - 1 - first) < self.window
        return (self.causal and columns.stop - 1 > first) or not near

    def seen(self, xp: Any, rows: slice, columns: slice) -> Any:
        """Which keys of a block each query of it may see."""
        back = xp.arange(rows.start, rows.stop)[:, None] + self.offset - xp.arange(columns.start, columns.stop)
        seen = back >= 0 if self.causal else xp.ones(back.shape, bool)
        return seen if self.window is None else seen & (abs(back) < self.window)


# What is dropped -------------------------------------------------------------------------------------------------------
class Dropped:
    """Which weights are kept, (queries, keys) for any number of heads: random words from one seed, in the order of the blocks."""

    def __init__(self, seed: int, shape: tuple[int, int], probability: float) -> None:
        self.seed, self.shape, self.limit = seed, shape, np.uint32(round(probability * (2**32 - 1)))
        self.block = min(shape[0], ROWS), min(shape[1], COLUMNS)
        self.grid = -(-shape[0] // ROWS), -(-shape[1] // COLUMNS)
        self.words = -(-self.block[0] * self.block[1] // 2)

    def _draw(self, first: int, count: int) -> np.ndarray:
        source = np.random.PCG64(self.seed)
        source.advance(first * self.words)
        words = source.random_raw(count * self.words).view(np.uint32).reshape(count, -1)
        return words[:, :math.prod(self.block)].reshape(count, *self.block) >= self.limit

    def kept(self, head: int, rows: slice, columns: slice) -> np.ndarray:
        """Of one head, the part `rows`, `columns`, which lies in one block."""
        i, j = rows.start // ROWS, columns.start // COLUMNS
        (block,) = self._draw((head * self.grid[0] + i) * self.grid[1] + j, 1)
        return block[rows.start - i * ROWS:rows.stop - i * ROWS, columns.start - j * COLUMNS:columns.stop - j * COLUMNS]

    def whole(self, first: int, lead: tuple[int, ...]) -> np.ndarray:
        """Of as many heads as `lead` says, from `first` on."""
        heads, (down, across), (rows, columns) = math.prod(lead), self.grid, self.block
        blocks = self._draw(first * down * across, heads * down * across).reshape(heads, down, across, rows, columns).swapaxes(2, 3)
        return blocks.reshape(*lead, down * rows, across * columns)[..., :self.shape[0], :self.shape[1]]


# Some samples and heads ------------------------------------------------------------------------------------------------
class Heads:
    """The arrays of samples and heads that are computed at once: `lead` many, from number `first` on, at `index` of the call's."""

    def __init__(self, call: Call, index: tuple, first: int, lead: tuple[int, ...]) -> None:
        self.xp, self.call, self.index, self.first, self.lead = call.xp, call, index, first, lead
        self.q, self.k, self.v, self.bias = (part(x, index) for x in (call.q, call.k, call.v, call.bias))
        self.diagonals = part(call.diagonals, index, 1)

    def scores(self, rows: slice, columns: slice) -> Any:
        """Products of queries and keys with all that is added; minus infinity where nothing may be seen."""
        xp = self.xp
        s = xp.matmul(self.q[..., rows, :], self.k[..., columns, :].swapaxes(-1, -2))
        if self.diagonals is not None:
            s += band(xp, self.diagonals, rows, columns, self.call.queries)
        if self.bias is not None:
            tile = self.bias[places(self.bias, rows, columns)]
            if tile.dtype.kind == "b":
                xp.copyto(s, -math.inf, where=~tile)
            else:
                s += tile
        if self.call.rule.hides(rows, columns):
            xp.copyto(s, -math.inf, where=self.call.hidden(rows, columns))
        return s

    def kept(self, rows: slice, columns: slice) -> Any:
        """Which weights dropout leaves; None without it."""
        dropped = self.call.dropped
        if dropped is None:
            return None
        if self.call.short:
            return self.xp.asarray(dropped.whole(self.first, self.lead))
        found = [dropped.kept(self.first + number, rows, columns) for number in range(math.prod(self.lead))]
        return self.xp.asarray(np.stack(found).reshape(*self.lead, *found[0].shape))


class Call:
    """One call: its arrays, its samples and heads, and the blocks of each."""

    def __init__(self, xp: Any, q: Any, k: Any, v: Any, bias: Any, diagonals: Any, seed: Any, rule: Rule) -> None:
        self.xp, self.rule, self.queries, self.keys = xp, rule, q.shape[-2], k.shape[-2]
        self.wide = np.result_type(q.dtype, np.float32)
        fronts = [x.shape[:-2] for x in (q, k, v, bias) if x is not None] + ([] if diagonals is None else [diagonals.shape[:-1]])
        self.lead = np.broadcast_shapes(*fronts)
        self.short = self.queries * self.keys <= SHORT
        self.q = xp.broadcast_to(q.astype(self.wide) * self.wide.type(rule.scale), (*self.lead, *q.shape[-2:]))
        self.k, self.v = (x.astype(self.wide, copy=False) for x in (k, v))
        self.bias, self.diagonals = bias, diagonals
        self.dropped = None if seed is None else Dropped(int(seed), (self.queries, self.keys), rule.dropout)
        self._hidden: dict[tuple[int, ...], Any] = {}

    def hidden(self, rows: slice, columns: slice) -> Any:
        """Which keys of a block are hidden by their place: the same for all heads, and for all blocks as far from the diagonal."""
        key = (rows.start - columns.start, rows.stop - rows.start, columns.stop - columns.start)
        if key not in self._hidden:
            self._hidden[key] = ~self.rule.seen(self.xp, rows, columns)
        return self._hidden[key]

    def heads(self) -> Iterator[Heads]:
        """Samples and heads, so many at once as have a block of scores together (on an accelerator all, which it wants busy)."""
        room = ROWS * COLUMNS // max(self.queries * self.keys, 1) if self.short else 1
        axis, inner = len(self.lead), 1
        while axis and (inner * self.lead[axis - 1] <= room or self.xp is not np):
            axis -= 1
            inner *= self.lead[axis]
        rest = (slice(None),) * (len(self.lead) - axis)
        if not axis:
            yield Heads(self, rest, 0, self.lead)
            return
        count, step, first = self.lead[axis - 1], max(room // inner, 1), 0
        for outer in np.ndindex(self.lead[:axis - 1]):
            for start in range(0, count, step):
                some = min(step, count - start)
                yield Heads(self, (*outer, slice(start, start + some), *rest), first, (some, *self.lead[axis:]))
                first += some * inner

    def rows(self) -> Iterator[tuple[slice, list[slice]]]:
        """Queries of a row of blocks, with the keys of each block."""
        down, across = (self.queries, self.keys) if self.short else (ROWS, COLUMNS)
        for first in range(0, self.queries, max(down, 1)):
            last = min(first + down, self.queries)
            low, high = (0, self.keys) if self.short else self.rule.limits(first, last - 1, self.keys)
            starts = range(low - low % max(across, 1), high, max(across, 1)) if low < high else ()
            yield slice(first, last), [slice(max(start, low), min(start + across, high)) for start in starts]


def part(x: Any, index: tuple, trailing: int = 2) -> Any:
    """What `x` has for some samples and heads: axes in front that are missing or of length 1 are shared by all."""
    if x is None:
        return None
    lead = x.shape[:x.ndim - trailing]
    own = zip(index[len(index) - len(lead):], lead, strict=True)
    return x[tuple(i if n > 1 else slice(None) if isinstance(i, slice) else 0 for i, n in own)]


def places(x: Any, rows: slice, columns: slice) -> tuple:
    """Where a block lies in something that broadcasts against the scores."""
    return (..., rows if x.shape[-2] > 1 else slice(None), columns if x.shape[-1] > 1 else slice(None))


def band(xp: Any, diagonals: Any, rows: slice, columns: slice, queries: int) -> Any:
    """A view of a block of the matrix that is constant along its diagonals: number d stands where key - query = d - queries + 1."""
    height, width = rows.stop - rows.start, columns.stop - columns.start
    line = diagonals[..., columns.start - rows.stop + queries:columns.stop - rows.start + queries - 1]
    step = line.strides[-1]
    shape, strides = (*line.shape[:-1], height, width), (*line.strides[:-1], -step, step)
    return xp.lib.stride_tricks.as_strided(line[..., height - 1:], shape, strides)


def band_sums(xp: Any, block: Any) -> Any:
    """Sums along the diagonals of a block, from its lower left to its upper right corner."""
    *lead, height, width = block.shape
    skewed = xp.zeros((*lead, height, height + width), block.dtype)
    skewed[..., :width] = block[..., ::-1, :]
    flat = skewed.reshape(*lead, -1)[..., :height * (height + width - 1)]
    return flat.reshape(*lead, height, -1).sum(axis=-2)


def add(target: Any, value: Any) -> None:
    """Add to a view what belongs to it: sums over the axes along which it was broadcast."""
    extra = value.ndim - target.ndim
    axes = tuple(range(extra)) + tuple(a + extra for a, n in enumerate(target.shape) if n == 1 and value.shape[a + extra] != 1)
    target += value.sum(axis=axes, keepdims=True).reshape(target.shape) if axes else value


# Forward and backward --------------------------------------------------------------------------------------------------
def forward(xp: Any, q: Any, k: Any, v: Any, bias: Any, diagonals: Any, seed: Any, rule: Rule) -> tuple[Any, tuple]:
    """The mixed values, and what backward needs: them, and the weights or the logarithm of the sum of each query."""
    call = Call(xp, q, k, v, bias, diagonals, seed, rule)
    o = xp.empty((*call.lead, call.queries, v.shape[-1]), call.wide)
    rest = xp.empty((*call.lead, call.queries, call.keys if call.short else 1), call.wide)
    for heads in call.heads():
        for rows, blocks in call.rows():
            mixed, kept = _whole(heads, rows, blocks[0]) if call.short and blocks else _online(heads, rows, blocks)
            o[heads.index][..., rows, :], rest[heads.index][..., rows, :] = mixed, kept
    if seed is not None:
        o *= call.wide.type(1 / (1 - rule.dropout))
    return o.astype(v.dtype, copy=False), (o, rest)


def _whole(heads: Heads, rows: slice, columns: slice) -> tuple[Any, Any]:
    s, kept = heads.scores(rows, columns), heads.kept(rows, columns)
    s -= _finite(heads.xp, s.max(axis=-1, keepdims=True))
    heads.xp.exp(s, out=s)
    s /= _nonzero(heads.xp, s.sum(axis=-1, keepdims=True))
    return heads.xp.matmul(s if kept is None else s * kept, heads.v), s


def _online(heads: Heads, rows: slice, blocks: list[slice]) -> tuple[Any, Any]:
    """The mixed values of some queries, and the logarithm of the sum of their exponentials (0 if they see nothing)."""
    xp, top, total, mixed = heads.xp, -math.inf, 0.0, 0.0
    for columns in blocks:
        s, kept = heads.scores(rows, columns), heads.kept(rows, columns)
        found = xp.maximum(s.max(axis=-1, keepdims=True), top)
        shift = _finite(xp, found)
        s -= shift
        xp.exp(s, out=s)
        shrink = xp.exp(top - shift)
        total = total * shrink + s.sum(axis=-1, keepdims=True)
        if kept is not None:
            s *= kept
        mixed = mixed * shrink + xp.matmul(s, heads.v[..., columns, :])
        top = found
    if not blocks:
        return 0.0, 0.0
    total = _nonzero(xp, total)
    return mixed / total, shift + xp.log(total)


def _finite(xp: Any, top: Any) -> Any:
    return xp.where(top == -math.inf, 0, top)


def _nonzero(xp: Any, total: Any) -> Any:
    return xp.where(total == 0, 1, total)


def backward(xp: Any, g: Any, needs: tuple[bool, ...], residual: tuple, q: Any, k: Any, v: Any, bias: Any, diagonals: Any, seed: Any,
             rule: Rule) -> list[Any]:
    """Cotangents of the arrays that need one."""
    call = Call(xp, q, k, v, bias, diagonals, seed, rule)
    o, rest = residual
    g = g.astype(call.wide, copy=False)
    inner = (g * o).sum(axis=-1, keepdims=True)
    if seed is not None:
        g = g * call.wide.type(1 / (1 - rule.dropout))
    inputs = (q, k, v, bias, diagonals)
    found = [xp.zeros(x.shape, call.wide) if need else None for x, need in zip(inputs, needs, strict=False)]
    for heads in call.heads():
        mine = [part(x, heads.index, trailing) for x, trailing in zip(found, (2, 2, 2, 2, 1), strict=True)]
        for rows, blocks in call.rows():
            arrays = [x[heads.index][..., rows, :] for x in (g, inner, rest)]
            for columns in blocks:
                _block_back(heads, mine, rows, columns, *arrays)
    if found[0] is not None:
        found[0] *= call.wide.type(rule.scale)
    return [c if c is None else c.astype(x.dtype, copy=False) for c, x in zip(found, inputs, strict=True)] + [None]


def _block_back(heads: Heads, found: list[Any], rows: slice, columns: slice, g: Any, inner: Any, rest: Any) -> None:
    """Add the cotangents that come from one block."""
    xp, (dq, dk, dv, dbias, ddiagonals) = heads.xp, found
    weights, kept = rest, heads.kept(rows, columns)
    if not heads.call.short:
        weights = heads.scores(rows, columns)
        weights -= rest
        xp.exp(weights, out=weights)
    if dv is not None:
        add(dv[..., columns, :], xp.matmul((weights if kept is None else weights * kept).swapaxes(-1, -2), g))
    if all(x is None for x in (dq, dk, dbias, ddiagonals)):
        return
    ds = xp.matmul(g, heads.v[..., columns, :].swapaxes(-1, -2))
    if kept is not None:
        ds *= kept
    ds -= inner
    ds *= weights
    if dq is not None:
        add(dq[..., rows, :], xp.matmul(ds, heads.k[..., columns, :]))
    if dk is not None:
        add(dk[..., columns, :], xp.matmul(ds.swapaxes(-1, -2), heads.q[..., rows, :]))
    if dbias is not None:
        add(dbias[places(dbias, rows, columns)], ds)
    if ddiagonals is not None:
        first = columns.start - rows.stop + heads.call.queries
        sums = band_sums(xp, ds)
        add(ddiagonals[..., first:first + sums.shape[-1]], sums)
