"""Orthogonal polynomials of torch.special, all from one three-term recurrence.

Apart from `special` because they need nothing of SciPy: written in public ops, they have every derivative and
transformation, where PyTorch has none.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.errors import DTypeError
from ..core.tensor import Tensor, as_tensor
from . import elementwise as ew
from .create import ones_like
from .index import where

Step = Callable[[int, Any, Any, Any], Any]


def _polynomial(name: str, x: Any, n: Any, first: Callable[[Any], Any], step: Step) -> Tensor:
    """The polynomial of degree `n`: 1, ``first(x)``, then ``step(k, x, p_k, p_k-1)``; 0 for negative degrees."""
    x = x if isinstance(x, Tensor) else as_tensor(x)
    x = x if x.dtype.kind in "fV" else x * 1.0
    if isinstance(n, (int, np.integer)):
        return x * 0 if n < 0 else _terms(x, int(n), first, step)[-1]
    if not isinstance(n, Tensor) or n.dtype.kind not in "iu":
        raise DTypeError(f"{name}: the degree n must be an integer or a tensor of integers, got {getattr(n, 'dtype', type(n).__name__)}")
    total = x * 0 + n * 0
    for degree, term in enumerate(_terms(x, int(n.amax().item()) if n.size else 0, first, step)):
        total = where(ew.eq(n, degree), term, total)
    return total


def _terms(x: Tensor, highest: int, first: Callable[[Any], Any], step: Step) -> list[Tensor]:
    terms = [ones_like(x), first(x)]
    for k in range(1, highest):
        terms.append(step(k, x, terms[-1], terms[-2]))
    return terms[: highest + 1]


def _chebyshev(k: int, x: Any, p: Any, before: Any) -> Any:
    return 2 * x * p - before


def chebyshev_polynomial_t(x: Tensor, n: int | Tensor) -> Tensor:
    """Chebyshev polynomial of the first kind, ``cos(n * acos(x))``.

    Parameters
    ----------
    x : Tensor
    n : int or Tensor of int
        Degree; negative ones give 0.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.special.chebyshev_polynomial_t(wb.tensor([0.5]), 2).tolist()
    [-0.5]
    """
    return _polynomial("chebyshev_polynomial_t", x, n, lambda x: x, _chebyshev)


def chebyshev_polynomial_u(x: Tensor, n: int | Tensor) -> Tensor:
    """Chebyshev polynomial of the second kind; arguments as in `chebyshev_polynomial_t`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.special.chebyshev_polynomial_u(wb.tensor([0.5]), 1).tolist()
    [1.0]
    """
    return _polynomial("chebyshev_polynomial_u", x, n, lambda x: 2 * x, _chebyshev)


def chebyshev_polynomial_v(x: Tensor, n: int | Tensor) -> Tensor:
    """Chebyshev polynomial of the third kind; arguments as in `chebyshev_polynomial_t`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.special.chebyshev_polynomial_v(wb.tensor([0.5]), 1).tolist()
    [0.0]
    """
    return _polynomial("chebyshev_polynomial_v", x, n, lambda x: 2 * x - 1, _chebyshev)


def chebyshev_polynomial_w(x: Tensor, n: int | Tensor) -> Tensor:
    """Chebyshev polynomial of the fourth kind; arguments as in `chebyshev_polynomial_t`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.special.chebyshev_polynomial_w(wb.tensor([0.5]), 1).tolist()
    [2.0]
    """
    return _polynomial("chebyshev_polynomial_w", x, n, lambda x: 2 * x + 1, _chebyshev)


def shifted_chebyshev_polynomial_t(x: Tensor, n: int | Tensor) -> Tensor:
    """`chebyshev_polynomial_t` at ``2 * x - 1``, orthogonal on the interval from 0 to 1.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.special.shifted_chebyshev_polynomial_t(wb.tensor([0.5]), 1).tolist()
    [0.0]
    """
    return chebyshev_polynomial_t(2 * x - 1, n)


def shifted_chebyshev_polynomial_u(x: Tensor, n: int | Tensor) -> Tensor:
    """`chebyshev_polynomial_u` at ``2 * x - 1``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.special.shifted_chebyshev_polynomial_u(wb.tensor([0.5]), 1).tolist()
    [0.0]
    """
    return chebyshev_polynomial_u(2 * x - 1, n)


def shifted_chebyshev_polynomial_v(x: Tensor, n: int | Tensor) -> Tensor:
    """`chebyshev_polynomial_v` at ``2 * x - 1``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.special.shifted_chebyshev_polynomial_v(wb.tensor([0.5]), 1).tolist()
    [-1.0]
    """
    return chebyshev_polynomial_v(2 * x - 1, n)


def shifted_chebyshev_polynomial_w(x: Tensor, n: int | Tensor) -> Tensor:
    """`chebyshev_polynomial_w` at ``2 * x - 1``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.special.shifted_chebyshev_polynomial_w(wb.tensor([0.5]), 1).tolist()
    [1.0]
    """
    return chebyshev_polynomial_w(2 * x - 1, n)


def hermite_polynomial_h(x: Tensor, n: int | Tensor) -> Tensor:
    """Hermite polynomial of the physicists; arguments as in `chebyshev_polynomial_t`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.special.hermite_polynomial_h(wb.tensor([0.5]), 2).tolist()
    [-1.0]
    """
    return _polynomial("hermite_polynomial_h", x, n, lambda x: 2 * x, lambda k, x, p, before: 2 * (x * p - k * before))


def hermite_polynomial_he(x: Tensor, n: int | Tensor) -> Tensor:
    """Hermite polynomial of the probabilists; arguments as in `chebyshev_polynomial_t`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.special.hermite_polynomial_he(wb.tensor([0.5]), 2).tolist()
    [-0.75]
    """
    return _polynomial("hermite_polynomial_he", x, n, lambda x: x, lambda k, x, p, before: x * p - k * before)


def laguerre_polynomial_l(x: Tensor, n: int | Tensor) -> Tensor:
    """Laguerre polynomial; arguments as in `chebyshev_polynomial_t`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.special.laguerre_polynomial_l(wb.tensor([0.5]), 1).tolist()
    [0.5]
    """
    return _polynomial("laguerre_polynomial_l", x, n, lambda x: 1 - x, lambda k, x, p, before: ((2 * k + 1 - x) * p - k * before) / (k + 1))


def legendre_polynomial_p(x: Tensor, n: int | Tensor) -> Tensor:
    """Legendre polynomial; arguments as in `chebyshev_polynomial_t`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.special.legendre_polynomial_p(wb.tensor([0.5]), 2).tolist()
    [-0.125]
    """
    return _polynomial("legendre_polynomial_p", x, n, lambda x: x, lambda k, x, p, before: ((2 * k + 1) * x * p - k * before) / (k + 1))
