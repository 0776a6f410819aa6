"""WordPiece as BERT has it: words cleaned and cut, then each made of the longest pieces that the vocabulary has."""
from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from ...core.errors import ArgumentError
from .merging import learn_merges
from .tokenizer import Tokenizer
from .unicode import is_chinese, is_punctuation

BERT = {"unk": "[UNK]", "pad": "[PAD]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
TEMPLATE = "[CLS] A [SEP] B [SEP]"


def basic_words(text: str, *, lowercase: bool = True) -> list[str]:
    """BERT's words: control characters removed, accents and capitals too if `lowercase`, every sign a word of its own.

    Examples
    --------
    >>> from workbench.data.text.wordpiece import basic_words
    >>> basic_words("Café, 你好!")
    ['cafe', ',', '你', '好', '!']
    """
    cleaned = text.translate(_CLEANED)
    if lowercase:
        cleaned = unicodedata.normalize("NFD", cleaned).translate(_WITHOUT_ACCENTS).lower()
    return cleaned.translate(_APART).split()


class _Memo(dict):
    """What `str.translate` puts for a character, worked out when it is first met."""

    def __init__(self, rule: Callable[[str], str]) -> None:
        super().__init__()
        self.rule = rule

    def __missing__(self, number: int) -> str:
        self[number] = self.rule(chr(number))
        return self[number]


def _clean(character: str) -> str:
    kind = unicodedata.category(character)
    if character in "\t\n\r" or kind == "Zs":
        return " "
    if character == "\ufffd" or kind in ("Cc", "Cf", "Cn", "Co"):
        return ""
    return f" {character} " if is_chinese(character) else character


_CLEANED = _Memo(_clean)
_WITHOUT_ACCENTS = _Memo(lambda character: "" if unicodedata.category(character) == "Mn" else character)
_APART = _Memo(lambda character: f" {character} " if is_punctuation(character) else character)


class WordPiece(Tokenizer):
    """WordPiece (Schuster and Nakajima 2012; Devlin et al. 2018).

    From the left, each word is cut into the longest pieces of the vocabulary; pieces inside a word begin with "##". A word
    that cannot be cut so is unknown as a whole.

    Parameters
    ----------
    vocabulary : Vocabulary or iterable of str
    lowercase : bool
        Capitals and accents removed, as in BERT's "uncased" models.
    max_word : int
        A longer word is unknown.
    special_tokens, template
        As in `Tokenizer`; BERT's by default.

    Examples
    --------
    >>> from workbench.data.text import WordPiece
    >>> tokenizer = WordPiece(["un", "##aff", "##able", "!"])
    >>> tokenizer.tokenize("Unaffable lily!")
    ['un', '##aff', '##able', '[UNK]', '!']
    >>> tokenizer.decode(tokenizer.encode("unaffable!"), skip_special_tokens=True)
    'unaffable !'
    """

    kind = "wordpiece"
    glue = " "

    def __init__(self, vocabulary: Iterable[str], *, lowercase: bool = True, max_word: int = 100,
                 special_tokens: dict[str, str] | None = None, template: str = TEMPLATE) -> None:
        super().__init__(vocabulary, special_tokens=BERT if special_tokens is None else special_tokens, template=template)
        if "unk" not in self.special_tokens:
            raise ArgumentError("WordPiece: special_tokens need an 'unk' token, for words that cannot be cut into pieces")
        self.lowercase, self.max_word = lowercase, max_word
        self._longest = max(map(len, self.vocabulary.tokens))
        self._cache: dict[str, list[str]] = {}

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int, *, min_frequency: int = 2, lowercase: bool = True,
              special_tokens: dict[str, str] | None = None, template: str = TEMPLATE) -> WordPiece:
        """Learn pieces by joining the most frequent pairs, as `tokenizers` does.

        Parameters
        ----------
        texts : iterable of str
        vocab_size : int
            How many tokens there are at the end, special ones (first) and characters (next) included.
        min_frequency : int
            A rarer pair is not joined.
        """
        specials = list(dict.fromkeys((BERT if special_tokens is None else special_tokens).values()))
        counts = Counter(word for text in texts for word in basic_words(text, lowercase=lowercase))
        characters = {character for word in counts for character in word}
        # Single characters come first, then those that occur inside words, in the order in which they are met.
        inside = dict.fromkeys("##" + character for word in sorted(counts) for character in word[1:])
        tokens = specials + sorted(characters) + list(inside)
        if vocab_size < len(tokens):
            raise ArgumentError(f"WordPiece.train: vocab_size={vocab_size}; expected at least {len(tokens)}: characters and special tokens")
        numbers = {token: number for number, token in enumerate(tokens)}
        words = {tuple(numbers[("##" if place else "") + character] for place, character in enumerate(word)): count
                 for word, count in counts.items()}
        learn_merges(words, tokens, vocab_size, min_frequency=min_frequency, joined=lambda first, second: first + second.removeprefix("##"))
        return cls(tokens, lowercase=lowercase, special_tokens=special_tokens, template=template)

    @classmethod
    def from_file(cls, path: str | os.PathLike, **settings: Any) -> WordPiece:
        """Read BERT's ``vocab.txt``, one token a line."""
        return cls(Path(path).read_text("utf-8").rstrip("\n").split("\n"), **settings)

    def save_file(self, path: str | os.PathLike) -> None:
        """Write BERT's ``vocab.txt``."""
        Path(path).write_text("\n".join(self.vocabulary.tokens) + "\n", "utf-8")

    def pieces(self, text: str) -> list[str]:
        """Words, and of each its pieces."""
        found: list[str] = []
        for word in basic_words(text, lowercase=self.lowercase):
            parts = self._cache.get(word)
            if parts is None:
                parts = self._word(word)
                if len(self._cache) < 1 << 16:
                    self._cache[word] = parts
            found += parts
        return found

    def _word(self, word: str) -> list[str]:
        start, parts, known = 0, [], self.vocabulary.numbers
        while start < len(word) <= self.max_word:
            prefix = "##" if start else ""
            ends = range(min(len(word), start + self._longest), start, -1)
            end = next((end for end in ends if prefix + word[start:end] in known), None)
            if end is None:
                break
            parts.append(prefix + word[start:end])
            start = end
        return parts if start == len(word) else [self.special_tokens["unk"]]

    def join(self, tokens: Sequence[str]) -> str:
        """With blanks between words."""
        return " ".join(tokens).replace(" ##", "")

    def settings(self) -> dict[str, Any]:
        """Case and longest word as well."""
        return {**super().settings(), "lowercase": self.lowercase, "max_word": self.max_word}
