"""From arrays to a few numbers: summaries, histograms, bytes. Computed where the array lives, then brought to the host."""
from __future__ import annotations

from typing import Any

import numpy as np

from .records import Summary

BINS = 48
SAMPLE = 1 << 16
"""Histograms look at no more elements than this, evenly spaced."""


def host(array: Any) -> np.ndarray:
    """A raw array of any backend in main memory."""
    return np.asarray(array.get() if hasattr(array, "get") else array)


def summarize(array: Any) -> Summary:
    """Extremes, mean, spread, norm, and how many elements are not finite."""
    flat = host(array).ravel()
    if flat.dtype.kind == "c":
        flat = np.abs(flat)
    flat = flat.astype(np.float64, copy=False)
    nan, inf = int(np.isnan(flat).sum()), int(np.isinf(flat).sum())
    finite = flat[np.isfinite(flat)] if nan or inf else flat
    if not finite.size:
        return Summary(None, None, None, None, None, nan, inf)
    low, high = float(finite.min()), float(finite.max())
    with np.errstate(over="ignore"):  # squares of the largest numbers: infinity is then the answer
        spread, norm = float(finite.std()), float(np.sqrt(np.square(finite).sum()))
        return Summary(low, high, float(finite.mean()), spread, norm, nan, inf)


def histogram(array: Any, bins: int = BINS) -> tuple[float, float, np.ndarray]:
    """Lowest and highest finite element, and counts between them; constant values fall into the middle bin."""
    flat = host(array).ravel()
    if flat.size > SAMPLE:
        flat = flat[:: -(-flat.size // SAMPLE)]
    low, high = float(flat.min(initial=np.inf)), float(flat.max(initial=-np.inf))
    if not (np.isfinite(low) and np.isfinite(high)):
        flat = flat[np.isfinite(flat)]
        if not flat.size:
            return 0.0, 0.0, np.zeros(bins, np.uint32)
        low, high = float(flat.min()), float(flat.max())
    half = high / 2 - low / 2  # the whole may be more than the largest number
    if not half > 0:
        counts = np.zeros(bins, np.uint32)
        counts[bins // 2] = flat.size
        return low, high, counts
    places = ((flat / 2 - low / 2) / half * bins).astype(np.int32)
    np.minimum(places, bins - 1, out=places)
    return low, high, np.bincount(places, minlength=bins).astype(np.uint32)


def to_bytes(array: np.ndarray, low: float, high: float) -> np.ndarray:
    """Numbers between `low` and `high` as bytes 0 to 255; NaN becomes 0."""
    if high <= low:
        return np.zeros(array.shape, np.uint8)
    return np.nan_to_num(np.clip((array - low) * (255 / (high - low)) + 0.5, 0, 255)).astype(np.uint8)
