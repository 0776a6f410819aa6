"""Augmentation of sounds: masks over spectrograms, shifts and noise of waveforms."""
from __future__ import annotations

import numpy as np

from ... import ops
from ...core import Tensor, as_tensor
from ...core.errors import ArgumentError, ShapeError
from ..randomness import generator
from .features import Feature


class _Masking(Feature):
    """A run along one axis replaced by a value; its length is drawn from 0 to `mask_param`."""

    axis = -1

    def __init__(self, mask_param: int, iid_masks: bool, p: float) -> None:
        if mask_param < 0 or not 0 <= p <= 1:
            raise ArgumentError(f"{type(self).__name__}: mask_param={mask_param}, p={p}; expected at least 0, and a share between 0 and 1")
        self.mask_param, self.iid_masks, self.p = mask_param, iid_masks, p

    def __call__(self, specgram: Tensor, mask_value: float = 0.0) -> Tensor:
        """(..., frequency, time) with one run masked: for all alike, or drawn for each of the leading axes."""
        x = as_tensor(specgram)
        if x.ndim < 2:
            raise ShapeError(f"{type(self).__name__}: a spectrogram of shape {tuple(x.shape)}; expected (..., frequency, time)")
        length, rng = x.shape[self.axis], generator()
        most = min(self.mask_param, int(length * self.p))
        draws = x.shape[:-2] if self.iid_masks else ()
        width = rng.uniform(0, most, draws) if most else np.zeros(draws)
        start = rng.uniform(0, 1, draws) * (length - width)
        first = np.floor(start)
        places = np.arange(length)
        masked = (places >= first[..., None]) & (places < (first + np.floor(width))[..., None])
        masked = masked[..., None, :] if self.axis == -1 else masked[..., :, None]
        return ops.where(as_tensor(masked).to(x.device), mask_value, x)


class TimeMasking(_Masking):
    """Up to `time_mask_param` neighbouring frames masked (Park et al. 2019).

    Parameters
    ----------
    time_mask_param : int
    iid_masks : bool
        Draw for each spectrogram of a batch.
    p : float
        At most this share of the frames.

    Examples
    --------
    >>> import workbench as wb
    >>> with wb.data.seeded(0): wb.data.audio.TimeMasking(4)(wb.ones(1, 6)).tolist()
    [[0.0, 0.0, 1.0, 1.0, 1.0, 1.0]]
    """

    def __init__(self, time_mask_param: int, iid_masks: bool = False, p: float = 1.0) -> None:
        super().__init__(time_mask_param, iid_masks, p)


class FrequencyMasking(_Masking):
    """Up to `freq_mask_param` neighbouring frequencies masked (Park et al. 2019).

    Examples
    --------
    >>> import workbench as wb
    >>> with wb.data.seeded(0): wb.data.audio.FrequencyMasking(4)(wb.ones(6, 1)).reshape(-1).tolist()
    [0.0, 0.0, 1.0, 1.0, 1.0, 1.0]
    """

    axis = -2

    def __init__(self, freq_mask_param: int, iid_masks: bool = False) -> None:
        super().__init__(freq_mask_param, iid_masks, 1.0)


class SpecAugment(Feature):
    """Several masks of time and of frequency (Park et al. 2019).

    Parameters
    ----------
    n_time_masks, time_mask_param, n_freq_masks, freq_mask_param : int
        How many of each, and how wide they are at most.
    iid_masks : bool
        Draw for each spectrogram of a batch.
    p : float
        At most this share of the frames in one mask.
    zero_masking : bool
        Mask with 0 instead of the mean.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.data.audio.SpecAugment(2, 10, 2, 8)(wb.randn(4, 40, 100)).shape
    (4, 40, 100)
    """

    def __init__(self, n_time_masks: int, time_mask_param: int, n_freq_masks: int, freq_mask_param: int, iid_masks: bool = True,
                 p: float = 1.0, zero_masking: bool = False) -> None:
        self.n_time_masks, self.n_freq_masks, self.zero_masking = n_time_masks, n_freq_masks, zero_masking
        self.time, self.frequency = TimeMasking(time_mask_param, iid_masks, p), FrequencyMasking(freq_mask_param, iid_masks)

    def forward(self, x: Tensor) -> Tensor:
        """(..., frequency, time) with masks."""
        value = 0.0 if self.zero_masking else float(x.mean())
        for _ in range(self.n_time_masks):
            x = self.time(x, value)
        for _ in range(self.n_freq_masks):
            x = self.frequency(x, value)
        return x


class TimeShift(Feature):
    """A waveform moved by up to a share of its length, with zeros where nothing is left, or rolled round.

    Examples
    --------
    >>> import workbench as wb
    >>> with wb.data.seeded(3): wb.data.audio.TimeShift(0.5)(wb.arange(1.0, 7)).tolist()
    [0.0, 0.0, 1.0, 2.0, 3.0, 4.0]
    """

    def __init__(self, most: float = 0.1, roll: bool = False) -> None:
        if not 0 <= most <= 1:
            raise ArgumentError(f"TimeShift: most={most}; expected a share between 0 and 1")
        self.most, self.roll = most, roll

    def forward(self, x: Tensor) -> Tensor:
        """(..., time), moved."""
        length = x.shape[-1]
        reach = int(self.most * length)
        shift = int(generator().integers(-reach, reach + 1))
        moved = ops.roll(x, shift, -1)
        if self.roll or shift == 0:
            return moved
        places = np.arange(length)
        return ops.where(as_tensor((places >= shift) & (places < length + shift)).to(x.device), moved, 0.0)


class AddNoise(Feature):
    """White noise at a ratio of signal to noise that is drawn between two values in decibels.

    ``x + n sqrt(mean(x^2) / (mean(n^2) 10^(snr / 10)))``.

    Examples
    --------
    >>> import workbench as wb
    >>> noisy = wb.data.audio.AddNoise((20.0, 20.0))(wb.ones(1, 100))
    >>> round(((noisy - 1) ** 2).mean().item(), 4)
    0.01
    """

    def __init__(self, snr: tuple[float, float] = (10.0, 30.0)) -> None:
        if len(snr) != 2 or snr[0] > snr[1]:
            raise ArgumentError(f"AddNoise: snr={snr!r}; expected (low, high) in decibels")
        self.snr = tuple(snr)

    def forward(self, x: Tensor) -> Tensor:
        """(..., time), one ratio for each of the leading axes."""
        rng = generator()
        noise = rng.standard_normal(x.shape)
        ratio = 10 ** (rng.uniform(*self.snr, (*x.shape[:-1], 1)) / 10)
        noise /= np.sqrt((noise**2).mean(axis=-1, keepdims=True) * ratio)
        return x + as_tensor(noise.astype(x.dtype)).to(x.device) * ops.sqrt((x**2).mean(dim=-1, keepdim=True))
