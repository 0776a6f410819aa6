"""Models of calls as plain data: what configurations hold and builders draw, and the way back.

A `Model` is described by its layers, its inputs and its steps; values are numbered, the inputs first. `GraphModel` does the
steps again on symbolic values, so a description is checked like a model that somebody types.
"""
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core import Tensor, tree
from ..core.errors import ArgumentError
from ..core.lengths import OPERATORS, Axis
from ..core.op import REGISTRY
from ..core.recorded import Opaque, Recipe
from .model import Held, Model, Slot, Step
from .module import Module
from .parameter import Parameter
from .symbolic import Input, Symbolic, record


class GraphModel(Model):
    """A `Model` from plain data, as `wb.config` writes it.

    ``values[outputs of step] = step(values[inputs of step])``, step by step.

    Parameters
    ----------
    layers : dict of str to Module
        The layers that steps name.
    inputs : tree of dict
        ``{"shape": [None, 4], "dtype": "float32", "name": "x"}`` for every input, with the batch axis; None is open.
    steps : sequence of dict
        ``{"layer": name}`` or ``{"op": name}`` with ``args``, ``kwargs`` and the numbers of its ``outputs``. In arguments
        ``{"slot": 3}`` is a value, ``{"held": name}`` a tensor of the model, ``{"length": [0, 1]}`` the length of axis 1 of value
        0, and ``{"tuple": [...]}``, ``{"slice": [...]}``, ``{"dict": {...}}``, ``{"dtype": ...}`` what they say.
    outputs : tree of dict
        ``{"slot": 5}`` for every output.
    held : dict of str to Tensor, optional
        Weights and constants that operators meet.

    Shapes
    ------
    As `inputs` and `outputs` say.

    Raises
    ------
    ArgumentError
        If a step names a layer, an op or a value that is not there.

    Examples
    --------
    >>> import workbench as wb
    >>> from workbench import nn
    >>> steps = [{"layer": "inner", "args": [{"slot": 0}], "outputs": [1]},
    ...          {"op": "add", "args": [{"slot": 0}, {"slot": 1}], "outputs": [2]}]
    >>> model = nn.GraphModel({"inner": nn.Linear(4, 4)}, {"shape": [None, 4]}, steps, {"slot": 2})
    >>> model(wb.ones(3, 4)).shape
    (3, 4)
    >>> x = nn.Input(4)
    >>> same = nn.Model(x, x + model.inner(x), names={"inner": model.inner})
    >>> wb.config.to_config(same) == wb.config.to_config(model)
    True
    """

    def __init__(self, layers: Mapping[str, Module], inputs: Any, steps: Sequence[Mapping[str, Any]], outputs: Any,
                 held: Mapping[str, Tensor] | None = None) -> None:
        replay = _Replay(layers, held or {})
        starts = replay.tree(inputs)
        for number, step in enumerate(steps):
            replay.step(number, step)
        ends = replay.tree(outputs)
        super().__init__(starts, ends, layers)


class _Replay:
    """Does steps on symbolic values."""

    def __init__(self, layers: Mapping[str, Module], held: Mapping[str, Tensor]) -> None:
        self.layers, self.values = layers, {}
        self.held = {name: Parameter(tensor) if name.startswith("parameter") else tensor for name, tensor in held.items()}

    def tree(self, described: Any) -> Any:
        """Inputs or outputs in their structure; inputs are made here."""
        if isinstance(described, Mapping) and "shape" in described:
            symbol = Input(batch_shape=tuple(described["shape"]), dtype=described.get("dtype"), name=described.get("name", ""))
            return self.values.setdefault(len(self.values), symbol)
        if isinstance(described, Mapping) and not set(described) & {"slot", "tuple"}:
            return {name: self.tree(part) for name, part in described.items()}
        if isinstance(described, Mapping) and "tuple" in described:
            return tuple(self.tree(part) for part in described["tuple"])
        return [self.tree(part) for part in described] if isinstance(described, list) else self.filled(described)

    def step(self, number: int, step: Mapping[str, Any]) -> None:
        """One call, whose outputs get their numbers."""
        where = f"GraphModel: step {number}"
        target: Any = self.layers.get(step["layer"]) if "layer" in step else step.get("op")
        if target is None or ("layer" not in step and target not in REGISTRY):
            raise ArgumentError(f"{where} calls {step.get('layer', step.get('op'))!r}; there are the layers {', '.join(self.layers) or 'none'}, "
                                "and the ops of workbench")
        try:
            result = record(target, tuple(map(self.filled, step.get("args", ()))), {name: self.filled(part) for name, part in step.get("kwargs", {}).items()})
        except KeyError as error:
            raise ArgumentError(f"{where} uses {error.args[0]!r}, which no input, step or held tensor is") from None
        found = [leaf for leaf in tree.flatten(result)[0] if isinstance(leaf, Symbolic)]
        if len(found) != len(step["outputs"]):
            raise ArgumentError(f"{where} has {len(found)} outputs; {len(step['outputs'])} numbers were given")
        self.values.update(zip(step["outputs"], found, strict=True))

    def filled(self, part: Any) -> Any:
        """An argument from its description."""
        if isinstance(part, list):
            return [self.filled(each) for each in part]
        if not isinstance(part, Mapping):
            return part
        (kind, value), *more = part.items()
        if more or kind not in _DECODED:
            raise ArgumentError(f"GraphModel: {dict(part)!r:.80} is no argument; expected one of the keys {', '.join(_DECODED)}")
        return _DECODED[kind](self, value)

    def length(self, rule: Sequence[Any]) -> Any:
        """An open length, or arithmetic with it."""
        if len(rule) == 2:
            return self.values[rule[0]].shape[rule[1]]
        return OPERATORS[rule[0]](*(self.filled(side) for side in rule[1:]))


_DECODED: dict[str, Any] = {
    "slot": lambda replay, value: replay.values[value], "held": lambda replay, value: replay.held[value], "length": _Replay.length,
    "tuple": lambda replay, value: tuple(map(replay.filled, value)), "slice": lambda replay, value: slice(*map(replay.filled, value)),
    "dict": lambda replay, value: {name: replay.filled(part) for name, part in value.items()},
    "dtype": lambda replay, value: np.dtype(value), "float": lambda replay, value: float(value), "ellipsis": lambda replay, value: ...,
}


# Describing -----------------------------------------------------------------------------------------------------------------
def described(model: Model) -> Recipe:
    """The recipe of a model: the arguments of the `GraphModel` that equals it."""
    specs = [{"shape": [None if isinstance(n, Axis) else n for n in shape], "dtype": str(dtype)} | ({"name": name} if name else {})
             for name, shape, dtype in model._specs]
    settings = {"layers": {name: module._recipe for name, module in model.named_children()},
                "inputs": _structured(model._inputs.unflatten(specs)), "steps": [_step(step) for step in model._steps],
                "outputs": _structured(model._outputs.unflatten([{"slot": slot} for slot in model._ends]))}
    held = dict(model.named_parameters(recurse=False)) | dict(model.named_buffers(recurse=False))
    return Recipe(GraphModel, (), settings | ({"held": held} if held else {}))


def _structured(value: Any) -> Any:
    """Inputs or outputs in their structure: a tuple says that it is one."""
    if isinstance(value, dict):
        return value if "shape" in value or "slot" in value else {str(name): _structured(part) for name, part in value.items()}
    parts = [_structured(part) for part in value]
    return {"tuple": parts} if isinstance(value, tuple) else parts


def _step(step: Step) -> dict[str, Any]:
    call = {"layer": step.layer} if step.layer else {"op": step.op}
    kwargs = {name: _encoded(part) for name, part in step.kwargs.items()}
    return call | {"args": [_encoded(part) for part in step.args], "outputs": list(step.outputs)} | ({"kwargs": kwargs} if kwargs else {})


def _encoded(value: Any) -> Any:
    """An argument of a step in plain values; what has none stays `Opaque`, and `wb.config` says where."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else {"float": str(float(value))}
    if isinstance(value, Axis):
        kind, first, second = value.rule
        return {"length": [first, second] if kind == "axis" else [kind, _encoded(first), _encoded(second)]}
    for kind, name, plain in _ENCODED:
        if isinstance(value, kind) and not hasattr(value, "_fields"):
            return {name: plain(value)} if name else plain(value)
    return Opaque(type(value).__name__)


_ENCODED: list[tuple[Any, str, Any]] = [
    (Slot, "slot", lambda value: value.number), (Held, "held", lambda value: value.name),
    (slice, "slice", lambda value: [_encoded(part) for part in (value.start, value.stop, value.step)]),
    (dict, "dict", lambda value: {str(name): _encoded(part) for name, part in value.items()}),
    (list, "", lambda value: [_encoded(part) for part in value]), (np.dtype, "dtype", str), (type(...), "ellipsis", lambda value: True),
    (tuple, "tuple", lambda value: [_encoded(part) for part in value]),
]
