"""What a loss looks like around a point, from products with its Hessian: Gauss-Newton and Fisher products, the diagonal, the
trace, the spectrum; and the gradients of single examples.

Nothing here forms a Hessian. Points and directions are trees, so modules serve as they are. Random directions come from
a seed given in the call and leave the global generator alone.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..backend import arrays
from . import tree
from .derivatives import _basis, _over, hvp
from .errors import ArgumentError, ShapeError
from .forward import jvp
from .reverse import grad, vjp
from .tensor import Tensor, as_tensor
from .vectorize import vmap


def ggnvp(loss: Callable[[Any], Any], model_fn: Callable[[Any], Any], params: Any, v: Any) -> Any:
    """The generalized Gauss-Newton matrix times a vector: ``J' H J v``.

    J is the Jacobian of the model by its parameters, H the Hessian of the loss by the model's outputs. For a convex loss
    the matrix has no negative eigenvalues; for cross-entropy and squared error it is the Fisher matrix (Schraudolph
    2002; Martens 2020, arXiv:1412.1193).

    Parameters
    ----------
    loss : callable
        From the outputs to a tensor with one element.
    model_fn : callable
        From the parameters to the outputs (a tree).
    params, v : tree of Tensor
        Where, and in which direction.

    Returns
    -------
    tree like `params`

    Examples
    --------
    >>> import workbench as wb
    >>> x = wb.tensor([1.0, 2.0])
    >>> wb.ggnvp(lambda y: (y ** 2).sum(), lambda w: w * x, wb.zeros(2), wb.ones(2))
    tensor([2., 8.])
    """
    outputs, pullback = vjp(model_fn, params)
    _, moved = jvp(model_fn, (params,), (v,))
    _, curved = jvp(grad(loss), (outputs,), (moved,))
    return pullback(curved)[0]


def fisher_vector_product(losses: Callable[[Any], Any], params: Any, v: Any) -> Any:
    """The empirical Fisher matrix times a vector: the mean over the examples of ``g g' v``.

    Parameters
    ----------
    losses : callable
        From the parameters to the losses of the examples (their negative log-likelihoods), shape (N,).
    params, v : tree of Tensor

    Returns
    -------
    tree like `params`

    Raises
    ------
    ShapeError
        If `losses` does not return one axis.

    Notes
    -----
    With labels drawn from the model itself instead of the data this is the true Fisher matrix; with the data's labels it
    is not (Kunstner et al. 2019, arXiv:1905.12558). Compare `ggnvp`.

    Examples
    --------
    >>> import workbench as wb
    >>> x = wb.tensor([[1.0, 0.0], [0.0, 2.0]])
    >>> wb.fisher_vector_product(lambda w: x @ w, wb.zeros(2), wb.ones(2))
    tensor([0.5, 2. ])
    """
    values, pullback = vjp(losses, params)
    if values.ndim != 1:
        raise ShapeError(f"fisher_vector_product: losses returned shape {tuple(values.shape)}; expected one loss per example, (N,)")
    _, moved = jvp(losses, (params,), (v,))
    return pullback(moved / max(values.size, 1))[0]


def per_sample_grads(loss_fn: Callable[..., Any], *, randomness: str = "error") -> Callable[..., Any]:
    """A function that computes the gradient of every single example, all at once.

    Parameters
    ----------
    loss_fn : callable
        ``loss_fn(params, input, target)`` of one example (any number of arguments after the parameters) returns a tensor
        with one element.
    randomness : {"error", "different", "same"}
        What random functions inside do, as in `vmap`.

    Returns
    -------
    callable
        ``(params, inputs, targets)`` to a tree like `params`, with the examples along a new first axis.

    Examples
    --------
    >>> import workbench as wb
    >>> loss = lambda w, x, y: ((x * w).sum() - y) ** 2
    >>> wb.per_sample_grads(loss)(wb.ones(2), wb.tensor([[1.0, 0.0], [1.0, 1.0]]), wb.tensor([0.0, 1.0]))
    tensor([[2., 0.],
            [2., 2.]])
    """
    single = grad(loss_fn)

    def gradients(params: Any, *data: Any) -> Any:
        return vmap(single, in_axes=(None, *[0] * len(data)), randomness=randomness)(params, *data)

    return gradients


def hessian_diagonal(function: Callable[[Any], Any], params: Any, *, samples: int | None = None, seed: int = 0,
                     chunk_size: int | None = None) -> Any:
    """The diagonal of the Hessian of a scalar function: exact, or estimated from few products.

    Parameters
    ----------
    function : callable
        From the parameters to a tensor with one element.
    params : tree of Tensor
    samples : int, optional
        None: exact, with one product per parameter. Otherwise the mean of ``z * Hz`` over so many vectors z of random
        signs (Bekas et al. 2007), exact when the Hessian is diagonal.
    seed : int
        Of the random signs.
    chunk_size : int, optional
        So many products at once when exact; None computes all together.

    Returns
    -------
    tree like `params`

    Examples
    --------
    >>> import workbench as wb
    >>> wb.hessian_diagonal(lambda x: (x ** 3).sum() + x[0] * x[1], wb.tensor([1.0, 2.0]))
    tensor([ 6., 12.])
    """
    leaves, structure = _leaves(params)
    params = structure.unflatten(leaves)

    def entry(*unit: Any) -> Any:
        product = tree.flatten(hvp(function, (params,), (structure.unflatten(unit),)))[0]
        return sum((u * p).sum() for u, p in zip(unit, product, strict=True))

    if samples is None:
        flat, parts, start = _over(_basis(leaves), entry, chunk_size), [], 0
        for leaf in leaves:
            parts.append(flat[start:start + leaf.size].reshape(tuple(leaf.shape)))
            start += leaf.size
        return structure.unflatten(parts)
    total: list[Any] = [0.0] * len(leaves)
    for signs in _signs(leaves, samples, seed):
        product = tree.flatten(hvp(function, (params,), (structure.unflatten(signs),)))[0]
        total = [sum_ + z * p for sum_, z, p in zip(total, signs, product, strict=True)]
    return structure.unflatten([part / samples for part in total])


def hutchinson_trace(function: Callable[[Any], Any], params: Any, *, samples: int = 32, seed: int = 0) -> Tensor:
    """An estimate of the trace of the Hessian: the mean of ``z' H z`` over random signs (Hutchinson 1990).

    Parameters
    ----------
    function : callable
        From the parameters to a tensor with one element.
    params : tree of Tensor
    samples : int
        How many vectors; the error falls with the square root, and is zero for a diagonal Hessian.
    seed : int

    Returns
    -------
    Tensor
        Shape ().

    Examples
    --------
    >>> import workbench as wb
    >>> wb.hutchinson_trace(lambda x: (x ** 3).sum(), wb.tensor([1.0, 2.0]), samples=3)
    tensor(18.)
    """
    leaves, structure = _leaves(params)
    params = structure.unflatten(leaves)
    total: Any = 0.0
    for signs in _signs(leaves, samples, seed):
        product = tree.flatten(hvp(function, (params,), (structure.unflatten(signs),)))[0]
        total = total + sum((z * p).sum() for z, p in zip(signs, product, strict=True))
    return total / samples


def _leaves(params: Any) -> tuple[list[Tensor], tree.Structure]:
    leaves, structure = tree.flatten(params)
    if not leaves:
        raise ArgumentError("the parameters are an empty tree; expected at least one tensor")
    return [as_tensor(leaf) for leaf in leaves], structure


def _signs(leaves: list[Tensor], samples: int, seed: int) -> Iterator[list[Tensor]]:
    """Vectors of random signs in the shapes of the leaves."""
    if not isinstance(samples, int) or samples < 1:
        raise ArgumentError(f"samples={samples!r}; expected a positive integer")
    generator = np.random.default_rng(seed)
    for _ in range(samples):
        yield [_placed(generator.integers(0, 2, tuple(leaf.shape)) * 2 - 1, leaf) for leaf in leaves]


def _placed(values: np.ndarray, like: Tensor) -> Tensor:
    """Numbers with the dtype and on the device of `like`."""
    return as_tensor(values.astype(like.dtype), device=arrays.place_of(like))
