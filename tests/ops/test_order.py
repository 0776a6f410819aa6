"""Sorting, searching, quantiles, counts: ties, NaN, numbers without axes, inside transformations, and wrong use, against PyTorch."""
import warnings

import numpy as np
import pytest

import workbench as wb
from workbench import errors

torch = pytest.importorskip("torch", reason="the oracle needs torch")
pytestmark = pytest.mark.oracle

TIES = np.array([[2.0, 1.0, 2.0, 0.0, 1.0], [3.0, 3.0, 3.0, 1.0, 1.0]])
HOLES = np.array([[np.nan, 1.0, 2.0, np.nan, 0.5], [3.0, 3.5, 4.0, 1.0, -1.0], [np.nan] * 5])
POINTS = np.random.default_rng(0).normal(size=(12, 2))


def same(found, wanted, what=""):
    """Equal numbers, shapes and dtypes, through tuples."""
    if isinstance(found, tuple):
        assert len(found) == len(wanted), what
        for f, w in zip(found, wanted, strict=True):
            same(f, w, what)
        return
    assert str(found.dtype) == str(wanted.dtype).removeprefix("torch."), what
    assert tuple(found.shape) == tuple(wanted.shape), what
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-12, atol=1e-12, err_msg=what)


CALLS = {
    "sort of ties": ("lib.sort(x, stable=True, dim=-1)", TIES), "sort of ties, descending": ("lib.sort(x, stable=True, descending=True, dim=-1)", TIES),
    "sort with NaN": ("lib.sort(x, stable=True, dim=0)", HOLES), "sort with NaN, descending": ("lib.sort(x, stable=True, descending=True, dim=1)", HOLES),
    "sort of booleans": ("lib.sort(x, stable=True)", TIES > 1), "topk takes NaN for the largest": ("lib.topk(x, 2).values", HOLES),
    "kthvalue with NaN": ("lib.kthvalue(x, 4).values", HOLES), "max with NaN": ("lib.max(x, dim=1)", HOLES[:2]), "max of no axis": ("lib.max(x, dim=0)", TIES[0, 0]),
    "median with NaN": ("lib.median(x, dim=1)", HOLES), "nanmedian": ("lib.nanmedian(x, dim=1).values", HOLES), "median of all with NaN": ("lib.median(x)", HOLES),
    "nanmedian of all": ("lib.nanmedian(x)", HOLES), "median of integers": ("lib.median(x, dim=0)", TIES.astype(int)),
    "median of nothing": ("lib.median(x)", TIES[:0]),
    "quantile with NaN": ("lib.quantile(x, 0.3, dim=1)", HOLES), "nanquantile": ("lib.nanquantile(x, 0.3, dim=1)", HOLES),
    "several quantiles, axis kept": ("lib.nanquantile(x, lib.tensor([0.0, 0.5, 1.0], dtype=lib.float64), dim=0, keepdim=True)", HOLES),
    "quantile of no axis": ("lib.quantile(x, 0.5)", TIES[0, 0]),
    "mode takes the smallest of the most frequent": ("lib.mode(x)", TIES), "mode of no axis": ("lib.mode(x)", TIES[0, 0]),
    "mode along the first axis": ("lib.mode(x, 0)", TIES.astype(int)), "unique sees every NaN as different": ("lib.unique(x, return_counts=True)", HOLES),
    "unique of nothing": ("lib.unique(x)", TIES[:0]), "unique columns": ("lib.unique(x, dim=1, return_inverse=True)", TIES),
    "unique_consecutive rows": ("lib.unique_consecutive(x, dim=0, return_counts=True)", TIES[[0, 0, 1]]),
    "searchsorted at equal numbers": ("lib.searchsorted(x, lib.tensor([[1.0, 2.0], [3.0, 0.0]], dtype=lib.float64), side='right')", np.sort(TIES)),
    "searchsorted with a sorter": ("lib.searchsorted(x, lib.tensor([[1.5], [2.0]], dtype=lib.float64), sorter=lib.argsort(x, stable=True, dim=-1))", TIES),
    "searchsorted of a number": ("lib.searchsorted(x, 2)", np.arange(5)), "bucketize of a number": ("lib.bucketize(2, x)", np.arange(5)),
    "bincount of nothing": ("lib.bincount(x, minlength=3)", np.arange(0)), "bincount with integer weights": ("lib.bincount(x, x)", np.array([3, 1, 3])),
    "histc of one number": ("lib.histc(x, 4)", TIES[0, :1]), "histc outside": ("lib.histc(x, 3, 10, 12)", TIES),
    "histogram with edges": ("tuple(lib.histogram(x, lib.tensor([0.0, 1.0, 4.0], dtype=lib.float64), weight=x, density=True))", TIES),
    "histogram with the range of the numbers": ("tuple(lib.histogram(x, 4))", POINTS), "histogramdd": ("tuple(lib.histogramdd(x, [3, 2]))", POINTS),
    "cov with weights": ("lib.cov(x.T, fweights=lib.arange(12), aweights=lib.arange(12.0, dtype=lib.float64) + 0.5)", POINTS),
    "cov of one observation": ("lib.cov(x.T)", POINTS[:1]), "cov of complex numbers": ("lib.cov(x)", POINTS.T + 1j * POINTS.T[::-1]),
    "corrcoef of complex numbers": ("lib.corrcoef(x)", POINTS.T + 1j * POINTS.T[::-1]), "corrcoef of integers": ("lib.corrcoef(x)", TIES.astype(int)),
}


@pytest.mark.filterwarnings("ignore:cov:UserWarning")
@pytest.mark.parametrize(("call", "x"), CALLS.values(), ids=CALLS)
def test_as_pytorch(call, x):
    with np.errstate(all="ignore"):
        found = eval(call, {"lib": wb, "x": wb.tensor(x)})
    wanted = eval(call, {"lib": torch, "x": torch.tensor(np.ascontiguousarray(x))})
    same(found, tuple(wanted) if isinstance(found, tuple) else wanted, call)


def test_results_have_names():
    values, indices = wb.sort(wb.tensor([3, 1]))
    assert values is not indices
    assert wb.topk(wb.tensor([3, 1]), 1).indices.tolist() == [0]
    assert wb.median(wb.tensor([3.0, 1.0]), dim=0).values.item() == 1.0


def test_the_gradient_of_a_quantile_reaches_its_share():
    x, q = np.random.default_rng(1).normal(size=6), 0.37
    a, b = torch.tensor(x, requires_grad=True), torch.tensor(q, dtype=torch.float64, requires_grad=True)
    wanted = torch.autograd.grad(torch.quantile(a, b), (a, b))
    found = wb.grad(wb.quantile, argnums=(0, 1))(wb.tensor(x), wb.tensor(q, dtype="float64"))
    same(tuple(found), wanted)


@pytest.mark.parametrize("name", ["median", "nanmedian"])
@pytest.mark.parametrize("x", [TIES, TIES[0, :2], HOLES[1:2]], ids=["ties", "two", "one row"])
def test_equal_elements_share_the_gradient_of_the_median_of_all(name, x):
    a = torch.tensor(x, requires_grad=True)
    wanted, = torch.autograd.grad(getattr(torch, name)(a), a)
    same(wb.grad(getattr(wb, name))(wb.tensor(x)), wanted)


def test_the_gradient_of_a_mode_goes_where_it_was_found():
    assert wb.grad(lambda x: wb.mode(x).values)(wb.tensor(TIES[0])).tolist() == [0.0, 0.0, 0.0, 0.0, 1.0]


def test_weights_of_bincount_and_histogram_have_gradients():
    numbers, weights = np.array([0, 2, 2]), wb.tensor([1.0, 2.0, 3.0])
    assert wb.grad(lambda w: (wb.bincount(wb.tensor(numbers), w) * wb.tensor([1.0, 5.0, 7.0])).sum())(weights).tolist() == [1.0, 7.0, 7.0]
    edges = wb.tensor([0.0, 1.0, 2.0])
    assert wb.grad(lambda w: wb.histogram(wb.tensor([0.5, 1.5, 9.0]), edges, weight=w).hist[0])(weights).tolist() == [1.0, 0.0, 0.0]


def test_searching_inside_vmap_is_no_loop():
    rows, values = wb.sort(wb.tensor(POINTS.T)).values, wb.tensor(POINTS[:, 0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = wb.vmap(lambda row: wb.searchsorted(row, values))(rows)
        wb.vmap(lambda row: wb.median(row, dim=0))(rows)
        wb.vmap(lambda row: wb.mode(row))(rows)
        wb.vmap(wb.cov)(wb.tensor(np.stack([POINTS.T, POINTS.T])))
    same(found, torch.searchsorted(torch.tensor(rows.numpy()), torch.tensor(np.stack([POINTS[:, 0]] * 2))))


UNKNOWN = {"unique": wb.unique, "unique_consecutive": wb.unique_consecutive, "nonzero": wb.nonzero, "argwhere": wb.argwhere,
           "bincount": lambda x: wb.bincount(x.long()), "mask": lambda x: x[x > 0], "masked_select": lambda x: wb.masked_select(x, x > 0),
           "where": lambda x: wb.where(x > 0), "repeat_interleave": lambda x: wb.repeat_interleave(x, x.long())}


@pytest.mark.parametrize("wrap", [wb.vmap, wb.jit])
@pytest.mark.parametrize("call", UNKNOWN.values(), ids=UNKNOWN)
def test_shapes_that_depend_on_numbers_are_refused_where_they_must_be_known(call, wrap):
    with pytest.raises(errors.GraphError):
        wrap(call)(wb.ones(2, 3) if wrap is wb.vmap else wb.ones(3))


F, C, M = wb.tensor([1.0, 2.0, 3.0]), wb.tensor([1 + 1j, 2.0]), wb.ones(2, 3)
REFUSED = {
    "sort along a wrong axis": (lambda: wb.sort(M, 2), errors.AxisError, "sort.*2"),
    "sort of complex numbers": (lambda: wb.sort(C), errors.DTypeError, "complex"),
    "argsort of complex numbers": (lambda: wb.argsort(C), errors.DTypeError, "complex"),
    "topk of a negative number": (lambda: wb.topk(F, -1), errors.ShapeError, "k=-1.*0 to 3"),
    "topk along a wrong axis": (lambda: wb.topk(F, 1, 1), errors.AxisError, "topk"),
    "kthvalue of 0": (lambda: wb.kthvalue(F, 0), errors.ShapeError, "k=0.*1 to 3"),
    "kthvalue of too many": (lambda: wb.kthvalue(F, 4), errors.ShapeError, "k=4"),
    "kthvalue of nothing": (lambda: wb.kthvalue(wb.zeros(0), 1), errors.ShapeError, "length 0"),
    "median of complex numbers": (lambda: wb.median(C), errors.DTypeError, "complex"),
    "median along an empty axis": (lambda: wb.median(wb.zeros((2, 0)), dim=1), errors.AxisError, "no elements"),
    "mode of nothing": (lambda: wb.mode(wb.zeros(0)), errors.ShapeError, "no elements"),
    "quantile of integers": (lambda: wb.quantile(wb.arange(3), 0.5), errors.DTypeError, "floating"),
    "quantile of another dtype": (lambda: wb.quantile(F, wb.tensor(0.5, dtype="float64")), errors.DTypeError, "float64"),
    "quantile above 1": (lambda: wb.quantile(F, 1.5), errors.ArgumentError, "1.5.*0 to 1"),
    "quantile below 0": (lambda: wb.quantile(F, wb.tensor([-0.5, 0.5])), errors.ArgumentError, "-0.5"),
    "quantile with axes": (lambda: wb.quantile(F, wb.ones(1, 1)), errors.ShapeError, r"\(1, 1\)"),
    "quantile of nothing": (lambda: wb.quantile(wb.zeros(0), 0.5), errors.ShapeError, "no elements"),
    "quantile with an unknown interpolation": (lambda: wb.quantile(F, 0.5, interpolation="cubic"), errors.ArgumentError, "cubic.*midpoint"),
    "searchsorted of dtypes": (lambda: wb.searchsorted(F, wb.tensor([1])), errors.DTypeError, "float32.*int64"),
    "searchsorted of rows": (lambda: wb.searchsorted(M, wb.ones(3, 3)), errors.ShapeError, r"\(2, 3\).*\(3, 3\)"),
    "searchsorted in a number": (lambda: wb.searchsorted(wb.tensor(1.0), F), errors.ShapeError, "one axis"),
    "searchsorted on both sides": (lambda: wb.searchsorted(F, F, side="left", right=True), errors.ArgumentError, "left.*right"),
    "searchsorted on no side": (lambda: wb.searchsorted(F, F, side="bad"), errors.ArgumentError, "bad"),
    "searchsorted with a short sorter": (lambda: wb.searchsorted(F, F, sorter=wb.tensor([0, 1])), errors.ShapeError, r"\(2,\)"),
    "searchsorted with a float sorter": (lambda: wb.searchsorted(F, F, sorter=F), errors.DTypeError, "int64"),
    "searchsorted with a wrong sorter": (lambda: wb.searchsorted(F, F, sorter=wb.tensor([0, 1, 3])), errors.AxisError, "0 to 2"),
    "bucketize with two axes": (lambda: wb.bucketize(F, M), errors.ShapeError, "one axis"),
    "unique along a wrong axis": (lambda: wb.unique(F, dim=1), errors.AxisError, "unique"),
    "bincount of floats": (lambda: wb.bincount(F), errors.DTypeError, "integers"),
    "bincount of a matrix": (lambda: wb.bincount(wb.ones(2, 2, dtype="int64")), errors.ShapeError, "one axis"),
    "bincount of negative numbers": (lambda: wb.bincount(wb.tensor([1, -1])), errors.ArgumentError, "-1"),
    "bincount with a negative length": (lambda: wb.bincount(wb.tensor([1]), minlength=-1), errors.ArgumentError, "minlength"),
    "bincount with weights of another length": (lambda: wb.bincount(wb.tensor([1, 0]), F), errors.ShapeError, r"\(2,\).*\(3,\)"),
    "histc without bins": (lambda: wb.histc(F, 0), errors.ArgumentError, "bins=0"),
    "histc with ends exchanged": (lambda: wb.histc(F, 2, 5, 1), errors.ArgumentError, "5"),
    "histc of infinity": (lambda: wb.histc(wb.tensor([1.0, float("inf")])), errors.ArgumentError, "finite"),
    "histc of integers": (lambda: wb.histc(wb.arange(3)), errors.DTypeError, "floating"),
    "histogram with weights of another shape": (lambda: wb.histogram(F, 2, weight=wb.ones(2)), errors.ShapeError, "weights"),
    "histogram with edges and a range": (lambda: wb.histogram(F, F, range=(0.0, 1.0)), errors.ArgumentError, "range"),
    "histogram with edges as a matrix": (lambda: wb.histogram(F, M), errors.ShapeError, "edges"),
    "histogramdd of a vector": (lambda: wb.histogramdd(F, 2), errors.ShapeError, "points"),
    "histogramdd with bins for other axes": (lambda: wb.histogramdd(M, [2, 2]), errors.ArgumentError, "3"),
    "cov of three axes": (lambda: wb.cov(wb.ones(1, 2, 3)), errors.ShapeError, r"\(1, 2, 3\)"),
    "cov with float frequencies": (lambda: wb.cov(M, fweights=F), errors.DTypeError, "fweights.*integers"),
    "cov with integer weights": (lambda: wb.cov(M, aweights=wb.tensor([1, 2, 3])), errors.DTypeError, "aweights"),
    "cov with weights of another length": (lambda: wb.cov(M, aweights=wb.ones(2)), errors.ShapeError, r"\(2,\)"),
    "cov with weights as a matrix": (lambda: wb.cov(M, fweights=wb.ones(1, 3, dtype="int64")), errors.ShapeError, "one number"),
    "cov with negative frequencies": (lambda: wb.cov(M, fweights=wb.tensor([1, -1, 2])), errors.ArgumentError, "-1"),
    "corrcoef of three axes": (lambda: wb.corrcoef(wb.ones(1, 2, 3)), errors.ShapeError, "corrcoef"),
}


@pytest.mark.parametrize(("call", "error", "says"), REFUSED.values(), ids=REFUSED)
def test_wrong_use(call, error, says):
    with pytest.raises(error, match=f"(?s){says}") as caught:
        call()
    assert caught.value.__cause__ is None
    assert len(str(caught.value)) < 400
