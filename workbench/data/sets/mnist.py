"""MNIST and Fashion-MNIST: 28 x 28 grey images in the IDX format, read as they are packed."""
from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from ...core.errors import DownloadError
from .images import ImageSet
from .source import Source

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: str | os.PathLike) -> np.ndarray:
    """The array of an IDX file, packed with gzip or not.

    Two zero bytes, a byte for the type, one for the number of axes, the lengths as four bytes each, then the numbers, all
    with the highest byte first (LeCun et al. 1998).

    Raises
    ------
    DownloadError
        If it is no IDX file, or numbers are missing.
    """
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if packed else open(path, "rb") as file:
            content = file.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DownloadError(f"{os.fspath(path)} is damaged ({error}); remove it, and fetch it again") from None
    axes = content[3] if len(content) > 3 else 0
    if len(content) < 4 + 4 * axes or content[:2] != b"\0\0" or content[2] not in _TYPES:
        raise DownloadError(f"{os.fspath(path)} is no IDX file: it begins with {content[:4].hex(' ')!r}")
    shape = tuple(np.frombuffer(content, ">u4", axes, 4).tolist())
    kind = np.dtype(_TYPES[content[2]])
    wanted, found = math.prod(shape) * kind.itemsize, len(content) - 4 - 4 * axes
    if wanted != found:
        raise DownloadError(f"{os.fspath(path)}: an array of shape {shape} needs {wanted:,} bytes, {found:,} are there")
    return np.frombuffer(content, kind, offset=4 + 4 * axes).reshape(shape).astype(kind.newbyteorder("="))


class MNIST(ImageSet):
    """70,000 handwritten digits of 28 x 28 pixels (LeCun et al. 1998), 11 MB.

    Parameters
    ----------
    root : path, optional
        The folder in which its own folder lies, `data_home` by default.
    train : bool
        60,000 images to learn from, or 10,000 to test with.
    transform, target_transform : callable, optional
        Applied to the bytes (1, 28, 28) of an image, and to its class number. Without `transform` an image is floats
        between 0 and 1.
    download : bool
        Fetch the files that are not there.

    Raises
    ------
    DownloadError
        If a file is neither there nor to be had; it says how to place it by hand.

    Examples
    --------
    >>> import workbench as wb
    >>> image, label = wb.data.MNIST()[0]  # doctest: +SKIP
    >>> wb.data.MNIST("not/there", download=False)
    Traceback (most recent call last):
    workbench.core.errors.DownloadError: ...train-images-idx3-ubyte.gz is not there, and download=False; fetch https:...
    """

    class_names: ClassVar[tuple[str, ...]] = tuple("0123456789")
    mirrors: ClassVar[tuple[str, ...]] = ("https://storage.googleapis.com/cvdf-datasets/mnist/",
                                          "https://ossci-datasets.s3.amazonaws.com/mnist/")
    # SHA-256 as published in tensorflow/datasets, tensorflow_datasets/url_checksums/mnist.txt.
    checksums: ClassVar[dict[str, str]] = {
        "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    }

    def __init__(self, root: str | os.PathLike | None = None, train: bool = True, transform: Callable | None = None,
                 target_transform: Callable | None = None, download: bool = True) -> None:
        images, labels = (read_idx(Source(name, self.checksums[name], self.mirrors).fetch(root, type(self).__name__, download))
                          for name in sorted(self.checksums) if name.startswith("train" if train else "t10k"))
        if images.ndim != 3 or labels.shape != images.shape[:1]:
            raise DownloadError(f"{type(self).__name__}: images of shape {images.shape} with labels of shape {labels.shape}")
        super().__init__(images[:, None], labels, self.class_names, transform, target_transform)
        self.train = train


class FashionMNIST(MNIST):
    """70,000 pieces of clothing of 28 x 28 pixels, as a drop-in for `MNIST` (Xiao et al. 2017), 30 MB.

    Parameters
    ----------
    root, train, transform, target_transform, download
        As for `MNIST`.

    Examples
    --------
    >>> import workbench as wb
    >>> image, label = wb.data.FashionMNIST()[0]  # doctest: +SKIP
    >>> wb.data.FashionMNIST.class_names[9]
    'Ankle boot'
    """

    class_names = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
    mirrors = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)
    # SHA-256 as published in tensorflow/datasets, tensorflow_datasets/url_checksums/fashion_mnist.txt.
    checksums = {
        "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    }
