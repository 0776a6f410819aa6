"""Branches and loops as single ops of the graph, with their rules.

A `Body` is a traced function together with what it captured. Each op is made for one call; its derivative, tangent and
batch rules call the control flow functions again on the transformed body, so every order and nesting follows.
"""
from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import ops
from ..backend.arrays import module_of
from ..core import Tensor, as_tensor
from ..core.errors import DTypeError, GraphError, ShapeError, TraceError
from ..core.forward import jvp
from ..core.op import Op, slow
from ..core.reverse import vjp
from ..core.state import untaped
from ..core.vectorize import vmap
from .ir import Equation, Graph
from .passes import optimize
from .program import Program
from .trace import RANDOM, tracing


class Body:
    """A traced function of flat values: first its arguments, then what it captured."""

    def __init__(self, graph: Graph, captured: list[Any]) -> None:
        self.graph, self.captured = graph, captured
        self._program: Program | None = None

    def __call__(self, *values: Any) -> tuple:
        if any(isinstance(value, Tensor) for value in values):
            return tuple(as_tensor(out) for out in self.graph.run(*values))
        return self.program(*values)

    @property
    def program(self) -> Program:
        """The body for arrays, compiled when first needed."""
        if self._program is None:
            from .traced import expanded

            self._program = Program(expanded(self.graph))
        return self._program

    def expect(self, wanted: Sequence[Any], what: str) -> None:
        """Raise unless the first outputs are like `wanted`."""
        expect_like(self.graph.outputs, wanted, what)


def expect_like(values: Sequence[Any], wanted: Sequence[Any], what: str) -> None:
    """Raise unless the first `values` have the shapes and dtypes of `wanted`."""
    for position, (found, like) in enumerate(zip(values, wanted, strict=False)):
        if tuple(found.shape) != tuple(like.shape):
            raise ShapeError(f"{what}: value {position} has shape {tuple(found.shape)}, expected {tuple(like.shape)}")
        if found.dtype != like.dtype:
            raise DTypeError(f"{what}: value {position} has dtype {found.dtype}, expected {like.dtype}; convert it with .to({like.dtype})")


def body_of(function: Callable[..., list[Any]], examples: Sequence[Any], what: str) -> Body:
    """Trace `function` for values like `examples`."""
    with tracing(what) as t, untaped():
        symbols = [t.symbol(tuple(v.shape), v.dtype) for v in examples]
        outputs = [t.lift(out) for out in function(*symbols)]
        if t.gradients or any(key not in t.made for key in t.written):
            raise TraceError(f"{what} writes into a tensor from outside it; carry the value along and return it instead")
        held = [(tensor, sym) for key, (tensor, sym) in t.captured.items() if key not in t.made]
        graph = t.graph([*(s.data for s in symbols), *(s.data for _, s in held)], [o.data for o in outputs])
    return Body(optimize(graph), [tensor for tensor, _ in held])


def without_draws(body: Body, count: int) -> tuple[Body, list[Equation]]:
    """The body with the random numbers that it drew as inputs behind its first `count`, and the equations that drew them.

    A derivative runs a body again: it has to meet the same numbers, so they are drawn outside and handed in.
    """
    graph = body.graph
    draws = [equation for equation in graph.equations if equation.op is RANDOM]
    if not draws:
        return body, []
    inputs = [*graph.inputs[:count], *(draw.outputs[0] for draw in draws), *graph.inputs[count:]]
    rest = [equation for equation in graph.equations if equation.op is not RANDOM]
    return Body(Graph(inputs, rest, graph.outputs, graph.constants, graph.name), body.captured), draws


def drawn_before(body: Body, count: int) -> Body:
    """The body with its random numbers drawn now, as if it had captured them."""
    body, draws = without_draws(body, count)
    body.captured = [*(RANDOM.call(**draw.params) for draw in draws), *body.captured]
    return body


def drawn_rows(draws: list[Equation], length: int, reverse: bool) -> list[Any]:
    """Random numbers for all rounds of a loop, in the order in which the rounds would draw them."""
    rows: dict[Equation, Any] = {}
    for dtype in dict.fromkeys(draw.params["dtype"] for draw in draws):
        alike = [draw for draw in draws if draw.params["dtype"] == dtype]
        sizes = [math.prod(draw.params["shape"]) for draw in alike]
        sample = functools.partial(_sample_rounds, [draw.params for draw in alike], reverse)
        drawn = RANDOM.call(shape=(length, sum(sizes)), sample=sample, what=alike[0].params["what"], dtype=dtype)
        for draw, part in zip(alike, ops.split(drawn, sizes, 1), strict=True):
            rows[draw] = ops.reshape(part, (length, *draw.params["shape"]))
    return [rows[draw] for draw in draws]


def _sample_rounds(draws: list[dict[str, Any]], reverse: bool, shape: tuple[int, ...]) -> Tensor:
    """What the draws of a body give round after round, (..., rounds, numbers); what is in front are examples of a vmap."""
    *front, length, _ = shape
    rounds = [ops.concat([ops.reshape(draw["sample"]((*front, *draw["shape"])), (*front, -1)) for draw in draws], axis=-1) for _ in range(length)]
    return ops.stack(rounds[::-1] if reverse else rounds, axis=len(front))


def _specs(outputs: Sequence[Any]) -> list:
    return [(o.shape, o.dtype) for o in outputs]


def _on_arrays(rule: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """A rule written for tensors that also takes and returns arrays."""
    def joint(g: tuple, needs: tuple, *saved: Any) -> list[Any]:
        if any(isinstance(v, Tensor) for v in _flat((g, saved))):
            return rule(g, needs, *saved)
        with untaped():
            found = rule(_wrap(g), needs, *_wrap(saved))
        return [None if c is None else c.data for c in found]

    return joint


def _flat(values: Any) -> list[Any]:
    return [v for part in values for v in (_flat(part) if isinstance(part, tuple) else [part])]


def _wrap(values: tuple) -> tuple:
    return tuple(None if v is None else _wrap(v) if isinstance(v, tuple) else Tensor(v) for v in values)


def _inexact(value: Any) -> bool:
    return value.dtype.kind in "fVc"


def _zeros(value: Any) -> Any:
    return ops.zeros_like(value)


def _pull(function: Callable[..., Sequence[Any]], values: Sequence[Any], g: Sequence[Any]) -> list[Any]:
    """The cotangents of all `values` for cotangents of the inexact outputs; zeros of integers are left out (None)."""
    places = [i for i, v in enumerate(values) if _inexact(v)]

    def chosen(*parts: Any) -> list[Any]:
        full = list(values)
        for place, part in zip(places, parts, strict=True):
            full[place] = part
        return [out for out in function(*full) if _inexact(out)]

    _, pull = vjp(chosen, *(values[i] for i in places))
    return list(pull(list(g)))


def _push(function: Callable[..., Sequence[Any]], values: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """All outputs, and the tangents of the inexact ones, for tangents of the inexact values."""
    places = [i for i, v in enumerate(values) if _inexact(v)]

    def chosen(*parts: Any) -> list[Any]:
        full = list(values)
        for place, part in zip(places, parts, strict=True):
            full[place] = part
        return list(function(*full))

    outputs, pushed = jvp(chosen, [values[i] for i in places], list(tangents))
    return outputs, [t for o, t in zip(outputs, pushed, strict=True) if _inexact(o)]


def _given(tangents: Sequence[Any], primals: Sequence[Any]) -> list[Any]:
    """Tangents of the inexact primals, zeros where there is none."""
    return [_zeros(p) if t is None else t for t, p in zip(tangents, primals, strict=True) if _inexact(p)]


def _spread(found: Sequence[Any], like: Sequence[Any]) -> list[Any]:
    """Values for the inexact ones of `like`, None for the others."""
    rest = iter(found)
    return [next(rest) if _inexact(v) else None for v in like]


def _one(g: Sequence[Any], outputs: Sequence[Any]) -> list[Any]:
    """Cotangents of the inexact outputs, zeros where nobody gave one."""
    return [_zeros(o) if c is None else c for c, o in zip(g, outputs, strict=True) if _inexact(o)]


# switch --------------------------------------------------------------------------------------------------------------------------
def switch_op(index: Any, bodies: list[Body], values: list[Any]) -> tuple:
    """The op for branches that were traced for `values`."""
    from .control import switch

    offsets, extra = [], []
    for body in bodies:
        offsets.append((len(extra), len(extra) + len(body.captured)))
        extra += body.captured
    count = len(values)
    functions = [lambda *flat, body=body, lo=lo, hi=hi: body(*flat[:count], *flat[count + lo: count + hi])
                 for body, (lo, hi) in zip(bodies, offsets, strict=True)]
    last = len(bodies) - 1

    def forward(number: Any, *arrays: Any) -> tuple:
        return functions[min(max(int(number), 0), last)](*arrays)

    @_on_arrays
    def joint(g: tuple, needs: tuple, number: Any, *rest: Any) -> list[Any]:
        *args, outputs = rest
        seeds = _one(g, outputs)
        branches = [lambda *flat, f=f: _pull(f, flat[: len(args)], flat[len(args):]) for f in functions]
        found = [None, *_spread(switch(number, branches, *args, *seeds), args)]
        return [c if need else None for c, need in zip(found, needs, strict=True)]

    def joint_jvp(tangents: list, outputs: tuple, number: Any, *primals: Any) -> tuple:
        directions = _given(tangents[1:], primals)
        branches = [lambda *flat, f=f: _push(f, flat[: len(primals)], flat[len(primals):])[1] for f in functions]
        return tuple(_spread(switch(number, branches, *primals, *directions), outputs))

    def batch(op: Op, args: tuple, mapped: tuple, params: dict) -> tuple:
        axes = tuple(0 if m else None for m in mapped[1:])
        if not mapped[0]:
            if not any(mapped):
                return op.call(*args)
            return tuple(switch(args[0], [vmap(lambda *flat, f=f: list(f(*flat)), in_axes=axes) for f in functions], *args[1:]))
        size = args[0].shape[0]
        spread = lambda f: (vmap(lambda *flat: list(f(*flat)), in_axes=axes)(*args[1:]) if any(mapped[1:])
                            else [ops.broadcast_to(o, (size, *o.shape)) for o in f(*args[1:])])
        results = [spread(f) for f in functions]
        return tuple(_select(args[0], column) for column in zip(*results, strict=True))

    specs = _specs(bodies[0].graph.outputs)
    op = Op("switch", lambda xp: forward, arity=None, several=True, promotes=False, holomorphic=False, saves=("x", "o"),
            joint=joint, joint_jvp=joint_jvp, batch=batch, shape=lambda *_, **__: specs)
    return slow(op, (index, *values, *extra), {})


def _select(index: Any, values: Sequence[Any]) -> Any:
    chosen = values[0]
    for number, value in enumerate(values[1:], 1):
        chosen = ops.where(ops.reshape(index >= number, (-1, *(1,) * (len(value.shape) - 1))), value, chosen)
    return chosen


# scan ----------------------------------------------------------------------------------------------------------------------------
def scan_op(body: Body, carry: list[Any], rows: list[Any], length: int, reverse: bool, unroll: int) -> tuple:
    """The op for a scan whose body was traced for these values."""
    from .control import scan

    held, across = len(carry), len(rows)
    step = body
    specs = _specs(body.graph.outputs)
    everything = [*specs[:held], *(((length, *shape), dtype) for shape, dtype in specs[held:])]

    def forward(*arrays: Any) -> tuple:
        values, xs, extra = arrays[:held], arrays[held: held + across], arrays[held + across:]
        xp = next((module_of(type(x)) for x in arrays if type(x) is not np.ndarray), np)
        columns = [xp.empty(shape, dtype) for shape, dtype in everything[held:]]
        program = step.program
        for number in reversed(range(length)) if reverse else range(length):
            results = program(*values, *(x[number] for x in xs), *extra)
            values = results[:held]
            for column, y in zip(columns, results[held:], strict=True):
                column[number] = y
        return (*values, *columns)

    def split(args: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        return list(args[:held]), list(args[held: held + across]), list(args[held + across:])

    @_on_arrays
    def joint(g: tuple, needs: tuple, *saved: Any) -> list[Any]:
        *args, outputs = saved
        values, xs, extra = split(args)
        seeds = _one(g, outputs)
        end = sum(map(_inexact, outputs[:held]))
        _, before = scan(lambda c, x: (list(step(*c, *x, *extra)[:held]), c), values, xs, length, reverse)
        free = [e for e in extra if _inexact(e)]

        def backward(state: Any, row: Any) -> Any:
            after, totals = state
            c, x, gy = row
            found = _pull(step, [*c, *x, *extra], [*after, *gy])
            first, second = sum(map(_inexact, c)), sum(map(_inexact, x))
            totals = [total + one for total, one in zip(totals, found[first + second:], strict=True)]
            return (found[:first], totals), found[first: first + second]

        (start, totals), gx = scan(backward, (seeds[:end], [_zeros(e) for e in free]), (before, xs, seeds[end:]), length, not reverse)
        found = [*_spread(start, values), *_spread(gx, xs), *_spread(totals, extra)]
        return [c if need else None for c, need in zip(found, needs, strict=True)]

    def joint_jvp(tangents: list, outputs: tuple, *primals: Any) -> tuple:
        values, xs, extra = split(primals)
        t_values, t_xs, t_extra = split(tangents)
        fixed = _given(t_extra, extra)

        def both(state: Any, row: Any) -> Any:
            (c, tc), (x, tx) = state, row
            out, pushed = _push(step, [*c, *x, *extra], [*tc, *tx, *fixed])
            mine = sum(map(_inexact, out[:held]))
            return (out[:held], pushed[:mine]), pushed[mine:]

        (_, t_end), t_ys = scan(both, (values, _given(t_values, values)), (xs, _given(t_xs, xs)), length, reverse)
        return tuple(_spread([*t_end, *t_ys], outputs))

    def batch(op: Op, args: tuple, mapped: tuple, params: dict) -> tuple:
        size = next(a.shape[0] for a, m in zip(args, mapped, strict=True) if m)
        values, xs, extra = split(args)
        m_values, m_xs, m_extra = split(mapped)
        values = [v if m else ops.broadcast_to(v, (size, *v.shape)) for v, m in zip(values, m_values, strict=True)]
        xs = [ops.moveaxis(x, 0, 1) if m else x for x, m in zip(xs, m_xs, strict=True)]
        axes = tuple(0 if m else None for m in (*[True] * held, *m_xs, *m_extra))
        many = vmap(lambda *flat: list(step(*flat)), in_axes=axes)

        def one(c: Any, x: Any) -> Any:
            out = many(*c, *x, *extra)
            return out[:held], out[held:]

        if not held and not any(m_xs) and not any(m_extra):
            return op.call(*args)
        end, ys = scan(one, values, xs, length, reverse)
        return (*end, *(ops.moveaxis(y, 1, 0) for y in ys))

    op = Op("scan", lambda xp: forward, arity=None, several=True, promotes=False, holomorphic=False, saves=("x", "o"),
            joint=joint, joint_jvp=joint_jvp, batch=batch, shape=lambda *_, **__: everything)
    return slow(op, (*carry, *rows, *body.captured), {})


# while -----------------------------------------------------------------------------------------------------------------------------
def while_op(test: Body, body: Body, values: list[Any]) -> list[Any]:
    """The op for a loop whose test and body were traced for these values."""
    from .control import while_loop

    held, tested = len(values), len(test.captured)

    def split(args: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        return list(args[:held]), list(args[held: held + tested]), list(args[held + tested:])

    def forward(*arrays: Any) -> tuple:
        current, for_test, for_body = split(arrays)
        going, step = test.program, body.program
        while going(*current, *for_test)[0]:
            current = step(*current, *for_body)
        return tuple(current)

    def joint(g: tuple, needs: tuple, *saved: Any) -> list[Any]:
        raise GraphError("while_loop inside jit has no reverse-mode derivative: the number of rounds is not known; use scan or fori_loop with "
                         "fixed bounds, or call it outside jit")

    def joint_jvp(tangents: list, outputs: tuple, *primals: Any) -> tuple:
        current, for_test, for_body = split(primals)
        t_current, _, t_body = split(tangents)
        fixed = _given(t_body, for_body)

        def both(state: Any) -> Any:
            out, pushed = _push(body, [*state[0], *for_body], [*state[1], *fixed])
            return out, pushed

        _, end = while_loop(lambda state: test(*state[0], *for_test)[0], both, (current, _given(t_current, current)))
        return tuple(_spread(end, outputs))

    def batch(op: Op, args: tuple, mapped: tuple, params: dict) -> tuple:
        size = next(a.shape[0] for a, m in zip(args, mapped, strict=True) if m)
        current, for_test, for_body = split(args)
        m_current, m_test, m_body = split(mapped)
        current = [v if m else ops.broadcast_to(v, (size, *v.shape)) for v, m in zip(current, m_current, strict=True)]
        tests = vmap(lambda *flat: test(*flat)[0], in_axes=(*[0] * held, *(0 if m else None for m in m_test)))
        steps = vmap(lambda *flat: list(body(*flat)), in_axes=(*[0] * held, *(0 if m else None for m in m_body)))

        def next_values(state: Any) -> Any:
            going = tests(*state, *for_test)
            new = steps(*state, *for_body)
            return [ops.where(ops.reshape(going, (-1, *(1,) * (len(a.shape) - 1))), a, b) for a, b in zip(new, state, strict=True)]

        return tuple(while_loop(lambda state: ops.any(tests(*state, *for_test)), next_values, current))

    specs = _specs(values)
    op = Op("while", lambda xp: forward, arity=None, several=True, promotes=False, holomorphic=False, saves=("x", "o"),
            joint=joint, joint_jvp=joint_jvp, batch=batch, shape=lambda *_, **__: [(tuple(s), d) for s, d in specs])
    return list(slow(op, (*values, *test.captured, *body.captured), {}))

