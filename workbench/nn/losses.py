"""Losses as modules, one row each over the functions of the same formula; `CrossEntropyLoss` and kin hold weights.

Every loss takes ``reduction``: "mean" (default), "sum" or "none". ``size_average`` and ``reduce`` are PyTorch's old way
to say the same; they keep their places, so that positional arguments carry over. `loss` makes such a class of a function of
your own.
"""
from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..core import Tensor
from ..core.errors import ArgumentError
from . import functional as F
from .activation import About, _stub, described
from .functional.losses import reduced
from .module import Module

_REDUCTIONS = ("mean", "sum", "none")
_OLD = {"size_average": None, "reduce": None}


class Loss(Module):
    """Base of the losses; settings are the function's arguments, tensors among them become buffers."""

    function: Callable[..., Tensor]
    defaults: dict[str, Any]
    reductions = _REDUCTIONS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        bound = inspect.signature(_stub(self.defaults)).bind(*args, **kwargs)
        bound.apply_defaults()
        settings = bound.arguments
        settings["reduction"] = _reduction(settings.pop("size_average", None), settings.pop("reduce", None),
                                           settings["reduction"])
        if settings["reduction"] not in self.reductions:
            raise ArgumentError(f"{type(self).__name__}: reduction={settings['reduction']!r}; expected one of "
                                f"{', '.join(self.reductions)}")
        for name, value in settings.items():
            if name in ("weight", "pos_weight") or isinstance(value, Tensor):
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def forward(self, *inputs: Tensor, **now: Any) -> Tensor:
        """Predictions and targets to a loss; settings may be given for this call only, such as weights of a batch."""
        return type(self).function(*inputs, **{name: getattr(self, name) for name in self.defaults if name not in _OLD} | now)

    def extra_repr(self) -> str:
        """Settings."""
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self.defaults
                         if name not in (*self._buffers, *_OLD))


def _reduction(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    if size_average is None and reduce is None:
        return reduction
    return "none" if reduce is False else "sum" if size_average is False else "mean"


def _class(name: str, function: Callable[..., Tensor], defaults: dict[str, Any], **attributes: Any) -> type[Loss]:
    kind = type(name, (Loss,), {"function": staticmethod(function), "defaults": defaults, **attributes})
    kind.__signature__ = inspect.signature(_stub(defaults))
    return kind


_ABOUT: About = {
    "reduction": ('{"mean", "sum", "none"}', "What is made of the losses: their mean, their sum, or nothing."),
    "KLDivLoss.reduction": ('{"mean", "sum", "none", "batchmean"}', "What is made of the losses; \"batchmean\", their sum over the batch size, is the divergence."),
    "size_average": ("bool, optional", "PyTorch's old way to choose a reduction: False is \"sum\"."),
    "reduce": ("bool, optional", "PyTorch's old way to choose a reduction: False is \"none\"."),
    "weight": ("Tensor, optional", "Losses are multiplied by it, and \"mean\" divides by its sum; it broadcasts to them."),
    "CrossEntropyLoss.weight": ("Tensor, optional", "Factor of each class (C,); \"mean\" divides by the sum of those of the targets."),
    "NLLLoss.weight": ("Tensor, optional", "Factor of each class (C,); \"mean\" divides by the sum of those of the targets."),
    "FocalLoss.weight": ("Tensor, optional", "Factor of each class (C,), the paper's alpha; \"mean\" divides by the sum of those of the targets."),
    "BCELoss.weight": ("Tensor, optional", "Factor of each loss; broadcasts to them."),
    "BCEWithLogitsLoss.weight": ("Tensor, optional", "Factor of each loss; broadcasts to them."),
    "MultiMarginLoss.weight": ("Tensor, optional", "Factor of each right class (C,)."),
    "MultiLabelSoftMarginLoss.weight": ("Tensor, optional", "Factor of each label (C,)."),
    "pos_weight": ("Tensor, optional", "Factor of the targets of 1; broadcasts to the targets."),
    "ignore_index": ("int", "A target that does not count."),
    "label_smoothing": ("float", "This share of each target is spread evenly over all classes."),
    "delta": ("float", "Where the square ends and the straight line begins."),
    "SmoothL1Loss.beta": ("float", "Where the square ends and the straight line begins; 0 is `L1Loss`."),
    "log_target": ("bool", "Targets are log-probabilities too."),
    "margin": ("float", "How far apart what differs is to be."),
    "HingeLoss.margin": ("float", "Scores beyond it cost nothing."),
    "SquaredHingeLoss.margin": ("float", "Scores beyond it cost nothing."),
    "MultiMarginLoss.margin": ("float", "By how much the right class is to win."),
    "MarginRankingLoss.margin": ("float", "By how much the higher one is to win."),
    "CosineEmbeddingLoss.margin": ("float", "Cosines of different ones up to this cost nothing."),
    "log_input": ("bool", "Predictions are logarithms of the rate."),
    "full": ("bool", "Add the term that does not depend on the prediction."),
    "PoissonNLLLoss.eps": ("float", "Added to the rate before its logarithm is taken."),
    "GaussianNLLLoss.eps": ("float", "Variances count as at least this."),
    "GeneralizedDiceLoss.eps": ("float", "Added to both sides of the fraction."),
    "TripletMarginLoss.eps": ("float", "Added to every difference, so that the gradient exists where vectors are equal."),
    "TripletMarginLoss.p": ("float", "The exponent of the norm d."),
    "MultiMarginLoss.p": ("int", "The exponent, 1 or 2."),
    "swap": ("bool", "Use the distance of positive and negative where it is the smaller one."),
    "blank": ("int", "The class that stands for no label."),
    "zero_infinity": ("bool", "Count sequences too short for their labels as 0."),
    "distance_function": ("callable, optional", "From two batches of vectors to their distances; Euclidean by default."),
    "quantile": ("float", "Between 0 and 1; 0.5 is the median."),
    "BinaryFocalLoss.alpha": ("float, optional", "Factor of the ones; that of the zeros is ``1 - alpha``. None: neither has one."),
    "gamma": ("float", "How much less an example counts that is already right."),
    "TverskyLoss.gamma": ("float", "Other than 1: the focal Tversky loss (Abraham and Khan 2019)."),
    "smooth": ("float", "Keeps the loss of empty masks finite."),
    "TverskyLoss.alpha": ("float", "What a place costs that is marked wrongly."),
    "TverskyLoss.beta": ("float", "What a place costs that is missed."),
    "temperature": ("float", "Cosines are divided by it; the smaller, the more the nearest others count."),
    "mining": ('{"hard", "semihard", "all"}', "Each anchor with its farthest positive and nearest negative (Hermans et al. 2017), each pair of a class with the\n"
                                              "    nearest negative that is farther apart than they are (Schroff et al. 2015), or all triplets."),
}
_REDUCED = 'output a number, or with reduction="none" losses'
_ALIKE = f"Input and target (...) of the same shape; {_REDUCED} of that shape."
_CLASSES = f"Input (N, C, ...) or (C,), target (N, ...) or () of class indices; {_REDUCED} of the shape of the target."
_ROWS = f"Input (N, C) or (C,) and target of that shape; {_REDUCED} (N,) or ()."
_TRIPLET = f"Anchor, positive and negative (N, D) or (D,); {_REDUCED} (N,) or ()."
_OF_MASKS = f"Input and target (N, C, ...) of numbers in 0..1; {_REDUCED} (N, C)."
_LISTS = f"Input and target (..., L); {_REDUCED} (...)."


def _loss(name: str, function: Callable[..., Tensor], about: str, example: str, *, shapes: str = _ALIKE,
          reductions: tuple[str, ...] = _REDUCTIONS, **defaults: Any) -> type[Loss]:
    """The class of one row: what it is about, what its example is called with, and what goes in and out."""
    doc = (f"{about}{described(name, defaults, _ABOUT)}\n\nShapes\n------\n{shapes}\n\nExamples\n--------\n>>> import workbench as wb\n"
           f">>> wb.nn.{name}()({example}).shape\n()")
    return _class(name, function, defaults, reductions=reductions, __doc__=doc, __module__=__name__)


def _settings(function: Callable[..., Tensor]) -> dict[str, Any]:
    """The arguments of `function` that have a default."""
    known = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in known if p.default is not inspect.Parameter.empty and p.kind is not inspect.Parameter.VAR_KEYWORD}


def loss(function: Callable[..., Tensor]) -> type[Loss]:
    """Make a loss class of a function of your own.

    Parameters
    ----------
    function : callable
        From predictions and targets to one loss per sample (or per number). Its arguments with a default are the settings of the
        class, which gets ``weight`` and ``reduction`` besides. Losses are multiplied by `weight`, which broadcasts to them; "mean"
        divides by the sum of weights. Weights of a batch are given with the call.

    Returns
    -------
    type
        A subclass of `Module` with the function's name and docstring.

    Examples
    --------
    >>> import workbench as wb
    >>> @wb.nn.loss
    ... def RelativeError(prediction, target, eps=1e-8):
    ...     return abs(prediction - target) / (abs(target) + eps)
    >>> criterion = RelativeError(eps=0.0, reduction="sum")
    >>> criterion(wb.tensor([1.0, 3.0]), wb.tensor([2.0, 2.0])).item()
    1.0
    >>> criterion(wb.tensor([1.0, 3.0]), wb.tensor([2.0, 2.0]), weight=wb.tensor([1.0, 3.0])).item()
    2.0
    """
    complete = reduced(function)
    return _class(function.__name__, complete, _settings(complete), __doc__=function.__doc__, __module__=function.__module__,
                  __qualname__=function.__qualname__)


_PAIR = "wb.zeros(2, 3), wb.ones(2, 3)"

MSELoss = _loss("MSELoss", F.mse_loss, "``(x - y)^2`` of each pair of numbers (least squares, Legendre 1805).", _PAIR, **_OLD, reduction="mean")
L1Loss = _loss("L1Loss", F.l1_loss, "``|x - y|`` of each pair of numbers (least absolute deviations, Boscovich 1757).", _PAIR, **_OLD, reduction="mean")
HuberLoss = _loss("HuberLoss", F.huber_loss, "``(x - y)^2 / 2`` where ``|x - y| < delta``, else ``delta (|x - y| - delta / 2)`` (Huber 1964).", _PAIR,
                  reduction="mean", delta=1.0)
SmoothL1Loss = _loss("SmoothL1Loss", F.smooth_l1_loss, "``(x - y)^2 / (2 beta)`` where ``|x - y| < beta``, else ``|x - y| - beta / 2`` (Girshick 2015).", _PAIR,
                     **_OLD, reduction="mean", beta=1.0)
CrossEntropyLoss = _loss("CrossEntropyLoss", F.cross_entropy,
                         "``-sum_c y_c log(softmax(x)_c)`` of class scores x and probabilities y, or ``-log(softmax(x)_y)`` of class indices y.\n\nWith "
                         "`label_smoothing` e the probabilities are ``(1 - e) y + e / C`` (Szegedy et al. 2016).",
                         "wb.zeros(2, 3), wb.tensor([0, 2])", weight=None, size_average=None, ignore_index=-100,
                         reduce=None, reduction="mean", label_smoothing=0.0,
                         shapes=f"Input (N, C, ...) or (C,), target (N, ...) or () of class indices or (N, C, ...) or (C,) of probabilities; {_REDUCED} of the "
                                f"shape without C.")
NLLLoss = _loss("NLLLoss", F.nll_loss, "``-x_y`` of log-probabilities x and class indices y; what `LogSoftmax` gives makes it the cross-entropy "
                "(maximum likelihood, Fisher 1922).",
                "wb.zeros(2, 3), wb.tensor([0, 2])", weight=None, size_average=None, ignore_index=-100, reduce=None,
                reduction="mean", shapes=_CLASSES)
BCELoss = _loss("BCELoss", F.binary_cross_entropy, "``-y log(p) - (1 - y) log(1 - p)`` of probabilities p against targets in 0..1; logarithms are at least -100 "
                "(logistic regression, Cox 1958).",
                "wb.full((2,), 0.5), wb.ones(2)", weight=None, **_OLD, reduction="mean")
BCEWithLogitsLoss = _loss("BCEWithLogitsLoss", F.binary_cross_entropy_with_logits,
                          "``-pos_weight y log(p) - (1 - y) log(1 - p)`` with ``p = sigmoid(x)``, against targets in 0..1, without overflow "
                          "(logistic regression, Cox 1958).", _PAIR,
                          weight=None, **_OLD,
                          reduction="mean", pos_weight=None)
KLDivLoss = _loss("KLDivLoss", F.kl_div, "``y (log(y) - x)`` of log-probabilities x against probabilities y (Kullback and Leibler 1951).", _PAIR,
                  reductions=(*_REDUCTIONS, "batchmean"), **_OLD, reduction="mean", log_target=False)
HingeEmbeddingLoss = _loss("HingeEmbeddingLoss", F.hinge_embedding_loss,
                           "x for targets of 1, ``max(0, margin - x)`` for -1.", _PAIR, margin=1.0, **_OLD,
                           reduction="mean")
SoftMarginLoss = _loss("SoftMarginLoss", F.soft_margin_loss, "``log(1 + exp(-y x))`` for targets of 1 and -1 (logistic regression, Cox 1958).", _PAIR,
                       **_OLD, reduction="mean")
CosineEmbeddingLoss = _loss("CosineEmbeddingLoss", F.cosine_embedding_loss,
                            "``1 - cos(x1, x2)`` for targets of 1, ``max(0, cos(x1, x2) - margin)`` for -1.",
                            "wb.ones(2, 3), wb.ones(2, 3), wb.ones(2)", margin=0.0, **_OLD, reduction="mean",
                            shapes=f"Inputs (N, D) and target (N,), or (D,) and (); {_REDUCED} of the shape of the target.")
MarginRankingLoss = _loss("MarginRankingLoss", F.margin_ranking_loss, "``max(0, -y (x1 - x2) + margin)``: x1 is to be the higher one for targets of 1, x2 for -1 "
                          "(Herbrich et al. 2000).",
                          "wb.ones(2), wb.zeros(2), wb.ones(2)", margin=0.0, **_OLD, reduction="mean",
                          shapes=f"Both inputs and the target (N,) or (); {_REDUCED} of that shape.")
PoissonNLLLoss = _loss("PoissonNLLLoss", F.poisson_nll_loss,
                       "``exp(x) - y x``, or ``x - y log(x + eps)`` of a rate itself: minus the log-likelihood of counts under a Poisson distribution "
                       "(Nelder and Wedderburn 1972).\n\n"
                       "With `full`, Stirling's ``y log(y) - y + log(2 pi y) / 2`` is added where y is above 1.", _PAIR, log_input=True,
                       full=False, size_average=None, eps=1e-8, reduce=None, reduction="mean")
MultiMarginLoss = _loss("MultiMarginLoss", F.multi_margin_loss,
                        "``sum_j max(0, margin - x_y + x_j)^p / C`` over the classes j but the right one y (Weston and Watkins 1999).",
                        "wb.zeros(2, 3), wb.tensor([0, 2])", p=1, margin=1.0, weight=None, **_OLD, reduction="mean",
                        shapes=f"Input (N, C) or (C,), target (N,) or () of class indices; {_REDUCED} of the shape of the target.")
MultiLabelMarginLoss = _loss("MultiLabelMarginLoss", F.multilabel_margin_loss,
                             "``sum_{y, j} max(0, 1 - x_y + x_j) / C`` over right classes y, listed up to the first -1, and wrong ones j.",
                             "wb.zeros(2, 3), wb.tensor([[0, -1, 0], [1, 2, -1]])", **_OLD, reduction="mean", shapes=_ROWS)
MultiLabelSoftMarginLoss = _loss("MultiLabelSoftMarginLoss", F.multilabel_soft_margin_loss,
                                 "``mean_c -y_c log(p_c) - (1 - y_c) log(1 - p_c)`` with ``p = sigmoid(x)``: C independent questions with yes or no.",
                                 _PAIR, weight=None, **_OLD, reduction="mean", shapes=_ROWS)
TripletMarginLoss = _loss("TripletMarginLoss", F.triplet_margin_loss, "``max(0, d(anchor, positive) - d(anchor, negative) + margin)`` (Balntas et al. 2016).",
                          "wb.zeros(2, 3), wb.ones(2, 3), wb.ones(2, 3) * 2", margin=1.0, p=2.0, eps=1e-6, swap=False, **_OLD, reduction="mean",
                          shapes=_TRIPLET)
GaussianNLLLoss = _loss("GaussianNLLLoss", F.gaussian_nll_loss,
                        "``(log(v) + (x - y)^2 / v) / 2``: minus the log-likelihood under normal distributions of means x and variances v (Nix and Weigend 1994).",
                        "wb.zeros(2, 3), wb.ones(2, 3), wb.ones(2, 3)", full=False, eps=1e-6, reduction="mean",
                        shapes=f"Input and target (...), variances (...), or without the last axis, or a number; {_REDUCED} (...).")
CTCLoss = _loss("CTCLoss", F.ctc_loss, "``-log(sum of p(alignment))`` over all ways to write a label sequence with repeats and blanks (Graves et al. 2006).",
                "wb.zeros(5, 2, 4).log_softmax(-1), wb.tensor([[1, 2], [3, 1]]), wb.tensor([5, 5]), wb.tensor([2, 2])", blank=0, reduction="mean",
                zero_infinity=False, shapes=f"Log-probabilities (T, N, C) or (T, C), labels (N, S) or all in a row, lengths of both (N,); {_REDUCED} (N,). \"mean\" "
                                            f"divides each loss by the length of its labels first.")
TripletMarginWithDistanceLoss = _loss("TripletMarginWithDistanceLoss", F.triplet_margin_with_distance_loss,
                                      "``max(0, d(anchor, positive) - d(anchor, negative) + margin)`` with any distance d (Balntas et al. 2016).",
                                      "wb.zeros(2, 3), wb.ones(2, 3), wb.ones(2, 3) * 2", distance_function=None, margin=1.0, swap=False, reduction="mean",
                                      shapes=_TRIPLET)


# What PyTorch lacks --------------------------------------------------------------------------------------------------------
def _paper(name: str, function: Callable[..., Tensor], example: str, shapes: str = _ALIKE, **defaults: Any) -> type[Loss]:
    """The class of a function of ours: its settings are those of the function, and so is what it is about."""
    about = inspect.getdoc(function).split("\n\n")[0] + f"\n\nSee `workbench.nn.functional.{function.__name__}`."
    return _loss(name, function, about, example, shapes=shapes, **(defaults or _settings(function)))


_MASKS = "wb.full((2, 3, 4), 0.5), wb.ones(2, 3, 4)"
_VECTORS = "wb.eye(3), wb.eye(3)"

LogCoshLoss = _paper("LogCoshLoss", F.log_cosh_loss, _PAIR)
QuantileLoss = _paper("QuantileLoss", F.quantile_loss, _PAIR)
HingeLoss = _paper("HingeLoss", F.hinge_loss, _PAIR)
SquaredHingeLoss = _paper("SquaredHingeLoss", F.squared_hinge_loss, _PAIR)
BinaryFocalLoss = _paper("BinaryFocalLoss", F.binary_focal_loss, _PAIR)
FocalLoss = _paper("FocalLoss", F.focal_loss, "wb.zeros(2, 3), wb.tensor([0, 2])", _CLASSES)
DiceLoss = _paper("DiceLoss", F.dice_loss, _MASKS, _OF_MASKS)
JaccardLoss = _paper("JaccardLoss", F.jaccard_loss, _MASKS, _OF_MASKS)
TverskyLoss = _paper("TverskyLoss", F.tversky_loss, _MASKS, _OF_MASKS)
GeneralizedDiceLoss = _paper("GeneralizedDiceLoss", F.generalized_dice_loss, _MASKS, f"Input and target (N, C, ...) of numbers in 0..1; {_REDUCED} (N,).")
LovaszHingeLoss = _paper("LovaszHingeLoss", F.lovasz_hinge_loss, _PAIR, f"Scores and target (N, ...) of 0 and 1; {_REDUCED} (N,).")
ContrastiveLoss = _paper("ContrastiveLoss", F.contrastive_loss, "wb.zeros(2, 3), wb.ones(2, 3), wb.tensor([0.0, 1.0])",
                         f"Inputs (N, D), target (N,) with 0 for alike and 1 for different; {_REDUCED} (N,).")
InfoNCELoss = _paper("InfoNCELoss", F.info_nce_loss, _VECTORS, f"Queries and keys (N, D), negatives (M, D) or none; {_REDUCED} (N,).", temperature=0.1,
                     weight=None, reduction="mean")
NTXentLoss = _paper("NTXentLoss", F.nt_xent_loss, _VECTORS, f"Both views (N, D); {_REDUCED} (2 N,).")
TripletMiningLoss = _paper("TripletMiningLoss", F.triplet_mining_loss, "wb.eye(4), wb.tensor([0, 0, 1, 1])",
                           f"Input (N, D), target (N,) of class numbers; {_REDUCED} (N,), (N, N) or (N, N, N) with the `mining`.")
PairwiseLogisticLoss = _paper("PairwiseLogisticLoss", F.pairwise_logistic_loss, _PAIR, _LISTS)
ListNetLoss = _paper("ListNetLoss", F.listnet_loss, _PAIR, _LISTS)
ListMLELoss = _paper("ListMLELoss", F.listmle_loss, _PAIR, _LISTS)
