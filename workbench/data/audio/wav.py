"""Reading and writing WAV files: PCM of 8, 16, 24 and 32 bits, floats of 32 and 64."""
from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from ...core import Tensor, as_tensor
from ...core.errors import ArgumentError, DownloadError, ShapeError

PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE


class AudioInfo(NamedTuple):
    """What the head of a file says."""

    sample_rate: int
    num_frames: int
    num_channels: int
    bits_per_sample: int
    encoding: str


class _Format(NamedTuple):
    kind: int
    channels: int
    rate: int
    bits: int


def _chunks(file: BinaryIO, path: object) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and length of each part of a RIFF file."""
    head = file.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        raise DownloadError(f"{path} is no WAV file: it begins with {head[:4]!r}")
    size = file.seek(0, os.SEEK_END)
    place = 12
    while place + 8 <= size:
        file.seek(place)
        name, length = struct.unpack("<4sI", file.read(8))
        yield name, place + 8, min(length, size - place - 8) if name == b"data" else length
        place += 8 + length + length % 2


def _head(file: BinaryIO, path: object) -> tuple[_Format, int, int]:
    """The format, and place and length of the samples."""
    form = None
    for name, place, length in _chunks(file, path):
        if name == b"fmt ":
            file.seek(place)
            content = file.read(min(length, 40))
            if len(content) < 16:
                raise DownloadError(f"{path}: the format is cut off")
            kind, channels, rate, _, block, bits = struct.unpack("<HHIIHH", content[:16])
            if kind == EXTENSIBLE and len(content) >= 26:
                kind = struct.unpack("<H", content[24:26])[0]
            if (kind, bits) not in _READ or channels < 1 or block != channels * bits // 8:
                raise DownloadError(f"{path}: format {kind} with {bits} bits in {channels} channels is not read; only PCM of 8, 16, 24, 32 bits "
                                    "and floats of 32, 64 are")
            form = _Format(kind, channels, rate, bits)
        elif name == b"data" and form is not None:
            return form, place, length
    raise DownloadError(f"{path}: there are no samples in it")


def _pcm24(content: bytes) -> np.ndarray:
    """Three bytes each, as integers of 32 bits whose lowest byte is 0."""
    wide = np.zeros((len(content) // 3, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(content, np.uint8).reshape(-1, 3)
    return wide.view("<i4")[:, 0]


# Samples of a (format, bits), and what they are divided by; 8 bits count from 128.
_READ = {(PCM, 8): (lambda content: np.frombuffer(content, np.uint8).astype(np.int16) - 128, 1 << 7),
         (PCM, 16): (lambda content: np.frombuffer(content, "<i2"), 1 << 15),
         (PCM, 24): (_pcm24, 1 << 31),
         (PCM, 32): (lambda content: np.frombuffer(content, "<i4"), 1 << 31),
         (FLOAT, 32): (lambda content: np.frombuffer(content, "<f4"), 1),
         (FLOAT, 64): (lambda content: np.frombuffer(content, "<f8"), 1)}


def info(path: str | os.PathLike) -> AudioInfo:
    """What a WAV file holds, without reading its samples.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import workbench as wb
    >>> from workbench.data import audio
    >>> place = pathlib.Path(tempfile.mkdtemp()) / "x.wav"
    >>> audio.save(place, wb.zeros(2, 100), 8000)
    >>> audio.info(place)
    AudioInfo(sample_rate=8000, num_frames=100, num_channels=2, bits_per_sample=16, encoding='PCM_S')
    """
    with open(path, "rb") as file:
        form, _, length = _head(file, os.fspath(path))
    encoding = "PCM_F" if form.kind == FLOAT else "PCM_U" if form.bits == 8 else "PCM_S"
    return AudioInfo(form.rate, length // (form.channels * form.bits // 8), form.channels, form.bits, encoding)


def load(path: str | os.PathLike, frame_offset: int = 0, num_frames: int = -1, normalize: bool = True,
         channels_first: bool = True) -> tuple[Tensor, int]:
    """The samples of a WAV file, and how many there are per second.

    Parameters
    ----------
    path : path
    frame_offset, num_frames : int
        Where to begin, and how many to read (-1 for all).
    normalize : bool
        As floats between -1 and 1; otherwise as the numbers in the file (8 bits from -128, 24 bits times 256).
    channels_first : bool
        (channels, frames), else (frames, channels).

    Raises
    ------
    DownloadError
        If the file is no WAV file, or of a format that is not read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import workbench as wb
    >>> from workbench.data import audio
    >>> place = pathlib.Path(tempfile.mkdtemp()) / "x.wav"
    >>> audio.save(place, wb.tensor([[0.0, 0.5, -0.5]]), 8000)
    >>> audio.load(place)
    (tensor([[ 0. ,  0.5, -0.5]]), 8000)
    """
    if frame_offset < 0 or num_frames < -1:
        raise ArgumentError(f"load: frame_offset={frame_offset}, num_frames={num_frames}; expected at least 0, and at least -1")
    with open(path, "rb") as file:
        form, place, length = _head(file, os.fspath(path))
        frame = form.channels * form.bits // 8
        count = max(length // frame - frame_offset, 0)
        count = count if num_frames < 0 else min(count, num_frames)
        file.seek(place + frame_offset * frame)
        content = file.read(count * frame)
    read, scale = _READ[form.kind, form.bits]
    samples = read(content).reshape(-1, form.channels)
    if normalize:
        samples = (samples / scale).astype(np.float32)
    return as_tensor(np.ascontiguousarray(samples.T if channels_first else samples)), form.rate


def save(path: str | os.PathLike, waveform: Tensor | np.ndarray, sample_rate: int, bits_per_sample: int = 16, *, floats: bool = False,
         channels_first: bool = True) -> None:
    """Write samples (channels, frames) between -1 and 1 to a WAV file; what lies outside is cut.

    Parameters
    ----------
    path : path
    waveform : Tensor or ndarray
    sample_rate : int
    bits_per_sample : {8, 16, 24, 32}
        Or 32 and 64, with `floats`.
    floats : bool
        Write floats instead of integers; nothing is cut.
    channels_first : bool
        (channels, frames), else (frames, channels).

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import workbench as wb
    >>> from workbench.data import audio
    >>> place = pathlib.Path(tempfile.mkdtemp()) / "x.wav"
    >>> audio.save(place, wb.tensor([[0.5, 2.0]]), 8000, 24)
    >>> audio.load(place)[0].tolist()
    [[0.5, 0.9999998807907104]]
    """
    samples = waveform.numpy() if isinstance(waveform, Tensor) else np.asarray(waveform)
    kind = FLOAT if floats else PCM
    if samples.ndim != 2 or samples.dtype.kind != "f":
        raise ShapeError(f"save: samples of shape {samples.shape} and dtype {samples.dtype}; expected floats (channels, frames)")
    if (kind, bits_per_sample) not in _READ:
        raise ArgumentError(f"save: bits_per_sample={bits_per_sample}; expected {'32 or 64' if floats else '8, 16, 24 or 32'}")
    content = _encoded(np.ascontiguousarray(samples.T if channels_first else samples), kind, bits_per_sample)
    channels = samples.shape[0 if channels_first else 1]
    block = channels * bits_per_sample // 8
    form = struct.pack("<HHIIHH", kind, channels, sample_rate, sample_rate * block, block, bits_per_sample)
    body = b"WAVE" + _chunk(b"fmt ", form) + _chunk(b"data", content)
    with open(path, "wb") as file:
        file.write(_chunk(b"RIFF", body))


def _chunk(name: bytes, content: bytes) -> bytes:
    """A part of a RIFF file, of even length."""
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def _encoded(samples: np.ndarray, kind: int, bits: int) -> bytes:
    if kind == FLOAT:
        return samples.astype(f"<f{bits // 8}").tobytes()
    top = 1 << (bits - 1)
    whole = np.rint(samples.astype(np.float64) * top).clip(-top, top - 1).astype(np.int64)
    if bits == 8:
        return (whole + 128).astype(np.uint8).tobytes()
    if bits == 24:
        return whole.astype("<i4").view(np.uint8).reshape(*whole.shape, 4)[..., :3].tobytes()
    return whole.astype(f"<i{bits // 8}").tobytes()
