"""The guide to optimizers runs as it stands, and names every class."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from workbench import optim

GUIDE = Path(__file__).parents[2] / "docs" / "optimizers.md"


@pytest.mark.slow
def test_the_guide_runs() -> None:
    names: dict[str, object] = {}
    for block in re.findall(r"^```python\n(.*?)^```", GUIDE.read_text(), re.S | re.M):
        exec(compile(block, str(GUIDE), "exec"), names)
    assert {"found", "groups", "scheduler", "accuracy", "heavy"} <= set(names)


def test_the_guide_names_every_optimizer() -> None:
    kinds = {name for name in optim.__all__ if isinstance(getattr(optim, name), type) and issubclass(getattr(optim, name), optim.Optimizer)}
    assert kinds - {"Optimizer"} <= set(re.findall(r"`(\w+)`", GUIDE.read_text()))
