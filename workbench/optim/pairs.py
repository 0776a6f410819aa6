"""Complex parameters: a rule sees pairs of real numbers, as PyTorch's do, with an axis of two at the end."""
from __future__ import annotations

from typing import Any

from ..backend import arrays
from .lowering import is_array


def as_pairs(array: Any) -> Any:
    """The same memory as real numbers (..., 2); what is not complex as it is."""
    if not is_array(array) or array.dtype.kind != "c":
        return array
    real = array.real
    return arrays.module_of(type(array)).lib.stride_tricks.as_strided(real, (*real.shape, 2), (*real.strides, real.itemsize))


def change(optimizer: Any, data: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
    """The rule of an optimizer on a complex array, in place; its state is complex too."""
    given = {name: as_pairs(value) for name, value in state.items()}
    inside = dict(given)
    optimizer.update(as_pairs(data), as_pairs(grad), inside, group)
    for name, value in inside.items():
        if value is not given.get(name):
            state[name] = _joined(value) if is_array(value) and value.shape == (*data.shape, 2) else value


def _joined(pairs: Any) -> Any:
    """Pairs as complex numbers."""
    whole = arrays.module_of(type(pairs)).ascontiguousarray(pairs)
    return whole.view(f"c{2 * whole.itemsize}").reshape(pairs.shape[:-1])
