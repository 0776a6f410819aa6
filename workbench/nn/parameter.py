"""Parameter: a tensor that a module trains. It is a plain Tensor on a Leaf, never a subclass, so the fast path sees it.

A parameter made frozen has no Leaf; it is remembered by identity, so that a module still takes it as its own.
"""
from __future__ import annotations

import weakref
from typing import Any

from ..core import Tensor, as_tensor
from ..core.node import Leaf

_frozen: weakref.WeakValueDictionary[int, Tensor] = weakref.WeakValueDictionary()


class _Kind(type):
    def __instancecheck__(cls, value: Any) -> bool:
        return type(value) is Tensor and (isinstance(value.node, Leaf) or _frozen.get(id(value)) is value)

    def __call__(cls, data: Any, requires_grad: bool = True) -> Any:
        tensor = as_tensor(data).detach()
        if not requires_grad:
            _frozen[id(tensor)] = tensor
        return tensor.requires_grad_(requires_grad)


class Parameter(metaclass=_Kind):
    """``Parameter(data)`` makes a tensor that requires a gradient; ``isinstance(p, Parameter)`` recognises one.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.zeros(2))
    >>> isinstance(p, wb.nn.Parameter), type(p).__name__
    (True, 'Tensor')
    """
