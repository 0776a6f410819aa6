"""Module: an object that holds parameters, buffers and other modules, and computes something with them.

Parameters, buffers and children are ordinary attributes, found by walking ``vars(self)``; the module only remembers which
names were set to parameters, so that a frozen one stays a parameter. A module is also a tree, so transformations take it
like a list of its parameters.
"""
from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..core import Tensor, errors, no_grad, tree
from ..core.node import HookHandle
from .parameter import Parameter


class Module:
    """Base of all layers and models; a subclass sets attributes in its constructor and defines ``forward``.

    Attributes
    ----------
    training : bool
        Whether layers such as dropout and batch normalization behave as in training.

    Examples
    --------
    >>> import workbench as wb
    >>> class Affine(wb.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.scale = wb.nn.Parameter(wb.ones(2))
    ...     def forward(self, x):
    ...         return x * self.scale
    >>> Affine()(wb.ones(2)).tolist()
    [1.0, 1.0]
    """

    training: bool = True

    def __init__(self) -> None:
        vars(self)["_own"] = set()
        self.training = True
        self._buffers: dict[str, bool] = {}
        self._forward_hooks: list[Callable] = []
        self._forward_pre_hooks: list[Callable] = []

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; defined by every subclass."""
        raise errors.GraphError(f"{type(self).__name__} does not define forward")

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter):
            if "_own" not in vars(self):
                raise errors.ConfigError(f"{type(self).__name__}.__init__ must call super().__init__() before it sets {name}")
            self._own.add(name)
        object.__setattr__(self, name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            pre_hooks, hooks = self._forward_pre_hooks, self._forward_hooks
        except AttributeError:
            raise errors.ConfigError(f"{type(self).__name__}.__init__ must call super().__init__() first") from None
        for hook in list(pre_hooks):
            changed = hook(self, args)
            if changed is not None:
                args = changed if isinstance(changed, tuple) else (changed,)
        output = self.forward(*args, **kwargs)
        for hook in list(hooks):
            changed = hook(self, args, kwargs, output)
            if changed is not None:
                output = changed
        return output

    # ------------------------------------------------------------------ what is inside
    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Modules held directly, by attribute name."""
        return ((name, value) for name, value in vars(self).items() if isinstance(value, Module))

    def children(self) -> Iterator[Module]:
        """Modules held directly."""
        return (child for _, child in self.named_children())

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """This module and all below it with their paths, each object once."""
        seen: set[int] = set()
        stack = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if id(module) in seen:
                continue
            seen.add(id(module))
            yield path, module
            stack.extend(reversed([(_join(path, name), child) for name, child in module.named_children()]))

    def modules(self) -> Iterator[Module]:
        """This module and all below it."""
        return (module for _, module in self.named_modules())

    def named_parameters(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        """Parameters with their paths, each tensor once."""
        return self._named(prefix, recurse, lambda module, name: name not in module._buffers)

    def parameters(self, recurse: bool = True) -> Iterator[Tensor]:
        """Parameters, each once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        """Tensors that are state but not trained, with their paths."""
        return self._named(prefix, recurse, lambda module, name: name in module._buffers)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Tensors that are state but not trained."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _named(self, prefix: str, recurse: bool, wanted: Callable[[Module, str], bool]) -> Iterator[tuple[str, Tensor]]:
        seen: set[int] = set()
        for path, module in self.named_modules(prefix) if recurse else [(prefix, self)]:
            for name, value in vars(module).items():
                if _is_state(module, name, value) and wanted(module, name) and id(value) not in seen:
                    seen.add(id(value))
                    yield _join(path, name), value

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Hold `tensor` as state that is not trained; a persistent one is part of the state dict."""
        self._buffers[name] = persistent
        setattr(self, name, tensor)

    def register_parameter(self, name: str, parameter: Tensor | None) -> None:
        """Hold `parameter` under `name`; None says that there is none."""
        setattr(self, name, parameter)

    def get_submodule(self, path: str) -> Module:
        """The module at a dotted path."""
        found: Any = self
        for name in path.split(".") if path else ():
            found = getattr(found, name, None)
            if not isinstance(found, Module):
                raise errors.ArgumentError(f"get_submodule: {path!r} is not a module of {type(self).__name__}")
        return found

    # ------------------------------------------------------------------ modes and places
    def train(self, mode: bool = True) -> Module:
        """Set training mode (or evaluation mode) here and below; returns itself."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Set evaluation mode here and below; returns itself."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Train (or freeze) every parameter; returns itself."""
        for parameter in self.parameters():
            if parameter.requires_grad != requires_grad:
                parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            if set_to_none:
                if parameter.requires_grad:
                    parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad = parameter.grad * 0

    def apply(self, function: Callable[[Module], Any]) -> Module:
        """Call `function` on every module below and on this one; returns itself."""
        for child in self.children():
            child.apply(function)
        function(self)
        return self

    def to(self, *target: Any, dtype: Any = None, device: str | None = None) -> Module:
        """Move floating-point parameters and buffers to another dtype or device, in place; returns itself."""
        for _, tensor in [*self.named_parameters(), *self.named_buffers()]:
            floating = tensor.dtype.kind in "fc"
            moved = tensor.detach().to(*target, dtype=dtype, device=device)
            tensor.data = moved.data if floating else moved.data.astype(tensor.dtype)
        return self

    def float(self) -> Module:
        """All floating-point state as float32; returns itself."""
        return self.to(dtype="float32")

    def double(self) -> Module:
        """All floating-point state as float64; returns itself."""
        return self.to(dtype="float64")

    # ------------------------------------------------------------------ state
    def state_dict(self, prefix: str = "") -> OrderedDict[str, Tensor]:
        """Parameters and persistent buffers by path, off the tape; they share memory with the module."""
        state: OrderedDict[str, Tensor] = OrderedDict()
        for name, value in vars(self).items():
            if _is_state(self, name, value) and self._buffers.get(name, True):
                state[prefix + name] = value.detach()
        for name, child in self.named_children():
            state.update(child.state_dict(f"{prefix}{name}."))
        return state

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Copy values into parameters and buffers.

        Parameters
        ----------
        state : mapping of str to Tensor or array
        strict : bool
            Also refuse missing and unexpected names. Nothing is changed when anything is refused.

        Raises
        ------
        CheckpointError
            If names or shapes do not fit; all of them are listed.
        """
        own = self._state_tensors()
        problems = []
        if strict:
            problems += [f"missing: {name}" for name in own if name not in state]
            problems += [f"unexpected: {name}" for name in state if name not in own]
        problems += [f"{name}: shape {tuple(state[name].shape)} in the file, {tuple(tensor.shape)} in the model"
                     for name, tensor in own.items() if name in state and tuple(state[name].shape) != tuple(tensor.shape)]
        if problems:
            raise errors.CheckpointError(f"the state does not fit {type(self).__name__}: " + "; ".join(problems))
        with no_grad():
            for name, tensor in own.items():
                if name in state:
                    tensor.copy_(state[name])

    def _state_tensors(self, prefix: str = "") -> dict[str, Tensor]:
        own = {prefix + name: value for name, value in vars(self).items()
               if _is_state(self, name, value) and self._buffers.get(name, True)}
        for name, child in self.named_children():
            own.update(child._state_tensors(f"{prefix}{name}."))
        return own

    # ------------------------------------------------------------------ hooks
    def register_forward_hook(self, hook: Callable[..., Any], *, with_kwargs: bool = False) -> HookHandle:
        """Call ``hook(module, args, output)`` after each forward; what it returns replaces the output.

        With `with_kwargs` the hook is ``hook(module, args, kwargs, output)``.
        """
        def plain(module: Module, args: tuple, kwargs: dict[str, Any], output: Any) -> Any:
            return hook(module, args, output)

        chosen = hook if with_kwargs else plain
        self._forward_hooks.append(chosen)
        return HookHandle(self._forward_hooks, chosen)

    def register_forward_pre_hook(self, hook: Callable[[Module, tuple], Any]) -> HookHandle:
        """Call ``hook(module, args)`` before each forward; what it returns replaces the arguments."""
        self._forward_pre_hooks.append(hook)
        return HookHandle(self._forward_pre_hooks, hook)

    # ------------------------------------------------------------------ text
    def extra_repr(self) -> str:
        """The settings of a layer, for its repr."""
        return ""

    def __repr__(self) -> str:
        lines = [f"({name}): {repr(child)}" for name, child in self.named_children()]
        if not lines:
            return f"{type(self).__name__}({self.extra_repr()})"
        body = "\n".join(lines).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {body}\n)"

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_forward_hooks": [], "_forward_pre_hooks": []}


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _is_state(module: Module, name: str, value: Any) -> bool:
    return isinstance(value, Tensor) and (name in module._own or name in module._buffers)


def _flatten(module: Module) -> tuple[list[Tensor], Any]:
    names, parameters = zip(*module.named_parameters(), strict=True) if any(True for _ in module.parameters()) else ((), ())
    return [parameter.detach() for parameter in parameters], (module, names)


def _unflatten(rest: Any, children: list[Any]) -> Module:
    """A copy of the module that holds `children` as its parameters; buffers and settings are shared."""
    module, names = rest
    replaced = dict(zip([id(parameter) for parameter in module.parameters()], children, strict=True))
    return _with(module, replaced, {})


def _with(module: Module, replaced: dict[int, Any], made: dict[int, Module]) -> Module:
    if id(module) in made:
        return made[id(module)]
    twin = made[id(module)] = copy.copy(module)
    for name, value in vars(module).items():
        if isinstance(value, Module):
            setattr(twin, name, _with(value, replaced, made))
        elif id(value) in replaced:
            setattr(twin, name, replaced[id(value)])
    return twin


tree.register(Module, _flatten, _unflatten)


def functional_call(module: Module, parameters: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
    """Call `module` as if it held these tensors under the given paths; the module itself does not change.

    Examples
    --------
    >>> import workbench as wb
    >>> layer = wb.nn.Linear(2, 1, bias=False)
    >>> wb.nn.functional_call(layer, {"weight": wb.ones(1, 2)}, wb.ones(2)).tolist()
    [2.0]
    """
    own = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    unknown = [name for name in parameters if name not in own]
    if unknown:
        raise errors.ArgumentError(f"functional_call: {type(module).__name__} has no {', '.join(unknown)}")
    return _with(module, {id(own[name]): value for name, value in parameters.items()}, {})(*args, **kwargs)
