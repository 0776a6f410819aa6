"""Rows of movement, reductions, indexing, products and creation, each with its own calls."""
from __future__ import annotations

from typing import Any

from .rows import Case, Draw, Row

NONE: dict[str, Any] = {}
A = Draw((2, 3, 4))
M, V, S, E = Draw((3, 4)), Draw((4,)), Draw(()), Draw((0,))
TURNED = Draw((3, 4), turned=True)
FLAT = dict(gradient=False, order=0)


def row(name: str, *calls: tuple[Any, ...] | Case, torch: str | None = "", **options: Any) -> Row:
    """A row whose calls are tuples of inputs, a dict at the end being options."""
    cases = []
    for call in calls:
        with_options = isinstance(call[-1], dict)
        cases.append(Case(tuple(call[:-1]) if with_options else call, call[-1] if with_options else NONE))
    return Row(name, tuple(cases), f"torch.{name}" if torch == "" else torch, **options)


def apart(*shape: int, **options: Any) -> Draw:
    """Elements that are all different."""
    return Draw(tuple(shape), -3.0, 3.0, apart=True, **options)


def whole(high: int, *shape: int, low: int = 0) -> Draw:
    """Integers."""
    return Draw(tuple(shape), low, high, kind="i")


def positive(*shape: int) -> Draw:
    """Numbers above zero."""
    return Draw(tuple(shape), 0.3, 2.0)


BOOLS = Draw((3, 4), kind="b")
REDUCED = ((S, {"axis": -1, "keepdims": True}),
           (A,), (A, {"axis": 1}), (A, {"axis": (0, -1)}), (A, {"axis": 0, "keepdims": True}), (TURNED, {"axis": -1}), (S,), (E,))
ONE_AXIS = ((M, {"axis": 0}), (M, {"axis": -1, "keepdims": True}), (V,), (TURNED, {"axis": 1}))
APART = ((apart(2, 3, 4),), (apart(2, 3, 4), {"axis": 1}), (apart(3, 4), {"axis": -1, "keepdims": True}), (apart(3, 4, turned=True), {"axis": 0}))

MOVEMENT = (
    row("reshape", (A, (4, 6)), (A, (-1,)), (TURNED, (2, 6)), (S, (1, 1)), (E, (0, 3))),
    row("permute", (A, (2, 0, 1)), (A, (-1, 0, 1)), (S, ()), torch="torch.permute"),
    row("transpose", (A, 0, 2), (TURNED, 0, 1)), row("moveaxis", (A, 0, -1), (A, (0, 1), (2, 0)), torch="torch.movedim"),
    row("broadcast_to", (V, (3, 4)), (Draw((3, 1)), (2, 3, 4)), (S, (2,))), row("expand", (Draw((3, 1)), (-1, 4)), torch="x.expand(y)"),
    row("squeeze", (Draw((1, 3, 1)),), (Draw((1, 3, 1)), 0), (M, 0)), row("unsqueeze", (M, 1), (S, 0), (M, -1)),
    row("expand_dims", (M, 1), (M, -1), torch="torch.unsqueeze"), row("flatten", (A,), (A, 1), (A, 0, 1), (S,)), row("ravel", (M,), (TURNED,), (S,)),
    row("concat", ([M, Draw((2, 4))],), ([M, M, M], {"axis": 1}), ([M, M], {"axis": -1}), torch="torch.cat(x, **k)", dtypes="f"),
    row("stack", ([M, TURNED],), ([V, V], {"axis": 1}), ([S, S],), torch="torch.stack(x, **k)"),
    row("flip", (M, (0,)), (M, (0, 1)), (TURNED, (-1,))), row("roll", (M, 1, 0), (M, (1, -2), (0, 1)), (V, 3), covers=("roll_axis",)),
    row("split", (M, 2), (M, [1, 3], 1), torch="torch.split"), row("chunk", (M, 2), (M, 3, 1)), row("unbind", (M,), (M, 1)),
    row("tile", (M, (2, 1)), (V, (2, 3)), (S, (2,))), row("clone", (M,), (S,), covers=("copy_of",)),
    row("stop_gradient", (M,), torch="x.detach()", **FLAT),
)

REDUCE = (
    row("sum", *REDUCED, dtypes="fib"), row("mean", *REDUCED[:-1]),
    row("prod", (A,), (A, {"axis": 1}), (M, {"axis": -1, "keepdims": True}), (TURNED, {"axis": 0}), dtypes="fib"),
    row("amax", *APART, torch="torch.amax(x, **{'dim': (), **k})", dtypes="fi"), row("amin", *APART, torch="torch.amin(x, **{'dim': (), **k})", dtypes="fi"),
    row("max", (apart(3, 4),), (apart(3, 4), 1), (apart(3, 4), {"dim": 0}), (apart(3, 4), {"dim": -1, "keepdim": True})),
    row("min", (apart(3, 4),), (apart(3, 4), 1), (apart(3, 4), {"dim": 0}), (apart(3, 4), {"dim": -1, "keepdim": True})),
    row("argmax", (apart(3, 4),), *((apart(3, 4), call[-1]) for call in ONE_AXIS[:2]), dtypes="fi", **FLAT),
    row("argmin", (apart(3, 4),), *((apart(3, 4), call[-1]) for call in ONE_AXIS[:2]), dtypes="fi", **FLAT),
    row("all", (BOOLS,), (BOOLS, {"axis": 0}), (BOOLS, {"axis": -1, "keepdims": True}), (E,), dtypes="fib", **FLAT),
    row("any", (BOOLS,), (BOOLS, {"axis": 0}), (BOOLS, {"axis": -1, "keepdims": True}), (E,), dtypes="fib", **FLAT),
    row("count_nonzero", (whole(2, 3, 4),), (whole(2, 3, 4), {"axis": 0}), dtypes="fi", **FLAT),
    row("cumsum", (S, {"axis": 0}), (M, {"axis": 0}), (M, {"axis": -1}), (TURNED, {"axis": 1}), dtypes="fib"),
    row("cumprod", (S, {"axis": -1}), (M, {"axis": 0}), (M, {"axis": -1}), (TURNED, {"axis": 1}), dtypes="fi", covers=("flip_axis",)),
    row("var", (A,), (A, {"axis": 1}), (M, {"axis": -1, "correction": 0, "keepdims": True}), torch="torch.var(x, **k)"),
    row("std", (A,), (A, {"axis": 1}), (M, {"axis": -1, "correction": 0, "keepdims": True}), torch="torch.std(x, **k)"),
    row("logsumexp", (A, {"axis": 1}), (A, {"axis": (0, 2)}), (M, {"axis": 0, "keepdims": True}), torch="torch.logsumexp(x, **k)"),
    row("norm", (A,), (M, {"ord": 1, "axis": 1}), (M, {"ord": 3, "axis": 0}), (apart(3, 4), {"ord": float("inf"), "axis": 1}), (M, {"ord": 0, "axis": 1}),
        (M, {"ord": -2.5, "axis": 0}), torch="torch.linalg.vector_norm(x, **k)"),
    Row("sum_to", elsewhere="tests/ops/test_declared.py"),
    Row("all_sum", elsewhere="tests/core/test_collectives.py", covers=("all_extreme", "gather_members", "scatter_members", "permute_members")),
    row("clip", (apart(3, 4), -1.0, 1.5), (apart(3, 4), {"min": 0.05}), (apart(4), {"max": 0.0}), torch="torch.clamp"),
    row("round", (Draw((3, 4), away=(-1.5, -0.5, 0.5, 1.5)),), (M, {"decimals": 1}), torch="torch.round(x, **k)", gradient=False, order=0),
)

PICK = whole(3, 2, 4)
INDEXING = (
    row("where", (BOOLS, M, M), (BOOLS, M, Draw((4,))), (BOOLS, M, Draw(()))),
    row("masked_fill", (M, BOOLS, 0.5)),
    row("take", (M, whole(3, 5), {"axis": 0}), (M, whole(4, 2, 2, low=-4), {"axis": 1}), (M, whole(12, 5)),
        torch="x.ravel()[y] if k.get('dim') is None else (x[y] if k['dim'] == 0 else x[:, y])", covers=("index_at", "place_at")),
    row("index_select", (M, 0, whole(3, 5)), (M, 1, whole(4, 2)), (S, 0, whole(1, 1))),
    row("gather", (M, 0, PICK), (M, 1, whole(4, 3, 2)), (M, -1, whole(4, 2, 3)), covers=("gather_along", "scatter_along")),
    row("scatter_add", (M, 0, PICK, Draw((2, 4))), (M, 1, whole(4, 3, 2), Draw((3, 2))), torch="x.scatter_add(y, z, u)"),
    Row("index_put", elsewhere="tests/ops/test_indexing.py", covers=("put_at", "getitem", "place_basic")),
    row("one_hot", (whole(4, 3), {"num_classes": 4}), torch="F.one_hot(x, **k)", **FLAT),
)

CONTRACT = (
    row("matmul", (M, Draw((4, 2))), (V, V), (M, V), (V, Draw((4, 2))), (Draw((2, 3, 4)), Draw((4, 2))), (Draw((2, 1, 3, 4)), Draw((5, 4, 2))),
        (V, Draw((2, 4, 3))), (Draw((2, 3, 4)), V), (Draw((0, 4)), Draw((4, 2))), (TURNED, Draw((4, 3), turned=True)), dtypes="fi"),
    row("outer", (V, Draw((3,)))), row("tensordot", (A, Draw((3, 4, 2))), (M, Draw((4, 2)), {"dims": 1}), (A, Draw((4, 5, 3)), {"dims": ((2, 1), (0, 2))}),
        torch="torch.tensordot(x, y, **{'dims': 2, **k})"),
    row("einsum", ("ij,jk->ik", M, Draw((4, 2))), ("ij->ji", M), ("ii->i", Draw((3, 3))), ("ij->", M), ("bij,bjk->bik", A, Draw((2, 4, 3))),
        ("...ij,jk->...ik", A, Draw((4, 2))), ("i,i,i->i", V, V, V), ("ij,ij", M, M), ("ii", Draw((3, 3))), torch="torch.einsum", dtypes="f"),
    row("diagonal", (M,), (A, 1, 0, 2), (M, -1), covers=("diagonal_last",)), row("diag", (V,), (M,), (M, 1), (V, -1), covers=("place_diagonal",)),
    row("trace", (Draw((3, 3)),)),
    row("tril", (M,), (M, 1), (M, -1)), row("triu", (M,), (M, 1), (A, -1)),
)

LIKE = (
    row("zeros_like", (M,), (S,), dtypes="fib", **FLAT), row("ones_like", (M,), (S,), dtypes="fib", **FLAT),
    row("full_like", (M, 3.0), (whole(3, 2), 7), **FLAT),
    Row("zeros", (Case(((2, 3),)), Case(((),))), "torch.zeros", batched=False, **FLAT), Row("ones", (Case(((2, 3),)),), "torch.ones", batched=False, **FLAT),
    Row("full", (Case(((2,), 3)), Case(((2, 2), 1.5)), Case(((), True))), "torch.full", batched=False, **FLAT),
    Row("arange", (Case((5,)), Case((1, 7, 2)), Case((0.0, 1.0, 0.25)), Case((5, -2, -3))), "torch.arange", batched=False, **FLAT),
    Row("linspace", (Case((0.0, 1.0, 5)),), "torch.linspace", batched=False, **FLAT),
    Row("logspace", (Case((0.0, 2.0, 5)), Case((0.0, 2.0, 3, 2.0))), "torch.logspace", batched=False, **FLAT),
    Row("eye", (Case((3,)), Case((2, 4))), "torch.eye", batched=False, **FLAT),
    *(Row(name, elsewhere="tests/ops/test_random.py", **FLAT) for name in (
        "empty", "rand", "randn", "randint", "randperm", "bernoulli", "multinomial", "dropout", "manual_seed", "get_rng_state", "set_rng_state",
        "empty_like")),
    row("conj", (M,), torch="torch.conj(x).resolve_conj()"), row("real", (M,)), row("imag", (M,), torch="torch.zeros_like(x)", gradient=False, order=0),
    *(Row(name, elsewhere="tests/ops/test_draws.py", **FLAT) for name in ("Generator", "binomial", "normal", "poisson", "rand_like", "randint_like",
                                                                          "randn_like")),
    *(Row(name, elsewhere="tests/ops/test_layout.py", **FLAT) for name in ("asarray", "from_numpy", "is_tensor", "numel", "unravel_index")),
    *(Row(name, elsewhere="tests/ops/test_declared.py") for name in ("cast", "pad_constant", "transfer")),
)

ROWS: tuple[Row, ...] = (*MOVEMENT, *REDUCE, *INDEXING, *CONTRACT, *LIKE)
