"""Straight-line Python from a graph: one line per equation, calling what the op's declaration says for arrays.

This is the plain rung: it works wherever eager mode works, can be read and printed, and saves the Python of op dispatch.
Temporaries are dropped after their last use.
"""
from __future__ import annotations

import itertools
import keyword
import linecache
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import tree
from .ir import Equation, Graph, Literal, Operand, Variable
from .memory import Memory, to_copy

_number = itertools.count(1)


class Program:
    """A compiled graph: call it with raw arrays; ``source`` is its text."""

    def __init__(self, graph: Graph, writer: Writer | None = None) -> None:
        self.graph = graph
        writer = writer or Writer(graph)
        self.source = writer.source()
        self.kernels: list[Any] = []
        filename = f"<workbench program {graph.name} {next(_number)}>"
        linecache.cache[filename] = (len(self.source), None, self.source.splitlines(True), filename)
        weakref.finalize(self, linecache.cache.pop, filename, None)
        exec(compile(self.source, filename, "exec"), writer.namespace)
        self.call: Callable[..., tuple] = writer.namespace["program"]

    def __call__(self, *arrays: Any) -> tuple:
        return self.call(*arrays)


class Writer:
    """Names, lines and the objects that the lines use."""

    def __init__(self, graph: Graph, memory: Sequence[Memory] = ()) -> None:
        self.graph = graph
        self.copied = to_copy(graph, memory)
        self.names: dict[Variable, str] = {}
        self.namespace: dict[str, Any] = {"__name__": __name__, "np": np, "nan": np.nan, "inf": np.inf}
        self.units: Sequence[Any] = graph.equations
        self._functions: dict[int, str] = {}

    def source(self) -> str:
        """The text of ``program(x0, x1, ...)``."""
        graph = self.graph
        for number, variable in enumerate(graph.inputs):
            self.names[variable] = f"x{number}"
        for variable, value in graph.constants.items():
            self.names[variable] = self.keep("constant", value)
        last = self._last_uses()
        lines = [f"def program({', '.join(self.names[v] for v in graph.inputs)}):"]
        for position, unit in enumerate(self.units):
            lines += [f"    {line}" for line in self.lines_of(unit)]
            dead = sorted({self.names[v] for v in last.get(position, ()) if v in self.names} - self.returned())
            if dead:
                lines.append(f"    del {', '.join(dead)}")
        outputs = [self._result(v, number) for number, v in enumerate(graph.outputs)]
        return "\n".join([*lines, f"    return ({', '.join(outputs)}{',' if outputs else ''})", ""])

    def lines_of(self, unit: Any) -> list[str]:
        """The lines of one unit of the program."""
        return self.equation(unit)

    def returned(self) -> set[str]:
        """Names of results that exist by now: several variables may share one name."""
        return {self.names[v] for v in self.graph.outputs if isinstance(v, Variable) and v in self.names}

    def equation(self, equation: Equation) -> list[str]:
        """The lines of one equation."""
        params = [f"{key}={self._param(value)}" for key, value in equation.params.items()]
        arguments = ", ".join([*(self.operand(v) for v in equation.inputs), *params])
        return [f"{self._target(equation)} = {self.function(equation)}({arguments})"]

    def function(self, equation: Equation) -> str:
        """The name of what computes an equation on arrays."""
        function = equation.function
        if isinstance(function, np.ufunc):
            return f"np.{function.__name__}"
        return self.keep(equation.op.name, function)

    def operand(self, operand: Operand) -> str:
        """An input as text."""
        return repr(operand.value) if isinstance(operand, Literal) else self.names[operand]

    def new(self, variable: Variable) -> str:
        """A name for a variable that is computed."""
        name = self.names[variable] = f"v{len(self.names)}"
        return name

    def keep(self, name: str, value: Any) -> str:
        """A name under which the program finds `value`."""
        if id(value) not in self._functions:
            clean = "".join(c if c.isalnum() else "_" for c in name)
            unique = f"{clean}_{len(self.namespace)}" if clean in self.namespace or keyword.iskeyword(clean) or clean == "constant" else clean
            self.namespace[unique] = value
            self._functions[id(value)] = unique
        return self._functions[id(value)]

    def _target(self, equation: Equation) -> str:
        names = [self.new(v) for v in equation.outputs]
        if equation.residual is not None:
            head = f"({', '.join(names[: equation.results])},)" if equation.op.several else names[0]
            return f"{head}, {_pattern(equation.residual, iter(names[equation.results:]))}"
        return f"({', '.join(names)},)" if equation.op.several else names[0]

    def _param(self, value: Any) -> str:
        if isinstance(value, (bool, int, str, type(None))) or isinstance(value, tuple) and all(isinstance(v, int) for v in value):
            return repr(value)
        return self.keep("param", value)

    def _result(self, operand: Operand, number: int) -> str:
        text = self.operand(operand)
        return f"{text}.copy()" if isinstance(operand, Variable) and (operand in self.graph.constants or number in self.copied) else text

    def _last_uses(self) -> dict[int, list[Variable]]:
        """Variables by the position of the equation that reads them last."""
        keep = {v for v in self.graph.outputs if isinstance(v, Variable)} | set(self.graph.constants)
        last: dict[Variable, int] = {}
        for position, unit in enumerate(self.units):
            for equation in parts(unit):
                last.update(dict.fromkeys([*equation.outputs, *equation.variables()], position))
        found: dict[int, list[Variable]] = {}
        for variable, position in last.items():
            if variable not in keep:
                found.setdefault(position, []).append(variable)
        return found


def parts(unit: Any) -> Sequence[Equation]:
    """The equations of a unit."""
    return [unit] if isinstance(unit, Equation) else [*unit.steps, *unit.reductions]


def _pattern(structure: tree.Structure, names: Any) -> str:
    """The target that takes a residual apart."""
    if structure.kind is None:
        return next(names)
    if not structure.children:
        return "_"
    return f"({', '.join(_pattern(child, names) for child in structure.children)},)"
