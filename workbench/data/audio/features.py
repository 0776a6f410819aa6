"""Features of sounds, with torchaudio's names and arguments: each is a function of a waveform (..., time)."""
from __future__ import annotations

from typing import Any

import numpy as np

from ... import ops
from ...core import Tensor, as_tensor
from ...core.errors import ArgumentError, ShapeError
from ...core.recorded import Recorded
from . import functional as AF


class Feature(Recorded):
    """Base of features: a subclass gives ``forward(x)``."""

    def __call__(self, x: Any) -> Tensor:
        return self.forward(as_tensor(x))

    def forward(self, x: Tensor) -> Tensor:
        """The feature of `x`."""
        raise ArgumentError(f"{type(self).__name__} does not define forward")

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if isinstance(value, (int, float, str, type(None))))
        return f"{type(self).__name__}({settings})"


class Spectrogram(Feature):
    """How strong each frequency is over time: ``|stft|^power``.

    Parameters
    ----------
    n_fft : int
        Samples of a stretch.
    win_length, hop_length : int, optional
        Of the window (`n_fft`), and from one stretch to the next (half of `win_length`).
    pad : int
        Zeros at both ends.
    window_fn : callable
        Makes the window of a length.
    power : float, optional
        1 amplitude, 2 energy, None complex.
    normalized : bool
        Divide by the root of the window's energy.
    center, pad_mode, onesided
        As in `stft`.

    Shapes
    ------
    (..., time) to (..., n_fft // 2 + 1, frames).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.data.audio.Spectrogram(n_fft=64)(wb.randn(1, 1000)).shape
    (1, 33, 32)
    """

    def __init__(self, n_fft: int = 400, win_length: int | None = None, hop_length: int | None = None, pad: int = 0,
                 window_fn: AF.Window = ops.hann_window, power: float | None = 2.0, normalized: bool = False,
                 wkwargs: dict[str, Any] | None = None, center: bool = True, pad_mode: str = "reflect", onesided: bool = True) -> None:
        self.n_fft, self.win_length = n_fft, win_length or n_fft
        self.hop_length, self.pad, self.power = hop_length or self.win_length // 2, pad, power
        self.normalized, self.center, self.pad_mode, self.onesided = normalized, center, pad_mode, onesided
        self.window = window_fn(self.win_length, **(wkwargs or {}))

    def forward(self, x: Tensor) -> Tensor:
        """(..., time) to (..., frequencies, frames)."""
        return AF.spectrogram(x, self.pad, self.window.to(x.device), self.n_fft, self.hop_length, self.win_length, self.power,
                              self.normalized, self.center, self.pad_mode, self.onesided)


class MelScale(Feature):
    """The frequencies of a spectrogram gathered into bands that sound evenly spaced.

    Parameters
    ----------
    n_mels : int
        How many bands.
    sample_rate : int
    f_min, f_max : float
        Lowest and highest frequency; half of `sample_rate` by default.
    n_stft : int
        Frequencies of the spectrogram, ``n_fft // 2 + 1``.
    norm : {"slaney"}, optional
        Give each band the same area.
    mel_scale : {"htk", "slaney"}

    Shapes
    ------
    (..., n_stft, frames) to (..., n_mels, frames).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.data.audio.MelScale(n_mels=40, n_stft=201)(wb.ones(1, 201, 7)).shape
    (1, 40, 7)
    """

    def __init__(self, n_mels: int = 128, sample_rate: int = 16000, f_min: float = 0.0, f_max: float | None = None, n_stft: int = 201,
                 norm: str | None = None, mel_scale: str = "htk") -> None:
        self.n_mels, self.sample_rate, self.f_min, self.n_stft = n_mels, sample_rate, f_min, n_stft
        self.f_max, self.norm, self.mel_scale = f_max if f_max is not None else float(sample_rate // 2), norm, mel_scale
        self.fb = AF.melscale_fbanks(n_stft, f_min, self.f_max, n_mels, sample_rate, norm, mel_scale)

    def forward(self, x: Tensor) -> Tensor:
        """(..., n_stft, frames) to (..., n_mels, frames)."""
        if x.ndim < 2 or x.shape[-2] != self.n_stft:
            raise ShapeError(f"MelScale: a spectrogram of shape {tuple(x.shape)}; expected (..., n_stft={self.n_stft}, frames)")
        return ops.matmul(self.fb.to(x.dtype).to(x.device).T, x)


class MelSpectrogram(Feature):
    """`MelScale` of a `Spectrogram`.

    Parameters
    ----------
    sample_rate : int
    n_fft, win_length, hop_length, pad, window_fn, power, normalized, wkwargs, center, pad_mode
        As in `Spectrogram`.
    f_min, f_max, n_mels, norm, mel_scale
        As in `MelScale`.

    Shapes
    ------
    (..., time) to (..., n_mels, frames).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.data.audio.MelSpectrogram(8000, n_fft=256, n_mels=32)(wb.randn(2, 2000)).shape
    (2, 32, 16)
    """

    def __init__(self, sample_rate: int = 16000, n_fft: int = 400, win_length: int | None = None, hop_length: int | None = None,
                 f_min: float = 0.0, f_max: float | None = None, pad: int = 0, n_mels: int = 128, window_fn: AF.Window = ops.hann_window,
                 power: float = 2.0, normalized: bool = False, wkwargs: dict[str, Any] | None = None, center: bool = True,
                 pad_mode: str = "reflect", norm: str | None = None, mel_scale: str = "htk") -> None:
        self.sample_rate, self.n_mels = sample_rate, n_mels
        self.spectrogram = Spectrogram(n_fft, win_length, hop_length, pad, window_fn, power, normalized, wkwargs, center, pad_mode)
        self.mel_scale = MelScale(n_mels, sample_rate, f_min, f_max, n_fft // 2 + 1, norm, mel_scale)

    def forward(self, x: Tensor) -> Tensor:
        """(..., time) to (..., n_mels, frames)."""
        return self.mel_scale(self.spectrogram(x))


class AmplitudeToDB(Feature):
    """Decibels: ``10 log10`` of energies, ``20 log10`` of amplitudes.

    Parameters
    ----------
    stype : {"power", "magnitude"}
    top_db : float, optional
        Nothing lies further below the loudest of its spectrogram.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.data.audio.AmplitudeToDB()(wb.tensor([0.1, 1.0, 10.0])).tolist()
    [-10.0, 0.0, 10.0]
    """

    def __init__(self, stype: str = "power", top_db: float | None = None) -> None:
        if stype not in ("power", "magnitude") or (top_db is not None and top_db < 0):
            raise ArgumentError(f"AmplitudeToDB: stype={stype!r}, top_db={top_db}; expected 'power' or 'magnitude', and at least 0")
        self.stype, self.top_db = stype, top_db

    def forward(self, x: Tensor) -> Tensor:
        """Decibels of the same shape."""
        return AF.amplitude_to_db(x, 10.0 if self.stype == "power" else 20.0, top_db=self.top_db)


class LogMelSpectrogram(Feature):
    """The logarithm of a `MelSpectrogram`: ``log(mel + offset)``; what most models of sound start from.

    Parameters
    ----------
    sample_rate : int
    offset : float
    melkwargs : dict, optional
        Further arguments of `MelSpectrogram`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.data.audio.LogMelSpectrogram(8000, melkwargs={"n_fft": 256, "n_mels": 32})(wb.randn(2000)).shape
    (32, 16)
    """

    def __init__(self, sample_rate: int = 16000, offset: float = 1e-6, melkwargs: dict[str, Any] | None = None) -> None:
        if offset <= 0:
            raise ArgumentError(f"LogMelSpectrogram: offset={offset}; expected above 0")
        self.sample_rate, self.offset = sample_rate, offset
        self.mel = MelSpectrogram(sample_rate, **(melkwargs or {}))

    def forward(self, x: Tensor) -> Tensor:
        """(..., time) to (..., n_mels, frames)."""
        return ops.log(self.mel(x) + self.offset)


class MFCC(Feature):
    """Mel-frequency cepstral coefficients: the cosine transform of the mel spectrogram in decibels (Davis and Mermelstein 1980).

    Parameters
    ----------
    sample_rate : int
    n_mfcc : int
        How many coefficients.
    dct_type : {2}
    norm : {"ortho"}, optional
    log_mels : bool
        ``log(mel + 1e-6)`` instead of decibels.
    melkwargs : dict, optional
        Further arguments of `MelSpectrogram`.

    Shapes
    ------
    (..., time) to (..., n_mfcc, frames).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.data.audio.MFCC(8000, n_mfcc=13, melkwargs={"n_fft": 256, "n_mels": 32})(wb.randn(2000)).shape
    (13, 16)
    """

    def __init__(self, sample_rate: int = 16000, n_mfcc: int = 40, dct_type: int = 2, norm: str | None = "ortho", log_mels: bool = False,
                 melkwargs: dict[str, Any] | None = None) -> None:
        if dct_type != 2:
            raise ArgumentError(f"MFCC: dct_type={dct_type}; expected 2")
        self.sample_rate, self.n_mfcc, self.norm, self.log_mels = sample_rate, n_mfcc, norm, log_mels
        self.mel = MelSpectrogram(sample_rate, **(melkwargs or {}))
        if n_mfcc > self.mel.n_mels:
            raise ArgumentError(f"MFCC: n_mfcc={n_mfcc} coefficients of n_mels={self.mel.n_mels} bands; expected at most as many")
        self.dct = AF.create_dct(n_mfcc, self.mel.n_mels, norm)
        self.decibels = AmplitudeToDB("power", 80.0)

    def forward(self, x: Tensor) -> Tensor:
        """(..., time) to (..., n_mfcc, frames)."""
        mel = self.mel(x)
        loud = ops.log(mel + 1e-6) if self.log_mels else self.decibels(mel)
        return ops.matmul(self.dct.to(x.dtype).to(x.device).T, loud)


class Resample(Feature):
    """Another number of samples per second (see `resample`).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.data.audio.Resample(44100, 16000)(wb.zeros(1, 4410)).shape
    (1, 1600)
    """

    def __init__(self, orig_freq: int = 16000, new_freq: int = 16000, *, lowpass_filter_width: int = 6, rolloff: float = 0.99) -> None:
        self.orig_freq, self.new_freq = orig_freq, new_freq
        self.lowpass_filter_width, self.rolloff = lowpass_filter_width, rolloff
        AF.resample(as_tensor(np.zeros(1, np.float32)), orig_freq, new_freq, lowpass_filter_width, rolloff)

    def forward(self, x: Tensor) -> Tensor:
        """(..., time) to (..., time new_freq / orig_freq)."""
        return AF.resample(x, self.orig_freq, self.new_freq, self.lowpass_filter_width, self.rolloff)
