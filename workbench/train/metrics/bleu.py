"""BLEU: how many runs of words a translation shares with reference translations."""
from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

import numpy as np

from ...core.errors import ArgumentError
from .base import Metric

Tokens = Sequence[Hashable]


class BLEU(Metric):
    """The geometric mean of n-gram precisions, times a penalty for what is too short (Papineni et al. 2002).

    ``BLEU = min(1, exp(1 - r / c)) exp(mean_n log p_n)``: p_n is the share of n-grams of the predictions that occur in a reference (each
    as often as there), c the length of all predictions, r that of the references closest in length. It is of a whole corpus, and not a
    mean of sentences.

    Parameters
    ----------
    max_n : int
        The longest n-grams.
    smooth : bool
        Add one to both counts of n-grams longer than 1 (Lin and Och 2004), so that short texts do not give 0.

    Shapes
    ------
    Predictions: a list of N texts, each a string or a sequence of tokens; targets: a list of N lists of references.

    Examples
    --------
    >>> import workbench as wb
    >>> metric = wb.train.metrics.BLEU(max_n=2)
    >>> metric.update(["the cat is here"], [["the cat sat here", "there is the cat"]]); round(metric.compute(), 4)
    0.5774
    """

    name = "bleu"
    kept: ClassVar[dict[str, str]] = {"matches": "sum", "totals": "sum", "lengths": "sum"}

    def __init__(self, max_n: int = 4, smooth: bool = False) -> None:
        if max_n < 1:
            raise ArgumentError(f"bleu: max_n={max_n}; expected at least 1")
        self.max_n, self.smooth = max_n, smooth
        super().__init__()

    def update(self, prediction: Sequence[str | Tokens], target: Sequence[Sequence[str | Tokens]]) -> None:  # type: ignore[override]  # it is not weighted
        """Take in predicted texts, and for each its references; a text is a string, split at blanks, or a sequence of tokens."""
        if len(prediction) != len(target):
            raise ArgumentError(f"bleu: {len(prediction)} predictions, but references for {len(target)}")
        matches, totals, lengths = (np.zeros(size, np.int64) for size in (self.max_n, self.max_n, 2))
        for text, references in zip(prediction, target, strict=True):
            if isinstance(references, str) or not len(references):
                raise ArgumentError("bleu: expected a list of references for each prediction, such as [['a reference', 'another']]")
            found, wanted = _tokens(text), [_tokens(reference) for reference in references]
            lengths += len(found), min((abs(len(each) - len(found)), len(each)) for each in wanted)[1]
            for n in range(1, self.max_n + 1):
                grams, most = _grams(found, n), Counter()
                for each in wanted:
                    most |= _grams(each, n)
                matches[n - 1] += (grams & most).total()
                totals[n - 1] += grams.total()
        self._add({"matches": matches, "totals": totals, "lengths": lengths})

    def result(self, **kept: np.ndarray) -> Any:
        """Precisions and penalty."""
        extra = (np.arange(self.max_n) > 0) * self.smooth
        matches, totals, (length, reference) = kept["matches"] + extra, kept["totals"] + extra, kept["lengths"]
        if not length or not matches.all():
            return 0.0
        penalty = min(0.0, 1 - reference / length)
        return math.exp(penalty + np.log(matches / totals).mean())


def _tokens(text: str | Tokens) -> Tokens:
    return text.split() if isinstance(text, str) else text


def _grams(tokens: Tokens, n: int) -> Counter:
    return Counter(tuple(tokens[start:start + n]) for start in range(len(tokens) - n + 1))
