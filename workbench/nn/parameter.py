"""Parameter: a tensor that a module trains. It is a plain Tensor on a Leaf, never a subclass, so the fast path sees it."""
from __future__ import annotations

from typing import Any

from ..core import Tensor, as_tensor
from ..core.node import Leaf


class _Kind(type):
    def __instancecheck__(cls, value: Any) -> bool:
        return type(value) is Tensor and isinstance(value.node, Leaf)

    def __call__(cls, data: Any, requires_grad: bool = True) -> Any:
        tensor = as_tensor(data).detach()
        return tensor.requires_grad_() if requires_grad else tensor


class Parameter(metaclass=_Kind):
    """``Parameter(data)`` makes a tensor that requires a gradient; ``isinstance(p, Parameter)`` recognises one.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.zeros(2))
    >>> isinstance(p, wb.nn.Parameter), type(p).__name__
    (True, 'Tensor')
    """
