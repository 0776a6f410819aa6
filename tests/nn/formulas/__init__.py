"""The rows of every family of classes that PyTorch lacks: a file here is found by its name."""
from __future__ import annotations

import importlib
import pkgutil

ROWS = [row for found in pkgutil.iter_modules(__path__) for row in importlib.import_module(f"{__name__}.{found.name}").ROWS]
