"""Training: runs that can be watched and steered, the trainer, metrics."""
from .checkpoints import CheckpointManager, load, save
from .history import History
from .metrics import Accuracy, MeanAbsoluteError, MeanSquaredError, Metric
from .run import Control, Event, Run, RunStopped, watch
from .trainer import Trainer, fit

__all__ = ["Accuracy", "CheckpointManager", "Control", "Event", "History", "MeanAbsoluteError", "MeanSquaredError", "Metric", "Run", "RunStopped", "Trainer",
           "fit", "load", "save", "watch"]
