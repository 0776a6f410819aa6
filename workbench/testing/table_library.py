"""Rows of the ops that layers are made of: softmax, losses, normalization, attention, embedding, convolution, pooling."""
from __future__ import annotations

from .rows import Draw, Row
from .table_structured import A, M, V, apart, positive, row, whole

Q, K, BIAS = Draw((2, 3, 4)), Draw((2, 5, 4)), Draw((3, 5))
IMAGE, SIGNAL, FILTERS = Draw((2, 4, 6, 5)), Draw((2, 4, 7)), Draw((6, 4, 3, 2))
LOGITS, CLASSES = Draw((3, 4)), whole(4, 3)
SMOOTH = {"label_smoothing": 0.1}
DIFFERENT = apart(2, 3, 6, 5)

ROWS: tuple[Row, ...] = (
    row("softmax", (M,), (A, {"axis": 1}), (V, {"axis": 0}), torch="torch.softmax(x, **{'dim': -1, **k})"),
    row("log_softmax", (M,), (A, {"axis": 1}), (V, {"axis": 0}), torch="torch.log_softmax(x, **{'dim': -1, **k})"),
    row("cross_entropy", (LOGITS, CLASSES), (LOGITS, CLASSES, {"reduction": "none"}), (LOGITS, CLASSES, {"reduction": "sum", **SMOOTH}),
        (Draw((3, 4, 2)), whole(4, 3, 2)), (LOGITS, CLASSES, Draw((4,), 0.5, 2.0, constant=True)), (LOGITS, positive(3, 4)),
        (LOGITS, CLASSES, {"ignore_index": 2}), torch="F.cross_entropy", covers=("nll_of_logits",)),
    row("layer_norm", (M, (4,)), (A, (3, 4), Draw((3, 4)), Draw((3, 4))), (M, (4,), V), torch="F.layer_norm", covers=("normalize",)),
    row("batch_norm", (Draw((5, 3)), None, None, Draw((3,)), Draw((3,)), {"training": True}), (Draw((2, 3, 4)), None, None, {"training": True}),
        (Draw((2, 3, 4)), Draw((3,), constant=True), Draw((3,), 0.5, 2.0, constant=True), Draw((3,)), Draw((3,))), torch="F.batch_norm"),
    row("group_norm", (Draw((2, 4, 3)), 2, V, V), (Draw((2, 4)), 1), torch="F.group_norm"),
    row("rms_norm", (M, (4,), V), (A, (3, 4)), torch="F.rms_norm"),
    row("scaled_dot_product_attention", (Q, K, K), (Q, Q, Q, {"is_causal": True}), (Q, K, K, BIAS), (Q, K, K, {"scale": 0.3}),
        (Q, K, K, Draw((3, 5), kind="b", constant=True)), (Draw((2, 2, 3, 4)), Draw((2, 2, 5, 4)), Draw((2, 2, 5, 3))),
        (Draw((2, 4, 3, 4)), Draw((2, 2, 5, 4)), Draw((2, 2, 5, 3)), {"enable_gqa": True}), torch="F.scaled_dot_product_attention",
        covers=("attention_core",)),
    Row("attention_keep", elsewhere="tests/ops/test_attention.py"),
    row("embedding", (whole(5, 2, 3), Draw((5, 4))), torch="F.embedding"),
    row("conv1d", (SIGNAL, Draw((6, 4, 3))), (SIGNAL, Draw((6, 2, 3)), Draw((6,)), {"stride": 2, "padding": 1, "groups": 2}), torch="F.conv1d"),
    row("conv2d", (IMAGE, FILTERS), (IMAGE, FILTERS, Draw((6,)), {"padding": 1}), (IMAGE, Draw((6, 2, 3, 2)), {"stride": (2, 1), "groups": 2}),
        (IMAGE, FILTERS, {"dilation": (1, 2)}), (Draw((4, 6, 5)), FILTERS), torch="F.conv2d",
        covers=("conv_core", "conv_input", "conv_weight")),
    row("max_pool1d", (apart(2, 3, 7), 2), torch="F.max_pool1d"),
    row("max_pool2d", (DIFFERENT, 2), (DIFFERENT, 3, {"stride": 2, "padding": 1}), (DIFFERENT, 2, {"dilation": 2, "stride": 1}),
        (DIFFERENT, 2, {"ceil_mode": True}), torch="F.max_pool2d", covers=("max_windows", "largest_in_window")),
    row("avg_pool1d", (SIGNAL, 2), torch="F.avg_pool1d"),
    row("avg_pool2d", (IMAGE, 2), (IMAGE, 3, {"stride": 2, "padding": 1}), (IMAGE, 3, {"padding": 1, "count_include_pad": False}),
        (IMAGE, 2, {"ceil_mode": True}), torch="F.avg_pool2d", covers=("window_view", "window_sum")),
    row("adaptive_avg_pool2d", (IMAGE, 2), (IMAGE, (1, 3)), torch="F.adaptive_avg_pool2d"),
)
