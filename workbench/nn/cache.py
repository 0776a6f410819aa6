"""Keys and values of what has been read, kept for the next step of decoding."""
from __future__ import annotations

from typing import Any

from .. import ops
from ..core import Tensor
from ..core.errors import ArgumentError, ShapeError


class KVCache:
    """What one attention layer has seen, so that a new token costs one row of attention and not the whole text again.

    Room is made in advance and doubled when it is used up, so a step copies what is new only. A step that is part of a
    gradient or of a transformation joins tensors instead, and can be differentiated.

    Parameters
    ----------
    window : int, optional
        Keep no more than what a layer with this `window` may still see: memory stays bounded however long the text.

    Examples
    --------
    >>> import workbench as wb
    >>> layer = wb.nn.GroupedQueryAttention(8, 2, causal=True)
    >>> x, cache = wb.randn(1, 5, 8), wb.nn.KVCache()
    >>> with wb.no_grad():
    ...     steps = [layer(x[:, i:i + 1], cache=cache) for i in range(5)]
    >>> bool(wb.allclose(wb.concat(steps, 1), layer(x), atol=1e-6)), len(cache)
    (True, 5)
    """

    def __init__(self, window: int | None = None) -> None:
        if window is not None and window < 1:
            raise ArgumentError(f"KVCache: window={window}; expected a positive number of places, or None")
        self.window = window
        self.seen = 0
        """How many tokens went by; the position of the next one."""
        self._parts: tuple[Tensor, ...] | None = None
        self._room: tuple[Any, ...] | None = None
        self._used = 0

    def __len__(self) -> int:
        return 0 if self._parts is None else self._parts[0].shape[-2]

    @property
    def keys(self) -> Tensor | None:
        """(batch, heads, length, head_dim), or None before the first step."""
        return None if self._parts is None else self._parts[0]

    @property
    def values(self) -> Tensor | None:
        """Like `keys`."""
        return None if self._parts is None else self._parts[1]

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, ...]:
        """Keep what is new, (batch, heads, steps, head_dim), and return all that is kept."""
        new, old = (keys, values), self._parts
        if old is not None and any(a.shape[:-2] != b.shape[:-2] or a.shape[-1] != b.shape[-1] for a, b in zip(old, new, strict=True)):
            raise ShapeError(f"KVCache: {tuple(keys.shape)} is to be added to {tuple(old[0].shape)}; expected the same batch, heads "
                             "and features. Use a cache of its own for each layer and text")
        if self.window is not None and old is not None:
            old = tuple(part[..., max(part.shape[-2] - self.window + 1, 0):, :] for part in old)
        if all(type(part) is Tensor and part.node is None for part in (*new, *(old or ()))):
            self._parts = self._write(old, new)
        else:
            self._parts, self._room = new if old is None else tuple(ops.concat(pair, -2) for pair in zip(old, new, strict=True)), None
        self.seen += keys.shape[-2]
        return self._parts

    def reorder(self, index: Tensor) -> None:
        """Let sample i go on from what sample ``index[i]`` has seen, as the beams of a search do."""
        if self._parts is not None:
            self._parts, self._room = tuple(part[index] for part in self._parts), None

    def crop(self, length: int) -> None:
        """Forget all but the first `length` of what is kept, as when guessed tokens are refused."""
        dropped = len(self) - length
        if length < 0 or dropped < 0:
            raise ArgumentError(f"KVCache.crop: length={length}; expected 0 to {len(self)}")
        if self._parts is not None:
            self._parts = tuple(part[..., :length, :] for part in self._parts)
            self._used, self.seen = self._used - dropped, self.seen - dropped

    def _write(self, old: tuple[Tensor, ...] | None, new: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Put what is new behind `old`, where that lies, or behind a copy of it in twice as much room."""
        kept, steps = 0 if old is None else old[0].shape[-2], new[0].shape[-2]
        if self._room is None or self._used + steps > self._room[0].shape[-2]:
            length = max(2 * (kept + steps), 16)
            self._room = tuple(ops.empty(*part.shape[:-2], length, part.shape[-1], dtype=part.dtype, device=part.device).data for part in new)
            self._used = kept
            for room, part in zip(self._room, old or (), strict=False):
                room[..., :kept, :] = part.data
        begin, end = self._used, self._used + steps
        for room, part in zip(self._room, new, strict=True):
            room[..., begin:end, :] = part.data
        self._used = end
        return tuple(Tensor(room[..., begin - kept:end, :]) for room in self._room)
