"""`jit`: trace a function once per signature, make a program of the graph, and call that from then on.

What the function reads from outside (weights, buffers, gradients, settings of an optimizer) is read anew at every call;
what it writes is written back. A call on a tape or inside another transformation is an op like any other: its forward
and backward are programs of their own, and every transformation can look inside.
"""
from __future__ import annotations

import functools
import inspect
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend import dtypes
from ..core import tree
from ..core.errors import ArgumentError, TraceError
from ..core.state import STATE
from ..core.tensor import Tensor
from .ir import Graph
from .trace import NotReadyError
from .traced import AliasedError, StaleError, Traced, trace

ENABLED = os.environ.get("WB_JIT", "1") != "0"
"""``WB_JIT=0`` in the environment turns jit off."""
MANY = 8
"""So many programs of one function are a mistake, most of the time: a warning says what keeps changing."""


class JitFunction:
    """What `jit` returns: call it like the function.

    Attributes
    ----------
    traces : int
        How many programs were made so far.
    """

    def __init__(self, function: Callable[..., Any], static_argnums: Sequence[int], static_argnames: Sequence[str], fallback: str | None) -> None:
        functools.update_wrapper(self, function, updated=())
        self.function = function
        self.static_argnums, self.static_argnames, self.fallback = tuple(static_argnums), frozenset(static_argnames), fallback
        self._cache: dict[Any, list[Traced]] = {}
        self._structures: dict[tree.Structure, int] = {}
        self._flat: dict[int, int] = {}
        self._lock = threading.RLock()
        self.traces = 0
        self.reasons: list[str] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if STATE.trace is not None or not ENABLED or (STATE.mode > 1 and any(watch.eager for watch in STATE.observers)):
            return self.function(*args, **kwargs)
        found = self._plain(args) if not kwargs else None
        if found is None and _written_down(args, kwargs):
            return self.function(*args, **kwargs)
        key, values, boxed = found or self._signature(args, kwargs)
        traced = self._find(key)
        if traced is None:
            try:
                traced = self._trace(key, args, kwargs)
            except NotReadyError:
                return self.function(*args, **kwargs)
            except TraceError:
                if self.fallback != "eager":
                    raise
                return self.function(*args, **kwargs)
        try:
            return traced.run(values, boxed) if STATE.mode < 2 else self._observed(traced, values, boxed)
        except AliasedError:
            return self.function(*args, **kwargs)
        except StaleError:
            with self._lock:
                if traced in self._cache[key]:  # else another thread was first
                    self._cache[key].remove(traced)
            return self(*args, **kwargs)

    def _observed(self, traced: Traced, values: list[Tensor], boxed: bool) -> Any:
        begin = time.perf_counter_ns()
        result = traced.run(values, boxed)
        end = time.perf_counter_ns()
        for watch in STATE.observers:
            watch.compiled(self.__name__, values, [leaf for leaf in tree.flatten(result)[0] if isinstance(leaf, Tensor)], begin, end)
        return result

    def _plain(self, args: tuple) -> tuple[tuple, Sequence[Tensor], bool] | None:
        """The signature of a call with nothing but tensors, the quick way; None for any other call."""
        number = self._flat.get(len(args))
        if number is None:
            return None
        signature: list[Any] = [number, STATE.mode & 1, dtypes.default_dtype()]
        for x in args:
            if type(x) is not Tensor:
                return None
            signature.append((x.data.shape, x.data.dtype, x.node is None))
        return tuple(signature), args, False

    def _signature(self, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, list[Tensor], bool]:
        """What a call has in common with those that the same program serves; its tensors; is one of them a box?"""
        leaves, structure = tree.flatten((args, kwargs), _is_object)
        number = self._structures.get(structure)
        if number is None:
            with self._lock:  # two structures must not get one number
                number = self._structures.setdefault(structure, len(self._structures))
        static = self._static_leaves(args, kwargs)
        if not static and not kwargs and len(leaves) == len(args):
            self._flat[len(args)] = number
        values: list[Tensor] = []
        signature: list[Any] = [number, STATE.mode & 1, dtypes.default_dtype()]
        for position, leaf in enumerate(leaves):
            if position in static or not isinstance(leaf, (Tensor, np.ndarray, np.generic)):
                signature.append(_static_key(leaf))
                continue
            values.append(leaf if isinstance(leaf, Tensor) else Tensor(np.asarray(leaf)))
            signature.append((tuple(leaf.shape), leaf.dtype, getattr(leaf, "node", None) is None))
        return tuple(signature), values, any(type(value) is not Tensor for value in values)

    def _find(self, key: Any) -> Traced | None:
        for traced in list(self._cache.get(key, ())):
            if all(read() == value for read, value in traced.guards):
                return traced
        return None

    def _trace(self, key: Any, args: tuple, kwargs: dict[str, Any]) -> Traced:
        with self._lock:
            traced = self._find(key)  # another thread may have been at it
            if traced is not None:
                return traced
            begin = time.perf_counter()
            traced = self.lower(*args, **kwargs)
            traced.seconds = time.perf_counter() - begin
            if not traced.foreign:
                self._remember(key, traced)
            return traced

    def _remember(self, key: Any, traced: Traced) -> None:
        self.reasons.append(_difference(list(self._cache), key, traced))
        self._cache.setdefault(key, []).append(traced)
        self.traces += 1
        if self.traces == MANY + 1:
            warnings.warn(f"jit: {self.__name__} was traced {self.traces} times; what changed last: {self.reasons[-1]}. Pass what changes "
                          "at every call as a tensor, keep shapes the same (pad), or leave the function eager", stacklevel=4)

    def _static_leaves(self, args: tuple, kwargs: dict) -> frozenset[int]:
        """Numbers of the leaves that belong to static arguments."""
        if not self.static_argnums and not self.static_argnames:
            return frozenset()
        found, position = [], 0
        named = [(n in self.static_argnums or n - len(args) in self.static_argnums, a) for n, a in enumerate(args)]
        for is_static, value in [*named, *((name in self.static_argnames, a) for name, a in kwargs.items())]:
            count = len(tree.flatten(value, _is_object)[0])
            found += range(position, position + count) if is_static else ()
            position += count
        return frozenset(found)

    def lower(self, *args: Any, **kwargs: Any) -> Traced:
        """The traced form for these arguments (``.graph`` prints it, ``.program.source`` is its code); nothing is computed."""
        leaves, structure = tree.flatten((args, kwargs), _is_object)
        return trace(self.function, leaves, structure, self._static_leaves(args, kwargs))

    def cache_clear(self) -> None:
        """Forget all programs."""
        self._cache.clear()
        self.traces = 0
        self.reasons.clear()

    def __reduce__(self) -> Any:
        """A decorated function is found by its name, as functions are; any other is compiled anew where it arrives."""
        place: Any = sys.modules.get(getattr(self, "__module__", None) or "")
        for name in getattr(self, "__qualname__", "").split("."):
            place = getattr(place, name, None)
        if place is self:
            return self.__qualname__
        return JitFunction, (self.function, self.static_argnums, tuple(self.static_argnames), self.fallback)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "function":
            raise AttributeError(name)
        return getattr(self.function, name)


def jit(function: Callable[..., Any] | None = None, *, static_argnums: int | Sequence[int] = (), static_argnames: str | Sequence[str] = (),
        fallback: str | None = None) -> Any:
    """Compile `function` when it is first called with arguments of some shapes and dtypes.

    Parameters
    ----------
    function : callable
        Of tensors and trees of them; modules and optimizers may be arguments or come from outside. It may call
        ``loss.backward()`` and ``optimizer.step()``. Its Python runs once per signature: print and the like happen then,
        and what it reads from outside besides tensors, modules and optimizers (globals, what a list holds) is that of then.
    static_argnums, static_argnames : int, str or sequences of them
        Arguments that the program is made for: another value makes another program. Values that are no tensors or
        arrays (numbers, strings) always are.
    fallback : {None, "eager"}
        What to do when the function cannot be traced: raise, or run it eagerly.

    Returns
    -------
    callable
        Equal to `function` in its results and in what it writes. With the environment variable ``WB_JIT=0`` it is
        `function`.

    Raises
    ------
    TraceError
        If Python needs a number that is known only when the program runs.

    Examples
    --------
    >>> import workbench as wb
    >>> @wb.jit
    ... def f(x):
    ...     return wb.tanh(x) * 2 + 1
    >>> f(wb.zeros(3))
    tensor([1., 1., 1.])
    """
    if fallback not in (None, "eager"):
        raise ArgumentError(f"jit: fallback={fallback!r}; expected None or 'eager'")
    numbers = (static_argnums,) if isinstance(static_argnums, int) else static_argnums
    names = (static_argnames,) if isinstance(static_argnames, str) else static_argnames
    if function is None:
        return lambda chosen: JitFunction(chosen, numbers, names, fallback)
    if not callable(function):
        raise ArgumentError(f"jit: expected a function, got {type(function).__name__}")
    if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
        raise ArgumentError("jit: a generator or coroutine runs after the call, when nothing is traced any more; return a list of the values")
    return JitFunction(function, numbers, names, fallback)


# Signatures ---------------------------------------------------------------------------------------------------------------------
def _is_object(value: Any) -> bool:
    """Modules and the like go in as what they are: their tensors are captured by reference."""
    return tree.is_registered(type(value))


def _written_down(args: tuple, kwargs: dict[str, Any]) -> bool:
    """Is this call part of a model that is being put together?"""
    return any(getattr(leaf, "lasting", False) for leaf in tree.flatten((args, kwargs), _is_object)[0])


def _static_key(leaf: Any) -> Any:
    """What a value that is no tensor contributes to the signature; unhashable objects count by identity."""
    if isinstance(leaf, (float, complex)) and (leaf != leaf or not leaf):
        return (type(leaf), repr(leaf))  # -0.0 equals 0.0, and NaN not itself
    try:
        hash(leaf)
    except TypeError:
        return (type(leaf), _Same(leaf))
    return (type(leaf), leaf)


class _Same:
    """Equal only where it holds the same object, which stays alive as long as a signature names it."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)

    def __repr__(self) -> str:
        return f"<{type(self.value).__name__} at {id(self.value):#x}>"


def _difference(before: list[Any], key: Any, traced: Traced) -> str:
    """In words: what about this signature is new."""
    if not before:
        return "first call"
    last = min(reversed(before), key=lambda old: sum(a != b for a, b in zip(old, key, strict=False)) + abs(len(old) - len(key)))
    if last == key:
        return "a setting that the program depends on, or a gradient that was there or not"
    for position, (old, new) in enumerate(zip(last, key, strict=False)):
        if old != new:
            what = ("the structure of the arguments", "grad mode", "the default dtype")[position] if position < 3 else f"argument {position - 3}"
            return f"{what}: {_words(old)} became {_words(new)}"
    return "the number of arguments"


def _words(part: Any) -> str:
    if isinstance(part, tuple) and len(part) == 3 and isinstance(part[1], np.dtype):
        return f"{part[1]}{list(part[0])}{'' if part[2] else ' with gradient'}"
    return repr(part[1]) if isinstance(part, tuple) and len(part) == 2 else str(part)


def make_graph(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Graph:
    """The optimized graph of `function` for arguments of these shapes: print it to read what jit sees.

    Examples
    --------
    >>> import workbench as wb
    >>> print(wb.make_graph(lambda x: wb.exp(x) * 1 - 0, wb.zeros(3)))
    graph <lambda>(x0: float32[3]):
        v1: float32[3] = exp(x0)
        return v1
    """
    leaves, structure = tree.flatten((args, kwargs), _is_object)
    return trace(function, leaves, structure).graph

