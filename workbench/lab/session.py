"""The session of a kernel: every run it has, every view that looks, and the thread between them.

The training thread only sets flags. Messages of views arrive on threads of the kernel and are put into a queue (run
commands act at once: they set plain values). One publisher thread empties the queue and sends what is new, so a slow
page costs memory that is bounded by the run's own history, and never the loop's time.
"""
from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from ..core.errors import ArgumentError
from ..inspect import Recorder
from ..inspect.recorder import STREAMS as LOOKED_AT
from ..train import Run
from . import encode
from .channel import Channel, Send
from .protocol import TO_VIEW, Message, ProtocolError, read

_log = logging.getLogger("workbench")

Connect = Callable[[str], Send]

_TICK = 1 / 60
_IDLE = 0.5
KEPT = 32
"""Runs a session knows; when there are more, the oldest that is over is dropped, and its model can be freed."""


class Watched:
    """A run and what is known of it beyond its history.

    Attributes
    ----------
    loose : bool
        Does its loop run on a thread of its own? Then the kernel is free between cells.
    resting : bool
        Has the cell ended in the middle of the run? A loop need not say when it is over.
    pictures : list of callable
        Called when the run has ended, or its cell has.
    """

    def __init__(self, run: Run, session: Session) -> None:
        self.run = run
        self.loose = self.resting = False
        self.pictures: list[Callable[[], None]] = []
        self._session = session
        self.recorder = Recorder(run)
        run.listeners.append(self)

    @property
    def live(self) -> bool:
        """Is the loop under way?"""
        return self.run.state in ("running", "paused") and not self.resting

    @property
    def state(self) -> str:
        """The state of the run as a person sees it."""
        return "idle" if self.resting and self.run.state in ("running", "paused") else self.run.state

    def latest(self, stream: str) -> Any:
        """The newest record of a stream."""
        return self.recorder.latest(stream)

    def history(self, stream: str) -> list[Any]:
        """Records of a stream, oldest first."""
        return self.recorder.history(stream)

    def on_step(self, run: Run) -> None:
        """Wake the publisher."""
        self.loose, self.resting = threading.current_thread() is not threading.main_thread(), False
        self._session.wake()

    def on_state(self, run: Run) -> None:
        """Wake the publisher."""
        self._session.wake()

    def on_event(self, run: Run, happened: Any) -> None:
        """Wake the publisher."""
        self._session.wake()

    def on_finish(self, run: Run) -> None:
        """Wake the publisher, and have the run's pictures drawn for the last time."""
        self._session.wake()
        self.draw()

    def draw(self) -> None:
        """Have the pictures in the notebook drawn again."""
        for picture in list(self.pictures):
            picture()


class Session:
    """All runs and views of this kernel.

    Parameters
    ----------
    busy : callable
        Does the calling thread run beside a cell?
    """

    def __init__(self, busy: Callable[[], bool] = lambda: False) -> None:
        self.watched: dict[str, Watched] = {}
        self._process = os.getpid()
        self._busy = busy
        self._asked: dict[str, Message] = {}
        self._channels: dict[str, Channel] = {}
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._awake = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    # ------------------------------------------------------------------ from the training thread
    def add(self, run: Run) -> Watched:
        """Watch a run; a second call for the same run changes nothing."""
        if run.id in self.watched:
            return self.watched[run.id]
        watched = Watched(run, self)
        self.watched = {**self.watched, run.id: watched}
        self._forget_oldest()
        self._inbox.put(lambda: self._announce(watched))
        self.wake()
        return watched

    def cell_ended(self) -> None:
        """The main thread is free again: loops that ran there have stopped, however they did."""
        for watched in list(self.watched.values()):
            if watched.live and not watched.loose:
                watched.resting = True
                self.wake()
                watched.draw()

    def _forget_oldest(self) -> None:
        over = [name for name, watched in self.watched.items() if not watched.live]
        for name in over[:max(0, len(self.watched) - KEPT)]:
            self.watched = {other: watched for other, watched in self.watched.items() if other != name}
            self._inbox.put(lambda name=name: self._goodbye(name))

    def wake(self) -> None:
        """There may be something to send."""
        self._awake.set()
        if self._thread is None or not self._thread.is_alive():
            with self._lock:
                # A forked process must not speak on the sockets of its parent.
                if (self._thread is None or not self._thread.is_alive()) and os.getpid() == self._process:
                    self._thread = threading.Thread(target=self._publish, name="workbench-publisher", daemon=True)
                    self._thread.start()

    # ------------------------------------------------------------------ from threads of the kernel
    def receive(self, content: Any, connect: Connect | None = None, runs: Iterable[str] = ()) -> None:
        """Take a message of a view.

        Parameters
        ----------
        content : dict
            What the view sent.
        connect : callable, optional
            Opens the way to a view (by its name) that is not known yet.
        runs : iterable of str
            Ids of what the view is about; by default the run it names when it is ready, or all.
        """
        busy = self._busy()
        try:
            message = read(content)
        except ProtocolError as problem:
            _log.warning("a view sent a message that was ignored: %s", problem)
            return
        if message.op in ("set", "cmd"):
            self._command(message)
        if message.op == "ready":
            self._asked[message.view] = message
        self._inbox.put(lambda: self._handle(message, busy, connect, frozenset(runs)))
        self.wake()

    def _command(self, message: Message) -> None:
        watched = self.watched.get(message.run)
        if watched is None:
            return
        run = watched.run
        try:
            if message.op == "set":
                run.set(message.name, message.value)
            else:
                {"pause": run.pause, "resume": run.resume, "step": run.advance, "stop": run.stop}[message.name]()
        except ArgumentError as problem:
            _log.warning("a view asked for something impossible: %s", problem)

    # ------------------------------------------------------------------ on the publisher thread
    def _publish(self) -> None:
        while True:
            self._awake.wait(_IDLE)
            self._awake.clear()
            while not self._inbox.empty():
                self._guarded(self._inbox.get())
            self._pump()
            time.sleep(_TICK)
            if self._waiting():
                self._awake.set()

    def _guarded(self, action: Callable[[], Any]) -> None:
        try:
            action()
        except Exception:
            _log.exception("the workbench session could not act on a message; training is not affected")

    def _waiting(self) -> bool:
        return bool(self._channels) and any(watched.live for watched in self.watched.values())

    def _announce(self, watched: Watched) -> None:
        for name, channel in list(self._channels.items()):
            if channel.about(watched.run.id):
                self._try(name, lambda c=channel: (c.post(self._runs(c)), c.greet(watched)))

    def _goodbye(self, run_id: str) -> None:
        for name, channel in list(self._channels.items()):
            if channel.about(run_id):
                self._try(name, lambda c=channel: c.post(TO_VIEW["bye"](run=run_id)))

    def _handle(self, message: Message, busy: bool, connect: Connect | None, runs: frozenset[str]) -> None:
        name = message.view
        if message.op == "bye":
            self._drop(name)
            return
        channel = self._channels.get(name)
        if channel is None:
            if connect is None:
                return
            channel = self._channels[name] = Channel(connect(name))
            channel.only = runs or None
        # Beside a loop on a thread of its own there is nothing to wait for.
        channel.hear(busy or any(watched.loose and watched.live for watched in self.watched.values()))
        self._try(name, lambda: self._answer(channel, message, busy))

    def _answer(self, channel: Channel, message: Message, busy: bool) -> None:
        if message.op == "ready":
            # One that waited for the end of a cell may have asked many times: the last asking counts.
            if self._asked.get(message.view) is message:
                channel.only = channel.only or (frozenset({message.run}) if message.run else None)
                self._replay(channel)
        elif message.op == "want":
            channel.wants[message.run] = frozenset(message.streams)
            self._look()
        elif not channel.greeted:
            # A view that was taken for closed speaks again.
            self._replay(channel)
        elif message.op == "ack":
            channel.ack(message.seq)
        elif message.op == "pull" and message.run in self.watched:
            channel.pull(self.watched[message.run], message.lo, message.hi)
        if message.op == "ping":
            channel.post(TO_VIEW["pong"](id=message.id, busy=busy))

    def _replay(self, channel: Channel) -> None:
        channel.forget()
        channel.post(self._runs(channel))
        for watched in self._shown(channel):
            channel.greet(watched)
            channel.pump(watched)
        self._look()

    def _shown(self, channel: Channel) -> list[Watched]:
        return [watched for watched in self.watched.values() if channel.about(watched.run.id)]

    def _runs(self, channel: Channel) -> Message:
        return encode.runs(self._shown(channel))

    def _look(self) -> None:
        """Look while anything is on show, at everything, so that another tab finds a past; not while all is hidden."""
        for watched in self.watched.values():
            seen = not self._channels or any(channel.wanted(watched.run.id) for channel in self._channels.values())
            watched.recorder.want(LOOKED_AT if seen else ())

    def _pump(self) -> None:
        now = time.monotonic()
        for name, channel in list(self._channels.items()):
            if channel.lost(now):
                self._drop(name)
            else:
                self._try(name, lambda c=channel: self._serve(c, now))

    def _serve(self, channel: Channel, now: float) -> None:
        due = channel.ready(now)
        for watched in self._shown(channel):
            channel.tell(watched, steps=due)
            if due:
                channel.pump(watched)

    def _drop(self, name: str) -> None:
        self._channels.pop(name, None)
        self._asked.pop(name, None)
        self._look()

    def _try(self, name: str, action: Callable[[], Any]) -> None:
        """A view that cannot be reached is dropped; the next thing it says brings it back."""
        try:
            action()
        except Exception:
            _log.warning("view %s could not be served and was dropped; training is not affected", name, exc_info=True)
            self._drop(name)
