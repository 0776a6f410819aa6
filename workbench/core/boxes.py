"""Values inside a transformation. A box is a Tensor subclass with a level; the highest level handles the op.

`Dual` carries a tangent (jvp), `Batch` a batch axis (vmap), `TapeBox` a tape of its own (reverse mode inside another
transformation). Each computes the same op on the values one level below, which may be boxes, tensors or arrays, so
they compose in any order. The eager fast path never meets them.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ..backend.arrays import Device
from . import batching
from .errors import GraphError
from .node import Node
from .op import REGISTRY, Op, gather_saved
from .several import Parts, each, record
from .state import STATE, clock
from .tensor import Tensor
from .views import note


class Box(Tensor):
    """Base of the values inside a transformation."""

    __slots__ = ("level", "views")
    transformation = "transformation"
    lasting = False
    """Is it of use outside of a running transformation, as a value of a model that is being put together is?"""

    def apply(self, op: Op, args: tuple, params: dict[str, Any]) -> Any:
        """Compute `op` at this level."""
        raise NotImplementedError

    def here(self, value: Any) -> bool:
        """Is `value` a box of this level?"""
        return isinstance(value, Tensor) and value.level == self.level

    def below(self, args: tuple) -> tuple:
        """`args` one level down."""
        return tuple(a.data if self.here(a) else a for a in args)

    def holding(self, value: Any) -> Box:
        """A value from below, without derivative and the same for all examples, as a box of this level."""
        raise NotImplementedError

    def _alone(self) -> Any:
        twin = object.__new__(type(self))
        for slot in ("data", "node", "level", *type(self).__slots__):
            setattr(twin, slot, getattr(self, slot))
        return twin

    def detach(self) -> Any:
        """The same value without a derivative at any level; it shares memory, as far as writes can tell."""
        bare = REGISTRY["stop_gradient"].call(self)
        held = bare if self.here(bare) else self.holding(bare)
        note(self, DETACH, {}, held)
        return held

    @property
    def device(self) -> Device:
        return self.data.device

    def item(self) -> bool | int | float | complex:
        return self.data.item()

    def numpy(self) -> np.ndarray:
        return self.data.numpy()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(shape={self.shape}, dtype={self.dtype}, inside {self.transformation})"


def _overwrite(xp: Any) -> Any:
    return lambda x, y: y if y.shape == x.shape else xp.broadcast_to(y, np.broadcast_shapes(x.shape, y.shape))


SILENCE = Op("silence", lambda xp: lambda x: x, arity=1, linear=(0,), joint=lambda g, needs: [None], batch=batching.elementwise)
"""The value of something computed under no_grad: it has a tangent, and reverse mode ends there, as in PyTorch."""


def _overwriting(name: str, jvp: tuple) -> Op:
    return Op(name, _overwrite, arity=2, vjp=(lambda g: g, None), jvp=jvp, batch=batching.elementwise,
              shape=lambda x, y: (np.broadcast_shapes(x[0], y[0]), x[1]))


OVERWRITE = _overwriting("overwrite", (None, lambda t, o, x, y: SILENCE.call(t)))
"""The numbers of its second input with the reverse derivative of its first: what a write that is not recorded makes of a value."""
OVERWRITE_DETACHED = _overwriting("overwrite_detached", (lambda t, o, x, y: t, None))
"""The same for a write through a detached value, which leaves the tangent too."""
DETACH = Op("detach", lambda xp: lambda x: x, arity=1, put=lambda x, value: OVERWRITE_DETACHED.call(x, value))
"""How a detached value comes from what it shares memory with."""
DETACH.call = lambda x: REGISTRY["stop_gradient"].call(x)


class Dual(Box):
    """A value and its tangent."""

    __slots__ = ("tangent",)
    transformation = "jvp"

    def __init__(self, primal: Any, tangent: Any, level: int) -> None:
        self.data, self.node, self.level, self.tangent = primal, None, level, tangent

    def holding(self, value: Any) -> Dual:
        return Dual(value, REGISTRY["zeros_like"].call(value), self.level)

    def apply(self, op: Op, args: tuple, params: dict[str, Any]) -> Any:
        primals = self.below(args)
        output = op.call(*primals, **params)
        tangents = [a.tangent if self.here(a) else None for a in args]
        if not op.differentiable:
            return output
        if op.several:
            pushed = push_forward_several(op, primals, tangents, output, params)
            return tuple(o if t is None else Dual(o, t, self.level) for o, t in zip(output, pushed, strict=True))
        total = push_forward(op, primals, tangents, output, params)
        return output if total is None else Dual(output, total, self.level)


def push_forward(op: Op, primals: tuple, tangents: list, output: Any, params: dict[str, Any]) -> Any:
    """The tangent of the output: from a forward rule, from linearity, or from the reverse rule used twice."""
    total = None
    late = []
    for index, tangent in enumerate(tangents):
        if tangent is None:
            continue
        if index in op.linear:
            piece = op.call(*primals[:index], tangent, *primals[index + 1:], **params)
        elif op.jvp is not None and (op.holomorphic or tangent.dtype.kind != "c"):
            rule = op.jvp[index]
            piece = None if rule is None else rule(tangent, output, *primals, **params)
        else:
            late.append(index)
            continue
        if piece is not None:
            total = piece if total is None else total + piece
    if late:
        piece = _transpose_vjp(op, primals, tangents, late, output, params)
        total = piece if total is None or piece is None else total + piece
    if total is not None and total.shape != output.shape:
        total = REGISTRY["broadcast_to"].call(total, shape=tuple(output.shape))
    return total


def push_forward_several(op: Op, primals: tuple, tangents: list, outputs: tuple, params: dict[str, Any]) -> tuple:
    """The tangents of all outputs of an op with several; None for those of integers."""
    if op.joint_jvp is not None:
        pushed = op.joint_jvp(tangents, outputs, *primals, **params)
    else:
        late = [index for index, tangent in enumerate(tangents) if tangent is not None]
        pushed = _transpose_vjp(op, primals, tangents, late, outputs, params)
    return tuple(t if o.dtype.kind in "fVc" else None for t, o in zip(pushed or [None] * len(outputs), outputs, strict=True))


def _transpose_vjp(op: Op, primals: tuple, tangents: list, late: list[int], output: Any, params: dict[str, Any]) -> Any:
    """A vjp rule is linear in its cotangent; its own transpose is the jvp."""
    from . import reverse

    reached = [i for i in late if op.joint is not None or op.vjp[i] is not None]
    if not reached:
        return None
    saved = gather_saved(op, primals, output)
    outputs = output if op.several else (output,)
    carrying = [index for index, out in enumerate(outputs) if out.dtype.kind in "fVc"]

    def pull(*gs: Any) -> tuple:
        g = Parts(dict(zip(carrying, gs, strict=True)).get(i) for i in range(len(outputs))) if op.several else gs[0]
        conjugate = op.holomorphic and g.dtype.kind == "c"
        if conjugate:
            g = REGISTRY["conj"].call(g)
        if op.joint is not None:
            cots = op.joint(g, tuple(i in late for i in range(len(primals))), *saved, **params)
        else:
            cots = [op.vjp[i](g, *saved, **params) if i in reached else None for i in range(len(primals))]
        return tuple(_fitted(cots[i], primals[i], conjugate) for i in reached if cots[i] is not None)

    zeros = [REGISTRY["zeros_like"].call(outputs[index]) for index in carrying]
    _, transposed = reverse.vjp(pull, *zeros)
    pushed = transposed(tuple(tangents[i] for i in reached))
    if not op.several:
        return pushed[0]
    return tuple(dict(zip(carrying, pushed, strict=True)).get(i) for i in range(len(outputs)))


def _fitted(c: Any, primal: Any, conjugate: bool) -> Any:
    """A cotangent in the shape of its input."""
    if conjugate:
        c = REGISTRY["conj"].call(c)
    return c if c.shape == primal.shape else REGISTRY["sum_to"].call(c, shape=tuple(primal.shape))


class Batch(Box):
    """A value with a batch axis in front that its user does not see."""

    __slots__ = ()
    transformation = "vmap"

    def __init__(self, data: Any, level: int) -> None:
        self.data, self.node, self.level = data, None, level

    def holding(self, value: Any) -> Batch:
        return Batch(REGISTRY["broadcast_to"].call(value, shape=(self.data.shape[0], *value.shape)), self.level)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape[1:]

    def item(self) -> bool | int | float | complex:
        raise _no_numbers("item")

    def numpy(self) -> np.ndarray:
        raise _no_numbers("numpy")

    def apply(self, op: Op, args: tuple, params: dict[str, Any]) -> Any:
        values = self.below(args)
        mapped = tuple(self.here(a) for a in args)
        if op.across is not None and _names(self.level, params["axis_name"]):
            return Batch(op.across(values[0], **params), self.level)
        return each(lambda out: Batch(out, self.level), (op.batch or batching.loop)(op, values, mapped, params))


def _names(level: int, axis_name: Any) -> bool:
    """Is this the level of the vmap that gave its axis this name?"""
    from .vectorize import RUNNING

    return any(frame.level == level and frame.name == axis_name for frame in RUNNING.frames)


def _no_numbers(what: str) -> GraphError:
    return GraphError(f"{what}: inside vmap a value differs between examples, so Python cannot look at it; use where(condition, x, y) "
                      "instead of `if`, and return the value instead of converting it")


class TapeBox(Box):
    """A value on a tape of its own: reverse mode over whatever lies below."""

    __slots__ = ()
    transformation = "grad"

    def __init__(self, data: Any, node: Node | None, level: int) -> None:
        self.data, self.node, self.level = data, node, level

    def holding(self, value: Any) -> TapeBox:
        return TapeBox(value, None, self.level)

    def apply(self, op: Op, args: tuple, params: dict[str, Any]) -> Any:
        values = self.below(args)
        output = op.call(*values, **params)
        parents = tuple(a.node if self.here(a) else None for a in args)
        if self.level <= STATE.muted or not op.differentiable or not any(parent is not None for parent in parents):
            return output if op.put is None else self.holding(output)
        if op.several:
            nodes = record(op, values, parents, params, output)
            return tuple(o if node is None else TapeBox(o, node, self.level) for o, node in zip(output, nodes, strict=True))
        node = Node()
        node.seq, node.op, node.parents, node.params, node.shape = clock(), op, parents, params, output.shape
        node.saved = gather_saved(op, values, output)
        return TapeBox(output, node, self.level)
