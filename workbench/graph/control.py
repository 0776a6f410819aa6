"""Control flow that can be traced: `cond`, `switch`, `while_loop`, `fori_loop`, `scan`, with JAX's signatures.

Eagerly they are Python's own control flow, so every transformation follows by itself. Inside jit a branch or a loop
body is traced once into a graph of its own, and the whole becomes one op whose derivative, batch and tangent rules are
again control flow over the transformed body.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import ops
from ..core import Tensor, as_tensor, tree
from ..core.boxes import Dual, TapeBox
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.state import STATE, no_grad
from .structured import body_of, drawn_before, drawn_rows, expect_like, scan_op, switch_op, while_op, without_draws

Function = Callable[..., Any]


def cond(pred: Any, true_fun: Function, false_fun: Function, *operands: Any) -> Any:
    """``true_fun(*operands)`` if `pred` else ``false_fun(*operands)``.

    Parameters
    ----------
    pred : Tensor or bool
        One element.
    true_fun, false_fun : callable
        Take the operands; inside jit both must return the same structure, shapes and dtypes.
    *operands : tree of Tensor

    Raises
    ------
    ShapeError
        If `pred` has more than one element, or (inside jit) the branches return different shapes.

    Notes
    -----
    Under vmap with a predicate that differs between examples both branches are computed and selected from.

    Examples
    --------
    >>> import workbench as wb
    >>> f = wb.jit(lambda x: wb.cond(x.sum() > 0, wb.sqrt, wb.neg, x))
    >>> f(wb.tensor([4.0])), f(wb.tensor([-4.0]))
    (tensor([2.]), tensor([4.]))
    """
    pred = as_tensor(pred)
    if pred.size != 1:
        raise ShapeError(f"cond: a predicate of shape {tuple(pred.shape)}; expected one element (use where to choose element by element)")
    return switch(ops.reshape(pred, ()).bool().to("int64"), [false_fun, true_fun], *operands)


def switch(index: Any, branches: Sequence[Function], *operands: Any) -> Any:
    """``branches[index](*operands)``, with `index` clamped to the branches there are.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.switch(2, [wb.sin, wb.cos, wb.exp], wb.tensor(0.0)).item()
    1.0
    """
    if not branches:
        raise ArgumentError("switch: no branches were given")
    index = as_tensor(index)
    if index.dtype.kind not in "iu" or index.size != 1:
        raise DTypeError(f"switch: an index of dtype {index.dtype} and shape {tuple(index.shape)}; expected one integer")
    if STATE.trace is not None:
        return _traced_switch(index, branches, operands)
    seen = _concrete(index)
    if seen is not None:
        return branches[min(max(int(seen), 0), len(branches) - 1)](*operands)
    results = [branch(*operands) for branch in branches]
    return tree.map(lambda *values: _choose(index, values), *results)


def _choose(index: Tensor, values: Sequence[Any]) -> Any:
    chosen = values[0]
    for number, value in enumerate(values[1:], 1):
        chosen = ops.where(index >= number, value, chosen)
    return chosen


def while_loop(cond_fun: Function, body_fun: Function, init_val: Any) -> Any:
    """Repeat ``val = body_fun(val)`` while ``cond_fun(val)``.

    Parameters
    ----------
    cond_fun : callable
        Returns one boolean.
    body_fun : callable
        Returns a value like `init_val`; inside jit with the same shapes and dtypes.
    init_val : tree of Tensor

    Notes
    -----
    Eagerly it has derivatives of every kind. Inside jit the number of rounds is not known, so there is no reverse mode;
    use `scan` or `fori_loop` with fixed bounds.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.while_loop(lambda x: x < 100, lambda x: x * 2, wb.tensor(3.0)).item()
    192.0
    """
    leaves, structure = tree.flatten(init_val)
    values = [as_tensor(leaf) for leaf in leaves]
    test = lambda *flat: [as_tensor(cond_fun(structure.unflatten(flat)))]
    body = lambda *flat: _like(structure, body_fun(structure.unflatten(flat)), "while_loop: body_fun")
    if STATE.trace is None:
        return structure.unflatten(_loop(test, body, values))
    test_body, next_body = body_of(test, values, "while_loop: cond_fun"), body_of(body, values, "while_loop: body_fun")
    next_body.expect(values, "while_loop: body_fun")
    return structure.unflatten(while_op(test_body, next_body, values))


def _loop(test: Function, body: Function, values: list[Any]) -> list[Any]:
    """The loop in Python; examples of a vmap that are done keep their values while others go on."""
    while True:
        (going,) = test(*values)
        if going.size != 1:
            raise ShapeError(f"while_loop: cond_fun returned shape {tuple(going.shape)}; expected one element")
        seen = _concrete(going)
        if seen is not None and not seen:
            return values
        if seen is None and not _any(going):
            return values
        new = body(*values)
        values = new if seen is not None else [ops.where(going, a, b) for a, b in zip(new, values, strict=True)]


def fori_loop(lower: int, upper: int, body_fun: Function, init_val: Any) -> Any:
    """``for i in range(lower, upper): val = body_fun(i, val)``.

    With Python integers as bounds it has every derivative also inside jit.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.fori_loop(0, 5, lambda i, x: x + i, wb.tensor(0)).item()
    10
    """
    if isinstance(lower, int) and isinstance(upper, int):
        if STATE.trace is None:
            for number in range(lower, upper):
                init_val = body_fun(as_tensor(number), init_val)
            return init_val
        return scan(lambda val, i: (body_fun(i, val), None), init_val, ops.arange(lower, max(lower, upper)))[0]
    _, out = while_loop(lambda state: state[0] < upper, lambda state: (state[0] + 1, body_fun(state[0], state[1])), (as_tensor(lower), init_val))
    return out


def scan(f: Function, init: Any, xs: Any = None, length: int | None = None, reverse: bool = False, unroll: int = 1) -> tuple[Any, Any]:
    """Carry a value along the first axis of `xs`: ``carry, y = f(carry, x)``; returns the last carry and all y, stacked.

    Parameters
    ----------
    f : callable
        Returns ``(carry, y)``, the carry like `init`; y any tree (or None).
    init : tree of Tensor
    xs : tree of Tensor, optional
        All with the same first axis.
    length : int, optional
        Number of rounds, when there is no `xs`.
    reverse : bool
        From the last to the first.
    unroll : int
        Inside jit: so many rounds are written out per turn of the loop.

    Raises
    ------
    ShapeError
        If first axes differ, or the carry changes its shape.
    DTypeError
        If the carry changes its dtype.

    Examples
    --------
    >>> import workbench as wb
    >>> total, partial = wb.scan(lambda c, x: (c + x, c + x), wb.tensor(0), wb.tensor([1, 2, 3]))
    >>> total.item(), partial.tolist()
    (6, [1, 3, 6])
    """
    leaves, structure = tree.flatten(init)
    values = [as_tensor(leaf) for leaf in leaves]
    rows, row_structure = tree.flatten(xs)
    rows = [as_tensor(row) for row in rows]
    count = _length(rows, length)
    output: dict[str, tree.Structure] = {}

    def body(*flat: Any) -> list[Any]:
        result = f(structure.unflatten(flat[: len(values)]), row_structure.unflatten(flat[len(values):]))
        if not isinstance(result, tuple) or len(result) != 2:
            raise ArgumentError(f"scan: f must return (carry, y), got {type(result).__name__}")
        ys, output["y"] = tree.flatten(result[1])
        carry = _like(structure, result[0], "scan: the carry that f returns")
        expect_like(carry, values, "scan: the carry that f returns")
        return [*carry, *map(as_tensor, ys)]

    if STATE.trace is None or not count:
        last, columns = _scan_eagerly(body, values, rows, count, reverse)
    else:
        traced, draws = without_draws(body_of(body, [*values, *(row[0] for row in rows)], "scan: f"), len(values) + len(rows))
        rows = [*rows, *drawn_rows(draws, count, reverse)]
        results = scan_op(traced, values, rows, count, reverse, max(1, unroll))
        last, columns = results[: len(values)], results[len(values):]
    return structure.unflatten(last), output["y"].unflatten(columns)


def _scan_eagerly(body: Function, values: list[Any], rows: list[Any], count: int, reverse: bool) -> tuple[list[Any], list[Any]]:
    if not count:
        with no_grad():
            examples = body(*values, *(ops.zeros(row.shape[1:], dtype=row.dtype, device=row.device) for row in rows))
        return values, [ops.zeros((0, *y.shape), dtype=y.dtype, device=y.device) for y in examples[len(values):]]
    ys: list[list[Any]] = []
    for number in reversed(range(count)) if reverse else range(count):
        results = body(*values, *(row[number] for row in rows))
        values, y = results[: len(values)], results[len(values):]
        ys.append(y)
    if reverse:
        ys.reverse()
    return values, [ops.stack(list(column)) for column in zip(*ys, strict=True)]


def _length(rows: list[Any], length: int | None) -> int:
    lengths = {row.shape[0] if row.shape else None for row in rows} | ({length} if length is not None else set())
    if len(lengths) != 1 or None in lengths:
        shapes = ", ".join(str(tuple(row.shape)) for row in rows)
        raise ShapeError(f"scan: all xs need the same first axis (and `length` that number): shapes {shapes or 'none'}, length={length}")
    return int(lengths.pop())


# Helpers -------------------------------------------------------------------------------------------------------------------
def _like(structure: tree.Structure, value: Any, what: str) -> list[Any]:
    """The leaves of a value that must be like another."""
    try:
        return [as_tensor(leaf) for leaf in tree.flatten_like(structure, value)]
    except ArgumentError as error:
        raise ArgumentError(f"{what} has another structure than what it must be like: {error}") from None


def _concrete(value: Any) -> Any:
    """The number in a value with one element; None inside a vmap that maps it."""
    while isinstance(value, (Dual, TapeBox)):
        value = value.data
    return value.data.item() if type(value) is Tensor else None


def _any(value: Any) -> bool:
    """Is it true for any example?"""
    while type(value) is not Tensor:
        value = value.data
    return bool(value.data.any())


def _traced_switch(index: Any, branches: Sequence[Function], operands: tuple) -> Any:
    leaves, structure = tree.flatten(operands)
    values = [as_tensor(leaf) for leaf in leaves]
    shapes: list[tree.Structure] = []

    def flat(branch: Function, name: str) -> Function:
        def run(*parts: Any) -> list[Any]:
            result = branch(*structure.unflatten(parts))
            if not shapes:
                shapes.append(tree.flatten(result)[1])
            return _like(shapes[0], result, name)

        return run

    names = [f"switch: branch {number}" for number in range(len(branches))]
    bodies = [body_of(flat(branch, name), values, name) for branch, name in zip(branches, names, strict=True)]
    for number, body in enumerate(bodies[1:], 1):
        body.expect(bodies[0].graph.outputs, f"switch: branch {number}")
    return shapes[0].unflatten(switch_op(index, [drawn_before(body, len(values)) for body in bodies], values))


__all__ = ["cond", "fori_loop", "scan", "switch", "while_loop"]
