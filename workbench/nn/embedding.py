"""Tables of vectors looked up by integers."""
from __future__ import annotations

from .. import ops
from ..core import Tensor, no_grad
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter


class Embedding(Module):
    """Row ``i`` of a learned table for every integer ``i`` of the input.

    Parameters
    ----------
    num_embeddings : int
        Rows of the table.
    embedding_dim : int
        Length of each row.
    padding_idx : int, optional
        A row that starts at zero and gets no gradient.

    Shapes
    ------
    Input (...) of integers; output (..., embedding_dim); ``weight`` (num_embeddings, embedding_dim).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.Embedding(10, 3)(wb.tensor([[1, 2]])).shape
    (1, 2, 3)
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None) -> None:
        super().__init__()
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        self.weight = Parameter(ops.empty(num_embeddings, embedding_dim))
        init.normal_(self.weight)
        if padding_idx is not None:
            with no_grad():
                self.weight[padding_idx] = 0.0

    def forward(self, x: Tensor) -> Tensor:
        """Integers to rows."""
        return F.embedding(x, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """Settings."""
        padding = f", padding_idx={self.padding_idx}" if self.padding_idx is not None else ""
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
