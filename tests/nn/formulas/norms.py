"""Normalizations that PyTorch lacks."""
from __future__ import annotations

import torch

from tests.nn.formula import formula

ROWS = [
    formula("ScaleNorm", lambda w, x: w["scale"] * x / x.square().sum(-1, keepdim=True).sqrt(), 2.5, on=[(3, 4, 5)]),
    formula("ScaleNorm", lambda w, x: w["scale"] * x / torch.clamp(x.square().sum(-1, keepdim=True).sqrt(), min=2.0), 2.5, 2.0, on=[(7, 5)]),
]
