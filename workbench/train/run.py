"""A run: what a training loop tells the world, and how the world steers the loop.

The loop calls `Run.step` once per step. Everything else (pause, set, stop) may be called from any thread and only sets
plain values; the loop acts on them at the edge of a step. Listeners watch; one that fails is dropped, and training
goes on.
"""
from __future__ import annotations

import contextlib
import dataclasses
import itertools
import logging
import pkgutil
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from ..core import Tensor
from ..core.errors import ArgumentError
from .history import History

LISTENERS: list[str | Callable[[Run], None]] = []
"""Called with every run that starts: functions, or names to look up (``"package.module:function"``)."""

_log = logging.getLogger("workbench")
_unannounced: ContextVar[bool] = ContextVar("workbench_unannounced", default=False)
_numbers = itertools.count(1)


@contextlib.contextmanager
def unannounced(quiet: bool = True) -> Iterator[None]:
    """Within this block runs are not announced to `LISTENERS`: a search over hundreds of models would open as many views."""
    token = _unannounced.set(quiet)
    try:
        yield
    finally:
        _unannounced.reset(token)


@dataclass
class Control:
    """A value of the running loop that a person may change."""

    name: str
    label: str
    scale: str
    min: float
    max: float
    value: float


@dataclass(frozen=True)
class Event:
    """Something a person should know, with the step it happened at."""

    step: int
    level: str
    code: str
    text: str


class RunStopped(Exception):  # noqa: N818 - not an error: somebody pressed stop
    """Raised by `Run.step` when a stop was asked for; a notebook shows one line instead of a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


_KNOWN = {"lr": ("learning rate", "log"), "momentum": ("momentum", "linear"), "weight_decay": ("weight decay", "log")}


def _controls(optimizer: Any) -> dict[str, Control]:
    """Controls for the numbers of an optimizer's first group; a weight decay of zero has no slider."""
    found: dict[str, Control] = {}
    group = optimizer.param_groups[0] if optimizer is not None else {}
    for name, (label, scale) in _KNOWN.items():
        value = group.get(name)
        if not isinstance(value, (int, float)) or (scale == "log" and value <= 0):
            continue
        low, high = (value / 1000, value * 1000) if scale == "log" else (0.0, 0.999)
        found[name] = Control(name, label, scale, low, high, float(value))
    return found


class Run:
    """One training run; make it with `watch` or `fit`.

    Attributes
    ----------
    state : str
        ``"idle"``, ``"running"``, ``"paused"``, ``"done"``, ``"stopped"`` or ``"failed"``.
    step_index : int
        Steps done.
    history : History
        Everything that was logged.
    controls : dict of str to Control
        What may be changed while it runs.
    events : list of Event
    """

    def __init__(self, model: Any = None, optimizer: Any = None, *, title: str | None = None, total: int | None = None) -> None:
        number = next(_numbers)
        self.id = f"{number}-{time.time_ns():x}"
        self.title = title or f"{type(model).__name__ if model is not None else 'run'} {number}"
        self.model, self.optimizer, self.total = model, optimizer, total
        self.state, self.step_index = "idle", 0
        self.history = History()
        self.controls = _controls(optimizer)
        self.listeners: list[Any] = []
        self.events: list[Event] = []
        self.tokens: Callable[[list[int]], list[str]] | None = None
        self._asked: dict[str, float] = {}
        self._go = threading.Event()
        self._go.set()
        self._stop = False
        self._single = 0
        self._clock = (time.perf_counter(), 0)
        self.rate: float | None = None

    # ------------------------------------------------------------------ what the loop calls
    def start(self) -> Run:
        """Announce the run to `LISTENERS`; the first `step` does it by itself."""
        if self.state == "idle":
            self._state("running")
            self._clock = (time.perf_counter(), 0)
            for listener in () if _unannounced.get() else LISTENERS:
                self._announce(listener)
        return self

    def step(self, **values: Any) -> None:
        """One training step is over: log `values`, let listeners look, and act on what was asked meanwhile.

        Raises
        ------
        RunStopped
            If a stop was asked for.
        """
        self.start()
        self.step_index += 1
        self._measure()
        self.log(**values)
        self._tell("on_step")
        self._apply_controls()
        self._wait()
        if self._stop:
            self.finish("stopped")
            raise RunStopped(f"run {self.title!r} was stopped at step {self.step_index}; the model keeps what it has learned")

    def log(self, **values: Any) -> None:
        """More numbers for the current step."""
        self.history.append(self.step_index, {name: _scalar(name, value) for name, value in values.items()})

    def note(self, level: str, code: str, text: str) -> None:
        """Record an event (level ``"info"``, ``"warning"`` or ``"error"``) and tell the listeners."""
        event = Event(self.step_index, level, code, text)
        self.events.append(event)
        self._tell("on_event", event)

    def finish(self, state: str = "done") -> None:
        """The run is over; a second call does nothing."""
        if self.state in ("idle", "running", "paused"):
            self._state(state)
            self._tell("on_finish")

    def __enter__(self) -> Run:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if kind is None:
            self.finish()
        elif issubclass(kind, (RunStopped, KeyboardInterrupt)):
            self.finish("stopped")
            return issubclass(kind, RunStopped)
        else:
            self.note("error", "exception", f"{kind.__name__}: {error}")
            self.finish("failed")
        return False

    def state_dict(self) -> dict[str, Any]:
        """Steps, numbers, events and controls as they are, for a checkpoint."""
        events = [dataclasses.asdict(event) for event in self.events]
        controls = {name: control.value for name, control in self.controls.items()}
        return {"step": self.step_index, "history": self.history.state_dict(), "events": events, "controls": controls}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where the run was that `state_dict` was taken of; before it starts."""
        self.step_index = state["step"]
        self.history.load_state_dict(state["history"])
        self.events[:] = [Event(**event) for event in state["events"]]
        for name in self.controls.keys() & state["controls"].keys():
            self.controls[name].value = state["controls"][name]

    # ------------------------------------------------------------------ what anybody may call, from any thread
    def set(self, name: str, value: float) -> None:
        """Change a control at the next edge of a step."""
        control = self.controls.get(name)
        if control is None:
            raise ArgumentError(f"run has no control {name!r}; it has {', '.join(self.controls) or 'none'}")
        self._asked[name] = min(max(float(value), control.min), control.max)

    def pause(self) -> None:
        """Hold the loop at the next edge of a step."""
        self._go.clear()

    def resume(self) -> None:
        """Let the loop go on."""
        self._single = 0
        self._go.set()

    def advance(self, steps: int = 1) -> None:
        """Let a paused loop do some steps and pause again."""
        self._single = steps
        self._go.set()

    def stop(self) -> None:
        """End the loop at the next edge of a step."""
        self._stop = True
        self._go.set()

    # ------------------------------------------------------------------ inside
    def _measure(self) -> None:
        since, steps = self._clock
        now = time.perf_counter()
        steps += 1
        if now - since >= 0.5:
            self.rate = steps / (now - since)
            since, steps = now, 0
        self._clock = (since, steps)

    def _apply_controls(self) -> None:
        while self._asked:
            name, value = self._asked.popitem()
            control = self.controls[name]
            if value == control.value:
                continue
            before, control.value = control.value, value
            for group in self.optimizer.param_groups:
                group[name] = value if not before else group[name] * (value / before)
            self.note("info", "control", f"{control.label} {before:.4g} → {value:.4g}")
            self._tell("on_state")

    def _wait(self) -> None:
        """Hold here while paused. Short waits, so that an interrupt comes through on every system."""
        if self._single:
            self._single -= 1
            if not self._single:
                self._go.clear()
        if self._go.is_set():
            return
        self._state("paused")
        while not self._go.wait(0.2):
            self._apply_controls()
        self._apply_controls()
        self._clock = (time.perf_counter(), 0)
        if not self._stop:
            self._state("running")

    def _state(self, state: str) -> None:
        self.state = state
        self._tell("on_state")

    def _tell(self, method: str, *args: Any) -> None:
        for listener in list(self.listeners):
            call = getattr(listener, method, None)
            if call is None:
                continue
            try:
                call(self, *args)
            except Exception:
                self.listeners.remove(listener)
                _log.exception("a listener of run %r failed in %s and was dropped; training goes on", self.title, method)

    def _announce(self, listener: str | Callable[[Run], None]) -> None:
        try:
            (pkgutil.resolve_name(listener) if isinstance(listener, str) else listener)(self)
        except Exception:
            _log.exception("run listener %s failed; training goes on without it", listener)

    def __repr__(self) -> str:
        newest = ", ".join(f"{name}={self.history.last(name):.4g}" for name in self.history.names)
        return f"Run({self.title!r}, {self.state}, step {self.step_index}" + (f", {newest})" if newest else ")")


def _scalar(name: str, value: Any) -> float:
    if isinstance(value, Tensor):
        value = value.item()
    if not isinstance(value, (int, float)) and not hasattr(value, "__float__"):
        raise ArgumentError(f"{name}={value!r} is not a number; log scalars (a tensor with one element is fine)")
    return float(value)


def watch(model: Any, optimizer: Any = None, *, title: str | None = None, total: int | None = None) -> Run:
    """Make a loop of your own visible and steerable: call ``run.step(loss=loss)`` once per step.

    Parameters
    ----------
    model : Module
    optimizer : Optimizer, optional
        Its learning rate, momentum and weight decay become controls.
    title : str, optional
        What views call the run.
    total : int, optional
        Planned steps.

    Examples
    --------
    >>> import workbench as wb
    >>> model = wb.nn.Linear(2, 1); optimizer = wb.optim.SGD(model.parameters(), lr=0.1)
    >>> with wb.watch(model, optimizer, total=2) as run:
    ...     for _ in range(2):
    ...         loss = model(wb.ones(4, 2)).square().mean()
    ...         optimizer.zero_grad(); loss.backward(); optimizer.step()
    ...         run.step(loss=loss)
    >>> run.state, run.step_index
    ('done', 2)
    """
    return Run(model, optimizer, title=title, total=total)
