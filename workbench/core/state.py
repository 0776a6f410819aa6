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


class Watch:
    """What observers are made of: the methods are called in the thread that entered `observing`, and here do nothing.

    Times are of `time.perf_counter_ns`. Operations that a method computes itself are not observed.
    """

    eager = False
    """Do functions compiled by jit run op by op while it watches?"""

    def forward(self, op: Any, args: tuple, params: dict[str, Any], output: Any, begin: int, end: int) -> None:
        """An operation on plain tensors was computed."""

    def begin_sweep(self, roots: list) -> None:
        """A reverse sweep starts from these pairs of node and cotangent."""

    def backward(self, node: Any, g: Any, cotangents: list, begin: int, end: int) -> None:
        """The rules of `node` turned `g` into the cotangents of its parents (None where not needed)."""

    def compiled(self, name: str, values: list, results: list, begin: int, end: int) -> None:
        """A function compiled by jit was called with the tensors `values`."""

    def accumulated(self, leaf: Any) -> None:
        """The gradient of a leaf was added to its ``grad``."""


class _Calls(Watch):
    """A plain function as observer."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer

    def forward(self, op: Any, args: tuple, params: dict[str, Any], output: Any, begin: int, end: int) -> None:
        self.observer(op, args, params, output)


class _State(threading.local):
    mode: int = 1
    levels: tuple[int, ...] = ()
    observers: tuple[Watch, ...] = ()
    sweep: Any = None
    packing_disabled: str | None = None
    trace: Any = None
    replay: Any = None
    muted: int = 0
    """For reverse mode, values of transformations up to this level are constants: a user's no_grad was entered inside of them."""
    again: bool = False
    """Is a checkpoint computing again what was computed before?"""
    cast: Any = None
    """What autocast does to the arguments of ops: ``cast.arguments(op, args)``, with all fast paths closed."""


STATE = _State()


def lowered(x: Any) -> Any:
    """`x` as autocast has the inputs of a matrix product; for what is added to one."""
    return x if STATE.cast is None else STATE.cast.low(x)


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
        self._saved: list[tuple[int, int]] = []

    def _muted(self) -> int:
        return STATE.muted

    def __enter__(self) -> None:
        self._saved.append((STATE.mode, STATE.muted))
        STATE.mode, STATE.muted = (STATE.mode & ~1) | self._bit, self._muted()

    def __exit__(self, *exc: object) -> None:
        mode, STATE.muted = self._saved.pop()
        STATE.mode = (STATE.mode & ~1) | (mode & 1)  # observers may have come or gone

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with type(self)():
                return function(*args, **kwargs)

        return wrapped


class untaped(_GradMode):
    """For the engine itself: the eager tape does not record; derivatives of transformations go on."""

    _bit = 0


class taped(_GradMode):
    """For the engine itself: the eager tape records, whatever holds for transformations."""


class _UserMode(_GradMode):
    """What users enter: it holds for the transformations around it too."""

    def _muted(self) -> int:
        if self._bit:
            return 0
        return STATE.levels[-1] if STATE.levels else STATE.muted


class no_grad(_UserMode):
    """Operations inside are not recorded: results do not require gradients.

    Inside a function that is differentiated they are constants for reverse mode at every level, also through jit;
    tangents of forward mode go on, and a transformation that starts inside has its own derivative, as in PyTorch.

    Examples
    --------
    >>> import workbench as wb
    >>> x = wb.tensor([1.0, 2.0], requires_grad=True)
    >>> with wb.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    _bit = 0


class enable_grad(_UserMode):
    """Operations inside are recorded, also within `no_grad`.

    Examples
    --------
    >>> import workbench as wb
    >>> x = wb.tensor([1.0, 2.0], requires_grad=True)
    >>> with wb.no_grad(), wb.enable_grad():
    ...     (x * 2).requires_grad
    True
    """


class set_grad_enabled(_UserMode):
    """Record operations, or not, from now on; as a context manager, until its end.

    Examples
    --------
    >>> import workbench as wb
    >>> x = wb.ones(1, requires_grad=True)
    >>> with wb.set_grad_enabled(False):
    ...     (x * 2).requires_grad
    False
    """

    def __init__(self, mode: bool) -> None:
        self._bit = int(mode)
        super().__init__()
        super().__enter__()

    def __enter__(self) -> None:
        pass

    def __call__(self, function: Callable) -> Callable:
        self.__exit__()
        mode = bool(self._bit)

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with set_grad_enabled(mode):
                return function(*args, **kwargs)

        return wrapped


def is_grad_enabled() -> bool:
    """Are operations recorded in this thread just now?"""
    return bool(STATE.mode & 1)


@contextlib.contextmanager
def observing(observer: Observer | Watch, *, recorded_only: bool = False) -> Iterator[None]:
    """Let `observer` see what this thread computes.

    Parameters
    ----------
    observer : callable or Watch
        A callable is called as ``observer(op, args, params, output)`` after every operation on plain tensors.
    recorded_only : bool
        Operations that are not recorded need not be seen: those keep their fast path.

    Examples
    --------
    >>> import workbench as wb
    >>> names = []
    >>> with wb.observing(lambda op, args, params, output: names.append(op.name)):
    ...     _ = wb.exp(wb.zeros(2)) + 1
    >>> names
    ['exp', 'add']
    """
    watch = observer if isinstance(observer, Watch) else _Calls(observer)
    STATE.observers, STATE.mode = (*STATE.observers, watch), STATE.mode | 2
    try:
        with contextlib.nullcontext() if recorded_only else closed_fast_paths():
            yield
    finally:
        kept = list(STATE.observers)
        kept.remove(watch)
        STATE.observers = tuple(kept)
        if not kept and STATE.replay is None:
            STATE.mode &= 1


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
