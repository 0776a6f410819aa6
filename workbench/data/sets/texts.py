"""Downloadable texts: tiny Shakespeare, and film reviews."""
from __future__ import annotations

import os
from collections.abc import Callable

from ..folders import TextFolder
from ..text.corpus import CharCorpus
from .source import Source

# SHA-256 as published in tensorflow/datasets, tensorflow_datasets/url_checksums/tiny_shakespeare.txt.
SHAKESPEARE = Source("input.txt", "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
                     ("https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/",))
# MD5 as published in pytorch/text, torchtext/datasets/imdb.py.
REVIEWS = Source("aclImdb_v1.tar.gz", "7c2ac02c03563afcf9b574c7e56c153a", ("https://ai.stanford.edu/~amaas/data/sentiment/",))


def tiny_shakespeare(root: str | os.PathLike | None = None, *, download: bool = True) -> CharCorpus:
    """40,000 lines of Shakespeare, 1.1 MB (Karpathy 2015), as a sequence of characters.

    Raises
    ------
    DownloadError
        If the text is neither there nor to be had; it says how to place it by hand.

    Examples
    --------
    >>> import workbench as wb
    >>> corpus = wb.data.tiny_shakespeare()  # doctest: +SKIP
    >>> wb.data.tiny_shakespeare("not/there", download=False)
    Traceback (most recent call last):
    workbench.core.errors.DownloadError: ...input.txt is not there, and download=False; fetch https:...
    """
    return CharCorpus(SHAKESPEARE.fetch(root, "tiny_shakespeare", download).read_text("utf-8"), "tiny Shakespeare")


class IMDB(TextFolder):
    """50,000 film reviews, half of them positive (Maas et al. 2011), 84 MB.

    Parameters
    ----------
    root : path, optional
        The folder in which its own folder lies, `data_home` by default.
    split : {"train", "test"}
        25,000 reviews to learn from, or as many to test with.
    transform, target_transform : callable, optional
        Applied to the text, and to the class number (0 negative, 1 positive).
    download : bool
        Fetch the archive if it is not there.

    Examples
    --------
    >>> import workbench as wb
    >>> review, label = wb.data.IMDB()[0]  # doctest: +SKIP
    >>> wb.data.IMDB("not/there", download=False)
    Traceback (most recent call last):
    workbench.core.errors.DownloadError: ...aclImdb_v1.tar.gz is not there, and download=False; fetch https:...
    """

    def __init__(self, root: str | os.PathLike | None = None, split: str = "train", transform: Callable | None = None,
                 target_transform: Callable | None = None, download: bool = True) -> None:
        folder = REVIEWS.unpack(root, "IMDB", download) / "aclImdb" / split
        super().__init__(folder, transform, target_transform, classes=("neg", "pos"))
