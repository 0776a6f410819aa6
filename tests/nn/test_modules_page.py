"""The examples of docs/modules.md run, one after the other."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "modules.md"


@pytest.mark.slow
def test_the_examples_run():
    namespace: dict = {}
    examples = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.S | re.M)
    assert len(examples) == 10
    for number, example in enumerate(examples):
        exec(compile(example, f"modules.md, example {number}", "exec"), namespace)
