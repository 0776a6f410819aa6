"""The memory time-line: which line of user code made the arrays that are alive, and for how long they lived.

Every array that an op makes is followed by a weak reference until it is freed. Bytes count once, for the array that owns the
memory; views of it cost nothing.
"""
from __future__ import annotations

import html
import time
import weakref
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ..core import Tensor
from ..core.errors import describe_place
from ..core.node import held
from ..core.views import root

Place = tuple[str, int]


class Allocation:
    """The life of one array. Times are in seconds from the begin; `end` is None for one that outlives the block."""

    __slots__ = ("nbytes", "op", "place", "phase", "begin", "end", "saved_by", "saved_at", "__weakref__")

    def __init__(self, nbytes: int, op: str, place: Place | None, phase: str, begin: float) -> None:
        self.nbytes, self.op, self.place, self.phase, self.begin = nbytes, op, place, phase, begin
        self.end: float | None = None
        self.saved_by: str | None = None
        self.saved_at: Place | None = None

    def alive(self, moment: float) -> bool:
        """Was it there at `moment`?"""
        return self.begin <= moment and (self.end is None or moment < self.end)


class Holder(NamedTuple):
    """What one line holds at one moment."""

    line: str
    nbytes: int
    saved: int
    """Of these, bytes that nodes keep for backward."""
    arrays: int
    ops: tuple[str, ...]


class Memory:
    """Which line holds how many bytes, over time.

    Attributes
    ----------
    allocations : list of Allocation
        Every array that was seen.

    Examples
    --------
    >>> import workbench as wb
    >>> with wb.inspect.profile() as p:
    ...     a = wb.zeros(1024) + 1
    ...     b = a * 2
    ...     del a
    >>> p.memory.peak, p.memory.live
    (8192, 4096)
    """

    def __init__(self) -> None:
        self.allocations: list[Allocation] = []
        self._known: dict[int, tuple[weakref.ref, Allocation]] = {}
        self._start = 0
        self._length = 0.0

    # ------------------------------------------------------------------ what the profile tells
    def begin(self, now: int) -> None:
        """The clock starts."""
        self._start = now

    def end(self, now: int) -> None:
        """What is alive from here on counts as left over."""
        self._length = (now - self._start) / 1e9
        self._known = {}

    def made(self, array: Any, op: str, place: Place | None, phase: str, now: int) -> None:
        """An op made `array`."""
        self._follow(array, op, place, phase, (now - self._start) / 1e9)

    def found(self, array: Any) -> None:
        """`array` was there before: a weight, or data."""
        self._follow(array, "before", None, "before", 0.0)

    def kept(self, node: Any, op: str, place: Place | None) -> int:
        """A node keeps arrays for backward; returns the bytes that no other had kept."""
        total = 0
        for array in arrays_in(held(node) if node is not None else ()):
            entry = self._known.get(id(owner_of(array)))
            if entry is not None and entry[1].saved_by is None:
                entry[1].saved_by, entry[1].saved_at = op, place
                total += entry[1].nbytes
        return total

    def _follow(self, array: Any, op: str, place: Place | None, phase: str, begin: float) -> None:
        owner = owner_of(array)
        key = id(owner)
        nbytes = getattr(owner, "nbytes", 0)
        if not nbytes or isinstance(owner, np.generic) or key in self._known:
            return
        allocation = Allocation(nbytes, op, place, phase, begin)
        known, start = self._known, self._start

        def freed(_: Any) -> None:
            entry = known.pop(key, None)
            if entry is not None:
                entry[1].end = (time.perf_counter_ns() - start) / 1e9

        known[key] = weakref.ref(owner, freed), allocation
        self.allocations.append(allocation)

    # ------------------------------------------------------------------ what the user asks
    @property
    def timeline(self) -> list[tuple[float, int]]:
        """Pairs of a moment and the bytes held from then on."""
        changes = [(a.begin, a.nbytes) for a in self.allocations]
        changes += [(a.end, -a.nbytes) for a in self.allocations if a.end is not None and a.end <= self._length]
        line: list[tuple[float, int]] = []
        held_now = 0
        for moment, change in sorted(changes):
            held_now += change
            if line and line[-1][0] == moment:
                line[-1] = moment, held_now
            else:
                line.append((moment, held_now))
        return line

    @property
    def peak(self) -> int:
        """The most bytes that were held at one moment."""
        return max((nbytes for _, nbytes in self.timeline), default=0)

    @property
    def peak_moment(self) -> float:
        """When that was, in seconds."""
        return max(self.timeline, key=lambda pair: pair[1], default=(0.0, 0))[0]

    @property
    def live(self) -> int:
        """Bytes that were still held when the block ended."""
        return self.timeline[-1][1] if self.allocations else 0

    def top(self, n: int = 10, *, at: float | None = None) -> list[Holder]:
        """The `n` lines that hold most.

        Parameters
        ----------
        n : int
            How many.
        at : float, optional
            The moment, in seconds from the begin; by default that of the peak.
        """
        moment = self.peak_moment if at is None else at
        groups: dict[str, list[Allocation]] = {}
        for allocation in self.allocations:
            if allocation.alive(moment):
                line = "made before" if allocation.phase == "before" else describe_place(allocation.place)
                groups.setdefault(line, []).append(allocation)
        holders = [Holder(line, sum(a.nbytes for a in group), sum(a.nbytes for a in group if a.saved_by is not None), len(group),
                          tuple(dict.fromkeys(a.op for a in group))) for line, group in groups.items()]
        return sorted(holders, key=lambda holder: holder.nbytes, reverse=True)[:n]

    def saved(self, at: float | None = None) -> int:
        """Bytes that nodes keep for backward at a moment (by default the end of the block)."""
        moment = self._length if at is None else at
        return sum(a.nbytes for a in self.allocations if a.saved_by is not None and a.alive(moment))

    def table(self, n: int = 10, *, at: float | None = None) -> str:
        """`top` as text."""
        from .profiler import bytes_text

        holders = self.top(n, at=at)
        width = max([len(holder.line) for holder in holders], default=4)
        lines = [f"{'line':<{width}}       held      saved  arrays  ops"]
        lines += [f"{h.line:<{width}}  {bytes_text(h.nbytes):>9}  {bytes_text(h.saved):>9}  {h.arrays:>6}  {', '.join(h.ops)}" for h in holders]
        return "\n".join([*lines, f"peak {bytes_text(self.peak)}, {bytes_text(self.live)} at the end"])

    def __repr__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        from .profiler import bytes_text, html_table

        rows = [(h.line, bytes_text(h.nbytes), bytes_text(h.saved), h.arrays, ", ".join(h.ops)) for h in self.top()]
        caption = f"Memory at its peak ({bytes_text(self.peak)}), by line; {bytes_text(self.live)} at the end"
        return self._curve() + html_table(("line", "held", "saved for backward", "arrays", "ops"), rows, caption)

    def _curve(self, width: int = 480, height: int = 80) -> str:
        """The time-line as a small picture."""
        line, peak = self.timeline, self.peak
        if not peak or not self._length:
            return ""
        points, before = [f"0,{height}"], 0
        for moment, nbytes in line:
            x = width * min(moment / self._length, 1.0)
            points += [f"{x:.1f},{height - height * before / peak:.1f}", f"{x:.1f},{height - height * nbytes / peak:.1f}"]
            before = nbytes
        points += [f"{width},{height - height * before / peak:.1f}", f"{width},{height}"]
        title = html.escape(f"bytes held over {self._length * 1e3:.3g} ms, at most {peak}")
        return (f'<svg role="img" aria-label="{title}" viewBox="0 0 {width} {height}" width="{width}" height="{height}"><title>{title}</title>'
                f'<polygon points="{" ".join(points)}" fill="currentColor" opacity="0.4"/></svg>')


def owner_of(array: Any) -> Any:
    """The array that owns the memory."""
    return root(array)


def arrays_in(value: Any) -> Iterator[Any]:
    """Every raw array in what a node saved (packed values are elsewhere)."""
    if isinstance(value, (tuple, list)):
        for part in value:
            yield from arrays_in(part)
    elif isinstance(value, Tensor):
        yield from arrays_in(value.data)
    elif hasattr(value, "nbytes"):
        yield value
