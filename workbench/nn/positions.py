"""Where a token stands, told to a model: added to its embedding, turned into queries and keys, or added to scores.

What is added to scores depends on the distance of key and query alone, so one number per diagonal of the scores is made
and never a matrix, whose memory would grow with the square of the length.
"""
from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ..core import Tensor
from ..core.errors import ArgumentError, ShapeError
from ..core.tensor import as_tensor
from ..ops.resample import constant
from . import init
from .module import Module
from .parameter import Parameter


# Added to embeddings ---------------------------------------------------------------------------------------------------
class SinusoidalPositionalEncoding(Module):
    """Adds sines and cosines of the position, in wavelengths from 2 pi to `base` times that (Vaswani et al. 2017).

    ``x[p, 2 i] + sin(p / base^(2 i / d))`` and ``x[p, 2 i + 1] + cos(p / base^(2 i / d))``. Nothing is learned, and any
    length is possible.

    Parameters
    ----------
    d_model : int
        Features; an even number.
    base : float
        The longest wavelength is 2 pi times this.

    Shapes
    ------
    (..., L, d_model) to the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.SinusoidalPositionalEncoding(2)(wb.zeros(1, 2)).tolist()
    [[0.0, 1.0]]
    """

    def __init__(self, d_model: int, base: float = 10000.0) -> None:
        super().__init__()
        _check_even("SinusoidalPositionalEncoding", "d_model", d_model)
        self.d_model, self.base = d_model, base

    def forward(self, x: Tensor, offset: int = 0) -> Tensor:
        """`x` with the encoding of positions from `offset` on added."""
        _check_width("SinusoidalPositionalEncoding", x, self.d_model)
        angles = np.outer(offset + np.arange(x.shape[-2]), _frequencies(self.d_model, self.base))
        return x + constant(np.stack([np.sin(angles), np.cos(angles)], -1).reshape(len(angles), -1), x).to(x.dtype)

    def extra_repr(self) -> str:
        """Settings."""
        return f"{self.d_model}, base={self.base}"


class LearnedPositionalEncoding(Module):
    """Adds a learned vector for each position (Gehring et al. 2017): ``x + weight[offset : offset + L]``.

    Parameters
    ----------
    max_len : int
        Number of positions.
    d_model : int
        Features.

    Shapes
    ------
    (..., L, d_model) to the same shape; ``weight`` (max_len, d_model).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.LearnedPositionalEncoding(16, 4)(wb.ones(2, 5, 4)).shape
    (2, 5, 4)
    """

    def __init__(self, max_len: int, d_model: int, device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        self.max_len, self.d_model = max_len, d_model
        self.weight = init.normal_(Parameter(ops.empty(max_len, d_model, device=device, dtype=dtype)), std=0.02)

    def forward(self, x: Tensor, offset: int = 0) -> Tensor:
        """`x` with the vectors of positions from `offset` on added."""
        _check_width("LearnedPositionalEncoding", x, self.d_model)
        if not 0 <= offset <= self.max_len - x.shape[-2]:
            raise ShapeError(f"LearnedPositionalEncoding: positions {offset} to {offset + x.shape[-2] - 1} were asked for, but "
                             f"max_len={self.max_len}")
        return x + self.weight[offset:offset + x.shape[-2]]

    def extra_repr(self) -> str:
        """Settings."""
        return f"{self.max_len}, {self.d_model}"


# Turned into queries and keys ------------------------------------------------------------------------------------------
class RotaryEmbedding(Module):
    """Rotates pairs of features of queries and keys by angles that grow with the position (Su et al. 2021).

    Pair i at position p turns by ``p / base^(2 i / dim)``, so a product of a query and a key depends on their distance.

    Parameters
    ----------
    dim : int
        How many of the first features are turned; an even number. The others pass as they are.
    base : float
        The slowest pair turns once in about 2 pi times this many positions.
    interleaved : bool
        Neighbours are a pair, (0, 1), (2, 3), as in the paper and GPT-J; else feature i and i + dim / 2, as in Llama and
        GPT-NeoX.
    factor : float
        How many times longer texts are than those of the training.
    scaling : {"linear", "ntk", "yarn", "llama3"}
        How `factor` acts. "linear" divides positions by it (Chen et al. 2023); "ntk" multiplies the base by
        ``factor^(dim / (dim - 2))``, which leaves the fastest pair alone and slows the slowest down by `factor` (bloc97 2023);
        "yarn" and "llama3" leave pairs alone that turn often within a text of the training, slow those down that do not turn
        once, and blend in between; "yarn" also makes queries and keys longer (Peng et al. 2023; Llama team 2024).
    trained_length : int
        Length of the texts of the training, for "yarn" and "llama3".

    Shapes
    ------
    (..., L, E) with E >= dim, to the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> x = wb.ones(1, 2, 4)
    >>> turned = wb.nn.RotaryEmbedding(4)(x)
    >>> bool((turned[:, 0] == x[:, 0]).all()), bool((turned[:, 1] == x[:, 1]).all())
    (True, False)
    """

    def __init__(self, dim: int, base: float = 10000.0, interleaved: bool = False, factor: float = 1.0,
                 scaling: str = "linear", trained_length: int = 8192) -> None:
        super().__init__()
        _check_even("RotaryEmbedding", "dim", dim)
        if scaling not in _SCALINGS or (scaling == "ntk" and dim == 2) or factor < 1 or trained_length < 1:
            raise ArgumentError(f"RotaryEmbedding: scaling={scaling!r}, factor={factor}, trained_length={trained_length}; expected one of "
                                f"{', '.join(_SCALINGS)} ('ntk' with dim above 2), and numbers of at least 1")
        self.dim, self.base, self.interleaved = dim, base, interleaved
        self.factor, self.scaling, self.trained_length = factor, scaling, trained_length

    def forward(self, x: Tensor, positions: Tensor | int = 0) -> Tensor:
        """`x` turned as its positions (L,) or (N, L) want, or those from one integer on; with (N, L), `x` is (N, ..., L, E)."""
        if x.shape[-1] < self.dim:
            raise ShapeError(f"RotaryEmbedding: an input of shape {tuple(x.shape)}; expected at least dim={self.dim} features")
        cos, sin = self._table(x, positions)
        pairs, rest = x[..., :self.dim], x[..., self.dim:]
        split = (self.dim // 2, 2) if self.interleaved else (2, self.dim // 2)
        first, second = ops.unbind(pairs.reshape(*x.shape[:-1], *split), -1 if self.interleaved else -2)
        turned = ops.stack([first * cos - second * sin, second * cos + first * sin], -1 if self.interleaved else -2)
        turned = turned.reshape(*x.shape[:-1], self.dim)
        return turned if x.shape[-1] == self.dim else ops.concat([turned, rest], -1)

    def _table(self, x: Tensor, positions: Tensor | int) -> tuple[Tensor, Tensor]:
        """Cosines and sines, which need more precision than `x` may have: in float32 an angle of 10^4 is off by 10^-3."""
        rates, length = _SCALINGS[self.scaling](self.dim, self.base, self.factor, self.trained_length)
        if not isinstance(positions, Tensor):
            angles = np.outer(positions + np.arange(x.shape[-2]), rates)
            return constant(length * np.cos(angles), x).to(x.dtype), constant(length * np.sin(angles), x).to(x.dtype)
        if tuple(positions.shape) not in ((x.shape[-2],), (x.shape[0], x.shape[-2])):
            raise ShapeError(f"RotaryEmbedding: positions of shape {tuple(positions.shape)} for an input of shape {tuple(x.shape)}; "
                             f"expected {(x.shape[-2],)} or {(x.shape[0], x.shape[-2])}")
        if positions.ndim == 2:
            positions = positions.reshape(positions.shape[0], *(1,) * (x.ndim - 3), positions.shape[1])
        turns = positions.to("float64").unsqueeze(-1) * constant(rates, x)
        return (length * ops.cos(turns)).to(x.dtype), (length * ops.sin(turns)).to(x.dtype)

    def extra_repr(self) -> str:
        """Settings."""
        return f"{self.dim}, base={self.base}, interleaved={self.interleaved}, factor={self.factor}, scaling={self.scaling!r}"


def _linear(dim: int, base: float, factor: float, trained: int) -> tuple[np.ndarray, float]:
    return _frequencies(dim, base) / factor, 1.0


def _ntk(dim: int, base: float, factor: float, trained: int) -> tuple[np.ndarray, float]:
    return _frequencies(dim, base * factor ** (dim / (dim - 2))), 1.0


def _yarn(dim: int, base: float, factor: float, trained: int) -> tuple[np.ndarray, float]:
    """Blended over the numbers of pairs between 32 turns and 1 turn in a text of the training."""
    often, once = (dim * math.log(trained / (turns * 2 * math.pi)) / (2 * math.log(base)) for turns in (32, 1))
    low, high = max(math.floor(often), 0), min(math.ceil(once), dim - 1)
    slowed = np.clip((np.arange(dim // 2) - low) / max(high - low, 0.001), 0, 1)
    return _frequencies(dim, base) * (slowed / factor + 1 - slowed), 0.1 * math.log(factor) + 1


def _llama3(dim: int, base: float, factor: float, trained: int) -> tuple[np.ndarray, float]:
    """Blended over the numbers of turns between 4 and 1 in a text of the training."""
    rates = _frequencies(dim, base)
    kept = np.clip((trained * rates / (2 * math.pi) - 1) / (4 - 1), 0, 1)
    return rates * (kept + (1 - kept) / factor), 1.0


_SCALINGS = {"linear": _linear, "ntk": _ntk, "yarn": _yarn, "llama3": _llama3}
"""From dim, base, factor and length of the training to the rates of pairs, and how much longer features get."""


# Added to scores -------------------------------------------------------------------------------------------------------
class _DistanceBias(Module):
    """A number for every head and distance of key and query."""

    num_heads: int

    def diagonals(self, queries: int, keys: int, offset: int = 0, like: Tensor | None = None) -> Tensor:
        """One number for each diagonal of the scores, (num_heads, queries + keys - 1).

        Number d is for pairs in which key - query is ``d - queries + 1``, both counted from 0 although the first query
        stands at position `offset` of the keys. What is not learned has the dtype and device of `like`.
        """
        return self._at(np.arange(1 - queries, keys) - offset, like)

    def forward(self, queries: int, keys: int, offset: int = 0) -> Tensor:
        """The whole matrix (num_heads, queries, keys) for queries from position `offset` on."""
        places = np.arange(keys) - np.arange(queries)[:, None] + queries - 1
        line = self.diagonals(queries, keys, offset)
        return ops.take(line, constant(places, line), axis=-1)

    def _at(self, distances: np.ndarray, like: Tensor | None) -> Tensor:
        """(num_heads, n) for the positions of keys minus those of queries."""
        raise NotImplementedError


class ALiBi(_DistanceBias):
    """Attention with linear biases: a score falls with the distance, ``- slope |key - query|`` (Press et al. 2022).

    The slopes are ``2^(-8 i / heads)`` for i from 1 to a power of two of heads; heads beyond it lie between them.

    Parameters
    ----------
    num_heads : int
        Heads of the attention.

    Shapes
    ------
    How many queries and keys there are, L and S; output (num_heads, L, S), which is added to scores.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.ALiBi(8)(2, 2)[0].tolist()
    [[0.0, -0.5], [-0.5, 0.0]]
    """

    def __init__(self, num_heads: int) -> None:
        super().__init__()
        _check_count("ALiBi", "num_heads", num_heads)
        self.num_heads = num_heads

    @property
    def slopes(self) -> list[float]:
        """How fast the scores of each head fall."""
        power = 2 ** int(math.log2(self.num_heads))
        between = [2.0 ** (-4 * i / power) for i in range(1, 2 * (self.num_heads - power), 2)]
        return [2.0 ** (-8 * i / power) for i in range(1, power + 1)] + between

    def _at(self, distances: np.ndarray, like: Tensor | None) -> Tensor:
        falls = np.outer(self.slopes, -np.abs(distances))
        return as_tensor(falls.astype(np.float32)) if like is None else constant(falls, like).to(like.dtype)

    def extra_repr(self) -> str:
        """Settings."""
        return f"{self.num_heads}"


class RelativePositionBias(_DistanceBias):
    """A learned number for every head and range of distances, as in T5 (Raffel et al. 2020).

    ``scores[h, i, j] + weight[bucket(j - i), h]``: near distances have a bucket each, far ones share buckets whose widths grow exponentially up to `max_distance`.

    Parameters
    ----------
    num_heads : int
        Heads of the attention.
    num_buckets : int
        How many ranges of distances.
    max_distance : int
        This and every greater distance share the last bucket.
    bidirectional : bool
        Keys behind and ahead have half of the buckets each; else all keys ahead share the bucket of distance 0.

    Shapes
    ------
    How many queries and keys there are, L and S; output (num_heads, L, S), which is added to scores; ``weight``
    (num_buckets, num_heads).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.RelativePositionBias(4)(3, 5).shape
    (4, 3, 5)
    """

    def __init__(self, num_heads: int, num_buckets: int = 32, max_distance: int = 128, bidirectional: bool = True,
                 device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        _check_count("RelativePositionBias", "num_heads", num_heads)
        if num_buckets < 4 or (bidirectional and num_buckets % 2) or max_distance <= num_buckets:
            raise ArgumentError(f"RelativePositionBias: num_buckets={num_buckets}, max_distance={max_distance}; expected at least 4 "
                                "buckets, an even number if bidirectional, and a greater distance")
        self.num_heads, self.num_buckets = num_heads, num_buckets
        self.max_distance, self.bidirectional = max_distance, bidirectional
        self.weight = init.normal_(Parameter(ops.empty(num_buckets, num_heads, device=device, dtype=dtype)))

    def _at(self, distances: np.ndarray, like: Tensor | None) -> Tensor:
        return self.weight[constant(self.buckets(distances), self.weight)].T

    def buckets(self, distances: np.ndarray) -> np.ndarray:
        """The bucket of each distance."""
        count = self.num_buckets // 2 if self.bidirectional else self.num_buckets
        away = np.abs(distances) if self.bidirectional else np.maximum(-distances, 0)
        near = count // 2
        grown = np.log(np.maximum(away, near) / near) / math.log(self.max_distance / near) * (count - near)
        bucket = np.where(away < near, away, np.minimum(near + grown.astype(int), count - 1))
        return bucket + count * (distances > 0) if self.bidirectional else bucket

    def extra_repr(self) -> str:
        """Settings."""
        return f"{self.num_heads}, {self.num_buckets}, {self.max_distance}, bidirectional={self.bidirectional}"


def _frequencies(dim: int, base: float) -> np.ndarray:
    return base ** (-np.arange(0, dim, 2) / dim)


def _check_even(what: str, name: str, number: int) -> None:
    if number < 2 or number % 2:
        raise ArgumentError(f"{what}: {name}={number}; expected an even number, as features are taken in pairs")


def _check_count(what: str, name: str, number: int) -> None:
    if number < 1:
        raise ArgumentError(f"{what}: {name}={number}; expected at least 1")


def _check_width(what: str, x: Tensor, width: int) -> None:
    if x.ndim < 2 or x.shape[-1] != width:
        raise ShapeError(f"{what}: an input of shape {tuple(x.shape)}; expected (..., L, {width})")
