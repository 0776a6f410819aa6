"""What the namespace is: names, signatures, constants, dtypes, inspection, and what wrong use raises."""
from __future__ import annotations

import inspect
import subprocess
import sys

import array_api_strict as strict
import numpy as np
import pytest

import workbench as wb
import workbench.array_api as xp
from tests.array_api.support import KINDS
from workbench import errors

LATER = {"broadcast_shapes", "isin"}
"""What array-api-strict has from the draft of the next version."""
NOT_FUNCTIONS = {"Device", "ArrayAPIStrictFlags", "set_array_api_strict_flags", "get_array_api_strict_flags", "reset_array_api_strict_flags", "__version__"}
FUNCTIONS = [(prefix, name) for prefix, module in (("", strict), ("linalg.", strict.linalg), ("fft.", strict.fft)) for name in sorted(module.__all__)
             if name not in LATER | NOT_FUNCTIONS and inspect.isfunction(getattr(module, name))]


def reached(namespace, path):
    for part in path.split("."):
        namespace = getattr(namespace, part)
    return namespace


@pytest.mark.parametrize("path", [prefix + name for prefix, name in FUNCTIONS])
def test_signature(path):
    """Equal names, kinds and defaults; names of positional-only parameters are nobody's business."""
    found, wanted = (inspect.signature(reached(ns, path)).parameters.values() for ns in (xp, strict))
    assert [shown(p) for p in found] == [shown(p) for p in wanted]


def shown(parameter):
    default = parameter.default
    named = parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL)
    # Where strict marks "not given" by an object of its own, the standard says None.
    default = None if type(default).__name__ == "Undef" else default
    return parameter.name if named else "", parameter.kind, default


def test_every_name_of_the_standard_is_there_and_no_other():
    for ours, theirs in ((xp, strict), (xp.linalg, strict.linalg), (xp.fft, strict.fft)):
        assert set(ours.__all__) == set(theirs.__all__) - LATER - NOT_FUNCTIONS
        assert all(hasattr(ours, name) for name in ours.__all__)
        undocumented = [name for name in ours.__all__ if callable(getattr(ours, name)) and not getattr(ours, name).__doc__]
        assert not undocumented


def test_constants():
    for name in ("e", "inf", "pi"):
        assert getattr(xp, name) == getattr(strict, name)
    assert np.isnan(xp.nan)
    assert xp.newaxis is None
    assert xp.__array_api_version__ == "2024.12"


@pytest.mark.parametrize("dtype", KINDS["any"])
def test_data_types(dtype):
    ours, theirs = getattr(xp, dtype), getattr(strict, dtype)
    assert xp.isdtype(ours, ours)
    kinds = ["bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating", "numeric"]
    assert [xp.isdtype(ours, kind) for kind in kinds] == [strict.isdtype(theirs, kind) for kind in kinds]
    for name, fields in (("finfo", "bits eps max min smallest_normal"), ("iinfo", "bits max min")):
        try:
            wanted = getattr(strict, name)(theirs)
        except (TypeError, ValueError):
            with pytest.raises(errors.DTypeError, match="use"):
                getattr(xp, name)(ours)
            continue
        found = getattr(xp, name)(ours)
        assert [getattr(found, field) for field in fields.split()] == [getattr(wanted, field) for field in fields.split()]
        assert str(found.dtype) == str(wanted.dtype._np_dtype)
        assert getattr(xp, name)(xp.ones(1, dtype=ours)) == found


def test_inspection():
    info = xp.__array_namespace_info__()
    assert info.capabilities() == {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}
    assert info.default_device() in info.devices()
    assert info.default_dtypes() == {"real floating": xp.float32, "complex floating": xp.complex64, "integral": xp.int64, "indexing": xp.int64}
    theirs = strict.__array_namespace_info__()
    for kind in (None, "bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating", "numeric", ("integral", "bool")):
        assert set(info.dtypes(kind=kind)) == set(theirs.dtypes(kind=kind))
    assert xp.ones(2).dtype == xp.asarray(1.0).dtype == xp.linspace(0, 1, 3).dtype == xp.float32
    assert xp.asarray(1j).dtype == xp.full(2, 1j).dtype == xp.complex64


def test_an_array_names_its_namespace():
    x = wb.ones(2)
    assert x.__array_namespace__() is xp
    assert x.__array_namespace__(api_version="2023.12") is xp
    with pytest.raises(errors.ArgumentError, match="2024.12"):
        x.__array_namespace__(api_version="1999.12")


def test_it_loads_on_first_use():
    code = "import sys, workbench as wb; assert 'workbench.array_api' not in sys.modules; wb.array_api.ones(2); wb.ones(1).__array_namespace__()"
    subprocess.run([sys.executable, "-c", code], check=True)


F, I, B = xp.asarray([1.0, 2.0]), xp.asarray([1, 2]), xp.asarray([True, False])
C, M, Z = xp.asarray([1j, 2.0]), xp.ones((2, 3)), xp.asarray(1.0)
WRONG = [  # call, error, what the message says
    (lambda: xp.asarray(300, dtype=xp.uint8), errors.DTypeError, "does not hold"), (lambda: xp.asarray([2**63]), errors.DTypeError, "does not hold"),
    (lambda: xp.asarray(1j, dtype=xp.float32), errors.DTypeError, "does not hold"), (lambda: xp.ones(1, dtype=xp.uint8) + 300, errors.DTypeError, "out of bounds"),
    (lambda: xp.sin(I), errors.DTypeError, "takes floating"), (lambda: xp.abs(B), errors.DTypeError, "numeric"),
    (lambda: xp.logical_not(I), errors.DTypeError, "bool"), (lambda: xp.floor(C), errors.DTypeError, "real"),
    (lambda: xp.less(C, C), errors.DTypeError, "real"), (lambda: xp.bitwise_and(F, F), errors.DTypeError, "integral"),
    (lambda: xp.add(B, B), errors.DTypeError, "numeric"), (lambda: xp.add(1, 2), errors.DTypeError, "at least one tensor"),
    (lambda: xp.sin(1.0), errors.DTypeError, "asarray"), (lambda: xp.add(F, [1, 2]), errors.DTypeError, "asarray"),
    (lambda: xp.sum(B), errors.DTypeError, "numeric"), (lambda: xp.mean(I), errors.DTypeError, "floating"),
    (lambda: xp.max(C), errors.DTypeError, "real"), (lambda: xp.var(C), errors.DTypeError, "real"), (lambda: xp.sort(C), errors.DTypeError, "real"),
    (lambda: xp.where(I, F, F), errors.DTypeError, "bool"), (lambda: xp.clip(I, 0.5), errors.DTypeError, "does not fit"),
    (lambda: xp.clip(C, 1), errors.DTypeError, "real"),
    (lambda: xp.add(xp.ones(2, dtype=xp.int64), xp.ones(2, dtype=xp.uint64)), errors.DTypeError, "no integer dtype"),
    (lambda: xp.result_type(1, 2), errors.DTypeError, "at least one"), (lambda: xp.astype(C, xp.float32), errors.DTypeError, "imaginary"),
    (lambda: xp.isdtype(xp.int8, "float"), errors.ArgumentError, "not known"), (lambda: xp.asarray("text"), errors.DTypeError, "numbers"),
    (lambda: xp.asarray([1, 2], copy=False), errors.ArgumentError, "copy=False"),
    (lambda: xp.asarray(F, dtype=xp.float64, copy=False), errors.ArgumentError, "copy"), (lambda: xp.full(2, F), errors.DTypeError, "Python number"),
    (lambda: xp.arange(3, step=0), errors.ArgumentError, "step"), (lambda: xp.linspace(0, 1, -1), errors.ArgumentError, "num"),
    (lambda: xp.tril(F), errors.ShapeError, "matrix"), (lambda: xp.meshgrid(F, I), errors.DTypeError, "several dtypes"),
    (lambda: xp.meshgrid(F, indexing="yx"), errors.ArgumentError, "indexing"), (lambda: xp.concat([]), errors.ArgumentError, "one array"),
    (lambda: xp.stack([F, M]), errors.ShapeError, "equal"), (lambda: xp.squeeze(M, 0), errors.ShapeError, "length 2"),
    (lambda: xp.expand_dims(M, 4), errors.AxisError, "out of range"), (lambda: xp.reshape(M, (4,)), errors.ShapeError, "reshape"),
    (lambda: xp.reshape(xp.matrix_transpose(M), (6,), copy=False), errors.ArgumentError, "copy=False"),
    (lambda: xp.broadcast_to(F, (3,)), errors.ShapeError, "broadcast"), (lambda: xp.broadcast_arrays(F, xp.ones(3)), errors.ShapeError, "fit together"),
    (lambda: xp.roll(M, (1, 2), axis=(0,)), errors.ArgumentError, "shifts"), (lambda: xp.repeat(F, -1), errors.ArgumentError, "negative"),
    (lambda: xp.repeat(F, xp.asarray([1, 2, 3])), errors.ShapeError, "each"), (lambda: xp.unstack(Z), errors.ShapeError, "no slices"),
    (lambda: xp.take(M, I), errors.ShapeError, "axis"), (lambda: xp.take(F, F), errors.DTypeError, "integral"),
    (lambda: xp.take(F, xp.asarray([5])), errors.AxisError, "out of"), (lambda: xp.take_along_axis(M, I), errors.ShapeError, "axes"),
    (lambda: xp.nonzero(Z), errors.ShapeError, "without axes"), (lambda: xp.sort(Z), errors.ShapeError, "order"),
    (lambda: xp.searchsorted(F, F, side="up"), errors.ArgumentError, "left"), (lambda: xp.cumulative_sum(M), errors.ShapeError, "axis"),
    (lambda: xp.cumulative_sum(Z), errors.ShapeError, "no axis"), (lambda: xp.sum(M, axis=2), errors.AxisError, "axis"),
    (lambda: xp.sum(M, axis=(0, 0)), errors.WorkbenchError, "axis"), (lambda: xp.unique_all([1]), errors.DTypeError, "asarray"),
    (lambda: xp.matmul(Z, Z), errors.ShapeError, "matmul"), (lambda: xp.matmul(M, M), errors.ShapeError, "fit"),
    (lambda: xp.matmul(F, 1.0), errors.DTypeError, "two tensors"), (lambda: xp.vecdot(M, xp.ones(2)), errors.ShapeError, "as long"),
    (lambda: xp.matrix_transpose(F), errors.ShapeError, "matrix"), (lambda: xp.linalg.outer(M, F), errors.ShapeError, "vectors"),
    (lambda: xp.linalg.inv(M), errors.ShapeError, "square"), (lambda: xp.linalg.det(I), errors.DTypeError, "floating"),
    (lambda: xp.linalg.qr(M, mode="raw"), errors.ArgumentError, "mode"), (lambda: xp.linalg.cross(F, F), errors.ShapeError, "length 3"),
    (lambda: xp.linalg.matrix_rank(F), errors.ShapeError, "matrix"), (lambda: xp.linalg.inv(xp.zeros((2, 2))), errors.WorkbenchError, "singular"),
    (lambda: xp.fft.rfft(C), errors.DTypeError, "real"), (lambda: xp.fft.fft(I), errors.DTypeError, "floating"),
    (lambda: xp.fft.fft(F, norm="loud"), errors.ArgumentError, "norm"), (lambda: xp.fft.fftfreq(3, dtype=xp.int8), errors.DTypeError, "floating"),
    (lambda: F.to_device("nowhere"), errors.ArgumentError, "not known"), (lambda: F.to_device("cpu", stream=1), errors.ArgumentError, "stream"),
    (lambda: bool(M), errors.ShapeError, "ambiguous"), (lambda: Z.__index__(), errors.DTypeError, "index"), (lambda: int(M), errors.ShapeError, "one"),
]


@pytest.mark.parametrize(("call", "error", "message"), WRONG)
def test_wrong_use(call, error, message):
    with pytest.raises(error, match=message):
        call()
