"""What constructors of layers ask of their settings before anything is made."""
from __future__ import annotations

import numbers
from typing import Any

from ..core.errors import ArgumentError


def whole(layer: str, least: int = 0, **given: Any) -> None:
    """Refuse settings that are no whole numbers of at least `least`.

    Examples
    --------
    >>> from workbench.nn.checks import whole
    >>> whole("Linear", in_features=2.5)
    Traceback (most recent call last):
    ...
    workbench.core.errors.ArgumentError: Linear: in_features=2.5; expected a whole number of at least 0
    """
    for name, value in given.items():
        if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < least:
            raise ArgumentError(f"{layer}: {name}={value!r}; expected a whole number of at least {least}")


def probability(layer: str, **given: Any) -> None:
    """Refuse settings that are not between 0 and 1."""
    for name, value in given.items():
        if not isinstance(value, numbers.Real) or not 0 <= value <= 1:
            raise ArgumentError(f"{layer}: {name}={value!r}; expected a probability between 0 and 1")
