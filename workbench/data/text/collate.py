"""Texts with labels as a batch: what a loader needs beside a tokenizer."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...core import Tensor
from ...core.errors import DTypeError
from ..collate import default_collate
from .tokenizer import Tokenizer


class TextCollate:
    """A `collate_fn` that makes tokens of the first text of each item, padded to the longest of the batch.

    Parameters
    ----------
    tokenizer : Tokenizer
        With a "pad" token.
    max_length : int, optional
        Cut what is longer.

    Examples
    --------
    >>> import workbench as wb
    >>> tokenizer = wb.data.text.WordTokenizer.train(["a good film", "bad"], special_tokens={"pad": "_"})
    >>> reviews = [("a good film", 1), ("bad", 0)]
    >>> loader = wb.data.DataLoader(reviews, batch_size=2, collate_fn=wb.data.text.TextCollate(tokenizer))
    >>> tokens, labels = next(iter(loader))
    >>> tokens["input_ids"].tolist(), labels.tolist()
    ([[1, 2, 3], [4, 0, 0]], [1, 0])
    """

    def __init__(self, tokenizer: Tokenizer, max_length: int | None = None) -> None:
        tokenizer.number("pad")
        self.tokenizer, self.max_length = tokenizer, max_length

    def __call__(self, items: Sequence[Any]) -> Any:
        """Items are texts, or tuples that begin with one; gives the tokenizer's tensors, with the rest collated as usual."""
        alone = isinstance(items[0], str)
        texts = list(items) if alone else [item[0] if isinstance(item, (tuple, list)) else item for item in items]
        wrong = next((entry for entry in texts if not isinstance(entry, str)), None)
        if wrong is not None:
            raise DTypeError(f"TextCollate: an item begins with a {type(wrong).__name__}; expected a text, or a tuple that begins with one")
        tokens: dict[str, Tensor] = self.tokenizer(texts, padding=True, max_length=self.max_length)
        return tokens if alone else (tokens, *default_collate([tuple(item[1:]) for item in items]))

    def __repr__(self) -> str:
        return f"TextCollate({self.tokenizer!r}, max_length={self.max_length})"
