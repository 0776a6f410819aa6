"""The recorder of a run: a listener that looks at gradients, activations, attention and the graph now and then.

It measures what its looks cost and spaces them so that they stay within a budget of the training time. Between looks
nothing is attached to the model. Nobody wants a stream: nothing is looked at.
"""
from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from ..nn import Module
from ..train.run import Run
from .activations import ActivationProbe
from .attention import AttentionProbe
from .gradients import copy_weights, gradient_flow
from .graph import GraphProbe
from .records import GradientFlow

STREAMS = ("gradflow", "activations", "attention", "graph")
HISTORY = 200
FIRST_LOOKS = 3
"""The first steps are all looked at: that is where most goes wrong."""

Subscriber = Callable[[str, Any], None]


class Recorder:
    """Looks at a run from outside and keeps plain data.

    Parameters
    ----------
    run : Run
        Its model is looked at; the recorder adds itself to ``run.listeners``.
    probes : iterable of str, optional
        Streams to look at from the start; all by default.
    budget : float
        Share of the training time that looking may take.
    """

    def __init__(self, run: Run, *, probes: Iterable[str] | None = None, budget: float = 0.03) -> None:
        self.run, self.budget = run, budget
        self._wanted = frozenset(STREAMS if probes is None else probes)
        self._latest: dict[str, Any] = {}
        self._flow: list[GradientFlow] = []
        self._subscribers: list[Subscriber] = []
        self._looks: list[Any] = []
        self._before: dict[str, Any] | None = None
        self._spent = 0.0
        self._trained = self._typical = 0.0
        self._last: float | None = None
        self._taken = 0
        if isinstance(run.model, Module):
            self._activations = ActivationProbe(run.model)
            self._attention = AttentionProbe(run.model, self._token_names)
            if run.state in ("idle", "running"):
                self._prepare()
        run.listeners.append(self)

    # ------------------------------------------------------------------ what a session asks
    def want(self, streams: Iterable[str]) -> None:
        """Look at these streams from now on; an empty set stops all looking. Safe to call from any thread."""
        self._wanted = frozenset(streams)

    def latest(self, stream: str) -> Any:
        """The newest record of a stream, or None."""
        return self._latest.get(stream)

    def history(self, stream: str) -> list[Any]:
        """Records of a stream, oldest first: up to 200 for gradient flow, thinned evenly; one for the others."""
        if stream == "gradflow":
            return list(self._flow)
        return [self._latest[stream]] if stream in self._latest else []

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call ``subscriber(stream, record)`` for every new record, on the training thread."""
        self._subscribers.append(subscriber)

    # ------------------------------------------------------------------ what the run calls
    def on_step(self, run: Run) -> None:
        """A step is over: finish the look that was prepared for it, prepare the next when it is due."""
        begun = time.perf_counter()
        self._measure(begun)
        if self._looks or self._before is not None:
            self._finish(run.step_index)
            self._taken += 1
        due = self._taken < FIRST_LOOKS or self._spent <= self.budget * self._trained
        if due and self._wanted and isinstance(run.model, Module):
            self._prepare()
        self._last = time.perf_counter()
        self._spent += self._last - begun

    def on_finish(self, run: Run) -> None:
        """Let go of the model; where nothing was looked at, the gradients that are there are better than none."""
        self._release()
        if isinstance(run.model, Module) and "gradflow" in self._wanted and run.step_index and not self._flow:
            self._keep("gradflow", gradient_flow(run.model, run.step_index))

    # ------------------------------------------------------------------ looking
    def _prepare(self) -> None:
        if "gradflow" in self._wanted:
            self._before = copy_weights(self.run.model)
        if "activations" in self._wanted:
            self._looks.append(("activations", self._activations))
        if "attention" in self._wanted and self._attention.layers():
            self._attention.tokens = self.run.tokens
            self._looks.append(("attention", self._attention))
        if "graph" in self._wanted and "graph" not in self._latest:
            self._looks.append(("graph", GraphProbe(self.run.model)))
        for _, probe in self._looks:
            probe.attach()

    def _token_names(self, ids: list[int]) -> list[Any]:
        # Asked at every look: a loop sets `run.tokens` after the run has been made.
        return list(self.run.tokens(ids)) if self.run.tokens else ids

    def _finish(self, step: int) -> None:
        for stream, probe in self._looks:
            probe.detach()
            self._spent += probe.spent
            record = probe.record(step)
            if record is not None:
                self._keep(stream, record)
        self._looks.clear()
        if self._before is not None:
            self._keep("gradflow", gradient_flow(self.run.model, step, self._before))
            self._before = None

    def _release(self) -> None:
        for _, probe in self._looks:
            probe.detach()
        self._looks.clear()
        self._before = None

    def _measure(self, now: float) -> None:
        """Add the time of this step to the training time; a pause or an evaluation counts as a few steps at most."""
        if self._last is None:
            return
        gap = now - self._last
        self._typical = gap if not self._typical else self._typical + 0.1 * (min(gap, 4 * self._typical) - self._typical)
        self._trained += min(gap, 4 * self._typical)

    def _keep(self, stream: str, record: Any) -> None:
        self._latest[stream] = record
        if stream == "gradflow":
            self._flow.append(record)
            if len(self._flow) > HISTORY:
                self._flow = [*self._flow[:-1:2], self._flow[-1]]
        for subscriber in self._subscribers:
            try:
                subscriber(stream, record)
            except Exception:
                logging.getLogger("workbench").exception("a subscriber of the recorder failed; training goes on")
