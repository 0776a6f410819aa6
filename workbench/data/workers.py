"""Workers of a loader: processes or threads that make batches, and the one schedule by which the loop uses either.

A process has a pipe of its own and no lock is shared, so that one that is killed holds up nobody; its end is watched like its pipe.
Messages in a pipe stay small (batches travel in shared memory) and few, so that neither side ever waits to write.
"""
from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import os
import pickle
import queue
import secrets
import signal
import threading
import time
import traceback
import weakref
from collections import deque
from collections.abc import Iterator
from multiprocessing import connection, resource_tracker
from multiprocessing.context import BaseContext
from multiprocessing.reduction import ForkingPickler
from typing import Any

from ..core.errors import ArgumentError, WorkerError
from .fetch import EndOfStream, Fetcher, Job
from .shared import SegmentReader, SegmentWriter

GRACE = 1.0
"""Seconds that a worker in the middle of an item is given before it is ended."""

LAST = 30.0
"""Seconds to wait for one that was killed: on a busy machine the memory of a large program takes its time to be taken apart."""

MOST_AHEAD = 64
"""Batches that a worker may be ahead: so many replies, with those of an epoch that was broken off, fit into its pipe unread."""

# Bytes that these may take together.
_ROOM = 1 << 15
# Ends of pipes in this process. A forked worker closes its copies: else a worker would not notice that its loop is gone.
_open_ends: weakref.WeakSet = weakref.WeakSet()


class Failure:
    """An error in a worker, as it can be sent: its message, its traceback, and the class that the loop raises it as."""

    def __init__(self, error: BaseException, who: str, lead: str = "", kind: type[BaseException] | None = None) -> None:
        self.who, self.lead, self.kind = who, lead, kind or type(error)
        self.text = "".join(traceback.format_exception(error)).rstrip()
        self.error: BaseException | None = error

    def __getstate__(self) -> dict[str, Any]:
        try:
            kind = pickle.dumps(self.kind)
        except Exception:  # a class of a notebook or a function, say: its traceback is in the text
            kind = pickle.dumps(WorkerError)
        return {**vars(self), "kind": kind, "error": None}

    def raised(self) -> BaseException:
        """The error for the loop: of its class if that can be made of a message, else a `WorkerError`."""
        if self.error is not None:  # from a thread: the very one, its traceback with it
            self.error.add_note(f"DataLoader: in {self.who}")
            return self.error
        message = _Lines(f"DataLoader: {self.lead}{self.who} met an error:\n\n{self.text}")
        try:
            error = pickle.loads(self.kind)(message)
            return error if not isinstance(error, StopIteration) else WorkerError(message)
        except Exception:  # unknown here, or it takes other arguments: the message says it all
            return WorkerError(message)


class _Lines(str):
    """Text that KeyError, which shows the repr of its message, shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


# ---------------------------------------------------------------------- the worker's side
def _serve(pipe: connection.Connection, ends: list[connection.Connection], job: Any, worker: int, writer: SegmentWriter) -> None:
    """What a worker process does until its loop lets go of it."""
    for end in ends:
        end.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes of a terminal; the loop decides
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent, born_of = multiprocessing.parent_process(), os.getppid()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the loop is gone, and nobody is left to be told
        fetcher = _prepare(pipe, job, worker, writer)
        while fetcher is not None:
            while not connection.wait([pipe, parent.sentinel], timeout=5):
                if os.getppid() != born_of:  # other children of a loop that is gone may keep its end of the pipe open
                    return
            if not pipe.poll():
                return
            _answer(pipe, fetcher, writer, *pipe.recv())


def _prepare(pipe: connection.Connection, job: Any, worker: int, writer: SegmentWriter) -> Fetcher | None:
    try:
        return Fetcher(pickle.loads(job) if isinstance(job, bytes) else job, worker)
    except Exception as error:
        lead = ("a worker cannot load the dataset. What a notebook or an interactive session defines is not known to a new "
                "process: put it into a module, or use multiprocessing_context='fork' or workers='thread'.\n")
        pipe.send((None, writer.pack(Failure(error, _name(worker), lead, ArgumentError))))
        return None


def _answer(pipe: connection.Connection, fetcher: Fetcher, writer: SegmentWriter, ticket: int, task: tuple, returned: list[int]) -> None:
    writer.reuse(returned)
    reply = _work(fetcher, ticket, task)
    if reply is None:
        return
    try:
        packet = writer.pack(reply)
    except Exception as error:
        packet = writer.pack(Failure(error, _name(fetcher.worker), "a batch cannot be sent to the loop. "))
    pipe.send((ticket, packet))


def _work(fetcher: Fetcher, ticket: int, task: tuple) -> Any:
    """One message of the loop: an epoch that starts, whose ticket is -1, or a batch to make."""
    try:
        if ticket < 0:
            fetcher.begin(*task)
            return None
        return ("batch", fetcher.fetch(*task))
    except EndOfStream:
        return ("end", None)
    except Exception as error:
        return Failure(error, _name(fetcher.worker) if fetcher.job.processes else f"worker {fetcher.worker} (a thread)")


def _name(worker: int) -> str:
    return f"worker {worker} (pid {os.getpid()})"


# ---------------------------------------------------------------------- the loop's side
class _Worker:
    """A worker process as the loop sees it."""

    def __init__(self, number: int, process: Any, pipe: connection.Connection, reader: SegmentReader) -> None:
        self.number, self.process, self.pipe, self.reader = number, process, pipe, reader
        self.pending: dict[int, tuple] = {}

    def read(self) -> Iterator[tuple[int, Any]]:
        """The replies that have arrived."""
        while True:
            try:
                if not self.pipe.poll():
                    return
                ticket, packet = self.pipe.recv()
            except (EOFError, OSError):
                return  # it has ended: its sentinel says so, and `describe_end` says how
            self.reader.receive(packet)
            self.pending.pop(ticket, None)
            yield ticket, self.reader.unpack(packet)

    def describe_end(self, method: str) -> str:
        """How the process ended, and what may be done about it."""
        self.process.join(GRACE)
        code = self.process.exitcode
        batches = [str(task[0]) for task in self.pending.values() if task[1] is not None]
        doing = f" with batch {batches[0]} to make" if batches else ""
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            return (f"DataLoader: worker {self.number} (pid {self.process.pid}) was killed by {name} (exit code {code}){doing}. "
                    f"{_REMEDIES.get(name, 'Find the item with num_workers=0')}")
        hint = "" if method == "fork" else " Under spawn and forkserver a script is run again by its workers: guard its loop with if __name__ == '__main__':"
        return f"DataLoader: worker {self.number} (pid {self.process.pid}) ended by itself with exit code {code}{doing}.{hint}"


_REMEDIES = {"SIGKILL": "Did memory run out? Then fewer workers, smaller batches or a smaller prefetch_factor help",
             "SIGBUS": "Shared memory is full: give /dev/shm more (docker run --shm-size=2g), or use workers='thread'"}


@contextlib.contextmanager
def _interrupts_held(method: str) -> Iterator[None]:
    """Start a process with SIGINT blocked, which it inherits: a Ctrl-C cannot meet it before `_serve` ignores it.

    Not under forkserver, whose server may be started here and would hand the mask to everything it forks later.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, set() if method == "forkserver" else {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class ProcessPool:
    """Worker processes.

    Parameters
    ----------
    job : Job
    context : multiprocessing context
        Says how processes are started.
    """

    def __init__(self, job: Job, context: BaseContext, ahead: int) -> None:
        self.size, self.method = job.num_workers, context.get_start_method()
        self._tickets = itertools.count()
        self._workers: list[_Worker] = []
        self.close = weakref.finalize(self, _end_processes, self._workers, os.getpid())
        resource_tracker.ensure_running()  # before a fork, so that all tell one tracker of their segments
        sent = job if self.method == "fork" else _pickled(job)
        for number in range(self.size):
            self._start(number, sent, context, ahead)

    def _start(self, number: int, job: Any, context: BaseContext, ahead: int) -> None:
        ours, theirs = context.Pipe()
        _open_ends.add(ours)
        prefix = f"wb-{os.getpid()}-{secrets.token_hex(4)}-"
        ends = list(_open_ends) if self.method == "fork" else []
        writer = SegmentWriter(prefix, _ROOM // ahead)
        process = context.Process(target=_serve, args=(theirs, ends, job, number, writer), name=f"loader worker {number}", daemon=True)
        with _interrupts_held(self.method):
            process.start()
        theirs.close()
        self._workers.append(_Worker(number, process, ours, SegmentReader(prefix)))

    def begin(self, seed: int, epoch: int) -> None:
        """Tell all workers that an epoch starts."""
        for worker in self._workers:
            self._send(worker, (-1, (seed, epoch), worker.reader.take_returned()))

    def submit(self, worker: int, task: tuple) -> int:
        """Let a worker make a batch; the ticket that its reply will bear."""
        ticket, chosen = next(self._tickets), self._workers[worker]
        chosen.pending[ticket] = task
        self._send(chosen, (ticket, task, chosen.reader.take_returned()))
        return ticket

    def _send(self, worker: _Worker, message: tuple) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has ended, which `receive` reports
            worker.pipe.send(message)

    def least_busy(self) -> int:
        """The worker with the fewest batches to make."""
        return min(self._workers, key=lambda worker: len(worker.pending)).number

    def receive(self, timeout: float | None) -> list[tuple[int, Any]]:
        """What has come in, as (ticket, reply); waits for it, and for no longer than `timeout`."""
        ready = connection.wait([end for worker in self._workers for end in (worker.pipe, worker.process.sentinel)], timeout)
        replies = [reply for worker in self._workers if worker.pipe in ready or worker.process.sentinel in ready for reply in worker.read()]
        dead = [worker for worker in self._workers if worker.process.sentinel in ready]
        if dead and not replies:
            raise WorkerError(dead[0].describe_end(self.method))
        return replies

    def describe(self, worker: int) -> str:
        """A worker in words."""
        return f"worker {worker} (pid {self._workers[worker].process.pid})"


def _pickled(job: Job) -> bytes:
    """A job as bytes, or an error that says which part of it cannot be pickled."""
    try:
        return bytes(ForkingPickler.dumps(job))
    except Exception as error:
        wrong = [name for name in ("dataset", "collate_fn", "worker_init_fn") if not _can_be_pickled(getattr(job, name))]
        raise ArgumentError(f"DataLoader: {' and '.join(wrong)} cannot be sent to worker processes: {error}. Define it at the top level of a "
                            "module (no lambda, no local function), or use multiprocessing_context='fork' or workers='thread'") from error


def _can_be_pickled(value: Any) -> bool:
    try:
        ForkingPickler.dumps(value)
    except Exception:  # whatever it raises is the answer
        return False
    return True


def _end_processes(workers: list[_Worker], owner: int) -> None:
    """Let workers go, end those that do not, and remove what they left."""
    if os.getpid() != owner:  # a forked worker has a copy of this pool, which is not its to close
        return
    for worker in workers:
        worker.pipe.close()
    for end, patience in ((lambda process: None, GRACE), (lambda process: process.terminate(), GRACE), (lambda process: process.kill(), LAST)):
        deadline = time.monotonic() + patience
        for worker in workers:
            if worker.process.exitcode is None:
                end(worker.process)
        for worker in workers:
            worker.process.join(max(deadline - time.monotonic(), 0))
    for worker in workers:
        worker.reader.clean()
        if worker.process.exitcode is not None:  # else multiprocessing reaps it when the next process is started
            worker.process.close()
    workers.clear()


class ThreadPool:
    """Worker threads: no start-up and nothing is copied, but Python code of items runs one at a time."""

    def __init__(self, job: Job) -> None:
        self.size = job.num_workers
        self._tickets = itertools.count()
        self._replies: queue.SimpleQueue = queue.SimpleQueue()
        self._tasks: list[queue.SimpleQueue] = [queue.SimpleQueue() for _ in range(self.size)]
        self._pending = [0] * self.size
        stop = threading.Event()
        threads = [threading.Thread(target=_serve_thread, args=(Fetcher(job, number), tasks, self._replies, stop),
                                    name=f"loader worker {number}", daemon=True) for number, tasks in enumerate(self._tasks)]
        self.close = weakref.finalize(self, _end_threads, threads, self._tasks, stop)
        for thread in threads:
            thread.start()

    def begin(self, seed: int, epoch: int) -> None:
        """Tell all workers that an epoch starts."""
        for tasks in self._tasks:
            tasks.put((-1, (seed, epoch)))

    def submit(self, worker: int, task: tuple) -> int:
        """Let a worker make a batch; the ticket that its reply will bear."""
        ticket = next(self._tickets)
        self._pending[worker] += 1
        self._tasks[worker].put((ticket, task))
        return ticket

    def least_busy(self) -> int:
        """The worker with the fewest batches to make."""
        return min(range(self.size), key=self._pending.__getitem__)

    def receive(self, timeout: float | None) -> list[tuple[int, Any]]:
        """What has come in, as (ticket, reply); waits for it, and for no longer than `timeout`."""
        try:
            worker, ticket, reply = self._replies.get(timeout=timeout)
        except queue.Empty:
            return []
        self._pending[worker] -= ticket >= 0
        return [(ticket, reply)]

    def describe(self, worker: int) -> str:
        """A worker in words."""
        return f"worker {worker} (a thread)"


def _serve_thread(fetcher: Fetcher, tasks: queue.SimpleQueue, replies: queue.SimpleQueue, stop: threading.Event) -> None:
    while not stop.is_set():
        message = tasks.get()
        if message is None or stop.is_set():
            return
        reply = _work(fetcher, *message)
        if reply is not None:
            replies.put((fetcher.worker, message[0], reply))
        del message, reply


def _end_threads(threads: list[threading.Thread], tasks: list[queue.SimpleQueue], stop: threading.Event) -> None:
    stop.set()
    for each in tasks:
        each.put(None)
    deadline = time.monotonic() + GRACE
    for thread in threads:
        if thread.is_alive() and thread is not threading.current_thread():
            thread.join(max(deadline - time.monotonic(), 0))


# ---------------------------------------------------------------------- the schedule
def schedule(pool: ProcessPool | ThreadPool, tasks: Iterator[tuple], *, stream: bool, ahead: int, in_order: bool,
             timeout: float | None) -> Iterator[tuple[int, Any]]:
    """Batches of (number, indices) tasks, as (number, batch): `ahead` per worker are in the making or waiting to be taken.

    Batches of a dataset go to whichever worker has least to do, since it does not matter who makes one. Workers of a stream
    take turns, and one whose stream has ended drops out when its turn comes, so that the order does not depend on time.
    """
    live = deque(range(pool.size))
    waiting: dict[int, tuple[int, int]] = {}
    replies: dict[int, Any] = {}

    def send() -> None:
        task = next(tasks, None) if live else None
        if task is not None:
            worker = live[0] if stream else pool.least_busy()
            live.rotate(-1)
            waiting[pool.submit(worker, task)] = (worker, task[0])

    for _ in range(ahead * pool.size):
        send()
    while waiting:
        ticket = _await(pool, waiting, replies, in_order, timeout)
        worker, number = waiting.pop(ticket)
        reply = replies.pop(ticket)
        if isinstance(reply, Failure):
            raise reply.raised()
        kind, batch = reply
        del reply
        if kind == "end" and worker in live:
            live.remove(worker)
        send()
        if kind == "batch":
            yield number, batch
        del batch  # its memory can be filled again while the next one is waited for


def _await(pool: ProcessPool | ThreadPool, waiting: dict[int, tuple[int, int]], replies: dict[int, Any], in_order: bool,
           timeout: float | None) -> int:
    """The ticket whose reply is next: the oldest, or else the first to come."""
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        ticket = next(iter(waiting)) if in_order else next((ticket for ticket in waiting if ticket in replies), None)
        if ticket in replies:
            return ticket
        arrived = pool.receive(None if deadline is None else max(deadline - time.monotonic(), 0))
        for got, reply in arrived:
            if isinstance(reply, Failure) and (got is None or got < 0):
                raise reply.raised()
            if got in waiting:  # else it belongs to an epoch that was broken off
                replies[got] = reply
        if not arrived and deadline is not None and time.monotonic() >= deadline:
            raise WorkerError(f"DataLoader: no batch came within timeout={timeout:g} s; {pool.describe(waiting[min(waiting)][0])} is alive "
                              "and at work. Give it more time, or find what its items wait for with num_workers=0")
