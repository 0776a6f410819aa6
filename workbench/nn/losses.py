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
from .activation import _stub
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


def _loss(name: str, function: Callable[..., Tensor], about: str, example: str, *,
          reductions: tuple[str, ...] = _REDUCTIONS, **defaults: Any) -> type[Loss]:
    """The class of one row: what it is about, and what its example is called with."""
    settings = "".join(f"\n{key} : {value!r} by default" for key, value in defaults.items() if key not in _OLD)
    doc = (f"{about}\n\nSee `workbench.nn.functional.{function.__name__}` for shapes.\n\nParameters\n----------{settings}\n\n"
           "Examples\n--------\n>>> import workbench as wb\n"
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

MSELoss = _loss("MSELoss", F.mse_loss, "``(x - y) ** 2`` of each pair of numbers.", _PAIR, **_OLD, reduction="mean")
L1Loss = _loss("L1Loss", F.l1_loss, "``|x - y|`` of each pair of numbers.", _PAIR, **_OLD, reduction="mean")
HuberLoss = _loss("HuberLoss", F.huber_loss,
                  "``d ** 2 / 2`` for differences d up to `delta`, ``delta (|d| - delta / 2)`` beyond (Huber 1964).", _PAIR,
                  reduction="mean", delta=1.0)
SmoothL1Loss = _loss("SmoothL1Loss", F.smooth_l1_loss,
                     "``d ** 2 / (2 beta)`` for differences d up to `beta`, ``|d| - beta / 2`` beyond (Girshick 2015).", _PAIR, **_OLD,
                     reduction="mean", beta=1.0)
CrossEntropyLoss = _loss("CrossEntropyLoss", F.cross_entropy,
                         "``-sum_c t_c log softmax(x)_c`` of class scores x (N, C, ...) and class indices (N, ...) or probabilities t (N, C, ...).\n\nWith "
                         "`label_smoothing` e the targets are ``(1 - e) t + e / C`` (Szegedy et al. 2016).",
                         "wb.zeros(2, 3), wb.tensor([0, 2])", weight=None, size_average=None, ignore_index=-100,
                         reduce=None, reduction="mean", label_smoothing=0.0)
NLLLoss = _loss("NLLLoss", F.nll_loss, "``-weight[y] x[y]`` of log-probabilities x (N, C, ...) and class indices y (N, ...).",
                "wb.zeros(2, 3), wb.tensor([0, 2])", weight=None, size_average=None, ignore_index=-100, reduce=None,
                reduction="mean")
BCELoss = _loss("BCELoss", F.binary_cross_entropy,
                "``-(t log p + (1 - t) log(1 - p))`` of probabilities p and targets t in 0..1; logarithms count as at least -100.",
                "wb.full((2,), 0.5), wb.ones(2)", weight=None, **_OLD, reduction="mean")
BCEWithLogitsLoss = _loss("BCEWithLogitsLoss", F.binary_cross_entropy_with_logits,
                          "``-(pos_weight t log s + (1 - t) log(1 - s))`` with s the sigmoid of scores, and targets t in 0..1; without overflow.",
                          _PAIR, weight=None, **_OLD, reduction="mean", pos_weight=None)
KLDivLoss = _loss("KLDivLoss", F.kl_div,
                  "``t (log t - x)``: the Kullback-Leibler divergence of log-probabilities x from targets t; \"batchmean\" divides the sum by the batch.",
                  _PAIR, reductions=(*_REDUCTIONS, "batchmean"), **_OLD, reduction="mean", log_target=False)
HingeEmbeddingLoss = _loss("HingeEmbeddingLoss", F.hinge_embedding_loss,
                           "x for targets of 1, ``max(0, margin - x)`` for -1.", _PAIR, margin=1.0, **_OLD,
                           reduction="mean")
SoftMarginLoss = _loss("SoftMarginLoss", F.soft_margin_loss, "``log(1 + exp(-y x))`` for targets of 1 and -1.", _PAIR,
                       **_OLD, reduction="mean")
CosineEmbeddingLoss = _loss("CosineEmbeddingLoss", F.cosine_embedding_loss,
                            "1 - cos for targets of 1, ``max(0, cos - margin)`` for -1.",
                            "wb.ones(2, 3), wb.ones(2, 3), wb.ones(2)", margin=0.0, **_OLD, reduction="mean")
MarginRankingLoss = _loss("MarginRankingLoss", F.margin_ranking_loss, "``max(0, -y (x1 - x2) + margin)``.",
                          "wb.ones(2), wb.zeros(2), wb.ones(2)", margin=0.0, **_OLD, reduction="mean")
PoissonNLLLoss = _loss("PoissonNLLLoss", F.poisson_nll_loss,
                       "``exp(x) - t x``: minus the log-likelihood of counts t under a Poisson distribution of log-rate x (without `log_input`, of rate x).",
                       _PAIR, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction="mean")
MultiMarginLoss = _loss("MultiMarginLoss", F.multi_margin_loss,
                        "``sum_j max(0, margin - x[y] + x[j]) ** p / C`` over the classes j but the right one y (Crammer and Singer 2001).",
                        "wb.zeros(2, 3), wb.tensor([0, 2])", p=1, margin=1.0, weight=None, **_OLD, reduction="mean")
MultiLabelMarginLoss = _loss("MultiLabelMarginLoss", F.multilabel_margin_loss,
                             "``sum_yj max(0, 1 - (x[y] - x[j])) / C`` over right classes y, listed up to the first -1, and wrong ones j.",
                             "wb.zeros(2, 3), wb.tensor([[0, -1, 0], [1, 2, -1]])", **_OLD, reduction="mean")
MultiLabelSoftMarginLoss = _loss("MultiLabelSoftMarginLoss", F.multilabel_soft_margin_loss,
                                 "``-(t log s + (1 - t) log(1 - s))`` with s the sigmoid of scores (..., C), averaged over the labels.",
                                 _PAIR, weight=None, **_OLD, reduction="mean")
TripletMarginLoss = _loss("TripletMarginLoss", F.triplet_margin_loss,
                          "``max(0, d(anchor, positive) - d(anchor, negative) + margin)`` (Balntas et al. 2016).",
                          "wb.zeros(2, 3), wb.ones(2, 3), wb.ones(2, 3) * 2", margin=1.0, p=2.0, eps=1e-6, swap=False, **_OLD, reduction="mean")
GaussianNLLLoss = _loss("GaussianNLLLoss", F.gaussian_nll_loss,
                        "``(log v + (x - t) ** 2 / v) / 2``: minus the log-likelihood of t under normal distributions N(x, v) (Nix and Weigend 1994).",
                        "wb.zeros(2, 3), wb.ones(2, 3), wb.ones(2, 3)", full=False, eps=1e-6, reduction="mean")
CTCLoss = _loss("CTCLoss", F.ctc_loss, "Minus the log-probability of all alignments of a label sequence (Graves et al. 2006).",
                "wb.zeros(5, 2, 4).log_softmax(-1), wb.tensor([[1, 2], [3, 1]]), wb.tensor([5, 5]), wb.tensor([2, 2])", blank=0, reduction="mean",
                zero_infinity=False)
TripletMarginWithDistanceLoss = _loss("TripletMarginWithDistanceLoss", F.triplet_margin_with_distance_loss, "`TripletMarginLoss` with any distance.",
                                      "wb.zeros(2, 3), wb.ones(2, 3), wb.ones(2, 3) * 2", distance_function=None, margin=1.0, swap=False, reduction="mean")


# What PyTorch lacks --------------------------------------------------------------------------------------------------------
def _paper(name: str, function: Callable[..., Tensor], example: str, **defaults: Any) -> type[Loss]:
    """The class of a function of ours: its settings are those of the function, and so is what it is about."""
    return _loss(name, function, inspect.getdoc(function).split("\n\n")[0], example, **(defaults or _settings(function)))


_MASKS = "wb.full((2, 3, 4), 0.5), wb.ones(2, 3, 4)"
_VECTORS = "wb.eye(3), wb.eye(3)"

LogCoshLoss = _paper("LogCoshLoss", F.log_cosh_loss, _PAIR)
QuantileLoss = _paper("QuantileLoss", F.quantile_loss, _PAIR)
HingeLoss = _paper("HingeLoss", F.hinge_loss, _PAIR)
SquaredHingeLoss = _paper("SquaredHingeLoss", F.squared_hinge_loss, _PAIR)
BinaryFocalLoss = _paper("BinaryFocalLoss", F.binary_focal_loss, _PAIR)
FocalLoss = _paper("FocalLoss", F.focal_loss, "wb.zeros(2, 3), wb.tensor([0, 2])")
DiceLoss = _paper("DiceLoss", F.dice_loss, _MASKS)
JaccardLoss = _paper("JaccardLoss", F.jaccard_loss, _MASKS)
TverskyLoss = _paper("TverskyLoss", F.tversky_loss, _MASKS)
GeneralizedDiceLoss = _paper("GeneralizedDiceLoss", F.generalized_dice_loss, _MASKS)
LovaszHingeLoss = _paper("LovaszHingeLoss", F.lovasz_hinge_loss, _PAIR)
ContrastiveLoss = _paper("ContrastiveLoss", F.contrastive_loss, "wb.zeros(2, 3), wb.ones(2, 3), wb.tensor([0.0, 1.0])")
InfoNCELoss = _paper("InfoNCELoss", F.info_nce_loss, _VECTORS, temperature=0.1, weight=None, reduction="mean")
NTXentLoss = _paper("NTXentLoss", F.nt_xent_loss, _VECTORS)
TripletMiningLoss = _paper("TripletMiningLoss", F.triplet_mining_loss, "wb.eye(4), wb.tensor([0, 0, 1, 1])")
PairwiseLogisticLoss = _paper("PairwiseLogisticLoss", F.pairwise_logistic_loss, _PAIR)
ListNetLoss = _paper("ListNetLoss", F.listnet_loss, _PAIR)
ListMLELoss = _paper("ListMLELoss", F.listmle_loss, _PAIR)
