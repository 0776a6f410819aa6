"""The tensor as an object: copies, pickles, NumPy's protocols, DLPack, printing, truth, iteration, errors."""
import copy
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import workbench as wb
from workbench import errors

X = wb.tensor([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize("twice", [lambda t: pickle.loads(pickle.dumps(t)), copy.deepcopy], ids=["pickle", "deepcopy"])
@pytest.mark.parametrize("requires_grad", [False, True])
def test_copies_are_independent(twice, requires_grad):
    t = wb.tensor([1.0, 2.0], requires_grad=requires_grad)
    other = twice(t)
    assert (other.tolist(), other.dtype, other.requires_grad, other.is_leaf) == (t.tolist(), t.dtype, requires_grad, True)
    other.data[0] = 9.0
    assert t.tolist() == [1.0, 2.0]


def test_deepcopy_takes_the_gradient_along():
    t = wb.tensor([1.0], requires_grad=True)
    (t * 3).sum().backward()
    assert copy.deepcopy(t).grad.tolist() == [3.0]


@pytest.mark.parametrize("name", ["float64", "float16", "int32", "bfloat16", "complex64", "bool"])
def test_an_unpickled_tensor_has_the_dtype_that_others_have(name):
    t = wb.ones(3, dtype=name)
    assert pickle.loads(pickle.dumps(t)).dtype is t.dtype


@pytest.mark.parametrize("twice", [lambda t: pickle.dumps(t), copy.deepcopy], ids=["pickle", "deepcopy"])
def test_computed_tensors_cannot_be_copied_with_their_graph(twice):
    with pytest.raises(errors.GraphError, match="detach"):
        twice(wb.ones(2, requires_grad=True) * 2)


def test_numpy_functions_of_a_tensor_are_differentiable():
    x = wb.tensor([0.5, 1.0], requires_grad=True)
    y = np.exp(x)
    assert type(y) is wb.Tensor
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.exp([0.5, 1.0]), rtol=1e-6)


@pytest.mark.parametrize("function", [np.add, np.multiply, np.power, np.maximum, np.arctan2, np.matmul], ids=lambda f: f.__name__)
def test_numpy_functions_of_an_array_and_a_tensor(function):
    a = np.array([1.0, 2.0])
    for args in ((a, wb.tensor(a)), (wb.tensor(a), a), (wb.tensor(a), wb.tensor(a))):
        found = function(*args)
        assert type(found) is wb.Tensor
        np.testing.assert_allclose(found.numpy(), function(a, a))


def test_operators_with_arrays_on_the_left_give_tensors():
    a = np.array([[1.0, 2.0], [3.0, 4.0]])
    for found, wanted in ((a + wb.tensor(a), a + a), (a @ wb.tensor(a), a @ a), (np.float64(2) * wb.tensor(a), 2 * a), (a - wb.tensor(a), a - a),
                          (2 / wb.tensor(a), 2 / a), (2**wb.tensor(a), 2**a), (a == wb.tensor(a), a == a)):
        assert type(found) is wb.Tensor
        np.testing.assert_allclose(found.numpy(), wanted)


def test_numpy_functions_without_a_counterpart_are_refused_not_silently_constant():
    x = wb.ones(2, requires_grad=True)
    for call in (lambda: np.subtract.reduce(x), lambda: np.frexp(x), lambda: np.add(x, x, out=np.zeros(2))):
        with pytest.raises(errors.DTypeError, match="differentiable"):
            call()


def test_arrays_and_tensors_share_memory():
    array = np.zeros(2)
    assert wb.as_tensor(array).data is array
    assert np.shares_memory(wb.as_tensor(array).numpy(), array)
    assert not np.shares_memory(wb.tensor(array).numpy(), array)
    assert np.asarray(X).tolist() == X.tolist()
    assert np.array(X, dtype=np.float64).dtype == np.float64


def test_dlpack():
    array = np.from_dlpack(X)
    assert np.shares_memory(array, X.data)
    with pytest.raises(errors.GraphError, match="detach"):
        np.from_dlpack(wb.ones(2, requires_grad=True))


@pytest.mark.oracle
def test_dlpack_with_torch():
    torch = pytest.importorskip("torch", reason="the oracle needs torch")
    assert torch.from_dlpack(X).tolist() == X.tolist()
    assert wb.as_tensor(np.from_dlpack(torch.arange(3))).tolist() == [0, 1, 2]


@pytest.mark.parametrize(("tensor", "text"), [
    (lambda: wb.tensor(1.5), "tensor(1.5)"), (lambda: wb.tensor([1, 2]), "tensor([1, 2])"), (lambda: wb.tensor(True), "tensor(True)"),
    (lambda: wb.tensor([1.0], dtype=wb.float64), "tensor([1.], dtype=float64)"), (lambda: wb.zeros(0), "tensor([], dtype=float32)"),
    (lambda: wb.ones(1, requires_grad=True), "tensor([1.], requires_grad=True)"), (lambda: wb.ones(1, requires_grad=True) * 2, "tensor([2.], op=mul)"),
])
def test_repr(tensor, text):
    assert repr(tensor()) == text


def test_repr_of_large_tensors_is_short():
    assert len(repr(wb.zeros(1000, 1000))) < 500


def test_format():
    assert f"{wb.tensor(1.23456):.2f}" == "1.23"
    assert f"{wb.tensor([1.0])}" == "tensor([1.])"


def test_python_protocols():
    assert float(wb.tensor(2.5)) == 2.5
    assert int(wb.tensor(3)) == 3
    assert complex(wb.tensor(1j)) == 1j
    assert [10, 20, 30][wb.tensor(1)] == 20
    assert len(X) == 2
    assert [row.tolist() for row in X] == X.tolist()
    assert 3.0 in X
    assert 9.0 not in X
    assert bool(wb.tensor([0.0])) is False
    assert {X: 1}[X] == 1
    assert (X.ndim, X.size, X.numel(), X.dim(), X.device) == (2, 4, 4, 2, "cpu")


@pytest.mark.parametrize(("call", "error"), [
    (lambda: bool(X), errors.ShapeError), (lambda: float(X), errors.ShapeError), (lambda: X.item(), errors.ShapeError),
    (lambda: len(wb.tensor(1.0)), errors.ShapeError), (lambda: [1][wb.tensor(0.5)], errors.DTypeError), (lambda: wb.tensor("a"), errors.DTypeError),
    (lambda: wb.tensor([[1], [2, 3]]), errors.ShapeError), (lambda: wb.tensor([None]), errors.DTypeError), (lambda: wb.tensor(1.0, dtype="text"), errors.DTypeError),
    (lambda: wb.tensor(1.0, device="tpu"), errors.ArgumentError), (lambda: X + "a", errors.DTypeError), (lambda: X + None, errors.DTypeError),
    (lambda: wb.sin(), TypeError), (lambda: X.to("float31"), errors.DTypeError), (lambda: iter(wb.tensor(1.0)).__next__(), errors.ShapeError),
])
def test_misuse(call, error):
    with pytest.raises(error):
        call()


def test_cuda_without_cupy_says_what_to_install():
    if "cupy" in sys.modules:
        pytest.skip("CuPy is here")
    with pytest.raises(errors.DeviceError, match=r"cuda12"):
        X.to("cuda")


def test_keywords_of_both_worlds():
    assert X.sum(dim=0).tolist() == X.sum(axis=0).tolist() == X.sum(0).tolist()
    assert X.mean(dim=1, keepdim=True).shape == X.mean(axis=1, keepdims=True).shape == (2, 1)
    assert wb.softmax(X, dim=0).tolist() == wb.softmax(X, axis=0).tolist()
    values, indices = X.max(dim=1)
    assert (values.tolist(), indices.tolist()) == ([2.0, 4.0], [1, 1])


def test_default_dtype_changes_what_python_numbers_become():
    wb.set_default_dtype(wb.float64)
    try:
        assert wb.tensor(1.0).dtype == wb.zeros(1).dtype == wb.float64
    finally:
        wb.set_default_dtype(wb.float32)
    with pytest.raises(errors.DTypeError, match="floating"):
        wb.set_default_dtype(wb.int64)


def test_conversion_methods():
    assert [getattr(X, name)().dtype for name in ("float", "double", "half", "int", "long", "bool")] == [
        wb.float32, wb.float64, wb.float16, wb.int32, wb.int64, wb.bool_]
    assert [getattr(X, name)().dtype for name in ("short", "char", "byte", "bfloat16", "cfloat", "cdouble")] == [
        wb.int16, wb.int8, wb.uint8, wb.bfloat16, wb.complex64, wb.complex128]
    assert X.float() is X


def test_infinity_and_nan_are_answers_and_no_warnings():
    """In a process of its own, where warnings are errors: pytest has filters of its own."""
    code = """
        import numpy as np, workbench as wb
        x = wb.tensor([0.0, -1.0, 1e30, np.inf], requires_grad=True)
        for f in (wb.log, wb.sqrt, wb.exp, lambda t: t / 0, lambda t: t * 1e30, lambda t: t - t, wb.softmax, wb.var, wb.mean, wb.std, wb.logsumexp):
            for way in (f, wb.jit(f)):
                way(x).sum().backward()
        assert np.isnan(wb.tensor([]).mean().item()) and np.isnan(wb.ones(1).var().item()) and wb.tensor([1e5]).half().item() == np.inf
        try:
            np.log(np.zeros(1))
        except RuntimeWarning:
            print("NumPy alone warns as ever")
    """
    out = subprocess.run([sys.executable, "-W", "error::RuntimeWarning", "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False)
    assert (out.stdout, out.stderr) == ("NumPy alone warns as ever\n", "")


def test_tensor_takes_a_list_as_in_pytorch():
    assert (wb.Tensor([1, 2]).tolist(), wb.Tensor([[1, 2]]).dtype) == ([1.0, 2.0], wb.float32)


def test_the_seed_of_cuda_is_the_seed():
    wb.cuda.manual_seed_all(7)
    first = wb.rand(2).tolist()
    wb.manual_seed(7)
    assert wb.rand(2).tolist() == first
