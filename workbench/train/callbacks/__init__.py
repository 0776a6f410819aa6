"""Callbacks: what may happen beside a training loop."""
from .averaging import WeightAveraging
from .base import Callback, LambdaCallback
from .checkpoint import Checkpoint
from .early_stopping import EarlyStopping
from .files import CSVLogger, JSONLLogger
from .progress import Progress
from .small import BatchTransform, GradientClipping, LearningRateMonitor, Throughput, Timer
from .tensorboard import TensorBoard

__all__ = ["BatchTransform", "CSVLogger", "Callback", "Checkpoint", "EarlyStopping", "GradientClipping", "JSONLLogger", "LambdaCallback",
           "LearningRateMonitor", "Progress", "TensorBoard", "Throughput", "Timer",
           "WeightAveraging"]
