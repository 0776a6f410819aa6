"""The registry: every layer, loss, optimizer, scheduler, metric, callback, dataset, transform and parametrization, with its typed signature.

Nothing is listed by hand: a public class of a part is in the registry because it is public there. Configuration, the
reference pages, the builder and the widgets are derived from it. `register` adds a class of your own.
"""
from __future__ import annotations

import difflib
import functools
import importlib
import inspect
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from ..core.errors import ConfigError
from .entry import Entry, Parameter, spelled

Target = TypeVar("Target", bound=Callable[..., Any])


@dataclass(frozen=True)
class Kind:
    """Where the classes of a kind are public, the base that they share ("module:name"), and others that may stand for them."""

    module: str
    base: str
    functions: bool = False
    also: tuple[str, ...] = ()


KINDS = {
    "layers": Kind("nn", "nn:Module"),
    "losses": Kind("nn", "nn.losses:Loss"),
    "optimizers": Kind("optim", "optim:Optimizer"),
    "schedulers": Kind("optim.lr_scheduler", "optim.lr_scheduler:LRScheduler"),
    "metrics": Kind("train.metrics", "train.metrics:Metric"),
    "callbacks": Kind("train", "train:Callback"),
    "datasets": Kind("data", "data:Dataset", functions=True, also=("DataLoader",)),
    "samplers": Kind("data", "data:Sampler"),
    "transforms": Kind("data.transforms", "data.transforms:Transform"),
    "parametrizations": Kind("nn.parametrizations", "nn:Module", functions=True),
}
_OWN: dict[str, dict[str, Entry]] = {kind: {} for kind in KINDS}


def _part(name: str) -> Any:
    return importlib.import_module(f"workbench.{name}")


def base(kind: str) -> type:
    """The class that all of a kind derive from."""
    module, _, name = KINDS[kind].base.partition(":")
    return getattr(_part(module), name)


@functools.cache
def _built_in(kind: str) -> dict[str, Entry]:
    module, wanted = _part(KINDS[kind].module), base(kind)
    losses = base("losses")
    found = {}
    for name in sorted(module.__all__):
        target = getattr(module, name)
        if isinstance(target, type):
            fits = issubclass(target, wanted) and target is not wanted and (kind != "layers" or not issubclass(target, losses))
        else:
            fits = KINDS[kind].functions and inspect.isfunction(target) and _returns(target, wanted)
        if fits or name in KINDS[kind].also:
            found[name] = Entry(name, kind, target, f"workbench.{KINDS[kind].module}.{name}")
    return found


def _returns(function: Callable[..., Any], wanted: type) -> bool:
    result = typing.get_type_hints(function).get("return")
    return isinstance(result, type) and issubclass(result, wanted)


def entries(kind: str) -> dict[str, Entry]:
    """All of a kind by name, a user's own included.

    Raises
    ------
    ConfigError
        If there is no such kind.
    """
    if kind not in KINDS:
        raise ConfigError(f"registry: kind={kind!r}; expected one of {', '.join(KINDS)}")
    return {**_built_in(kind), **_OWN[kind]}


def layers() -> dict[str, Entry]:
    """Every layer by name.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.registry.layers()["Linear"].signature.parameters["bias"].default
    True
    """
    return entries("layers")


def losses() -> dict[str, Entry]:
    """Every loss by name."""
    return entries("losses")


def optimizers() -> dict[str, Entry]:
    """Every optimizer by name."""
    return entries("optimizers")


def schedulers() -> dict[str, Entry]:
    """Every learning-rate scheduler by name."""
    return entries("schedulers")


def metrics() -> dict[str, Entry]:
    """Every metric by name."""
    return entries("metrics")


def callbacks() -> dict[str, Entry]:
    """Every callback of the trainer by name."""
    return entries("callbacks")


def datasets() -> dict[str, Entry]:
    """Every dataset, and every function that makes one, by name."""
    return entries("datasets")


def samplers() -> dict[str, Entry]:
    """Every sampler of a loader by name."""
    return entries("samplers")


def transforms() -> dict[str, Entry]:
    """Every transform of images by name."""
    return entries("transforms")


def parametrizations() -> dict[str, Entry]:
    """Every ready-made parametrization of modules by name."""
    return entries("parametrizations")


def register(target: Target) -> Target:
    """Add a class of your own under its name; a decorator. Running the cell again replaces it.

    Raises
    ------
    ConfigError
        If it derives from no base that the registry knows, or has the name of a built-in class.

    Examples
    --------
    >>> import workbench as wb
    >>> @wb.registry.register
    ... class Twice(wb.nn.Module):
    ...     def forward(self, x):
    ...         return 2 * x
    >>> wb.config.to_config(Twice())
    {'type': 'Twice'}
    """
    for kind in ("losses", *KINDS):
        if isinstance(target, type) and issubclass(target, base(kind)):
            if target.__name__ in _built_in(kind):
                raise ConfigError(f"register: workbench has a {target.__name__} among its {kind}; choose another name")
            _OWN[kind][target.__name__] = Entry(target.__name__, kind, target, f"{target.__module__}.{target.__qualname__}")
            return target
    raise ConfigError(f"register: {target!r} derives from no base of workbench; expected a subclass of Module, Optimizer, LRScheduler, Metric, "
                      f"Callback or Dataset")


_SHORT = {"losses": {"mae": "L1Loss", "meanabsoluteerror": "L1Loss", "meansquarederror": "MSELoss"},
          "metrics": {"acc": "Accuracy"}}
"""Names that people know from elsewhere and that mean the same here."""


def plain(name: str) -> str:
    """A name without case, separators, and the word loss at its end."""
    return re.sub(r"[^a-z0-9]", "", name.lower()).removesuffix("loss")


def spellings(kind: str) -> dict[str, Entry]:
    """All of a kind by `plain` names: of classes, of the functions behind losses, of what metrics are logged as.

    Examples
    --------
    >>> import workbench as wb
    >>> found = wb.registry.spellings("losses")
    >>> found["crossentropy"].name, found["bce"].name, found["mae"].name
    ('CrossEntropyLoss', 'BCELoss', 'L1Loss')
    """
    known = entries(kind)
    found = {short: known[name] for short, name in _SHORT.get(kind, {}).items()}
    for name, entry in known.items():
        found[plain(name)] = entry
        other = getattr(getattr(entry.target, "function", None), "__name__", "") if kind == "losses" else entry.target.name if kind == "metrics" else ""
        if isinstance(other, str) and other:
            found.setdefault(plain(other), entry)
    return found


def find(name: str, *kinds: str) -> Entry:
    """The entry of a name, looked for in these kinds (all by default); the first kind that has it wins.

    ``"transforms.GaussianNoise"`` says the kind too, where a name alone would mean another. Optimizers, losses and metrics
    have the names that `wb.fit` takes as well: ``"adam"``, ``"cross_entropy"``.

    Raises
    ------
    ConfigError
        If there is none; names like it are listed.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.registry.find("Linaer", "layers")
    Traceback (most recent call last):
    ...
    workbench.core.errors.ConfigError: 'Linaer' is not among the layers; did you mean Linear ...register
    """
    wanted = kinds or tuple(KINDS)
    qualifier, _, short = name.rpartition(".")
    for kind in wanted:
        found = _OWN[kind].get(short) or _built_in(kind).get(short)
        if found is not None and qualifier in ("", kind):
            return found
    for kind in wanted:
        if qualifier in ("", kind) and kind in ("optimizers", "losses", "metrics") and (entry := spellings(kind).get(plain(short))):
            return entry
    near = difflib.get_close_matches(name, [known for kind in wanted for known in entries(kind)], 3)
    hint = f"; did you mean {' or '.join(dict.fromkeys(near))}?" if near else "."
    place = f"among the {' or '.join(kinds)}" if kinds else "in the registry"
    raise ConfigError(f"{name!r} is not {place}{hint} A class of your own: @wb.registry.register")


def name_of(target: Callable[..., Any]) -> str:
    """The name under which `find` gives a class (or a function that makes datasets) back.

    Raises
    ------
    ConfigError
        If it is not in the registry.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.registry.name_of(wb.nn.GaussianNoise), wb.registry.name_of(wb.data.transforms.GaussianNoise)
    ('GaussianNoise', 'transforms.GaussianNoise')
    """
    for name in (target.__name__, *(f"{kind}.{target.__name__}" for kind in KINDS if target.__name__ in entries(kind))):
        if find(name).target is target:
            return name
    raise ConfigError(f"{target.__module__}.{target.__qualname__} is not registered (another class has its name); decorate it with @wb.registry.register")


__all__ = ["KINDS", "Entry", "Kind", "Parameter", "base", "callbacks", "datasets", "entries", "find", "layers", "losses", "metrics", "name_of", "optimizers",
           "parametrizations", "plain", "register", "samplers", "schedulers", "spelled", "spellings", "transforms"]
