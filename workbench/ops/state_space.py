"""The selective scan of state-space models: a linear recurrence in time whose coefficients depend on the input.

The states of a sequence, (length, batch, channels, state), would take many times the memory of its input. Forward keeps
those at the borders of chunks only, and backward computes the others again, chunk by chunk from the end.
"""
from __future__ import annotations

from typing import Any

from ..core.declare import fused
from ..core.errors import DTypeError, ShapeError
from ..core.tensor import Tensor
from . import elementwise as ew
from .movement import _reshape, concat, expand_dims, moveaxis
from .reduce import sum
from .scan import linear_recurrence

CHUNK = 64
"""Steps between two states that are kept: near the square root of the longest usual sequence, and small enough for the cache."""


def scan_reference(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, *, last: bool) -> Tensor:
    """All states at once, by a recurrence along the axis of time: (batch, channels, length, state)."""
    n, channels, length = u.shape
    full = (n, channels, length, A.shape[-1])

    def times(x: Tensor, coefficients: Tensor) -> Tensor:
        """`x` (batch, channels, length, state or 1) times coefficients (batch, groups, state, length)."""
        groups = coefficients.shape[1]
        grouped = _reshape(x, shape=(n, groups, channels // groups, length, -1))
        return _reshape(grouped * expand_dims(moveaxis(coefficients, -1, -2), 2), shape=full)

    factor = ew.exp(expand_dims(delta, -1) * expand_dims(A, 1))
    states = linear_recurrence(factor, times(expand_dims(delta * u, -1), B), axis=-2)
    y = sum(times(states, C), axis=-1)
    return concat([y, states[:, :, -1]], axis=-1) if last else y


@fused(reference=scan_reference, arity=5)
class selective_scan_core:
    """``s[t] = exp(delta[t] A) s[t - 1] + delta[t] u[t] B[t]``, ``y[t] = C[t] s[t]``; with `last`, the last state is put behind y."""

    def forward(xp, u, delta, A, B, C, *, last=False):
        return _forward(xp, u, delta, A, B, C, last)

    def backward(xp, g, needs, borders, u, delta, A, B, C, *, last):
        found = _backward(xp, g, borders, u, delta, A, B, C)
        return tuple(c if need else None for c, need in zip(found, needs, strict=True))


def _forward(xp: Any, u: Any, delta: Any, A: Any, B: Any, C: Any, last: bool) -> tuple[Any, Any]:
    n, channels, length = u.shape
    wide = xp.promote_types(u.dtype, xp.float32)
    state = xp.zeros((n, channels, A.shape[1]), wide)
    out = xp.empty((n, channels, length + (A.shape[1] if last else 0)), u.dtype)
    borders = xp.empty((-(-length // CHUNK), *state.shape), wide)
    for number, begin in enumerate(range(0, length, CHUNK)):
        borders[number] = state
        part = slice(begin, min(begin + CHUNK, length))
        states = _chunk(xp, u, delta, A, B, part, state)[-1]
        out[:, :, part] = xp.moveaxis(_contracted(xp, states, _at(xp, C, part, wide)), 0, -1)
        state = states[-1]
    if last:
        out[:, :, length:] = state
    return out, borders


def _backward(xp: Any, g: Any, borders: Any, u: Any, delta: Any, A: Any, B: Any, C: Any) -> tuple:
    length, wide = u.shape[-1], borders.dtype
    du, ddelta, dA, dB, dC = xp.empty_like(u), xp.empty_like(delta), xp.zeros(A.shape, wide), xp.zeros(B.shape, wide), xp.zeros(C.shape, wide)
    carry = g[:, :, length:].astype(wide) if g.shape[-1] > length else xp.zeros(borders.shape[1:], wide)
    for number in reversed(range(len(borders))):
        part = slice(number * CHUNK, min((number + 1) * CHUNK, length))
        x, step, factor, states = _chunk(xp, u, delta, A, B, part, borders[number])
        gy = _steps(xp, g[:, :, :length], part, wide)
        gs = _spread(gy, _at(xp, C, part, wide))
        gs[-1] += carry
        _run(factor[:0:-1], gs[::-1])
        carry = factor[0] * gs[0]
        _collect(dB, _joined(step * x, gs, B), part)
        _collect(dC, _joined(gy, states, C), part)
        toward = _contracted(xp, gs, _at(xp, B, part, wide))
        factor[1:] *= states[:-1]
        factor[0] *= borders[number]
        factor *= gs  # now the cotangent of the exponent, delta A
        du[:, :, part] = xp.moveaxis(step * toward, 0, -1)
        ddelta[:, :, part] = xp.moveaxis(x * toward + xp.einsum("tbds,ds->tbd", factor, A.astype(wide)), 0, -1)
        dA += xp.einsum("tbds,tbd->ds", factor, step)
    return du, ddelta, dA.astype(A.dtype), dB.astype(B.dtype), dC.astype(C.dtype)


def _chunk(xp: Any, u: Any, delta: Any, A: Any, B: Any, part: slice, state: Any) -> tuple[Any, Any, Any, Any]:
    """Inputs, steps (time, batch, channels), decays and states (time, batch, channels, state) of one chunk, from the state before it."""
    x, step = (_steps(xp, array, part, state.dtype) for array in (u, delta))
    factor = xp.exp(step[..., None] * A.astype(state.dtype, copy=False))
    states = _spread(step * x, _at(xp, B, part, state.dtype))
    states[0] += factor[0] * state
    _run(factor[1:], states)
    return x, step, factor, states


def _run(factor: Any, value: Any) -> None:
    """``value[t] += factor[t - 1] * value[t - 1]`` along the first axis, in place."""
    if type(value).__module__ == "numpy":
        for decay, before, now in zip(factor, value[:-1], value[1:], strict=True):
            now += decay * before
    else:
        _double(factor, value)


def _double(factor: Any, value: Any) -> None:
    """The same in log2(length) steps over whole arrays, where a call costs more than what it computes."""
    decay, distance = factor.copy(), 1
    while distance < len(value):
        value[distance:] += decay[distance - 1:] * value[:-distance].copy()
        decay[distance:] *= decay[:-distance].copy()
        distance *= 2


def _steps(xp: Any, x: Any, part: slice, dtype: Any) -> Any:
    """(batch, channels, length) as (time, batch, channels)."""
    return xp.ascontiguousarray(xp.moveaxis(x[:, :, part], -1, 0)).astype(dtype, copy=False)


def _at(xp: Any, coefficients: Any, part: slice, dtype: Any) -> Any:
    """Coefficients (batch, groups, state, length) as (time, batch, groups, state); a length of 1 holds for all times."""
    now = coefficients if coefficients.shape[-1] == 1 else coefficients[..., part]
    return xp.ascontiguousarray(xp.moveaxis(now, -1, 0)).astype(dtype, copy=False)


def _grouped(x: Any, groups: int) -> Any:
    """Channels, the third axis, as (groups, channels of a group)."""
    return x.reshape(*x.shape[:2], groups, x.shape[2] // groups, *x.shape[3:])


def _spread(x: Any, coefficients: Any) -> Any:
    """x (time, batch, channels) times coefficients, (time, batch, channels, state)."""
    out = _grouped(x, coefficients.shape[2])[..., None] * coefficients[:, :, :, None]
    return out.reshape(*x.shape, coefficients.shape[-1])


def _contracted(xp: Any, states: Any, coefficients: Any) -> Any:
    """States times coefficients, summed over the state: (time, batch, channels)."""
    return xp.matmul(_grouped(states, coefficients.shape[2]), coefficients[..., None]).reshape(states.shape[:3])


def _joined(x: Any, states: Any, coefficients: Any) -> Any:
    """x times states, summed over the channels of a group: (batch, groups, state, time)."""
    groups = coefficients.shape[1]
    return (_grouped(x, groups)[..., None, :] @ _grouped(states, groups))[..., 0, :].transpose(1, 2, 3, 0)


def _collect(total: Any, found: Any, part: slice) -> None:
    """Add the cotangents of one chunk, summed over what the coefficients are the same for."""
    if total.shape[0] < found.shape[0]:
        found = found.sum(axis=0, keepdims=True)
    if total.shape[-1] == 1:
        total += found.sum(axis=-1, keepdims=True)
    else:
        total[..., part] += found


def selective_scan(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor | None = None, z: Tensor | None = None,
                   delta_bias: Tensor | None = None, delta_softplus: bool = False, return_last_state: bool = False) -> Any:
    """A linear state-space model whose coefficients change with the input (Gu and Dao 2023).

    ``s[t] = exp(delta[t] A) s[t - 1] + delta[t] B[t] u[t]`` and ``y[t] = C[t] s[t] + D u[t]``, for every channel by itself.

    Parameters
    ----------
    u : Tensor, shape (batch, channels, length)
        The input.
    delta : Tensor, shape (batch, channels, length)
        The length of each step.
    A : Tensor, shape (channels, state)
        Rates of decay; negative ones keep the states bounded.
    B, C : Tensor, shape (batch, state, length), (batch, groups, state, length) or (channels, state)
        What a state takes in and gives out: for all channels, for each group of them, or constant in time.
    D : Tensor, shape (channels,), optional
        A direct way from u to y.
    z : Tensor, shape (batch, channels, length), optional
        A gate: the output is multiplied by ``silu(z)``.
    delta_bias : Tensor, shape (channels,), optional
        Added to `delta`.
    delta_softplus : bool
        Pass `delta` through softplus.
    return_last_state : bool
        Return also the last state, (batch, channels, state).

    Returns
    -------
    Tensor, shape (batch, channels, length), or a pair with the last state

    Raises
    ------
    ShapeError, DTypeError
        If shapes do not fit together, or a tensor is complex.

    Notes
    -----
    Time and memory are linear in the length, also those of the gradient. Half precision is computed in float32.

    Examples
    --------
    >>> import workbench as wb
    >>> u, B = wb.ones(1, 2, 5), wb.ones(1, 3, 5)
    >>> wb.nn.functional.selective_scan(u, u * 0.1, -wb.ones(2, 3), B, B).shape
    (1, 2, 5)
    """
    _check(u, delta, A, z)
    named = {"D": D, "delta_bias": delta_bias}
    for name, vector in named.items():
        if vector is not None and tuple(vector.shape) != (u.shape[1],):
            raise ShapeError(f"selective_scan: {name} of shape {tuple(vector.shape)}; expected one number per channel, ({u.shape[1]},)")
    delta = delta if delta_bias is None else delta + expand_dims(delta_bias, -1)
    delta = ew.softplus(delta) if delta_softplus else delta
    out = selective_scan_core(u, delta, A, _coefficients("B", B, u, A), _coefficients("C", C, u, A), last=return_last_state)
    y = out[:, :, :u.shape[2]] if return_last_state else out
    y = y if D is None else y + u * expand_dims(D, -1)
    y = y if z is None else y * ew.silu(z)
    return (y, out[:, :, u.shape[2]:]) if return_last_state else y


def _check(u: Tensor, delta: Tensor, A: Tensor, z: Tensor | None) -> None:
    complex_ones = [name for name, x in (("u", u), ("delta", delta), ("A", A)) if x.dtype.kind == "c"]
    if complex_ones:
        raise DTypeError(f"selective_scan: {complex_ones[0]} is complex; expected real numbers")
    if len(u.shape) != 3 or not u.shape[2]:
        raise ShapeError(f"selective_scan: u of shape {tuple(u.shape)}; expected (batch, channels, length) with at least one step")
    for name, x in (("delta", delta), ("z", z)):
        if x is not None and tuple(x.shape) != tuple(u.shape):
            raise ShapeError(f"selective_scan: {name} of shape {tuple(x.shape)}; expected that of u, {tuple(u.shape)}")
    if len(A.shape) != 2 or A.shape[0] != u.shape[1]:
        raise ShapeError(f"selective_scan: A of shape {tuple(A.shape)}; expected (channels, state) with {u.shape[1]} channels")


def _coefficients(name: str, given: Tensor, u: Tensor, A: Tensor) -> Tensor:
    """B or C with four axes: (batch or 1, groups, state, length or 1)."""
    (n, channels, length), state, shape = u.shape, A.shape[1], tuple(given.shape)
    if given.dtype.kind == "c":
        raise DTypeError(f"selective_scan: {name} is complex; expected real numbers")
    if shape == (channels, state):
        return expand_dims(given, (0, -1))
    if shape == (n, state, length):
        return expand_dims(given, 1)
    if len(shape) == 4 and (shape[0], shape[2], shape[3]) == (n, state, length) and shape[1] and channels % shape[1] == 0:
        return given
    raise ShapeError(f"selective_scan: {name} of shape {shape}; expected {(n, state, length)}, {(n, 'groups', state, length)} with groups that divide "
                     f"{channels} channels, or {(channels, state)}")


__all__ = ["selective_scan"]
