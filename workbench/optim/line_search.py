"""A step length that satisfies the strong Wolfe conditions: the loss falls enough, and the slope has flattened.

First a bracket is grown until it must hold such a point, then it is narrowed; each new point is where a cubic through two
known ones is lowest (Nocedal and Wright 2006, algorithms 3.5 and 3.6).
"""
from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple


class Trial(NamedTuple):
    """A point on the line.

    Attributes
    ----------
    step : float
    loss : float
    grad : array
    slope : float
        The gradient along the line.
    """

    step: float
    loss: float
    grad: Any
    slope: float


def cubic_minimum(first: Trial, second: Trial, bounds: tuple[float, float] | None = None) -> float:
    """Where the cubic with the losses and slopes of two points is lowest between `bounds`; else half-way."""
    left, right = (first, second) if first.step <= second.step else (second, first)
    low, high = bounds or (left.step, right.step)
    bend = first.slope + second.slope - 3 * (first.loss - second.loss) / (first.step - second.step)
    square = bend * bend - first.slope * second.slope
    if not square >= 0:
        return (low + high) / 2
    root = math.sqrt(square)
    place = right.step - (right.step - left.step) * ((right.slope + root - bend) / (right.slope - left.slope + 2 * root))
    return min(max(place, low), high)


def strong_wolfe(evaluate: Callable[[float], Trial], start: Trial, step: float, *, length: float, tolerance: float = 1e-9, most: int = 25,
                 c1: float = 1e-4, c2: float = 0.9) -> tuple[Trial, int]:
    """A point that satisfies the conditions, or the best one found, and how often `evaluate` was called.

    Parameters
    ----------
    evaluate : callable
        From a step length to a `Trial`.
    start : Trial
        At 0.
    step : float
        The first guess.
    length : float
        The largest entry of the direction: a bracket narrower than ``tolerance / length`` is narrow enough.
    tolerance : float
    most : int
        How many points to try after the first.
    c1, c2 : float
        How much of the first slope the loss must gain, and the slope keep at most.
    """
    previous, trial, tried, bracket = start, evaluate(step), 0, []
    while tried < most and not bracket:
        if trial.loss > start.loss + c1 * trial.step * start.slope or (tried > 1 and trial.loss >= previous.loss):
            bracket = [previous, trial]
        elif abs(trial.slope) <= -c2 * start.slope:
            return trial, tried + 1
        elif trial.slope >= 0:
            bracket = [previous, trial]
        else:
            bounds = trial.step + 0.01 * (trial.step - previous.step), trial.step * 10
            previous, trial = trial, evaluate(cubic_minimum(previous, trial, bounds))
            tried += 1
    return _narrowed(evaluate, start, bracket or [start, trial], tried, length, tolerance, most, c1, c2)


def _narrowed(evaluate: Callable[[float], Trial], start: Trial, bracket: list[Trial], tried: int, length: float, tolerance: float, most: int,
              c1: float, c2: float) -> tuple[Trial, int]:
    """The second part: halve or better, until a point will do."""
    low, high = bracket if bracket[0].loss <= bracket[1].loss else bracket[::-1]
    slow = False
    while tried < most and abs(high.step - low.step) * length >= tolerance:
        step, slow = _inside(bracket, slow)
        trial = evaluate(step)
        tried += 1
        place = 0 if bracket[0] is low else 1
        if trial.loss > start.loss + c1 * step * start.slope or trial.loss >= low.loss:
            bracket[1 - place] = trial
            low, high = bracket if bracket[0].loss <= bracket[1].loss else bracket[::-1]
            continue
        if abs(trial.slope) <= -c2 * start.slope:
            return trial, tried + 1
        if trial.slope * (high.step - low.step) >= 0:
            bracket[1 - place] = high = low
        bracket[place] = low = trial
    return low, tried + 1


def _inside(bracket: list[Trial], slow: bool) -> tuple[float, bool]:
    """The next point, kept off the ends: near one for the second time, or beyond it, it is moved a tenth inwards."""
    step = cubic_minimum(*bracket)
    least, most = sorted(trial.step for trial in bracket)
    margin = 0.1 * (most - least)
    if min(most - step, step - least) >= margin:
        return step, False
    if not slow and least < step < most:
        return step, True
    return (most - margin if abs(step - most) < abs(step - least) else least + margin), False
