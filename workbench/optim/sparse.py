"""Adam for tables of which few rows are looked up at a time."""
from __future__ import annotations

from typing import Any, Unpack

from .base import Common, Optimizer, Params, begin, moments


class SparseAdam(Optimizer):
    """Adam on the rows that have a gradient; moments of the others rest (lazy Adam; Kingma and Ba 2014).

    ``m = b1 m + (1 - b1) g``; ``v = b2 v + (1 - b2) g^2``; ``p = p - lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps)``
    for those rows; t counts all steps.

    Parameters
    ----------
    params : iterable
        Tables of embeddings made with ``sparse=True``.
    lr : float
    betas : pair of float
        How much of the running means of gradient and squared gradient is kept.
    eps : float
    common
        Settings that all have: see `Optimizer`.

    Examples
    --------
    >>> import workbench as wb
    >>> table = wb.nn.Embedding(1000, 2, sparse=True)
    >>> optimizer = wb.optim.SparseAdam(table.parameters(), lr=0.1)
    >>> before = table.weight.detach().clone()
    >>> table(wb.tensor([3, 7])).sum().backward(); optimizer.step()
    >>> (table.weight != before).any(axis=1).nonzero().flatten().tolist()
    [3, 7]
    """

    def __init__(self, params: Params, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
                 **common: Unpack[Common]) -> None:
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps), **common)

    def rows_only(self, group: dict[str, Any]) -> bool:
        """On rows alone."""
        return True

    def update(self, parameter: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step on one parameter, or on some rows of it."""
        begin(state, parameter, "exp_avg", "exp_avg_sq")
        state["step"] = step = state["step"] + 1
        mean, square = moments(grad, state, group["betas"])
        beta1, beta2 = group["betas"]
        parameter -= mean / (square ** 0.5 + group["eps"]) * (group["lr"] * (1 - beta2**step) ** 0.5 / (1 - beta1**step))
