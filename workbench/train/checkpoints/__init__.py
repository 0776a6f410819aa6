"""Checkpoints: trees of plain values and tensors in one file that is checked before it is believed."""
from .codec import Blob
from .file import VERSION, describe, verify
from .manager import CheckpointManager
from .store import load, save
from .upgrades import UPGRADES, upgrade

__all__ = ["UPGRADES", "VERSION", "Blob", "CheckpointManager", "describe", "load", "save", "upgrade", "verify"]
