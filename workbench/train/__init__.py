"""Training: runs that can be watched and steered, the trainer and its callbacks, checkpoints, mixed precision, metrics."""
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
    WeightAveraging,
)
from .checkpoints import CheckpointManager, load, save
from .fitting import fit
from .folds import CrossValidation, cross_validate, split_folds
from .history import History
from .metrics import Accuracy, MeanAbsoluteError, MeanSquaredError, Metric
from .precision import Precision, autocast, is_autocast_enabled
from .run import Control, Event, Run, RunStopped, watch
from .scaler import GradScaler
from .state import random_state, seed_everything, set_random_state
from .tensorboard import SummaryWriter
from .trainer import Trainer

__all__ = ["Accuracy", "BatchTransform", "CSVLogger", "Callback", "Checkpoint", "CheckpointManager", "Control", "CrossValidation",
           "EarlyStopping", "Event", "GradScaler", "GradientClipping", "History", "JSONLLogger", "LambdaCallback",
           "LearningRateMonitor", "MeanAbsoluteError", "MeanSquaredError", "Metric", "Precision", "Progress", "Run", "RunStopped",
           "SummaryWriter", "TensorBoard", "Throughput", "Trainer", "WeightAveraging", "autocast", "cross_validate", "fit",
           "is_autocast_enabled", "load", "metrics", "random_state", "save", "seed_everything", "set_random_state", "split_folds",
           "watch"]
