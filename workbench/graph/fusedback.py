"""The backward of a fused op as an op: what a traced training step calls instead of differentiating the composite.

It has no derivative rule of its own, but a composite (`reference`), so a graph that holds one can itself be
differentiated, mapped and nested.
"""
from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..core import tree
from ..core.op import Op
from ..core.reverse import vjp
from ..core.tensor import Tensor


@functools.cache
def backward_of(op: Op, residual: tree.Structure, needs: tuple[bool, ...], names: tuple[str, ...]) -> Op:
    """An op of (cotangent, residuals..., inputs...) that returns the cotangents of the needed inputs."""
    count = residual.leaves

    def split(values: tuple) -> tuple[Any, Any, tuple]:
        return values[0], residual.unflatten(values[1: 1 + count]), values[1 + count:]

    def bind(xp: Any) -> Any:
        def forward(*values: Any, **params: Any) -> tuple:
            g, kept, inputs = split(values)
            found = op.joint(xp, g, needs, kept, *inputs, **params)
            return tuple(c if c.dtype == x.dtype else c.astype(x.dtype) for c, x, need in zip(found, inputs, needs, strict=False) if need)

        return forward

    def composite(*values: Any, **params: Any) -> tuple:
        g, _, inputs = split(values)
        chosen = [index for index, need in enumerate(needs) if need]

        def function(*parts: Any) -> Any:
            full = list(inputs)
            for index, part in zip(chosen, parts, strict=True):
                full[index] = part
            return op.reference(*full, **params)

        return tuple(vjp(function, *(inputs[index] for index in chosen))[1](g))

    def call(*values: Any, **params: Any) -> tuple:
        if any(isinstance(value, Tensor) for value in values):
            return composite(*values, **params)
        return bind(np)(*values, **params)

    record = Op(f"{op.name}_backward", bind, arity=None, several=True)
    record.call = call
    return record
