"""Convolutions in two steps, and pooling over all places."""
from __future__ import annotations

import torch

from tests.nn.formula import formula

F = torch.nn.functional
X = {1: (2, 4, 9), 2: (2, 4, 6, 7), 3: (2, 4, 4, 5, 6)}


def separable(n, **options):
    """Every channel by its own filters, one after the other; then channels mixed at every place."""
    convolve = getattr(F, f"conv{n}d")

    def reference(w, x):
        each = w["depthwise.weight"].shape[0] // x.shape[1]
        parts = [convolve(x[:, c:c + 1], w["depthwise.weight"][c * each:(c + 1) * each], **options) for c in range(x.shape[1])]
        along = lambda name: w[name].reshape(-1, *[1] * n) if name in w else 0
        middle = torch.cat(parts, 1) + along("depthwise.bias")
        mixed = torch.einsum("nc...,oc->no...", middle, w["pointwise.weight"].flatten(1))
        return mixed + along("pointwise.bias")

    return reference


POOLED = {"GlobalAvgPool": torch.mean, "GlobalMaxPool": torch.amax}
ROWS = [
    *[formula(f"DepthwiseSeparableConv{n}d", separable(n), 4, 6, 3, on=[X[n]]) for n in (1, 2, 3)],
    *[formula(f"DepthwiseSeparableConv{n}d", separable(n, stride=2, padding=1, dilation=2), 4, 6, 2, 2, 1, 2, False, depth_multiplier=3, on=[X[n]])
      for n in (1, 2)],
    *[formula(f"{name}{n}d", lambda w, x, reduce=reduce, n=n, keepdim=keepdim: reduce(x, tuple(range(-n, 0)), keepdim=keepdim), keepdim=keepdim, on=[shape])
      for name, reduce in POOLED.items() for n in (1, 2, 3) for keepdim in (False, True) for shape in (X[n], X[n][1:])],
]
