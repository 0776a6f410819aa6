"""Transforms of a whole batch: samples mixed with one another, and labels as probabilities.

They go after collating: in the loop, or as the last part of a `collate_fn`. `cross_entropy` takes the labels they give.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from ... import ops
from ...core import Tensor, as_tensor
from ...core.errors import ArgumentError, DTypeError, ShapeError
from ..randomness import generator
from .base import Transform


def smooth_labels(labels: Any, num_classes: int | None = None, smoothing: float = 0.0) -> Tensor:
    """Class numbers (N,), or probabilities (N, C), as probabilities: ``(1 - smoothing) y + smoothing / C`` (Szegedy et al. 2015).

    Examples
    --------
    >>> from workbench.data.transforms import smooth_labels
    >>> smooth_labels([1, 0], num_classes=2, smoothing=0.5).tolist()
    [[0.25, 0.75], [0.75, 0.25]]
    """
    labels = as_tensor(labels)
    if not 0 <= smoothing <= 1:
        raise ArgumentError(f"smooth_labels: smoothing={smoothing}; expected between 0 and 1")
    if labels.ndim == 1 and labels.dtype.kind in "iu":
        if num_classes is None:
            raise ArgumentError("labels are class numbers: give num_classes")
        if labels.size and not 0 <= int(labels.min()) <= int(labels.max()) < num_classes:
            raise ArgumentError(f"labels from {int(labels.min())} to {int(labels.max())}; expected 0 to num_classes - 1 = {num_classes - 1}")
        labels = ops.one_hot(labels, num_classes).to(dtype=np.float32)
    elif labels.ndim != 2 or labels.dtype.kind != "f" or (num_classes not in (None, labels.shape[1])):
        raise ShapeError(f"labels of shape {tuple(labels.shape)} and dtype {labels.dtype}; expected class numbers (N,) or probabilities (N, C)"
                         + (f" of {num_classes} classes" if num_classes else ""))
    return labels * (1 - smoothing) + smoothing / labels.shape[1] if smoothing else labels


class _Mixer(Transform):
    """Base of mixers: each sample meets the one before it, in a share that is drawn once for the batch."""

    def __init__(self, *, alpha: float = 1.0, num_classes: int | None = None) -> None:
        if alpha <= 0:
            raise ArgumentError(f"{type(self).__name__}: alpha={alpha}; expected above 0")
        if num_classes is not None and num_classes < 2:
            raise ArgumentError(f"{type(self).__name__}: num_classes={num_classes}; expected at least 2")
        self.alpha, self.num_classes = alpha, num_classes

    def __call__(self, inputs: Any, labels: Any) -> tuple[Tensor, Tensor]:
        batch, targets = as_tensor(inputs), smooth_labels(labels, self.num_classes)
        if batch.dtype.kind != "f":
            raise DTypeError(f"{type(self).__name__}: a batch of dtype {batch.dtype}; expected floats, put ToDtype('float32', scale=True) before it")
        if batch.ndim < 2 or batch.shape[0] != targets.shape[0]:
            raise ShapeError(f"{type(self).__name__}: a batch of shape {tuple(batch.shape)} with {targets.shape[0]} labels")
        rng = generator()
        mixed, kept = self.mix(batch, ops.roll(batch, 1, 0), float(rng.beta(self.alpha, self.alpha)), rng)
        return mixed, targets * kept + ops.roll(targets, 1, 0) * (1 - kept)

    def mix(self, batch: Tensor, other: Tensor, share: float, rng: np.random.Generator) -> tuple[Tensor, float]:
        """The mixed batch, and the share of `batch` in it."""
        raise ArgumentError(f"{type(self).__name__} does not define mix")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(alpha={self.alpha}, num_classes={self.num_classes})"


class MixUp(_Mixer):
    """Each sample blended with another, and its label in the same shares (Zhang et al. 2017).

    ``x = share x_i + (1 - share) x_j``, ``share ~ Beta(alpha, alpha)``, once for the batch; j is the sample before i.

    Parameters
    ----------
    alpha : float
        Small: mostly one of the two; 1: every share alike.
    num_classes : int, optional
        Needed where labels are class numbers.

    Shapes
    ------
    Inputs (N, ...), labels (N,) or (N, C); gives (N, ...) and (N, C).

    Examples
    --------
    >>> import workbench as wb
    >>> from workbench.data import seeded, transforms
    >>> with seeded(0): x, y = transforms.MixUp(num_classes=2)(wb.tensor([[0.0], [1.0]]), wb.tensor([0, 1]))
    >>> bool((x[:, 0] == y[:, 1]).all())
    True
    """

    def mix(self, batch: Tensor, other: Tensor, share: float, rng: np.random.Generator) -> tuple[Tensor, float]:
        """The weighted mean."""
        return batch * share + other * (1 - share), share


class CutMix(_Mixer):
    """Each image with a rectangle out of another, and its label in the shares of area (Yun et al. 2019).

    The rectangle covers ``1 - share`` of the image, ``share ~ Beta(alpha, alpha)``, less what falls off the edge.

    Parameters
    ----------
    alpha : float
        Small: mostly almost nothing or almost all; 1: every share alike.
    num_classes : int, optional
        Needed where labels are class numbers.

    Shapes
    ------
    Inputs (N, ..., H, W), labels (N,) or (N, C); gives the same and (N, C).

    Examples
    --------
    >>> import workbench as wb
    >>> from workbench.data import seeded, transforms
    >>> images = wb.tensor([0.0, 1.0]).reshape(2, 1, 1, 1).expand(2, 1, 8, 8)
    >>> with seeded(0): x, y = transforms.CutMix(num_classes=2)(images, wb.tensor([0, 1]))
    >>> bool((x.mean(dim=(1, 2, 3)) == y[:, 1]).all())
    True
    """

    def mix(self, batch: Tensor, other: Tensor, share: float, rng: np.random.Generator) -> tuple[Tensor, float]:
        """A rectangle about a random place."""
        if batch.ndim < 3:
            raise ShapeError(f"CutMix: a batch of shape {tuple(batch.shape)}; expected images (N, ..., H, W)")
        height, width = batch.shape[-2:]
        row, column, half = int(rng.integers(height)), int(rng.integers(width)), 0.5 * np.sqrt(1 - share)
        top, bottom = max(row - int(half * height), 0), min(row + int(half * height), height)
        left, right = max(column - int(half * width), 0), min(column + int(half * width), width)
        inside = np.zeros((height, width), bool)
        inside[top:bottom, left:right] = True
        return ops.where(as_tensor(inside).to(batch.device), other, batch), 1 - inside.mean()
