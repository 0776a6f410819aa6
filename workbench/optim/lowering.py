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
from ..graph.fuse import expression_of
from ..graph.ir import Equation, Graph, Literal, Operand, Variable
from ..graph.passes import optimize
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


def _traced_update(optimizer: Any, trace: Trace, parameter: Any, settings: dict[str, Any]) -> None:
    held = optimizer.state.get(parameter)
    if held is None:  # not merely empty: some rules remember nothing
        raise trace.not_ready("the optimizer has no state yet")
    before = {name: trace.array(value) if is_array(value) else trace.counter(held, name) for name, value in held.items()}
    state, value, grad = dict(before), trace.lift(parameter).detach(), parameter.grad
    optimizer.update(value, -grad if settings.get("maximize") else grad, state, settings)
    if set(state) != set(before):
        raise trace.not_ready("the optimizer has no state yet")
    trace.write(parameter, value)
    for name, sym in before.items():
        if state[name] is not sym:
            trace.write(sym, state[name])


# As one kernel ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Rule:
    """A rule that is element-wise: a kernel's plan, and what is computed once per step before it.

    Attributes
    ----------
    plan : cpu.Multi
        Columns are the parameter, its gradient, and the arrays of its state.
    source : str
        ``numbers(counters..., varying numbers...)`` in Python: the new counters, then the kernel's numbers.
    """

    plan: cpu.Multi
    source: str

    @functools.cached_property
    def numbers(self) -> Callable[..., tuple[float, ...]]:
        """The compiled `source`."""
        namespace = dict(FUNCTIONS)
        exec(compile(self.source, "<workbench optimizer numbers>", "exec"), namespace)
        return namespace["numbers"]

    @functools.cached_property
    def call(self) -> Callable[..., None]:
        """The compiled kernel."""
        return cpu.compile_multi(self.plan).call


FUNCTIONS: dict[str, Any] = {
    "pow": pow, "sqrt": math.sqrt, "fabs": abs, "max": max, "min": min, "exp": math.exp, "log": math.log, "cast": lambda x: x,
    "where": lambda condition, x, y: x if condition else y, "cos": math.cos, "floor": math.floor, "nan": math.nan, "inf": math.inf}
"""The functions of C expressions, on Python numbers: what the rule itself computes with outside of a trace."""


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
        if set(after) != set(state) or trace.captured or trace.written or not all(isinstance(r, Sym) for r in results):
            return None
        return optimize(trace.graph(inputs, [r.data for r in results]))


class _Lowering:
    """Takes a traced rule apart: equations of arrays become steps, equations of numbers lines of Python."""

    def __init__(self, graph: Graph, shape: tuple[int, ...], dtype: np.dtype, columns: int) -> None:
        self.graph, self.shape, self.dtype, self.columns = graph, shape, dtype, columns
        self.values: dict[Variable, Any] = dict(zip(graph.inputs[:columns], range(columns), strict=True))
        self.names = {v: f"x{n}" for n, v in enumerate(graph.inputs[columns:])}
        self.wanted: dict[Variable, None] = {}
        self.lines: list[str] = []
        self.steps: list[tuple[str, tuple[Operand, ...], str]] = []

    def rule(self) -> Rule | None:
        """The rule, if every equation is one or the other."""
        if self.graph.constants or not all(map(self._take, self.graph.equations)):
            return None
        before, arrays = self.graph.inputs[:self.columns], self.graph.outputs[:self.columns - 1]
        stores = [(v, column) for v, column in zip(arrays, (0, *range(2, self.columns)), strict=True) if v is not before[column]]
        if any(v not in self.values for v, _ in stores):
            return None
        first = self.columns + len(self.wanted)
        number = {v: n if n < self.columns else n - self.columns + first for v, n in self.values.items()}
        number |= {v: self.columns + n for n, v in enumerate(self.wanted)}
        steps = tuple(cpu.Step(text, tuple(number[v] if isinstance(v, Variable) else cpu.Literal(v.value) for v in operands), kind)
                      for text, operands, kind in self.steps)
        plan = cpu.Multi(self.dtype.name, self.columns, len(self.wanted), steps, tuple((number[v], column) for v, column in stores))
        counters = self.graph.outputs[self.columns - 1:]
        results = ", ".join(self._text(v) for v in (*counters, *self.wanted))
        source = "\n    ".join([f"def numbers({', '.join(f'x{n}' for n in range(len(self.graph.inputs) - self.columns))}):", *self.lines,
                                f"return ({results}{',' if results else ''})"])
        return Rule(plan, source)

    def _take(self, equation: Equation) -> bool:
        expression, (out, *more) = expression_of(equation), equation.outputs
        if expression is None or more:
            return False
        if all(isinstance(v, Literal) or v in self.names for v in equation.inputs):
            name = self.names[out] = f"v{len(self.names)}"
            self.lines.append(f"{name} = {expression.format(*map(self._text, equation.inputs))}")
            return not out.shape and _is_python(expression)
        if out.shape != self.shape or out.dtype.name not in (self.dtype.name, "bool") or not cpu.supports(expression, self.dtype.name):
            return False
        self.wanted.update(dict.fromkeys(v for v in equation.variables() if v in self.names))
        self.values[out] = self.columns + len(self.steps)
        self.steps.append((expression, equation.inputs, out.dtype.name))
        return True

    def _text(self, operand: Operand) -> str:
        return f"({operand.value!r})" if isinstance(operand, Literal) else self.names[operand]


def _is_python(expression: str) -> bool:
    """Does a C expression mean the same in Python?"""
    try:
        code = compile(expression.format(*"abcd"), "<expression>", "eval")
    except SyntaxError:
        return False
    return all(name in FUNCTIONS or name in "abcd" for name in code.co_names)
