"""Functions with derivative rules of their own: `custom_vjp` for reverse mode, `custom_jvp` for forward mode.

Such a function becomes an op with several outputs when it meets a tensor on a tape or a box; on plain tensors it is
simply called. The rule for the other mode follows by transposition, higher derivatives by differentiating the rules,
and vmap maps function and rule together, so nothing is refused.
"""
from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from . import tree
from .errors import ArgumentError, GraphError, ShapeError
from .op import REGISTRY, Op, slow
from .reverse import vjp
from .state import STATE, untaped
from .tensor import Tensor, as_tensor
from .vectorize import RUNNING, vmap

Flat = Callable[..., tuple]


class _Custom:
    """What both kinds share: static arguments, trees in and out, and the road around when nobody differentiates."""

    setter: str

    def __init__(self, function: Callable[..., Any], nondiff_argnums: Sequence[int]) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.nondiff_argnums = tuple(nondiff_argnums)

    def __call__(self, *args: Any) -> Any:
        count = len(args)
        static = {n % count: args[n] for n in self.nondiff_argnums}
        leaves, structure = tree.flatten([a for i, a in enumerate(args) if i not in static])
        differentiated = any(isinstance(leaf, Tensor) and (leaf.node is not None or type(leaf) is not Tensor) for leaf in leaves)
        if not differentiated and (STATE.trace is None or not self.has_rules):
            return self.function(*args)
        if not self.has_rules:
            raise GraphError(f"{type(self).__name__} {self.name}: no rule yet; call {self.name}.{self.setter} first")

        def rebuilt(values: Sequence[Any]) -> list[Any]:
            rest = iter(structure.unflatten(values))
            return [static[i] if i in static else next(rest) for i in range(count)]

        return self.bind([as_tensor(leaf) for leaf in leaves], structure, rebuilt, [static[i] for i in sorted(static)])

    @property
    def has_rules(self) -> bool:
        """Were the rules given?"""
        raise NotImplementedError

    def bind(self, leaves: list[Tensor], structure: tree.Structure, rebuilt: Callable, static: list[Any]) -> Any:
        """Compute as an op on flat leaves."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """The function's name."""
        return getattr(self.function, "__name__", type(self).__name__)


class custom_vjp(_Custom):
    """Give a function a reverse-mode rule of its own.

    Parameters
    ----------
    function : callable
        Takes and returns trees of tensors.
    fwd : callable, optional
        ``fwd(*args) -> (output, residuals)``; may be given later by `defvjp`.
    bwd : callable, optional
        ``bwd(*static, residuals, cotangent) -> cotangents``, a tuple with one tree per differentiable argument; None
        for an argument means zero.
    nondiff_argnums : sequence of int
        Arguments that are no tensors; passed to `bwd` first.

    Raises
    ------
    GraphError
        If a derivative is asked for before rules are given, or the function closes over a tensor on the tape.
    ShapeError, ArgumentError
        If the cotangents that `bwd` returns do not fit the arguments.

    Notes
    -----
    Forward mode works too (JAX refuses it): the rule is linear in its cotangent, and its transpose is the tangent.

    Examples
    --------
    >>> import workbench as wb
    >>> @wb.custom_vjp
    ... def clipped(x):
    ...     return x * x
    >>> clipped.defvjp(lambda x: (x * x, x), lambda x, g: (wb.clip(g * 2 * x, -1, 1),))
    >>> wb.grad(clipped)(wb.tensor(5.0))
    tensor(1.)
    """

    setter = "defvjp(fwd, bwd)"

    def __init__(self, function: Callable[..., Any], fwd: Callable[..., Any] | None = None, bwd: Callable[..., Any] | None = None, *,
                 nondiff_argnums: Sequence[int] = ()) -> None:
        super().__init__(function, nondiff_argnums)
        self.fwd, self.bwd = fwd, bwd

    def defvjp(self, fwd: Callable[..., Any], bwd: Callable[..., Any]) -> None:
        """Set the rules; see the class."""
        self.fwd, self.bwd = fwd, bwd

    @property
    def has_rules(self) -> bool:
        return self.fwd is not None and self.bwd is not None

    def bind(self, leaves: list[Tensor], structure: tree.Structure, rebuilt: Callable, static: list[Any]) -> Any:
        shapes: dict[str, tree.Structure] = {}

        def forward(*values: Any) -> tuple:
            result = self.fwd(*rebuilt(values))
            if not isinstance(result, tuple) or len(result) != 2:
                raise ArgumentError(f"custom_vjp {self.name}: fwd must return (output, residuals), got {type(result).__name__}")
            outputs, shapes["output"] = tree.flatten(result[0])
            residuals, shapes["residual"] = tree.flatten(result[1])
            return tuple(as_tensor(v) for v in (*outputs, *residuals))

        def backward(outputs: Sequence[Any], residuals: Sequence[Any]) -> list[Any]:
            found = self.bwd(*static, shapes["residual"].unflatten(residuals), shapes["output"].unflatten(outputs))
            return _fit(self.name, structure, leaves, found)

        def split() -> int:
            return shapes["output"].leaves

        out = slow(_reverse_op(self.name, forward, backward, split), tuple(leaves), {})
        return shapes["output"].unflatten(out[:split()])


class custom_jvp(_Custom):
    """Give a function a forward-mode rule of its own; reverse mode follows by transposing it.

    Parameters
    ----------
    function : callable
        Takes and returns trees of tensors.
    jvp : callable, optional
        ``jvp(*static, primals, tangents) -> (output, tangent)``; may be given later by `defjvp`.
    nondiff_argnums : sequence of int
        Arguments that are no tensors; passed to the rule first.

    Raises
    ------
    GraphError
        If a derivative is asked for before a rule is given.

    Examples
    --------
    >>> import workbench as wb
    >>> @wb.custom_jvp
    ... def f(x):
    ...     return wb.sin(x)
    >>> @f.defjvp
    ... def rule(primals, tangents):
    ...     return f(*primals), 10 * tangents[0]
    >>> wb.grad(f)(wb.tensor(0.0))
    tensor(10.)
    """

    setter = "defjvp(rule)"

    def __init__(self, function: Callable[..., Any], jvp: Callable[..., Any] | None = None, *, nondiff_argnums: Sequence[int] = ()) -> None:
        super().__init__(function, nondiff_argnums)
        self.rule = jvp

    def defjvp(self, rule: Callable[..., Any]) -> Callable[..., Any]:
        """Set the rule; also as a decorator."""
        self.rule = rule
        return rule

    def defjvps(self, *rules: Callable[..., Any] | None) -> None:
        """Set one rule per argument, ``rule(tangent, output, *args)``; None for an argument without derivative."""
        def together(primals: tuple, tangents: tuple) -> tuple:
            output = self(*primals)
            pieces = [rule(t, output, *primals) for rule, t in zip(rules, tangents, strict=True) if rule is not None]
            return output, functools.reduce(lambda a, b: tree.map(lambda p, q: p + q, a, b), pieces)

        self.rule = together

    @property
    def has_rules(self) -> bool:
        return self.rule is not None

    def bind(self, leaves: list[Tensor], structure: tree.Structure, rebuilt: Callable, static: list[Any]) -> Any:
        shapes: dict[str, tree.Structure] = {}

        def forward(*values: Any) -> tuple:
            outputs, shapes["output"] = tree.flatten(self.function(*rebuilt(values)))
            return tuple(as_tensor(out) for out in outputs)

        def push(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple:
            _, pushed = self.rule(*static, tuple(structure.unflatten(primals)), tuple(structure.unflatten(tangents)))
            return tuple(as_tensor(t) for t in tree.flatten_like(shapes["output"], pushed))

        out = slow(_forward_op(self.name, forward, push), tuple(leaves), {})
        return shapes["output"].unflatten(out)


# The ops -----------------------------------------------------------------------------------------------------------------
def _on_arrays(name: str, forward: Flat) -> Callable[[Any], Callable]:
    def run(*arrays: Any) -> tuple:
        outputs = forward(*map(Tensor, arrays))
        if any(out.node is not None for out in outputs):
            raise GraphError(f"{name}: the function uses a tensor from outside that requires a gradient; pass it as an argument, "
                             "or its gradient would be lost")
        return tuple(out.data for out in outputs)

    return lambda xp: run


def _reverse_op(name: str, forward: Flat, backward: Callable[[Sequence, Sequence], list], split: Callable[[], int]) -> Op:
    """An op whose outputs are those of `forward`, residuals included, so that higher derivatives reach them."""
    def joint(g: tuple, needs: tuple, *saved: Any) -> list[Any]:
        *args, outputs = saved
        if not any(isinstance(v, Tensor) for v in (*args, *outputs, *g)):
            with untaped():
                found = joint(_wrap(g), needs, *map(Tensor, args), _wrap(outputs))
            return [None if c is None else c.data for c in found]
        count = split()
        cotangents = [_zeros(out) if c is None else c for c, out in zip(g[:count], outputs[:count], strict=True)]
        found = [c if need else None for c, need in zip(backward(cotangents, outputs[count:]), needs, strict=True)]
        reached = [index for index in range(count, len(outputs)) if g[index] is not None]
        if not reached:
            return found
        inexact = [index for index, need in enumerate(needs) if need]

        def residuals(*chosen: Any) -> list[Any]:
            values = dict(zip(inexact, chosen, strict=True))
            out = forward(*(values.get(index, arg) for index, arg in enumerate(args)))
            return [out[index] for index in reached]

        _, pull = vjp(residuals, *(args[index] for index in inexact))
        for index, extra in zip(inexact, pull([g[index] for index in reached]), strict=True):
            found[index] = extra if found[index] is None else found[index] + extra
        return found

    def batch(op: Op, values: tuple, mapped: tuple, params: dict) -> tuple:
        axes = tuple(0 if m else None for m in mapped)
        randomness = RUNNING.frames[-1].randomness if RUNNING.frames else "error"
        mapped_backward = vmap(lambda g, residuals: tuple(_filled(backward(g, residuals), values, mapped)), in_axes=0, randomness=randomness)

        def pull(g: Sequence[Any], residuals: Sequence[Any]) -> list[Any]:
            found = mapped_backward(list(g), list(residuals))
            return [c if m else REGISTRY["sum"].call(c, axis=0) for c, m in zip(found, mapped, strict=True)]

        return slow(_reverse_op(name, vmap(forward, in_axes=axes, randomness=randomness), pull, split), values, {})

    return Op(name, _on_arrays(f"custom_vjp {name}", forward), arity=None, saves=("x", "o"), joint=joint, batch=batch,
              promotes=False, holomorphic=False, several=True, inline=forward)


def _forward_op(name: str, forward: Flat, push: Callable[[Sequence, Sequence], tuple]) -> Op:
    def joint_jvp(tangents: list, outputs: tuple, *primals: Any) -> tuple:
        return push(primals, [_zeros(p) if t is None else t for t, p in zip(tangents, primals, strict=True)])

    def joint(g: tuple, needs: tuple, *args: Any) -> list[Any]:
        if not any(isinstance(v, Tensor) for v in (*args, *g)):
            with untaped():
                found = joint(_wrap(g), needs, *map(Tensor, args))
            return [None if c is None else c.data for c in found]
        wanted = [index for index, need in enumerate(needs) if need]

        def tangent(*chosen: Any) -> tuple:
            given = dict(zip(wanted, chosen, strict=True))
            return push(args, [given.get(index, _zeros(arg)) for index, arg in enumerate(args)])

        out, pull = vjp(tangent, *(_zeros(args[index]) for index in wanted))
        found = dict(zip(wanted, pull(tuple(_zeros(o) if c is None else c for c, o in zip(g, out, strict=True))), strict=True))
        return [found.get(index) for index in range(len(args))]

    def batch(op: Op, values: tuple, mapped: tuple, params: dict) -> tuple:
        axes = [0 if m else None for m in mapped]
        randomness = RUNNING.frames[-1].randomness if RUNNING.frames else "error"

        def mapped_push(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple:
            return vmap(push, in_axes=(axes, axes), randomness=randomness)(list(primals), list(tangents))

        return slow(_forward_op(name, vmap(forward, in_axes=tuple(axes), randomness=randomness), mapped_push), values, {})

    return Op(name, _on_arrays(f"custom_jvp {name}", forward), arity=None, joint=joint, joint_jvp=joint_jvp, batch=batch,
              promotes=False, holomorphic=False, several=True, inline=forward)


def _wrap(values: tuple) -> tuple:
    return tuple(None if v is None else Tensor(v) for v in values)


def _zeros(value: Any) -> Any:
    return REGISTRY["zeros_like"].call(value)


def _filled(found: list[Any], values: tuple, mapped: tuple) -> list[Any]:
    """Cotangents of one example, zeros where the rule gave none."""
    return [REGISTRY["zeros_like"].call(v[0] if m else v) if c is None else c for c, v, m in zip(found, values, mapped, strict=True)]


def _fit(name: str, structure: tree.Structure, leaves: list[Tensor], found: Any) -> list[Any]:
    """What `bwd` returned, as one cotangent per leaf."""
    count = len(structure.children)
    if not isinstance(found, (tuple, list)) or len(found) != count:
        given = len(found) if isinstance(found, (tuple, list)) else type(found).__name__
        raise ArgumentError(f"custom_vjp {name}: bwd must return a tuple with one cotangent per argument ({count}), got {given}")
    flat: list[Any] = []
    for child, part in zip(structure.children, found, strict=True):
        flat += [None] * child.leaves if part is None else [as_tensor(c) for c in tree.flatten_like(child, part)]
    for position, (c, leaf) in enumerate(zip(flat, leaves, strict=True)):
        if c is not None and not _broadcasts(tuple(leaf.shape), tuple(c.shape)):
            raise ShapeError(f"custom_vjp {name}: bwd returned a cotangent of shape {tuple(c.shape)} for input {position} of shape {tuple(leaf.shape)}")
    return flat


def _broadcasts(narrow: tuple[int, ...], wide: tuple[int, ...]) -> bool:
    """Does the shape `narrow` broadcast to `wide`? (A cotangent may be that wide: it is summed.)"""
    return len(narrow) <= len(wide) and all(n in (1, w) for n, w in zip(narrow[::-1], wide[::-1], strict=False))
