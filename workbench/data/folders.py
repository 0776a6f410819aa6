"""Folders of files as datasets: one subfolder per class."""
from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import ArgumentError, DownloadError
from .audio.wav import load
from .dataset import Dataset

IMAGES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp", ".gif")


def load_image(path: Path) -> Any:
    """A Pillow image in colour."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (UnidentifiedImageError, OSError) as error:
        raise DownloadError(f"{path} cannot be read as an image: {error}") from None


def load_text(path: Path) -> str:
    """The text of a file in UTF-8."""
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise DownloadError(f"{path} is no text in UTF-8: {error}") from None


def load_sound(path: Path) -> Any:
    """The waveform (channels, frames) of a WAV file."""
    return load(path)[0]


class DatasetFolder(Dataset):
    """Files in one folder per class: ``root/class/.../file``.

    Parameters
    ----------
    root : path
        The folder that holds one folder per class.
    loader : callable
        Makes an item of a path.
    extensions : sequence of str, optional
        Which files count, such as ``[".png"]``; capitals do not matter.
    transform, target_transform : callable, optional
        Applied to the loaded item, and to its class number.
    is_valid_file : callable, optional
        Says of a path whether it counts, instead of `extensions`.
    allow_empty : bool
        Take a class without files.
    classes : sequence of str, optional
        The names of the folders, by class number; all of them in alphabetical order by default.

    Attributes
    ----------
    classes : list of str
    class_to_idx : dict
    samples : list of (path, class number)
        Sorted by class, then by path.
    targets : list of int

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from workbench.data import DatasetFolder
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> (root / "even").mkdir(); _ = (root / "even" / "2.csv").write_text("2,4,6")
    >>> DatasetFolder(root, lambda path: path.read_text().split(","), [".csv"])[0]
    (['2', '4', '6'], 0)
    """

    def __init__(self, root: str | os.PathLike, loader: Callable[[Path], Any], extensions: Sequence[str] | None = None,
                 transform: Callable | None = None, target_transform: Callable | None = None,
                 is_valid_file: Callable[[Path], bool] | None = None, allow_empty: bool = False, *,
                 classes: Sequence[str] | None = None) -> None:
        name = type(self).__name__
        if (extensions is None) == (is_valid_file is None):
            raise ArgumentError(f"{name}: give extensions or is_valid_file, one of them")
        self.root, self.loader = Path(root), loader
        self.transform, self.target_transform = transform, target_transform
        if not self.root.is_dir():
            raise ArgumentError(f"{name}: {self.root} is no folder")
        self.classes = list(classes) if classes else sorted(entry.name for entry in self.root.iterdir() if entry.is_dir())
        if not self.classes:
            raise ArgumentError(f"{name}: {self.root} has no folders; expected one for each class")
        self.class_to_idx = {kind: number for number, kind in enumerate(self.classes)}
        suffixes = tuple(suffix.lower() for suffix in extensions or ())
        counts = is_valid_file or (lambda path: path.suffix.lower() in suffixes)
        self.samples = [(path, number) for kind, number in self.class_to_idx.items()
                        for path in sorted((self.root / kind).rglob("*")) if path.is_file() and counts(path)]
        self.targets = [number for _, number in self.samples]
        empty = [kind for kind, number in self.class_to_idx.items() if number not in set(self.targets)]
        if empty and not allow_empty:
            expected = f" ending in {', '.join(suffixes)}" if suffixes else ""
            raise ArgumentError(f"{name}: no files{expected} in {', '.join(str(self.root / kind) for kind in empty)}; allow_empty=True "
                                "takes it so")

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        path, target = self.samples[index]
        item = self.loader(path)
        return (item if self.transform is None else self.transform(item),
                target if self.target_transform is None else self.target_transform(target))

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {len(self)} files in {len(self.classes)} classes ({self.root})"


class ImageFolder(DatasetFolder):
    """Pictures in one folder per class; an item is a Pillow image, or what `transform` makes of it, and a class number.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> from workbench.data import ImageFolder, transforms
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> for kind in ("cat", "dog"):
    ...     (root / kind).mkdir()
    ...     Image.new("RGB", (4, 4)).save(root / kind / "1.png")
    >>> data = ImageFolder(root, transforms.ToTensor())
    >>> data.classes, data[1][0].shape, data[1][1]
    (['cat', 'dog'], (3, 4, 4), 1)
    """

    def __init__(self, root: str | os.PathLike, transform: Callable | None = None, target_transform: Callable | None = None,
                 loader: Callable[[Path], Any] = load_image, is_valid_file: Callable[[Path], bool] | None = None,
                 allow_empty: bool = False) -> None:
        super().__init__(root, loader, None if is_valid_file else IMAGES, transform, target_transform, is_valid_file, allow_empty)


class TextFolder(DatasetFolder):
    """Texts (.txt) in one folder per class; an item is the text, or what `transform` makes of it, and a class number.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from workbench.data import TextFolder
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> for kind in ("good", "bad"):
    ...     (root / kind).mkdir()
    ...     _ = (root / kind / "1.txt").write_text(f"a {kind} film")
    >>> TextFolder(root)[1]
    ('a good film', 1)
    """

    def __init__(self, root: str | os.PathLike, transform: Callable | None = None, target_transform: Callable | None = None, *,
                 extensions: Sequence[str] = (".txt",), allow_empty: bool = False, classes: Sequence[str] | None = None) -> None:
        super().__init__(root, load_text, extensions, transform, target_transform, None, allow_empty, classes=classes)


class AudioFolder(DatasetFolder):
    """Sounds (.wav) in one folder per class; an item is a waveform (channels, frames), or what `transform` makes of it, and a class number.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import workbench as wb
    >>> root = pathlib.Path(tempfile.mkdtemp())
    >>> for kind in ("low", "high"):
    ...     (root / kind).mkdir()
    ...     wb.data.audio.save(root / kind / "1.wav", wb.zeros(1, 80), 8000)
    >>> sound, label = wb.data.AudioFolder(root)[1]
    >>> sound.shape, label
    ((1, 80), 1)
    """

    def __init__(self, root: str | os.PathLike, transform: Callable | None = None, target_transform: Callable | None = None, *,
                 is_valid_file: Callable[[Path], bool] | None = None, allow_empty: bool = False,
                 classes: Sequence[str] | None = None) -> None:
        suffixes = None if is_valid_file else (".wav",)
        super().__init__(root, load_sound, suffixes, transform, target_transform, is_valid_file, allow_empty, classes=classes)
