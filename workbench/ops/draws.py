"""Random numbers of other distributions, in the shape of a tensor, and written into one; and generators of one's own."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import arrays, dtypes
from ..core.errors import ArgumentError, DTypeError
from ..core.tensor import Tensor, as_tensor
from . import elementwise as ew
from . import random
from .create import Shape
from .random import Own


class Generator(np.random.Generator):
    """A source of random numbers apart from the common one, with PyTorch's methods; it is a generator of NumPy as well.

    Examples
    --------
    >>> import workbench as wb
    >>> own = wb.Generator().manual_seed(0)
    >>> a = wb.normal(0.0, 1.0, (2,), generator=own)
    >>> bool((a == wb.normal(0.0, 1.0, (2,), generator=own.manual_seed(0))).all())
    True
    """

    device = arrays.CPU

    def __init__(self, device: str = "cpu") -> None:
        if device != "cpu":
            raise ArgumentError(f"Generator: device={device!r}; random numbers are drawn on the host for every device, use 'cpu'")
        super().__init__(np.random.PCG64())
        self.seed()

    def manual_seed(self, seed: int) -> Generator:
        """Start again from `seed`; returns itself."""
        self._seed = seed
        self.bit_generator.state = np.random.PCG64(seed).state
        return self

    def seed(self) -> int:
        """Start again from a seed that the system chooses; returns it."""
        self.manual_seed(int(np.random.SeedSequence().generate_state(1, np.uint64)[0]))
        return self._seed

    def initial_seed(self) -> int:
        """The seed that it was last started from."""
        return self._seed

    def get_state(self) -> dict[str, Any]:
        """What `set_state` takes to continue from here."""
        return self.bit_generator.state

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue from where `get_state` was called."""
        self.bit_generator.state = state

    def __reduce__(self) -> tuple:
        return _rebuilt, (self._seed, self.get_state())


def _rebuilt(seed: int, state: dict[str, Any]) -> Generator:
    out = Generator().manual_seed(seed)
    out.set_state(state)
    return out


def _made_like(draw: Callable[..., Tensor], x: Tensor, *limits: int, dtype: Any = None, device: str | None = None, requires_grad: bool = False,
               generator: Own = None) -> Tensor:
    return draw(*limits, tuple(x.shape), dtype=x.dtype if dtype is None else dtype, device=x.device if device is None else device,
                requires_grad=requires_grad, generator=generator)


def rand_like(x: Tensor, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Uniform numbers in [0, 1) in the shape, dtype and device of `x`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.rand_like(wb.ones(2, 3)).shape
    (2, 3)
    """
    return _made_like(random.rand, x, dtype=dtype, device=device, requires_grad=requires_grad)


def randn_like(x: Tensor, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Normal numbers of mean 0 and variance 1 in the shape, dtype and device of `x`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.randn_like(wb.ones(2, 3)).shape
    (2, 3)
    """
    return _made_like(random.randn, x, dtype=dtype, device=device, requires_grad=requires_grad)


def randint_like(x: Tensor, low: int, high: int | None = None, *, dtype: Any = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Integers from `low` up to but not including `high` (from 0 to `low` when `high` is None) in the shape, dtype and device of `x`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.randint_like(wb.ones(2), 1, 2).tolist()
    [1.0, 1.0]
    """
    first, last = (0, low) if high is None else (low, high)
    return _made_like(random.randint, x, first, last, dtype=dtype, device=device, requires_grad=requires_grad)


def normal(mean: Tensor | float = 0.0, std: Tensor | float = 1.0, size: Shape | None = None, *, dtype: Any = None, device: str | None = None,
           generator: Own = None, requires_grad: bool = False) -> Tensor:
    """Normal numbers: of one mean and standard deviation in a `size`, or one for every element of tensors.

    Raises
    ------
    ArgumentError
        If `std` is negative, or `size` is missing beside two numbers or given beside a tensor.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.normal(wb.tensor([1.0, 5.0]), 0.0).tolist()
    [1.0, 5.0]
    """
    if (size is None) != (isinstance(mean, Tensor) or isinstance(std, Tensor)):
        raise ArgumentError("normal: two numbers need a size, and tensors bring their own; expected normal(0.0, 1.0, (2, 3)) or normal(means, stds)")
    if (float(std) < 0 if not isinstance(std, Tensor) else bool((std.detach() < 0).any())):
        raise ArgumentError(f"normal: std={std}; expected no negative number")
    if size is not None:
        out = random.randn(size, dtype=dtype, device=device, generator=generator) * std + mean
    else:
        spread = as_tensor(mean).detach() * 0 + (std.detach() if isinstance(std, Tensor) else std)
        out = _made_like(random.randn, spread, generator=generator) * spread + (mean.detach() if isinstance(mean, Tensor) else mean)
    return out.requires_grad_() if requires_grad else out


def _drawn(what: str, function: Callable[..., np.ndarray], generator: Own, like: Tensor, *parameters: Tensor) -> Tensor:
    if like.dtype.kind not in "fV":
        raise DTypeError(f"{what}: a tensor of dtype {like.dtype}; expected floating point")
    numbers = [p.numpy().astype(np.float64) for p in parameters]
    try:
        drawn = function(random._source(generator), *numbers)
    except ValueError as error:
        raise ArgumentError(f"{what}: {error}") from None
    return Tensor(arrays.to_device(dtypes.converted(np.asarray(drawn), like.dtype), like.device))


def poisson(input: Tensor, generator: Own = None) -> Tensor:
    """Counts of events, one for every rate in `input`, in its dtype.

    Raises
    ------
    ArgumentError
        If a rate is negative.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.poisson(wb.zeros(2)).tolist()
    [0.0, 0.0]
    """
    return _drawn("poisson", lambda rng, rate: rng.poisson(rate), generator, input, input)


def binomial(count: Tensor, prob: Tensor, generator: Own = None) -> Tensor:
    """How many of `count` trials succeed, each with probability `prob`, in their dtype.

    Raises
    ------
    ArgumentError
        If a count is negative, or a probability is none.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.binomial(wb.tensor([3.0, 5.0]), wb.tensor([0.0, 1.0])).tolist()
    [0.0, 5.0]
    """
    return _drawn("binomial", lambda rng, n, p: rng.binomial(n.astype(np.int64), p), generator, count, count, prob)


# Written into a tensor -------------------------------------------------------------------------------------------------------
def normal_(x: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Own = None) -> Tensor:
    """Replace all numbers by normal ones."""
    return x.copy_(normal(mean, std, tuple(x.shape), dtype=x.dtype, generator=generator))


def uniform_(x: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Own = None) -> Tensor:
    """Replace all numbers by uniform ones in [a, b)."""
    if a > b:
        raise ArgumentError(f"uniform_: from {a} to {b}; expected a <= b")
    return x.copy_(_made_like(random.rand, x, generator=generator) * (b - a) + a)


def bernoulli_(x: Tensor, p: float | Tensor = 0.5, *, generator: Own = None) -> Tensor:
    """Replace all numbers by 1 with probability `p`, else 0."""
    return x.copy_(ew.lt(random.rand(tuple(x.shape), generator=generator), p))


def exponential_(x: Tensor, lambd: float = 1.0, *, generator: Own = None) -> Tensor:
    """Replace all numbers by exponential ones, of mean ``1 / lambd``."""
    return _fill(x, "exponential_", generator, lambda rng, size: rng.exponential(1 / lambd, size), lambd=lambd)


def log_normal_(x: Tensor, mean: float = 1.0, std: float = 2.0, *, generator: Own = None) -> Tensor:
    """Replace all numbers by those whose logarithm is normal with this `mean` and `std`."""
    return _fill(x, "log_normal_", generator, lambda rng, size: rng.lognormal(mean, std, size), std=std)


def cauchy_(x: Tensor, median: float = 0.0, sigma: float = 1.0, *, generator: Own = None) -> Tensor:
    """Replace all numbers by Cauchy ones."""
    return _fill(x, "cauchy_", generator, lambda rng, size: median + sigma * rng.standard_cauchy(size), sigma=sigma)


def geometric_(x: Tensor, p: float, *, generator: Own = None) -> Tensor:
    """Replace all numbers by how many trials of probability `p` the first success takes."""
    return _fill(x, "geometric_", generator, lambda rng, size: rng.geometric(p, size), p=p)


def random_(x: Tensor, from_: int = 0, to: int | None = None, *, generator: Own = None) -> Tensor:
    """Replace all numbers by integers from `from_` up to but not including `to`; without any, by whatever the dtype holds exactly.

    With one number, it is `to`, as in PyTorch.
    """
    if to is None and from_:
        from_, to = 0, from_
    if to is None:
        to = 2 if x.dtype.kind == "b" else np.iinfo(x.dtype).max if x.dtype.kind in "iu" else 2 ** (dtypes.finfo(x.dtype).nmant + 1)
    low, high = from_, to
    if low >= high:
        raise ArgumentError(f"random_: nothing lies between from={low} and to={high}")
    return _fill(x, "random_", generator, lambda rng, size: rng.integers(low, high, size, dtype=np.uint64 if high > 2**63 else np.int64))


def _fill(x: Tensor, what: str, generator: Own, function: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray],
          **positive: float) -> Tensor:
    for name, value in positive.items():
        if not value > 0:
            raise ArgumentError(f"{what}: {name}={value}; expected more than 0")
    return x.copy_(random._sample((tuple(x.shape),), function, what, x.dtype, x.device, own=generator))


IN_PLACE = (normal_, uniform_, bernoulli_, exponential_, log_normal_, cauchy_, geometric_, random_)
"""Methods of tensors."""

__all__ = ["Generator", "binomial", "normal", "poisson", "rand_like", "randint_like", "randn_like"]
