"""Code written against the standard differentiates: every function of real numbers against finite differences."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
import workbench.array_api as xp

X = np.array([[0.3, 0.7, 0.45], [0.6, 0.2, 0.85]])
SQUARE = np.array([[2.0, 0.3, 0.1], [0.2, 1.5, 0.4], [0.1, 0.25, 1.8]])
Y = xp.asarray(X[::-1] + 0.05)



def definite(name):
    """A function of linear algebra on a positive definite matrix."""
    return lambda x: getattr(xp.linalg, name)(x @ x.T + xp.asarray(np.eye(2)))


def with_other(name):
    """A function of two arrays, of which the second is constant."""
    return lambda x: getattr(xp, name)(x, Y)


SMOOTH = (
    "acos asin asinh atan atanh cos cosh exp expm1 log log1p log2 log10 negative positive reciprocal sin sinh sqrt square tan tanh "
    "abs conj real sum prod mean var std max min sort flip matrix_transpose unstack triu tril diff unique_values"
).split()
CALLS = {name: getattr(xp, name) for name in SMOOTH} | {
    "acosh": lambda x: xp.acosh(x + 1.5), "clip": lambda x: xp.clip(x, 0.25, 0.65), "astype": lambda x: xp.astype(x, xp.float64),
    "asarray": lambda x: xp.asarray(x, copy=True), "cumulative_sum": lambda x: xp.cumulative_sum(x, axis=1, include_initial=True),
    "cumulative_prod": lambda x: xp.cumulative_prod(x, axis=0), "var-correction": lambda x: xp.var(x, axis=1, correction=1),
    "sum-dtype": lambda x: xp.sum(x, axis=0, dtype=xp.float64, keepdims=True), "concat": lambda x: xp.concat([x, Y], axis=None),
    "stack": lambda x: xp.stack([x, Y], axis=1), "expand_dims": lambda x: xp.expand_dims(x, axis=1),
    "squeeze": lambda x: xp.squeeze(x[:1, :], 0), "moveaxis": lambda x: xp.moveaxis(x, 0, 1),
    "permute_dims": lambda x: xp.permute_dims(x, (1, 0)), "reshape": lambda x: xp.reshape(x, (-1, 2)), "roll": lambda x: xp.roll(x, 2, axis=1),
    "repeat": lambda x: xp.repeat(x, xp.asarray([1, 0, 2]), axis=1), "tile": lambda x: xp.tile(x, (2, 1)),
    "broadcast_to": lambda x: xp.broadcast_to(x, (2, 2, 3)), "take": lambda x: xp.take(x, xp.asarray([2, 2, 0]), axis=1),
    "take_along_axis": lambda x: xp.take_along_axis(x, xp.asarray([[1], [2]])), "where": lambda x: xp.where(x > 0.4, x, 2.0),
    "meshgrid": lambda x: xp.meshgrid(x[0, :], x[1, :])[0], "matmul": lambda x: xp.matmul(x, SQUARE_T), "vecdot": lambda x: xp.vecdot(x, Y),
    "tensordot": lambda x: xp.tensordot(x, Y, axes=2), "norm": xp.linalg.vector_norm,
    "matrix_norm": lambda x: xp.linalg.matrix_norm(x, ord="nuc"), "outer": lambda x: xp.linalg.outer(x[0, :], x[1, :]),
    "cross": lambda x: xp.linalg.cross(x, Y), "diagonal": xp.linalg.diagonal, "trace": xp.linalg.trace, "pinv": xp.linalg.pinv,
    "svdvals": xp.linalg.svdvals, "rfft": lambda x: xp.abs(xp.fft.rfft(x)), "fftshift": xp.fft.fftshift,
    **{name: definite(name)
      for name in ("inv", "det", "cholesky", "eigvalsh")},
    **{name: with_other(name)
      for name in ("add", "subtract", "multiply", "divide", "pow", "atan2", "hypot", "logaddexp", "maximum", "minimum", "remainder", "copysign")},
    "solve": lambda x: xp.linalg.solve(xp.asarray(SQUARE), x.T), "slogdet": lambda x: xp.linalg.slogdet(x @ x.T)[1],
    "matrix_power": lambda x: xp.linalg.matrix_power(x @ x.T, 3),
}
SQUARE_T = xp.asarray(SQUARE)


def loss(call, x):
    found = call(x)
    parts = found if isinstance(found, tuple | list) else (found,)
    return sum(xp.sum(xp.multiply(part, xp.reshape(xp.sin(xp.arange(part.size, dtype=xp.float64) + 1.0), tuple(part.shape)))) for part in parts)


@pytest.mark.parametrize("name", CALLS)
def test_gradient(name):
    call = CALLS[name]
    gradient = wb.grad(lambda x: loss(call, x))(xp.asarray(X)).numpy()
    step = 1e-6
    wanted = np.zeros_like(X)
    for place in np.ndindex(X.shape):
        shift = np.zeros_like(X)
        shift[place] = step
        wanted[place] = (loss(call, xp.asarray(X + shift)).item() - loss(call, xp.asarray(X - shift)).item()) / (2 * step)
    np.testing.assert_allclose(gradient, wanted, rtol=1e-5, atol=1e-7)


def softmax(x):
    """Code as a library writes it: it asks the array for its namespace."""
    ns = x.__array_namespace__(api_version="2024.12")
    shifted = ns.exp(x - ns.max(x, axis=-1, keepdims=True))
    return shifted / ns.sum(shifted, axis=-1, keepdims=True)


@pytest.mark.parametrize("transform", [
    lambda f: f, wb.jit, wb.vmap, lambda f: wb.jit(wb.vmap(f)), wb.jacrev, wb.jacfwd, lambda f: wb.jit(wb.jacrev(f)),
], ids=["eager", "jit", "vmap", "jit-vmap", "jacrev", "jacfwd", "jit-jacrev"])
def test_code_of_the_standard_inside_transformations(transform):
    x = xp.asarray(X)
    np.testing.assert_allclose(transform(softmax)(x).numpy(), transform(lambda x: wb.softmax(x, -1))(x).numpy(), rtol=1e-10, atol=1e-12)
