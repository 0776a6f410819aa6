"""Maps of one or two vectors, and tables of vectors looked up one by one or in bags."""
from __future__ import annotations

from typing import Any

from ... import ops
from ...core import Tensor, no_grad
from ...core.errors import ArgumentError, DTypeError, ShapeError
from ...core.state import lowered

one_hot = ops.one_hot


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``x weight' + bias``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.linear(wb.ones(2), wb.ones(3, 2)).tolist()
    [2.0, 2.0, 2.0]
    """
    y = ops.matmul(input, weight.T)
    return y if bias is None else y + lowered(bias)


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """``x1' W_k x2 + b_k`` for every output k.

    Parameters
    ----------
    input1 : Tensor, shape (..., A)
    input2 : Tensor, shape (..., B)
    weight : Tensor, shape (O, A, B)
    bias : Tensor, shape (O,), optional

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.bilinear(wb.ones(2), wb.ones(3), wb.ones(1, 2, 3)).tolist()
    [6.0]
    """
    if input1.shape[:-1] != input2.shape[:-1] or tuple(weight.shape[1:]) != (input1.shape[-1], input2.shape[-1]):
        raise ShapeError(f"bilinear: inputs of shape {tuple(input1.shape)} and {tuple(input2.shape)} and a weight of shape {tuple(weight.shape)}; "
                         "expected (..., A), (..., B) alike in front and (O, A, B)")
    y = ops.einsum("...i,kij,...j->...k", input1, weight, input2)
    return y if bias is None else y + lowered(bias)


def embedding(input: Tensor, weight: Tensor, padding_idx: int | None = None, max_norm: float | None = None, norm_type: float = 2.0,
              scale_grad_by_freq: bool = False, sparse: bool = False) -> Tensor:
    """The rows of `weight` at the integers of `input`.

    Parameters
    ----------
    input : Tensor of integers
    weight : Tensor, shape (rows, ...)
    padding_idx : int, optional
        A row that gets no gradient.
    max_norm, norm_type : float
        Rows that are looked up and whose norm exceeds `max_norm` are first scaled down to it, in place.
    scale_grad_by_freq : bool
        Divide the gradient of a row by how often `input` asks for it.
    sparse : bool
        The gradient that `backward` leaves holds only the rows that were asked for; see `optim.SparseAdam`.

    Examples
    --------
    >>> import workbench as wb
    >>> table = wb.nn.Parameter(wb.eye(3))
    >>> wb.nn.functional.embedding(wb.tensor([2, 2]), table, sparse=True).sum().backward()
    >>> table.grad.is_sparse, table.grad.to_dense()[:, 0].tolist()
    (True, [0.0, 0.0, 2.0])
    """
    if max_norm is not None:
        shorten(input, weight, max_norm, norm_type)
    rows = ops.embedding(input, weight, padding_idx, sparse=sparse)
    return divide_gradient_by_frequency(rows, input, weight.shape[0]) if scale_grad_by_freq else rows


def embedding_bag(input: Tensor, weight: Tensor, offsets: Tensor | None = None, max_norm: float | None = None, norm_type: float = 2,
                  scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, per_sample_weights: Tensor | None = None,
                  include_last_offset: bool = False, padding_idx: int | None = None) -> Tensor:
    """Sums, means or largest numbers of bags of rows of a table.

    Parameters
    ----------
    input : Tensor of integers, shape (B, n) or (n,)
        Rows; one bag per line, or one after the other with `offsets`.
    weight : Tensor, shape (rows, D)
    offsets : Tensor of integers, shape (B,)
        Where each bag begins in a one-dimensional `input`.
    max_norm, norm_type : float
        Rows that are looked up and whose norm exceeds `max_norm` are first scaled down to it, in place.
    scale_grad_by_freq : bool
        Divide the gradient of a row by how often `input` asks for that very row (PyTorch 2.13 takes the count of another one).
    mode : {"sum", "mean", "max"}
    per_sample_weights : Tensor, the shape of input, optional
        Factors of the rows ("sum" only).
    include_last_offset : bool
        The last offset is the end of the last bag.
    padding_idx : int, optional
        A row that counts for nothing.

    Returns
    -------
    Tensor, shape (B, D)

    Examples
    --------
    >>> import workbench as wb
    >>> table = wb.tensor([[1.0], [2.0], [4.0]])
    >>> wb.nn.functional.embedding_bag(wb.tensor([0, 1, 2]), table, wb.tensor([0, 2]), mode="sum").tolist()
    [[3.0], [4.0]]
    """
    _check_bags(input, weight, offsets, mode, per_sample_weights)
    if mode == "max" and (sparse or scale_grad_by_freq):
        raise ArgumentError(f"embedding_bag: sparse={sparse}, scale_grad_by_freq={scale_grad_by_freq} with mode='max'; both go with 'sum' and 'mean' only")
    rows = embedding(input, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.unsqueeze(-1)
    counted = None if padding_idx is None else input != padding_idx % weight.shape[0]
    if offsets is None:
        return _bags_alike(rows, counted, mode)
    starts = offsets[:-1] if include_last_offset else offsets
    bag = ops.searchsorted(starts, ops.arange(input.shape[0], device=input.device), right=True) - 1
    return _bags_in_a_row(rows, bag, starts.shape[0], counted, mode)


def _check_bags(input: Tensor, weight: Tensor, offsets: Tensor | None, mode: str, factors: Tensor | None) -> None:
    if mode not in ("sum", "mean", "max"):
        raise ArgumentError(f"embedding_bag: mode={mode!r}; expected 'sum', 'mean' or 'max'")
    if input.dtype.kind not in "iu":
        raise DTypeError(f"embedding_bag: indices of dtype {input.dtype}; expected integers")
    if weight.ndim != 2:
        raise ShapeError(f"embedding_bag: expected a table (rows, D), got {tuple(weight.shape)}")
    if input.ndim not in (1, 2) or (input.ndim == 1) == (offsets is None):
        raise ShapeError(f"embedding_bag: an input of shape {tuple(input.shape)} {'with' if offsets is not None else 'without'} offsets; expected "
                         "(B, n) without, or (n,) with them")
    if offsets is not None and offsets.ndim != 1:
        raise ShapeError(f"embedding_bag: offsets of shape {tuple(offsets.shape)}; expected (B,)")
    if offsets is not None and type(offsets) is Tensor and offsets.size:
        if int(offsets.data[0]) != 0 or int(offsets.data[-1]) > input.shape[0]:
            raise ArgumentError(f"embedding_bag: offsets from {int(offsets.data[0])} to {int(offsets.data[-1])}; expected 0 first, and none above the "
                                f"{input.shape[0]} indices")
    if factors is not None and (mode != "sum" or tuple(factors.shape) != tuple(input.shape)):
        raise ArgumentError(f"embedding_bag: per_sample_weights of shape {tuple(factors.shape)} with mode={mode!r}; expected mode='sum' and the "
                            f"shape {tuple(input.shape)} of the input")


def _bags_alike(rows: Tensor, counted: Tensor | None, mode: str) -> Tensor:
    """Bags (B, n, D) of one length."""
    if mode == "max":
        choices = ops.stop_gradient(rows)
        if counted is not None:
            choices = ops.where(counted.unsqueeze(-1), choices, -float("inf"))
        best = ops.take_along_axis(rows, ops.argmax(choices, axis=1, keepdims=True), 1).squeeze(1)
        return best if counted is None else ops.where(ops.any(counted, axis=1, keepdims=True), best, 0.0)
    if counted is None:
        return ops.sum(rows, axis=1) if mode == "sum" else ops.mean(rows, axis=1)
    total = ops.sum(ops.where(counted.unsqueeze(-1), rows, 0.0), axis=1)
    return total if mode == "sum" else total / ops.maximum(ops.sum(counted.to(rows.dtype), axis=1, keepdims=True), 1.0)


def _bags_in_a_row(rows: Tensor, bag: Tensor, bags: int, counted: Tensor | None, mode: str) -> Tensor:
    """Rows (n, D), each with the number of its bag."""
    if mode == "max":
        member = bag == ops.arange(bags, device=bag.device).unsqueeze(1)
        member = member if counted is None else member & counted
        if not rows.shape[0]:
            return ops.broadcast_to(ops.sum(rows, axis=0), (bags, rows.shape[1]))
        choices = ops.where(member.unsqueeze(-1), ops.stop_gradient(rows), -float("inf"))
        best = ops.gather(rows, 0, ops.argmax(choices, axis=1))
        return ops.where(ops.any(member, axis=1, keepdims=True), best, 0.0)
    if counted is not None:
        rows = ops.where(counted.unsqueeze(-1), rows, 0.0)
    zeros = ops.zeros(bags, rows.shape[1], dtype=rows.dtype, device=rows.device)
    total = ops.scatter_add(zeros, 0, ops.broadcast_to(bag.unsqueeze(-1), tuple(rows.shape)), rows)
    if mode == "sum":
        return total
    ones = ops.ones_like(bag) if counted is None else counted.to("int64")
    counts = ops.scatter_add(ops.zeros(bags, dtype="int64", device=bag.device), 0, bag, ones)
    return total / ops.where(counts > 0, counts, 1).to(rows.dtype).unsqueeze(-1)


def shorten(input: Tensor, weight: Any, max_norm: float, norm_type: float) -> None:
    """Scale the rows of `weight` at `input` down to `max_norm`, in place."""
    with no_grad():
        norms = ops.norm(weight, norm_type, 1)
        asked = _counts(input, weight.shape[0]) > 0
        scale = ops.where(asked & (norms > max_norm), max_norm / (norms + 1e-7), 1.0)
        weight.copy_(weight * scale.unsqueeze(-1))


def divide_gradient_by_frequency(rows: Tensor, input: Tensor, count: int) -> Tensor:
    """`rows` of a table of `count` rows, exactly; their gradients are divided by how often `input` asks for each."""
    often = _counts(input, count)[input].unsqueeze(-1)
    fixed = ops.stop_gradient(rows)
    return fixed + (rows - fixed) / often.to(rows.dtype)


def _counts(input: Tensor, count: int) -> Tensor:
    """How often each integer below `count` stands in `input`."""
    flat = input.reshape(-1)
    return ops.scatter_add(ops.zeros(count, dtype="int64", device=flat.device), 0, flat, ops.ones_like(flat, dtype="int64"))
