"""Optimizers, losses and metrics by name, class or object: what `fit`, `Trainer` and `compile` take.

Names are looked up in the registry, so a class of one's own is found as well.
"""
from __future__ import annotations

import difflib
import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ..core import Tensor
from ..core.errors import ArgumentError
from ..optim import Optimizer
from .metrics import Metric


@dataclass
class Made:
    """A class and its settings, to be called with the parameters of a model."""

    kind: type
    settings: dict[str, Any]

    def __call__(self, parameters: Iterable[Tensor]) -> Optimizer:
        return self.kind(parameters, **self.settings)


def optimizer(given: Any, lr: float | None, what: str) -> Any:
    """An Optimizer as it is; of a name or a class, what makes one of parameters."""
    if isinstance(given, str):
        given = _found("optimizer", given, what)
    if isinstance(given, type):
        return Made(given, {} if lr is None else {"lr": lr})
    if lr is not None:
        raise ArgumentError(f"{what}: lr goes with the name or the class of an optimizer; this one has its own")
    if not callable(given) and not isinstance(given, Optimizer):
        raise ArgumentError(f"{what}: optimizer={given!r}; expected a name, a class, an Optimizer, or a function of the parameters")
    return given


def loss(given: Any, what: str) -> Callable[..., Tensor]:
    """A function of prediction and target."""
    if isinstance(given, str):
        given = _found("loss", given, what)
    if isinstance(given, type):
        return given()
    if not callable(given):
        raise ArgumentError(f"{what}: loss={given!r}; expected a name, a class, or a function of prediction and target")
    return given


def metric(given: Any, what: str) -> Metric:
    """A metric, new where its name or class is given."""
    if isinstance(given, str):
        given = _found("metric", given, what)
    made = given() if isinstance(given, type) else given
    if not isinstance(made, Metric):
        raise ArgumentError(f"{what}: metric {given!r}; expected a name, a class, or a Metric")
    return made


def _found(kind: str, name: str, what: str) -> Any:
    # The registry reads this package: it is looked up by name when it is wanted.
    spellings, plain = (pkgutil.resolve_name(f"workbench.registry:{one}") for one in ("spellings", "plain"))
    known = spellings({"loss": "losses"}.get(kind, f"{kind}s"))
    if plain(name) in known:
        return known[plain(name)].target
    near = difflib.get_close_matches(plain(name), known, 3, 0.5)
    raise ArgumentError(f"{what}: no {kind} is called {name!r}; {'did you mean ' + ' or '.join(near) if near else 'there are ' + ', '.join(known)}?")
