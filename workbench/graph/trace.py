"""Tracing: a function runs once on symbols, and every op it calls becomes an equation.

While a thread traces, the fast paths of all ops are closed, so that ops on plain tensors come by as well: a tensor from
outside is an input by reference, never a frozen number. Writes go to an overlay and become outputs. All of it lives in
one `Trace`, undone in `finally`: an exception while tracing leaves nothing behind.
"""
from __future__ import annotations

import contextlib
import functools
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..core import batching, mutate, tree, vectorize, views
from ..core.boxes import DETACH, OVERWRITE, OVERWRITE_DETACHED, SILENCE, Box
from ..core.errors import GraphError, TraceError, describe_place, user_frame
from ..core.node import HookHandle, Leaf, Node
from ..core.op import REGISTRY, Op, gather_saved
from ..core.several import record
from ..core.state import STATE, clock, closed_fast_paths, transformation
from ..core.tensor import Tensor
from .fusedback import backward_of
from .infer import infer
from .ir import Equation, Graph, Literal, Operand, Variable


class Sym(Box):
    """A value inside a trace: a variable of the graph, on the tape like any tensor."""

    __slots__ = ()
    transformation = "jit"

    def __init__(self, variable: Variable, node: Node | None, level: int) -> None:
        self.data, self.node, self.level = variable, node, level

    def item(self) -> Any:
        raise _no_numbers("its number was asked for (item, float, int, bool or `if`)", self.data)

    def numpy(self) -> np.ndarray:
        raise _no_numbers("its numbers were asked for (numpy, tolist, print)", self.data)

    def detach(self) -> Any:
        return STATE.trace.detached(self)

    def _off_tape(self) -> Sym:
        return Sym(self.data, None, self.level)

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> HookHandle:
        return STATE.trace.hooked(self, super().register_hook(hook), hook)

    def __repr__(self) -> str:
        return f"Sym(shape={self.shape}, dtype={self.dtype}, inside jit)"


def _no_numbers(what: str, variable: Variable) -> TraceError:
    if STATE.trace is None:
        return TraceError(f"jit: a value of a finished trace, and {what}; it was made at {describe_place(variable.place)} and kept outside of the "
                          "function: return it instead, or write it into a tensor from outside with copy_()")
    return TraceError(f"jit: a value that is known only when the program runs, and {what}; it was made at "
                      f"{describe_place(variable.place)}. Use where(condition, x, y), cond or scan instead of Python's control flow, "
                      "pass what is not a tensor with static_argnums, or use jit(..., fallback='eager')")


class Setting(Sym):
    """A number that a program reads anew at every call; whether it is 0 is fixed in the program."""

    __slots__ = ("truth",)

    def __init__(self, variable: Variable, level: int, truth: bool) -> None:
        super().__init__(variable, None, level)
        self.truth = truth

    def __bool__(self) -> bool:
        return self.truth


class NotReadyError(GraphError):
    """Something must exist before a function can be traced; one eager call makes it."""


class Boundary(Leaf):
    """The end of the tape inside a trace, for a tensor whose own tape lies outside."""

    __slots__ = ()


class Trace:
    """Everything known while one function is traced.

    Attributes
    ----------
    captured : dict
        Tensor → its variable, for tensors from outside.
    written : dict
        Tensor → the value it was given, for tensors from outside that were written.
    gradients : dict
        Leaf → its gradient before the function ran, for leaves whose ``grad`` was touched.
    scalars : list
        (variable, function): numbers read anew at every call.
    guards : list
        (function, value): what must still hold for the program to be used again.
    """

    def __init__(self, name: str, expand: bool = False) -> None:
        self.name, self.level, self.expand = name, 0, expand
        self.equations: list[Equation] = []
        self.constants: dict[Variable, Any] = {}
        self.captured: dict[int, tuple[Tensor, Sym]] = {}
        self.written: dict[int, tuple[Tensor, Sym]] = {}
        self.gradients: dict[Leaf, tuple[Tensor | None, Sym | None]] = {}
        self.arrays: dict[int, tuple[Any, Variable, Sym]] = {}
        self.scalars: list[tuple[Variable, Callable[[], Any]]] = []
        self.guards: list[tuple[Callable[[], Any], Any]] = []
        self.made: dict[int, Tensor] = {}
        self.redraw: Iterator[Variable] = iter(())
        self.counters: list[tuple[dict[str, Any], str, Variable, Sym]] = []
        self.counted: dict[tuple[str, Any], dict[str, Any]] = {}
        self.numbers: dict[Any, Sym] = {}
        self.views: dict[int, list[weakref.ref]] = {}
        self.silent: set[Variable] = set()
        self.stopped: dict[Variable, Variable] = {}

    # ------------------------------------------------------------------ values
    def symbol(self, shape: tuple[int, ...], dtype: Any, node: Node | None = None) -> Sym:
        """A new variable as a value."""
        return Sym(Variable(shape, dtype, user_frame()), node, self.level)

    def lift(self, value: Any) -> Any:
        """A tensor as a value of this trace; boxes of transformations that run inside it stay what they are."""
        if not isinstance(value, Tensor) or value.level >= self.level:
            return value
        key = id(value)
        known = self.written.get(key) or self.captured.get(key)
        if known is not None:  # in a symbol of its own: a write gives that another value
            return Sym(known[1].data, known[1].node, self.level)
        sym = self.symbol(tuple(value.shape), value.dtype)
        if key in self.made:
            self.constants[sym.data] = value.data
        if value.node is not None:
            sym.node = value.node if isinstance(value.node, Leaf) else Boundary(tuple(value.shape))
        self.captured[key] = (value, sym)
        return Sym(sym.data, sym.node, self.level)

    def heard(self, value: Any) -> Any:
        """`value` where derivatives are wanted: for reverse mode, what was computed under no_grad is a constant there."""
        if not isinstance(value, Sym) or value.data not in self.silent or value.level != self.level:
            return value
        if value.data not in self.stopped:
            self.stopped[value.data] = self.emit(SILENCE, (value.data,), {}, [(value.data.shape, value.data.dtype)])[0]
        return Sym(self.stopped[value.data], value.node, self.level)

    def scalar(self, read: Callable[[], float], dtype: Any) -> Sym:
        """A number that is read anew at every call, such as a learning rate."""
        key = (getattr(read, "func", read), getattr(read, "args", ()), np.dtype(dtype))
        if key not in self.numbers:
            sym = self.symbol((), np.dtype(dtype))
            self.scalars.append((sym.data, read))
            self.numbers[key] = sym
        return self.numbers[key]

    def setting(self, read: Callable[[], float]) -> Setting:
        """A number that is read anew at every call and may be asked whether it is 0, such as a momentum."""
        return Setting(self.scalar(read, np.float64).data, self.level, self.guard(lambda: bool(read())))

    def array(self, raw: Any) -> Sym:
        """A raw array that the function keeps and writes, such as the state of an optimizer."""
        if id(raw) not in self.arrays:
            sym = self.symbol(raw.shape, raw.dtype)
            self.arrays[id(raw)] = (raw, sym.data, sym)
        return self.arrays[id(raw)][2]

    def counter(self, held: dict[str, Any], name: str) -> Sym:
        """A Python number in a dict that the function keeps and advances, such as a count of steps.

        Dicts whose number is the same now share one input, as long as that stays so.
        """
        first = self.counted.setdefault((name, held[name]), held)
        if first is not held:
            self.guards.append((lambda: held[name] == first[name], True))
        sym = Sym(self.scalar(functools.partial(first.get, name), np.float64).data, None, self.level)
        self.counters.append((held, name, sym.data, sym))
        return sym

    def not_ready(self, why: str) -> NotReadyError:
        """The error for a function that has to run once eagerly first."""
        return NotReadyError(f"jit: {why}; the first call runs eagerly")

    def guard(self, read: Callable[[], Any]) -> Any:
        """A Python value that the program depends on; a change means another trace."""
        value = read()
        self.guards.append((read, value))
        return value

    # ------------------------------------------------------------------ ops
    def apply(self, op: Op, args: tuple, params: dict[str, Any]) -> Any:
        """Add an equation for `op` and return its results."""
        args = tuple(self.lift(arg) for arg in args)
        if self.silent and STATE.muted < self.level:
            args = tuple(self.heard(arg) for arg in args)
        if op.inline is not None and self.expand:
            return self._inline(op, args, params)
        if op.dynamic:
            raise TraceError(f"jit: the shape of {op.name} depends on the numbers, which are known only when the program runs; use where() "
                             "and a mask of fixed shape, or compute it outside of jit")
        inputs = tuple(arg.data if isinstance(arg, Sym) else Literal(arg) for arg in args)
        specs, residual = infer(op, inputs, params) if op.inline is None else (self._specs(op, args, params), None)
        outputs = self.emit(op, inputs, params, specs, residual)
        return self.record(op, args, params, outputs, residual)

    def emit(self, op: Op, inputs: tuple[Operand, ...], params: dict[str, Any], specs: list, residual: tree.Structure | None = None) -> list[Variable]:
        """Add an equation; the variables of its outputs."""
        place = user_frame()
        outputs = [Variable(shape, dtype, place) for shape, dtype in specs]
        results = len(outputs) - (residual.leaves if residual is not None else 0)
        self.equations.append(Equation(op, inputs, params, tuple(outputs), residual, results))
        if self.level <= STATE.muted:
            self.silent.update(outputs)
        return outputs

    def record(self, op: Op, args: tuple, params: dict[str, Any], outputs: list[Variable], residual: tree.Structure | None) -> Any:
        """The results as values, on the tape if somebody wants gradients."""
        values = [Sym(variable, None, self.level) for variable in outputs]
        parents = tuple(arg.node if isinstance(arg, Tensor) else None for arg in args)
        taped = self._taped(op, args)
        if taped:  # what a node saves is the value of now: its symbol may be given another by a write
            args = tuple(Sym(arg.data, arg.node, self.level) if isinstance(arg, Sym) and arg.level == self.level else arg for arg in args)
        kept = None if residual is None else residual.unflatten(values[len(values) - residual.leaves:])
        if op.several:
            results = tuple(values if residual is None else values[: len(values) - residual.leaves])
            for value, node in zip(results, record(op, args, parents, params, results, kept) if taped else [], strict=False):
                value.node = node
            return results
        if taped:
            node = Node()
            node.seq, node.op, node.parents, node.params, node.shape = clock(), op, parents, params, values[0].shape
            node.saved = (*args, kept) if op.reference is not None else gather_saved(op, args, Sym(outputs[0], None, self.level))
            values[0].node = node
        return values[0]

    def _taped(self, op: Op, args: tuple) -> bool:
        return bool(STATE.mode & 1) and op.differentiable and any(isinstance(arg, Tensor) and arg.node is not None for arg in args)

    def _specs(self, op: Op, args: tuple, params: dict[str, Any]) -> list:
        """Shapes and dtypes of the outputs of an op that is made of others: what it traces is thrown away."""
        count = len(self.equations)
        results = [self.lift(value) for value in op.inline(*args, **params)]
        del self.equations[count:]
        return [(tuple(value.shape), value.dtype) for value in results]

    def _inline(self, op: Op, args: tuple, params: dict[str, Any]) -> Any:
        """Look into an op that is made of others; its own derivative rule stays."""
        bare = [Sym(arg.data, None, self.level) if isinstance(arg, Sym) else arg for arg in args]
        results = tuple(self.lift(value) for value in op.inline(*bare, **params))
        parents = tuple(arg.node if isinstance(arg, Sym) else None for arg in args)
        if self._taped(op, args):
            results = tuple(Sym(value.data, None, self.level) for value in results)
            for value, node in zip(results, record(op, args, parents, params, results), strict=True):
                value.node = node
        return results

    def backward(self, op: Op, g: Any, needs: tuple, residual: Any, inputs: tuple, params: dict[str, Any]) -> tuple:
        """The first-order backward of a fused op, as one equation."""
        kept, structure = tree.flatten(residual)
        back = backward_of(op, structure, needs, tuple(sorted(params)))
        args = tuple(self.lift(value) for value in (g, *kept, *inputs))
        operands = tuple(arg.data if isinstance(arg, Sym) else Literal(arg) for arg in args)
        wanted = [value for value, need in zip(inputs, needs, strict=True) if need]
        outputs = self.emit(back, operands, dict(params), [(tuple(v.shape), v.dtype) for v in map(self.lift, wanted)])
        found = iter(outputs)
        return tuple(Sym(next(found), None, self.level) if need else None for need in needs)

    # ------------------------------------------------------------------ effects
    def check_constant(self, x: Tensor, what: str) -> None:
        """Raise if the numbers of `x` were asked for and may be others at the next call."""
        if type(x) is Tensor and id(x) not in self.made:
            raise TraceError(f"jit: {what} of a tensor from outside the function: its numbers of today would stay in the program for ever; "
                             "compute with the tensor instead, or read the number outside and pass it as an argument")

    def write(self, target: Tensor, value: Any, operation: str) -> Tensor:
        """Give a tensor another value, and those that share memory with it; what lies outside is written back after each call."""
        held = self.lift(target)
        if STATE.mode & 1 and isinstance(held.node, Leaf) and not isinstance(held.node, Boundary):
            mutate.check_writable(target, operation)
        self.store(target, mutate.as_written(held, self.lift(value), operation))
        views.rebase_boxed(target, self.store)
        return target

    def store(self, target: Any, value: Any) -> None:
        """The value of `target` from now on."""
        held, value = self.heard(self.lift(target)), self.heard(self.lift(value))
        if not STATE.mode & 1 or self.level <= STATE.muted:  # the numbers change, the derivative stays
            (variable,) = self.emit(OVERWRITE, (held.data, value.data), {}, [(held.data.shape, held.data.dtype)])
            self.silent.discard(variable)
            value = Sym(variable, held.node, self.level)
        elif value.node is not None and value.node.op is OVERWRITE_DETACHED:  # written through what was detached from it
            value = Sym(value.data, held.node, self.level)
        if type(target) is Tensor:
            self.written[id(target)] = target, value
        else:
            target.data, target.node = value.data, value.node

    def is_rebound(self, buffer: Any, value: Any) -> bool:
        """Was `value`, computed here and set in place of a buffer from outside, written into that instead?"""
        if type(buffer) is not Tensor or not isinstance(value, Sym) or value.level != self.level or id(buffer) in self.made:
            return False
        if (tuple(value.shape), value.dtype) != (tuple(buffer.shape), buffer.dtype):
            raise TraceError(f"jit: a buffer {buffer.dtype}{list(buffer.shape)} cannot become {value.dtype}{list(value.shape)} inside the function; "
                             "keep its shape and dtype, or set it outside")
        self.store(buffer, value)
        return True

    def detached(self, value: Tensor) -> Any:
        """`value` as a constant that shares its memory."""
        bare = self.heard(self.lift(value))
        (variable,) = self.emit(REGISTRY["stop_gradient"], (bare.data,), {}, [(bare.data.shape, bare.data.dtype)])
        return views.note(value, DETACH, {}, Sym(variable, None, self.level))

    def hooked(self, value: Sym, handle: HookHandle, hook: Callable) -> HookHandle:
        """Let `hook` see the gradient of `value` also where the graph is differentiated as a whole."""
        before, (after,) = value.data, self.emit(HOOK, (value.data,), {"hook": hook, "handle": handle}, [(value.data.shape, value.data.dtype)])
        position = next((n for n, e in enumerate(self.equations) if before in e.outputs), -1) + 1
        self.equations.insert(position, self.equations.pop())
        for equation in self.equations[position + 1:]:
            equation.inputs = tuple(after if v is before else v for v in equation.inputs)
        value.data = after
        return handle

    def touch(self, leaf: Leaf) -> None:
        """Before the ``grad`` of a leaf is read or set: note what it was."""
        if leaf in self.gradients:
            return
        before = leaf.grad
        sym = None if before is None else self.symbol(tuple(before.shape), before.dtype)
        self.gradients[leaf] = (before, sym)
        leaf.grad = sym

    def barrier(self, value: Any) -> Any:
        """The same value for a second computation that must not be merged with the first."""
        if not isinstance(value, Tensor) or value.level > self.level:
            return value
        value = self.lift(value)
        (variable,) = self.emit(BARRIER, (value.data,), {}, [(value.data.shape, value.data.dtype)])
        return Sym(variable, value.node, self.level)

    def draw_count(self) -> int:
        """How far the trace has come, for `draws_since`."""
        return len(self.equations)

    def draws_since(self, count: int) -> list[Variable]:
        """The random values drawn since."""
        return [equation.outputs[0] for equation in self.equations[count:] if equation.op is RANDOM]

    def draw_again(self, drawn: list[Variable]) -> None:
        """Let the next draws return these values."""
        self.redraw = iter(list(drawn))

    def draw(self, shape: tuple[int, ...], sample: Callable[[tuple[int, ...]], Tensor], what: str, dtype: Any) -> Sym:
        """A random tensor, drawn anew at every call."""
        again = next(self.redraw, None)
        if again is not None:
            return Sym(again, None, self.level)
        (variable,) = self.emit(RANDOM, (), {"shape": shape, "sample": sample, "what": what, "dtype": dtype}, [(shape, dtype)])
        return Sym(variable, None, self.level)

    def graph(self, inputs: list[Variable], outputs: list[Operand]) -> Graph:
        """What was traced, as a graph of these inputs and outputs."""
        return Graph(inputs, list(self.equations), outputs, dict(self.constants), self.name)


def _draw(xp: Any) -> Callable[..., Any]:
    return lambda *, shape, sample, what, dtype: sample(shape).data


def _call_hook(g: Any, *, hook: Callable, handle: HookHandle) -> Any:
    replaced = hook(g) if handle.active else None
    return g if replaced is None else replaced


HOOK = Op("hook", lambda xp: lambda x, **_: x, arity=1, linear=(0,), impure=True, vjp=(_call_hook,), batch=batching.elementwise)
"""The identity, whose gradient a hook sees."""
BARRIER = Op("barrier", lambda xp: lambda x: x, arity=1, impure=True, linear=(0,), vjp=(lambda g: g,), batch=batching.elementwise)
"""The identity, which the passes neither merge nor look through."""
RANDOM = Op("random", _draw, arity=0, impure=True)
RANDOM.call = vectorize.draw


# Noting what is made inside ------------------------------------------------------------------------------------------------
_lock = threading.Lock()
_tracing = 0
_plain_init = Tensor.__init__


def _noted_init(self: Tensor, data: Any, node: Node | None = None) -> None:
    _plain_init(self, data, node)
    if STATE.trace is not None and type(self) is Tensor:
        STATE.trace.made[id(self)] = self


def _note(change: int) -> None:
    """Let `Tensor.__init__` tell the trace of its thread, as long as anybody traces."""
    global _tracing
    with _lock:
        _tracing += change
        Tensor.__init__ = _noted_init if _tracing else _plain_init


@contextlib.contextmanager
def tracing(name: str, *, expand: bool = False) -> Iterator[Trace]:
    """Trace what this thread computes in the block; other threads compute as ever, only a little slower.

    With `expand`, ops made of others are always looked into; else calls without a tape stay one equation, so that their
    own derivative rules are found when the graph is differentiated later.
    """
    trace = Trace(name, expand)
    before = STATE.trace, STATE.levels
    _note(1)
    try:
        STATE.levels = ()
        with closed_fast_paths(), transformation() as trace.level:
            STATE.trace = trace
            yield trace
    finally:
        STATE.trace, STATE.levels = before
        for leaf, (grad, _) in trace.gradients.items():
            leaf.grad = grad
        _note(-1)
