"""Optimizers and learning-rate schedules, with PyTorch's names, arguments and state."""
from . import lr_scheduler, swa_utils
from .adam import Adam, AdamW
from .adaptive import AdaBelief, Adadelta, Adagrad, Adamax, NAdam, RAdam, RMSprop
from .anomalies import GradientReport, check_gradients
from .base import Optimizer
from .clip import (
    adaptive_clip_grad_,
    add_gradient_noise_,
    clip_grad_norm_,
    clip_grad_norm_per_layer_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
)
from .ema import EMA
from .groups import param_groups
from .hooks import register_optimizer_step_post_hook, register_optimizer_step_pre_hook
from .kfac import KFAC
from .layerwise import LAMB, LARS, Adafactor, Muon
from .lbfgs import LBFGS
from .own import from_function, optimizer
from .preconditioned import SOAP, Shampoo
from .sgd import SGD
from .signs import ASGD, Lion, Rprop
from .sparse import SparseAdam
from .wrappers import SAM, Lookahead

__all__ = ["ASGD", "EMA", "KFAC", "LAMB", "LARS", "LBFGS", "SAM", "SGD", "SOAP", "AdaBelief", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW",
           "Adamax", "GradientReport", "Lion", "Lookahead", "Muon", "NAdam", "Optimizer", "RAdam", "RMSprop", "Rprop", "Shampoo", "SparseAdam",
           "adaptive_clip_grad_", "add_gradient_noise_", "check_gradients", "clip_grad_norm_", "clip_grad_norm_per_layer_", "clip_grad_value_",
           "clip_grads_with_norm_", "from_function", "get_total_norm", "lr_scheduler", "optimizer", "param_groups",
           "register_optimizer_step_post_hook", "register_optimizer_step_pre_hook", "swa_utils"]
