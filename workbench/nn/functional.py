"""PyTorch's ``torch.nn.functional``: functions of tensors behind the layers, with its names and arguments."""
from __future__ import annotations

import math
from collections.abc import Sequence

from .. import ops
from ..core import Tensor
from ..core.errors import ArgumentError, ShapeError
from ..ops import (  # noqa: F401 - part of this namespace
    adaptive_avg_pool2d,
    avg_pool1d,
    avg_pool2d,
    batch_norm,
    conv1d,
    conv2d,
    cross_entropy,
    dropout,
    embedding,
    group_norm,
    layer_norm,
    log_softmax,
    max_pool1d,
    max_pool2d,
    mish,
    one_hot,
    relu,
    relu6,
    rms_norm,
    scaled_dot_product_attention,
    sigmoid,
    silu,
    softmax,
    softsign,
    tanh,
)
from ..ops import log_sigmoid as logsigmoid  # noqa: F401
from ..ops.fused import check_classes


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``x weight' + bias``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.linear(wb.ones(2), wb.ones(3, 2)).tolist()
    [2.0, 2.0, 2.0]
    """
    y = ops.matmul(x, weight.T)
    return y if bias is None else y + bias


def adaptive_avg_pool1d(x: Tensor, output_size: int | Sequence[int]) -> Tensor:
    """Means over as many windows of the last axis as `output_size` asks for, as even as possible.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.adaptive_avg_pool1d(wb.tensor([[[1.0, 3.0, 5.0]]]), 1).tolist()
    [[[3.0]]]
    """
    if x.ndim not in (2, 3):
        raise ShapeError(f"adaptive_avg_pool1d: expected an input (N, C, L) or (C, L), got {tuple(x.shape)}")
    count = output_size if isinstance(output_size, int) else output_size[0]
    return adaptive_avg_pool2d(x.unsqueeze(-2), (1, count)).squeeze(-2)


# Activations -------------------------------------------------------------------------------------------------------------
def leaky_relu(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    """x where positive, else ``negative_slope * x`` (Maas et al. 2013).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.leaky_relu(wb.tensor([-1.0, 1.0]), 0.5).tolist()
    [-0.5, 1.0]
    """
    return ops.where(x > 0, x, x * negative_slope)


def prelu(x: Tensor, weight: Tensor) -> Tensor:
    """x where positive, else ``weight * x``, one weight for all or one per channel (axis 1) (He et al. 2015)."""
    if weight.size > 1 and x.ndim > 1:
        weight = weight.reshape(-1, *(1,) * (x.ndim - 2))
    return ops.where(x > 0, x, x * weight)


def rrelu(x: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False) -> Tensor:
    """x where positive, else x times a slope drawn between `lower` and `upper` in training, their mean otherwise (Xu et al. 2015)."""
    if not training:
        return leaky_relu(x, (lower + upper) / 2)
    drawn = ops.rand(*x.shape, dtype=x.dtype, device=None if x.device == "cpu" else x.device)
    return ops.where(x > 0, x, x * (lower + (upper - lower) * drawn))


def _below_zero(x: Tensor) -> Tensor:
    """x where the exponential is wanted, else 0: it must not overflow. At 0 itself the gradient is that of this side."""
    return ops.where(x > 0, 0.0, x)


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """x where positive, else ``alpha (exp(x) - 1)`` (Clevert et al. 2015)."""
    return ops.where(x > 0, x, alpha * ops.expm1(_below_zero(x)))


def celu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """x where positive, else ``alpha (exp(x / alpha) - 1)`` (Barron 2017)."""
    return ops.where(x > 0, x, alpha * ops.expm1(_below_zero(x) / alpha))


def selu(x: Tensor) -> Tensor:
    """Scaled ELU that keeps mean 0 and variance 1 (Klambauer et al. 2017)."""
    return 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)


def gelu(x: Tensor, approximate: str = "none") -> Tensor:
    """Gaussian error linear unit (Hendrycks and Gimpel 2016); ``approximate="tanh"`` for the tanh form."""
    if approximate not in ("none", "tanh"):
        raise ArgumentError(f"gelu: approximate={approximate!r}; expected 'none' or 'tanh'")
    return ops.gelu_tanh(x) if approximate == "tanh" else ops.gelu(x)


def softplus(x: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """``log(1 + exp(beta x)) / beta``; x itself where ``beta x`` is above `threshold`."""
    scaled = x * beta if beta != 1 else x
    return ops.where(scaled > threshold, x, ops.softplus(scaled) / beta)


def hardtanh(x: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """x limited to the interval."""
    inside = (x > min_val) & (x < max_val)
    return ops.where(inside, x, ops.clip(ops.stop_gradient(x), min_val, max_val))


def hardsigmoid(x: Tensor) -> Tensor:
    """``relu6(x + 3) / 6`` (Howard et al. 2019)."""
    return relu6(x + 3.0) / 6.0


def hardswish(x: Tensor) -> Tensor:
    """``x relu6(x + 3) / 6`` (Howard et al. 2019)."""
    return x * relu6(x + 3.0) / 6.0


def tanhshrink(x: Tensor) -> Tensor:
    """``x - tanh(x)``."""
    return x - ops.tanh(x)


def softshrink(x: Tensor, lambd: float = 0.5) -> Tensor:
    """x moved towards zero by `lambd`, zero within it."""
    return ops.where(x > lambd, x - lambd, ops.where(x < -lambd, x + lambd, x * 0))


def hardshrink(x: Tensor, lambd: float = 0.5) -> Tensor:
    """x, or zero where ``abs(x) <= lambd``."""
    return ops.where(ops.abs(x) > lambd, x, x * 0)


def threshold(x: Tensor, threshold: float, value: float) -> Tensor:
    """x where above `threshold`, else `value`."""
    return ops.where(x > threshold, x, value)


def softmin(x: Tensor, dim: int = -1) -> Tensor:
    """`softmax` of -x."""
    return softmax(-x, dim)


def glu(x: Tensor, dim: int = -1) -> Tensor:
    """First half of `dim` times the sigmoid of the second (Dauphin et al. 2016)."""
    if x.shape[dim] % 2:
        raise ShapeError(f"glu: axis {dim} of an input of shape {tuple(x.shape)} cannot be halved")
    first, second = ops.chunk(x, 2, dim)
    return first * sigmoid(second)


def normalize(x: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Tensor:
    """x divided by its p-norm along `dim` (at least `eps`)."""
    return x / ops.maximum(ops.norm(x, p, dim, keepdims=True), eps)


def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between two vectors along `dim`."""
    dot = ops.sum(x1 * x2, axis=dim)
    return dot / (ops.maximum(ops.norm(x1, 2, dim), eps) * ops.maximum(ops.norm(x2, 2, dim), eps))


def pad(x: Tensor, pad: Sequence[int], mode: str = "constant", value: float = 0.0) -> Tensor:
    """x with numbers added around; `pad` lists (before, after) of the last axis first.

    ``mode``: ``"constant"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.pad(wb.tensor([1.0, 2.0]), (1, 0), mode="replicate").tolist()
    [1.0, 1.0, 2.0]
    """
    if len(pad) % 2 or len(pad) > 2 * x.ndim:
        raise ArgumentError(f"pad: {tuple(pad)} does not give (before, after) for up to {x.ndim} axes")
    pairs = [(pad[2 * i], pad[2 * i + 1]) for i in range(len(pad) // 2)]
    if mode == "constant":
        from ..ops.movement import pad_constant

        widths = ((0, 0),) * (x.ndim - len(pairs)) + tuple(reversed(pairs))
        return pad_constant(x, widths=widths, value=value)
    for i, (before, after) in enumerate(pairs):
        axis = x.ndim - 1 - i
        x = ops.take(x, _padded_places(x.shape[axis], before, after, mode), axis)
    return x


def _padded_places(length: int, before: int, after: int, mode: str) -> list[int]:
    places = range(-before, length + after)
    if mode == "replicate":
        return [min(max(i, 0), length - 1) for i in places]
    if mode == "circular":
        return [i % length for i in places]
    if mode == "reflect":
        if max(before, after) >= length:
            raise ShapeError(f"pad: reflecting {max(before, after)} numbers needs an axis longer than {length}")
        return [length - 1 - abs(length - 1 - abs(i)) for i in places]
    raise ArgumentError(f"pad: mode={mode!r}; expected 'constant', 'reflect', 'replicate' or 'circular'")


# Losses ------------------------------------------------------------------------------------------------------------------
def reduce_loss(losses: Tensor, reduction: str) -> Tensor:
    """The mean or sum of `losses`, or `losses` themselves."""
    if reduction == "mean":
        return losses.mean()
    if reduction == "sum":
        return losses.sum()
    if reduction == "none":
        return losses
    raise ArgumentError(f"reduction={reduction!r}; expected 'mean', 'sum' or 'none'")


def _same_shape(what: str, x: Tensor, target: Tensor) -> None:
    if tuple(x.shape) != tuple(target.shape):
        raise ShapeError(f"{what}: input of shape {tuple(x.shape)} and target of shape {tuple(target.shape)} differ; "
                         f"they would broadcast against each other, which is almost never meant (reshape or squeeze "
                         f"one of them)")


def mse_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Squared differences.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.mse_loss(wb.tensor([1.0]), wb.tensor([3.0])).item()
    4.0
    """
    _same_shape("mse_loss", input, target)
    return reduce_loss(ops.square(input - target), reduction)


def l1_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """Absolute differences."""
    _same_shape("l1_loss", input, target)
    return reduce_loss(ops.abs(input - target), reduction)


def huber_loss(input: Tensor, target: Tensor, reduction: str = "mean", delta: float = 1.0) -> Tensor:
    """Half the squared difference up to `delta`, linear beyond (Huber 1964)."""
    _same_shape("huber_loss", input, target)
    size = ops.abs(input - target)
    return reduce_loss(ops.where(size < delta, 0.5 * size * size, delta * (size - 0.5 * delta)), reduction)


def smooth_l1_loss(input: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """`huber_loss` divided by `beta` (Girshick 2015)."""
    return l1_loss(input, target, reduction) if beta == 0 else huber_loss(input, target, reduction, beta) / beta


def nll_loss(input: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = -100,
             reduction: str = "mean") -> Tensor:
    """Minus the log-probability (C on axis 1) of the target class.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.nll_loss(wb.tensor([[-1.0, -2.0]]), wb.tensor([1])).item()
    2.0
    """
    axis = min(1, input.ndim - 1)
    wanted = tuple(n for a, n in enumerate(input.shape) if a != axis)
    if tuple(target.shape) != wanted:
        raise ShapeError(f"nll_loss: log-probabilities of shape {tuple(input.shape)} need class indices of shape "
                         f"{wanted}, got {tuple(target.shape)}")
    check_classes("nll_loss", target, input.shape[axis], ignore_index)
    if input.ndim > 2:
        input = ops.moveaxis(input, 1, -1)
    classes = input.shape[-1]
    rows, flat = input.reshape(-1, classes), target.reshape(-1)
    counted = flat != ignore_index
    safe = ops.where(counted, flat, 0)
    scale = counted.to(input.dtype) if weight is None else counted * weight[safe]
    losses = -ops.gather(rows, 1, safe.unsqueeze(-1)).squeeze(-1) * scale
    if reduction == "mean":
        return losses.sum() / scale.sum()
    return reduce_loss(losses.reshape(target.shape), reduction)


def binary_cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None,
                         reduction: str = "mean") -> Tensor:
    """Cross-entropy of probabilities against targets in 0..1; logarithms are not below -100."""
    _same_shape("binary_cross_entropy", input, target)
    if type(input) is Tensor and bool(((input.data < 0) | (input.data > 1)).any()):
        raise ArgumentError("binary_cross_entropy: input holds values outside 0..1; apply sigmoid, or use "
                            "binary_cross_entropy_with_logits on raw scores")
    losses = -_log_likelihood(input, target)
    return reduce_loss(losses if weight is None else losses * weight, reduction)


def _log_likelihood(p: Tensor, target: Tensor) -> Tensor:
    """``t log(p) + (1 - t) log(1 - p)``, logarithms at least -100.

    Within 1e-12 of 0 and 1 the slope is ``(t - p) / 1e-12``, as in PyTorch: a saturated sigmoid gives no NaN.
    """
    fixed = ops.stop_gradient(p)
    edge = fixed * (1 - fixed) < 1e-12
    safe = ops.where(edge, 0.5, p)
    inside = target * ops.log(safe) + (1 - target) * ops.log1p(-safe)
    low = math.exp(-100)
    at_edge = target * ops.log(ops.maximum(fixed, low)) + (1 - target) * ops.log(ops.maximum(1 - fixed, low))
    slope = (ops.stop_gradient(target) - fixed) * 1e12
    return ops.where(edge, at_edge + (p - fixed) * slope, inside)


def binary_cross_entropy_with_logits(input: Tensor, target: Tensor, weight: Tensor | None = None,
                                     reduction: str = "mean", pos_weight: Tensor | None = None) -> Tensor:
    """Cross-entropy of the sigmoid of scores against targets in 0..1, without overflow."""
    _same_shape("binary_cross_entropy_with_logits", input, target)
    if pos_weight is None:
        losses = ops.softplus(input) - input * target
    else:
        scale = 1 + (pos_weight - 1) * target
        losses = (1 - target) * input + scale * ops.softplus(-input)
    return reduce_loss(losses if weight is None else losses * weight, reduction)


def kl_div(input: Tensor, target: Tensor, reduction: str = "mean", log_target: bool = False) -> Tensor:
    """Kullback-Leibler divergence of log-probabilities `input` from `target`; "batchmean" divides by the batch."""
    _same_shape("kl_div", input, target)
    losses = ops.exp(target) * (target - input) if log_target else ops.xlogy(target, target) - target * input
    return losses.sum() / input.shape[0] if reduction == "batchmean" else reduce_loss(losses, reduction)


def hinge_embedding_loss(input: Tensor, target: Tensor, margin: float = 1.0, reduction: str = "mean") -> Tensor:
    """x where the target is 1, ``max(0, margin - x)`` where it is -1."""
    return reduce_loss(ops.where(target == 1, input, ops.relu(margin - input)), reduction)


def soft_margin_loss(input: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """``log(1 + exp(-y x))`` for targets of 1 and -1."""
    return reduce_loss(ops.softplus(-target * input), reduction)


def cosine_embedding_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0,
                          reduction: str = "mean") -> Tensor:
    """1 - cos where the target is 1, ``max(0, cos - margin)`` where it is -1."""
    cosine = cosine_similarity(input1, input2, -1)
    return reduce_loss(ops.where(target == 1, 1 - cosine, ops.relu(cosine - margin)), reduction)


def margin_ranking_loss(input1: Tensor, input2: Tensor, target: Tensor, margin: float = 0.0,
                        reduction: str = "mean") -> Tensor:
    """``max(0, -y (x1 - x2) + margin)``."""
    return reduce_loss(ops.relu(-target * (input1 - input2) + margin), reduction)


def poisson_nll_loss(input: Tensor, target: Tensor, log_input: bool = True, full: bool = False, eps: float = 1e-8,
                     reduction: str = "mean") -> Tensor:
    """Minus the log-likelihood of counts under a Poisson distribution."""
    losses = ops.exp(input) - target * input if log_input else input - target * ops.log(input + eps)
    if full:
        counts = ops.where(target > 1, target, 1.0)
        stirling = counts * ops.log(counts) - counts + 0.5 * ops.log(2 * math.pi * counts)
        losses = losses + ops.where(target > 1, stirling, 0.0)
    return reduce_loss(losses, reduction)
