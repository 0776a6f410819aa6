"""The state of a module: its parameters and persistent buffers by name, out of it and into it again.

Loading looks at everything first and changes nothing when anything is refused.
"""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ..core import Tensor, as_tensor, errors, no_grad
from .parameter import Parameter

EXTRA = "_extra_state"
Slot = tuple[Any, str]


class Mismatch(NamedTuple):
    """The names that a state and a module do not have in common."""

    missing_keys: list[str]
    unexpected_keys: list[str]


class Stateful:
    """The part of a module that gives its state and takes one."""

    def get_extra_state(self) -> Any:
        """More state than tensors, which a subclass defines together with `set_extra_state`; kept as ``_extra_state``."""
        raise errors.ConfigError(f"{type(self).__name__} has no extra state; define get_extra_state and set_extra_state")

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` gave."""
        raise errors.ConfigError(f"{type(self).__name__} takes no extra state; define set_extra_state too")

    def state_dict(self, *, destination: dict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Parameters and persistent buffers by path; they share memory with the module.

        Parameters
        ----------
        destination : dict, optional
            Where to put them; a new OrderedDict by default.
        prefix : str
            In front of every name.
        keep_vars : bool
            Give the tensors themselves; by default they are off the tape.

        Examples
        --------
        >>> import workbench as wb
        >>> list(wb.nn.Sequential(wb.nn.Linear(2, 3)).state_dict())
        ['0.weight', '0.bias']
        """
        state: dict[str, Any] = OrderedDict() if destination is None else destination
        for hook in self._hooks.state_dict_pre if self._hooks else ():
            hook.function(self, prefix, keep_vars)
        for name, value in _own(self).items():
            state[prefix + name] = value if keep_vars else value.detach()
        if _has_extra(self):
            state[prefix + EXTRA] = self.get_extra_state()
        for name, child in self._held():
            child.state_dict(destination=state, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in self._hooks.state_dict_post if self._hooks else ():
            hook.function(self, state, prefix, {})
        return state

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Mismatch:
        """Copy values into parameters and buffers.

        Parameters
        ----------
        state_dict : mapping of str to Tensor or array
        strict : bool
            Also refuse missing and unexpected names. Nothing is changed when anything is refused.
        assign : bool
            Take the tensors themselves, with their dtype and device, in place of the module's. Make optimizers after
            that: one that exists holds the tensors of before.

        Returns
        -------
        Mismatch
            ``missing_keys`` and ``unexpected_keys``: what was left alone when not `strict`.

        Raises
        ------
        CheckpointError
            If names or shapes do not fit; all of them are listed.
        """
        if not isinstance(state_dict, Mapping):
            raise errors.ArgumentError(f"load_state_dict: expected a mapping of names to tensors, got {type(state_dict).__name__}")
        state = OrderedDict(state_dict)
        problems: list[str] = []
        mismatch = Mismatch([], [])
        for prefix, module in self.named_modules(remove_duplicate=False):
            for hook in module._hooks.load_pre if module._hooks else ():
                hook.function(module, state, prefix and f"{prefix}.", {}, strict, *mismatch, problems)
        slots, extras = dict(_slots(self, "")), dict(_extras(self))
        drafts = {path: (module, draft) for path, module in self.named_modules(remove_duplicate=False)
                  if (draft := module._draft(state, path and f"{path}.")) is not None}
        becoming = {name: slot for path, (_, draft) in drafts.items() for name, slot in _slots(draft, path and f"{path}.")}
        names = [*slots, *extras]
        mismatch.missing_keys.extend(name for name in names if name not in state)
        mismatch.unexpected_keys.extend(name for name in state if name not in slots and name not in extras)
        late = [(module, hook) for module in self.modules() for hook in (module._hooks.load_post if module._hooks else ())]
        problems += _misshapen(slots | becoming, state)
        if problems or (strict and not late):  # hooks may forgive names, once everything is loaded
            _refuse(self, problems, mismatch, names, strict)
        for module, draft in dict(drafts.values()).items():
            module._become(draft)
        _fill(slots, state, assign)
        for name, module in extras.items():
            if name in state:
                module.set_extra_state(state[name])
        for module, hook in reversed(late):
            hook.function(module, mismatch)
        _refuse(self, [], mismatch, names, strict)
        return mismatch

    def _draft(self, state: Mapping[str, Any], prefix: str) -> Any:
        """Of a lazy layer: the plain one that `state` is of."""
        return None


def _own(module: Any) -> dict[str, Tensor]:
    """Parameters and persistent buffers held directly."""
    kept = {name: value for name, value in module._own_buffers().items() if module._buffers[name]}
    return module._own_parameters() | kept


def _has_extra(module: Any) -> bool:
    return type(module).get_extra_state is not Stateful.get_extra_state


def _slots(module: Any, prefix: str) -> Iterator[tuple[str, Slot]]:
    """Every name of the state, with the module and the attribute it stands for."""
    for name in _own(module):
        yield prefix + name, (module, name)
    for name, child in module._held():
        yield from _slots(child, f"{prefix}{name}.")


def _extras(module: Any) -> Iterator[tuple[str, Any]]:
    for path, part in module.named_modules(remove_duplicate=False):
        if _has_extra(part):
            yield f"{path}.{EXTRA}" if path else EXTRA, part


def _misshapen(slots: dict[str, Slot], state: Mapping[str, Any]) -> list[str]:
    found = []
    for name, (module, attribute) in slots.items():
        if name not in state:
            continue
        if hasattr(getattr(module, attribute), "materialize"):
            found.append(f"{name} belongs to a lazy layer, and the state does not tell the length of its input")
        elif not hasattr(state[name], "shape"):
            found.append(f"{name} is {type(state[name]).__name__}, not a tensor or an array")
        elif tuple(state[name].shape) != (shape := tuple(getattr(module, attribute).shape)):
            found.append(f"{name} has shape {tuple(state[name].shape)}, the model's {shape}")
    return found


def _refuse(module: Any, problems: list[str], mismatch: Mismatch, names: list[str], strict: bool) -> None:
    """Raise if there is anything to complain of."""
    if strict:
        problems = problems + [f"{words}: {', '.join(found)}" for words, found in zip(("missing", "unexpected"), mismatch, strict=True) if found]
    if not problems:
        return
    remedy = "Build the model with the settings it was saved with" + (", or pass strict=False" if any(mismatch) else "")
    prefix = _common_prefix(mismatch, names)
    if prefix:
        remedy = f"All its names begin with {prefix!r}: take that off first with nn.utils.consume_prefix_in_state_dict_if_present(state, {prefix!r})"
    raise errors.CheckpointError(f"the state does not fit {type(module).__name__}: {'; '.join(problems)}. {remedy}")


def _common_prefix(mismatch: Mismatch, names: list[str]) -> str:
    """What stands in front of every unexpected name of a state that would fit without it (``module.``, ``model.``)."""
    for name in mismatch.unexpected_keys[:1]:
        for mine in mismatch.missing_keys:
            prefix = name.removesuffix(mine)
            if prefix != name and prefix.endswith(".") and all(prefix + missing in mismatch.unexpected_keys for missing in names):
                return prefix
    return ""


def _fill(slots: dict[str, Slot], state: Mapping[str, Any], assign: bool) -> None:
    """Put the values in; a tensor with several names stays one tensor."""
    tensors = {name: getattr(module, attribute) for name, (module, attribute) in slots.items()}
    given: dict[int, Tensor] = {}
    with no_grad():
        for name, tensor in tensors.items():
            if name not in state:
                continue
            if not assign:
                tensor.copy_(state[name])
            elif id(tensor) not in given:
                module, attribute = slots[name]
                given[id(tensor)] = _taken(as_tensor(state[name]), tensor, attribute in module._buffers)
    for name, (module, attribute) in slots.items():
        if id(tensors[name]) in given:
            setattr(module, attribute, given[id(tensors[name])])


def _taken(value: Tensor, before: Tensor, buffer: bool) -> Tensor:
    """`value` as what `before` was: a parameter, trained or frozen, or a buffer."""
    return value.detach() if buffer else Parameter(value, requires_grad=before.requires_grad)
