"""Lazy layers: the length of their input is found at the first call. One row each: the layer, and where the length is.

A lazy layer becomes the plain one in its place, at the first call or when a state is loaded into it.
"""
from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from .. import ops
from ..core import Tensor
from ..core.errors import ShapeError
from ..core.recorded import Recipe
from ..core.state import STATE
from .conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .linear import Linear
from .module import Module
from .normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from .parameter import UninitializedBuffer, UninitializedParameter, _Uninitialized


class LazyModule(Module):
    """Base of the lazy layers: all settings of the plain layer but one, which the first input tells."""

    plain: type[Module]
    inferred: str
    axis: int
    ranks: tuple[int, ...] | None
    told_by: dict[str, int]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        bound = inspect.signature(type(self)).bind(*args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
        state = ops.random.get_rng_state()
        self.plain.__init__(self, **{self.inferred: 0}, **given)
        ops.random.set_rng_state(state)  # nothing is drawn before the numbers are wanted
        self._given = dict(given)
        for name, tensor in self._own_parameters().items():
            setattr(self, name, UninitializedParameter(tensor.requires_grad, tensor.device, tensor.dtype))
        for name, tensor in self._own_buffers().items():
            if tensor.dtype.kind == "f":
                setattr(self, name, UninitializedBuffer(False, tensor.device, tensor.dtype))

    def has_uninitialized_params(self) -> bool:
        """Always True: with its first input the layer becomes another."""
        return True

    def initialize_parameters(self, x: Tensor) -> None:
        """Become the plain layer for inputs like `x`, without computing anything."""
        if STATE.trace is not None:
            raise STATE.trace.not_ready(f"{type(self).__name__} has no weights yet")
        if x.ndim < 1 or (self.ranks is not None and x.ndim not in self.ranks):
            wanted = "at least one axis" if self.ranks is None else f"{' or '.join(map(str, self.ranks))} axes"
            raise ShapeError(f"{type(self).__name__}: expected an input of {wanted}, got {tuple(x.shape)}")
        self._become(self._sized(x.shape[self.axis]))

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """What the plain layer computes."""
        self.initialize_parameters(x)
        return self.forward(x, *args, **kwargs)  # by now that of the plain layer

    def _sized(self, length: int) -> Module:
        """A plain layer for inputs of this length, of the dtype and on the device that this one has by now."""
        held = next((t for t in vars(self).values() if isinstance(t, _Uninitialized)), None)
        return self.plain(**{self.inferred: length}, **self._given | ({} if held is None else {"dtype": held.dtype, "device": held.device}))

    def _draft(self, state: Mapping[str, Any], prefix: str) -> Module | None:
        for name, axis in self.told_by.items():
            value = state.get(prefix + name)
            if value is not None and isinstance(getattr(self, name), _Uninitialized) and value.ndim > axis:
                return self._sized(value.shape[axis] * (getattr(self, "groups", 1) if axis == 1 else 1))
        return None

    def _become(self, plain: Module) -> None:
        for name, tensor in vars(self).items():
            if isinstance(tensor, _Uninitialized):
                tensor.materialize(vars(plain)[name].shape)
                tensor.data = vars(plain)[name].data
        length = vars(plain)[self.inferred]
        vars(self).update({self.inferred: length, "_recipe": Recipe(type(plain), (), {self.inferred: length, **self._given})})
        del self._given
        self.__class__ = type(plain)


def _lazy(plain: type[Module], inferred: str, axis: int, ranks: tuple[int, ...] | None, about: str, call: tuple[str, str],
          told_by: dict[str, int], **defaults: Any) -> type[LazyModule]:
    """The lazy form of `plain`; `call` is how its example is made and called, `told_by` the axes of its state that have the length."""
    formula = inspect.getdoc(plain).split("\n\nParameters\n")[0].split("\n\nShapes\n")[0]
    doc = (f"`{plain.__name__}` whose `{inferred}` is {about}.\n\n{formula}\n\nThe other parameters are those of `{plain.__name__}`; after the first call "
           f"it is one.\n\nExamples\n--------\n>>> import workbench as wb\n>>> layer = wb.nn.Lazy{plain.__name__}{call[0]}\n"
           f">>> y = layer(wb.ones({call[1]}))\n>>> type(layer).__name__, layer.{inferred}\n('{plain.__name__}', 3)")
    kind = type(f"Lazy{plain.__name__}", (LazyModule, plain), {"plain": plain, "inferred": inferred, "axis": axis, "ranks": ranks, "told_by": told_by,
                                                               "__doc__": doc, "__module__": __name__})
    known = inspect.signature(plain)
    others = (p.replace(default=defaults.get(name, p.default)) for name, p in known.parameters.items() if name != inferred)
    kind.__signature__ = known.replace(parameters=list(others))
    return kind


_PER_CHANNEL = {"weight": 0, "bias": 0, "running_mean": 0}

LazyLinear = _lazy(Linear, "in_features", -1, None, "the last axis of its first input", ("(4)", "2, 3"), {"weight": 1})
LazyConv1d, LazyConv2d, LazyConv3d = (
    _lazy(plain, "in_channels", -n - 1, (n + 1, n + 2), "the number of channels of its first input", ("(4, 3)", f"2, 3{', 8' * n}"), {"weight": 1})
    for n, plain in enumerate((Conv1d, Conv2d, Conv3d), 1))
LazyConvTranspose1d, LazyConvTranspose2d, LazyConvTranspose3d = (
    _lazy(plain, "in_channels", -n - 1, (n + 1, n + 2), "the number of channels of its first input", ("(4, 3)", f"2, 3{', 4' * n}"), {"weight": 0})
    for n, plain in enumerate((ConvTranspose1d, ConvTranspose2d, ConvTranspose3d), 1))
LazyBatchNorm1d, LazyBatchNorm2d, LazyBatchNorm3d = (
    _lazy(plain, "num_features", 1, plain.ranks, "the number of channels of its first input", ("()", f"2, 3{', 4' * n}"), _PER_CHANNEL)
    for n, plain in enumerate((BatchNorm1d, BatchNorm2d, BatchNorm3d), 1))
LazyInstanceNorm1d, LazyInstanceNorm2d, LazyInstanceNorm3d = (
    _lazy(plain, "num_features", -plain.ranks[0], plain.ranks, "the number of channels of its first input", ("()", f"2, 3{', 4' * n}"), _PER_CHANNEL,
          affine=True, track_running_stats=True) for n, plain in enumerate((InstanceNorm1d, InstanceNorm2d, InstanceNorm3d), 1))

__all__ = sorted(name for name, value in vars().items() if isinstance(value, type) and issubclass(value, LazyModule) and value is not LazyModule)
