"""From configurations to objects: names looked up in the registry, settings checked before anything is made."""
from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

from .. import registry
from ..core import tensor
from ..core.errors import ConfigError, WorkbenchError
from ..nn import Module
from ..nn.parametrize import register_parametrization
from ..registry import Entry
from .check import Misfit, fitted
from .files import Config
from .functions import named
from .groups import grouped

PARAMETRIZED = "parametrizations"
"""The key of a layer under which its tensors are parametrized, by their paths: ``{weight: [spectral_norm]}``."""


def build(config: Any, *kinds: str, path: str = "", **given: Any) -> Any:
    """Make what a configuration describes.

    Parameters
    ----------
    config : dict or str
        ``{"type": name, setting: value, ...}``; a name alone takes every default.
    *kinds : str
        Kinds of the registry it may come from ("layers", "optimizers", ...); all by default.
    path : str
        Where it stands in a larger configuration, for messages.
    **given
        What is there already: ``params`` for an optimizer (parameters, or a model where it has ``groups``), ``optimizer`` for a
        scheduler.

    Returns
    -------
    object

    Raises
    ------
    ConfigError
        Naming the key (and the line, if the configuration was read from a file), what was given, and what was expected.

    Examples
    --------
    >>> import workbench as wb
    >>> model = wb.config.build({"type": "Linear", "in_features": 4, "out_features": 3})
    >>> wb.config.build({"type": "AdamW", "lr": 0.01}, params=model.parameters()).defaults["lr"]
    0.01
    >>> groups = {"*bias": {"weight_decay": 0.0}}  # by patterns of names, as `optim.param_groups` takes them
    >>> optimizer = wb.config.build({"type": "AdamW", "groups": groups}, params=model)
    >>> [(group["param_names"], group["weight_decay"]) for group in optimizer.param_groups]
    [(['weight'], 0.01), (['bias'], 0.0)]
    >>> wb.config.build({"type": "Linear", "in_features": 4, "out_feature": 3})
    Traceback (most recent call last):
    ...
    workbench.core.errors.ConfigError: out_feature: no setting of Linear; did you mean out_features?
    """
    config = {"type": config} if isinstance(config, str) else config
    if not isinstance(config, Mapping) or not isinstance(config.get("type"), str):
        raise ConfigError(f"{path or 'config'}: expected a mapping with a type, such as {{type: Linear, ...}}, got {config!r:.80}")
    entry = _entry(config, kinds, path)
    if "params" in given and entry.kind == "optimizers":
        config, given = _with_params(config, given, entry, path)
    check_names(config, entry, path)
    settings = {name: setting(config, name, entry, path, given) for name in config if name not in ("type", PARAMETRIZED)}
    missing = [name for name in entry.given if name not in given]
    if missing:
        raise ConfigError(f"{path or 'config'}: {entry.name} needs {' and '.join(missing)}; pass them to build({', '.join(f'{m}=...' for m in missing)})")
    made = _call(config, entry, settings, [given[name] for name in entry.given], path)
    if PARAMETRIZED in config:
        _parametrize(made, config[PARAMETRIZED], at(config, PARAMETRIZED, path))
    return made


def at(config: Mapping[str, Any], name: str, path: str) -> str:
    """A key with its path, and the line of the file it was read from."""
    place = getattr(config, "places", {}).get(name)
    whole = f"{path}.{name}" if path else name
    return f"{whole} ({place})" if place else whole


def _with_params(config: Mapping[str, Any], given: dict[str, Any], entry: Entry, path: str) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """The configuration without its groups, and the parameters in these groups."""
    params = given["params"]
    if "groups" in config:
        rules = grouped(params, config["groups"], entry, at(config, "groups", path))
        rest = Config({name: value for name, value in config.items() if name != "groups"}, places=dict(getattr(config, "places", {})))
        return rest, {**given, "params": rules}
    inside = any(isinstance(value, Mapping) and "type" in value for value in config.values())  # a wrapper hands the model on
    return config, {**given, "params": list(params.parameters()) if isinstance(params, Module) and not inside else params}


def _entry(config: Mapping[str, Any], kinds: tuple[str, ...], path: str) -> Entry:
    try:
        return registry.find(config["type"], *kinds)
    except ConfigError as error:
        raise ConfigError(f"{at(config, 'type', path)}: {error}") from None


def check_names(config: Mapping[str, Any], entry: Entry, path: str) -> None:
    """Refuse settings that `entry` does not have, and the lack of those it needs."""
    known = {parameter.name: parameter for parameter in entry.parameters}
    open_ended = any(p.kind is p.VAR_KEYWORD for p in entry.signature.parameters.values())
    for name in config:
        if not isinstance(name, str):
            raise ConfigError(f"{path or 'config'}: the key {name!r} is not text")
        if name not in known and name not in _reserved(entry) and not open_ended:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}" if known else "it has none"
            raise ConfigError(f"{at(config, name, path)}: no setting of {entry.name}; {hint}")
    missing = [name for name, parameter in known.items() if parameter.required and name not in config]
    if missing:
        raise ConfigError(f"{at(config, 'type', path)}: {entry.name} needs {' and '.join(missing)}")


def _reserved(entry: Entry) -> tuple[str, ...]:
    return ("type", PARAMETRIZED) if entry.kind in ("layers", "losses") else ("type",)


def _parametrize(model: Module, rules: Any, path: str) -> None:
    """Parametrize tensors of a module, by their paths."""
    if not isinstance(rules, Mapping):
        raise ConfigError(f"{path}: expected names of tensors with their parametrizations, such as {{weight: [weight_norm]}}, got {rules!r:.80}")
    for target, chain in rules.items():
        where = at(rules, target, path)
        holder, _, name = target.rpartition(".")
        for number, part in enumerate(chain if isinstance(chain, list) else [chain]):
            try:
                module = model.get_submodule(holder)
                made = build(part, "parametrizations", "layers", path=f"{where}[{number}]", module=module, name=name)
                if made is not module:
                    register_parametrization(module, name, made)
            except ConfigError:
                raise
            except WorkbenchError as error:
                raise ConfigError(f"{where}: {error}") from error


def setting(config: Mapping[str, Any], name: str, entry: Entry, path: str, given: dict[str, Any]) -> Any:
    """One setting, built and checked against its type."""
    value = decoded(config[name], f"{path}.{name}" if path else name, given)
    parameter = entry.signature.parameters.get(name)
    if parameter is None or (value is None and parameter.default is None):
        return value
    several = parameter.kind is parameter.VAR_POSITIONAL and isinstance(value, list)
    wanted, place = registry.spelled(parameter.annotation), at(config, name, path)
    if several:
        return [_fitted(parameter.annotation, part, f"{place}[{number}]", wanted, config[name][number]) for number, part in enumerate(value)]
    return _fitted(parameter.annotation, value, place, wanted, config[name])


def _fitted(annotation: Any, value: Any, place: str, wanted: str, given: Any) -> Any:
    try:
        return fitted(annotation, value)
    except Misfit:
        hint = f"; did you mean {{type: {given}}}?" if isinstance(given, str) and "Module" in wanted else ""
        raise ConfigError(f"{place}: expected {wanted}, got {given!r:.80}{hint}") from None


def decoded(value: Any, path: str, given: dict[str, Any]) -> Any:
    """A plain value with the objects that it describes in their places."""
    if isinstance(value, Mapping):
        if "type" in value:
            return build(value, path=path, **given)
        if set(value) == {"tensor", "dtype"}:
            try:
                return tensor(value["tensor"], dtype=value["dtype"])
            except WorkbenchError as error:
                raise ConfigError(f"{path}: {error}") from error
        if set(value) == {"function"}:
            return named(value["function"], path)
        if set(value) == {"class"}:
            return registry.find(value["class"]).target
        return {name: decoded(part, f"{path}.{name}", given) for name, part in value.items()}
    if isinstance(value, list):
        return [decoded(part, f"{path}[{number}]", given) for number, part in enumerate(value)]
    return value


def _call(config: Mapping[str, Any], entry: Entry, settings: dict[str, Any], given: list[Any], path: str) -> Any:
    arguments = list(given)
    for name, parameter in entry.signature.parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL and name in settings:
            value = settings.pop(name)
            arguments += value if isinstance(value, list) else [value]
    try:
        return entry.target(*arguments, **settings)
    except (WorkbenchError, ValueError, TypeError, OverflowError) as error:
        named = [name for name in config if re.search(rf"\b{re.escape(name)}=", str(error))]  # what the message is about, if it says
        raise ConfigError(f"{at(config, named[0] if len(named) == 1 else 'type', path)}: {error}") from error
