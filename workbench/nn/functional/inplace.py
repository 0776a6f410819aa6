"""Activations that write their result into their input: ``relu_`` and the others of PyTorch's, one row each.

On the tape they are in-place writes like any other: gradients go through, and a stale value that a rule still needs is an error.
"""
from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ...core import Tensor, mutate
from . import activation


def _in_place(function: Callable[..., Tensor], example: str = "") -> Callable[..., Tensor]:
    """The row of one function; `example` holds the arguments that its docstring calls it with."""
    def writing(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return mutate.apply(function, input, *args, **kwargs)

    signature = inspect.signature(function)
    writing.__name__ = writing.__qualname__ = f"{function.__name__}_"
    writing.__signature__ = signature.replace(parameters=[p for p in signature.parameters.values() if p.name != "inplace"])
    writing.__doc__ = (f"`{function.__name__}` written into `input`, which is returned.\n\nExamples\n--------\n>>> import workbench as wb\n"
                       f">>> x = wb.tensor([1.0, 2.0])\n>>> wb.nn.functional.{writing.__name__}(x{example}) is x\nTrue")
    return writing


relu_, elu_, celu_, selu_ = map(_in_place, (activation.relu, activation.elu, activation.celu, activation.selu))
hardtanh_, leaky_relu_, rrelu_ = map(_in_place, (activation.hardtanh, activation.leaky_relu, activation.rrelu))
threshold_ = _in_place(activation.threshold, ", 1.5, 0.0")
