"""Downloadable sounds: spoken words."""
from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ...core.errors import ArgumentError, DownloadError
from ..folders import AudioFolder
from .source import Source

# SHA-256 as published in tensorflow/datasets, tensorflow_datasets/url_checksums/speech_commands.txt.
WORDS = Source("speech_commands_v0.02.tar.gz", "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
               ("https://storage.googleapis.com/download.tensorflow.org/data/", "http://download.tensorflow.org/data/"))
LISTS = {"validation": "validation_list.txt", "testing": "testing_list.txt"}


class SpeechCommands(AudioFolder):
    """105,829 recordings of one of 35 words, a second each at 16,000 samples (Warden 2018), 2.4 GB.

    Parameters
    ----------
    root : path, optional
        The folder in which its own folder lies, `data_home` by default.
    subset : {"training", "validation", "testing"}, optional
        As the lists in the archive divide them; all of them by default.
    transform, target_transform : callable, optional
        Applied to the waveform (1, samples), of which some are shorter than a second, and to the class number.
    download : bool
        Fetch the archive if it is not there.

    Examples
    --------
    >>> import workbench as wb
    >>> sound, word = wb.data.SpeechCommands(subset="testing")[0]  # doctest: +SKIP
    >>> wb.data.SpeechCommands("not/there", download=False)
    Traceback (most recent call last):
    workbench.core.errors.DownloadError: ...speech_commands_v0.02.tar.gz is not there, and download=False; fetch https:...
    """

    sample_rate = 16000

    def __init__(self, root: str | os.PathLike | None = None, subset: str | None = None, transform: Callable | None = None,
                 target_transform: Callable | None = None, download: bool = True) -> None:
        if subset not in (None, "training", *LISTS):
            raise ArgumentError(f"SpeechCommands: subset={subset!r}; expected 'training', 'validation', 'testing' or None")
        folder = WORDS.unpack(root, "SpeechCommands", download)
        listed = {name: _listed(folder, file) for name, file in LISTS.items()}
        held = {path for paths in listed.values() for path in paths}
        wanted = listed.get(subset or "")
        words = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("_"))
        super().__init__(folder, transform, target_transform, classes=words, allow_empty=True,
                         is_valid_file=lambda path: path.suffix == ".wav" and (
                             subset is None or (path in wanted if wanted is not None else path not in held)))
        self.subset = subset


def _listed(folder: Path, name: str) -> set[Path]:
    try:
        return {folder / line for line in (folder / name).read_text("utf-8").split()}
    except FileNotFoundError:
        raise DownloadError(f"{folder} has no {name}; remove the folder, and it is extracted again") from None
