"""Rows of linear algebra. Decompositions are compared by what has no free sign; complex numbers in tests/ops/test_linalg.py."""
from __future__ import annotations

import math
from typing import Any

from .rows import Case, Draw, Row
from .table_structured import FLAT
from .table_structured import row as structured

SQUARE, BATCH, TURNED = Draw((3, 3), -1, 1, diagonal=3.0), Draw((2, 3, 3), -1, 1, diagonal=3.0), Draw((4, 4), -1, 1, diagonal=4.0, turned=True)
HIGH, WIDE, HIGHS, ONE = Draw((5, 3)), Draw((3, 5)), Draw((2, 4, 3)), Draw((1, 1), 1, 2)
V, M = Draw((3,)), Draw((3, 4))
INF = math.inf
LIST = ((SQUARE,), (BATCH,), (TURNED,), (ONE,))
DEFINITE = ((WIDE,), (Draw((2, 3, 4)),), (ONE,))
ANY_SHAPE = ((HIGH,), (WIDE,), (HIGHS,), (SQUARE,))
SYMMETRIC = "(lambda a: {})(x + x.mT)"
VECTORS = "(lambda f: {})({})"


def row(name: str, *calls: tuple[Any, ...] | Case, **options: Any) -> Row:
    """A row of a function on matrices: no half precision."""
    return structured(name, *calls, **{"dtypes": "w", **options})


SYSTEMS = (
    row("linalg.solve", (SQUARE, V), (SQUARE, M), (BATCH, Draw((2, 3, 2))), (SQUARE, Draw((2, 3, 4))), (BATCH, Draw((2, 3))), (BATCH, V),
        (SQUARE, Draw((4, 3)), {"left": False}), covers=("solve",)),
    row("linalg.solve_triangular", (SQUARE, M, {"upper": True}), (BATCH, Draw((2, 3, 2)), {"upper": False}), (SQUARE, Draw((4, 3)), {"upper": True, "left": False}),
        (SQUARE, Draw((2, 3, 4)), {"upper": False, "unitriangular": True}), (SQUARE, M, {"upper": True, "unitriangular": True}),
        torch="torch.linalg.solve_triangular(torch.triu(x) if k['upper'] else torch.tril(x), y, **k)", covers=("triangular_solve",)),
    row("linalg.inv", *LIST, covers=("inv", "inverse")),
    row("linalg.pinv", *ANY_SHAPE, (HIGH, {"rtol": 1e-3}), covers=("pinv", "pinverse"), tolerance=1e-8),
    row("linalg.lstsq", (HIGH, Draw((5, 2))), (WIDE, M), (HIGHS, Draw((2, 4, 1))), both="lib.linalg.lstsq(x, y, **k)[0]", tolerance=1e-8),
    row("linalg.tensorinv", (Draw((2, 3, 6)),), (Draw((4, 2, 2)), {"ind": 1}), tolerance=1e-8),
    row("linalg.tensorsolve", (Draw((2, 3, 6)), Draw((2, 3))), (Draw((2, 6, 3)), Draw((2, 3)), {"dims": (1,)}), tolerance=1e-8),
    row("linalg.det", *LIST, (Draw((2, 3, 3), -1e-9, 1e-9),), covers=("det", "cofactors")),
    row("linalg.slogdet", *LIST, covers=("slogdet",)),
    row("logdet", (SQUARE,), (BATCH,), (ONE,)),
    row("linalg.matrix_exp", (SQUARE,), (Draw((2, 3, 3)),), (Draw((2, 2), -9, 9),), (ONE,), covers=("matrix_exp",), tolerance=1e-8),
    row("linalg.matrix_power", (SQUARE, 0), (SQUARE, 1), (BATCH, 3), (SQUARE, 6), (SQUARE, -2), covers=("matrix_power",)),
)

DECOMPOSITIONS = (
    row("linalg.cholesky", *DEFINITE, (WIDE, {"upper": True}), both="lib.linalg.cholesky(x @ x.mT, **k)", covers=("cholesky",), tolerance=1e-8),
    row("cholesky_solve", (M, SQUARE), (M, SQUARE, {"upper": True}), (Draw((2, 3, 2)), BATCH),
        both="lib.cholesky_solve(x, lib.triu(y) if k.get('upper') else lib.tril(y), **k)"),
    row("cholesky_inverse", (SQUARE,), (SQUARE, {"upper": True}), both="lib.cholesky_inverse(lib.triu(x) if k.get('upper') else lib.tril(x), **k)"),
    row("linalg.qr", *ANY_SHAPE, both=VECTORS.format("(f[0] @ f[1], abs(f[0]), abs(f[1]))", "lib.linalg.qr(x, **k)"), covers=("qr",), tolerance=1e-8),
    row("linalg.svd", *ANY_SHAPE, (SQUARE, {"full_matrices": True}), covers=("svd",), tolerance=1e-8,
        both=VECTORS.format("(f[0] @ (f[1].unsqueeze(-1) * f[2]), f[1], f[0] * f[0], f[2] * f[2])", "lib.linalg.svd(x, **{'full_matrices': False, **k})")),
    row("linalg.svdvals", *ANY_SHAPE, covers=("svdvals",), tolerance=1e-8),
    row("linalg.eigh", (SQUARE,), (BATCH,), (SQUARE, {"UPLO": "U"}), covers=("eigh",), tolerance=1e-8,
        both=VECTORS.format("(f[0], f[1] * f[1])", SYMMETRIC.format("lib.linalg.eigh(a, **k)"))),
    row("linalg.eigvalsh", (SQUARE,), (BATCH,), (SQUARE, {"UPLO": "U"}), both=SYMMETRIC.format("lib.linalg.eigvalsh(a, **k)"), covers=("eigvalsh",), tolerance=1e-8),
    row("linalg.eig", (SQUARE,), (BATCH,), both=VECTORS.format("(SQUARES(f[0]).sum(-1), (SQUARES(f[1]) ** 2).sum((-1, -2)))", "lib.linalg.eig(x)")
        .replace("SQUARES", "(lambda z: lib.real(z * z.conj()))"), covers=("eig",), tolerance=1e-7),
    row("linalg.eigvals", (SQUARE,), (BATCH,), both="lib.real(lib.linalg.eigvals(x) ** 3).sum(-1)", covers=("eigvals",), tolerance=1e-8),
    row("linalg.lu", *ANY_SHAPE, both=VECTORS.format("(f[1], f[2], f[0] @ f[1] @ f[2])", "lib.linalg.lu(x)"), covers=("lu_factor", "permutation")),
    row("linalg.lu_factor", *ANY_SHAPE),
    row("linalg.lu_solve", (SQUARE, M), (BATCH, Draw((2, 3, 2))), (SQUARE, M, {"adjoint": True}), (SQUARE, Draw((4, 3)), {"left": False}),
        (SQUARE, Draw((4, 3)), {"left": False, "adjoint": True}), both="lib.linalg.lu_solve(*lib.linalg.lu_factor(x), y, **k)"),
    row("lu_solve", (SQUARE, M), both="lib.lu_solve(y, *lib.linalg.lu_factor(x))"),
    row("linalg.householder_product", (HIGH, V), (HIGHS, Draw((2, 3))), (HIGH, Draw((2,))), tolerance=1e-8),
)

NORMS = (
    row("linalg.vector_norm", (M,), (M, {"ord": 1, "axis": 1}), (HIGHS, {"ord": 3, "axis": (0, 2)}), (M, {"ord": INF, "axis": 0, "keepdims": True}),
        (M, {"ord": -INF}), (M, {"ord": 0, "axis": 1}), (M, {"ord": 0.5}), (Draw((3, 4), 0.5, 2), {"ord": -1, "axis": 1})),
    row("linalg.matrix_norm", *((HIGHS, {"ord": order}) for order in ("fro", "nuc", INF, -INF, 1, -1, 2, -2)), (HIGHS, {"ord": 1, "axis": (0, 2)}),
        (HIGHS, {"ord": 2, "axis": (2, 0), "keepdims": True}), tolerance=1e-8),
    row("linalg.norm", (HIGHS,), (M, {"ord": 2}), (V, {"ord": 3}), (M, {"ord": "nuc"}), (HIGHS, {"ord": 1, "axis": 1}), (HIGHS, {"ord": "fro", "axis": (0, 1)}),
        (M, {"ord": -2, "keepdims": True}), tolerance=1e-8),
    row("linalg.cond", *((SQUARE, p) for p in (None, 2, -2, "fro", "nuc", INF, -INF, 1, -1)), (HIGHS,), tolerance=1e-8, torch_gradient=False),
    row("linalg.matrix_rank", (HIGH,), (BATCH,), (SQUARE, {"hermitian": True}), (SQUARE, {"atol": 3.0}), (SQUARE, {"rtol": 0.9}), (Draw((3, 3), 0.5, 0.5),), **FLAT),
)

PRODUCTS = (
    row("linalg.cross", (Draw((4, 3)), Draw((4, 3))), (M, M, {"axis": 0}), (Draw((2, 1, 3)), Draw((1, 4, 3)))),
    row("cross", (Draw((4, 3)), Draw((4, 3))), (M, M, {"axis": 0}), torch="torch.linalg.cross", dtypes="fi"),
    row("adjoint", (M,), (HIGHS,), dtypes="f"),
    row("linalg.matmul", (M, Draw((4, 2))), (HIGHS, V)),
    row("linalg.vecdot", (M, M), (M, Draw((4,))), (M, M, {"axis": 0})),
    row("linalg.multi_dot", ([Draw((2, 3)), Draw((3, 5)), Draw((5, 1)), Draw((1, 4))],), ([V, M, Draw((4,))],), ([M, Draw((4, 2))],)),
    row("chain_matmul", (Draw((2, 3)), M, Draw((4, 2))), torch="torch.linalg.multi_dot([x, y, z])"),
    row("linalg.vander", (V,), (M, {"N": 2}), (Draw((2, 3)), {"N": 5})),
    row("linalg.diagonal", (BATCH,), (M, {"offset": 1}), (HIGHS, {"dim1": 0, "dim2": 2})),
    row("addmm", (Draw((3, 2)), M, Draw((4, 2))), (Draw((2,)), M, Draw((4, 2)), {"beta": 0.5, "alpha": 2.0}), (Draw((3, 2)), M, Draw((4, 2)), {"beta": 0}),
        dtypes="f"),
    row("addmv", (V, M, Draw((4,))), (V, M, Draw((4,)), {"beta": 2.0, "alpha": 0.5}), dtypes="f"),
    row("addr", (M, V, Draw((4,))), (M, V, Draw((4,)), {"alpha": 3.0}), dtypes="f"),
    row("baddbmm", (Draw((2, 3, 2)), Draw((2, 3, 4)), Draw((2, 4, 2))), (Draw((3, 2)), Draw((2, 3, 4)), Draw((2, 4, 2)), {"beta": 0.5}), dtypes="f"),
    row("addbmm", (Draw((3, 2)), Draw((2, 3, 4)), Draw((2, 4, 2))), (Draw((3, 2)), Draw((2, 3, 4)), Draw((2, 4, 2)), {"alpha": 0.5}), dtypes="f"),
    row("dot", (V, V), dtypes="f"), row("mm", (M, Draw((4, 2))), dtypes="f"), row("bmm", (HIGHS, Draw((2, 3, 5))), dtypes="f"),
    row("mv", (M, Draw((4,))), dtypes="f"), row("vdot", (V, V), dtypes="f"), row("inner", (M, Draw((2, 4))), (V, V), (M, Draw(())), (HIGHS, V), dtypes="f"),
    row("kron", (V, Draw((2,))), (M, Draw((2, 2))), (HIGHS, Draw((2,))), (Draw(()), V), dtypes="f"),
    row("diag_embed", (V,), (M,), (M, 1), (M, -2, 0, 1), dtypes="f"), row("diagflat", (M,), (V, -1), dtypes="f"),
    row("block_diag", (M, V, Draw(())), dtypes="f"), row("vander", (V,), (V, 2), (V, 4, True), torch="torch.vander", dtypes="f", torch_gradient=False),
)

ROWS: tuple[Row, ...] = (*SYSTEMS, *DECOMPOSITIONS, *NORMS, *PRODUCTS)
ALIASES = {"ger": "outer"}
