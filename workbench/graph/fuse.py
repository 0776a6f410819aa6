"""Which equations run as one loop: element-wise ones of the same shape, with reductions at their end.

One pass in program order. A group is open until somebody outside reads one of its results; until then it can wait for
the next equation, so joining never changes the order of what depends on what. Element-wise ops are those whose
declaration has a C expression: there is no second list of them.
"""
from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

import numpy as np

from ..core.op import REGISTRY
from .ir import Equation, Graph, Literal, Operand, Variable

REDUCTIONS = {"sum": "sum", "sum_to": "sum", "prod": "prod", "amax": "max", "amin": "min", "any": "any", "all": "all"}
"""Ops that can end a loop, and what the loop calls them."""
DTYPES = ("float32", "float64", "int64", "int32", "uint8", "bool")
FEW = 24
"""More arrays than this in one loop only press on each other."""


@dataclasses.dataclass(eq=False)
class Group:
    """Equations that become one loop over ``shape``.

    Attributes
    ----------
    steps : list of Equation
        Element-wise, each output of ``shape``.
    reductions : list of Equation
        Reductions of values of ``shape``.
    """

    shape: tuple[int, ...]
    steps: list[Equation]
    reductions: list[Equation]
    open: bool = True

    @property
    def made(self) -> set[Variable]:
        """Everything it computes."""
        return {v for e in (*self.steps, *self.reductions) for v in e.outputs}

    @property
    def inputs(self) -> list[Variable]:
        """What it reads from outside, each once."""
        made = self.made
        return list(dict.fromkeys(v for e in (*self.steps, *self.reductions) for v in e.variables() if v not in made))

    @property
    def size(self) -> int:
        """Number of elements of the loop."""
        return int(np.prod(self.shape, dtype=np.int64))


Unit = Equation | Group


def fuse(graph: Graph, supported: Callable[[str, str], bool], launched: Callable[[Equation], bool] | None = None) -> list[Unit]:
    """The equations of `graph` in an order that can be run, those that pay as groups.

    `supported` says whether a C expression can be compiled for a dtype. For a device `launched` says which equations can be
    part of a kernel: there every launch that is saved pays, and groups have no reductions.
    """
    wanted = {v for v in graph.outputs if isinstance(v, Variable)}
    units: list[Unit] = []
    group_of: dict[Variable, Group] = {}
    for equation in graph.equations:
        shape = _loop_shape(equation, supported) if launched is None or launched(equation) and not _is_reduction(equation) else None
        joined = _joinable(equation, shape, group_of)
        for variable in equation.variables():
            group = group_of.get(variable)
            if group is not None and all(group is not g for g in joined):
                group.open = False
        if shape is None:
            units.append(equation)
            continue
        if joined:
            group = _merge(joined, units, group_of)
            units.append(group)  # it runs where its last member stands
        elif _is_reduction(equation):
            units.append(equation)
            continue
        else:
            group = Group(shape, [], [])
            units.append(group)
        (group.reductions if _is_reduction(equation) else group.steps).append(equation)
        group_of[equation.outputs[0]] = group
    users = graph.users()

    def pays(group: Group) -> bool:
        return _pays(group, users, wanted) if launched is None else len(group.steps) > 1

    return [part for unit in units for part in ([unit] if isinstance(unit, Equation) or pays(unit) else _apart(unit))]


def stored(group: Group, users: dict[Variable, list[Equation]], wanted: set[Variable]) -> list[Variable]:
    """What of a group somebody outside needs."""
    inside = {id(e) for e in (*group.steps, *group.reductions)}
    return [v for e in group.steps for v in e.outputs if v in wanted or any(id(u) not in inside for u in users.get(v, ()))]


def _joinable(equation: Equation, shape: tuple[int, ...] | None, group_of: dict[Variable, Group]) -> list[Group]:
    if shape is None:
        return []
    ended = {id(group_of[v]) for v in equation.variables() if v in group_of and any(v in e.outputs for e in group_of[v].reductions)}
    found = {id(g): g for v in equation.variables() if (g := group_of.get(v)) is not None and g.open and g.shape == shape and id(g) not in ended}
    groups = list(found.values())
    arrays = {v for g in groups for v in (*g.inputs, *g.made)}
    return groups if len(arrays) < 4 * FEW and sum(len(g.inputs) for g in groups) < FEW else []


def _merge(groups: list[Group], units: list[Unit], group_of: dict[Variable, Group]) -> Group:
    first = groups[0]
    order = [unit for unit in units if isinstance(unit, Group) and any(unit is g for g in groups)]
    merged = Group(first.shape, [e for g in order for e in g.steps], [e for g in order for e in g.reductions])
    units[:] = [unit for unit in units if not any(unit is g for g in groups)]
    group_of.update(dict.fromkeys(merged.made, merged))
    return merged


def _loop_shape(equation: Equation, supported: Callable[[str, str], bool]) -> tuple[int, ...] | None:
    """The shape of the loop that would compute an equation, or None if it has to be a call."""
    if len(equation.outputs) != 1 or not equation.pure:
        return None
    if any(v.dtype is None or v.dtype.name not in DTYPES for v in (*equation.variables(), *equation.outputs)):
        return None
    if _is_reduction(equation):
        x = equation.inputs[0]
        return x.shape if x.dtype == equation.outputs[0].dtype or equation.op.name in ("any", "all") else None
    expression = expression_of(equation)
    out = equation.outputs[0]
    if expression is None or not out.shape:
        return None
    computed = out.dtype if out.dtype.kind != "b" else next((v.dtype for v in equation.variables()), out.dtype)
    return out.shape if supported(expression, computed.name) else None


def expression_of(equation: Equation) -> str | None:
    """The C expression of an element-wise equation."""
    if equation.params and equation.op.name != "cast":
        return None
    return equation.op.c


def _is_reduction(equation: Equation) -> bool:
    return equation.op.name in REDUCTIONS


def reduced_axes(equation: Equation) -> tuple[int, ...]:
    """The axes that a reduction runs over."""
    shape = equation.inputs[0].shape
    if equation.op.name == "sum_to":
        target = (1,) * (len(shape) - len(equation.params["shape"])) + tuple(equation.params["shape"])
        return tuple(a for a, (n, m) in enumerate(zip(shape, target, strict=True)) if m == 1 and n != 1)
    axis = equation.params["axis"]
    axes = range(len(shape)) if axis is None else (axis,) if isinstance(axis, int) else axis
    return tuple(sorted(a % len(shape) for a in axes)) if shape else ()


_CALL = re.compile(r"\b(?!max|min|fabs|floor|where|cast|isnan)[a-z]\w*\(")


def _pays(group: Group, users: dict[Variable, list[Equation]], wanted: set[Variable]) -> bool:
    """Is one loop faster than a NumPy call per equation? Costs in microseconds, measured on two cores of an EPYC."""
    count = len(group.steps) + len(group.reductions)
    hard = sum(bool(_CALL.search(expression_of(e) or "")) for e in group.steps)
    calls = 0.5 * count + group.size * (0.00025 * count + 0.002 * hard)
    loop = 1.0 + 0.25 * (len(stored(group, users, wanted)) + len(group.reductions)) + 0.1 * len(group.inputs) + group.size * 0.0002 * (1 + hard)
    return (count > 1 or hard > 0) and loop < calls


def _apart(group: Group) -> list[Equation]:
    """The equations of a group that does not pay, in an order that can be run."""
    return [*group.steps, *group.reductions]


def without_means(graph: Graph) -> Graph:
    """mean as a sum and a division, so that it can end a loop."""
    equations: list[Equation] = []
    for equation in graph.equations:
        x = equation.inputs[0] if equation.inputs else None
        if equation.op.name == "mean" and isinstance(x, Variable) and x.dtype.kind in "fV" and x.dtype.itemsize >= 4:
            total = Variable(equation.outputs[0].shape, x.dtype)
            count = int(np.prod([x.shape[a] for a in reduced_axes(equation)], dtype=np.int64))
            equations.append(Equation(REGISTRY["sum"], (x,), {k: equation.params[k] for k in ("axis", "keepdims")}, (total,)))
            equations.append(Equation(REGISTRY["div"], (total, Literal(float(count))), {}, equation.outputs))
        else:
            equations.append(equation)
    return Graph(graph.inputs, equations, graph.outputs, graph.constants, graph.name)


def strides_of(operand: Operand, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Elements to step along each axis of a loop over `shape`, for a contiguous array that broadcasts to it."""
    own: list[int] = []
    step = 1
    for length in reversed(operand.shape):
        own.append(0 if length == 1 else step)
        step *= length
    return (0,) * (len(shape) - len(own)) + tuple(own[::-1])
