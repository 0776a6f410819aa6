"""Which results of a graph share memory, with each other or with an input.

Passes may make one variable of two equal ones, or an input of ``x * 1``: nobody notices until a result is written in
place. So a trace notes what shares memory as the function was written, and a program copies where it would share more.
"""
from __future__ import annotations

from typing import Any

from .ir import Equation, Graph, Operand, Variable

Memory = Any
"""What a result may share memory with: the number of an input, anything equal, or None if it does not matter."""
SHARING = {"stop_gradient": 0, "silence": 0, "broadcast_to": 0, "einsum": 0, "window_view": 0, "barrier": 0, "hook": 0, "overwrite": 1, "overwrite_detached": 1}
"""Ops that may return the memory of an input, by its position; views, which say so themselves, are not listed."""


def _source(equation: Equation) -> Operand | None:
    """The input whose memory the output may be."""
    place = 0 if equation.op.put is not None else SHARING.get(equation.op.name)
    return None if place is None else equation.inputs[place]


def memory_of(graph: Graph) -> list[Memory]:
    """For every output of the graph what memory it has: the number of an input, or the variable that was computed there."""
    root: dict[Operand, Any] = {variable: number for number, variable in enumerate(graph.inputs)}
    for equation in graph.equations:
        source = _source(equation)
        if isinstance(source, Variable):
            root[equation.outputs[0]] = root.get(source, source)
    return [root.get(output, output) for output in graph.outputs]


def to_copy(graph: Graph, wanted: list[Memory]) -> set[int]:
    """The outputs, by number, that share more memory in this graph than they are meant to."""
    owner: dict[Any, Memory] = {number: number for number in range(len(graph.inputs))}
    found = set()
    for number, (root, memory) in enumerate(zip(memory_of(graph), wanted, strict=False)):
        if memory is not None and owner.setdefault(root, memory) != memory:
            found.add(number)
    return found
