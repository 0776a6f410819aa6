"""What PyTorch's users ask of a tensor that is no computation: memory, devices, dtypes, tensors of the same kind."""
from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import workbench as wb
from workbench import errors

X = np.arange(12.0).reshape(3, 4)
QUESTIONS = {
    "element_size": lambda t: t.element_size(), "nelement": lambda t: t.nelement(), "ndimension": lambda t: t.ndimension(), "itemsize": lambda t: t.itemsize,
    "nbytes": lambda t: t.nbytes, "is_cpu": lambda t: t.is_cpu, "is_cuda": lambda t: t.is_cuda, "get_device": lambda t: t.get_device(),
    "stride": lambda t: (t.stride(), t.T.stride(), t[:, ::2].stride(0)), "is_contiguous": lambda t: (t.is_contiguous(), t.T.is_contiguous()),
    "contiguous": lambda t: (t.T.contiguous().stride(), t.T.contiguous().tolist()), "size": lambda t: (tuple(t.size()), t.size(0), t.size(-1)),
    "is_same_size": lambda t: (t.is_same_size(t.T), t.is_same_size(t + 1)), "sum_to_size": lambda t: t.sum_to_size(1, 4).tolist(),
    "new_zeros": lambda t: t.new_zeros(2, 3).tolist(), "new_ones": lambda t: t.new_ones((2,)).tolist(), "new_full": lambda t: t.new_full((2,), 7).tolist(),
    "new_tensor": lambda t: str(t.new_tensor([1, 2]).dtype).removeprefix("torch."), "new_empty": lambda t: tuple(t.new_empty(2, 0).shape),
    "apply_": lambda t: t.clone().apply_(lambda v: v * v).tolist(), "device": lambda t: (t.device.type, t.device.index),
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", QUESTIONS)
def test_answers_are_torchs(name: str) -> None:
    import torch

    assert QUESTIONS[name](wb.tensor(X)) == QUESTIONS[name](torch.tensor(X))


@pytest.mark.oracle
@pytest.mark.parametrize("shape", [(6,), (2, 3), (4, 1, 3), ()])
def test_unravel_index_is_torchs(shape: tuple[int, ...]) -> None:
    import torch

    total = int(np.prod(shape))
    indices = np.arange(-total, total).reshape(2, total)
    found = wb.unravel_index(wb.tensor(indices), shape)
    for a, b in zip(found, torch.unravel_index(torch.tensor(indices), shape), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_size_counts_and_is_called() -> None:
    size = wb.ones(2, 3).size
    assert (size, size(), size(1), pickle.loads(pickle.dumps(size)), copy.deepcopy(size)) == (6, (2, 3), 3, 6, 6)
    assert (wb.ones(2) / size).tolist() == pytest.approx([1 / 6, 1 / 6])
    with pytest.raises(errors.AxisError, match="dim=2"):
        size(2)


def test_names_of_devices() -> None:
    assert (wb.device("cuda", 1), wb.device("cuda:1").index, wb.device("cpu").type, wb.ones(1).device) == ("cuda:1", 1, "cpu", "cpu")
    assert pickle.loads(pickle.dumps(wb.device("cuda:0"))).index == 0
    for wrong in ("gpu", "cuda:x", "cuda:"):
        with pytest.raises(errors.ArgumentError, match="not known"):
            wb.device(wrong)


def test_arrays_share_their_memory_unless_copied() -> None:
    array = np.zeros(2)
    shared, copied = wb.from_numpy(array), wb.asarray(array, copy=True)
    array[0] = 1
    assert (shared.tolist(), copied.tolist(), wb.asarray(shared) is shared) == ([1.0, 0.0], [0.0, 0.0], True)
    assert wb.asarray([1.0], requires_grad=True).requires_grad
    for wrong, says in ((lambda: wb.asarray([1], copy=False), "copy=False"), (lambda: wb.from_numpy([1.0]), "numpy.ndarray")):
        with pytest.raises(errors.WorkbenchError, match=says):
            wrong()


def test_contiguous_keeps_the_gradient_and_is_free_where_nothing_moves() -> None:
    x = wb.ones(2, 3, requires_grad=True)
    assert x.contiguous() is x
    (x.T.contiguous() * wb.arange(6.0).reshape(3, 2)).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.arange(6.0).reshape(3, 2).T)
    np.testing.assert_array_equal(wb.vmap(lambda row: row.contiguous() * row.size(0))(wb.ones(2, 3)).numpy(), np.full((2, 3), 3.0))


def test_detach_in_place() -> None:
    x = wb.ones(2, requires_grad=True)
    y = x * 2
    assert y.detach_() is y
    assert (y.requires_grad, y.is_leaf) == (False, True)
    with pytest.raises(errors.GraphError, match="view"):
        (x * 2)[:1].detach_()


def test_dtypes_by_pytorchs_names() -> None:
    import torch

    for name in ("float", "double", "half", "int", "long", "short", "bool", "cfloat", "cdouble"):
        assert str(getattr(wb, name)) == str(getattr(torch, name)).removeprefix("torch.")
    names = ("bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128")
    for a in names:
        for b in names:
            assert str(wb.promote_types(a, b)) == str(torch.promote_types(getattr(torch, a), getattr(torch, b))).removeprefix("torch."), (a, b)
            assert wb.can_cast(a, b) == torch.can_cast(getattr(torch, a), getattr(torch, b)), (a, b)
    assert (wb.finfo(wb.float16).max, wb.iinfo("int8").min) == (65504.0, -128)
    for wrong in (lambda: wb.finfo(wb.int64), lambda: wb.iinfo(wb.float32)):
        with pytest.raises(errors.DTypeError, match="use"):
            wrong()


def test_recording_is_switched_at_once_or_for_a_block() -> None:
    x = wb.ones(1, requires_grad=True)
    with wb.set_grad_enabled(False):
        assert not (x * 2).requires_grad
        with wb.set_grad_enabled(True):
            assert (x * 2).requires_grad
    assert (x * 2).requires_grad
    wb.set_grad_enabled(False)
    assert not (x * 2).requires_grad
    wb.set_grad_enabled(True)

    @wb.set_grad_enabled(False)
    def double() -> wb.Tensor:
        return x * 2

    assert wb.is_grad_enabled()
    assert not double().requires_grad


def test_print_options() -> None:
    x = wb.tensor([1 / 3, 1e-7])
    before = repr(x)
    try:
        wb.set_printoptions(precision=2, sci_mode=False)
        assert repr(x) == "tensor([0.33, 0.  ])"
        wb.set_printoptions(profile="short")
        assert repr(wb.arange(2000)) == "tensor([   0,    1, ..., 1998, 1999])"
        with pytest.raises(errors.ArgumentError, match="profile"):
            wb.set_printoptions(profile="long")
    finally:
        wb.set_printoptions(profile="default")
    assert repr(x) == before


def test_names_of_other_files_are_here() -> None:
    assert (wb.pi, wb.inf, wb.newaxis) == (np.pi, np.inf, None)
    assert wb.celu is wb.nn.functional.celu
    assert wb.is_tensor(wb.ones(1))
    assert wb.numel(wb.ones(2, 2)) == 4
    assert wb.get_num_threads() >= 1


def test_dtypes_by_name_are_the_attributes_of_that_name() -> None:
    for name in ("float", "double", "half", "int", "long", "short", "char", "byte", "bool", "cfloat", "cdouble"):
        assert wb.ones(1, dtype=name).dtype == getattr(wb, name) == getattr(wb.ones(1), name)().dtype


def test_tensors_that_cannot_be_joined_are_told_what_must_be_equal() -> None:
    with pytest.raises(errors.ShapeError, match=r"concat: shapes \(2, 3\) and \(3, 2\).*axis=0: all axes but"):
        wb.cat([wb.ones(2, 3), wb.ones(3, 2)])
