"""Lengths that nobody knows yet: of the axes that an `Input` leaves open, and what is computed from them.

An `Axis` stands where shapes have an integer. Arithmetic on it is written down, to be done when the model runs; where code
needs the number itself it is refused, so that no length of today gets into the model. Two samples of every length
tell what is equal.
"""
from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from .errors import GraphError

SAMPLES = 2
"""How many worlds shapes are worked out in: what is the same in both does not depend on an open axis."""
BATCH = (7, 11)
LENGTH = (32, 64)

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {"+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv,
                                                    "%": operator.mod, "/": operator.truediv}


class Axis:
    """An unknown length: where it is found at run time, or the arithmetic that gives it.

    Attributes
    ----------
    samples : tuple of int
        What it is in each of the worlds in which shapes are worked out.
    rule : tuple
        ``("axis", slot, number)``: the length of that axis of that value; or an operator and two operands.
    """

    __slots__ = ("samples", "rule")

    def __init__(self, samples: tuple[int, ...], rule: tuple) -> None:
        self.samples, self.rule = samples, rule

    def __repr__(self) -> str:
        return "None"

    def __eq__(self, other: Any) -> Any:
        """Equal in every world; a length that is equal in one of them only is another one. None stands for any, as in an Input."""
        if other is None:
            return True
        if not isinstance(other, (int, float, Axis)):
            return NotImplemented
        return all(sample(self, world) == sample(other, world) for world in range(SAMPLES))

    def __hash__(self) -> int:
        return hash(self.samples)

    def value(self, shape_of: Callable[[int], tuple[int, ...]]) -> int:
        """The length, once the shapes of values are known by their slot."""
        kind, first, second = self.rule
        if kind == "axis":
            return shape_of(first)[second]
        left, right = (part.value(shape_of) if isinstance(part, Axis) else part for part in (first, second))
        return OPERATORS[kind](left, right)

    def _unknown(self, *_: Any) -> Any:
        raise GraphError("the length of an open axis is known only when the model runs; use -1 or flatten(1), give the axis a length in Input, or put "
                         "this computation into a Module and call that")

    __index__ = __int__ = __float__ = __pow__ = __rpow__ = _unknown

    def __bool__(self) -> bool:
        return self != 0 if 0 not in self.samples or not any(self.samples) else self._unknown()

    def __neg__(self) -> Axis:
        return self * -1


def sample(length: Any, world: int) -> Any:
    """A length, or anything with lengths in it, as it is in one world."""
    if isinstance(length, Axis):
        return length.samples[world]
    if isinstance(length, slice):
        return slice(*(sample(part, world) for part in (length.start, length.stop, length.step)))
    if isinstance(length, dict):
        return {name: sample(part, world) for name, part in length.items()}
    if type(length) in (tuple, list):
        return type(length)(sample(part, world) for part in length)
    return length


def _arithmetic(symbol: str, reflected: bool) -> Callable[[Axis, Any], Any]:
    def result(self: Axis, other: Any) -> Any:
        if not isinstance(other, (int, float, Axis)):
            return NotImplemented
        left, right = (other, self) if reflected else (self, other)
        return Axis(tuple(OPERATORS[symbol](sample(left, world), sample(right, world)) for world in range(SAMPLES)), (symbol, left, right))

    return result


def _comparison(compare: Callable[[Any, Any], bool]) -> Callable[[Axis, Any], Any]:
    def result(self: Axis, other: Any) -> Any:
        if not isinstance(other, (int, float, Axis)):
            return NotImplemented
        answers = {compare(sample(self, world), sample(other, world)) for world in range(SAMPLES)}
        return answers.pop() if len(answers) == 1 else self._unknown()

    return result


for _name, _symbol in (("add", "+"), ("sub", "-"), ("mul", "*"), ("floordiv", "//"), ("mod", "%"), ("truediv", "/")):
    setattr(Axis, f"__{_name}__", _arithmetic(_symbol, False))
    setattr(Axis, f"__r{_name}__", _arithmetic(_symbol, True))
for _name in ("lt", "le", "gt", "ge"):
    setattr(Axis, f"__{_name}__", _comparison(getattr(operator, _name)))
