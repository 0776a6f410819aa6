"""Tokenizers that cut a text at characters, or at words."""
from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ...core.errors import ArgumentError
from .tokenizer import Tokenizer
from .vocabulary import Vocabulary


class CharTokenizer(Tokenizer):
    """One token per character.

    Examples
    --------
    >>> from workbench.data.text import CharTokenizer
    >>> tokenizer = CharTokenizer.train(["banana"])
    >>> tokenizer.encode("nab"), tokenizer.decode([2, 0])
    ([2, 0, 1], 'na')
    """

    kind = "characters"

    @classmethod
    def train(cls, texts: Iterable[str], *, special_tokens: dict[str, str] | None = None, template: str = "A") -> CharTokenizer:
        """The special tokens, then the characters of the texts, sorted."""
        specials = list(dict.fromkeys((special_tokens or {}).values()))
        characters = sorted({character for text in texts for character in text} - set(specials))
        return cls(specials + characters, special_tokens=special_tokens, template=template)

    def pieces(self, text: str) -> list[str]:
        """Characters."""
        return list(text)

    def join(self, tokens: Sequence[str]) -> str:
        """Side by side."""
        return "".join(tokens)


class WordTokenizer(Tokenizer):
    """One token per word: what a regular expression finds.

    Parameters
    ----------
    vocabulary : Vocabulary or iterable of str
    pattern : str
        What a token is; by default a run of letters and digits, or one other sign. ``r"\\S+"`` cuts at blanks only.
    lowercase : bool
    special_tokens, template
        As in `Tokenizer`. Without an "unk" token a word that is not in the vocabulary is an error.

    Examples
    --------
    >>> from workbench.data.text import WordTokenizer
    >>> tokenizer = WordTokenizer.train(["A rose is a rose."], special_tokens={"unk": "<unk>", "pad": "<pad>"})
    >>> tokenizer.tokenize("Is a lily a rose?")
    ['is', 'a', 'lily', 'a', 'rose', '?']
    >>> tokenizer.encode("Is a lily a rose?")
    [4, 2, 0, 2, 3, 0]
    """

    kind = "words"
    glue = " "

    def __init__(self, vocabulary: Vocabulary | Iterable[str], *, pattern: str = r"\w+|[^\w\s]", lowercase: bool = True,
                 special_tokens: dict[str, str] | None = None, template: str = "A") -> None:
        super().__init__(vocabulary, special_tokens=special_tokens, template=template)
        self.pattern, self.lowercase = pattern, lowercase
        self._find = _finder(pattern)

    @classmethod
    def train(cls, texts: Iterable[str], *, max_size: int | None = None, min_freq: int = 1, pattern: str = r"\w+|[^\w\s]",
              lowercase: bool = True, special_tokens: dict[str, str] | None = None, template: str = "A") -> WordTokenizer:
        """The special tokens, then the most frequent words of the texts (see `Vocabulary.from_counts`)."""
        find = _finder(pattern)
        words = (word for text in texts for word in find(text.lower() if lowercase else text))
        specials = dict.fromkeys((special_tokens or {}).values())
        vocabulary = Vocabulary.from_counts(words, max_size=max_size, min_freq=min_freq, specials=specials)
        return cls(vocabulary, pattern=pattern, lowercase=lowercase, special_tokens=special_tokens, template=template)

    def pieces(self, text: str) -> list[str]:
        """Words."""
        return self._find(text.lower() if self.lowercase else text)

    def join(self, tokens: Sequence[str]) -> str:
        """With a blank between each two."""
        return " ".join(tokens)

    def settings(self) -> dict[str, Any]:
        """Pattern and case as well."""
        return {**super().settings(), "pattern": self.pattern, "lowercase": self.lowercase}


def _finder(pattern: str) -> Any:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ArgumentError(f"WordTokenizer: pattern={pattern!r} is no regular expression: {error}") from None
    if compiled.groups:
        raise ArgumentError(f"WordTokenizer: pattern={pattern!r} has a group; write (?:...) instead of (...)")
    return compiled.findall
