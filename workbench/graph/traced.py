"""One traced signature of a function: its graph, what it reads from outside, what it writes back, and how it is called."""
from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import mutate, tree
from ..core.errors import GraphError, TraceError
from ..core.node import Leaf
from ..core.op import Op, slow
from ..core.state import STATE, untaped
from ..core.sweep import reachable
from ..core.tensor import Tensor
from .differentiate import Differentiated
from .ir import Graph, Literal, Variable
from .passes import optimize
from .program import Program
from .trace import Boundary, Sym, Trace, tracing


class StaleError(Exception):
    """Something outside has another shape or dtype than when the function was traced."""


class Result:
    """Where an output of the program goes in the tree of results."""


@dataclasses.dataclass
class Outside:
    """What a program reads and writes beside its arguments and results, as lines of Python over ``names``.

    Attributes
    ----------
    reads : list of (expression, variable)
        Each gives a tensor (``tensor``), a leaf's gradient, a raw array, or a number.
    writes : list of (lines, value)
        Lines in ``r``, the array that was computed.
    """

    names: dict[str, Any] = dataclasses.field(default_factory=lambda: {"Tensor": Tensor, "buffer": mutate.buffer, "stamp": mutate.stamp, "Stale": StaleError})
    variables: list[Variable] = dataclasses.field(default_factory=list)
    tensors: list[str] = dataclasses.field(default_factory=list)
    reads: list[str] = dataclasses.field(default_factory=list)
    writes: list[list[str]] = dataclasses.field(default_factory=list)
    values: list[Variable] = dataclasses.field(default_factory=list)
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

    def write(self, value: Variable, *lines: str, into: Variable | None = None) -> None:
        """One more effect, in lines about ``r``; `into` is the input that it overwrites."""
        if into is not None and (value.shape, value.dtype) == (into.shape, into.dtype):
            self.donated[len(self.values)] = into
        if into is not None:
            self.overwritten.add(into)
        self.values.append(value)
        self.writes.append(list(lines))

    def compile(self) -> tuple[Callable[[], tuple], Callable[[], list[Tensor]], Callable[[Sequence[Any], Sequence[Any]], None]]:
        """Functions that read arrays, read tensors, and write what was computed."""
        arrays = ", ".join(f"a{n}" for n in range(len(self.variables)))
        text = ["def arrays():", *self.reads, f"    return ({arrays}{',' if self.variables else ''})"]
        text += ["def tensors():", f"    return [{', '.join(self.tensors)}]", "def write(results, given):"]
        for number, lines in enumerate(self.writes):
            text += [f"    r = results[{number}]", *(f"    {line}" for line in lines)]
        text += [*(f"    {line}" for line in self.after), "    return None", ""]
        exec(compile("\n".join(text), "<workbench jit>", "exec"), self.names)
        return self.names["arrays"], self.names["tensors"], self.names["write"]


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

    def __init__(self, graph: Graph, structure: tree.Structure, leaves: list[Any], outside: Outside, guards: list, connected: bool) -> None:
        self.graph, self.structure, self.leaves, self.outside = graph, structure, leaves, outside
        self.guards, self.connected, self.seconds = guards, connected, 0.0
        self.effects = len(outside.values)
        self.read_arrays, self.read_tensors, self.write = outside.compile()
        self.program = Program(expanded(graph), donated=self._donations())
        self.single = structure.kind is None and type(leaves[0]) is Result
        self.foreign = any(type(tensor) is not Tensor for tensor in outside.held)
        self._op: Op | None = None

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
            self._op = Differentiated(self.graph).op()
        return self._op

    def run(self, values: list[Tensor], boxed: bool) -> Any:
        """Call it: on arrays, as an op on the tape, or inside a transformation."""
        results: Sequence[Any]
        if boxed or self.foreign or self._is_taped(values):
            found = slow(self.op, (*values, *self._kept(self.read_tensors())), {})
            count = len(found) - self.effects
            if any(type(value) is not Tensor for value in found[count:]):
                raise GraphError("jit: the function writes a value inside a transformation into a tensor from outside it; return the value instead")
            self.write([value.data for value in found[count:]], values)
            results = found[:count]
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
        return self.structure.unflatten([next(rest) if type(leaf) is Result else leaf for leaf in self.leaves])

    def _kept(self, tensors: list[Tensor]) -> list[Tensor]:
        """`tensors` as a node may keep them: what the call itself overwrites, such as running statistics, in a copy."""
        return [Tensor(x.data.copy()) if v in self.outside.overwritten and type(x) is Tensor and x.node is None else x
                for x, v in zip(tensors, self.outside.variables, strict=True)]

    def _is_taped(self, values: list[Tensor]) -> bool:
        return self.connected and bool(STATE.mode & 1) and any(v.node is not None for v in (*values, *self.read_tensors()))


def trace(function: Callable[..., Any], leaves: list[Any], structure: tree.Structure, static: Sequence[int] = ()) -> Traced:
    """Trace `function` for arguments like these."""
    with tracing(getattr(function, "__name__", "f")) as t:
        t.guard(_casting)
        symbols = [leaf if n in static else _symbol(t, leaf) for n, leaf in enumerate(leaves)]
        args, kwargs = structure.unflatten(symbols)
        outputs, out_structure = tree.flatten(function(*args, **kwargs))
        return _finish(t, [s for s in symbols if isinstance(s, Sym)], [t.lift(out) for out in outputs], out_structure)


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


def _finish(t: Trace, given: list[Sym], outputs: list[Any], structure: tree.Structure) -> Traced:
    outside = Outside()
    variable_of: dict[int, Variable] = {}
    for key, (tensor, sym) in t.captured.items():
        if key not in t.made:
            name = outside.name(tensor)
            outside.read(sym.data, name, f"{name}.data")
            outside.held.append(tensor)
            variable_of[key] = sym.data
    for key, (tensor, value) in t.written.items():
        if key not in t.made:
            outside.write(value.data, *_overwrite(outside.name(tensor)), into=variable_of[key])
    for raw, variable, sym in t.arrays.values():
        name = outside.name(raw)
        outside.read(variable, f"Tensor({name})", name, checked=False)
        if sym.data is not variable:
            outside.write(sym.data, f"if r is not {name}: {name}[...] = r", into=variable)
    for held, name, variable, sym in t.counters:
        if sym.data is not variable:
            outside.write(sym.data, f"{outside.name(held)}[{name!r}] = int(r) if float(r).is_integer() else float(r)")
    _gradients(t, given, outside)
    for variable, read in t.scalars:
        text = f"{outside.name(variable.dtype.type)}({outside.name(read)}())"
        outside.read(variable, f"Tensor({text})", text, checked=False)
    results = [o.data for o in outputs if isinstance(o, Sym)]
    graph = optimize(t.graph([*(s.data for s in given), *outside.variables], [*results, *outside.values]))
    spots = [Result() if isinstance(o, Sym) else o for o in outputs]
    own = {sym.node for sym in given}
    guards = [*t.guards, *((functools.partial(_has_grad, leaf), before is not None) for leaf, (before, _) in t.gradients.items() if leaf not in own)]
    return Traced(graph, structure, spots, outside, guards, any(_alive(o) for o in outputs))


def _overwrite(name: str) -> list[str]:
    """Lines that put ``r`` into a tensor, unless the program wrote there itself."""
    return [f"b = buffer({name})", "if r is not b: b[...] = r", "stamp(b)"]


def _gradients(t: Trace, given: list[Sym], outside: Outside) -> None:
    """Gradients that were read or set: inputs by reference, and effects."""
    number_of = {sym.node: number for number, sym in enumerate(given) if sym.node is not None}
    for leaf, (_, sym) in t.gradients.items():
        if isinstance(leaf, Boundary):
            raise TraceError("jit: backward() inside the function reached a tensor that was computed outside, where its tape is; call backward "
                             "outside, or compute the whole loss inside")
        name = outside.name(leaf)
        if sym is not None:
            outside.read(sym.data, f"{name}.grad", f"{name}.grad.data")
        final = leaf.grad
        if final is sym:
            continue
        if leaf in number_of:
            place = f"given[{number_of[leaf]}].node"
            outside.write(final.data, f"{place}.grad = Tensor(r) if {place}.grad is None else {place}.grad + Tensor(r)")
        elif final is None:
            outside.after.append(f"{name}.grad = None")
        else:
            outside.write(t.lift(final).data, f"{name}.grad = Tensor(r)")


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
