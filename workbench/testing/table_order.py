"""Rows of sorting, searching, statistics, writing at indices, and of what puts tensors together and cuts them apart."""
from __future__ import annotations

from .rows import Draw, Row
from .table_structured import BOOLS, FLAT, TURNED, A, M, S, V, apart, row, whole

CUBE = apart(2, 3, 4)
NAMES = ("linear", "lower", "higher", "midpoint", "nearest")
DYNAMIC = dict(batched=False, **FLAT)

ORDER = (
    row("sort", (apart(3, 4),), (apart(3, 4), 0), (apart(3, 4), {"descending": True}), (apart(3, 4, turned=True), {"axis": 0}), (S,)),
    row("argsort", (apart(3, 4),), (apart(3, 4), {"axis": 0, "descending": True}), (S,), dtypes="fi", **FLAT),
    row("msort", (apart(3, 4),), (S,)),
    row("topk", (apart(3, 4), 2), (apart(3, 4), 2, {"axis": 0, "largest": False}), (apart(3, 4), 0), (S, 1)),
    row("kthvalue", (CUBE, 2), (CUBE, 1, {"axis": 1}), (CUBE, 2, {"axis": 0, "keepdims": True}), (S, 1)),
    row("mode", (whole(3, 4, 7),), (whole(3, 4, 7), {"axis": 0}), (whole(2, 5), {"keepdims": True}), covers=("mode_index",), **FLAT),
    row("median", (apart(3, 5),), (apart(3, 4), {"axis": 0}), (CUBE, {"axis": -1, "keepdims": True}), (S,), (apart(3, 4), {"dim": 1}), covers=("middle",)),
    row("nanmedian", (apart(3, 5),), (apart(3, 4), {"axis": 0}), (CUBE, {"axis": -1, "keepdims": True}), (apart(3, 4), {"dim": 1})),
    *(row(name, *((apart(3, 4), 0.3, {"axis": 0, "interpolation": how}) for how in NAMES), (CUBE, 0.45), (CUBE, 0.6, {"axis": 1, "keepdims": True}),
          (CUBE, 0.25, {"axis": -1}), (apart(5), Draw((3,), 0.05, 0.95, constant=True)), dtypes="w") for name in ("quantile", "nanquantile")),
    row("searchsorted", (M, Draw((3, 4)), {"right": True}), (M, Draw((3, 2))), (V, A), (V, A, {"side": "right", "out_int32": True}),
        both="lib.searchsorted(lib.sort(x)[0], y, **k)", **FLAT),
    row("bucketize", (A, V), (A, V, {"right": True}), (S, V, {"out_int32": True}), both="lib.bucketize(x, lib.sort(y)[0], **k)", **FLAT),
    row("unique", (whole(3, 9),), (whole(3, 3, 4), {"return_inverse": True, "return_counts": True}), (whole(2, 6, 2), {"dim": 0, "return_counts": True}),
        covers=("distinct",), **DYNAMIC),
    row("unique_consecutive", (whole(3, 9),), (whole(2, 3, 4), {"return_inverse": True, "return_counts": True}), (whole(2, 6, 2), {"dim": 0}),
        covers=("runs",), **DYNAMIC),
    row("nonzero", (whole(2, 3, 4),), (whole(2, 3, 4), {"as_tuple": True}), (whole(2, 5), {"as_tuple": True}), **DYNAMIC),
    row("argwhere", (whole(2, 3, 4),), (whole(2, 5),), **DYNAMIC),
)

STATISTICS = (
    row("cov", (M,), (V,), (M, {"correction": 0}), (TURNED,), dtypes="w"), row("corrcoef", (M,), (Draw((2, 5)),), (V,), tolerance=1e-8, dtypes="w"),
    row("bincount", (whole(5, 7),), (whole(5, 7), {"minlength": 8}), (whole(5, 7), Draw((7,), constant=True)), dtypes="w", **DYNAMIC),
    row("histc", (M, 5, -1.0, 1.0), (A, {"bins": 3, "min": -2, "max": 2}), (M, 4, -5, 5), dtypes="w", **FLAT),
    row("histogram", (M, 5, {"range": (-1.0, 1.0)}), (A, 3, {"range": (-2.0, 2.0), "density": True}), (M, 4, {"range": (-2.0, 2.0), "weight": None}), **FLAT),
    row("histogramdd", (Draw((9, 2)), [3, 4], {"range": (-1.0, 1.0, -2.0, 2.0)}), (Draw((9, 3)), [2, 2, 2], {"range": (-2.0, 2.0) * 3, "density": True}), **FLAT),
)

ROWS_AT = Draw((2,), 0, 3, kind="i")
SRC = Draw((2, 4))
PICK, WIDE = whole(3, 2, 4), whole(4, 3, 2)

WRITING = (
    row("scatter", (M, 0, PICK, 0.5), (M, 1, WIDE, 2.0), covers=("multiply_along",)),
    row("scatter_reduce", *((M, 0, PICK, SRC, how, {"include_self": own}) for how in ("sum", "mean", "prod", "amax", "amin") for own in (True, False)),
        covers=("extreme_along",)),
    row("index_reduce", *((M, 0, ROWS_AT, SRC, how, {"include_self": own}) for how in ("mean", "prod", "amax", "amin") for own in (True, False))),
    row("index_add", (M, 0, ROWS_AT, SRC), (M, 1, whole(4, 2), Draw((3, 2)), {"alpha": 2.0})), row("index_fill", (M, 0, ROWS_AT, 0.5), (M, -1, whole(4, 2), 2.0)),
    row("put", (M, Draw((2, 2), 0, 12, kind="i"), Draw((2, 2)), True),), row("masked_scatter", (M, BOOLS, Draw((12,))), (M, Draw((4,), kind="b"), Draw((3, 4)))),
    row("slice_scatter", (M, Draw((3, 2)), 1, 1, 4, 2), (M, Draw((1, 4)), 0, 1, 2)),
    row("select_scatter", (M, V, 0, 1), (M, Draw((3,)), 1, -1)), row("diagonal_scatter", (M, Draw((3,))), (A, Draw((3, 1)), 1, 2, 0), (A, Draw((4, 2)), 0, 0, 1)),
    row("masked_select", (M, BOOLS), (M, Draw((4,), kind="b")), batched=False),
    row("take_along_dim", (M, whole(3, 2, 4), 0), (M, whole(4, 3, 1), 1), (M, whole(12, 5)), (Draw((3, 1)), whole(3, 2, 4), 0), (A, whole(3, 1, 2, 1), 1)),
    Row("index_copy", elsewhere="tests/ops/test_scatter.py"),
)

JOINING = (
    *(row(name, ([M, M],), ([V, V],), ([A, A],), ([S, S],), torch=f"torch.{name}(x)") for name in ("hstack", "vstack", "dstack")),
    row("column_stack", ([M, Draw((3,))],), ([S, S],), torch="torch.column_stack(x)"),
    row("hsplit", (M, 2), (V, [1, 3]), (A, [2])), row("vsplit", (M, 3), (A, [1])), row("dsplit", (A, 2), (A, [1, 3])),
    row("tensor_split", (M, 2, {"axis": 1}), (A, 3, {"axis": -1}), (M, (1,)), (A, (3, 1, -2), {"axis": 2}), torch="torch.tensor_split(x, y, **k)"),
    row("split_with_sizes", (M, [1, 2]), (M, [3, 1], 1)), row("repeat", (M, (2, 1)), (V, (2, 3)), (S, (2,)), torch="x.repeat(y)"),
    row("repeat_interleave", (M, 2), (M, 3, 1), (A, 2, {"dim": 0}), (S, 2)),
    row("meshgrid", (Draw((2,)), Draw((3,)), {"indexing": "ij"}), (V, V, {"indexing": "xy"}), (V, S, {"indexing": "ij"})),
    row("cartesian_prod", (V, Draw((3,))), (V,), (Draw((2,)), V, Draw((2,)))), row("combinations", (V,), (V, 3, True)),
    row("tril_indices", (3, 4), (3, 4, 1), batched=False, **FLAT), row("triu_indices", (3, 4), (4, 2, -1), batched=False, **FLAT),
)

SHAPING = (
    row("select", (M, 1, -1), (A, 0, 1)), row("narrow", (M, 1, 1, 2), (A, -1, -3, 2), (M, 0, 3, 0)), row("unflatten", (A, 2, (2, -1)), (M, 0, (3, 1))),
    row("rot90", (M,), (A, -1, (2, 0)), (A, 2, (0, 1)), (M, 4, (0, 1))), row("fliplr", (M,), (A,)), row("flipud", (M,), (V,)), row("t", (M,), (V,), (S,)),
    *(row(name, (S,), (V,), (M,), (A,), ([S, M],), torch=f"torch.{name}(x)") for name in ("atleast_1d", "atleast_2d", "atleast_3d")),
    row("broadcast_tensors", (M, V), (Draw((3, 1)), V, S)), Row("broadcast_shapes", elsewhere="tests/ops/test_scatter.py"),
    row("expand_as", (V, Draw((3, 4), constant=True)), torch="x.expand_as(y)"), row("reshape_as", (A, Draw((4, 6), constant=True)), torch="x.reshape_as(y)"),
)

ROWS: tuple[Row, ...] = (*ORDER, *STATISTICS, *WRITING, *JOINING, *SHAPING)
ALIASES = {"row_stack": "vstack", "movedim": "moveaxis", "swapdims": "transpose", "take_along_axis": "take_along_dim", "view_as": "reshape_as"}
