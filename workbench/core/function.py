"""`Function`: a function with a derivative of its own, in PyTorch's form of a class.

It is `custom_vjp` underneath, so higher derivatives, forward mode, vmap and jit come with it.
"""
from __future__ import annotations

import copy
from typing import Any

from .errors import ArgumentError
from .rules import custom_vjp
from .tensor import Tensor


class FunctionContext:
    """What `Function.forward` hands to `Function.backward`: saved tensors, and any other attribute that is set on it.

    Attributes
    ----------
    saved_tensors : tuple of Tensor or None
        What `save_for_backward` was given.
    needs_input_grad : tuple of bool
        For every argument of `Function.apply`: will its gradient be used?
    """

    def __init__(self, needs_input_grad: tuple[bool, ...]) -> None:
        self.needs_input_grad = needs_input_grad
        self.saved_tensors: tuple[Tensor | None, ...] = ()
        self._constant: frozenset[int] = frozenset()

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs, outputs or values between for the backward."""
        if wrong := [type(t).__name__ for t in tensors if t is not None and not isinstance(t, Tensor)]:
            raise ArgumentError(f"save_for_backward: got a {wrong[0]}; it takes tensors, anything else is set as an attribute of ctx")
        self.saved_tensors = tensors

    def mark_non_differentiable(self, *outputs: Tensor) -> None:
        """Say that these outputs have no gradient, such as indices."""
        self._constant = frozenset(map(id, outputs))


class Function:
    """A function whose derivative you write: subclass it, and call ``YourFunction.apply(...)``.

    `forward` and `backward` are static methods. `forward` takes a `FunctionContext` and the arguments of `apply`, tensors or not.
    `backward` takes the context and one gradient for each output, and returns one gradient for each argument, None for those that
    have none. With a static method ``setup_context(ctx, inputs, output)``, `forward` takes the arguments only.

    Raises
    ------
    ArgumentError
        If `backward` returns another number of gradients than there are arguments.

    Examples
    --------
    >>> import workbench as wb
    >>> class Cube(wb.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x ** 3
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         x, = ctx.saved_tensors
    ...         return grad * 3 * x ** 2
    >>> x = wb.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward(); x.grad
    tensor(12.)
    """

    @staticmethod
    def forward(*args: Any) -> Any:
        """Compute; ``forward(ctx, *args)``, or ``forward(*args)`` beside a `setup_context`."""
        raise NotImplementedError("a Function needs a static method forward(ctx, ...)")

    setup_context: Any = None
    """``setup_context(ctx, inputs, output)``: fill the context apart from `forward`."""

    @staticmethod
    def backward(ctx: FunctionContext, *grads: Tensor) -> Any:
        """The gradient of every argument, given that of every output."""
        raise NotImplementedError("a Function that is differentiated needs a static method backward(ctx, *grads)")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Call the function on tensors and whatever else it takes."""
        tensors = [place for place, arg in enumerate(args) if isinstance(arg, Tensor)]
        needs = tuple(isinstance(arg, Tensor) and arg.requires_grad for arg in args)
        last = FunctionContext(needs)

        def forward(*values: Tensor) -> tuple[Any, tuple]:
            nonlocal last
            last = FunctionContext(needs)
            given = list(args)
            for place, value in zip(tensors, values, strict=True):
                given[place] = value
            if cls.setup_context is None:
                output = cls.forward(last, *given)
            else:
                output = cls.forward(*given)
                cls.setup_context(last, tuple(given), output)
            last._constant = frozenset(place for place, out in enumerate(_as_tuple(output)) if id(out) in last._constant)
            return output, last.saved_tensors

        def backward(saved: tuple, cotangent: Any) -> tuple:
            ctx = copy.copy(last)
            ctx.saved_tensors = tuple(saved)
            found = _as_tuple(cls.backward(ctx, *_as_tuple(cotangent)))
            if len(found) != len(args):
                raise ArgumentError(f"{cls.__name__}: backward returned {len(found)} gradients for {len(args)} arguments of apply; return one for "
                                    "each, None for those without")
            return tuple(found[place] for place in tensors)

        rule = custom_vjp(lambda *values: forward(*values)[0], forward, backward)
        rule.function.__name__ = cls.__name__
        output = rule(*(args[place] for place in tensors))
        if not last._constant:
            return output
        outputs = tuple(out.detach() if place in last._constant else out for place, out in enumerate(_as_tuple(output)))
        return outputs if isinstance(output, (tuple, list)) else outputs[0]


def _as_tuple(value: Any) -> tuple:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)
