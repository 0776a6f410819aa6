"""State-space layers: a sequence goes through linear recurrences, one small state for every channel.

Trained as a scan or a convolution over the whole sequence, used step by step with a state of fixed size.
"""
from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import ops
from ..core import Tensor
from ..core.errors import ArgumentError, ShapeError
from . import functional as F
from . import init
from .conv import Conv1d
from .linear import Linear
from .module import Module
from .parameter import Parameter


class MambaState(NamedTuple):
    """What a `Mamba` block remembers between steps."""

    conv: Tensor
    """The last inputs of the convolution, (batch, channels, d_conv)."""
    ssm: Tensor
    """The state of the scan, (batch, channels, d_state)."""


class Mamba(Module):
    """A selective state-space block: what is kept and forgotten depends on the input (Gu and Dao 2023).

    ``x, z = in_proj(input)``, ``x = silu(conv1d(x))``, ``delta, B, C = x_proj(x)``, and
    ``output = out_proj(selective_scan(x, softplus(dt_proj(delta)), -exp(A_log), B, C, D) * silu(z))``.

    Parameters
    ----------
    d_model : int
        Features of input and output.
    d_state : int
        Numbers in the state of one channel.
    d_conv : int
        Length of the causal convolution.
    expand : int
        Channels inside, as a multiple of `d_model`.
    dt_rank : int or "auto"
        Features that the step is computed from; "auto": ``d_model / 16``, rounded up.
    dt_min, dt_max : float
        Between these lie the steps at the start.
    dt_init : {"random", "constant"}
        How the weight of `dt_proj` begins.
    dt_scale, dt_init_floor : float
        The size of that weight, and the smallest step at the start.
    conv_bias, bias : bool
        Whether the convolution, and the two large projections, have one.

    Shapes
    ------
    (N, L, d_model) to the same shape; state keys are those of the authors' implementation.

    Examples
    --------
    >>> import workbench as wb
    >>> layer, x = wb.nn.Mamba(8, d_state=4), wb.randn(2, 10, 8)
    >>> y, state = layer(x, return_state=True)
    >>> following, state = layer.step(wb.randn(2, 8), state); y.shape, following.shape
    ((2, 10, 8), (2, 8))
    """

    def __init__(self, d_model: int, d_state: int = 16, d_conv: int = 4, expand: int = 2, dt_rank: int | str = "auto", dt_min: float = 0.001,
                 dt_max: float = 0.1, dt_init: str = "random", dt_scale: float = 1.0, dt_init_floor: float = 1e-4, conv_bias: bool = True,
                 bias: bool = False, device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        if min(d_model, d_state, d_conv, expand) < 1 or not 0 < dt_min <= dt_max:
            raise ArgumentError(f"Mamba: d_model={d_model}, d_state={d_state}, d_conv={d_conv}, expand={expand}, dt_min={dt_min}, dt_max={dt_max}; "
                                "expected counts, and 0 < dt_min <= dt_max")
        if dt_init not in ("random", "constant") or (isinstance(dt_rank, str) and dt_rank != "auto"):
            raise ArgumentError(f"Mamba: dt_init={dt_init!r}, dt_rank={dt_rank!r}; expected 'random' or 'constant', and a number or 'auto'")
        kind: dict[str, Any] = {"device": device, "dtype": dtype}
        self.d_model, self.d_state, self.d_conv, self.d_inner = d_model, d_state, d_conv, expand * d_model
        self.dt_rank = math.ceil(d_model / 16) if isinstance(dt_rank, str) else dt_rank
        self.A_log = Parameter(ops.log(ops.tile(ops.arange(1.0, d_state + 1.0, **kind), (self.d_inner, 1))))
        self.D = Parameter(ops.ones(self.d_inner, **kind))
        self.in_proj = Linear(d_model, 2 * self.d_inner, bias=bias, **kind)
        self.conv1d = Conv1d(self.d_inner, self.d_inner, d_conv, padding=d_conv - 1, groups=self.d_inner, bias=conv_bias, **kind)
        self.x_proj = Linear(self.d_inner, self.dt_rank + 2 * d_state, bias=False, **kind)
        self.dt_proj = Linear(self.dt_rank, self.d_inner, **kind)
        self.out_proj = Linear(self.d_inner, d_model, bias=bias, **kind)
        self._begin_steps(dt_init, self.dt_rank**-0.5 * dt_scale, (dt_min, dt_max), dt_init_floor)

    def _begin_steps(self, how: str, size: float, limits: tuple[float, float], floor: float) -> None:
        """Steps spread evenly, on a logarithmic scale, between the limits: the bias is the inverse of softplus."""
        if how == "random":
            init.uniform_(self.dt_proj.weight, -size, size)
        else:
            init.constant_(self.dt_proj.weight, size)
        bias = init.uniform_(self.dt_proj.bias, *map(math.log, limits)).detach()
        step = ops.clip(ops.exp(bias), floor, None)
        self.dt_proj.bias.data = (step + ops.log(-ops.expm1(-step))).data

    def forward(self, x: Tensor, return_state: bool = False) -> Any:
        """(N, L, d_model) to the same shape; with `return_state` a pair with the `MambaState` to go on from."""
        if x.ndim != 3 or x.shape[-1] != self.d_model:
            raise ShapeError(f"Mamba: expected an input (N, L, {self.d_model}), got {tuple(x.shape)}")
        before, z = ops.chunk(ops.transpose(self.in_proj(x), 1, 2), 2, 1)
        inner = F.silu(self.conv1d(before)[..., :x.shape[1]])
        delta, B, C = self._selected(ops.transpose(inner, 1, 2))
        delta, B, C = (ops.transpose(part, 1, 2) for part in (delta, B, C))
        y, ssm = F.selective_scan(inner, delta, -ops.exp(self.A_log), B, C, self.D, z, self.dt_proj.bias, delta_softplus=True, return_last_state=True)
        y = self.out_proj(ops.transpose(y, 1, 2))
        return (y, MambaState(F.pad(before, (self.d_conv - x.shape[1], 0)), ssm)) if return_state else y

    def _selected(self, x: Tensor) -> list[Tensor]:
        """Step (without its bias), B and C for inputs (..., channels)."""
        delta, B, C = ops.split(self.x_proj(x), [self.dt_rank, self.d_state, self.d_state], -1)
        return [F.linear(delta, self.dt_proj.weight), B, C]

    def initial_state(self, batch_size: int) -> MambaState:
        """The state before the first step: zeros."""
        kind = {"dtype": self.D.dtype, "device": self.D.device}
        return MambaState(ops.zeros(batch_size, self.d_inner, self.d_conv, **kind), ops.zeros(batch_size, self.d_inner, self.d_state, **kind))

    def step(self, x: Tensor, state: MambaState) -> tuple[Tensor, MambaState]:
        """One element (N, d_model) of a sequence: its output, and the state for the next."""
        if x.ndim != 2 or x.shape[-1] != self.d_model:
            raise ShapeError(f"Mamba.step: expected one element (N, {self.d_model}), got {tuple(x.shape)}")
        inner, z = ops.chunk(self.in_proj(x), 2, -1)
        conv = ops.concat([state.conv[..., 1:], ops.unsqueeze(inner, -1)], axis=-1)
        inner = ops.sum(conv * self.conv1d.weight[:, 0], -1)
        inner = F.silu(inner if self.conv1d.bias is None else inner + self.conv1d.bias)
        delta, B, C = self._selected(inner)
        delta = ops.unsqueeze(ops.softplus(delta + self.dt_proj.bias), -1)
        ssm = ops.exp(-delta * ops.exp(self.A_log)) * state.ssm + delta * ops.unsqueeze(inner, -1) * ops.unsqueeze(B, 1)
        y = (ops.sum(ssm * ops.unsqueeze(C, 1), -1) + self.D * inner) * F.silu(z)
        return self.out_proj(y), MambaState(conv, ssm)

    def extra_repr(self) -> str:
        """Settings."""
        return f"d_model={self.d_model}, d_state={self.d_state}, d_conv={self.d_conv}, d_inner={self.d_inner}, dt_rank={self.dt_rank}"


class S4D(Module):
    """A diagonal linear state-space layer, the same at all times (Gu et al. 2022).

    For every channel ``s' = A s + u``, ``y = 2 Re(C s) + D u`` with a diagonal complex A, sampled in steps of dt by zero-order hold; over a
    whole sequence it is a convolution, computed by FFT.

    Parameters
    ----------
    d_model : int
        Channels, each with a state of its own.
    d_state : int
        Numbers in a state, even: they come in conjugate pairs.
    dt_min, dt_max : float
        Between these lie the steps at the start.

    Shapes
    ------
    (N, L, d_model) to the same shape; ``log_dt``, ``D`` (d_model,), ``log_A_real``, ``A_imag`` (d_model, d_state / 2), ``C`` with a last axis of real
    and imaginary part.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.S4D(4, d_state=8)(wb.randn(2, 10, 4)).shape
    (2, 10, 4)
    """

    def __init__(self, d_model: int, d_state: int = 64, dt_min: float = 0.001, dt_max: float = 0.1, device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        if d_model < 1 or d_state < 2 or d_state % 2 or not 0 < dt_min <= dt_max:
            raise ArgumentError(f"S4D: d_model={d_model}, d_state={d_state}, dt_min={dt_min}, dt_max={dt_max}; expected a count, an even number, and "
                                "0 < dt_min <= dt_max")
        kind: dict[str, Any] = {"device": device, "dtype": dtype}
        self.d_model, self.d_state, pairs = d_model, d_state, d_state // 2
        self.log_dt = Parameter(ops.rand(d_model, **kind) * math.log(dt_max / dt_min) + math.log(dt_min))
        self.log_A_real = Parameter(ops.full((d_model, pairs), math.log(0.5), **kind))
        self.A_imag = Parameter(ops.tile(ops.arange(0.0, pairs, **kind) * math.pi, (d_model, 1)))
        self.C = Parameter(ops.randn(d_model, pairs, 2, **kind) * math.sqrt(0.5))
        self.D = Parameter(ops.randn(d_model, **kind))

    def _sampled(self) -> tuple[Tensor, Tensor]:
        """``dt A``, and C times what one step takes in, ``(exp(dt A) - 1) / A``."""
        rates = ops.complex(-ops.exp(_wide(self.log_A_real)), _wide(self.A_imag))
        scaled = rates * ops.unsqueeze(ops.exp(_wide(self.log_dt)), -1)
        return scaled, ops.view_as_complex(_wide(self.C)) * (ops.exp(scaled) - 1) / rates

    def forward(self, x: Tensor) -> Tensor:
        """(N, L, d_model) to the same shape."""
        if x.ndim != 3 or x.shape[-1] != self.d_model or not x.shape[1]:
            raise ShapeError(f"S4D: expected an input (N, L, {self.d_model}) of at least one step, got {tuple(x.shape)}")
        length = x.shape[1]
        scaled, weights = self._sampled()
        # exp(a (s i + j)) = exp(a s i) exp(a j): two square roots of the length for every number of a state, instead of all of it.
        side = math.isqrt(length - 1) + 1
        powers = lambda rates: ops.exp(ops.unsqueeze(rates, -1) * ops.arange(side, dtype=_wide(x).dtype, device=x.device))
        kernel = 2 * ops.real(ops.matmul(ops.transpose(ops.unsqueeze(weights, -1) * powers(scaled * side), 1, 2), powers(scaled)))
        kernel = kernel.reshape(self.d_model, -1)[:, :length]
        spectrum = ops.fft.rfft(_wide(x), n=2 * length, dim=1) * ops.transpose(ops.fft.rfft(kernel, n=2 * length), 0, 1)
        return ops.fft.irfft(spectrum, n=2 * length, dim=1)[:, :length].to(x.dtype) + x * self.D

    def initial_state(self, batch_size: int) -> Tensor:
        """The state before the first step: zeros, complex."""
        return ops.zeros(batch_size, self.d_model, self.d_state // 2, dtype=np.result_type(self.D.dtype, np.complex64), device=self.D.device)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One element (N, d_model) of a sequence: its output, and the state for the next."""
        scaled, weights = self._sampled()
        state = ops.exp(scaled) * state + ops.unsqueeze(x, -1)
        return (2 * ops.real(ops.sum(weights * state, -1))).to(x.dtype) + x * self.D, state

    def extra_repr(self) -> str:
        """Settings."""
        return f"d_model={self.d_model}, d_state={self.d_state}"


def _wide(x: Tensor) -> Tensor:
    """`x` as complex numbers can hold it: there are none of half precision."""
    return x.to("float32") if x.dtype.itemsize == 2 else x
