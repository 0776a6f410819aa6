"""Tensors and other libraries: NumPy's functions differentiate, memory is shared both ways, pickle and copies keep leaves."""
from __future__ import annotations

import copy
import inspect
import pickle

import numpy as np
import pytest
import torch

import workbench as wb
from workbench import errors
from workbench.core.numpy_names import WRITTEN_IN_C

X = np.array([[1.0, 2.0, 0.5], [0.25, 3.0, 1.5]])

BY_NUMPY = {  # what the user writes, what workbench calls it
    "exp": (np.exp, wb.exp),
    "absolute": (np.absolute, wb.abs),
    "divide": (lambda x: np.divide(1, x), lambda x: 1 / x),
    "array+x": (lambda x: X + x, lambda x: wb.tensor(X) + x),
    "add": (lambda x: np.add(x, 2), lambda x: x + 2),
    "matmul": (lambda x: np.matmul(x, X.T), lambda x: x @ wb.tensor(X.T)),
    "power": (lambda x: np.power(x, 3), lambda x: x ** 3),
    "degrees": (np.degrees, wb.rad2deg),
    "conjugate": (np.conjugate, wb.conj),
    "sum": (lambda x: np.sum(x, axis=0), lambda x: x.sum(0)),
    "prod": (np.prod, wb.prod),
    "sum-keepdims": (lambda x: np.sum(x, 1, keepdims=True), lambda x: x.sum(1, keepdims=True)),
    "mean": (np.mean, wb.mean),
    "var": (np.var, lambda x: wb.var(x, correction=0)),
    "std": (lambda x: np.std(x, axis=0, ddof=1), lambda x: wb.std(x, 0)),
    "max": (lambda x: np.max(x, axis=1), lambda x: wb.amax(x, 1)),
    "amin": (np.amin, wb.amin),
    "add.reduce": (np.add.reduce, lambda x: x.sum(0)),
    "multiply.reduce": (lambda x: np.multiply.reduce(x, axis=1), lambda x: wb.prod(x, 1)),
    "add.accumulate": (lambda x: np.add.accumulate(x, 1), lambda x: wb.cumsum(x, 1)),
    "concatenate": (lambda x: np.concatenate([x, X], axis=1), lambda x: wb.concat([x, wb.tensor(X)], 1)),
    "stack": (lambda x: np.stack([x, x], axis=1), lambda x: wb.stack([x, x], 1)),
    "reshape": (lambda x: np.reshape(x, (3, 2)), lambda x: x.reshape(3, 2)),
    "transpose": (np.transpose, lambda x: x.T),
    "transpose-axes": (lambda x: np.transpose(x, (1, 0)), lambda x: x.T),
    "moveaxis": (lambda x: np.moveaxis(x, 0, 1), lambda x: x.T),
    "swapaxes": (lambda x: np.swapaxes(x, 0, 1), lambda x: x.T),
    "expand_dims": (lambda x: np.expand_dims(x, 1), lambda x: x[:, None]),
    "squeeze": (lambda x: np.squeeze(x[:1], axis=0), lambda x: x[0]),
    "ravel": (np.ravel, lambda x: x.ravel()),
    "flip": (lambda x: np.flip(x, 1), lambda x: x.flip(1)),
    "roll": (lambda x: np.roll(x, 1, axis=1), lambda x: x.roll(1, 1)),
    "tile": (lambda x: np.tile(x, (2, 1)), lambda x: x.tile(2, 1)),
    "broadcast_to": (lambda x: np.broadcast_to(x, (2, 2, 3)), lambda x: wb.broadcast_to(x, 2, 2, 3)),
    "where": (lambda x: np.where(X > 1, x, 0.0), lambda x: wb.where(wb.tensor(X > 1), x, 0.0)),
    "clip": (lambda x: np.clip(x, 0.5, 2), lambda x: x.clip(0.5, 2)),
    "take": (lambda x: np.take(x, [2, 0], axis=1), lambda x: x[:, [2, 0]]),
    "sort": (lambda x: np.sort(x, axis=1), lambda x: wb.sort(x, 1).values),
    "cumsum": (lambda x: np.cumsum(x, axis=1), lambda x: wb.cumsum(x, 1)),
    "cumsum-flat": (np.cumsum, lambda x: wb.cumsum(x.ravel(), 0)),
    "diff": (lambda x: np.diff(x, axis=0), lambda x: wb.diff(x, axis=0)),
    "dot": (lambda x: np.dot(x[0], x[1]), lambda x: (x[0] * x[1]).sum()),
    "dot-matrix": (lambda x: np.dot(x, X.T), lambda x: x @ wb.tensor(X.T)),
    "outer": (lambda x: np.outer(x[0], x[1]), lambda x: wb.outer(x[0], x[1])),
    "einsum": (lambda x: np.einsum("ij,kj->ik", x, x), lambda x: x @ x.T),
    "tensordot": (lambda x: np.tensordot(x, x, axes=2), lambda x: (x * x).sum()),
    "trace": (lambda x: np.trace(x[:, :2]), lambda x: x[0, 0] + x[1, 1]),
    "diagonal": (np.diagonal, wb.diagonal),
    "tril": (lambda x: np.tril(x, k=1), lambda x: wb.tril(x, 1)),
    "linalg.norm": (np.linalg.norm, lambda x: wb.sqrt((x * x).sum())),
    "linalg.inv": (lambda x: np.linalg.inv(x[:, :2]), lambda x: wb.linalg.inv(x[:, :2])),
    "linalg.solve": (lambda x: np.linalg.solve(x[:, :2], np.ones((2, 1))), lambda x: wb.linalg.solve(x[:, :2], wb.ones(2, 1).double())),
    "linalg.slogdet": (lambda x: np.linalg.slogdet(x[:, :2])[1], lambda x: wb.linalg.slogdet(x[:, :2])[1]),
    "fft.rfft": (lambda x: np.abs(np.fft.rfft(x, axis=1)), lambda x: wb.abs(wb.fft.rfft(x, dim=1))),
    "round": (lambda x: np.round(x, 1) + x, lambda x: wb.round(x, 1) + x),
    "copy": (np.copy, wb.clone),
    "zeros_like": (lambda x: np.zeros_like(x) + x, lambda x: x * 1),
}


@pytest.mark.parametrize("name", BY_NUMPY)
def test_a_function_of_numpy_differentiates(name):
    by_numpy, ours = BY_NUMPY[name]
    results = []
    for function in (by_numpy, ours):
        x = wb.tensor(X, requires_grad=True)
        y = function(x)
        assert isinstance(y, wb.Tensor)
        (y * wb.arange(1, y.size + 1).double().reshape(*y.shape)).sum().backward()
        results.append((y.detach().numpy(), x.grad.numpy()))
    for found, wanted in zip(*results, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    np.testing.assert_allclose(results[0][0], by_numpy(X), rtol=1e-12)


@pytest.mark.parametrize("call", [
    np.histogram, np.median, np.unique, lambda x: np.sum(x, where=X > 1), lambda x: np.add(x, 1, out=np.zeros((2, 3))), np.spacing,
    np.subtract.reduce, lambda x: np.meshgrid(x[0], x[1], sparse=True),
])
def test_what_would_lose_the_gradient_is_refused(call):
    with pytest.raises(errors.DTypeError, match="workbench"):
        call(wb.tensor(X, requires_grad=True))


def test_without_a_gradient_to_lose_functions_unknown_to_us_are_numpys():
    assert np.median(wb.tensor(X)) == np.median(X)
    assert [part.tolist() for part in np.histogram(wb.tensor(X), bins=2)] == [part.tolist() for part in np.histogram(X, bins=2)]


def test_numpys_functions_inside_transformations():
    def loss(x):
        return np.sum(np.exp(x) * np.where(X > 1, x, 1.0))

    x = wb.tensor(X)
    wanted = np.exp(X) * np.where(X > 1, X + 1, 1.0)
    for transform in (wb.grad(loss), wb.jit(wb.grad(loss)), wb.grad(wb.jit(loss))):
        np.testing.assert_allclose(transform(x).numpy(), wanted, rtol=1e-12)
    np.testing.assert_allclose(wb.vmap(lambda row: np.sum(row, axis=0))(x).numpy(), X.sum(1))
    with pytest.raises(errors.DTypeError, match="inside vmap"):
        wb.vmap(np.median)(x)


@pytest.mark.parametrize("name", WRITTEN_IN_C)
def test_parameters_of_functions_in_c_are_those_of_numpy(name):
    try:
        wanted = inspect.signature(getattr(np, name)).parameters.values()
    except ValueError:
        pytest.skip("this NumPy does not tell the parameters of its C functions")
    found = inspect.signature(WRITTEN_IN_C[name]).parameters
    assert [p.name for p in wanted] == list(found)


def test_shape_questions_are_answered_without_a_copy():
    x = wb.tensor(X, requires_grad=True)
    assert (np.shape(x), np.ndim(x), np.size(x), np.size(x, 0), np.iscomplexobj(x)) == ((2, 3), 2, 6, 2, False)


# Memory -----------------------------------------------------------------------------------------------------------------
DTYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64", "complex64", "complex128"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_dlpack_with_numpy_and_torch(dtype):
    ours = wb.tensor(np.array([[0, 1, 2], [3, 4, 5]])).to(dtype)
    theirs = torch.from_dlpack(ours)
    assert str(theirs.dtype) == f"torch.{dtype}"
    np.testing.assert_array_equal(theirs.numpy(), ours.numpy())
    np.testing.assert_array_equal(np.from_dlpack(ours), ours.numpy())
    for source in (theirs, ours, ours.numpy()):
        back = wb.from_dlpack(source)
        assert back.dtype == ours.dtype
        assert np.shares_memory(back.numpy(), ours.numpy())
        copied = wb.from_dlpack(source, copy=True)
        assert not np.shares_memory(copied.numpy(), ours.numpy())
        np.testing.assert_array_equal(copied.numpy(), ours.numpy())


def test_dlpack_of_views_scalars_and_empty_tensors():
    for view in (wb.tensor(X).T, wb.tensor(X)[:, ::2], wb.tensor(X)[1, 2], wb.zeros(0, 3), wb.tensor(3.0)):
        np.testing.assert_array_equal(torch.from_dlpack(view).numpy(), view.numpy())
    np.testing.assert_array_equal(wb.from_dlpack(torch.arange(6).reshape(2, 3).T).numpy(), np.arange(6).reshape(2, 3).T)


def test_dlpack_arguments():
    x = wb.tensor(X)
    assert x.__dlpack_device__() == (1, 0)
    assert "dltensor" in repr(x.__dlpack__())
    assert "dltensor_versioned" in repr(x.__dlpack__(max_version=(1, 0)))
    assert "dltensor_versioned" in repr(x.__dlpack__(max_version=(1, 0), dl_device=(1, 0), copy=True))
    wrong = [
        (lambda: x.__dlpack__(dl_device=(8, 0)), BufferError),
        (lambda: x.__dlpack__(dl_device=(2, 0), copy=False), BufferError),
        (lambda: x.__dlpack__(stream=1), errors.ArgumentError),
        (lambda: wb.tensor(X, requires_grad=True).__dlpack__(), errors.GraphError),
        (lambda: wb.vmap(lambda row: wb.from_dlpack(row))(x), errors.GraphError),
        (lambda: wb.from_dlpack([1, 2]), errors.DTypeError),
        (lambda: wb.from_dlpack(x, device="cuda", copy=False), errors.ArgumentError),
        (lambda: wb.ones(2).to("bfloat16").__dlpack__(), errors.DTypeError),
    ]
    for call, error in wrong:
        with pytest.raises(error):
            call()


def test_a_tensor_in_main_memory_has_no_cuda_array_interface():
    assert not hasattr(wb.ones(2), "__cuda_array_interface__")


def test_numpy_takes_the_numbers():
    x = wb.tensor(X, requires_grad=True)
    assert np.asarray(x.detach()).dtype == np.float64
    assert np.array(x, dtype=np.float32).dtype == np.float32
    assert np.shares_memory(np.asarray(x.detach()), x.data)
    with pytest.raises(ValueError, match="copy"):
        np.array(x.detach(), dtype=np.float32, copy=False)


# Copies -----------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x)), copy.copy])
@pytest.mark.parametrize("dtype", [*DTYPES, "bfloat16"])
def test_copies_keep_numbers_dtype_and_the_wish_for_a_gradient(duplicate, dtype):
    for tensor in (wb.tensor([0.0, 1.0]).to(dtype), wb.tensor(1.0).to(dtype)):
        tensor.requires_grad_(tensor.dtype.kind in "fVc")
        found = duplicate(tensor)
        assert (found.dtype, found.requires_grad, found.shape) == (tensor.dtype, tensor.requires_grad, tensor.shape)
        assert found.detach().to("complex128").tolist() == tensor.detach().to("complex128").tolist()


def test_a_deep_copy_has_its_own_memory_and_gradient():
    x = wb.tensor(X, requires_grad=True)
    (x * x).sum().backward()
    y, again = copy.deepcopy([x, x])
    assert y is again
    assert not np.shares_memory(y.data, x.data)
    assert y.grad is not x.grad
    np.testing.assert_array_equal(y.grad.numpy(), x.grad.numpy())
    (y * 3).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * X)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, pickle.dumps])
def test_a_computed_tensor_is_not_copied_without_its_graph(duplicate):
    with pytest.raises(errors.GraphError, match="detach"):
        duplicate(wb.tensor(X, requires_grad=True) * 2)


def test_dlpack_of_half_precision():
    torch = pytest.importorskip("torch")
    taken = wb.from_dlpack(torch.full((2,), 300.0, dtype=torch.float16))
    assert type(taken.data) is type(wb.ones(2, dtype="float16").data)
    with pytest.raises(errors.DTypeError, match="float32"):
        wb.from_dlpack(torch.ones(2, dtype=torch.bfloat16))
