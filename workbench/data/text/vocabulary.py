"""Vocabulary: tokens and their numbers."""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from ...core.errors import ArgumentError


class Vocabulary:
    """Tokens by number and numbers by token.

    Parameters
    ----------
    tokens : iterable of str
        Token i has number i.
    unk_token : str, optional
        Stands for every token that is not there; one of `tokens`.

    Examples
    --------
    >>> from workbench.data.text import Vocabulary
    >>> words = Vocabulary.from_counts("to be or not to be".split(), max_size=3, specials=["?"], unk_token="?")
    >>> words.tokens, words["be"], words["or"]
    (['?', 'to', 'be'], 2, 0)
    """

    def __init__(self, tokens: Iterable[str], unk_token: str | None = None) -> None:
        self.tokens = list(tokens)
        self.numbers = {token: number for number, token in enumerate(self.tokens)}
        if len(self.numbers) != len(self.tokens):
            twice = [token for token, count in Counter(self.tokens).items() if count > 1]
            raise ArgumentError(f"Vocabulary: {twice[0]!r} is there twice; each token has one number")
        if unk_token is not None and unk_token not in self.numbers:
            raise ArgumentError(f"Vocabulary: unk_token={unk_token!r} is not among its {len(self.tokens)} tokens")
        self.unk_token = unk_token

    @classmethod
    def from_counts(cls, tokens: Iterable[str], *, max_size: int | None = None, min_freq: int = 1, specials: Iterable[str] = (),
                    unk_token: str | None = None) -> Vocabulary:
        """The special tokens, then the most frequent ones; of equally frequent ones the first seen comes first.

        Parameters
        ----------
        tokens : iterable of str
            All tokens of a text, each as often as it occurs.
        max_size : int, optional
            How many there are at most, special ones included.
        min_freq : int
            Rarer ones are left out.
        """
        first = list(specials)
        counts = Counter(tokens)
        frequent = [token for token, count in counts.most_common() if count >= min_freq and token not in set(first)]
        return cls((first + frequent)[:max_size], unk_token)

    def __len__(self) -> int:
        return len(self.tokens)

    def __iter__(self) -> Iterator[str]:
        return iter(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self.numbers

    def __getitem__(self, token: str) -> int:
        number = self.numbers.get(token)
        if number is not None:
            return number
        if self.unk_token is None:
            raise ArgumentError(f"Vocabulary: {token!r} is not among its {len(self)} tokens, and there is no unk_token")
        return self.numbers[self.unk_token]

    def token(self, number: int) -> str:
        """The token of a number."""
        if not 0 <= number < len(self.tokens):
            raise ArgumentError(f"Vocabulary: number {number}; expected 0 to {len(self) - 1}")
        return self.tokens[number]

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} tokens: {', '.join(map(repr, self.tokens[:6]))}{', ...' if len(self) > 6 else ''})"
