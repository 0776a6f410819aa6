"""What a thread knows while it computes: is it recording, who observes, which transformations are running.

One integer, ``STATE.mode``, is all that the fast path of an op reads: bit 0 says that operations are recorded, bit 1
that somebody observes them. One clock orders nodes and in-place writes.
"""
from __future__ import annotations

import contextlib
import functools
import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

clock = itertools.count(1).__next__
_levels = itertools.count(1).__next__

Observer = Callable[[Any, tuple, dict, Any], None]


class _State(threading.local):
    mode: int = 1
    levels: tuple[int, ...] = ()
    observers: tuple[Observer, ...] = ()
    trace: Any = None
    replay: Any = None


STATE = _State()


class Closed:
    """No tensor is of this type: with it in place of Tensor, a fast path hands everything to `op.slow`."""


_fast_paths: list[tuple[dict[str, Any], type]] = []
_closings = 0
_lock = threading.Lock()


def add_fast_path(namespace: dict[str, Any]) -> None:
    """Let `closed_fast_paths` close the fast path that looks up names in `namespace`."""
    with _lock:
        _fast_paths.append((namespace, namespace["Tensor"]))
        if _closings:
            namespace["Tensor"] = Closed


@contextlib.contextmanager
def closed_fast_paths() -> Iterator[None]:
    """Every op takes the general road, where traces and observers see it; other threads only get a little slower."""
    _count(1)
    try:
        yield
    finally:
        _count(-1)


def _count(change: int) -> None:
    global _closings
    with _lock:
        _closings += change
        if _closings == (change > 0):  # the first to close, or the last to open
            for namespace, kind in _fast_paths:
                namespace["Tensor"] = Closed if _closings else kind


class _GradMode:
    """Base of the context managers below; also usable as a decorator."""

    _bit = 1

    def __init__(self) -> None:
        self._saved: list[int] = []

    def __enter__(self) -> None:
        self._saved.append(STATE.mode)
        STATE.mode = (STATE.mode & ~1) | self._bit

    def __exit__(self, *exc: object) -> None:
        STATE.mode = self._saved.pop()

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with type(self)():
                return function(*args, **kwargs)

        return wrapped


class no_grad(_GradMode):
    """Operations inside are not recorded: results do not require gradients.

    Examples
    --------
    >>> import workbench as wb
    >>> x = wb.tensor([1.0, 2.0], requires_grad=True)
    >>> with wb.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    _bit = 0


class enable_grad(_GradMode):
    """Operations inside are recorded, also within `no_grad`.

    Examples
    --------
    >>> import workbench as wb
    >>> x = wb.tensor([1.0, 2.0], requires_grad=True)
    >>> with wb.no_grad(), wb.enable_grad():
    ...     (x * 2).requires_grad
    True
    """


def is_grad_enabled() -> bool:
    """Are operations recorded in this thread just now?"""
    return bool(STATE.mode & 1)


@contextlib.contextmanager
def observing(observer: Observer) -> Iterator[None]:
    """Call ``observer(op, args, params, output)`` after every operation on plain tensors of this thread."""
    before, mode = STATE.observers, STATE.mode
    STATE.observers, STATE.mode = (*before, observer), mode | 2
    try:
        with closed_fast_paths():
            yield
    finally:
        STATE.observers, STATE.mode = before, mode


@contextlib.contextmanager
def transformation() -> Iterator[int]:
    """A new level of boxes, alive until the block ends."""
    level = _levels()
    before = STATE.levels
    STATE.levels = (*before, level)
    try:
        yield level
    finally:
        STATE.levels = before
