"""Hooks of optimizers: before and after a step, and around saving and loading, with PyTorch's names and arguments."""
from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..core.errors import ArgumentError
from ..core.node import HookHandle

Hook = Callable[..., Any]
EVERYWHERE: dict[str, list[Hook]] = {"step_pre": [], "step_post": []}
"""Hooks of all optimizers."""


def _register(hooks: list[Hook], hook: Hook, prepend: bool = False) -> HookHandle:
    hooks.insert(0 if prepend else len(hooks), hook)
    return HookHandle(hooks, hook)


def register_optimizer_step_pre_hook(hook: Hook) -> HookHandle:
    """Call ``hook(optimizer, args, kwargs)`` before every step of every optimizer; it may return other (args, kwargs).

    ``args`` begins with the optimizer, as in PyTorch.

    Examples
    --------
    >>> import workbench as wb
    >>> handle = wb.optim.register_optimizer_step_pre_hook(lambda optimizer, args, kwargs: print(type(optimizer).__name__))
    >>> wb.optim.SGD([wb.nn.Parameter(wb.ones(1))]).step(); handle.remove()
    SGD
    """
    return _register(EVERYWHERE["step_pre"], hook)


def register_optimizer_step_post_hook(hook: Hook) -> HookHandle:
    """Call ``hook(optimizer, args, kwargs)`` after every step of every optimizer.

    Examples
    --------
    >>> import workbench as wb
    >>> handle = wb.optim.register_optimizer_step_post_hook(lambda optimizer, args, kwargs: print("done"))
    >>> wb.optim.SGD([wb.nn.Parameter(wb.ones(1))]).step(); handle.remove()
    done
    """
    return _register(EVERYWHERE["step_post"], hook)


def with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """A method `step` that calls the hooks before and after; one inside another calls them once."""

    @functools.wraps(step)
    def hooked(self: Hooked, *args: Any, **kwargs: Any) -> Any:
        if not self._hooks and not EVERYWHERE["step_pre"] and not EVERYWHERE["step_post"] or self._stepping:
            return step(self, *args, **kwargs)
        args = (self, *args)  # hooks get it as PyTorch's do
        for hook in (*EVERYWHERE["step_pre"], *self._hooks.get("step_pre", ())):
            changed = hook(self, args, kwargs)
            if changed is not None:
                args, kwargs = _checked(changed)
        self._stepping = True
        try:
            result = step(*args, **kwargs)
        finally:
            self._stepping = False
        for hook in (*self._hooks.get("step_post", ()), *EVERYWHERE["step_post"]):
            hook(self, args, kwargs)
        return result

    return hooked


def _checked(changed: Any) -> tuple[tuple, dict[str, Any]]:
    if not isinstance(changed, tuple) or len(changed) != 2 or not isinstance(changed[1], dict):
        raise ArgumentError(f"a step pre hook returned {changed!r}; expected None or a pair (args, kwargs)")
    return changed


class Hooked:
    """The hooks of one optimizer; a subclass that defines `step` has them too."""

    _hooks: dict[str, list[Hook]]
    _stepping = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "step" in vars(cls):
            cls.step = with_hooks(vars(cls)["step"])

    def _call_hooks(self, kind: str, *args: Any) -> Any:
        """The last value that a hook of a kind returned, passed on as the last argument to the next; else the last argument."""
        for hook in list(self._hooks.get(kind, ())):
            changed = hook(self, *args)
            if changed is not None:
                args = (*args[:-1], changed)
        return args[-1] if args else None

    def register_step_pre_hook(self, hook: Hook) -> HookHandle:
        """Call ``hook(optimizer, args, kwargs)`` before every step; ``args`` begins with the optimizer, and it may return others."""
        return _register(self._hooks.setdefault("step_pre", []), hook)

    def register_step_post_hook(self, hook: Hook) -> HookHandle:
        """Call ``hook(optimizer, args, kwargs)`` after every step."""
        return _register(self._hooks.setdefault("step_post", []), hook)

    def register_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> HookHandle:
        """Call ``hook(optimizer)`` before a state is taken."""
        return _register(self._hooks.setdefault("state_dict_pre", []), hook, prepend)

    def register_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> HookHandle:
        """Call ``hook(optimizer, state)`` on the state that was taken; it may return another."""
        return _register(self._hooks.setdefault("state_dict_post", []), hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Hook, prepend: bool = False) -> HookHandle:
        """Call ``hook(optimizer, state)`` before a state is loaded; it may return another."""
        return _register(self._hooks.setdefault("load_state_dict_pre", []), hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Hook, prepend: bool = False) -> HookHandle:
        """Call ``hook(optimizer)`` after a state was loaded."""
        return _register(self._hooks.setdefault("load_state_dict_post", []), hook, prepend)
