"""Rows of convolution, pooling, resampling and distances, and of the other functions of `nn.functional` that are not losses.

A row named ``nn.functional.x`` checks a function that exists only there.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from .rows import Case, Draw, Row
from .table_structured import FLAT, A, M, apart, positive, row, whole


class Functional(Row):
    """A row of a function of `nn.functional`."""

    @property
    def function(self) -> Callable[..., Any]:
        """Ours."""
        from ..nn import functional

        return getattr(functional, self.name.rsplit(".", 1)[1])


def functional(name: str, *calls: tuple[Any, ...] | Case, torch: str | None = "", **options: Any) -> Functional:
    """A row of ``nn.functional.<name>``, compared with PyTorch's function of that name."""
    plain = row(f"nn.functional.{name}", *calls, torch=f"F.{name}" if torch == "" else torch, **options)
    return Functional(**{field.name: getattr(plain, field.name) for field in dataclasses.fields(Row)})


def fixed(*shape: int, low: float = -2.0, high: float = 2.0) -> Draw:
    """Numbers that no gradient is taken for."""
    return Draw(tuple(shape), low, high, constant=True)


LINE, IMAGE, SPACE = Draw((2, 3, 7)), Draw((2, 3, 5, 6)), Draw((2, 2, 4, 3, 5))
LINES, IMAGES, SPACES = apart(2, 2, 7), apart(2, 2, 5, 6), apart(1, 2, 4, 5, 4)
INDICES = {"return_indices": True}
RANDOM = "tests/ops/test_spatial.py"

WINDOWS = (
    row("conv3d", (SPACE, Draw((4, 2, 2, 2, 3))), (SPACE, Draw((4, 1, 2, 2, 2)), Draw((4,)), {"stride": 2, "padding": 1, "groups": 2}),
        (Draw((2, 4, 3, 5)), Draw((2, 2, 2, 1, 2)), {"dilation": (2, 1, 1)}), torch="F.conv3d"),
    row("conv_transpose1d", (LINE, Draw((3, 2, 3))), (LINE, Draw((3, 2, 3)), Draw((2,)), {"stride": 2, "padding": 1, "output_padding": 1}),
        (Draw((2, 4, 5)), Draw((4, 3, 2)), {"groups": 2, "dilation": 2}), torch="F.conv_transpose1d"),
    row("conv_transpose2d", (IMAGE, Draw((3, 2, 3, 2))), (IMAGE, Draw((3, 2, 3, 3)), Draw((2,)), {"stride": 2, "padding": 1, "output_padding": (1, 0)}),
        (Draw((4, 3, 3)), Draw((4, 3, 2, 2)), {"groups": 2, "dilation": 2}), torch="F.conv_transpose2d"),
    row("conv_transpose3d", (SPACE, Draw((2, 2, 2, 2, 3))), (SPACE, Draw((2, 2, 2, 2, 2)), Draw((4,)), {"stride": 2, "groups": 2, "output_padding": 1}),
        torch="F.conv_transpose3d"),
    row("max_pool3d", (SPACES, 2), (SPACES, 2, {"stride": 1, "padding": 1, **INDICES}), (SPACES, (2, 3, 2), {"ceil_mode": True}), torch="F.max_pool3d"),
    row("avg_pool3d", (SPACE, 2), (SPACE, 2, {"padding": 1, "count_include_pad": False}), (SPACE, 2, {"divisor_override": 3}), torch="F.avg_pool3d"),
    row("adaptive_avg_pool1d", (LINE, 3), (LINE, 1), (Draw((3, 8)), 4), torch="F.adaptive_avg_pool1d", covers=("resample",)),
    row("adaptive_avg_pool3d", (SPACE, 2), (SPACE, (None, 1, 3)), torch="F.adaptive_avg_pool3d"),
    row("adaptive_max_pool1d", (LINES, 3), (LINES, 3, INDICES), (apart(2, 7), 2), torch="F.adaptive_max_pool1d"),
    row("adaptive_max_pool2d", (IMAGES, 3), (IMAGES, (2, None), INDICES), torch="F.adaptive_max_pool2d"),
    row("adaptive_max_pool3d", (SPACES, 2), (SPACES, (None, 2, 3), INDICES), torch="F.adaptive_max_pool3d"),
    row("max_unpool1d", (Draw((2, 3, 1)), whole(2, 2, 3, 1), 2), torch="F.max_unpool1d", covers=("unpool",)),
    *(Row(name, elsewhere=RANDOM, **FLAT) for name in ("max_unpool2d", "max_unpool3d", "fractional_max_pool2d", "fractional_max_pool3d")),
    functional("lp_pool1d", (positive(2, 3, 7), 2, 3), (positive(2, 3, 7), 3, 2, {"stride": 1}), (positive(2, 3, 7), 2, 2, {"ceil_mode": True})),
    functional("lp_pool2d", (positive(2, 3, 5, 6), 2, (2, 3)), (positive(2, 3, 5, 6), 1.5, 2)), functional("lp_pool3d", (positive(1, 2, 3, 4, 4), 2, 2)),
)

GRID, GRIDS = Draw((2, 3, 4, 2), -1.3, 1.3), Draw((2, 2, 3, 2, 3), -1.3, 1.3)
SMALL = Draw((2, 2, 4, 5))
THETA = Draw((2, 2, 3))
SPATIAL = (
    functional("interpolate", (LINE, 4), (IMAGE, (7, 4)), (SPACE, {"scale_factor": 1.7}), (IMAGE, {"size": 9, "mode": "nearest-exact"}),
               (LINE, {"size": 11, "mode": "linear"}), (LINE, {"scale_factor": 0.6, "mode": "linear", "align_corners": True}),
               (IMAGE, {"size": (3, 9), "mode": "bilinear"}), (IMAGE, {"scale_factor": (1.7, 0.6), "mode": "bicubic", "align_corners": False}),
               (IMAGE, {"size": 8, "mode": "bicubic", "align_corners": True}), (SPACE, {"size": (2, 5, 7), "mode": "trilinear"}),
               (IMAGE, {"size": (3, 4), "mode": "area"}), (IMAGE, {"size": (3, 4), "mode": "bilinear", "antialias": True}),
               (IMAGE, {"scale_factor": 0.55, "mode": "bicubic", "antialias": True}),
               (IMAGE, {"scale_factor": 1.7, "mode": "bilinear", "recompute_scale_factor": True})),
    functional("grid_sample", *((SMALL, GRID, {"mode": mode, "padding_mode": padding, "align_corners": corners})
                                for mode in ("bilinear", "nearest", "bicubic") for padding in ("zeros", "border", "reflection") for corners in (False, True)),
               *((Draw((2, 2, 3, 4, 3)), GRIDS, {"padding_mode": padding, "align_corners": False}) for padding in ("zeros", "border", "reflection")),
               dtypes="w"),
    functional("affine_grid", (THETA, (2, 1, 3, 4), {"align_corners": False}), (THETA, (2, 1, 3, 4), {"align_corners": True}),
               (Draw((1, 3, 4)), (1, 1, 2, 3, 2), {"align_corners": False})),
    functional("unfold", (IMAGE, 2), (IMAGE, (2, 3), {"padding": 1, "stride": 2}), (Draw((2, 5, 5)), 2, {"dilation": 2})),
    functional("fold", (Draw((2, 12, 12)), (5, 4), 2), (Draw((1, 8, 9)), (4, 4), {"kernel_size": 2, "stride": 2, "padding": 1}),
               (Draw((4, 4)), (4, 4), {"kernel_size": 2, "dilation": 2})),
    row("pixel_shuffle", (Draw((2, 8, 2, 3)), 2), (Draw((9, 1, 2)), 3), torch="F.pixel_shuffle"),
    row("pixel_unshuffle", (Draw((2, 2, 4, 6)), 2), (Draw((1, 3, 6)), 3), torch="F.pixel_unshuffle"),
    row("channel_shuffle", (Draw((2, 6, 3)), 3), (Draw((1, 4, 2, 2)), 2), torch="F.channel_shuffle"),
    functional("pad", (M, (1, 2)), (M, (1, -1, 0, 2), {"value": 0.5}), (IMAGE, (2, 1, 1, 0), {"mode": "reflect"}), (LINE, (1, 3), {"mode": "replicate"}),
               (IMAGE, (2, 1, 3, 0), {"mode": "circular"}), (SPACE, (1, 0, 0, 1, 2, 1), {"mode": "replicate"})),
)

VECTORS, OTHERS = apart(3, 4), Draw((5, 4), 3.5, 5.0)
INF = float("inf")
DISTANCE = (
    row("cdist", *((VECTORS, OTHERS, {"p": p}) for p in (2.0, 1.0, 1.5, 3.0)), (Draw((2, 3, 2)), Draw((4, 2), 3.0, 4.0)),
        (Draw((3, 2)), Draw((27, 2), 3.0, 4.0)), (apart(2, 3), Draw((2, 3), 9.0, 9.2), {"p": INF}), tolerance=1e-8),
    row("pdist", (VECTORS,), (VECTORS, {"p": 1.0}), (VECTORS, {"p": 3.0}), torch="F.pdist"),
    row("pairwise_distance", (VECTORS, Draw((3, 4), 3.5, 5.0)), (VECTORS, Draw((4,), 3.5, 5.0), {"p": 3.0, "keepdim": True}), torch="F.pairwise_distance"),
    row("cosine_similarity", (M, M), (A, Draw((3, 4)), {"dim": -1}), torch="F.cosine_similarity"),
)

KINKS = Draw((3, 4), -4.0, 7.0, away=(-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0))
EDGES = (0.0, INF, -INF, float("nan"), -1.0, 1.0, 0.5, -0.5, 3.0, -3.0, 6.0)
ACTIVATIONS = (
    *(functional(name, (KINKS,), special=EDGES) for name in ("relu", "relu6", "elu", "celu", "selu", "hardtanh", "leaky_relu")),
    *(functional(name, (KINKS,)) for name in ("silu", "mish", "hardsigmoid", "hardswish", "tanhshrink", "softshrink", "hardshrink", "rrelu")),
    functional("gelu", (KINKS,), (KINKS, {"approximate": "tanh"})),
    functional("softplus", (KINKS,), (KINKS, {"beta": 2.0, "threshold": 5.0})), functional("threshold", (KINKS, 0.2, 0.7)),
    functional("prelu", (KINKS, Draw((1,))), (Draw((2, 3, 4), away=(0.0,)), Draw((3,)))),
    *(functional(name, (M, {"dim": -1}), (Draw((2, 3, 2)), {})) for name in ("softmax", "log_softmax", "softmin")),
    functional("glu", (M,), (Draw((4, 3)), {"dim": 0})),
    Functional("nn.functional.gumbel_softmax", elsewhere=RANDOM, **FLAT),
)

BAG = whole(5, 6)
TABLE = apart(5, 3)
STARTS = Draw((3,), 0, 1, kind="i")
OTHER = (
    functional("bilinear", (Draw((2, 3)), Draw((2, 4)), Draw((5, 3, 4)), Draw((5,))), (Draw((3,)), Draw((4,)), Draw((2, 3, 4)))),
    functional("linear", (M, Draw((2, 4)), Draw((2,))), (Draw((4,)), Draw((2, 4)))),
    functional("embedding_bag", *((whole(5, 2, 4), TABLE, {"mode": mode}) for mode in ("sum", "mean", "max")),
               (BAG, TABLE, STARTS, {"mode": "sum"}), (BAG, TABLE, STARTS, {"mode": "max"}), (BAG, TABLE, STARTS, {"mode": "mean", "padding_idx": 1}),
               (whole(5, 2, 3), TABLE, None, None, 2.0, False, "sum", False, Draw((2, 3)))),
    functional("normalize", (M,), (A, {"p": 3.0, "dim": -1})),
    functional("instance_norm", (A,), (IMAGE, None, None, Draw((3,)), Draw((3,))),
               (A, fixed(3), fixed(3, low=0.5), {"use_input_stats": False})),
    functional("local_response_norm", (LINE, 2), (IMAGE, 3, {"alpha": 0.1, "beta": 0.5, "k": 2.0})),
    functional("dropout", (M, {"training": False}), **FLAT),
    *(Functional(f"nn.functional.{name}", elsewhere=RANDOM, **FLAT) for name in ("dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout")),
)

ROWS: tuple[Row, ...] = (*WINDOWS, *SPATIAL, *DISTANCE, *ACTIVATIONS, *OTHER)
