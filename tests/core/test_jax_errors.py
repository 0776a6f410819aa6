"""What JAX refuses, workbench refuses too: one program for both, JAX's error beside ours and what ours says.

`ACCEPTED` are programs that JAX refuses and workbench computes, on purpose, with their values.
"""
from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import workbench as wb
from tests.core.test_jax_semantics import Names, leaves_to
from workbench import errors

jax = pytest.importorskip("jax", reason="the oracle needs jax")
pytestmark = pytest.mark.oracle

V, M, Z, I = np.array([1.0, 2.0, 3.0]), np.arange(12.0).reshape(4, 3), np.array([1 + 2j, 3.0]), np.arange(3)
S = np.float64(2.0)


@dataclasses.dataclass
class Point:
    x: object


def unfinished(m):
    return m.custom_vjp(lambda x: x)


def with_rule(m, fwd, bwd):
    f = m.custom_vjp(lambda x, y: x * y)
    f.defvjp(fwd, bwd)
    return f


def leak(m, run):
    kept = []
    run(lambda x: kept.append(x) or x * 2)
    return kept[0] + 1


REFUSED = {
    "grad of a vector": (lambda m, x: m.grad(lambda x: x * 2)(x), (V,), TypeError, errors.ShapeError, "one"),
    "grad of a tuple": (lambda m, x: m.grad(lambda x: (x, x))(x), (S,), TypeError, errors.ArgumentError, "has_aux"),
    "grad of a dict": (lambda m, x: m.grad(lambda x: {"a": x})(x), (S,), TypeError, errors.ArgumentError, "dict"),
    "grad of None": (lambda m, x: m.grad(lambda x: None)(x), (S,), TypeError, errors.ArgumentError, "None"),
    "grad of an integer argument": (lambda m, i: m.grad(lambda i: m.sum(i * 1.0))(i), (I,), TypeError, errors.DTypeError, "int64"),
    "grad of a boolean argument": (lambda m, b: m.grad(lambda b: m.sum(b * 1.0))(b), (V > 1,), TypeError, errors.DTypeError, "bool"),
    "grad of an integer result": (lambda m, x: m.grad(lambda x: m.argmax(x))(x), (V,), TypeError, errors.DTypeError, "int64"),
    "grad of a complex result": (lambda m, z: m.grad(lambda z: m.sum(z * z))(z), (Z,), TypeError, errors.DTypeError, "holomorphic=True"),
    "holomorphic grad of a real argument": (lambda m, x: m.grad(lambda x: x * 1j, holomorphic=True)(x), (S,), TypeError, errors.DTypeError, "complex"),
    "holomorphic grad of a real result": (
        lambda m, z: m.grad(lambda z: m.sum(m.abs(z)), holomorphic=True)(z), (Z,), TypeError, errors.DTypeError, "complex"),
    "argnums beyond the arguments": (lambda m, x: m.grad(lambda x: x, 1)(x), (S,), (TypeError, ValueError), errors.ArgumentError, "argnums"),
    "argnums below the arguments": (lambda m, x: m.grad(lambda x: x, -2)(x), (S,), (TypeError, ValueError), errors.ArgumentError, "argnums"),
    "argnums by name": (lambda m, x: m.grad(lambda x: x, "x")(x), (S,), (TypeError, ValueError), errors.ArgumentError, "argnums"),
    "argnums twice the same": (lambda m, x: m.grad(lambda x, y: x * y, (0, 0))(x, x), (S,), TypeError, errors.ArgumentError, "twice"),
    "has_aux without aux": (lambda m, x: m.grad(lambda x: m.sum(x), has_aux=True)(x), (V,), TypeError, errors.ArgumentError, "has_aux"),
    "has_aux with a vector of two": (lambda m, x: m.grad(lambda x: x[:2], has_aux=True)(x), (V,), TypeError, errors.ArgumentError, "has_aux"),
    "has_aux with three": (lambda m, x: m.grad(lambda x: (m.sum(x), x, x), has_aux=True)(x), (V,), TypeError, errors.ArgumentError, "has_aux"),
    "vjp has_aux without aux": (lambda m, x: m.vjp(lambda x: x[:2], x, has_aux=True), (V,), TypeError, errors.ArgumentError, "has_aux"),
    "jvp has_aux without aux": (lambda m, x: m.jvp(lambda x: x[:2], (x,), (x,), has_aux=True), (V,), TypeError, errors.ArgumentError, "has_aux"),
    "a cotangent of another shape": (lambda m, x: m.vjp(m.sin, x)[1](x[:2]), (V,), ValueError, errors.ShapeError, "cotangent"),
    "a cotangent of another dtype": (lambda m, x, z: m.vjp(m.sin, x)[1](z), (V[:2], Z), ValueError, errors.DTypeError, "cotangent"),
    "a cotangent of another structure": (lambda m, x: m.vjp(lambda x: (x, x), x)[1](x), (V,), (TypeError, ValueError), errors.ArgumentError, "structure"),
    "a cotangent with other keys": (lambda m, x: m.vjp(lambda x: {"a": x}, x)[1]({"b": x}), (V,), (TypeError, ValueError), errors.ArgumentError, "structure"),
    "two cotangents for one output": (lambda m, x: m.vjp(m.sin, x)[1](x, x), (V,), TypeError, TypeError, "argument"),
    "a tangent of another shape": (lambda m, x: m.jvp(m.sin, (x,), (x[:2],)), (V,), ValueError, errors.ShapeError, "tangent"),
    "a tangent of another dtype": (lambda m, x, y: m.jvp(m.sin, (x,), (y,)), (V, V.astype(np.float32)), TypeError, errors.DTypeError, "tangent"),
    "an integer tangent": (lambda m, x, i: m.jvp(m.sin, (x,), (i,)), (V, I), TypeError, errors.DTypeError, "tangent"),
    "an integer primal": (lambda m, i: m.jvp(lambda i: i * i, (i,), (i,)), (I,), TypeError, errors.DTypeError, "int64"),
    "tangents of another structure": (lambda m, x: m.jvp(lambda p: p[0], ((x, x),), (x,)), (V,), TypeError, errors.ArgumentError, "structure"),
    "too few tangents": (lambda m, x: m.jvp(lambda x, y: x, (x, x), (x,)), (V,), TypeError, errors.ArgumentError, "structure"),
    "primals that are no tuple": (lambda m, x: m.jvp(m.sin, x, x), (V,), TypeError, errors.ArgumentError, "tuples"),
    "jacfwd of an integer argument": (lambda m, i: m.jacfwd(lambda i: i * 1.0)(i), (I,), TypeError, errors.DTypeError, "int64"),
    "jacfwd of a complex argument": (lambda m, z: m.jacfwd(lambda z: z * z)(z), (Z,), TypeError, errors.DTypeError, "holomorphic=True"),
    "jacrev of an integer argument": (lambda m, i: m.jacrev(lambda i: i * 1.0)(i), (I,), TypeError, errors.DTypeError, "int64"),
    "jacrev of an integer result": (lambda m, x: m.jacrev(lambda x: m.argsort(x))(x), (V,), TypeError, errors.DTypeError, "int64"),
    "jacrev of a complex result": (lambda m, z: m.jacrev(lambda z: z * z)(z), (Z,), TypeError, errors.DTypeError, "holomorphic=True"),
    "holomorphic jacobian of a real argument": (lambda m, x: m.jacrev(m.sin, holomorphic=True)(x), (V,), TypeError, errors.DTypeError, "complex"),
    "vmap over different lengths": (lambda m, x, y: m.vmap(lambda x, y: x)(x, y), (V, M), ValueError, errors.ShapeError, "different lengths"),
    "vmap over different lengths in a tree": (lambda m, x, y: m.vmap(lambda p: p[0])((x, y)), (V, M), ValueError, errors.ShapeError, "different lengths"),
    "in_axes with too few entries": (lambda m, x: m.vmap(lambda x, y: x, in_axes=(0,))(x, x), (V,), ValueError, errors.ArgumentError, "in_axes"),
    "in_axes with too many entries": (lambda m, x: m.vmap(lambda x: x, in_axes=(0, None))(x), (V,), ValueError, errors.ArgumentError, "in_axes"),
    "in_axes beyond the axes": (lambda m, x: m.vmap(lambda x: x, in_axes=1)(x), (V,), ValueError, errors.ShapeError, "axis 1"),
    "in_axes below the axes": (lambda m, x: m.vmap(lambda x: x, in_axes=-2)(x), (V,), ValueError, errors.ShapeError, "axis -2"),
    "in_axes all None": (lambda m, x: m.vmap(lambda x: x, in_axes=None)(x), (V,), ValueError, errors.ArgumentError, "no argument is mapped"),
    "in_axes no integer": (lambda m, x: m.vmap(lambda x: x, in_axes=(1.0,))(x), (V,), TypeError, errors.ArgumentError, "in_axes"),
    "in_axes with other keys": (lambda m, x: m.vmap(lambda p: p["a"], in_axes=({"b": 0},))({"a": x}), (V,), ValueError, errors.ArgumentError, "keys"),
    "vmap of a scalar": (lambda m, x: m.vmap(lambda x: x)(x), (S,), ValueError, errors.ShapeError, "use None"),
    "vmap without arguments": (lambda m: m.vmap(lambda: 1.0)(), (), ValueError, errors.ArgumentError, "no argument is mapped"),
    "axis_size that is not that of the arguments": (lambda m, x: m.vmap(lambda x: x, axis_size=2)(x), (V,), ValueError, errors.ShapeError, "axis_size"),
    "out_axes None for a mapped output": (lambda m, x: m.vmap(lambda x: x, out_axes=None)(x), (V,), ValueError, errors.GraphError, "out_axes"),
    "out_axes with too many entries": (lambda m, x: m.vmap(lambda x: (x, x), out_axes=(0, 0, 0))(x), (V,), ValueError, errors.ArgumentError, "axes"),
    "out_axes beyond the axes": (lambda m, x: m.vmap(lambda x: x, out_axes=2)(x), (V,), ValueError, errors.ShapeError, "2"),
    "out_axes no integer": (lambda m, x: m.vmap(lambda x: x, out_axes="a")(x), (V,), TypeError, errors.ArgumentError, "out_axes"),
    "if on a mapped value": (lambda m, x: m.vmap(lambda x: x if x > 0 else -x)(x), (V,), jax.errors.TracerBoolConversionError, errors.GraphError, "where"),
    "float of a mapped value": (lambda m, x: m.vmap(lambda x: float(x))(x), (V,), jax.errors.ConcretizationTypeError, errors.GraphError, "vmap"),
    "NumPy of a mapped value": (lambda m, x: m.vmap(lambda x: np.asarray(x))(x), (V,), jax.errors.TracerArrayConversionError, errors.GraphError, "vmap"),
    "a mask of a mapped value": (lambda m, x: m.vmap(lambda x: x[x > 0])(x), (M,), jax.errors.NonConcreteBooleanIndexError, errors.GraphError, "mask"),
    "a shape that depends on mapped values": (lambda m, x: m.vmap(lambda x: m.nonzero(x))(x), (M,), jax.errors.ConcretizationTypeError, errors.GraphError, "shape"),
    "a value that escaped vmap": (lambda m, x: leak(m, lambda f: m.vmap(f)(x)), (V,), jax.errors.UnexpectedTracerError, errors.GraphError, "finished"),
    "a value that escaped jit": (lambda m, x: leak(m, lambda f: m.jit(f)(x)), (V,), jax.errors.UnexpectedTracerError, errors.GraphError, "finished jit"),
    "if on a traced value": (lambda m, x: m.jit(lambda x: x if x > 0 else -x)(x), (S,), jax.errors.TracerBoolConversionError, errors.TraceError, "cond"),
    "an unknown axis name": (lambda m, x: m.vmap(lambda x: m.psum(x, "j"), axis_name="i")(x), (V,), NameError, errors.WorkbenchError, "j"),
    "custom_vjp without rules": (lambda m, x: m.grad(unfinished(m))(x), (S,), AttributeError, errors.GraphError, "defvjp"),
    "custom_vjp with too few cotangents": (lambda m, x: m.grad(with_rule(m, lambda x, y: (x * y, y), lambda r, g: (g * r,)))(x, x), (S,),
                                           (TypeError, ValueError), errors.ArgumentError, "bwd"),
    "custom_vjp with a cotangent of another shape": (
        lambda m, x: m.grad(lambda x: m.sum(with_rule(m, lambda x, y: (x * y, y), lambda r, g: (g[:2], g))(x, x)))(x), (V,),
        (TypeError, ValueError), errors.ShapeError, "cotangent"),
    "custom_vjp whose fwd returns no pair": (
        lambda m, x: m.grad(with_rule(m, lambda x, y: x * y, lambda r, g: (g, g)))(x, x), (S,), TypeError, errors.ArgumentError, "fwd"),
    "cond of a vector": (lambda m, x: m.cond(x > 0, m.sin, m.cos, x), (V,), TypeError, errors.ShapeError, "one element"),
    "branches of other shapes": (
        lambda m, x: m.jit(lambda x: m.cond(x[0] > 0, lambda x: x, lambda x: x[:2], x))(x), (V,), TypeError, errors.ShapeError, "branch"),
    "branches of other structure": (
        lambda m, x: m.jit(lambda x: m.cond(x > 0, lambda x: x, lambda x: (x, x), x))(x), (S,), TypeError, errors.ArgumentError, "branch"),
    "switch without branches": (lambda m, x: m.switch(0, [], x), (S,), ValueError, errors.ArgumentError, "branches"),
    "switch by a float": (lambda m, x: m.switch(x, [m.sin, m.cos], x), (S,), TypeError, errors.DTypeError, "integer"),
    "scan over different lengths": (lambda m, x, y: m.scan(lambda c, p: (c, c), 0.0, (x, y)), (V, M), ValueError, errors.ShapeError, "first axis"),
    "scan without xs and length": (lambda m, x: m.scan(lambda c, _: (c, c), x, None), (S,), ValueError, errors.WorkbenchError, "length"),
    "scan whose carry changes shape": (lambda m, x: m.scan(lambda c, y: (c[:2], y), x, x), (V,), TypeError, errors.ShapeError, "carry"),
    "scan whose carry changes dtype": (lambda m, x, i: m.scan(lambda c, y: (c * y, y), i[0], x), (V, I), TypeError, errors.DTypeError, "carry"),
    "scan whose carry changes structure": (lambda m, x: m.scan(lambda c, y: ((c, c), y), x, x), (V,), TypeError, errors.ArgumentError, "structure"),
    "scan that returns no pair": (lambda m, x: m.scan(lambda c, y: (c, y, y), x, x), (V,), (TypeError, ValueError), errors.ArgumentError, "carry"),
    "while_loop that changes structure": (lambda m, x: m.while_loop(lambda c: True, lambda c: (c, c), x), (S,), TypeError, errors.ArgumentError, "structure"),
    "a pushforward of another shape": (lambda m, x: m.linearize(m.sin, x)[1](x[:2]), (V,), ValueError, errors.ShapeError, "tangent"),
    "a transpose of another structure": (lambda m, x: m.linear_transpose(lambda x: x * 2, x)((x, x)), (V,), TypeError, errors.ArgumentError, "structure"),
    "hessian of an integer argument": (lambda m, i: m.hessian(lambda i: m.sum(i * 1.0))(i), (I,), TypeError, errors.DTypeError, "int64"),
    "in_axes an empty list": (lambda m, x: m.vmap(lambda x: x, in_axes=[])(x), (V,), ValueError, errors.ArgumentError, "in_axes"),
}

ACCEPTED = {
    "forward mode of custom_vjp": (lambda m, x: m.jvp(with_rule(m, lambda x, y: (x * y, (x, y)), lambda r, g: (g * r[1], g * r[0])), (x, x), (x, x))[1],
                                   (S,), TypeError, 8.0),
    "reverse mode of while_loop": (lambda m, x: m.grad(lambda x: m.while_loop(lambda y: y < 100, lambda y: y * y, x))(x), (S,), ValueError, 1024.0),
    "branches of other shapes without jit": (lambda m, x: m.cond(x[0] > 0, lambda x: x[0], lambda x: x[:2], x), (V,), TypeError, 1.0),
    "a dataclass that nobody registered": (lambda m, x: m.grad(lambda p: m.sum(p.x ** 2))(Point(x)).x[0], (V,), TypeError, 2.0),
}


@pytest.mark.parametrize(("program", "inputs", "theirs", "ours", "says"), REFUSED.values(), ids=REFUSED)
def test_what_jax_refuses_is_an_error(program, inputs, theirs, ours, says):
    with jax.enable_x64(True), pytest.raises(theirs):
        program(Names(), *leaves_to(jax.numpy.asarray, inputs))
    with pytest.raises(ours, match=says):
        program(wb, *leaves_to(wb.as_tensor, inputs))


@pytest.mark.parametrize(("program", "inputs", "theirs", "value"), ACCEPTED.values(), ids=ACCEPTED)
def test_what_jax_refuses_and_we_compute(program, inputs, theirs, value):
    with jax.enable_x64(True), pytest.raises(theirs):
        program(Names(), *leaves_to(jax.numpy.asarray, inputs))
    assert program(wb, *leaves_to(wb.as_tensor, inputs)).item() == value
