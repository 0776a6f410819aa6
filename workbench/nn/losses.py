"""Losses as modules, one row each over the functions of the same formula; `CrossEntropyLoss` and kin hold weights.

Every loss takes ``reduction``: "mean" (default), "sum" or "none". ``size_average`` and ``reduce`` are PyTorch's old way
to say the same; they keep their places, so that positional arguments carry over.
"""
from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..core import Tensor
from ..core.errors import ArgumentError
from . import functional as F
from .activation import _stub
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
            if name in ("weight", "pos_weight"):
                self.register_buffer(name, value)
            else:
                setattr(self, name, value)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Predictions and targets to a loss."""
        return type(self).function(*inputs, **{name: getattr(self, name) for name in self.defaults if name not in _OLD})

    def extra_repr(self) -> str:
        """Settings."""
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in self.defaults
                         if name not in ("weight", "pos_weight", *_OLD))


def _reduction(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    if size_average is None and reduce is None:
        return reduction
    return "none" if reduce is False else "sum" if size_average is False else "mean"


def _loss(name: str, function: Callable[..., Tensor], about: str, example: str, *,
          reductions: tuple[str, ...] = _REDUCTIONS, **defaults: Any) -> type[Loss]:
    settings = "".join(f"\n{key} : {value!r} by default" for key, value in defaults.items() if key not in _OLD)
    doc = (f"{about}\n\nParameters\n----------{settings}\n\nExamples\n--------\n>>> import workbench as wb\n"
           f">>> wb.nn.{name}()({example}).shape\n()")
    kind = type(name, (Loss,),
                {"function": staticmethod(function), "defaults": defaults, "reductions": reductions, "__doc__": doc,
                                "__module__": __name__})
    kind.__signature__ = inspect.signature(_stub(defaults))
    return kind


_PAIR = "wb.zeros(2, 3), wb.ones(2, 3)"

MSELoss = _loss("MSELoss", F.mse_loss, "Mean of squared differences.", _PAIR, **_OLD, reduction="mean")
L1Loss = _loss("L1Loss", F.l1_loss, "Mean of absolute differences.", _PAIR, **_OLD, reduction="mean")
HuberLoss = _loss("HuberLoss", F.huber_loss, "Squared differences up to `delta`, absolute beyond (Huber 1964).", _PAIR,
                  reduction="mean", delta=1.0)
SmoothL1Loss = _loss("SmoothL1Loss", F.smooth_l1_loss, "Huber loss divided by `beta` (Girshick 2015).", _PAIR, **_OLD,
                     reduction="mean", beta=1.0)
CrossEntropyLoss = _loss("CrossEntropyLoss", F.cross_entropy,
                         "Cross-entropy of class scores (N, C, ...) against class indices or probabilities.",
                         "wb.zeros(2, 3), wb.tensor([0, 2])", weight=None, size_average=None, ignore_index=-100,
                         reduce=None, reduction="mean", label_smoothing=0.0)
NLLLoss = _loss("NLLLoss", F.nll_loss, "Minus the log-probability (N, C, ...) of the target class.",
                "wb.zeros(2, 3), wb.tensor([0, 2])", weight=None, size_average=None, ignore_index=-100, reduce=None,
                reduction="mean")
BCELoss = _loss("BCELoss", F.binary_cross_entropy, "Cross-entropy of probabilities against targets in 0..1.",
                "wb.full((2,), 0.5), wb.ones(2)", weight=None, **_OLD, reduction="mean")
BCEWithLogitsLoss = _loss("BCEWithLogitsLoss", F.binary_cross_entropy_with_logits,
                          "Cross-entropy of the sigmoid of scores against targets in 0..1.", _PAIR, weight=None, **_OLD,
                          reduction="mean", pos_weight=None)
KLDivLoss = _loss("KLDivLoss", F.kl_div, "Kullback-Leibler divergence of log-probabilities from targets.", _PAIR,
                  reductions=(*_REDUCTIONS, "batchmean"), **_OLD, reduction="mean", log_target=False)
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
                       "Minus the log-likelihood of counts under a Poisson distribution.", _PAIR, log_input=True,
                       full=False, size_average=None, eps=1e-8, reduce=None, reduction="mean")
MultiMarginLoss = _loss("MultiMarginLoss", F.multi_margin_loss, "How far other classes come within `margin` of the right one.",
                        "wb.zeros(2, 3), wb.tensor([0, 2])", p=1, margin=1.0, weight=None, **_OLD, reduction="mean")
MultiLabelMarginLoss = _loss("MultiLabelMarginLoss", F.multilabel_margin_loss, "`MultiMarginLoss` with several right classes, listed up to the first -1.",
                             "wb.zeros(2, 3), wb.tensor([[0, -1, 0], [1, 2, -1]])", **_OLD, reduction="mean")
MultiLabelSoftMarginLoss = _loss("MultiLabelSoftMarginLoss", F.multilabel_soft_margin_loss, "Mean cross-entropy of independent yes-no labels.",
                                 _PAIR, weight=None, **_OLD, reduction="mean")
TripletMarginLoss = _loss("TripletMarginLoss", F.triplet_margin_loss, "``max(0, d(anchor, positive) - d(anchor, negative) + margin)`` (Balntas et al. 2016).",
                          "wb.zeros(2, 3), wb.ones(2, 3), wb.ones(2, 3) * 2", margin=1.0, p=2.0, eps=1e-6, swap=False, **_OLD, reduction="mean")
GaussianNLLLoss = _loss("GaussianNLLLoss", F.gaussian_nll_loss, "Minus the log-likelihood under normal distributions of given variances.",
                        "wb.zeros(2, 3), wb.ones(2, 3), wb.ones(2, 3)", full=False, eps=1e-6, reduction="mean")
CTCLoss = _loss("CTCLoss", F.ctc_loss, "Minus the log-probability of all alignments of a label sequence (Graves et al. 2006).",
                "wb.zeros(5, 2, 4).log_softmax(-1), wb.tensor([[1, 2], [3, 1]]), wb.tensor([5, 5]), wb.tensor([2, 2])", blank=0, reduction="mean",
                zero_infinity=False)
