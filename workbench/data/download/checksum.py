"""Checksums: SHA-256, or MD5 where that is what is published."""
from __future__ import annotations

import hashlib
import os
import re

from ...core.errors import ArgumentError

_LENGTHS = {64: "sha256", 32: "md5"}


def digest_of(path: str | os.PathLike, kind: str) -> str:
    """The checksum of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()


def kind_of(checksum: str) -> str:
    """"sha256" or "md5", by the length.

    Examples
    --------
    >>> from workbench.data.download.checksum import kind_of
    >>> kind_of("0" * 32)
    'md5'
    """
    if not re.fullmatch(r"[0-9a-f]+", checksum) or len(checksum) not in _LENGTHS:
        raise ArgumentError(f"checksum={checksum!r}; expected SHA-256 (64) or MD5 (32) in small hexadecimal digits")
    return _LENGTHS[len(checksum)]


def mismatch(path: str | os.PathLike, checksum: str | None) -> str:
    """What is wrong with a file, in words; nothing if it is what it should be."""
    if checksum is None:
        return ""
    kind = kind_of(checksum)
    found = digest_of(path, kind)
    return "" if found == checksum else f"its {kind} is {found}, expected {checksum} ({os.path.getsize(path):,} bytes)"
