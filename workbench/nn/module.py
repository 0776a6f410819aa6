"""Module: an object that holds parameters, buffers and other modules, and computes something with them.

Parameters, buffers and children are ordinary attributes, found by walking ``vars(self)``; the module only remembers which
names were set to parameters, so that a frozen one stays a parameter. What transformations need of modules is in
`stateless`, backward hooks are in `hooks`.
"""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from ..core import Tensor, errors, no_grad
from ..core.node import HookHandle
from ..core.recorded import Recorded
from ..core.state import STATE
from .hooks import BackwardWatch
from .parameter import Parameter


class Mismatch(NamedTuple):
    """The names that a state and a module do not have in common."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Module(Recorded):
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
        self._backward_hooks: list[Callable] = []

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; defined by every subclass."""
        raise errors.GraphError(f"{type(self).__name__} does not define forward")

    def __getattr__(self, name: str) -> Any:
        # Called for what is not in ``vars``: a parametrized tensor is computed when it is asked for.
        computed = vars(self).get("parametrizations")
        if isinstance(computed, Module) and name in vars(computed):
            return vars(computed)[name]()
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Tensor) and "parametrizations" in vars(self) and name in vars(self.parametrizations):
            self.parametrizations[name].right_inverse(value)
            return
        if isinstance(value, Parameter):
            if "_own" not in vars(self):
                raise errors.ConfigError(f"{type(self).__name__}.__init__ must call super().__init__() before it sets "
                                         f"{name}")
            self._own.add(name)
        object.__setattr__(self, name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            pre_hooks, hooks = self._forward_pre_hooks, self._forward_hooks
        except AttributeError:
            raise errors.ConfigError(f"{type(self).__name__}.__init__ must call super().__init__() first") from None
        if STATE.trace is not None:
            STATE.trace.guard(lambda: self.training)
        for hook in list(pre_hooks):
            args, kwargs = hook(self, args, kwargs)
        watch = BackwardWatch(self, self._backward_hooks) if self._backward_hooks else None
        output = self.forward(*(watch.enter(args) if watch else args), **kwargs)
        for hook in list(hooks):
            changed = hook(self, args, kwargs, output)
            if changed is not None:
                output = changed
        return watch.exit(output) if watch else output

    # ------------------------------------------------------------------ what is inside
    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Modules held directly, by attribute name, each object once."""
        seen: set[int] = set()
        for name, child in self._held():
            if id(child) not in seen:
                seen.add(id(child))
                yield name, child

    def children(self) -> Iterator[Module]:
        """Modules held directly."""
        return (child for _, child in self.named_children())

    def _held(self) -> Iterator[tuple[str, Module]]:
        return ((name, value) for name, value in vars(self).items() if isinstance(value, Module))

    def named_modules(self, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """This module and all below it with their paths, each object once (unless asked otherwise)."""
        seen: set[int] = set()
        stack = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if remove_duplicate and id(module) in seen:
                continue
            seen.add(id(module))
            yield path, module
            stack.extend(reversed([(_join(path, name), child) for name, child in module._held()]))

    def modules(self) -> Iterator[Module]:
        """This module and all below it."""
        return (module for _, module in self.named_modules())

    def named_parameters(self, prefix: str = "", recurse: bool = True,
                         remove_duplicate: bool = True) -> Iterator[tuple[str, Tensor]]:
        """Parameters with their paths, each tensor once (unless asked otherwise)."""
        return self._named(prefix, recurse, remove_duplicate, Module._own_parameters)

    def parameters(self, recurse: bool = True) -> Iterator[Tensor]:
        """Parameters, each once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True,
                      remove_duplicate: bool = True) -> Iterator[tuple[str, Tensor]]:
        """Tensors that are state but not trained, with their paths."""
        return self._named(prefix, recurse, remove_duplicate, Module._own_buffers)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Tensors that are state but not trained."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _named(self, prefix: str, recurse: bool, once: bool,
               own: Callable[[Module], dict[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
        seen: set[int] = set()
        for path, module in self.named_modules(prefix, once) if recurse else [(prefix, self)]:
            for name, value in own(module).items():
                if not once or id(value) not in seen:
                    seen.add(id(value))
                    yield _join(path, name), value

    def _own_parameters(self) -> dict[str, Tensor]:
        return {name: value for name, value in vars(self).items()
                if name in self._own and name not in self._buffers and isinstance(value, Tensor)}

    def _own_buffers(self) -> dict[str, Tensor]:
        return {name: value for name, value in vars(self).items()
                if name in self._buffers and isinstance(value, Tensor)}

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Hold `tensor` as state that is not trained; a persistent one is part of the state dict."""
        if tensor is not None and not isinstance(tensor, Tensor):
            raise errors.ArgumentError(f"register_buffer: {name!r} is {type(tensor).__name__}; expected a Tensor or "
                                       f"None")
        self._buffers[name] = persistent
        setattr(self, name, tensor)

    def register_parameter(self, name: str, parameter: Tensor | None) -> None:
        """Hold `parameter` under `name`; None says that there is none."""
        if parameter is not None and not isinstance(parameter, Parameter):
            raise errors.ArgumentError(f"register_parameter: {name!r} is {type(parameter).__name__}; expected "
                                       f"nn.Parameter(...) or None")
        setattr(self, name, parameter)

    def add_module(self, name: str, module: Module | None) -> None:
        """Hold `module` under `name`, which need not be an identifier."""
        if module is not None and not isinstance(module, Module):
            raise errors.ArgumentError(f"add_module: {name!r} is {type(module).__name__}; expected a Module or None")
        if hasattr(Module, name) or "." in name:
            raise errors.ArgumentError(f"add_module: {name!r} cannot name a module; choose a name without a dot that "
                                       f"Module does not use")
        setattr(self, name, module)

    def get_submodule(self, path: str) -> Module:
        """The module at a dotted path."""
        found: Any = self
        for name in path.split(".") if path else ():
            found = getattr(found, name, None)
            if not isinstance(found, Module):
                raise errors.ArgumentError(f"get_submodule: {path!r} is not a module of {type(self).__name__}")
        return found

    def get_parameter(self, path: str) -> Tensor:
        """The parameter at a dotted path."""
        found = dict(self.named_parameters(remove_duplicate=False))
        if path not in found:
            raise errors.ArgumentError(f"get_parameter: {path!r} is not a parameter of {type(self).__name__}; it has "
                                       f"{', '.join(found)}")
        return found[path]

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
            floating = tensor.dtype.kind in "fVc"
            moved = tensor.detach().to(*target, dtype=dtype, device=device)
            tensor.data = moved.data if floating else moved.data.astype(tensor.dtype)
            if tensor.grad is not None:
                tensor.grad = tensor.grad.detach().to(*target, dtype=dtype, device=device)
        return self

    def float(self) -> Module:
        """All floating-point state as float32; returns itself."""
        return self.to(dtype="float32")

    def double(self) -> Module:
        """All floating-point state as float64; returns itself."""
        return self.to(dtype="float64")

    def cpu(self) -> Module:
        """All state in main memory; returns itself."""
        return self.to(device="cpu")

    def cuda(self, device: int = 0) -> Module:
        """All state on a CUDA device; returns itself."""
        return self.to(device=f"cuda:{device}")

    # ------------------------------------------------------------------ state
    def state_dict(self, *, prefix: str = "", keep_vars: bool = False) -> OrderedDict[str, Tensor]:
        """Parameters and persistent buffers by path; they share memory with the module.

        With `keep_vars` they are the tensors themselves, else tensors off the tape.
        """
        return OrderedDict((name, value if keep_vars else value.detach())
                           for name, value in self._state(prefix).items())

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> Mismatch:
        """Copy values into parameters and buffers.

        Parameters
        ----------
        state : mapping of str to Tensor or array
        strict : bool
            Also refuse missing and unexpected names. Nothing is changed when anything is refused.

        Returns
        -------
        Mismatch
            ``missing_keys`` and ``unexpected_keys``: what was left alone when not `strict`.

        Raises
        ------
        CheckpointError
            If names or shapes do not fit; all of them are listed.
        """
        own = self._state("")
        drafts: dict[Module, Module] = {}
        for path, module in self.named_modules(remove_duplicate=False):
            if (draft := module._draft(state, _join(path, ""))) is not None:
                drafts[module] = draft
                own |= draft._state(_join(path, ""))
        mismatch = Mismatch([name for name in own if name not in state], [name for name in state if name not in own])
        given = {name: tensor for name, tensor in own.items() if name in state}
        lazy = [name for name, tensor in given.items() if hasattr(tensor, "materialize")]
        problems = [f"{name} belongs to a lazy layer, and the state does not tell the length of its input" for name in lazy]
        problems += [f"{name} has shape {tuple(state[name].shape)}, the model's {tuple(tensor.shape)}"
                     for name, tensor in given.items() if name not in lazy and tuple(state[name].shape) != tuple(tensor.shape)]
        if strict:
            problems += [f"{words}: {', '.join(names)}"
                         for words, names in zip(("missing", "unexpected"), mismatch, strict=True) if names]
        if problems:
            raise errors.CheckpointError(f"the state does not fit {type(self).__name__}: {'; '.join(problems)}. Build "
                                         "the model with the settings it was saved with"
                                         + (", or pass strict=False" if any(mismatch) else ""))
        for module, draft in drafts.items():
            module._become(draft)
        with no_grad():
            for name, tensor in self._state("").items():
                if name in state:
                    tensor.copy_(state[name])
        return mismatch

    def _draft(self, state: Mapping[str, Any], prefix: str) -> Module | None:
        """Of a lazy layer: the plain one that `state` is of."""
        return None

    def _state(self, prefix: str) -> dict[str, Tensor]:
        """Parameters, then persistent buffers, then those of the modules below."""
        kept = {name: value for name, value in self._own_buffers().items() if self._buffers[name]}
        state = {prefix + name: value for name, value in (self._own_parameters() | kept).items()}
        for name, child in self._held():
            state |= child._state(f"{prefix}{name}.")
        return state

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

    def register_forward_pre_hook(self, hook: Callable[..., Any], *, with_kwargs: bool = False) -> HookHandle:
        """Call ``hook(module, args)`` before each forward; what it returns replaces the arguments.

        With `with_kwargs` the hook is ``hook(module, args, kwargs)`` and returns both or None.
        """
        def chosen(module: Module, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
            changed = hook(module, args, kwargs) if with_kwargs else hook(module, args)
            if changed is None:
                return args, kwargs
            return changed if with_kwargs else (changed if isinstance(changed, tuple) else (changed,), kwargs)

        self._forward_pre_hooks.append(chosen)
        return HookHandle(self._forward_pre_hooks, chosen)

    def register_full_backward_hook(self, hook: Callable[[Module, tuple, tuple], Any]) -> HookHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of the inputs are known.

        Both are tuples with None for what has no gradient; what the hook returns replaces `grad_input`.
        """
        self._backward_hooks.append(hook)
        return HookHandle(self._backward_hooks, hook)

    # ------------------------------------------------------------------ text
    def extra_repr(self) -> str:
        """The settings of a layer, for its repr."""
        return ""

    def __repr__(self) -> str:
        settings = self.extra_repr()
        lines = [f"({name}): {child!r}" for name, child in self._held()]
        if not lines:
            return f"{type(self).__name__}({settings})"
        body = "\n".join([settings, *lines] if settings else lines).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {body}\n)"

    def __getstate__(self) -> dict[str, Any]:
        """A copy or a saved module has no hooks: they belong to those who watch this one."""
        return {**vars(self), "_own": set(self._own), "_buffers": dict(self._buffers),
                "_forward_hooks": [], "_forward_pre_hooks": [], "_backward_hooks": []}


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name
