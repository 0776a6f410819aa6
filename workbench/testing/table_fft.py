"""Rows of the Fourier transforms. Gradients of complex results are compared in tests/ops/test_fft.py: a row knows real ones."""
from __future__ import annotations

from typing import Any

from .rows import Draw, Row
from .table_structured import FLAT, row

M, V, A, TURNED = Draw((3, 6)), Draw((5,)), Draw((2, 3, 4)), Draw((4, 3), turned=True)
ONE = ((V,), (M, {"n": 4}), (M, {"n": 8, "dim": 0}), (TURNED, {"norm": "ortho"}), (A, {"dim": 1, "norm": "forward"}), (Draw((1,)),))
HALF = ((V,), (M, {"n": 7}), (M, {"n": 8, "dim": 0}), (TURNED, {"norm": "ortho"}), (A, {"dim": 1, "norm": "forward"}), (Draw((1,)), {"n": 1}))
SEVERAL = ((M,), (A, {"s": (3, 5)}), (A, {"dim": (0, 2), "norm": "ortho"}), (A, {"s": (-1, 2), "dim": (2, 0)}), (A, {"dim": (1,), "norm": "forward"}))
TWO = ((M,), (A, {"s": (3, 5), "norm": "forward"}), (A, {"dim": (0, 2)}))


def _row(name: str, *calls: Any, **options: Any) -> Row:
    return row(f"fft.{name}", *calls, **{"dtypes": "w", **options})


ROWS: tuple[Row, ...] = (
    *(_row(name, *ONE, **FLAT) for name in ("fft", "ifft", "rfft", "ihfft")), *(_row(name, *HALF) for name in ("irfft", "hfft")),
    *(_row(name, *SEVERAL, **FLAT) for name in ("fftn", "ifftn", "rfftn", "ihfftn")), *(_row(name, *SEVERAL) for name in ("irfftn", "hfftn")),
    *(_row(name, *TWO, **FLAT) for name in ("fft2", "ifft2", "rfft2", "ihfft2")), *(_row(name, *TWO) for name in ("irfft2", "hfft2")),
    *(_row(name, (V,), (M,), (M, {"dim": 0}), (A, {"dim": (0, -1)})) for name in ("fftshift", "ifftshift")),
    *(_row(name, (4,), (5,), (6, 0.5), batched=False, **FLAT) for name in ("fftfreq", "rfftfreq")),
    *(Row(name, elsewhere="tests/ops/test_spectral.py") for name in ("hann_window", "hamming_window", "blackman_window", "bartlett_window",
                                                                     "kaiser_window", "stft", "istft")),
    *(Row(name, elsewhere="tests/ops/test_fft.py") for name in ("fft_complex", "fft_real", "fft_to_real")),
)
