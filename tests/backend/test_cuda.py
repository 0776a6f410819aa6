"""Kernels for devices without one: what is generated compiles and computes NumPy's numbers on the host, and CuPy gets it in the right form."""
from __future__ import annotations

import ctypes
import dataclasses
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import workbench as wb
from tests.backend.expressions import DTYPES, NEAR_ZERO, ROWS, ULPS, UNUSED, arguments, assert_close
from tests.backend.host import build, on_device, run
from workbench.backend import cuda
from workbench.backend.cuda import source
from workbench.backend.expression import Literal, Step
from workbench.core.errors import ArgumentError
from workbench.ops.recurrence import BACKWARD, FORWARD

EVERY = (*DTYPES, "float16", "int8", "uint64")
needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
TIES = ("relu", "relu6", "maximum", "minimum", "fmax", "fmin")
"""Of 0 and -0 NumPy takes one in float16 and the other in float32; either is right."""


@dataclasses.dataclass
class Case:
    """An expression on inputs of a dtype, and what NumPy says."""

    name: str
    inputs: list[np.ndarray]
    expected: np.ndarray
    written: cuda.Source


def made() -> dict[tuple[str, str], Case]:
    """Every expression in every dtype in which its op is defined."""
    found = {}
    for name, op in ROWS.items():
        for dtype in EVERY:
            inputs = arguments(name, dtype, op.arity)
            try:
                with np.errstate(all="ignore"):
                    expected = np.asarray(op.call(*inputs))
            except Exception:  # the op refuses this dtype, so nobody asks for a kernel
                continue
            if cuda.supports(op.c, expected.dtype.name if expected.dtype.kind != "b" else dtype):
                step = Step(op.c, tuple(range(op.arity)), expected.dtype.name)
                found[name, dtype] = Case(name, inputs, expected, cuda.write([dtype] * op.arity, [step], [op.arity], name))
    return found


@pytest.fixture(scope="module")
def cases() -> dict[tuple[str, str], Case]:
    return made()


@pytest.fixture(scope="module")
def library(cases: dict, tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    if shutil.which("g++") is None:
        pytest.skip("needs g++")
    return build([case.written for case in cases.values()], tmp_path_factory.mktemp("host"))


@pytest.mark.parametrize("dtype", EVERY)
@pytest.mark.parametrize("name", ROWS)
def test_a_kernel_computes_what_the_op_does(name: str, dtype: str, cases: dict, library: ctypes.CDLL) -> None:
    case = cases.get((name, dtype))
    if case is None:
        return  # not defined for this dtype
    out = np.empty_like(case.expected)
    run(library, case.written, *case.inputs, out)
    check(case, dtype, out, ULPS.get(name, 3))


@pytest.mark.gpu
@pytest.mark.skipif(not wb.cuda.is_available(), reason="needs CuPy and a CUDA device")
@pytest.mark.parametrize("dtype", EVERY)
@pytest.mark.parametrize("name", ROWS)
def test_a_kernel_on_a_device_computes_what_the_op_does(name: str, dtype: str, cases: dict) -> None:
    case = cases.get((name, dtype))
    if case is None:
        return  # not defined for this dtype
    arity = len(case.inputs)
    step = Step(ROWS[name].c, tuple(range(arity)), case.expected.dtype.name)
    if dtype == "float32":
        inputs = [np.where(np.abs(x) < FLUSHED, np.copysign(np.float32(0), x), x) for x in case.inputs]
        with np.errstate(all="ignore"):
            case = dataclasses.replace(case, inputs=inputs, expected=np.asarray(ROWS[name].call(*inputs)))
    out = cuda.kernel((dtype,) * arity, (step,), (arity,), name)(*(wb.tensor(x).cuda().data for x in case.inputs))
    check(case, dtype, out.get(), max(ULPS.get(name, 3), 8), FLUSHED)


FLUSHED = float(np.finfo("float32").tiny)
"""CuPy compiles with ``-ftz=true``: smaller numbers in float32 are 0, those that come in and those that come out."""


def check(case: Case, dtype: str, out: np.ndarray, ulps: float, flushed: float = 0.0) -> None:
    """Equal to what NumPy says, floats within `ulps`; smaller float32 numbers than `flushed` may be 0."""
    name, expected = case.name, case.expected
    assert out.dtype == expected.dtype
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(out, expected)
        return
    if name in TIES and dtype == "float16":
        out, expected = out + 0, expected + 0
    wrong = UNUSED.get(name, lambda x: np.zeros(x.shape, bool))(case.inputs[0])
    near = max(NEAR_ZERO.get(name, 0) * (1000 if dtype == "float16" else 1), flushed if expected.dtype == np.float32 else 0)
    with np.errstate(all="ignore"):
        expected = np.where(wrong | (np.abs(out - expected) < near), out, expected)
    assert_close(out, expected, ulps, case.inputs)


def test_names_of_kernels_are_their_own(cases: dict) -> None:
    texts = {}
    for case in cases.values():
        assert case.written.name.isidentifier()
        text = (case.written.inputs, case.written.outputs, case.written.body)
        assert texts.setdefault(case.written.name, text) == text
    assert len(texts) > 500


ALL_FORMULAS = {f"{kind}-{mode}{'-masked' * masked}": formulas for kind, table in (("forward", FORWARD), ("backward", BACKWARD))
                for (mode, masked), formulas in table.items()}


@needs_compiler
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_formulas_are_one_kernel_that_writes_where_it_reads(dtype: str, tmp_path: Path) -> None:
    written = {}
    for name, formulas in ALL_FORMULAS.items():
        steps, stores = formulas._steps(dtype)
        written[name] = cuda.write([dtype] * len(formulas.arrays), steps, [value for value, _ in stores], "formulas"), [column for _, column in stores]
    library = build([kernel for kernel, _ in written.values()], tmp_path)
    for name, (kernel, columns) in written.items():
        formulas = ALL_FORMULAS[name]
        given = [np.random.default_rng(n).normal(size=300).astype(dtype) for n in range(len(formulas.arrays))]
        expected = [x.copy() for x in given]
        formulas.on(expected[0])(*expected)
        run(library, kernel, *given, *(given[column] for column in columns))
        for found, wanted in zip(given, expected, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=20 * np.finfo(dtype).eps, atol=20 * np.finfo(dtype).eps)


@needs_compiler
def test_steps_read_steps_before_in_dtypes_of_their_own(tmp_path: Path) -> None:
    steps = [Step("{0} > {1}", (0, Literal(2.5)), "bool"), Step("where({0}, {1}, {2})", (2, 0, 1), "float64"),
             Step("pow({0}, {1})", (3, Literal(3)), "float64"), Step("cast({0})", (4,), "int32"), Step("{0} * {1}", (0, Literal(0.1)), "float16")]
    written = cuda.write(["float32", "int64"], steps, [4, 2, 5, 6], "mixed")
    x, k = np.array([1, 2.5, 3, 4], "float32"), np.array([7, 8, 9, 10])
    outs = [np.empty(4, dtype) for dtype in ("float64", "bool", "int32", "float16")]
    run(build([written], tmp_path), written, x, k, *outs)
    chosen = np.where(x > 2.5, x, k) ** 3
    for out, wanted in zip(outs, (chosen, x > 2.5, chosen, x * np.float32(0.1)), strict=True):
        np.testing.assert_array_equal(out, wanted.astype(out.dtype))


@pytest.mark.parametrize(("number", "dtype"), [(-(2**63), "int64"), (2**63 - 1, "int64"), (2**64 - 1, "uint64"), (-128, "int8"), (-(2**31), "int32"),
                                              (-2.5, "float32"), (-2.5, "float64"), (1e-320, "float64"), (float("inf"), "float32"), (-float("inf"), "float64")])
@needs_compiler
def test_numbers_are_written_exactly(number: Any, dtype: str, tmp_path: Path) -> None:
    written = cuda.write([dtype], [Step("where({0} == {0}, {1}, {0})", (0, Literal(number)), dtype)], [1], "number")
    out = np.empty(1, dtype)
    run(build([written], tmp_path), written, np.zeros(1, dtype), out)
    assert out[0] == np.array(number, dtype)


def test_a_number_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ArgumentError, match="300 does not fit into uint8"):
        source.literal(300, "uint8")


def test_the_next_number_of_a_half_is_not_that_of_a_float() -> None:
    assert cuda.supports("nextafter({0}, {1})", "float32")
    assert not cuda.supports("nextafter({0}, {1})", "float16")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("nvcc") is None, reason="needs nvcc")
def test_nvcc_compiles_every_kernel(cases: dict, tmp_path: Path) -> None:
    sources = [case.written for case in cases.values()]
    for formulas in ALL_FORMULAS.values():
        steps, stores = formulas._steps("float32")
        sources.append(cuda.write(["float32"] * len(formulas.arrays), steps, [value for value, _ in stores], "formulas"))
    text = ["#include <cuda_fp16.h>", "typedef __half float16;", source.prelude(), *dict.fromkeys(map(on_device, sources))]
    (tmp_path / "kernels.cu").write_text("\n".join(text), encoding="utf-8")
    subprocess.run(["nvcc", "-w", "-std=c++17", "-arch=sm_90", "--ptx", "kernels.cu", "-o", "kernels.ptx"], cwd=tmp_path, check=True)
    assert (tmp_path / "kernels.ptx").read_text(encoding="utf-8").count(".entry") == len({s.name for s in sources})
