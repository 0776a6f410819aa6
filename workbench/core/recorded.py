"""Recorded: a base of classes whose objects remember how they were made, so that a configuration can be written.

What is remembered is plain: numbers, names, functions, arrays, and of other recorded objects their own recipe, so that
no object is kept alive. `config` turns a recipe into JSON or YAML and back.
"""
from __future__ import annotations

import functools
import os
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np


class Recipe(NamedTuple):
    """A class, or a function that makes objects, and what it was called with."""

    made: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Opaque(NamedTuple):
    """Stands for an argument that no configuration can hold."""

    type_name: str


_PLAIN = (type(None), bool, int, float, complex, str, type, np.dtype, np.ndarray, np.generic, FunctionType, BuiltinFunctionType)


class Recorded:
    """Remembers the arguments of its construction as ``_recipe``.

    Attributes
    ----------
    given : tuple of str
        Leading arguments that are no settings: what is there when the object is built, such as an optimizer's
        parameters.
    """

    given: ClassVar[tuple[str, ...]] = ()

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__new__(cls)
        vars(made)["_recipe"] = Recipe(cls, tuple(map(_remembered, args[len(cls.given):])),
                                       {name: _remembered(value) for name, value in kwargs.items() if name not in cls.given})
        return made


Maker = TypeVar("Maker", bound=Callable[..., Any])


def recorded(function: Maker) -> Maker:
    """Let the object that a function returns remember the call, as one of a `Recorded` class remembers its construction."""
    @functools.wraps(function)
    def making(*args: Any, **kwargs: Any) -> Any:
        made = function(*args, **kwargs)
        vars(made)["_recipe"] = Recipe(making, tuple(map(_remembered, args)), {name: _remembered(value) for name, value in kwargs.items()})
        return made

    return making


def _remembered(value: Any) -> Any:
    if isinstance(value, _PLAIN) or hasattr(value, "__array_namespace__"):
        return value
    if isinstance(getattr(value, "_recipe", None), Recipe):
        return value._recipe
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, (tuple, list, range)):
        return [_remembered(part) for part in value]
    if isinstance(value, dict):
        return {name: _remembered(part) for name, part in value.items()}
    return value if hasattr(value, "op") else Opaque(type(value).__name__)
