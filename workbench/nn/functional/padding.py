"""Numbers added around a tensor, or cut off."""
from __future__ import annotations

from collections.abc import Sequence

from ... import ops
from ...core import Tensor
from ...core.errors import ArgumentError, ShapeError


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """x with numbers added around; `pad` lists (before, after) of the last axis first, and negative ones cut.

    ``mode``: ``"constant"`` (`value`, 0 by default), ``"reflect"``, ``"replicate"`` or ``"circular"``.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.functional.pad(wb.tensor([1.0, 2.0]), (1, 0), mode="replicate").tolist()
    [1.0, 1.0, 2.0]
    """
    if len(pad) % 2 or len(pad) > 2 * input.ndim:
        raise ArgumentError(f"pad: {tuple(pad)} does not give (before, after) for up to {input.ndim} axes")
    pairs = [(pad[2 * i], pad[2 * i + 1]) for i in range(len(pad) // 2)]
    if any(n + sum(pair) < 0 for n, pair in zip(reversed(input.shape), pairs, strict=False)):
        raise ShapeError(f"pad: {tuple(pad)} cuts more than there is of an input of shape {tuple(input.shape)}")
    if mode == "constant":
        widths = ((0, 0),) * (input.ndim - len(pairs)) + tuple(reversed(pairs))
        return ops.movement.pad_constant(input, widths=widths, value=0 if value is None else value)
    if value is not None and mode in _PLACES:
        raise ArgumentError(f"pad: value={value} has no meaning for mode={mode!r}; leave it out")
    for i, (before, after) in enumerate(pairs):
        axis = input.ndim - 1 - i
        input = ops.take(input, _padded_places(input.shape[axis], before, after, mode), axis)
    return input


_PLACES = ("reflect", "replicate", "circular")


def _padded_places(length: int, before: int, after: int, mode: str) -> list[int]:
    places = range(-before, length + after)
    if mode == "replicate":
        return [min(max(i, 0), length - 1) for i in places]
    if mode == "circular":
        if max(before, after) > length:
            raise ShapeError(f"pad: an axis of length {length} cannot be wrapped around by {max(before, after)}")
        first, kept = max(-before, 0), length - max(-before, 0) - max(-after, 0)  # what is cut off does not come round again
        return [first + (i - first) % kept for i in places]
    if mode == "reflect":
        if max(before, after) >= length:
            raise ShapeError(f"pad: reflecting {max(before, after)} numbers needs an axis longer than {length}")
        return [length - 1 - abs(length - 1 - abs(i)) for i in places]
    raise ArgumentError(f"pad: mode={mode!r}; expected 'constant', 'reflect', 'replicate' or 'circular'")
