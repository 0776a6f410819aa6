"""Writing at indices, joining, cutting and reshaping: what rows of the table cannot say, and wrong use, against PyTorch."""
import itertools
import warnings

import numpy as np
import pytest

import workbench as wb
from workbench import errors
from workbench.testing import gradgradcheck

torch = pytest.importorskip("torch", reason="the oracle needs torch")
pytestmark = pytest.mark.oracle

X = np.arange(24.0).reshape(2, 3, 4) - 7
INDEX = np.array([[0, 2, 1, 1], [2, 2, 0, 1]])
CALLS = {
    "scatter of a tensor": "x[0].scatter(0, i, x[1])", "scatter of a number": "x[0].scatter(1, i[:, :2], 9.0)", "scatter_add": "x[0].scatter_add(0, i, x[1])",
    "scatter that adds": "x[0].scatter(0, i, x[1], reduce='add')", "scatter that multiplies": "x[0].scatter(0, i, x[1], reduce='multiply')",
    "scatter with a narrow index": "x[0].scatter_add(0, i[:, :2], x[1])", "scatter_reduce with a narrow index": "x[0].scatter_reduce(0, i[:, :2], x[1], 'amax')",
    "scatter_reduce of integers": "x[0].long().scatter_reduce(0, i, x[1].long(), 'mean', include_self=False)",
    "scatter_reduce of integers to the smallest": "x[0].long().scatter_reduce(0, i, x[1].long(), 'amin', include_self=False)",
    "gather with a narrow index": "x[0].gather(0, i[:, :2])", "index_copy": "x.index_copy(1, i[1, 1:3], x[:, :2])",
    "index_copy of dim -1": "x.index_copy(-1, i[0, :2], x[..., :2])",
    "index_add of one index": "x.index_add(1, i[0, 0], x[:, :1])", "index_fill by a tensor": "x.index_fill(2, i[0], x[0, 0, 0])",
    "put": "x.put(i, x[0, :2])", "put that adds, from the end": "x.put(i - 3, x[0, :2], True)", "take": "x.take(i)",
    "masked_scatter": "x.masked_scatter(x > 0, -x.reshape(-1))", "masked_scatter that broadcasts": "x.masked_scatter(x[0, 0] > -6, -x)",
    "masked_select": "x.masked_select(x[:, :, :1] > -4)", "masked_select of nothing": "x.masked_select(x > 99)",
    "slice_scatter to the end": "x.slice_scatter(x[:, :, :2], 2, -2)", "select_scatter": "x.select_scatter(x[0], 0, -1)",
    "diagonal_scatter": "x.diagonal_scatter(x[:, :, 0], 1, 1, 2)", "diagonal_scatter of outer axes": "x.diagonal_scatter(x[0, :, :2], -0, 2, 0)",
    "diagonal_scatter of axes apart": "x.diagonal_scatter(x[0, :, :2], 0, 0, 2)", "unfold": "x.unfold(2, 2, 1)", "unfold of no axis": "x[0, 0, 0].unfold(0, 1, 2)",
    "repeat": "x.repeat(2, 1, 1, 2)", "tile": "x.tile(2)", "repeat_interleave by counts": "x.repeat_interleave(i[0, :3], 1)",
    "tensor_split at odd places": "x.tensor_split((1, 0, 9), 1)", "tensor_split into many": "x.tensor_split(5, 1)", "unbind": "x.unbind(1)",
    "rot90 backwards": "x.rot90(-1, (0, 2))", "unflatten": "x.unflatten(-1, (2, -1))", "movedim of several": "x.movedim((0, 2), (2, 0))",
    "narrow from the end": "x.narrow(2, -3, 2)", "select from the end": "x.select(1, -2)", "t": "x[0].t()",
    "index_put by a tuple": "x.index_put((i[:, :2] % 2,), x[0], True)",
    "nonzero": "(x > 3).nonzero()", "take_along_dim that broadcasts": "x.take_along_dim(i[:, :1, None] % 2, 0)",
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_as_pytorch(call):
    found = eval(call, {"x": wb.tensor(X), "i": wb.tensor(INDEX)})
    wanted = eval(call, {"x": torch.tensor(X), "i": torch.tensor(INDEX)})
    for f, w in zip(*(r if isinstance(r, tuple) else (r,) for r in (found, wanted)), strict=True):
        assert str(f.dtype) == str(w.dtype).removeprefix("torch.")
        np.testing.assert_array_equal(f.numpy(), w.numpy())


WRITES = {
    "scatter": lambda x, s, i: wb.scatter(x, 0, i, s), "scatter_add": lambda x, s, i: wb.scatter_add(x, 0, i, s), "put": lambda x, s, i: wb.put(x, i, s, True),
    "scatter prod": lambda x, s, i: wb.scatter_reduce(x, 0, i, s, "prod"), "scatter amax": lambda x, s, i: wb.scatter_reduce(x, 0, i, s, "amax"),
    "scatter mean": lambda x, s, i: wb.scatter_reduce(x, 0, i, s, "mean", include_self=False),
    "index_copy": lambda x, s, i: wb.index_copy(x, 0, i[:, 0], s), "index_add": lambda x, s, i: wb.index_add(x, 0, i[:, 0], s),
    "index_reduce": lambda x, s, i: wb.index_reduce(x, 0, i[:, 0], s, "amin"), "index_fill": lambda x, s, i: wb.index_fill(x, 0, i[:, 0], s[0, 0]),
    "masked_scatter": lambda x, s, i: wb.masked_scatter(x, i[1] > 1, wb.concat([s, s])),
    "gather": lambda x, s, i: wb.gather(x, 0, i) * s, "take": lambda x, s, i: wb.take(x, i) * s, "take_along_dim": lambda x, s, i: wb.take_along_dim(x, i, 0) * s,
}
UNIQUE = np.array([[0, 2, 1, 1], [1, 0, 2, 0]])


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_two_derivatives(write):
    assert gradgradcheck(lambda x, s: write(wb.sin(x), s * s, wb.tensor(UNIQUE)), [wb.tensor(X[0]), wb.tensor(X[1, :2] / 3)])


@pytest.mark.parametrize("flags", [f for f in itertools.product([0, None], repeat=3) if 0 in f], ids=str)
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_vmap_equals_a_loop_without_being_one(write, flags):
    draws = [(X[0] + n, X[1, :2] * (n + 1), (UNIQUE + n) % 3) for n in range(3)]
    rows = [[draw if flag == 0 else draws[1][k] for k, (draw, flag) in enumerate(zip(parts, flags, strict=True))] for parts in draws]
    inputs = [wb.tensor(np.stack([row[k] for row in rows]) if flag == 0 else draws[1][k]) for k, flag in enumerate(flags)]
    loss = lambda x, s, i: (write(x, s, i) ** 2).sum()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = wb.vmap(write, in_axes=flags)(*inputs)
        pulled = wb.vmap(wb.grad(loss, argnums=(0, 1)), in_axes=flags)(*inputs)
    wanted = [write(*map(wb.tensor, row)) for row in rows]
    np.testing.assert_allclose(found.numpy(), np.stack([w.numpy() for w in wanted]))
    each = [wb.grad(loss, argnums=(0, 1))(*map(wb.tensor, row)) for row in rows]
    for k in (0, 1):
        np.testing.assert_allclose(pulled[k].numpy(), np.stack([e[k].numpy() for e in each]))


@pytest.mark.parametrize("argument", [0, 1])
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_gradients_of_one_input_alone_inside_vmap(write, argument):
    x, s, i = wb.tensor(np.stack([X[0], X[1]])), wb.tensor(np.stack([X[1, :2], X[0, :2]])), wb.tensor(UNIQUE)
    loss = lambda x, s: (write(x, s, i) ** 2).sum()
    alone = wb.vmap(wb.grad(loss, argnums=argument))(x, s)
    np.testing.assert_array_equal(alone.numpy(), wb.vmap(wb.grad(loss, argnums=(0, 1)))(x, s)[argument].numpy())


@pytest.mark.parametrize("wrap", [wb.jit, wb.vmap])
def test_a_number_can_be_written_where_a_mask_holds_inside_transformations(wrap):
    def clipped(x):
        x = x * 1.0
        x[x > 2] = 0.0
        return x

    np.testing.assert_array_equal(wrap(clipped)(wb.tensor(X)).numpy(), np.where(X > 2, 0, X))


def test_circular_padding_is_no_loop_inside_vmap():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pulled = wb.vmap(wb.grad(lambda x: (wb.nn.functional.pad(x, (1, 1), mode="circular") ** 2).sum()))(wb.tensor(X[:, None]))
    assert pulled.shape == (2, 1, 3, 4)


def test_gradients_of_products_know_zeros():
    x, s, i = np.array([0.0, 2.0]), np.array([0.0, 3.0, 0.0, 0.0]), np.array([0, 1, 1, 0])
    a, b = torch.tensor(x, requires_grad=True), torch.tensor(s, requires_grad=True)
    wanted = torch.autograd.grad(a.scatter_reduce(0, torch.tensor(i), b, "prod").sum(), (a, b))
    found = wb.grad(lambda x, s: wb.scatter_reduce(x, 0, wb.tensor(i), s, "prod").sum(), argnums=(0, 1))(wb.tensor(x), wb.tensor(s))
    for f, w in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(f.numpy(), w.numpy())


IN_PLACE = {
    "scatter_": "x.scatter_(0, i, y)", "scatter_add_": "x.scatter_add_(0, i, y)", "scatter_reduce_": "x.scatter_reduce_(0, i, y, 'prod')",
    "index_add_": "x.index_add_(0, i[0, :2], y)", "index_copy_": "x.index_copy_(0, i[0, :2], y)", "index_fill_": "x.index_fill_(1, i[0], 5.0)",
    "masked_scatter_": "x.masked_scatter_(i[:1] > 1, y)", "put_": "x.put_(i[:, :2], y[:, :2])", "index_put_": "x.index_put_((i[0, :2],), y)",
}


@pytest.mark.parametrize("call", IN_PLACE.values(), ids=IN_PLACE)
def test_in_place(call):
    found, gradients = [], []
    for lib in (wb, torch):
        leaf, y = lib.tensor(X[0], requires_grad=True), lib.tensor(X[1, :2], requires_grad=True)
        x = leaf * 2
        eval(call, {"x": x, "y": y, "i": lib.tensor(UNIQUE)})
        (x * x).sum().backward()
        found.append(x.detach().numpy())
        gradients.append([None if g is None else g.numpy() for g in (leaf.grad, y.grad)])
    np.testing.assert_array_equal(*found)
    for ours, theirs in zip(*gradients, strict=True):
        np.testing.assert_allclose(np.zeros(1) if ours is None else ours, np.zeros(1) if theirs is None else theirs)


@pytest.mark.parametrize("shape", [(7, 64), (300, 8, 2), (1, 16)], ids=str)
def test_many_rows_add_up_as_few_do(shape):
    rng = np.random.default_rng(0)
    rows, values = rng.integers(-shape[0], shape[0], (40, 20)), rng.normal(size=(40, 20, *shape[1:]))
    wanted = np.ones(shape)
    np.add.at(wanted, (rows,), values)
    found = wb.index_put(wb.ones(shape, dtype="float64"), wb.tensor(rows), wb.tensor(values), accumulate=True)
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-12)
    for wrong in (rows + shape[0] + 1, rows - shape[0] - 1):
        with pytest.raises(errors.AxisError, match="out of bounds"):
            wb.index_put(wb.ones(shape, dtype="float64"), wb.tensor(wrong), wb.tensor(values), accumulate=True)


def test_triangles_leave_out_infinity_and_keep_booleans():
    x = np.array([[1.0, np.inf], [np.nan, 2.0]])
    np.testing.assert_array_equal(wb.tril(wb.tensor(x)).numpy(), [[1.0, 0.0], [np.nan, 2.0]])
    np.testing.assert_array_equal(wb.triu(wb.tensor(x)).numpy(), [[1.0, np.inf], [0.0, 2.0]])
    assert wb.triu(wb.tensor(x) > 1).tolist() == [[False, True], [False, True]]


def test_broadcast_shapes():
    assert wb.broadcast_shapes((2, 1), 3, (1, 1, 1)) == (1, 2, 3)


def test_the_last_of_repeated_indices_is_written():
    assert wb.index_copy(wb.zeros(2), 0, wb.tensor([1, 1]), wb.tensor([3.0, 4.0])).tolist() == [0.0, 4.0]


A, V, N, I2 = wb.ones(2, 3), wb.ones(3), wb.tensor(1.0), wb.tensor([[0, 1, 0]])
LONG, HALF = wb.tensor([0, 1]), wb.ones(2, 3, dtype="float64")
REFUSED = {
    "gather with another number of axes": (lambda: wb.gather(A, 0, LONG), errors.ShapeError, r"\(2, 3\).*\(2,\)"),
    "gather of a larger index": (lambda: wb.gather(A, 0, wb.zeros((1, 4), dtype="int64")), errors.ShapeError, r"\(1, 4\).*larger"),
    "gather by floats": (lambda: wb.gather(A, 0, A), errors.DTypeError, "integers"),
    "gather along a wrong axis": (lambda: wb.gather(A, 2, I2), errors.AxisError, "gather"),
    "gather out of range": (lambda: wb.gather(A, 0, I2 + 5), errors.AxisError, "6"),
    "scatter by floats": (lambda: wb.scatter(A, 0, A, A), errors.DTypeError, "integers"),
    "scatter of another dtype": (lambda: wb.scatter(A, 0, I2, HALF), errors.DTypeError, "float64.*float32"),
    "scatter with another number of axes": (lambda: wb.scatter(A, 0, LONG, A), errors.ShapeError, "as many axes"),
    "scatter of too little": (lambda: wb.scatter(A, 0, I2, wb.ones(1, 2)), errors.ShapeError, r"\(1, 2\)"),
    "scatter out of range": (lambda: wb.scatter(A, 0, I2 + 5, A), errors.AxisError, "6"),
    "scatter of nothing": (lambda: wb.scatter(A, 0, I2), errors.ArgumentError, "src"),
    "scatter with an unknown reduction": (lambda: wb.scatter(A, 0, I2, A, reduce="mean"), errors.ArgumentError, "mean.*scatter_reduce"),
    "scatter_add out of range": (lambda: wb.scatter_add(A, 0, I2 + 5, A), errors.AxisError, ""),
    "scatter_reduce with an unknown reduction": (lambda: wb.scatter_reduce(A, 0, I2, A, "max"), errors.ArgumentError, "amax"),
    "scatter_reduce out of range": (lambda: wb.scatter_reduce(A, 0, I2 + 5, A, "amax"), errors.AxisError, "6"),
    "take_along_dim with another number of axes": (lambda: wb.take_along_dim(A, LONG, 0), errors.ShapeError, "axes"),
    "take_along_dim by floats": (lambda: wb.take_along_dim(A, A, 0), errors.DTypeError, "integers"),
    "take_along_dim of shapes": (lambda: wb.take_along_dim(A, wb.zeros((1, 2), dtype="int64"), 0), errors.ShapeError, "equal or 1"),
    "take out of range": (lambda: wb.take(A, wb.tensor([6])), errors.AxisError, "6"),
    "take by floats": (lambda: wb.take(A, V), errors.DTypeError, "integers"),
    "index_select by a matrix of floats": (lambda: wb.index_select(A, 0, A), errors.DTypeError, "integers"),
    "index_select out of range": (lambda: wb.index_select(A, 0, wb.tensor([2])), errors.AxisError, "2"),
    "index_add by a matrix": (lambda: wb.index_add(A, 0, I2, A), errors.ShapeError, "one axis"),
    "index_add of too little": (lambda: wb.index_add(A, 0, LONG, wb.ones(1, 3)), errors.ShapeError, r"\(1, 3\).*\(2, 3\)"),
    "index_add of another dtype": (lambda: wb.index_add(A, 0, LONG, HALF), errors.DTypeError, "float64"),
    "index_add by floats": (lambda: wb.index_add(A, 0, wb.ones(2), A), errors.DTypeError, "integers"),
    "index_add out of range": (lambda: wb.index_add(A, 0, LONG + 1, A), errors.AxisError, ""),
    "index_copy along a wrong axis": (lambda: wb.index_copy(A, 2, LONG, A), errors.AxisError, "index_copy"),
    "index_fill with several numbers": (lambda: wb.index_fill(A, 0, LONG, V), errors.ShapeError, "one number"),
    "index_reduce with an unknown reduction": (lambda: wb.index_reduce(A, 0, LONG, A, "sum"), errors.ArgumentError, "index_add"),
    "put of another size": (lambda: wb.put(A, LONG, V), errors.ShapeError, "3 numbers for 2"),
    "put of another dtype": (lambda: wb.put(A, LONG, HALF[0, :2]), errors.DTypeError, "float64"),
    "put by floats": (lambda: wb.put(A, V, V), errors.DTypeError, "integers"),
    "put out of range": (lambda: wb.put(A, LONG + 6, V[:2]), errors.AxisError, ""),
    "masked_scatter by floats": (lambda: wb.masked_scatter(A, A, A), errors.DTypeError, "booleans"),
    "masked_scatter of too little": (lambda: wb.masked_scatter(A, A > 0, V), errors.ShapeError, "3 numbers.*6 places"),
    "masked_scatter of another dtype": (lambda: wb.masked_scatter(A, A > 0, HALF), errors.DTypeError, "float64"),
    "masked_scatter of shapes": (lambda: wb.masked_scatter(A, wb.ones(4) > 0, A), errors.ShapeError, ""),
    "masked_select by floats": (lambda: wb.masked_select(A, A), errors.DTypeError, "booleans"),
    "masked_select of shapes": (lambda: wb.masked_select(A, wb.ones(4) > 0), errors.ShapeError, ""),
    "slice_scatter of another shape": (lambda: wb.slice_scatter(A, A, 0, 1), errors.ShapeError, r"\(2, 3\).*\(1, 3\)"),
    "slice_scatter backwards": (lambda: wb.slice_scatter(A, A, 0, step=-1), errors.ArgumentError, "step"),
    "select_scatter out of range": (lambda: wb.select_scatter(A, V, 0, 2), errors.AxisError, "2"),
    "select_scatter of another shape": (lambda: wb.select_scatter(A, A, 0, 1), errors.ShapeError, ""),
    "diagonal_scatter of another shape": (lambda: wb.diagonal_scatter(A, V), errors.ShapeError, r"\(3,\).*\(2,\)"),
    "diagonal_scatter of one axis": (lambda: wb.diagonal_scatter(A, V, 0, 1, 1), errors.AxisError, "twice"),
    "select out of range": (lambda: wb.select(A, 0, 2), errors.AxisError, "2.*length 2"),
    "narrow of a number": (lambda: wb.narrow(N, 0, 0, 1), errors.ShapeError, "narrow"),
    "narrow past the end": (lambda: wb.narrow(A, 1, 2, 2), errors.ShapeError, "length 3"),
    "narrow of a negative length": (lambda: wb.narrow(A, 1, 0, -1), errors.ShapeError, "-1"),
    "narrow from before the start": (lambda: wb.narrow(A, 1, -4, 1), errors.ShapeError, "-4"),
    "unfold of too much": (lambda: A.unfold(1, 4, 1), errors.ShapeError, "length 4"),
    "unfold without steps": (lambda: A.unfold(1, 1, 0), errors.ArgumentError, "step"),
    "unflatten to another size": (lambda: wb.unflatten(A, 1, (2, 2)), errors.ShapeError, r"\(2, 2\).*3"),
    "unflatten to nothing": (lambda: wb.unflatten(A, 1, ()), errors.ArgumentError, "empty"),
    "rot90 of one axis": (lambda: wb.rot90(A, 1, (0,)), errors.ArgumentError, "two axes"),
    "rot90 of the same axis": (lambda: wb.rot90(A, 1, (0, -2)), errors.AxisError, "twice"),
    "fliplr of a vector": (lambda: wb.fliplr(V), errors.ShapeError, "two axes"),
    "flipud of a number": (lambda: wb.flipud(N), errors.ShapeError, "one"),
    "t of three axes": (lambda: wb.t(wb.ones(1, 1, 1)), errors.ShapeError, "mT"),
    "repeat with too few numbers": (lambda: A.repeat(2), errors.ShapeError, "tile"),
    "repeat of a negative number": (lambda: A.repeat(-1, 1), errors.ShapeError, "-1"),
    "repeat_interleave with floats": (lambda: wb.repeat_interleave(V, V), errors.DTypeError, "integers"),
    "repeat_interleave of another length": (lambda: wb.repeat_interleave(V, LONG), errors.ShapeError, r"\(2,\).*3"),
    "repeat_interleave of negative numbers": (lambda: wb.repeat_interleave(V, LONG.repeat(2)[:3] - 1), errors.ArgumentError, "-1"),
    "repeat_interleave to another length": (lambda: wb.repeat_interleave(V, 2, output_size=5), errors.ShapeError, "5.*6"),
    "tensor_split of a number": (lambda: wb.tensor_split(N, 1), errors.ShapeError, "tensor_split"),
    "tensor_split into nothing": (lambda: wb.tensor_split(V, 0), errors.ArgumentError, "0 parts"),
    "tensor_split at floats": (lambda: wb.tensor_split(V, V), errors.DTypeError, "integers"),
    "hsplit of a number": (lambda: wb.hsplit(N, 1), errors.ShapeError, "at least 1"),
    "hsplit into unequal parts": (lambda: wb.hsplit(A, 2), errors.ShapeError, "tensor_split"),
    "vsplit of a vector": (lambda: wb.vsplit(V, 1), errors.ShapeError, "at least 2"),
    "dsplit of a matrix": (lambda: wb.dsplit(A, 1), errors.ShapeError, "at least 3"),
    "hstack of nothing": (lambda: wb.hstack([]), errors.ArgumentError, "hstack"),
    "vstack of shapes": (lambda: wb.vstack([A, LONG]), errors.ShapeError, "concat"),
    "meshgrid of matrices": (lambda: wb.meshgrid(A, V), errors.ShapeError, "one axis"),
    "meshgrid of dtypes": (lambda: wb.meshgrid(V, LONG), errors.DTypeError, "float32.*int64"),
    "meshgrid with another word": (lambda: wb.meshgrid(V, V, indexing="yx"), errors.ArgumentError, "'ij' or 'xy'"),
    "meshgrid of nothing": (lambda: wb.meshgrid(), errors.ArgumentError, "meshgrid"),
    "cartesian_prod of matrices": (lambda: wb.cartesian_prod(A, V), errors.ShapeError, "one axis"),
    "combinations of a matrix": (lambda: wb.combinations(A), errors.ShapeError, "one axis"),
    "combinations of a negative number": (lambda: wb.combinations(V, -1), errors.ArgumentError, "-1"),
    "broadcast_shapes that do not fit": (lambda: wb.broadcast_shapes((2,), (3,)), errors.ShapeError, "fit"),
    "broadcast_tensors that do not fit": (lambda: wb.broadcast_tensors(A, wb.ones(2)), errors.ShapeError, "fit"),
    "triu_indices of negative rows": (lambda: wb.triu_indices(-1, 2), errors.ShapeError, "-1"),
    "movedim of other numbers": (lambda: wb.movedim(A, (0, 1), (0,)), errors.ArgumentError, "2 axes"),
}


@pytest.mark.parametrize(("call", "error", "says"), REFUSED.values(), ids=REFUSED)
def test_wrong_use(call, error, says):
    with pytest.raises(error, match=f"(?s){says}") as caught:
        call()
    assert caught.value.__cause__ is None
    assert len(str(caught.value)) < 400
