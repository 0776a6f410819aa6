"""The probability of a label sequence over all its alignments in time: the core of connectionist temporal classification.

Forward and backward variables (Graves et al. 2006) are kept in logarithms. Eagerly the sweep through time runs on arrays, and
backward gets the gradient from the products of both; every transformation uses the composite.
"""
from __future__ import annotations

import math
from typing import Any

from ..core.declare import fused
from ..core.tensor import Tensor
from . import elementwise as ew
from .index import where
from .movement import broadcast_to, concat, expand_dims, squeeze
from .reduce import stop_gradient
from .scatter import gather

NEVER = -math.inf
"""The logarithm of what cannot happen."""


def alignments_reference(log_probs: Tensor, path: Tensor, jumps: Tensor, times: Tensor, ends: Tensor) -> Tensor:
    """The forward variables, one step of time after the other."""
    steps, count, states = log_probs.shape[0], *path.shape
    seen = gather(log_probs, 2, broadcast_to(expand_dims(path, 0), (steps, count, states)))
    beyond = where(jumps[:, :1], 0.0, NEVER).to(log_probs.dtype)  # no path jumps to its first state, so this is never
    alpha = concat([seen[0, :, :2], *[beyond] * (states - 2)], axis=1) if states > 1 else seen[0]
    for t in range(1, steps):
        alone = concat([beyond, alpha[:, :-1]], axis=1)
        jumped = where(jumps, concat([beyond, beyond, alpha[:, :-2]], axis=1)[:, :states], NEVER)
        alpha = where(expand_dims(times, 1) > t, _log_sum(_log_sum(alpha, alone), jumped) + seen[t], alpha)
    last = squeeze(gather(alpha, 1, expand_dims(ends, 1)), 1)
    before = squeeze(gather(alpha, 1, ew.maximum(expand_dims(ends, 1) - 1, 0)), 1)
    total = _log_sum(last, where(ends > 0, before, NEVER))
    return where(times > 0, total, where(ends > 0, NEVER, 0.0))


def _log_sum(x: Tensor, y: Tensor) -> Tensor:
    """log(exp(x) + exp(y)); -inf, without a gradient, where both are."""
    top = stop_gradient(ew.maximum(x, y))
    top = where(top == NEVER, 0.0, top)
    total = ew.exp(x - top) + ew.exp(y - top)
    some = total > 0
    return where(some, ew.log(where(some, total, 1.0)) + top, NEVER)


@fused(reference=alignments_reference, arity=5, promotes=False, inexact=False)
class alignments:
    """Of log_probs (T, N, C), the logarithm (N,) of how probable all ways together are to walk along `path` (N, states).

    A way stays in a state, goes to the next, or, where `jumps` (N, states) says so, comes from the one before that. It begins in one of
    the first two states and is, after `times` (N,) steps, in state `ends` (N,) or the one before.
    """

    def forward(xp, x, y, z, w, u):
        wide = xp.promote_types(x.dtype, xp.float32)
        seen = xp.take_along_axis(x, xp.broadcast_to(y, (x.shape[0], *y.shape)), 2).astype(wide, copy=False)
        alpha = xp.full((*seen.shape[:2], seen.shape[2] + 2), NEVER, wide)  # two states in front that nobody is ever in
        alpha[0, :, 2:4] = seen[0, :, :2]
        for t in range(1, len(seen)):
            before = alpha[t - 1]
            grown = _log_sum_of_three(xp, before[:, 2:], before[:, 1:-1], xp.where(z, before[:, :-2], NEVER)) + seen[t]
            alpha[t, :, 2:] = xp.where((t < w)[:, None], grown, before[:, 2:])
        rows = xp.arange(len(u))
        total = _log_sum_of_three(xp, alpha[-1][rows, u + 2], xp.where(u > 0, alpha[-1][rows, u + 1], NEVER), NEVER)
        total = xp.where(w > 0, total, xp.where(u > 0, NEVER, 0.0).astype(wide))
        return total.astype(x.dtype), (alpha[:, :, 2:], seen, total)

    def backward(xp, g, needs, residual, x, y, z, w, u):
        alpha, seen, total = residual
        steps, _, states = seen.shape
        numbers = xp.arange(states)
        arrived = xp.where((numbers == u[:, None]) | (numbers == u[:, None] - 1), 0.0, NEVER).astype(seen.dtype)
        ahead = xp.full((len(u), states + 2), NEVER, seen.dtype)  # log-probability of the rest, seen from the state before
        jumps = xp.concatenate([z[:, 2:], xp.zeros((len(u), 2), bool)], axis=1)[:, :states]
        shares = xp.empty_like(seen)
        scale = xp.where(total == NEVER, 0.0, total)[:, None]
        for t in range(steps - 1, -1, -1):
            rest = _log_sum_of_three(xp, ahead[:, :-2], ahead[:, 1:-1], xp.where(jumps, ahead[:, 2:], NEVER))
            rest = xp.where((w == t + 1)[:, None], arrived, rest)
            shares[t] = xp.exp(alpha[t] + rest - scale)
            ahead[:, :-2] = rest + seen[t]
        shares *= xp.where(total == NEVER, 0.0, g.astype(seen.dtype))[:, None]
        classes = (y[:, :, None] == xp.arange(x.shape[2])).astype(seen.dtype)
        found = xp.matmul(shares.transpose(1, 0, 2), classes).transpose(1, 0, 2)
        return found.astype(x.dtype), None, None, None, None


def _log_sum_of_three(xp: Any, x: Any, y: Any, z: Any) -> Any:
    top = xp.maximum(xp.maximum(x, y), z)
    safe = xp.where(top == NEVER, 0.0, top).astype(x.dtype, copy=False)
    total = xp.exp(x - safe) + xp.exp(y - safe) + xp.exp(z - safe)
    return xp.where(total > 0, xp.log(xp.where(total > 0, total, 1.0)) + safe, NEVER).astype(x.dtype, copy=False)
