"""One traced signature of a function: its graph, what it reads from outside, what it writes back, and how it is called."""
from __future__ import annotations

import contextlib
import dataclasses
import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import mutate, tree
from ..core.errors import GraphError, TraceError
from ..core.node import Leaf, Node
from ..core.op import Op, slow
from ..core.state import STATE, no_grad, untaped
from ..core.sweep import reachable
from ..core.tensor import Tensor
from .differentiate import Differentiated
from .ir import Graph, Literal, Variable
from .memory import Memory, memory_of
from .passes import optimize
from .program import Program
from .trace import Boundary, Sym, Trace, tracing


class StaleError(Exception):
    """Something outside has another shape or dtype than when the function was traced."""


class AliasedError(Exception):
    """Two of the tensors that a call meets share memory, and the program writes there: only Python gets that right."""


@dataclasses.dataclass(frozen=True)
class Result:
    """Where an output of the program goes in the tree of results, and whether it is on the tape if anything is."""

    taped: bool


@dataclasses.dataclass(frozen=True)
class Given:
    """Where an argument itself goes in the tree of results."""

    number: int


@dataclasses.dataclass(frozen=True)
class Viewed:
    """Where a view of a tensor that is written goes in the tree of results: it is taken anew, of an argument (by number) or a tensor."""

    base: Tensor | int
    steps: tuple[tuple[Op, dict[str, Any]], ...]
    taped: bool


@dataclasses.dataclass
class Outside:
    """What a program reads and writes beside its arguments and results, as lines of Python over ``names``.

    Attributes
    ----------
    reads : list of (expression, variable)
        Each gives a tensor (``tensor``), a leaf's gradient, a raw array, or a number.
    writes : list of (lines, value)
        Lines in ``r``, the array that was computed.
    targets : list
        What each of the writes is for: a tensor, the number of an argument, or None for anything else; and was it recorded (`_recorded`)?
    """

    names: dict[str, Any] = dataclasses.field(default_factory=lambda: {"Tensor": Tensor, "buffer": mutate.buffer, "stamp": mutate.stamp, "Stale": StaleError})
    variables: list[Variable] = dataclasses.field(default_factory=list)
    tensors: list[str] = dataclasses.field(default_factory=list)
    reads: list[str] = dataclasses.field(default_factory=list)
    writes: list[list[str]] = dataclasses.field(default_factory=list)
    values: list[Variable] = dataclasses.field(default_factory=list)
    targets: list[tuple[Tensor | int | None, bool | None]] = dataclasses.field(default_factory=list)
    donated: dict[int, Variable] = dataclasses.field(default_factory=dict)
    after: list[str] = dataclasses.field(default_factory=list)
    held: list[Tensor] = dataclasses.field(default_factory=list)
    overwritten: set[Variable] = dataclasses.field(default_factory=set)

    def name(self, value: Any) -> str:
        """A name for an object outside."""
        name = f"o{len(self.names)}"
        self.names[name] = value
        return name

    def read(self, variable: Variable, tensor: str, raw: str, *, checked: bool = True) -> None:
        """One more input: as an expression of a tensor, and of its array."""
        number = len(self.variables)
        self.variables.append(variable)
        self.tensors.append(tensor)
        self.reads.append(f"    a{number} = {raw}")
        if checked:
            shape, dtype = self.name(variable.shape), self.name(variable.dtype)
            self.reads.append(f"    if a{number}.shape != {shape} or a{number}.dtype != {dtype}: raise Stale")

    def write(self, value: Variable, *lines: str, into: Variable | None = None, target: Tensor | int | None = None, recorded: bool | None = None) -> None:
        """One more effect, in lines about ``r``; `into` is the input that it overwrites, `target` the tensor or argument."""
        if into is not None and (value.shape, value.dtype) == (into.shape, into.dtype):
            self.donated[len(self.values)] = into
        if into is not None:
            self.overwritten.add(into)
        self.values.append(value)
        self.writes.append(list(lines))
        self.targets.append((target, recorded))

    def compile(self) -> tuple[Callable[..., Any], ...]:
        """Functions that read arrays, read tensors, write what was computed, and write what is not for tensors."""
        arrays = ", ".join(f"a{n}" for n in range(len(self.variables)))
        text = ["def arrays():", *self.reads, f"    return ({arrays}{',' if self.variables else ''})"]
        text += ["def tensors():", f"    return [{', '.join(self.tensors)}]"]
        for name, chosen in (("write", lambda target: True), ("write_others", lambda target: target is None)):
            text.append(f"def {name}(results, given):")
            for number, lines in enumerate(self.writes):
                text += [f"    r = results[{number}]", *(f"    {line}" for line in lines)] if chosen(self.targets[number][0]) else []
            text += [*(f"    {line}" for line in self.after), "    return None"]
        exec(compile("\n".join([*text, ""]), "<workbench jit>", "exec"), self.names)
        return tuple(self.names[name] for name in ("arrays", "tensors", "write", "write_others"))


class Traced:
    """A traced signature, ready to be called.

    Attributes
    ----------
    graph : Graph
        Print it to see what was traced.
    program : Program
        ``program.source`` is its code.
    guards : list of (function, value)
        What must still hold.
    seconds : float
        How long tracing and compiling took.
    """

    def __init__(self, graph: Graph, structure: tree.Structure, leaves: list[Any], outside: Outside, guards: list, connected: bool,
                 memory: list[Memory]) -> None:
        self.graph, self.structure, self.leaves, self.outside = graph, structure, leaves, outside
        self.guards, self.connected, self.seconds, self.memory = guards, connected, 0.0, memory
        self.effects = len(outside.values)
        self.read_arrays, self.read_tensors, self.write, self._write_others = outside.compile()
        self.program = Program(expanded(graph), donated=self._donations(), memory=memory)
        self.single = structure.kind is None and type(leaves[0]) is Result
        self._off = [n for n, leaf in enumerate(leaf for leaf in leaves if type(leaf) is Result) if not leaf.taped]
        self.foreign = any(type(tensor) is not Tensor for tensor in outside.held)
        self._op: Op | None = None
        self._written = frozenset(target for target, _ in outside.targets if isinstance(target, int))
        tensors = [target for target, _ in outside.targets if isinstance(target, Tensor)]
        self._roots = frozenset(id(mutate.root(x.data)) for x in tensors)
        self._aliased = any(_overlap(x, y) for x in tensors for y in outside.held)

    def _donations(self) -> dict[int, Variable]:
        """Outputs that may overwrite an input: not where two things outside share memory."""
        owners = [id(mutate.root(t.data)) for t in self.outside.held if type(t) is Tensor]
        if len(set(owners)) < len(owners) or self.connected:
            return {}
        first = len(self.graph.outputs) - self.effects
        return {first + number: variable for number, variable in self.outside.donated.items()}

    @property
    def op(self) -> Op:
        """The graph as one op, for calls on a tape or inside a transformation."""
        if self._op is None:
            self._op = Differentiated(self.graph, self.memory).op()
        return self._op

    def run(self, values: list[Tensor], boxed: bool) -> Any:
        """Call it: on arrays, as an op on the tape, or inside a transformation."""
        results: Sequence[Any]
        if self._roots or self._written:
            self._check_memory(values)
        if boxed or self.foreign or self._is_taped(values):
            given = [Tensor(v.data.copy(), v.node) if n in self._written and type(v) is Tensor else v for n, v in enumerate(values)]
            found = slow(self.op, (*given, *self._kept(self.read_tensors())), {})
            count = len(found) - self.effects
            self._write_back(found[count:], values)
            results = _apart(found[:count], values)
            for number in () if boxed or self.foreign else self._off:
                results[number].node = None
        else:
            call = self.program.dispatch if "cupy" in sys.modules else self.program.call
            raw = call(*[v.data for v in values], *self.read_arrays())
            count = len(raw) - self.effects
            if self.effects:
                self.write(raw[count:], values)
            results = [Tensor(r) for r in raw[:count]]
        if self.single:
            return results[0]
        rest = iter(results)
        return self.structure.unflatten([next(rest) if type(leaf) is Result else _fresh(leaf, values) for leaf in self.leaves])

    def _check_memory(self, values: list[Tensor]) -> None:
        """Raise if what the program writes shares memory with something else that it reads."""
        owners = [id(mutate.root(v.data)) for v in values]
        if self._aliased or not self._roots.isdisjoint(owners):
            raise AliasedError
        if self._written:
            held = {id(mutate.root(x.data)) for x in self.outside.held}
            if any(owners.count(owners[n]) > 1 or owners[n] in held for n in self._written):
                raise AliasedError

    def _write_back(self, found: Sequence[Any], values: list[Tensor]) -> None:
        """The effects of a call on a tape or inside a transformation: what was recorded stays recorded."""
        if any(type(value) is not Tensor for value, (target, _) in zip(found, self.outside.targets, strict=True) if target is None):
            raise GraphError("jit: the function writes a value inside a transformation into a gradient or a state from outside it; return the "
                             "value instead")
        self._write_others([value.data for value in found], values)
        for value, (target, recorded) in zip(found, self.outside.targets, strict=True):
            tensor = values[target] if isinstance(target, int) else target
            if tensor is None:
                continue
            with no_grad() if recorded is None and type(tensor) is Tensor else contextlib.nullcontext():
                mutate.write(tensor, Tensor(value.data) if recorded is False and type(value) is Tensor else value, "jit")

    def _kept(self, tensors: list[Tensor]) -> list[Tensor]:
        """`tensors` as a node may keep them: what the call itself overwrites, such as running statistics, in a copy."""
        return [Tensor(x.data.copy(), x.node) if v in self.outside.overwritten and type(x) is Tensor else x
                for x, v in zip(tensors, self.outside.variables, strict=True)]

    def _is_taped(self, values: list[Tensor]) -> bool:
        return self.connected and bool(STATE.mode & 1) and any(v.node is not None for v in (*values, *self.read_tensors()))


def _apart(results: Sequence[Tensor], values: list[Tensor]) -> list[Tensor]:
    """Results of which none is the same box as another or as an argument, as ``x * 1`` may be: each may be written."""
    seen = {id(value) for value in values}
    apart = []
    for result in results:
        apart.append(result._alone() if id(result) in seen else result)
        seen.add(id(result))
    return apart


def _fresh(leaf: Any, values: list[Tensor]) -> Any:
    """What is no result of the program: an argument, or an object that may be written into later."""
    if type(leaf) is Given:
        return values[leaf.number]
    if type(leaf) is Viewed:
        view: Any = values[leaf.base] if isinstance(leaf.base, int) else leaf.base
        for op, params in leaf.steps:
            view = op.call(view, **params)
        if not leaf.taped and type(view) is Tensor:  # it was taken under no_grad
            view.node = None
        return view
    return leaf.copy() if isinstance(leaf, np.ndarray) else leaf


def trace(function: Callable[..., Any], leaves: list[Any], structure: tree.Structure, static: Sequence[int] = ()) -> Traced:
    """Trace `function` for arguments like these."""
    with tracing(getattr(function, "__name__", "f")) as t:
        t.guard(_casting)
        symbols = [leaf if n in static else _symbol(t, leaf) for n, leaf in enumerate(leaves)]
        given = [(s, s.data, s.node) for s in symbols if isinstance(s, Sym)]
        args, kwargs = structure.unflatten(symbols)
        outputs, out_structure = tree.flatten(function(*args, **kwargs))
        number_of = {id(s): number for number, (s, *_) in enumerate(given)}
        spots = [Given(number_of[id(out)]) if id(out) in number_of else out if _is_outside(t, out) else
                 _view_of_written(t, given, out) or t.heard(t.lift(out)) for out in outputs]
        return _finish(t, given, spots, out_structure)


def _view_of_written(t: Trace, given: list[tuple[Sym, Variable, Any]], out: Any) -> Viewed | None:
    """How to take an output anew that is a view of something from outside which the function writes."""
    steps: list[tuple[Op, dict[str, Any]]] = []
    base = out
    while type(base) is Sym and (origin := getattr(base, "origin", None)) is not None:
        base, op, params = origin
        steps.insert(0, (op, params))
    number = next((n for n, (sym, variable, _) in enumerate(given) if sym is base and sym.data is not variable), None)
    if number is not None:
        return Viewed(number, tuple(steps), out.node is not None)
    return Viewed(base, tuple(steps), out.node is not None) if steps and id(base) in t.written and id(base) not in t.made else None


def _is_outside(t: Trace, out: Any) -> bool:
    """Is an output a tensor from outside itself?"""
    return type(out) is Tensor and id(out) not in t.made


def _casting() -> Any:
    """What autocast does just now: another program for each."""
    return STATE.cast and STATE.cast.key


def _symbol(t: Trace, leaf: Any) -> Any:
    """A tensor argument as a symbol; anything else as it is."""
    if not isinstance(leaf, (Tensor, np.ndarray, np.generic)):
        return leaf
    sym = t.symbol(tuple(leaf.shape), leaf.dtype)
    node = getattr(leaf, "node", None)
    if node is not None:
        sym.node = Leaf(sym.shape, sym) if isinstance(node, Leaf) and type(leaf) is Tensor else Boundary(sym.shape)
    return sym


def _finish(t: Trace, given: list[tuple[Sym, Variable, Any]], outputs: list[Any], structure: tree.Structure) -> Traced:
    outside = Outside()
    name_of: dict[int, str] = {}
    for key, (tensor, sym) in t.captured.items():
        if key not in t.made:
            name = name_of[key] = outside.name(tensor)
            outside.read(sym.data, name, f"{name}.data")
            outside.held.append(tensor)
    for key, (tensor, value) in t.written.items():
        if key not in t.made:
            before = t.captured[key][1]
            outside.write(t.heard(value).data, *_overwrite(name_of[key]), into=before.data, target=tensor, recorded=_recorded(value, before.node))
    for number, (sym, variable, node) in enumerate(given):
        if sym.data is not variable:
            outside.write(t.heard(sym).data, *_overwrite(f"given[{number}]"), target=number, recorded=_recorded(sym, node))
    for raw, variable, sym in t.arrays.values():
        name = outside.name(raw)
        outside.read(variable, f"Tensor({name})", name, checked=False)
        if sym.data is not variable:
            outside.write(sym.data, f"if r is not {name}: {name}[...] = r", into=variable)
    for held, name, variable, sym in t.counters:
        if sym.data is not variable:
            outside.write(sym.data, f"{outside.name(held)}[{name!r}] = int(r) if float(r).is_integer() else float(r)")
    private = len(outside.values)
    _gradients(t, [node for *_, node in given], outside)
    for variable, read in t.scalars:
        text = f"{outside.name(variable.dtype.type)}({outside.name(read)}())"
        outside.read(variable, f"Tensor({text})", text, checked=False)
    results = [o.data for o in outputs if isinstance(o, Sym)]
    inputs = [*(variable for _, variable, _ in given), *outside.variables]
    whole = t.graph(inputs, [*results, *outside.values])
    memory = [*memory_of(whole)[:len(results)], *[None] * private, *(object() for _ in outside.values[private:])]
    spots = [Result(o.node is not None) if isinstance(o, Sym) else o for o in outputs]
    written = [sym for sym, node in (*((sym, t.captured[key][1].node) for key, (_, sym) in t.written.items()), *((sym, node) for sym, _, node in given))
               if _recorded(sym, node)]
    connected = any(_alive(o) for o in (*outputs, *written))
    guards = list(t.guards)
    if STATE.mode & 1 and outside.held:
        guards.append((read := functools.partial(_tape_states, outside.held), read()))
    own = {node for *_, node in given}
    guards += [(functools.partial(_has_grad, leaf), before is not None) for leaf, (before, _) in t.gradients.items() if leaf not in own]
    return Traced(optimize(whole), structure, spots, outside, guards, connected, memory)


def _recorded(value: Sym, before: Node | None) -> bool | None:
    """Was a write recorded: is the tensor on the tape by it (True), or off the tape (False)? None: it is where it was."""
    return None if value.node is before else value.node is not None


def _overlap(x: Tensor, y: Tensor) -> bool:
    """Do two tensors, not one and the same, share numbers?"""
    return x is not y and type(y) is Tensor and mutate.root(x.data) is mutate.root(y.data) and (
        not isinstance(x.data, np.ndarray) or np.may_share_memory(x.data, y.data))


def _tape_states(tensors: Sequence[Tensor]) -> list[Any]:
    """Which of the tensors want a gradient, and what hooks would see it."""
    return [x.node is not None and (list(x.node.hooks) if x.node.hooked else True) for x in tensors]


def _overwrite(name: str) -> list[str]:
    """Lines that put ``r`` into a tensor, unless the program wrote there itself."""
    return [f"b = buffer({name})", "if r is not b: b[...] = r", "stamp(b)"]


def _gradients(t: Trace, given: list[Any], outside: Outside) -> None:
    """Gradients that were read or set: inputs by reference, and effects."""
    number_of = {node: number for number, node in enumerate(given) if node is not None}
    owner_of = {x.node: outside.name(x) for x in outside.held if x.node is not None}
    for leaf, (_, sym) in t.gradients.items():
        if isinstance(leaf, Boundary):
            raise TraceError("jit: backward() inside the function reached a tensor that was computed outside, where its tape is; call backward "
                             "outside, or compute the whole loss inside")
        if any(made.node is leaf for made in t.made.values()):
            continue  # of a tensor that is made inside: gone after the call
        name = f"{owner_of[leaf]}.node" if leaf in owner_of else outside.name(leaf)  # who asks for the gradient anew gets a new leaf
        if sym is not None:
            outside.read(sym.data, f"{name}.grad", f"{name}.grad.data")
        final = leaf.grad
        if final is sym:
            continue
        if leaf in number_of:
            place = f"given[{number_of[leaf]}].node"
            outside.write(t.heard(final).data, f"{place}.grad = Tensor(r) if {place}.grad is None else {place}.grad + Tensor(r)")
        elif final is None:
            outside.after.append(f"{name}.grad = None")
        else:
            outside.write(t.heard(t.lift(final)).data, f"{name}.grad = Tensor(r)")


def _alive(out: Any) -> bool:
    """Is an output still on a tape that backward has not freed?"""
    if not isinstance(out, Sym) or out.node is None:
        return False
    return all(node.saved is not None for node in reachable([out.node]))


def _has_grad(leaf: Leaf) -> bool:
    return leaf.grad is not None


def expanded(graph: Graph) -> Graph:
    """The graph with calls of functions with rules of their own replaced by what they compute."""
    if all(equation.op.inline is None for equation in graph.equations):
        return graph
    with tracing(graph.name, expand=True) as t, untaped():
        values = [t.symbol(v.shape, v.dtype) for v in graph.inputs]
        results = [t.lift(value) for value in graph.run(*values)]
        graph = t.graph([v.data for v in values], [r.data if isinstance(r, Sym) else Literal(r) for r in results])
    return optimize(graph)
