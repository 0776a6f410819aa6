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
        gates = _turned(xp, x).reshape(len(x), -1, hidden, batch)
        before, weight, bias = _turned(xp, state), xp.ascontiguousarray(weight), xp.repeat(bias[:, None], batch, axis=1)
        out, kept = xp.empty((len(x), *before.shape), x.dtype), xp.empty((len(x), hidden, batch), x.dtype)
        run, recurrent = step.on(gates), xp.empty_like(bias)
        parts = recurrent.reshape(gates.shape[1:])
        for t in _times(len(x), reverse):
            xp.matmul(weight, before[0], out=recurrent)
            recurrent += bias
            run(*gates[t], *parts, *before, *out[t], kept[t])
            if u is not None:
                xp.copyto(out[t], before, where=~u[t].T)
            before = out[t]
        return _turned(xp, out).astype(kind, copy=False), (gates, out, kept)

    def backward(xp, g, needs, residual, x, y, z, w, u=None, *, mode, reverse):
        (gates, out, kept), kind = residual, x.dtype
        g, state, weight = (_turned(xp, array) for array in _wide(xp, g, y, z))
        times, run, carry = _times(len(x), reverse), BACKWARD[mode].on(gates), xp.zeros_like(state)
        dinput = xp.empty_like(gates)
        drecurrent = xp.empty_like(gates) if mode == "GRU" else dinput
        for number, t in reversed(list(enumerate(times))):
            before = out[times[number - 1]] if number else state
            arriving = carry + g[t]
            stays = None if u is None else xp.where(u[t].T, 0, arriving)
            arriving = arriving if u is None else xp.where(u[t].T, arriving, 0)
            run(*gates[t], kept[t], *before, *out[t], *arriving, *dinput[t], *(drecurrent[t] if mode == "GRU" else ()), *carry)
            carry[0] += weight @ drecurrent[t].reshape(len(z), -1)
            carry = carry if stays is None else carry + stays
        states = xp.concatenate([out[1:, 0], state[None, 0]] if reverse else [state[None, 0], out[:-1, 0]])
        dx = _turned(xp, dinput.reshape(len(x), len(z), -1))
        flat = dx if drecurrent is dinput else _turned(xp, drecurrent.reshape(len(x), len(z), -1))
        flat, states = flat.reshape(-1, len(z)), _turned(xp, states).reshape(-1, state.shape[1])
        found = (dx, _turned(xp, carry), flat.T @ states if needs[2] else None, flat.sum(axis=0) if needs[3] else None)
        return *(c.astype(kind, copy=False) if need else None for c, need in zip(found, needs, strict=False)), None


recurrence.op.promotes = False  # the mask stays boolean


def _wide(xp: Any, *arrays: Any) -> list[Any]:
    """Half precision is computed in float32."""
    wide = xp.promote_types(arrays[0].dtype, xp.float32)
    return [array.astype(wide, copy=False) for array in arrays]


def _turned(xp: Any, x: Any) -> Any:
    """A copy with the last two axes exchanged. Inside, samples are innermost: every gate is in one piece, and BLAS is at its best."""
    return xp.array(x.swapaxes(-1, -2), order="C")


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
                   f"{'e_r e_z e_n ' if mode == 'GRU' else ''}{' '.join(f'to_{x}' for x in before.split())}", lines)
    for mode, gates, before, after, arriving, lines in [
        ("RNN_TANH", "a", "h", "new_h", "dh", {"d_a": "dh * (1 - new_h * new_h)", "to_h": "0"}),
        ("RNN_RELU", "a", "h", "new_h", "dh", {"d_a": "where(new_h > 0, dh, 0)", "to_h": "0"}),
        ("LSTM", "i f g o", "h c", "new_h new_c", "dh dc", {
            "d": "dc + dh * o * (1 - kept * kept)", "d_i": "d * g * i * (1 - i)", "d_f": "d * c * f * (1 - f)", "d_g": "d * i * (1 - g * g)",
            "d_o": "dh * kept * o * (1 - o)", "to_h": "0", "to_c": "d * f"}),
        ("GRU", "r z n", "h", "new_h", "dh", {
            "d_n": "dh * (1 - z) * (1 - n * n)", "d_r": "d_n * kept * r * (1 - r)", "d_z": "dh * (h - n) * z * (1 - z)",
            "e_r": "d_r", "e_z": "d_z", "e_n": "d_n * r", "to_h": "dh * z"}),
    ]}
"""The same, and cotangents of the state after, to those of both projections (they differ in a GRU only) and of the
state before, short of the product with the weight."""

__all__: list[str] = []
