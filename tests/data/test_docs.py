"""The guide to data runs as it stands; what is public is documented, and can be sent to a worker."""
from __future__ import annotations

import inspect
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

from tests.data.test_transforms import CLASSES
from workbench import data
from workbench.data import audio, text

GUIDE = Path(__file__).parents[2] / "docs" / "data.md"
PARTS = [data.transforms, data.transforms.functional, data.text, data.audio, data.tabular, data.download, data.generated, data.sets]
# Plain tuples of what a file or a worker is, and the function that returns the generator.
WITHOUT_EXAMPLE = {"AudioInfo"}


def test_the_guide_runs() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text("utf-8"), re.S | re.M)
    assert len(blocks) >= 10
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(GUIDE), "exec"), names)
    assert names["table"].encoder.feature_names == ["age", "age missing", "city=Oslo", "city=Rome"]
    assert names["shares"].shape == (16, 3)
    assert "is not there" in names["reason"]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_everything_public_has_an_example(part) -> None:
    for name in part.__all__:
        value = getattr(part, name)
        if not inspect.ismodule(value):
            assert name in WITHOUT_EXAMPLE or ">>> " in inspect.getdoc(value), name


SENT = {**{name: one for name, one in CLASSES.items() if name != "Lambda"}, "MixUp": data.transforms.MixUp(), "MaskTokens": text.MaskTokens(1, 5),
        "MFCC": audio.MFCC(), "SpecAugment": audio.SpecAugment(1, 2, 1, 2), "CharTokenizer": text.CharTokenizer("ab"),
        "WordPiece": text.WordPiece(["a"]), "Windows": data.Windows([1, 2, 3], 1), "Shapes": data.Shapes(3), "moons": data.moons(4),
        "SeriesWindows": data.SeriesWindows(np.arange(5.0), 2), "TableDataset": data.TableDataset({"a": [1, 2]})}


@pytest.mark.parametrize("name", SENT)
def test_it_can_be_sent_to_a_worker(name: str) -> None:
    again = pickle.loads(pickle.dumps(SENT[name]))
    assert type(again) is type(SENT[name])
    assert repr(again) == repr(SENT[name]) or "object at" in repr(again)
