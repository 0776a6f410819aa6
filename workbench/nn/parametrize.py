"""Parametrizations: a tensor of a module that is computed from others each time it is asked for (`nn.utils.parametrize`).

``module.weight`` leaves the module's own attributes; `Module` then finds it here, in ``module.parametrizations``, whose
parameters are what is trained and saved. Names, checks and state keys are PyTorch's. Ready-made ones are in
`parametrizations`.
"""
from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import Any

from ..core import Tensor, no_grad
from ..core.errors import ArgumentError, DTypeError, ShapeError
from .containers import ModuleDict, ModuleList
from .module import Module
from .parameter import Parameter

_cache: ContextVar[dict[Module, Tensor] | None] = ContextVar("parametrized tensors", default=None)


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied in order, and what they start from: ``original``, or ``original0``, ``original1``, ...

    Parameters
    ----------
    modules : sequence of Module
        The first takes the originals, each other one what the one before gives.
    original : Tensor
        The tensor as it was; ``right_inverse`` of the modules, where they have one, turns it into the originals.
    trained, persistent : bool
        Whether originals are parameters, and as buffers whether they are part of the state.
    unsafe : bool
        Leave out the check that shape and dtype stay.
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, trained: bool = True, persistent: bool = True, unsafe: bool = False) -> None:
        super().__init__(modules)
        self.unsafe = unsafe
        found: Any = original
        with no_grad():
            for module in reversed(modules):
                if hasattr(module, "right_inverse"):
                    found = module.right_inverse(found)
            self.is_tensor = isinstance(found, Tensor)
            parts = [found] if self.is_tensor else list(found)
            if not unsafe:
                _check_kept("register_parametrization", modules[-1], _applied(modules, parts), tuple(original.shape), original.dtype)
        self.ntensors = len(parts)
        if self.is_tensor:
            _hold(original, found)
            self._keep("original", original, trained, persistent)
            return
        for i, part in enumerate(parts):
            copy = part.detach().clone()
            self._keep(f"original{i}", Parameter(copy, original.requires_grad) if trained else copy, trained, persistent)

    def _keep(self, name: str, tensor: Tensor, trained: bool, persistent: bool) -> None:
        if trained:
            place_parameter(self, name, tensor)
        else:
            self.register_buffer(name, tensor, persistent)

    def originals(self) -> list[Tensor]:
        """The tensors that are trained."""
        return [self.original] if self.is_tensor else [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the parametrized tensor becomes `value`."""
        with no_grad():
            found: Any = value
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise ArgumentError(f"{type(module).__name__} has no right_inverse: a tensor that it parametrizes cannot be assigned; "
                                        "write into the originals, or define right_inverse(value)")
                found = module.right_inverse(found)
            parts = [found] if isinstance(found, Tensor) else list(found)
            held = self.originals()
            if isinstance(found, Tensor) != self.is_tensor or len(parts) != len(held):
                raise ArgumentError(f"right_inverse gave {len(parts)} tensors; expected {len(held)}")
            for original, part in zip(held, parts, strict=True):
                if part.dtype != original.dtype:
                    raise DTypeError(f"right_inverse gave a tensor of dtype {part.dtype}; the original has {original.dtype}")
            for original, part in zip(held, parts, strict=True):
                _hold(original, part)

    def forward(self) -> Tensor:
        """The tensor that the module sees."""
        cache = _cache.get()
        if cache is not None and self in cache:
            return cache[self]
        x = _applied(list(self), self.originals())
        if cache is not None:
            cache[self] = x
        return x


def register_parametrization(module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False) -> Module:
    """Compute ``module.<tensor_name>`` by `parametrization` from now on; returns the module.

    What is trained is ``module.parametrizations.<tensor_name>.original``. A further parametrization is applied after those
    that are there.

    Parameters
    ----------
    module : Module
    tensor_name : str
        A parameter or buffer of the module.
    parametrization : Module
        ``forward(original) -> tensor`` of the same shape and dtype. With ``right_inverse(tensor)`` the tensor keeps its value
        (as well as the parametrization can have it) and can be assigned to; where that returns several tensors, they are all
        trained and ``forward`` takes them all.
    unsafe : bool
        Let shape and dtype change.

    Raises
    ------
    ArgumentError
        If the module has no such parameter or buffer.
    ShapeError, DTypeError
        If shape or dtype would change. The module is then as before.

    Examples
    --------
    >>> import workbench as wb
    >>> class Symmetric(wb.nn.Module):
    ...     def forward(self, x):
    ...         return (x + x.T) / 2
    >>> layer = wb.nn.utils.parametrize.register_parametrization(wb.nn.Linear(3, 3), "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.T).all()), list(layer.state_dict())
    (True, ['bias', 'parametrizations.weight.original'])
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        chain = module.parametrizations[tensor_name]
        if not unsafe:
            _check_appended(parametrization, getattr(module, tensor_name))
        chain.append(parametrization)
        chain.unsafe |= unsafe
        return module
    trained = tensor_name in module._own_parameters()
    if not trained and tensor_name not in module._own_buffers():
        raise ArgumentError(f"register_parametrization: {type(module).__name__} has no parameter or buffer {tensor_name!r}")
    persistent = module._buffers.get(tensor_name, True)
    chain = ParametrizationList([parametrization], getattr(module, tensor_name), trained, persistent, unsafe)
    delattr(module, tensor_name)
    module._own.discard(tensor_name)
    module._buffers.pop(tensor_name, None)
    if not is_parametrized(module):
        module.parametrizations = ModuleDict()
    module.parametrizations[tensor_name] = chain
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether `module` computes this tensor (or any, without a name) by a parametrization.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.nn.utils.parametrize.is_parametrized(wb.nn.Linear(2, 2))
    False
    """
    held = vars(module).get("parametrizations")
    return isinstance(held, ModuleDict) and (len(held) > 0 if tensor_name is None else tensor_name in held)


def remove_parametrizations(module: Module, tensor_name: str, leave_parametrized: bool = True) -> Module:
    """Make ``module.<tensor_name>`` a plain tensor again: its current value, or the original; returns the module.

    Parameters
    ----------
    module : Module
    tensor_name : str
    leave_parametrized : bool
        Keep the computed value. False keeps the original, which is possible where there is one.

    Examples
    --------
    >>> import workbench as wb
    >>> layer = wb.nn.utils.parametrizations.weight_norm(wb.nn.Linear(2, 2))
    >>> list(wb.nn.utils.parametrize.remove_parametrizations(layer, "weight").state_dict())
    ['bias', 'weight']
    """
    if not is_parametrized(module, tensor_name):
        raise ArgumentError(f"remove_parametrizations: {tensor_name!r} of {type(module).__name__} is not parametrized")
    chain = module.parametrizations[tensor_name]
    if not leave_parametrized and not chain.is_tensor:
        raise ArgumentError(f"remove_parametrizations: {tensor_name!r} is computed from {chain.ntensors} tensors, there is no one original; "
                            "use leave_parametrized=True")
    trained = bool(chain._own_parameters())
    original = chain.originals()[0]
    if leave_parametrized:
        with no_grad():
            value = getattr(module, tensor_name)
        if chain.is_tensor:
            _hold(original, value)
        else:
            original = Parameter(value.clone(), original.requires_grad) if trained else value.clone()
    del module.parametrizations[tensor_name]
    if not len(module.parametrizations):
        del module.parametrizations
    if trained:
        place_parameter(module, tensor_name, original)
    else:
        module.register_buffer(tensor_name, original, next(iter(chain._buffers.values())))
    return module


@contextlib.contextmanager
def cached() -> Iterator[None]:
    """Inside, each parametrized tensor is computed once, however often it is asked for.

    Examples
    --------
    >>> import workbench as wb
    >>> layer = wb.nn.utils.parametrizations.weight_norm(wb.nn.Linear(2, 2))
    >>> with wb.nn.utils.parametrize.cached():
    ...     print(layer.weight is layer.weight)
    True
    """
    token = _cache.set({} if _cache.get() is None else _cache.get())
    try:
        yield
    finally:
        _cache.reset(token)


def place_parameter(module: Module, name: str, tensor: Tensor) -> None:
    """Hold `tensor` as a parameter, also one that is frozen."""
    module._own.add(name)
    vars(module)[name] = tensor


def _applied(modules: Sequence[Module], originals: Sequence[Tensor]) -> Tensor:
    x = modules[0](*originals)
    for module in modules[1:]:
        x = module(x)
    return x


def _hold(tensor: Tensor, value: Tensor) -> None:
    """Give `tensor` other numbers, also of another shape; it stays the same object, so that optimizers still know it."""
    same = tuple(tensor.shape) == tuple(value.shape)
    tensor.data = value.detach().clone().data
    if not same and tensor.requires_grad:
        tensor.requires_grad_(False).requires_grad_(True)


def _check_appended(parametrization: Module, value: Tensor) -> None:
    """Refuse one that changes shape or dtype, forwards or backwards."""
    with no_grad():
        before = tuple(value.shape), value.dtype
        made = parametrization(value)
        _check_kept("register_parametrization", parametrization, made, *before)
        if hasattr(parametrization, "right_inverse"):
            _check_kept("register_parametrization: right_inverse", parametrization, parametrization.right_inverse(made), *before)


def _check_kept(what: str, module: Module, made: Any, shape: tuple[int, ...], dtype: Any) -> None:
    if not isinstance(made, Tensor):
        raise ArgumentError(f"{what}: {type(module).__name__} gave {type(made).__name__}; expected a Tensor")
    if made.dtype != dtype:
        raise DTypeError(f"{what}: {type(module).__name__} changes the dtype from {dtype} to {made.dtype}; pass unsafe=True if that is meant")
    if tuple(made.shape) != shape:
        raise ShapeError(f"{what}: {type(module).__name__} changes the shape from {shape} to {tuple(made.shape)}; pass unsafe=True if that is meant")
