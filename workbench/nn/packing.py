"""Sequences of different lengths in one tensor: padded, or packed step by step without the padding."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .. import ops
from ..core import Tensor, as_tensor
from ..core.errors import ArgumentError, ShapeError


class PackedSequence(NamedTuple):
    """Sequences sorted from long to short and stored step by step.

    Attributes
    ----------
    data : Tensor
        All elements, (sum of lengths, ...).
    batch_sizes : Tensor
        How many sequences are still going at each step.
    sorted_indices, unsorted_indices : Tensor or None
        The order from long to short, and the way back.
    """

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None

    def like(self, other: PackedSequence) -> PackedSequence:
        """These data in the order of another packing of the same lengths."""
        return PackedSequence(self.data, other.batch_sizes, other.sorted_indices, other.unsorted_indices)

    @property
    def is_cuda(self) -> bool:
        """Do the data lie on a CUDA device?"""
        return self.data.device != "cpu"

    def to(self, *target: Any, **options: Any) -> PackedSequence:
        """The data in another dtype or on another device, and the order there too; arguments as for a tensor."""
        data = self.data.to(*target, **options)
        there, back = (None if order is None else order.to(device=data.device) for order in (self.sorted_indices, self.unsorted_indices))
        return PackedSequence(data, self.batch_sizes, there, back)

    def cpu(self) -> PackedSequence:
        """Everything in main memory."""
        return self.to(device="cpu")

    def cuda(self, device: int = 0) -> PackedSequence:
        """Everything on a CUDA device, but the sizes, which stay in main memory."""
        return self.to(device=f"cuda:{device}")

    def double(self) -> PackedSequence:
        """The data as float64."""
        return self.to("float64")

    def float(self) -> PackedSequence:
        """The data as float32."""
        return self.to("float32")

    def half(self) -> PackedSequence:
        """The data as float16."""
        return self.to("float16")


def pack_padded_sequence(input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True) -> PackedSequence:
    """Pack padded sequences (L, N, ...) of the given lengths.

    Raises
    ------
    ShapeError, ArgumentError
        If lengths do not fit, or are not sorted from long to short although that is enforced.

    Examples
    --------
    >>> import workbench as wb
    >>> packed = wb.nn.utils.rnn.pack_padded_sequence(wb.tensor([[1, 4], [2, 0], [3, 0]]), [3, 1])
    >>> packed.data.tolist(), packed.batch_sizes.tolist()
    ([1, 4, 2, 3], [2, 1, 1])
    """
    sizes = np.asarray(as_tensor(lengths).numpy())
    x = ops.transpose(input, 0, 1) if batch_first else input
    if sizes.shape != (x.shape[1],) or not sizes.size or sizes.min(initial=1) < 1 or sizes.max(initial=1) > x.shape[0]:
        raise ShapeError(f"pack_padded_sequence: lengths {sizes.tolist()} do not fit sequences of shape {tuple(input.shape)}; expected one length per "
                         f"sequence, from 1 to {x.shape[0]}")
    order = None
    if enforce_sorted and (np.diff(sizes) > 0).any():
        raise ArgumentError("pack_padded_sequence: lengths are not sorted from long to short; sort them, or pass enforce_sorted=False")
    if not enforce_sorted:
        order = np.argsort(-sizes, kind="stable")
        x, sizes = ops.index_select(x, 1, as_tensor(order, device=x.device)), sizes[order]
    going = (sizes[None, :] > np.arange(sizes.max(initial=0))[:, None]).sum(1)
    steps, members = np.concatenate([np.full(n, t) for t, n in enumerate(going)]), np.concatenate([np.arange(n) for n in going])
    data = x[Tensor(steps), Tensor(members)]
    there, back = (None, None) if order is None else (as_tensor(places, device=data.device) for places in (order, np.argsort(order)))
    return PackedSequence(data, Tensor(going), there, back)


def pad_packed_sequence(sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None) -> tuple[Tensor, Tensor]:
    """Padded sequences and their lengths from packed ones.

    Examples
    --------
    >>> import workbench as wb
    >>> rnn = wb.nn.utils.rnn
    >>> padded, lengths = rnn.pad_packed_sequence(rnn.pack_padded_sequence(wb.tensor([[1, 4], [2, 0], [3, 0]]), [3, 1]))
    >>> padded.tolist(), lengths.tolist()
    ([[1, 4], [2, 0], [3, 0]], [3, 1])
    """
    going = sequence.batch_sizes.numpy()
    longest = len(going) if total_length is None else total_length
    if longest < len(going):
        raise ArgumentError(f"pad_packed_sequence: total_length={total_length} is shorter than the longest sequence, {len(going)}")
    count = int(going[0]) if len(going) else 0
    lengths = (going[None, :] > np.arange(count)[:, None]).sum(1)
    steps, members = np.concatenate([np.full(n, t) for t, n in enumerate(going)]), np.concatenate([np.arange(n) for n in going])
    data = sequence.data
    empty = ops.zeros((longest, count, *data.shape[1:]), dtype=data.dtype, device=data.device) + padding_value
    padded = ops.index_put(empty.to(data.dtype), (Tensor(steps), Tensor(members)), data)
    if sequence.unsorted_indices is not None:
        padded, lengths = ops.index_select(padded, 1, sequence.unsorted_indices), lengths[sequence.unsorted_indices.numpy()]
    return ops.transpose(padded, 0, 1) if batch_first else padded, Tensor(lengths)


def pad_sequence(sequences: Sequence[Tensor], batch_first: bool = False, padding_value: float = 0.0, padding_side: str = "right") -> Tensor:
    """Sequences (L_i, ...) of different lengths as one padded tensor.

    Parameters
    ----------
    sequences : sequence of Tensor
    batch_first : bool
        Give (N, L, ...) instead of (L, N, ...).
    padding_value : float
    padding_side : {"right", "left"}
        Whether padding comes after the elements or before them.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.utils.rnn.pad_sequence([wb.tensor([1, 2]), wb.tensor([3])], batch_first=True).tolist()
    [[1, 2], [3, 0]]
    """
    if padding_side not in ("right", "left"):
        raise ArgumentError(f"pad_sequence: padding_side={padding_side!r}; expected 'right' or 'left'")
    if not len(sequences):
        raise ArgumentError("pad_sequence: there is no sequence; expected at least one")
    longest = max(len(s) for s in sequences)

    def filled(s: Tensor) -> Tensor:
        padding = ops.full((longest - len(s), *s.shape[1:]), padding_value, dtype=s.dtype, device=s.device)
        return ops.concat([s, padding] if padding_side == "right" else [padding, s])

    return ops.stack([filled(s) for s in sequences], axis=0 if batch_first else 1)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> list[Tensor]:
    """The sequences of a padded tensor (L, N, ...), each of its length.

    Examples
    --------
    >>> import workbench as wb
    >>> [s.tolist() for s in wb.nn.utils.rnn.unpad_sequence(wb.tensor([[1, 2], [3, 0]]), wb.tensor([2, 1]), batch_first=True)]
    [[1, 2], [3]]
    """
    rows = padded_sequences if batch_first else ops.transpose(padded_sequences, 0, 1)
    return [row[:int(length)] for row, length in zip(ops.unbind(rows), as_tensor(lengths).tolist(), strict=True)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences (L_i, ...) of different lengths.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.utils.rnn.pack_sequence([wb.tensor([1, 2]), wb.tensor([3])]).data.tolist()
    [1, 3, 2]
    """
    return pack_padded_sequence(pad_sequence(sequences), [len(s) for s in sequences], enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that were packed.

    Examples
    --------
    >>> import workbench as wb
    >>> rnn = wb.nn.utils.rnn
    >>> [s.tolist() for s in rnn.unpack_sequence(rnn.pack_sequence([wb.tensor([1, 2]), wb.tensor([3])]))]
    [[1, 2], [3]]
    """
    return unpad_sequence(*pad_packed_sequence(packed_sequences))


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The order that undoes another one.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.utils.rnn.invert_permutation(wb.tensor([2, 0, 1])).tolist()
    [1, 2, 0]
    """
    return None if permutation is None else ops.argsort(permutation)
