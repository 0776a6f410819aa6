"""Functions in configurations: those that workbench makes public, by name."""
from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from .. import ops
from ..core.errors import ConfigError
from ..nn import functional

_PLACES = {"nn.functional": functional, "ops": ops}


def name_of(function: Callable[..., Any], path: str) -> str:
    """The public name of a function.

    Raises
    ------
    ConfigError
        If it is not one of workbench's.
    """
    name = getattr(function, "__name__", "")
    for place, module in _PLACES.items():
        if getattr(module, name, None) is function:
            return f"{place}.{name}"
    raise ConfigError(f"{path}: the function {getattr(function, '__qualname__', function)!r} is not public in workbench, so a file cannot name it; "
                      "use one of nn.functional, or register a class that does the same (@wb.registry.register): a Module, or for a schedule an LRScheduler "
                      "with rate(base, epoch)")


def named(name: Any, path: str) -> Callable[..., Any]:
    """The function of a public name.

    Raises
    ------
    ConfigError
        If there is none.
    """
    place, _, short = str(name).rpartition(".")
    module = _PLACES.get(place)
    if module is None or short not in module.__all__:
        known = [f"{where}.{one}" for where, functions in _PLACES.items() for one in functions.__all__]
        near = difflib.get_close_matches(str(name), known, 3)
        hint = f"did you mean {' or '.join(near)}?" if near else "expected nn.functional.NAME or ops.NAME"
        raise ConfigError(f"{path}: {name!r} is no function of workbench; {hint}")
    return getattr(module, short)
