"""Event files for TensorBoard, written without TensorFlow."""
from .writer import SummaryWriter

__all__ = ["SummaryWriter"]
