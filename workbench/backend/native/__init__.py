"""Compiled loops on the CPU, generated through llvmlite: fused element-wise computation with reductions at its end.

llvmlite is optional: ask `available` before anything else. Nothing here is imported with workbench.
"""
from __future__ import annotations

import importlib.util


def available() -> bool:
    """Can loops be compiled here?"""
    return importlib.util.find_spec("llvmlite") is not None
