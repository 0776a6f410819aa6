"""The step function of spiking neurons, whose derivative is another function's: the true one is zero almost everywhere."""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..core import batching
from ..core.declare import op
from . import elementwise as ew

SLOPES: dict[str, Callable[[Any, float], Any]] = {
    "fast_sigmoid": lambda x, k: 1 / ew.square(1 + k * ew.abs(x)),
    "atan": lambda x, k: k / 2 / (1 + ew.square(math.pi / 2 * k * x)),
    "sigmoid": lambda x, k: k * ew.sigmoid(k * x) * ew.sigmoid(-k * x),
    "straight_through": lambda x, k: k,
}
"""The derivative that stands in for that of the step, at x and with a steepness k."""


@op(batch=batching.elementwise, inexact=True)
class surrogate_spike:
    """1 where x is above 0, else 0; its derivative is one of `SLOPES`."""

    def forward(xp, x, *, kind, steepness):
        return (x > 0).astype(x.dtype)

    def vjp(g, x, *, kind, steepness):
        return g * SLOPES[kind](x, steepness)

    def jvp(t, o, x, *, kind, steepness):
        return t * SLOPES[kind](x, steepness)
