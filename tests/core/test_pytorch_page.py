"""docs/pytorch.md: its example runs, every name in it exists, and state dicts cross over."""
from __future__ import annotations

import operator
import re
from pathlib import Path

import numpy as np
import pytest

import workbench as wb

PAGE = (Path(__file__).parents[2] / "docs/pytorch.md").read_text(encoding="utf-8")


def test_the_example_runs() -> None:
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.S):
        exec(compile(block, "docs/pytorch.md", "exec"), {})


@pytest.mark.parametrize("name", sorted(set(re.findall(r"\bwb\.([\w.]*\w)", PAGE))))
def test_every_name_exists(name: str) -> None:
    operator.attrgetter(name)(wb)


@pytest.mark.oracle
def test_a_state_dict_of_pytorch_loads_as_it_is(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    theirs, ours = torch.nn.LSTM(3, 4), wb.nn.LSTM(3, 4)
    save_file(theirs.state_dict(), tmp_path / "model.safetensors")
    for state in (theirs.state_dict(), wb.load(tmp_path / "model.safetensors")):
        ours.load_state_dict(state)
        for name, value in theirs.state_dict().items():
            np.testing.assert_array_equal(ours.state_dict()[name].numpy(), value.numpy())
