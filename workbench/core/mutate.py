"""In-place writes and the log that keeps them honest.

A write stamps the root buffer of the array with the clock. Forward operations pay nothing; a sweep compares stamps
with the age of its nodes, and only when something was written since the oldest of them. A value that a node saved and
that was overwritten later is an error naming the op and the line of the write.
"""
from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import views
from .boxes import OVERWRITE, SILENCE
from .errors import AxisError, DTypeError, GraphError, ShapeError, describe_place, user_frame
from .node import Node, Packed, held
from .op import REGISTRY
from .state import STATE, clock, enable_grad, no_grad
from .tensor import Tensor, as_tensor
from .views import root

_LOG: dict[int, tuple[int, tuple[str, int] | None, weakref.ref]] = {}
_last = 0
_lock = threading.Lock()


def stamp(array: Any, place: tuple[str, int] | None = None) -> None:
    """Note that the memory of `array` was written just now (by the user's line `place`)."""
    global _last
    owner = root(array)
    key = id(owner)
    with _lock:
        _last = clock()
        before = _LOG.get(key)
        alive = weakref.ref(owner, lambda _: _LOG.pop(key, None)) if before is None else before[2]
        _LOG[key] = (_last, place, alive)


def stamp_roots(owners: list[Any]) -> None:
    """Note that the memory of all these arrays, each of which owns it, was written just now."""
    global _last
    with _lock:
        _last = clock()
        for owner in owners:
            key = id(owner)
            before = _LOG.get(key)
            alive = weakref.ref(owner, lambda _, key=key: _LOG.pop(key, None)) if before is None else before[2]
            _LOG[key] = (_last, None, alive)


def written_after(array: Any, moment: int) -> bool:
    """Was the memory of `array` written in place since the clock showed `moment`?"""
    entry = _LOG.get(id(root(array)))
    return entry is not None and entry[0] > moment


def check_fresh(order: list[Node]) -> None:
    """Raise if a value saved by one of these nodes (newest first) was overwritten after it was saved."""
    oldest = next((node.seq for node in reversed(order) if node.seq), 0)
    if _last <= oldest or not order:
        return
    recent = {key: entry for key, entry in _LOG.copy().items() if entry[0] > oldest}  # others may write
    for node in order if recent else ():
        for value in _one_by_one(held(node) or ()):
            if type(value) is Packed:
                continue  # a copy, or somebody else's business
            data = value.data if isinstance(value, Tensor) else value
            entry = recent.get(id(root(data)))
            if entry is not None and entry[0] > node.seq and any(value is read for read in _one_by_one(read_by_backward(node))):
                raise _stale(node, data, entry[1])


def _stale(node: Node, data: Any, written: tuple[str, int] | None) -> GraphError:
    """The error for a value that was overwritten; the line that saved it is known if anomalies were being detected."""
    place = getattr(node, "place", None)
    where = f" ({describe_place(place)})" if place is not None else ""
    hint = "" if place is not None else "; under wb.autograd.detect_anomaly() the line that saved it is named too"
    return GraphError(f"{node.op.name}{where} saved a tensor of shape {data.shape} for backward, and it was overwritten in place afterwards "
                      f"({describe_place(written)}); write into a copy (x.clone()), or compute out of place{hint}")


def read_by_backward(node: Node) -> tuple:
    """Of what a node saved, what rules for parents on the tape read: ``x * 3`` never reads x again."""
    op, saved = node.op, held(node) or ()
    if not saved or op.wants is None or len(op.wants) != len(node.parents) or len(saved) != len(op.saves):
        return saved
    wanted = frozenset().union(*(wants for wants, parent in zip(op.wants, node.parents, strict=True) if parent is not None))
    return tuple(value for value, name in zip(saved, op.saves, strict=True) if name in wanted)


def _one_by_one(saved: tuple) -> Iterator[Any]:
    """What a node saved, with the residual of a fused op, which may be a tuple, taken apart."""
    for value in saved:
        yield from value if isinstance(value, tuple) else (value,)


def write(x: Tensor, value: Tensor | Any, operation: str) -> Tensor:
    """Replace the numbers of `x` by those of `value` (same shape after broadcasting), in its own memory."""
    if STATE.trace is not None and (type(x) is Tensor or x.level == STATE.trace.level):
        return STATE.trace.write(x, value, operation)
    if type(x) is not Tensor:
        return _write_box(x, value, operation)
    _refuse_boxes(operation, value)
    recorded = views.recorded(x, value)
    if recorded:
        check_writable(x, operation)
    tracked = recorded and isinstance(value, Tensor) and value.node is not None
    data = value.data if isinstance(value, Tensor) else value
    _check_fit(x, data, operation)
    if tracked and value.shape != x.shape:
        value = REGISTRY["broadcast_to"].call(value, shape=x.shape)
    elif tracked and value.is_leaf:
        value = REGISTRY["copy_of"].call(value)  # else `x` would pass for the leaf
    buffer(x)[...] = data
    stamp(x.data, user_frame())
    if recorded:
        x.node = value.node if tracked else None
        views.rebase(x)
    return x


def write_statistic(x: Tensor, value: Tensor, operation: str) -> None:
    """`write` for what a layer counts of its inputs: never recorded, and not when a checkpoint computes the same call again."""
    if not STATE.again:
        with no_grad():
            write(x, value, operation)


def _refuse_boxes(operation: str, *values: Any) -> None:
    for value in values:
        if isinstance(value, Tensor) and type(value) is not Tensor:
            raise GraphError(f"{operation}: a value inside {type(value).transformation} cannot be written into a tensor "
                             "from outside it; return the value instead")


def apply(function: Callable[..., Tensor], x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """``x.op_(...)``: compute `function` on what `x` was and write the result into `x`."""
    name = f"{function.__name__}_"
    if STATE.trace is not None:
        return write(x, function(x, *args, **kwargs), name)
    recorded = type(x) is Tensor and views.recorded(x, *args)
    if recorded:
        check_writable(x, name)
    before = Tensor(x.data.copy() if recorded else x.data, x.node) if type(x) is Tensor else x
    return write(x, function(before, *(before if arg is x else arg for arg in args), **kwargs), name)


def buffer(x: Tensor) -> Any:
    """The writable array of `x`; a NumPy scalar becomes a 0-d array first."""
    if isinstance(x.data, np.generic):
        x.data = np.array(x.data)
    if isinstance(x.data, np.ndarray) and not x.data.flags.writeable:
        raise GraphError(f"in-place write into a read-only tensor of shape {x.shape} (a broadcast view); use x.clone()")
    return x.data


def check_writable(x: Tensor, operation: str) -> None:
    """Raise when a recorded in-place write would make gradients silently wrong."""
    if x.node is not None and x.is_leaf:
        raise GraphError(f"{operation}: a leaf that requires a gradient cannot be written in place while recording; "
                         "use `with no_grad():` for an update, or x.clone() for a computation")
    views.check_family(x, operation)


def _check_fit(x: Tensor, data: Any, operation: str) -> None:
    shape = tuple(data.shape) if isinstance(data, Tensor) else np.shape(data)
    if len(shape) > x.ndim or any(n not in (1, m) for n, m in zip(shape[::-1], x.shape[::-1], strict=False)):
        raise ShapeError(f"{operation}: a result of shape {shape} does not fit into a tensor of shape {x.shape}")
    kinds = "buifVc"
    kind = getattr(data, "dtype", np.dtype(type(data))).kind
    counted = kind in "fVc" or (x.dtype.kind == "b" and hasattr(data, "dtype"))
    if kinds.index(kind) > kinds.index(x.dtype.kind) and counted and {x.dtype.kind, kind} not in ({kind}, {"f", "V"}):
        given = getattr(data, "dtype", type(data).__name__)
        raise DTypeError(f"{operation}: a result of dtype {given} does not fit into a tensor of dtype {x.dtype}; "
                         "convert the tensor first with .to(dtype)")


def as_written(x: Tensor, value: Any, operation: str) -> Tensor:
    """`value` in the shape and dtype of `x`, into which it is going to be written."""
    _check_fit(x, value, operation)
    value = value if isinstance(value, Tensor) else as_tensor(value, dtype=x.dtype)
    if value.dtype != x.dtype:
        value = REGISTRY["cast"].call(value, dtype=x.dtype)
    return value if value.shape == x.shape else REGISTRY["broadcast_to"].call(value, shape=tuple(x.shape))


def _write_box(x: Any, value: Any, operation: str) -> Tensor:
    """Inside a transformation a write rebinds the box, and those of its views and of what it is a view of."""
    _store(x, as_written(x, value, operation))
    views.rebase_boxed(x, _store)
    return x


def _store(x: Any, value: Any) -> None:
    if x.level <= STATE.muted:  # under no_grad the numbers change and the derivative stays
        with enable_grad():
            value = OVERWRITE.call(x, SILENCE.call(value))
    if value.level > x.level:
        raise GraphError(f"a value inside {value.transformation} was written into one from outside it, inside {x.transformation}; "
                         "return the value instead")
    value = value if value.level == x.level else x.holding(value)
    x.data, x.node = value.data, value.node
    for slot in type(x).__slots__:
        setattr(x, slot, getattr(value, slot))


def assign(x: Tensor, index: Any, value: Any) -> None:
    """``x[index] = value``, recorded when either is on the tape."""
    place = REGISTRY_FUNCTIONS["index_put"]
    if STATE.trace is not None and (type(x) is Tensor or x.level == STATE.trace.level):
        STATE.trace.write(x, value if index is Ellipsis else place(STATE.trace.lift(x), index, value), "x[index] = value")
        return
    if type(x) is not Tensor:
        _write_box(x, value if index is Ellipsis else place(x, index, value), "x[index] = value")
        return
    _refuse_boxes("x[index] = value", value, *(index if isinstance(index, tuple) else (index,)))
    value = _beside(x, value)
    recorded = views.recorded(x, value)
    if recorded:
        check_writable(x, "x[index] = value")
        write_through = place(Tensor(x.data, x.node), index, value)
        buffer(x)[...] = write_through.data
        x.node = write_through.node
    else:
        _assign_raw(x, index, value.data if isinstance(value, Tensor) else value)
    stamp(x.data, user_frame())
    if recorded:
        views.rebase(x)


def _beside(x: Tensor, value: Any) -> Any:
    """`value` on the device of `x`: what is written may come from another one."""
    if isinstance(value, Tensor):
        there = type(value.data) is type(x.data) or value.device == x.device
        return value if there else REGISTRY["transfer"].call(value, device=x.device)
    return as_tensor(value, device=x.device) if isinstance(value, (list, tuple, np.ndarray)) and x.device != "cpu" else value


def _assign_raw(x: Tensor, index: Any, value: Any) -> None:
    try:
        buffer(x)[raw_index(index)] = value
    except IndexError as error:
        raise AxisError(f"x[index] = value: {error}; the tensor has shape {x.shape}") from None
    except ValueError as error:
        raise ShapeError(f"x[index] = value: {str(error).strip()}; the tensor has shape {x.shape}") from None


def raw_index(index: Any) -> Any:
    """`index` with tensors replaced by their arrays."""
    if isinstance(index, tuple):
        return tuple(raw_index(part) for part in index)
    return index.data if isinstance(index, Tensor) else index


REGISTRY_FUNCTIONS: dict[str, Callable] = {}
"""Public functions of `workbench.ops` that are not ops themselves but are needed here (set when ops are loaded)."""
