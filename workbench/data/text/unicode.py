"""Which characters are letters, digits, blanks, punctuation, for regular expressions: `re` has no classes for them."""
from __future__ import annotations

import functools
import re
import sys
import unicodedata

# White_Space of the Unicode standard. `\s` of `re` also counts four control characters as blanks.
BLANK = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"


@functools.cache
def category(initial: str) -> str:
    """All characters whose general category starts so (``"L"``, ``"N"``, ``"Mn"``), as the inside of a ``[...]``."""
    ranges: list[list[int]] = []
    for number in range(sys.maxunicode + 1):
        if unicodedata.category(chr(number)).startswith(initial):
            if ranges and ranges[-1][1] == number - 1:
                ranges[-1][1] = number
            else:
                ranges.append([number, number])
    return "".join(re.escape(chr(low)) + ("" if low == high else "-" + re.escape(chr(high))) for low, high in ranges)


@functools.cache
def gpt2_pattern() -> re.Pattern:
    """Where GPT-2 cuts a text before it looks for pairs of bytes (Radford et al. 2019).

    English endings, then words, numbers and signs, each with the blank before it, then blanks that end a run.
    """
    letters, numbers = category("L"), category("N")
    return re.compile(rf"'s|'t|'re|'ve|'m|'ll|'d| ?[{letters}]+| ?[{numbers}]+| ?[^{BLANK}{letters}{numbers}]+"
                      rf"|[{BLANK}]+(?![^{BLANK}])|[{BLANK}]+")


def is_punctuation(character: str) -> bool:
    """Punctuation as BERT counts it: all of ASCII that is no letter, digit or blank, and Unicode's classes P."""
    return ("!" <= character <= "/" or ":" <= character <= "@" or "[" <= character <= "`" or "{" <= character <= "~"
            or unicodedata.category(character).startswith("P"))


def is_chinese(character: str) -> bool:
    """One of the ideographs that BERT takes for a word each."""
    number = ord(character)
    return any(low <= number <= high for low, high in _IDEOGRAPHS)


_IDEOGRAPHS = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F), (0x2B920, 0x2CEAF),
               (0xF900, 0xFAFF), (0x2F800, 0x2FA1F))
