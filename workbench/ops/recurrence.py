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
        gates, kept = xp.empty_like(x, order="C"), xp.empty((*x.shape[:2], state.shape[-1]), x.dtype)
        states = xp.empty((len(state), len(x) + 1, *state.shape[1:]), x.dtype)
        states[:, -1 if reverse else 0] = state
        before, after = _around(states, reverse)
        arrays = [*_parts(xp.ascontiguousarray(x), kept), *before, *_parts(gates, kept), *after, kept, *_live(u, x)]
        FORWARD[mode, u is not None].along(_in_order(before[0], reverse), weight.T, bias, [_in_order(array, reverse) for array in arrays])
        return after.swapaxes(0, 1).astype(kind, copy=False), (gates, states, kept)

    def backward(xp, g, needs, residual, x, y, z, w, u=None, *, mode, reverse):
        (gates, states, kept), steps = residual, len(x)
        (before, after), (g, weight) = _around(states, reverse), _wide(xp, g, z)
        carry, room = xp.zeros_like(states[:, 0]), xp.empty((1 + (mode == "GRU"), steps + 1, *x.shape[1:]), gates.dtype)
        own, later = _around(room, reverse)  # cotangents of the projections at every step, and at the one that follows it
        later[:, 0 if reverse else -1] = 0
        arriving = xp.ascontiguousarray(g).swapaxes(0, 1)
        arrays = [*_parts(gates, kept), kept, *before, *after, *arriving, *carry, *(part for c in own for part in _parts(c, kept)), *_live(u, gates)]
        BACKWARD[mode, u is not None].along(_in_order(later[-1], not reverse), weight, None, [_in_order(array, not reverse) for array in arrays])
        carry[0] += own[-1][-1 if reverse else 0] @ weight
        flat = own[-1].reshape(-1, len(weight))
        found = (own[0], carry, flat.T @ before[0].reshape(len(flat), -1) if needs[2] else None, flat.sum(axis=0) if needs[3] else None)
        return *(c.astype(given.dtype, copy=False) if need else None for c, need, given in zip(found, needs, (x, y, z, w), strict=False)), None


recurrence.op.promotes = False  # the mask stays boolean


def _wide(xp: Any, *arrays: Any) -> list[Any]:
    """Half precision is computed in float32."""
    wide = xp.promote_types(arrays[0].dtype, xp.float32)
    return [array.astype(wide, copy=False) for array in arrays]


def _around(x: Any, reverse: bool) -> tuple[Any, Any]:
    """Of values around every step (one more than there are steps, on the second axis) those before and those after it."""
    return (x[:, 1:], x[:, :-1]) if reverse else (x[:, :-1], x[:, 1:])


def _in_order(x: Any, reverse: bool) -> Any:
    """Steps in the order in which they are computed; an array for all steps as it is."""
    return x[::-1] if reverse and x.ndim == 3 else x


def _parts(x: Any, like: Any) -> list[Any]:
    """Every gate of (length, batch, gates x hidden)."""
    hidden = like.shape[-1]
    return [x[..., start:start + hidden] for start in range(0, x.shape[-1], hidden)]


def _live(mask: Any, like: Any) -> list[Any]:
    """The mask as a number for every row."""
    return [] if mask is None else [mask.astype(like.dtype)]


# One step on arrays ------------------------------------------------------------------------------------------------------
SIGMOID = "0.5 * tanh({} * 0.5) + 0.5"
"""No overflow, one transcendental function."""
MODES = {
    # gates, state before and after, forward, backward
    "RNN_TANH": ("a", "h", {"new_h": "tanh(x_a + h_a)"}, {"d_a": "dh * (1 - new_h * new_h)", "carry_h": "0"}),
    "RNN_RELU": ("a", "h", {"new_h": "max(x_a + h_a, 0)"}, {"d_a": "where(new_h > 0, dh, 0)", "carry_h": "0"}),
    "LSTM": ("i f g o", "h c", {
        "i": SIGMOID.format("(x_i + h_i)"), "f": SIGMOID.format("(x_f + h_f)"), "g": "tanh(x_g + h_g)", "o": SIGMOID.format("(x_o + h_o)"),
        "new_c": "f * c + i * g", "kept": "tanh(new_c)", "new_h": "o * kept"}, {
        "d": "dc + dh * o * (1 - kept * kept)", "d_i": "d * g * i * (1 - i)", "d_f": "d * c * f * (1 - f)", "d_g": "d * i * (1 - g * g)",
        "d_o": "dh * kept * o * (1 - o)", "carry_h": "0", "carry_c": "d * f"}),
    "GRU": ("r z n", "h", {
        "r": SIGMOID.format("(x_r + h_r)"), "z": SIGMOID.format("(x_z + h_z)"), "n": "tanh(x_n + r * h_n)", "kept": "h_n",
        "new_h": "n + z * (h - n)"}, {
        "d_n": "dh * (1 - z) * (1 - n * n)", "d_r": "d_n * kept * r * (1 - r)", "d_z": "dh * (h - n) * z * (1 - z)",
        "e_r": "d_r", "e_z": "d_z", "e_n": "d_n * r", "carry_h": "dh * z"}),
}
"""Gates; the parts of the state; forward from gates as projected from the input (x) and the state (h) and the state before to
gates, what backward wants kept, and the new state; backward from the cotangent of the new state (dh, dc) to those of
both projections (d, e; they differ in a GRU only) and, short of the product with the weight, of the state before (carry)."""


def _forward(mode: str, masked: bool) -> Formulas:
    gates, parts, lines, _ = MODES[mode]
    spelled = lambda prefix, names: " ".join(prefix + name for name in names.split())
    if masked:
        lines = lines | {f"new_{part}": f"where(live > 0, {lines[f'new_{part}']}, {part})" for part in parts.split()}
    arrays = f"{spelled('h_', gates)} {spelled('x_', gates)} {parts} {gates} {spelled('new_', parts)} kept"
    return Formulas(f"{arrays} live" if masked else arrays, lines, row_numbers=int(masked))


def _backward(mode: str, masked: bool) -> Formulas:
    gates, parts, _, lines = MODES[mode]
    spelled = lambda prefix, names: " ".join(prefix + name for name in names.split())
    arriving = {f"d{part}": f"g_{part} + carry_{part}" for part in parts.split()}
    arriving["dh"] += " + back"
    if masked:  # what arrives at a state that stayed goes on to the state before
        arriving = {f"all_{name}": line for name, line in arriving.items()} | {name: f"where(live > 0, all_{name}, 0)" for name in arriving}
        lines = lines | {f"carry_{part}": f"{lines[f'carry_{part}']} + where(live > 0, 0, all_d{part})" for part in parts.split()}
    arrays = (f"back {gates} kept {parts} {spelled('new_', parts)} {spelled('g_', parts)} {spelled('carry_', parts)} {spelled('d_', gates)}"
              f"{' ' + spelled('e_', gates) if mode == 'GRU' else ''}")
    return Formulas(f"{arrays} live" if masked else arrays, arriving | lines, row_numbers=int(masked))


FORWARD = {(mode, masked): _forward(mode, masked) for mode in MODES for masked in (False, True)}
BACKWARD = {(mode, masked): _backward(mode, masked) for mode in MODES for masked in (False, True)}

__all__: list[str] = []
