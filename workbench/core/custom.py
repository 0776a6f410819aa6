"""An op of your own, in one place: `op` takes a class of rules and returns a function like those of `workbench.ops`.

It is the same record as a built-in op, so higher derivatives, forward mode, vmap, error messages and the graph view
come with it. Running the cell again replaces the op.
"""
from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from . import batching, declare
from .errors import ArgumentError
from .op import REGISTRY

OWN: set[str] = set()
"""Names of the ops that users have registered."""
_BATCHING = {None: batching.loop, "elementwise": batching.elementwise, "fold": batching.fold}


def op(rules: type | None = None, *, batch: str | Callable | None = None) -> Callable[..., Any]:
    """Register an op of your own.

    Parameters
    ----------
    rules : class
        Its name is the op's name. ``forward(xp, x, ..., *, parameters)`` computes on raw arrays with the array module
        ``xp``. ``vjp(g, ...)`` (or a tuple with one function per input) is written in workbench functions and takes
        what it needs saved by name: inputs ``x, y, z``, the output ``o``, shapes ``xs, ys, zs``. ``linear`` and
        ``jvp`` are optional.
    batch : {"elementwise", "fold"} or callable, optional
        How vmap runs it: as it is on aligned ranks, with the first axis folded, or by a rule of your own. By default
        one call per example.

    Returns
    -------
    callable
        Takes tensors, arrays and numbers.

    Raises
    ------
    ArgumentError
        If the class has no forward, or its name is that of a built-in op.

    Examples
    --------
    >>> import workbench as wb
    >>> @wb.op(batch="elementwise")
    ... class cube:
    ...     def forward(xp, x):
    ...         return x * x * x
    ...     def vjp(g, x):
    ...         return g * 3 * x * x
    >>> wb.grad(wb.grad(cube))(wb.tensor(2.0))
    tensor(12.)
    """
    if rules is None:
        return lambda chosen: op(chosen, batch=batch)
    name = rules.__name__
    if not hasattr(rules, "forward"):
        raise ArgumentError(f"op {name}: the class needs forward(xp, x, ...)")
    if name in REGISTRY and name not in OWN:
        raise ArgumentError(f"op {name}: this is the name of a built-in op; choose another")
    if isinstance(batch, str) and batch not in _BATCHING:
        raise ArgumentError(f"op {name}: batch={batch!r}; expected 'elementwise', 'fold' or a function")
    positional = [p for p in inspect.signature(rules.forward).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    before = REGISTRY.pop(name, None)
    try:
        function = declare.op(arity=len(positional) - 1, batch=batch if callable(batch) else _BATCHING[batch])(rules)
    except Exception:
        if before is not None:
            REGISTRY[name] = before
        raise
    OWN.add(name)
    return function
