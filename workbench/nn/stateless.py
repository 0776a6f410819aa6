"""Modules as values: trees for transformations, and calls with other parameters.

A module is a tree whose children are its parameters, so ``grad``, ``vmap`` and ``tree.map`` take it like a list of them.
A twin of a module shares everything with it except the tensors that are replaced; the module itself never changes.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core import Tensor, errors, tree
from .module import Module
from .parameter import Parameter


def functional_call(module: Module, parameters: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
    """Call `module` as if it held these tensors under the given paths; the module itself does not change.

    Examples
    --------
    >>> import workbench as wb
    >>> layer = wb.nn.Linear(2, 1, bias=False)
    >>> wb.nn.functional_call(layer, {"weight": wb.ones(1, 2)}, wb.ones(2)).tolist()
    [2.0]
    """
    own = {**dict(module.named_parameters(remove_duplicate=False)), **dict(module.named_buffers())}
    unknown = [name for name in parameters if name not in own]
    if unknown:
        raise errors.ArgumentError(f"functional_call: {type(module).__name__} has no {', '.join(unknown)}; it has "
                                   f"{', '.join(own)}")
    return _twin(module, {id(own[name]): value for name, value in parameters.items()}, {})(*args, **kwargs)


def _flatten(module: Module) -> tuple[list[Tensor], Any]:
    return [parameter.detach() if isinstance(parameter, Parameter) else parameter
            for parameter in module.parameters()], module


def _unflatten(module: Module, children: list[Any]) -> Module:
    """A twin that holds `children` as its parameters; buffers and settings are shared."""
    return _twin(module, dict(zip([id(parameter) for parameter in module.parameters()], children, strict=True)), {})


def _twin(module: Module, replaced: dict[int, Any], made: dict[int, Module]) -> Module:
    if id(module) in made:
        return made[id(module)]
    twin = made[id(module)] = object.__new__(type(module))
    vars(twin).update(vars(module))
    if "_compiled" in vars(module):
        del vars(twin)["forward"]  # a program of the module's own tensors
    for name, value in vars(module).items():
        if isinstance(value, Module):
            vars(twin)[name] = _twin(value, replaced, made)
        elif id(value) in replaced:
            vars(twin)[name] = replaced[id(value)]
    return twin


tree.register(Module, _flatten, _unflatten)
