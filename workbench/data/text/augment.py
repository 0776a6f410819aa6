"""Augmentation of token lists, and the masks of BERT's training."""
from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, TypeVar

import numpy as np

from ...core import Tensor, as_tensor
from ...core.errors import ArgumentError
from ...core.recorded import Recorded
from ..randomness import generator

Token = TypeVar("Token", str, int)


def _share(p: float, who: str, name: str = "p") -> float:
    if not 0 <= p <= 1:
        raise ArgumentError(f"{who}: {name}={p}; expected a probability between 0 and 1")
    return p


class RandomDeletion(Recorded):
    """Each token left out with probability `p`; at least one stays (Wei and Zou 2019).

    Examples
    --------
    >>> from workbench.data import seeded, text
    >>> with seeded(3): text.RandomDeletion(0.5)("the cat sat on the mat".split())
    ['sat', 'on']
    """

    def __init__(self, p: float = 0.1) -> None:
        self.p = _share(p, "RandomDeletion")

    def __call__(self, tokens: Sequence[Token]) -> list[Token]:
        rng = generator()
        kept = [token for token, number in zip(tokens, rng.random(len(tokens)), strict=True) if number >= self.p]
        return kept if kept or not tokens else [tokens[rng.integers(len(tokens))]]


class RandomSwap(Recorded):
    """Two places exchanged, `n` times (Wei and Zou 2019).

    Examples
    --------
    >>> from workbench.data import seeded, text
    >>> with seeded(0): text.RandomSwap()("the cat sat".split())
    ['the', 'sat', 'cat']
    """

    def __init__(self, n: int = 1) -> None:
        if n < 0:
            raise ArgumentError(f"RandomSwap: n={n}; expected at least 0")
        self.n = n

    def __call__(self, tokens: Sequence[Token]) -> list[Token]:
        found, rng = list(tokens), generator()
        for _ in range(self.n if len(found) > 1 else 0):
            a, b = rng.choice(len(found), 2, replace=False)
            found[a], found[b] = found[b], found[a]
        return found


class RandomMasking(Recorded):
    """Each token replaced by `mask` with probability `p`: word dropout (Iyyer et al. 2015).

    Examples
    --------
    >>> from workbench.data import seeded, text
    >>> with seeded(1): text.RandomMasking("?", p=0.5)("the cat sat on the mat".split())
    ['the', 'cat', '?', 'on', '?', '?']
    """

    def __init__(self, mask: str | int, p: float = 0.1) -> None:
        self.mask, self.p = mask, _share(p, "RandomMasking")

    def __call__(self, tokens: Sequence[Token]) -> list[Token]:
        return [self.mask if number < self.p else token for token, number in zip(tokens, generator().random(len(tokens)), strict=True)]


class MaskTokens(Recorded):
    """The inputs and labels of masked language modelling (Devlin et al. 2018).

    A token is chosen with probability `p`. Of the chosen ones `mask_share` become the mask token, `random_share` a random
    token, and the others stay; the label is what stood there. Everywhere else the label is -100, which `cross_entropy`
    leaves out.

    Parameters
    ----------
    mask_id : int
    vocab_size : int
    special_ids : collection of int
        Never chosen: padding and other special tokens.
    p, mask_share, random_share : float

    Examples
    --------
    >>> from workbench.data import seeded, text
    >>> with seeded(2): inputs, labels = text.MaskTokens(mask_id=1, vocab_size=10, special_ids=[0], p=0.5)([[5, 6, 7, 8, 0, 0]])
    >>> inputs.tolist(), labels.tolist()
    ([[1, 1, 7, 1, 0, 0]], [[5, 6, -100, 8, -100, -100]])
    """

    def __init__(self, mask_id: int, vocab_size: int, special_ids: Collection[int] = (), *, p: float = 0.15, mask_share: float = 0.8,
                 random_share: float = 0.1) -> None:
        if not 0 <= mask_id < vocab_size:
            raise ArgumentError(f"MaskTokens: mask_id={mask_id}; expected 0 to vocab_size - 1 = {vocab_size - 1}")
        if _share(mask_share, "MaskTokens", "mask_share") + _share(random_share, "MaskTokens", "random_share") > 1:
            raise ArgumentError(f"MaskTokens: mask_share={mask_share} and random_share={random_share} add up to more than 1")
        self.mask_id, self.vocab_size, self.special_ids = mask_id, vocab_size, sorted(special_ids)
        self.p, self.mask_share, self.random_share = _share(p, "MaskTokens"), mask_share, random_share

    def __call__(self, input_ids: Any) -> tuple[Tensor, Tensor]:
        ids, rng = np.array(as_tensor(input_ids).numpy()), generator()
        chosen = (rng.random(ids.shape) < self.p) & ~np.isin(ids, self.special_ids)
        labels = np.where(chosen, ids, -100)
        fate = rng.random(ids.shape)
        ids[chosen & (fate < self.mask_share)] = self.mask_id
        replaced = chosen & (fate >= self.mask_share) & (fate < self.mask_share + self.random_share)
        ids[replaced] = rng.integers(0, self.vocab_size, int(replaced.sum()))
        return as_tensor(ids), as_tensor(labels)
