"""Windows and the short-time Fourier transform, against torch."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench import errors
from workbench.testing import gradcheck

WINDOWS = [("hann_window", {}), ("hamming_window", {}), ("hamming_window", {"alpha": 0.6, "beta": 0.3}), ("blackman_window", {}), ("bartlett_window", {}),
           ("kaiser_window", {}), ("kaiser_window", {"beta": 3.0})]
SOUND = np.random.default_rng(0).normal(size=(2, 64))


@pytest.mark.oracle
@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("length", [0, 1, 2, 7, 16])
@pytest.mark.parametrize(("name", "options"), WINDOWS)
def test_windows_are_torchs(name: str, options: dict, length: int, periodic: bool) -> None:
    import torch

    found = getattr(wb, name)(length, periodic, **options, dtype=wb.float64)
    np.testing.assert_allclose(found.numpy(), getattr(torch, name)(length, periodic, **options, dtype=torch.float64).numpy(), atol=1e-12)
    assert getattr(wb, name)(3).dtype == wb.float32


@pytest.mark.oracle
@pytest.mark.parametrize("options", [{}, {"center": False}, {"hop_length": 3, "win_length": 8}, {"normalized": True}, {"onesided": False}, {"length": 60},
                                     {"length": 66}, {"center": False, "length": 50}])
def test_stft_and_istft_are_torchs(options: dict) -> None:
    import torch

    window = np.hanning(18)[1:17] if "win_length" not in options else np.hanning(10)[1:9]
    forward = {key: value for key, value in options.items() if key != "length"}
    spectrum = wb.stft(wb.tensor(SOUND), 16, window=wb.tensor(window), **forward)
    expected = torch.stft(torch.tensor(SOUND), 16, window=torch.tensor(window), return_complex=True, **forward)
    np.testing.assert_allclose(spectrum.numpy(), expected.numpy(), atol=1e-12)
    found = wb.istft(spectrum * 2, 16, window=wb.tensor(window), **options)
    np.testing.assert_allclose(found.numpy(), torch.istft(expected * 2, 16, window=torch.tensor(window), **options).numpy(), atol=1e-12)


def test_gradients_flow_there_and_back() -> None:
    window = wb.hann_window(8, dtype=wb.float64)
    x = wb.tensor(SOUND[0, :20], requires_grad=True)
    assert gradcheck(lambda x, w: wb.istft(wb.stft(x, 8, window=w) * 0.5, 8, window=w) ** 2, (x, window.requires_grad_()))


@pytest.mark.parametrize("call", [
    lambda: wb.istft(wb.ones(5, 3), 8), lambda: wb.istft(wb.stft(wb.ones(32), 8), 16), lambda: wb.istft(wb.stft(wb.ones(32), 8, 9), 8, 9, center=False),
    lambda: wb.stft(wb.ones(32), 8, return_complex=False), lambda: wb.hann_window(-1), lambda: wb.istft(wb.stft(wb.ones(32), 8), 8, window=wb.ones(4)),
    lambda: wb.istft(wb.stft(wb.ones(32), 8, window=wb.hann_window(8)), 8, window=wb.zeros(8)),
])
def test_wrong_use_is_an_error(call) -> None:
    with pytest.raises(errors.WorkbenchError):
        call()
