"""How this kernel talks to pages: comms down, the control channel (or a comm on a subshell) up.

JupyterLab's messages to a busy kernel wait on its main shell. The control channel has a thread of its own in every
ipykernel, so that is where our extension sends; a front end without it may open the comm ``workbench.control`` on a
subshell. Handlers run off the main thread and only pass messages on.
"""
from __future__ import annotations

import functools
import os
import threading
from typing import Any

from comm import create_comm, get_comm_manager

from .channel import Send
from .protocol import TARGETS
from .session import Session

_session: Session | None = None


def session() -> Session:
    """The session of this kernel, made and connected when first asked for."""
    global _session
    if _session is None:
        cell = _Cell()
        _session = Session(cell.passed)
        _connect(_session, cell)
    return _session


class _Cell:
    """Whether a cell runs, told by IPython's events; the session is made inside one, so the first answer is yes."""

    def __init__(self) -> None:
        self._running = True

    def passed(self) -> bool:
        """Does whoever asks overtake a running cell? A message handled on the main thread does not."""
        return self._running and threading.current_thread() is not threading.main_thread()

    def begin(self, *args: object) -> None:
        """A cell starts."""
        self._running = True

    def end(self, *args: object) -> None:
        """A cell has ended."""
        self._running = False


def _connect(made: Session, cell: _Cell) -> None:
    shell = _shell()
    if shell is None:
        return
    shell.events.register("pre_run_cell", cell.begin)
    shell.events.register("post_run_cell", cell.end)
    shell.events.register("post_run_cell", lambda *args: made.cell_ended())
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return

    async def on_control(stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        made.receive(parent["content"], open_page)

    kernel.control_handlers[TARGETS["channel"]] = on_control
    get_comm_manager().register_target(TARGETS["control"], lambda comm, opened: comm.on_msg(
        lambda message: made.receive(message["content"]["data"], open_page)))


def _shell() -> Any:
    from IPython import get_ipython

    return get_ipython()


def open_page(view: str) -> Send:
    """A live comm for one page; the page knows by the name that it is meant."""
    comm = create_comm(target_name=TARGETS["live"], data={"view": view})

    def send(data: dict[str, Any], buffers: list[bytes]) -> None:
        comm.send(data=data, buffers=buffers)

    return send


def in_kernel() -> bool:
    """Is this a kernel, with a front end to show things?"""
    return getattr(_shell(), "kernel", None) is not None


BATCH = ("nbconvert", "nbclient", "papermill", "jupyter-execute", "sphinx-build", "jupyter-book", "myst", "quarto")
"""Programs that run notebooks with nobody there."""


@functools.cache
def in_batch() -> bool:
    """Was this kernel started by a program that writes pages? Those prefer a widget, and show it empty, to a picture."""
    import psutil

    try:
        started_by = " ".join(psutil.Process(os.getppid()).cmdline())
    except psutil.Error:
        return False
    return any(name in started_by for name in BATCH)


_announced: list[Any] = []


def announce() -> None:
    """Tell every open page that this kernel has runs now: a comm without a name, on which nothing is ever sent."""
    if not _announced:
        _announced.append(create_comm(target_name=TARGETS["live"], data={}))
