"""The execution trace of a block of code: every op, forward and backward, with its time, its memory and the user's line.

What happened is plain data (`Event`); `memory` follows which line holds how many bytes, `profile_files` writes the formats
of other tools. Nothing is measured outside the block.
"""
from __future__ import annotations

import html
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..backend import arrays
from ..core import Tensor, observing
from ..core.errors import ArgumentError, GraphError, describe_place, user_frame
from ..core.saved import operation_of
from ..core.state import STATE, Watch
from ..graph.cost import cost_of
from ..nn.summary_tables import short
from . import profile_files
from .memory import Memory, arrays_in, owner_of

Place = tuple[str, int]


class Event(NamedTuple):
    """One op that ran. Times are in seconds from the begin of the profile."""

    name: str
    phase: str
    """``"forward"``, ``"backward"``, or ``"recompute"`` for what a checkpoint computes again."""
    begin: float
    seconds: float
    own_seconds: float
    """Without the ops that ran inside it (backward with create_graph, checkpoints)."""
    shapes: tuple
    """Shapes of the inputs; of the incoming gradients in backward."""
    output_shapes: tuple
    dtype: str
    allocated: int
    """Bytes of results in memory of their own: 0 for views."""
    saved: int
    """Bytes that the node keeps for backward and that nothing kept before."""
    place: Place | None
    """The user's file and line; in backward, those of the forward op."""
    thread: int
    flops: int | None = None
    """Floating-point operations, from the shapes (`graph.cost`); None where they are not known: in backward, in compiled functions."""


class Row(NamedTuple):
    """Events summed up by name, phase or line."""

    key: str
    phase: str
    calls: int
    seconds: float
    mean: float
    share: float
    allocated: int
    saved: int
    flops: int

    @property
    def rate(self) -> float:
        """Floating-point operations in a second; 0 where they are not known."""
        return self.flops / self.seconds if self.seconds else 0.0


class profile(Watch):
    """Records every op that this thread computes inside ``with wb.inspect.profile() as p:``.

    Parameters
    ----------
    memory : bool
        Follow the life of arrays too, for ``p.memory``.

    Attributes
    ----------
    events : list of Event
        In the order of their begin, once the block is over.
    memory : Memory
        Which line holds how many bytes, over time.
    seconds : float
        Time from the begin to the end of the block.

    Notes
    -----
    A function compiled by jit is one event, ``jit <name>``. On a GPU the profile waits for every op, so that times are those of
    the device. While a profile runs, every op takes the general road of the
    engine, which adds a few microseconds between ops (not to their own times).

    Examples
    --------
    >>> import workbench as wb
    >>> x = wb.ones((64, 64), requires_grad=True)
    >>> with wb.inspect.profile() as p:
    ...     wb.tanh(x @ x).sum().backward()
    >>> [(event.name, event.phase) for event in p.events if event.name != "ones_like"][:4]
    [('matmul', 'forward'), ('tanh', 'forward'), ('sum', 'forward'), ('sum', 'backward')]
    >>> p.memory.peak > 3 * 64 * 64 * 4
    True
    """

    def __init__(self, *, memory: bool = True) -> None:
        self.memory = Memory()
        self._follow = memory
        self._raw: list[Event] = []
        self.events: list[Event] = []
        self.seconds = 0.0
        self._session: Any = None
        self._start = 0

    def __enter__(self) -> profile:
        if self._session is not None or self._start:
            raise GraphError("profile: this profile has been used already; make another one")
        self._session = observing(self)
        self._session.__enter__()
        self._start = time.perf_counter_ns()
        self.memory.begin(self._start)
        return self

    def __exit__(self, *exc: object) -> None:
        self._session.__exit__(None, None, None)
        self._session = None
        end = time.perf_counter_ns()
        self.seconds = (end - self._start) / 1e9
        self.memory.end(end)
        self.events = _with_own_times(self._raw)
        self._raw = []

    # ------------------------------------------------------------------ what the engine calls
    def forward(self, op: Any, args: tuple, params: dict[str, Any], output: Any, begin: int, end: int) -> None:
        """Note an op."""
        place = user_frame()
        node = operation_of(output)
        if node is not None:
            node.place = place
        results = output if isinstance(output, tuple) else (output,)
        inputs = [arg for arg in args if isinstance(arg, Tensor)]
        known = {id(owner_of(x.data)) for x in inputs}
        fresh = [out.data for out in results if id(owner_of(out.data)) not in known]
        phase = "forward" if STATE.sweep is None else "recompute" if STATE.mode & 1 else "backward"
        saved = 0
        end = _finished(results[0].data, end)
        if self._follow:
            for x in inputs:
                self.memory.found(x.data)
            for array in fresh:
                self.memory.made(array, op.name, place, phase, end)
            saved = self.memory.kept(node, op.name, place)
        arrays_given = [x.data if isinstance(x, Tensor) else x for x in args]
        cost = cost_of(op, arrays_given, params, [out.data for out in results])
        self._note(op.name, phase, begin, end, [x.data for x in inputs], [out.data for out in results], fresh, saved, place,
                   None if cost is None else cost.flops)

    def backward(self, node: Any, g: Any, cotangents: list, begin: int, end: int) -> None:
        """Note the rules of a node."""
        if node.name() == "output":
            return  # only hands a gradient on
        place = getattr(node, "place", None)
        given = [_bare(part) for part in (g if isinstance(g, tuple) else (g,)) if part is not None]
        made = [_bare(c) for c in cotangents if c is not None]
        known = {id(owner_of(array)) for array in given}
        end = _finished(made[0] if made else None, end)
        fresh = [array for array in made if id(owner_of(array)) not in known]
        if self._follow:
            for array in (part for c in fresh for part in arrays_in(c)):
                self.memory.made(array, f"{node.name()} backward", place, "backward", end)
        self._note(node.name(), "backward", begin, end, given, made, fresh, 0, place)

    def compiled(self, name: str, values: list, results: list, begin: int, end: int) -> None:
        """Note a call of a compiled function."""
        place = user_frame()
        end = _finished(results[0].data if results else None, end)
        made = [_bare(result) for result in results]
        if self._follow:
            for array in made:
                self.memory.made(array, f"jit {name}", place, "forward", end)
        self._note(f"jit {name}", "forward", begin, end, [_bare(x) for x in values], made, made, 0, place)

    def accumulated(self, leaf: Any) -> None:
        """Note the gradient of a weight."""
        if self._follow and leaf.grad is not None:
            self.memory.made(_bare(leaf.grad), "gradient of a leaf", user_frame(), "backward", time.perf_counter_ns())

    def _note(self, name: str, phase: str, begin: int, end: int, inputs: list, outputs: list, fresh: list, saved: int,
              place: Place | None, flops: int | None = None) -> None:
        shapes = tuple(tuple(x.shape) for x in inputs)
        out_shapes = tuple(tuple(x.shape) for x in outputs)
        dtype = str(outputs[0].dtype) if outputs else ""
        self._raw.append(Event(name, phase, (begin - self._start) / 1e9, (end - begin) / 1e9, 0.0, shapes, out_shapes, dtype,
                               sum(getattr(array, "nbytes", 0) for array in fresh), saved, place, threading.get_ident(), flops))

    # ------------------------------------------------------------------ what the user asks
    def rows(self, by: str = "op", sort: str = "seconds") -> list[Row]:
        """Events summed up, the largest first.

        Parameters
        ----------
        by : {"op", "line", "shape"}
            What goes together: ops of one name, of one line of code, or of one name and input shapes. Phases stay apart.
        sort : {"seconds", "mean", "calls", "allocated", "saved", "flops"}

        Raises
        ------
        ArgumentError
            For another `by` or `sort`.
        """
        keys = {"op": lambda e: e.name, "line": lambda e: describe_place(e.place), "shape": lambda e: f"{e.name} {_shapes(e.shapes)}"}
        if by not in keys:
            raise ArgumentError(f"profile: by={by!r}; expected 'op', 'line' or 'shape'")
        if sort not in ("seconds", "mean", "calls", "allocated", "saved", "flops"):
            raise ArgumentError(f"profile: sort={sort!r}; expected 'seconds', 'mean', 'calls', 'allocated', 'saved' or 'flops'")
        groups: dict[tuple[str, str], list[Event]] = {}
        for event in self.events:
            groups.setdefault((keys[by](event), event.phase), []).append(event)
        total = sum(event.own_seconds for event in self.events) or 1.0
        rows = []
        for (key, phase), events in groups.items():
            spent = sum(event.own_seconds for event in events)
            rows.append(Row(key, phase, len(events), spent, spent / len(events), spent / total,
                            sum(event.allocated for event in events), sum(event.saved for event in events),
                            sum(event.flops or 0 for event in events)))
        return sorted(rows, key=lambda row: getattr(row, sort), reverse=True)

    def table(self, by: str = "op", *, sort: str = "seconds", limit: int = 30) -> str:
        """The rows as text; arguments as in `rows`."""
        rows = self.rows(by, sort)[:limit]
        width = max([len(row.key) for row in rows] + [len(by)], default=10)
        lines = [f"{by:<{width}}  phase      calls      total       mean   share  allocated      saved   FLOP/s"]
        lines += [f"{row.key:<{width}}  {row.phase:<9}  {row.calls:>5}  {time_text(row.seconds):>9}  {time_text(row.mean):>9}  {row.share:>5.0%}  "
                  f"{bytes_text(row.allocated):>9}  {bytes_text(row.saved):>9}  {short(int(row.rate)) if row.flops else '':>7}".rstrip() for row in rows]
        return "\n".join([*lines, self._summary()])

    def _summary(self) -> str:
        inside = sum(event.own_seconds for event in self.events)
        text = f"{len(self.events)} ops took {time_text(inside)} of {time_text(self.seconds)}"
        return text + (f"; at most {bytes_text(self.memory.peak)} were held" if self._follow else "")

    def to_chrome(self, path: str | Path) -> Path:
        """Write the trace for ``chrome://tracing`` or ui.perfetto.dev; returns the path."""
        return profile_files.chrome(self, Path(path))

    def to_speedscope(self, path: str | Path) -> Path:
        """Write the trace for speedscope.app; returns the path."""
        return profile_files.speedscope(self, Path(path))

    def __repr__(self) -> str:
        return self.table() if self._session is None else "profile(running)"

    def _repr_html_(self) -> str:
        return self._summary_html() + self.memory._repr_html_() if self._follow else self._summary_html()

    def _summary_html(self) -> str:
        cells = [(row.key, row.phase, row.calls, time_text(row.seconds), time_text(row.mean), f"{row.share:.0%}", bytes_text(row.allocated),
                  bytes_text(row.saved), short(int(row.rate)) if row.flops else "") for row in self.rows()[:30]]
        return html_table(("op", "phase", "calls", "total", "mean", "share", "allocated", "saved", "FLOP/s"), cells, self._summary())


def _bare(value: Any) -> Any:
    while isinstance(value, Tensor):
        value = value.data
    return value


def _finished(array: Any, end: int) -> int:
    """When the device was done with `array`."""
    if array is None or arrays.device_of(_bare(array)) == "cpu":
        return end
    arrays.module_of(type(_bare(array))).cuda.get_current_stream().synchronize()
    return time.perf_counter_ns()


def _with_own_times(events: Sequence[Event]) -> list[Event]:
    """Events by begin, with the time of those inside taken off the one around them."""
    ordered = sorted(events, key=lambda event: (event.begin, -event.seconds))
    inside = [0.0] * len(ordered)
    around: list[int] = []
    for index, event in enumerate(ordered):
        while around and ordered[around[-1]].begin + ordered[around[-1]].seconds <= event.begin:
            around.pop()
        if around:
            inside[around[-1]] += event.seconds
        around.append(index)
    return [event._replace(own_seconds=max(event.seconds - within, 0.0)) for event, within in zip(ordered, inside, strict=True)]


def _shapes(shapes: tuple) -> str:
    return ", ".join("×".join(map(str, shape)) or "()" for shape in shapes)


def time_text(seconds: float) -> str:
    """A duration as people write it."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def bytes_text(count: float) -> str:
    """A number of bytes as people write it."""
    for unit, scale in (("GiB", 2 ** 30), ("MiB", 2 ** 20), ("KiB", 2 ** 10)):
        if abs(count) >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count:.0f} B"


def html_table(head: Sequence[str], rows: Sequence[Sequence[Any]], caption: str) -> str:
    """A plain table; the notebook's own style dresses it."""
    header = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><caption>{html.escape(caption)}</caption><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table>"
