"""How an op is declared: a row of the element-wise table, a small class of rules, or a fused op over a composite.

From an element-wise row everything is derived: the partial derivatives are expressions in the inputs ``x, y`` and the
output ``o``, parsed when the row is read, so a typo fails at import and not at backward.
"""
from __future__ import annotations

import ast
import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend.large import large
from . import batching
from .generate import REQUIRED, compile_fast_path
from .op import ARGUMENTS, BY_UFUNC, REGISTRY, Op

RULES: dict[str, Any] = {"__name__": __name__}
"""Names that partials may use: every public op, filled as ops are declared."""


def elementwise(name: str, xp_name: str | Callable, partials: tuple[str | None, ...], c: str | None = None, *,
                about: str, inexact: bool = False, holomorphic: bool = True, promotes: bool = True) -> Callable[..., Any]:
    """Declare an element-wise op.

    Parameters
    ----------
    name : str
        Public name.
    xp_name : str or callable
        Name of the function in the array module, or ``forward(xp, x, ...)``.
    partials : tuple of str or None
        Derivative with respect to each input, in terms of ``x, y, z`` and ``o``; None: no gradient.
    c : str, optional
        The same computation as a C expression, for generated kernels.
    about : str
        One line for the reference.
    inexact : bool
        Integers are computed in the default floating dtype.
    holomorphic : bool
        The partials are complex derivatives, so complex gradients follow by conjugation.
    """
    used = {name for text in partials for name in _names(text)}
    inputs = ARGUMENTS[: len(partials)]
    saves = tuple(n for n in (*inputs, "o") if n in used)
    vjp = tuple(text and _compile(f"lambda g, {', '.join(saves)}: {_times('g', text)}", name) for text in partials)
    if c is not None and len(partials) == 1 and partials[0] and partials[0] not in ("1", "-1", *saves):
        vjp = (_large_rule(vjp[0], partials[0], saves),)
    jvp = tuple(text and _compile(f"lambda t, o, {', '.join(inputs)}: {_times('t', text)}", name) for text in partials)
    bind = _bind_composed(xp_name, c, name, len(partials)) if callable(xp_name) else lambda xp: getattr(xp, xp_name)
    op = Op(name, bind, arity=len(partials), saves=saves, vjp=vjp if any(vjp) else None, jvp=jvp,
            batch=batching.elementwise, promotes=promotes and len(partials) > 1, inexact=inexact,
            holomorphic=holomorphic, c=c, doc=_elementwise_doc(name, about, partials, inexact))
    op.wants = tuple(frozenset(_names(text)) for text in partials)
    function = _publish(op)
    BY_UFUNC[xp_name if isinstance(xp_name, str) else name] = function
    return function


def op(*, arity: int | None = 1, optional: int = 0, batch: Callable | None = None, promotes: bool | None = None,
       inexact: bool = False, holomorphic: bool = True, outputs: int = 1, c: str | None = None) -> Callable[[type], Callable[..., Any]]:
    """Declare a structured op from a class of rules.

    The class holds ``forward(xp, x, ..., *, parameters)`` and one of: ``vjp`` (a rule, or a tuple of one rule per
    input, each naming what it wants saved: inputs, ``o``, or shapes ``xs``), ``joint(g, needs, ...)`` for all inputs at
    once, or nothing for an op without gradient. With several `outputs`, forward returns a tuple, and so are ``g`` (None
    for an output that nobody used) and ``o``. ``linear`` lists the inputs in which it is linear; ``put`` says how to write through an
    output that is a view. ``jvp`` may give
    forward rules. What is missing is derived.
    """
    def declare(rules: type) -> Callable[..., Any]:
        parameters = _parameters(rules.forward)
        vjp, joint = _as_tuple(vars(rules).get("vjp")), vars(rules).get("joint")
        saves = _saves([*(vjp or ()), joint])
        record = Op(rules.__name__.rstrip("_"), _bind_forward(rules.forward), arity=arity, optional=optional,
                    parameters=parameters, saves=saves, vjp=_aligned(vjp, saves, joint=False),
                    joint=_aligned((joint,), saves, joint=True)[0] if joint else None,
                    jvp=_as_tuple(vars(rules).get("jvp")), linear=vars(rules).get("linear", ()),
                    shape_only=vars(rules).get("shape_only", ()),
                    shape=vars(rules).get("shape"), put=vars(rules).get("put"), dynamic=vars(rules).get("dynamic", False),
                    batch=batch or vars(rules).get("batch"), inexact=inexact, holomorphic=holomorphic, several=outputs > 1, c=c,
                    promotes=(arity != 1) if promotes is None else promotes, doc=inspect.cleandoc(rules.__doc__ or ""))
        record.wants = None if vjp is None else tuple(frozenset(_wants(rule)) if rule else frozenset() for rule in vjp)
        if record.arity is None and joint is None and vjp:
            raise TypeError(f"{record.name}: a variadic op needs one joint rule")
        return _publish(record)

    return declare


def fused(*, reference: Callable, arity: int, optional: int = 0, inexact: bool = True,
          promotes: bool | None = None) -> Callable[[type], Callable[..., Any]]:
    """Declare a fast op over a composite of other ops.

    The class holds ``forward(xp, x, ...)`` returning the output and whatever backward needs, and
    ``backward(xp, g, needs, residual, x, ...)`` returning raw cotangents. They run on arrays in plain eager mode only;
    every transformation and every higher derivative uses `reference`.
    """
    def declare(rules: type) -> Callable[..., Any]:
        record = Op(rules.__name__.rstrip("_"), _bind_forward(rules.forward), arity=arity, optional=optional,
                    parameters=_parameters(rules.forward), reference=reference, inexact=inexact,
                    joint=rules.backward, promotes=arity > 1 if promotes is None else promotes, doc=inspect.cleandoc(rules.__doc__ or ""))
        return _publish(record)

    return declare


def _publish(record: Op) -> Callable[..., Any]:
    if record.name in REGISTRY:
        raise ValueError(f"op {record.name!r} is declared twice")
    REGISTRY[record.name] = record
    record.call = compile_fast_path(record)
    RULES[record.name] = record.call
    return record.call


def rule_namespace(**names: Callable) -> None:
    """Let partials of the element-wise table use these functions too."""
    RULES.update(names)


def _names(text: str | None) -> set[str]:
    """The names in an expression."""
    return {node.id for node in ast.walk(ast.parse(text or "0", mode="eval")) if isinstance(node, ast.Name)}


def _compile(source: str, name: str) -> Callable[..., Any]:
    return eval(compile(source.replace(", :", ":"), f"<workbench rule {name}>", "eval"), RULES)


def _large_rule(rule: Callable, text: str, saves: tuple[str, ...]) -> Callable[..., Any]:
    """A rule with one partial, which on large arrays is one kernel instead of a pass for every operation."""
    places = {name: f"{{{place}}}" for place, name in enumerate(saves, 1)}
    text = re.sub(r"sigmoid\((-?\w)\)", r"(1 / (1 + exp(-(\1))))", text)  # of all functions in rules the one that C has not
    expression = re.sub(r"[A-Za-z_]\w*", lambda found: places.get(found[0], found[0]), text)
    return large(rule, _times("{0}", expression), 1 + len(saves))


def _times(g: str, partial: str) -> str:
    if partial.startswith("1 / "):  # also where the denominator is a Python number, and that is 0
        return f"{g} / {partial[4:]}"
    return {"1": g, "-1": f"-{g}"}.get(partial, f"{g} * ({partial})")


def one_call(forward: Callable) -> Callable:
    """Mark a forward function that calls one function of the array module: a kernel would compute nothing faster."""
    forward.one_call = True  # type: ignore[attr-defined]
    return forward


def _bind_forward(forward: Callable) -> Callable[[Any], Callable]:
    """How an array module gets the function that computes."""
    return functools.partial(functools.partial, forward)


def _bind_composed(forward: Callable, c: str | None, name: str, arity: int) -> Callable[[Any], Callable]:
    """The same for a row with a C expression: a kernel serves large arrays of one input on a CPU, and compositions on a device."""
    def bind(xp: Any) -> Callable:
        function = functools.partial(forward, xp)
        if xp is np and arity == 1 and c is not None:
            return large(function, c)
        if xp.__name__ != "cupy" or c is None or hasattr(forward, "one_call"):
            return function
        from ..backend import cuda

        return cuda.composed(function, c, name)

    return bind


def _parameters(forward: Callable) -> dict[str, Any]:
    return {name: REQUIRED if parameter.default is parameter.empty else parameter.default
            for name, parameter in inspect.signature(forward).parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY}


def _as_tuple(rules: Any) -> tuple | None:
    return rules if rules is None or isinstance(rules, tuple) else (rules,)


def _wants(rule: Callable) -> list[str]:
    """What a rule wants saved: its positional parameters after the cotangent."""
    return [name for name, parameter in inspect.signature(rule).parameters.items()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and name not in ("g", "needs")]


def _saves(rules: list[Callable | None]) -> tuple[str, ...]:
    wanted = {name for rule in rules if rule is not None for name in _wants(rule)}
    if any(_is_variadic(rule) for rule in rules if rule is not None):
        return ("x",)
    return tuple(sorted(wanted, key=lambda name: (name == "o", len(name), name)))


def _is_variadic(rule: Callable) -> bool:
    return any(p.kind is p.VAR_POSITIONAL for p in inspect.signature(rule).parameters.values())


def _aligned(rules: tuple | None, saves: tuple[str, ...], *, joint: bool) -> tuple | None:
    """The same rules, each taking everything that is saved."""
    if rules is None:
        return None
    return tuple(rule and _align(rule, saves, joint=joint) for rule in rules)


def _align(rule: Callable, saves: tuple[str, ...], *, joint: bool) -> Callable[..., Any]:
    wanted = _wants(rule)
    if _is_variadic(rule) or tuple(wanted) == saves:
        return rule
    head = "g, needs" if joint else "g"
    source = f"lambda {', '.join([head, *saves])}, **p: rule({', '.join([head, *wanted])}, **p)"
    return eval(source, {"rule": rule})


def _elementwise_doc(name: str, about: str, partials: tuple[str | None, ...], inexact: bool) -> str:
    inputs = ARGUMENTS[: len(partials)]
    gradients = "\n".join(f"    d/d{v} = {text}" if text else f"    no gradient for {v}"
                          for v, text in zip(inputs, partials, strict=True))
    # Without any gradient it may be an op on integers only.
    first, more = ("[0.25, 0.5]", " + 0.25") if any(partials) else ("[1, 2]", " + 1")
    example = ", ".join(f"wb.tensor({first}){'' if v == 'x' else more}" for v in inputs)
    integers = " Integers are computed in the default float dtype." if inexact else ""
    return (f"{about}\n\nParameters\n----------\n{', '.join(inputs)} : Tensor or number\n"
            f"    Any shape; several inputs broadcast against each other.\n\nReturns\n-------\nTensor\n"
            f"    The broadcast shape.{integers}\n\nNotes\n-----\nDerivative, with o the output::\n\n{gradients}\n\n"
            f"Examples\n--------\n>>> import workbench as wb\n>>> wb.{name}({example}).shape\n(2,)")
