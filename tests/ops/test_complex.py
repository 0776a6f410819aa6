"""Complex numbers: values, gradients (conjugate Wirtinger) of two orders, forward mode and vmap, against PyTorch.

The element-wise ops with a complex derivative come from their declarations, so a new one is checked without being
listed; all others are listed below with what they are called with.
"""
import numpy as np
import pytest

import workbench as wb
from workbench.core.op import REGISTRY

torch = pytest.importorskip("torch", reason="the oracle needs torch")
pytestmark = pytest.mark.oracle

HOLOMORPHIC = [op.name for op in REGISTRY.values() if op.holomorphic and op.vjp and op.arity in (1, 2) and not op.parameters and "d/dx" in op.doc]
THEIRS = {"silu": "(lambda x: x * torch.sigmoid(x))",
          "nan_to_num": "(lambda x: torch.complex(torch.nan_to_num(x.real), torch.nan_to_num(x.imag)))"}
"""What differs from the name, or PyTorch cannot differentiate."""
SHAPE = (3, 4)
C, R = "complex", "real"
OTHERS = {
    "abs": ("lib.abs(x)", C), "angle": ("lib.angle(x)", C), "real": ("lib.real(x)", C), "imag": ("lib.imag(x)", C), "conj": ("lib.conj(x) * x", C),
    "conj alone": ("lib.conj_physical(x)", C), "sgn": ("lib.sgn(x)", C), "polar": ("lib.polar(x, y)", R, R), "complex": ("lib.complex(x, y)", R, R),
    "view_as_real": ("lib.view_as_real(x)", C), "view_as_complex": ("lib.view_as_complex(lib.stack([x, y], -1))", R, R),
    "nan_to_num": ("lib.nan_to_num(x)", C), "lerp": ("lib.lerp(x, y, z)", C, C, C), "addcmul": ("lib.addcmul(x, y, z, value=2)", C, C, C),
    "addcdiv": ("lib.addcdiv(x, y, z)", C, C, C), "rsub": ("lib.rsub(x, y)", C, C), "where": ("lib.where(lib.abs(x) > 1, x, y)", C, C),
    "real times complex": ("x * y", R, C), "complex to a real power": ("x ** y", C, R), "real minus complex": ("x - y", R, C), "complex over real": ("x / y", C, R),
    "a power that is a number": ("x ** 3 + x ** 0.5 + 2.0 ** x + x ** (1 + 2j)", C), "a complex number": ("x * (2 + 1j)", R),
    "float_power": ("lib.float_power(x, y)", C, C), "sum": ("lib.sum(x, dim=1)", C), "mean": ("lib.mean(x, dim=0)", C), "prod": ("lib.prod(x, dim=1)", C),
    "cumsum": ("lib.cumsum(x, dim=1)", C),
    "cumprod": ("lib.cumprod(x, dim=1)", C), "var": ("lib.var(x, dim=1)", C), "std": ("lib.std(x, dim=1)", C), "norm": ("lib.norm(x, dim=1)", C),
    "diff": ("lib.diff(x, dim=0)", C), "trapezoid": ("lib.trapezoid(x, y)", C, C), "cumulative_trapezoid": ("lib.cumulative_trapezoid(x, dx=2)", C),
    "gradient": ("lib.gradient(x, dim=1)[0]", C), "logsumexp": ("lib.logsumexp(x, dim=1)", C),
    "dist": ("lib.dist(x, y)", C, C), "var_mean": ("lib.var_mean(x, dim=0)[1]", C),
    "matmul": ("x @ lib.conj(y).T", C, C), "square of abs": ("lib.abs(x) ** 2", C), "logarithm of abs": ("lib.log(lib.abs(x))", C),
}
CASES = {**{name: (f"lib.{name}(x)" if REGISTRY[name].arity == 1 else f"lib.{name}(x, y)", *(C,) * REGISTRY[name].arity) for name in HOLOMORPHIC}, **OTHERS}


def drawn(name, kinds):
    rng = np.random.default_rng(len(name))
    parts = [rng.uniform(0.3, 1.2, SHAPE) * rng.choice([-1.0, 1.0], SHAPE) for _ in range(2 * len(kinds))]
    return [parts[2 * i] + 1j * parts[2 * i + 1] if kind == C else np.abs(parts[2 * i]) for i, kind in enumerate(kinds)]


def both(name):
    source, *kinds = CASES[name]
    call = lambda text, lib: lambda *args: eval(text, {"lib": lib, "torch": torch, **dict(zip("xyz", args, strict=False))})
    return call(source, wb), call(source.replace(f"lib.{name}(", f"{THEIRS[name]}(") if name in THEIRS else source, torch), drawn(name, kinds)


def numbers(values):
    return [np.asarray(v.numpy() if isinstance(v, wb.Tensor) else v.detach().resolve_conj().numpy()) for v in values]


def close(found, wanted, rtol=1e-9):
    for a, b in zip(numbers(found), numbers(wanted), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


def weight_for(shape):
    return np.random.default_rng(7).normal(size=shape) + 1j * np.random.default_rng(8).normal(size=shape)


def height(lib, out):
    """A real number of any output, with other weights on its real and imaginary parts."""
    weight = weight_for(tuple(out.shape))
    if not (out.is_complex() if lib is torch else out.dtype.kind == "c"):
        return lib.sum(out * lib.tensor(weight.real))
    return lib.sum(lib.real(out * lib.tensor(weight)))


@pytest.mark.parametrize("precision", [np.complex128, np.complex64], ids=["complex128", "complex64"])
@pytest.mark.parametrize("name", CASES)
def test_values(name, precision):
    ours, theirs, args = both(name)
    args = [a.astype(precision if a.dtype.kind == "c" else precision(0).real.dtype) for a in args]
    close([ours(*map(wb.tensor, args))], [theirs(*map(torch.tensor, args))], 1e-9 if precision is np.complex128 else 2e-5)


@pytest.mark.parametrize("name", CASES)
def test_gradients_of_two_orders(name):
    ours, theirs, args = both(name)
    places = tuple(range(len(args)))
    gradient = wb.grad(lambda *args: height(wb, ours(*args)), argnums=places)
    inputs = [torch.tensor(a, requires_grad=True) for a in args]
    wanted = torch.autograd.grad(height(torch, theirs(*inputs)), inputs, create_graph=True)
    close(gradient(*map(wb.tensor, args)), wanted)
    if not any(w.requires_grad for w in wanted):
        return
    second = wb.grad(lambda *args: sum(height(wb, g) for g in gradient(*args)), argnums=places)
    again = torch.autograd.grad(sum(height(torch, g) for g in wanted), inputs, allow_unused=True)
    close(second(*map(wb.tensor, args)), [torch.zeros_like(x) if g is None else g for x, g in zip(inputs, again, strict=True)], 1e-8)


@pytest.mark.parametrize("name", CASES)
def test_forward_mode_is_the_transpose_of_reverse_mode(name):
    ours, _, args = both(name)
    args = [wb.tensor(a) for a in args]
    tangents = [wb.tensor(weight_for(SHAPE) if a.dtype.kind == "c" else weight_for(SHAPE).real) for a in args]
    _, pushed = wb.jvp(ours, args, tangents)
    out, pullback = wb.vjp(ours, *args)
    assert pushed.dtype == out.dtype
    cotangent = weight_for(tuple(out.shape)) if out.dtype.kind == "c" else weight_for(tuple(out.shape)).real
    back = pullback(wb.tensor(cotangent))
    inner = lambda a, b: float((np.conj(a.numpy()) * np.asarray(b)).real.sum())
    np.testing.assert_allclose(inner(pushed, cotangent), sum(inner(b, t.numpy()) for b, t in zip(back, tangents, strict=True)), rtol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_vmap_equals_a_loop(name):
    ours, _, args = both(name)
    stacked = [np.stack([a, a * 0.5]) for a in args]
    found = wb.vmap(ours)(*map(wb.tensor, stacked))
    for index in range(2):
        np.testing.assert_allclose(found[index].numpy(), ours(*(wb.tensor(a[index]) for a in stacked)).numpy(), rtol=1e-9)


OF_ONE, OF_TWO = ("amax", "argmin", "floor", "erf", "digamma", "relu", "sign", "gelu_tanh", "cummax"), ("lt", "ge", "maximum", "fmin", "remainder", "atan2")


@pytest.mark.parametrize("name", [*OF_ONE, *OF_TWO])
def test_what_needs_an_order_refuses(name):
    x = wb.tensor([1 + 2j, 3 - 1j])
    with pytest.raises(wb.errors.DTypeError, match="complex"):
        getattr(wb, name)(*(x,) * (1 if name in OF_ONE else 2), **({"dim": 0} if name == "cummax" else {}))


@pytest.mark.parametrize("name", ["abs", "sgn", "angle", "norm"])
def test_gradients_at_zero(name):
    ours, theirs, args = both(name)
    args[0][:, 0] = 0
    if name == "norm":
        args[0][0] = 0
    x = torch.tensor(args[0], requires_grad=True)
    close([wb.grad(lambda x: height(wb, ours(x)))(wb.tensor(args[0]))], torch.autograd.grad(height(torch, theirs(x)), [x]))
