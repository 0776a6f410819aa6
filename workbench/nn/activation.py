"""Activation layers: element-wise functions (and softmax) as modules, one row each.

A row reads: function, the names and defaults of its arguments, and the formula for the docstring. The classes are
made from the rows, so an activation is added in one line. ``inplace`` is accepted so that code carries over; the input
is never overwritten, its memory may be wanted by the tape.
"""
from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .. import ops
from ..core import Tensor
from ..core.errors import ShapeError
from . import functional as F
from .module import Module
from .parameter import Parameter

_REQUIRED = inspect.Parameter.empty


class Activation(Module):
    """Base of the layers that apply one function; settings are the function's arguments."""

    function: Callable[..., Tensor]
    defaults: dict[str, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        bound = inspect.signature(_stub(self.defaults)).bind(*args, **kwargs)
        bound.apply_defaults()
        self.settings = {name: value for name, value in bound.arguments.items() if name != "inplace"}

    def forward(self, x: Tensor) -> Tensor:
        """The function of x."""
        return type(self).function(x, **self.settings)

    def extra_repr(self) -> str:
        """Settings."""
        return ", ".join(f"{name}={value!r}" for name, value in self.settings.items())


def _stub(defaults: dict[str, Any]) -> Callable[..., None]:
    def takes() -> None:
        """Carries the signature that a row describes."""

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    takes.__signature__ = inspect.Signature(
        [inspect.Parameter(name, kind, default=default) for name, default in defaults.items()])
    return takes


_SAME = "Any shape to the same shape."


def _activation(name: str, function: Callable[..., Tensor], formula: str, example: str = "", shapes: str = _SAME,
                **defaults: Any) -> type[Activation]:
    """The class of one row; `example` holds the arguments that its docstring makes it with."""
    lines = [f"{key} : {type(value).__name__}\n    {value!r} by default." if value is not _REQUIRED
             else f"{key} : float"
             for key, value in defaults.items() if key != "inplace"]
    parameters = "\n".join(["\n\nParameters\n----------", *lines]) if lines else ""
    doc = (f"{formula}{parameters}\n\nShapes\n------\n{shapes}\n\nExamples\n--------\n"
           f">>> import workbench as wb\n>>> wb.nn.{name}({example})(wb.tensor([[-1.0, 2.0]])).ndim\n2")
    kind = type(name, (Activation,), {"function": staticmethod(function), "defaults": defaults, "__doc__": doc,
                                      "__module__": __name__})
    kind.__signature__ = inspect.signature(_stub(defaults))
    return kind


ReLU = _activation("ReLU", F.relu, "``max(x, 0)``.", inplace=False)
ReLU6 = _activation("ReLU6", F.relu6, "``min(max(x, 0), 6)``.", inplace=False)
LeakyReLU = _activation("LeakyReLU", F.leaky_relu, "x where positive, else ``negative_slope x`` (Maas et al. 2013).",
                        negative_slope=0.01, inplace=False)
ELU = _activation("ELU", F.elu, "x where positive, else ``alpha (exp(x) - 1)`` (Clevert et al. 2015).", alpha=1.0,
                  inplace=False)
CELU = _activation("CELU", F.celu, "x where positive, else ``alpha (exp(x / alpha) - 1)`` (Barron 2017).", alpha=1.0,
                   inplace=False)
SELU = _activation("SELU", F.selu, "Scaled ELU that keeps mean 0 and variance 1 (Klambauer et al. 2017).",
                   inplace=False)
GELU = _activation("GELU", F.gelu, "x times the normal distribution function of x (Hendrycks and Gimpel 2016).",
                   approximate="none")
SiLU = _activation("SiLU", F.silu, "``x sigmoid(x)`` (Elfwing et al. 2017).", inplace=False)
Mish = _activation("Mish", F.mish, "``x tanh(softplus(x))`` (Misra 2019).", inplace=False)
Softplus = _activation("Softplus", F.softplus, "``log(1 + exp(beta x)) / beta``.", beta=1.0, threshold=20.0)
Softsign = _activation("Softsign", F.softsign, "``x / (1 + abs(x))``.")
Sigmoid = _activation("Sigmoid", F.sigmoid, "``1 / (1 + exp(-x))``.")
LogSigmoid = _activation("LogSigmoid", F.logsigmoid, "``log(sigmoid(x))``.")
Tanh = _activation("Tanh", F.tanh, "``tanh(x)``.")
Tanhshrink = _activation("Tanhshrink", F.tanhshrink, "``x - tanh(x)``.")
Hardtanh = _activation("Hardtanh", F.hardtanh, "x limited to an interval.", min_val=-1.0, max_val=1.0, inplace=False)
Hardsigmoid = _activation("Hardsigmoid", F.hardsigmoid, "``relu6(x + 3) / 6`` (Howard et al. 2019).", inplace=False)
Hardswish = _activation("Hardswish", F.hardswish, "``x relu6(x + 3) / 6`` (Howard et al. 2019).", inplace=False)
Softshrink = _activation("Softshrink", F.softshrink, "x moved towards zero by `lambd`, zero within it.", lambd=0.5)
Hardshrink = _activation("Hardshrink", F.hardshrink, "x, or zero where ``abs(x) <= lambd``.", lambd=0.5)
Threshold = _activation("Threshold", F.threshold, "x where above `threshold`, else `value`.", "0.5, 0.0",
                        threshold=_REQUIRED, value=_REQUIRED, inplace=False)
Softmax = _activation("Softmax", lambda x, dim: F.softmax(x, _axis(x, dim)), "Exponentials over their sum along `dim`.",
                      dim=None)
LogSoftmax = _activation("LogSoftmax", lambda x, dim: F.log_softmax(x, _axis(x, dim)),
                         "Logarithm of softmax along `dim`.", dim=None)
Softmin = _activation("Softmin", lambda x, dim: F.softmin(x, _axis(x, dim)), "Softmax of -x along `dim`.", dim=None)
_HALF = "Any shape to the same shape with `dim` half as long."
GLU = _activation("GLU", F.glu, "First half of `dim` times the sigmoid of the second (Dauphin et al. 2016).", shapes=_HALF,
                  dim=-1)
SwiGLU = _activation("SwiGLU", F.swiglu, "`SiLU` of the first half of `dim` times the second (Shazeer 2020).",
                     shapes=_HALF, dim=-1)
GeGLU = _activation("GeGLU", F.geglu, "`GELU` of the first half of `dim` times the second (Shazeer 2020).",
                    shapes=_HALF, dim=-1)
ReGLU = _activation("ReGLU", F.reglu, "`ReLU` of the first half of `dim` times the second (Shazeer 2020).",
                    shapes=_HALF, dim=-1)
Maxout = _activation("Maxout", F.maxout, "The largest of every `num_pieces` neighbours along `dim` (Goodfellow et al. 2013).",
                     shapes="Any shape to the same shape with `dim` shorter by that factor.", num_pieces=2, dim=-1)
SquaredReLU = _activation("SquaredReLU", F.squared_relu, "``max(x, 0)`` squared (So et al. 2021).")


def _axis(x: Tensor, dim: int | None) -> int:
    """PyTorch's choice when no dim is given: axis 0 for 0, 1 and 3 axes, else axis 1."""
    return dim if dim is not None else 0 if x.ndim in (0, 1, 3) else 1


class Softmax2d(Module):
    """Softmax over the channels of (N, C, H, W) or (C, H, W).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.Softmax2d()(wb.zeros(1, 2, 1, 1)).flatten().tolist()
    [0.5, 0.5]
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to the same shape."""
        if x.ndim not in (3, 4):
            raise ShapeError(f"Softmax2d: expected an input (N, C, H, W) or (C, H, W), got {tuple(x.shape)}")
        return F.softmax(x, -3)


class RReLU(Module):
    """x where positive, else x times a slope drawn between `lower` and `upper`; the mean slope in evaluation (Xu et al. 2015).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.RReLU(0.5, 0.5)(wb.tensor([-2.0])).item()
    -1.0
    """

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower, self.upper = lower, upper

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return F.rrelu(x, self.lower, self.upper, self.training)

    def extra_repr(self) -> str:
        """Settings."""
        return f"lower={self.lower}, upper={self.upper}"


class PReLU(Module):
    """x where positive, else ``weight x`` with a learned weight, one for all or one per channel (He et al. 2015).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.PReLU()(wb.tensor([-4.0])).item()
    -1.0
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25, device: str | None = None,
                 dtype: Any = None) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.weight = Parameter(ops.full((num_parameters,), float(init), device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, ...) to the same shape."""
        if self.num_parameters > 1 and (x.ndim < 2 or x.shape[1] != self.num_parameters):
            raise ShapeError(f"PReLU: expected {self.num_parameters} channels (num_parameters) on axis 1, got "
                             f"{tuple(x.shape)}")
        return F.prelu(x, self.weight)

    def extra_repr(self) -> str:
        """Settings."""
        return f"num_parameters={self.num_parameters}"
