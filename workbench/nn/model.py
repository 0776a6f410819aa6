"""Model: a module made of what was written down between inputs and outputs (`symbolic`).

The nodes become a list of steps, plain data that names layers and ops, so that a model is copied, pickled, converted and
called with other weights like any module. Values are let go after their last use.
"""
from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core import Tensor, as_tensor, tree
from ..core.errors import ArgumentError, DTypeError, GraphError, ShapeError
from ..core.lengths import Axis
from ..core.op import REGISTRY
from ..core.recorded import Opaque, Recipe
from .module import Module
from .parameter import Parameter
from .symbolic import Node, Ref, Symbolic, found, mapped
from .trainable import Trainable


@dataclasses.dataclass(frozen=True)
class Slot:
    """Stands for a value in the arguments of a step."""

    number: int


@dataclasses.dataclass(frozen=True)
class Held:
    """Stands for a tensor that the model holds: a weight or a constant that was used directly."""

    name: str


_FILLED = (Slot, Held, Axis)


@dataclasses.dataclass(frozen=True)
class Step:
    """One call: of the layer of that name, or of an op; where its outputs go, and which values nobody needs after it.

    `slots` are the arguments of the plain kind of call: values by position, and nothing to fill in by name.
    """

    layer: str
    op: str
    args: tuple
    kwargs: dict[str, Any]
    outputs: tuple[int, ...]
    slots: tuple[int, ...] | None
    done: tuple[int, ...] = ()


class Model(Trainable, Module):
    """A module of what was computed from `inputs` on the way to `outputs` (see `Input`).

    ``y = outputs(inputs)``.

    Parameters
    ----------
    inputs : Symbolic, or sequence or dict of them
        A sequence is called with as many arguments, or one list of them; a dict by name, or with one dict.
    outputs : tree of Symbolic
        What a call returns, in this structure.
    names : dict of str to Module, optional
        Names for layers; the others are called after their class (``linear``, ``linear_1``, ...).

    Shapes
    ------
    As `inputs` and `outputs` have them.

    Raises
    ------
    GraphError
        If an output needs an `Input` that is not among `inputs`, or an input leads to no output.

    Notes
    -----
    A layer that is called several times is one layer with one set of weights. A `Model` is a layer like any other in another
    one. Tensors that operators met become parameters or buffers of the model.

    Examples
    --------
    >>> import workbench as wb
    >>> from workbench import nn
    >>> image, size = nn.Input((1, 8, 8), name="image"), nn.Input(2, name="size")
    >>> features = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten())(image)
    >>> joined = wb.concat([features, size], 1)
    >>> model = nn.Model({"image": image, "size": size}, {"class": nn.Linear(146, 3)(joined)})
    >>> model(image=wb.ones(5, 1, 8, 8), size=wb.ones(5, 2))["class"].shape
    (5, 3)
    >>> [name for name, _ in model.named_children()]
    ['sequential', 'linear']
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        made = object.__new__(cls)
        vars(made)["_recipe"] = Recipe(cls, (Opaque("graph of calls"),) * 2, {})  # what it was made with would keep all symbols alive
        return made

    def __init__(self, inputs: Any, outputs: Any, names: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        ins, self._inputs = tree.flatten(inputs)
        outs, self._outputs = tree.flatten(outputs)
        for what, values in (("inputs", ins), ("outputs", outs)):
            wrong = next((value for value in values if not isinstance(value, Symbolic)), None)
            if wrong is not None or not values:
                raise ArgumentError(f"Model: {what} must be made with nn.Input and calls on that, got {type(wrong).__name__ if values else 'none'}")
        starts = [Ref(value.source, value.position) for value in ins]
        ends = [Ref(value.source, value.position) for value in outs]
        nodes = _between(starts, ends)
        labels = list(inputs) if isinstance(inputs, dict) else [ref.node.name for ref in starts]
        self._specs = [(label, *ref.node.specs[ref.position]) for label, ref in zip(labels, starts, strict=True)]
        self._name_layers(nodes, dict(names or {}))
        _Program(self, starts, ends, nodes).write()
        from .graph_model import described

        vars(self)["_recipe"] = described(self)

    def _name_layers(self, nodes: list[Node], names: dict[str, Module]) -> None:
        layers = list(dict.fromkeys(node.target for node in nodes if isinstance(node.target, Module)))
        strange = [name for name, module in names.items() if module not in layers]
        if strange:
            raise ArgumentError(f"Model: names gives {', '.join(strange)} to modules that are not called between inputs and outputs")
        called = {module: name for name, module in names.items()}
        for module in layers:
            self.add_module(called.get(module) or self._free_name(module, names), module)

    def _free_name(self, module: Module, taken: Iterable[str]) -> str:
        plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", type(module).__name__).lower()
        number = 0
        while (name := f"{plain}_{number}" if number else plain) in taken or hasattr(self, name):
            number += 1
        return name

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run the steps on tensors."""
        values: list[Any] = self._given(args, kwargs) + [None] * self._size
        for step in self._steps:
            call = getattr(self, step.layer) if step.layer else REGISTRY[step.op].call
            if step.slots is not None:
                result = call(*[values[slot] for slot in step.slots], **step.kwargs)
            else:
                result = self._filled(call, step, values)
            if isinstance(result, Tensor):
                values[step.outputs[0]] = result
            else:
                for slot, leaf in zip(step.outputs, (leaf for leaf in tree.flatten(result)[0] if isinstance(leaf, Tensor)), strict=True):
                    values[slot] = leaf
            for slot in step.done:
                values[slot] = None
        return self._outputs.unflatten([values[slot] for slot in self._ends])

    def _filled(self, call: Callable[..., Any], step: Step, values: list[Any]) -> Any:
        """A call with values, weights and lengths put where they belong."""
        def read(part: Any) -> Any:
            if isinstance(part, Slot):
                return values[part.number]
            return getattr(self, part.name) if isinstance(part, Held) else part.value(lambda slot: values[slot].shape)

        args, kwargs = mapped(read, (step.args, step.kwargs), _FILLED)
        return call(*args, **kwargs)

    def _given(self, args: tuple, kwargs: dict[str, Any]) -> list[Tensor]:
        """The inputs in order, checked."""
        value: Any = args[0] if len(args) == 1 and not kwargs else args
        if self._inputs.kind is dict:
            names = self._inputs.rest
            value = kwargs if not args else dict(zip(names, args, strict=False)) | kwargs if not isinstance(value, dict) else value
            if set(value) != set(names):
                raise ArgumentError(f"Model: inputs {', '.join(map(str, value)) or 'none'}; expected {', '.join(names)}")
            inputs = [value[name] for name in names]
        elif kwargs:
            raise ArgumentError(f"Model: inputs by name ({', '.join(kwargs)}), but they have none; make the model with a dict of inputs")
        else:
            inputs = tree.flatten(value)[0] if isinstance(value, (list, tuple)) else [value]
        if len(inputs) != len(self._specs):
            raise ArgumentError(f"Model: {len(inputs)} inputs; expected {len(self._specs)}")
        for i, (x, (name, shape, dtype)) in enumerate(zip(inputs, self._specs, strict=True)):
            _check_input(x, name or f"input {i}", shape, dtype)
        return inputs

    def summary(self, *inputs: Any, **options: Any) -> Any:
        """See `Module.summary`; without inputs, open axes get one element, and other ones 32."""
        if not inputs and "input_size" not in options:
            sizes = [tuple((1 if axis == 0 else n.samples[0]) if isinstance(n, Axis) else n for axis, n in enumerate(shape)) for _, shape, _ in self._specs]
            options |= {"input_size": sizes, "dtype": [dtype for *_, dtype in self._specs]}
        return super().summary(*inputs, **options)

    def extra_repr(self) -> str:
        """Inputs with their shapes."""
        return "inputs: " + ", ".join(f"{name} {shape}".strip() for name, shape, _ in self._specs)


def _check_input(x: Any, name: str, shape: Sequence[Any], dtype: Any) -> None:
    if not isinstance(x, Tensor):
        raise DTypeError(f"Model: {name} is {type(x).__name__}; expected a tensor")
    fits = len(x.shape) == len(shape) and all(isinstance(n, Axis) or n == m for n, m in zip(shape, x.shape, strict=True))
    if not fits:
        raise ShapeError(f"Model: {name} has shape {tuple(x.shape)}; expected {tuple(shape)}, where None is any length")
    if (x.dtype.kind in "iub") != (dtype.kind in "iub"):
        raise DTypeError(f"Model: {name} has dtype {x.dtype}; expected {dtype}, as its Input says")


def _between(starts: list[Ref], ends: list[Ref]) -> list[Node]:
    """The nodes that the outputs need, oldest first; everything must come from the inputs, and every input lead somewhere."""
    needed: dict[Node, None] = {}
    used: set[Ref] = set()
    stack = list(ends)
    while stack:
        ref = stack.pop()
        if ref in starts:
            used.add(ref)
            continue
        if ref.node in needed:
            continue
        if ref.node.target is None:
            raise GraphError(f"Model: an output depends on {ref.node!r} of shape {ref.node.specs[0][0]}, which is not among the inputs; add it")
        needed[ref.node] = None
        stack.extend(ref.node.refs())
        stack.extend(Ref(*axis.rule[1]) for axis in _open_axes((ref.node.args, ref.node.kwargs)))
    lost = [i for i, start in enumerate(starts) if start not in used]
    if lost:
        raise GraphError(f"Model: input {lost[0]} ({starts[lost[0]].node!r}) leads to no output; take it out of the inputs, or use it")
    return sorted(needed, key=lambda node: node.number)


def _open_axes(value: Any) -> list[Axis]:
    """The axes whose lengths are read from values, inside the arithmetic too."""
    leaves: list[Axis] = []
    for axis in found(value, Axis):
        leaves.extend([axis] if axis.rule[0] == "axis" else _open_axes(axis.rule[1:]))
    return leaves


class _Program:
    """Turns nodes into the steps of a model."""

    def __init__(self, model: Model, starts: list[Ref], ends: list[Ref], nodes: list[Node]) -> None:
        self.model, self.nodes = model, nodes
        self.slots: dict[Ref, int] = {ref: number for number, ref in enumerate(starts)}
        for node in nodes:
            for position in range(len(node.specs)):
                self.slots.setdefault(Ref(node, position), len(self.slots))
        self.names = {module: name for name, module in model.named_children()}
        self.held: dict[int, Held] = {}
        self.ends = [self.slots[ref] for ref in ends]

    def write(self) -> None:
        """Give the model its steps."""
        steps = [self._step(node) for node in self.nodes]
        last: dict[int, int] = {}
        for number, step in enumerate(steps):
            last.update(dict.fromkeys([*step.outputs, *(slot for slot in _read_by(step))], number))
        done: dict[int, list[int]] = {}
        for slot, number in last.items():
            if slot not in self.ends:
                done.setdefault(number, []).append(slot)
        self.model._steps = [dataclasses.replace(step, done=tuple(done.get(number, ()))) for number, step in enumerate(steps)]
        self.model._ends, self.model._size = self.ends, len(self.slots) - len(self.model._specs)
        self.model._specs = [(name, tuple(self._part(n) if isinstance(n, Axis) else n for n in shape), dtype) for name, shape, dtype in self.model._specs]

    def _step(self, node: Node) -> Step:
        args, kwargs = mapped(self._part, (node.args, node.kwargs), (Ref, Axis, Tensor, np.ndarray))
        outputs = tuple(self.slots[Ref(node, position)] for position in range(len(node.specs)))
        layer = self.names[node.target] if isinstance(node.target, Module) else ""
        plain = all(isinstance(arg, Slot) for arg in args) and not any(True for _ in found(kwargs, _FILLED))
        return Step(layer, "" if layer else node.target, args, kwargs, outputs, tuple(arg.number for arg in args) if plain else None)

    def _part(self, part: Any) -> Any:
        if isinstance(part, Ref):
            return Slot(self.slots[part])
        if isinstance(part, (Tensor, np.ndarray)):
            return self._hold(as_tensor(part))
        kind, first, second = part.rule
        if kind == "axis":
            return Axis(part.samples, (kind, self.slots[Ref(*first)], second))
        return Axis(part.samples, (kind, *(self._part(side) if isinstance(side, Axis) else side for side in (first, second))))

    def _hold(self, tensor: Tensor) -> Held:
        if id(tensor) not in self.held:
            if tensor.node is not None and not isinstance(tensor, Parameter):
                raise GraphError("Model: a tensor that was computed outside, with a gradient, went into the model; compute it inside, or detach() it")
            kind = "parameter" if isinstance(tensor, Parameter) else "constant"
            name = f"{kind}_{sum(held.name.startswith(kind) for held in self.held.values())}"
            if kind == "parameter":
                self.model.register_parameter(name, tensor)
            else:
                self.model.register_buffer(name, tensor)
            self.held[id(tensor)] = Held(name)
        return self.held[id(tensor)]


def _read_by(step: Step) -> list[int]:
    """The values that a step reads, for their numbers or for their lengths."""
    given = step.args, step.kwargs
    return [*(slot.number for slot in found(given, Slot)), *(axis.rule[1] for axis in _open_axes(given))]
