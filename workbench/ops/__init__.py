"""Declarations of every op, one family per file, and the public functions over them."""
from __future__ import annotations

import sys

from ..core.numpy_names import NAMESPACES
from . import fft, linalg, sampling, special
from .methods import bind, public_functions

globals().update(public_functions())
bind()
NAMESPACES.update({"": sys.modules[__name__], "linalg": linalg, "fft": fft})
__all__ = sorted(public_functions())
