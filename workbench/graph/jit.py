"""`jit`: trace a function once per signature, make a program of the graph, and call that from then on.

What the function reads from outside (weights, buffers, gradients, settings of an optimizer) is read anew at every call;
what it writes is written back. A call on a tape or inside another transformation is an op like any other: its forward
and backward are programs of their own, and every transformation can look inside.
"""
from __future__ import annotations

import dataclasses
import functools
import os
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend import dtypes
from ..core import mutate, tree
from ..core.errors import ArgumentError, GraphError, TraceError
from ..core.node import Leaf
from ..core.op import Op, slow
from ..core.state import STATE, no_grad
from ..core.sweep import reachable
from ..core.tensor import Tensor
from .differentiate import Differentiated
from .ir import Graph, Literal, Variable
from .passes import optimize
from .program import Program
from .trace import Boundary, NotReadyError, Sym, Trace, tracing

MANY = 8
"""So many programs of one function are a mistake, most of the time: a warning says what keeps changing."""


@dataclasses.dataclass
class Traced:
    """One traced signature of a function, ready to be called.

    ``slots`` read what comes from outside the arguments; ``effects`` put what was computed where it belongs.
    """

    graph: Graph
    structure: tree.Structure
    leaves: list[Any]
    count: int
    slots: list[Callable[[], Any]]
    effects: list[Callable[[Any, list[Any]], None]]
    held: list[tuple[Tensor, int]]
    guards: list[tuple[Callable[[], Any], Any]]
    connected: bool
    op: Op | None = None
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.program = Program(expanded(self.graph))
        self.differentiated = Differentiated(self.graph, self.program)


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
        self._lock = threading.RLock()
        self.traces = 0
        self.reasons: list[str] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if STATE.trace is not None or not enabled():
            return self.function(*args, **kwargs)
        leaves, structure = tree.flatten((args, kwargs), _is_object)
        values: list[Any] = []
        boxed = False
        signature: list[Any] = [structure, STATE.mode & 1, dtypes.default_dtype()]
        static = self._static_leaves(args, kwargs) if self.static_argnums or self.static_argnames else ()
        for number, leaf in enumerate(leaves):
            if number in static:
                signature.append(_static_key(leaf))
            elif isinstance(leaf, Tensor):
                boxed = boxed or type(leaf) is not Tensor
                values.append(leaf)
                signature.append((leaf.data.shape if type(leaf) is Tensor else tuple(leaf.shape), leaf.dtype, leaf.node is None))
            elif isinstance(leaf, (np.ndarray, np.generic)):
                values.append(Tensor(np.asarray(leaf)))
                signature.append((leaf.shape, leaf.dtype, True))
            else:
                signature.append(_static_key(leaf))
        key = tuple(signature)
        traced = self._find(key)
        if traced is None:
            try:
                traced = self._trace(key, leaves, structure, static)
            except NotReadyError:
                return self.function(*args, **kwargs)
            except TraceError:
                if self.fallback != "eager":
                    raise
                return self.function(*args, **kwargs)
        return run(traced, values, boxed)

    def _find(self, key: Any) -> Traced | None:
        for traced in self._cache.get(key, ()):
            if all(read() == value for read, value in traced.guards):
                return traced
        return None

    def _trace(self, key: Any, leaves: list[Any], structure: tree.Structure, static: Sequence[int]) -> Traced:
        with self._lock:
            begin = time.perf_counter()
            traced = trace(self.function, leaves, structure, static)
            traced.seconds = time.perf_counter() - begin
            if not any(type(tensor) is not Tensor for tensor, _ in traced.held):
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
        ``loss.backward()`` and ``optimizer.step()``. Its Python runs once per signature: print and the like happen then.
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
    return JitFunction(function, numbers, names, fallback)


def enabled() -> bool:
    """Is jit on? ``WB_JIT=0`` in the environment turns it off."""
    return os.environ.get("WB_JIT", "1") != "0"


# Tracing one signature -----------------------------------------------------------------------------------------------------
def trace(function: Callable[..., Any], leaves: list[Any], structure: tree.Structure, static: Sequence[int] = ()) -> Traced:
    """Trace `function` for arguments like these."""
    from ..core.vectorize import RUNNING

    frames, RUNNING.frames = RUNNING.frames, ()
    try:
        with tracing(getattr(function, "__name__", "f")) as t:
            symbols = [leaf if n in static else _symbol(t, leaf) for n, leaf in enumerate(leaves)]
            args, kwargs = structure.unflatten(symbols)
            outputs, out_structure = tree.flatten(function(*args, **kwargs))
            return _finish(t, symbols, [t.lift(out) for out in outputs], out_structure)
    finally:
        RUNNING.frames = frames


def _symbol(t: Trace, leaf: Any) -> Any:
    """A tensor argument as a symbol; anything else as it is."""
    if not isinstance(leaf, (Tensor, np.ndarray, np.generic)):
        return leaf
    sym = t.symbol(tuple(leaf.shape), leaf.dtype)
    node = getattr(leaf, "node", None)
    if node is not None:
        sym.node = Leaf(sym.shape, sym) if isinstance(node, Leaf) and type(leaf) is Tensor else Boundary(sym.shape)
    return sym


def _finish(t: Trace, symbols: list[Any], outputs: list[Any], structure: tree.Structure) -> Traced:
    given = [s for s in symbols if isinstance(s, Sym)]
    inputs = [s.data for s in given]
    slots, held = [], []
    for key, (tensor, sym) in t.captured.items():
        if key not in t.made:
            held.append((tensor, len(inputs)))
            inputs.append(sym.data)
            slots.append(functools.partial(_current, tensor, sym.data))
    results = [o.data for o in outputs if isinstance(o, Sym)]
    effects: list[Callable] = []

    def effect(value: Sym, put: Callable[[Any, list[Any]], None]) -> None:
        results.append(value.data)
        effects.append(put)

    for key, (tensor, value) in t.written.items():
        if key not in t.made:
            effect(value, functools.partial(_put, tensor))
    for raw, variable, sym in t.arrays.values():
        inputs.append(variable)
        slots.append(functools.partial(_itself, raw))
        if sym.data is not variable:
            effect(sym, functools.partial(_fill, raw))
    for held_state, name, variable, sym in t.counters.values():
        if sym.data is not variable:
            effect(sym, functools.partial(_advance, held_state, name))
    cleared: list[Leaf] = []
    _gradients(t, given, inputs, slots, effect, cleared)
    for variable, read in t.scalars:
        inputs.append(variable)
        slots.append(functools.partial(_number, read, variable.dtype))
    graph = optimize(t.graph(inputs, results))
    spots = [_Result() if isinstance(o, Sym) else o for o in outputs]
    guards = [*t.guards, *((functools.partial(_has_grad, leaf), before is not None) for leaf, (before, _) in t.gradients.items() if _outside(leaf, given))]
    if cleared:
        guards.append((functools.partial(_clear, cleared), None))
    return Traced(graph, structure, spots, len(given), slots, effects, held, guards, any(_alive(o) for o in outputs))


def _gradients(t: Trace, given: list[Sym], inputs: list, slots: list, effect: Callable, cleared: list[Leaf]) -> None:
    """Gradients that were read or set: inputs by reference, and effects."""
    number_of = {sym.node: number for number, sym in enumerate(given) if sym.node is not None}
    for leaf, (_, sym) in t.gradients.items():
        if isinstance(leaf, Boundary):
            raise TraceError("jit: backward() inside the function reached a tensor that was computed outside, where its tape is; call backward "
                             "outside, or compute the whole loss inside")
        if sym is not None:
            inputs.append(sym.data)
            slots.append(functools.partial(_gradient, leaf, sym.data))
        final = leaf.grad
        if final is sym:
            continue
        if leaf in number_of:
            effect(final, functools.partial(_accumulate, number_of[leaf]))
        elif final is None:
            cleared.append(leaf)
        else:
            effect(t.lift(final), functools.partial(_set_gradient, leaf))


class _Result:
    """Where an output of the program goes in the tree of results."""


def _outside(leaf: Leaf, given: list[Sym]) -> bool:
    return all(sym.node is not leaf for sym in given)


def _alive(out: Any) -> bool:
    """Is an output still on a tape that backward has not freed?"""
    if not isinstance(out, Sym) or out.node is None:
        return False
    return all(node.saved is not None for node in reachable([out.node]))


def expanded(graph: Graph) -> Graph:
    """The graph with calls of functions with rules of their own replaced by what they compute."""
    if all(equation.op.inline is None for equation in graph.equations):
        return graph
    with tracing(graph.name, expand=True) as t, no_grad():
        values = [t.symbol(v.shape, v.dtype) for v in graph.inputs]
        results = [t.lift(value) for value in graph.run(*values)]
        return optimize(t.graph([v.data for v in values], [r.data if isinstance(r, Sym) else Literal(r) for r in results]))


# Reading and writing what lies outside ----------------------------------------------------------------------------------------
def _current(tensor: Tensor, variable: Variable) -> Tensor:
    if tuple(tensor.shape) != variable.shape or tensor.dtype != variable.dtype:
        raise StaleError
    return tensor


def _itself(raw: Any) -> Tensor:
    return Tensor(raw)


def _gradient(leaf: Leaf, variable: Variable) -> Tensor:
    return _current(leaf.grad, variable)


def _number(read: Callable[[], Any], dtype: np.dtype) -> Tensor:
    return Tensor(dtype.type(read()))


def _has_grad(leaf: Leaf) -> bool:
    return leaf.grad is not None


def _put(tensor: Tensor, value: Any, given: list[Any]) -> None:
    mutate.buffer(tensor)[...] = value
    mutate.stamp(tensor.data)


def _fill(raw: Any, value: Any, given: list[Any]) -> None:
    raw[...] = value


def _advance(held: dict[str, Any], name: str, value: Any, given: list[Any]) -> None:
    held[name] = int(value) if float(value).is_integer() else float(value)


def _set_gradient(leaf: Leaf, value: Any, given: list[Any]) -> None:
    leaf.grad = Tensor(value)


def _accumulate(number: int, value: Any, given: list[Any]) -> None:
    leaf = given[number].node
    leaf.grad = Tensor(value) if leaf.grad is None else leaf.grad + Tensor(value)


def _clear(leaves: list[Leaf]) -> None:
    for leaf in leaves:
        leaf.grad = None


class StaleError(Exception):
    """A captured tensor has another shape or dtype than when it was traced."""


# Running ------------------------------------------------------------------------------------------------------------------------
def run(traced: Traced, values: list[Any], boxed: bool) -> Any:
    """Call a program: on arrays, as an op on the tape, or inside a transformation."""
    outside = [read() for read in traced.slots]
    full = values + outside
    boxed = boxed or any(type(v) is not Tensor for v in outside)
    if boxed or (traced.connected and STATE.mode & 1 and any(v.node is not None for v in full)):
        results = list(slow(_call_op(traced), tuple(full), {}))
    else:
        results = [Tensor(r) for r in traced.program(*(v.data for v in full))]
    count = len(results) - len(traced.effects)
    for put, value in zip(traced.effects, results[count:], strict=True):
        if type(value) is not Tensor:
            raise GraphError(f"jit: the function writes a value inside {type(value).transformation} into a tensor from outside it; return the value instead")
        put(value.data, values)
    found = iter(results[:count])
    return traced.structure.unflatten([next(found) if type(leaf) is _Result else leaf for leaf in traced.leaves])


def _call_op(traced: Traced) -> Op:
    if traced.op is None:
        traced.op = traced.differentiated.op()
    return traced.op


# Signatures ---------------------------------------------------------------------------------------------------------------------
def _is_object(value: Any) -> bool:
    """Modules and the like go in as what they are: their tensors are captured by reference."""
    return tree.is_registered(type(value))


def _static_key(leaf: Any) -> Any:
    """What a value that is no tensor contributes to the signature; unhashable objects count by identity."""
    try:
        hash(leaf)
    except TypeError:
        return (type(leaf), id(leaf))
    return (type(leaf), leaf)


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
    >>> print(wb.make_graph(lambda x: wb.exp(x) * 1 + 0, wb.zeros(3)))
    graph <lambda>(x0: float32[3]):
        v1: float32[3] = exp(x0)
        return v1
    """
    leaves, structure = tree.flatten((args, kwargs), _is_object)
    return trace(function, leaves, structure).graph

