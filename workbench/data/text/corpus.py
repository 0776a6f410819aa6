"""A long text as tokens, and the windows on it from which a language model learns to predict."""
from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ...core import Tensor, as_tensor
from ...core.errors import ArgumentError, ShapeError
from ..dataset import Dataset
from .tokenizer import Tokenizer
from .words import CharTokenizer


class Windows(Dataset):
    """Stretches of a sequence, and the same stretches moved on by one.

    Parameters
    ----------
    numbers : array of int
        The sequence, such as a text in numbers.
    length : int
        Of a stretch.
    stride : int
        From one stretch to the next; `length` makes them touch without overlap.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.data.Windows(wb.arange(5).numpy(), 3)[1]
    (tensor([1, 2, 3]), tensor([2, 3, 4]))
    >>> len(wb.data.Windows(range(10), 3, stride=3))
    3
    """

    takes_many = True

    def __init__(self, numbers: Sequence[int] | np.ndarray, length: int, stride: int = 1) -> None:
        self._numbers = np.asarray(numbers, np.int64)
        if self._numbers.ndim != 1:
            raise ShapeError(f"windows: expected a sequence of numbers, got shape {self._numbers.shape}")
        if not 0 < length < len(self._numbers):
            raise ArgumentError(f"windows: length={length} for a text of {len(self._numbers)} tokens")
        if stride < 1:
            raise ArgumentError(f"windows: stride={stride}; expected at least 1")
        self.length, self.stride = length, stride

    def __len__(self) -> int:
        return (len(self._numbers) - self.length - 1) // self.stride + 1

    def __getitem__(self, index: Any) -> tuple[Tensor, Tensor]:
        chosen = np.asarray(index if not isinstance(index, slice) else range(len(self))[index])
        if chosen.size and not -len(self) <= chosen.min() <= chosen.max() < len(self):
            raise IndexError(f"index {index} of {len(self)} windows")
        places = (np.where(chosen < 0, chosen + len(self), chosen) * self.stride)[..., None] + np.arange(self.length)
        return as_tensor(self._numbers[places]), as_tensor(self._numbers[places + 1])


class Corpus:
    """A text as a sequence of a tokenizer's tokens.

    Attributes
    ----------
    text : str
    tokenizer : Tokenizer

    Examples
    --------
    >>> import workbench as wb
    >>> text = "to be or not to be, that is the question " * 20
    >>> corpus = wb.data.text.Corpus(text, wb.data.text.ByteLevelBPE.train([text], 280))
    >>> x, y = corpus.windows(4)[0]
    >>> corpus.tokens(x.tolist()), corpus.tokens(y.tolist())
    (['t', 'o', '␣be', '␣or'], ['o', '␣be', '␣or', '␣not'])
    """

    def __init__(self, text: str, tokenizer: Tokenizer, name: str = "text") -> None:
        self.text, self.tokenizer, self.name = text, tokenizer, name

    @functools.cached_property
    def numbers(self) -> np.ndarray:
        """The whole text."""
        return np.array(self.tokenizer.numbers(self.text), np.int64)

    def __len__(self) -> int:
        return len(self.numbers)

    def __repr__(self) -> str:
        start = " ".join(self.text[:60].split())
        return f"{self.name}: {len(self):,} tokens, {len(self.tokenizer)} different ({start!r}...)"

    def encode(self, text: str) -> list[int]:
        """The numbers of the tokens of `text`."""
        return self.tokenizer.numbers(text)

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of numbers."""
        return self.tokenizer.decode(numbers)

    def tokens(self, numbers: Iterable[int]) -> list[str]:
        """One label per token, with blanks and line ends made visible."""
        return [self.tokenizer.decode([number]).replace(" ", "␣").replace("\n", "⏎") for number in numbers]

    def windows(self, length: int, stride: int = 1) -> Windows:
        """Stretches of `length` tokens with the same stretch one further: what to predict."""
        return Windows(self.numbers, length, stride)


class CharCorpus(Corpus):
    """A text as a sequence of characters.

    Attributes
    ----------
    text : str
    vocabulary : str
        Its different characters, sorted; the number of a character is its place here.

    Examples
    --------
    >>> import workbench as wb
    >>> corpus = wb.data.CharCorpus("banana")
    >>> corpus.encode("nab"), corpus.decode([2, 0])
    ([2, 0, 1], 'na')
    """

    def __init__(self, text: str, name: str = "text") -> None:
        super().__init__(text, CharTokenizer.train([text]), name)
        self.vocabulary = "".join(self.tokenizer.vocabulary.tokens)

    def __repr__(self) -> str:
        return super().__repr__().replace(" tokens, ", " characters, ", 1)
