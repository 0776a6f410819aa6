"""Module: an object that holds parameters, buffers and other modules, and computes something with them.

Parameters, buffers and children are ordinary attributes, found by walking ``vars(self)``; the module only remembers which
names were set to parameters, so that a frozen one stays a parameter. Hooks are in `hooks`, the state dict is in `state`,
freezing in `freezing`, what transformations need of modules in `stateless`.
"""
from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ..backend import dtypes
from ..core import Tensor, errors
from ..core.recorded import Recorded
from ..core.state import STATE
from .freezing import Freezable
from .hooks import EVERYWHERE, Hooked, call
from .parameter import Parameter, buffer_persists
from .state import Stateful

if TYPE_CHECKING:
    from .summary import Summary


class Module(Recorded, Hooked, Stateful, Freezable):
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
    _own: set[str]
    _buffers: dict[str, bool]
    _changes: int = 0
    """Goes up when a part is replaced, so that a program made of the parts of before is not used again."""

    def __init__(self) -> None:
        vars(self).update(training=True, _own=set(), _buffers={}, _hooks=None, _changes=0)

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
        if isinstance(value, Tensor):
            if "parametrizations" in vars(self) and name in vars(self.parametrizations):
                self.parametrizations[name].right_inverse(value)
                return
            if STATE.trace is not None and STATE.trace.is_rebound(vars(self).get(name) if name in vars(self).get("_buffers", ()) else None, value):
                return
            self._note_tensor(name, value)
        elif name not in ("training", "_hooks") and STATE.trace is None and _differ(vars(self).get(name), value):
            vars(self)["_changes"] = self._changes + 1
        object.__setattr__(self, name, value)

    def _note_tensor(self, name: str, value: Tensor) -> None:
        if isinstance(value, Parameter):
            if "_own" not in vars(self):
                raise errors.ConfigError(f"{type(self).__name__}.__init__ must call super().__init__() before it sets "
                                         f"{name}")
            self._own.add(name)
            vars(self)["_changes"] += 1
        elif type(value) is not Tensor:
            return
        elif (persistent := buffer_persists(value)) is not None and "_buffers" in vars(self):
            if name in self._own:
                raise errors.ArgumentError(f"{type(self).__name__}.{name} is a parameter and cannot become a buffer; delete it first")
            self._buffers[name] = persistent
            vars(self)["_changes"] += 1
        elif name in vars(self).get("_buffers", ()):
            vars(self)["_changes"] += STATE.trace is None
        elif value.node is not None and name in vars(self).get("_own", ()):
            raise errors.DTypeError(f"{type(self).__name__}.{name} is a parameter and cannot become a computed tensor, which no optimizer would "
                                    f"find; assign nn.Parameter(...), write into it under no_grad, or delete it first")

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        self._own.discard(name)
        self._buffers.pop(name, None)
        self._changes += 1

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name.isidentifier()]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            hooks = self._hooks
        except AttributeError:
            raise errors.ConfigError(f"{type(self).__name__}.__init__ must call super().__init__() first") from None
        if STATE.trace is not None:
            self._depend()
        if hooks is None and not EVERYWHERE:
            return self.forward(*args, **kwargs)
        return call(self, args, kwargs)

    def _depend(self) -> None:
        """Tell the running trace that its program is for this mode, and for the parts that are here now."""
        parts = [self, *_uncalled(self)]
        STATE.trace.guard(lambda: (self.training, *(part._changes for part in parts)))

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

    def named_modules(self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True) -> Iterator[tuple[str, Module]]:
        """This module and all below it with their paths, each object once (unless asked otherwise).

        Modules in `memo` are passed over, and those that come are put into it.
        """
        seen = set() if memo is None else memo
        stack = [(prefix, self)]
        while stack:
            path, module = stack.pop()
            if remove_duplicate and module in seen:
                continue
            seen.add(module)
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
        for path, module in self.named_modules(None, prefix, once) if recurse else [(prefix, self)]:
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
        self._check_name("register_buffer", name, name in self._buffers)
        self._buffers[name] = persistent
        setattr(self, name, tensor)

    def register_parameter(self, name: str, param: Tensor | None) -> None:
        """Hold `param` under `name`; None says that there is none."""
        if param is not None and not isinstance(param, Parameter):
            raise errors.ArgumentError(f"register_parameter: {name!r} is {type(param).__name__}; expected "
                                       f"nn.Parameter(...) or None")
        self._check_name("register_parameter", name, name in self._own)
        setattr(self, name, param)
        self._own.add(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Hold `module` under `name`, which need not be an identifier."""
        if module is not None and not isinstance(module, Module):
            raise errors.ArgumentError(f"add_module: {name!r} is {type(module).__name__}; expected a Module or None")
        self._check_name("add_module", name, isinstance(vars(self).get(name), Module))
        setattr(self, name, module)

    register_module = add_module

    def _check_name(self, what: str, name: Any, replaces: bool) -> None:
        """Raise unless `name` is free: not used, None until now, or of a thing of the same kind."""
        if not isinstance(name, str) or not name or "." in name:
            raise errors.ArgumentError(f"{what}: {name!r} cannot be a name in a module; choose one without a dot")
        if not replaces and getattr(self, name, None) is not None:
            raise errors.ArgumentError(f"{what}: {type(self).__name__} has another attribute {name!r} already; choose another name")

    def get_submodule(self, path: str) -> Module:
        """The module at a dotted path."""
        found: Any = self
        for name in path.split(".") if path else ():
            found = getattr(found, name, None)
            if not isinstance(found, Module):
                raise errors.ArgumentError(f"get_submodule: {path!r} is not a module of {type(self).__name__}")
        return found

    def set_submodule(self, path: str, module: Module, strict: bool = False) -> None:
        """Put `module` at a dotted path, in place of the one that is there.

        Its parent must exist; with `strict` so must the module that it replaces.
        """
        parent, _, name = path.rpartition(".")
        holder = self.get_submodule(parent)
        if strict:
            self.get_submodule(path)
        if not isinstance(module, Module):
            raise errors.ArgumentError(f"set_submodule: expected a Module, got {type(module).__name__}")
        holder._check_name("set_submodule", name, isinstance(vars(holder).get(name), Module))
        setattr(holder, name, module)

    def get_parameter(self, path: str) -> Tensor:
        """The parameter at a dotted path."""
        return self._get("parameter", path, dict(self.named_parameters(remove_duplicate=False)))

    def get_buffer(self, path: str) -> Tensor:
        """The buffer at a dotted path."""
        return self._get("buffer", path, dict(self.named_buffers(remove_duplicate=False)))

    def _get(self, what: str, path: str, found: dict[str, Tensor]) -> Tensor:
        if path not in found:
            raise errors.ArgumentError(f"get_{what}: {path!r} is not a {what} of {type(self).__name__}; it has "
                                       f"{', '.join(found) or 'none'}")
        return found[path]

    # ------------------------------------------------------------------ modes and places
    def train(self, mode: bool = True) -> Module:
        """Set training mode (or evaluation mode) here and below; returns itself."""
        if not isinstance(mode, bool):
            raise errors.ArgumentError(f"train: mode={mode!r}; expected True or False")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Set evaluation mode here and below; returns itself."""
        return self.train(False)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            if set_to_none:
                if parameter.requires_grad:
                    parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad = parameter.grad * 0

    def apply(self, fn: Callable[[Module], Any]) -> Module:
        """Call `fn` on every module below and on this one; returns itself."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def to(self, *target: Any, dtype: Any = None, device: str | None = None, non_blocking: bool = False) -> Module:
        """Move state to another device, and what is floating-point to another dtype, in place; returns itself.

        Parameters
        ----------
        *target : dtype, device or Tensor
            Of a tensor, both are taken.
        dtype, device : optional
            The same by name.
        non_blocking : bool
            Accepted so that code carries over; a copy to a device is always in the order of its stream.
        """
        for item in target:
            if isinstance(item, Tensor):
                dtype, device = item.dtype, item.device
            elif isinstance(item, str) and item.split(":")[0] in ("cpu", "cuda"):
                device = item
            elif item is not None:
                dtype = item
        if dtype is not None and not dtypes.is_inexact(dtypes.as_dtype(dtype)):
            raise errors.DTypeError(f"to: {dtype} holds no fractions, which parameters need; pass a floating-point dtype, or use type() for all state")

        def moved(tensor: Tensor) -> Tensor:
            return tensor.to(dtype=dtype if dtypes.is_inexact(tensor.dtype) else None, device=device)

        return self._convert(moved)

    def _convert(self, convert: Callable[[Tensor], Tensor]) -> Module:
        """Give every parameter and buffer, and what gradients there are, other arrays; the tensors stay the same."""
        for _, tensor in [*self.named_parameters(), *self.named_buffers()]:
            converted = convert(tensor.detach())
            if converted.data is not tensor.data:
                tensor.data = converted.data
            if tensor.grad is not None:
                tensor.grad = convert(tensor.grad.detach())
        return self

    def type(self, dst_type: Any) -> Module:
        """All state, integers too, in another dtype; returns itself."""
        return self._convert(lambda tensor: tensor.to(dtype=dst_type))

    def float(self) -> Module:
        """All floating-point state as float32; returns itself."""
        return self.to(dtype="float32")

    def double(self) -> Module:
        """All floating-point state as float64; returns itself."""
        return self.to(dtype="float64")

    def half(self) -> Module:
        """All floating-point state as float16; returns itself."""
        return self.to(dtype="float16")

    def bfloat16(self) -> Module:
        """All floating-point state as bfloat16; returns itself."""
        return self.to(dtype="bfloat16")

    def cpu(self) -> Module:
        """All state in main memory; returns itself."""
        return self.to(device="cpu")

    def cuda(self, device: int = 0) -> Module:
        """All state on a CUDA device; returns itself."""
        return self.to(device=f"cuda:{device}")

    # ------------------------------------------------------------------ text
    def summary(self, *inputs: Any, input_size: Any = None, dtype: Any = None, depth: int = 3, training: bool = False,
                **kwargs: Any) -> Summary:
        """What the module is made of and what a call costs: shapes, parameters, memory, multiply-accumulates and FLOPs of every part.

        One call is watched, of a twin: modes, buffers, gradients, hooks and random numbers of this module stay as they are.

        Parameters
        ----------
        *inputs, **kwargs
            Arguments of the call, or their sizes as tuples; without any, only parameters are listed.
        input_size : tuple of int, or sequence of tuples, optional
            Instead of inputs: their shapes with the batch axis; they are then zeros.
        dtype : dtype or sequence of them, optional
            Of those inputs; by default that of the parameters (token ids want ``wb.int64``).
        depth : int
            How many levels of modules a table shows at first; all are in ``rows``.
        training : bool
            Call it in training mode.

        Examples
        --------
        >>> import workbench as wb
        >>> summary = wb.nn.Sequential(wb.nn.Linear(4, 3), wb.nn.ReLU()).summary(input_size=(2, 4))
        >>> print(summary)
        Layer        Type        Input   Output  Params  MACs  FLOPs
        (the model)  Sequential  (2, 4)  (2, 3)      15    24     60
          0          Linear      (2, 4)  (2, 3)      15    24     54
          1          ReLU        (2, 3)  (2, 3)       0     0      6
        15 parameters (60 B), all trained
        one call: 24 multiply-accumulates, 60 FLOPs, 48 B of activations
        >>> summary["0"].macs
        24
        """
        from .summary import summarize

        return summarize(self, *inputs, input_size=input_size, dtype=dtype, depth=depth, training=training, **kwargs)

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

    # ------------------------------------------------------------------ copies and programs
    def compile(self, **options: Any) -> None:
        """Let calls run `forward` through ``wb.jit`` with these options; results stay the same.

        Hooks of this module run at every call, those of modules inside only while tracing.
        """
        from ..graph import jit

        vars(self).pop("forward", None)
        self._compiled = options
        vars(self)["forward"] = jit(_guarded(self), **options)

    def __deepcopy__(self, memo: dict) -> Module:
        """A copy with its hooks, as in PyTorch; a pickled module loses those of calls that are lambdas or closures."""
        twin = memo[id(self)] = object.__new__(type(self))
        twin.__setstate__(copy.deepcopy({**self.__getstate__(), "_hooks": self._hooks}, memo))
        return twin

    def __getstate__(self) -> dict[str, Any]:
        """What is pickled: all but hooks of calls that belong to those who watch this module, or that no other process could find."""
        state = {**vars(self), "_own": set(self._own), "_buffers": dict(self._buffers),
                 "_hooks": self._hooks.pickled() if self._hooks else None}
        if "_compiled" in state:
            del state["forward"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if "_compiled" in state:
            self.compile(**self._compiled)


def _uncalled(module: Module) -> Iterator[Module]:
    """Modules below that are never called themselves, such as lists of modules."""
    for _, child in module._held():
        if type(child).forward is Module.forward:
            yield child
            yield from _uncalled(child)


def _guarded(module: Module) -> Callable[..., Any]:
    """The forward of `module`, which a program is made of anew when the mode of the module changes."""
    def forward(*args: Any, **kwargs: Any) -> Any:
        if STATE.trace is not None:
            module._depend()
        return type(module).forward(module, *args, **kwargs)

    return forward


def _differ(before: Any, now: Any) -> bool:
    """Would a program made for an attribute of before be wrong now?"""
    return before is not now and not (type(before) is type(now) and isinstance(now, (bool, int, float, str)) and before == now)


def _join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name
