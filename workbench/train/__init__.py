"""Training: runs that can be watched and steered, the trainer and its callbacks, checkpoints, mixed precision, metrics."""
import importlib

from . import metrics
from .callbacks import (
    BatchTransform,
    Callback,
    Checkpoint,
    CSVLogger,
    EarlyStopping,
    GradientClipping,
    JSONLLogger,
    LambdaCallback,
    LearningRateMonitor,
    Progress,
    TensorBoard,
    Throughput,
    Timer,
    WeightAveraging,
)
from .checkpoints import CheckpointManager, load, save
from .fitting import fit
from .folds import CrossValidation, cross_validate, split_folds
from .history import History
from .metrics import Accuracy, MeanAbsoluteError, MeanSquaredError, Metric
from .precision import Precision, autocast, is_autocast_enabled
from .rate_finder import RateSearch, lr_find
from .run import Control, Event, Run, RunStopped, watch
from .scaler import GradScaler
from .state import random_state, seed_everything, set_random_state
from .tensorboard import SummaryWriter
from .trainer import Trainer

# Estimators derive from classes of scikit-learn, which takes a second to import: on first use.
_ESTIMATORS = ("NeuralNetClassifier", "NeuralNetRegressor")


def __getattr__(name: str) -> object:
    if name in _ESTIMATORS:
        return getattr(importlib.import_module(f"{__name__}.estimators"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["Accuracy", "BatchTransform", "CSVLogger", "Callback", "Checkpoint", "CheckpointManager", "Control", "CrossValidation",
           "EarlyStopping", "Event", "GradScaler", "GradientClipping", "History", "JSONLLogger", "LambdaCallback",
           "LearningRateMonitor", "MeanAbsoluteError", "MeanSquaredError", "Metric", "NeuralNetClassifier", "NeuralNetRegressor",
           "Precision", "Progress", "RateSearch", "Run", "RunStopped", "SummaryWriter", "TensorBoard", "Throughput", "Timer",
           "Trainer", "WeightAveraging", "autocast", "cross_validate", "fit", "is_autocast_enabled", "load", "lr_find", "metrics",
           "random_state", "save", "seed_everything", "set_random_state", "split_folds", "watch"]
