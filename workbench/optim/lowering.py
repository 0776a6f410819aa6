"""A rule on symbols: how ``update(parameter, grad, state, group)`` becomes part of a jitted program, or one kernel over many parameters.

Both run the rule once. State arrays and some numbers are symbols, which a schedule or a hand may change at every step; any
other setting is part of the program. A number may be asked whether it is 0, as in ``if momentum:``. Which numbers: for a
kernel those of `VARYING`, and for a program, where each costs time at every call, the rate; and whatever has changed once.
"""
from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backend import cpu
from ..core import no_grad
from ..core.errors import TraceError
from ..graph.fuse import expression_of
from ..graph.ir import Equation, Graph, Literal, Operand, Variable
from ..graph.passes import optimize, without_stops
from ..graph.trace import Setting, Sym, Trace, tracing

log = logging.getLogger(__name__)
VARYING = ("lr", "momentum", "betas", "weight_decay")
"""Settings that may change at every step without another program."""
UNSEEN = ("params", "param_names", "initial_lr")
"""What groups hold that no rule reads."""


def is_array(value: Any) -> bool:
    """Is an entry of a state an array, rather than a number?"""
    return hasattr(value, "dtype")


def varying(group: dict[str, Any], names: Iterable[str]) -> list[tuple[str, int | None]]:
    """The numbers among these settings of a group, with the place in a pair such as Adam's betas."""
    found: list[tuple[str, int | None]] = []
    for name in names:
        value = group.get(name)
        found += [(name, place) for place in range(len(value))] if isinstance(value, tuple) else [(name, None)] if isinstance(value, (int, float)) else []
    return found


def read(group: dict[str, Any], name: str, place: int | None) -> float:
    """One of the varying numbers."""
    return group[name] if place is None else group[name][place]


def _reader(group: dict[str, Any], name: str, place: int | None) -> Callable[[], float]:
    return lambda: read(group, name, place)


def changed(before: dict[str, Any], now: dict[str, Any]) -> set[str]:
    """Names of the settings that are other numbers than they were."""
    return {name for name, value in now.items() if name in before and before[name] != value
            and all(isinstance(part, float) for part in (value if isinstance(value, tuple) else (value,)))}


def settings_with(group: dict[str, Any], numbers: dict[tuple[str, int | None], Any]) -> dict[str, Any]:
    """The group as a rule sees it, with symbols for the varying numbers."""
    seen = {name: value for name, value in group.items() if name not in UNSEEN}
    for (name, place), symbol in numbers.items():
        seen[name] = symbol if place is None else (*seen[name][:place], symbol, *seen[name][place + 1:])
    return seen


# Inside jit ---------------------------------------------------------------------------------------------------------
def traced_step(optimizer: Any, trace: Trace) -> None:
    """One step as part of the program that is traced: state arrays are read and written by reference."""
    trace.guard(functools.partial(_layout, optimizer, optimizer.state))
    with no_grad():
        for place, group in enumerate(optimizer.param_groups):
            before, free = optimizer._traced_with.setdefault(place, ({}, {"lr"}))
            seen = {name: value for name, value in group.items() if name not in UNSEEN}
            free |= changed(before, seen)
            before.update(seen)
            numbers = {key: trace.setting(_reader(group, *key)) for key in varying(group, sorted(free))}
            for name in seen:
                if name not in free:
                    trace.guard(functools.partial(group.get, name))
            settings = settings_with(group, numbers)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    _traced_update(optimizer, trace, parameter, settings)


def _layout(optimizer: Any, state: Any) -> tuple:
    """What a program for a step holds on to: is the state the same object, of as many parameters, in the same groups?"""
    return optimizer.state is state, len(state), [len(group["params"]) for group in optimizer.param_groups]


def _traced_update(optimizer: Any, trace: Trace, parameter: Any, settings: dict[str, Any]) -> None:
    held = optimizer.state.get(parameter)
    if held is None:  # not merely empty: some rules remember nothing
        raise trace.not_ready("the optimizer has no state yet")
    before = {name: trace.array(value) if is_array(value) else trace.counter(held, name) for name, value in held.items()}
    state, value, grad = dict(before), trace.lift(parameter)._off_tape(), parameter.grad
    if value.dtype.kind == "c":
        raise TraceError(f"{type(optimizer).__name__}: inside jit a step changes real parameters only, and one is {value.dtype}; step outside")
    optimizer.update(value, -grad if settings.get("maximize") else grad, state, settings)
    if set(state) != set(before):
        raise trace.not_ready("the optimizer has no state yet")
    trace.write(parameter, value, "step")
    for name, sym in before.items():
        if state[name] is not sym:
            trace.write(sym, state[name], "step")


# As one kernel ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Rule:
    """A rule that is element-wise: a kernel's plan, and what is computed once per step before it.

    Attributes
    ----------
    plan : cpu.Multi
        Columns are the parameter, its gradient, and the arrays of its state.
    source : str
        ``numbers(counters..., varying numbers...)`` in Python: the new counters, the kernel's numbers, and what `per_row` takes.
    first : cpu.Multi or None
        For a rule that needs sums over a parameter, such as norms: the kernel that adds them up.
    per_row : str
        ``rows(numbers..., sums...)`` in Python, on NumPy vectors with an entry per parameter: what `plan` has of each row.
    """

    plan: cpu.Multi
    source: str
    first: cpu.Multi | None = None
    per_row: str = ""

    @functools.cached_property
    def numbers(self) -> Callable[..., tuple[float, ...]]:
        """The compiled `source`."""
        namespace = dict(FUNCTIONS)
        exec(compile(self.source, "<workbench optimizer numbers>", "exec"), namespace)
        return namespace["numbers"]

    @functools.cached_property
    def rows(self) -> Callable[..., tuple[Any, ...]]:
        """The compiled `per_row`."""
        namespace = {"__name__": __name__, **FUNCTIONS, **ON_VECTORS}
        exec(compile(self.per_row, "<workbench optimizer rows>", "exec"), namespace)
        return namespace["rows"]

    @functools.cached_property
    def call(self) -> Callable[..., None]:
        """The compiled kernel."""
        return cpu.compile_multi(self.plan).call

    @functools.cached_property
    def call_first(self) -> Callable[..., None]:
        """The compiled kernel that adds up."""
        return cpu.compile_multi(self.first).call


FUNCTIONS: dict[str, Any] = {
    "pow": pow, "sqrt": math.sqrt, "fabs": abs, "max": max, "min": min, "exp": math.exp, "log": math.log, "cast": lambda x: x,
    "where": lambda condition, x, y: x if condition else y, "cos": math.cos, "floor": math.floor, "nan": math.nan, "inf": math.inf}
"""The functions of C expressions, on Python numbers: what the rule itself computes with outside of a trace."""
ON_VECTORS: dict[str, Any] = {"pow": np.power, "sqrt": np.sqrt, "fabs": np.abs, "max": np.maximum, "min": np.minimum, "exp": np.exp, "log": np.log,
                              "where": np.where, "cos": np.cos, "floor": np.floor, "cast": lambda x: x * 1}
"""The same on NumPy vectors."""


def lower(optimizer: Any, shape: tuple[int, ...], dtype: np.dtype, state: dict[str, Any], group: dict[str, Any],
          further: Iterable[str] = ()) -> Rule | None:
    """The rule of an optimizer for a parameter like this, or None if it is no element-wise one.

    `state` says which entries are arrays, `further` which settings vary beside those that always may. A rule that cannot run
    on symbols is none either: it runs as it is.
    """
    try:
        graph = _traced(optimizer, shape or (1,), dtype, state, group, further)
        return None if graph is None else _Lowering(graph, shape or (1,), dtype, 2 + sum(map(is_array, state.values()))).rule()
    except Exception as error:  # whatever a rule of one's own may raise on symbols, it will raise again on arrays if it is wrong
        log.debug("%s runs parameter by parameter: %s", type(optimizer).__name__, error)
        return None


def _traced(optimizer: Any, shape: tuple[int, ...], dtype: np.dtype, state: dict[str, Any], group: dict[str, Any],
            further: Iterable[str]) -> Graph | None:
    with tracing(type(optimizer).__name__) as trace, no_grad():
        value, grad = trace.symbol(shape, dtype), trace.symbol(shape, dtype)
        entries = {name: trace.symbol(shape, dtype) if is_array(old) else trace.symbol((), np.dtype(np.float64)) for name, old in state.items()}
        numbers = {key: Setting(Variable((), np.dtype(np.float64)), trace.level, bool(read(group, *key))) for key in varying(group, (*VARYING, *sorted(further)))}
        arrays = [name for name in state if is_array(state[name])]
        counters = [name for name in state if name not in arrays]
        inputs = [s.data for s in (value, grad, *(entries[n] for n in (*arrays, *counters)), *numbers.values())]
        after = dict(entries)
        optimizer.update(value, -grad if group.get("maximize") else grad, after, settings_with(group, numbers))
        results = [value, *(after[n] for n in (*arrays, *counters))]
        if set(after) != set(state) or set(trace.captured) - set(trace.made) or trace.written or not all(isinstance(r, Sym) for r in results):
            return None
        return without_stops(optimize(trace.graph(inputs, [r.data for r in results])))


class _Lowering:
    """Takes a traced rule apart: equations of arrays become steps, equations of numbers lines of Python.

    What depends on a sum over the array is other for each parameter: numbers of the row, and steps that have to wait for them.
    """

    def __init__(self, graph: Graph, shape: tuple[int, ...], dtype: np.dtype, columns: int) -> None:
        self.graph, self.shape, self.dtype, self.columns = graph, shape, dtype, columns
        self.values: dict[Variable, Any] = dict(zip(graph.inputs[:columns], range(columns), strict=True))
        self.names = {v: f"x{n}" for n, v in enumerate(graph.inputs[columns:])}
        self.names |= {v: f"({np.asarray(value).item()!r})" for v, value in graph.constants.items() if np.ndim(value) == 0}
        self.wanted: dict[Variable, None] = {}
        self.lines: list[str] = []
        self.steps: list[tuple[Variable, str, tuple[Operand, ...], str]] = []
        self.sums: dict[Variable, Variable] = {}
        self.row_names: dict[Variable, str] = {}
        self.row_lines: list[str] = []
        self.row_wanted: dict[Variable, None] = {}
        self.passed_on: dict[Variable, None] = {}
        self.late: set[Variable] = set()

    def rule(self) -> Rule | None:
        """The rule, if every equation is one or the other."""
        if any(v not in self.names for v in self.graph.constants) or not all(map(self._take, self.graph.equations)):
            return None
        before, arrays = self.graph.inputs[:self.columns], self.graph.outputs[:self.columns - 1]
        stores = [(v, column) for v, column in zip(arrays, (0, *range(2, self.columns)), strict=True) if v is not before[column]]
        counters = self.graph.outputs[self.columns - 1:]
        if any(v not in self.values for v, _ in stores) or any(v not in self.names for v in counters):
            return None
        source = self._function("numbers", [f"x{n}" for n in range(len(self.graph.inputs) - self.columns)], self.lines,
                                [*counters, *self.wanted, *self.passed_on], self.names)
        plan = self._plan(self.steps, self.row_wanted, stores, ())
        if not self.sums:
            return Rule(plan, source)
        names = [*(f"g{n}" for n in range(len(self.passed_on))), *(self.row_names[v] for v in self.sums)]
        early = [step for step in self.steps if step[0] not in self.late]
        return Rule(plan, source, self._plan(early, {}, [], tuple(self.sums.values())),
                    self._function("rows", names, self.row_lines, list(self.row_wanted), self.row_names))

    def _plan(self, steps: list, own: dict[Variable, None], stores: list[tuple[Variable, int]], sums: tuple[Variable, ...]) -> cpu.Multi:
        """Steps with their operands numbered: columns, numbers, numbers of the row, steps."""
        order = [*self.graph.inputs[:self.columns], *self.wanted, *own, *(out for out, *_ in steps)]
        number = {v: n for n, v in enumerate(order)}
        found = tuple(cpu.Step(text, tuple(number[v] if isinstance(v, Variable) else cpu.Literal(v.value) for v in operands), kind)
                      for _, text, operands, kind in steps)
        return cpu.Multi(self.dtype.name, self.columns, len(self.wanted), found, tuple((number[v], column) for v, column in stores),
                         tuple(number[v] for v in sums), len(own))

    def _function(self, name: str, arguments: list[str], lines: list[str], results: list[Any], names: dict[Variable, str]) -> str:
        returned = "".join(f"{_text(v, names)}, " for v in results)
        return "\n    ".join([f"def {name}({', '.join(arguments)}):", *lines, f"return ({returned})"])

    def _take(self, equation: Equation) -> bool:
        expression, (out, *more) = expression_of(equation), equation.outputs
        held = list(equation.variables())
        if more:
            return False
        if equation.op.name == "sum" and out.shape == () and held[0] in self.values and held[0] not in self.late:
            self.row_names[out] = f"s{len(self.sums)}"
            self.sums[out] = held[0]
            return True
        if expression is None:
            return False
        if all(v in self.names for v in held):
            name = self.names[out] = f"v{len(self.names)}"
            self.lines.append(f"{name} = {expression.format(*(_text(v, self.names) for v in equation.inputs))}")
            return not out.shape and _is_python(expression)
        if not out.shape:
            return self._take_row(equation, expression, out, held)
        return self._take_step(equation, expression, out, held)

    def _take_row(self, equation: Equation, expression: str, out: Variable, held: list[Variable]) -> bool:
        """A number that is other for each parameter."""
        for v in held:
            if v in self.names and v not in self.row_names:
                self.row_names[v] = f"g{len(self.passed_on)}"
                self.passed_on[v] = None
        if not _is_python(expression) or any(v not in self.row_names for v in held) or equation.op.name == "cast" and out.dtype.kind == "b":
            return False
        text = expression.format(*(_text(v, self.row_names) for v in equation.inputs))
        name = self.row_names[out] = f"r{len(self.row_names)}"
        self.row_lines.append(f"{name} = {text}")
        return True

    def _take_step(self, equation: Equation, expression: str, out: Variable, held: list[Variable]) -> bool:
        if out.shape != self.shape or out.dtype.name not in (self.dtype.name, "bool") or not cpu.supports(expression, self.dtype.name):
            return False
        if any(v not in self.values and v not in self.names and v not in self.row_names for v in held):
            return False
        own = [v for v in held if v in self.row_names and v not in self.names]
        self.row_wanted.update(dict.fromkeys(own))
        self.wanted.update(dict.fromkeys(v for v in held if v in self.names))
        self.values[out] = None
        self.steps.append((out, expression, equation.inputs, out.dtype.name))
        if own or any(v in self.late for v in held):
            self.late.add(out)
        return True


def _text(operand: Operand, names: dict[Variable, str]) -> str:
    return f"({operand.value!r})" if isinstance(operand, Literal) else names[operand]


def _is_python(expression: str) -> bool:
    """Does a C expression mean the same in Python?"""
    try:
        code = compile(expression.format(*"abcd"), "<expression>", "eval")
    except SyntaxError:
        return False
    return all(name in FUNCTIONS or name in "abcd" for name in code.co_names)
