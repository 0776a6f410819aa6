"""The examples of docs/layers.md run, one after the other, and its table names losses that there are."""
from __future__ import annotations

import re
from pathlib import Path

from workbench import nn

PAGE = (Path(__file__).parents[2] / "docs" / "layers.md").read_text(encoding="utf-8")


def test_the_examples_run():
    namespace: dict = {}
    examples = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    assert len(examples) > 8
    for number, example in enumerate(examples):
        exec(compile(example, f"layers.md, example {number}", "exec"), namespace)


def test_every_loss_is_in_the_table():
    named = {name for row in re.findall(r"^\| [a-z].*$", PAGE, re.M) for name in re.findall(r"`(\w+Loss)`", row)}
    losses = {name for name in nn.__all__ if isinstance(getattr(nn, name), type) and issubclass(getattr(nn, name), nn.MSELoss.__base__)}
    assert named == losses | {"AdaptiveLogSoftmaxWithLoss"}
