"""Programs on CUDA devices: the same graph, with CuPy's functions, and groups of element-wise equations as one kernel each.

A graph says nothing about devices. Which of its inputs lie on one is known when it is called, and the rest follows:
an equation runs where its inputs are. Reductions stay calls of CuPy.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend.arrays import module_of
from ..backend.expression import Literal as Number
from ..backend.expression import Step
from .emit import Writer, parts
from .fuse import Group, expression_of, fuse, stored
from .ir import Equation, Graph, Literal, Variable
from .memory import Memory

MOST = 48
"""Arrays that one kernel takes at most: their descriptions have to fit into the 4 KB of a launch."""


class DeviceWriter(Writer):
    """Writes a program for arrays of which some, the inputs `there`, are CuPy's."""

    def __init__(self, graph: Graph, donated: dict[int, Variable], memory: Sequence[Memory], there: Sequence[int], kind: type, loops: bool) -> None:
        super().__init__(graph, memory)
        self.kind, self.xp = kind, module_of(kind)
        self.kernels: list[Any] = []
        self.there = {graph.inputs[number] for number in there}
        self.there |= {v for v, value in graph.constants.items() if module_of(type(value)) is self.xp}
        for equation in graph.equations:
            if self._is_there(equation):
                self.there.update(equation.outputs)
        self._copies: dict[Variable, str] = {}
        self.users = graph.users()
        self.wanted = {v for v in graph.outputs if isinstance(v, Variable)}
        if loops:
            from ..backend.cuda import supports

            self.units = fuse(graph, supports, self._is_launched)
        self.donated = {graph.outputs[number]: target for number, target in self._safe(donated).items()}
        self.namespace.update(empty=self.xp.empty)

    def _is_there(self, equation: Equation) -> bool:
        """Are the results of an equation on the device?"""
        if equation.op.name == "transfer":
            return str(equation.params["device"]).startswith("cuda")
        return any(v in self.there for v in equation.variables())

    def _is_launched(self, equation: Equation) -> bool:
        """Can an equation be part of a kernel? All that it reads has to be on the device, or to be copied there once."""
        return self._is_there(equation) and all(v in self.there or v in self.graph.constants for v in equation.variables())

    def _safe(self, donated: dict[int, Variable]) -> dict[int, Variable]:
        """Outputs that may be written into an input: nobody reads it later, and nobody wants both."""
        last = {v: position for position, unit in enumerate(self.units) for e in parts(unit) for v in e.variables()}
        made = {v: position for position, unit in enumerate(self.units) for e in parts(unit) for v in e.outputs}
        outputs = self.graph.outputs
        return {number: target for number, target in donated.items()
                if target in self.there and target not in self.wanted and sum(v is outputs[number] for v in outputs) == 1
                and outputs[number] in made and last.get(target, -1) == made[outputs[number]]}

    # Lines ----------------------------------------------------------------------------------------------------------------
    def lines_of(self, unit: Equation | Group) -> list[str]:
        """The lines of an equation or of a group."""
        if isinstance(unit, Equation):
            return self.equation(unit)
        kept = stored(unit, self.users, self.wanted)
        operands = unit.inputs
        if len(operands) + len(kept) > MOST:
            return [line for equation in unit.steps for line in self.equation(equation)]
        given = [self._on_device(v) for v in operands]
        lines, outputs = [], []
        into = {v: self.donated[v] for v in kept if self.donated.get(v) in operands and self.donated[v].shape == unit.shape}
        for variable in kept:
            if variable in into:
                self.names[variable] = self.names[into[variable]]
            else:
                lines.append(f"{self.new(variable)} = empty({variable.shape}, {self.keep(variable.dtype.name, variable.dtype)})")
            outputs.append(self.names[variable])
        launched = self._kernel(unit, operands, kept)
        self.kernels.append(launched)
        return [*lines, f"{self.keep('kernel', launched)}({', '.join([*given, *outputs])})"]

    def _kernel(self, group: Group, operands: list[Variable], kept: list[Variable]) -> Any:
        from ..backend.cuda import kernel

        number = {v: n for n, v in enumerate((*operands, *(e.outputs[0] for e in group.steps)))}
        steps = tuple(Step(expression_of(e) or "", tuple(Number(_plain(v.value)) if isinstance(v, Literal) else number[v] for v in e.inputs),
                           e.outputs[0].dtype.name) for e in group.steps)
        return kernel(tuple(v.dtype.name for v in operands), steps, tuple(number[v] for v in kept), self.graph.name)

    def equation(self, equation: Equation) -> list[str]:
        """The lines of one equation; constants it reads on the device are copied there now."""
        if not self._is_there(equation) or equation.op.name == "transfer":
            return super().equation(equation)
        names = {v: self.names[v] for v in equation.variables() if v in self.graph.constants}
        self.names.update({v: self._on_device(v) for v in names})
        lines = super().equation(equation)
        self.names.update(names)
        return lines

    def function(self, equation: Equation) -> str:
        """The name of what computes an equation: CuPy's function on the device."""
        if any(v in self.there for v in equation.variables()):
            return self.keep(equation.op.name, equation.op.table[self.kind])
        return super().function(equation)

    def _on_device(self, variable: Variable) -> str:
        """The name of a variable as the device reads it."""
        if variable in self.there or variable not in self.graph.constants:
            return self.names[variable]
        if variable not in self._copies:
            self._copies[variable] = self.keep("constant", self.xp.asarray(self.graph.constants[variable]))
        return self._copies[variable]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
