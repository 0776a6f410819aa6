"""Losses that PyTorch lacks, as the papers write them, with loops where that is plainest."""
from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tests.nn.cases import Spread, Whole, _given
from tests.nn.formula import Formula, formula

REDUCE: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {"mean": torch.mean, "sum": torch.sum, "none": lambda losses: losses}
F = torch.nn.functional
BINARY = Spread((6, 4), lambda rng, shape: rng.integers(0, 2, shape).astype(float), constant=True)
SOFT = Spread((6, 4), lambda rng, shape: rng.uniform(size=shape), constant=True)
SIGNS = Spread((6, 4), lambda rng, shape: np.where(rng.random(shape) < 0.5, 1.0, -1.0), constant=True)
MASKS = [Spread((3, 2, 4, 5), lambda rng, shape: rng.uniform(0.05, 0.95, shape)),
         Spread((3, 2, 4, 5), lambda rng, shape: (rng.random(shape) < 0.3).astype(float), constant=True)]
HALF_EMPTY = [MASKS[0], Spread((3, 2, 4, 5), lambda rng, shape: (rng.random(shape) < 0.3) * np.array([1.0, 0.0])[:, None, None], constant=True)]
RELEVANCE = Spread((5, 6), lambda rng, shape: rng.integers(0, 4, shape).astype(float), constant=True)
PAIRS = [(6, 4), (6, 4), Spread((6,), lambda rng, shape: rng.integers(0, 2, shape).astype(float), constant=True)]
CLASSES = [(7, 3), _given([0, 0, 1, 1, 1, 2, 0])]
ALONE = [(4, 3), _given([0, 0, 1, 2])]
ONE_CLASS = [(3, 2), _given([1, 1, 1])]


def rows(name: str, each: Callable[..., torch.Tensor], on: Any, *options: dict[str, Any], weight: np.ndarray | None = None) -> list[Formula]:
    """Every reduction of every set of options; `each` gives the losses before reduction. With `weight` the weighted mean too."""
    found = []
    for option, (reduction, reduce) in itertools.product(options or ({},), REDUCE.items()):
        found.append(formula(name, lambda w, *x, o=option, r=reduce: r(each(*x, **o)), on=on, reduction=reduction, **option))
    if weight is not None:
        scaled = lambda w, *x: each(*x) * w["weight"]
        total = lambda w, *x: scaled(w, *x).sum() / w["weight"].expand_as(each(*x)).sum()
        found += [formula(name, scaled, on=on, weight=weight, reduction="none"), formula(name, total, on=on, weight=weight, label="-mean")]
    return found


def binary_focal(x, t, alpha=0.25, gamma=2.0):
    p = torch.sigmoid(x)
    entropy = -(t * torch.log(p) + (1 - t) * torch.log(1 - p))
    factor = 1 if alpha is None else alpha * t + (1 - alpha) * (1 - t)
    return factor * (1 - (p * t + (1 - p) * (1 - t))) ** gamma * entropy


def focal(reduction, gamma=2.0, ignore_index=-100):
    """All examples one by one; `weight` is a buffer."""
    def reference(w, x, y):
        scores, labels = x.movedim(1, -1).reshape(-1, x.shape[1]), y.reshape(-1)
        losses, scales = [], []
        for row, label in zip(scores, labels, strict=True):
            scale = 0.0 if label == ignore_index else w["weight"][label] if "weight" in w else 1.0
            p = torch.softmax(row, 0)[label if label != ignore_index else 0]
            losses.append(-scale * (1 - p) ** gamma * torch.log(p))
            scales.append(torch.as_tensor(scale, dtype=torch.float64))
        losses, total = torch.stack(losses), torch.stack(scales).sum()
        return {"none": losses.reshape(y.shape), "sum": losses.sum(), "mean": losses.sum() / total}[reduction]

    return reference


def overlap(score):
    """A loss of each sample and channel from the places in both masks, in the input only, in the target only."""
    def each(x, t, **options):
        out = [[score((a * b).sum(), (a * (1 - b)).sum(), ((1 - a) * b).sum(), **options) for a, b in zip(sample, marks, strict=True)]
               for sample, marks in zip(x, t, strict=True)]
        return torch.stack([torch.stack(channels) for channels in out])

    return each


def generalized_dice(x, t, eps=1e-6):
    out = []
    for sample, marks in zip(x, t, strict=True):
        sizes = marks.sum((1, 2))
        scale = torch.where(sizes > 0, 1 / sizes.clamp(min=1) ** 2, 0)
        scale = torch.where(sizes > 0, scale, scale.max())
        both, all_of_it = (sample * marks).sum((1, 2)), (sample + marks).sum((1, 2))
        out.append(1 - (2 * (scale * both).sum() + eps) / ((scale * all_of_it).sum() + eps))
    return torch.stack(out)


def lovasz_hinge(x, t):
    """The definition: errors from the largest on, each times how much the Jaccard loss of those so far grows."""
    def jaccard(wrong, labels):
        inside = labels > 0.5
        return 1 - (inside & ~wrong).sum().double() / torch.clamp((inside | wrong).sum(), min=1)

    out = []
    for scores, labels in zip(x.flatten(1), t.flatten(1), strict=True):
        errors = torch.relu(1 - scores * (2 * labels - 1))
        wrong, total = torch.zeros(len(labels), dtype=torch.bool), torch.zeros((), dtype=x.dtype)
        for index in torch.argsort(errors, descending=True):
            before = jaccard(wrong, labels)
            wrong[index] = True
            total = total + errors[index] * (jaccard(wrong, labels) - before)
        out.append(total)
    return torch.stack(out)


def contrastive(a, b, t, margin=1.0):
    d = ((a - b) ** 2).sum(1).sqrt()
    return (1 - t) * d**2 / 2 + t * torch.relu(margin - d) ** 2 / 2


def info_nce(q, k, n=None, temperature=0.1):
    out = []
    for i in range(len(q)):
        cosine = lambda other, i=i: F.cosine_similarity(q[i], other, dim=-1) / temperature
        scores = torch.stack([cosine(k[j]) for j in range(len(k))]) if n is None else torch.stack([cosine(k[i]), *map(cosine, n)])
        right = i if n is None else 0
        out.append(-torch.log(torch.exp(scores[right]) / torch.exp(scores).sum()))
    return torch.stack(out)


def nt_xent(a, b, temperature=0.5):
    both, n = torch.cat([a, b]), len(a)
    out = []
    for i in range(2 * n):
        e = {j: torch.exp(F.cosine_similarity(both[i], both[j], dim=0) / temperature) for j in range(2 * n) if j != i}
        out.append(-torch.log(e[(i + n) % (2 * n)] / sum(e.values())))
    return torch.stack(out)


def mined(mining, reduction, margin=0.2):
    """Triplets found by loops; their losses at the places where ours has them."""
    def reference(w, x, y):
        n = len(x)
        d = torch.stack([torch.stack([((x[i] - x[j]) ** 2).sum().sqrt() if i != j else x.sum() * 0 for j in range(n)]) for i in range(n)])
        found = {}
        for i in range(n):
            positives, negatives = ([j for j in range(n) if j != i and y[j] == y[i]], [j for j in range(n) if y[j] != y[i]])
            if not positives or not negatives:
                continue
            if mining == "hard":
                found[(i,)] = max(d[i, j] for j in positives) - min(d[i, j] for j in negatives)
            for p in positives if mining != "hard" else ():
                farther = [d[i, j] for j in negatives if d[i, j] > d[i, p]]
                if mining == "semihard":
                    found[(i, p)] = d[i, p] - (min(farther) if farther else max(d[i, j] for j in negatives))
                for j in negatives if mining == "all" else ():
                    found[(i, p, j)] = d[i, p] - d[i, j]
        losses = {place: torch.relu(gap + margin) for place, gap in found.items()}
        total = sum(losses.values(), x.sum() * 0)
        if reduction == "none":
            axes = {"hard": 1, "semihard": 2, "all": 3}[mining]
            return torch.stack([losses.get(place, x.sum() * 0) for place in itertools.product(range(n), repeat=axes)]).reshape((n,) * axes)
        counted = [loss for loss in losses.values() if mining != "all" or loss > 0]
        return total / max(len(counted), 1) if reduction == "mean" else total

    return reference


def pairwise_logistic(s, t):
    out = []
    for scores, marks in zip(s, t, strict=True):
        terms = [torch.log(1 + torch.exp(scores[j] - scores[i])) for i, j in itertools.permutations(range(len(scores)), 2) if marks[i] > marks[j]]
        out.append(sum(terms, scores.sum() * 0) / max(len(terms), 1))
    return torch.stack(out)


def listmle(s, t):
    out = []
    for scores, marks in zip(s, t, strict=True):
        order = sorted(range(len(marks)), key=lambda i: -float(marks[i]))
        out.append(-sum(torch.log(torch.exp(scores[order[i]]) / torch.exp(scores[order[i:]]).sum()) for i in range(len(order))))
    return torch.stack(out)


ROWS = [
    *rows("LogCoshLoss", lambda x, y: torch.log(torch.cosh(x - y)), [(6, 4), (6, 4)], weight=np.arange(1.0, 5)),
    *rows("QuantileLoss", lambda x, y, quantile=0.5: torch.where(y >= x, quantile * (y - x), (1 - quantile) * (x - y)), [(6, 4), (6, 4)], {},
          {"quantile": 0.9}, weight=np.arange(1.0, 25).reshape(6, 4)),
    *rows("HingeLoss", lambda x, y, margin=1.0: torch.relu(margin - y * x), [(6, 4), SIGNS], {}, {"margin": 0.3}, weight=np.ones((6, 1))),
    *rows("SquaredHingeLoss", lambda x, y, margin=1.0: torch.relu(margin - y * x) ** 2, [(6, 4), SIGNS], {}, {"margin": 0.3}),
    *rows("BinaryFocalLoss", binary_focal, [(6, 4), BINARY], {}, {"alpha": None, "gamma": 0.0}, {"alpha": 0.6, "gamma": 3.5}, weight=np.arange(1.0, 5)),
    *rows("BinaryFocalLoss", binary_focal, [(6, 4), SOFT]),
    *[formula("FocalLoss", focal(reduction, **options), on=on, reduction=reduction, **options, **weight) for reduction in REDUCE
      for on in ([(6, 4), Whole(4, (6,))], [(2, 4, 3, 2), Whole(4, (2, 3, 2))])
      for options in ({}, {"gamma": 0.0}, {"gamma": 3.0, "ignore_index": 1}) for weight in ({}, {"weight": np.array([0.5, 1.0, 2.0, 0.1])})],
    *rows("DiceLoss", overlap(lambda tp, fp, fn, smooth=1.0: 1 - (2 * tp + smooth) / (2 * tp + fp + fn + smooth)), MASKS, {}, {"smooth": 0.0},
          weight=np.array([1.0, 3.0])),
    *rows("JaccardLoss", overlap(lambda tp, fp, fn, smooth=1.0: 1 - (tp + smooth) / (tp + fp + fn + smooth)), HALF_EMPTY, {}, {"smooth": 0.1}),
    *rows("TverskyLoss", overlap(lambda tp, fp, fn, alpha=0.3, beta=0.7, gamma=1.0, smooth=1.0:
                                 (1 - (tp + smooth) / (tp + alpha * fp + beta * fn + smooth)) ** gamma), MASKS, {},
          {"alpha": 0.6, "beta": 0.1, "gamma": 0.75, "smooth": 0.5}),
    *rows("GeneralizedDiceLoss", generalized_dice, HALF_EMPTY, {}, {"eps": 0.1}), *rows("GeneralizedDiceLoss", generalized_dice, MASKS),
    *rows("LovaszHingeLoss", lovasz_hinge, [(6, 4), BINARY]), *rows("LovaszHingeLoss", lovasz_hinge, [(3, 2, 4, 5), MASKS[1]]),
    *rows("ContrastiveLoss", contrastive, PAIRS, {}, {"margin": 3.0}, weight=np.arange(1.0, 7)),
    *rows("InfoNCELoss", info_nce, [(5, 3), (5, 3)], {}, {"temperature": 0.7}), *rows("InfoNCELoss", info_nce, [(5, 3), (5, 3), (4, 3)]),
    *rows("NTXentLoss", nt_xent, [(4, 3), (4, 3)], {}, {"temperature": 0.1}, weight=np.arange(1.0, 9)),
    *[formula("TripletMiningLoss", mined(mining, reduction, margin), on=on, mining=mining, reduction=reduction, margin=margin)
      for mining in ("hard", "semihard", "all") for reduction in REDUCE for margin, on in ((0.2, CLASSES), (2.0, CLASSES), (0.5, ALONE), (0.5, ONE_CLASS))],
    *rows("PairwiseLogisticLoss", pairwise_logistic, [(5, 6), RELEVANCE], weight=np.arange(1.0, 6)),
    *rows("ListNetLoss", lambda s, t: -(torch.softmax(t, -1) * torch.log(torch.softmax(s, -1))).sum(-1), [(5, 6), RELEVANCE]),
    *rows("ListMLELoss", listmle, [(5, 6), RELEVANCE]),
]
