"""The op record: one declaration that holds every rule of an operation, and the road an unusual call takes.

`declare` (in `core.declare`) fills these records from the tables in `workbench.ops`; `core.generate` writes the fast
path of each. Whatever the fast path does not handle arrives in `slow`: boxes of transformations, raw arrays (this is
what lets one rule serve raw first-order sweeps and taped higher-order ones), mixed dtypes, constants, observers.
"""
from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Container
from typing import Any

import numpy as np

from ..backend import arrays, dtypes
from .errors import AxisError, DeviceError, DTypeError, GraphError, ShapeError, WorkbenchError
from .state import STATE
from .tensor import Tensor
from .views import note

ARGUMENTS = "xyzwuv"
REGISTRY: dict[str, Op] = {}
BY_UFUNC: dict[str, Callable] = {}


class Table(dict):
    """type of array → the function that computes an op on it; entries appear when a type is first met."""

    def __init__(self, bind: Callable[[Any], Callable]) -> None:
        self._bind = bind

    def __missing__(self, array_type: type) -> Callable:
        function = self[array_type] = arrays.wrapped(self._bind(arrays.module_of(array_type)), array_type)
        return function


class Op:
    """Everything the engine knows of one operation.

    Attributes
    ----------
    arity : int or None
        Number of tensor inputs; None for a variable number.
    optional : int
        How many of the last inputs may be None.
    saves : tuple of str
        What a node keeps: inputs ``x, y, z...``, output ``o``, shapes of inputs ``xs, ys...``.
    vjp : tuple of functions or None
        One rule per input, ``rule(g, *saved, **params)``; None for an input without gradient.
    joint : function or None
        Instead of `vjp`: ``joint(g, needs, *saved, **params)`` returns the cotangents of all inputs.
    wants : tuple of frozenset or None
        For each rule of `vjp`, which of the saved values it reads.
    jvp : tuple of functions or None
        One rule per input, ``rule(t, o, *inputs, **params)``.
    joint_jvp : function or None
        Instead of `jvp`: ``joint_jvp(tangents, o, *inputs, **params)``, with None for a constant input.
    linear : tuple of int
        Inputs in which the op is linear, so that its forward mode is the op itself.
    batch : function
        ``batch(op, values, mapped, params)`` with batch axes in front; returns the batched output.
    reference : function or None
        For a fused op: the composite that every transformation uses instead.
    shape_only : container of int
        Inputs of a variadic op of which a node keeps the shape and not the numbers.
    promotes : bool
        Inputs of different dtypes are brought to a common one first.
    inexact : bool
        Integers are computed in the default floating dtype.
    several : bool
        The op returns a tuple: rules get ``g`` and ``o`` as tuples, with None in ``g`` for unused outputs.
    inline : function or None
        Computes the op out of others; a tracer looks inside instead of calling it as one.
    shape : function or None
        ``shape((shape, dtype), ..., **params)`` returns (shape, dtype) of the output (a list for several); without it the
        family decides, or the forward function on arrays that take no memory.
    dynamic : bool
        The shape of the result depends on the numbers.
    impure : bool
        Two calls may give different results, or change something: never dropped, merged or moved by the graph.
    across : function or None
        Of a collective: what it does with the values of all members of an axis, stacked.
    put : function or None
        Of an op whose output is a view of its input: ``put(x, value, **params)`` is `x` with that view replaced by `value`.
    c : str or None
        The op as a C expression in its inputs ``{0}, {1}``, for generated kernels.
    """

    def __init__(self, name: str, bind: Callable[[Any], Callable], *, arity: int | None, optional: int = 0,
                 parameters: dict[str, Any] | None = None, saves: tuple[str, ...] = (), vjp: tuple | None = None,
                 joint: Callable | None = None, jvp: tuple | None = None, linear: tuple[int, ...] = (),
                 batch: Callable | None = None, reference: Callable | None = None, shape_only: Container[int] = (), promotes: bool = True,
                 inexact: bool = False, holomorphic: bool = True, several: bool = False, joint_jvp: Callable | None = None,
                 inline: Callable | None = None, shape: Callable | None = None, dynamic: bool = False, impure: bool = False,
                 put: Callable | None = None, across: Callable | None = None, c: str | None = None, doc: str = "") -> None:
        self.name, self.table, self.arity, self.optional = name, Table(bind), arity, optional
        self.parameters, self.saves = parameters or {}, saves
        self.vjp, self.joint, self.jvp, self.joint_jvp, self.linear, self.batch = vjp, joint, jvp, joint_jvp, linear, batch
        self.reference, self.shape_only = reference, shape_only
        self.promotes, self.inexact, self.holomorphic, self.several = promotes, inexact, holomorphic, several
        self.inline, self.shape, self.dynamic, self.impure = inline, shape, dynamic, impure
        self.put, self.across, self.c, self.doc = put, across, c, doc
        self.wants: tuple[frozenset[str], ...] | None = None
        self.output_at = None if "o" not in saves else -1 if arity is None else saves.index("o")
        self.call: Callable[..., Any] = functools.partial(_call, self)
        self.source = ""

    @property
    def differentiable(self) -> bool:
        """Does any input have a gradient?"""
        return self.joint is not None or self.reference is not None or (self.vjp is not None and any(self.vjp))

    def __repr__(self) -> str:
        return f"<op {self.name}>"


def _call(op: Op, *args: Any, **params: Any) -> Any:
    return slow(op, args, params)


class ShapeOf:
    """Stands in a node for an input of which only the shape is needed."""

    __slots__ = ("shape",)

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape


EVERY = range(sys.maxsize)
"""All inputs, for `Op.shape_only`."""


def slow(op: Op, args: tuple, params: dict[str, Any]) -> Any:
    """Every call that the generated fast path does not handle."""
    box = None
    tensors = 0
    for arg in args:
        if isinstance(arg, Tensor):
            tensors += 1
            if type(arg) is not Tensor and (box is None or arg.level > box.level):
                box = arg
    if not tensors:
        return _raw(op, args, params)
    if box is not None and box.lasting:
        return box.apply(op, args, params)
    args = tuple(_operand(op, arg) for arg in args)
    if STATE.cast is not None:
        args = STATE.cast.arguments(op, args)
    if op.promotes or op.inexact:
        args = promote(op, args)
    trace = STATE.trace
    if trace is not None and (box is None or box.level <= trace.level):
        return trace.apply(op, args, params) if op.put is None else note(args[0], op, params, trace.apply(op, args, params))
    if box is None:
        return _observed(op, args, params) if STATE.mode > 1 else compute(op, args, params)
    if box.level not in STATE.levels:
        raise GraphError(f"{op.name}: a value of a finished {type(box).transformation} was used outside it; "
                         "return it from the function instead of keeping it")
    if op.reference is not None:
        return op.reference(*args, **params)
    return box.apply(op, args, params) if op.put is None else note(args[0], op, params, box.apply(op, args, params))


def _raw(op: Op, args: tuple, params: dict[str, Any]) -> Any:
    for arg in args:
        if arg is not None and type(arg) not in arrays.PYTHON_SCALARS and arrays.is_array(arg):
            result = op.table[type(arg)](*args, **params)
            return result[0] if op.reference is not None else result
    if args and all(type(arg) in arrays.PYTHON_SCALARS or isinstance(arg, (list, tuple)) for arg in args if arg is not None):
        from .tensor import tensor

        return op.call(*(arg if arg is None else tensor(arg) for arg in args), **params)
    wrong = next((arg for arg in args if arg is not None and type(arg) not in arrays.PYTHON_SCALARS), None)
    raise DTypeError(f"{op.name}: expected tensors or numbers, got {type(wrong).__name__}")


def _operand(op: Op, arg: Any) -> Any:
    if arg is None or isinstance(arg, Tensor) or type(arg) in arrays.PYTHON_SCALARS:
        return arg
    if arrays.is_array(arg) or isinstance(arg, (list, tuple)):
        from .tensor import as_raw

        return Tensor(as_raw(arg))
    for kind in (int, float, complex):
        if isinstance(arg, kind):  # of a subclass, such as the size of a tensor or a member of an enumeration
            return kind(arg)
    raise DTypeError(f"{op.name}: expected a tensor or a number, got {type(arg).__name__}")


def promote(op: Op, args: tuple) -> tuple:
    """`args` with tensors in their common dtype; casts are recorded, Python numbers stay as they are."""
    present = [arg for arg in args if arg is not None]
    if not op.promotes:
        return tuple(_cast(a, dtypes.result_type([a], inexact=True)) if isinstance(a, Tensor) else a for a in args)
    target = dtypes.result_type(present, inexact=op.inexact)
    return tuple(_cast(arg, target) if isinstance(arg, Tensor) else arg for arg in args)


def _cast(x: Tensor, dtype: np.dtype) -> Tensor:
    return x if x.dtype is dtype else REGISTRY["cast"].call(x, dtype=dtype)


def _observed(op: Op, args: tuple, params: dict[str, Any]) -> Any:
    observers, mode = STATE.observers, STATE.mode
    STATE.mode = mode & 1
    try:
        begin = time.perf_counter_ns()
        output = compute(op, args, params) if STATE.replay is None else STATE.replay(op, args, params)
        end = time.perf_counter_ns()
        for observer in observers:
            observer.forward(op, args, params, output, begin, end)
    finally:
        STATE.mode = mode
    return output


def run_raw(op: Op, args: tuple, params: dict[str, Any]) -> Any:
    """What the forward function returns for the arrays in `args`."""
    kind = next(type(arg.data) for arg in args if isinstance(arg, Tensor))
    raw = [arg.data if isinstance(arg, Tensor) else arg for arg in args]
    try:
        return op.table[kind](*raw, **params)
    except Exception as error:
        raise explain(op, args, params, error) from None


def compute(op: Op, args: tuple, params: dict[str, Any], known: Any = None) -> Any:
    """The general form of what the generated fast paths do, for plain tensors of one dtype.

    `known` is what the forward function would return, if that has been computed already.
    """
    from . import several
    from .node import Node
    from .state import clock

    data = run_raw(op, args, params) if known is None else known
    residual = None
    if op.reference is not None:
        data, residual = data
    parents = tuple(arg.node if isinstance(arg, Tensor) else None for arg in args)
    recorded = STATE.mode & 1 and op.differentiable and any(parent is not None for parent in parents)
    if op.several:
        nodes = several.record(op, args, parents, params, data, residual) if recorded else [None] * len(data)
        return tuple(map(Tensor, data, nodes))
    output = Tensor(data)
    if op.put is not None:
        output.origin = args[0], op, params
    if recorded:
        node = Node()
        node.seq, node.op, node.parents, node.params, node.shape = clock(), op, parents, params, data.shape
        node.saved = (*args, residual) if op.reference is not None else gather_saved(op, args, data)
        output.node = node
    return output


def gather_saved(op: Op, args: tuple, output: Any) -> tuple:
    """The values a node of `op` keeps, in the order of ``op.saves``."""
    if op.arity is None:
        if op.saves == ("x", "o"):
            return (*args, output)
        return tuple(ShapeOf(a.shape) if i in op.shape_only else a for i, a in enumerate(args))
    named = dict(zip(ARGUMENTS, args, strict=False))
    return tuple(output if name == "o" else named[name] if len(name) == 1 else np.shape(named[name[0]])
                 for name in op.saves)


def explain(op: Op, args: tuple, params: dict[str, Any], error: Exception) -> Exception:
    """What went wrong in the words of `errors`: the op, what it was given, and a remedy."""
    if isinstance(error, WorkbenchError):
        return error
    tensors = [arg for arg in args if isinstance(arg, Tensor)]
    devices = sorted({tensor.device for tensor in tensors})
    if len(devices) > 1:
        return DeviceError(f"{op.name}: tensors on different devices ({', '.join(devices)}); move them with .to(device)")
    shapes = " and ".join(str(tensor.shape) for tensor in tensors)
    given = ", ".join(f"{name}={value!r}" for name, value in params.items() if value is not None)
    given = f" with {given}" if given else ""
    if isinstance(error, (np.exceptions.AxisError, IndexError)):
        return AxisError(f"{op.name}: {_first_line(error)}; the tensor has shape {shapes}{given}")
    if isinstance(error, ValueError):
        if len(tensors) > 1 and op.promotes and "negative integer power" not in str(error):
            return ShapeError(f"{op.name}: shapes {shapes} do not fit together{given}: {_hint(op, tensors)}")
        if "negative integer power" in str(error):
            return DTypeError(f"{op.name}: integers to a negative power are fractions; convert to float first")
        return ShapeError(f"{op.name}: {_first_line(error)}; the tensor has shape {shapes}{given}")
    if isinstance(error, (TypeError, OverflowError)):
        kinds = " and ".join(str(tensor.dtype) for tensor in tensors)
        return DTypeError(f"{op.name}: not defined for dtype {kinds}{given}: {_first_line(error)}")
    return error


def _hint(op: Op, tensors: list[Tensor]) -> str:
    if op.name == "matmul":
        return ("the last axis of the first must be as long as the last but one of the second; "
                "transpose one of them with .mT if the order of its axes is swapped")
    if op.name == "concat":
        return "all axes but the one along which they are joined must be equal"
    first, second = tensors[0].shape, tensors[1].shape
    width = max(len(first), len(second))
    padded = [(1,) * (width - len(shape)) + shape for shape in (first, second)]
    clashes = [(axis, a, b) for axis, (a, b) in enumerate(zip(*padded, strict=True)) if a != b and 1 not in (a, b)]
    if not clashes:
        return "check the arguments"
    axis, a, b = clashes[-1]
    return (f"counted from the right, axis {axis - width} is {a} in one and {b} in the other; axes must be equal or 1 "
            "(reshape, or add an axis with x[:, None])")


def _first_line(error: Exception) -> str:
    return str(error).split("\n")[0]
