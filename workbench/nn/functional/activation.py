"""Activations: functions of one number at a time, and the gated and normalized ones.

`inplace` is accepted so that code carries over; the input is never overwritten, its memory may be wanted by the tape.
"""
from __future__ import annotations

import warnings
from typing import Any

from ... import ops
from ...core import Tensor
from ...core.errors import ArgumentError, ShapeError

sigmoid, tanh, softsign, logsigmoid = ops.sigmoid, ops.tanh, ops.softsign, ops.log_sigmoid


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """``max(x, 0)``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.relu(wb.tensor([-1.0, 1.0])).tolist()
    [0.0, 1.0]
    """
    return ops.relu(input)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """``min(max(x, 0), 6)``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.relu6(wb.tensor([-1.0, 8.0])).tolist()
    [0.0, 6.0]
    """
    return ops.relu6(input)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """``x sigmoid(x)`` (Elfwing et al. 2017).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.silu(wb.zeros(2)).tolist()
    [0.0, 0.0]
    """
    return ops.silu(input)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """``x tanh(softplus(x))`` (Misra 2019).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.mish(wb.zeros(2)).tolist()
    [0.0, 0.0]
    """
    return ops.mish(input)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where positive, else ``negative_slope * x`` (Maas et al. 2013).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.leaky_relu(wb.tensor([-1.0, 1.0]), 0.5).tolist()
    [-0.5, 1.0]
    """
    return ops.where(input > 0, input, input * negative_slope)


def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """x where positive, else ``weight * x``, one weight for all or one per channel (axis 1) (He et al. 2015).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.prelu(wb.tensor([-1.0, 1.0]), wb.tensor([0.25])).tolist()
    [-0.25, 1.0]
    """
    count = weight.shape[0] if weight.ndim else 1
    if weight.ndim > 1 or count != 1 and (input.ndim == 0 or count != input.shape[min(1, input.ndim - 1)]):
        raise ShapeError(f"prelu: a weight of shape {tuple(weight.shape)} for an input of shape {tuple(input.shape)}; expected one number, or "
                         "one for each channel (axis 1)")
    if count > 1 and input.ndim > 1:
        weight = weight.reshape(-1, *(1,) * (input.ndim - 2))
    return ops.where(input > 0, input, input * (weight.reshape(()) if input.ndim == 0 else weight))


def rrelu(input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, inplace: bool = False) -> Tensor:
    """x where positive, else x times a slope drawn between `lower` and `upper` in training, their mean otherwise (Xu et al. 2015).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.rrelu(wb.tensor([-1.0, 1.0]), 0.25, 0.75).tolist()
    [-0.5, 1.0]
    """
    check_slopes(lower, upper)
    if not training:
        return leaky_relu(input, (lower + upper) / 2)
    drawn = ops.rand(*input.shape, dtype=input.dtype, device=input.device)
    return ops.where(input > 0, input, input * (lower + (upper - lower) * drawn))


def check_slopes(lower: float, upper: float) -> None:
    """Refuse limits of `rrelu` that are the wrong way round."""
    if not lower <= upper:
        raise ArgumentError(f"rrelu: lower={lower}, upper={upper}; expected lower to be at most upper")


def _below_zero(x: Tensor) -> Tensor:
    """x where the exponential is wanted, else 0: it must not overflow. At 0 itself the gradient is that of this side."""
    return ops.where(x > 0, 0.0, x)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where positive, else ``alpha (exp(x) - 1)`` (Clevert et al. 2015).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.elu(wb.tensor([0.0, 1.0])).tolist()
    [0.0, 1.0]
    """
    return ops.where(input > 0, input, alpha * ops.expm1(_below_zero(input)))


def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where positive, else ``alpha (exp(x / alpha) - 1)`` (Barron 2017).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.celu(wb.tensor([0.0, 1.0])).tolist()
    [0.0, 1.0]
    """
    if alpha == 0:
        raise ArgumentError("celu: alpha=0 divides by zero; expected another number")
    return ops.where(input > 0, input, alpha * ops.expm1(_below_zero(input) / alpha))


def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Scaled ELU that keeps mean 0 and variance 1 (Klambauer et al. 2017).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.selu(wb.zeros(2)).tolist()
    [0.0, 0.0]
    """
    return 1.0507009873554804934193349852946 * elu(input, 1.6732632423543772848170429916717)


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """Gaussian error linear unit (Hendrycks and Gimpel 2016); ``approximate="tanh"`` for the tanh form.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.gelu(wb.zeros(2)).tolist()
    [0.0, 0.0]
    """
    if approximate not in ("none", "tanh"):
        raise ArgumentError(f"gelu: approximate={approximate!r}; expected 'none' or 'tanh'")
    return ops.gelu_tanh(input) if approximate == "tanh" else ops.gelu(input)


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """``log(1 + exp(beta x)) / beta``; x itself where ``beta x`` is above `threshold`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.softplus(wb.tensor([50.0])).tolist()
    [50.0]
    """
    scaled = input * beta if beta != 1 else input
    return ops.where(scaled > threshold, input, ops.softplus(scaled) / beta)


def hardtanh(input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """x limited to the interval.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.hardtanh(wb.tensor([-3.0, 0.5])).tolist()
    [-1.0, 0.5]
    """
    if min_val > max_val:
        raise ArgumentError(f"hardtanh: min_val={min_val} is above max_val={max_val}")
    inside = (input > min_val) & (input < max_val)
    return ops.where(inside, input, ops.clip(ops.stop_gradient(input), min_val, max_val))


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """``relu6(x + 3) / 6`` (Howard et al. 2019).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.hardsigmoid(wb.tensor([-3.0, 0.0, 3.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return ops.relu6(input + 3.0) / 6.0


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """``x relu6(x + 3) / 6`` (Howard et al. 2019).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.hardswish(wb.tensor([-3.0, 3.0])).tolist()
    [-0.0, 3.0]
    """
    return input * ops.relu6(input + 3.0) / 6.0


def tanhshrink(input: Tensor) -> Tensor:
    """``x - tanh(x)``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.tanhshrink(wb.zeros(2)).tolist()
    [0.0, 0.0]
    """
    return input - ops.tanh(input)


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved towards zero by `lambd`, zero within it.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.softshrink(wb.tensor([-2.0, 0.25])).tolist()
    [-1.5, 0.0]
    """
    if lambd < 0:
        raise ArgumentError(f"softshrink: lambd={lambd}; expected a number of at least 0")
    return ops.where(input > lambd, input - lambd, ops.where(input < -lambd, input + lambd, input * 0))


def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """x, or zero where ``abs(x) <= lambd``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.hardshrink(wb.tensor([-2.0, 0.25])).tolist()
    [-2.0, 0.0]
    """
    return ops.where(ops.abs(input) > lambd, input, input * 0)


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where above `threshold`, else `value`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.threshold(wb.tensor([-1.0, 1.0]), 0.0, 7.0).tolist()
    [7.0, 1.0]
    """
    return ops.where(input > threshold, input, value)


def softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """``exp(x_i) / sum_j exp(x_j)`` along `dim` (Bridle 1990).

    Parameters
    ----------
    input : Tensor
    dim : int, optional
        Without it, axis 0 of inputs with 0, 1 or 3 axes and axis 1 of others, as in PyTorch, with a warning: better say which.
    dtype : optional
        The input is converted to it first.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.softmax(wb.zeros(2, dtype=wb.float16), dim=-1, dtype=wb.float32)
    tensor([0.5, 0.5])
    """
    return ops.softmax(input if dtype is None else input.to(dtype), axis=_axis("softmax", input, dim))


def log_softmax(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """``x_i - log(sum_j exp(x_j))`` along `dim`: the logarithm of `softmax`, with its arguments.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.log_softmax(wb.zeros(2), dim=0).exp()
    tensor([0.5, 0.5])
    """
    return ops.log_softmax(input if dtype is None else input.to(dtype), axis=_axis("log_softmax", input, dim))


def _axis(what: str, x: Tensor, dim: int | None) -> int:
    if dim is not None or x.ndim < 2:
        return 0 if dim is None else dim
    chosen = 0 if x.ndim == 3 else 1
    warnings.warn(f"{what}: no dim was given, so it is {chosen}, as in PyTorch, for a tensor of shape {tuple(x.shape)}; say which, usually dim=-1", stacklevel=3)
    return chosen


def softmin(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """`softmax` of -x, with its arguments.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.softmin(wb.zeros(2)).tolist()
    [0.5, 0.5]
    """
    return softmax(-input, dim, dtype=dtype)


def gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """A sample of a category that is differentiable in its logits (Jang et al. 2016).

    Parameters
    ----------
    logits : Tensor
        Logarithms of probabilities, not necessarily normalized.
    tau : float
        Temperature: the smaller, the nearer to one-hot.
    hard : bool
        Return one-hot vectors; the gradient is that of the soft sample.
    eps : float
        Not used; PyTorch keeps it for old code.
    dim : int
        The axis of categories.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.gumbel_softmax(wb.zeros(2, 3), hard=True).sum(-1).tolist()
    [1.0, 1.0]
    """
    uniform = ops.rand(*logits.shape, dtype=logits.dtype, device=logits.device)
    noise = -ops.log(-ops.log(ops.clip(uniform, float(_smallest(logits)), None)))
    soft = softmax((logits + noise) / tau, dim)
    if not hard:
        return soft
    classes = ops.moveaxis(ops.one_hot(ops.argmax(soft, axis=dim), logits.shape[dim]), -1, dim)
    return classes.to(soft.dtype) + (soft - ops.stop_gradient(soft))


def _smallest(like: Tensor) -> Any:
    """What a uniform number must not fall below for its logarithm to exist."""
    from ...backend.dtypes import finfo

    return finfo(like.dtype).tiny


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """First half of `dim` times the sigmoid of the second (Dauphin et al. 2016).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.glu(wb.tensor([2.0, 0.0])).tolist()
    [1.0]
    """
    first, second = halves("glu", input, dim)
    return first * sigmoid(second)


def halves(what: str, x: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """The first and the second half of axis `dim`."""
    length = x.shape[ops.movement.axis_of(dim, x.ndim, what)]
    if length % 2:
        raise ShapeError(f"{what}: axis {dim} of an input of shape {tuple(x.shape)} cannot be halved")
    return ops.narrow(x, dim, 0, length // 2), ops.narrow(x, dim, length // 2, length // 2)
