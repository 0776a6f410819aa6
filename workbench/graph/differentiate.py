"""A jitted call on the tape: forward and backward as two programs that share what the backward needs.

The pullback of the graph is traced together with the graph; what depends on the cotangents is the backward program, and
the variables that cross from one part to the other are its residuals.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend.arrays import is_array
from ..core.op import Op
from ..core.reverse import pull_flat
from ..core.tensor import Tensor
from .ir import Equation, Graph, Variable
from .memory import Memory
from .passes import drop_unused, optimize
from .program import Program
from .trace import Sym, tracing


class Differentiated:
    """The op behind calls of one traced graph that are recorded, mapped or nested."""

    def __init__(self, graph: Graph, memory: Sequence[Memory] = ()) -> None:
        self.graph, self.memory = graph, memory
        self._backward: dict[Any, tuple[Program, Program, set[int]]] = {}
        self.inexact = tuple(v.dtype.kind in "fVc" for v in graph.inputs)

    def op(self) -> Op:
        """The graph as one op: fast forward and first-order backward; transformations look inside."""
        return Op(f"jit_{self.graph.name}", self._bind, arity=None, several=True, promotes=False, reference=self.reference, joint=self._joint)

    def reference(self, *values: Any) -> tuple:
        """The graph, op by op."""
        results = self.graph.run(*values)
        return tuple(r if isinstance(r, Tensor) else Tensor(r if is_array(r) else np.asarray(r)) for r in results)

    def _bind(self, xp: Any) -> Callable:
        def forward(*arrays: Any) -> tuple:
            everything = self.pair(tuple(o.dtype.kind in "fVc" for o in self.graph.outputs))[0](*arrays)
            count = len(self.graph.outputs)
            return everything[:count], everything[count:]

        return forward

    def _joint(self, xp: Any, g: tuple, needs: tuple[bool, ...], residual: tuple, *arrays: Any) -> list[Any]:
        given = tuple(o.dtype.kind in "fVc" for o in self.graph.outputs)
        cotangents = [xp.zeros(o.shape, o.dtype) if c is None else c
                      for c, o, has in zip(g, self.graph.outputs, given, strict=True) if has]
        backward, reached = self.pair(given)[1:]
        found = iter(backward(*residual, *arrays, *cotangents))
        every = [next(found) if number in reached else None for number in range(len(needs))]
        return [c if need else None for c, need in zip(every, needs, strict=True)]

    def pair(self, given: tuple[bool, ...]) -> tuple[Program, Program, set[int]]:
        """The forward program (outputs, then residuals), the backward program (residuals, inputs, cotangents), and which inputs that reaches."""
        if given not in self._backward:
            self._backward[given] = _split(self.graph, self.inexact, given, self.memory)
        return self._backward[given]


def _split(graph: Graph, inexact: tuple[bool, ...], given: tuple[bool, ...], memory: Sequence[Memory]) -> tuple[Program, Program, set[int]]:
    with tracing(graph.name, expand=True) as t:
        values = [t.symbol(v.shape, v.dtype) for v in graph.inputs]
        chosen = [v for v, is_inexact in zip(values, inexact, strict=True) if is_inexact]

        def function(*parts: Any) -> list[Any]:
            rest = iter(parts)
            outputs = graph.run(*(next(rest) if is_inexact else v for v, is_inexact in zip(values, inexact, strict=True)))
            others.extend(t.lift(o) if isinstance(o, Tensor) else o for o, has in zip(outputs, given, strict=True) if not has)
            return [o for o, has in zip(outputs, given, strict=True) if has]

        others: list[Any] = []
        outputs, pull, _ = pull_flat(lambda parts: function(*parts), chosen, False)
        cotangents = [t.symbol(tuple(o.shape), o.dtype) for o in outputs]
        pulled = iter(pull(cotangents, False))
        every = [next(pulled) if is_inexact else None for is_inexact in inexact]
        found = [t.lift(c) for c in every if c is not None]
        inputs = [v.data for v in values]
        seeds = [c.data for c in cotangents]
        main, rest = iter([t.lift(o) for o in outputs]), iter(others)
        results = [(next(main) if has else next(rest)) for has in given]
        whole = optimize(t.graph([*inputs, *seeds], [*(_operand(o) for o in results), *(c.data for c in found)]))
    return *_cut(whole, inputs, seeds, len(results), memory), {number for number, c in enumerate(every) if c is not None}


def _operand(value: Any) -> Any:
    return value.data if isinstance(value, Sym) else value


def _cut(whole: Graph, inputs: list[Variable], seeds: list[Variable], count: int, memory: Sequence[Memory]) -> tuple[Program, Program]:
    """The graph in two: what the outputs need, and what depends on the cotangents."""
    late = set(seeds)
    forward: list[Equation] = []
    backward: list[Equation] = []
    for equation in whole.equations:
        is_late = any(v in late for v in equation.variables())
        (backward if is_late else forward).append(equation)
        if is_late:
            late.update(equation.outputs)
    made = {v for e in forward for v in e.outputs}
    read = [v for e in backward for v in e.variables()] + [v for v in whole.outputs[count:] if isinstance(v, Variable)]
    residuals = list(dict.fromkeys(v for v in read if v in made))
    first = drop_unused(Graph(inputs, forward, [*whole.outputs[:count], *residuals], dict(whole.constants), whole.name))
    second = drop_unused(Graph([*residuals, *inputs, *seeds], backward, whole.outputs[count:], dict(whole.constants), f"{whole.name}_backward"))
    return Program(first, memory=memory), Program(second, memory=[object() for _ in second.outputs])  # gradients share nothing
