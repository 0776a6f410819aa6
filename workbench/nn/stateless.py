"""Modules as values: trees for transformations, and calls with other parameters.

A module is a tree whose children are its parameters, so ``grad``, ``vmap`` and ``tree.map`` take it like a list of them.
A twin of a module shares everything with it except the tensors that are replaced; the module itself never changes.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import ops
from ..core import Tensor, errors, no_grad, tree
from .module import Module
from .parameter import Parameter

State = Mapping[str, Any]


def functional_call(module: Module, parameter_and_buffer_dicts: State | Sequence[State], args: Any = None,
                    kwargs: Mapping[str, Any] | None = None, *, tie_weights: bool = True, strict: bool = False) -> Any:
    """Call `module` as if it held these tensors under the given paths; the module itself does not change.

    Parameters
    ----------
    module : Module
    parameter_and_buffer_dicts : dict, or sequence of dicts
        Tensors by path. A buffer that the call writes, such as a running mean, is written in the tensor given here, or in the
        module's own if none is given.
    args : tuple, optional
        Arguments of the call; what is no tuple is the only one.
    kwargs : dict, optional
        Arguments by name.
    tie_weights : bool
        A tensor with several paths is replaced under all of them.
    strict : bool
        Refuse a call that leaves a parameter or buffer as it is.

    Raises
    ------
    ArgumentError
        For a path that the module does not have, and for different tensors on the paths of one.

    Examples
    --------
    >>> import workbench as wb
    >>> layer = wb.nn.Linear(2, 1, bias=False)
    >>> wb.nn.functional_call(layer, {"weight": wb.ones(1, 2)}, wb.ones(2)).tolist()
    [2.0]
    """
    dicts = [parameter_and_buffer_dicts] if isinstance(parameter_and_buffer_dicts, Mapping) else list(parameter_and_buffer_dicts)
    given = {name: value for each in dicts for name, value in each.items()}
    own = {**dict(module.named_parameters(remove_duplicate=False)), **dict(module.named_buffers(remove_duplicate=False))}
    _check_names(module, given, own, dicts, strict)
    if tie_weights:
        twin = _twin(module, _by_tensor(given, own), {})
    else:
        twin = _twin(module, {}, {})
        for name, value in given.items():
            path, _, attribute = name.rpartition(".")
            vars(twin.get_submodule(path))[attribute] = value
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    return twin(*args, **(kwargs or {}))


def _check_names(module: Module, given: State, own: State, dicts: list[State], strict: bool) -> None:
    unknown = [name for name in given if name not in own]
    if unknown:
        raise errors.ArgumentError(f"functional_call: {type(module).__name__} has no {', '.join(unknown)}; it has "
                                   f"{', '.join(own)}")
    if sum(map(len, dicts)) != len(given):
        twice = [name for name in given if sum(name in each for each in dicts) > 1]
        raise errors.ArgumentError(f"functional_call: {', '.join(twice)} is given in several dicts; give it once")
    reached = {id(own[name]) for name in given}
    missing = [name for name in own if id(own[name]) not in reached] if strict else []
    if missing:
        raise errors.ArgumentError(f"functional_call: with strict=True every tensor must be given; missing: {', '.join(missing)}")


def _by_tensor(given: State, own: State) -> dict[int, Any]:
    """What takes the place of each tensor."""
    replaced: dict[int, Any] = {}
    for name, value in given.items():
        if replaced.setdefault(id(own[name]), value) is not value:
            others = [other for other in given if own[other] is own[name]]
            raise errors.ArgumentError(f"functional_call: {' and '.join(others)} are one tensor in the module, but different ones are given; give one of "
                                       "them, or pass tie_weights=False")
    return replaced


def stack_module_state(models: Sequence[Module]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Parameters and buffers of modules of one kind, stacked along a new first axis: an ensemble for `vmap`.

    Returns
    -------
    parameters, buffers : dict of str to Tensor
        New tensors; parameters are leaves that require gradients as those of the models do.

    Raises
    ------
    ArgumentError
        If there are no models, or they differ in class, mode, names or shapes.

    Examples
    --------
    >>> import workbench as wb
    >>> models = [wb.nn.Linear(2, 3) for _ in range(4)]
    >>> parameters, buffers = wb.nn.stack_module_state(models)
    >>> call = lambda p, b, x: wb.nn.functional_call(models[0], (p, b), x)
    >>> wb.vmap(call, in_axes=(0, 0, None))(parameters, buffers, wb.ones(5, 2)).shape
    (4, 5, 3)
    """
    models = list(models)
    if not models:
        raise errors.ArgumentError("stack_module_state: no models; expected at least one")

    def described(model: Module) -> Any:
        tensors = [*model.named_parameters(), *model.named_buffers()]
        return type(model), [part.training for part in model.modules()], [(name, tuple(t.shape), t.dtype, t.requires_grad) for name, t in tensors]

    for number, model in enumerate(models):
        if described(model) != described(models[0]):
            raise errors.ArgumentError(f"stack_module_state: model {number} is not like model 0 in class, mode, or the names, shapes and dtypes of its "
                                       "state (or what of it is frozen); models of one ensemble are made and prepared in the same way")
    with no_grad():
        parameters = {name: ops.stack([dict(model.named_parameters())[name] for model in models]).requires_grad_(parameter.requires_grad)
                      for name, parameter in models[0].named_parameters()}
        buffers = {name: ops.stack([model.get_buffer(name) for model in models]) for name, _ in models[0].named_buffers()}
    return parameters, buffers


# Trees ----------------------------------------------------------------------------------------------------------------------
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
