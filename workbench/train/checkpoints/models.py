"""A whole model in a checkpoint: its configuration, its state, what is frozen and what is in evaluation mode. No code.

Only registered layers are built, whatever the file says.
"""
from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from typing import Any

from ...core.errors import CheckpointError, WorkbenchError
from ...nn import Module


def packed(model: Module, path: str) -> dict[str, Any]:
    """What `unpacked` makes an equal model of.

    Raises
    ------
    CheckpointError
        If no configuration describes the model.
    """
    try:
        config = _config("to_config")(model)
    except WorkbenchError as error:
        raise CheckpointError(f"save: {path} is a {type(model).__name__} that no configuration describes ({error}). Save its state_dict() "
                              "and load that into a model made by the same code") from None
    return {"config": config, "state": dict(model.state_dict()), "frozen": [name for name, p in model.named_parameters() if not p.requires_grad],
            "evaluating": [name for name, module in model.named_modules() if not module.training]}


def unpacked(parts: dict[str, Any]) -> Module:
    """The model again."""
    from ...ops import get_rng_state, set_rng_state

    random = get_rng_state()  # the weights that are drawn here are replaced at once
    try:
        find = pkgutil.resolve_name("workbench.registry:find")
        for name in _types(parts["config"]):
            find(name, "layers", "losses", "parametrizations")
        model = _config("build")(parts["config"], "layers", "losses")
        model.load_state_dict(parts["state"], assign=True)
    except WorkbenchError as error:
        raise CheckpointError(f"load: the model in this file cannot be made: {error}") from None
    finally:
        set_rng_state(random)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in parts["frozen"])
    for name, module in model.named_modules():
        module.training = name not in parts["evaluating"]
    return model


def _types(config: Any) -> Iterator[str]:
    """Every class that a configuration names."""
    if isinstance(config, dict):
        yield from ([config["type"]] if isinstance(config.get("type"), str) else [])
        yield from ([config["class"]] if set(config) == {"class"} else [])
    for part in config.values() if isinstance(config, dict) else config if isinstance(config, list) else ():
        yield from _types(part)


def _config(name: str) -> Any:
    # Configuration is built on training: it is looked up by name when it is wanted.
    return pkgutil.resolve_name(f"workbench.config:{name}")
