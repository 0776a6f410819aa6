"""Fast paths over composites: softmax, losses, normalization, embedding (attention has a file of its own).

Each pair holds the composite (``*_reference``), which defines the mathematics and serves every transformation, and the
fused op with a forward and a first-order backward on raw arrays.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend import dtypes
from ..backend.rows import RowFormulas
from ..core import mutate
from ..core.boxes import Dual, TapeBox
from ..core.declare import fused
from ..core.errors import ArgumentError, DTypeError, ShapeError
from ..core.state import STATE
from ..core.tensor import Tensor
from . import elementwise as ew
from .convert import to
from .index import index, where
from .lookup import lookup
from .movement import _cast, _reshape, expand_dims
from .reduce import amax, cast_like, half_again, logsumexp, mean, stop_gradient, sum, var
from .scatter import gather_along


# Softmax ---------------------------------------------------------------------------------------------------------------
def softmax_reference(x: Tensor, axis: int) -> Tensor:
    """exp(x) over its sum, with the maximum subtracted first."""
    e = ew.exp(x - stop_gradient(amax(x, axis=axis, keepdims=True)) if x.size else x)
    return e / sum(e, axis=axis, keepdims=True)


def log_softmax_reference(x: Tensor, axis: int) -> Tensor:
    """x minus the logarithm of the sum of exp(x)."""
    return x - logsumexp(x, axis, keepdims=True) if x.size else softmax_reference(x, axis)


SOFTMAX = RowFormulas("x o", {"top": "max: x"}, {"o": "exp(x - top)", "total": "sum: o"}, {"share": "1 / total"}, {"o": "o * share"})
SOFTMAX_BACK = RowFormulas("g o c", {"total": "sum: g * o"}, {"c": "o * (g - total)"})
LOG_SOFTMAX = RowFormulas("x o", {"top": "max: x"}, {"total": "sum: exp(x - top)"}, {"shift": "log(total)"}, {"o": "x - top - shift"})
LOG_SOFTMAX_BACK = RowFormulas("g o c", {"total": "sum: g"}, {"c": "g - exp(o) * total"})


def _over_rows(formulas: RowFormulas, axis: int, *arrays: Any) -> Callable[..., Any] | None:
    """A function of the arrays along their last axis, which gives a new one; None where there is no kernel for them."""
    x = arrays[0]
    kernel = formulas.on(x) if axis in (-1, x.ndim - 1) else None
    if kernel is None or any(array.dtype != x.dtype for array in arrays):
        return None
    rows = lambda array: np.ascontiguousarray(array).reshape(-1, x.shape[-1])

    def run(*arrays: Any) -> Any:
        out = np.empty(x.shape, x.dtype)
        kernel(*map(rows, arrays), rows(out))
        return out

    return run


@fused(reference=softmax_reference, arity=1)
class softmax_:
    """Exponentials divided by their sum along `axis`."""

    def forward(xp, x, *, axis=-1):
        if not x.size:  # no maximum, but still an axis to check
            return x + x.sum(axis=axis, keepdims=True), x
        kernel = _over_rows(SOFTMAX, axis, x)
        if kernel is not None:
            o = kernel(x)
            return o, o
        o = xp.exp(x - x.max(axis=axis, keepdims=True))
        o /= o.sum(axis=axis, keepdims=True)
        return o, o

    def backward(xp, g, needs, o, x, *, axis):
        kernel = _over_rows(SOFTMAX_BACK, axis, g, o)
        if kernel is not None:
            return (kernel(g, o),)
        c = g * o
        c -= o * c.sum(axis=axis, keepdims=True)
        return (c,)


@fused(reference=log_softmax_reference, arity=1)
class log_softmax_:
    """The logarithm of `softmax` along `axis`, without underflow."""

    def forward(xp, x, *, axis=-1):
        if not x.size:
            return x + x.sum(axis=axis, keepdims=True), x
        kernel = _over_rows(LOG_SOFTMAX, axis, x)
        if kernel is not None:
            o = kernel(x)
            return o, o
        o = x - x.max(axis=axis, keepdims=True)
        o -= xp.log(xp.exp(o).sum(axis=axis, keepdims=True))
        return o, o

    def backward(xp, g, needs, o, x, *, axis):
        kernel = _over_rows(LOG_SOFTMAX_BACK, axis, g, o)
        if kernel is not None:
            return (kernel(g, o),)
        return (g - xp.exp(o) * g.sum(axis=axis, keepdims=True),)


_softmax, _log_softmax = softmax_, log_softmax_


def softmax(x: Tensor, axis: int = -1, *, dim: int | None = None, dtype: Any = None) -> Tensor:
    """Exponentials divided by their sum along `axis`: positive numbers that add up to one.

    Parameters
    ----------
    x : Tensor
    axis : int
        Also spelled ``dim``.
    dtype : dtype, optional
        Convert `x` to it first.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.softmax(wb.tensor([0.0, 0.0]), axis=0)
    tensor([0.5, 0.5])
    """
    return _softmax(x if dtype is None else to(x, dtype=dtype), axis=axis if dim is None else dim)


def log_softmax(x: Tensor, axis: int = -1, *, dim: int | None = None, dtype: Any = None) -> Tensor:
    """The logarithm of `softmax` along `axis`, without underflow; arguments as there.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.log_softmax(wb.tensor([0.0, 0.0]), axis=0).exp()
    tensor([0.5, 0.5])
    """
    return _log_softmax(x if dtype is None else to(x, dtype=dtype), axis=axis if dim is None else dim)


# Cross-entropy ---------------------------------------------------------------------------------------------------------
def nll_reference(logits: Tensor, target: Tensor) -> Tensor:
    """Minus the log-probability of the target class, row by row; logits (N, C), target (N,)."""
    return -_reshape(gather_along(log_softmax(logits, axis=-1), expand_dims(target, -1), axis=1), shape=tuple(target.shape))


NLL = RowFormulas("x o", {"top": "max: x"}, {"o": "exp(x - top)", "total": "sum: o"}, {"share": "1 / total", "most": "top", "logarithm": "log(total)"},
                  {"o": "o * share"}, numbers="most logarithm")


@fused(reference=nll_reference, arity=2, inexact=False, promotes=False)
class nll_of_logits:
    """Minus the log-probability of the target class for every row of logits (N, C)."""

    def forward(xp, x, y):
        kernel = NLL.on(x)
        if kernel is not None:
            e, top, logarithm = np.empty_like(x, order="C"), np.empty(len(x), x.dtype), np.empty(len(x), x.dtype)
            kernel(np.ascontiguousarray(x), e, top, logarithm)
            return logarithm - (x[np.arange(len(x)), y] - top), e
        shifted = x - x.max(axis=1, keepdims=True)
        e = xp.exp(shifted)
        total = e.sum(axis=1, keepdims=True)
        rows = xp.arange(x.shape[0])
        out = xp.log(total[:, 0]) - shifted[rows, y]
        e /= total
        return out, e

    def backward(xp, g, needs, probabilities, x, y):
        c = probabilities * g[:, None]
        c[xp.arange(x.shape[0]), y] -= g
        return c, None


def cross_entropy(input: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = -100,
                  reduction: str = "mean", label_smoothing: float = 0.0) -> Tensor:
    """The cross-entropy of class scores against targets.

    Parameters
    ----------
    input : Tensor, shape (N, C), (C,) or (N, C, d1, ...)
        Unnormalized scores (logits).
    target : Tensor
        Class indices of shape (N,), () or (N, d1, ...), or probabilities of the shape of `input`.
    weight : Tensor, shape (C,), optional
        Weight of each class.
    ignore_index : int
        Targets of this value count for nothing.
    reduction : {"mean", "sum", "none"}
        "mean" divides by the total weight of the targets that count.
    label_smoothing : float
        Share of the target that is spread evenly over all classes.

    Raises
    ------
    ShapeError
        If the shapes do not fit.
    DTypeError
        If class indices are not integers.
    AxisError
        If a target is not a class.

    Examples
    --------
    >>> import workbench as wb
    >>> round(wb.cross_entropy(wb.zeros(1, 4), wb.tensor([2])).item(), 4)
    1.3863
    """
    _check_reduction("cross_entropy", reduction)
    rows, classes, shape = _rows_of_classes(input)
    if tuple(target.shape) == tuple(input.shape) and target.dtype.kind in "fV":
        if ignore_index >= 0:
            raise ArgumentError(f"cross_entropy: ignore_index={ignore_index} with probabilities as targets; it goes with class indices only")
        return _soft_cross_entropy(rows, target, input, weight, reduction, label_smoothing, classes, shape)
    if target.dtype.kind not in "iu":
        raise DTypeError(f"cross_entropy: targets of dtype {target.dtype}; expected class indices (int64), or probabilities "
                         f"of the shape {tuple(input.shape)} of the scores")
    if tuple(target.shape) != shape:
        raise ShapeError(f"cross_entropy: scores of shape {tuple(input.shape)} need class indices of shape {shape}, got {tuple(target.shape)}")
    flat = _reshape(target, shape=(-1,))
    check_classes("cross_entropy", flat, classes, ignore_index)
    counted = ew.ne(flat, ignore_index)
    plain = weight is None and not label_smoothing and _all_count(flat, ignore_index)
    safe = flat if plain else where(counted, flat, 0)
    losses = nll_of_logits(rows, safe)
    if plain:
        return _reduce(losses, None, reduction, shape)
    weights = cast_like(counted, rows)
    scale = weights if weight is None else weights * index(weight, safe)
    total = losses * scale
    if label_smoothing:
        logp = log_softmax(rows, axis=-1)
        spread = -(logp if weight is None else logp * weight)
        smooth = sum(spread, axis=-1) * weights / classes
        total = (1 - label_smoothing) * total + label_smoothing * smooth
    return _reduce(total, scale, reduction, shape)


def _rows_of_classes(x: Tensor) -> tuple[Tensor, int, tuple[int, ...]]:
    """Scores as (rows, C), the number of classes, and the shape of the targets."""
    if len(x.shape) == 0:
        raise ShapeError("cross_entropy: the scores need an axis of classes, got a tensor without axes")
    axis = 0 if len(x.shape) == 1 else 1
    classes = x.shape[axis]
    from .movement import moveaxis

    moved = x if len(x.shape) <= 2 else moveaxis(x, 1, -1)
    return _reshape(moved, shape=(-1, classes)), classes, tuple(n for a, n in enumerate(x.shape) if a != axis)


def _soft_cross_entropy(rows: Tensor, target: Tensor, x: Tensor, weight: Tensor | None, reduction: str, smoothing: float,
                        classes: int, shape: tuple[int, ...]) -> Tensor:
    wanted, _, _ = _rows_of_classes(target)
    if smoothing:
        wanted = wanted * (1 - smoothing) + smoothing / classes
    terms = log_softmax(rows, axis=-1) * wanted
    losses = -sum(terms if weight is None else terms * weight, axis=-1)
    if reduction == "mean":
        return sum(losses) / max(math.prod(shape), 1)
    return _reduce(losses, None, reduction, shape)


def _reduce(losses: Tensor, scale: Tensor | None, reduction: str, shape: tuple[int, ...]) -> Tensor:
    if reduction == "none":
        return _reshape(losses, shape=shape)
    if reduction == "sum":
        return sum(losses)
    return mean(losses) if scale is None else weighted_mean(losses, scale)


def weighted_mean(losses: Tensor, weights: Tensor) -> Tensor:
    """The sum of weighted losses over that of their weights; where nothing counts NaN, without a gradient, as in PyTorch."""
    loss, total = sum(losses), sum(weights)
    none = ew.eq(total, 0)
    return where(none, math.nan, loss / (total + none))


def _check_reduction(what: str, reduction: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ArgumentError(f"{what}: reduction={reduction!r}; expected 'mean', 'sum' or 'none'")


def _all_count(target: Tensor, ignore_index: int) -> bool:
    return type(target) is Tensor and not bool((target.data == ignore_index).any())


def check_classes(what: str, target: Tensor, classes: int, ignore_index: int) -> None:
    """Refuse targets that are no class."""
    if type(target) is not Tensor or not target.size:
        return
    from ..core.errors import AxisError

    bad = (target.data != ignore_index) & ((target.data < 0) | (target.data >= classes))
    if bool(bad.any()):
        raise AxisError(f"{what}: target {int(target.data[bad][0])} is not one of the {classes} classes "
                        f"(0 to {classes - 1}); check the labels and the width of the last layer")


# Normalization ---------------------------------------------------------------------------------------------------------
def normalize_reference(x: Tensor, weight: Tensor | None, bias: Tensor | None, *, axes: tuple[int, ...], eps: float,
                        shape: tuple[int, ...]) -> Tensor:
    """(x - mean) / sqrt(variance + eps) over `axes`, scaled and shifted; weight and bias are reshaped to `shape`."""
    centred = x - mean(x, axis=axes, keepdims=True)
    o = centred * ew.rsqrt(mean(ew.square(centred), axis=axes, keepdims=True) + eps)
    if weight is not None:
        o = o * _reshape(weight, shape=shape)
    return o if bias is None else o + _reshape(bias, shape=shape)


NORMALIZE = RowFormulas(
    "x normal o", {"total": "sum: x"}, {"mean": "total * share"}, {"squares": "sum: (x - mean) * (x - mean)"},
    {"scale": "1 / sqrt(squares * share + eps)"}, {"normal": "(x - mean) * scale", "o": "normal * weight + bias"},
    numbers="scale", shared="weight bias", constants="share eps")
NORMALIZE_BACK = RowFormulas(
    "g normal c", {"first": "sum: g * weight", "second": "sum: g * weight * normal"}, {"mean": "first * share", "slope": "second * share"},
    {"c": "(g * weight - mean - normal * slope) * scale"}, numbers="scale", shared="weight", constants="share")


def _last(x: Any, axes: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Is this layer normalization: over the last axes, each number with a weight of its own?"""
    return axes == tuple(range(x.ndim - len(shape), x.ndim)) and tuple(x.shape[x.ndim - len(shape):]) == tuple(shape)


def _affine(x: Any, weight: Any, bias: Any, width: int) -> tuple[Any, Any, Any]:
    """Weight and bias as rows, and what a number counts in a mean."""
    return (np.ones(width, x.dtype) if weight is None else np.ascontiguousarray(weight).reshape(-1),
            np.zeros(width, x.dtype) if bias is None else np.ascontiguousarray(bias).reshape(-1), x.dtype.type([1 / width]))


@fused(reference=normalize_reference, arity=3, optional=2)
class normalize:
    """Layer, batch and group normalization in one: zero mean and unit variance over `axes`, then scale and shift."""

    def forward(xp, x, weight=None, bias=None, *, axes, eps, shape):
        kernel = NORMALIZE.on(x) if _last(x, axes, shape) else None
        if kernel is not None:
            width = math.prod(shape)
            rows, o, normal, scale = (np.ascontiguousarray(x).reshape(-1, width), *(np.empty((x.size // width, n), x.dtype) for n in (width, width, 1)))
            kernel(rows, normal, o, scale, *_affine(x, weight, bias, width), x.dtype.type([eps]))
            return o.reshape(x.shape), (normal.reshape(x.shape), scale.reshape(*x.shape[:x.ndim - len(axes)], *(1,) * len(axes)))
        centred = x - _means(xp, x, axes)
        scale = 1 / xp.sqrt(_means(xp, centred * centred, axes) + x.dtype.type(eps))
        centred *= scale
        o = centred if weight is None else centred * weight.reshape(shape)
        if bias is not None:
            o = o + bias.reshape(shape) if weight is None else xp.add(o, bias.reshape(shape), out=o)
        return o, (centred, scale)

    def backward(xp, g, needs, residual, x, weight, bias, *, axes, eps, shape):
        normal, scale = residual
        rest = tuple(a for a in range(x.ndim) if ((1,) * (x.ndim - len(shape)) + tuple(shape))[a] == 1)
        dx = dweight = dbias = None
        if rest == axes:  # batch normalization: the means that dx takes are those of the other gradients
            count = math.prod(x.shape[a] for a in axes)
            mean_g, mean_weighted = _means(xp, g, axes), _means(xp, g * normal, axes)
            if needs[0]:
                dx = g - mean_g
                dx -= normal * mean_weighted
                dx *= scale if weight is None else scale * weight.reshape(shape)
            return (dx, (mean_weighted * count).reshape(weight.shape) if needs[1] else None,
                    (mean_g * count).reshape(bias.shape) if needs[2] else None)
        if needs[1]:
            dweight = _sums(xp, g * normal, rest).reshape(weight.shape)
        if needs[2]:
            dbias = _sums(xp, g, rest).reshape(bias.shape)
        kernel = NORMALIZE_BACK.on(g) if needs[0] and _last(g, axes, shape) and g.dtype == normal.dtype else None
        if kernel is not None:
            dx, width = np.empty(g.shape, g.dtype), math.prod(shape)
            rows = (np.ascontiguousarray(array).reshape(-1, width) for array in (g, normal, dx))
            kernel(*rows, scale, *_affine(g, weight, None, width)[::2])
        elif needs[0]:
            h = g if weight is None else g * weight.reshape(shape)
            dx = h - _means(xp, h, axes)
            dx -= normal * _means(xp, h * normal, axes)
            dx *= scale
        return dx, dweight, dbias


def _normalized(x: Tensor, weight: Tensor | None, bias: Tensor | None, **options: Any) -> Tensor:
    """`normalize`; half precision, whose squares overflow above 255, is computed in float32. Under autocast the op is cast anyway."""
    if x.dtype.itemsize > 2 or STATE.cast is not None:
        return normalize(x, weight, bias, **options)
    wide = (part if part is None else _cast(part, dtype=dtypes.float32) for part in (x, weight, bias))
    return cast_like(normalize(*wide, **options), x)


LONGEST = 4096
"""Numbers of a row that a product adds up; NumPy's sums of more are more accurate."""


def _means(xp: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """The means over `axes`, which keep length 1; of rows as a product with ones, five times as fast as NumPy's sums of short rows."""
    count, kept = math.prod(x.shape[a] for a in axes), x.ndim - len(axes)
    if axes == tuple(range(kept, x.ndim)) and 0 < count <= LONGEST and x.dtype.char in "fd" and x.flags.c_contiguous:
        return (x.reshape(-1, count) @ xp.ones(count, x.dtype) / count).reshape(*x.shape[:kept], *(1,) * len(axes))
    return x.mean(axis=axes, keepdims=True)


def _sums(xp: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """The sums over `axes`; of columns as a product with ones."""
    count = math.prod(x.shape[a] for a in axes)
    if axes == tuple(range(len(axes))) and 0 < count <= LONGEST and x.dtype.char in "fd" and x.flags.c_contiguous:
        return xp.ones(count, x.dtype) @ x.reshape(count, -1)
    return x.sum(axis=axes)


def layer_norm(input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None, bias: Tensor | None = None,
               eps: float = 1e-5) -> Tensor:
    """Zero mean and unit variance over the last axes (Ba et al. 2016), then scale and shift.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.layer_norm(wb.tensor([[1.0, 3.0]]), 2, eps=0.0).tolist()
    [[-1.0, 1.0]]
    """
    wanted = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if tuple(input.shape[len(input.shape) - len(wanted):]) != wanted:
        raise ShapeError(f"layer_norm: normalized_shape={wanted} does not match the last axes of an input of shape {tuple(input.shape)}")
    axes = tuple(range(len(input.shape) - len(wanted), len(input.shape)))
    return _normalized(input, weight, bias, axes=axes, eps=eps, shape=wanted)


def batch_norm(input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
               bias: Tensor | None = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5) -> Tensor:
    """Zero mean and unit variance per channel of `input` (N, C, ...) (Ioffe and Szegedy 2015), then scale and shift.

    In training the statistics are those of the batch, and running ones move towards them by `momentum` (in place);
    otherwise the running ones are used.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.batch_norm(wb.tensor([[1.0], [3.0]]), None, None, training=True, eps=0.0).tolist()
    [[-1.0], [1.0]]
    """
    if len(input.shape) < 2:
        raise ShapeError(f"batch_norm: expected an input (N, C, ...), got {tuple(input.shape)}")
    axes = (0, *range(2, len(input.shape)))
    shape = (input.shape[1], *(1,) * (len(input.shape) - 2))
    if training or running_mean is None:
        count = math.prod(input.shape[a] for a in axes)
        if training and count == 1:
            raise ShapeError(f"batch_norm: an input of shape {tuple(input.shape)} has one value per channel, so no variance; "
                             "use a larger batch, or .eval()")
        if not count:  # statistics of nothing: as in PyTorch, running ones stay
            return normalize_reference(input, weight, bias, axes=(), eps=eps, shape=shape)
        if training and running_mean is not None:
            _update_running(input, running_mean, running_var, axes, momentum, count)
        return _normalized(input, weight, bias, axes=axes, eps=eps, shape=shape)
    scale = ew.rsqrt(running_var + eps)
    scale = scale if weight is None else scale * weight
    shift = -running_mean * scale if bias is None else bias - running_mean * scale
    return input * _reshape(scale, shape=shape) + _reshape(shift, shape=shape)


def without_derivative(x: Tensor) -> Tensor:
    """The value of `x` under transformations that differentiate; a value inside vmap stays one."""
    while isinstance(x, (Dual, TapeBox)):
        x = x.data
    return x


def _update_running(x: Tensor, running_mean: Tensor, running_var: Tensor, axes: tuple[int, ...], momentum: float, count: int) -> None:
    """Rebind the buffers to new arrays: an eval-mode graph that saved the old ones stays right."""
    from ..core.errors import GraphError

    x = without_derivative(x)
    if (STATE.trace is not None and x.level <= STATE.trace.level) or (x.level and x.level == running_mean.level == running_var.level):
        average, spread = mean(x, axis=axes), var(x, axis=axes)
        mutate.write_statistic(running_mean, running_mean * (1 - momentum) + average * momentum, "batch_norm")
        mutate.write_statistic(running_var, running_var * (1 - momentum) + spread * momentum, "batch_norm")
        return
    if type(x) is not Tensor:
        raise GraphError(f"batch_norm: running statistics that all examples share cannot be updated inside {type(x).transformation}; "
                         "use .eval(), track_running_stats=False, another normalization, or map over the statistics too")
    if STATE.again:
        return
    data = x.data
    average, spread = data.mean(axis=axes), data.var(axis=axes) * (count / (count - 1))
    running_mean.data = (running_mean.data * (1 - momentum) + momentum * average).astype(running_mean.dtype)
    running_var.data = (running_var.data * (1 - momentum) + momentum * spread).astype(running_var.dtype)


def group_norm(input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5) -> Tensor:
    """Zero mean and unit variance over groups of channels of `input` (N, C, ...) (Wu and He 2018), then scale and shift.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.group_norm(wb.ones(2, 4, 3), 2).shape
    (2, 4, 3)
    """
    if len(input.shape) < 2:
        raise ShapeError(f"group_norm: expected an input (N, C, ...), got {tuple(input.shape)}")
    n, c = input.shape[:2]
    if c % num_groups:
        raise ShapeError(f"group_norm: {c} channels cannot be divided into num_groups={num_groups}")
    count = c // num_groups * math.prod(input.shape[2:])
    if n * count == 1:
        raise ShapeError(f"group_norm: an input of shape {tuple(input.shape)} has one value per group, so no variance; use fewer groups or a larger batch")
    rows = _reshape(input, shape=(n, num_groups, count))
    o = _reshape(_normalized(rows, None, None, axes=(2,), eps=eps, shape=(1,)), shape=tuple(input.shape))
    shape = (c, *(1,) * (len(input.shape) - 2))
    if weight is not None:
        o = o * _reshape(weight, shape=shape)
    return o if bias is None else o + _reshape(bias, shape=shape)


def rms_norm(input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None, eps: float | None = None) -> Tensor:
    """Divide by the root mean square over the last axes (Zhang and Sennrich 2019), then scale.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.rms_norm(wb.tensor([3.0, 3.0]), 2).tolist()
    [1.0, 1.0]
    """
    wanted = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not wanted or tuple(input.shape[-len(wanted):]) != wanted:
        raise ShapeError(f"rms_norm: normalized_shape={wanted} does not match the last axes of an input of shape {tuple(input.shape)}")
    if input.dtype.itemsize == 2:
        small = float(dtypes.finfo(input.dtype).eps) if eps is None else eps
        return half_again(rms_norm(_cast(input, dtype=dtypes.float32), wanted, weight if weight is None else _cast(weight, dtype=dtypes.float32), small), input)
    axes = tuple(range(len(input.shape) - len(wanted), len(input.shape)))
    small = float(dtypes.finfo(input.dtype).eps) if eps is None else eps
    o = input * ew.rsqrt(mean(ew.square(input), axis=axes, keepdims=True) + small)
    return o if weight is None else o * weight


# Embedding -------------------------------------------------------------------------------------------------------------
def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None, *, sparse: bool = False) -> Tensor:
    """The rows of `weight` at the integers of `input`; row `padding_idx` gets no gradient.

    With `sparse` the gradient that `backward` leaves holds the rows that were asked for and no others.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.embedding(wb.tensor([1, 0]), wb.eye(2)).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    if input.dtype.kind not in "iu":
        raise DTypeError(f"embedding: indices of dtype {input.dtype}; expected integers")
    if type(input) is Tensor and input.size and not (0 <= int(input.data.min()) and int(input.data.max()) < weight.shape[0]):
        from ..core.errors import AxisError

        raise AxisError(f"embedding: indices run from {int(input.data.min())} to {int(input.data.max())}, but the table has "
                        f"{weight.shape[0]} rows (0 to {weight.shape[0] - 1})")
    rows = lookup(weight, input, sparse)
    if padding_idx is None:
        return rows
    row = padding_idx % weight.shape[0]
    return where(expand_dims(ew.eq(input, row), -1), stop_gradient(rows), rows)


__all__ = ["softmax", "log_softmax", "cross_entropy", "layer_norm", "batch_norm", "group_norm", "rms_norm", "embedding"]
