"""Hooks of modules: functions that see, and may replace, what goes into a module and what comes out of it.

A module without hooks pays one test of an attribute for all of this. Hooks of every module at once
(``register_module_...``) are for debugging; a list of them, empty most of the time, is the second test.
"""
from __future__ import annotations

import copy
import dataclasses
import threading
from collections.abc import Callable
from typing import Any

from ..core.node import HookHandle
from .backward_hooks import BackwardWatch

_lock = threading.Lock()


@dataclasses.dataclass(eq=False)
class Hook:
    """One registered function, and how it wants to be called."""

    function: Callable[..., Any]
    with_kwargs: bool = False
    always_call: bool = False
    watching: bool = False

    def __deepcopy__(self, memo: dict) -> Hook:
        """A method of a module that is copied becomes one of the copy; any other function, and what it writes to, is shared."""
        own = isinstance(getattr(self.function, "__self__", None), Hooked)
        return Hook(copy.deepcopy(self.function, memo) if own else self.function, self.with_kwargs, self.always_call)


def _hooks() -> Any:
    return dataclasses.field(default_factory=list)


@dataclasses.dataclass(eq=False)
class Hooks:
    """Everything that is registered on one module."""

    forward_pre: list[Hook] = _hooks()
    forward: list[Hook] = _hooks()
    backward_pre: list[Hook] = _hooks()
    backward: list[Hook] = _hooks()
    state_dict_pre: list[Hook] = _hooks()
    state_dict_post: list[Hook] = _hooks()
    load_pre: list[Hook] = _hooks()
    load_post: list[Hook] = _hooks()

    def __len__(self) -> int:
        return sum(map(len, vars(self).values()))

    def __deepcopy__(self, memo: dict) -> Hooks:
        """Those that belong to the module; who watches this one does not watch the copy."""
        return Hooks(**{name: [copy.deepcopy(hook, memo) for hook in hooks if not hook.watching] for name, hooks in vars(self).items()})

    def pickled(self) -> Hooks | None:
        """Those that go into a pickle: all that belong to the module, but no hook of calls that another process could not find.

        A function without a name of its own (a lambda, a closure) is that of somebody who looks at this very module.
        """
        kept = Hooks(**{name: [hook for hook in hooks if name.startswith(("state", "load")) or not hook.watching and _importable(hook.function)]
                        for name, hooks in vars(self).items()})
        return kept if len(kept) else None


def _importable(function: Any) -> bool:
    function = getattr(function, "func", function)  # of a partial
    return "<" not in getattr(function, "__qualname__", "")


EVERYWHERE: list[tuple[str, Hook]] = []
"""Hooks of calls of every module, each with its kind; ``"instead"`` may answer in place of the module."""


class _Handle(HookHandle):
    """Of a hook of one module: when the last one goes, calls are quick again."""

    def __init__(self, module: Any, hooks: list[Hook], hook: Hook) -> None:
        super().__init__(hooks, hook)
        self._module = module

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        with _lock:
            super().remove()
            vars(self._module)["_changes"] += not self._hook.watching
            if self._module._hooks is not None and not self._module._hooks:
                self._module._hooks = None


class Hooked:
    """The part of a module that registers hooks; a hook registered later runs later, unless `prepend` puts it first."""

    _hooks: Hooks | None
    _changes: int

    def _add_hook(self, kind: str, hook: Hook, prepend: bool = False) -> HookHandle:
        with _lock:
            if self._hooks is None:
                self._hooks = Hooks()
            hooks = getattr(self._hooks, kind)
            hooks.insert(0 if prepend else len(hooks), hook)
            vars(self)["_changes"] += not hook.watching
        return _Handle(self, hooks, hook)

    def _watch(self, kind: str, function: Callable[..., Any], with_kwargs: bool = False) -> HookHandle:
        """Register a hook (`kind` as in `Hooks`) of somebody who looks at this very module: a deep copy does not have it."""
        return self._add_hook(kind, Hook(function, with_kwargs, watching=True))

    def register_forward_hook(self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False,
                              always_call: bool = False) -> HookHandle:
        """Call ``hook(module, args, output)`` after each forward; what it returns replaces the output.

        With `with_kwargs` the hook is ``hook(module, args, kwargs, output)``. With `always_call` it also runs, with None
        as output, when the call ends in an error, which then goes on.
        """
        return self._add_hook("forward", Hook(hook, with_kwargs, always_call), prepend)

    def register_forward_pre_hook(self, hook: Callable[..., Any], *, prepend: bool = False,
                                  with_kwargs: bool = False) -> HookHandle:
        """Call ``hook(module, args)`` before each forward; what it returns replaces the arguments.

        With `with_kwargs` the hook is ``hook(module, args, kwargs)`` and returns both or None.
        """
        return self._add_hook("forward_pre", Hook(hook, with_kwargs), prepend)

    def register_full_backward_hook(self, hook: Callable[[Any, tuple, tuple], Any], prepend: bool = False) -> HookHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the gradients of the inputs are known.

        Both are tuples with None for what has no gradient; what the hook returns replaces `grad_input`.
        """
        return self._add_hook("backward", Hook(hook), prepend)

    def register_full_backward_pre_hook(self, hook: Callable[[Any, tuple], Any], prepend: bool = False) -> HookHandle:
        """Call ``hook(module, grad_output)`` when the gradients of the outputs are known; what it returns replaces them."""
        return self._add_hook("backward_pre", Hook(hook), prepend)

    def register_state_dict_pre_hook(self, hook: Callable[[Any, str, bool], None]) -> HookHandle:
        """Call ``hook(module, prefix, keep_vars)`` before the module puts its state into a state dict."""
        return self._add_hook("state_dict_pre", Hook(hook))

    def register_state_dict_post_hook(self, hook: Callable[[Any, dict, str, dict], None]) -> HookHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after the module and those below have put in their state."""
        return self._add_hook("state_dict_post", Hook(hook))

    def register_load_state_dict_pre_hook(self, hook: Callable[..., None]) -> HookHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)`` before loading.

        It may change `state_dict`, a copy that all hooks of one loading share, and add to `error_msgs`, which refuses it.
        """
        return self._add_hook("load_pre", Hook(hook))

    def register_load_state_dict_post_hook(self, hook: Callable[[Any, Any], None]) -> HookHandle:
        """Call ``hook(module, incompatible_keys)`` after loading; taking names out of its two lists forgives them."""
        return self._add_hook("load_post", Hook(hook))


# Hooks of every module ------------------------------------------------------------------------------------------------------
def added(kind: str, hook: Hook) -> HookHandle:
    """Register a hook of every module."""
    EVERYWHERE.append((kind, hook))
    return HookHandle(EVERYWHERE, (kind, hook))


def register_module_forward_hook(hook: Callable[..., Any], *, with_kwargs: bool = False, always_call: bool = False) -> HookHandle:
    """Call ``hook(module, args, output)`` after the forward of every module, before the module's own hooks.

    Examples
    --------
    >>> import workbench as wb
    >>> seen = []
    >>> handle = wb.nn.hooks.register_module_forward_hook(lambda module, args, output: seen.append(type(module).__name__))
    >>> _ = wb.nn.Sequential(wb.nn.Linear(2, 2), wb.nn.ReLU())(wb.ones(1, 2))
    >>> handle.remove(); seen
    ['Linear', 'ReLU', 'Sequential']
    """
    return added("forward", Hook(hook, with_kwargs, always_call))


def register_module_forward_pre_hook(hook: Callable[..., Any]) -> HookHandle:
    """Call ``hook(module, args)`` before the forward of every module, before the module's own hooks."""
    return added("forward_pre", Hook(hook))


def register_module_full_backward_hook(hook: Callable[[Any, tuple, tuple], Any]) -> HookHandle:
    """Call ``hook(module, grad_input, grad_output)`` for every module, before the module's own hooks."""
    return added("backward", Hook(hook))


def register_module_full_backward_pre_hook(hook: Callable[[Any, tuple], Any]) -> HookHandle:
    """Call ``hook(module, grad_output)`` for every module, before the module's own hooks."""
    return added("backward_pre", Hook(hook))


# Calls ----------------------------------------------------------------------------------------------------------------------
def call(module: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """Call a module with its own hooks and those of every module."""
    for kind, hook in EVERYWHERE:
        if kind == "instead":
            answer = hook.function(module, args, kwargs)
            if answer is not NotImplemented:
                return answer
    if module._hooks is None and all(kind == "instead" for kind, _ in EVERYWHERE):
        return module.forward(*args, **kwargs)
    own = module._hooks or Hooks()
    late = [hook for hook in _of("forward", own) if hook.always_call]
    try:
        for hook in _of("forward_pre", own):
            args, kwargs = _changed(hook, module, args, kwargs)
        before, after = _of("backward_pre", own), _of("backward", own)
        watch = BackwardWatch(module, before, after) if before or after else None
        output = module.forward(*(watch.enter(args) if watch else args), **kwargs)
        for hook in _of("forward", own):
            if hook in late:
                late.remove(hook)
            changed = _seen(hook, module, args, kwargs, output)
            output = output if changed is None else changed
        return watch.exit(output) if watch else output
    except Exception:
        for hook in late:
            _seen(hook, module, args, kwargs, None)
        raise


def _of(kind: str, own: Hooks) -> list[Hook]:
    """Hooks of every module, then the module's own: a new list, for hooks that take hooks away."""
    return [*(hook for of, hook in EVERYWHERE if of == kind), *getattr(own, kind, ())]


def _changed(hook: Hook, module: Any, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
    if hook.with_kwargs:
        return hook.function(module, args, kwargs) or (args, kwargs)
    changed = hook.function(module, args)
    if changed is None:
        return args, kwargs
    return changed if isinstance(changed, tuple) else (changed,), kwargs


def _seen(hook: Hook, module: Any, args: tuple, kwargs: dict[str, Any], output: Any) -> Any:
    return hook.function(module, args, kwargs, output) if hook.with_kwargs else hook.function(module, args, output)

