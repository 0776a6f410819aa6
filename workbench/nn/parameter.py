"""Parameter: a tensor that a module trains. It is a plain Tensor on a Leaf, never a subclass, so the fast path sees it.

A parameter made frozen has no Leaf; it is remembered by identity, so that a module still takes it as its own. A lazy layer
has tensors of a subclass until it has seen an input.
"""
from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from ..core import Tensor, as_tensor
from ..core.errors import ShapeError
from ..core.node import Leaf
from ..ops import empty

_frozen: weakref.WeakValueDictionary[int, Tensor] = weakref.WeakValueDictionary()


class _Kind(type):
    def __instancecheck__(cls, value: Any) -> bool:
        plain = type(value) is Tensor or type(value) is UninitializedParameter
        return plain and (isinstance(value.node, Leaf) or _frozen.get(id(value)) is value)

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


_buffers: dict[bool, weakref.WeakValueDictionary[int, Tensor]] = {True: weakref.WeakValueDictionary(), False: weakref.WeakValueDictionary()}
"""Tensors made by `Buffer`, those that belong to the state first, by identity."""


def buffer_persists(value: Tensor) -> bool | None:
    """Of a tensor that `Buffer` made, whether it belongs to the state; of any other None."""
    return next((persistent for persistent, made in _buffers.items() if made.get(id(value)) is value), None)


class _BufferKind(type):
    def __instancecheck__(cls, value: Any) -> bool:
        return type(value) is Tensor and buffer_persists(value) is not None

    def __call__(cls, data: Any, *, persistent: bool = True) -> Any:
        tensor = as_tensor(data).detach()
        _buffers[persistent][id(tensor)] = tensor
        return tensor


class Buffer(metaclass=_BufferKind):
    """``Buffer(data)`` makes a tensor that becomes state which is not trained, once it is set as an attribute of a module.

    With ``persistent=False`` it is not part of the state dict. It is what `Module.register_buffer` does.

    Examples
    --------
    >>> import workbench as wb
    >>> model = wb.nn.Identity()
    >>> model.count = wb.nn.Buffer(wb.zeros(1))
    >>> list(model.state_dict())
    ['count']
    """


class _Uninitialized(Tensor):
    """A tensor of a lazy layer before the layer has seen an input: a dtype and a device, no shape and no numbers.

    It becomes a plain tensor in its place, so that whoever holds it then has the tensor.
    """

    __slots__ = ()

    def __init__(self, requires_grad: bool, device: str | None, dtype: Any) -> None:
        super().__init__(empty(0, device=device, dtype=dtype).data)
        self.requires_grad_(requires_grad)

    def _refuse(self) -> Any:
        raise ShapeError("a tensor of a lazy layer has no shape yet: call the model once on a batch (or load a state) before its parameters "
                         "are used, counted, saved or given to an optimizer")

    shape = property(_refuse)
    level = lasting = property(_refuse)  # what every operation asks of a tensor that is not a plain one
    numpy = item = _refuse

    def materialize(self, shape: Sequence[int], device: str | None = None, dtype: Any = None) -> None:
        """Become a plain tensor of this shape, with numbers still to be written."""
        wanted, data = self.requires_grad, empty(*shape, device=device or self.device, dtype=dtype or self.dtype).data
        self.node = None
        self.__class__ = Tensor
        self.data = data
        self.requires_grad_(wanted)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Say whether the tensor will be trained; returns itself."""
        self.node = Leaf((0,), self) if requires_grad else None
        return self

    def detach(self) -> Any:
        """Another one, off the tape."""
        return type(self)(False, self.device, self.dtype)

    def to(self, *target: Any, dtype: Any = None, device: str | None = None) -> Any:
        """Another one, of another dtype or on another device."""
        moved = Tensor(self.data).to(*target, dtype=dtype, device=device)
        return type(self)(self.requires_grad, moved.device, moved.dtype)

    def __deepcopy__(self, memo: dict) -> Any:
        memo[id(self)] = copy = type(self)(self.requires_grad, self.device, self.dtype)
        return copy

    def __reduce__(self) -> tuple:
        return type(self), (self.requires_grad, self.device, self.dtype)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(dtype={self.dtype}, device={self.device!r})"


class UninitializedParameter(_Uninitialized):
    """A parameter of a lazy layer before its first input.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.LazyLinear(3).weight
    >>> p
    UninitializedParameter(dtype=float32, device='cpu')
    >>> p.materialize((3, 2))
    >>> type(p).__name__, p.shape
    ('Tensor', (3, 2))
    """

    __slots__ = ()

    def __init__(self, requires_grad: bool = True, device: str | None = None, dtype: Any = None) -> None:
        super().__init__(requires_grad, device, dtype)


class UninitializedBuffer(_Uninitialized):
    """A buffer of a lazy layer before its first input."""

    __slots__ = ()

    def __init__(self, requires_grad: bool = False, device: str | None = None, dtype: Any = None) -> None:
        super().__init__(requires_grad, device, dtype)
