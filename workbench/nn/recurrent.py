"""Recurrent layers: RNN, LSTM, GRU, stacked, in both directions, over sequences of different lengths; and their cells.

A mode is a step on the projected input, in `ops.recurrence`; everything else (layers, directions, dropout, packing) is
the same for all and written once.
"""
from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from .. import ops
from ..core import Tensor
from ..core.errors import ArgumentError, ShapeError
from ..ops.recurrence import STEPS, recurrence
from . import functional as F
from . import init
from .checks import probability, whole
from .module import Module
from .packing import PackedSequence, pack_padded_sequence, pad_packed_sequence
from .parameter import Parameter

State = tuple[Tensor, ...]


class RNNBase(Module):
    """What RNN, LSTM and GRU share; ``mode`` names the step.

    Weights are ``weight_ih_l0`` (gates hidden, input), ``weight_hh_l0``, ``bias_ih_l0``, ``bias_hh_l0``, for the second direction with
    ``_reverse``, and ``weight_hr_l0`` for projections, layer by layer as in PyTorch.
    """

    mode = "RNN_TANH"

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False, dropout: float = 0.0,
                 bidirectional: bool = False, proj_size: int = 0, device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        name = type(self).__name__
        whole(name, 1, input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        whole(name, proj_size=proj_size)
        probability(name, dropout=dropout)
        if not 0 <= proj_size < hidden_size or (proj_size and self.mode != "LSTM"):
            raise ArgumentError(f"{name}: proj_size={proj_size}; only LSTM projects, to fewer than hidden_size={hidden_size}")
        self.input_size, self.hidden_size, self.num_layers, self.bias = input_size, hidden_size, num_layers, bias
        self.batch_first, self.dropout, self.bidirectional, self.proj_size = batch_first, dropout, bidirectional, proj_size
        gates = STEPS[self.mode][0] * hidden_size
        out, directions = proj_size or hidden_size, 2 if bidirectional else 1
        for layer in range(num_layers):
            width = input_size if layer == 0 else out * directions
            for suffix in ("", "_reverse")[:directions]:
                shapes = {"weight_ih": (gates, width), "weight_hh": (gates, out)}
                shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)} if bias else {}
                shapes |= {"weight_hr": (proj_size, hidden_size)} if proj_size else {}
                for kind, shape in shapes.items():
                    setattr(self, f"{kind}_l{layer}{suffix}", Parameter(ops.empty(shape, device=device, dtype=dtype)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform numbers up to ``1 / sqrt(hidden_size)``."""
        for parameter in self.parameters():
            init.uniform_(parameter, -1 / math.sqrt(self.hidden_size), 1 / math.sqrt(self.hidden_size))

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> tuple[Any, Any]:
        """Sequences (L, N, input_size), (N, L, input_size) with `batch_first`, (L, input_size), or packed.

        Returns
        -------
        output, h_n
            Output of every step, and the last state of every layer and direction; for an LSTM the pair (h_n, c_n).
        """
        if isinstance(input, PackedSequence):
            padded, lengths = pad_packed_sequence(input)
            output, state = self._run(padded, self._states(hx, padded), lengths)  # both in the order in which they were packed
            return pack_padded_sequence(output, lengths, enforce_sorted=False).like(input), state
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size:
            raise ShapeError(f"{type(self).__name__}: expected (L, N, {self.input_size}) or (L, {self.input_size}), got {tuple(input.shape)}; check "
                             "input_size and batch_first")
        single = input.ndim == 2
        x = ops.unsqueeze(input, 1) if single else ops.transpose(input, 0, 1) if self.batch_first else input
        given = hx if hx is None or not single else self._each(hx, lambda h: ops.unsqueeze(h, 1))
        output, state = self._run(x, self._states(given, x), None)
        output = output[:, 0] if single else ops.transpose(output, 0, 1) if self.batch_first else output
        return output, self._each(state, lambda h: h[:, 0]) if single else state

    def _each(self, state: Any, function: Any) -> Any:
        return tuple(map(function, state)) if isinstance(state, tuple) else function(state)

    def _states(self, hx: Any, x: Tensor) -> list[Tensor]:
        """Initial states, one tensor (layers x directions, N, size) each."""
        sizes = [self.proj_size or self.hidden_size, self.hidden_size][: 2 if self.mode == "LSTM" else 1]
        rows = self.num_layers * (2 if self.bidirectional else 1)
        shapes = [(rows, x.shape[1], size) for size in sizes]
        if hx is None:
            return [ops.zeros(shape, dtype=x.dtype, device=x.device) for shape in shapes]
        held = list(hx) if isinstance(hx, (tuple, list)) else [hx]
        if [tuple(h.shape) for h in held] != shapes:
            raise ShapeError(f"{type(self).__name__}: initial states of shapes {[tuple(h.shape) for h in held]}; expected {shapes}")
        return held

    def _run(self, x: Tensor, states: list[Tensor], lengths: Tensor | None) -> tuple[Tensor, Any]:
        last: list[State] = []
        mask = None if lengths is None else ops.unsqueeze(ops.unsqueeze(ops.arange(x.shape[0]), 1) < ops.unsqueeze(lengths, 0), -1)
        for layer in range(self.num_layers):
            outputs = []
            for direction in range(2 if self.bidirectional else 1):
                begin = tuple(s[len(last)] for s in states)
                output, end = self._direction(x, begin, f"_l{layer}{'_reverse' * direction}", bool(direction), mask)
                outputs.append(output)
                last.append(end)
            x = outputs[0] if len(outputs) == 1 else ops.concat(outputs, axis=-1)
            if layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout, self.training)
        found = tuple(ops.stack(list(column)) for column in zip(*last, strict=True))
        return x, found if self.mode == "LSTM" else found[0]

    def _direction(self, x: Tensor, state: State, suffix: str, backwards: bool, mask: Tensor | None) -> tuple[Tensor, State]:
        """One layer in one direction: the input of all steps is projected at once."""
        part = lambda kind: getattr(self, kind + suffix, None)
        weight, bias = part("weight_hh"), part("bias_hh")
        if self.proj_size:
            inputs = F.linear(x, part("weight_ih"), part("bias_ih"))
            return self._projected(inputs, state, weight, bias, part("weight_hr"), backwards, mask)
        together = bias is not None and self.mode != "GRU"  # one sum instead of two of every step; a GRU scales what comes from the state
        inputs = F.linear(x, part("weight_ih"), None if together else part("bias_ih"))
        if together:
            bias = part("bias_ih") + bias
        elif bias is None:
            bias = ops.zeros(weight.shape[0], dtype=weight.dtype, device=weight.device)
        states = recurrence(inputs, ops.stack(state), weight, bias, mask, mode=self.mode, reverse=backwards)
        output = states[:, 0] if mask is None else states[:, 0] * mask
        return output, ops.unbind(states[0 if backwards else -1])

    def _projected(self, x: Tensor, state: State, weight: Tensor, bias: Tensor | None, projection: Tensor, backwards: bool,
                   mask: Tensor | None) -> tuple[Tensor, State]:
        """An LSTM whose h is shorter than its c, step by step."""
        inputs = ops.unbind(x)
        outputs: list[Any] = [None] * len(inputs)
        for t in reversed(range(len(inputs))) if backwards else range(len(inputs)):
            h, c = STEPS[self.mode][1](inputs[t], state, lambda h: F.linear(h, weight, bias))
            new = (F.linear(h, projection), c)
            state = new if mask is None else tuple(ops.where(mask[t], a, b) for a, b in zip(new, state, strict=True))
            outputs[t] = state[0] if mask is None else state[0] * mask[t]
        return ops.stack(outputs), state

    def extra_repr(self) -> str:
        """Settings that differ from the defaults."""
        defaults = dict(num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False, proj_size=0)
        changed = [f"{name}={getattr(self, name)}" for name, value in defaults.items() if getattr(self, name) != value]
        return ", ".join([f"{self.input_size}", f"{self.hidden_size}", *changed])


class RNN(RNNBase):
    """``h' = tanh(W_ih x + b_ih + W_hh h + b_hh)`` (Elman 1990).

    Parameters
    ----------
    input_size : int
        Features of the input.
    hidden_size : int
        Features of the state.
    num_layers : int
        Each reads the output of the one before.
    nonlinearity : {"tanh", "relu"}
        The function around the sum.
    bias : bool
        Whether to add a learned bias.
    batch_first : bool
        Sequences are (N, L, features) instead of (L, N, features).
    dropout : float
        Between layers.
    bidirectional : bool
        A second set of weights reads from the end; outputs are joined.

    Shapes
    ------
    Input (L, N, input_size), (N, L, input_size) with `batch_first`, (L, input_size) or packed; output likewise with D *
    hidden_size features, D being 2 with `bidirectional`; state (num_layers * D, N, hidden_size).

    Examples
    --------
    >>> import workbench as wb
    >>> output, h = wb.nn.RNN(3, 5, batch_first=True)(wb.randn(2, 7, 3)); output.shape, h.shape
    ((2, 7, 5), (1, 2, 5))
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh", bias: bool = True, batch_first: bool = False,
                 dropout: float = 0.0, bidirectional: bool = False, device: str | None = None, dtype: Any = None) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(f"RNN: nonlinearity={nonlinearity!r}; expected 'tanh' or 'relu'")
        self.mode, self.nonlinearity = f"RNN_{nonlinearity.upper()}", nonlinearity
        super().__init__(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype)


class LSTM(RNNBase):
    """``c' = f c + i g``, ``h' = o tanh(c')`` with gates i, f, o and candidate g (Hochreiter and Schmidhuber 1997; Sak et al. 2014).

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional
        As in `RNN`.
    proj_size : int
        Project h to so many numbers (0: not at all).

    Shapes
    ------
    Input (L, N, input_size), (N, L, input_size) with `batch_first`, (L, input_size) or packed; output likewise with D *
    H features, D being 2 with `bidirectional` and H `proj_size` or `hidden_size`; the state a pair (num_layers * D, N,
    H) and (num_layers * D, N, hidden_size).

    Examples
    --------
    >>> import workbench as wb
    >>> output, (h, c) = wb.nn.LSTM(3, 5, num_layers=2)(wb.randn(7, 2, 3)); output.shape, h.shape, c.shape
    ((7, 2, 5), (2, 2, 5), (2, 2, 5))
    """

    mode = "LSTM"


class GRU(RNNBase):
    """``h' = (1 - z) n + z h`` with gates r and z and candidate ``n = tanh(W_in x + b_in + r (W_hn h + b_hn))`` (Cho et al. 2014).

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional
        As in `RNN`.
    proj_size : int
        Only 0: an LSTM alone projects its state.

    Shapes
    ------
    Input (L, N, input_size), (N, L, input_size) with `batch_first`, (L, input_size) or packed; output likewise with D *
    hidden_size features, D being 2 with `bidirectional`; state (num_layers * D, N, hidden_size).

    Examples
    --------
    >>> import workbench as wb
    >>> output, h = wb.nn.GRU(3, 5, bidirectional=True)(wb.randn(7, 2, 3)); output.shape, h.shape
    ((7, 2, 10), (2, 2, 5))
    """

    mode = "GRU"


# Cells -------------------------------------------------------------------------------------------------------------------
class RNNCellBase(Module):
    """One step with weights of its own."""

    mode = "RNN_TANH"

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        whole(type(self).__name__, input_size=input_size)
        whole(type(self).__name__, 1, hidden_size=hidden_size)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        gates = STEPS[self.mode][0] * hidden_size
        make = lambda *shape: Parameter(ops.empty(shape, device=device, dtype=dtype))
        self.weight_ih, self.weight_hh = make(gates, input_size), make(gates, hidden_size)
        self.bias_ih, self.bias_hh = (make(gates), make(gates)) if bias else (None, None)
        for parameter in self.parameters():
            init.uniform_(parameter, -1 / math.sqrt(hidden_size), 1 / math.sqrt(hidden_size))

    def forward(self, input: Tensor, hx: Any = None) -> Any:
        """(N, input_size) or (input_size,) and a state (N, hidden_size), zeros by default, to the next state."""
        if input.shape[-1:] != (self.input_size,) or input.ndim not in (1, 2):
            raise ShapeError(f"{type(self).__name__}: expected (N, {self.input_size}) or ({self.input_size},), got {tuple(input.shape)}")
        shape = (*input.shape[:-1], self.hidden_size)
        state = tuple(self._initial(hx, shape, input))
        new = STEPS[self.mode][1](F.linear(input, self.weight_ih, self.bias_ih), state, lambda h: F.linear(h, self.weight_hh, self.bias_hh))
        return new if self.mode == "LSTM" else new[0]

    def _initial(self, hx: Any, shape: Sequence[int], input: Tensor) -> Iterator[Tensor]:
        count = 2 if self.mode == "LSTM" else 1
        held = [ops.zeros(shape, dtype=input.dtype, device=input.device)] * count if hx is None else list(hx) if count == 2 else [hx]
        for h in held:
            if tuple(h.shape) != tuple(shape):
                raise ShapeError(f"{type(self).__name__}: a state of shape {tuple(h.shape)}; expected {tuple(shape)}")
            yield h

    def extra_repr(self) -> str:
        """Settings."""
        return f"{self.input_size}, {self.hidden_size}{'' if self.bias_ih is not None else ', bias=False'}"


class RNNCell(RNNCellBase):
    """One step of `RNN`: ``h' = tanh(W_ih x + b_ih + W_hh h + b_hh)`` (Elman 1990).

    Parameters
    ----------
    input_size : int
        Features of the input.
    hidden_size : int
        Features of the state.
    bias : bool
        Whether to add learned biases.
    nonlinearity : {"tanh", "relu"}
        The function around the sum.

    Shapes
    ------
    Input (N, input_size) or (input_size,), state (N, hidden_size) or (hidden_size,), zeros by default; output like the
    state.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.RNNCell(3, 5)(wb.randn(2, 3)).shape
    (2, 5)
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh", device: str | None = None, dtype: Any = None) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(f"RNNCell: nonlinearity={nonlinearity!r}; expected 'tanh' or 'relu'")
        self.mode = f"RNN_{nonlinearity.upper()}"
        super().__init__(input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity


class LSTMCell(RNNCellBase):
    """One step of `LSTM`: ``c' = f c + i g``, ``h' = o tanh(c')``; the state is the pair (h, c) (Hochreiter and
    Schmidhuber 1997).

    Parameters
    ----------
    input_size : int
        Features of the input.
    hidden_size : int
        Features of the state.
    bias : bool
        Whether to add learned biases.

    Shapes
    ------
    Input (N, input_size) or (input_size,), state a pair (N, hidden_size) or (hidden_size,), zeros by default; output
    like the state.

    Examples
    --------
    >>> import workbench as wb
    >>> h, c = wb.nn.LSTMCell(3, 5)(wb.randn(2, 3)); h.shape, c.shape
    ((2, 5), (2, 5))
    """

    mode = "LSTM"


class GRUCell(RNNCellBase):
    """One step of `GRU`: ``h' = (1 - z) n + z h`` (Cho et al. 2014).

    Parameters
    ----------
    input_size : int
        Features of the input.
    hidden_size : int
        Features of the state.
    bias : bool
        Whether to add learned biases.

    Shapes
    ------
    Input (N, input_size) or (input_size,), state (N, hidden_size) or (hidden_size,), zeros by default; output like the
    state.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.GRUCell(3, 5)(wb.randn(2, 3)).shape
    (2, 5)
    """

    mode = "GRU"
