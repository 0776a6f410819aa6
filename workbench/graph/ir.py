"""The graph that `jit` makes of a function: variables, equations in order, what comes in and what goes out.

Every equation is one op of the same declarations that eager mode runs; a `Graph` prints as readable text and can be
computed with anything that ops take (arrays, tensors, boxes of transformations), which is how jitted functions nest.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..backend import dtypes
from ..core import tree
from ..core.op import Op


class Variable:
    """A value of the graph: its shape and dtype, and the line of the user that made it."""

    __slots__ = ("shape", "dtype", "place")
    device = "cpu"

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype | None, place: tuple[str, int] | None = None) -> None:
        self.shape, self.dtype, self.place = tuple(shape), dtype, place

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __repr__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"


class Literal:
    """A Python number: it takes part in promotion as one, and appears in the program as it is."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __repr__(self) -> str:
        return repr(self.value)


Operand = Variable | Literal


@dataclasses.dataclass(eq=False, slots=True)
class Equation:
    """One op applied.

    Attributes
    ----------
    op : Op
    inputs : tuple of Variable or Literal
        None for an optional input that was left out (as a Literal).
    params : dict
    outputs : tuple of Variable
        All outputs in order; of a fused op also what its backward needs.
    residual : tree.Structure or None
        For a fused op: how what its backward needs is put together from ``outputs[results:]``.
    results : int
        How many of the outputs are results of the op.
    """

    op: Op
    inputs: tuple[Operand, ...]
    params: dict[str, Any]
    outputs: tuple[Variable, ...]
    residual: tree.Structure | None = None
    results: int = 1

    @property
    def pure(self) -> bool:
        """May it be dropped, merged with an equal one, or computed early?"""
        return not self.op.impure

    @property
    def function(self) -> Callable[..., Any]:
        """What computes it on arrays."""
        return self.op.table[array_kind(v.dtype for v in (*self.variables(), *self.outputs))]

    def variables(self) -> Iterator[Variable]:
        """The inputs that are variables."""
        return (v for v in self.inputs if isinstance(v, Variable))


@dataclasses.dataclass(eq=False)
class Graph:
    """A traced function.

    Attributes
    ----------
    inputs : list of Variable
        In the order in which `run` takes values: arguments first, then what was captured by reference.
    constants : dict
        Variables with a value that never changes.
    equations : list of Equation
    outputs : list of Variable or Literal
    name : str
    """

    inputs: list[Variable]
    equations: list[Equation]
    outputs: list[Operand]
    constants: dict[Variable, Any] = dataclasses.field(default_factory=dict)
    name: str = "f"

    def run(self, *values: Any) -> tuple:
        """The outputs for these inputs: arrays, tensors, or boxes of a transformation."""
        of: dict[Variable, Any] = {**self.constants, **dict(zip(self.inputs, values, strict=True))}
        for equation in self.equations:
            of.update(zip(equation.outputs, evaluate(equation, [read(of, v) for v in equation.inputs]), strict=False))
            of.update(dict.fromkeys(equation.outputs[equation.results:]))  # residuals: op by op, a backward is that of the composite
        return tuple(read(of, v) for v in self.outputs)

    def users(self) -> dict[Variable, list[Equation]]:
        """Which equations read a variable."""
        found: dict[Variable, list[Equation]] = {}
        for equation in self.equations:
            for variable in equation.variables():
                found.setdefault(variable, []).append(equation)
        return found

    def __str__(self) -> str:
        names = _names(self)
        lines = [f"graph {self.name}({', '.join(f'{names[v]}: {v}' for v in self.inputs)}):"]
        lines += [f"    {names[v]} = constant {v}" for v in self.constants]
        lines += [f"    {_equation(e, names)}" for e in self.equations]
        return "\n".join([*lines, f"    return {', '.join(_name(v, names) for v in self.outputs)}"])


def array_kind(dtypes_given: Iterable[np.dtype | None]) -> type:
    """The type of array in which values of these dtypes are computed together."""
    if any(dtype is not None and dtypes.is_half(dtype) for dtype in dtypes_given):
        from ..backend.half import HalfArray

        return HalfArray
    return np.ndarray


def evaluate(equation: Equation, values: Sequence[Any]) -> Sequence[Any]:
    """The results of one equation by calling its op, whatever the values are."""
    result = equation.op.call(*values, **equation.params)
    return result if isinstance(result, tuple) else (result,)


def read(of: dict[Variable, Any], operand: Operand) -> Any:
    """The value of an operand."""
    return operand.value if isinstance(operand, Literal) else of[operand]


def _names(graph: Graph) -> dict[Variable, str]:
    names = {variable: f"x{number}" for number, variable in enumerate(graph.inputs)}
    names.update({variable: f"c{number}" for number, variable in enumerate(graph.constants)})
    for variable in (v for equation in graph.equations for v in equation.outputs):
        names[variable] = f"v{len(names)}"
    return names


def _name(operand: Operand, names: dict[Variable, str]) -> str:
    return names.get(operand, "?") if isinstance(operand, Variable) else repr(operand)


def _equation(equation: Equation, names: dict[Variable, str]) -> str:
    left = ", ".join(f"{names[v]}: {v}" for v in equation.outputs) or "_"
    params = [f"{key}={value!r}" for key, value in equation.params.items() if value is not None]
    return f"{left} = {equation.op.name}({', '.join([*(_name(v, names) for v in equation.inputs), *params])})"


def prune(equations: Iterable[Equation], wanted: Iterable[Operand], keep: Callable[[Equation], bool] = lambda e: not e.pure) -> list[Equation]:
    """Those of `equations` that the wanted values need, and those that `keep` wants anyway."""
    needed = {v for v in wanted if isinstance(v, Variable)}
    kept = []
    for equation in reversed(list(equations)):
        if keep(equation) or any(v in needed for v in equation.outputs):
            kept.append(equation)
            needed.update(equation.variables())
    return kept[::-1]
