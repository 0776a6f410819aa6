"""Indexing: what is read, what is written (index_put and x[i] = v), and the derivatives of both, against NumPy."""
import itertools
import warnings

import numpy as np
import pytest

import workbench as wb
from workbench import errors
from workbench.testing import gradgradcheck

A = np.arange(24.0).reshape(2, 3, 4)
ROWS, COLUMNS = np.array([1, 0, 1]), np.array([2, 2, 0])
MASK = np.arange(12).reshape(3, 4) % 3 == 0
KEYS = {
    "integer": 1, "negative": -1, "slice": slice(0, 1), "step": (slice(None), slice(None, None, 2)), "ellipsis": (..., 0),
    "none": (None, 0, ..., None), "pair": (0, 1), "all": (0, 1, 2), "list": ([1, 0],), "array": (ROWS,), "two arrays": (ROWS, COLUMNS),
    "array apart": (ROWS, slice(None), COLUMNS), "array behind": (slice(None), COLUMNS), "mask": (A > 5,), "mask behind": (0, MASK),
    "array and integer": (ROWS, 1), "numpy integer": (np.int64(1),), "empty": (np.array([], int),), "reversed": (slice(None, None, -1),),
    "grid": (np.array([[0], [1]]), np.array([[1, 2]])),
}
KEY_ROWS = pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)


def tensors(key):
    """Arrays of an index as tensors."""
    parts = key if isinstance(key, tuple) else (key,)
    made = tuple(wb.tensor(p) if isinstance(p, np.ndarray) and p.ndim else p for p in parts)
    return made if isinstance(key, tuple) else made[0]


@KEY_ROWS
def test_reading(key):
    np.testing.assert_array_equal(wb.tensor(A)[tensors(key)].numpy(), A[key])
    np.testing.assert_array_equal(wb.tensor(A)[key].numpy(), A[key])


@KEY_ROWS
def test_reading_has_two_derivatives(key):
    if A[key].size:
        assert gradgradcheck(lambda x: wb.sin(x)[key], [wb.tensor(A)])


@KEY_ROWS
def test_index_put(key):
    value = np.random.default_rng(0).normal(size=A[key].shape)
    wanted = A.copy()
    wanted[key] = value
    np.testing.assert_array_equal(wb.index_put(wb.tensor(A), tensors(key), wb.tensor(value)).numpy(), wanted)
    wanted = A.copy()
    np.add.at(wanted, key, value)
    np.testing.assert_allclose(wb.index_put(wb.tensor(A), tensors(key), wb.tensor(value), accumulate=True).numpy(), wanted)


UNREPEATED = {name: key for name, key in KEYS.items() if name not in ("array", "two arrays", "array apart", "array behind", "array and integer")}


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("key", UNREPEATED.values(), ids=UNREPEATED)
def test_index_put_has_two_derivatives(key, accumulate):
    if A[key].size:
        value = wb.tensor(np.random.default_rng(0).normal(size=A[key].shape))
        assert gradgradcheck(lambda x, v: wb.index_put(x * x, key, wb.sin(v), accumulate=accumulate), [wb.tensor(A), value])


@KEY_ROWS
def test_assignment_is_recorded(key):
    x = wb.tensor(A, requires_grad=True)
    y = x * 1.0
    y[tensors(key)] = 7.0
    wanted = A.copy()
    wanted[key] = 7.0
    np.testing.assert_array_equal(y.detach().numpy(), wanted)
    y.sum().backward()
    kept = np.ones_like(A)
    kept[key] = 0.0
    np.testing.assert_array_equal(x.grad.numpy(), kept)


@pytest.mark.parametrize("key", [KEYS["integer"], KEYS["step"], KEYS["array"], KEYS["two arrays"], KEYS["array behind"]], ids=str)
def test_reading_and_writing_inside_vmap(key):
    def written(x, v):
        x = x * 1.0
        x[key] = v
        return x

    batch = np.stack([A, A + 1, A * 2])
    np.testing.assert_array_equal(wb.vmap(lambda x: x[key])(wb.tensor(batch)).numpy(), np.stack([a[key] for a in batch]))
    wanted = batch.copy()
    for row, number in zip(wanted, (1.0, 2.0, 3.0), strict=True):
        row[key] = number
    found = wb.vmap(written)(wb.tensor(batch), wb.tensor([1.0, 2.0, 3.0], dtype=wb.float64))
    np.testing.assert_array_equal(found.numpy(), wanted)


def test_batched_indices_inside_vmap():
    found = wb.vmap(lambda x, i: x[i], in_axes=(None, 0))(wb.tensor(A), wb.tensor([1, 0, 1]))
    np.testing.assert_array_equal(found.numpy(), A[[1, 0, 1]])
    found = wb.vmap(lambda x, i: x[:, i], in_axes=(None, 0))(wb.tensor(A), wb.tensor([[1, 0], [2, 2]]))
    np.testing.assert_array_equal(found.numpy(), np.stack([A[:, [1, 0]], A[:, [2, 2]]]))


BATCHES = {name: key for name, key in KEYS.items() if isinstance(key, tuple) and any(isinstance(part, (np.ndarray, list)) for part in key)}
BATCHES["array and integer behind"] = (slice(None), 1, ROWS)
BATCHES["arrays around an ellipsis"] = (ROWS, ..., COLUMNS)
BATCHES["array, axis and integer"] = (0, None, COLUMNS)
BATCHES["array behind an ellipsis"] = (..., COLUMNS)


def _mapped(key, x, value, *, accumulate=False):
    """Reading and writing with `key`, mapped over every choice of tensor, index tensors and value, with the wanted results."""
    slots = [i for i, part in enumerate(key) if isinstance(part, (np.ndarray, list)) and np.asarray(part).dtype.kind == "i"]
    draws = [(x + n, value * (n + 1), *(np.asarray(key[i]) * n // 2 for i in slots)) for n in range(3)]
    for flags in itertools.product([False, True], repeat=2 + len(slots)):
        if any(flags):
            rows = [[draw if flag else draws[2][i] for i, (draw, flag) in enumerate(zip(parts, flags, strict=True))] for parts in draws]
            inputs = [np.stack([row[i] for row in rows]) if flag else draws[2][i] for i, flag in enumerate(flags)]
            yield slots, [0 if flag else None for flag in flags], inputs, rows


def _with(key, slots, parts):
    parts = dict(zip(slots, parts, strict=True))
    return tuple(parts.get(i, part) for i, part in enumerate(key))


@pytest.mark.parametrize("key", BATCHES.values(), ids=BATCHES)
def test_index_tensors_inside_vmap_equal_a_loop_without_being_one(key):
    value = np.random.default_rng(0).normal(size=A[key].shape)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for slots, axes, inputs, rows in _mapped(key, A, value):
            inputs = [wb.tensor(part) for part in inputs]
            read = wb.vmap(lambda x, v, *parts, slots=slots: x[_with(key, slots, parts)] + v, in_axes=tuple(axes))(*inputs)
            np.testing.assert_array_equal(read.numpy(), np.stack([x[_with(key, slots, parts)] + v for x, v, *parts in rows]))
            added = wb.vmap(lambda x, v, *parts, slots=slots: wb.index_put(x, _with(key, slots, parts), v, accumulate=True), in_axes=tuple(axes))(*inputs)
            wanted = np.stack([row[0] for row in rows])
            for out, (_, v, *parts) in zip(wanted, rows, strict=True):
                np.add.at(out, _with(key, slots, parts), v)
            np.testing.assert_allclose(added.numpy(), wanted)


@pytest.mark.parametrize("key", BATCHES.values(), ids=BATCHES)
def test_gradients_of_index_tensors_inside_vmap_equal_a_loop_without_being_one(key):
    value = np.random.default_rng(0).normal(size=A[key].shape)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for slots, axes, inputs, rows in _mapped(key, A, value):
            pull = wb.grad(lambda x, v, *parts, slots=slots: (x[_with(key, slots, parts)] * v).sum())
            found = wb.vmap(pull, in_axes=tuple(axes))(*[wb.tensor(part) for part in inputs])
            wanted = np.zeros((3, *A.shape))
            for out, (_, v, *parts) in zip(wanted, rows, strict=True):
                np.add.at(out, _with(key, slots, parts), v)
            np.testing.assert_allclose(found.numpy(), wanted)


def test_written_values_broadcast_inside_vmap():
    x = wb.tensor(np.stack([A, A + 1]))
    found = wb.vmap(lambda x, v: wb.index_put(x, (slice(None), COLUMNS[:1]), v))(x, wb.tensor([1.0, 2.0], dtype="float64"))
    assert (found[0, :, 2] == 1).all()
    assert (found[1, :, 2] == 2).all()
    found = wb.vmap(lambda v: wb.index_put(wb.tensor(A), (ROWS, slice(None), COLUMNS), v))(wb.ones(2, 3, 1, dtype="float64"))
    assert (found[:, 1, :, 0] == 1).all()
    assert found.shape == (2, 2, 3, 4)


def test_masks_that_differ_between_examples_are_refused():
    with pytest.raises(errors.GraphError, match="where"):
        wb.vmap(lambda x, m: x[m])(wb.ones(2, 3), wb.ones(2, 3) > 0)


def test_repeated_places_add_their_gradients():
    x = wb.tensor([1.0, 2.0], requires_grad=True)
    x[[0, 0, 1]].sum().backward()
    assert x.grad.tolist() == [2.0, 1.0]


@pytest.mark.parametrize(("key", "error"), [(5, errors.AxisError), ((0, 0, 0, 0), errors.AxisError), (1.5, errors.DTypeError),
                                            ("a", errors.DTypeError), ([0, 9], errors.AxisError), (wb.tensor([0.5]), errors.DTypeError)])
def test_wrong_indices_are_errors(key, error):
    with pytest.raises(error):
        wb.tensor(A)[key]


def test_wrong_values_are_errors():
    with pytest.raises(errors.ShapeError):
        wb.index_put(wb.tensor(A), 0, wb.zeros(7))
    with pytest.raises(errors.ShapeError):
        wb.tensor(A)[0] = wb.zeros(7)
    with pytest.raises(errors.AxisError):
        wb.tensor(A)[9] = 1.0
    with pytest.raises(errors.AxisError):
        wb.gather(wb.tensor(A), 0, wb.full((1, 3, 4), 5))
    with pytest.raises(errors.ShapeError):
        wb.take_along_axis(wb.tensor(A), wb.tensor([0]), 0)
