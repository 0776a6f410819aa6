"""A whole run from one configuration: its keys are the arguments of `wb.fit`, parts are built in the order they need."""
from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from .. import train
from ..core.errors import ConfigError
from ..ops import manual_seed
from ..registry import Entry
from .build import at, build, check_names, setting
from .files import load, override

FIT = Entry("fit", "runs", train.fit, "workbench.fit")
PARTS = {"model": ("layers",), "data": ("datasets",), "validation": ("datasets",), "loss": ("losses",), "optimizer": ("optimizers",),
         "scheduler": ("schedulers",), "metrics": ("metrics",), "callbacks": ("callbacks",)}
"""Which arguments are built, and from which kinds."""
_NEEDS = {"scheduler": "optimizer"}


def fit(config: Mapping[str, Any] | str | os.PathLike, *, overrides: Iterable[str] | Mapping[str, Any] = ()) -> train.Run:
    """Train what a configuration describes: ``model``, ``data``, ``loss``, and any other argument of `wb.fit`.

    Parameters
    ----------
    config : mapping or path
    overrides : iterable of "key.key=value" or mapping of str to value
        Changes to it, as a command line would give them.

    Returns
    -------
    Run

    Raises
    ------
    ConfigError
        Naming the key that is wrong; nothing has been trained then.

    Examples
    --------
    >>> import workbench as wb
    >>> run = wb.config.fit({"model": {"type": "Linear", "in_features": 4, "out_features": 3}, "data": {"type": "iris"},
    ...                      "loss": "CrossEntropyLoss", "optimizer": {"type": "SGD", "lr": 0.1}, "epochs": 2, "progress": False})
    >>> run.state
    'done'
    """
    config = override(config, overrides) if isinstance(config, Mapping) else load(config, overrides=overrides)
    check_names(config, FIT, "")
    manual_seed(config.get("seed", 0))
    made: dict[str, Any] = {}
    for name in [*PARTS, *(name for name in config if name not in PARTS)]:
        if name in config:
            made[name] = _part(config, name, made)
    return train.fit(**made)


def _part(config: Mapping[str, Any], name: str, made: dict[str, Any]) -> Any:
    value = config[name]
    described = name in PARTS and (isinstance(value, str) or isinstance(value, Mapping) and "type" in value)
    if not described and not (name in ("metrics", "callbacks") and isinstance(value, list)):
        return setting(config, name, FIT, "", {})
    needed = _NEEDS.get(name)
    if needed and needed not in made:
        raise ConfigError(f"{at(config, name, '')}: needs a configured {needed}; add {needed}: {{type: ..., lr: ...}}")
    given = {"params": made["model"], "model": made["model"]} if name == "optimizer" else {needed: made[needed]} if needed else {}
    if described:
        return build(value, *PARTS[name], path=name, **given)
    return [build(part, *PARTS[name], path=f"{name}[{number}]") if isinstance(part, Mapping) else part for number, part in enumerate(value)]
