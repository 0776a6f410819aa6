"""Folders of files as datasets: one folder per class, whatever else lies there."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import workbench as wb
from workbench import data, errors


@pytest.fixture
def pictures(tmp_path) -> Path:
    for kind, names in {"dog": ["b.PNG", "deep/a.jpg"], "cat": ["1.png"]}.items():
        for name in names:
            place = tmp_path / kind / name
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full((4, 6), 255 if kind == "dog" else 0, np.uint8)).save(place, "PNG")
    (tmp_path / "cat" / "notes.txt").write_text("not a picture")
    (tmp_path / "readme.md").write_text("not a class")
    return tmp_path


def test_pictures_are_sorted_by_class_and_path(pictures) -> None:
    folder = data.ImageFolder(pictures, transform=data.transforms.ToTensor(), target_transform=str)
    assert (folder.classes, folder.class_to_idx, folder.targets) == (["cat", "dog"], {"cat": 0, "dog": 1}, [0, 1, 1])
    assert [path.name for path, _ in folder.samples] == ["1.png", "b.PNG", "a.jpg"]
    assert [(x.shape, x.max().item(), y) for x, y in (folder[n] for n in range(3))] == [((3, 4, 6), 0, "0"), ((3, 4, 6), 1, "1"), ((3, 4, 6), 1, "1")]
    x, y = next(iter(data.DataLoader(data.ImageFolder(pictures, data.transforms.ToTensor()), 3)))
    assert (x.shape, y.tolist()) == ((3, 3, 4, 6), [0, 1, 1])
    assert isinstance(data.ImageFolder(pictures)[0][0], Image.Image)
    assert len(data.ImageFolder(pictures, is_valid_file=lambda path: path.suffix == ".png", allow_empty=True)) == 1


def test_texts_and_sounds(tmp_path) -> None:
    for kind in ("b", "a"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "1.txt").write_text(f"täxt {kind}", "utf-8")
        data.audio.save(tmp_path / kind / "1.wav", np.full((2, 5), 0.5), 8000)
    assert list(data.TextFolder(tmp_path, str.upper)) == [("TÄXT A", 0), ("TÄXT B", 1)]
    assert data.TextFolder(tmp_path, classes=["b", "a"])[0] == ("täxt b", 0)
    assert data.AudioFolder(tmp_path, lambda x: x.mean().item())[1] == (0.5, 1)
    assert data.AudioFolder(tmp_path)[0][0].dtype == wb.float32


def test_a_class_without_files_is_an_error_unless_allowed(pictures) -> None:
    (pictures / "fish").mkdir()
    with pytest.raises(errors.ArgumentError, match="fish"):
        data.ImageFolder(pictures)
    assert len(data.ImageFolder(pictures, allow_empty=True)) == 3


def test_a_damaged_file_is_named(pictures) -> None:
    (pictures / "cat" / "0.png").write_bytes(b"not a picture")
    with pytest.raises(errors.DownloadError, match=r"0\.png"):
        data.ImageFolder(pictures)[0]
    (pictures / "cat" / "0.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(errors.DownloadError, match=r"0\.txt"):
        data.TextFolder(pictures, allow_empty=True)[0]


@pytest.mark.parametrize("wrong", [lambda root: data.ImageFolder(root / "none"), lambda root: data.TextFolder(root / "cat"),
                                   lambda root: data.DatasetFolder(root, str), lambda root: data.DatasetFolder(root, str, [".png"], is_valid_file=Path.exists)])
def test_wrong_use_is_an_error(wrong, pictures) -> None:
    with pytest.raises(errors.ArgumentError):
        wrong(pictures)
