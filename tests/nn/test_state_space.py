"""`nn.functional.selective_scan` against a loop in float64 and over long sequences, and state-space layers step by step."""
from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import workbench as wb
from workbench import errors, nn
from workbench.nn import functional as F
from workbench.ops import state_space

N, CHANNELS, STATE = 2, 4, 3
COEFFICIENTS = {"all": lambda length: (N, STATE, length), "grouped": lambda length: (N, 2, STATE, length), "constant": lambda length: (CHANNELS, STATE)}


def arguments(length, b="all", c="all", seed=0):
    rng = np.random.default_rng(seed)
    return dict(u=rng.normal(size=(N, CHANNELS, length)), delta=rng.uniform(-3, 0.5, (N, CHANNELS, length)), A=-rng.uniform(0.1, 2, (CHANNELS, STATE)),
                B=rng.normal(size=COEFFICIENTS[b](length)), C=rng.normal(size=COEFFICIENTS[c](length)), D=rng.normal(size=CHANNELS),
                z=rng.normal(size=(N, CHANNELS, length)), delta_bias=rng.normal(size=CHANNELS))


def tensors(arrays, dtype="float64"):
    return {name: wb.tensor(a, dtype=dtype, requires_grad=True) for name, a in arrays.items()}


@pytest.mark.oracle
@pytest.mark.parametrize("length", [1, 64, 150])
@pytest.mark.parametrize(("b", "c"), [("all", "all"), ("grouped", "constant"), ("constant", "grouped"), ("constant", "constant")])
def test_selective_scan_is_the_loop_forward_and_gradient(length, b, c):
    torch = pytest.importorskip("torch", reason="torch differentiates the loop: install the extra oracle")
    from tests.nn.formulas.state_space import scan

    arrays = arguments(length, b, c)
    mine, theirs = tensors(arrays), {name: torch.tensor(a, requires_grad=True) for name, a in arrays.items()}
    found = F.selective_scan(**mine, delta_softplus=True, return_last_state=True)
    wanted = scan(**theirs, delta_softplus=True)
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=tuple(part.shape)) for part in wanted]
    for x, y in zip(found, wanted, strict=True):
        np.testing.assert_allclose(x.detach().numpy(), y.detach().numpy(), rtol=1e-11, atol=1e-12)
    sum((x * wb.tensor(v)).sum() for x, v in zip(found, weights, strict=True)).backward()
    sum((y * torch.tensor(v)).sum() for y, v in zip(wanted, weights, strict=True)).backward()
    for name in arrays:
        np.testing.assert_allclose(mine[name].grad.numpy(), theirs[name].grad.numpy(), rtol=1e-10, atol=1e-11, err_msg=name)


def test_the_chunks_are_the_composite():
    arrays = {name: a for name, a in arguments(150).items() if name in "u delta A B C"}
    u, delta, A, B, C = map(wb.tensor, arrays.values())
    given = (u, wb.exp(delta), A, B.unsqueeze(1), C.unsqueeze(1))
    for last in (False, True):
        run = lambda f, last=last: wb.vjp(lambda *x: f(*x, last=last), *given)
        (fused, pull), (composite, pull_composite) = run(state_space.selective_scan_core), run(state_space.scan_reference)
        np.testing.assert_allclose(fused.numpy(), composite.numpy(), rtol=1e-10, atol=1e-12)
        for a, b in zip(pull(wb.ones_like(fused)), pull_composite(wb.ones_like(fused)), strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-9, atol=1e-11)


def test_doubling_gives_what_the_loop_gives():
    rng = np.random.default_rng(0)
    factor, value = rng.uniform(0.1, 1, (36, 2, 3)), rng.normal(size=(37, 2, 3))
    one, other = value.copy(), value.copy()
    state_space._run(factor, one)
    state_space._double(factor, other)
    np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 5e-3), ("bfloat16", 4e-2)])
def test_half_precision_is_computed_in_float32(dtype, tolerance):
    arrays = arguments(200)
    exact = F.selective_scan(**tensors({name: wb.tensor(a, dtype=dtype).double().numpy() for name, a in arrays.items()}), delta_softplus=True)
    low = tensors(arrays, dtype)
    out = F.selective_scan(**low, delta_softplus=True)
    out.sum().backward()
    assert {out.dtype.name, *(x.grad.dtype.name for x in low.values())} == {dtype}
    np.testing.assert_allclose(out.detach().double().numpy(), exact.detach().numpy(), rtol=tolerance, atol=tolerance * 5)


def test_32768_tokens_in_float32_stay_finite_and_near_float64():
    length = 32768
    found = {}
    for dtype in ("float32", "float64"):
        parts = tensors(arguments(length), dtype)
        out = F.selective_scan(**parts, delta_softplus=True)
        out.mean().backward()
        found[dtype] = [out.detach().numpy(), *(x.grad.numpy() for x in parts.values())]
    for low, high in zip(found["float32"], found["float64"], strict=True):
        assert np.isfinite(low).all()
        np.testing.assert_allclose(low, high, rtol=1e-3, atol=1e-4 * np.abs(high).max())


def test_memory_grows_no_faster_than_the_sequence():
    def peak(length):
        parts = tensors(arguments(length), "float32")
        tracemalloc.start()
        F.selective_scan(**parts, delta_softplus=True).sum().backward()
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return held / length

    assert peak(8192) < 1.1 * peak(2048)


@pytest.mark.parametrize("make", [lambda: nn.Mamba(4, 4), lambda: nn.S4D(4, 8)], ids=["Mamba", "S4D"])
def test_layers_and_their_gradients_stay_finite_over_32768_tokens(make):
    wb.manual_seed(0)
    layer, x = make(), wb.randn(1, 32768, 4, requires_grad=True)
    (layer(x) ** 2).mean().backward()
    for leaf in (x, *layer.parameters()):
        assert np.isfinite(leaf.grad.numpy()).all()
        assert abs(leaf.grad.numpy()).max() > 0


@pytest.mark.parametrize("layer", [nn.Mamba(6, 4, dtype="float64"), nn.S4D(6, 8, dtype="float64")], ids=lambda x: type(x).__name__)
def test_steps_equal_the_whole_sequence(layer):
    x, state, outputs = wb.randn(2, 11, 6, dtype="float64"), layer.initial_state(2), []
    if isinstance(layer, nn.S4D):
        state = state.to("complex128")
    for t in range(11):
        y, state = layer.step(x[:, t], state)
        outputs.append(y)
    np.testing.assert_allclose(wb.stack(outputs, 1).detach().numpy(), layer(x).detach().numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("length", [2, 9])
def test_mamba_goes_on_from_the_state_of_a_prompt(length):
    layer, x = nn.Mamba(6, 4, dtype="float64"), wb.randn(2, 11, 6, dtype="float64")
    outputs, state = layer(x[:, :length], return_state=True)
    outputs = [outputs]
    for t in range(length, 11):
        y, state = layer.step(x[:, t], state)
        outputs.append(y.unsqueeze(1))
    np.testing.assert_allclose(wb.concat(outputs, 1).detach().numpy(), layer(x).detach().numpy(), rtol=1e-9, atol=1e-12)


def test_mamba_begins_with_steps_between_its_limits():
    layer = nn.Mamba(64, dt_min=0.01, dt_max=0.2)
    steps = wb.softplus(layer.dt_proj.bias).detach().numpy()
    assert 0.0099 <= steps.min() < 0.02
    assert 0.1 < steps.max() <= 0.201


def test_mamba_has_the_state_keys_of_its_authors():
    assert set(nn.Mamba(4).state_dict()) == {"A_log", "D", "in_proj.weight", "conv1d.weight", "conv1d.bias", "x_proj.weight", "dt_proj.weight",
                                             "dt_proj.bias", "out_proj.weight"}


@pytest.mark.oracle
def test_mamba_is_that_of_transformers():
    torch = pytest.importorskip("torch", reason="transformers runs on torch: install the extra oracle")
    modeling = pytest.importorskip("transformers.models.mamba.modeling_mamba", reason="transformers is the judge here: install the extra oracle")
    config = modeling.MambaConfig(hidden_size=16, state_size=4, intermediate_size=32, time_step_rank=2, conv_kernel=3)
    torch.manual_seed(0)
    theirs = modeling.MambaMixer(config, layer_idx=0).double()
    ours = nn.Mamba(16, 4, 3, dt_rank=2, dtype="float64")
    ours.load_state_dict({name: value.numpy() for name, value in theirs.state_dict().items()})
    x = np.random.default_rng(0).normal(size=(2, 70, 16))
    mine, other = wb.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    out, wanted = ours(mine), theirs(other)
    np.testing.assert_allclose(out.detach().numpy(), wanted.detach().numpy(), rtol=1e-5, atol=1e-7)
    (out * out).sum().backward()
    (wanted * wanted).sum().backward()
    np.testing.assert_allclose(mine.grad.numpy(), other.grad.numpy(), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("wrap", ["jit", "vmap", "grad of jit"])
def test_mamba_inside_transformations(wrap):
    layer, x = nn.Mamba(4, 2, dtype="float64"), wb.randn(3, 2, 9, 4, dtype="float64")
    if wrap == "vmap":
        found = wb.vmap(layer)(x)
        wanted = wb.stack([layer(part) for part in x.unbind()])
    else:
        function = layer if wrap == "jit" else lambda x: wb.grad(lambda x: (layer(x) ** 2).sum())(x)
        found, wanted = wb.jit(function)(x[0]), function(x[0])
    np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), rtol=1e-9, atol=1e-12)


U, A = wb.ones(2, 4, 5), -wb.ones(4, 3)
B = wb.ones(2, 3, 5)


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda: F.selective_scan(wb.ones(4, 5), U, A, B, B), errors.ShapeError, r"\(batch, channels, length\)"),
    (lambda: F.selective_scan(U, wb.ones(2, 4, 6), A, B, B), errors.ShapeError, "delta of shape"),
    (lambda: F.selective_scan(U, U, A, B, B, z=wb.ones(2, 4, 1)), errors.ShapeError, "z of shape"),
    (lambda: F.selective_scan(U, U, wb.ones(3, 3), B, B), errors.ShapeError, "4 channels"),
    (lambda: F.selective_scan(U, U, A, wb.ones(2, 3, 3, 5), B), errors.ShapeError, "B of shape"),
    (lambda: F.selective_scan(U, U, A, B, wb.ones(3, 4)), errors.ShapeError, "C of shape"),
    (lambda: F.selective_scan(U, U, A, B, B, D=wb.ones(3)), errors.ShapeError, "D of shape"),
    (lambda: F.selective_scan(U, U, A, B, B, delta_bias=wb.ones(5)), errors.ShapeError, "delta_bias of shape"),
    (lambda: F.selective_scan(U, U, A.to("complex64"), B, B), errors.DTypeError, "A is complex"),
    (lambda: F.selective_scan(U, U, A, B.to("complex64"), B), errors.DTypeError, "B is complex"),
    (lambda: nn.Mamba(0), errors.ArgumentError, "d_model=0"), (lambda: nn.Mamba(4, dt_min=0.2), errors.ArgumentError, "dt_min <= dt_max"),
    (lambda: nn.Mamba(4, dt_init="zeros"), errors.ArgumentError, "'zeros'"), (lambda: nn.Mamba(4)(wb.ones(2, 3, 5)), errors.ShapeError, r"\(N, L, 4\)"),
    (lambda: nn.Mamba(4).step(wb.ones(2, 3, 4), None), errors.ShapeError, r"\(N, 4\)"),
    (lambda: nn.S4D(4, 7), errors.ArgumentError, "d_state=7"), (lambda: nn.S4D(4)(wb.ones(2, 4)), errors.ShapeError, r"\(N, L, 4\)"),
])
def test_wrong_use(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_half_precision_goes_through_complex_numbers_of_single(half):
    layer, x = nn.S4D(3, 8), wb.randn(2, 10, 3)
    twin = nn.S4D(3, 8).to(half)
    twin.load_state_dict(layer.state_dict())
    y = twin(x.to(half))
    y.sum().backward()
    assert {y.dtype.name, twin.C.grad.dtype.name, twin.step(x[:, 0].to(half), twin.initial_state(2))[0].dtype.name} == {half}
    np.testing.assert_allclose(y.detach().to("float32").numpy(), layer(x).detach().numpy(), atol=0.2)


def test_every_parameter_can_be_written():
    layer = nn.S4D(3, 8)
    before = layer.A_imag.tolist()
    layer(wb.randn(1, 5, 3)).sum().backward()
    wb.optim.SGD(layer.parameters(), lr=0.1).step()
    assert layer.A_imag.tolist() != before
