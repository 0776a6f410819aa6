"""workbench: build a neural network, see inside it, and learn how it works.

``import workbench as wb`` loads the engine, which needs only NumPy; every other part loads on first use.
"""
from __future__ import annotations

import importlib
import sys
import warnings
from math import e, inf, nan, pi

import lazy_loader

from . import core, ops
from .backend import dtypes
from .backend.arrays import Device as device
from .backend.dtypes import *  # noqa: F403 - the dtypes by name
from .backend.threads import get_num_threads, set_num_threads
from .core import *  # noqa: F403 - Tensor, transformations, grad modes
from .core import autograd, checkpoint_policies, errors, tree
from .core.custom import op
from .core.state import no_grad as inference_mode
from .ops import *  # noqa: F403 - every function on tensors
from .ops import fft, linalg, special

# As in PyTorch and on a GPU, infinity and not-a-number are answers; `detect_anomaly` names the op and line that they come from.
warnings.filterwarnings("ignore", "(divide by zero|overflow|underflow|invalid value) encountered", RuntimeWarning, r"workbench(\.|$)")

__version__ = "0.1.0"

newaxis = None

_PARTS = ["array_api", "config", "data", "graph", "inspect", "lab", "nn", "optim", "registry", "testing", "train"]
_FACES = {"nn": ["kfac_factors"], "train": ["GradScaler", "autocast", "fit", "is_autocast_enabled", "load", "save", "watch"], "lab": ["show"],
          "nn.functional": ["bilinear", "binary_cross_entropy_with_logits", "celu", "cosine_embedding_loss", "ctc_loss", "embedding_bag", "hardshrink",
                            "hinge_embedding_loss", "instance_norm", "kl_div", "margin_ranking_loss", "poisson_nll_loss", "prelu", "rrelu", "selu",
                            "threshold", "triplet_margin_loss"],
          "graph": ["cond", "fori_loop", "jit", "make_graph", "scan", "switch", "while_loop"]}

_lazy, __dir__, _ = lazy_loader.attach(__name__, submodules=_PARTS, submod_attrs=_FACES)


def __getattr__(name: str) -> object:
    if name == "bfloat16":
        return dtypes.bfloat16()
    if name in dtypes.ALIASES:
        return dtypes.ALIASES[name]
    if name == "cuda":
        return importlib.import_module("workbench.core.cuda")
    try:
        return _lazy(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("workbench"):
            raise
        raise ModuleNotFoundError(f"workbench.{name} needs {error.name}, which is not installed: "
                                  f"pip install {error.name}", name=error.name) from None


def load_ipython_extension(shell: object) -> None:
    """``%load_ext workbench``: show runs that start from now on (importing workbench in a notebook does so too)."""
    from .lab import load_ipython_extension as load

    load(shell)


if "ipykernel" in sys.modules:
    from .train.run import LISTENERS

    LISTENERS.append("workbench.lab:attach")

__all__ = sorted({*ops.__all__, *dtypes.__all__, *core.__all__, *_PARTS, *(face for faces in _FACES.values() for face in faces),
                  "autograd", "checkpoint_policies", "cuda", "device", "e", "errors", "fft", "get_num_threads", "inf", "inference_mode", "linalg",
                  "nan", "newaxis", "op", "pi", "set_num_threads", "special", "tree"})
