"""Resampling along one axis: every output is a weighted sum of a few inputs, told by a rule.

Interpolation and adaptive averaging of images are such rules, one axis after the other. The transpose of a rule is a
table of the same form, so one op is its own derivative. Apart from `spatial`, because pooling needs it too.
"""
from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from ..core import batching
from ..core.declare import op
from ..core.tensor import Tensor, as_tensor

WIDE = 8
"""Outputs of more inputs than this are summed at once; with fewer, adding one input after the other is faster."""


class Rule(NamedTuple):
    """Which inputs make which output.

    Attributes
    ----------
    kind : str
        "nearest", "nearest-exact", "linear", "cubic", "area", or "smooth linear" and "smooth cubic" (antialiased).
    length, count : int
        Numbers of inputs and outputs.
    scale : float, optional
        The factor given by the user, if any.
    align_corners : bool
        Do the first and last output lie on the first and last input?
    """

    kind: str
    length: int
    count: int
    scale: float | None = None
    align_corners: bool = False

    @property
    def step(self) -> float:
        """How many inputs one output moves on."""
        if self.align_corners:
            return (self.length - 1) / (self.count - 1) if self.count > 1 else 0.0
        return 1 / self.scale if self.scale else self.length / self.count


@functools.lru_cache(maxsize=256)
def table(rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """Places and weights (count, width) of the inputs of every output."""
    if rule.count == rule.length and rule.kind in _COPIES:
        return np.arange(rule.count)[:, None], np.ones((rule.count, 1))
    return _TABLES[rule.kind](rule)


@functools.lru_cache(maxsize=256)
def transposed(rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """Places and weights (length, width) of the outputs that every input goes to."""
    places, weights = table(rule)
    outputs = np.repeat(np.arange(rule.count), places.shape[1])
    inputs, values = places.ravel(), weights.ravel()
    order = np.argsort(inputs, kind="stable")
    inputs, outputs, values = inputs[order], outputs[order], values[order]
    counts = np.bincount(inputs, minlength=rule.length)
    column = np.arange(inputs.size) - np.repeat(np.cumsum(counts) - counts, counts)
    where = np.zeros((rule.length, max(int(counts.max()), 1)), np.int64)
    factors = np.zeros(where.shape)
    where[inputs, column], factors[inputs, column] = outputs, values
    return where, factors


def _nearest(rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    # In single precision as in PyTorch: between two equally near inputs rounding decides.
    shift = np.float32(0.5 if rule.kind == "nearest-exact" else 0)
    places = np.floor((np.arange(rule.count, dtype=np.float32) + shift) * np.float32(rule.step))
    return np.minimum(places, rule.length - 1).astype(np.int64)[:, None], np.ones((rule.count, 1))


def _source(rule: Rule) -> np.ndarray:
    places = np.arange(rule.count)
    return places * rule.step if rule.align_corners else (places + 0.5) * rule.step - 0.5


def _linear(rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    source = np.maximum(_source(rule), 0)
    first = np.minimum(np.floor(source).astype(np.int64), rule.length - 1)
    part = np.clip(source - first, 0, 1)
    return np.stack([first, np.minimum(first + 1, rule.length - 1)], 1), np.stack([1 - part, part], 1)


def cubic_weight(distance: Any, a: float) -> Any:
    """The piecewise cubic of Keys (1981) at a distance between 0 and 2."""
    inner = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    outer = ((distance - 5) * distance + 8) * distance * a - 4 * a
    return inner, outer


def _cubic(rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    source = _source(rule)
    first = np.floor(source)
    part = (source - first)[:, None]
    distance = np.abs(part - np.arange(-1, 3))
    inner, outer = cubic_weight(distance, -0.75)
    places = first.astype(np.int64)[:, None] + np.arange(-1, 3)
    return np.clip(places, 0, rule.length - 1), np.where(distance <= 1, inner, outer)


def _area(rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    start, stop = area_bounds(rule.length, rule.count)
    return _spans(start, stop, lambda places, inside: inside.astype(float))


def area_bounds(length: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the windows of adaptive pooling begin and end."""
    places = np.arange(count)
    return places * length // count, -(-(places + 1) * length // count)


def _spans(start: np.ndarray, stop: np.ndarray, weigh: Any) -> tuple[np.ndarray, np.ndarray]:
    """Places from `start` to `stop`, shorter spans repeating their last one with weight 0; weights add up to one."""
    places = start[:, None] + np.arange(int((stop - start).max(initial=1)))
    inside = places < stop[:, None]
    weights = weigh(places, inside) * inside
    return np.minimum(places, stop[:, None] - 1), weights / weights.sum(1, keepdims=True)


def _smooth(rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """The kernel is stretched over what one output stands for, when the image becomes smaller."""
    stretch = max(rule.step, 1.0)
    reach = stretch * (1 if rule.kind == "smooth linear" else 2)
    centre = rule.step * (np.arange(rule.count) + 0.5)
    start = np.maximum((centre - reach + 0.5).astype(np.int64), 0)
    stop = np.minimum((centre + reach + 0.5).astype(np.int64), rule.length)

    def weigh(places: np.ndarray, inside: np.ndarray) -> np.ndarray:
        distance = np.abs(places - centre[:, None] + 0.5) / stretch
        if rule.kind == "smooth linear":
            return np.maximum(1 - distance, 0)
        inner, outer = cubic_weight(distance, -0.5)
        return np.where(distance < 1, inner, np.where(distance < 2, outer, 0))

    return _spans(start, stop, weigh)


_TABLES = {"nearest": _nearest, "nearest-exact": _nearest, "linear": _linear, "cubic": _cubic, "area": _area,
           "smooth linear": _smooth, "smooth cubic": _smooth}
_COPIES = ("linear", "smooth linear", "smooth cubic")
"""As in PyTorch, these copy an axis that keeps its length, whatever factor was given."""


@op(batch=batching.single_axis)
class resample:
    """Weighted sums of elements along one axis; ``back`` applies the transpose."""

    def forward(xp, x, *, axis, rule, back=False):
        places, weights = transposed(rule) if back else table(rule)
        places = xp.asarray(places)
        if rule.kind.startswith("nearest") and not back:
            return xp.take(x, places[:, 0], axis=axis)
        wide = xp.float32 if x.dtype.itemsize == 2 else x.dtype
        weights = xp.asarray(weights.astype(wide))
        tail = (1,) * (x.ndim - 1 - axis % x.ndim)
        if places.shape[1] > WIDE:
            parts = xp.take(x, places.ravel(), axis=axis).reshape(*x.shape[:axis], *places.shape, *x.shape[axis:][1:])
            return (parts * weights.reshape(*places.shape, *tail)).sum(axis=axis + 1).astype(x.dtype, copy=False)
        out = xp.take(x, places[:, 0], axis=axis) * weights[:, 0].reshape(-1, *tail)
        for k in range(1, places.shape[1]):
            out += xp.take(x, places[:, k], axis=axis) * weights[:, k].reshape(-1, *tail)
        return out.astype(x.dtype, copy=False)

    def vjp(g, *, axis, rule, back):
        return resample(g, axis=axis, rule=rule, back=not back)

    linear = (0,)


def constant(array: Any, like: Tensor) -> Tensor:
    """A NumPy array as a tensor on the device of `like`."""
    return as_tensor(np.asarray(array), device=like.device)


def flat_places(coordinates: Any, lengths: tuple[int, ...]) -> Any:
    """Places in a flattened image from those along its axes; works on arrays and tensors alike."""
    flat = 0
    for place, length in zip(coordinates, lengths, strict=True):
        flat = flat * length + place
    return flat

