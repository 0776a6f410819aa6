"""Where a downloadable set comes from: its files, their addresses and published checksums."""
from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...core.errors import DownloadError
from ..download import data_home, download, extract


@dataclass(frozen=True)
class Source:
    """One file: its name, its checksum, and the addresses of the folders where it lies."""

    name: str
    checksum: str
    mirrors: Sequence[str]

    def fetch(self, folder: str | os.PathLike | None, set_name: str, allowed: bool = True) -> Path:
        """The checked file in ``folder/set_name``, fetched if need be and `allowed`."""
        place = Path(folder if folder is not None else data_home()) / set_name / self.name
        if not allowed and not place.exists():
            raise DownloadError(f"{place} is not there, and download=False; fetch {self.mirrors[0]}{self.name} or set download=True")
        return download([mirror + self.name for mirror in self.mirrors], place, checksum=self.checksum)

    def unpack(self, folder: str | os.PathLike | None, set_name: str, allowed: bool = True) -> Path:
        """The folder with what the archive holds. Once that is there, the archive is neither needed nor looked at."""
        place = Path(folder if folder is not None else data_home()) / set_name / self.name.removesuffix(".tar.gz")
        return place if place.exists() else extract(self.fetch(folder, set_name, allowed), place)
