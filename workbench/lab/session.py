"""The session of a kernel: every run it has, every view that looks, and the thread between them.

The training thread only sets flags. Messages of views arrive on threads of the kernel and are put into a queue (run
commands act at once: they set plain values). One publisher thread empties the queue and sends what is new, so a slow
page costs memory that is bounded by the run's own history, and never the loop's time.
"""
from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from ..core.errors import ArgumentError
from ..inspect import Recorder
from ..inspect.recorder import STREAMS as LOOKED_AT
from ..train import Run
from . import encode
from .channel import Channel, Send
from .protocol import TO_VIEW, Message, ProtocolError, read

_log = logging.getLogger("workbench")

_TICK = 1 / 60
_IDLE = 0.5


class Watched:
    """A run and what is known of it beyond its history."""

    def __init__(self, run: Run, session: Session) -> None:
        self.run = run
        self._session = session
        self.recorder = Recorder(run)
        self._latest: dict[str, Any] = {}
        run.listeners.append(self)

    @property
    def control(self) -> bool:
        """Has the way from views to a busy kernel been proved?"""
        return self._session.proved

    def latest(self, stream: str) -> Any:
        """The newest record of a stream."""
        return self._latest.get(stream) or self.recorder.latest(stream)

    def keep(self, stream: str, record: Any) -> None:
        """Show a record that did not come from the recorder."""
        self._latest[stream] = record

    def history(self, stream: str) -> list[Any]:
        """Records of a stream, oldest first."""
        return self.recorder.history(stream)

    def on_step(self, run: Run) -> None:
        """Wake the publisher."""
        self._session.wake()

    on_state = on_step

    def on_event(self, run: Run, happened: Any) -> None:
        """Wake the publisher."""
        self._session.wake()

    def on_finish(self, run: Run) -> None:
        """Send the last state without waiting for the next tick."""
        self._session.wake()
        self._session.finished(self)


class Session:
    """All runs and views of this kernel.

    Parameters
    ----------
    busy : callable
        Is a cell running just now?
    """

    def __init__(self, busy: Callable[[], bool] = lambda: False) -> None:
        self.watched: dict[str, Watched] = {}
        self.proved = False
        self.on_finished: list[Callable[[Watched], None]] = []
        self._busy = busy
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
        watched = self.watched[run.id] = Watched(run, self)
        self._inbox.put(lambda: self._announce(watched))
        self.wake()
        return watched

    def wake(self) -> None:
        """There may be something to send."""
        self._awake.set()
        if self._thread is None or not self._thread.is_alive():
            with self._lock:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._publish, name="workbench-publisher", daemon=True)
                    self._thread.start()

    def finished(self, watched: Watched) -> None:
        """A run has ended."""
        for listener in self.on_finished:
            listener(watched)

    def flush(self, timeout: float = 1.0) -> None:
        """Wait until what has happened so far was handed to the kernel's sockets."""
        done = threading.Event()
        self._inbox.put(lambda: (self._pump(force=True), done.set()))
        self.wake()
        done.wait(timeout)

    # ------------------------------------------------------------------ from threads of the kernel
    def receive(self, content: Any, connect: Callable[[str], Send] | None = None) -> None:
        """Take a message of a view.

        Parameters
        ----------
        content : dict
            What the view sent.
        connect : callable, optional
            Opens the way to a view (by its name) that is not known yet.
        """
        busy = self._busy()
        try:
            message = read(content)
        except ProtocolError as problem:
            _log.warning("a view sent a message that was ignored: %s", problem)
            return
        if busy and not self.proved:
            self.proved = True
        if message.op in ("set", "cmd"):
            self._command(message)
        self._inbox.put(lambda: self._handle(message, busy, connect))
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
        return any(w.run.state in ("running", "paused") for w in self.watched.values()) and bool(self._channels)

    def _announce(self, watched: Watched) -> None:
        for name, channel in list(self._channels.items()):
            self._try(name, lambda c=channel: (c.post(encode.runs(self._runs())), c.greet(watched)))

    def _handle(self, message: Message, busy: bool, connect: Callable[[str], Send] | None) -> None:
        name = message.view
        if message.op == "bye":
            self._channels.pop(name, None)
            self._look()
            return
        channel = self._channels.get(name)
        if channel is None:
            if connect is None or message.op in ("ack", "set", "cmd"):
                return
            channel = self._channels[name] = Channel(connect(name))
        if message.op == "ready":
            self._try(name, lambda: self._replay(channel, message.run))
        elif message.op == "ack":
            channel.ack(message.seq)
        elif message.op == "want":
            channel.wants[message.run] = frozenset(message.streams)
            self._look()
        elif message.op == "pull" and message.run in self.watched:
            self._try(name, lambda: channel.pull(self.watched[message.run], message.lo, message.hi))
        elif message.op == "ping":
            self._try(name, lambda: channel.post(TO_VIEW["pong"](id=message.id, busy=busy)))

    def _replay(self, channel: Channel, only: str) -> None:
        channel.forget()
        channel.post(encode.runs(self._runs()))
        for watched in list(self.watched.values()):
            if not only or only == watched.run.id:
                channel.greet(watched)
                channel.pump(watched)

    def _runs(self) -> list[Run]:
        return [watched.run for watched in self.watched.values()]

    def _look(self) -> None:
        """Have recorders look at what some view shows; at everything while there is no view at all."""
        for watched in self.watched.values():
            wanted = {stream for channel in self._channels.values() for stream in channel.wanted(watched.run.id)}
            watched.recorder.want([s for s in LOOKED_AT if s in wanted] if self._channels else LOOKED_AT)

    def _pump(self, force: bool = False) -> None:
        now = time.monotonic()
        for name, channel in list(self._channels.items()):
            self._try(name, lambda c=channel: self._serve(c, now, force))

    def _serve(self, channel: Channel, now: float, force: bool) -> None:
        for watched in list(self.watched.values()):
            channel.tell(watched)
        if force or channel.ready(now):
            for watched in list(self.watched.values()):
                channel.pump(watched)

    def _try(self, name: str, action: Callable[[], Any]) -> None:
        """A view that cannot be reached is dropped; it will say `ready` if it comes back."""
        try:
            action()
        except Exception:
            _log.exception("view %s could not be reached and was dropped", name)
            self._channels.pop(name, None)
