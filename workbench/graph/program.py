"""From a graph to something that runs: the best emitter that this machine has."""
from __future__ import annotations

from .emit import Program

__all__ = ["Program"]
