"""What a row of the op table is made of: inputs to draw, calls to make, the same in PyTorch, and what is known of it.

Apart from the tables so that the tables are nothing but rows, and so that your own op can get rows of its own.
"""
from __future__ import annotations

import dataclasses
import importlib
import operator
from collections.abc import Callable, Container, Iterator
from typing import Any

import numpy as np

from .. import ops
from ..core import Tensor, tensor, tree


@dataclasses.dataclass(frozen=True)
class Draw:
    """An input array: its shape and the interval its numbers come from.

    ``apart`` makes all elements different by more than a finite difference moves them, so that maxima and orders
    are stable; ``away`` keeps them off the places where a function has a kink or a jump; ``turned`` stores the array
    with its axes reversed in memory; ``diagonal`` is added to the diagonals of matrices, to make them easy to invert.
    """

    shape: tuple[int, ...]
    low: float = -2.0
    high: float = 2.0
    kind: str = "f"
    apart: bool = False
    away: tuple[float, ...] = ()
    turned: bool = False
    constant: bool = False
    diagonal: float = 0.0

    def array(self, rng: np.random.Generator, dtype: Any = np.float64) -> np.ndarray:
        """Numbers for this input."""
        shape = self.shape[::-1] if self.turned else self.shape
        if self.kind == "i":
            values = rng.integers(int(self.low), int(self.high), shape)
        elif self.kind == "b":
            values = rng.random(shape) < 0.5
        else:
            values = self._floats(rng, shape).astype(dtype)
        values = np.asarray(values)
        return values.T if self.turned else values

    def _floats(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        values = rng.uniform(self.low, self.high, shape)
        if self.apart:
            size = int(np.prod(shape))
            values = rng.permutation(np.linspace(self.low, self.high, size)).reshape(shape)
        for place in self.away:
            near = np.abs(values - place) < 0.05
            values = np.where(near, values + 0.1, values)
        if self.diagonal:
            values = values + self.diagonal * np.eye(*shape[-2:])
        return np.asarray(values)


@dataclasses.dataclass(frozen=True)
class Case:
    """One call: inputs (a `Draw`, or any other value passed on as it is) and keyword options."""

    inputs: tuple[Any, ...]
    options: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def tracked(self) -> list[int]:
        """Positions of the inputs that gradients are taken for."""
        return [i for i, item in enumerate(self.inputs) if not getattr(item, "constant", False)]

    def arguments(self, rng: np.random.Generator, dtype: Any = np.float64) -> list[Any]:
        """The inputs with arrays drawn; lists of draws become lists of arrays."""
        return [_drawn(item, rng, dtype) for item in self.inputs]

    def __str__(self) -> str:
        shapes = ", ".join(_words(item) for item in self.inputs)
        options = "".join(f", {key}={value!r}" for key, value in self.options.items())
        return f"({shapes}{options})"


def _drawn(item: Any, rng: np.random.Generator, dtype: Any) -> Any:
    if isinstance(item, Draw):
        return item.array(rng, dtype)
    if isinstance(item, list) and any(isinstance(part, Draw) for part in item):
        return [_drawn(part, rng, dtype) for part in item]
    return item


def _words(item: Any) -> str:
    if isinstance(item, list):
        return "[" + ", ".join(map(_words, item)) + "]"
    return f"{item.kind}{list(item.shape)}" if isinstance(item, Draw) else repr(item)


@dataclasses.dataclass(frozen=True)
class Row:
    """What is known of one function.

    Attributes
    ----------
    name : str
        A public function of `workbench.ops` (``linalg.solve`` for one of a namespace), or a declared op.
    cases : tuple of Case
        Calls to compare.
    torch : str or None
        The same in PyTorch: a dotted name, or an expression in ``torch, F, x, y, z, u, v`` and options ``k``.
    both : str
        An expression for both sides instead of the bare function, in ``lib`` (this library, or PyTorch), ``x, y, z, u, v`` and
        options ``k``: for functions that need inputs of a certain form, or whose results have a free sign.
    dtypes : str
        Kinds of dtype it takes: f (w: without half precision), i, b. More than one: promotion is compared too.
    gradient : bool
        Has it a derivative that is worth comparing?
    torch_gradient : bool
        Has PyTorch one as well?
    order : int
        Up to which order derivatives are checked against differences.
    special : tuple of float
        Values at which results and gradients must be PyTorch's exactly, NaN included.
    batched : bool
        Can vmap run it? (Not when the shape of the result depends on the numbers.)
    covers : tuple of str
        Declared ops that this row exercises through a public function.
    elsewhere : str
        The test file that checks it instead, for what has no counterpart to compare with.
    tolerance : float
        Relative, in float64, against PyTorch.
    """

    name: str
    cases: tuple[Case, ...] = ()
    torch: str | None = None
    dtypes: str = "f"
    gradient: bool = True
    torch_gradient: bool = True
    order: int = 2
    special: tuple[float, ...] = ()
    batched: bool = True
    covers: tuple[str, ...] = ()
    elsewhere: str = ""
    tolerance: float = 1e-9
    both: str = ""

    def __str__(self) -> str:
        return self.name

    @property
    def function(self) -> Callable[..., Any]:
        """Ours."""
        return _evaluated(self.both, {"lib": ops}) if self.both else operator.attrgetter(self.name)(ops)

    @property
    def reference(self) -> Callable[..., Any]:
        """PyTorch's, with our options under its names; torch is imported here and not before."""
        if self.both:
            return _evaluated(self.both, {"lib": importlib.import_module("torch")})
        if self.torch is None:
            raise LookupError(f"{self.name} has no counterpart in PyTorch; it is checked in {self.elsewhere}")
        return _torch_call(self.torch)


RENAMED = {"axis": "dim", "keepdims": "keepdim"}


def _evaluated(source: str, names: dict[str, Any]) -> Callable[..., Any]:
    compiled = compile(source, f"<row {source}>", "eval")
    return lambda *args, **options: eval(compiled, {**names, **dict(zip("xyzuv", args, strict=False)), "k": options})


def _torch_call(source: str) -> Callable[..., Any]:
    torch = importlib.import_module("torch")
    names = dict(torch=torch, F=torch.nn.functional)
    plain = source.replace(".", "").replace("_", "").isalnum()
    compiled = compile(source, f"<torch {source}>", "eval")

    def call(*args: Any, **options: Any) -> Any:
        options = {RENAMED.get(key, key): value for key, value in options.items()}
        if plain:
            return eval(compiled, names)(*args, **options)
        return eval(compiled, {**names, **dict(zip("xyzuv", args, strict=False)), "k": options})

    return call


def ours(args: list[Any], tracked: Container[int] = ()) -> list[Any]:
    """Arrays as tensors; those at the positions `tracked` require gradients."""
    return _map_arrays(tensor, args, tracked)


def theirs(args: list[Any], tracked: Container[int] = ()) -> list[Any]:
    """Arrays as PyTorch's tensors."""
    torch = importlib.import_module("torch")
    return _map_arrays(lambda a: torch.as_tensor(np.array(a, order="K")), args, tracked)


def _map_arrays(make: Callable, args: list[Any], tracked: Container[int]) -> list[Any]:
    def convert(a: Any, wanted: bool) -> Any:
        if isinstance(a, list) and a and isinstance(a[0], np.ndarray):
            return [convert(part, wanted) for part in a]
        if not isinstance(a, np.ndarray):
            return a
        return make(a).requires_grad_() if wanted and a.dtype.kind in "fV" else make(a)

    return [convert(a, i in tracked) for i, a in enumerate(args)]


def leaves(value: Any) -> list[Any]:
    """The tensors in arguments or results, in order."""
    return [leaf for leaf in tree.flatten(value)[0] if hasattr(leaf, "dtype")]


def floating(value: Any) -> list[Tensor]:
    """Those of `leaves` that have a floating dtype."""
    return [leaf for leaf in leaves(value) if isinstance(leaf, Tensor) and leaf.dtype.kind in "fV"]


def as_numpy(value: Any) -> np.ndarray:
    """Numbers of a tensor of either library."""
    return value.numpy() if isinstance(value, Tensor) else value.detach().numpy(force=True)


def walk(rows: tuple[Row, ...]) -> Iterator[tuple[Row, Case]]:
    """Every call of `rows`."""
    for row in rows:
        for case in row.cases:
            yield row, case
