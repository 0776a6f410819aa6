"""Training: runs that can be watched and steered, the trainer, metrics."""
from .history import History
from .run import Control, Event, Run, RunStopped, watch

__all__ = ["Control", "Event", "History", "Run", "RunStopped", "watch"]
