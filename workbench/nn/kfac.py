"""Kronecker factors of the curvature of linear and convolution layers (K-FAC).

The Fisher block of a layer is approximated by ``A`` (of its inputs) times ``G`` (of the gradients at its outputs), in
Kronecker's sense. A layer says with ``kronecker_rows(x, g)`` what its factors are made of, here and for `optim.KFAC`; a layer of one's own may too.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from .. import ops
from ..core import Tensor, autograd, enable_grad, no_grad, tree
from ..core.errors import ArgumentError
from .module import Module


class KroneckerFactors(NamedTuple):
    """The two factors of one layer; see `kfac_factors`.

    Attributes
    ----------
    A : Tensor
        Second moment of the inputs, with a 1 at the end if the layer has a bias.
    G : Tensor
        Second moment of the gradients at the outputs.
    """

    A: Tensor
    G: Tensor


def kfac_factors(model: Module, loss: Callable[[Any, Any], Any], inputs: Any, targets: Any) -> dict[str, KroneckerFactors]:
    """The Kronecker factors ``A = E[a a']`` and ``G = E[g g']`` of every linear and convolution layer.

    With ``kron(G, A)`` the layer's block of the Fisher matrix is approximated, in the order of
    ``concat([weight.reshape(out, -1), bias[:, None]], 1).reshape(-1)``.

    Parameters
    ----------
    model : Module
        Called with `inputs`. Frozen layers and those that are not called are left out; nothing is written to ``.grad``.
    loss : callable
        ``loss(outputs, targets)`` returns the mean over the examples.
    inputs, targets : tree of Tensor
        A batch; the first axis of the first input counts the examples.

    Returns
    -------
    dict
        From the paths of layers to their factors, A of shape (in, in) or (in + 1, in + 1) with a bias, where ``in`` is
        channels times kernel size for a convolution, and G of shape (out, out). With `groups` both have an axis of
        groups in front, because the block is one of blocks.

    Raises
    ------
    ArgumentError
        If no layer of these kinds was called.

    Notes
    -----
    Where a layer meets an example at several places (pixels, tokens, repeated calls), A is a mean over the places and G a
    sum (Martens and Grosse 2015, arXiv:1503.05671; Grosse and Martens 2016, arXiv:1602.01407). With the targets of the
    data this is the empirical Fisher matrix; draw them from the model's outputs for the true one.

    Examples
    --------
    >>> import workbench as wb
    >>> model = wb.nn.Sequential(wb.nn.Linear(3, 4), wb.nn.ReLU(), wb.nn.Linear(4, 2, bias=False))
    >>> factors = wb.nn.kfac_factors(model, wb.nn.functional.mse_loss, wb.ones(5, 3), wb.zeros(5, 2))
    >>> {name: (each.A.shape, each.G.shape) for name, each in factors.items()}
    {'0': ((4, 4), (4, 4)), '2': ((4, 4), (2, 2))}
    """
    layers = {name: layer for name, layer in model.named_modules() if callable(getattr(layer, "kronecker_rows", None)) and layer.weight.requires_grad}
    calls: list[tuple[str, Tensor, Tensor]] = []
    handles = [layer.register_forward_hook(lambda _, args, output, name=name: calls.append((name, args[0].detach(), output)))
               for name, layer in layers.items()]
    try:
        with enable_grad():
            value = loss(model(inputs), targets)
    finally:
        for handle in handles:
            handle.remove()
    if not calls:
        raise ArgumentError("kfac_factors: the model called no Linear or convolution layer that is not frozen")
    gradients = autograd.grad(value, [output for *_, output in calls], allow_unused=True)
    count = tree.flatten(inputs)[0][0].shape[0]
    with no_grad():
        return {name: _factors(layers[name], [(x, g) for (called, x, _), g in zip(calls, gradients, strict=True)
                                              if called == name and g is not None], count)
                for name in dict.fromkeys(called for called, *_ in calls)}


def _factors(layer: Module, met: list[tuple[Tensor, Tensor]], count: int) -> KroneckerFactors:
    """The moments over all places where the layer met the batch."""
    rows = [layer.kronecker_rows(x, g) for x, g in met]
    a, g = (ops.concat(parts, axis=1) for parts in zip(*rows, strict=True))
    if layer.bias is not None:
        a = ops.concat([a, ops.ones_like(a[..., :1])], axis=2)
    # The loss is a mean, so the gradient of one example is `count` times that at its place.
    A, G = a.mT @ a / a.shape[1], g.mT @ g * count
    return KroneckerFactors(*(factor if len(factor) > 1 else factor[0] for factor in (A, G)))
