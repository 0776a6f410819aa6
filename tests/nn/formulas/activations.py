"""Activations that PyTorch lacks: gates, pieces, and learned numbers."""
from __future__ import annotations

import torch
from torch.nn import functional as F

from tests.nn.formula import formula

IMAGE = [(2, 3, 4, 5)]


def gated(function):
    """A function of the first half times the second."""
    def reference(w, x, dim=-1):
        first, second = x.chunk(2, dim)
        return function(first) * second

    return reference


def along(w, x, name):
    """A learned number for every channel of (N, C, H, W), or for all."""
    value = w[name]
    return value if len(value) == 1 else value[:, None, None]


def swish(w, x):
    return x / (1 + torch.exp(-along(w, x, "beta") * x))


def snake(w, x):
    alpha = along(w, x, "alpha")
    return x + torch.sin(alpha * x) ** 2 / alpha


def pelu(w, x):
    alpha, beta = along(w, x, "alpha"), along(w, x, "beta")
    return torch.where(x > 0, alpha / beta * x, alpha * (torch.exp(x / beta) - 1))


def acon(w, x):
    p1, p2, beta = (along(w, x, name) for name in ("p1", "p2", "beta"))
    return (p1 - p2) * x * torch.sigmoid(beta * (p1 - p2) * x) + p2 * x


LEARNED = {"Swish": swish, "Snake": snake, "PELU": pelu, "ACON": acon}
ROWS = [
    *[formula(name, gated(function), on=[(3, 8)]) for name, function in (("SwiGLU", F.silu), ("GeGLU", F.gelu), ("ReGLU", F.relu))],
    *[formula(name, lambda w, x, f=function: gated(f)(w, x, 1), 1, on=[(2, 6, 3)])
      for name, function in (("SwiGLU", F.silu), ("GeGLU", F.gelu), ("ReGLU", F.relu))],
    formula("Maxout", lambda w, x: torch.maximum(x[..., ::2], x[..., 1::2]), on=[(3, 8)]),
    formula("Maxout", lambda w, x: torch.stack([x[:, :3].amax(1), x[:, 3:].amax(1)], 1), 3, 1, on=[(2, 6, 4)]),
    formula("SquaredReLU", lambda w, x: torch.where(x > 0, x * x, 0.0)),
    *[formula(name, reference, on=IMAGE) for name, reference in LEARNED.items()],
    *[formula(name, reference, 3, on=IMAGE) for name, reference in LEARNED.items()],
    formula("Swish", swish, 1, 0.3, on=[(7,)]), formula("Snake", snake, 1, 5.0, on=[(7,)]), formula("PELU", pelu, 3, 0.5, 2.0, on=IMAGE),
    formula("ACON", acon, 3, 1.2, -0.4, 0.7, on=IMAGE),
]
