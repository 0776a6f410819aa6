"""Kernels for CUDA devices from the C expressions of the op table, compiled by CuPy when they are first called.

`source` writes the text, which needs no device and no CuPy; `kernels` makes `cupy.ElementwiseKernel`s of it.
Imported when the first CuPy array is seen.
"""
from .kernels import composed, in_place, kernel
from .source import Source, supports, write

__all__ = ["Source", "composed", "in_place", "kernel", "supports", "write"]
