"""Softmax over very many classes, the rare ones in clusters of their own (Grave et al. 2017)."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .. import ops
from ..core import Tensor
from ..core.errors import ArgumentError, ShapeError
from ..core.state import STATE
from ..ops.fused import check_classes
from .checks import whole
from .containers import ModuleList, Sequential
from .linear import Linear
from .module import Module


class AdaptiveOutput(NamedTuple):
    """The log-probability of each target, and the mean of minus them."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-probabilities of targets among many classes, cheap because most targets are frequent (Grave et al. 2017).

    The head knows the frequent classes and one entry for each cluster of rarer ones; a cluster is computed only for the targets in
    it, in a space that shrinks by `div_value` from one cluster to the next:
    ``log p(y) = log p_head(cluster of y) + log p_cluster(y)``. Classes are numbered from the most frequent on.

    Parameters
    ----------
    in_features : int
        Features of the input.
    n_classes : int
        How many classes there are.
    cutoffs : sequence of int
        Where each cluster begins, rising, between 1 and ``n_classes - 1``.
    div_value : float
        By what factor the space shrinks from one cluster to the next.
    head_bias : bool
        Whether the head adds a learned bias.

    Shapes
    ------
    Input (N, in_features) and target (N,), or (in_features,) and (). ``output`` has the shape of the target, ``loss`` no axes.

    Examples
    --------
    >>> import workbench as wb
    >>> layer = wb.nn.AdaptiveLogSoftmaxWithLoss(8, 20, [4, 10])
    >>> output, loss = layer(wb.ones(3, 8), wb.tensor([1, 5, 19]))
    >>> output.shape, layer.log_prob(wb.ones(3, 8)).shape, layer.predict(wb.ones(3, 8)).shape
    ((3,), (3, 20), (3,))
    """

    def __init__(self, in_features: int, n_classes: int, cutoffs: Sequence[int], div_value: float = 4.0, head_bias: bool = False,
                 device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        whole("AdaptiveLogSoftmaxWithLoss", 1, in_features=in_features, n_classes=n_classes)
        cutoffs = list(cutoffs)
        if not cutoffs or cutoffs != sorted(set(cutoffs)) or cutoffs[0] < 1 or cutoffs[-1] > n_classes - 1:
            raise ArgumentError(f"AdaptiveLogSoftmaxWithLoss: cutoffs={cutoffs}; expected rising integers between 1 and {n_classes - 1} (n_classes - 1)")
        self.in_features, self.n_classes, self.div_value, self.head_bias = in_features, n_classes, div_value, head_bias
        self.cutoffs = [*cutoffs, n_classes]
        self.shortlist_size, self.n_clusters = cutoffs[0], len(cutoffs)
        self.head_size = self.shortlist_size + self.n_clusters
        kind: dict[str, Any] = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, head_bias, **kind)
        self.tail = ModuleList()
        for i, (low, high) in enumerate(zip(cutoffs, self.cutoffs[1:], strict=True)):
            hidden = int(in_features // div_value ** (i + 1))
            self.tail.append(Sequential(Linear(in_features, hidden, False, **kind), Linear(hidden, high - low, False, **kind)))

    def forward(self, x: Tensor, target: Tensor) -> AdaptiveOutput:
        """Features and classes to log-probabilities of these classes, and the loss."""
        if target.ndim not in (0, 1) or x.ndim != target.ndim + 1 or tuple(x.shape[:-1]) != tuple(target.shape):
            raise ShapeError(f"AdaptiveLogSoftmaxWithLoss: features of shape {tuple(x.shape)} and classes of shape {tuple(target.shape)}; expected "
                             "(N, in_features) and (N,), or (in_features,) and ()")
        rows, labels = x.reshape(-1, x.shape[-1]), target.reshape(-1)
        check_classes("AdaptiveLogSoftmaxWithLoss", labels, self.n_classes, -1 - self.n_classes)
        entry, within = labels, ops.zeros_like(rows[:, 0])
        for i, (low, high) in enumerate(zip(self.cutoffs, self.cutoffs[1:], strict=False)):
            inside = (labels >= low) & (labels < high)
            entry = ops.where(inside, self.shortlist_size + i, entry)
            within = within + self._within(i, rows, labels - low, inside)
        output = ops.gather(ops.log_softmax(self.head(rows), axis=1), 1, entry.unsqueeze(1)).squeeze(1) + within
        return AdaptiveOutput(output.reshape(tuple(target.shape)), -output.mean())

    def _within(self, i: int, rows: Tensor, labels: Tensor, inside: Tensor) -> Tensor:
        """Log-probabilities within a cluster of the labels inside it, zero for the others."""
        size = self.cutoffs[i + 1] - self.cutoffs[i]
        if type(inside) is not Tensor or STATE.trace is not None:  # which rows these are is not known yet: all are computed
            safe = ops.where(inside, labels, 0)
            found = ops.gather(ops.log_softmax(self.tail[i](rows), axis=1), 1, safe.unsqueeze(1)).squeeze(1)
            return ops.where(inside, found, 0.0)
        places = ops.nonzero(inside).reshape(-1)
        if not places.shape[0]:
            return ops.zeros_like(rows[:, 0])
        scores = ops.log_softmax(self.tail[i](rows[places]), axis=1)
        found = ops.gather(scores, 1, ops.clip(labels[places], 0, size - 1).unsqueeze(1)).squeeze(1)
        return ops.index_put(ops.zeros_like(rows[:, 0]), places, found)

    def log_prob(self, x: Tensor) -> Tensor:
        """Log-probabilities (N, n_classes) of all classes."""
        head = ops.log_softmax(self.head(x), axis=1)
        parts = [head[:, :self.shortlist_size]]
        for i, cluster in enumerate(self.tail):
            parts.append(ops.log_softmax(cluster(x), axis=1) + head[:, self.shortlist_size + i:self.shortlist_size + i + 1])
        return ops.concat(parts, axis=1)

    def predict(self, x: Tensor) -> Tensor:
        """The most probable class of every row."""
        return ops.argmax(self.log_prob(x), axis=1)
