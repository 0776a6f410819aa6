"""Does a value fit a type? One function over the annotations that constructors use, with the conversions JSON needs."""
from __future__ import annotations

import collections.abc
import math
import types
import typing
from typing import Any

_SPELLED = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


class Misfit(Exception):  # noqa: N818 - never leaves this package
    """A value does not fit; the caller knows where."""


def fitted(annotation: Any, value: Any) -> Any:
    """The value as the type wants it: lists become tuples unless a list is asked for, "inf" a number.

    Raises
    ------
    Misfit
        If it does not fit.
    """
    origin, inside = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in (Any, object) or isinstance(annotation, (typing.TypeVar, str)):
        return tuple(value) if isinstance(value, list) and all(isinstance(part, (int, float, type(None))) for part in value) else value
    if isinstance(annotation, types.UnionType) or origin is typing.Union:
        return _any(inside, value)
    if origin is typing.Literal:
        return _want(value in inside, value)
    if origin is not None:
        return _generic(origin, inside, value)
    if annotation is float:
        value = _SPELLED.get(value, value) if isinstance(value, str) else value
        return _want(isinstance(value, (int, float)) and not isinstance(value, bool), value)
    if annotation is int:
        return _want(isinstance(value, int) and not isinstance(value, bool), value)
    if annotation is collections.abc.Callable:
        return _want(callable(value), value)
    if annotation is tuple and isinstance(value, list):
        return tuple(value)
    if hasattr(annotation, "_fields") and isinstance(value, (list, dict)):
        return _named(annotation, value)
    return _want(isinstance(value, annotation or type(None)), value)


def _named(annotation: Any, value: list | dict[str, Any]) -> Any:
    """A NamedTuple from its fields in order or by name."""
    kinds = typing.get_type_hints(annotation)
    given = dict(zip(annotation._fields, value, strict=False)) if isinstance(value, list) else value
    _want(len(given) == len(value) and set(given) <= set(kinds), value)
    return annotation(**{name: fitted(kinds[name], part) for name, part in given.items()})


def _want(fits: bool, value: Any) -> Any:
    if not fits:
        raise Misfit
    return value


def _any(choices: tuple[Any, ...], value: Any) -> Any:
    for choice in choices:
        try:
            return fitted(choice, value)
        except Misfit:
            continue
    raise Misfit


def _generic(origin: Any, inside: tuple[Any, ...], value: Any) -> Any:
    """``tuple[int, ...]``, ``Sequence[float]``, ``Mapping[str, Module]``, ``Callable[[Tensor], Tensor]``, ``type[Module]``."""
    if origin is collections.abc.Callable:
        return _want(callable(value), value)
    if origin is type:
        return _want(isinstance(value, type), value)
    if isinstance(value, dict) and issubclass(dict, origin):
        return {name: fitted(inside[-1], part) for name, part in value.items()}
    if not isinstance(value, (list, tuple)) or issubclass(origin, collections.abc.Mapping):
        return _want(isinstance(value, origin) and not isinstance(value, str), value)
    if origin is tuple and not (len(inside) == 2 and inside[1] is ...):
        _want(len(inside) == len(value), value)
        return tuple(fitted(kind, part) for kind, part in zip(inside, value, strict=True))
    parts = [fitted(inside[0], part) for part in value]
    return parts if origin is list else tuple(parts)
