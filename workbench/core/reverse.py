"""Reverse mode as functions of functions: `vjp`, `grad`, `value_and_grad`.

At the top level, on plain tensors, they run on the eager tape at its full speed. Inside another transformation, or on
tensors that are on the tape themselves, values are wrapped in `TapeBox`, so that every level keeps its own derivative.
"""
from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ..backend import dtypes
from . import tree
from .boxes import TapeBox
from .errors import ArgumentError, DTypeError, ShapeError
from .node import Leaf, Node
from .op import REGISTRY
from .state import STATE, taped, transformation, untaped
from .sweep import leaves_of, reachable, sweep
from .tensor import Tensor, as_tensor, ensure_scalar, ensure_together

Pullback = Callable[[Any], Any]


def vjp(function: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple:
    """The value of `function` and its pullback.

    Parameters
    ----------
    function : callable
        Takes the primals; returns a tensor or a tree of tensors (with `has_aux`: a pair of that and anything).
    *primals : tree of Tensor
        Where to evaluate.
    has_aux : bool
        The function returns ``(output, aux)``.

    Returns
    -------
    output, pullback[, aux]
        ``pullback(cotangent)`` returns a tuple with one cotangent tree per primal.

    Examples
    --------
    >>> import workbench as wb
    >>> y, pullback = wb.vjp(wb.sin, wb.tensor(0.0))
    >>> pullback(wb.tensor(2.0))
    (tensor(2.),)
    """
    leaves, structure = tree.flatten(primals)
    values = [_differentiable(leaf, "vjp") for leaf in leaves]
    flat = functools.partial(_call_flat, function, structure)
    output, pull, aux = pull_flat(flat, values, has_aux)

    def pullback(cotangent: Any) -> tuple:
        return structure.unflatten(pull(cotangent))

    return (output, pullback, aux) if has_aux else (output, pullback)


def _call_flat(function: Callable, structure: tree.Structure, leaves: Sequence[Any]) -> Any:
    return function(*structure.unflatten(leaves))


def _differentiable(leaf: Any, what: str) -> Tensor:
    value = leaf if isinstance(leaf, Tensor) else as_tensor(leaf)
    if not dtypes.is_inexact(value.dtype):
        raise DTypeError(f"{what}: an input of dtype {value.dtype} has no derivative; convert it to a floating dtype, "
                         "or choose the differentiable arguments with argnums")
    return value


def pull_flat(function: Callable, values: list[Tensor], has_aux: bool) -> tuple[Any, Callable[..., list], Any]:
    """`vjp` of a function of a list; the pullback gives None for what is not reached, if it is called with False."""
    trace = STATE.trace
    values = values if trace is None else [trace.lift(v) for v in values]
    plain = STATE.levels == (() if trace is None else (trace.level,)) and all(
        (type(v) is Tensor or trace is not None) and (v.node is None or not STATE.mode & 1) for v in values)
    leaves = [Leaf(tuple(value.shape)) for value in values]
    with transformation() as level, taped():
        if plain:
            inputs: list[Any] = [_on_leaf(v, leaf) for v, leaf in zip(values, leaves, strict=True)]
        else:
            inputs = [TapeBox(v, leaf, level) for v, leaf in zip(values, leaves, strict=True)]
        result = function(inputs)
    result, aux = split_aux(result, "vjp") if has_aux else (result, None)
    outputs, structure = tree.flatten(result)
    outputs = [as_tensor(out) for out in outputs]
    nodes = [_node_at(out, None if plain else level) for out in outputs]
    visible = [_strip(out, None if plain else level) for out in outputs]
    sweep_down = _eager_sweep if plain else _box_sweep

    def pull(cotangent: Any, filled: bool = True) -> list[Any]:
        cotangents = tree.flatten_like(structure, cotangent)
        roots = []
        for out, node, g in zip(visible, nodes, cotangents, strict=True):
            g = g if isinstance(g, Tensor) else as_tensor(g, dtype=out.dtype, device=out.device)
            ensure_together("pullback", g, "cotangent", out)
            if g.shape != out.shape:
                raise ShapeError(f"pullback: a cotangent of shape {g.shape} for an output of shape {out.shape}")
            if g.dtype != out.dtype:
                raise DTypeError(f"pullback: a cotangent of dtype {g.dtype} for an output of dtype {out.dtype}; they must be equal")
            if node is not None:
                roots.append((node, g))
        found = sweep_down(roots, leaves)
        pulled = [found.get(leaf) for leaf in leaves]
        return [(REGISTRY["zeros_like"].call(value) if filled else None) if g is None else g._alone()
                for g, value in zip(pulled, values, strict=True)]

    aux = tree.map(lambda leaf: _strip(leaf, None if plain else level), aux)
    return structure.unflatten(visible), pull, aux


def split_aux(result: Any, what: str) -> tuple:
    """What a function with aux returned: the pair of output and aux."""
    if not isinstance(result, (tuple, list)) or len(result) != 2:
        given = f"{len(result)} values" if isinstance(result, (tuple, list)) else type(result).__name__
        raise ArgumentError(f"{what}: with has_aux=True the function must return (output, aux), got {given}")
    return tuple(result)


def _on_leaf(value: Tensor, leaf: Leaf) -> Tensor:
    """The same numbers at the start of a tape."""
    bare = value._off_tape()
    bare.node = leaf
    return bare


def _is_eager(out: Any) -> bool:
    """Is it on the eager tape: a plain tensor, or a symbol of the running trace?"""
    return type(out) is Tensor or (STATE.trace is not None and isinstance(out, Tensor) and out.level == STATE.trace.level)


def _node_at(out: Tensor, level: int | None) -> Node | None:
    """The node of an output on this tape: the eager one (None) or that of a level."""
    if level is None:
        return out.node if _is_eager(out) else None
    return out.node if out.level == level else None


def _strip(out: Any, level: int | None) -> Any:
    """An output as seen outside: without this level."""
    if not isinstance(out, Tensor):
        return out
    if level is None:
        return out._off_tape() if _is_eager(out) and out.node is not None and not _foreign(out) else out
    return out.data if out.level == level else out


def _foreign(out: Tensor) -> bool:
    """Does `out` hang on leaves that belong to somebody else (a closure over parameters)?"""
    return any(leaf.tensor is not None for leaf in leaves_of(reachable([out.node])))


def _eager_sweep(roots: list, leaves: list[Leaf]) -> dict[Node, Any]:
    """On the eager tape; raw unless the result itself has to be differentiable."""
    order = reachable(node for node, _ in roots)
    foreign = any(leaf.tensor is not None for leaf in leaves_of(order)) and bool(STATE.mode & 1)
    if not foreign and all(_is_eager(g) and g.node is None for _, g in roots):
        with untaped():
            swept = sweep([(node, g.data if type(g) is Tensor else g) for node, g in roots], raw=True, keep=True, wanted=leaves, order=order)
        found = [(leaf, swept.of[leaf]) for leaf in leaves if leaf in swept.of]
        return {leaf: g if isinstance(g, Tensor) else Tensor(swept.take_private(leaf)) for leaf, g in found}
    if foreign or any(g.node is not None for _, g in roots):
        return sweep(roots, raw=False, keep=True, wanted=leaves, order=order).of
    with untaped():
        return sweep(roots, raw=False, keep=True, wanted=leaves, order=order).of


def _box_sweep(roots: list, leaves: list[Leaf]) -> dict[Node, Any]:
    return sweep(roots, raw=False, keep=True, wanted=leaves).of


def value_and_grad(function: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False,
                   holomorphic: bool = False) -> Callable[..., Any]:
    """A function that returns the value of `function` and its gradient.

    Parameters
    ----------
    function : callable
        Returns a tensor with one element (with `has_aux`: a pair of that and anything).
    argnums : int or sequence of int
        Which positional arguments to differentiate; each may be a tree (a list, a dict, a module).
    has_aux : bool
        The function returns ``(value, aux)``; the result is then ``((value, aux), gradient)``.
    holomorphic : bool
        Input and output are complex and the function is complex differentiable: the result is ``df/dz``. Without it the
        value must be real, and the gradient of a complex input is the direction of steepest ascent, as in PyTorch.

    Raises
    ------
    ShapeError
        If the value has more than one element.
    DTypeError
        If an argument has no derivative (integers), or the value is complex (or, with `holomorphic`, is not).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.value_and_grad(lambda x: (x * x).sum())(wb.tensor([1.0, 3.0]))
    (tensor(10.), tensor([2., 6.]))
    """
    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        numbers = _argnums(argnums, len(args))

        def chosen(*parts: Any) -> Any:
            full = list(args)
            for number, part in zip(numbers, parts, strict=True):
                full[number] = part
            result = function(*full, **kwargs)
            value, aux = split_aux(result, "grad") if has_aux else (result, None)
            if tree.flatten(value)[1].kind is not None:
                raise ArgumentError(f"grad: the function returned {type(value).__name__}, expected one tensor; "
                                    "for further values return (value, aux) and pass has_aux=True")
            value = value if isinstance(value, Tensor) else as_tensor(value)
            ensure_scalar(value, f"grad of {getattr(function, '__name__', 'a function')}")
            _expect_value(value, holomorphic)
            return (value, aux) if has_aux else value

        out = vjp(chosen, *(args[number] for number in numbers), has_aux=has_aux)
        grads = out[1](REGISTRY["ones_like"].call(out[0]))
        if holomorphic:
            grads = tree.map(_complex_derivative, grads)
        gradient = grads[0] if hasattr(argnums, "__index__") else grads
        return ((out[0], out[2]) if has_aux else out[0]), gradient

    return wrapped


def _expect_value(value: Tensor, holomorphic: bool) -> None:
    if not dtypes.is_inexact(value.dtype):
        raise DTypeError(f"grad: the output has dtype {value.dtype}; it must be floating point")
    if holomorphic and value.dtype.kind != "c":
        raise DTypeError(f"grad: with holomorphic=True the output must be complex, got {value.dtype}")
    if not holomorphic and value.dtype.kind == "c":
        raise DTypeError(f"grad: the output is complex ({value.dtype}); pass holomorphic=True for a complex differentiable "
                         "function, or differentiate its .real or .abs()")


def _complex_derivative(gradient: Tensor) -> Tensor:
    """df/dz from a cotangent, which is its conjugate."""
    if gradient.dtype.kind != "c":
        raise DTypeError(f"grad: with holomorphic=True the input must be complex, got {gradient.dtype}")
    return REGISTRY["conj"].call(gradient)


def grad(function: Callable[..., Any], argnums: int | Sequence[int] = 0, has_aux: bool = False,
         holomorphic: bool = False) -> Callable[..., Any]:
    """A function that returns the gradient of `function`; arguments as in `value_and_grad`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.grad(wb.grad(lambda x: x ** 3))(wb.tensor(2.0))
    tensor(12.)
    """
    both = value_and_grad(function, argnums, has_aux, holomorphic)

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapped


def _argnums(argnums: int | Sequence[int], count: int) -> list[int]:
    """Positions of arguments, counted from the front."""
    numbers = [argnums] if hasattr(argnums, "__index__") else list(argnums)
    for number in numbers:
        if not hasattr(number, "__index__"):
            raise ArgumentError(f"argnums={argnums!r}; expected positions of arguments: an integer or a sequence of integers")
        if not -count <= number < count:
            raise ArgumentError(f"argnums={argnums!r} names argument {number}, but {count} positional arguments were given")
    positions = [int(number) % count for number in numbers]
    if len(set(positions)) < len(positions):
        raise ArgumentError(f"argnums={argnums!r} names an argument twice")
    return positions
