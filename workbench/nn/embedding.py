"""Tables of vectors looked up by integers."""
from __future__ import annotations

from typing import Any

from .. import ops
from ..core import Tensor, no_grad
from ..core.errors import ArgumentError, ShapeError
from . import functional as F
from . import init
from .checks import whole
from .module import Module
from .parameter import Parameter


class Embedding(Module):
    """``y = weight[i]``: row i of a learned table for every integer i of the input (Bengio et al. 2003).

    Parameters
    ----------
    num_embeddings : int
        Rows of the table.
    embedding_dim : int
        Length of each row.
    padding_idx : int, optional
        A row that starts at zero and gets no gradient.
    max_norm, norm_type : float
        Rows that are looked up and whose norm exceeds `max_norm` are first scaled down to it, in place.
    scale_grad_by_freq : bool
        Divide the gradient of a row by how often the batch asks for it.
    sparse : bool
        Gradients hold only the rows that were looked up; for `optim.SparseAdam`, `SGD` and `Adagrad`.

    Shapes
    ------
    Input (...) of integers; output (..., embedding_dim); ``weight`` (num_embeddings, embedding_dim).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.Embedding(10, 3)(wb.tensor([[1, 2]])).shape
    (1, 2, 3)
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None,
                 max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
                 sparse: bool = False, _weight: Tensor | None = None, _freeze: bool = False, device: str | None = None,
                 dtype: Any = None) -> None:
        super().__init__()
        whole("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ArgumentError(f"Embedding: padding_idx={padding_idx} is not one of the {num_embeddings} rows")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = padding_idx if padding_idx is None else padding_idx % num_embeddings
        self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse = max_norm, norm_type, scale_grad_by_freq, sparse
        if _weight is not None:
            if tuple(_weight.shape) != (num_embeddings, embedding_dim):
                raise ShapeError(f"Embedding: a table of shape {tuple(_weight.shape)}; expected "
                                 f"{(num_embeddings, embedding_dim)}")
            self.weight = Parameter(_weight, not _freeze)
            return
        self.weight = Parameter(ops.empty(num_embeddings, embedding_dim, device=device, dtype=dtype), not _freeze)
        init.normal_(self.weight)
        if padding_idx is not None:
            with no_grad():
                self.weight[padding_idx] = 0.0

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None,
                        max_norm: float | None = None, norm_type: float = 2.0, scale_grad_by_freq: bool = False,
                        sparse: bool = False) -> Embedding:
        """An embedding that looks up in `embeddings`, which is not trained unless `freeze` is False."""
        if embeddings.ndim != 2:
            raise ShapeError(f"Embedding.from_pretrained: expected a table of two axes, got {tuple(embeddings.shape)}")
        return cls(*embeddings.shape, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, _weight=embeddings,
                   _freeze=freeze)

    def forward(self, x: Tensor) -> Tensor:
        """Integers to rows."""
        return F.embedding(x, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse)

    def extra_repr(self) -> str:
        """Settings."""
        return f"{self.num_embeddings}, {self.embedding_dim}{_other_than(self, _USUAL)}"


class EmbeddingBag(Module):
    """The sum, mean or largest numbers of bags of rows of a learned table, without the rows ever being laid out (Joulin et al. 2016).

    ``y[b] = sum over i in bag b of weight[i]``, or the mean, or the largest of each column.

    Parameters
    ----------
    num_embeddings : int
        Rows of the table.
    embedding_dim : int
        Length of each row.
    max_norm, norm_type : float
        As in `Embedding`.
    scale_grad_by_freq : bool
        Divide the gradient of a row by how often the batch asks for it; not for "max".
    mode : {"sum", "mean", "max"}
        What is made of a bag.
    sparse : bool
        Gradients hold only the rows that were looked up; for `optim.SparseAdam`, `SGD` and `Adagrad`.
    include_last_offset : bool
        The last offset is the end of the last bag.
    padding_idx : int, optional
        A row that starts at zero, gets no gradient and counts for nothing.

    Shapes
    ------
    Input (B, n), or (n,) with offsets (B,); output (B, embedding_dim).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.EmbeddingBag(10, 3)(wb.tensor([1, 2, 4, 5]), wb.tensor([0, 3])).shape
    (2, 3)
    """

    def __init__(self, num_embeddings: int, embedding_dim: int, max_norm: float | None = None, norm_type: float = 2.0,
                 scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, _weight: Tensor | None = None,
                 include_last_offset: bool = False, padding_idx: int | None = None, device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        if mode not in ("sum", "mean", "max") or (mode == "max" and (scale_grad_by_freq or sparse)):
            raise ArgumentError(f"EmbeddingBag: mode={mode!r} with scale_grad_by_freq={scale_grad_by_freq}, sparse={sparse}; expected 'sum', 'mean' or "
                                "'max', and scaled or sparse gradients only with the first two")
        table = Embedding(num_embeddings, embedding_dim, padding_idx, _weight=_weight, device=device, dtype=dtype)
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, table.padding_idx
        self.max_norm, self.norm_type, self.scale_grad_by_freq = max_norm, norm_type, scale_grad_by_freq
        self.mode, self.sparse, self.include_last_offset = mode, sparse, include_last_offset
        self.weight = table.weight

    @classmethod
    def from_pretrained(cls, embeddings: Tensor, freeze: bool = True, max_norm: float | None = None, norm_type: float = 2.0,
                        scale_grad_by_freq: bool = False, mode: str = "mean", sparse: bool = False, include_last_offset: bool = False,
                        padding_idx: int | None = None) -> EmbeddingBag:
        """Bags of rows of `embeddings`, which is not trained unless `freeze` is False."""
        if embeddings.ndim != 2:
            raise ShapeError(f"EmbeddingBag.from_pretrained: expected a table of two axes, got {tuple(embeddings.shape)}")
        bag = cls(*embeddings.shape, max_norm, norm_type, scale_grad_by_freq, mode, sparse, embeddings, include_last_offset, padding_idx)
        bag.weight.requires_grad_(not freeze)
        return bag

    def forward(self, x: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        """Integers to bags of rows."""
        return F.embedding_bag(x, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.mode, self.sparse, per_sample_weights,
                               self.include_last_offset, self.padding_idx)

    def extra_repr(self) -> str:
        """Settings."""
        return f"{self.num_embeddings}, {self.embedding_dim}, mode={self.mode!r}{_other_than(self, _USUAL | {'include_last_offset': False})}"


_USUAL = {"padding_idx": None, "max_norm": None, "norm_type": 2.0, "scale_grad_by_freq": False, "sparse": False}


def _other_than(layer: Module, usual: dict[str, Any]) -> str:
    """The settings of a layer that are not the usual ones, for its repr."""
    return "".join(f", {name}={getattr(layer, name)}" for name, default in usual.items() if getattr(layer, name) != default)
