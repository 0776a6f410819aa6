"""Mamba and S4D as loops over time (Gu and Dao 2023; Gu et al. 2022)."""
from __future__ import annotations

import torch
from torch.nn.functional import silu, softplus

from tests.nn.formula import formula


def scan(u, delta, A, B, C, D=None, z=None, delta_bias=None, delta_softplus=False):
    """The selective scan: output and last state."""
    n, channels, length = u.shape
    delta = delta if delta_bias is None else delta + delta_bias[:, None]
    delta = softplus(delta) if delta_softplus else delta

    def at(coefficients, t):
        if coefficients.ndim == 2:
            return coefficients
        now = coefficients[..., t]
        return now[:, None] if now.ndim == 2 else now.repeat_interleave(channels // now.shape[1], dim=1)

    state, outputs = torch.zeros(n, channels, A.shape[1], dtype=u.dtype), []
    for t in range(length):
        state = torch.exp(delta[:, :, t, None] * A) * state + (delta * u)[:, :, t, None] * at(B, t)
        outputs.append((state * at(C, t)).sum(-1))
    y = torch.stack(outputs, -1)
    y = y if D is None else y + D[:, None] * u
    return y if z is None else y * silu(z), state


def mamba(w, x):
    """The block, its convolution written as a sum over delays."""
    n, length, _ = x.shape
    inner, z = (x @ w["in_proj.weight"].T + w.get("in_proj.bias", 0)).transpose(1, 2).chunk(2, 1)
    filters = w["conv1d.weight"][:, 0]
    taps, state = filters.shape[1], w["A_log"].shape[1]
    padded = torch.cat([torch.zeros(n, inner.shape[1], taps - 1, dtype=x.dtype), inner], -1)
    inner = sum(filters[:, k, None] * padded[..., k:k + length] for k in range(taps))
    inner = silu(inner + w["conv1d.bias"][:, None] if "conv1d.bias" in w else inner)
    rank = w["dt_proj.weight"].shape[1]
    delta, B, C = (inner.transpose(1, 2) @ w["x_proj.weight"].T).split([rank, state, state], -1)
    delta = (delta @ w["dt_proj.weight"].T + w["dt_proj.bias"]).transpose(1, 2)
    y, _ = scan(inner, delta, -torch.exp(w["A_log"]), B.transpose(1, 2), C.transpose(1, 2), w["D"], z, delta_softplus=True)
    return y.transpose(1, 2) @ w["out_proj.weight"].T + w.get("out_proj.bias", 0)


def s4d(w, x):
    """The recurrence, sampled by zero-order hold."""
    A = torch.complex(-torch.exp(w["log_A_real"]), w["A_imag"])
    decay = torch.exp(A * torch.exp(w["log_dt"])[:, None])
    weights = torch.view_as_complex(w["C"]) * (decay - 1) / A
    state, outputs = torch.zeros(x.shape[0], *A.shape, dtype=A.dtype), []
    for t in range(x.shape[1]):
        state = decay * state + x[:, t, :, None]
        outputs.append(2 * (weights * state).sum(-1).real + w["D"] * x[:, t])
    return torch.stack(outputs, 1)


ROWS = [
    formula("Mamba", mamba, 6, on=[(2, 9, 6)]), formula("Mamba", mamba, 4, 3, 2, 3, on=[(1, 70, 4)], label="-chunks"),
    formula("Mamba", mamba, 18, d_state=4, dt_rank=3, dt_init="constant", conv_bias=False, bias=True, on=[(2, 3, 18)]),
    formula("S4D", s4d, 3, 8, on=[(2, 9, 3)]), formula("S4D", s4d, 2, 2, 0.01, 0.5, on=[(1, 40, 2)]),
]
