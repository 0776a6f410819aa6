"""Wrong input is one error of ours that names the op, what it was given, and what to do; never a raw traceback of NumPy."""
import math

import numpy as np
import pytest

import workbench as wb
from workbench import errors

A, B, N = wb.ones(2, 3), wb.ones(4, 5), wb.arange(3)
REFUSED = {
    "add of shapes": (lambda: A + B, errors.ShapeError, r"add.*\(2, 3\) and \(4, 5\)"),
    "mul of shapes on the tape": (lambda: wb.ones(2, 3, requires_grad=True) * B, errors.ShapeError, "mul.*reshape"),
    "add to a list of another length": (lambda: A + [1.0, 2.0], errors.ShapeError, "add"),
    "matmul of shapes": (lambda: A @ B, errors.ShapeError, r"matmul.*\(2, 3\) and \(4, 5\).*\.mT"),
    "matmul of a number": (lambda: A @ wb.tensor(1.0), errors.ShapeError, "matmul"),
    "sum along a wrong axis": (lambda: A.sum(axis=2), errors.AxisError, r"sum.*\(2, 3\)"),
    "mean along a wrong axis": (lambda: A.mean(-3), errors.AxisError, "mean"),
    "mean of integers": (lambda: N.mean(), errors.DTypeError, r"mean.*int64.*float"),
    "amax of nothing": (lambda: wb.zeros(0).amax(), errors.ShapeError, "amax"),
    "argmax of nothing": (lambda: wb.zeros(0).argmax(), errors.ShapeError, "argmax"),
    "cumsum along a wrong axis": (lambda: A.cumsum(5), errors.AxisError, "cumsum"),
    "cumsum of a number along axis 1": (lambda: wb.tensor(1.0).cumsum(1), errors.AxisError, "cumsum"),
    "arange with step 0": (lambda: wb.arange(0, 3, 0), errors.ArgumentError, "arange.*step"),
    "arange in the other direction": (lambda: wb.arange(0, 3, -1), errors.ArgumentError, "arange.*step"),
    "arange to infinity": (lambda: wb.arange(0, math.inf), errors.ArgumentError, "finite"),
    "linspace of -1 steps": (lambda: wb.linspace(0, 1, -1), errors.ArgumentError, "steps"),
    "linspace of a fraction of a step": (lambda: wb.linspace(0, 1, 2.0), errors.DTypeError, "steps"),
    "linspace from a vector": (lambda: wb.linspace(A[0], 1, 2), errors.ShapeError, "start"),
    "eye of -1 rows": (lambda: wb.eye(-1), errors.ShapeError, "eye"),
    "diag of a cube": (lambda: wb.diag(wb.ones(1, 1, 1)), errors.ShapeError, "diagonal"),
    "trace of a cube": (lambda: wb.trace(wb.ones(2, 2, 2)), errors.ShapeError, "batch"),
    "masked_fill with a vector": (lambda: A.masked_fill(A > 0, wb.ones(1)), errors.ShapeError, "one number"),
    "masked_fill with a complex number": (lambda: A.masked_fill(A > 0, 1j), errors.DTypeError, "complex"),
    "isclose of other dtypes": (lambda: wb.isclose(N, 2.0), errors.DTypeError, "isclose"),
    "polar of numbers": (lambda: wb.polar(1.0, 2.0), errors.DTypeError, "polar"),
    "narrow from a truth value": (lambda: wb.narrow(A, 0, wb.tensor(True), 1), errors.DTypeError, "start"),
    "roll by nothing": (lambda: wb.roll(A, ()), errors.ArgumentError, "roll"),
    "hsplit by a text": (lambda: wb.hsplit(A, "abc"), errors.ArgumentError, "hsplit"),
    "multinomial of no samples": (lambda: wb.multinomial(A, 0), errors.ArgumentError, "num_samples"),
    "group norm of a vector": (lambda: wb.group_norm(wb.ones(1), 1), errors.ShapeError, "group_norm"),
    "rms norm of another shape": (lambda: wb.rms_norm(A, (2,)), errors.ShapeError, "normalized_shape"),
    "rrelu from high to low": (lambda: wb.nn.functional.rrelu(A, 0.3, 0.1), errors.ArgumentError, "lower"),
    "conv1d with a complex bias": (lambda: wb.conv1d(wb.ones(1, 1, 4), wb.ones(1, 1, 2), wb.tensor([1j])), errors.DTypeError, "bias"),
    "integers into booleans in place": (lambda: wb.ones(2, dtype="bool").add_(2), errors.DTypeError, "bool"),
    "integers to a negative power": (lambda: N ** wb.tensor([-1, 0, 1]), errors.DTypeError, "pow.*negative"),
    "integers divided by zero": (lambda: N // 0, errors.ArgumentError, "floor_divide.*zero"),
    "the remainder of integers divided by zero": (lambda: N % wb.tensor([1, 0, 2]), errors.ArgumentError, "remainder.*zero"),
    "integers divided by zero inside jit": (lambda: wb.jit(lambda n: n // 0 + 1)(N), errors.ArgumentError, "zero"),
    "fmod of integers by zero": (lambda: wb.fmod(N, 0), errors.ArgumentError, "fmod.*zero"),
    "max along an axis of a number that it has not": (lambda: wb.max(2, 3), errors.AxisError, "3"),
    "cat with None": (lambda: wb.cat([A, None]), errors.DTypeError, "NoneType"),
    "no chunks": (lambda: wb.chunk(A, 0), errors.ArgumentError, "chunks=0"),
    "bernoulli above 1": (lambda: wb.bernoulli(A * 2), errors.ArgumentError, "probabilities"),
    "a class below 0": (lambda: wb.one_hot(wb.tensor([-1])), errors.AxisError, "-1"),
    "numbers too large for the dtype": (lambda: wb.tensor([300, 1], dtype="uint8"), errors.DTypeError, "255"),
    "NaN as an integer": (lambda: wb.tensor([math.nan], dtype="int64"), errors.DTypeError, "int64"),
    "softmax along a wrong axis": (lambda: wb.softmax(A, axis=4), errors.AxisError, "softmax"),
    "logsumexp along a wrong axis": (lambda: wb.logsumexp(A, 4), errors.AxisError, ""),
    "reshape to another size": (lambda: A.reshape(4, 2), errors.ShapeError, r"reshape.*\(2, 3\).*\(4, 2\)"),
    "reshape with two holes": (lambda: A.reshape(-1, -1), errors.ShapeError, "reshape"),
    "reshape to fractions": (lambda: A.reshape(2.5, 2), errors.DTypeError, "reshape"),
    "permute with too few axes": (lambda: A.permute(0), errors.ArgumentError, "permute"),
    "permute naming an axis twice": (lambda: A.permute(0, 0), errors.AxisError, "twice"),
    "transpose of a wrong axis": (lambda: A.transpose(0, 2), errors.AxisError, "transpose"),
    "broadcast that does not fit": (lambda: A.broadcast_to(2, 4), errors.ShapeError, "broadcast_to"),
    "concat of shapes": (lambda: wb.concat([A, B]), errors.ShapeError, "concat"),
    "concat of nothing": (lambda: wb.concat([]), errors.ArgumentError, "concat"),
    "stack of shapes": (lambda: wb.stack([A, B]), errors.ShapeError, "stack"),
    "split into sizes that do not add up": (lambda: A.split([1, 3]), errors.ShapeError, "split"),
    "squeeze of a wrong axis": (lambda: A.squeeze(3), errors.AxisError, "squeeze"),
    "einsum with a missing operand": (lambda: wb.einsum("ij,jk->ik", A), errors.ArgumentError, "einsum"),
    "einsum of lengths": (lambda: wb.einsum("ij,jk->ik", A, B), errors.ShapeError, "'j'"),
    "einsum of ranks": (lambda: wb.einsum("ijk->i", A), errors.ShapeError, "'ijk'"),
    "bitwise and of floats": (lambda: wb.ops.bitwise_and(A, A), errors.DTypeError, "bitwise_and.*float32"),
    "neg of booleans": (lambda: -wb.tensor([True]), errors.DTypeError, "neg"),
    "gcd of floats": (lambda: wb.gcd(A, A), errors.DTypeError, "gcd"),
    "topk of too many": (lambda: A.topk(4), errors.ShapeError, "topk"),
    "gather out of range": (lambda: wb.gather(A, 1, wb.tensor([[7]])), errors.AxisError, "7"),
    "where of shapes": (lambda: wb.where(A > 0, A, B), errors.ShapeError, "where"),
    "embedding out of range": (lambda: wb.embedding(wb.tensor([9]), A), errors.AxisError, "9"),
    "embedding of floats": (lambda: wb.embedding(A, A), errors.DTypeError, "embedding"),
    "cross entropy of classes that are not there": (lambda: wb.cross_entropy(A, wb.tensor([0, 5])), errors.AxisError, "5"),
    "cross entropy of float classes": (lambda: wb.cross_entropy(A, wb.tensor([0.0, 1.0])), errors.DTypeError, "int64"),
    "cross entropy of lengths": (lambda: wb.cross_entropy(A, wb.tensor([0])), errors.ShapeError, r"\(2,\)"),
    "cross entropy with a wrong reduction": (lambda: wb.cross_entropy(A, wb.tensor([0, 1]), reduction="avg"), errors.ArgumentError, "reduction"),
    "layer norm of a wrong shape": (lambda: wb.layer_norm(A, 4), errors.ShapeError, "normalized_shape"),
    "batch norm of one value": (lambda: wb.batch_norm(wb.ones(1, 3), None, None, training=True), errors.ShapeError, "variance"),
    "conv2d of channels": (lambda: wb.conv2d(wb.ones(1, 3, 4, 4), wb.ones(2, 1, 3, 3)), errors.ShapeError, "3 channels"),
    "conv2d with a large kernel": (lambda: wb.conv2d(wb.ones(1, 1, 2, 2), wb.ones(1, 1, 3, 3)), errors.ShapeError, "kernel"),
    "conv2d of ranks": (lambda: wb.conv2d(A, A), errors.ShapeError, "N, C, H, W"),
    "max_pool2d with a large kernel": (lambda: wb.max_pool2d(wb.ones(1, 1, 2, 2), 3), errors.ShapeError, "kernel"),
    "attention of widths": (lambda: wb.scaled_dot_product_attention(wb.ones(1, 2, 3), wb.ones(1, 2, 4), wb.ones(1, 2, 4)), errors.ShapeError, "last axis"),
    "one_hot of a class too large": (lambda: wb.one_hot(wb.tensor([5]), 3), errors.AxisError, "5"),
    "a number too large for the dtype": (lambda: wb.ones(2, dtype="uint8") + 300, errors.DTypeError, "300"),
    "a text": (lambda: wb.sin("a"), errors.DTypeError, "sin"),
    "diagonal of a vector": (lambda: wb.diagonal(wb.ones(3)), errors.AxisError, "diagonal"),
    "trace of a vector": (lambda: wb.trace(wb.ones(3)), errors.ShapeError, ""),
    "tril of a vector": (lambda: wb.tril(wb.ones(3)), errors.ShapeError, "tril"),
}


@pytest.mark.parametrize(("call", "error", "says"), REFUSED.values(), ids=REFUSED)
def test_wrong_input(call, error, says):
    with pytest.raises(error, match=f"(?s){says}") as caught:
        call()
    assert caught.value.__cause__ is None
    assert len(str(caught.value)) < 400


WRONG = [lambda a: a + wb.ones(7), lambda a: a.sum(axis=9), lambda a: a.reshape(100), lambda a: a @ wb.ones(9, 9)]
WRAPS = {"grad": lambda f: wb.grad(lambda a: f(a).sum()), "vmap": wb.vmap, "jvp": lambda f: lambda a: wb.jvp(f, [a], [a])}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
def test_wrong_input_inside_transformations(wrong, wrap):
    with pytest.raises(errors.WorkbenchError):
        wrap(wrong)(wb.ones(2, 3))


def test_our_errors_are_also_those_of_python():
    for ours, python in ((errors.ShapeError, ValueError), (errors.AxisError, IndexError), (errors.DTypeError, TypeError), (errors.GraphError, RuntimeError)):
        assert issubclass(ours, python)
        assert issubclass(ours, errors.WorkbenchError)


def test_nothing_changed_after_an_error():
    x = wb.ones(2, requires_grad=True)
    with pytest.raises(errors.ShapeError):
        x * wb.ones(3)
    x.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.ones(2))


@pytest.mark.parametrize("shape", [(2, 1.5), ("x",), (None,), ((2, [3]),), (2.0,)], ids=str)
def test_a_shape_is_made_of_integers(shape):
    for make in (wb.zeros, wb.empty, wb.randn):
        with pytest.raises(wb.errors.DTypeError, match="a shape is made of integers"):
            make(*shape)
    with pytest.raises(wb.errors.ShapeError, match="at least 0"):
        wb.ones(2, -1)
