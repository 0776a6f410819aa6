"""Layers that draw numbers are what they pass on in evaluation; what they draw is in test_dropouts.py."""
from __future__ import annotations

from tests.nn.cases import Inner
from tests.nn.formula import formula


def same(w, x):
    return x


def linear(w, x):
    return x @ w["module.weight"].T + w["module.bias"]


IMAGE, SPACE = [(2, 3, 5, 6)], [(2, 3, 4, 5, 6)]
ROWS = [
    formula("VariationalDropout", same, 0.4, random=True, on=[(5, 2, 3)]), formula("VariationalDropout", same, 0.4, True, random=True, on=[(5, 2, 3)]),
    formula("GaussianDropout", same, 0.4, random=True), formula("GaussianNoise", same, 0.4, random=True),
    formula("DropBlock2d", same, 0.4, 3, random=True, on=IMAGE), formula("DropBlock3d", same, 0.4, 2, random=True, on=SPACE),
    *[formula("StochasticDepth", same, 0.4, mode, random=True) for mode in ("batch", "row")],
    *[formula(name, same, 0.0, *more, on=on) for name, more, on in (
        ("VariationalDropout", (), [(5, 2, 3)]), ("GaussianDropout", (), [(4, 3)]), ("GaussianNoise", (), [(4, 3)]), ("DropBlock2d", (3,), IMAGE),
        ("StochasticDepth", ("row",), [(4, 3)]))],
    formula("DropConnect", linear, Inner("Linear", (3, 5)), 0.5, random=True), formula("DropConnect", linear, Inner("Linear", (3, 5)), 0.0),
    formula("ActivityRegularization", same, 0.1, 0.2),
]
