"""Activation layers: element-wise functions (and softmax) as modules, one row each.

A row reads: function, the names and defaults of its arguments, and the formula for the docstring. The classes are
made from the rows, so an activation is added in one line; what a setting means stands once in `_ABOUT`. ``inplace`` is accepted so that code carries over; the input
is never overwritten, its memory may be wanted by the tape.
"""
from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
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
        vars(self).update(bound.arguments)

    def forward(self, x: Tensor) -> Tensor:
        """The function of x."""
        return type(self).function(x, **self._settings())

    def extra_repr(self) -> str:
        """Settings."""
        return ", ".join(f"{name}={value!r}" for name, value in self._settings().items())

    def _settings(self) -> dict[str, Any]:
        return {name: vars(self)[name] for name in self.defaults if name != "inplace"}


def _stub(defaults: dict[str, Any]) -> Callable[..., None]:
    def takes() -> None:
        """Carries the signature that a row describes."""

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    takes.__signature__ = inspect.Signature(
        [inspect.Parameter(name, kind, default=default) for name, default in defaults.items()])
    return takes


About = Mapping[str, tuple[str, str]]


def described(name: str, defaults: Mapping[str, Any], about: About) -> str:
    """The Parameters section of a row's docstring: type and text of each setting from `about`, under ``Name.setting`` where a row differs."""
    lines = []
    for key, value in defaults.items():
        kind, text = about.get(f"{name}.{key}") or about[key]
        optional = ", optional" if value is None and "optional" not in kind else ""
        lines.append(f"{key} : {kind}{optional}\n    {text}")
    return "\n".join(["\n\nParameters\n----------", *lines]) if lines else ""


_SAME = "Any shape to the same shape."
_ABOUT: About = {
    "inplace": ("bool", "Accepted so that code carries over; the input is never overwritten."),
    "negative_slope": ("float", "Slope where x is negative."),
    "alpha": ("float", "Minus the limit far below zero."),
    "approximate": ('{"none", "tanh"}', "The exact function, or ``x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2``."),
    "beta": ("float", "The larger, the nearer to `ReLU`."),
    "Softplus.threshold": ("float", "Where ``beta x`` is above it, x itself is returned."),
    "threshold": ("float", "What x must exceed to pass."),
    "value": ("float", "Stands where x does not pass."),
    "min_val": ("float", "Lower end of the interval."),
    "max_val": ("float", "Upper end of the interval."),
    "lambd": ("float", "Half the width of the interval around zero that becomes zero."),
    "GLU.dim": ("int", "The axis that is halved."),
    "SwiGLU.dim": ("int", "The axis that is halved."),
    "GeGLU.dim": ("int", "The axis that is halved."),
    "ReGLU.dim": ("int", "The axis that is halved."),
    "Maxout.dim": ("int", "The axis along which neighbours compete."),
    "dim": ("int, optional", "The axis that adds up to one; without it axis 0 of inputs with 0, 1 or 3 axes, else axis 1."),
    "num_pieces": ("int", "How many neighbours compete; divides the length of `dim`."),
}


def _activation(name: str, function: Callable[..., Tensor], formula: str, example: str = "", shapes: str = _SAME,
                **defaults: Any) -> type[Activation]:
    """The class of one row; `example` holds the arguments that its docstring makes it with."""
    parameters = described(name, defaults, _ABOUT)
    doc = (f"{formula}{parameters}\n\nShapes\n------\n{shapes}\n\nExamples\n--------\n"
           f">>> import workbench as wb\n>>> wb.nn.{name}({example})(wb.tensor([[-1.0, 2.0]])).ndim\n2")
    kind = type(name, (Activation,), {"function": staticmethod(function), "defaults": defaults, "__doc__": doc,
                                      "__module__": __name__})
    kind.__signature__ = inspect.signature(_stub(defaults))
    return kind


ReLU = _activation("ReLU", F.relu, "``max(x, 0)`` (Nair and Hinton 2010).", inplace=False)
ReLU6 = _activation("ReLU6", F.relu6, "``min(max(x, 0), 6)`` (Krizhevsky 2010).", inplace=False)
LeakyReLU = _activation("LeakyReLU", F.leaky_relu, "``max(x, 0) + negative_slope min(x, 0)`` (Maas et al. 2013).",
                        negative_slope=0.01, inplace=False)
ELU = _activation("ELU", F.elu, "x where positive, else ``alpha (exp(x) - 1)`` (Clevert et al. 2015).", alpha=1.0,
                  inplace=False)
CELU = _activation("CELU", F.celu, "x where positive, else ``alpha (exp(x / alpha) - 1)`` (Barron 2017).", alpha=1.0,
                   inplace=False)
SELU = _activation("SELU", F.selu, "``1.0507 (max(x, 0) + min(1.6733 (exp(x) - 1), 0))``: an `ELU` that keeps mean 0 and variance 1 (Klambauer et al. 2017).",
                   inplace=False)
GELU = _activation("GELU", F.gelu, "``x P(z <= x)`` with a standard normal z (Hendrycks and Gimpel 2016).",
                   approximate="none")
SiLU = _activation("SiLU", F.silu, "``x sigmoid(x)`` (Elfwing et al. 2017).", inplace=False)
Mish = _activation("Mish", F.mish, "``x tanh(softplus(x))`` (Misra 2019).", inplace=False)
Softplus = _activation("Softplus", F.softplus, "``log(1 + exp(beta x)) / beta`` (Dugas et al. 2001).", beta=1.0, threshold=20.0)
Softsign = _activation("Softsign", F.softsign, "``x / (1 + abs(x))`` (Bergstra et al. 2009).")
Sigmoid = _activation("Sigmoid", F.sigmoid, "``1 / (1 + exp(-x))``, the logistic curve (Verhulst 1845).")
LogSigmoid = _activation("LogSigmoid", F.logsigmoid, "``log(sigmoid(x))``: the logarithm of `Sigmoid`.")
Tanh = _activation("Tanh", F.tanh, "``tanh(x)``, which keeps the mean near 0 (LeCun et al. 1998).")
Tanhshrink = _activation("Tanhshrink", F.tanhshrink, "``x - tanh(x)``.")
Hardtanh = _activation("Hardtanh", F.hardtanh, "``min(max(x, min_val), max_val)``: x limited to an interval (Collobert 2004).",
                        min_val=-1.0, max_val=1.0, inplace=False)
Hardsigmoid = _activation("Hardsigmoid", F.hardsigmoid, "``relu6(x + 3) / 6`` (Howard et al. 2019).", inplace=False)
Hardswish = _activation("Hardswish", F.hardswish, "``x relu6(x + 3) / 6`` (Howard et al. 2019).", inplace=False)
Softshrink = _activation("Softshrink", F.softshrink, "``sign(x) max(abs(x) - lambd, 0)``: x moved towards zero (Donoho 1995).", lambd=0.5)
Hardshrink = _activation("Hardshrink", F.hardshrink, "x, or 0 where ``abs(x) <= lambd`` (Donoho and Johnstone 1994).", lambd=0.5)
Threshold = _activation("Threshold", F.threshold, "x where ``x > threshold``, else `value`.", "0.5, 0.0",
                        threshold=_REQUIRED, value=_REQUIRED, inplace=False)
Softmax = _activation("Softmax", F.softmax, "``exp(x_i) / sum_j exp(x_j)`` along `dim` (Bridle 1990).",
                      dim=None)
LogSoftmax = _activation("LogSoftmax", F.log_softmax, "``x_i - log(sum_j exp(x_j))`` along `dim`: the logarithm of `Softmax` (Bridle 1990).", dim=None)
Softmin = _activation("Softmin", F.softmin, "``exp(-x_i) / sum_j exp(-x_j)`` along `dim`: `Softmax` of -x (Bridle 1990).", dim=None)
_HALF = "Any shape to the same shape with `dim` half as long."
GLU = _activation("GLU", F.glu, "``a sigmoid(b)`` with the halves a and b of `dim` (Dauphin et al. 2016).", shapes=_HALF,
                  dim=-1)
SwiGLU = _activation("SwiGLU", F.swiglu, "``silu(a) b`` with the halves a and b of `dim` (Shazeer 2020).",
                     shapes=_HALF, dim=-1)
GeGLU = _activation("GeGLU", F.geglu, "``gelu(a) b`` with the halves a and b of `dim` (Shazeer 2020).",
                    shapes=_HALF, dim=-1)
ReGLU = _activation("ReGLU", F.reglu, "``relu(a) b`` with the halves a and b of `dim` (Shazeer 2020).",
                    shapes=_HALF, dim=-1)
Maxout = _activation("Maxout", F.maxout, "``max(x[k i], ..., x[k i + k - 1])`` along `dim`, k being `num_pieces` (Goodfellow et al. 2013).",
                     shapes="Any shape to the same shape with `dim` shorter by that factor.", num_pieces=2, dim=-1)
SquaredReLU = _activation("SquaredReLU", F.squared_relu, "``max(x, 0)`` squared (So et al. 2021).")


class Softmax2d(Module):
    """``exp(x[c, h, w]) / sum_k exp(x[k, h, w])``: softmax over the channels of (N, C, H, W) or (C, H, W).

    Shapes
    ------
    Input (N, C, H, W) or (C, H, W); output of the same shape.

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

    ``y = x`` where x is positive, else ``a x`` with a drawn evenly between `lower` and `upper`, or
    ``a = (lower + upper) / 2``.

    Parameters
    ----------
    lower, upper : float
        Between these the slope is drawn.

    Shapes
    ------
    Any shape to the same shape.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.RReLU(0.5, 0.5)(wb.tensor([-2.0])).item()
    -1.0
    """

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__()
        F.activation.check_slopes(lower, upper)
        self.lower, self.upper, self.inplace = lower, upper, inplace

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return F.rrelu(x, self.lower, self.upper, self.training)

    def extra_repr(self) -> str:
        """Settings."""
        return f"lower={self.lower}, upper={self.upper}"


class PReLU(Module):
    """``max(x, 0) + weight min(x, 0)`` with a learned weight, one for all or one per channel (He et al. 2015).

    Parameters
    ----------
    num_parameters : int
        1, or the number of channels.
    init : float
        What the weight begins with.

    Shapes
    ------
    Input (N, C, ...) with C = `num_parameters`, or any shape where that is 1; output of the same shape; ``weight``
    (num_parameters,).

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
