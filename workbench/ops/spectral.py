"""Windows and the short-time Fourier transform, with PyTorch's names: what sound and other long signals are looked at with."""
from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import dtypes
from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import Tensor, as_tensor
from . import fft
from .create import _new, ones, zeros
from .movement import cat
from .writing import index_add

PADDING = {"reflect": "reflect", "replicate": "edge", "circular": "wrap", "constant": "constant"}


def _window(name: str, window_length: int, periodic: bool, made: Any, dtype: Any, device: str | None, requires_grad: bool) -> Tensor:
    """``made(n)``, a symmetric window of n samples; a periodic one is the longer one without its last sample."""
    if window_length < 0:
        raise ArgumentError(f"{name}: window_length={window_length}; expected a number of samples")
    wanted = dtypes.as_dtype(float if dtype is None else dtype)
    values = made(window_length + 1)[:-1] if periodic and window_length > 1 else made(window_length)
    return _new(values.astype(wanted), device, requires_grad)


def hann_window(window_length: int, periodic: bool = True, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """``0.5 - 0.5 cos(2 pi n / N)``, with N = `window_length` (periodic, for spectra) or one less (symmetric, for filters).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.hann_window(4).tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    return _window("hann_window", window_length, periodic, np.hanning, dtype, device, requires_grad)


def hamming_window(window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, *, dtype: Any = None,
                   device: str | None = None, requires_grad: bool = False) -> Tensor:
    """``alpha - beta cos(2 pi n / N)``, with N as in `hann_window`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.hamming_window(4, dtype="float64").round(decimals=2).tolist()
    [0.08, 0.54, 1.0, 0.54]
    """
    def made(n: int) -> np.ndarray:
        return alpha - beta + 2 * beta * np.hanning(n) if n > 1 else np.ones(n)

    return _window("hamming_window", window_length, periodic, made, dtype, device, requires_grad)


def blackman_window(window_length: int, periodic: bool = True, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """``0.42 - 0.5 cos(2 pi n / N) + 0.08 cos(4 pi n / N)``, with N as in `hann_window`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.blackman_window(4, dtype="float64").round(decimals=2).abs().tolist()
    [0.0, 0.34, 1.0, 0.34]
    """
    return _window("blackman_window", window_length, periodic, np.blackman, dtype, device, requires_grad)


def bartlett_window(window_length: int, periodic: bool = True, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """A triangle, ``1 - |2 n / N - 1|``, with N as in `hann_window`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.bartlett_window(4).tolist()
    [0.0, 0.5, 1.0, 0.5]
    """
    return _window("bartlett_window", window_length, periodic, np.bartlett, dtype, device, requires_grad)


def kaiser_window(window_length: int, periodic: bool = True, beta: float = 12.0, *, dtype: Any = None, device: str | None = None,
                  requires_grad: bool = False) -> Tensor:
    """``i0(beta sqrt(1 - (2 n / N - 1)^2)) / i0(beta)``, with N as in `hann_window` (Kaiser 1974).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.kaiser_window(4, beta=1.0, dtype="float64").round(decimals=2).tolist()
    [0.79, 0.95, 1.0, 0.95]
    """
    return _window("kaiser_window", window_length, periodic, lambda n: np.kaiser(n, beta), dtype, device, requires_grad)


def padded(x: Tensor, left: int, right: int, mode: str = "constant") -> Tensor:
    """More samples at both ends of the last axis."""
    if mode not in PADDING:
        raise ArgumentError(f"pad_mode={mode!r}; expected one of {', '.join(PADDING)}")
    length = x.shape[-1]
    if mode == "constant":
        ends = [zeros(*x.shape[:-1], count, dtype=x.dtype, device=x.device) for count in (left, right)]
        return cat([ends[0], x, ends[1]], -1)
    if mode == "reflect" and max(left, right) >= length:
        raise ShapeError(f"pad_mode='reflect' needs more than {max(left, right)} samples, got {length}; use pad_mode='constant'")
    return x[..., np.pad(np.arange(length), (left, right), PADDING[mode])]


def _margins(what: str, n_fft: int, hop_length: int | None, win_length: int | None, window: Tensor | None, like: Tensor) -> tuple[int, Tensor]:
    """The hop, and the window in the middle of `n_fft` samples."""
    hop, width = hop_length or n_fft // 4, win_length or n_fft
    if n_fft < 1 or hop < 1 or not 0 < width <= n_fft:
        raise ArgumentError(f"{what}: n_fft={n_fft}, hop_length={hop}, win_length={width}; expected at least 1, at least 1, and at most n_fft")
    if window is not None and tuple(window.shape) != (width,):
        raise ShapeError(f"{what}: a window of shape {tuple(window.shape)}; expected (win_length,) = ({width},)")
    dtype = np.finfo(like.dtype).dtype
    shape = ones(width, dtype=dtype, device=like.device) if window is None else window.to(dtype)
    return hop, padded(shape, (n_fft - width) // 2, n_fft - width - (n_fft - width) // 2)


def stft(input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window: Tensor | None = None,
         center: bool = True, pad_mode: str = "reflect", normalized: bool = False, onesided: bool = True, return_complex: bool = True) -> Tensor:
    """The spectrum of every stretch of a signal: ``sum_n window_n x_{n + t hop} exp(-2 pi i n k / n_fft)``.

    Parameters
    ----------
    input : Tensor, shape (..., time)
        Real.
    n_fft : int
        Samples of a stretch.
    hop_length : int, optional
        From one stretch to the next, ``n_fft // 4`` by default.
    win_length : int, optional
        Of the window, which lies in the middle of a stretch; `n_fft` by default.
    window : Tensor, optional
        Ones by default.
    center : bool
        Let stretch t be centred at ``t hop_length``, by margins on both sides.
    pad_mode : {"reflect", "constant", "replicate", "circular"}
        What the margins hold.
    normalized : bool
        Divide by the root of `n_fft`.
    onesided : bool
        Leave out the negative frequencies.
    return_complex : bool
        Only True; `workbench.view_as_real` gives pairs of real numbers.

    Returns
    -------
    Tensor, shape (..., n_fft // 2 + 1, frames), complex

    Raises
    ------
    ArgumentError, ShapeError
        If lengths do not fit each other or the signal.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.stft(wb.ones(16), n_fft=8).shape
    (5, 9)
    """
    x = as_tensor(input)
    if x.ndim < 1 or x.dtype.kind != "f":
        raise ArgumentError(f"stft: a signal of shape {tuple(x.shape)} and dtype {x.dtype}; expected real floats (..., time)")
    if not return_complex:
        raise ArgumentError("stft: return_complex=False is not offered; use wb.view_as_real(wb.stft(...))")
    hop, shape = _margins("stft", n_fft, hop_length, win_length, window, x)
    if center:
        x = padded(x, n_fft // 2, n_fft // 2, pad_mode)
    if x.shape[-1] < n_fft:
        raise ShapeError(f"stft: a signal of {x.shape[-1]} samples is shorter than n_fft={n_fft}")
    frames = x.unfold(x.ndim - 1, n_fft, hop) * shape
    spectrum = (fft.rfft if onesided else fft.fft)(frames, norm="ortho" if normalized else "backward")
    return spectrum.swapaxes(-1, -2)


def istft(input: Tensor, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window: Tensor | None = None,
          center: bool = True, normalized: bool = False, onesided: bool = True, length: int | None = None) -> Tensor:
    """The signal that has this `stft`, or comes nearest to it: stretches added up, divided by the sum of squared windows (Griffin & Lim 1984).

    Parameters
    ----------
    input : Tensor, shape (..., frequencies, frames)
        Complex; other parameters are those of `stft`.
    length : int, optional
        Samples to return: what is missing at the end is zero.

    Raises
    ------
    ArgumentError
        If the windows leave a sample uncovered, so that nothing determines it.

    Examples
    --------
    >>> import workbench as wb
    >>> x, w = wb.rand(32), wb.hann_window(8)
    >>> wb.allclose(wb.istft(wb.stft(x, 8, window=w), 8, window=w), x, atol=1e-6)
    True
    """
    x = as_tensor(input)
    if x.dtype.kind != "c" or x.ndim < 2 or x.shape[-2] != (n_fft // 2 + 1 if onesided else n_fft):
        raise ShapeError(f"istft: a spectrum of shape {tuple(x.shape)} and dtype {x.dtype} for n_fft={n_fft}, onesided={onesided}; expected complex "
                         f"(..., {n_fft // 2 + 1 if onesided else n_fft}, frames)")
    hop, shape = _margins("istft", n_fft, hop_length, win_length, window, x)
    norm, spectra = "ortho" if normalized else "backward", x.swapaxes(-1, -2)
    frames = (fft.irfft(spectra, n_fft, norm=norm) if onesided else fft.ifft(spectra, norm=norm).real) * shape
    places = (np.arange(x.shape[-1])[:, None] * hop + np.arange(n_fft)).ravel()
    total = n_fft + hop * (x.shape[-1] - 1)
    signal = index_add(zeros(*x.shape[:-2], total, dtype=frames.dtype, device=x.device), -1, as_tensor(places, device=x.device),
                       frames.reshape(*x.shape[:-2], -1))
    energy = index_add(zeros(total, dtype=frames.dtype, device=x.device), 0, as_tensor(places, device=x.device), (shape * shape).repeat(x.shape[-1]))
    start = n_fft // 2 if center else 0
    stop = start + length if length is not None else total - start
    signal, energy = signal[..., start:min(stop, total)], energy[start:min(stop, total)]
    if bool((energy.detach().abs() < 1e-11).any()):
        raise ArgumentError("istft: the windows leave samples uncovered, so nothing determines them; use a smaller hop_length or a window without zeros")
    return padded(signal / energy, 0, max(stop - total, 0))


__all__ = ["hann_window", "hamming_window", "blackman_window", "bartlett_window", "kaiser_window", "stft", "istft"]
