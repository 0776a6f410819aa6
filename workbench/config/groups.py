"""Groups of an optimizer in a configuration: rules from patterns of names to settings, as `optim.param_groups` takes them."""
from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from ..core.errors import ArgumentError, ConfigError
from ..nn import Module
from ..optim import Optimizer, param_groups
from ..registry import Entry, spelled
from .check import Misfit, fitted


def grouped(params: Any, rules: Any, entry: Entry, path: str) -> list[dict[str, Any]]:
    """The parameters of a model by rules, for the optimizer `entry`.

    Raises
    ------
    ConfigError
        If there is no model, a rule matches nothing, or a setting is not one of the optimizer.
    """
    if not isinstance(params, Module):
        raise ConfigError(f"{path}: groups go by the names of parameters; pass the model itself, build(..., params=model)")
    if not isinstance(rules, Mapping) or not all(isinstance(rule, Mapping) for rule in rules.values()):
        raise ConfigError(f"{path}: expected patterns with their settings, such as {{'*.bias': {{weight_decay: 0}}}}, got {rules!r:.80}")
    checked = {pattern: {name: _setting(name, value, entry, f"{path}.{pattern}") for name, value in rule.items()} for pattern, rule in rules.items()}
    try:
        return param_groups(params, checked)
    except ArgumentError as error:
        raise ConfigError(f"{path}: {error}") from None


def _setting(name: str, value: Any, entry: Entry, path: str) -> Any:
    known = {parameter.name: parameter.type for parameter in entry.parameters} | {"frozen": bool}
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}"
        raise ConfigError(f"{path}.{name}: no setting of {entry.name}; {hint}")
    try:
        return fitted(known[name], value)
    except Misfit:
        raise ConfigError(f"{path}.{name}: expected {spelled(known[name])}, got {value!r:.80}") from None


def add_groups(config: dict[str, Any], optimizer: Optimizer, model: Module | None) -> None:
    """Put the rules that make the groups of `optimizer` again into its configuration; without a model, it must know names itself.

    Raises
    ------
    ConfigError
        If parameters have settings of their own and no names.
    """
    while "optimizer" in config and hasattr(optimizer, "optimizer"):  # of wrappers, the one inside has the groups
        config, optimizer = config["optimizer"], optimizer.optimizer
    names = {} if model is None else {id(p): name for name, p in model.named_parameters()}
    rules: dict[str, Any] = {}
    for group, settings in zip(optimizer.param_groups, optimizer._group_settings, strict=True):
        for p, name in zip(group["params"], group.get("param_names") or [names.get(id(p)) for p in group["params"]], strict=True):
            if settings and name is None:
                raise ConfigError(f"to_config: a group of {type(optimizer).__name__} has settings of its own, and its parameters have no names; "
                                  "make the groups by optim.param_groups(model, ...)")
            if settings and p.requires_grad:
                rules[name] = dict(settings)
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    rules |= {} if model is None else {name: {"frozen": True} for name, p in model.named_parameters() if p.requires_grad and id(p) not in held}
    if rules:
        config["groups"] = rules
