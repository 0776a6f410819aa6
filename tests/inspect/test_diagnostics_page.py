"""The examples of docs/diagnostics.md run, one after the other."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "diagnostics.md"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_examples_run():
    namespace: dict = {}
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert len(examples) > 8
    for number, example in enumerate(examples):
        exec(compile(example, f"diagnostics.md, example {number}", "exec"), namespace)
