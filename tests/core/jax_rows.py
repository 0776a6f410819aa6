"""Programs over transformations, written once for JAX and for workbench: `m` is either of the two.

A row is a name, a program ``(m, *inputs)`` and its inputs. The names of JAX and PyTorch coincide for everything used
here (but for a few, told apart by `is_jax`). `ours` is the value where ours is another on purpose, which is so
where mathematics leaves a choice and PyTorch chose otherwise.
"""
from __future__ import annotations

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
    Row("relu at 0", lambda m, x: m.vmap(m.grad(m.relu))(x), (np.array([-1.0, 0.0, 2.0]),)),
    Row("clip at its bounds", lambda m, x: m.vmap(m.grad(lambda x: m.clip(x, -1.0, 1.0)))(x), (np.array([-2.0, -1.0, 0.5, 1.0, 2.0]),),
        np.array([0.0, 1.0, 1.0, 1.0, 0.0])),  # as PyTorch: JAX shares the gradient between x and the bound
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
