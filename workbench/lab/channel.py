"""One view as the kernel sees it: what it has been sent, what it has drawn, what it wants.

At most two frames are on their way to a view; what comes up meanwhile waits in the run and goes out together. A view
that stops answering is served now and then, and dropped after some minutes: whatever it says later brings it back.
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
LOST = 300.0
"""Seconds after which a view that has not answered its frames counts as closed."""
EVENTS = 200
"""How many of the latest events a view is told that connects late."""


class Channel:
    """The state of one view.

    Parameters
    ----------
    send : callable
        Delivers JSON and buffers; may raise when the view is gone.
    detail : int
        Curves are sent with one point, and gradient flow with one sample, in so many.

    Attributes
    ----------
    greeted : bool
        Has it asked for what there is? Nothing goes out before.
    proved : bool
        Has one of its messages arrived while a cell was running?
    only : frozenset of str or None
        The runs it is about; None means all.
    """

    def __init__(self, send: Send, *, detail: int = 1) -> None:
        self.greeted = self.proved = False
        self.only: frozenset[str] | None = None
        self._send, self._detail = send, detail
        self._heard = time.monotonic()
        self._seq = 0
        self._acked = 0
        self._last_frame = 0.0
        self._answered = False
        self._rows: dict[str, tuple[int, int]] = {}
        self._flow: dict[str, int] = {}
        self._seen: dict[tuple[str, str], Any] = {}
        self._events: dict[str, int] = {}
        self._states: dict[str, tuple[Any, int]] = {}
        self.wants: dict[str, frozenset[str]] = {}

    def post(self, message: Message) -> None:
        """Send a message that is not a frame."""
        self._send(*message.pack())

    def ack(self, seq: int) -> None:
        """The view has drawn frame `seq`."""
        self._acked = max(self._acked, seq)
        self._answered = True

    def hear(self, proved: bool) -> None:
        """The view has said something."""
        self._heard = time.monotonic()
        self.proved = self.proved or proved

    def lost(self, now: float) -> bool:
        """Has the view been silent for long although there was something to answer?"""
        return self._acked < self._seq and now - self._heard > LOST

    def about(self, run_id: str) -> bool:
        """Does the view show this run?"""
        return self.greeted and (self.only is None or run_id in self.only)

    def forget(self) -> None:
        """The view asks for everything again."""
        for held in (self._rows, self._flow, self._seen, self._events, self._states):
            held.clear()
        self._acked = self._seq
        self.greeted = True

    def wanted(self, run_id: str) -> frozenset[str]:
        """Streams that the view shows of a run; all until it has said."""
        return self.wants.get(run_id, frozenset(encode.STREAMS))

    def greet(self, watched: Any) -> None:
        """Tell of a run: its controls, state and events."""
        self._events.setdefault(watched.run.id, max(0, len(watched.run.events) - EVENTS))
        self.post(encode.hello(watched.run))
        self.tell(watched)

    def tell(self, watched: Any, steps: bool = True) -> None:
        """Send a new state and new events; a step that is merely one more only when `steps` are due."""
        run = watched.run
        state = (watched.state, tuple(item.value for item in run.controls.values()), self.proved)
        known_state, known_step = self._states.get(run.id, (None, -1))
        if state != known_state or (steps and run.step_index != known_step):
            self._states[run.id] = (state, run.step_index)
            self._last_frame = time.monotonic() if steps else self._last_frame
            self.post(encode.state(run, watched.state, self.proved))
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
                self.post(encode.record(stream, watched.run, self._next(), found, self._detail))
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
            steps, values = encode.decimate(steps, values, encode.CURVE_POINTS // self._detail)
        self._rows[run.id] = (revision, length)
        self.post(encode.series(run, self._next(), steps, values, first))

    def _pump_flow(self, watched: Any) -> None:
        samples: list[GradientFlow] = watched.history("gradflow")
        if not samples:
            return
        last = self._flow.get(watched.run.id)
        fresh = [s for s in samples if last is None or s.step > last]
        same = [s for s in fresh if s.layers == fresh[-1].layers]
        if same:
            self._flow[watched.run.id] = same[-1].step
            thin = [*same[:-1:self._detail], same[-1]]
            # A model that got other layers on the way starts its picture anew.
            self.post(encode.gradflow(watched.run, self._next(), thin, last is None or len(same) < len(fresh)))
