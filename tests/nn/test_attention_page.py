"""The examples of docs/attention.md run, one after the other, and it leaves no attention layer out."""
from __future__ import annotations

import re
from pathlib import Path

from workbench import nn

PAGE = (Path(__file__).parents[2] / "docs" / "attention.md").read_text()


def test_the_examples_run():
    namespace: dict = {}
    found = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    for number, block in enumerate(found, 1):
        exec(compile(block, f"docs/attention.md, block {number}", "exec"), namespace)
    assert len(found) > 4
    assert [layer.name for layer in namespace["maps"].layers] == ["layers.0.self_attn", "layers.1.self_attn"]


def test_no_layer_is_left_out():
    layers = [name for name in nn.__all__ if name.endswith(("Attention", "PositionalEncoding", "Bias", "ALiBi", "KVCache", "RotaryEmbedding"))]
    assert len(layers) > 7
    assert not [name for name in layers if name not in PAGE]
