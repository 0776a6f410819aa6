"""Rows of the functions of `nn.functional` that PyTorch lacks: state-space models and what else layers are made of."""
from __future__ import annotations

from .rows import Draw, Row
from .table_spatial import functional

SIGNAL, RATES, SELECTED = Draw((2, 4, 5)), Draw((4, 3), -2.0, -0.1), Draw((2, 3, 5))
STEPS = Draw((2, 4, 5), 0.05, 0.5)
GATED = {"return_last_state": True, "delta_softplus": True}

ROWS: tuple[Row, ...] = (
    functional("selective_scan", (SIGNAL, STEPS, RATES, SELECTED, SELECTED), (SIGNAL, STEPS, RATES, Draw((2, 2, 3, 5)), Draw((4, 3))),
               (SIGNAL, SIGNAL, RATES, SELECTED, SELECTED, Draw((4,)), SIGNAL, Draw((4,)), GATED),
               (Draw((1, 2, 67)), Draw((1, 2, 67), 0.05, 0.5), Draw((2, 1), -2.0, -0.1), Draw((1, 1, 67)), Draw((1, 1, 67))),
               torch=None, elsewhere="tests/nn/test_state_space.py", covers=("selective_scan_core",)),
)
