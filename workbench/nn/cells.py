"""Cells of one's own over time: a layer that runs any cell along sequences, stacked, in both directions, over packed sequences.

Inside jit the steps are one loop (`scan`), however long the sequence.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops
from ..core import Tensor, tree
from ..core.errors import ArgumentError, ShapeError
from . import functional as F
from .checks import probability
from .containers import ModuleList
from .conv import Conv2d
from .module import Module
from .packing import PackedSequence, pack_padded_sequence, pad_packed_sequence


class Recurrent(Module):
    """Runs cells along a sequence: what `LSTM` is to `LSTMCell`, for a cell of your own.

    A cell is a module called as ``cell(x, state)`` that returns the next state, a tensor or a tuple of tensors, the first of which is its
    output. With state None it begins with zeros.

    Parameters
    ----------
    *cells : Module
        One for every layer, from the first to the last; with `bidirectional` two for every layer, forward and backward. A layer reads
        the output of the one before: in both directions, joined on the axis of features.
    bidirectional, batch_first : bool
        As in `LSTM`.
    dropout : float
        Between layers, in training.
    separate_output : bool
        The cells are called as ``cell(x, *state)`` and return ``(output, *state)``, as spiking neurons do; without state as ``cell(x)``.

    Shapes
    ------
    Input (L, N, ...), (N, L, ...) with `batch_first`, or packed; output likewise; states: a list, one for each cell in their order.

    Examples
    --------
    >>> import workbench as wb
    >>> layer = wb.nn.Recurrent(wb.nn.GRUCell(3, 5), wb.nn.GRUCell(3, 5), bidirectional=True)
    >>> output, (forward, backward) = layer(wb.randn(7, 2, 3)); output.shape, forward.shape
    ((7, 2, 10), (2, 5))
    >>> class Average(wb.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.keep = wb.nn.Parameter(wb.tensor(0.5))
    ...     def forward(self, x, state=None):
    ...         return x if state is None else self.keep * state + (1 - self.keep) * x
    >>> wb.nn.Recurrent(Average())(wb.tensor([0.0, 1.0, 1.0]).reshape(3, 1, 1))[0].flatten().tolist()
    [0.0, 0.5, 0.75]
    """

    def __init__(self, *cells: Module, bidirectional: bool = False, batch_first: bool = False, dropout: float = 0.0, separate_output: bool = False) -> None:
        super().__init__()
        if not cells or (bidirectional and len(cells) % 2) or not all(isinstance(cell, Module) for cell in cells):
            raise ArgumentError(f"Recurrent: {len(cells)} cells with bidirectional={bidirectional}; expected modules, one for every layer and direction")
        if len({id(cell) for cell in cells}) < len(cells):
            raise ArgumentError("Recurrent: a cell is given twice, so its weights would be shared; make one for every layer and direction")
        probability("Recurrent", dropout=dropout)
        self.cells = ModuleList(cells)
        self.bidirectional, self.batch_first, self.dropout, self.separate_output = bidirectional, batch_first, dropout, separate_output

    def forward(self, input: Tensor | PackedSequence, states: Sequence[Any] | None = None) -> tuple[Any, list[Any]]:
        """Outputs of every step, and the last state of every cell; `states` are those to begin with, None for zeros."""
        begin = [None] * len(self.cells) if states is None else list(states)
        if len(begin) != len(self.cells):
            raise ArgumentError(f"Recurrent: {len(begin)} states for {len(self.cells)} cells; expected a list with one for each")
        if isinstance(input, PackedSequence):
            padded, lengths = pad_packed_sequence(input)
            going = ops.unsqueeze(ops.arange(padded.shape[0]), 1) < ops.unsqueeze(lengths, 0)
            output, last = self._layers(padded, begin, going)
            return pack_padded_sequence(output, lengths, enforce_sorted=False).like(input), last
        if input.ndim < 3 or not input.shape[int(self.batch_first)]:
            raise ShapeError(f"Recurrent: expected sequences {'(N, L, ...)' if self.batch_first else '(L, N, ...)'} of at least one step, got "
                             f"{tuple(input.shape)}")
        output, last = self._layers(ops.transpose(input, 0, 1) if self.batch_first else input, begin, None)
        return ops.transpose(output, 0, 1) if self.batch_first else output, last

    def _layers(self, x: Tensor, begin: list[Any], going: Tensor | None) -> tuple[Tensor, list[Any]]:
        last: list[Any] = []
        directions = 2 if self.bidirectional else 1
        for first in range(0, len(self.cells), directions):
            outputs = []
            for direction in range(directions):
                output, state = self._along(self.cells[first + direction], x, begin[first + direction], bool(direction), going)
                outputs.append(output)
                last.append(state)
            x = outputs[0] if directions == 1 else ops.concat(outputs, axis=2)
            if first + directions < len(self.cells):
                x = F.dropout(x, self.dropout, self.training)
        return x, last

    def _along(self, cell: Module, x: Tensor, state: Any, backwards: bool, going: Tensor | None) -> tuple[Tensor, Any]:
        """The first step by itself: it shows what a state looks like. The others are a scan."""
        # The compiler comes with it: loaded by the first sequence, not with the layers.
        from ..graph.control import scan

        rows = (x,) if going is None else (x, going)
        state, output = self._step(cell, state, *(row[-1 if backwards else 0] for row in rows))
        rest = tuple(row[:-1] if backwards else row[1:] for row in rows)
        state, outputs = scan(lambda state, row: self._step(cell, state, *row), state, rest, reverse=backwards)
        parts = [ops.unsqueeze(output, 0), outputs]
        return ops.concat(parts[::-1] if backwards else parts), state

    def _step(self, cell: Module, state: Any, x: Tensor, going: Tensor | None = None) -> tuple[Any, Tensor]:
        """The next state and the output; sequences that have ended keep their state and put out zeros."""
        if self.separate_output:
            output, *held = cell(x, *(() if state is None else state))
            new: Any = tuple(held)
        else:
            new = cell(x, state)
            output = new if isinstance(new, Tensor) else new[0]
        if going is None:
            return new, output
        mask = lambda value: going.reshape(-1, *(1,) * (value.ndim - 1))
        before = tree.map(ops.zeros_like, new) if state is None else state
        return tree.map(lambda a, b: ops.where(mask(a), a, b), new, before), ops.where(mask(output), output, 0.0)

    def extra_repr(self) -> str:
        """Settings that differ from the defaults."""
        defaults = dict(bidirectional=False, batch_first=False, dropout=0.0, separate_output=False)
        return ", ".join(f"{name}={getattr(self, name)}" for name, value in defaults.items() if getattr(self, name) != value)


class ConvLSTMCell(Module):
    """One step of an LSTM on images, whose matrices are convolutions (Shi et al. 2015, without the peepholes).

    ``i, f, g, o = conv(x, h)``, ``c' = sigmoid(f) c + sigmoid(i) tanh(g)``, ``h' = sigmoid(o) tanh(c')``. `Recurrent` runs it along films.

    Parameters
    ----------
    in_channels : int
        Channels of the input.
    hidden_channels : int
        Channels of the state.
    kernel_size : int
        Odd, so that images keep their size.
    bias : bool
        Whether to add a learned bias.

    Shapes
    ------
    Input (N, in_channels, H, W), state a pair (N, hidden_channels, H, W); ``conv.weight`` (4 hidden, in + hidden, k, k).

    Examples
    --------
    >>> import workbench as wb
    >>> film = wb.randn(5, 2, 1, 8, 8)  # (time, N, C, H, W)
    >>> output, [(h, c)] = wb.nn.Recurrent(wb.nn.ConvLSTMCell(1, 4, 3))(film); output.shape, c.shape
    ((5, 2, 4, 8, 8), (2, 4, 8, 8))
    """

    def __init__(self, in_channels: int, hidden_channels: int, kernel_size: int, bias: bool = True, device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        if hidden_channels < 1 or kernel_size % 2 == 0:
            raise ArgumentError(f"ConvLSTMCell: hidden_channels={hidden_channels}, kernel_size={kernel_size}; expected a count and an odd number")
        self.in_channels, self.hidden_channels, self.kernel_size = in_channels, hidden_channels, kernel_size
        self.conv = Conv2d(in_channels + hidden_channels, 4 * hidden_channels, kernel_size, padding=kernel_size // 2, bias=bias, device=device, dtype=dtype)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """The next pair (h, c)."""
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise ShapeError(f"ConvLSTMCell: expected an input (N, {self.in_channels}, H, W), got {tuple(x.shape)}")
        if state is None:
            state = (ops.zeros(x.shape[0], self.hidden_channels, *x.shape[2:], dtype=x.dtype, device=x.device),) * 2
        h, c = state
        i, f, g, o = ops.chunk(self.conv(ops.concat([x, h], axis=1)), 4, 1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        return ops.sigmoid(o) * ops.tanh(c), c

    def extra_repr(self) -> str:
        """Settings."""
        return f"{self.in_channels}, {self.hidden_channels}, kernel_size={self.kernel_size}"
