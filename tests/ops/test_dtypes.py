"""Which dtype comes out: PyTorch's promotion for every pair of dtypes, 0-d tensors and Python numbers included."""
import itertools

import numpy as np
import pytest

import workbench as wb
from tests.ops.support import compare
from workbench.testing import optable
from workbench.testing.rows import Case, leaves, ours, theirs

torch = pytest.importorskip("torch", reason="the oracle needs torch")
pytestmark = pytest.mark.oracle

NAMES = {"f": ("float16", "float32", "float64"), "i": ("uint8", "int8", "int16", "int32", "int64"), "b": ("bool",)}
COMPLEX = ("complex64", "complex128")
PYTHON = (True, 3, 2.5)


def values(dtype, shape=(3,)):
    """Small numbers that every dtype holds, never zero."""
    return np.full(shape, 2).astype(dtype) if shape == () else np.array([1, 2, 1]).astype(dtype)


def named(row):
    return [name for kind in row.dtypes for name in NAMES[kind]]


UNARY = [row for row in optable.table_elementwise.ROWS if row.torch and row.cases and len(row.cases[0].inputs) == 1]
BINARY = [row for row in optable.table_elementwise.ROWS if row.torch and row.cases and len(row.cases[0].inputs) == 2 and row.name != "zeta"]


@pytest.mark.parametrize("row", UNARY, ids=str)
def test_one_operand(row):
    for dtype in named(row):
        args = [np.array([0.25, 0.5, 0.75], dtype) if dtype in NAMES["f"] else values(dtype)]
        with np.errstate(all="ignore"):
            found = leaves(row.function(*ours(args)))
        compare(row, f" of {dtype}", found, leaves(row.reference(*theirs(args))), 4e-3, "results")


def _pairs(row):
    """Every pair of dtypes as vectors, as vector and 0-d, and vectors with Python numbers on either side."""
    names = [name for name in named(row) if name not in ("float16", "int8", "int16")]
    for a, b in itertools.product(names, names):
        yield [values(a), values(b)]
        yield [values(a), values(b, ())]
        yield [values(a, ()), values(b)]
    for a, number in itertools.product(names, PYTHON):
        if {bool: "b", int: "i", float: "f"}[type(number)] in row.dtypes:
            yield [values(a), number]


@pytest.mark.parametrize("row", BINARY, ids=str)
def test_two_operands(row):
    for args in _pairs(row):
        try:
            wanted = row.reference(*theirs(args))
        except (RuntimeError, TypeError):
            continue  # PyTorch refuses some pairs, among them some functions of a tensor and a number
        what = " of " + " and ".join(f"{a.dtype}{list(a.shape)}" if isinstance(a, np.ndarray) else repr(a) for a in args)
        with np.errstate(all="ignore"):
            found = row.function(*ours(args))
        compare(row, what, leaves(found), [wanted], 2e-3, "results")


REDUCED = [row for row in optable.table_structured.ROWS if row.torch and len(row.dtypes) > 1]


@pytest.mark.parametrize("row", REDUCED, ids=str)
def test_structured(row):
    case = row.cases[0]
    names = [name for name in named(row) if not (row.name in ("all", "any") and name == "uint8")]  # a relic in PyTorch
    for dtype in names:
        args = [np.ones(item.shape, dtype) if isinstance(item, optable.Draw) else item for item in case.inputs]
        options = case.options or ({"axis": 0} if row.name in ("cumsum", "cumprod", "argsort") else {})
        try:
            wanted = leaves(row.reference(*theirs(args), **options))
        except (RuntimeError, TypeError):
            continue  # PyTorch has no integer or boolean kernel here
        compare(row, f" of {dtype}", leaves(row.function(*ours(args), **options)), wanted, 2e-3, "results")


DIFFERENTIABLE = [row for row in BINARY if row.gradient and row.name not in ("atan2",)]


@pytest.mark.parametrize("side", [0, 1], ids=["tensor-number", "number-tensor"])
@pytest.mark.parametrize("row", DIFFERENTIABLE, ids=str)
def test_python_numbers_neither_widen_results_nor_gradients(row, side):
    array = np.array([0.6, 1.3, 1.7], np.float32)
    number = 1.25
    x = wb.tensor(array, requires_grad=True)
    out = row.function(*((x, number) if side == 0 else (number, x)))
    assert out.dtype == wb.float32
    out.sum().backward()
    assert type(x.grad) is wb.Tensor
    assert type(x.grad.data) is np.ndarray
    assert x.grad.dtype == wb.float32
    t, constant = torch.tensor(array, requires_grad=True), torch.tensor(number)
    wanted = row.reference(*((t, constant) if side == 0 else (constant, t)))
    (grad,) = torch.autograd.grad(wanted.sum(), t, allow_unused=True)
    compare(row, "", [x.grad], [torch.zeros_like(t) if grad is None else grad], 1e-5, "gradients")


@pytest.mark.parametrize("row", DIFFERENTIABLE, ids=str)
def test_gradients_come_back_in_the_dtype_of_their_input(row):
    x, y = wb.tensor(np.array([0.6, 1.3], np.float32), requires_grad=True), wb.tensor(np.array([1.1, 1.6]), requires_grad=True)
    z = wb.tensor(np.array(1.2), requires_grad=True)
    assert row.function(x, y).dtype == wb.float64
    row.function(x, y).sum().backward()
    assert (x.grad.dtype, y.grad.dtype) == (wb.float32, wb.float64)
    assert row.function(x, z).dtype == wb.float32
    row.function(x, z).sum().backward()
    assert (x.grad.dtype, z.grad.dtype) == (wb.float32, wb.float64)


@pytest.mark.parametrize("name", [*NAMES["f"], *NAMES["i"], "bool", *COMPLEX])
def test_creation_keeps_the_dtype_of_arrays(name):
    assert wb.tensor(values(name)).dtype == np.dtype(name)
    assert wb.zeros(2, dtype=name).dtype == np.dtype(name)


def test_python_values_get_the_default_dtypes():
    assert [wb.tensor(v).dtype for v in (1.5, 2, True, 1j, [1.0, 2], [], [True])] == [
        wb.float32, wb.int64, wb.bool_, wb.complex64, wb.float32, wb.float32, wb.bool_]


@pytest.mark.parametrize(("function", "scale"), [(lambda z: z * z, 1), (lambda z: wb.exp(z), 1), (lambda z: wb.abs(z), 1), (lambda z: wb.sin(z) / z, 1),
                                                 (lambda z: z @ z, 1)])
def test_complex_gradients_are_conjugate_wirtinger(function, scale):
    z = np.array([0.5 + 1j, -1.2 + 0.3j])
    t = torch.tensor(z, requires_grad=True)
    names = {"exp": torch.exp, "abs": torch.abs, "sin": torch.sin}
    ours_in = wb.tensor(z, requires_grad=True)
    out = function(ours_in)
    reference = eval_torch(function, t, names)
    cotangent = np.ones(out.shape, out.dtype)
    out.backward(wb.tensor(cotangent))
    reference.backward(torch.tensor(cotangent))
    np.testing.assert_allclose(ours_in.grad.numpy(), t.grad.numpy(), rtol=1e-9)


def eval_torch(function, t, names):
    """The same lambda with the names of `wb` taken from torch."""
    import types

    return types.FunctionType(function.__code__, {"wb": types.SimpleNamespace(**names)})(t)


def test_python_numbers_among_tensors_to_join_do_not_widen():
    assert wb.stack([wb.tensor(1.0), 2.0]).dtype == wb.float32
    assert wb.concat([wb.ones(2), wb.arange(2)]).dtype == wb.float32


def test_table_case_is_used():
    assert str(Case((optable.Draw((2,)),), {"axis": 0})) == "(f[2], axis=0)"
