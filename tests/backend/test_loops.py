"""Compiled loops against NumPy: every C expression of the op declarations, layouts and reductions, special values, the cache."""
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("llvmlite", reason="loops are compiled through llvmlite")

from workbench.backend.native import plan  # noqa: E402
from workbench.backend.native.compiler import cache_folder, compile_loop  # noqa: E402
from workbench.backend.native.expression import supports  # noqa: E402
from workbench.backend.native.values import TYPES  # noqa: E402
from workbench.core.op import REGISTRY  # noqa: E402

SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-40, -1e-40, 1e-30, 3e38, -3e38, 0.5, -0.5, 88.9, -88.9, -103.5, 2.0, 3.0, 10.0, 700.0])
EXPRESSIONS = {name: op for name, op in REGISTRY.items() if op.c is not None and op.arity in (1, 2) and name != "cast" and not op.parameters}
ULPS = {"tanh": 24, "erf": 40, "log_sigmoid": 16, "softplus": 64, "silu": 16, "sigmoid": 16, "rsqrt": 8, "tan": 8}


def numbers(dtype):
    """Special values and a spread of ordinary ones."""
    rng = np.random.default_rng(0)
    if np.dtype(dtype).kind != "f":
        return rng.integers(-9, 9, 400).astype(dtype) if dtype != "bool" else rng.random(400) < 0.5
    spread = np.concatenate([rng.normal(size=300) * 3, rng.normal(size=300) * 50, rng.uniform(-1, 1, 300), 10.0 ** rng.uniform(-30, 30, 100)])
    with np.errstate(over="ignore"):
        return np.concatenate([SPECIAL, spread]).astype(dtype)


def run(expression, arrays, out_dtype):
    size = arrays[0].size
    operands = tuple(plan.Operand(a.dtype.name, (1,)) for a in arrays)
    kernel = compile_loop(plan.Loop((size,), operands, (plan.Step(expression, tuple(range(len(arrays))), np.dtype(out_dtype).name),), (len(arrays),)))
    out = np.empty(size, out_dtype)
    kernel([np.ascontiguousarray(a) for a in arrays], [out])
    return out


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
@pytest.mark.parametrize("name", sorted(EXPRESSIONS))
def test_an_expression_is_its_op(name, dtype):
    op = EXPRESSIONS[name]
    kind = np.dtype(dtype).kind
    if not supports(op.c, dtype) or (op.inexact and kind != "f"):
        return
    a = numbers(dtype)
    arrays = [a] if op.arity == 1 else [np.repeat(a[:60], 60), np.tile(a[:60], 60)]
    with np.errstate(all="ignore"):
        try:
            wanted = op.table[np.ndarray](*arrays)
        except TypeError:
            return  # the op is not defined on this dtype
        if wanted.dtype.name not in TYPES:
            return  # NumPy's square of bools is int8, which loops do not have
        found = run(op.c, arrays, wanted.dtype)
        assert_close(name, found, wanted, arrays)


def assert_close(name, found, wanted, arrays):
    if wanted.dtype.kind != "f":
        np.testing.assert_array_equal(found, wanted)
        return
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wanted), err_msg=f"{name}: NaN elsewhere")
    info = np.finfo(wanted.dtype)
    tolerance = ULPS.get(name, 8) * info.eps
    size = np.abs(wanted) * tolerance + tolerance * (1e-2 if name in ULPS else 1e-6) + info.tiny
    if name in ("remainder", "fmod", "pow", "float_power"):  # the quotient or the logarithm is rounded before
        size = size + np.abs(arrays[0]).clip(max=1e30) * tolerance
    ok = np.isnan(wanted) | (found == wanted) | (np.abs(found.astype(np.float64) - wanted) <= size)
    worst = np.flatnonzero(~ok)[:3]
    assert ok.all(), f"{name}: {[a[worst] for a in arrays]} gives {found[worst]}, NumPy {wanted[worst]}"


@pytest.mark.parametrize("function", ["exp", "log", "tanh", "erf"])
def test_float32_functions_over_their_whole_range(function):
    bits = np.linspace(-(2**31), 2**31 - 1, 400_000).astype(np.int64).astype(np.int32)
    x = bits.view(np.float32)
    special = pytest.importorskip("scipy.special", reason="the oracle of erf")
    exact = getattr(np, function, None) or getattr(special, function)
    with np.errstate(all="ignore"):
        wanted = exact(x.astype(np.float64))
        found = run(f"{function}({{0}})", [x], "float32")
        rounded = wanted.astype(np.float32)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(rounded))
    finite = np.isfinite(rounded) & ((np.abs(rounded) > 1e-30) | (rounded == 0))
    error = np.abs(found[finite].astype(np.float64) - wanted[finite]) / np.maximum(np.spacing(np.abs(rounded[finite])), 1e-45)
    assert error.max() < {"exp": 2, "log": 2, "tanh": 8, "erf": 8}[function]
    np.testing.assert_array_equal(found[np.isinf(rounded)], rounded[np.isinf(rounded)])


# Layouts ----------------------------------------------------------------------------------------------------------------------------
shapes = st.lists(st.integers(0, 5), min_size=1, max_size=4).map(tuple)


@settings(max_examples=60, deadline=None)
@given(shape=shapes, data=st.data(), kind=st.sampled_from(["sum", "prod", "max", "min"]), dtype=st.sampled_from(["float32", "float64", "int64"]))
def test_broadcasting_and_reductions(shape, data, kind, dtype):
    rng = np.random.default_rng(len(shape))
    keep = data.draw(st.tuples(*[st.booleans()] * len(shape)))
    axes = tuple(data.draw(st.sets(st.integers(0, len(shape) - 1))))
    if kind in ("max", "min") and 0 in shape:
        return
    small = rng.integers(-3, 4, tuple(n if k else min(n, 1) for n, k in zip(shape, keep, strict=True))).astype(dtype)
    full = rng.integers(-3, 4, shape).astype(dtype)
    strides = tuple(0 if small.shape[a] != n else step for a, (n, step) in enumerate(zip(shape, plan.contiguous(small.shape), strict=True)))
    loop = plan.Loop(shape, (plan.Operand(dtype, plan.contiguous(shape)), plan.Operand(dtype, strides)),
                     (plan.Step("{0} * {1}", (0, 1), dtype), plan.Step("{0} + {1}", (2, plan.Literal(1)), dtype)), (3,),
                     (plan.Reduction(3, kind, axes, dtype),))
    value = full * small + 1
    wanted = {"sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min}[kind](value, axis=axes)
    out, reduced = np.empty(shape, dtype), np.empty(np.shape(wanted), dtype)
    compile_loop(loop)([full, small], [out, reduced])
    np.testing.assert_array_equal(out, value)
    np.testing.assert_allclose(reduced, wanted, rtol=1e-5)


def test_maxima_keep_nan_and_a_long_sum_is_accurate():
    x = np.full(1_000_003, 0.1, np.float32)
    loop = plan.Loop(x.shape, (plan.Operand("float32", (1,)),), (), (), (plan.Reduction(0, "sum", (0,), "float32"), plan.Reduction(0, "max", (0,), "float32")))
    total, largest = np.empty((), np.float32), np.empty((), np.float32)
    compile_loop(loop)([x], [total, largest])
    np.testing.assert_allclose(total, x.astype(np.float64).sum(), rtol=1e-6)
    x[77] = np.nan
    compile_loop(loop)([x], [total, largest])
    assert np.isnan(largest)


def test_a_value_may_overwrite_its_operand():
    x, g = np.arange(5.0), np.ones(5)
    one = plan.Operand("float64", (1,))
    compile_loop(plan.Loop((5,), (one, one), (plan.Step("{0} - {1}", (0, 1), "float64"),), (), (), ((2, 0),)))([x, g], [])
    assert x.tolist() == [-1.0, 0.0, 1.0, 2.0, 3.0]


# The cache --------------------------------------------------------------------------------------------------------------------------
SCRIPT = """
import numpy as np
from workbench.backend.native import plan
from workbench.backend.native.compiler import compile_loop
one = plan.Operand("float32", (1,))
kernel = compile_loop(plan.Loop((7,), (one,), (plan.Step("{0} * {1}", (0, plan.Literal(3.0)), "float32"),), (1,)))
out = np.empty(7, np.float32)
kernel([np.ones(7, np.float32)], [out])
print(kernel.cached, out.sum())
"""


def in_a_new_process(folder):
    run = subprocess.run([sys.executable, "-c", SCRIPT], env={**os.environ, "WB_CACHE_DIR": str(folder)}, capture_output=True, text=True, check=True)
    return run.stdout.split()


def test_machine_code_is_kept_for_the_next_process(tmp_path):
    assert in_a_new_process(tmp_path) == ["False", "21.0"]
    assert in_a_new_process(tmp_path) == ["True", "21.0"]
    (file,) = (tmp_path / "kernels").iterdir()
    file.write_bytes(file.read_bytes()[:-20] + b"x" * 20)
    assert in_a_new_process(tmp_path) == ["False", "21.0"]
    assert in_a_new_process(tmp_path) == ["True", "21.0"]


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    assert in_a_new_process(tmp_path / "file") == ["False", "21.0"]


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("WB_CACHE_DIR", str(tmp_path))
    assert cache_folder() == tmp_path / "kernels"
    monkeypatch.delenv("WB_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert cache_folder() == tmp_path / "x" / "workbench" / "kernels"


def test_the_ir_can_be_read():
    one = plan.Operand("float32", (1,))
    text = compile_loop(plan.Loop((3,), (one,), (plan.Step("exp({0})", (0,), "float32"),), (1,))).ir
    assert "noalias" in text
    assert "define" in text
