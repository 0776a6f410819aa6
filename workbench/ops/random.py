"""Random tensors from one seeded generator; `manual_seed` makes a run repeatable.

Inside vmap they follow its ``randomness``. Numbers are drawn on the host by NumPy's PCG64, so a seed gives the same
numbers on every device.
"""
from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..backend import arrays, dtypes
from ..core.checkpoint import RNG
from ..core.errors import ArgumentError, GraphError, TraceError
from ..core.state import STATE
from ..core.tensor import Tensor
from ..core.vectorize import draw
from . import elementwise as ew
from .create import Shape, _shape
from .index import where
from .order import argsort, searchsorted
from .reduce import cast_like, cumsum, stop_gradient

Own = np.random.Generator | None
"""A generator that was given, `workbench.Generator` or NumPy's; None is the common one."""


class _Thread(threading.local):
    generator: np.random.Generator | None = None


_generator = np.random.default_rng()
_thread = _Thread()


def manual_seed(seed: int) -> None:
    """Start the random numbers of workbench from `seed`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.manual_seed(0); a = wb.rand(3)
    >>> wb.manual_seed(0); bool((a == wb.rand(3)).all())
    True
    """
    global _generator
    if STATE.trace is not None:
        raise TraceError("jit: manual_seed would happen only once, when the function is traced; call it outside")
    if _thread.generator is None:
        _generator = np.random.default_rng(seed)
    else:
        _thread.generator.bit_generator.state = np.random.default_rng(seed).bit_generator.state


def generator() -> np.random.Generator:
    """The generator that random tensors are drawn from."""
    return _thread.generator or _generator


@contextmanager
def drawing_from(own: np.random.Generator) -> Iterator[None]:
    """Within this block random tensors of this thread are drawn from `own`: a loader's items have numbers of their own."""
    before, _thread.generator = _thread.generator, own
    try:
        yield
    finally:
        _thread.generator = before


def get_rng_state() -> dict[str, Any]:
    """The state of the generator, for `set_rng_state`."""
    return generator().bit_generator.state


def set_rng_state(state: dict[str, Any]) -> None:
    """Continue from a state that `get_rng_state` returned."""
    generator().bit_generator.state = state


def _source(own: Own) -> np.random.Generator:
    return generator() if own is None else own


def _sample(shape: tuple, function: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray], what: str, dtype: Any,
            device: str | None, requires_grad: bool = False, own: Own = None) -> Tensor:
    wanted = dtypes.as_dtype(float if dtype is None else dtype)

    def sample(full: tuple[int, ...]) -> Tensor:
        array = dtypes.marked(np.asarray(function(_source(own), full)).astype(wanted, copy=False))
        return Tensor(array if device is None else arrays.to_device(array, device))

    full = _shape(shape)
    out = draw(full, sample, what, wanted)
    return out.requires_grad_() if requires_grad else out


def rand(*shape: Shape, size: Shape | None = None, dtype: Any = None, device: str | None = None, requires_grad: bool = False, generator: Own = None) -> Tensor:
    """Uniform numbers in [0, 1).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.rand(2, 3).shape
    (2, 3)
    """
    kind = np.float32 if dtypes.as_dtype(float if dtype is None else dtype) == dtypes.float32 else np.float64
    return _sample(shape if size is None else (size,), lambda rng, full: rng.random(full, dtype=kind), "rand", dtype, device, requires_grad, generator)


def randn(*shape: Shape, size: Shape | None = None, dtype: Any = None, device: str | None = None, requires_grad: bool = False, generator: Own = None) -> Tensor:
    """Normal numbers of mean 0 and variance 1.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.randn(2, 3).shape
    (2, 3)
    """
    kind = np.float32 if dtypes.as_dtype(float if dtype is None else dtype) == dtypes.float32 else np.float64
    return _sample(shape if size is None else (size,), lambda rng, full: rng.standard_normal(full, dtype=kind), "randn", dtype, device, requires_grad, generator)


def randint(low: int = 0, high: int | Shape | None = None, size: Shape | None = None, *, dtype: Any = int, device: str | None = None,
            requires_grad: bool = False, generator: Own = None) -> Tensor:
    """Integers from `low` up to but not including `high`; ``randint(high, size)`` begins at 0.

    Raises
    ------
    ArgumentError
        Nothing lies between `low` and `high`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.randint(5, (3,)).dtype, wb.randint(2, 5, (2, 3)).shape
    (dtype('int64'), (2, 3))
    """
    if isinstance(high, (tuple, list)):
        high, size = None, high
    first, last = (0, low) if high is None else (low, high)
    if first >= last:
        raise ArgumentError(f"randint: nothing lies between low={first} and high={last}")
    return _sample((() if size is None else size,), lambda rng, full: rng.integers(first, last, full), "randint", dtype, device, requires_grad, generator)


def randperm(n: int, *, dtype: Any = int, device: str | None = None, generator: Own = None) -> Tensor:
    """The integers below `n` in random order.

    Examples
    --------
    >>> import workbench as wb
    >>> sorted(wb.randperm(4).tolist())
    [0, 1, 2, 3]
    """
    def sample(rng: np.random.Generator, full: tuple[int, ...]) -> np.ndarray:
        return rng.permuted(np.broadcast_to(np.arange(n), full), axis=-1)

    return _sample((n,), sample, "randperm", dtype, device, own=generator)


def bernoulli(p: Tensor, *, generator: Own = None) -> Tensor:
    """1 with probability `p`, else 0, in the dtype of `p`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.bernoulli(wb.tensor([0.0, 1.0])).tolist()
    [0.0, 1.0]
    """
    if type(p) is Tensor and p.size and not bool(((p.data >= 0) & (p.data <= 1)).all()):
        raise ArgumentError(f"bernoulli: numbers from {p.data.min()} to {p.data.max()}; expected probabilities between 0 and 1")
    return cast_like(ew.lt(rand(*p.shape, dtype=p.dtype, device=p.device, generator=generator), p), p)


def multinomial(probabilities: Tensor, num_samples: int, replacement: bool = False, *, generator: Own = None) -> Tensor:
    """Indices drawn in proportion to `probabilities` (the last axis; they need not add up to one).

    Inside jit and vmap, where the numbers are not known, they are not checked.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.multinomial(wb.tensor([0.0, 1.0]), 1).tolist()
    [1]
    """
    if type(probabilities) is Tensor and STATE.trace is None:
        _check_probabilities(np.atleast_2d(probabilities.numpy().astype(np.float64)), num_samples, replacement)
    weights = stop_gradient(probabilities).to(dtypes.float64)
    *rows, count = weights.shape
    device = probabilities.device
    if replacement:  # where a uniform number falls among the sums
        sums = cumsum(weights, axis=-1)
        drawn = rand(*rows, num_samples, dtype=dtypes.float64, device=device, generator=generator) * sums[..., -1:]
        return ew.minimum(searchsorted(sums, drawn, right=True), count - 1)
    # Who comes first of waiting times with these rates (Efraimidis and Spirakis 2006).
    times = -ew.log1p(-rand(*rows, count, dtype=dtypes.float64, device=device, generator=generator)) / weights
    return argsort(where(ew.gt(weights, 0), times, math.inf), axis=-1)[..., :num_samples]


def _check_probabilities(weights: np.ndarray, num_samples: int, replacement: bool) -> None:
    if (weights < 0).any() or not np.isfinite(weights).all() or (weights.sum(-1) <= 0).any():
        raise ArgumentError("multinomial: probabilities must be finite, not negative, and not all zero in a row")
    if num_samples < 1:
        raise ArgumentError(f"multinomial: num_samples={num_samples}; expected at least 1")
    if not replacement and (np.count_nonzero(weights, axis=-1) < num_samples).any():
        raise ArgumentError(f"multinomial: {num_samples} different samples asked for, but a row has fewer probabilities above "
                            "zero; use replacement=True")


def dropout(x: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Elements set to zero with probability `p`, the others divided by ``1 - p``; `x` itself unless `training`.

    Srivastava et al. 2014.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.dropout(wb.ones(3), p=0.5, training=False).tolist()
    [1.0, 1.0, 1.0]
    """
    if not 0 <= p <= 1:
        raise ArgumentError(f"dropout: p={p}; expected a probability between 0 and 1")
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0
    return x * keep_mask(x.shape, p, x)


def keep_mask(shape: tuple[int, ...], p: float, like: Tensor) -> Tensor:
    """``1 / (1 - p)`` with probability ``1 - p``, else 0."""
    dtype = like.dtype
    if getattr(like, "lasting", False):
        raise GraphError("dropout: a model that is being put together would keep the mask of today; use the layer nn.Dropout")

    def sample(rng: np.random.Generator, full: tuple[int, ...]) -> np.ndarray:
        keep = rng.random(full, dtype=np.float32) >= p
        return keep * dtype.type(1 / (1 - p))

    return _sample((tuple(shape),), sample, "dropout", dtype, like.device)


RNG.update(get=get_rng_state, set=set_rng_state, seed=manual_seed)

__all__ = ["manual_seed", "get_rng_state", "set_rng_state", "rand", "randn", "randint", "randperm", "bernoulli", "multinomial",
           "dropout"]
