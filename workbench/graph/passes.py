"""What is done to a graph before code is made of it; each pass takes a graph and returns a shorter one that means the same.

Order: constants are computed, equal equations merged, algebra applied, and what nobody needs dropped; again until
nothing changes. Numbers stay those of eager mode: nothing is reassociated.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import dtypes
from ..core.boxes import OVERWRITE, OVERWRITE_DETACHED, SILENCE
from ..core.op import REGISTRY
from .infer import rung
from .ir import Equation, Graph, Literal, Operand, Variable, prune

FOLD_LIMIT = 65_536
"""Constants with more elements are computed by the program: they would only fill memory."""


def optimize(graph: Graph) -> Graph:
    """All passes until nothing changes."""
    while True:
        before = len(graph.equations)
        for step in (fold_constants, merge_equal, simplify, drop_unused, transpose_products):
            graph = step(graph)
        if len(graph.equations) == before:
            return graph


def without_stops(graph: Graph) -> Graph:
    """What a program computes: where gradients stop matters only as long as it may be differentiated."""
    def passed(equation: Equation) -> dict[Variable, Operand] | None:
        if equation.op in (REGISTRY["stop_gradient"], SILENCE):
            return {equation.outputs[0]: equation.inputs[0]}
        same = equation.op in (OVERWRITE, OVERWRITE_DETACHED) and _same(equation.inputs[1], equation.outputs[0])
        return {equation.outputs[0]: equation.inputs[1]} if same else None

    shorter = _replacing(graph, passed)
    return graph if len(shorter.equations) == len(graph.equations) else optimize(shorter)


def transpose_products(graph: Graph) -> Graph:
    """The transpose of a product of matrices as a product of transposes, which BLAS reads without a copy."""
    users = graph.users()
    wanted = {v for v in graph.outputs if isinstance(v, Variable)}
    made_by = {v: e for e in graph.equations for v in e.outputs}
    permute, equations = REGISTRY["permute"], []
    for equation in graph.equations:
        x = equation.inputs[0] if equation.op is permute and equation.inputs else None
        product = made_by.get(x) if isinstance(x, Variable) else None
        alone = product is not None and product.op is REGISTRY["matmul"] and len(users[x]) == 1 and x not in wanted
        if not alone or tuple(equation.params["axes"]) != (1, 0) or any(len(v.shape) != 2 for v in product.inputs):
            equations.append(equation)
            continue
        turned = [Variable(v.shape[::-1], v.dtype, x.place) for v in product.inputs]
        equations += [Equation(permute, (v,), {"axes": (1, 0)}, (t,)) for v, t in zip(product.inputs, turned, strict=True)]
        equations.append(Equation(product.op, tuple(turned[::-1]), {}, equation.outputs))
    return _with(graph, equations, graph.constants)


def drop_unused(graph: Graph) -> Graph:
    """Without equations and constants that no output needs."""
    equations = prune(graph.equations, graph.outputs)
    used = {v for e in equations for v in e.variables()} | {v for v in graph.outputs if isinstance(v, Variable)}
    return _with(graph, equations, constants={v: c for v, c in graph.constants.items() if v in used})


def merge_equal(graph: Graph) -> Graph:
    """Each computation once: the later of two equal equations reads the earlier's outputs."""
    seen: dict[Any, Equation] = {}

    def same(equation: Equation) -> dict[Variable, Operand] | None:
        key = _key(equation)
        if key is None or not equation.pure:
            return None
        first = seen.setdefault(key, equation)
        return None if first is equation else dict(zip(equation.outputs, first.outputs, strict=True))

    return _replacing(graph, same)


def fold_constants(graph: Graph) -> Graph:
    """Equations of constants only are computed now."""
    constants, left = dict(graph.constants), _returned_from_nothing(graph)

    def fold(equation: Equation) -> dict[Variable, Operand] | None:
        if not equation.pure or len(equation.outputs) != 1 or equation.op.reference is not None or equation.outputs[0] in left:
            return None
        out = equation.outputs[0]
        filled = FILLED.get(equation.op.name)
        if filled is not None:
            constants[out] = dtypes.marked(np.broadcast_to(np.array(filled, out.dtype), out.shape))
        elif equation.inputs and all(isinstance(v, Literal) or isinstance(constants.get(v), HOST) for v in equation.inputs):
            value = _computed(equation, [v.value if isinstance(v, Literal) else constants[v] for v in equation.inputs])
            if value.size > FOLD_LIMIT and any(value.strides):
                return None
            constants[out] = value
        else:
            return None
        return {out: out}

    folded = _replacing(graph, fold)
    folded.constants = constants
    return folded


def _returned_from_nothing(graph: Graph) -> set[Variable]:
    """What outputs without a number of the inputs in them are made of, such as ``ones_like(x) * 2``: it has to be made where `x` lies."""
    made: set[Variable] = set()
    for equation in graph.equations:
        given = equation.variables()
        if equation.op.name in FILLED or any(v in made for v in given) and all(v in made or v in graph.constants for v in given):
            made.update(equation.outputs)
    left = made & {v for v in graph.outputs if isinstance(v, Variable)}
    for equation in reversed(graph.equations if left else []):
        if any(v in left for v in equation.outputs) and equation.op.name not in FILLED:
            left |= made & set(equation.variables())
    return left


def _computed(equation: Equation, values: list[Any]) -> Any:
    """The value of an equation of constants; one number everywhere stays one number in memory."""
    function = equation.function
    with np.errstate(all="ignore"):
        if rung(equation.op) == "broadcast" and all(_uniform(v) is not None for v in values):
            small = [v.reshape(-1)[:1] if isinstance(v, np.ndarray) else v for v in values]
            return dtypes.marked(np.broadcast_to(np.reshape(function(*small, **equation.params), ()), equation.outputs[0].shape))
        return dtypes.marked(np.asarray(function(*values, **equation.params)))


FILLED = {"zeros_like": 0, "ones_like": 1}
HOST = (np.ndarray, np.generic)
"""Constants that are computed with now; those of a device stay there."""
"""Ops whose result is one number everywhere, whatever their input holds."""


def simplify(graph: Graph) -> Graph:
    """Algebra that changes no bit: x * 1, x - 0, casts and reshapes to what a value is already, pairs that undo each other."""
    made_by: dict[Variable, Equation] = {}

    def rewrite(equation: Equation) -> dict[Variable, Operand] | Equation | None:
        equation = _with_literals(equation, graph.constants)
        rule = RULES.get(equation.op.name)
        found = rule(equation, made_by) if rule is not None and len(equation.outputs) == 1 else None
        if isinstance(found, Variable):
            return {equation.outputs[0]: found}
        equation = found or equation
        made_by.update(dict.fromkeys(equation.outputs, equation))
        return equation

    return _replacing(graph, rewrite)


# Rules: (equation, made_by) → the variable that it equals, another equation with the same outputs, or None ------------------
Rule = Callable[[Equation, dict], Variable | Equation | None]


def _neutral(number: float, *, both: bool = True) -> Rule:
    """x ∘ number is x, if nothing else changes; of zeros the sign counts, as -0.0 + 0.0 is 0.0 (integers have but one)."""
    def rule(equation: Equation, made_by: dict) -> Variable | None:
        x, y = equation.inputs
        for kept, other in ((x, y), (y, x))[: 2 if both else 1]:
            if isinstance(other, Literal) and other.value == number and _same(kept, equation.outputs[0]) and (
                    number or kept.dtype.kind not in "fVc" or np.signbit(np.real(other.value)) == np.signbit(number)):
                return kept
        return None

    return rule


def _power(equation: Equation, made_by: dict) -> Variable | Equation | None:
    x, y = equation.inputs
    if isinstance(y, Literal) and y.value == 2 and _same(x, equation.outputs[0]):
        return Equation(REGISTRY["square"], (x,), {}, equation.outputs)
    if isinstance(y, Literal) and y.value == 0.5 and _same(x, equation.outputs[0]) and x.dtype.kind == "f":
        return Equation(REGISTRY["sqrt"], (x,), {}, equation.outputs)
    return _neutral(1, both=False)(equation, made_by)


def _unchanged(equation: Equation, made_by: dict) -> Variable | None:
    """An op that only changes shape or dtype, to what they are."""
    x = equation.inputs[0]
    return x if _same(x, equation.outputs[0]) else None


def _twice(equation: Equation, made_by: dict) -> Variable | Equation | None:
    """reshape of a reshape is one reshape."""
    x, out = equation.inputs[0], equation.outputs[0]
    if _same(x, out):
        return x
    inner = made_by.get(x)
    if inner is not None and inner.op is equation.op:
        return inner.inputs[0] if _same(inner.inputs[0], out) else Equation(equation.op, inner.inputs, equation.params, equation.outputs)
    return None


def _undone(equation: Equation, made_by: dict) -> Variable | None:
    """neg of neg."""
    inner = made_by.get(equation.inputs[0])
    return inner.inputs[0] if inner is not None and inner.op is equation.op and isinstance(inner.inputs[0], Variable) else None


def _permuted(equation: Equation, made_by: dict) -> Variable | Equation | None:
    x, axes = equation.inputs[0], tuple(equation.params["axes"])
    inner = made_by.get(x)
    if inner is not None and inner.op is equation.op:
        first = inner.params["axes"]
        x, axes = inner.inputs[0], tuple(first[a] for a in axes)
    if axes == tuple(range(len(axes))):
        return x
    return Equation(equation.op, (x,), {"axes": axes}, equation.outputs) if x is not equation.inputs[0] else None


RULES: dict[str, Rule] = {
    "add": _neutral(-0.0), "sub": _neutral(0.0, both=False), "mul": _neutral(1), "div": _neutral(1, both=False), "pow": _power,
    "cast": _unchanged, "broadcast_to": _unchanged, "sum_to": _unchanged, "expand": _unchanged, "reshape": _twice,
    "permute": _permuted, "neg": _undone, "conj": _undone,
}


def _same(x: Operand, y: Variable) -> bool:
    return isinstance(x, Variable) and x.shape == y.shape and x.dtype == y.dtype


def _with_literals(equation: Equation, constants: dict[Variable, Any]) -> Equation:
    """A constant that is one number everywhere as that number, where it only broadcasts against something of full shape."""
    if len(equation.inputs) != 2 or equation.op.c is None or not any(v in constants for v in equation.variables()):
        return equation
    out = equation.outputs[0]
    inputs = list(equation.inputs)
    for index, other in ((0, 1), (1, 0)):
        v, x = inputs[index], inputs[other]
        if isinstance(v, Variable) and v in constants and isinstance(x, Variable) and _same(x, out) and v.dtype == out.dtype:
            number = _uniform(constants[v])
            if number is not None:
                inputs[index] = Literal(number)
    return Equation(equation.op, tuple(inputs), equation.params, equation.outputs)


def _uniform(value: Any) -> Any:
    """The number of which all of `value` is made; None if there are several, or if a device holds it."""
    if not isinstance(value, HOST):
        return None
    array = np.asarray(value)
    return array.flat[0].item() if array.size and not any(array.strides) or array.size == 1 else None


def _key(equation: Equation) -> Any:
    inputs = tuple(_exact(v.value) if isinstance(v, Literal) else v for v in equation.inputs)
    try:
        key = (equation.op, inputs, tuple((name, _exact(value)) for name, value in equation.params.items()))
        hash(key)
    except TypeError:
        return None
    return key


def _exact(value: Any) -> Any:
    """A number so that 1, True and 1.0 differ, and 0.0 and -0.0."""
    return type(value), repr(value) if isinstance(value, (float, complex)) and not value else value


def _replacing(graph: Graph, rule: Callable[[Equation], Any]) -> Graph:
    """Walk the equations in order; a rule returns what outputs are replaced by, another equation, or None to keep it."""
    renamed: dict[Variable, Operand] = {}
    kept = []
    for equation in graph.equations:
        if any(v in renamed for v in equation.variables()):
            inputs = tuple(renamed.get(v, v) if isinstance(v, Variable) else v for v in equation.inputs)
            equation = Equation(equation.op, inputs, equation.params, equation.outputs, equation.residual, equation.results)
        found = rule(equation)
        if isinstance(found, dict):
            renamed.update({old: new for old, new in found.items() if old is not new})
        else:
            kept.append(found or equation)
    outputs = [renamed.get(v, v) if isinstance(v, Variable) else v for v in graph.outputs]
    return Graph(graph.inputs, kept, outputs, dict(graph.constants), graph.name)


def _with(graph: Graph, equations: list[Equation], constants: dict) -> Graph:
    return Graph(graph.inputs, equations, graph.outputs, constants, graph.name)
