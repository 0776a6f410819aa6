"""`vmap`: a function of one example becomes a function of a batch, without loops."""
from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from . import tree
from .boxes import Batch
from .errors import ArgumentError, GraphError, ShapeError
from .op import REGISTRY
from .state import STATE, transformation
from .tensor import Tensor, as_tensor


class Frame(NamedTuple):
    """A vmap or pmap that is running: its level, size, what random functions do, its name, and how values enter it."""

    level: int
    size: int
    randomness: str
    name: Any
    box: Callable[[Any], Tensor]


class _Running(threading.local):
    frames: tuple[Frame, ...] = ()


RUNNING = _Running()
"""The vmaps and pmaps of this thread, outermost first."""


def vmap(function: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0, *, axis_name: Any = None,
         axis_size: int | None = None, randomness: str = "error") -> Callable[..., Any]:
    """Map `function` over an axis of its arguments.

    Parameters
    ----------
    function : callable
        Of one example; takes and returns trees of tensors.
    in_axes : int, None or tree
        Axis to map, per positional argument (or tree of it); None: the same value for every example. What is passed by
        keyword is the same for all, as in PyTorch (JAX maps it along its first axis).
    out_axes : int or tree
        Where the batch axis goes in the outputs.
    axis_name : hashable, optional
        A name for the mapped axis, for `psum` and the like.
    axis_size : int, optional
        How many examples there are; needed only where no argument is mapped.
    randomness : {"error", "different", "same"}
        What random functions inside do: refuse, draw for each example, or draw once.

    Raises
    ------
    ShapeError
        If the mapped axes have different lengths.

    Examples
    --------
    >>> import workbench as wb
    >>> dot = lambda a, b: (a * b).sum()
    >>> wb.vmap(dot, in_axes=(0, None))(wb.ones((3, 2)), wb.tensor([1.0, 2.0]))
    tensor([3., 3., 3.])
    """
    if randomness not in ("error", "different", "same"):
        raise ArgumentError(f"vmap: randomness={randomness!r}; expected 'error', 'different' or 'same'")

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = tree.flatten(args)
        axes = _input_axes(in_axes, structure, len(args))
        size = _batch_size(leaves, axes, axis_size)
        before = RUNNING.frames
        with transformation() as level:
            RUNNING.frames = (*before, Frame(level, size, randomness, axis_name, lambda value: Batch(value, level)))
            try:
                boxes = [leaf if axis is None else _enter(leaf, axis, level) for leaf, axis in zip(leaves, axes, strict=True)]
                result = function(*structure.unflatten(boxes), **kwargs)
            finally:
                RUNNING.frames = before
        outputs, out_structure = tree.flatten(result)
        out = [_leave(leaf, axis, level, size)
               for leaf, axis in zip(outputs, _axes("out_axes", out_axes, out_structure), strict=True)]
        return out_structure.unflatten(out)

    return wrapped


def _input_axes(in_axes: Any, structure: tree.Structure, count: int) -> list[int | None]:
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    if isinstance(in_axes, tuple) and len(in_axes) != count:
        raise ArgumentError(f"vmap: in_axes has {len(in_axes)} entries for {count} arguments")
    return _axes("in_axes", in_axes, structure)


def _axes(name: str, given: Any, structure: tree.Structure) -> list[int | None]:
    """One axis, or None, for every leaf."""
    axes = tree.broadcast_prefix(given, structure)
    for axis in axes:
        if axis is not None and not isinstance(axis, int):
            raise ArgumentError(f"vmap: {name}={given!r}; expected integers and None, or a tree of them")
    return axes


def _batch_size(leaves: list, axes: list[int | None], given: int | None) -> int:
    sizes = {}
    for leaf, axis in zip(leaves, axes, strict=True):
        if axis is None:
            continue
        shape = as_tensor(leaf).shape
        if not -len(shape) <= axis < len(shape):
            raise ShapeError(f"vmap: in_axes asks for axis {axis} of a value of shape {tuple(shape)}; "
                             "use None for a value that all examples share")
        sizes.setdefault(shape[axis], shape)
    if not sizes and given is None:
        raise ArgumentError("vmap: no argument is mapped; at least one entry of in_axes must be an axis, or axis_size be given")
    if given is not None and set(sizes) - {given}:
        raise ShapeError(f"vmap: axis_size={given}, but shapes {', '.join(map(str, sizes.values()))} are mapped along in_axes {axes}")
    if len(sizes) > 1:
        raise ShapeError(f"vmap: mapped axes have different lengths: shapes {', '.join(map(str, sizes.values()))} "
                         f"along in_axes {axes}")
    return given if given is not None else next(iter(sizes))


def _enter(leaf: Any, axis: int, level: int) -> Batch:
    value = as_tensor(leaf)
    return Batch(value if axis % value.ndim == 0 else REGISTRY["moveaxis"].call(value, source=axis, destination=0), level)


def _leave(leaf: Any, axis: int | None, level: int, size: int) -> Any:
    if isinstance(leaf, Tensor) and leaf.level == level:
        if axis is None:
            raise GraphError("vmap: out_axes=None for an output that differs between examples")
        return leaf.data if axis == 0 else REGISTRY["moveaxis"].call(leaf.data, source=0, destination=axis)
    value = as_tensor(leaf)
    if axis is None:
        return value
    spread = REGISTRY["broadcast_to"].call(value, shape=(size, *value.shape))
    return spread if axis == 0 else REGISTRY["moveaxis"].call(spread, source=0, destination=axis)


def draw(shape: tuple[int, ...], sample: Callable[[tuple[int, ...]], Tensor], what: str, dtype: Any) -> Tensor:
    """A random tensor as the running vmaps want it: one for all examples, or one for each. In a trace it is drawn by every call."""
    trace = STATE.trace
    make = sample if trace is None else functools.partial(_traced, trace, sample, what, dtype)
    # A vmap outside of the trace runs the program when it is made, and decides then.
    return _drawn(RUNNING.frames if trace is None else [frame for frame in RUNNING.frames if frame.level > trace.level], shape, make, what)


def _drawn(frames: Sequence[Frame], shape: tuple[int, ...], make: Callable[[tuple[int, ...]], Tensor], what: str) -> Tensor:
    """Every vmap decides about its own axis, the innermost first."""
    if not frames:
        return make(shape)
    *outer, (_, size, randomness, _, box) = frames
    if randomness == "error":
        raise GraphError(f"vmap: {what} is random; choose with vmap(..., randomness='different') or 'same'")
    if randomness == "same":
        return _drawn(outer, shape, make, what)
    return box(_drawn(outer, (size, *shape), make, what))


def _traced(trace: Any, sample: Callable[[tuple[int, ...]], Tensor], what: str, dtype: Any, shape: tuple[int, ...]) -> Tensor:
    return trace.draw(shape, sample, what, dtype)
