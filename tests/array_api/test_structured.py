"""Functions on whole arrays against array-api-strict: one row a call, run for every dtype of its kinds."""
from __future__ import annotations

import array_api_strict as strict
import numpy as np
import pytest

import workbench.array_api as xp
from tests.array_api.support import KINDS, agree, compare, numbers

pytestmark = [pytest.mark.oracle, pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore:.*casting complex.*")]

INDICES = np.array([2, 0, 1])
ROWS = [  # name, kinds, shapes of the arrays, further positional arguments, options
    *[(name, kinds, [shape], (), dict(axis=axis, keepdims=kept))
      for name, kinds in [("sum", "numeric"), ("prod", "numeric"), ("all", "any"), ("any", "any"), ("max", "real"), ("min", "real"), ("mean", "floating"),
                          ("var", "real floating"), ("std", "real floating"), ("count_nonzero", "any")]
      for shape, axis, kept in [((2, 3), None, False), ((2, 3), 1, True), ((2, 3, 2), (0, -1), False), ((), None, False), ((3,), 0, True)]],
    ("sum", "numeric", [(2, 3)], (), dict(dtype="dtype:complex128")), ("prod", "numeric", [(2, 3)], (), dict(dtype="dtype:complex128")),
    ("sum", "integral", [(2, 3)], (), dict(dtype="dtype:int16")), ("prod", "real", [(2, 3)], (), dict(dtype="dtype:float32")),
    ("sum", "numeric", [(0, 3)], (), dict(axis=0)), ("prod", "numeric", [(0,)], (), {}), ("var", "real floating", [(4,)], (), dict(correction=1)),
    ("std", "real floating", [(4, 2)], (), dict(correction=0.5, axis=0)),
    *[(name, "numeric", [(3,)], (), {}) for name in ("cumulative_sum", "cumulative_prod")],
    *[(name, "numeric", [(2, 3)], (), dict(axis=axis, include_initial=initial))
      for name in ("cumulative_sum", "cumulative_prod") for axis in (0, -1) for initial in (False, True)],
    ("cumulative_sum", "integral", [(3,)], (), dict(dtype="dtype:int8")),
    *[(name, "real", [(2, 4)], (), dict(axis=axis, keepdims=kept)) for name in ("argmax", "argmin") for axis in (None, 0, -1) for kept in (False, True)],
    *[(name, "real", [(3, 5)], (), dict(axis=axis, descending=down)) for name in ("sort", "argsort") for axis in (0, -1) for down in (False, True)],
    ("nonzero", "any", [(3, 4)], (), {}), ("take", "any", [(3,)], (INDICES,), {}), ("take", "any", [(2, 3)], (INDICES,), dict(axis=1)),
    ("take", "any", [(3, 2)], (np.array([], np.int64),), dict(axis=0)), ("take", "any", [(3,)], (np.array([-1, 0], np.int8),), {}),
    ("take_along_axis", "any", [(2, 3)], (np.array([[0], [2]]),), {}), ("take_along_axis", "any", [(3, 2)], (np.array([[2, 0]]),), dict(axis=0)),
    ("searchsorted", "real", [], (np.array([1, 2, 2, 5]), np.array([[0, 2], [5, 9]])), {}),
    ("searchsorted", "real", [], (np.array([1, 2, 2, 5]), np.array([2, 5])), dict(side="right")),
    ("searchsorted", "real", [], (np.array([2, 1, 5]), np.array([2, 5])), dict(side="right", sorter=np.array([1, 0, 2]))),
    *[(name, "any", [shape], (), {}) for name in ("unique_all", "unique_counts", "unique_inverse", "unique_values") for shape in [(7,), (3, 4), (0,), ()]],
    ("diff", "numeric", [(5,)], (), {}), ("diff", "numeric", [(2, 4)], (), dict(axis=0)), ("diff", "numeric", [(2, 5)], (), dict(n=2)),
    ("broadcast_to", "any", [(3,)], ((2, 3),), {}), ("broadcast_to", "any", [()], ((2, 0),), {}), ("broadcast_arrays", "any", [(2, 1), (3,)], (), {}),
    ("expand_dims", "any", [(2, 3)], (), dict(axis=1)), ("expand_dims", "any", [(2, 3)], (), dict(axis=-1)), ("expand_dims", "any", [()], (), dict(axis=0)),
    ("squeeze", "any", [(1, 3, 1)], (0,), {}), ("squeeze", "any", [(1, 3, 1)], ((0, -1),), {}), ("flip", "any", [(2, 3)], (), {}),
    ("flip", "any", [(2, 3)], (), dict(axis=1)), ("flip", "any", [(2, 3, 2)], (), dict(axis=(0, -1))), ("moveaxis", "any", [(2, 3, 4)], (0, -1), {}),
    ("moveaxis", "any", [(2, 3, 4)], ((0, 1), (2, 0)), {}), ("permute_dims", "any", [(2, 3, 4)], ((2, 0, 1),), {}),
    *[("reshape", "any", [(2, 6)], (shape,), {}) for shape in [(12,), (3, -1), (2, 2, 3), (1, 12, 1)]], ("reshape", "any", [(1,)], ((),), {}),
    ("reshape", "any", [(0, 3)], ((3, 0),), {}), ("reshape", "any", [(4,)], ((2, 2),), dict(copy=False)),
    ("reshape", "any", [(4,)], ((2, 2),), dict(copy=True)), ("roll", "any", [(2, 3)], (1,), {}), ("roll", "any", [(2, 3)], (-2,), dict(axis=1)),
    ("roll", "any", [(2, 3)], ((1, 2),), dict(axis=(0, 1))), ("repeat", "any", [(2, 3)], (2,), {}), ("repeat", "any", [(2, 3)], (2,), dict(axis=1)),
    ("repeat", "any", [(3, 2)], (np.array([1, 0, 2]),), dict(axis=0)), ("tile", "any", [(2, 3)], ((2,),), {}), ("tile", "any", [(3,)], ((2, 2),), {}),
    ("tile", "any", [(2, 3)], ((2, 1, 2),), {}), ("unstack", "any", [(3, 2)], (), {}), ("unstack", "any", [(3, 2)], (), dict(axis=-1)),
    ("tril", "numeric", [(3, 4)], (), {}), ("tril", "numeric", [(2, 3, 3)], (), dict(k=1)), ("triu", "numeric", [(3, 4)], (), dict(k=-1)),
    ("triu", "any", [(2, 2)], (), {}), ("meshgrid", "numeric", [(2,), (3,)], (), {}), ("meshgrid", "numeric", [(2,), (3,), (2,)], (), dict(indexing="ij")),
    ("meshgrid", "numeric", [(2,)], (), {}), *[(name, "any", [(2, 3)], (), {}) for name in ("zeros_like", "ones_like")],
    ("full_like", "numeric", [(2, 3)], (3,), {}), ("zeros_like", "any", [(2, 3)], (), dict(dtype="dtype:int16")),
    ("full_like", "real floating", [()], (2.5,), {}), ("asarray", "any", [(2, 3)], (), {}), ("asarray", "any", [(2, 3)], (), dict(copy=True)),
    ("asarray", "real", [(2, 3)], (), dict(dtype="dtype:float64")),
    *[("astype", "real", [(2, 3)], (f"dtype:{dtype}",), {}) for dtype in ("bool", "int8", "uint16", "float32", "complex64")],
    ("matmul", "numeric", [(2, 3), (3, 4)], (), {}), ("matmul", "numeric", [(3,), (3,)], (), {}), ("matmul", "numeric", [(5, 2, 3), (3,)], (), {}),
    ("matmul", "numeric", [(5, 1, 2, 3), (4, 3, 2)], (), {}), ("matrix_transpose", "any", [(4, 2, 3)], (), {}), ("vecdot", "numeric", [(2, 3), (3,)], (), {}),
    ("vecdot", "numeric", [(3, 2), (3, 2)], (), dict(axis=-2)), ("tensordot", "numeric", [(2, 3, 4), (3, 4, 2)], (), {}),
    ("tensordot", "numeric", [(2, 3), (4, 2)], (), dict(axes=((0,), (1,)))), ("tensordot", "numeric", [(2,), (3,)], (), dict(axes=0)),
    ("linalg.outer", "numeric", [(2,), (3,)], (), {}), ("linalg.cross", "numeric", [(2, 3), (2, 3)], (), {}),
    ("linalg.cross", "numeric", [(3, 2), (3, 1)], (), dict(axis=-2)), ("linalg.diagonal", "any", [(2, 3, 4)], (), {}),
    ("linalg.diagonal", "any", [(3, 4)], (), dict(offset=-1)), ("linalg.trace", "numeric", [(2, 3, 3)], (), {}),
    ("linalg.trace", "numeric", [(3, 4)], (), dict(offset=1)), ("linalg.trace", "integral", [(3, 4)], (), dict(dtype="dtype:int64")),
    *[("linalg.vector_norm", "floating", [(2, 3)], (), dict(ord=order, axis=1)) for order in (0, 1, 2, 3, 2.5, np.inf, -np.inf, -1)],
    ("linalg.vector_norm", "floating", [(2, 3)], (), {}), ("linalg.vector_norm", "floating", [(2, 3)], (), dict(axis=(0, 1), keepdims=True)),
    *[("linalg.matrix_norm", "floating", [(2, 3, 4)], (), dict(ord=order)) for order in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)],
    ("linalg.matrix_norm", "floating", [(3, 4)], (), dict(keepdims=True)), ("linalg.svdvals", "floating", [(2, 4, 3)], (), {}),
    ("linalg.matrix_rank", "floating", [(2, 4, 3)], (), {}),
    ("linalg.matrix_rank", "real floating", [(2, 4, 3)], (), dict(rtol=np.array([0.9, 1e-3], np.float32))), ("linalg.pinv", "floating", [(4, 3)], (), {}),
    ("linalg.pinv", "floating", [(2, 3, 4)], (), dict(rtol=1e-3)),
    *[(f"fft.{name}", "complex", [(3, 5)], (), options) for name in ("fft", "ifft", "hfft", "irfft")
      for options in ({}, dict(n=4, axis=0), dict(norm="ortho"), dict(n=7, norm="forward"))],
    *[(f"fft.{name}", "real floating", [(3, 5)], (), options) for name in ("rfft", "ihfft") for options in ({}, dict(n=4, axis=0), dict(norm="ortho"))],
    *[(f"fft.{name}", "complex", [(3, 4, 2)], (), options) for name in ("fftn", "ifftn", "irfftn")
      for options in ({}, dict(axes=(0, 1)), dict(s=(2, 3), axes=(-1, 0)))],
    ("fft.rfftn", "real floating", [(3, 4, 2)], (), {}), ("fft.rfftn", "real floating", [(3, 4)], (), dict(s=(4, 4), axes=(0, 1), norm="ortho")),
    *[(f"fft.{name}", "floating", [(3, 4)], (), options) for name in ("fftshift", "ifftshift") for options in ({}, dict(axes=1), dict(axes=(0, 1)))],
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[1]}-{row[2]}-{row[3]}-{row[4]}".replace(" ", ""))
def test_row(row):
    name, kinds, shapes, arguments, options = row
    for dtype in KINDS[kinds]:
        arrays = [numbers(dtype, shape, seed) for seed, shape in enumerate(shapes)]
        more = [a.astype(dtype) if name == "searchsorted" and isinstance(a, np.ndarray) else a for a in arguments]
        exact = isinstance(options.get("rtol"), np.ndarray)
        given = {**options, "rtol": options["rtol"].astype(dtype)} if exact else options
        compare(name, *arrays, *more, **given)


@pytest.mark.parametrize("call", [
    lambda ns: ns.asarray(2**63, dtype=ns.uint64), lambda ns: ns.arange(-2**63, -2**63 + 2), lambda ns: ns.arange(0, 2**62, 2**61),
    lambda ns: ns.arange(5), lambda ns: ns.arange(1, 7, 2), lambda ns: ns.arange(5, 0, -2, dtype=ns.int16),
    lambda ns: ns.arange(0, 1, 0.25, dtype=ns.float64), lambda ns: ns.arange(3, 1), lambda ns: ns.linspace(0, 1, 5, dtype=ns.float64),
    lambda ns: ns.linspace(0, 1j, 4, dtype=ns.complex128), lambda ns: ns.linspace(-1, 2, 4, endpoint=False, dtype=ns.float32),
    lambda ns: ns.linspace(0, 1, 0, dtype=ns.float64), lambda ns: ns.linspace(1, 5, 1, dtype=ns.float64), lambda ns: ns.eye(3, dtype=ns.float32),
    lambda ns: ns.eye(2, 4, k=1, dtype=ns.int8), lambda ns: ns.eye(3, 2, k=-1, dtype=ns.bool), lambda ns: ns.zeros((2, 3), dtype=ns.int8),
    lambda ns: ns.zeros(3, dtype=ns.complex64), lambda ns: ns.ones((), dtype=ns.bool), lambda ns: ns.ones((0, 2), dtype=ns.uint8),
    lambda ns: ns.full((2, 2), 7), lambda ns: ns.full(3, True), lambda ns: ns.full((), 2.5, dtype=ns.float32), lambda ns: ns.asarray(3),
    lambda ns: ns.asarray([[True], [False]]), lambda ns: ns.asarray([1, 2], dtype=ns.uint8), lambda ns: ns.asarray(1 + 2j, dtype=ns.complex64),
    lambda ns: ns.asarray([], dtype=ns.int32), lambda ns: ns.fft.fftfreq(5, d=0.5, dtype=ns.float64), lambda ns: ns.fft.rfftfreq(6, dtype=ns.float32),
    lambda ns: ns.diff(ns.asarray([1, 4, 9]), prepend=ns.asarray([0]), append=ns.asarray([10, 12])), lambda ns: ns.isdtype(ns.int8, "integral"),
    lambda ns: ns.isdtype(ns.bool, ("numeric", ns.bool)), lambda ns: ns.isdtype(ns.float32, "complex floating"),
    lambda ns: ns.isdtype(ns.uint8, "signed integer"), lambda ns: ns.can_cast(ns.asarray([1], dtype=ns.int8), ns.int16),
    lambda ns: ns.searchsorted(ns.asarray([1.0, 2.0]), ns.asarray(1.5)),
    lambda ns: ns.unique_counts(ns.asarray([np.nan, 1.0, np.nan, -0.0, 0.0], dtype=ns.float64)),
    lambda ns: ns.unique_inverse(ns.asarray([np.nan, 1.0, np.nan, 1.0], dtype=ns.float64)),
    lambda ns: ns.sort(ns.asarray([2.0, np.nan, -np.inf, 1.0], dtype=ns.float32)), lambda ns: ns.max(ns.asarray([1.0, np.nan], dtype=ns.float64)),
    lambda ns: ns.maximum(ns.asarray([1.0, np.nan], dtype=ns.float64), 2.0),
    lambda ns: ns.tril(ns.asarray([[np.inf, np.nan], [1.0, np.inf]], dtype=ns.float64)),
    lambda ns: ns.where(ns.asarray([True, False]), 1.0, ns.asarray([5.0, 6.0], dtype=ns.float32)),
    lambda ns: ns.where(ns.asarray(True), ns.asarray([1, 2], dtype=ns.int8), 3),
    lambda ns: ns.concat([ns.ones((2, 2), dtype=ns.int8), ns.zeros((1, 2), dtype=ns.int16)], axis=None),
    lambda ns: ns.prod(ns.ones((0,), dtype=ns.float32)), lambda ns: ns.mean(ns.asarray([np.inf, -np.inf], dtype=ns.float64)),
    lambda ns: ns.all(ns.zeros((0,), dtype=ns.bool)),
])
def test_call(call):
    agree(call(xp), call(strict))


def _square(dtype, batch=()):
    return numbers(dtype, (*batch, 3, 3)) + 6 * np.eye(3, dtype=dtype)


def _definite(dtype, batch=()):
    x = _square(dtype, batch)
    return x @ np.conj(np.swapaxes(x, -1, -2))


@pytest.mark.parametrize("dtype", KINDS["floating"])
@pytest.mark.parametrize("batch", [(), (2,), (0,)])
def test_square_matrices(dtype, batch):
    x, positive = _square(dtype, batch), _definite(dtype, batch)
    for name in ("det", "inv", "slogdet"):
        compare(f"linalg.{name}", x)
    compare("linalg.eigvalsh", positive)
    compare("linalg.cholesky", positive)
    compare("linalg.cholesky", positive, upper=True)
    for power in (-2, 0, 1, 3):
        compare("linalg.matrix_power", x, power)
    compare("linalg.solve", x, numbers(dtype, (3,)))
    compare("linalg.solve", x, numbers(dtype, (3, 2)))
    compare("linalg.solve", x, numbers(dtype, (3, 3)))


def test_right_hand_sides_with_two_axes_are_a_matrix_even_where_they_could_be_a_batch_of_vectors():
    compare("linalg.solve", _square("float64", (3,)), numbers("float64", (3, 3)))


@pytest.mark.parametrize("dtype", KINDS["floating"])
def test_decompositions_give_the_matrix_back(dtype):
    for shape in [(3, 3), (4, 2), (2, 2, 4)]:
        x = xp.asarray(numbers(dtype, shape))
        for mode in ("reduced", "complete"):
            q, r = found = xp.linalg.qr(x, mode=mode)
            same_form(found, strict.linalg.qr(strict.asarray(x.numpy()), mode=mode))
            close(xp.matmul(q, r), x)
        for full in (True, False):
            u, s, vh = found = xp.linalg.svd(x, full_matrices=full)
            same_form(found, strict.linalg.svd(strict.asarray(x.numpy()), full_matrices=full))
            rank = s.shape[-1]
            close(xp.matmul(u[..., :rank] * xp.astype(s, x.dtype)[..., None, :], vh[..., :rank, :]), x)
    x = xp.asarray(_definite(dtype, (2,)))
    values, vectors = found = xp.linalg.eigh(x)
    same_form(found, strict.linalg.eigh(strict.asarray(x.numpy())))
    close(xp.matmul(x, vectors), vectors * xp.astype(values, x.dtype)[..., None, :])


def same_form(ours, theirs):
    """Equal names, dtypes and shapes; factors themselves are unique only up to signs."""
    assert ours._fields == theirs._fields
    for one, other in zip(ours, theirs, strict=True):
        assert (str(one.dtype), tuple(one.shape)) == (str(other._array.dtype), other.shape)


def close(one, other):
    np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-3 if one.dtype.itemsize < 8 or one.dtype == xp.complex64 else 1e-9)


def test_a_rank_with_one_tolerance_for_each_matrix():
    x = np.stack([np.diag([1.0, 0.5, 0.1])] * 2)
    assert xp.linalg.matrix_rank(xp.asarray(x), rtol=xp.asarray([0.2, 0.05])).tolist() == [2, 3]
    inverse = xp.linalg.pinv(xp.asarray(x), rtol=xp.asarray([0.2, 0.05]))
    np.testing.assert_allclose(inverse.numpy(), [np.diag([1, 2, 0]), np.diag([1, 2, 10])], atol=1e-12)


