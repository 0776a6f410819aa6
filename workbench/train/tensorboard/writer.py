"""SummaryWriter: scalars, histograms, images, texts and hyper-parameters in an event file."""
from __future__ import annotations

import itertools
import os
import socket
import struct
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...core import Tensor
from ...core.errors import ArgumentError, ShapeError
from .records import block, double, doubles, integer, record, single

_numbers = itertools.count()
_STRING = 7  # TensorFlow's number for tensors of strings


class SummaryWriter:
    """Writes event files that TensorBoard shows; the names of methods are those of ``torch.utils.tensorboard``.

    Parameters
    ----------
    log_dir : path
        TensorBoard takes every folder for one run.
    path : path, optional
        Append to this file instead of making a new one.

    Examples
    --------
    >>> import tempfile, workbench as wb
    >>> with wb.train.SummaryWriter(tempfile.mkdtemp()) as writer:
    ...     writer.add_scalar("loss", 0.5, 1)
    ...     writer.add_histogram("weights", wb.randn(100), 1)
    >>> writer.path.name.startswith("events.out.tfevents")
    True
    """

    def __init__(self, log_dir: str | os.PathLike, path: str | os.PathLike | None = None) -> None:
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_numbers)}"
        self.path = Path(log_dir) / name if path is None else Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self.path, "ab")
        if not self._file.tell():
            self._file.write(record(double(1, time.time()) + block(3, "brain.Event:2")))

    def add_scalar(self, tag: str, scalar_value: Any, global_step: int = 0) -> None:
        """One number."""
        self._add(tag, single(2, float(scalar_value)), global_step)

    def add_histogram(self, tag: str, values: Any, global_step: int = 0, bins: int = 64) -> None:
        """How numbers are distributed; what is not finite is left out."""
        numbers = _array(values).astype(np.float64).ravel()
        numbers = numbers[np.isfinite(numbers)]
        if not numbers.size:
            raise ArgumentError(f"add_histogram: {tag!r} has no finite numbers")
        counts, edges = np.histogram(numbers, bins=bins)
        summary = b"".join(double(field, value) for field, value in
                           enumerate((numbers.min(), numbers.max(), numbers.size, numbers.sum(), np.square(numbers).sum()), start=1))
        self._add(tag, block(5, summary + doubles(6, edges[1:]) + doubles(7, counts)), global_step)

    def add_image(self, tag: str, img_tensor: Any, global_step: int = 0, dataformats: str = "CHW") -> None:
        """A picture (C, H, W) with one, three or four channels: floats from 0 to 1, or bytes; "HWC" and "HW" say another order."""
        pixels = _array(img_tensor)
        if dataformats not in ("CHW", "HWC", "HW") or pixels.ndim != len(dataformats):
            raise ShapeError(f"add_image: a picture of shape {pixels.shape} is not {dataformats!r}; expected 'CHW', 'HWC' or 'HW'")
        pixels = {"CHW": lambda p: p.transpose(1, 2, 0), "HWC": lambda p: p, "HW": lambda p: p[:, :, None]}[dataformats](pixels)
        if pixels.shape[2] not in (1, 3, 4):
            raise ShapeError(f"add_image: {pixels.shape[2]} channels; expected 1, 3 or 4")
        if pixels.dtype != np.uint8:
            pixels = (np.clip(pixels.astype(np.float64), 0, 1) * 255).round().astype(np.uint8)
        height, width, channels = pixels.shape
        self._add(tag, block(4, integer(1, height) + integer(2, width) + integer(3, channels) + block(4, png(pixels))), global_step)

    def add_text(self, tag: str, text_string: str, global_step: int = 0) -> None:
        """A text, in Markdown."""
        tensor = integer(1, _STRING) + block(2, block(2, integer(1, 1))) + block(8, text_string)
        self._add(f"{tag}/text_summary", block(9, block(1, block(1, "text"))) + block(8, tensor), global_step)

    def add_hparams(self, hparam_dict: Mapping[str, Any], metric_dict: Mapping[str, Any] = {}) -> None:
        """Hyper-parameters of the run, and the numbers that came of them."""
        start = b"".join(block(1, block(1, name) + block(2, _value(value))) for name, value in hparam_dict.items())
        self._hparams("_hparams_/session_start_info", block(3, start + double(5, time.time())))
        for name, value in metric_dict.items():
            self.add_scalar(name, value)
        self._hparams("_hparams_/session_end_info", block(4, integer(1, 1) + double(2, time.time())))  # 1: it succeeded

    def _hparams(self, tag: str, content: bytes) -> None:
        self._add(tag, block(9, block(1, block(1, "hparams") + block(2, integer(1, 0) + content))), 0)

    def _add(self, tag: str, value: bytes, step: int) -> None:
        self._file.write(record(double(1, time.time()) + integer(2, step) + block(5, block(1, block(1, tag) + value))))

    def flush(self) -> int:
        """Let everything reach the disk; the length of the file."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _array(value: Any) -> np.ndarray:
    return np.asarray(value.numpy() if isinstance(value, Tensor) else value)


def _value(value: Any) -> bytes:
    """A setting as ``google.protobuf.Value``."""
    if isinstance(value, bool):
        return integer(4, int(value))
    return double(2, float(value)) if isinstance(value, (int, float)) else block(3, str(value))


def png(pixels: np.ndarray) -> bytes:
    """Pixels (H, W, 1, 3 or 4) of bytes as a PNG file."""
    height, width, channels = pixels.shape

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, width * channels)], axis=1)
    head = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines.tobytes())) + chunk(b"IEND", b"")
