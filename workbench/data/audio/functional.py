"""Waveforms (..., time) and spectrograms (..., frequency, time), built from ops: gradients flow through all of them."""
from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import ops
from ...core import Tensor, as_tensor
from ...core.errors import ArgumentError
from ...ops.spectral import padded, stft

Window = Callable[..., Tensor]


def spectrogram(waveform: Tensor, pad: int, window: Tensor, n_fft: int, hop_length: int, win_length: int, power: float | None,
                normalized: bool, center: bool = True, pad_mode: str = "reflect", onesided: bool = True) -> Tensor:
    """The magnitude of `stft` to a power (1 amplitude, 2 energy), or its complex numbers without one.

    `normalized` divides by the root of the window's energy, as in torchaudio.

    Examples
    --------
    >>> import workbench as wb
    >>> from workbench.data import audio
    >>> audio.spectrogram(wb.ones(64), 0, wb.hann_window(16), 16, 8, 16, 2.0, False).shape
    (9, 9)
    """
    x = padded(waveform, pad, pad) if pad else waveform
    spectrum = stft(x, n_fft, hop_length, win_length, window, center, pad_mode, False, onesided)
    if normalized:
        spectrum = spectrum / float(np.sqrt((window.numpy().astype(np.float64) ** 2).sum()))
    if power is None:
        return spectrum
    energy = spectrum.real**2 + spectrum.imag**2
    return energy if power == 2 else energy ** (power / 2)


def hz_to_mel(frequency: Any, mel_scale: str = "htk") -> np.ndarray:
    """Pitch as it is heard: ``2595 log10(1 + f / 700)``, or Slaney's, a line below 1,000 Hz and a logarithm above.

    Examples
    --------
    >>> from workbench.data import audio
    >>> float(audio.hz_to_mel(700).round(2)), float(audio.hz_to_mel(700, 'slaney').round(2))
    (781.17, 10.5)
    """
    hertz = np.asarray(frequency, np.float64)
    if _scale(mel_scale) == "htk":
        return 2595 * np.log10(1 + hertz / 700)
    return np.where(hertz < 1000, hertz * 3 / 200, 15 + np.log(np.maximum(hertz, 1000) / 1000) * 27 / math.log(6.4))


def mel_to_hz(mel: Any, mel_scale: str = "htk") -> np.ndarray:
    """The inverse of `hz_to_mel`.

    Examples
    --------
    >>> from workbench.data import audio
    >>> float(audio.mel_to_hz(15, 'slaney'))
    1000.0
    """
    mels = np.asarray(mel, np.float64)
    if _scale(mel_scale) == "htk":
        return 700 * (10 ** (mels / 2595) - 1)
    return np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((np.maximum(mels, 15) - 15) * math.log(6.4) / 27))


def _scale(name: str) -> str:
    if name not in ("htk", "slaney"):
        raise ArgumentError(f"mel_scale={name!r}; expected 'htk' or 'slaney'")
    return name


def melscale_fbanks(n_freqs: int, f_min: float, f_max: float, n_mels: int, sample_rate: int, norm: str | None = None,
                    mel_scale: str = "htk") -> Tensor:
    """Triangles (n_freqs, n_mels) whose corners are evenly spaced in mel; ``norm="slaney"`` gives each the same area.

    Examples
    --------
    >>> from workbench.data import audio
    >>> audio.melscale_fbanks(201, 0.0, 8000.0, 40, 16000).shape
    (201, 40)
    """
    if norm not in (None, "slaney"):
        raise ArgumentError(f"melscale_fbanks: norm={norm!r}; expected None or 'slaney'")
    if not 0 <= f_min < f_max or n_mels < 1 or n_freqs < 2:
        raise ArgumentError(f"melscale_fbanks: f_min={f_min}, f_max={f_max}, n_mels={n_mels}, n_freqs={n_freqs}; expected f_min below f_max, and counts")
    low, high = hz_to_mel([f_min, f_max], mel_scale)
    corners = mel_to_hz(np.linspace(low, high, n_mels + 2), mel_scale)
    frequencies = np.linspace(0, sample_rate // 2, n_freqs)
    slopes = corners[None] - frequencies[:, None]
    steps = np.diff(corners)
    banks = np.maximum(0, np.minimum(-slopes[:, :-2] / steps[:-1], slopes[:, 2:] / steps[1:]))
    if norm == "slaney":
        banks = banks * (2 / (corners[2:] - corners[:-2]))
    return as_tensor(banks.astype(np.float32))


def create_dct(n_mfcc: int, n_mels: int, norm: str | None = "ortho") -> Tensor:
    """The matrix (n_mels, n_mfcc) of the cosine transform, type 2: ``2 cos(pi k (n + 1/2) / n_mels)``, or its orthonormal form.

    Examples
    --------
    >>> from workbench.data import audio
    >>> audio.create_dct(13, 40).shape
    (40, 13)
    """
    if norm not in (None, "ortho") or not 0 < n_mfcc:
        raise ArgumentError(f"create_dct: n_mfcc={n_mfcc}, norm={norm!r}; expected at least 1, and None or 'ortho'")
    matrix = 2 * np.cos(np.pi / n_mels * (np.arange(n_mels)[:, None] + 0.5) * np.arange(n_mfcc))
    if norm == "ortho":
        matrix *= np.where(np.arange(n_mfcc) == 0, math.sqrt(1 / (4 * n_mels)), math.sqrt(1 / (2 * n_mels)))
    return as_tensor(matrix.astype(np.float32))


def amplitude_to_db(x: Tensor, multiplier: float = 10.0, amin: float = 1e-10, db_multiplier: float = 0.0,
                    top_db: float | None = None) -> Tensor:
    """``multiplier log10(max(x, amin)) - multiplier db_multiplier``, at most `top_db` below the loudest of each spectrogram.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.data.audio.amplitude_to_db(wb.tensor([0.1, 1.0])).tolist()
    [-10.0, 0.0]
    """
    decibels = multiplier * ops.log10(ops.clamp(x, min=amin)) - multiplier * db_multiplier
    if top_db is None:
        return decibels
    axes = tuple(range(-min(x.ndim, 3), 0))
    return ops.maximum(decibels, ops.amax(decibels, dim=axes, keepdim=True) - top_db)


@functools.lru_cache(32)
def _sinc_kernel(old: int, new: int, width: int, rolloff: float) -> tuple[np.ndarray, int]:
    """One low-pass filter for each place between two old samples: a sinc under a Hann window."""
    base = min(old, new) * rolloff
    reach = math.ceil(width * old / base)
    shifts = np.arange(0, -new, -1)[:, None] / new + np.arange(-reach, reach + old)[None] / old
    time = (shifts * base).clip(-width, width)
    return np.sinc(time) * np.cos(time * np.pi / width / 2) ** 2 * base / old, reach


def resample(waveform: Tensor, orig_freq: int, new_freq: int, lowpass_filter_width: int = 6, rolloff: float = 0.99) -> Tensor:
    """The same sound with another number of samples per second, by a windowed sinc (Smith 2002).

    Examples
    --------
    >>> import workbench as wb
    >>> from workbench.data import audio
    >>> audio.resample(wb.ones(1, 100), 16000, 8000).shape
    (1, 50)
    """
    x = as_tensor(waveform)
    whole = all(frequency >= 1 and int(frequency) == frequency for frequency in (orig_freq, new_freq))
    if not whole or lowpass_filter_width < 1 or not 0 < rolloff <= 1:
        raise ArgumentError(f"resample: orig_freq={orig_freq}, new_freq={new_freq}, lowpass_filter_width={lowpass_filter_width}, rolloff={rolloff}; "
                            "expected whole numbers of at least 1, and a share up to 1")
    if orig_freq == new_freq:
        return x
    common = math.gcd(int(orig_freq), int(new_freq))
    old, new = int(orig_freq) // common, int(new_freq) // common
    kernel, reach = _sinc_kernel(old, new, lowpass_filter_width, rolloff)
    length = x.shape[-1]
    flat = padded(x.reshape(-1, 1, length), reach, reach + old)
    phases = ops.conv1d(flat, as_tensor(kernel[:, None].astype(x.dtype)).to(x.device), stride=old)
    return phases.swapaxes(1, 2).reshape(*x.shape[:-1], -1)[..., :math.ceil(new * length / old)]

