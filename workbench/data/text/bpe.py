"""Byte-level byte-pair encoding, as GPT-2 has it: no text is unknown, and decoding gives every byte back."""
from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ...core.errors import ArgumentError, CheckpointError
from .merging import Pair, apply_merges, learn_merges
from .tokenizer import Tokenizer
from .unicode import gpt2_pattern


def byte_characters() -> list[str]:
    """A visible character for every byte: itself where it is one, else a letter from 256 on (Radford et al. 2019).

    Examples
    --------
    >>> from workbench.data.text.bpe import byte_characters
    >>> byte_characters()[ord("a")], byte_characters()[ord(" ")]
    ('a', 'Ġ')
    """
    visible = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = iter(range(256, 512))
    return [chr(byte) if byte in visible else chr(next(others)) for byte in range(256)]


CHARACTERS = byte_characters()
BYTES = {character: byte for byte, character in enumerate(CHARACTERS)}


class ByteLevelBPE(Tokenizer):
    """Byte-level byte-pair encoding (Radford et al. 2019).

    A text is cut into words by GPT-2's pattern; a word is its UTF-8 bytes, in which learnt pairs are joined, the earliest
    learnt first.

    Parameters
    ----------
    vocabulary : Vocabulary or iterable of str
        Tokens written with `byte_characters`.
    merges : sequence of (str, str)
        Pairs of tokens, earliest first.
    special_tokens, template
        As in `Tokenizer`.

    Examples
    --------
    >>> from workbench.data.text import ByteLevelBPE
    >>> tokenizer = ByteLevelBPE.train(["low lower lowest"] * 3, vocab_size=262)
    >>> tokenizer.tokenize("slow lower")
    ['s', 'low', 'Ġlower']
    >>> tokenizer.decode(tokenizer.encode("naïve 🙂"))
    'naïve 🙂'
    """

    kind = "byte_level_bpe"

    def __init__(self, vocabulary: Iterable[str], merges: Iterable[Sequence[str]], *, special_tokens: dict[str, str] | None = None,
                 template: str = "A") -> None:
        super().__init__(vocabulary, special_tokens=special_tokens, template=template)
        numbers = self.vocabulary.numbers
        missing = [character for character in CHARACTERS if character not in numbers]
        if missing:
            raise ArgumentError(f"ByteLevelBPE: the vocabulary lacks the byte {BYTES[missing[0]]} ({missing[0]!r}); it must hold all 256")
        self.merges = [(first, second) for first, second in merges]
        unknown = [part for pair in self.merges for part in (*pair, pair[0] + pair[1]) if part not in numbers]
        if unknown:
            raise ArgumentError(f"ByteLevelBPE: a merge uses {unknown[0]!r}, which is not in the vocabulary")
        self._of_byte = [numbers[character] for character in CHARACTERS]
        self._ranks: dict[Pair, tuple[int, int]] = {}
        for rank, (first, second) in enumerate(self.merges):
            self._ranks.setdefault((numbers[first], numbers[second]), (rank, numbers[first + second]))
        self._cache: dict[str, list[int]] = {}

    @classmethod
    def train(cls, texts: Iterable[str], vocab_size: int, *, min_frequency: int = 2, special_tokens: dict[str, str] | None = None,
              template: str = "A") -> ByteLevelBPE:
        """Learn pairs from texts.

        Parameters
        ----------
        texts : iterable of str
        vocab_size : int
            How many tokens there are at the end, special ones (first) and 256 bytes (next) included.
        min_frequency : int
            A rarer pair is not joined.
        """
        specials = list(dict.fromkeys((special_tokens or {}).values()))
        tokens = specials + sorted(CHARACTERS)
        if vocab_size < len(tokens):
            raise ArgumentError(f"ByteLevelBPE.train: vocab_size={vocab_size}; expected at least {len(tokens)}: 256 bytes and the special tokens")
        numbers = {token: number for number, token in enumerate(tokens)}
        of_byte = [numbers[character] for character in CHARACTERS]
        find = gpt2_pattern().findall
        counts = Counter(word for text in texts for word in find(text))
        words = {tuple(of_byte[byte] for byte in _bytes(word)): count for word, count in counts.items()}
        merges = learn_merges(words, tokens, vocab_size, min_frequency=min_frequency)
        return cls(tokens, [(tokens[a], tokens[b]) for a, b in merges], special_tokens=special_tokens, template=template)

    def _word(self, word: str) -> list[int]:
        found = self._cache.get(word)
        if found is None:
            found = apply_merges([self._of_byte[byte] for byte in _bytes(word)], self._ranks)
            if len(self._cache) < 1 << 16:
                self._cache[word] = found
        return found

    def pieces(self, text: str) -> list[str]:
        """Words, and in each the joined bytes."""
        tokens = self.vocabulary.tokens
        return [tokens[number] for word in gpt2_pattern().findall(text) for number in self._word(word)]

    def numbers(self, text: str) -> list[int]:
        """The numbers of a text's tokens, nothing added."""
        parts = [text] if self._finder is None else self._finder.split(text)
        found: list[int] = []
        for place, part in enumerate(parts):
            if place % 2:
                found.append(self.vocabulary[part])
            elif part:
                for word in gpt2_pattern().findall(part):
                    found += self._word(word)
        return found

    def encode_bytes(self, content: bytes) -> list[int]:
        """The numbers of any bytes; `decode_bytes` is its exact inverse."""
        return self.numbers(content.decode("utf-8", "surrogateescape"))

    def decode_bytes(self, numbers: Iterable[int]) -> bytes:
        """The bytes of numbers; a special token gives its own text."""
        return b"".join(self._bytes_of(self.vocabulary.token(number), number in self._special_numbers) for number in numbers)

    @staticmethod
    def _bytes_of(token: str, special: bool) -> bytes:
        return token.encode() if special else bytes(BYTES[character] for character in token)

    def join(self, tokens: Sequence[str]) -> str:
        """The text of the tokens' bytes; bytes that are no UTF-8 show as U+FFFD."""
        return b"".join(self._bytes_of(token, False) for token in tokens).decode("utf-8", "replace")

    # ---------------------------------------------------------------- files
    def settings(self) -> dict[str, Any]:
        """Merges as well."""
        return {**super().settings(), "merges": [list(pair) for pair in self.merges]}

    @classmethod
    def from_files(cls, vocab: str | os.PathLike, merges: str | os.PathLike, *, special_tokens: dict[str, str] | None = None,
                   template: str = "A") -> ByteLevelBPE:
        """Read GPT-2's two files, ``vocab.json`` and ``merges.txt``."""
        try:
            numbers = dict(json.loads(Path(vocab).read_text("utf-8")))
            tokens = sorted(numbers, key=numbers.__getitem__)
            if [numbers[token] for token in tokens] != list(range(len(tokens))):
                raise ValueError("numbers have gaps")
            lines = [line for line in Path(merges).read_text("utf-8").split("\n") if line and not line.startswith("#version")]
            pairs = [tuple(line.split(" ")) for line in lines]
            if any(len(pair) != 2 for pair in pairs):
                raise ValueError("a merge is not two tokens")
        except (ValueError, TypeError, AttributeError) as error:
            raise CheckpointError(f"{os.fspath(vocab)} and {os.fspath(merges)}: not the files of a byte-level tokenizer ({error})") from None
        return cls(tokens, pairs, special_tokens=special_tokens, template=template)

    def save_files(self, folder: str | os.PathLike) -> None:
        """Write GPT-2's two files into a folder."""
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        (place / "vocab.json").write_text(json.dumps(self.vocabulary.numbers, ensure_ascii=False), "utf-8")
        (place / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in self.merges), "utf-8")


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ArgumentError(f"the text holds half a surrogate pair, {text[error.start]!r}, which no bytes stand for") from None
