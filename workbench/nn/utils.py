"""Helpers on the parameters of a model. Limits on gradients are found here too, where PyTorch has them."""
from __future__ import annotations

import pkgutil
from collections.abc import Iterable, MutableMapping
from typing import Any

from .. import ops
from ..core import Tensor, no_grad
from ..core.errors import ShapeError
from . import packing as rnn  # noqa: F401 - `nn.utils.rnn`, as in PyTorch
from . import parametrizations, parametrize  # noqa: F401 - part of this namespace
from .fusion import fuse_conv_bn_eval, fuse_conv_bn_weights, fuse_linear_bn_eval, fuse_linear_bn_weights  # noqa: F401 - part of this namespace


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters as one vector.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.utils.parameters_to_vector(wb.nn.Linear(2, 1).parameters()).shape
    (3,)
    """
    return ops.concat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vector: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write a vector back into parameters, in place."""
    held = list(parameters)
    if vector.size != sum(parameter.size for parameter in held):
        raise ShapeError(f"vector_to_parameters: {vector.size} numbers for {sum(p.size for p in held)} in the "
                         f"parameters")
    start = 0
    with no_grad():
        for parameter in held:
            parameter.copy_(vector[start:start + parameter.size].reshape(parameter.shape))
            start += parameter.size


def consume_prefix_in_state_dict_if_present(state_dict: MutableMapping[str, Any], prefix: str) -> None:
    """Take `prefix` (such as ``"module."``) off the names of a state dict, in place; the order stays.

    Examples
    --------
    >>> import workbench as wb
    >>> state = {"module.weight": wb.ones(1), "bias": wb.ones(1)}
    >>> wb.nn.utils.consume_prefix_in_state_dict_if_present(state, "module."); list(state)
    ['weight', 'bias']
    """
    for name in list(state_dict):
        state_dict[name.removeprefix(prefix)] = state_dict.pop(name)


_CLIPPING = ("clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm")


def __dir__() -> list[str]:
    return [*globals(), *_CLIPPING]


def __getattr__(name: str) -> Any:
    # `optim` is a sibling of `nn`: neither imports the other when it loads.
    if name in _CLIPPING:
        return pkgutil.resolve_name(f"workbench.optim:{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
