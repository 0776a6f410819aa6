"""What every tokenizer shares: special tokens, templates, pairs, padding, truncation, masks, files."""
from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ...core import Tensor, as_tensor
from ...core.errors import ArgumentError, CheckpointError, ConfigError
from .vocabulary import Vocabulary

ROLES = ("unk", "pad", "bos", "eos", "cls", "sep", "mask")
FORMAT = 1


class Tokenizer:
    """Base of tokenizers: a text becomes numbers, and numbers a text.

    A subclass gives ``pieces(text)``, the tokens of a text without special ones, ``join(tokens)``, and what else its file
    holds in ``settings()``.

    Parameters
    ----------
    vocabulary : Vocabulary or iterable of str
    special_tokens : dict, optional
        The token of a role: "unk", "pad", "bos", "eos", "cls", "sep", "mask". They are found in a text before anything
        else, and never split. Those that the vocabulary lacks are added at its end.
    template : str
        How special tokens surround a text A and a second text B, such as ``"[CLS] A [SEP] B [SEP]"``; without a second
        text everything from B on is left out.

    Examples
    --------
    >>> from workbench.data.text import CharTokenizer
    >>> tokenizer = CharTokenizer("abc", special_tokens={"cls": "<", "sep": ">", "pad": "."}, template="< A > B >")
    >>> tokenizer.decode(tokenizer.encode("ab", "c"))
    '<ab>c>'
    >>> batch = tokenizer(["abc", "a"], padding=True)
    >>> batch["input_ids"].tolist(), batch["attention_mask"].tolist()
    ([[3, 0, 1, 2, 4], [3, 0, 4, 5, 5]], [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    """

    kind: ClassVar[str] = ""
    kinds: ClassVar[dict[str, type[Tokenizer]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "kind" in vars(cls):
            Tokenizer.kinds[cls.kind] = cls

    def __init__(self, vocabulary: Vocabulary | Iterable[str], *, special_tokens: dict[str, str] | None = None,
                 template: str = "A") -> None:
        self.special_tokens = dict(special_tokens or {})
        wrong = [role for role in self.special_tokens if role not in ROLES]
        if wrong:
            raise ArgumentError(f"{type(self).__name__}: special token of the role {wrong[0]!r}; expected one of {', '.join(ROLES)}")
        tokens = list(vocabulary)
        known = set(tokens)
        tokens += [token for token in dict.fromkeys(self.special_tokens.values()) if token not in known]
        self.vocabulary = Vocabulary(tokens, self.special_tokens.get("unk"))
        self.template = template
        self._layout = _layout(template, self.vocabulary)
        ordered = sorted(set(self.special_tokens.values()), key=len, reverse=True)
        self._finder = re.compile("(" + "|".join(map(re.escape, ordered)) + ")") if ordered else None
        self._special_numbers = {self.vocabulary[token] for token in ordered}

    # ---------------------------------------------------------------- to be given
    def pieces(self, text: str) -> list[str]:
        """The tokens of a text in which no special token occurs."""
        raise ArgumentError(f"{type(self).__name__} does not define pieces")

    def join(self, tokens: Sequence[str]) -> str:
        """The text of tokens."""
        raise ArgumentError(f"{type(self).__name__} does not define join")

    def settings(self) -> dict[str, Any]:
        """The arguments of the constructor beside the vocabulary, as plain JSON."""
        return {"special_tokens": self.special_tokens, "template": self.template}

    # ---------------------------------------------------------------- tokens and numbers
    def __len__(self) -> int:
        return len(self.vocabulary)

    def tokenize(self, text: str) -> list[str]:
        """The tokens of a text; special tokens that stand in it are kept whole."""
        if not isinstance(text, str):
            raise ArgumentError(f"{type(self).__name__}: expected a text, got {type(text).__name__}")
        if self._finder is None:
            return self.pieces(text)
        parts = self._finder.split(text)
        return [token for place, part in enumerate(parts) if part for token in ([part] if place % 2 else self.pieces(part))]

    def number(self, role: str) -> int:
        """The number of the special token of a role, such as ``"pad"``."""
        if role not in self.special_tokens:
            raise ArgumentError(f"{type(self).__name__} has no {role!r} token; give special_tokens={{{role!r}: ...}}")
        return self.vocabulary[self.special_tokens[role]]

    def numbers(self, text: str) -> list[int]:
        """The numbers of a text's tokens, nothing added."""
        known, tokens = self.vocabulary.numbers, self.tokenize(text)
        try:
            return [known[token] for token in tokens]
        except KeyError:
            return [self.vocabulary[token] for token in tokens]

    def encode(self, text: str, pair: str | None = None, *, add_special_tokens: bool = True, max_length: int | None = None) -> list[int]:
        """The numbers of a text, or of two, in the template; the longer of two is cut first to keep `max_length`."""
        return self._encode(text, pair, add_special_tokens, max_length)[0]

    def _encode(self, text: str, pair: str | None, add_special_tokens: bool, max_length: int | None) -> tuple[list[int], list[int]]:
        layout = self._layout if add_special_tokens else [("A", 0), ("B", 1)]
        if pair is None:
            layout = layout[:next((place for place, (part, _) in enumerate(layout) if part == "B"), None)]
        elif ("B", 1) not in layout:
            raise ArgumentError(f"{type(self).__name__}: a second text, but the template {self.template!r} has no B")
        parts = {"A": self.numbers(text), "B": [] if pair is None else self.numbers(pair)}
        if max_length is not None:
            _shorten(parts, max_length - sum(isinstance(part, int) for part, _ in layout), max_length)
        found = [(number, kind) for part, kind in layout for number in (parts[part] if isinstance(part, str) else [part])]
        return [number for number, _ in found], [kind for _, kind in found]

    def decode(self, numbers: Iterable[int] | Tensor, *, skip_special_tokens: bool = False) -> str:
        """The text of numbers."""
        plain = numbers.tolist() if isinstance(numbers, (Tensor, np.ndarray)) else list(numbers)
        texts, run = [], []
        for number in plain:
            if number not in self._special_numbers:
                run.append(self.vocabulary.token(number))
                continue
            texts += [self.join(run)] if run else []
            texts += [] if skip_special_tokens else [self.vocabulary.token(number)]
            run = []
        return self.glue.join(texts + ([self.join(run)] if run else []))

    glue: ClassVar[str] = ""
    """What stands between a special token and its neighbours in a decoded text."""

    def __call__(self, texts: str | Sequence[str], pairs: str | Sequence[str] | None = None, *, padding: bool | str = False,
                 max_length: int | None = None, add_special_tokens: bool = True) -> dict[str, Tensor]:
        """Texts as tensors: ``input_ids``, ``attention_mask`` (0 where padded) and ``token_type_ids`` (1 in second texts).

        Parameters
        ----------
        texts, pairs : str or list of str
            One text gives tensors (length,), a list (texts, length).
        padding : bool or "max_length"
            Fill short ones with the "pad" token, up to the longest or to `max_length`.
        max_length : int, optional
            Cut what is longer.
        """
        single = isinstance(texts, str)
        if padding == "max_length" and max_length is None:
            raise ArgumentError(f"{type(self).__name__}: padding='max_length' needs max_length")
        firsts, seconds = ([texts], [pairs]) if single else (list(texts), list(pairs) if pairs is not None else [None] * len(texts))
        if len(firsts) != len(seconds) or not firsts:
            raise ArgumentError(f"{type(self).__name__}: {len(firsts)} texts and {len(seconds)} pairs; expected as many of both, at least one")
        rows = [self._encode(text, pair, add_special_tokens, max_length) for text, pair in zip(firsts, seconds, strict=True)]
        lengths = {len(numbers) for numbers, _ in rows}
        width = max(lengths) if max_length is None or padding != "max_length" else max_length
        if not padding and len(lengths) > 1:
            raise ArgumentError(f"{type(self).__name__}: texts of {min(lengths)} to {max(lengths)} tokens do not make a batch; use padding=True")
        filled = self.number("pad") if padding and lengths != {width} else 0
        ids, mask, types = (np.zeros((len(rows), width), np.int64) for _ in range(3))
        ids += filled
        for row, (numbers, kinds) in enumerate(rows):
            ids[row, :len(numbers)], mask[row, :len(numbers)], types[row, :len(numbers)] = numbers, 1, kinds
        return {name: as_tensor(values[0] if single else values)
                for name, values in (("input_ids", ids), ("attention_mask", mask), ("token_type_ids", types))}

    # ---------------------------------------------------------------- files
    def save(self, path: str | os.PathLike) -> None:
        """Write everything to one JSON file."""
        content = {"format": FORMAT, "kind": self.kind, **self.settings(), "vocabulary": self.vocabulary.tokens}
        temporary = Path(f"{os.fspath(path)}.part")
        temporary.write_text(json.dumps(content, ensure_ascii=False, indent=1), "utf-8", "surrogatepass")
        temporary.replace(path)

    @staticmethod
    def load(path: str | os.PathLike) -> Tokenizer:
        """The tokenizer that `save` wrote, whatever its kind."""
        try:
            content = json.loads(Path(path).read_text("utf-8", "surrogatepass"))
            if content.pop("format") != FORMAT:
                raise CheckpointError(f"{os.fspath(path)}: written by another version of workbench")
            kind = Tokenizer.kinds[content.pop("kind")]
            return kind.from_settings(content)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise CheckpointError(f"{os.fspath(path)}: not a file of a tokenizer ({type(error).__name__}: {error})") from None

    @classmethod
    def from_settings(cls, content: dict[str, Any]) -> Tokenizer:
        """A tokenizer of this kind from what its file holds."""
        return cls(content.pop("vocabulary"), **content)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} tokens, special_tokens={self.special_tokens}, template={self.template!r})"


def _layout(template: str, vocabulary: Vocabulary) -> list[tuple[str | int, int]]:
    """A template as parts: "A", "B" or the number of a special token, each with its type: 0, and 1 from B on."""
    parts = template.split()
    if parts.count("A") != 1 or parts.count("B") > 1 or ("B" in parts and parts.index("B") < parts.index("A")):
        raise ConfigError(f"template {template!r}: expected special tokens around one A, and perhaps a B after it")
    missing = [part for part in parts if part not in ("A", "B") and part not in vocabulary]
    if missing:
        raise ConfigError(f"template {template!r}: {missing[0]!r} is not in the vocabulary")
    second = parts.index("B") if "B" in parts else len(parts)
    return [(part if part in ("A", "B") else vocabulary[part], int(place >= second)) for place, part in enumerate(parts)]


def _shorten(parts: dict[str, list[int]], room: int, max_length: int) -> None:
    """Cut the longer part, one token at a time, until both fit."""
    if room < 0:
        raise ArgumentError(f"max_length={max_length} is less than the special tokens of the template take")
    first, second = len(parts["A"]), len(parts["B"])
    for _ in range(first + second - room):
        if first > second:
            first -= 1
        else:
            second -= 1
    del parts["A"][first:], parts["B"][second:]
