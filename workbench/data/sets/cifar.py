"""CIFAR-10 and CIFAR-100 in their binary versions: no pickle is read."""
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np

from ...core.errors import DownloadError
from .images import ImageSet
from .source import Source

PIXELS = 3 * 32 * 32


def read_records(path: str | os.PathLike, labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 3, 32, 32) and the last of `labels` label bytes of each record.

    A record is its labels, then 1,024 bytes each of red, green and blue (Krizhevsky 2009).
    """
    content = np.fromfile(path, np.uint8)
    if not len(content) or len(content) % (labels + PIXELS):
        raise DownloadError(f"{os.fspath(path)}: {len(content):,} bytes are no whole number of records of {labels + PIXELS:,}")
    records = content.reshape(-1, labels + PIXELS)
    return records[:, labels:].reshape(-1, 3, 32, 32), records[:, labels - 1]


class CIFAR10(ImageSet):
    """60,000 colour images of 32 x 32 pixels in 10 classes (Krizhevsky 2009), 170 MB.

    Parameters
    ----------
    root : path, optional
        The folder in which its own folder lies, `data_home` by default.
    train : bool
        50,000 images to learn from, or 10,000 to test with.
    transform, target_transform : callable, optional
        Applied to the bytes (3, 32, 32) of an image, and to its class number. Without `transform` an image is floats
        between 0 and 1.
    download : bool
        Fetch the archive if it is not there.

    Raises
    ------
    DownloadError
        If the archive is neither there nor to be had; it says how to place it by hand.

    Examples
    --------
    >>> import workbench as wb
    >>> image, label = wb.data.CIFAR10()[0]  # doctest: +SKIP
    >>> wb.data.CIFAR10("not/there", download=False)
    Traceback (most recent call last):
    workbench.core.errors.DownloadError: ...cifar-10-binary.tar.gz is not there, and download=False; fetch https:...
    """

    mirrors: ClassVar[tuple[str, ...]] = ("https://www.cs.toronto.edu/~kriz/",)
    # SHA-256 as published in tensorflow/datasets, tensorflow_datasets/url_checksums/cifar10.txt.
    archive: ClassVar[tuple[str, str]] = ("cifar-10-binary.tar.gz", "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd")
    files: ClassVar[dict[bool, list[str]]] = {True: [f"data_batch_{n}.bin" for n in range(1, 6)], False: ["test_batch.bin"]}
    names: ClassVar[str] = "batches.meta.txt"
    labels: ClassVar[int] = 1

    def __init__(self, root: str | os.PathLike | None = None, train: bool = True, transform: Callable | None = None,
                 target_transform: Callable | None = None, download: bool = True) -> None:
        folder = Source(*self.archive, self.mirrors).unpack(root, type(self).__name__, download)
        parts = [read_records(self._file(folder, name), self.labels) for name in self.files[train]]
        images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        classes = self._file(folder, self.names).read_text("ascii").split()
        if labels.max() >= len(classes):
            raise DownloadError(f"{folder}: a label {labels.max()}, but {len(classes)} names of classes")
        super().__init__(images, labels, classes, transform, target_transform)
        self.train = train

    @staticmethod
    def _file(folder: Path, name: str) -> Path:
        found = next(folder.rglob(name), None)
        if found is None:
            raise DownloadError(f"{folder} has no {name}; remove the folder, and it is extracted again")
        return found


class CIFAR100(CIFAR10):
    """60,000 colour images of 32 x 32 pixels in 100 classes, the fine ones (Krizhevsky 2009), 169 MB.

    Parameters
    ----------
    root, train, transform, target_transform, download
        As for `CIFAR10`.

    Examples
    --------
    >>> import workbench as wb
    >>> image, label = wb.data.CIFAR100()[0]  # doctest: +SKIP
    >>> wb.data.CIFAR100.files[False]
    ['test.bin']
    """

    # SHA-256 as published in tensorflow/datasets, tensorflow_datasets/url_checksums/cifar100.txt.
    archive = ("cifar-100-binary.tar.gz", "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec")
    files = {True: ["train.bin"], False: ["test.bin"]}
    names = "fine_label_names.txt"
    labels = 2
