"""From objects to configurations: the recipe an object remembers, in plain values."""
from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np

from .. import registry
from ..core import Tensor
from ..core.errors import ConfigError
from ..core.recorded import Opaque, Recipe, Recorded
from ..nn import Module, ModuleDict, ModuleList, Sequential
from ..nn.parametrize import is_parametrized
from ..ops import get_rng_state, set_rng_state
from ..optim import Optimizer
from ..train import Run
from .functions import name_of
from .groups import add_groups
from .run import FIT

LARGEST = 1_000_000
"""Arrays with more numbers are data, which belongs into a file of its own."""


def to_config(made: Any, model: Module | None = None) -> dict[str, Any]:
    """The configuration of a model, loss, optimizer, scheduler, metric, callback or run of `wb.fit`: what it was made with.

    Arguments that have their default are left out. A `Sequential`, `ModuleList` or `ModuleDict` is described as it is
    now, anything else as it was made.

    Parameters
    ----------
    made : Module, Optimizer, LRScheduler, Metric, Callback or Run
    model : Module, optional
        Names the parameters of an optimizer that has groups, where they were made without names.

    Returns
    -------
    dict
        For `build`, `save`, or any JSON or YAML writer.

    Raises
    ------
    ConfigError
        If a class is not registered, an argument has no plain form, or a model was changed after it was made.

    Examples
    --------
    >>> import workbench as wb
    >>> from workbench import nn
    >>> wb.config.to_config(nn.Sequential(nn.Linear(4, 3), nn.ReLU()))
    {'type': 'Sequential', 'modules': [{'type': 'Linear', 'in_features': 4, 'out_features': 3}, {'type': 'ReLU'}]}
    """
    if isinstance(made, Run):
        return _of_run(made)
    if not isinstance(getattr(made, "_recipe", None), Recipe):
        raise ConfigError(f"to_config: expected a Module, Optimizer, scheduler, metric, callback or run, got {type(made).__name__}")
    if isinstance(made, Module):
        _check_untied(made)
    config = _described(_live(made), type(made).__name__)
    if isinstance(made, Module):
        _check_unchanged(made, config)
    if isinstance(made, Optimizer):
        add_groups(config, made, model)
    return config


def _of_run(run: Run) -> dict[str, Any]:
    """The arguments of `wb.fit`, model and optimizer as they are now."""
    recipe = getattr(run, "_recipe", None)
    if recipe is None:
        raise ConfigError("to_config: this run was not made by wb.fit, so its data and loss are not known; configure model and optimizer by themselves")
    arguments = _arguments(recipe, FIT.signature, "run")
    optimizer = to_config(run.optimizer, run.model)
    arguments.pop("lr", None)
    return {**arguments, "model": to_config(run.model), "optimizer": optimizer}


def _live(made: Recorded) -> Recipe:
    """The recipe of an object, containers with the modules they hold now."""
    if type(made) is Sequential:
        children = dict(made._held())
        numbered = list(children) == [str(number) for number in range(len(children))]
        held = tuple(map(_live, children.values()))
        return Recipe(Sequential, held if numbered else (dict(zip(children, held, strict=True)),), {})
    if type(made) is ModuleList:
        return Recipe(ModuleList, ([_live(child) for child in made],), {})
    if type(made) is ModuleDict:
        return Recipe(ModuleDict, ({name: _live(child) for name, child in made.items()},), {})
    return made._recipe


def _described(recipe: Recipe, path: str) -> dict[str, Any]:
    try:
        name = registry.name_of(recipe.made)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    return {"type": name, **_arguments(recipe, registry.find(name).signature, path)}


def _arguments(recipe: Recipe, signature: inspect.Signature, path: str) -> dict[str, Any]:
    """What was given and differs from the default, in plain values."""
    config: dict[str, Any] = {}
    for name, value in signature.bind(*recipe.args, **recipe.kwargs).arguments.items():
        parameter = signature.parameters[name]
        if parameter.kind is parameter.VAR_KEYWORD:
            config |= {key: _plain(part, f"{path}.{key}") for key, part in value.items()}
        elif parameter.kind is parameter.VAR_POSITIONAL and len(value) == 1 and isinstance(value[0], dict):
            config[name] = _plain(value[0], f"{path}.{name}")
        elif not _same(value, parameter.default):
            config[name] = _plain(value, f"{path}.{name}")
    return config


def _same(value: Any, default: Any) -> bool:
    if isinstance(value, list) and isinstance(default, tuple):
        return tuple(value) == default
    return value is default or (type(value) is type(default) and isinstance(value, (bool, int, float, str)) and value == default)


def _plain(value: Any, path: str) -> Any:
    """A remembered value as JSON knows it."""
    if isinstance(value, Recipe):
        return _described(value, path)
    if isinstance(value, Opaque):
        raise ConfigError(f"{path}: a {value.type_name} has no plain form; pass numbers, text, tensors, functions of workbench or registered classes")
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(part, f"{path}[{number}]") for number, part in enumerate(value)]
    if isinstance(value, dict):
        return {str(name): _plain(part, f"{path}.{name}") for name, part in value.items()}
    if isinstance(value, (Tensor, np.ndarray, np.generic)):
        array = value.detach().numpy() if isinstance(value, Tensor) else np.asarray(value)
        if array.size > LARGEST:
            raise ConfigError(f"{path}: {array.size} numbers do not belong into a configuration; register a Dataset or Module that loads them "
                              "(@wb.registry.register)")
        return {"tensor": array.tolist(), "dtype": str(array.dtype)}
    if isinstance(value, np.dtype):
        return str(value)
    if isinstance(value, type):
        return {"class": registry.name_of(value)}
    return {"function": name_of(value, path)}


def _check_untied(model: Module) -> None:
    """What holds one layer under two names would come back with two."""
    first: dict[int, str] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        if type(model.get_submodule(path.rpartition(".")[0])) in (Sequential, ModuleList, ModuleDict) and first.setdefault(id(module), path) != path:
            raise ConfigError(f"to_config: {first[id(module)]} and {path} share one {type(module).__name__}, which a list of layers cannot say; "
                              "share it inside a registered Module of your own")


def _check_unchanged(model: Module, config: dict[str, Any]) -> None:
    """A model whose parts were exchanged after it was made would come back as another."""
    from .build import PARAMETRIZED, build

    state = get_rng_state()
    try:
        twin = build(config)
        if rules := _parametrized_later(model, twin):
            config[PARAMETRIZED] = rules
            twin = build(config)
    finally:
        set_rng_state(state)
    now, then = ({name: None if hasattr(value, "materialize") else tuple(value.shape)  # of a lazy layer: there is no shape yet
                  for name, value in module.state_dict().items()} for module in (model, twin))
    if now != then:
        changed = sorted(dict(now.items() ^ then.items()))
        raise _changed(model, changed)
    kinds, were = ({name: module._recipe.made for name, module in one.named_modules()} for one in (model, twin))
    if kinds != were:
        raise _changed(model, sorted({name for name, _ in kinds.items() ^ were.items()}))
    if _tied(model) != _tied(twin):
        raise _changed(model, [" and ".join(names) for names in _tied(model) ^ _tied(twin)])


def _parametrized_later(model: Module, twin: Module) -> dict[str, list[Any]]:
    """The parametrizations of tensors that have none in what a configuration makes, by path."""
    made_so = dict(twin.named_modules())
    found = {}
    for path, module in model.named_modules():
        for name, chain in module.parametrizations.items() if is_parametrized(module) and path in made_so else ():
            if not is_parametrized(made_so[path], name):
                target = f"{path}.{name}" if path else name
                found[target] = [_described(part._recipe, target) for part in chain]
    return found


def _changed(model: Module, what: list[str]) -> ConfigError:
    return ConfigError(f"to_config: {type(model).__name__} was changed after it was made ({', '.join(what[:4])}{', ...' * (len(what) > 4)}); "
                       "make the change in the constructor of a registered Module, or compose the parts in a Sequential")


def _tied(model: Module) -> set[tuple[str, ...]]:
    """Names that mean one parameter."""
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return {tuple(found) for found in names.values() if len(found) > 1}
