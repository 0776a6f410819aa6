"""Rows of the losses of `nn.functional`."""
from __future__ import annotations

from .rows import Draw, Row
from .table_spatial import fixed, functional
from .table_structured import M, apart, positive, whole

CHANCES = Draw((3, 4), 0.05, 0.95)
TARGETS, LABELS = fixed(3, 4, low=0.0, high=1.0), whole(4, 3)
SCORES, WEIGHTS = apart(3, 4), fixed(4, low=0.3)
FAR = Draw((3, 4), 3.5, 5.0)
SIGNS = Draw((3,), -1, 0, kind="i")
ONES = Draw((3,), 1, 2, kind="i")
NONE, SUM = {"reduction": "none"}, {"reduction": "sum"}
REDUCED = ({}, NONE, SUM)
LOG = Draw((4, 2, 3), -3.0, -0.2)

UNEVEN = Draw((3, 4), -3.0, 2.3, apart=True)  # also mirrored no two alike
BINARY, MASK = Draw((3, 4), 0, 2, kind="i"), Draw((2, 2, 6), kind="b")
MASKED, CLASSES, VECTORS, RANKS = Draw((2, 2, 6), 0.1, 0.9), whole(2, 4), Draw((4, 3)), fixed(2, 4)


def paper(name: str, *calls: tuple) -> Row:
    """A loss that PyTorch lacks: its numbers are compared with the paper's formula."""
    return functional(name, *calls, torch=None, elsewhere="tests/nn/test_losses.py")


PAPERS = (
    paper("log_cosh_loss", (M, M), (M, M, NONE)), paper("quantile_loss", (SCORES, FAR), (FAR, SCORES, 0.9, NONE)),
    paper("hinge_loss", (SCORES, fixed(3, 4)), (SCORES, fixed(3, 4), 0.3, SUM)),
    paper("squared_hinge_loss", (SCORES, fixed(3, 4)), (SCORES, fixed(3, 4), 0.3, NONE)),
    paper("binary_focal_loss", (M, TARGETS), (M, BINARY, None, 0.0, NONE), (M, BINARY, 0.6, 3.0, SUM)),
    paper("focal_loss", (M, LABELS), (M, LABELS, WEIGHTS, 3.0, NONE), (Draw((2, 4, 3)), whole(4, 2, 3), None, 0.0, 1, "sum")),
    *(paper(name, (MASKED, fixed(2, 2, 6, low=0.0, high=1.0)), (MASKED, MASK, NONE)) for name in ("dice_loss", "jaccard_loss", "generalized_dice_loss")),
    paper("tversky_loss", (MASKED, MASK), (MASKED, MASK, 0.5, 0.2, 2.0, 0.1, NONE)), paper("lovasz_hinge_loss", (UNEVEN, BINARY), (UNEVEN, BINARY, NONE)),
    paper("contrastive_loss", (VECTORS, Draw((4, 3), 2.5, 4.0), fixed(4, low=0.0), {"margin": 9.0}), (VECTORS, Draw((4, 3), 2.5, 4.0), CLASSES, 1.0, NONE)),
    paper("info_nce_loss", (VECTORS, VECTORS), (VECTORS, VECTORS, Draw((2, 3)), 0.7, NONE)),
    paper("nt_xent_loss", (VECTORS, VECTORS), (VECTORS, VECTORS, 2.0, NONE)),
    paper("triplet_mining_loss", *((VECTORS, CLASSES, {"mining": mining, "margin": 2.0, **options})
                                   for mining in ("hard", "semihard", "all") for options in ({}, NONE))),
    *(paper(name, (Draw((2, 4)), RANKS), (Draw((4,)), fixed(4), NONE)) for name in ("pairwise_logistic_loss", "listnet_loss", "listmle_loss")),
)

ROWS: tuple[Row, ...] = (
    *(functional(name, *((SCORES, FAR, options) for options in REDUCED),
                 (SCORES, FAR, None, None, "mean", fixed(3, 4, low=0.2))) for name in ("mse_loss", "l1_loss")),
    functional("huber_loss", (M, M), (SCORES, FAR, {"delta": 3.0, **NONE}), (SCORES, FAR, "mean", 1.0, fixed(3, 4, low=0.2))),
    functional("smooth_l1_loss", (M, M), (SCORES, FAR, {"beta": 3.0, **SUM}), (SCORES, FAR, {"beta": 0.0})),
    functional("cross_entropy", (M, LABELS), (M, LABELS, WEIGHTS, {"label_smoothing": 0.2}), (Draw((3, 4, 2)), whole(4, 3, 2), {"ignore_index": 1, **NONE}),
               (M, LABELS, WEIGHTS, {"ignore_index": 1, **SUM}), (M, positive(3, 4), WEIGHTS, {"label_smoothing": 0.1}),
               (Draw((2, 4, 3)), positive(2, 4, 3), NONE), (Draw((4,)), whole(4))),
    functional("linear_cross_entropy", (M, Draw((3, 4)), whole(3, 3)), (M, Draw((3, 2, 4)), whole(3, 3, 2), NONE)),
    functional("nll_loss", (M, LABELS), (M, LABELS, WEIGHTS, NONE), (M, LABELS, WEIGHTS, {"ignore_index": 1}), (Draw((2, 4, 3, 2)), whole(4, 2, 3, 2), SUM),
               (Draw((4,)), whole(4)), (Draw((2, 4, 3)), whole(4, 2, 3), {"ignore_index": 0})),
    functional("binary_cross_entropy", (CHANCES, TARGETS), (CHANCES, TARGETS, fixed(3, 4, low=0.2), SUM), (CHANCES, TARGETS, NONE)),
    functional("binary_cross_entropy_with_logits", (M, TARGETS), (M, TARGETS, fixed(4, low=0.2), None, None, "none", fixed(4, low=0.3)), (M, TARGETS, SUM)),
    functional("kl_div", (M, positive(3, 4)), (M, M, {"log_target": True, **SUM}), (M, positive(3, 4), {"reduction": "batchmean"}), (M, positive(3, 4), NONE)),
    functional("poisson_nll_loss", (M, positive(3, 4)), (positive(3, 4), FAR, {"log_input": False, "full": True}), (M, FAR, {"full": True, **NONE})),
    functional("gaussian_nll_loss", (M, M, positive(3, 4)), (M, M, positive(3), {"full": True}), (M, M, positive(3, 1), NONE), (M, M, 0.7, SUM)),
    functional("hinge_embedding_loss", (SCORES, Draw((3, 4), 1, 2, kind="i")), (SCORES, Draw((3, 4), -1, 0, kind="i"), {"margin": 1.3, **NONE})),
    functional("soft_margin_loss", (M, fixed(3, 4)), (M, fixed(3, 4), SUM), (M, fixed(3, 4), NONE)),
    functional("margin_ranking_loss", (apart(3), Draw((3,), 3.5, 5.0), ONES), (apart(3), Draw((3,), 3.5, 5.0), SIGNS, {"margin": 0.3, **NONE})),
    functional("cosine_embedding_loss", (M, M, ONES), (M, M, SIGNS, {"margin": -2.0, **NONE}), (Draw((4,)), Draw((4,)), Draw((), 1, 2, kind="i"))),
    functional("multi_margin_loss", (SCORES, LABELS), (SCORES, LABELS, {"p": 2, "margin": 0.73, **NONE}), (SCORES, LABELS, 1, 0.73, WEIGHTS),
               (apart(4), whole(4), {"margin": 0.73})),
    functional("multilabel_margin_loss", (SCORES, whole(4, 3, 4, low=-1), {"reduction": "none"}), (SCORES, whole(4, 3, 4)), (apart(4), whole(4, 4, low=-1))),
    functional("multilabel_soft_margin_loss", (M, TARGETS), (M, TARGETS, fixed(3, 4, low=0.2), NONE)),
    functional("triplet_margin_loss", (M, M, FAR), (M, FAR, M, {"margin": 0.5, "p": 3.0, **NONE}), (M, FAR, Draw((3, 4), 6.0, 9.0), {"swap": True, **SUM})),
    functional("triplet_margin_with_distance_loss", (M, FAR, M), (M, FAR, Draw((3, 4), 6.0, 9.0), {"swap": True, **NONE})),
    # PyTorch's gradient is the one with log_softmax in front: tests/ops/test_spatial.py compares that.
    functional("ctc_loss", (LOG, whole(3, 2, 2, low=1), [4, 4], [2, 1]), (LOG, whole(3, 2, 2, low=1), [4, 3], [0, 2], {"reduction": "none"}),
               (LOG, whole(3, 3, low=1), [4, 4], [1, 2], {"reduction": "sum"}), (Draw((5, 3), -3.0, -0.2), whole(2, 2), [5], [2], {"blank": 2}),
               torch="F.ctc_loss(x, y, *map(torch.tensor, (z, u)), **k)", torch_gradient=False, covers=("alignments",)),
    *PAPERS,
)
