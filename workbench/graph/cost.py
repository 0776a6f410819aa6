"""What an op costs: multiply-accumulates and other floating-point operations, from shapes alone.

Products of matrices, convolutions and sums of products count multiply-accumulates (one is two operations); an
element-wise op counts one operation per element whatever its function, a reduction one per element that it reads, and
moving numbers counts nothing. A fused op costs what its composite costs. Counted is the mathematics: what a kernel
skips (blocks that a causal mask hides) is counted too, as PyTorch's ``FlopCounterMode`` does.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..core import batching
from ..core.errors import WorkbenchError
from ..core.op import Op
from ..core.state import Watch
from ..core.tensor import Tensor
from ..ops.resample import table
from .ir import Graph, Variable
from .trace import tracing


class Cost(NamedTuple):
    """Multiply-accumulates, and operations beside them."""

    macs: int = 0
    other: int = 0

    @property
    def flops(self) -> int:
        """All floating-point operations: a multiply-accumulate is two."""
        return 2 * self.macs + self.other

    def plus(self, cost: Cost) -> Cost:
        """Both together."""
        return Cost(self.macs + cost.macs, self.other + cost.other)


FREE = frozenset("""
    positive stop_gradient real imag zeros_like ones_like transfer copy_of complex share cast
    reshape broadcast_to permute moveaxis concat stack pad_constant flip_axis roll_axis getitem place_basic index_at place_at put_at
    window_view diagonal_last place_diagonal gather_along unpool permutation barrier random attention_keep
    all_sum all_extreme gather_members scatter_members permute_members
    argwhere distinct runs argsort mode_index searchsorted isin middle
""".split())
"""Ops that move, look up, order, draw or send numbers."""

REDUCTIONS = frozenset("""
    sum sum_to mean amax amin prod cumsum cumprod all any count_nonzero argmax argmin window_sum running_argmax running_logsumexp extreme_along
""".split())
"""One operation per element of the first input."""

UNKNOWN = frozenset("pinv svd svdvals eigh eigvalsh eig eigvals matrix_exp cofactors".split())
"""Ops whose work depends on the numbers, or whose algorithm is LAPACK's own business."""


def _size(x: Any) -> int:
    return math.prod(x.shape)


def _square(cubes: float) -> Callable[..., Cost]:
    """`cubes` times n**3 operations for each n x n matrix."""
    return lambda args, outputs, params: Cost(0, round(cubes * _size(args[0]) * args[0].shape[-1]))


def _fft(axes: Callable[[dict], Sequence[int]], scale: float) -> Callable[..., Cost]:
    def cost(args: Sequence[Any], outputs: Sequence[Any], params: dict[str, Any]) -> Cost:
        longer = max((args[0], outputs[0]), key=_size)
        return Cost(0, round(sum(scale * _size(longer) * math.log2(max(longer.shape[axis], 2)) for axis in axes(params))))

    return cost


def _einsum(args: Sequence[Any], outputs: Sequence[Any], params: dict[str, Any]) -> Cost:
    """From the left, two operands at a time."""
    inputs, output = params["equation"].split("->")
    terms = inputs.split(",")
    length = {letter: n for term, x in zip(terms, args, strict=True) for letter, n in zip(term, x.shape, strict=True)}
    total, left = Cost(), set(terms[0])
    if len(terms) == 1:
        return Cost(0, _size(args[0]) if left != set(output) else 0)
    for position, term in enumerate(terms[1:], 2):
        left |= set(term)
        wanted = left & set(output).union(*terms[position:])
        products = math.prod(length[letter] for letter in left)
        total = total.plus(Cost(products) if wanted != left else Cost(0, products))
        left = wanted
    return total


FORMULAS: dict[str, Callable[..., Cost]] = {
    "matmul": lambda args, outputs, params: Cost(_size(outputs[0]) * args[0].shape[-1]),
    "einsum": _einsum,
    "conv_core": lambda args, outputs, params: Cost(_size(outputs[0]) * math.prod(args[1].shape[1:])),
    "conv_input": lambda args, outputs, params: Cost(_size(args[0]) * math.prod(args[1].shape[1:])),
    "conv_weight": lambda args, outputs, params: Cost(_size(args[0]) * math.prod(params["shape"][1:])),
    "linear_recurrence": lambda args, outputs, params: Cost(_size(args[0])),
    "resample": lambda args, outputs, params: Cost(0 if params["rule"].kind.startswith("nearest") else
                                                   max(_size(args[0]), _size(outputs[0])) * table(params["rule"])[0].shape[-1]),
    "where": lambda args, outputs, params: Cost(0, _size(outputs[0])),
    "scatter_along": lambda args, outputs, params: Cost(0, _size(args[-1])),
    "multiply_along": lambda args, outputs, params: Cost(0, _size(args[2])),
    "largest_in_window": lambda args, outputs, params: Cost(0, _size(outputs[0]) * math.prod(params["kernel"])),
    "fft_complex": _fft(lambda params: params["axes"], 5.0),
    "fft_real": _fft(lambda params: (params["axis"],), 2.5),
    "fft_to_real": _fft(lambda params: (params["axis"],), 2.5),
    # Golub and Van Loan, Matrix Computations: the leading terms.
    "cholesky": _square(1 / 3), "lu_factor": _square(2 / 3), "det": _square(2 / 3), "slogdet": _square(2 / 3), "inv": _square(2.0),
    "solve": lambda args, outputs, params: Cost(_size(outputs[0]) * args[0].shape[-1], round(2 / 3 * _size(args[0]) * args[0].shape[-1])),
    "triangular_solve": lambda args, outputs, params: Cost(0, _size(outputs[0]) * args[0].shape[-1]),
    "qr": lambda args, outputs, params: Cost(0, round(_size(args[0]) * 2 * min(args[0].shape[-2:])
                                                      - 2 / 3 * _size(args[0]) / max(args[0].shape[-2:]) * min(args[0].shape[-2:]) ** 2)),
}

_composites: dict[Any, Cost | None] = {}


def cost_of(op: Op, args: Sequence[Any], params: dict[str, Any], outputs: Sequence[Any]) -> Cost | None:
    """The cost of one call from the shapes of its inputs and outputs; None where nobody can say.

    Parameters
    ----------
    op : Op
    args : sequence
        Tensors, arrays or variables of a graph, with numbers and None between.
    params : dict
    outputs : sequence
        Tensors, arrays or variables.
    """
    if op.name in FREE:
        return Cost()
    if op.name in FORMULAS:
        return FORMULAS[op.name](args, outputs, params)
    if op.name in REDUCTIONS:
        return Cost(0, _size(args[0]))
    if op.reference is not None or op.inline is not None:
        return _of_composite(op, args, params)
    if op.batch is batching.elementwise:
        return Cost(0, _size(outputs[0]))
    return None


def _of_composite(op: Op, args: Sequence[Any], params: dict[str, Any]) -> Cost | None:
    """Trace what the op stands for: nothing is computed."""
    shapes = tuple((tuple(x.shape), x.dtype) if hasattr(x, "shape") else x for x in args)
    try:
        key = (op.name, shapes, tuple(params.items()))
        hash(key)
    except TypeError:
        return _traced(op, args, params)
    if key not in _composites:
        _composites[key] = _traced(op, args, params)
    return _composites[key]


def _traced(op: Op, args: Sequence[Any], params: dict[str, Any]) -> Cost | None:
    try:
        with tracing(op.name) as trace:
            symbols = [trace.symbol(tuple(x.shape), x.dtype) if hasattr(x, "shape") else x for x in args]
            (op.reference or op.inline)(*symbols, **params)
    except WorkbenchError:  # it looks at numbers, so its work depends on them
        return None
    return _total(trace.equations)


def _total(equations: Sequence[Any]) -> Cost | None:
    total = Cost()
    for equation in equations:
        args = [v if isinstance(v, Variable) else v.value for v in equation.inputs]
        cost = cost_of(equation.op, args, equation.params, equation.outputs)
        if cost is None:
            return None
        total = total.plus(cost)
    return total


def graph_cost(graph: Graph) -> Cost | None:
    """The cost of one run of a traced function; None if it has an op that nobody can say of.

    Examples
    --------
    >>> import workbench as wb
    >>> from workbench.graph.cost import graph_cost
    >>> graph_cost(wb.make_graph(lambda x, w: wb.relu(x @ w), wb.zeros(2, 3), wb.zeros(3, 4)))
    Cost(macs=24, other=8)
    """
    return _total(graph.equations)


class CostCounter(Watch):
    """Counts what a thread computes: ``with wb.observing(counter): ...``.

    Attributes
    ----------
    total : Cost
        So far, forward only; what jit compiled is run op by op and counted too.
    unknown : set of str
        Ops that were met and could not be counted.

    Examples
    --------
    >>> import workbench as wb
    >>> from workbench.graph.cost import CostCounter
    >>> counter = CostCounter()
    >>> with wb.observing(counter):
    ...     _ = wb.nn.Linear(3, 4)(wb.ones(2, 3))
    >>> counter.total.macs, counter.total.flops
    (24, 56)
    """

    eager = True

    def __init__(self) -> None:
        self.total = Cost()
        self.unknown: set[str] = set()

    def forward(self, op: Any, args: tuple, params: dict[str, Any], output: Any, begin: int, end: int) -> None:
        """Add one op."""
        outputs = output if isinstance(output, tuple) else (output,)
        cost = cost_of(op, [x.data if isinstance(x, Tensor) else x for x in args], params, [x.data for x in outputs])
        if cost is None:
            self.unknown.add(op.name)
        else:
            self.add(cost)

    def add(self, cost: Cost) -> None:
        """Take in the cost of one op."""
        self.total = self.total.plus(cost)
