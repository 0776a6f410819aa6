"""Summaries: what a model is made of, and what one call of it costs, as plain data (`tables` turn it into text and HTML).

The call runs on a twin of the model: its own buffers, modes and hooks are copies, so the model itself sees nothing of it.
"""
from __future__ import annotations

import contextlib
import copy
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from .. import ops
from ..core import Tensor, no_grad, observing, tree
from ..core.errors import ArgumentError
from ..graph.cost import Cost, CostCounter
from . import summary_tables
from .module import Module
from .stateless import _twin

Shapes = Any
"""A shape, or a tuple or dict of them as the values were."""


@dataclass(frozen=True)
class Row:
    """One module. Numbers are of all that lies inside it; what is shared counts where it is met first.

    Attributes
    ----------
    path, type : str
        Its place in the model (empty for the model itself) and its class.
    depth : int
        How many modules lie around it.
    calls : int
        How often it was called; 0 for one that only holds others.
    inputs, outputs : shape, or tuple or dict of shapes, or None
        Of its first call.
    parameters, trainable : int
        Numbers in its parameters, and in those that are trained.
    parameter_bytes, buffer_bytes : int
        Memory of parameters and of buffers.
    activation_bytes : int
        Memory of the outputs of all layers inside that hold no others.
    macs, flops : int
        Multiply-accumulates, and all floating-point operations, of all its calls.
    """

    path: str
    type: str
    depth: int
    calls: int
    inputs: Shapes
    outputs: Shapes
    parameters: int
    trainable: int
    parameter_bytes: int
    buffer_bytes: int
    activation_bytes: int
    macs: int
    flops: int


@dataclass(frozen=True)
class Summary:
    """What `Module.summary` returns: a table in a terminal, one that folds in a notebook, and plain data.

    Attributes
    ----------
    rows : tuple of Row
        In the order of the model; the first is the model itself, with the totals.
    uncounted : tuple of str
        Ops that took part and whose work cannot be told from shapes: the true numbers are higher.
    ran : bool
        Was the model called? Without an input there are only parameters.
    depth : int
        How deep tables go.
    """

    rows: tuple[Row, ...]
    uncounted: tuple[str, ...] = ()
    ran: bool = True
    depth: int = 3

    @property
    def total(self) -> Row:
        """The model itself."""
        return self.rows[0]

    def __getitem__(self, path: str) -> Row:
        for row in self.rows:
            if row.path == path:
                return row
        raise ArgumentError(f"summary: no module has the path {path!r}")

    def to_dict(self) -> dict[str, Any]:
        """Everything as dicts, lists and numbers."""
        return asdict(self)

    def table(self, depth: int | None = None, width: int = 120) -> str:
        """The rows down to `depth` as text of at most `width` columns, as far as names can be cut."""
        return summary_tables.text(self, self.depth if depth is None else depth, width)

    def __repr__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        return summary_tables.html(self, self.depth)


def summarize(model: Module, *inputs: Any, input_size: Any = None, dtype: Any = None, depth: int = 3, training: bool = False,
              **kwargs: Any) -> Summary:
    """See `Module.summary`."""
    if input_size is None and inputs and not kwargs and all(isinstance(x, tuple) and all(isinstance(n, int) for n in x) for x in inputs):
        inputs, input_size = (), inputs  # summary((1, 64)): sizes, as torchinfo takes them
    if input_size is not None:
        if inputs:
            raise ArgumentError("summary: inputs and input_size were given; give one of them")
        inputs = _made(model, input_size, dtype)
    probe = _Probe(model, training)
    ran = bool(inputs or kwargs)
    if ran:
        probe.run(inputs, kwargs)
    return Summary(probe.rows(), tuple(sorted(probe.unknown)), ran, depth)


def _made(model: Module, sizes: Any, dtype: Any) -> tuple[Tensor, ...]:
    """Zeros of these sizes, of the dtype and on the device of the model."""
    single = all(isinstance(n, (int, np.integer)) for n in sizes)
    shapes = [tuple(sizes)] if single else [tuple(size) for size in sizes]
    dtypes = list(dtype) if isinstance(dtype, (list, tuple)) else [dtype] * len(shapes)
    if len(dtypes) != len(shapes):
        raise ArgumentError(f"summary: {len(dtypes)} dtypes for {len(shapes)} sizes")
    own = next((p for p in model.parameters() if p.dtype.kind in "fV"), None)
    return tuple(ops.zeros(*shape, dtype=(own.dtype if own is not None else None) if kind is None else kind, device=None if own is None else own.device)
                 for shape, kind in zip(shapes, dtypes, strict=True))


class _Probe(CostCounter):
    """Calls a twin of a model once and notes shapes and costs by module."""

    def __init__(self, model: Module, training: bool) -> None:
        super().__init__()
        own = {id(buffer): copy.deepcopy(buffer) for buffer in model.buffers()}
        own |= {id(p): copy.deepcopy(p) for p in model.parameters() if hasattr(p, "materialize")}  # a lazy layer becomes another one
        self.model = _twin(model, own, {})
        self.paths = {module: path for path, module in self.model.named_modules()}
        self.leaves = {module for module in self.paths if not any(True for _ in module.children())}
        self.open: list[Module] = [self.model]
        self.costs: dict[Module, Cost] = {}
        self.calls: dict[Module, int] = {}
        self.shapes: dict[Module, tuple[Shapes, Shapes]] = {}
        self.activations: dict[Module, int] = {}
        for module in self.paths:
            vars(module).update(_hooks=None, training=training)
            module.register_forward_pre_hook(self._enter)
            module.register_forward_hook(self._leave, with_kwargs=True)

    def run(self, inputs: tuple, kwargs: dict[str, Any]) -> None:
        """Call it, and leave the random numbers where they were."""
        try:
            with no_grad(), observing(self), _same_random_numbers():
                self.model(*inputs, **kwargs)
        except Exception as error:
            module = self.open[-1]
            error.add_note(f"summary: this happened in {self.paths[module] or 'the model itself'} ({type(module).__name__})")
            raise

    def add(self, cost: Cost) -> None:
        """The innermost module that is running pays."""
        module = self.open[-1]
        self.costs[module] = self.costs.get(module, Cost()).plus(cost)

    def _enter(self, module: Module, args: tuple) -> None:
        self.open.append(module)

    def _leave(self, module: Module, args: tuple, kwargs: dict[str, Any], output: Any) -> None:
        self.open.pop()  # where the call failed, the module stays on top
        self.calls[module] = self.calls.get(module, 0) + 1
        self.shapes.setdefault(module, (_shapes((*args, *kwargs.values())), _shapes(output)))
        if module in self.leaves:
            tensors = (leaf for leaf in tree.flatten(output)[0] if isinstance(leaf, Tensor))
            self.activations[module] = self.activations.get(module, 0) + sum(x.size * x.dtype.itemsize for x in tensors)

    def rows(self) -> tuple[Row, ...]:
        """A row per module, with the numbers of those below added."""
        seen: set[int] = set()
        found = [self._row(path, module, seen) for module, path in self.paths.items()]
        index = {row.path: i for i, row in enumerate(found)}
        for i in range(len(found) - 1, 0, -1):
            row = found[i]
            above = index[row.path.rpartition(".")[0]]
            sums = {name: getattr(found[above], name) + getattr(row, name) for name in _SUMMED}
            found[above] = replace(found[above], **sums)
        return tuple(found)

    def _row(self, path: str, module: Module, seen: set[int]) -> Row:
        parameters = [p for p in module.parameters(recurse=False) if _new(p, seen)]
        buffers = [b for b in module.buffers(recurse=False) if _new(b, seen)]
        cost = self.costs.get(module, Cost())
        inputs, outputs = self.shapes.get(module, (None, None))
        return Row(path, type(module).__name__, path.count(".") + bool(path), self.calls.get(module, 0), inputs, outputs,
                   sum(map(_count, parameters)), sum(_count(p) for p in parameters if p.requires_grad), sum(map(_nbytes, parameters)),
                   sum(map(_nbytes, buffers)), self.activations.get(module, 0), cost.macs, cost.flops)


_SUMMED = ("parameters", "trainable", "parameter_bytes", "buffer_bytes", "activation_bytes", "macs", "flops")


def _new(tensor: Tensor, seen: set[int]) -> bool:
    known = id(tensor) in seen
    seen.add(id(tensor))
    return not known


def _count(tensor: Tensor) -> int:
    return 0 if hasattr(tensor, "materialize") else tensor.size


def _nbytes(tensor: Tensor) -> int:
    return _count(tensor) * tensor.dtype.itemsize


def _shapes(value: Any) -> Shapes:
    """Shapes in place of tensors, without what is none; a lone one is not wrapped."""
    if isinstance(value, Tensor):
        return tuple(value.shape)
    if isinstance(value, dict):
        return {str(name): shape for name, part in value.items() if (shape := _shapes(part)) is not None} or None
    if isinstance(value, (list, tuple)):
        parts = tuple(shape for part in value if (shape := _shapes(part)) is not None)
        return parts[0] if len(parts) == 1 else parts or None
    return None


@contextlib.contextmanager
def _same_random_numbers() -> Iterator[None]:
    """What is drawn inside is drawn again after it: by workbench, NumPy and Python."""
    ours, numpy_state, python_state = ops.random.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        yield
    finally:
        ops.random.set_rng_state(ours)
        np.random.set_state(numpy_state)
        random.setstate(python_state)
