"""One direction of a recurrent layer over a whole sequence: the steps as formulas, and fused with a backward of its own.

A step sees the projected input of its time and the state before. Composed of ops, a sequence of length L is a tape of a
dozen nodes per step; fused, it is one node that keeps the gates, and the cotangent of the weight is one product.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
        kind, (gates, before, weight, bias) = x.dtype, _wide(xp, x, y, z, w)
        gates = gates.copy() if mode == "GRU" else gates + bias
        out, kept = xp.empty((len(x), *y.shape), gates.dtype), xp.empty((len(x), *y.shape[1:]), gates.dtype)
        kernel = KERNELS[mode](xp, weight, bias)
        for t in _times(len(x), reverse):
            kernel.forward(gates[t], before, out[t], kept[t])
            if u is not None:
                xp.copyto(out[t], before, where=~u[t])
            before = out[t]
        return out.astype(kind, copy=False), (gates, out, kept)

    def backward(xp, g, needs, residual, x, y, z, w, u=None, *, mode, reverse):
        (gates, out, kept), kind = residual, x.dtype
        g, y, weight, bias = _wide(xp, g, y, z, w)
        kernel, carry = KERNELS[mode](xp, weight, bias), xp.zeros_like(y)
        dgates, drecurrent = xp.empty_like(gates), xp.empty_like(gates) if mode == "GRU" else None
        times = _times(len(x), reverse)
        previous = dict(zip(times[1:], times, strict=False))
        for t in reversed(times):
            before = out[previous[t]] if t in previous else y
            arriving = carry + g[t]
            stays = None if u is None else xp.where(u[t], 0, arriving)
            arriving = arriving if u is None else xp.where(u[t], arriving, 0)
            into = dgates[t] if drecurrent is None else drecurrent[t]
            carry = kernel.backward(arriving, gates[t], before, out[t], kept[t], dgates[t], into)
            carry = carry if stays is None else carry + stays
        into = dgates if drecurrent is None else drecurrent
        width = into.shape[-1]
        states = xp.concatenate([out[1:, 0], y[None, 0]] if reverse else [y[None, 0], out[:-1, 0]])
        found = (dgates, carry, into.reshape(-1, width).T @ states.reshape(-1, states.shape[-1]) if needs[2] else None,
                 into.sum(axis=(0, 1)) if needs[3] else None)
        return *(c.astype(kind, copy=False) if need else None for c, need in zip(found, needs, strict=False)), None


recurrence.op.promotes = False  # the mask stays boolean


def _wide(xp: Any, *arrays: Any) -> list[Any]:
    """Half precision is computed in float32."""
    wide = xp.promote_types(arrays[0].dtype, xp.float32)
    return [array.astype(wide, copy=False) for array in arrays]


def _times(length: int, reverse: bool) -> list[int]:
    return list(range(length))[::-1] if reverse else list(range(length))


# One step on arrays, in place ---------------------------------------------------------------------------------------------
class _Kernel:
    """Forward turns the projected input of a step into its gates; backward turns cotangents of the state into those of the gates.

    ``after`` and ``before`` are states (parts, batch, hidden), ``kept`` is room of one part for what backward wants.
    """

    def __init__(self, xp: Any, weight: Any, bias: Any) -> None:
        self.xp, self.weight, self.transposed, self.bias = xp, weight, xp.ascontiguousarray(weight.T), bias

    def split(self, gates: Any, count: int) -> list[Any]:
        """The gates side by side."""
        width = gates.shape[-1] // count
        return [gates[:, k * width:(k + 1) * width] for k in range(count)]

    def sigmoid_(self, x: Any) -> None:
        """In place, by way of tanh: no overflow, one transcendental function."""
        x *= 0.5
        self.xp.tanh(x, out=x)
        x *= 0.5
        x += 0.5


class _Plain(_Kernel):
    def forward(self, gates: Any, before: Any, after: Any, kept: Any) -> None:
        gates += before[0] @ self.transposed
        self.activate(gates, after[0])

    def backward(self, arriving: Any, gates: Any, before: Any, after: Any, kept: Any, dgates: Any, into: Any) -> Any:
        self.xp.multiply(arriving[0], self.slope(after[0]), out=dgates)
        return (dgates @ self.weight)[None]


class _Tanh(_Plain):
    def activate(self, x: Any, out: Any) -> None:
        self.xp.tanh(x, out=out)

    def slope(self, out: Any) -> Any:
        return 1 - out * out


class _Relu(_Plain):
    def activate(self, x: Any, out: Any) -> None:
        self.xp.maximum(x, 0, out=out)

    def slope(self, out: Any) -> Any:
        return out > 0


class _LSTM(_Kernel):
    def forward(self, gates: Any, before: Any, after: Any, kept: Any) -> None:
        gates += before[0] @ self.transposed
        i, f, g, o = self.split(gates, 4)
        self.sigmoid_(gates[:, :2 * i.shape[1]])
        self.xp.tanh(g, out=g)
        self.sigmoid_(o)
        h, c = after
        self.xp.multiply(f, before[1], out=c)
        c += i * g
        self.xp.tanh(c, out=kept)
        self.xp.multiply(o, kept, out=h)

    def backward(self, arriving: Any, gates: Any, before: Any, after: Any, kept: Any, dgates: Any, into: Any) -> Any:
        xp = self.xp
        i, f, g, o = self.split(gates, 4)
        di, df, dg, do = self.split(dgates, 4)
        dh, dc = arriving
        dc = dc + dh * o * (1 - kept * kept)
        xp.multiply(dh, kept, out=do)
        xp.multiply(dc, g, out=di)
        xp.multiply(dc, before[1], out=df)
        xp.multiply(dc, i, out=dg)
        dg *= 1 - g * g
        for d, gate in ((di, i), (df, f), (do, o)):
            d *= gate * (1 - gate)
        carry = xp.empty_like(arriving)
        xp.matmul(dgates, self.weight, out=carry[0])
        xp.multiply(dc, f, out=carry[1])
        return carry


class _GRU(_Kernel):
    def forward(self, gates: Any, before: Any, after: Any, kept: Any) -> None:
        xp, width = self.xp, kept.shape[-1]
        recurrent = before[0] @ self.transposed + self.bias
        kept[...] = recurrent[:, 2 * width:]
        gates[:, :2 * width] += recurrent[:, :2 * width]
        self.sigmoid_(gates[:, :2 * width])
        r, z, n = self.split(gates, 3)
        n += r * kept
        xp.tanh(n, out=n)
        xp.subtract(before[0], n, out=after[0])
        after[0] *= z
        after[0] += n

    def backward(self, arriving: Any, gates: Any, before: Any, after: Any, kept: Any, dgates: Any, into: Any) -> Any:
        r, z, n = self.split(gates, 3)
        dr, dz, dn = self.split(dgates, 3)
        dh = arriving[0]
        self.xp.multiply(dh * (1 - z), 1 - n * n, out=dn)
        self.xp.multiply(dn * kept, r * (1 - r), out=dr)
        self.xp.multiply(dh * (before[0] - n), z * (1 - z), out=dz)
        into[...] = dgates
        into[:, 2 * n.shape[1]:] *= r
        return (dh * z + into @ self.weight)[None]


KERNELS = {"RNN_TANH": _Tanh, "RNN_RELU": _Relu, "LSTM": _LSTM, "GRU": _GRU}
"""Arrays' side of `STEPS`."""

__all__: list[str] = []
