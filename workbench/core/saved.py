"""Saved-tensor hooks: what nodes keep for backward goes through a function of the user, and back through another.

They hang on the observer bit: `forward` of the watch replaces what a new node saved by `Packed` values, which are
unpacked whenever the node is read. Tensors are packed as `torch.autograd.graph` does it: detached, innermost hooks
only, nothing that backward would not read.
"""
from __future__ import annotations

import contextlib
import functools
import os
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..backend import arrays
from . import mutate
from .errors import ArgumentError, DTypeError, GraphError, ShapeError
from .node import Leaf, Node, Packed, PackedNode, held, pack
from .state import STATE, Watch, clock, observing, untaped
from .tensor import Tensor

Pack = Callable[[Tensor], Any]
Unpack = Callable[[Any], Tensor]


class saved_tensors_hooks(Watch):
    """Operations recorded inside keep ``pack_hook(tensor)`` instead of each tensor that they save for backward.

    Parameters
    ----------
    pack_hook : callable
        Takes a tensor off the tape and returns anything. It must not write into the tensor.
    unpack_hook : callable
        Takes that and returns a tensor with the same numbers. It is called each time backward reads the value.

    Raises
    ------
    GraphError
        On entering inside `disable_saved_tensors_hooks`; if `pack_hook` writes into its input.
    DTypeError, ShapeError
        If `unpack_hook` returns no tensor, or one of another shape.

    Notes
    -----
    Values on the tapes of nested transformations and in graphs of jit are not packed. Source: `torch.autograd.graph`.

    Examples
    --------
    >>> import workbench as wb
    >>> x = wb.tensor([1.0, 2.0], requires_grad=True)
    >>> with wb.autograd.saved_tensors_hooks(lambda t: t.tolist(), lambda numbers: wb.tensor(numbers)):
    ...     y = (x * x).sum()
    >>> y.backward(); x.grad
    tensor([2., 4.])
    """

    def __init__(self, pack_hook: Pack, unpack_hook: Unpack) -> None:
        if not callable(pack_hook) or not callable(unpack_hook):
            raise ArgumentError("saved_tensors_hooks: expected two functions, pack_hook and unpack_hook")
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook
        self._open: list[Any] = []

    def __enter__(self) -> saved_tensors_hooks:
        if STATE.packing_disabled is not None:
            raise GraphError(STATE.packing_disabled)
        session = observing(self, recorded_only=True)
        session.__enter__()
        self._open.append(session)
        return self

    def __exit__(self, *exc: object) -> None:
        self._open.pop().__exit__(None, None, None)

    # ------------------------------------------------------------------ what the engine calls
    def forward(self, op: Any, args: tuple, params: dict[str, Any], output: Any, begin: int, end: int) -> None:
        """Pack what the new node saved."""
        node = operation_of(output)
        if node is None or isinstance(node, PackedNode) or _innermost() is not self:
            return
        read = {id(value) for value in mutate.read_by_backward(node)}
        with untaped():
            pack(node, tuple(self._packed(value) if id(value) in read else None if _is_value(value) else value for value in held(node)))

    def _packed(self, value: Any) -> Any:
        """`value`, or the Packed that stands for it; tuples of residuals and outputs are packed one by one."""
        if isinstance(value, tuple) and any(map(_is_value, value)):
            return Packed([self._packed(part) for part in value], _unpack_all, None)
        if not _is_value(value):
            return value
        data = value.data if isinstance(value, Tensor) else value
        before = clock()
        content = self.pack_hook(Tensor(data))
        if mutate.written_after(data, before):
            raise GraphError("saved_tensors_hooks: the pack hook wrote into the tensor it was given; write into a copy (x.clone())")
        unpack = _Unpack(self.unpack_hook, data.shape, isinstance(value, Tensor))
        return Packed(content, unpack, value.node if isinstance(value, Tensor) else None)


class _Unpack:
    """Calls an unpack hook and checks what it returns."""

    __slots__ = ("hook", "shape", "as_tensor")

    def __init__(self, hook: Unpack, shape: tuple[int, ...], as_tensor: bool) -> None:
        self.hook, self.shape, self.as_tensor = hook, tuple(shape), as_tensor

    def __call__(self, content: Any, node: Node | None) -> Any:
        with untaped():
            value = self.hook(content)
        if not isinstance(value, Tensor):
            raise DTypeError(f"saved_tensors_hooks: the unpack hook returned {type(value).__name__}; expected a Tensor")
        if value.shape != self.shape:
            raise ShapeError(f"saved_tensors_hooks: the unpack hook returned a tensor of shape {value.shape}; expected {self.shape}, the shape "
                             "of what was packed")
        return Tensor(value.data, node) if self.as_tensor else value.data


def _unpack_all(content: list[Any], node: Node | None) -> tuple:
    return tuple(part.value() if type(part) is Packed else part for part in content)


def _is_value(value: Any) -> bool:
    return isinstance(value, Tensor) or isinstance(value, np.generic) or arrays.is_array(value)


def _innermost() -> Any:
    return next((watch for watch in reversed(STATE.observers) if isinstance(watch, saved_tensors_hooks)), None)


def operation_of(output: Any) -> Node | None:
    """The node that recorded the op with this output; None if it was not recorded."""
    if isinstance(output, tuple):
        return next((out.node.parents[0] for out in output if out.node is not None), None)
    return None if output.node is None or isinstance(output.node, Leaf) else output.node


@contextlib.contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Entering `saved_tensors_hooks` inside raises a GraphError with this message.

    Examples
    --------
    >>> import workbench as wb
    >>> with wb.autograd.disable_saved_tensors_hooks("no hooks here"), wb.autograd.save_on_cpu():
    ...     pass
    Traceback (most recent call last):
    workbench.core.errors.GraphError: no hooks here
    """
    if _innermost() is not None:
        raise GraphError(error_message)
    before, STATE.packing_disabled = STATE.packing_disabled, error_message
    try:
        yield
    finally:
        STATE.packing_disabled = before


# Places to keep saved values ------------------------------------------------------------------------------------------------------
class save_on_cpu(saved_tensors_hooks):
    """What operations inside save for backward waits in main memory, and returns to its device when backward needs it.

    Parameters
    ----------
    pin_memory : bool
        Use page-locked memory, from which copies to the device are faster.

    Examples
    --------
    >>> import workbench as wb
    >>> x = wb.tensor(3.0, requires_grad=True)
    >>> with wb.autograd.save_on_cpu():
    ...     y = x * x
    >>> y.backward(); x.grad
    tensor(6.)
    """

    def __init__(self, pin_memory: bool = False) -> None:
        super().__init__(functools.partial(_to_cpu, pin_memory), lambda content: Tensor(arrays.to_device(content[1], content[0])))


def _to_cpu(pin_memory: bool, x: Tensor) -> tuple[str, Any]:
    if pin_memory and x.device != "cpu":
        import cupyx

        return x.device, x.data.get(out=cupyx.empty_like_pinned(x.data))
    return x.device, arrays.to_device(x.data, "cpu")


class save_on_disk(saved_tensors_hooks):
    """What operations inside save for backward waits in files, which are removed when the graph lets go of them.

    Parameters
    ----------
    folder : str or Path, optional
        Where; made if it does not exist. Default: the folder for temporary files.
    min_bytes : int
        Smaller values stay in memory.

    Examples
    --------
    >>> import tempfile, workbench as wb
    >>> x = wb.tensor([3.0, 4.0], requires_grad=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with wb.autograd.save_on_disk(folder):
    ...         y = (x * x).sum()
    ...     y.backward()
    >>> x.grad
    tensor([6., 8.])
    """

    def __init__(self, folder: str | Path | None = None, *, min_bytes: int = 0) -> None:
        import tempfile  # slow to load, and seldom needed

        place = Path(tempfile.gettempdir() if folder is None else folder)
        place.mkdir(parents=True, exist_ok=True)
        super().__init__(functools.partial(_to_disk, place, min_bytes), lambda content: content if isinstance(content, Tensor) else content.read())


def _to_disk(folder: Path, min_bytes: int, x: Tensor) -> Any:
    return x if x.data.nbytes < min_bytes else _File(folder / f"saved-{os.urandom(16).hex()}.bin", x)


class _File:
    """The numbers of a tensor in a file that lives as long as this object."""

    def __init__(self, path: Path, x: Tensor) -> None:
        array = np.ascontiguousarray(arrays.to_device(x.data, "cpu"))
        self.path, self.device, self.shape, self.dtype = path, x.device, x.shape, x.dtype
        array.tofile(path)
        weakref.finalize(self, _remove, path)

    def read(self) -> Tensor:
        """The tensor again."""
        flat = np.frombuffer(bytearray(self.path.read_bytes()), self.dtype)
        return Tensor(arrays.to_device(flat.reshape(self.shape), self.device))


def _remove(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # the folder may have gone first
        os.unlink(path)
