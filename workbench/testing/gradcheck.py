"""Are the derivatives right? Checked along random directions, in float64, against differences of the function itself.

For a random direction v of the inputs and a random weighting u of the outputs, three numbers must agree: ``u · (J v)`` by
forward mode, ``(Jᵀ u) · v`` by reverse mode, and the central difference of ``u · f`` along v. That is a constant
number of evaluations, whatever the sizes.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import Tensor, as_tensor, errors, jvp, vjp
from ..core import tree as trees


class GradcheckError(errors.WorkbenchError, AssertionError):
    """Two ways of computing a derivative disagree."""


def gradcheck(function: Callable[..., Any], inputs: Sequence[Any], *, order: int = 1, eps: float = 1e-6, atol: float = 1e-7,
              rtol: float = 1e-5, directions: int = 3, seed: int = 0) -> bool:
    """Compare the derivatives of `function` at `inputs` with finite differences.

    Parameters
    ----------
    function : callable
        Takes the inputs, returns a tensor or a tree of tensors.
    inputs : sequence of Tensor
        Floating-point inputs are checked (as float64), others are passed on.
    order : int
        2 also checks the derivative of the derivative, and so on.
    eps : float
        Half the step of the difference.
    atol, rtol : float
        How far the numbers may differ.
    directions : int
        How many random directions.

    Returns
    -------
    bool
        True; a disagreement raises.

    Raises
    ------
    GradcheckError
        Naming the pair that disagrees, with both numbers.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.testing.gradcheck(wb.tanh, [wb.tensor([0.5, -1.0])], order=2)
    True
    """
    rng = np.random.default_rng(seed)
    values = [_value(x) for x in inputs]
    active = [i for i, x in enumerate(values) if isinstance(x, Tensor) and x.dtype.kind in "fV"]
    if not active:
        raise errors.DTypeError("gradcheck: no input is floating point, so there is nothing to differentiate")

    def chosen(*parts: Tensor) -> list[Tensor]:
        full = list(values)
        for i, part in zip(active, parts, strict=True):
            full[i] = part
        leaves, _ = trees.flatten(function(*full))
        return [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.dtype.kind in "fV"]

    points = [values[i] for i in active]
    for _ in range(directions):
        _check_direction(chosen, points, rng, eps, atol, rtol)
    if order > 1:
        gradcheck(_derivative(chosen, points, rng), points, order=order - 1, eps=eps, atol=max(atol, 1e-6), rtol=max(rtol, 1e-4),
                  directions=1, seed=seed + 1)
    return True


def gradgradcheck(function: Callable[..., Any], inputs: Sequence[Any], **options: Any) -> bool:
    """`gradcheck` of first and second derivatives.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.testing.gradgradcheck(wb.exp, [wb.tensor([0.5])])
    True
    """
    return gradcheck(function, inputs, order=2, **options)


def _value(x: Any) -> Any:
    if not isinstance(x, Tensor):
        x = as_tensor(x) if isinstance(x, (float, np.ndarray)) else x
    if isinstance(x, Tensor):
        return x.detach().to("float64") if x.dtype.kind in "fV" else x.detach()
    return x


def _random_like(x: Tensor, rng: np.random.Generator) -> Tensor:
    return as_tensor(rng.normal(size=x.shape), device=x.device)


def _dot(first: Sequence[Any], second: Sequence[Any]) -> float:
    return float(sum((a * b).sum().item() for a, b in zip(first, second, strict=True)))


def _check_direction(function: Callable, points: list[Tensor], rng: np.random.Generator, eps: float, atol: float, rtol: float) -> None:
    v = [_random_like(x, rng) for x in points]
    output, pullback = vjp(function, *points)
    u = [_random_like(o, rng) for o in output]
    reverse = _dot(pullback(u), v)
    _, pushed = jvp(function, points, v)
    forward = _dot(pushed, u)
    ahead = function(*(x + eps * d for x, d in zip(points, v, strict=True)))
    behind = function(*(x - eps * d for x, d in zip(points, v, strict=True)))
    numeric = _dot([a - b for a, b in zip(ahead, behind, strict=True)], u) / (2 * eps)
    for name, other, allowed in (("forward mode", forward, rtol * 1e-3), ("the finite difference", numeric, rtol)):
        if not np.isclose(reverse, other, atol=atol * max(1.0, abs(other)), rtol=allowed, equal_nan=True):
            shapes = ", ".join(str(x.shape) for x in points)
            raise GradcheckError(f"gradcheck: reverse mode gives {reverse:.10g}, {name} {other:.10g}, along a random direction of "
                                 f"inputs of shape {shapes}; {_worst_entry(function, points, u, pullback(u), eps)}; "
                                 "check the vjp rule (or the jvp rule) of the function")


def _worst_entry(function: Callable, points: list[Tensor], u: list[Tensor], found: Sequence[Tensor], eps: float) -> str:
    """Where reverse mode is furthest from differences, entry by entry over at most the first 200 of each input."""
    worst = (-1.0, "")
    for number, (x, g) in enumerate(zip(points, found, strict=True)):
        for place in list(np.ndindex(x.shape))[:200]:
            step = np.zeros(x.shape)
            step[place] = eps
            ends = [[*points[:number], x + sign * as_tensor(step), *points[number + 1:]] for sign in (1, -1)]
            numeric = (_dot(function(*ends[0]), u) - _dot(function(*ends[1]), u)) / (2 * eps)
            analytic = g.numpy()[place].item()
            gap = abs(analytic - numeric)
            if not gap <= worst[0]:
                worst = (gap, f"the worst entry is {list(place)} of input {number}: {analytic:.10g}, by differences {numeric:.10g}")
    return worst[1]


def _derivative(function: Callable, points: list[Tensor], rng: np.random.Generator) -> Callable[..., Any]:
    """The reverse-mode derivative as a function of the same inputs."""
    output = function(*points)
    u = [_random_like(o, rng) for o in output]

    def derivative(*parts: Tensor) -> tuple:
        return vjp(function, *parts)[1](u)

    return derivative
