"""Programs over transformations, written once for JAX and for workbench: `m` is either of the two.

A row is a name, a program ``(m, *inputs)`` and its inputs. The names of JAX and PyTorch coincide for everything used
here (but for a few, told apart by `is_jax`). `ours` is the value where ours is another on purpose, which is so
where mathematics leaves a choice and PyTorch chose otherwise.
"""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

rng = np.random.default_rng(0)
S, T = np.float64(0.7), np.float64(-1.3)
V, U, Q = rng.normal(size=3), rng.normal(size=3), rng.normal(size=3)
M, N = rng.normal(size=(4, 3)), rng.normal(size=(3, 4))
A = rng.normal(size=(3, 3))
P = A @ A.T + 3 * np.eye(3)
B, C = rng.normal(size=(2, 4, 3)), rng.normal(size=(5, 4, 3))
Z = rng.normal(size=3) + 1j * rng.normal(size=3)
TREE = {"w": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}
DEEP = {"first": (TREE["w"], [TREE["b"], None]), "scale": S}
I = np.array([2, 0, 2, 1])
TIES = np.array([1.0, 3.0, 3.0, -2.0])


class Row(NamedTuple):
    """One program; see the module."""

    name: str
    program: Callable[..., Any]
    inputs: tuple
    ours: Any = None


def is_jax(m: Any) -> bool:
    """Is `m` JAX (and not workbench)?"""
    return hasattr(m, "lax")


def layer(m: Any, p: dict, x: Any) -> Any:
    """A dense layer with its parameters in a dict."""
    return m.tanh(x @ p["w"] + p["b"])


def newton(m: Any, x: Any, steps: int = 5) -> Any:
    """The square root by a Python loop."""
    y = x
    for _ in range(steps):
        y = 0.5 * (y + x / y)
    return y


def newton_steps(m: Any, f: Any, x: Any) -> Any:
    """Two steps with the whole Hessian."""
    for _ in range(2):
        x = x - m.linalg.solve(m.hessian(f)(x), m.grad(f)(x))
    return x


def rnn(m: Any, h: Any, xs: Any) -> Any:
    """A scan by a Python loop, stacked at the end."""
    out = []
    for x in xs:
        h = m.tanh(h * 0.9 + x)
        out.append(h)
    return m.stack(out)


GRAD = [
    Row("grad", lambda m, x: m.grad(lambda x: m.sin(x) * x)(x), (S,)),
    Row("grad of a vector", lambda m, x: m.grad(lambda x: m.sum(m.sin(x) ** 2))(x), (V,)),
    Row("grad thrice", lambda m, x: m.grad(m.grad(m.grad(lambda x: m.exp(x) * x ** 3)))(x), (S,)),
    Row("grad four times", lambda m, x: m.grad(m.grad(m.grad(m.grad(m.tanh))))(x), (S,)),
    Row("value_and_grad", lambda m, x: m.value_and_grad(lambda x: m.sum(x ** 3))(x), (V,)),
    Row("argnums 1", lambda m, x, y: m.grad(lambda x, y: m.sum(x * y * y), argnums=1)(x, y), (V, U)),
    Row("argnums -1", lambda m, x, y: m.grad(lambda x, y: m.sum(x * y * y), argnums=-1)(x, y), (V, U)),
    Row("argnums pair", lambda m, x, y: m.grad(lambda x, y: m.sum(x * y * y), argnums=(0, 1))(x, y), (V, U)),
    Row("argnums pair swapped", lambda m, x, y: m.grad(lambda x, y: m.sum(x * y * y), argnums=(1, 0))(x, y), (V, U)),
    Row("argnums of NumPy", lambda m, x, y: m.grad(lambda x, y: m.sum(x * y * y), argnums=np.int64(1))(x, y), (V, U)),
    Row("argnums list", lambda m, x, y: m.grad(lambda x, y: m.sum(x * y * y), argnums=[0])(x, y), (V, U)),
    Row("argnums of one in a tuple", lambda m, x, y: m.grad(lambda x, y: m.sum(x * y), argnums=(1,))(x, y), (V, U)),
    Row("argnums out of three", lambda m, x, y, z: m.value_and_grad(lambda x, y, z: m.sum(x * y / z), argnums=(0, -1))(x, y, z), (V, U, Q)),
    Row("grad has_aux", lambda m, x: m.grad(lambda x: (m.sum(x * x), {"aux": x + 1, "n": 3}), has_aux=True)(x), (V,)),
    Row("value_and_grad has_aux", lambda m, x: m.value_and_grad(lambda x: (m.sum(x * x), (x, None)), has_aux=True)(x), (V,)),
    Row("has_aux and argnums", lambda m, x, y: m.value_and_grad(lambda x, y: (m.sum(x * y), x - y), argnums=(1, 0), has_aux=True)(x, y), (V, U)),
    Row("aux is not differentiated", lambda m, x: m.grad(lambda x: m.grad(lambda x: (m.sum(x ** 3), m.sum(x ** 2)), has_aux=True)(x)[1])(x), (V,)),
    Row("keyword arguments", lambda m, x: m.grad(lambda x, *, k: m.sum(x ** 2) * k)(x, k=3.0), (V,)),
    Row("dict of parameters", lambda m, p, x: m.grad(lambda p: m.sum(layer(m, p, x)))(p), (TREE, M)),
    Row("tuples, lists and None", lambda m, p: m.grad(lambda p: m.sum(p["first"][0] @ p["first"][1][0]) * p["scale"])(p), (DEEP,)),
    Row("tangents of a dict in another order", lambda m, p, x: m.jvp(lambda p: layer(m, p, x), (p,), ({"b": p["b"], "w": p["w"]},)), (TREE, M)),
    Row("cotangents of a dict in another order", lambda m, x, y: m.vjp(lambda x: {"a": x, "b": m.sin(x)}, x)[1]({"b": y, "a": 2 * y}), (V, U)),
    Row("an ordered dict", lambda m, x, y: m.grad(lambda p: m.sum(p["b"] * m.sin(p["a"])))(OrderedDict(b=x, a=y)), (V, U)),
    Row("empty trees", lambda m, x: m.grad(lambda p: m.sum(p[0] ** 2))((x, [], {}, ())), (V,)),
    Row("None as an argument", lambda m, x: m.grad(lambda x, n: m.sum(x ** 2) if n is None else 0.0)(x, None), (V,)),
    Row("an unused argument", lambda m, x, y: m.grad(lambda x, y: m.sum(x), argnums=(0, 1))(x, y), (V, M)),
    Row("a constant function", lambda m, x: m.grad(lambda x: 3.0)(x), (V,)),
    Row("integer beside a float", lambda m, x, i: m.grad(lambda x, i: m.sum(x[i] ** 2))(x, i), (V, I)),
    Row("integer in the arithmetic", lambda m, x, i: m.grad(lambda x: m.sum(x ** 2) * i[0] + i[1])(x), (V, I)),
    Row("closure", lambda m, x, y: m.grad(lambda x: m.sum(x * m.sin(y)))(x), (V, U)),
    Row("closure over the outer variable", lambda m, x: m.grad(lambda x: x * m.grad(lambda y: x * y * y)(x))(x), (S,)),
    Row("perturbation confusion", lambda m, x: m.grad(lambda x: x * m.grad(lambda y: x + y)(1.0))(x), (S,)),
    Row("nested in two variables", lambda m, x, y: m.grad(lambda x: m.grad(lambda y: m.sin(x * y) * x)(y))(x), (S, T)),
    Row("mixed partials", lambda m, x, y: m.grad(m.grad(lambda x, y: x ** 2 * y ** 3, 0), 1)(x, y), (S, T)),
    Row("stop_gradient", lambda m, x: m.grad(lambda x: m.sum(x * m.stop_gradient(x)))(x), (V,)),
    Row("stop_gradient twice", lambda m, x: m.grad(m.grad(lambda x: x * x * m.stop_gradient(x * x)))(x), (S,)),
    Row("stop_gradient forward", lambda m, x: m.jvp(lambda x: x * m.stop_gradient(x), (x,), (m.ones_like(x),)), (V,)),
    Row("stop_gradient in vmap", lambda m, x: m.vmap(m.grad(lambda x: m.stop_gradient(x) ** 2 * x))(x), (V,)),
    Row("straight-through estimator", lambda m, x: m.grad(lambda x: m.sum((x + m.stop_gradient(m.round(x) - x)) ** 2))(x), (V,)),
    Row("Python control flow", lambda m, x: m.grad(lambda x: 3.0 * x ** 2 if x > 0 else -4 * x)(x), (S,)),
    Row("Python loop", lambda m, x: m.grad(lambda x: newton(m, x))(x), (np.float64(2.0),)),
    Row("recursion", lambda m, x: m.grad(lambda x: (lambda f, n: f(f, n))(lambda f, n: x if n == 0 else m.sin(f(f, n - 1)), 4))(x), (S,)),
    Row("scan by a loop", lambda m, h, xs: m.grad(lambda h, xs: m.sum(rnn(m, h, xs) ** 2), argnums=(0, 1))(h, xs), (V, M)),
    Row("zero-size", lambda m, x: m.grad(lambda x: m.sum(x ** 2))(x), (np.zeros((0, 3)),)),
    Row("zero-size beside others", lambda m, x, y: m.grad(lambda x, y: m.sum(x @ y), argnums=(0, 1))(x, y), (np.zeros((2, 0)), np.zeros((0, 3)))),
    Row("shape (1, 1) squeezed", lambda m, x: m.grad(lambda x: m.squeeze(x ** 2))(x), (np.array([[S]]),)),
    Row("float32 stays", lambda m, x: m.grad(lambda x: m.sum(x * 2.0 + 1))(x), (V.astype(np.float32),)),
    Row("float32 beside float64", lambda m, x, y: m.grad(lambda x, y: m.sum(x * y), argnums=(0, 1))(x, y), (V.astype(np.float32), U)),
]

RULES = [
    Row("where-NaN trick", lambda m, x: m.grad(lambda x: m.sum(m.where(x > 0, m.log(m.where(x > 0, x, 1.0)), 0.0)))(x), (np.array([0.0, 1.0, -2.0]),)),
    Row("where-NaN without the trick", lambda m, x: m.grad(lambda x: m.sum(m.where(x > 0, m.sqrt(x), 0.0)))(x), (np.array([0.0, 1.0, -2.0]),)),
    Row("where broadcasts", lambda m, x, y: m.grad(lambda x, y: m.sum(m.where(x > 0, x * y, y)), argnums=(0, 1))(x, y), (M, V)),
    Row("broadcasting", lambda m, x, y: m.grad(lambda x, y: m.sum(m.sin(x + y) * y), argnums=(0, 1))(x, y), (M, V)),
    Row("broadcasting a scalar", lambda m, x, y: m.grad(lambda x, y: m.sum(x ** y), argnums=(0, 1))(x, y), (np.abs(M), S)),
    Row("broadcasting both ways", lambda m, x, y: m.grad(lambda x, y: m.sum(m.exp(x * y)), argnums=(0, 1))(x, y), (M[:, :1], V[None])),
    Row("matmul", lambda m, x, y: m.grad(lambda x, y: m.sum(m.sin(x @ y)), argnums=(0, 1))(x, y), (M, N)),
    Row("batched matmul", lambda m, x, y: m.grad(lambda x, y: m.sum(m.sin(m.matmul(x, y))), argnums=(0, 1))(x, y), (B, N)),
    Row("vector times matrix", lambda m, x, y: m.grad(lambda x, y: m.sum((x @ y) ** 2), argnums=(0, 1))(x, y), (V, N)),
    Row("einsum", lambda m, x, y: m.grad(lambda x, y: m.sum(m.einsum("bij,kj->bik", x, y) ** 2), argnums=(0, 1))(x, y), (B, M)),
    Row("tensordot", lambda m, x, y: m.grad(lambda x, y: m.sum(m.tensordot(x, y, 2) ** 2))(x, y), (B, rng.normal(size=(4, 3, 2)))),
    Row("sort", lambda m, x: m.grad(lambda x: m.sum(m.take_along_axis(x, m.argsort(x), 0) * m.arange(3)))(x), (V,)),
    Row("gather with repeats", lambda m, x, i: m.jacrev(lambda x: x[i] ** 2)(x), (V, I)),
    Row("gather of rows", lambda m, x, i: m.grad(lambda x: m.sum(x[i] * x[::-1][i] if is_jax(m) else x[i] * m.flip(x, 0)[i]))(x), (M, I)),
    Row("slices", lambda m, x: m.grad(lambda x: m.sum(x[1:, ::2] ** 2) + x[0, -1] * x[-1, 0])(x), (M,)),
    Row("reversed and strided", lambda m, x: m.jacrev(lambda x: m.flip(x, 0)[:2])(x), (V,)),
    Row("boolean mask", lambda m, x: m.grad(lambda x: m.sum(x[np.array([True, False, True])] ** 2))(x), (V,)),
    Row("newaxis and ellipsis", lambda m, x: m.grad(lambda x: m.sum(x[..., None, 0] * x[None, ..., 1]))(x), (M,)),
    Row("reshape and transpose", lambda m, x: m.jacfwd(lambda x: m.moveaxis(x, 2, 0).reshape(2, -1))(x), (B[:, :2, :2],)),
    Row("concatenate and stack", lambda m, x, y: m.jacrev(lambda x, y: m.concatenate([m.stack([x, y]), m.stack([y * x, x])], 0), (0, 1))(x, y), (V, U)),
    Row("cumsum", lambda m, x: m.jacfwd(lambda x: m.cumsum(x ** 2, 0))(x), (V,)),
    Row("cumprod", lambda m, x: m.jacrev(lambda x: m.cumprod(x, 0))(x), (V,)),
    Row("cumprod with a zero", lambda m, x: m.jacrev(lambda x: m.cumprod(x, 0))(x), (np.array([1.5, 0.0, 2.0, 3.0]),)),
    Row("prod with a zero", lambda m, x: m.grad(m.prod)(x), (np.array([1.5, 0.0, 2.0]),)),
    Row("prod twice", lambda m, x: m.hessian(m.prod)(x), (V,)),
    Row("logsumexp", lambda m, x: m.hessian(lambda x: m.logsumexp(x, 0))(x), (V,)),
    Row("softmax", lambda m, x: m.jacrev(lambda x: m.softmax(x, -1))(x), (V,)),
    Row("mean and spread", lambda m, x: m.hessian(lambda x: m.mean(x) * m.sum((x - m.mean(x)) ** 2) ** 0.5)(x), (V,)),
    Row("diagonal and trace", lambda m, x: m.grad(lambda x: m.trace(x @ x) + m.sum(m.diagonal(x) ** 3))(x), (A,)),
    Row("tril and outer", lambda m, x: m.grad(lambda x: m.sum(m.tril(m.outer(x, x)) ** 2))(x), (V,)),
    Row("power of two variables", lambda m, x, y: m.hessian(lambda x, y: x ** y, (0, 1))(x, y), (np.abs(T), S)),
    Row("integer powers at 0", lambda m, x: [m.grad(lambda x, n=n: x ** n)(x) for n in (1, 2, 3)], (np.float64(0.0),)),
    Row("arctan2", lambda m, x, y: m.hessian(m.arctan2 if is_jax(m) else m.atan2, (0, 1))(x, y), (S, T)),
    Row("real and imaginary parts", lambda m, z: m.grad(lambda x: m.sum(m.real(x * z) ** 2 + m.imag(x * z)))(m.real(z)), (Z,)),
    Row("amax with ties", lambda m, x: m.grad(lambda x: m.amax(x, 0))(x), (TIES,)),
    Row("maximum at a tie", lambda m, x: m.grad(lambda x: m.maximum(x, x))(x), (S,)),
    Row("abs at 0", lambda m, x: m.grad(m.abs)(x), (np.float64(0.0),), np.array(0.0)),  # as PyTorch: JAX has 1
    Row("variance", lambda m, x: m.grad(m.var)(x), (V,), V - V.mean()),  # as PyTorch, divided by n - 1: JAX divides by n
    Row("relu at 0", lambda m, x: m.vmap(m.grad(m.relu))(x), (np.array([-1.0, 0.0, 2.0]),)),
    Row("clip at its bounds", lambda m, x: m.vmap(m.grad(lambda x: m.clip(x, -1.0, 1.0)))(x), (np.array([-2.0, -1.0, 0.5, 1.0, 2.0]),),
        np.array([0.0, 1.0, 1.0, 1.0, 0.0])),  # as PyTorch: JAX shares the gradient between x and the bound
    Row("norm at 0", lambda m, x: m.grad(m.linalg.norm)(x), (0 * V,), 0 * V),  # as PyTorch: JAX has nan
    Row("powers at 0", lambda m, x, y: m.vmap(m.grad(lambda x, y: x ** y, (0, 1)))(x, y), (np.array([0.0, 0.0, 2.0]), np.array([2.0, 1.0, 0.0]))),
    Row("remainder", lambda m, x, y: m.vmap(m.grad(m.remainder, (0, 1)))(x, y), (5 * V, U)),
    Row("floor, round and sign", lambda m, x: m.jacrev(lambda x: m.stack([m.floor(x), m.round(x), m.sign(x)]))(x), (3 * V,)),
    Row("logaddexp", lambda m, x, y: m.hessian(lambda x, y: m.sum(m.logaddexp(x, y)), (0, 1))(x, y), (50 * V, U)),
    Row("special functions", lambda m, x: m.jvp(m.grad(lambda x: m.sum(m.erf(x) + (m.gammaln if is_jax(m) else m.lgamma)(x))), (x,), (x,)), (np.abs(V),)),
    Row("sqrt at 0", lambda m, x: m.grad(m.sqrt)(x), (np.float64(0.0),)),
    Row("xlogy at 0", lambda m, x, y: m.grad(m.xlogy, (0, 1))(x, y), (np.float64(0.0), S)),
]

FORWARD = [
    Row("jvp", lambda m, x, t: m.jvp(lambda x: m.sin(x) * x, (x,), (t,)), (V, U)),
    Row("jvp of two", lambda m, x, y: m.jvp(lambda x, y: x @ y, (x, y), (x + 1, y - 1)), (M, N)),
    Row("jvp of a tree", lambda m, p, x: m.jvp(lambda p: {"out": layer(m, p, x), "b": [p["b"], None]}, (p,), (p,)), (TREE, M)),
    Row("jvp has_aux", lambda m, x: m.jvp(lambda x: (x ** 2, {"aux": x}), (x,), (x,), has_aux=True), (V,)),
    Row("jvp of jvp", lambda m, x: m.jvp(lambda x: m.jvp(m.tanh, (x,), (m.ones_like(x),))[1], (x,), (m.ones_like(x),)), (V,)),
    Row("jvp of grad", lambda m, x, t: m.jvp(m.grad(lambda x: m.prod(m.sin(x))), (x,), (t,)), (V, U)),
    Row("grad of jvp", lambda m, x, t: m.grad(lambda x: m.jvp(lambda x: m.prod(m.sin(x)), (x,), (t,))[1])(x), (V, U)),
    Row("grad of jvp by the direction", lambda m, x, t: m.grad(lambda t: m.jvp(lambda x: m.prod(m.sin(x)), (x,), (t,))[1] ** 2)(t), (V, U)),
    Row("jvp of a constant", lambda m, x: m.jvp(lambda x: m.ones_like(x), (x,), (x,)), (V,)),
    Row("jvp through a Python loop", lambda m, x: m.jvp(lambda x: newton(m, x), (x,), (m.ones_like(x),)), (np.float64(3.0),)),
    Row("jvp with a branch", lambda m, x: m.jvp(lambda x: x * 2 if x > 0 else x * 3, (x,), (m.ones_like(x),)), (T,)),
    Row("linear in the tangent", lambda m, x, t: m.jvp(lambda t: m.jvp(m.exp, (x,), (t,))[1], (t,), (x,)), (V, U)),
    Row("vjp", lambda m, x, g: m.vjp(lambda x: m.sin(x) * x, x)[1](g), (V, U)),
    Row("vjp of two", lambda m, x, y: (lambda o, pull: (o, pull(o)))(*m.vjp(lambda x, y: m.exp(x @ y), x, y)), (M, N)),
    Row("vjp of a tree", lambda m, p, x: (lambda o, pull: pull({"out": o["out"], "twice": o["twice"]}))(
        *m.vjp(lambda p: {"out": layer(m, p, x), "twice": p["b"] * 2}, p)), (TREE, M)),
    Row("vjp has_aux", lambda m, x: (lambda o, pull, aux: (o, pull(o), aux))(*m.vjp(lambda x: (x ** 2, [x, 2.0]), x, has_aux=True)), (V,)),
    Row("vjp used twice", lambda m, x, g: (lambda pull: (pull(g), pull(2 * g)))(m.vjp(m.tanh, x)[1]), (V, U)),
    Row("vjp of vjp", lambda m, x, g: m.vjp(lambda x: m.vjp(m.tanh, x)[1](g)[0], x)[1](g), (V, U)),
    Row("vjp by the cotangent", lambda m, x, g: m.jacrev(lambda g: m.vjp(m.tanh, x)[1](g)[0])(g), (V, U)),
    Row("vmap of a pullback", lambda m, x, g: m.vmap(m.vjp(lambda x: m.sin(x), x)[1])(g), (V, M)),
    Row("hvp forward over reverse", lambda m, x, t: m.jvp(m.grad(lambda x: m.sum(m.sin(x)) ** 3), (x,), (t,))[1], (V, U)),
    Row("hvp reverse over reverse", lambda m, x, t: m.grad(lambda x: m.sum(m.grad(lambda x: m.sum(m.sin(x)) ** 3)(x) * t))(x), (V, U)),
    Row("hvp reverse over forward", lambda m, x, t: m.grad(lambda x: m.jvp(lambda x: m.sum(m.sin(x)) ** 3, (x,), (t,))[1])(x), (V, U)),
]

WHOLE = [
    Row("jacfwd", lambda m, x: m.jacfwd(lambda x: m.stack([m.sum(x), m.prod(x)]))(x), (V,)),
    Row("jacrev", lambda m, x: m.jacrev(lambda x: m.sin(x)[:, None] * x)(x), (V,)),
    Row("jacfwd argnums", lambda m, x, y: m.jacfwd(lambda x, y: x @ y, argnums=(0, 1))(x, y), (M, N)),
    Row("jacrev argnums", lambda m, x, y: m.jacrev(lambda x, y: x @ y, argnums=1)(x, y), (M, N)),
    Row("jacrev negative argnums", lambda m, x, y: m.jacrev(lambda x, y: x * y, argnums=-1)(x, y), (V, U)),
    Row("jacrev of trees", lambda m, p, x: m.jacrev(lambda p: {"out": layer(m, p, x), "b": (p["b"] ** 2,)})(p), (TREE, M)),
    Row("jacfwd of trees", lambda m, p, x: m.jacfwd(lambda p: {"out": layer(m, p, x), "b": (p["b"] ** 2,)})(p), (TREE, M)),
    Row("jacfwd has_aux", lambda m, x: m.jacfwd(lambda x: (x ** 2, {"aux": x * 2}), has_aux=True)(x), (V,)),
    Row("jacrev has_aux", lambda m, x: m.jacrev(lambda x: (x ** 2, (x * 2, None)), has_aux=True)(x), (V,)),
    Row("jacobian of scalars", lambda m, x: (m.jacfwd(m.sin)(x), m.jacrev(m.sin)(x)), (S,)),
    Row("jacobian of zero-size", lambda m, x: (m.jacfwd(m.sin)(x), m.jacrev(m.sin)(x)), (np.zeros((0,)),)),
    Row("jacfwd of jacrev", lambda m, x: m.jacfwd(m.jacrev(m.tanh))(x), (V,)),
    Row("jacrev of jacrev", lambda m, x: m.jacrev(m.jacrev(lambda x: x @ x * x))(x), (V,)),
    Row("jacrev of jacfwd", lambda m, x: m.jacrev(m.jacfwd(lambda x: x @ x * x))(x), (V,)),
    Row("hessian", lambda m, x: m.hessian(lambda x: m.sum(m.sin(x) * x[::-1]) if is_jax(m) else m.sum(m.sin(x) * m.flip(x, 0)))(x), (V,)),
    Row("hessian of two", lambda m, x, y: m.hessian(lambda x, y: m.sum(m.tanh(x @ y)), argnums=(0, 1))(x, y), (M, N)),
    Row("hessian of a tree", lambda m, p, x: m.hessian(lambda p: m.sum(layer(m, p, x)))(p), (TREE, M)),
    Row("hessian of a vector function", lambda m, x: m.hessian(lambda x: x ** 3)(x), (V,)),
    Row("hessian has_aux", lambda m, x: m.hessian(lambda x: (m.sum(x ** 3), x), has_aux=True)(x), (V,)),
    Row("grad of a hessian's trace", lambda m, x: m.grad(lambda x: m.trace(m.hessian(lambda x: m.sum(x ** 4))(x)))(x), (V,)),
    Row("vmap of hessian", lambda m, x: m.vmap(m.hessian(lambda x: m.prod(x)))(x), (M,)),
    Row("vmap of jacfwd", lambda m, x: m.vmap(m.jacfwd(lambda x: m.sin(x) * x[0]))(x), (M,)),
    Row("third derivatives", lambda m, x: m.jacfwd(m.jacfwd(m.jacrev(lambda x: m.prod(m.sin(x)))))(x), (V,)),
]

VMAP = [
    Row("vmap", lambda m, x: m.vmap(lambda x: m.sin(x) @ x)(x), (M,)),
    Row("in_axes 1", lambda m, x: m.vmap(lambda x: m.cumsum(x, 0), in_axes=1)(x), (M,)),
    Row("in_axes -1", lambda m, x: m.vmap(lambda x: x[0] + x, in_axes=-1)(x), (B,)),
    Row("in_axes -3 and out_axes 1", lambda m, x: m.vmap(lambda x: x * 2, in_axes=-3, out_axes=1)(x), (B,)),
    Row("in_axes a tuple with None", lambda m, x, y: m.vmap(lambda x, y: x @ y, in_axes=(0, None))(x, y), (B, N)),
    Row("in_axes a list", lambda m, x, y: m.vmap(lambda x, y: x * y, in_axes=[1, None])(x, y), (M, M[:, 0])),
    Row("different axes", lambda m, x, y: m.vmap(lambda x, y: m.outer(x, y), in_axes=(0, 1))(x, y), (M, N)),
    Row("in_axes of a dict", lambda m, p, x: m.vmap(lambda p, x: x @ p["w"] + p["b"], in_axes=({"w": 1, "b": None}, None))(p, x),
        ({"w": N, "b": S}, V)),
    Row("in_axes of a dict in another order", lambda m, p, x: m.vmap(lambda p, x: x @ p["w"] + p["b"], in_axes=({"b": None, "w": 1}, None))(p, x),
        ({"w": N, "b": S}, V)),
    Row("in_axes a prefix of trees", lambda m, p, x: m.vmap(lambda p, x: p["a"][0] * x + p["a"][1], in_axes=({"a": 0}, None))(p, x),
        ({"a": (M, M[:, 0])}, S)),
    Row("in_axes None for a tree", lambda m, p, x: m.vmap(lambda p, x: layer(m, p, x), in_axes=(None, 0))(p, x), (TREE, M)),
    Row("None inside the arguments", lambda m, x: m.vmap(lambda p: p[0] * 2 if p[1] is None else p[0])((x, None)), (V,)),
    Row("out_axes 1", lambda m, x: m.vmap(lambda x: x * 2, out_axes=1)(x), (B,)),
    Row("out_axes -1", lambda m, x: m.vmap(lambda x: x * 2, out_axes=-1)(x), (B,)),
    Row("out_axes -2", lambda m, x: m.vmap(lambda x: x * 2, out_axes=-2)(x), (B,)),
    Row("out_axes a tuple", lambda m, x: m.vmap(lambda x: (x, m.sum(x), x.T), out_axes=(0, 0, 2))(x), (B,)),
    Row("out_axes of a dict", lambda m, x: m.vmap(lambda x: {"a": x, "b": [x, x + 1]}, out_axes={"a": 1, "b": 0})(x), (M,)),
    Row("out_axes of a dict in another order", lambda m, x: m.vmap(lambda x: {"a": x, "b": [x, x + 1]}, out_axes={"b": 0, "a": 1})(x), (M,)),
    Row("out_axes None", lambda m, x, y: m.vmap(lambda x, y: (x * y, y + 1), in_axes=(0, None), out_axes=(0, None))(x, y), (V, S)),
    Row("an output that is the same for all", lambda m, x, y: m.vmap(lambda x, y: m.sin(y), in_axes=(0, None))(x, y), (V, U)),
    Row("a Python number as output", lambda m, x: m.vmap(lambda x: (x, 2 * m.ones_like(x)))(x), (V,)),
    Row("keywords", lambda m, x, y: m.vmap(lambda x, *, y: x * m.sum(y))(x, y=y), (V, U), V * U.sum()),  # JAX maps them
    Row("trees in and out", lambda m, p: m.vmap(lambda p: {"s": p["w"] + p["b"][0], "t": (p["w"], [])})(p), ({"w": V, "b": [U]},)),
    Row("nested", lambda m, x, y: m.vmap(m.vmap(lambda x, y: x * y, in_axes=(0, None)), in_axes=(None, 0))(x, y), (V, N[:, 0])),
    Row("nested three times", lambda m, x: m.vmap(m.vmap(m.vmap(lambda x: m.sin(x) * 2)))(x), (B,)),
    Row("nested over different axes", lambda m, x: m.vmap(m.vmap(lambda x: x @ x, in_axes=1), in_axes=1)(x), (B,)),
    Row("nested with closures", lambda m, x: m.vmap(lambda x: m.vmap(lambda y: x @ x + y)(x))(x), (M,)),
    Row("pairwise distances", lambda m, x, y: m.vmap(lambda a: m.vmap(lambda b: m.sum((a - b) ** 2))(y))(x), (M, N.T)),
    Row("matmul, both batched", lambda m, x, y: m.vmap(m.matmul)(x, y), (B, np.swapaxes(B, 1, 2))),
    Row("matmul, batched on the right", lambda m, x, y: m.vmap(lambda y: x @ y)(y), (N, B)),
    Row("a matrix times vectors", lambda m, x, y: m.vmap(lambda y: x @ y, in_axes=1, out_axes=1)(y), (M, N)),
    Row("broadcasting of unequal ranks", lambda m, x, y: m.vmap(lambda x, y: x + y)(x, y), (V, A)),
    Row("reductions", lambda m, x: m.vmap(lambda x: (m.sum(x, axis=-1), m.mean(x), m.amax(x, axis=0), m.argmax(x, axis=1), m.prod(x)))(x), (B,)),
    Row("shape changes", lambda m, x: m.vmap(lambda x: (x.reshape(-1), m.swapaxes(x, 0, 1), m.expand_dims(x, -1), m.flip(x, 0), x.T))(x), (B,)),
    Row("concatenate with a shared value", lambda m, x, y: m.vmap(lambda x: m.concatenate([x, y]))(x), (M, U)),
    Row("index mapped", lambda m, x, i: m.vmap(lambda i: x[i])(i), (M, I)),
    Row("array mapped, index shared", lambda m, x, i: m.vmap(lambda x: x[i])(x), (M, I)),
    Row("array and index mapped", lambda m, x, i: m.vmap(lambda x, i: x[i])(x, i), (M, I)),
    Row("gather along an axis", lambda m, x: m.vmap(lambda x: m.take_along_axis(x, m.argsort(x, 0), 0))(x), (B,)),
    Row("where", lambda m, x: m.vmap(lambda x: m.where(x > 0, m.log(m.abs(x)), x))(x), (M,)),
    Row("integers", lambda m, i: m.vmap(lambda i: (i * 2, i // 2, i % 3, i == 2))(i), (I,)),
    Row("einsum of a batch", lambda m, x, y: m.vmap(lambda x, y: m.einsum("ij,kj->ik", x, y), in_axes=(0, None))(x, y), (B, M)),
    Row("softmax and logsumexp", lambda m, x: m.vmap(lambda x: (m.softmax(x, -1), m.logsumexp(x, 0)))(x), (B,)),
    Row("no examples", lambda m, x: m.vmap(lambda x: m.sin(x) @ x)(x), (np.zeros((0, 3)),)),
    Row("one example", lambda m, x: m.vmap(lambda x: m.sin(x) @ x)(x), (M[:1],)),
    Row("examples without entries", lambda m, x: m.vmap(lambda x: m.sum(x * 2))(x), (np.zeros((3, 0)),)),
    Row("vmap of grad", lambda m, x: m.vmap(m.grad(lambda x: m.prod(m.sin(x))))(x), (M,)),
    Row("gradients of single examples", lambda m, p, x: m.vmap(m.grad(lambda p, x: m.sum(layer(m, p, x) ** 2)), in_axes=(None, 0))(p, x), (TREE, M)),
    Row("vmap of value_and_grad", lambda m, x: m.vmap(m.value_and_grad(lambda x: (m.sum(x ** 3), {"aux": x}), has_aux=True))(x), (M,)),
    Row("grad of vmap", lambda m, x: m.grad(lambda x: m.sum(m.vmap(lambda x: m.sin(x) @ x)(x)))(x), (M,)),
    Row("grad of vmap with shared weights", lambda m, p, x: m.grad(lambda p: m.sum(m.vmap(lambda x: layer(m, p, x))(x) ** 2))(p), (TREE, M)),
    Row("grad of vmap of grad", lambda m, x: m.grad(lambda x: m.sum(m.vmap(m.grad(lambda x: m.prod(x) ** 2))(x)))(x), (M,)),
    Row("vmap of grad of vmap", lambda m, x: m.vmap(m.grad(lambda x: m.sum(m.vmap(lambda y: y @ y * y)(x))))(x), (B,)),
    Row("vmap of jvp", lambda m, x: m.vmap(lambda x: m.jvp(lambda x: m.sin(x) * x, (x,), (x,)))(x), (M,)),
    Row("vmap over tangents", lambda m, x, t: m.vmap(lambda t: m.jvp(lambda x: m.sin(x) @ x, (x,), (t,))[1])(t), (V, M)),
    Row("jvp of vmap", lambda m, x: m.jvp(m.vmap(lambda x: m.softmax(x, 0) @ x), (x,), (x,)), (M,)),
    Row("vjp of vmap", lambda m, x, g: m.vjp(m.vmap(lambda x: m.softmax(x, 0) @ x), x)[1](g), (M, M[:, 0])),
    Row("vmap of jacrev of vmap", lambda m, x: m.vmap(m.jacrev(m.vmap(lambda x: x @ x)))(x), (B,)),
    Row("vmap of hvp", lambda m, x, t: m.vmap(lambda t: m.jvp(m.grad(lambda x: m.prod(m.sin(x))), (x,), (t,))[1])(t), (V, M)),
    Row("axis_size", lambda m, x: m.vmap(lambda x: m.sin(x), in_axes=None, axis_size=3)(x), (V,)),
    Row("axis_size without arguments", lambda m, x: m.vmap(lambda: x * 2, axis_size=2)(), (V,)),
    Row("axis_name", lambda m, x: m.vmap(lambda x: x / m.psum(x, "i"), axis_name="i")(x), (M,)),
    Row("sums and maxima over two axes", lambda m, x: m.vmap(m.vmap(lambda x: (m.psum(x, ("i", "j")), m.pmean(x, ("j", "i")), m.pmax(x, ("i", "j"))),
        axis_name="j"), axis_name="i")(x), (M,)),
    Row("a sum of a tree", lambda m, x: m.vmap(lambda x: m.psum({"a": x, "b": (x * 2, None)}, "i"), axis_name="i")(x), (V,)),
    Row("permutation, gather and index", lambda m, x: m.vmap(lambda x: (m.ppermute(x, "i", [(0, 1), (1, 2), (2, 0)]), m.all_gather(x, "i"), x * m.axis_index("i")),
        axis_name="i")(x), (V,)),
    Row("grad inside of a sum over examples", lambda m, x: m.vmap(m.grad(lambda x: m.psum(x ** 2, "i")), axis_name="i")(x), (V,)),
    Row("grad of vmap with axis_name", lambda m, x: m.grad(lambda x: m.sum(m.vmap(lambda x: m.sin(x) * m.pmean(x, "i"), axis_name="i")(x)))(x), (M,)),
    Row("vmap with a closure over the batch", lambda m, x, y: m.vmap(lambda x: m.grad(lambda y: m.sum(x * y ** 2))(y))(x), (M, V)),
]

LINALG = [
    Row("inv", lambda m, x: m.grad(lambda x: m.sum(m.linalg.inv(x) ** 2))(x), (P,)),
    Row("solve", lambda m, x, y: m.grad(lambda x, y: m.sum(m.linalg.solve(x, y) ** 2), (0, 1))(x, y), (P, A)),
    Row("solve with a vector", lambda m, x, y: m.jvp(m.linalg.solve, (x, y), (x + 1, y)), (P, V)),
    Row("det", lambda m, x: m.hessian(m.linalg.det)(x), (P,)),
    Row("slogdet", lambda m, x: m.grad(lambda x: m.linalg.slogdet(x)[1])(x), (P,)),
    Row("cholesky", lambda m, x: m.grad(lambda x: m.sum(m.linalg.cholesky(x @ x.T + m.diag(m.ones_like(x[0]))) ** 3))(x), (A,)),
    Row("eigenvalues of a symmetric matrix", lambda m, x: m.jacrev(lambda x: m.linalg.eigvalsh(x @ x.T))(x), (A,)),
    Row("a function of a symmetric matrix", lambda m, x: m.grad(lambda x: (lambda w, v: m.sum((v * m.sqrt(w)) @ v.T))(*m.linalg.eigh(x @ x.T)))(x), (A,)),
    Row("singular values", lambda m, x: m.jacfwd(lambda x: m.linalg.svd(x, full_matrices=False)[1])(x), (M,)),
    Row("norm", lambda m, x: m.hessian(m.linalg.norm)(x), (V,)),
    Row("matrix_power", lambda m, x: m.jacrev(lambda x: m.linalg.matrix_power(x, 3))(x), (A,)),
    Row("pinv", lambda m, x: m.grad(lambda x: m.sum(m.linalg.pinv(x) ** 2))(x), (M,)),
    Row("qr", lambda m, x: m.grad(lambda x: m.sum(m.abs(m.linalg.qr(x)[1])))(x), (M,)),
    Row("vmap of inv", lambda m, x: m.vmap(m.linalg.inv)(x), (np.stack([P, A]),)),
    Row("vmap of grad of solve", lambda m, x, y: m.vmap(m.grad(lambda y: m.sum(m.linalg.solve(x, y) ** 2)))(y), (P, M)),
    Row("implicit differentiation", lambda m, a: m.jacfwd(lambda a: (lambda x: x - m.linalg.solve(m.jacfwd(lambda x: x ** 3 - a)(x), x ** 3 - a))(
        m.stop_gradient(newton(m, a))))(a), (np.abs(V),)),
]

DOCUMENTED = [
    Row("logistic regression", lambda m, w, b, x: m.value_and_grad(
        lambda w, b: -m.sum(m.log(m.where(np.array([True, True, False, True]), m.sigmoid(x @ w + b), 1 - m.sigmoid(x @ w + b)))), (0, 1))(w, b), (V, S, M)),
    Row("temporal difference", lambda m, w, x: m.grad(lambda w: (1.0 + m.stop_gradient(x[1] @ w) - x[0] @ w) ** 2)(w), (V, M)),
    Row("meta-learning", lambda m, w, x: (lambda loss: m.grad(lambda w: loss(w - 0.1 * m.grad(loss)(w, x[:2]), x[2:]))(w))(
        lambda w, x: m.sum(m.tanh(x @ w) ** 2)), (V, M)),
    Row("Newton's method", lambda m, x: newton_steps(m, lambda x: m.sum(m.logsumexp(m.stack([x, -2 * x]), 0)), x), (V,)),
    Row("gradients of single examples by hand", lambda m, p, x: m.vmap(lambda x: m.vjp(lambda p: layer(m, p, x), p)[1](m.ones_like(p["b"])))(x), (TREE, M)),
    Row("hessian by a loop of products", lambda m, x: m.stack([m.vjp(m.grad(lambda x: m.prod(m.sin(x))), x)[1](row)[0] for row in m.eye(3) + 0 * x]), (V,)),
    Row("Hessian's diagonal", lambda m, x: m.vmap(m.grad(m.grad(lambda x: m.tanh(x) * x)))(x), (V,)),
    Row("score of a density", lambda m, x, s: m.vmap(m.grad(lambda x: -0.5 * m.sum((x / s) ** 2) - m.sum(m.log(s))))(x), (M, np.abs(V))),
    Row("divergence of a field", lambda m, x: m.trace(m.jacfwd(lambda x: m.sin(x) * m.flip(x, 0))(x)), (V,)),
    Row("Laplacian", lambda m, x: m.vmap(lambda x: m.trace(m.hessian(lambda x: m.exp(-m.sum(x ** 2)))(x)))(x), (M / 2,)),
    Row("Taylor coefficients", lambda m, x: (lambda d: (d(m.sin)(x), d(d(m.sin))(x), d(d(d(m.sin)))(x)))(
        lambda f: lambda x: m.jvp(f, (x,), (m.ones_like(x),))[1]), (S,)),
    Row("Euler-Lagrange", lambda m, q, v: (lambda L: m.linalg.solve(
        m.hessian(L, 1)(q, v), m.grad(L, 0)(q, v) - m.jacfwd(m.grad(L, 1), 0)(q, v) @ v))(lambda q, v: m.sum(v * v * (1 + q * q)) / 2 - m.sum(m.cos(q))), (V, U)),
    Row("hessian over a tree and a vector", lambda m, p, x: m.hessian(lambda p, x: m.sum(layer(m, p, x)), (0, 1))(p, x), (TREE, V)),
]

COMPLEX = [
    Row("holomorphic grad", lambda m, z: m.vmap(m.grad(lambda z: m.sin(z) * z, holomorphic=True))(z), (Z,)),
    Row("holomorphic value_and_grad", lambda m, z: m.value_and_grad(lambda z: m.sum(z ** 3), holomorphic=True)(z), (Z,)),
    Row("holomorphic jacobians", lambda m, z: (m.jacfwd(lambda z: m.exp(z) * z[0], holomorphic=True)(z), m.jacrev(lambda z: m.exp(z) * z[0], holomorphic=True)(z)),
        (Z,)),
    Row("holomorphic hessian", lambda m, z: m.hessian(lambda z: m.prod(z), holomorphic=True)(z), (Z,)),
    Row("real function of complex numbers", lambda m, z: m.grad(lambda z: m.sum(m.abs(z) ** 2))(z), (Z,), 2 * Z),  # as PyTorch: JAX has the conjugate
    Row("jacobian by complex numbers", lambda m, z: m.jacrev(lambda z: m.abs(z) ** 2)(z), (Z,), 2 * np.diag(Z)),  # again the conjugate of JAX
    Row("jvp of complex numbers", lambda m, z: m.jvp(lambda z: m.exp(z) / z, (z,), (z,)), (Z,)),
    Row("jvp of a function that is not holomorphic", lambda m, z: m.jvp(lambda z: m.abs(z) * m.conj(z), (z,), (z * 1j,)), (Z,)),
    Row("through complex numbers and back", lambda m, x, z: m.hessian(lambda x: m.sum(m.real(m.exp(1j * x * m.real(z)) * z)))(x), (V, Z)),
    Row("vmap of complex numbers", lambda m, z: m.vmap(lambda z: (m.abs(z), m.conj(z), m.real(z)))(z), (Z,)),
    Row("fft there and back", lambda m, x: m.grad(lambda x: m.sum(m.abs(m.fft.fft(x)) ** 4))(x), (V,)),
]


def fixed_point(m: Any) -> Any:
    """The example of JAX's documentation: a solver whose derivative comes from the implicit function theorem."""
    def run(f: Any, a: Any, x: Any) -> Any:
        return m.while_loop(lambda p: m.amax(m.abs(p[0] - p[1])) > 1e-13, lambda p: (p[1], f(a, p[1])), (x, f(a, x)))[1]

    def backward(f: Any, saved: tuple, g: Any) -> tuple:
        a, x = saved
        _, by_a = m.vjp(lambda a: f(a, x), a)
        _, by_x = m.vjp(lambda x: f(a, x), x)
        return (*by_a(run(lambda saved, u: g + by_x(u)[0], None, g)), m.zeros_like(x))

    solve = m.custom_vjp(run, nondiff_argnums=(0,))
    solve.defvjp(lambda f, a, x: (lambda found: (found, (a, found)))(run(f, a, x)), backward)
    return solve


def partwise(m: Any) -> Any:
    """A function with a forward rule for each argument; the last has no derivative."""
    f = m.custom_jvp(lambda x, y, z: m.sin(x) * y + z)
    f.defjvps(lambda t, o, x, y, z: m.cos(x) * t * y, lambda t, o, x, y, z: m.sin(x) * t + 0 * o, None)
    return f


def applied(m: Any) -> Any:
    """A function of a function with a forward rule that doubles."""
    f = m.custom_jvp(lambda h, x: h(x), nondiff_argnums=(0,))
    f.defjvp(lambda h, primals, tangents: (h(primals[0]), 2 * m.jvp(h, primals, tangents)[1]))
    return f


def cube_root(m: Any) -> Any:
    """A function with a reverse rule that is wrong on purpose, so that its use shows."""
    f = m.custom_vjp(lambda x: x ** 3)
    f.defvjp(lambda x: (x ** 3, x), lambda x, g: (10 * g * x,))
    return f


def scaled(m: Any) -> Any:
    """A function of a tree with a reverse rule, and a setting that is no number."""
    f = m.custom_vjp(lambda name, p, x: p["w"] * x, nondiff_argnums=(0,))
    f.defvjp(lambda name, p, x: (p["w"] * x, (p, x)), lambda name, r, g: ({"w": g * r[1] * len(name)}, m.sum(g * r[0]["w"], -1)))
    return f


def tenfold(m: Any) -> Any:
    """A function with a forward rule."""
    f = m.custom_jvp(lambda x, y: m.sin(x) * y)
    f.defjvp(lambda primals, tangents: (f(*primals), 10 * tangents[0] * primals[1] + m.sin(primals[0]) * tangents[1]))
    return f


def log1pexp(m: Any) -> Any:
    """The example of JAX's documentation: the plain derivative is inf / inf."""
    f = m.custom_jvp(lambda x: m.log(1.0 + m.exp(x)))
    f.defjvp(lambda primals, tangents: (f(*primals), (1 - 1 / (1 + m.exp(primals[0]))) * tangents[0]))
    return f


def clipped(m: Any) -> Any:
    """The identity whose gradients are clipped."""
    f = m.custom_vjp(lambda low, high, x: x)
    f.defvjp(lambda low, high, x: (x, (low, high)), lambda r, g: (m.zeros_like(r[0]), m.zeros_like(r[1]), m.clip(g, r[0], r[1])))
    return f


CUSTOM = [
    Row("custom_vjp", lambda m, x: m.value_and_grad(cube_root(m))(x), (S,)),
    Row("custom_vjp without derivative", lambda m, x: cube_root(m)(x), (V,)),
    Row("custom_vjp, second derivative", lambda m, x: m.grad(m.grad(cube_root(m)))(x), (S,)),
    Row("custom_vjp in vmap", lambda m, x: m.vmap(m.grad(cube_root(m)))(x), (V,)),
    Row("custom_vjp of vmap", lambda m, x: m.grad(lambda x: m.sum(m.vmap(cube_root(m))(x)))(x), (V,)),
    Row("custom_vjp in a chain", lambda m, x: m.jacrev(lambda x: m.sin(cube_root(m)(x * 2)) * x)(x), (V,)),
    Row("custom_vjp of a tree with nondiff_argnums", lambda m, p, x: m.grad(lambda p, x: m.sum(scaled(m)("four", p, x)), (0, 1))(p, x), ({"w": V}, S)),
    Row("custom_vjp that clips gradients", lambda m, x: m.grad(lambda x: m.sum(clipped(m)(-0.5 * m.ones_like(x[0]), 0.5 * m.ones_like(x[0]), x) ** 2))(x), (V,)),
    Row("custom_vjp in a hessian", lambda m, x: m.jacrev(m.jacrev(lambda x: m.sum(cube_root(m)(x))))(x), (V,)),
    Row("custom_jvp forward", lambda m, x, y: m.jvp(tenfold(m), (x, y), (y, x)), (V, U)),
    Row("custom_jvp reverse", lambda m, x, y: m.grad(tenfold(m), (0, 1))(x, y), (S, T)),
    Row("custom_jvp, second derivatives", lambda m, x, y: m.hessian(tenfold(m), (0, 1))(x, y), (S, T)),
    Row("custom_jvp in vmap", lambda m, x, y: m.vmap(m.grad(tenfold(m)), in_axes=(0, None))(x, y), (V, S)),
    Row("custom_jvp for stability", lambda m, x: (m.grad(log1pexp(m))(x), m.grad(m.grad(log1pexp(m)))(x / 50)), (np.float64(100.0),)),
    Row("custom_jvp rule by rule", lambda m, x, y: m.grad(partwise(m), (0, 1, 2))(x, y, x), (S, T)),
    Row("custom_jvp with nondiff_argnums", lambda m, x: m.grad(lambda x: m.sum(applied(m)(m.sin, x) * x))(x), (V,)),
    Row("custom_jvp in jit and vmap", lambda m, x, y: m.jit(m.vmap(m.grad(tenfold(m)), in_axes=(0, None)))(x, y), (V, S)),
    Row("custom_vjp in jit", lambda m, x: m.jit(m.grad(lambda x: m.sum(cube_root(m)(x) ** 2)))(x), (V,)),
    Row("custom_vjp in scan", lambda m, x: m.grad(lambda x: m.scan(lambda c, _: (cube_root(m)(c), None), x, None, length=2)[0])(x), (S,)),
    Row("fixed point", lambda m, a: m.grad(lambda a: m.sum(fixed_point(m)(lambda a, x: 0.5 * (x + a / x), a, a)))(a), (np.abs(V) + 0.5,)),
    Row("jacobian of a fixed point", lambda m, a: m.jacrev(lambda a: fixed_point(m)(lambda a, x: m.cos(a * x) / 2, a, a))(a), (np.abs(V),)),
    Row("checkpoint", lambda m, x: m.grad(m.checkpoint(lambda x: m.sum(m.sin(m.sin(x)))))(x), (V,)),
    Row("checkpoint nested", lambda m, x: m.grad(lambda x: m.sum(m.checkpoint(lambda x: m.sin(m.checkpoint(m.tanh)(x)) * x)(x)))(x), (V,)),
    Row("checkpoint, second derivatives", lambda m, x: m.hessian(m.checkpoint(lambda x: m.prod(m.sin(x))))(x), (V,)),
    Row("checkpoint in vmap", lambda m, x: m.vmap(m.grad(m.checkpoint(lambda x: m.sum(m.sin(x) ** 2))))(x), (M,)),
    Row("checkpoint with captured weights", lambda m, x, y: m.grad(lambda y: m.sum(m.checkpoint(lambda x: m.tanh(x * y))(x)))(y), (V, U)),
    Row("checkpoint with a policy", lambda m, x, y: m.grad(m.checkpoint(
        lambda x: m.sum(m.sin(m.sin(x) @ y)), policy=m.checkpoint_policies.dots_saveable))(x), (M, N)),
    Row("checkpoint in jit", lambda m, x: m.jit(m.grad(m.checkpoint(lambda x: m.sum(m.sin(m.sin(x))))))(x), (V,)),
    Row("checkpoint in scan", lambda m, x: m.grad(lambda x: m.sum(m.scan(m.checkpoint(lambda c, _: (m.sin(c) * c, None)), x, None, length=3)[0]))(x), (V,)),
    Row("linearize", lambda m, x, t: (lambda o, push: (o, push(t), push(2 * t)))(*m.linearize(lambda x: m.sin(x) * x[0], x)), (V, U)),
    Row("linearize trees", lambda m, p, x: (lambda o, push: (o, push(p)))(*m.linearize(lambda p: {"out": layer(m, p, x)}, p)), (TREE, M)),
    Row("vmap of a linearized function", lambda m, x, t: m.vmap(m.linearize(m.tanh, x)[1])(t), (V, M)),
    Row("linear_transpose", lambda m, x, y, g: m.linear_transpose(lambda x: m.cumsum(x, 0) * y, x)(g), (V, U, Q)),
    Row("linear_transpose of complex numbers", lambda m, z, g: m.linear_transpose(lambda x: x * z, g)(z), (Z, 1j * Z)),
]

CONTROL = [
    Row("cond", lambda m, x: m.jacrev(lambda x: m.stack([m.cond(x > 0, m.sin, m.cos, x), m.cond(x > 1, m.sin, m.cos, x)]))(x), (S,)),
    Row("cond with trees", lambda m, x: m.grad(lambda x: m.cond(True, lambda p: p["a"] * p["b"], lambda p: p["a"], {"a": x, "b": x * 2}))(x), (S,)),
    Row("cond in vmap", lambda m, x: m.vmap(lambda x: m.cond(x > 0, m.sin, lambda x: x * x, x))(x), (V,)),
    Row("vmap of grad of cond", lambda m, x: m.vmap(m.grad(lambda x: m.cond(x > 0, m.sin, lambda x: x * x, x)))(x), (V,)),
    Row("switch", lambda m, x: m.jacrev(lambda x: m.stack([m.switch(i, [m.sin, m.cos, m.exp], x) for i in (-1, 0, 1, 2, 7)]))(x), (S,)),
    Row("switch in vmap", lambda m, x, i: m.vmap(lambda x, i: m.switch(i, [m.sin, m.cos, m.exp], x))(x, i), (M[:, 0], I)),
    Row("fori_loop", lambda m, x: m.value_and_grad(lambda x: m.fori_loop(0, 5, lambda i, y: m.sin(y) * (i + 1) * x, x))(x), (S,)),
    Row("while_loop forward", lambda m, x: m.jvp(lambda x: m.while_loop(lambda y: y < 100, lambda y: y * y, x), (x,), (m.ones_like(x),)), (np.float64(3.0),)),
    Row("while_loop in vmap", lambda m, x: m.vmap(lambda x: m.while_loop(lambda c: c[0] < 50, lambda c: (c[0] * 2, c[1] + 1), (x, 0 * x)))(x), (np.abs(V),)),
    Row("scan", lambda m, h, xs: m.scan(lambda h, x: ((lambda o: (o, {"o": o * 2}))(m.tanh(h * 0.9 + x))), h, xs), (V, M)),
    Row("grad of scan", lambda m, h, xs: m.grad(lambda h, xs: m.sum(m.scan(lambda h, x: (m.tanh(h * 0.9 + x), h * x), h, xs)[1]), (0, 1))(h, xs), (V, M)),
    Row("scan reversed", lambda m, h, xs: m.grad(lambda h: m.sum(m.scan(lambda h, x: (m.tanh(h * x), h), h, xs, reverse=True)[1]))(h), (V, M)),
    Row("scan over trees", lambda m, h, p: m.scan(lambda h, p: ((h[0] + p["a"], h[1] * p["b"]), None), (h, h), p), (S, {"a": V, "b": U})),
    Row("scan whose carry comes back in another order", lambda m, a, b: m.scan(
        lambda c, _: ({"b": c["a"] + 1, "a": c["b"]}, c["a"]), {"a": a, "b": b}, None, length=3), (S, T)),
    Row("cond whose branches have keys in another order", lambda m, a, b: [f(lambda a, b: m.cond(a > 0, lambda: {"a": a, "b": b}, lambda: {"b": b * 2, "a": a * 2}))(
        x, b) for f in (m.jit, lambda f: f) for x in (a, -a)], (S, T)),
    Row("scan of nothing", lambda m, x: m.scan(lambda c, y: (c + y, {"o": m.stack([c, y])}), x[0], x[:0]), (V,)),
    Row("grad of a scan of nothing", lambda m, x: m.grad(lambda x: m.scan(lambda c, y: (c + y, c * y), x[0], x[:0])[0])(x), (V,)),
    Row("scan by length", lambda m, h: m.jvp(lambda h: m.scan(lambda h, _: (m.sin(h), h), h, None, length=4), (h,), (h,)), (V,)),
    Row("scan in vmap", lambda m, h, xs: m.vmap(lambda h, xs: m.scan(lambda h, x: (h * x, h + x), h, xs))(h, xs), (M[:, 0], M)),
    Row("hessian of scan", lambda m, h, xs: m.hessian(lambda h: m.sum(m.scan(lambda h, x: (m.tanh(h * x), h), h, xs)[0]))(h), (V, M)),
    Row("nested scan", lambda m, h, xs: m.grad(lambda h: m.scan(
        lambda h, row: (m.scan(lambda c, x: (m.sin(c + x), None), h, row)[0], h), h, xs)[0])(h), (S, M)),
    Row("cond in scan", lambda m, h, xs: m.grad(lambda h: m.scan(lambda h, x: (m.cond(x > 0, m.sin, lambda h: h * x, h), h), h, xs)[0])(h), (S, V)),
    Row("cond with a closure", lambda m, x, y: m.grad(lambda y: m.cond(x > 0, lambda x: x * y, lambda x: x, x))(y), (S, T)),
    Row("gradient of switch in vmap", lambda m, x, i: m.vmap(m.grad(lambda x, i: m.switch(i, [m.sin, m.cos, lambda x: x ** 3], x)))(x, i), (M[:, 0], I)),
    Row("jvp of fori_loop", lambda m, x: m.jvp(lambda x: m.fori_loop(1, 4, lambda i, y: y * x + i, x), (x,), (m.ones_like(x),)), (V,)),
    Row("while_loop with a mapped closure", lambda m, x, y: m.vmap(
        lambda x, y: m.while_loop(lambda v: v < y, lambda v: v * 1.5 + x, x))(x, y), (np.abs(V), 9 + U)),
    Row("jacfwd of while_loop", lambda m, x: m.jacfwd(lambda x: m.while_loop(lambda c: m.sum(c) < 100, lambda c: c * c[0] + 1, x))(x), (np.abs(V) + 1,)),
    Row("jit", lambda m, x: m.jit(lambda x: m.sin(x) * x)(x), (V,)),
    Row("jit of grad", lambda m, p, x: m.jit(m.grad(lambda p, x: m.sum(layer(m, p, x) ** 2)))(p, x), (TREE, M)),
    Row("grad of jit", lambda m, x: m.grad(m.jit(lambda x: m.prod(m.sin(x))))(x), (V,)),
    Row("vmap of jit and jit of vmap", lambda m, x: (m.vmap(m.jit(lambda x: m.softmax(x, 0)))(x), m.jit(m.vmap(lambda x: m.softmax(x, 0)))(x)), (M,)),
    Row("jit of hessian", lambda m, x: m.jit(m.hessian(lambda x: m.prod(m.sin(x))))(x), (V,)),
    Row("jvp of jit of grad", lambda m, x, t: m.jvp(m.jit(m.grad(lambda x: m.prod(m.sin(x)))), (x,), (t,)), (V, U)),
    Row("jit of scan of grad", lambda m, x: m.jit(lambda x: m.scan(lambda x, _: (x - m.grad(lambda x: m.sum(x ** 4))(x), m.sum(x)), x, None, length=3))(x), (V,)),
    Row("jit of cond in grad", lambda m, x: m.jit(m.grad(lambda x: m.cond(m.sum(x) > 0, lambda x: m.sum(m.sin(x)), lambda x: m.sum(x * x), x)))(x), (V,)),
]
