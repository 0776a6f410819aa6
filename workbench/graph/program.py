"""From a graph to something that runs: straight-line Python, with groups of equations as compiled loops where llvmlite is installed.

``WB_JIT_LOOPS=0`` in the environment keeps to plain NumPy.
"""
from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import arrays as arrays_of
from ..backend import cpu, dtypes
from ..core.errors import DeviceError
from .emit import Program as PlainProgram
from .emit import Writer, parts
from .fuse import REDUCTIONS, Group, expression_of, fuse, reduced_axes, stored, strides_of, without_means
from .ir import Equation, Graph, Literal, Variable
from .memory import Memory
from .passes import without_stops


class Program(PlainProgram):
    """A compiled graph; ``kernels`` are its compiled loops.

    `donated` maps outputs, by number, to inputs whose memory they may take; `memory` says which outputs may share some.
    Called with arrays of a device, it is another program, made then.
    """

    def __init__(self, graph: Graph, donated: dict[int, Variable] | None = None, memory: Sequence[Memory] = ()) -> None:
        self._donated, self._memory = donated or {}, memory
        self._elsewhere: dict[tuple[int, ...], PlainProgram] = {}
        self._write(without_stops(graph))

    def __call__(self, *arrays: Any) -> tuple:
        return self.dispatch(*arrays) if "cupy" in sys.modules else self.call(*arrays)

    def dispatch(self, *arrays: Any) -> tuple:
        """Call the program for these arrays, which may lie on a device; ``call`` is that of the host."""
        there = tuple(number for number, array in enumerate(arrays) if arrays_of.module_of(type(array)) is not np)
        if not there:
            return self.call(*arrays)
        try:
            if arrays_of.several_devices() and len({arrays[number].device.id for number in there}) > 1:
                raise TypeError("arrays of several devices")
            with arrays_of.beside(arrays[there[0]]):
                return self.on(there, type(arrays[there[0]])).call(*arrays)
        except TypeError as error:
            devices = sorted({arrays_of.device_of(array) for array in arrays})
            if len(devices) == 1:
                raise
            raise DeviceError(f"jit: tensors on different devices ({', '.join(devices)}); move them with .to(device)") from error

    def on(self, there: tuple[int, ...], kind: type) -> PlainProgram:
        """The program for inputs of which those numbered `there` are arrays of a device, of type `kind`."""
        if there not in self._elsewhere:
            from .devices import DeviceWriter

            writer = DeviceWriter(self.graph, self._donated, self._memory, there, kind, os.environ.get("WB_JIT_LOOPS", "1") != "0")
            program = self._elsewhere[there] = PlainProgram(self.graph, writer)
            program.kernels = writer.kernels
        return self._elsewhere[there]

    def _write(self, graph: Graph) -> None:
        if not loops_enabled() or any(v.dtype is not None and dtypes.is_half(v.dtype) for v in graph.inputs):
            super().__init__(graph, Writer(graph, self._memory))
            return
        writer = LoopWriter(without_means(graph), self._donated, self._memory)
        super().__init__(graph, writer)
        self.kernels = writer.kernels


def loops_enabled() -> bool:
    """Are groups of equations compiled?"""
    return os.environ.get("WB_JIT_LOOPS", "1") != "0" and cpu.available()


class LoopWriter(Writer):
    """Writes groups as calls of compiled loops."""

    def __init__(self, graph: Graph, donated: dict[int, Variable], memory: Sequence[Memory] = ()) -> None:
        super().__init__(graph, memory)
        self.kernels: list[Any] = []
        self.units = fuse(graph, cpu.supports)
        self.users = graph.users()
        self.wanted = {v for v in graph.outputs if isinstance(v, Variable)}
        self.contiguous: set[Variable] = set()
        self.donated = self._donations(donated)
        self.namespace.update(empty=np.empty, straight=np.ascontiguousarray)

    def lines_of(self, unit: Equation | Group) -> list[str]:
        """The lines of an equation or of a group."""
        if isinstance(unit, Equation):
            if unit.op.name == "matmul":
                self.contiguous.update(unit.outputs)
            return self.equation(unit)
        operands = unit.inputs
        kept = stored(unit, self.users, self.wanted)
        into = {v: self.donated[v] for v in kept if self.donated.get(v) in operands and self.donated[v].shape == unit.shape}
        kernel = self._kernel(unit, operands, [v for v in kept if v not in into], into)
        self.kernels.append(kernel)
        lines = [line for v in operands for line in self._straighten(v)]
        self.names.update({v: self.names[target] for v, target in into.items()})
        outputs = [*(v for v in kept if v not in into), *(e.outputs[0] for e in unit.reductions)]
        for variable in outputs:
            dtype = self.keep(variable.dtype.name, variable.dtype)
            lines.append(f"{self.new(variable)} = empty({variable.shape}, {dtype})")
        names = [self.names[v] for v in (*operands, *outputs)]
        lines.append(f"{self.keep('loop', kernel.call_arrays)}({', '.join(names)})")
        self.contiguous.update(outputs)
        return lines

    def _straighten(self, variable: Variable) -> list[str]:
        """An array may be a transposed view, and a value without axes a scalar: the loop wants neither."""
        if variable in self.contiguous:
            return []
        self.contiguous.add(variable)
        name = self.names[variable]
        if variable in self.graph.constants:
            value = np.ascontiguousarray(self.graph.constants[variable]).reshape(variable.shape)
            self.names[variable] = self.keep("constant", value)
            return []
        if not variable.shape:
            return [f"if type({name}) is not np.ndarray: {name} = np.array({name})"]
        return [f"if not {name}.flags.c_contiguous: {name} = straight({name})"]

    def _donations(self, donated: dict[int, Variable]) -> dict[Variable, Variable]:
        """Outputs that may be written into an input: where nobody reads the input later, and nobody wants both."""
        last = {v: position for position, unit in enumerate(self.units) for e in parts(unit) for v in e.variables()}
        made = {v: position for position, unit in enumerate(self.units) for e in parts(unit) for v in e.outputs}
        found = {}
        for number, target in donated.items():
            value = self.graph.outputs[number]
            once = sum(v is value for v in self.graph.outputs) == 1 and target not in self.wanted
            if once and isinstance(value, Variable) and value in made and last.get(target, -1) == made[value]:
                found[value] = target
        return found

    def _kernel(self, group: Group, operands: list[Variable], kept: list[Variable], into: dict[Variable, Variable]) -> Any:
        number = {v: n for n, v in enumerate((*operands, *(e.outputs[0] for e in group.steps)))}
        steps = tuple(cpu.Step(expression_of(e) or "", tuple(cpu.Literal(_plain(v.value)) if isinstance(v, Literal) else number[v] for v in e.inputs),
                                e.outputs[0].dtype.name) for e in group.steps)
        reductions = tuple(cpu.Reduction(number[e.inputs[0]], REDUCTIONS[e.op.name], reduced_axes(e), e.outputs[0].dtype.name) for e in group.reductions)
        arrays = tuple(cpu.Operand(v.dtype.name, strides_of(v, group.shape)) for v in operands)
        return cpu.compile(cpu.Loop(group.shape, arrays, steps, tuple(number[v] for v in kept), reductions,
                                      tuple((number[v], number[target]) for v, target in into.items())))


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
