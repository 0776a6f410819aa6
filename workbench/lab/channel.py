"""One view as the kernel sees it: what it has been sent, what it has drawn, what it wants.

At most two frames are on their way to a view; what comes up meanwhile waits in the run and goes out together. A view
that never answers (a closed tab) is still served now and then, so one that comes back is not lost.
"""
from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ..inspect.records import GradientFlow
from . import encode
from .protocol import Message

Send = Callable[[dict[str, Any], list[bytes]], None]

CREDIT = 2
FASTEST, BLIND, SILENT = 1 / 30, 1 / 4, 2.0
"""Seconds between frames: with answers, before the first answer, and after answers have stopped."""


class Channel:
    """The state of one view.

    Parameters
    ----------
    send : callable
        Delivers JSON and buffers; may raise when the view is gone.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._seq = 0
        self._acked = 0
        self._last_frame = 0.0
        self._answered = False
        self._rows: dict[str, tuple[int, int]] = {}
        self._flow: dict[str, int] = {}
        self._seen: dict[tuple[str, str], Any] = {}
        self._events: dict[str, int] = {}
        self._states: dict[str, tuple] = {}
        self.wants: dict[str, frozenset[str]] = {}

    def post(self, message: Message) -> None:
        """Send a message that is not a frame."""
        self._send(*message.pack())

    def ack(self, seq: int) -> None:
        """The view has drawn frame `seq`."""
        self._acked = max(self._acked, seq)
        self._answered = True

    def forget(self) -> None:
        """The view asks for everything again."""
        for held in (self._rows, self._flow, self._seen, self._events, self._states):
            held.clear()
        self._acked = self._seq

    def wanted(self, run_id: str) -> frozenset[str]:
        """Streams that the view shows of a run; all until it has said."""
        return self.wants.get(run_id, frozenset(encode.STREAMS))

    def greet(self, watched: Any) -> None:
        """Tell of a run: its controls, state and events."""
        self.post(encode.hello(watched.run))
        self.tell(watched, force=True)

    def tell(self, watched: Any, force: bool = False) -> None:
        """Send state and events that are new to this view."""
        run = watched.run
        now = (run.state, run.step_index, tuple(item.value for item in run.controls.values()), watched.control)
        if force or self._states.get(run.id) != now:
            self._states[run.id] = now
            self.post(encode.state(run, watched.control))
        known = self._events.get(run.id, 0)
        self._events[run.id] = len(run.events)
        for happened in run.events[known:self._events[run.id]]:
            self.post(encode.event(run, happened))

    def ready(self, now: float) -> bool:
        """May a frame go out now?"""
        since = now - self._last_frame
        if self._seq - self._acked < CREDIT:
            return since >= (FASTEST if self._answered else BLIND)
        return since >= (SILENT if self._answered else BLIND)

    def pump(self, watched: Any) -> bool:
        """Send what is new of a run as frames; says whether anything was."""
        wanted = self.wanted(watched.run.id)
        before = self._seq
        self._pump_series(watched)
        if "gradflow" in wanted:
            self._pump_flow(watched)
        for stream in ("activations", "attention", "graph"):
            found = watched.latest(stream) if stream in wanted else None
            if found is not None and self._seen.get((watched.run.id, stream)) is not found:
                self._seen[watched.run.id, stream] = found
                self.post(encode.record(stream, watched.run, self._next(), found))
        if self._seq == before:
            return False
        self._last_frame = time.monotonic()
        return True

    def pull(self, watched: Any, low: float, high: float) -> None:
        """Send curves between two steps at full resolution."""
        steps, values = watched.run.history.rows()
        inside = (steps >= low) & (steps <= high)
        self.post(encode.series(watched.run, self._next(), steps[inside], values[:, inside], False))

    def _next(self) -> int:
        self._seq += 1
        return self._seq

    def _pump_series(self, watched: Any) -> None:
        """Rows since the last frame, and that frame's last row again: a value may have been added to it."""
        run = watched.run
        sent = self._rows.get(run.id)
        revision, length = run.history.revision, len(run.history)
        if not length or (sent is not None and sent[0] == revision):
            return
        first = sent is None
        steps, values = run.history.rows(0 if first else max(sent[1] - 1, 0))
        if first:
            steps, values = encode.decimate(steps, values)
        self._rows[run.id] = (revision, length)
        self.post(encode.series(run, self._next(), steps, values, first))

    def _pump_flow(self, watched: Any) -> None:
        samples: list[GradientFlow] = watched.history("gradflow")
        if not samples:
            return
        last = self._flow.get(watched.run.id)
        fresh = [s for s in samples if last is None or s.step > last]
        if fresh and all(s.layers == fresh[-1].layers for s in fresh):
            self._flow[watched.run.id] = fresh[-1].step
            self.post(encode.gradflow(watched.run, self._next(), fresh, last is None))
