"""Loops over all kinds of shapes, strides and reductions against NumPy; the calls of a kernel; the cache on disk."""
from __future__ import annotations

import ctypes
import math
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import errors
from workbench.backend import cpu
from workbench.backend.cpu import Literal, Loop, Operand, Reduction, Step

pytestmark = pytest.mark.skipif(not cpu.available(), reason="llvmlite is not installed")

ONE = Operand("float32", (1,))
NUMPY = {"sum": np.sum, "prod": np.prod, "max": np.max, "min": np.min, "any": np.any, "all": np.all}


def strides_of(array: np.ndarray) -> tuple[int, ...]:
    return tuple(s // array.itemsize if n > 1 else 0 for s, n in zip(array.strides, array.shape, strict=True))


@st.composite
def layouts(draw: st.DrawFn, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """An array that broadcasts to `shape`, with axes in any order, gaps, or running backwards; as a view of that shape."""
    own = tuple(n if draw(st.integers(0, 3)) else 1 for n in shape)
    order = draw(st.permutations(range(len(shape))))
    gaps = [draw(st.sampled_from([1, 1, 1, 2, -1])) for _ in shape]
    rng = np.random.default_rng(draw(st.integers(0, 5)))
    values = rng.integers(-3, 4, [own[a] * abs(gaps[a]) for a in order])
    base = (values if dtype != "float32" else values / 4).astype(dtype)
    array = base.transpose(np.argsort(order))[tuple(slice(None, None, g) for g in gaps)]
    return np.broadcast_to(array, shape)


@st.composite
def plans(draw: st.DrawFn) -> tuple[Loop, list[np.ndarray]]:
    """Two inputs, three steps, and up to two reductions over some axes."""
    shape = tuple(draw(st.lists(st.sampled_from([1, 2, 3, 7, 16, 33, 0 if draw(st.integers(0, 9)) == 0 else 5]), min_size=0, max_size=4)))
    kinds = [draw(st.sampled_from(["float32", "float64", "int64", "int32", "bool"])) for _ in range(2)]
    arrays = [draw(layouts(shape, dtype)) for dtype in kinds]
    common = np.result_type(*kinds).name
    common = "int64" if common == "bool" else common
    steps = (Step("{0} + {1}", (0, 1), common), Step("{0} * {1}", (2, Literal(3)), common), Step("{0} > {1}", (0, 1), "bool"))
    reductions = []
    for _ in range(draw(st.integers(0, 2))):
        axes = tuple(a for a in range(len(shape)) if draw(st.booleans()))
        count = math.prod(shape[a] for a in axes)
        # The largest of nothing does not exist, and a long product overflows, in an order of its own.
        kind = draw(st.sampled_from([k for k in NUMPY if not (k in ("max", "min") and 0 in shape) and not (k == "prod" and count > 20)]))
        value = 4 if kind in ("any", "all") else 3
        reductions.append(Reduction(value, kind, axes, "bool" if value == 4 else common))
    stores = tuple(draw(st.sampled_from([(3,), (4, 2), ()])))
    return Loop(shape, tuple(Operand(a.dtype.name, strides_of(a)) for a in arrays), steps, stores, tuple(reductions)), arrays


@given(plans())
def test_a_loop_is_its_numpy_program(case):
    loop, (x, y) = case
    outputs = [np.full(shape, 77).astype(dtype) for shape, dtype in loop.outputs]
    cpu.compile(loop)([x, y], outputs)
    dtype = loop.dtypes[2]
    total = x.astype(dtype) + y.astype(dtype)
    values = [x, y, total, total * total.dtype.type(3), x > y]
    expected = [values[v] for v in loop.stores]
    expected += [NUMPY[r.kind](values[r.value], axis=r.axes).astype(r.dtype) for r in loop.reductions]
    for out, wanted in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(out, wanted, rtol=1e-5 if out.dtype == "float32" else 1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", ["max", "min"])
@pytest.mark.parametrize("size", [1, 5, 16, 100, 1003])
def test_nan_in_any_place_passes_through_max_and_min(kind, dtype, size):
    loop = Loop((size,), (Operand(dtype, (1,)),), (), (), (Reduction(0, kind, (0,), dtype),))
    kernel, out = cpu.compile(loop), np.empty((), dtype)
    for place in range(0, size, max(1, size // 50)):
        x = np.random.default_rng(place).standard_normal(size).astype(dtype)
        kernel([x], [out])
        assert out == NUMPY[kind](x)
        x[place] = np.nan
        kernel([x], [out])
        assert np.isnan(out)


def test_a_long_float32_sum_is_as_accurate_as_that_of_numpy():
    x = np.random.default_rng(0).random(1_000_003).astype("float32")
    out, exact = np.empty((), "float32"), x.sum(dtype="float64")
    cpu.compile(Loop(x.shape, (ONE,), (), (), (Reduction(0, "sum", (0,), "float32"),)))([x], [out])
    assert abs(out - exact) <= max(abs(x.sum() - exact), np.spacing(np.float32(exact)))


def test_sums_along_the_first_axis_of_many_columns_need_memory_of_their_own():
    x = np.random.default_rng(0).random((50, 9001)).astype("float32")
    out = np.empty(9001, "float32")
    cpu.compile(Loop(x.shape, (Operand("float32", (9001, 1)),), (), (), (Reduction(0, "sum", (0,), "float32"),)))([x], [out])
    np.testing.assert_allclose(out, x.sum(0, dtype="float64"), rtol=1e-6)


def test_where_tests_its_condition_in_the_dtype_of_the_condition():
    condition, x = np.array([0.25, 0.0, np.nan, -1.0]), np.arange(4)
    loop = Loop((4,), (Operand("float64", (1,)), Operand("int64", (1,))), (Step("where({0}, {1}, {2})", (0, 1, Literal(-5)), "int64"),), (2,))
    out = np.empty(4, "int64")
    cpu.compile(loop)([condition, x], [out])
    assert out.tolist() == [0, -5, 2, 3]


@pytest.mark.parametrize("source", ["float32", "float64", "int64", "int32", "uint8", "bool"])
@pytest.mark.parametrize("target", ["float32", "float64", "int64", "int32", "uint8", "bool"])
def test_cast_is_astype(source, target):
    x = np.array([0, 1, 2, 100, 3, 0, 7, 55, 90] * 5).astype(source)
    if np.dtype(source).kind == "f":
        x[:4] = [0.5, 1.75, 99.9, 0.0]
    loop = Loop(x.shape, (Operand(source, (1,)),), (Step("cast({0})", (0,), target),), (1,))
    out = np.empty(x.shape, target)
    cpu.compile(loop)([x], [out])
    np.testing.assert_array_equal(out, x.astype(target))


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 4, -1, -2, 0.5, 2.5, -0.5, 7])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_power_with_a_number_as_exponent(exponent, dtype):
    x = np.array([0.3, 1.5, -2.0, 0.0, np.inf, -np.inf, np.nan, 30.0], dtype)
    loop = Loop(x.shape, (Operand(dtype, (1,)),), (Step("pow({0}, {1})", (0, Literal(exponent)), dtype),), (1,))
    out = np.empty(x.shape, dtype)
    cpu.compile(loop)([x], [out])
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(out, x**exponent, rtol=4 * np.finfo(dtype).eps)


def test_a_comparison_with_a_number_that_the_dtype_cannot_hold():
    x, out = np.array([0, 255, 44], "uint8"), np.empty(3, bool)
    cpu.compile(Loop((3,), (Operand("uint8", (1,)),), (Step("{0} < {1}", (0, Literal(300)), "bool"),), (1,)))([x], [out])
    assert out.all()


def test_a_literal_of_zero_keeps_its_sign_and_its_type():
    plain, negative = (Loop((1,), (ONE,), (Step("copysign({0}, {1})", (0, Literal(z)), "float32"),), (1,)) for z in (0.0, -0.0))
    assert plain != negative
    out = np.empty(1, "float32")
    cpu.compile(negative)([np.ones(1, "float32")], [out])
    assert out[0] == -1


# Calls ------------------------------------------------------------------------------------------------------------
def doubled(size: int) -> Loop:
    return Loop((size,), (ONE,), (Step("{0} * {1}", (0, Literal(2.0)), "float32"),), (1,))


def test_all_ways_to_call_a_kernel_agree():
    x = np.arange(37, dtype="float32")
    kernel = cpu.compile(doubled(37))
    table = (ctypes.c_void_p * 2)()
    for call in (lambda o: kernel([x], [o]), lambda o: kernel.call_arrays(x, o), lambda o: kernel.call_pointers([x.ctypes.data, o.ctypes.data]),
                 lambda o: (table.__setitem__(slice(0, 2), [x.ctypes.data, o.ctypes.data]), kernel.call_pointers(table)),
                 lambda o: kernel.call_pointers(ctypes.addressof((ctypes.c_void_p * 2)(x.ctypes.data, o.ctypes.data)))):
        out = np.zeros(37, "float32")
        call(out)
        np.testing.assert_array_equal(out, x * 2)


@pytest.mark.parametrize("shape", [(100,), (5, 7), (4, 3, 40)])
def test_parts_of_a_loop_make_the_whole(shape):
    x = np.random.default_rng(0).random(shape).astype("float32")
    y = np.asfortranarray(x)  # keeps the axes apart
    reductions = (Reduction(2, "sum", (len(shape) - 1,), "float32"),) if len(shape) > 1 else ()
    loop = Loop(shape, (Operand("float32", strides_of(x)), Operand("float32", strides_of(y))), (Step("{0} + {1}", (0, 1), "float32"),), (2,), reductions)
    kernel = cpu.compile(loop)
    assert kernel.splittable
    outputs = [np.zeros(shape, "float32"), *(np.zeros(shape[:-1], "float32") for _ in reductions)]
    table = (ctypes.c_void_p * 4)(*(a.ctypes.data for a in (x, y, *outputs)))
    middle = kernel.length // 2 // kernel.grain * kernel.grain
    kernel.call_part(table, middle, kernel.length)
    kernel.call_part(table, 0, middle)
    np.testing.assert_array_equal(outputs[0], x + y)
    if reductions:
        np.testing.assert_allclose(outputs[1], (x + y).sum(-1), rtol=1e-6)


def test_threads_compile_and_run_at_once():
    x = np.arange(5000, dtype="float32")

    def work(number: int) -> bool:
        steps = (Step("{0} * {1}", (0, Literal(float(number % 7))), "float32"), Step("exp({0} - {0})", (1,), "float32"))
        out = np.empty_like(x)
        cpu.compile(Loop(x.shape, (ONE,), steps, (2,)))([x], [out])
        return bool((out == 1).all())

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(60)))


def test_a_value_may_overwrite_an_operand():
    x, g = np.arange(35, dtype="float32"), np.ones(35, "float32")
    loop = Loop((35,), (ONE, ONE), (Step("{0} - {1}", (0, 1), "float32"),), (), (Reduction(2, "sum", (0,), "float32"),), into=((2, 0),))
    total = np.empty((), "float32")
    cpu.compile(loop)([x, g], [total])
    assert x.tolist() == (np.arange(35) - 1).tolist()
    assert total == x.sum()


REFUSED = {
    "a dtype that loops do not have": (lambda: cpu.compile(Loop((2,), (Operand("float16", (1,)),), (), ())), errors.DTypeError, "float16"),
    "strides of another rank": (lambda: cpu.compile(Loop((2, 2), (ONE,), (), ())), errors.ShapeError, "stride"),
    "a step that reads itself": (lambda: cpu.compile(Loop((2,), (ONE,), (Step("-{0}", (1,), "float32"),), ())), errors.ArgumentError, "Literal"),
    "a reduction over no axis of the loop": (
        lambda: cpu.compile(Loop((2,), (ONE,), (), (), (Reduction(0, "sum", (1,), "float32"),))), errors.ArgumentError, "axes"),
    "an unknown reduction": (lambda: cpu.compile(Loop((2,), (ONE,), (), (), (Reduction(0, "mean", (0,), "float32"),))), errors.ArgumentError, "mean"),
    "a store of nothing": (lambda: cpu.compile(Loop((2,), (ONE,), (), (4,))), errors.ArgumentError, "does not exist"),
    "overwriting a repeated operand": (
        lambda: cpu.compile(Loop((2,), (Operand("float32", (0,)),), (), (), (), ((0, 0),))), errors.ArgumentError, "written over"),
    "a number that does not fit": (
        lambda: cpu.compile(Loop((2,), (Operand("uint8", (1,)),), (Step("{0} + {1}", (0, Literal(300)), "uint8"),), (1,))), errors.ArgumentError, "300"),
    "too few arrays": (lambda: cpu.compile(doubled(3))([], [np.empty(3, "float32")]), errors.ArgumentError, "1 inputs and 1 outputs"),
    "an array of another dtype": (lambda: cpu.compile(doubled(3))([np.zeros(3)], [np.empty(3, "float32")]), errors.DTypeError, "float64"),
    "an output of another shape": (lambda: cpu.compile(doubled(3))([np.zeros(3, "float32")], [np.empty(4, "float32")]), errors.ShapeError, "C-contiguous"),
    "an input that is too short": (lambda: cpu.compile(doubled(3))([np.zeros(2, "float32")], [np.empty(3, "float32")]), errors.ShapeError, "no elements"),
}


@pytest.mark.parametrize("case", REFUSED, ids=list(REFUSED))
def test_wrong_use_is_refused_before_memory_is_touched(case):
    call, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("text", ["{0} +", "tanh({0}", "{0} $ {1}", "({0}", "{0} {1}", "digamma({0})", ")"])
def test_what_cannot_be_compiled_is_not_supported(text):
    assert not cpu.supports(text, "float32")


# The cache on disk ------------------------------------------------------------------------------------------------
SCRIPT = """
import sys
import numpy as np
import workbench
assert "llvmlite" not in sys.modules, "import workbench pulls in llvmlite"
from workbench.backend.cpu import Literal, Loop, Operand, Step, compile
kernel = compile(Loop((7,), (Operand("float64", (1,)),), (Step("pow({0}, {1})", (0, Literal(2.5)), "float64"),), (1,)))
out = np.empty(7)
kernel([np.full(7, 4.0)], [out])
print(kernel.from_disk, out.sum())
"""


def in_a_new_process(folder: Path) -> list[str]:
    done = subprocess.run([sys.executable, "-c", SCRIPT], env={**os.environ, "WB_CACHE_DIR": str(folder)}, capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_a_second_process_loads_what_the_first_compiled_and_a_damaged_file_is_made_again(tmp_path):
    assert in_a_new_process(tmp_path) == ["False", "224.0"]
    assert in_a_new_process(tmp_path) == ["True", "224.0"]
    (file,) = (tmp_path / "kernels").iterdir()
    file.write_bytes(file.read_bytes()[:-9])
    assert in_a_new_process(tmp_path) == ["False", "224.0"]
    assert in_a_new_process(tmp_path) == ["True", "224.0"]


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    assert in_a_new_process(tmp_path / "file") == ["False", "224.0"]
