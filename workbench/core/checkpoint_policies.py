"""What a checkpoint keeps nevertheless: policies, with JAX's names.

A policy sees every value that the function computed (what made it, its size, its cost) and returns the numbers of those
to keep.
"""
from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple


class Candidate(NamedTuple):
    """A value that was computed inside: the op, the name given by `checkpoint_name`, its bytes, and the seconds it took."""

    op: str
    name: str | None
    nbytes: int
    seconds: float


Policy = Callable[[Sequence[Candidate]], Collection[int]]
"""Which of the candidates are kept instead of computed again."""


def nothing_saveable(candidates: Sequence[Candidate]) -> Collection[int]:
    """Keep nothing: least memory."""
    return ()


def everything_saveable(candidates: Sequence[Candidate]) -> Collection[int]:
    """Keep every value: no op is computed twice."""
    return range(len(candidates))


def dots_saveable(candidates: Sequence[Candidate]) -> Collection[int]:
    """Keep the results of products and convolutions, which cost the most to compute."""
    return [i for i, c in enumerate(candidates) if c.op in ("matmul", "einsum", "attention_core") or c.op.startswith("conv")]


def save_only_these_names(*names: str) -> Policy:
    """Keep what was marked with `checkpoint_name` as one of these names."""
    return lambda candidates: [i for i, c in enumerate(candidates) if c.name in names]


def save_any_names_but_these(*names: str) -> Policy:
    """Keep whatever has a name, apart from these."""
    return lambda candidates: [i for i, c in enumerate(candidates) if c.name is not None and c.name not in names]


def save_within_budget(nbytes: int) -> Policy:
    """Keep the values that cost the most time per byte, up to `nbytes` in all."""
    def choose(candidates: Sequence[Candidate]) -> Collection[int]:
        left, kept = nbytes, []
        for index in sorted(range(len(candidates)), key=lambda i: -candidates[i].seconds / max(candidates[i].nbytes, 1)):
            if candidates[index].nbytes <= left:
                left -= candidates[index].nbytes
                kept.append(index)
        return kept

    return choose
