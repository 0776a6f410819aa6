"""The guide to configuration runs as it stands."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from workbench import registry

GUIDE = Path(__file__).parents[2] / "docs" / "configuration.md"


@pytest.fixture
def own_classes():
    """What the guide registers is taken out again."""
    yield
    for held in registry._OWN.values():
        held.pop("Residual", None)


def test_the_guide_runs(own_classes: None, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    blocks = re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.S | re.M)
    assert len(blocks) == 10
    for number, block in enumerate(blocks):
        exec(compile(block, f"configuration.md, example {number}", "exec", dont_inherit=True), names)
    assert "did you mean out_features?" in capsys.readouterr().out
    assert names["described"]["optimizer"] == {"type": "AdamW", "lr": 0.01, "weight_decay": 0.1}
    assert names["run"].state == "done"
    assert registry.layers()["Residual"].about("scale") == "How much of it."
