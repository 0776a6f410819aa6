"""Cells over time: a GRU written out, and an LSTM on images (Shi et al. 2015)."""
from __future__ import annotations

import torch
from torch.nn import functional as F

from tests.nn.cases import Inner
from tests.nn.formula import formula


def gru(w, x, batch_first=False):
    """Cho et al. 2014, from zeros."""
    cell = {name: w[f"cells.0.{name}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    steps = x.unbind(1 if batch_first else 0)
    h, outputs = torch.zeros(len(steps[0]), cell["weight_hh"].shape[1], dtype=x.dtype), []
    for step in steps:
        xr, xz, xn = (step @ cell["weight_ih"].T + cell["bias_ih"]).chunk(3, -1)
        hr, hz, hn = (h @ cell["weight_hh"].T + cell["bias_hh"]).chunk(3, -1)
        z, n = torch.sigmoid(xz + hz), torch.tanh(xn + torch.sigmoid(xr + hr) * hn)
        h = (1 - z) * n + z * h
        outputs.append(h)
    return torch.stack(outputs, 1 if batch_first else 0), h


def conv_lstm(w, x, state=None):
    weight, bias = w["conv.weight"], w.get("conv.bias")
    hidden = weight.shape[0] // 4
    h = torch.zeros(len(x), hidden, *x.shape[2:], dtype=x.dtype) if state is None else state
    i, f, g, o = F.conv2d(torch.cat([x, h], 1), weight, bias, padding=weight.shape[-1] // 2).split(hidden, 1)
    c = torch.sigmoid(i) * torch.tanh(g)  # from a cell of zeros
    return torch.sigmoid(o) * torch.tanh(c), c


ROWS = [
    formula("Recurrent", gru, Inner("GRUCell", (3, 5)), on=[(6, 2, 3)]),
    formula("Recurrent", lambda w, x: gru(w, x, True), Inner("GRUCell", (3, 5)), batch_first=True, on=[(2, 6, 3)]),
    formula("ConvLSTMCell", conv_lstm, 2, 3, 3, on=[(2, 2, 5, 6)]), formula("ConvLSTMCell", conv_lstm, 1, 2, 5, False, on=[(2, 1, 6, 5)]),
]
