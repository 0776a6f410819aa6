"""Signals whose make-up is known: seasonal series to forecast, and tones to recognise."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core import Tensor, as_tensor
from ...core.errors import ArgumentError, ShapeError
from ..dataset import Dataset, TensorDataset


def seasonal_series(n: int = 1000, *, trend: float = 0.001, seasons: Sequence[tuple[float, float]] = ((24, 1.0), (168, 0.5)),
                    noise: float = 0.1, correlation: float = 0.5, seed: int = 0) -> np.ndarray:
    """A trend, waves of given periods and heights, and noise that remembers its last value.

    ``y_t = trend t + sum_k height_k sin(2 pi t / period_k + phase_k) + e_t``, ``e_t = correlation e_{t-1} + noise N(0, 1)``.

    Returns
    -------
    ndarray of float32, shape (n,)

    Examples
    --------
    >>> from workbench.data import seasonal_series
    >>> series = seasonal_series(100, seasons=[(10, 1.0)], trend=0, noise=0)
    >>> bool(abs(series[:90] - series[10:]).max() < 1e-5)
    True
    """
    if n < 1 or noise < 0 or not -1 < correlation < 1 or any(period <= 0 for period, _ in seasons):
        raise ArgumentError(f"seasonal_series: n={n}, noise={noise}, correlation={correlation}, seasons={list(seasons)}; expected at least 1, "
                            "at least 0, between -1 and 1, periods above 0")
    rng, time = np.random.default_rng(seed), np.arange(n)
    waves = sum((height * np.sin(2 * np.pi * (time / period + rng.random())) for period, height in seasons), np.zeros(n))
    shocks, errors = rng.normal(0, noise, n), np.zeros(n)
    for step in range(n):
        errors[step] = shocks[step] + (correlation * errors[step - 1] if step else 0.0)
    return (trend * time + waves + errors).astype(np.float32)


class SeriesWindows(Dataset):
    """Stretches of a series: `past` values, and the `future` values that follow.

    Parameters
    ----------
    series : array, shape (time,) or (time, channels)
        One number, or one for every channel, at each time.
    past : int
        Length of the stretch that is known.
    future : int
        Length of the stretch that follows.
    stride : int
        From one stretch to the next.

    Examples
    --------
    >>> from workbench.data import SeriesWindows
    >>> SeriesWindows([0.0, 1.0, 2.0, 3.0, 4.0], past=2, future=1)[1]
    (tensor([1., 2.]), tensor([3.]))
    """

    takes_many = True

    def __init__(self, series: Any, past: int, future: int = 1, stride: int = 1) -> None:
        values = series.numpy() if isinstance(series, Tensor) else np.asarray(series)
        if values.ndim not in (1, 2):
            raise ShapeError(f"SeriesWindows: a series of shape {values.shape}; expected (time,) or (time, channels)")
        if past < 1 or future < 1 or stride < 1 or past + future > len(values):
            raise ArgumentError(f"SeriesWindows: past={past}, future={future}, stride={stride} of {len(values)} values")
        self.series = values.astype(np.float32) if values.dtype == np.float64 else values
        self.past, self.future, self.stride = past, future, stride

    def __len__(self) -> int:
        return (len(self.series) - self.past - self.future) // self.stride + 1

    def __getitem__(self, index: Any) -> tuple[Tensor, Tensor]:
        chosen = np.arange(len(self))[index.numpy() if isinstance(index, Tensor) else index]
        places = (chosen * self.stride)[..., None] + np.arange(self.past + self.future)
        return as_tensor(self.series[places[..., :self.past]]), as_tensor(self.series[places[..., self.past:]])


def tones(n: int = 200, *, frequencies: Sequence[float] = (220.0, 330.0, 440.0, 660.0), sample_rate: int = 8000, seconds: float = 0.25,
          noise: float = 0.1, seed: int = 0) -> TensorDataset:
    """Sounds of one of a few pitches, with random loudness, phase and overtones: waveforms (n, 1, samples) and class numbers.

    Parameters
    ----------
    frequencies : sequence of float
        The pitches in Hertz, one for each class.
    sample_rate : int
        Samples in a second.
    seconds : float
        Length of a sound.
    noise : float
        Standard deviation of the noise.

    Examples
    --------
    >>> import workbench as wb
    >>> sounds = wb.data.tones(8)
    >>> sounds[0][0].shape, sounds.classes
    ((1, 2000), ('220 Hz', '330 Hz', '440 Hz', '660 Hz'))
    """
    samples = int(sample_rate * seconds)
    if n < 1 or samples < 1 or noise < 0 or not frequencies or not 0 < min(frequencies) <= max(frequencies) < sample_rate / 2:
        raise ArgumentError(f"tones: n={n}, seconds={seconds}, noise={noise}, frequencies={list(frequencies)}; expected sounds of at least one "
                            f"sample, and frequencies below half of sample_rate={sample_rate}")
    rng, labels = np.random.default_rng(seed), np.arange(n) % len(frequencies)
    pitch = np.array(frequencies)[labels][:, None] * np.arange(1, 4)
    heights = np.array([1, 0.5, 0.25]) * rng.uniform(0.6, 1, (n, 3)) * (pitch < sample_rate / 2)
    time = np.arange(samples) / sample_rate
    waves = np.sin(2 * np.pi * (pitch[..., None] * time + rng.random((n, 3, 1))))
    sound = (heights[..., None] * waves).sum(axis=1, keepdims=True) * rng.uniform(0.2, 0.5, (n, 1, 1))
    return TensorDataset((sound + rng.normal(0, noise * 0.1, sound.shape)).astype(np.float32), labels.astype(np.int64), name="tones",
                         classes=[f"{frequency:g} Hz" for frequency in frequencies])
