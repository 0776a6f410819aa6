"""One direction of a recurrent layer over a whole sequence: the steps as formulas, and fused with a backward of its own.

A step sees the projected input of its time and the state before. Composed of ops, a sequence of length L is a tape of a
dozen nodes per step; fused, it is one node that keeps the gates, and the cotangent of the weight is one product.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..backend.formulas import Formulas
from ..core.declare import fused
from ..core.tensor import Tensor
from . import elementwise as ew
from .contract import matmul
from .index import where
from .joining import chunk, unbind
from .movement import stack, transpose

State = tuple[Tensor, ...]


# One step, in ops ------------------------------------------------------------------------------------------------------
def _plain(activation: Callable[[Tensor], Tensor]) -> Callable[..., State]:
    def step(x: Tensor, state: State, recurrent: Callable[[Tensor], Tensor]) -> State:
        return (activation(x + recurrent(state[0])),)

    return step


def _lstm(x: Tensor, state: State, recurrent: Callable[[Tensor], Tensor]) -> State:
    i, f, g, o = chunk(x + recurrent(state[0]), 4, -1)
    c = ew.sigmoid(f) * state[1] + ew.sigmoid(i) * ew.tanh(g)
    return ew.sigmoid(o) * ew.tanh(c), c


def _gru(x: Tensor, state: State, recurrent: Callable[[Tensor], Tensor]) -> State:
    xr, xz, xn = chunk(x, 3, -1)
    hr, hz, hn = chunk(recurrent(state[0]), 3, -1)
    z = ew.sigmoid(xz + hz)
    n = ew.tanh(xn + ew.sigmoid(xr + hr) * hn)
    return (n + z * (state[0] - n),)


STEPS = {"RNN_TANH": (1, _plain(ew.tanh)), "RNN_RELU": (1, _plain(ew.relu)), "LSTM": (4, _lstm), "GRU": (3, _gru)}
"""How many gates a mode has, and its step."""


def recurrence_reference(x: Tensor, state: Tensor, weight: Tensor, bias: Tensor, mask: Tensor | None, *, mode: str, reverse: bool) -> Tensor:
    """Step by step."""
    held, inputs, live = unbind(state), unbind(x), None if mask is None else unbind(mask)
    outputs: list[Any] = [None] * len(inputs)
    for t in reversed(range(len(inputs))) if reverse else range(len(inputs)):
        new = STEPS[mode][1](inputs[t], held, lambda h: matmul(h, transpose(weight)) + bias)
        held = new if live is None else tuple(where(live[t], a, b) for a, b in zip(new, held, strict=True))
        outputs[t] = stack(held)
    return stack(outputs)


@fused(reference=recurrence_reference, arity=5, optional=1, inexact=False)
class recurrence:
    """The states of every step of a recurrent layer.

    x (length, batch, gates x hidden) is the projected input, state (parts, batch, hidden) the first state, h alone or h
    and c; the result is (length, parts, batch, hidden). Where `mask` (length, batch, 1) is False a state stays as it was.
    """

    def forward(xp, x, y, z, w, u=None, *, mode="LSTM", reverse=False):
        kind, (x, state, weight, bias) = x.dtype, _wide(xp, x, y, z, w)
        step, (_, batch, hidden) = FORWARD[mode], state.shape
        gates = _by_gate(xp, x, hidden)
        out, kept = xp.empty((len(x), *state.shape), x.dtype), xp.empty((len(x), batch, hidden), x.dtype)
        run, recurrent, before = step.on(gates), xp.empty_like(gates[0]), xp.ascontiguousarray(state)
        transposed, bias = xp.ascontiguousarray(weight.T), bias.reshape(-1, 1, hidden)
        for t in _times(len(x), reverse):
            xp.add(_by_gate(xp, before[0] @ transposed, hidden, copy=False), bias, out=recurrent)
            run(*gates[t], *recurrent, *before, *out[t], kept[t])
            if u is not None:
                xp.copyto(out[t], before, where=~u[t])
            before = out[t]
        return out.astype(kind, copy=False), (gates, out, kept)

    def backward(xp, g, needs, residual, x, y, z, w, u=None, *, mode, reverse):
        (gates, out, kept), kind = residual, x.dtype
        g, state, weight = (xp.ascontiguousarray(array) for array in _wide(xp, g, y, z))
        times, hidden = _times(len(x), reverse), state.shape[-1]
        run, into, carry = BACKWARD[mode].on(gates), xp.empty((2, *gates.shape[1:]), gates.dtype), xp.zeros_like(state)
        dinput, drecurrent = (xp.empty((*gates.shape[:1], *gates.shape[2:3], len(z)), gates.dtype) for _ in range(2))
        for number, t in reversed(list(enumerate(times))):
            before = out[times[number - 1]] if number else state
            arriving = carry + g[t]
            stays = None if u is None else xp.where(u[t], 0, arriving)
            arriving = arriving if u is None else xp.where(u[t], arriving, 0)
            run(*gates[t], kept[t], *before, *out[t], *arriving, *into[0], *into[1], *carry)
            for d, found in zip((dinput, drecurrent), into, strict=True):
                _by_gate(xp, d[t], hidden, copy=False)[...] = found
            carry[0] += drecurrent[t] @ weight
            carry = carry if stays is None else carry + stays
        states = xp.concatenate([out[1:, 0], state[None, 0]] if reverse else [state[None, 0], out[:-1, 0]])
        flat = drecurrent.reshape(-1, len(z))
        found = (dinput, carry, flat.T @ states.reshape(-1, hidden) if needs[2] else None, flat.sum(axis=0) if needs[3] else None)
        return *(c.astype(kind, copy=False) if need else None for c, need in zip(found, needs, strict=False)), None


recurrence.op.promotes = False  # the mask stays boolean


def _wide(xp: Any, *arrays: Any) -> list[Any]:
    """Half precision is computed in float32."""
    wide = xp.promote_types(arrays[0].dtype, xp.float32)
    return [array.astype(wide, copy=False) for array in arrays]


def _by_gate(xp: Any, x: Any, hidden: int, copy: bool = True) -> Any:
    """(..., batch, gates x hidden) as (..., gates, batch, hidden), each gate in one piece."""
    turned = x.reshape(*x.shape[:-1], -1, hidden).swapaxes(-2, -3)
    return xp.array(turned, order="C") if copy else turned


def _times(length: int, reverse: bool) -> list[int]:
    return list(range(length))[::-1] if reverse else list(range(length))


# One step on arrays ------------------------------------------------------------------------------------------------------
SIGMOID = "0.5 * tanh({} * 0.5) + 0.5"
"""No overflow, one transcendental function."""

FORWARD = {
    mode: Formulas(f"{gates} {' '.join(f'h_{gate}' for gate in gates.split())} {before} {after} kept", lines)
    for mode, gates, before, after, lines in [
        ("RNN_TANH", "a", "h", "new_h", {"new_h": "tanh(a + h_a)"}),
        ("RNN_RELU", "a", "h", "new_h", {"new_h": "max(a + h_a, 0)"}),
        ("LSTM", "i f g o", "h c", "new_h new_c", {
            "i": SIGMOID.format("(i + h_i)"), "f": SIGMOID.format("(f + h_f)"), "g": "tanh(g + h_g)", "o": SIGMOID.format("(o + h_o)"),
            "new_c": "f * c + i * g", "kept": "tanh(new_c)", "new_h": "o * kept"}),
        ("GRU", "r z n", "h", "new_h", {
            "r": SIGMOID.format("(r + h_r)"), "z": SIGMOID.format("(z + h_z)"), "n": "tanh(n + r * h_n)", "kept": "h_n",
            "new_h": "n + z * (h - n)"}),
    ]}
"""Gates as projected from the input, from the state, and the state before, to gates, the state after, and what backward wants."""

BACKWARD = {
    mode: Formulas(f"{gates} kept {before} {after} {arriving} {' '.join(f'd_{x}' for x in gates.split())} "
                   f"{' '.join(f'e_{x}' for x in gates.split())} {' '.join(f'to_{x}' for x in before.split())}", lines)
    for mode, gates, before, after, arriving, lines in [
        ("RNN_TANH", "a", "h", "new_h", "dh", {"d_a": "dh * (1 - new_h * new_h)", "e_a": "d_a", "to_h": "0"}),
        ("RNN_RELU", "a", "h", "new_h", "dh", {"d_a": "where(new_h > 0, dh, 0)", "e_a": "d_a", "to_h": "0"}),
        ("LSTM", "i f g o", "h c", "new_h new_c", "dh dc", {
            "d": "dc + dh * o * (1 - kept * kept)", "d_i": "d * g * i * (1 - i)", "d_f": "d * c * f * (1 - f)", "d_g": "d * i * (1 - g * g)",
            "d_o": "dh * kept * o * (1 - o)", "e_i": "d_i", "e_f": "d_f", "e_g": "d_g", "e_o": "d_o", "to_h": "0", "to_c": "d * f"}),
        ("GRU", "r z n", "h", "new_h", "dh", {
            "d_n": "dh * (1 - z) * (1 - n * n)", "d_r": "d_n * kept * r * (1 - r)", "d_z": "dh * (h - n) * z * (1 - z)",
            "e_r": "d_r", "e_z": "d_z", "e_n": "d_n * r", "to_h": "dh * z"}),
    ]}
"""The same, and cotangents of the state after, to those of both projections and of the state before, short of the product with the weight."""

__all__: list[str] = []
