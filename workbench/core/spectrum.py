"""The spectrum of a matrix that is known only by its products: Lanczos' method, and densities from it.

Apart from `curvature`, because nothing here is special to Hessians: any symmetric product will do.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import dtypes
from . import tree
from .derivatives import hvp
from .errors import ArgumentError, ShapeError
from .op import REGISTRY
from .state import no_grad
from .tensor import Tensor, as_tensor

Product = Callable[[Tensor], Tensor]


@dataclasses.dataclass(frozen=True)
class Tridiagonal:
    """What Lanczos' method found: ``vectors.T @ H @ vectors`` is this tridiagonal matrix.

    Attributes
    ----------
    diagonal, off_diagonal : numpy.ndarray
        Shapes (k,) and (k - 1,), float64.
    vectors : Tensor
        Orthonormal columns, shape (dimension, k); the first is where it began.
    """

    diagonal: np.ndarray
    off_diagonal: np.ndarray
    vectors: Tensor

    def matrix(self) -> np.ndarray:
        """The tridiagonal matrix, shape (k, k)."""
        return np.diag(self.diagonal) + np.diag(self.off_diagonal, 1) + np.diag(self.off_diagonal, -1)

    def eigenvalues(self) -> np.ndarray:
        """The Ritz values in ascending order, shape (k,); the outermost converge to those of the matrix first."""
        return np.linalg.eigvalsh(self.matrix())

    def weights(self) -> np.ndarray:
        """How much of the first vector belongs to each Ritz value, shape (k,); they sum to 1."""
        return np.linalg.eigh(self.matrix())[1][0] ** 2

    def eigenvectors(self) -> Tensor:
        """The Ritz vectors as columns in the order of `eigenvalues`, shape (dimension, k)."""
        rotation = np.linalg.eigh(self.matrix())[1].astype(self.vectors.dtype)
        return self.vectors @ as_tensor(rotation, device=self.vectors.device)


def lanczos(product: Product, dimension: int, steps: int, *, start: Any = None, seed: int = 0, dtype: Any = None,
            device: str | None = None) -> Tridiagonal:
    """Lanczos' method with full reorthogonalisation: the outer eigenvalues of a symmetric matrix from a few products.

    Parameters
    ----------
    product : callable
        From a vector (dimension,) to the matrix times it, for example `hessian_operator`.
    dimension : int
    steps : int
        At most so many products; fewer if the vectors reached span all that can be reached.
    start : Tensor, optional
        Where to begin, shape (dimension,); a random normal vector otherwise.
    seed : int
        Of that vector.
    dtype, device
        Of that vector; the default floating dtype, the CPU.

    Returns
    -------
    Tridiagonal

    Raises
    ------
    ArgumentError, ShapeError
        If there is nothing to do, or the start or a product does not have `dimension` entries.

    Notes
    -----
    In floating point plain Lanczos finds large eigenvalues again and again; orthogonalising twice against all earlier
    vectors prevents it (Paige 1972; Parlett 1998, section 6.9).

    Examples
    --------
    >>> import workbench as wb
    >>> scale = wb.tensor([1.0, 2.0, 5.0])
    >>> wb.lanczos(lambda v: scale * v, 3, 3).eigenvalues().round(4).tolist()
    [1.0, 2.0, 5.0]
    """
    if not isinstance(steps, int) or steps < 1 or dimension < 1:
        raise ArgumentError(f"lanczos: steps={steps!r}, dimension={dimension!r}; expected positive integers")
    if start is None:
        start = as_tensor(np.random.default_rng(seed).standard_normal(dimension).astype(dtype or dtypes.default_dtype()), device=device)
    start = as_tensor(start)
    if tuple(start.shape) != (dimension,):
        raise ShapeError(f"lanczos: a start of shape {tuple(start.shape)} for dimension={dimension}; expected ({dimension},)")
    with no_grad():
        return _run(product, start, min(steps, dimension))


def _run(product: Product, start: Tensor, steps: int) -> Tridiagonal:
    basis = (start / _length(start))[None]
    diagonal: list[float] = []
    off_diagonal: list[float] = []
    while True:
        moved = product(basis[-1])
        if tuple(moved.shape) != tuple(start.shape):
            raise ShapeError(f"lanczos: the product has shape {tuple(moved.shape)} for a vector of shape {tuple(start.shape)}")
        diagonal.append((moved * basis[-1]).sum().item())
        for _ in range(2):  # once leaves errors of the size that it removes
            moved = moved - (basis @ moved) @ basis
        length = _length(moved)
        scale = max(map(abs, (*diagonal, *off_diagonal)))
        if len(diagonal) == steps or length <= 10 * np.finfo(start.dtype).eps * scale:
            return Tridiagonal(np.array(diagonal), np.array(off_diagonal), basis.T)
        off_diagonal.append(length)
        basis = REGISTRY["concat"].call(basis, (moved / length)[None], axis=0)


def _length(vector: Tensor) -> float:
    return float((vector * vector).sum().item()) ** 0.5


def spectral_density(product: Product, dimension: int, steps: int = 64, *, probes: int = 8, points: int = 512,
                     width: float | None = None, seed: int = 0, dtype: Any = None,
                     device: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """How the eigenvalues of a symmetric matrix are spread, by stochastic Lanczos quadrature.

    Parameters
    ----------
    product, dimension, steps, seed, dtype, device
        As in `lanczos`; `steps` products for each probe.
    probes : int
        How many random starts are averaged.
    points : int
        Of the grid.
    width : float, optional
        Standard deviation of the bell that stands for an eigenvalue; 1 % of the range otherwise.

    Returns
    -------
    grid, density : numpy.ndarray
        Shapes (points,); the density integrates to 1.

    Notes
    -----
    Ghorbani, Krishnan and Xiao 2019, arXiv:1901.10159.

    Examples
    --------
    >>> import workbench as wb
    >>> scale = wb.tensor([1.0, 1.0, 5.0])
    >>> grid, density = wb.spectral_density(lambda v: scale * v, 3, probes=50)
    >>> share = density[grid < 3].sum() / density.sum()
    >>> bool(0.55 < share < 0.8)
    True
    """
    if not isinstance(probes, int) or probes < 1 or points < 2:
        raise ArgumentError(f"spectral_density: probes={probes!r}, points={points!r}; expected a positive number and at least 2")
    found = [lanczos(product, dimension, steps, seed=seed + probe, dtype=dtype, device=device) for probe in range(probes)]
    places = np.concatenate([each.eigenvalues() for each in found])
    weights = np.concatenate([each.weights() for each in found]) / probes
    low, high = places.min(), places.max()
    bell = width if width is not None else 0.01 * max(high - low, abs(high), np.finfo(np.float64).tiny)
    grid = np.linspace(low - 5 * bell, high + 5 * bell, points)
    heights = np.exp(-0.5 * ((grid[:, None] - places) / bell) ** 2) / (bell * np.sqrt(2 * np.pi))
    return grid, heights @ weights


def hessian_operator(function: Callable[[Any], Any], params: Any) -> tuple[Product, int]:
    """The Hessian of a scalar function as a product with flat vectors, and how long those are.

    Parameters
    ----------
    function : callable
        From the parameters to a tensor with one element.
    params : tree of Tensor

    Returns
    -------
    product, dimension
        As `lanczos` and `spectral_density` take them.

    Examples
    --------
    >>> import workbench as wb
    >>> product, dimension = wb.hessian_operator(lambda p: (p["w"] ** 2).sum() + p["b"] ** 4, {"w": wb.ones(2), "b": wb.tensor(1.0)})
    >>> wb.lanczos(product, dimension, 3).eigenvalues().round(3).tolist()
    [2.0, 12.0]
    """
    leaves, structure = tree.flatten(params)
    leaves = [as_tensor(leaf) for leaf in leaves]

    def product(vector: Tensor) -> Tensor:
        parts, begin = [], 0
        for leaf in leaves:
            parts.append(vector[begin:begin + leaf.size].reshape(tuple(leaf.shape)).to(leaf.dtype))
            begin += leaf.size
        columns = tree.flatten(hvp(function, (structure.unflatten(leaves),), (structure.unflatten(parts),)))[0]
        return REGISTRY["concat"].call(*(column.reshape(-1).to(vector.dtype) for column in columns), axis=0)

    return product, sum(leaf.size for leaf in leaves)
