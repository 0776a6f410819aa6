"""Layers that drop or disturb parts of their input while training, and pass it on unchanged in evaluation.

``inplace`` is accepted so that code carries over; the input is never overwritten, its memory may be wanted by the tape.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core import Tensor
from ..core.errors import ArgumentError
from . import functional as F
from .checks import probability
from .functional.dropouts import check_mode
from .module import Module
from .stateless import functional_call


class Dropout(Module):
    """In training each number is zero with probability `p`, the others are divided by 1 - p (Srivastava et al. 2014).

    ``y = x m / (1 - p)`` with m drawn as 0 or 1.

    Parameters
    ----------
    p : float
        Probability with which a number is dropped.
    inplace : bool
        Accepted so that code carries over; the input is never overwritten.

    Shapes
    ------
    Any shape to the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.Dropout(0.5).eval()(wb.ones(2)).tolist()
    [1.0, 1.0]
    """

    function: Callable[..., Tensor] = staticmethod(F.dropout)

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        self.p, self.inplace = _probability(self, p), inplace

    def forward(self, x: Tensor) -> Tensor:
        """To the same shape."""
        return type(self).function(x, self.p, self.training)

    def extra_repr(self) -> str:
        """Settings."""
        return f"p={self.p}"


def _probability(layer: Module, p: float, below: float | None = None) -> float:
    """`p`, refused if it is none; with `below`, it must also be less than that."""
    probability(type(layer).__name__, p=p)
    if below is not None and p >= below:
        raise ArgumentError(f"{type(layer).__name__}: p={p}; expected a probability below {below:g}")
    return p


class Dropout1d(Dropout):
    """In training whole channels of (N, C, L) or (C, L) are dropped (Tompson et al. 2014).

    ``y[n, c] = x[n, c] m[n, c] / (1 - p)`` with m drawn as 0 or 1.

    Parameters
    ----------
    p : float
        Probability with which a channel is dropped.

    Shapes
    ------
    Input (N, C, L) or (C, L); output of the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.Dropout1d(0.5).eval()(wb.ones(1, 2, 3)).shape
    (1, 2, 3)
    """

    function = staticmethod(F.dropout1d)


class Dropout2d(Dropout):
    """In training whole channels of (N, C, H, W) or (C, H, W) are dropped (Tompson et al. 2014).

    ``y[n, c] = x[n, c] m[n, c] / (1 - p)`` with m drawn as 0 or 1.

    Parameters
    ----------
    p : float
        Probability with which a channel is dropped.

    Shapes
    ------
    Input (N, C, H, W) or (C, H, W); output of the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.Dropout2d(0.5).eval()(wb.ones(1, 2, 3)).shape
    (1, 2, 3)
    """

    function = staticmethod(F.dropout2d)


class Dropout3d(Dropout):
    """In training whole channels of (N, C, D, H, W) or (C, D, H, W) are dropped (Tompson et al. 2014).

    ``y[n, c] = x[n, c] m[n, c] / (1 - p)`` with m drawn as 0 or 1.

    Parameters
    ----------
    p : float
        Probability with which a channel is dropped.

    Shapes
    ------
    Input (N, C, D, H, W) or (C, D, H, W); output of the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.Dropout3d(0.5).eval()(wb.ones(1, 2, 3, 3, 3)).shape
    (1, 2, 3, 3, 3)
    """

    function = staticmethod(F.dropout3d)


class AlphaDropout(Dropout):
    """In training numbers are set to SELU's lower limit, then all are scaled to keep mean 0 and variance 1 (Klambauer et al. 2017).

    ``y = a (x m - 1.7581 (1 - m)) + b`` with m drawn as 0 or 1, and a and b such that mean and variance stay.

    Parameters
    ----------
    p : float
        Probability with which a number is set.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.AlphaDropout(0.5).eval()(wb.ones(2)).tolist()
    [1.0, 1.0]
    """

    function = staticmethod(F.alpha_dropout)


class FeatureAlphaDropout(Dropout):
    """`AlphaDropout` of whole channels of (N, C, ...) (Klambauer et al. 2017).

    ``y = a (x m - 1.7581 (1 - m)) + b`` with one m drawn as 0 or 1 for each channel.

    Parameters
    ----------
    p : float
        Probability with which a channel is set.

    Shapes
    ------
    Input (N, C, ...); output of the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.FeatureAlphaDropout(0.5).eval()(wb.ones(1, 2, 3)).shape
    (1, 2, 3)
    """

    function = staticmethod(F.feature_alpha_dropout)


# What PyTorch lacks ---------------------------------------------------------------------------------------------------------
class VariationalDropout(Module):
    """In training the same numbers are dropped at every step of a sequence (Gal and Ghahramani 2016).

    ``y[t] = x[t] m / (1 - p)`` with one m of zeros and ones for all t.

    Parameters
    ----------
    p : float
        Probability with which a number is dropped.
    batch_first : bool
        Sequences are (N, L, ...) instead of (L, N, ...).

    Shapes
    ------
    Input (L, N, ...), or (N, L, ...) with `batch_first`; output of the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.VariationalDropout(0.5).eval()(wb.ones(5, 2, 3)).shape
    (5, 2, 3)
    """

    def __init__(self, p: float = 0.5, batch_first: bool = False) -> None:
        super().__init__()
        self.p, self.batch_first = _probability(self, p), batch_first

    def forward(self, x: Tensor) -> Tensor:
        """(L, N, ...), or (N, L, ...) with ``batch_first``, to the same shape."""
        return F.variational_dropout(x, self.p, self.training, dim=int(self.batch_first))

    def extra_repr(self) -> str:
        """Settings."""
        return f"p={self.p}, batch_first={self.batch_first}"


class GaussianDropout(Dropout):
    """In training each number is multiplied by one of mean 1 and variance ``p / (1 - p)`` (Srivastava et al. 2014).

    Mean and variance of the output are those that `Dropout` would give.

    Parameters
    ----------
    p : float
        The probability of the `Dropout` that it stands for, below 1.

    Shapes
    ------
    Any shape to the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.GaussianDropout(0.5).eval()(wb.ones(2)).tolist()
    [1.0, 1.0]
    """

    function = staticmethod(F.gaussian_dropout)

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(_probability(self, p, below=1.0))


class GaussianNoise(Module):
    """In training a normal number of standard deviation `stddev` is added to each (Bishop 1995).

    ``y = x + stddev z`` with normal z.

    Parameters
    ----------
    stddev : float
        Standard deviation of the noise, at least 0.

    Shapes
    ------
    Any shape to the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.GaussianNoise(0.1).eval()(wb.ones(2)).tolist()
    [1.0, 1.0]
    """

    def __init__(self, stddev: float) -> None:
        super().__init__()
        if stddev < 0:
            raise ArgumentError(f"GaussianNoise: stddev={stddev}; expected at least 0")
        self.stddev = stddev

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return F.gaussian_noise(x, self.stddev, self.training)

    def extra_repr(self) -> str:
        """Settings."""
        return f"stddev={self.stddev}"


class _DropBlock(Module):
    function: Callable[..., Tensor]

    def __init__(self, p: float, block_size: int, inplace: bool = False, eps: float = 1e-6) -> None:
        super().__init__()
        if block_size < 1:
            raise ArgumentError(f"{type(self).__name__}: block_size={block_size}; expected at least 1")
        self.p, self.block_size, self.eps = _probability(self, p), block_size, eps

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, ...) to the same shape."""
        return type(self).function(x, self.p, self.block_size, eps=self.eps, training=self.training)

    def extra_repr(self) -> str:
        """Settings."""
        return f"p={self.p}, block_size={self.block_size}"


class DropBlock2d(_DropBlock):
    """In training squares of every channel are dropped, since neighbours know of each other (Ghiasi et al. 2018).

    ``y = x m size(m) / (sum(m) + eps)`` with m zero in squares drawn at random, one elsewhere.

    Parameters
    ----------
    p : float
        About this share of numbers is dropped.
    block_size : int
        Side of a square.
    eps : float
        Keeps the scale finite when nothing is left.

    Shapes
    ------
    Input (N, C, H, W); output of the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.DropBlock2d(0.1, 3).eval()(wb.ones(1, 2, 8, 8)).shape
    (1, 2, 8, 8)
    """

    function = staticmethod(F.drop_block2d)


class DropBlock3d(_DropBlock):
    """`DropBlock2d` with cubes of (N, C, D, H, W) (Ghiasi et al. 2018).

    ``y = x m size(m) / (sum(m) + eps)`` with m zero in cubes drawn at random, one elsewhere.

    Parameters
    ----------
    p : float
        About this share of numbers is dropped.
    block_size : int
        Side of a cube.
    eps : float
        Keeps the scale finite when nothing is left.

    Shapes
    ------
    Input (N, C, D, H, W); output of the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.DropBlock3d(0.1, 3).eval()(wb.ones(1, 2, 8, 8, 8)).shape
    (1, 2, 8, 8, 8)
    """

    function = staticmethod(F.drop_block3d)


class StochasticDepth(Module):
    """In training a whole branch is zero with probability `p`, else divided by 1 - p (Huang et al. 2016).

    ``y = x m / (1 - p)`` with one m of 0 or 1, or one for each sample.

    Parameters
    ----------
    p : float
        Probability with which the branch is dropped.
    mode : {"batch", "row"}
        Draw once, or for every sample.

    Shapes
    ------
    Input (N, ...); output of the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> x = wb.ones(2, 3)
    >>> (x + wb.nn.StochasticDepth(0.2, "row").eval()(x)).shape
    (2, 3)
    """

    def __init__(self, p: float, mode: str) -> None:
        super().__init__()
        check_mode("StochasticDepth", mode)
        self.p, self.mode = _probability(self, p), mode

    def forward(self, x: Tensor) -> Tensor:
        """(N, ...) to the same shape."""
        return F.stochastic_depth(x, self.p, self.mode, self.training)

    def extra_repr(self) -> str:
        """Settings."""
        return f"p={self.p}, mode={self.mode!r}"


class DropConnect(Module):
    """In training the weights of a module are dropped, not its activations (Wan et al. 2013).

    ``y = module(x)`` with weights ``W m / (1 - p)``, every m drawn as 0 or 1.

    Parameters
    ----------
    module : Module
        Called with what this layer is called with.
    p : float
        Probability with which a weight is dropped.
    names : sequence of str, optional
        Which of its parameters; by default all with at least two axes, so that biases stay. The recurrent weights of an LSTM are
        ``["weight_hh_l0"]`` (Merity et al. 2017).

    Shapes
    ------
    As those of the module.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.DropConnect(wb.nn.Linear(4, 3), 0.5)(wb.ones(2, 4)).shape
    (2, 3)
    """

    def __init__(self, module: Module, p: float = 0.5, names: Sequence[str] | None = None) -> None:
        super().__init__()
        self.module, self.p = module, _probability(self, p)
        held = dict(module.named_parameters())
        self.names = tuple(name for name, parameter in held.items() if parameter.ndim > 1) if names is None else tuple(names)
        unknown = [name for name in self.names if name not in held]
        if unknown or not self.names:
            raise ArgumentError(f"DropConnect: {type(module).__name__} has {'no ' + ', '.join(unknown) if unknown else 'no weights to drop'}; its parameters "
                                f"are {', '.join(held) or 'none'}")

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The module, with weights dropped while training."""
        if not self.training:
            return self.module(*args, **kwargs)
        dropped = {name: F.dropout(self.module.get_parameter(name), self.p) for name in self.names}
        return functional_call(self.module, dropped, args, kwargs)

    def extra_repr(self) -> str:
        """Settings."""
        return f"p={self.p}, names={list(self.names)}"
