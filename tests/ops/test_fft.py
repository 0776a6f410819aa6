"""Fourier transforms beyond the op table: complex inputs and gradients, derivatives of every kind, dtypes, wrong use.

The declared ops fft_complex, fft_real and fft_to_real are reached through the public functions.
"""
import numpy as np
import pytest

import workbench as wb
from workbench import errors

CALLS = {
    "fft": ((5,), {}), "fft shorter": ((2, 6), {"n": 4}), "fft longer": ((6, 2), {"n": 7, "dim": 0, "norm": "ortho"}),
    "ifft": ((4,), {"norm": "forward"}), "irfft": ((4,), {}), "irfft odd": ((2, 4), {"n": 7, "norm": "ortho"}), "irfft short": ((5,), {"n": 5}),
    "hfft": ((4,), {"norm": "forward"}), "hfft odd": ((3, 2), {"n": 5, "dim": 0}), "fft2": ((2, 3, 4), {}), "ifft2": ((3, 4), {"norm": "ortho"}),
    "irfft2": ((3, 4), {"s": (2, 5)}), "fftn": ((2, 3, 4), {"dim": (0, 2)}), "ifftn": ((2, 3), {"s": (3, 2)}), "irfftn": ((2, 3, 4), {"norm": "forward"}),
    "hfftn": ((2, 3, 4), {"dim": (2, 0)}), "hfft2": ((3, 3), {"norm": "ortho"}),
}
OF_REAL = {"fft": {}, "ifft": {"n": 7}, "rfft": {}, "rfft odd": {"n": 5, "norm": "ortho"}, "ihfft": {"norm": "forward"}, "rfft2": {}, "fftn": {},
           "rfftn": {"dim": (1, 0), "norm": "forward"}, "ihfftn": {"norm": "ortho"}, "ihfft2": {"s": (2, 5)}}


def numbers(shape, seed=0, dtype=np.complex128):
    rng = np.random.default_rng(seed)
    real = rng.normal(size=shape)
    return (real + 1j * rng.normal(size=shape)).astype(dtype) if np.dtype(dtype).kind == "c" else real.astype(dtype)


def against_torch(name, x, options):
    torch = pytest.importorskip("torch", reason="the oracle needs torch")
    name = name.split()[0]
    tolerance = 1e-10 if x.dtype.itemsize >= 8 and x.dtype != np.complex64 else 2e-5
    theirs = torch.tensor(x, requires_grad=True)
    wanted = getattr(torch.fft, name)(theirs, **options)
    ours = wb.tensor(x, requires_grad=True)
    found = getattr(wb.fft, name)(ours, **options)
    np.testing.assert_allclose(found.detach().numpy(), wanted.numpy(force=True), rtol=tolerance, atol=tolerance)
    assert found.dtype == wanted.numpy(force=True).dtype
    g = numbers(wanted.shape, 1, found.dtype)
    found.backward(wb.tensor(g))
    wanted.backward(torch.tensor(g))
    assert ours.grad.dtype == x.dtype
    np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(force=True), rtol=tolerance, atol=tolerance)


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
@pytest.mark.parametrize("name", CALLS)
def test_values_and_gradients_of_complex_numbers(name, dtype):
    shape, options = CALLS[name]
    against_torch(name, numbers(shape, dtype=dtype), options)


@pytest.mark.oracle
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", OF_REAL)
def test_values_and_gradients_of_real_numbers(name, dtype):
    against_torch(name, numbers((3, 6), dtype=dtype), OF_REAL[name])


def of_two_parts(name, options):
    """A function of real and imaginary part whose second derivative is not zero."""
    def function(re, im):
        out = getattr(wb.fft, name.split()[0])(re + 1j * im if im is not None else re, **options)
        return [part(out * out) for part in ((wb.real, wb.imag) if out.dtype.kind == "c" else (wb.real,))]

    return function


@pytest.mark.parametrize("name", CALLS)
def test_derivatives_of_two_orders(name):
    shape, options = CALLS[name]
    wb.testing.gradcheck(of_two_parts(name, options), [numbers(shape, 2, float), numbers(shape, 3, float)], order=2, directions=1)


@pytest.mark.parametrize("name", OF_REAL)
def test_derivatives_of_two_orders_of_real_numbers(name):
    function = of_two_parts(name, OF_REAL[name])
    wb.testing.gradcheck(lambda x: function(x, None), [numbers((3, 6), 2, float)], order=2, directions=1)


@pytest.mark.parametrize("name", CALLS)
def test_vmap_and_jvp_of_complex_numbers(name):
    shape, options = CALLS[name]
    transform = lambda x: getattr(wb.fft, name.split()[0])(x, **options)
    batch, tangent = wb.tensor(numbers((3, *shape))), wb.tensor(numbers((3, *shape), 4))
    looped = np.stack([transform(x).numpy() for x in batch])
    np.testing.assert_allclose(wb.vmap(transform)(batch).numpy(), looped, rtol=1e-12, atol=1e-12)
    out, pushed = wb.vmap(lambda x, t: wb.jvp(transform, (x,), (t,)))(batch, tangent)
    np.testing.assert_allclose(out.numpy(), looped, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(pushed.numpy(), np.stack([transform(t).numpy() for t in tangent]), rtol=1e-12, atol=1e-12)


def test_integers_and_booleans_are_computed_in_the_default_dtype():
    for values in (wb.arange(4), wb.tensor([True, False])):
        assert wb.fft.fft(values).dtype == wb.fft.rfft(values).dtype == wb.complex64
        assert wb.fft.irfft(values).dtype == wb.float32
    assert wb.fft.fftfreq(4).dtype == wb.float32
    assert wb.fft.rfftfreq(4, dtype="float64").dtype == wb.float64


def test_a_convolution_is_a_product_of_spectra():
    x, y = wb.tensor(numbers(8, dtype=float)), wb.tensor(numbers(8, 1, float))
    found = wb.fft.irfft(wb.fft.rfft(x) * wb.fft.rfft(y))
    wanted = [sum(x[j].item() * y[(k - j) % 8].item() for j in range(8)) for k in range(8)]
    np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-12)


X, Z = wb.ones(2, 3), wb.ones(2, 3, dtype="complex64")
REFUSED = {
    "no points": (lambda: wb.fft.fft(X, n=0), errors.ArgumentError, "fft.*0 numbers"),
    "a negative length": (lambda: wb.fft.fft(X, n=-2), errors.ArgumentError, "-2"),
    "an empty axis": (lambda: wb.fft.fft(wb.zeros(2, 0)), errors.ArgumentError, "0 numbers"),
    "an axis that is not there": (lambda: wb.fft.fft(X, dim=2), errors.AxisError, "fft.*2"),
    "a number": (lambda: wb.fft.fft(wb.tensor(1.0)), errors.AxisError, "fft"),
    "an unknown norm": (lambda: wb.fft.fft(X, norm="backwards"), errors.ArgumentError, "norm='backwards'"),
    "half precision": (lambda: wb.fft.fft(X.half()), errors.DTypeError, "float16.*float"),
    "rfft of complex numbers": (lambda: wb.fft.rfft(Z), errors.DTypeError, "rfft.*real.*complex64"),
    "ihfft of complex numbers": (lambda: wb.fft.ihfft(Z), errors.DTypeError, "real"),
    "rfftn of complex numbers": (lambda: wb.fft.rfftn(Z), errors.DTypeError, "rfftn"),
    "irfft of one number": (lambda: wb.fft.irfft(wb.ones(1)), errors.ArgumentError, "irfft.*length of the result"),
    "irfft to nothing": (lambda: wb.fft.irfft(X, n=0), errors.ArgumentError, "irfft"),
    "an axis twice": (lambda: wb.fft.fftn(X, dim=(0, 0)), errors.AxisError, "twice"),
    "an axis twice, once negative": (lambda: wb.fft.rfftn(X, dim=(1, -1)), errors.AxisError, "twice"),
    "more lengths than axes": (lambda: wb.fft.fftn(X, s=(2, 2, 2)), errors.ShapeError, "3 lengths"),
    "lengths and axes that do not pair": (lambda: wb.fft.fftn(X, s=(2,), dim=(0, 1)), errors.ArgumentError, "1 lengths.*2 axes"),
    "rfftn over no axes": (lambda: wb.fft.rfftn(X, dim=()), errors.ArgumentError, "at least one axis"),
    "irfftn over no axes": (lambda: wb.fft.irfftn(X, dim=()), errors.ArgumentError, "at least one axis"),
    "fft2 of a vector": (lambda: wb.fft.fft2(wb.ones(3)), errors.AxisError, "fft2"),
    "frequencies of nothing": (lambda: wb.fft.fftfreq(0), errors.ArgumentError, "n=0"),
    "a text": (lambda: wb.fft.fft("a"), errors.DTypeError, ""),
}


@pytest.mark.parametrize(("call", "error", "says"), REFUSED.values(), ids=REFUSED)
def test_wrong_input(call, error, says):
    with pytest.raises(error, match=f"(?s){says}") as caught:
        call()
    assert len(str(caught.value)) < 400
