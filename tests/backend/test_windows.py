"""Kernels of convolutions compute what products of copied windows compute: outputs and both gradients, whatever the options."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench.backend import cpu
from workbench.backend.cpu import threads, windows
from workbench.nn import functional as F
from workbench.ops import window

pytestmark = pytest.mark.skipif(not cpu.available(), reason="kernels need llvmlite: pip install neural-workbench[fast]")
CASES = {
    "lines": ((3, 5, 9, 11), (13, 5, 3, 3), {"padding": 1}),
    "one sample": ((1, 4, 8, 40), (6, 4, 3, 3), {}),
    "groups": ((2, 6, 7, 17), (9, 2, 2, 3), {"groups": 3, "padding": (1, 2)}),
    "depthwise": ((4, 8, 6, 6), (8, 1, 3, 3), {"groups": 8, "padding": 1}),
    "dilation": ((2, 3, 12, 20), (4, 3, 3, 2), {"dilation": (2, 3), "padding": (2, 1)}),
    "stride, many samples": ((19, 3, 9, 9), (5, 3, 3, 3), {"stride": 2, "padding": 1}),
    "stride of the other axis": ((3, 2, 9, 12), (3, 2, 3, 3), {"stride": (2, 1)}),
    "more frame than window": ((2, 3, 9, 9), (4, 3, 2, 2), {"padding": 1}),
    "frame beyond the window": ((2, 3, 5, 12), (4, 3, 1, 1), {"padding": 2}),
    "one axis": ((3, 4, 30), (7, 4, 5), {"padding": 2}),
    "three axes": ((2, 2, 5, 6, 9), (3, 2, 2, 3, 2), {"padding": (1, 1, 0)}),
}


def _found(name: str, dtype: str) -> list[np.ndarray]:
    """The output and the gradients of input and filters."""
    x_shape, w_shape, options = CASES[name]
    rng = np.random.default_rng(0)
    x, w = (wb.tensor(rng.normal(size=shape).astype(dtype), requires_grad=True) for shape in (x_shape, w_shape))
    out = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}[len(x_shape)](x, w, **options)
    (out * wb.arange(out.size).reshape(out.shape).cos()).sum().backward()
    return [out.detach().numpy(), x.grad.numpy(), w.grad.numpy()]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_convolutions_are_those_of_copied_windows(name: str, dtype: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(window, "LARGE", 1 << 60)
    wanted = _found(name, dtype)
    calls: list[str] = []
    for kernel in ("outputs", "filters"):
        function = getattr(cpu, kernel)
        monkeypatch.setattr(cpu, kernel, lambda *args, function=function, kernel=kernel: (calls.append(kernel), function(*args)))
    monkeypatch.setattr(window, "LARGE", 0)
    alone = _found(name, dtype)
    assert {"outputs", "filters"} <= set(calls)
    monkeypatch.setattr(windows, "SHARED", 0)
    monkeypatch.setattr(threads, "threads", lambda: 3)
    shared = _found(name, dtype)
    eps = np.finfo(dtype).eps
    for plain, found, again in zip(wanted, alone, shared, strict=True):
        np.testing.assert_allclose(found, plain, rtol=100 * eps, atol=100 * eps * np.abs(plain).max())
        np.testing.assert_array_equal(found, again)
