"""Groups of a model's parameters by rules: settings by name, no decay for biases and norms, smaller rates for lower layers."""
from __future__ import annotations

import fnmatch
from collections.abc import Mapping
from typing import Any

from ..core import Tensor
from ..core.errors import ArgumentError


def param_groups(model: Any, rules: Mapping[str, Mapping[str, Any]] | None = None, *, lr: float | None = None, weight_decay: float | None = None,
                 layer_decay: float | None = None) -> list[dict[str, Any]]:
    """The parameters of a model in groups that share their settings; frozen ones are left out.

    Parameters
    ----------
    model : Module
        Or anything with ``named_parameters()``.
    rules : dict
        From patterns of names (``"encoder.*"``, ``"*.bias"``) to settings; the first that matches counts. It overrides what
        the arguments below say. ``{"frozen": True}`` leaves parameters out.
    lr : float, optional
        The rate of the last layer, for `layer_decay`; without it rates are the optimizer's.
    weight_decay : float, optional
        For parameters with two axes or more; biases and the weights of norms, which have one, get none.
    layer_decay : float, optional
        The rate of each layer is this times that of the layer after it (Clark et al. 2020); needs `lr`. A layer is what
        shares a name up to its first number (``blocks.3``), or else up to its first dot.

    Returns
    -------
    list of dict
        For an optimizer, with the names of parameters in ``param_names``.

    Raises
    ------
    ArgumentError
        If a rule matches no parameter, or `layer_decay` comes without `lr`.

    Examples
    --------
    >>> import workbench as wb
    >>> model = wb.nn.Sequential(wb.nn.Linear(2, 3), wb.nn.LayerNorm(3), wb.nn.Linear(3, 1))
    >>> groups = wb.optim.param_groups(model, {"2.*": {"lr": 0.1}}, weight_decay=0.01)
    >>> for group in groups:
    ...     print(group["param_names"], {k: v for k, v in group.items() if not k.startswith("param")})
    ['0.weight'] {'weight_decay': 0.01}
    ['0.bias', '1.weight', '1.bias'] {'weight_decay': 0.0}
    ['2.weight'] {'weight_decay': 0.01, 'lr': 0.1}
    ['2.bias'] {'weight_decay': 0.0, 'lr': 0.1}
    >>> optimizer = wb.optim.AdamW(groups, lr=1e-3)
    """
    if layer_decay is not None and lr is None:
        raise ArgumentError("param_groups: layer_decay needs lr, the rate of the last layer")
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    rules = rules or {}
    for pattern in rules:
        if not any(fnmatch.fnmatchcase(name, pattern) for name, _ in named):
            raise ArgumentError(f"param_groups: no parameter matches {pattern!r}; names are {', '.join(name for name, _ in named[:8])}, ...")
    layers = list(dict.fromkeys(_layer(name) for name, _ in named))
    found: dict[tuple, dict[str, Any]] = {}
    for name, parameter in named:
        settings = _settings(name, parameter, weight_decay, None if lr is None else lr * (layer_decay or 1.0) ** (len(layers) - 1 - layers.index(_layer(name))))
        settings.update(next((rule for pattern, rule in rules.items() if fnmatch.fnmatchcase(name, pattern)), {}))
        if settings.pop("frozen", False):
            continue
        group = found.setdefault(tuple(sorted((key, repr(value)) for key, value in settings.items())), {"params": [], "param_names": [], **settings})
        group["params"].append(parameter)
        group["param_names"].append(name)
    return list(found.values())


def _settings(name: str, parameter: Tensor, weight_decay: float | None, lr: float | None) -> dict[str, Any]:
    settings: dict[str, Any] = {} if weight_decay is None else {"weight_decay": weight_decay if parameter.ndim > 1 else 0.0}
    return settings if lr is None else {**settings, "lr": lr}


def _layer(name: str) -> str:
    """What a layer's parameters have in front."""
    parts = name.split(".")
    number = next((place for place, part in enumerate(parts) if part.isdigit()), 0)
    return ".".join(parts[:number + 1])
