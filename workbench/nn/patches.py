"""Images as sequences of patches."""
from __future__ import annotations

from typing import Any

from ..core import Tensor
from ..core.errors import ArgumentError, ShapeError
from .conv import Conv2d
from .module import Module


class PatchEmbedding(Module):
    """A linear map of every patch of an image, row by row, as in the vision transformer (Dosovitskiy et al. 2021).

    ``y[i] = W patch_i + b``, a convolution whose stride is the size of its filters.

    Parameters
    ----------
    patch_size : int or (int, int)
        Height and width of a patch, which divide those of the image.
    in_channels : int
        Channels of the input.
    embed_dim : int
        Features of a patch.
    bias : bool
        Whether to add a learned bias.

    Shapes
    ------
    (N, in_channels, H, W) to (N, H / height * W / width, embed_dim).

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.PatchEmbedding(4, 3, 8)(wb.ones(2, 3, 8, 12)).shape
    (2, 6, 8)
    """

    def __init__(self, patch_size: int | tuple[int, int], in_channels: int = 3, embed_dim: int = 768, bias: bool = True,
                 device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        self.patch_size = (patch_size, patch_size) if isinstance(patch_size, int) else tuple(patch_size)
        if len(self.patch_size) != 2 or min(self.patch_size) < 1:
            raise ArgumentError(f"PatchEmbedding: patch_size={patch_size}; expected one or two positive lengths")
        self.embed_dim = embed_dim
        self.proj = Conv2d(in_channels, embed_dim, self.patch_size, self.patch_size, bias=bias, device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Images to sequences."""
        if x.ndim != 4 or any(length % size for length, size in zip(x.shape[2:], self.patch_size, strict=True)):
            raise ShapeError(f"PatchEmbedding: an input of shape {tuple(x.shape)}; expected (N, C, H, W) with H and W divisible by "
                             f"{self.patch_size}. Pad or resize the images first")
        return self.proj(x).flatten(2).transpose(1, 2)
