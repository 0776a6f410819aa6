"""The whole state of a training: what a checkpoint must hold for a run to go on as if nothing had happened."""
from __future__ import annotations

import random
import warnings
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core import tree
from ..core.errors import ArgumentError, CheckpointError
from ..ops.random import get_rng_state, manual_seed, set_rng_state

if TYPE_CHECKING:
    from .trainer import Trainer

FORMAT = 1
UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""Format → the function that makes a state of the next format out of one of this. Tests hold a golden file of each."""


def seed_everything(seed: int) -> None:
    """Start the random numbers of workbench, NumPy and Python from `seed`.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.train.seed_everything(0); a = wb.rand(2)
    >>> wb.train.seed_everything(0); bool((a == wb.rand(2)).all())
    True
    """
    manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def random_state() -> dict[str, Any]:
    """The states of all generators that training may draw from: part of what a loop of your own should save.

    Examples
    --------
    >>> import workbench as wb
    >>> state = wb.train.random_state(); a = wb.rand(2)
    >>> wb.train.set_random_state(state); bool((wb.rand(2) == a).all())
    True
    """
    return {"workbench": get_rng_state(), "numpy": np.random.get_state(legacy=False), "python": random.getstate()}


def set_random_state(state: dict[str, Any]) -> None:
    """Continue from what `random_state` returned."""
    set_rng_state(state["workbench"])
    np.random.set_state(state["numpy"])
    random.setstate(state["python"])


def training_state(trainer: Trainer) -> dict[str, Any]:
    """Everything `load_training_state` needs. Tensors share memory with the model."""
    if trainer.run is None:
        raise ArgumentError("Trainer: before fit there is no state of a training; pass a saved one as fit(..., resume=path)")
    loader = trainer.loader
    return {"format": FORMAT, "epoch": trainer.epoch, "batch": trainer.batch, "ended": trainer.ended, "stopping": trainer.stopping,
            "model": dict(trainer.model.state_dict()),
            **{name: part.state_dict() for name, part in _parts(trainer)},
            "loader": loader.state_dict() if hasattr(loader, "state_dict") else None,
            "callbacks": {name: held for name, callback in _callbacks(trainer) if (held := callback.state_dict())},
            "run": trainer.run.state_dict(), "random": random_state()}


def load_training_state(trainer: Trainer, state: dict[str, Any]) -> None:
    """Bring a trainer into the state that was saved; if any part does not fit, everything is as it was before.

    Raises
    ------
    CheckpointError
        If `state` is no state of a training, or one part of it does not fit.
    """
    if not isinstance(state, dict) or "format" not in state or "model" not in state:
        raise CheckpointError("resume: this is no state of a training; load weights with model.load_state_dict(wb.load(path))")
    if state["format"] > FORMAT:
        raise CheckpointError(f"resume: the training was saved in format {state['format']}; this workbench knows up to {FORMAT}: update it")
    while state["format"] < FORMAT:
        state = {**UPGRADES[state["format"]](state), "format": state["format"] + 1}
    before = tree.map(lambda leaf: leaf.clone() if hasattr(leaf, "clone") else leaf, training_state(trainer))
    try:
        _apply(trainer, state)
    except Exception as error:
        _apply(trainer, before)
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"resume: the state does not fit this training ({type(error).__name__}: {error}); build it as it was built "
                              "when it was saved") from error


def _apply(trainer: Trainer, state: dict[str, Any]) -> None:
    missing = [name for name, _ in _parts(trainer) if name not in state]
    extra = [name for name in ("scheduler", "scaler") if name in state and name not in dict(_parts(trainer))]
    if missing or extra:
        raise CheckpointError("resume: the state " + " and ".join(
            f"has {words} {', '.join(names)}" for words, names in (("no", missing), ("a", extra)) if names) + ", unlike this trainer")
    trainer.model.load_state_dict(state["model"])
    for name, part in _parts(trainer):
        part.load_state_dict(state[name])
    trainer.epoch, trainer.batch, trainer.ended, trainer.stopping = (state[name] for name in ("epoch", "batch", "ended", "stopping"))
    if state["loader"] is not None and hasattr(trainer.loader, "load_state_dict"):
        trainer.loader.load_state_dict(state["loader"])
    own = {name: callback for name, callback in _callbacks(trainer) if name in state["callbacks"] or callback.state_dict()}
    if set(own) ^ set(state["callbacks"]):
        warnings.warn(f"resume: the run was saved with the callbacks {', '.join(state['callbacks']) or 'none'} and goes on with "
                      f"{', '.join(own) or 'none'}; those without a state begin anew", stacklevel=5)
    for name in own.keys() & state["callbacks"].keys():
        own[name].load_state_dict(state["callbacks"][name])
    trainer.run.load_state_dict(state["run"])
    set_random_state(state["random"])


def _parts(trainer: Trainer) -> list[tuple[str, Any]]:
    found = {"optimizer": trainer.optimizer, "scheduler": trainer.scheduler, "scaler": trainer.precision.scaler}
    return [(name, part) for name, part in found.items() if part is not None]


def _callbacks(trainer: Trainer) -> list[tuple[str, Any]]:
    """Callbacks by the name of their class, numbered where there are several."""
    kinds: Counter[str] = Counter()
    named = []
    for callback in trainer.callbacks:
        kind = type(callback).__name__
        named.append((f"{kind}-{kinds[kind]}" if kinds[kind] else kind, callback))
        kinds[kind] += 1
    return named
