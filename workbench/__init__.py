"""workbench: build a neural network, see inside it, and learn how it works.

``import workbench as wb`` loads the engine, which needs only NumPy; every other part loads on first use.
"""
from __future__ import annotations

import sys
from typing import Any

import lazy_loader

from . import ops
from .backend.dtypes import *  # noqa: F403
from .core import *  # noqa: F403
from .core import autograd, errors
from .core.state import no_grad as inference_mode
from .ops import *  # noqa: F403

__version__ = "0.1.0"
