"""How headers of older versions become today's. The layout of the file around the header never changes.

For a new version: raise `file.VERSION`, add ``@upgrade(old)`` here, and a golden file of the old one to the tests.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

Header = dict[str, Any]
UPGRADES: dict[int, Callable[[Header], Header]] = {}
"""Version → the function that makes a header of the next version out of one of this."""


def upgrade(version: int) -> Callable[[Callable[[Header], Header]], Callable[[Header], Header]]:
    """Declare the function that upgrades headers of `version` to the next."""
    def declare(function: Callable[[Header], Header]) -> Callable[[Header], Header]:
        UPGRADES[version] = function
        return function

    return declare


def upgraded(header: Header, to: int) -> Header:
    """`header` brought up to version `to`, one step after another."""
    while header["version"] < to:
        version = header["version"]
        header = {**UPGRADES[version](header), "version": version + 1}
    return header
