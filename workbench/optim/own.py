"""An optimizer of your own from one function of (parameter, gradient, state, group)."""
from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..core.errors import ArgumentError
from .base import Optimizer, expanded

Update = Callable[[Any, Any, dict[str, Any], dict[str, Any]], Any]
ARGUMENTS = ["parameter", "grad", "state", "group"]


def optimizer(**defaults: Any) -> Callable[[Update], type[Optimizer]]:
    """Make an optimizer class of a rule; the keyword arguments are its settings with their defaults.

    The rule changes the array `parameter` in place. What it wants to remember it puts into `state`, a dict that is empty at
    the first step: arrays and numbers. `group` holds the settings. Weight decay, clipping and the like are for the rule to do.

    Returns
    -------
    callable
        A decorator. The class has groups, saving, hooks, schedules and jit like all others, and where the rule is
        element-wise, one kernel changes all parameters.

    Raises
    ------
    ArgumentError
        If the function takes other arguments.

    Examples
    --------
    >>> import workbench as wb
    >>> @wb.optim.optimizer(lr=0.1, momentum=0.9)
    ... def Heavy(parameter, grad, state, group):
    ...     state["speed"] = group["momentum"] * state.get("speed", 0) + grad
    ...     parameter -= group["lr"] * state["speed"]
    >>> p = wb.nn.Parameter(wb.ones(1)); p.grad = wb.ones(1)
    >>> Heavy([p], lr=0.5).step(); p.tolist()
    [0.5]
    """
    def make(update: Update) -> type[Optimizer]:
        return from_function(update, defaults)

    return make


def from_function(update: Update, defaults: dict[str, Any], *, name: str | None = None) -> type[Optimizer]:
    """The same without a decorator: ``from_function(update, {"lr": 0.1})`` is a class.

    Examples
    --------
    >>> import workbench as wb
    >>> def update(parameter, grad, state, group):
    ...     parameter -= group["lr"] * wb.sign(grad)
    >>> SignSGD = wb.optim.from_function(update, {"lr": 0.25}, name="SignSGD")
    >>> p = wb.nn.Parameter(wb.ones(1)); p.grad = wb.ones(1) * 100
    >>> SignSGD([p]).step(); p.tolist()
    [0.75]
    """
    name = name or update.__name__
    taken = list(inspect.signature(update).parameters)
    if len(taken) != len(ARGUMENTS):
        raise ArgumentError(f"optim.optimizer: {name} takes ({', '.join(taken)}); expected ({', '.join(ARGUMENTS)})")
    if "params" in defaults:
        raise ArgumentError(f"optim.optimizer: {name} has a setting named params, which is what an optimizer's parameters are called")

    def __init__(self: Optimizer, *args: Any, **kwargs: Any) -> None:
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        settings = dict(list(bound.arguments.items())[2:])
        Optimizer.__init__(self, bound.arguments["params"], {key: settings.pop(key) for key in defaults}, **settings.pop("common"))

    signature = _signature(defaults)
    __init__.__signature__ = signature
    __init__.__annotations__ = {p.name: p.annotation for p in signature.parameters.values() if p.annotation is not p.empty}
    body = {"__init__": __init__, "update": lambda self, *args: update(*args), "__doc__": update.__doc__, "__module__": update.__module__,
            "__qualname__": name, "rule": staticmethod(update)}
    kind = type(name, (Optimizer,), body)
    kind.__signature__ = expanded(signature)
    return kind


def _signature(defaults: dict[str, Any]) -> inspect.Signature:
    """Of ``__init__``: the parameters, the settings by position or keyword, and what all optimizers take."""
    either, keywords = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.VAR_KEYWORD
    settings = [inspect.Parameter(key, either, default=value, annotation=inspect.Parameter.empty if value is None else type(value))
                for key, value in defaults.items()]
    first = [inspect.Parameter("self", either), inspect.Parameter("params", either, annotation=Any)]
    return inspect.Signature([*first, *settings, inspect.Parameter("common", keywords)])
