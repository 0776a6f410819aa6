"""One function on the host and on a device, and a comparison of what it returns."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import workbench as wb


def same_on_both(function: Callable[[str], Any], rtol: float = 1e-9, *, seed: int = 0) -> None:
    """``function(device)`` returns the same tensors and numbers for "cpu" and "cuda", on that device."""
    found = []
    for device in ("cpu", "cuda"):
        wb.manual_seed(seed)
        leaves = wb.tree.flatten(function(device))[0]
        assert {leaf.device for leaf in leaves if isinstance(leaf, wb.Tensor)} <= {"cpu" if device == "cpu" else "cuda:0"}
        found.append(leaves)
    assert len(found[0]) == len(found[1]) > 0
    for a, b in zip(*found, strict=True):
        a, b = (np.asarray(x.detach().numpy() if isinstance(x, wb.Tensor) else x) for x in (a, b))
        assert a.dtype == b.dtype
        np.testing.assert_allclose(b, a, rtol=rtol, atol=rtol)
