"""Modules that hold modules: in order, in a list, in a dict."""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..core.errors import ArgumentError
from .module import Module
from .trainable import Trainable


class _Indexed(Module):
    """Children under the names "0", "1", ..."""

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        self.extend(modules or ())

    def append(self, module: Module) -> Any:
        """Add a module at the end; returns itself."""
        number = len(self)
        while str(number) in vars(self):  # a slice keeps its names, and may lack some
            number += 1
        self.add_module(str(number), self._checked(module))
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Add modules at the end; returns itself."""
        for module in modules:
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Any:
        """Put a module in front of the one at `index`; returns itself."""
        modules = list(self)
        modules.insert(index, self._checked(module))
        return self._hold(modules)

    def pop(self, index: int = -1) -> Module:
        """Take the module at `index` out; the later ones move up."""
        modules = list(self)
        taken = modules.pop(index)
        self._hold(modules)
        return taken

    def _checked(self, module: Any) -> Module:
        if not isinstance(module, Module):
            raise ArgumentError(f"{type(self).__name__}: expected a Module, got {type(module).__name__}")
        return module

    def _hold(self, modules: list[Module]) -> Any:
        """Hold these modules, and no others, under fresh numbers."""
        for name in dict(self._held()):
            delattr(self, name)
        return self.extend(modules)

    def __len__(self) -> int:
        return sum(1 for _ in self._held())

    def __iter__(self) -> Iterator[Module]:
        return iter([module for _, module in self._held()])

    def __getitem__(self, index: int | slice) -> Any:
        found = list(self)[index]
        return type(self)(found) if isinstance(index, slice) else found

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, [name for name, _ in self._held()][index], self._checked(module))

    def __delitem__(self, index: int | slice) -> None:
        modules = list(self)
        del modules[index]
        self._hold(modules)

    def __add__(self, other: Iterable[Module]) -> Any:
        return self._like([*self, *other])

    def __iadd__(self, other: Iterable[Module]) -> Any:
        return self.extend(list(other))

    def _like(self, modules: list[Module]) -> Any:
        """A container of the same kind with other modules."""
        return type(self)(modules)


class Sequential(Trainable, _Indexed):
    """Modules applied one after another; a lone OrderedDict gives them names.

    ``y = f_n(... f_2(f_1(x)))``.

    Layers can be added later (`add`), and the whole can be trained by itself (`compile`, `fit`, `evaluate`, `predict`).

    Parameters
    ----------
    modules : Module or OrderedDict[str, Module]
        Applied in this order.

    Shapes
    ------
    What the first module takes; what the last one returns.

    Examples
    --------
    >>> import workbench as wb
    >>> from workbench import nn
    >>> nn.Sequential(nn.Linear(4, 3), nn.ReLU())(wb.ones(2, 4)).shape
    (2, 3)
    """

    def __init__(self, *modules: Module | OrderedDict[str, Module]) -> None:
        if len(modules) == 1 and isinstance(modules[0], OrderedDict):
            super().__init__()
            for name, module in modules[0].items():
                self.add_module(name, self._checked(module))
        else:
            super().__init__(modules)

    def __getitem__(self, index: int | slice) -> Any:
        found = list(self._held())[index]
        return Sequential(OrderedDict(found)) if isinstance(index, slice) else found[1]

    def add(self, module: Module) -> Sequential:
        """Add a module at the end (as `append`); returns itself."""
        return self.append(module)

    def __mul__(self, times: int) -> Sequential:
        """The same modules (no copies) several times over."""
        if not isinstance(times, int) or times < 1:
            raise ArgumentError(f"Sequential: cannot be repeated {times!r} times; expected a positive integer")
        return self._like(list(self) * times)

    __rmul__ = __mul__

    def _like(self, modules: list[Module]) -> Sequential:
        return Sequential(*modules)

    def forward(self, x: Any) -> Any:
        """Pass `x` through every module in order."""
        for module in self:
            x = module(x)
        return x


class ModuleList(_Indexed):
    """A list whose modules belong to the module that holds it.

    Parameters
    ----------
    modules : Iterable[Module], optional
        What it holds at first.

    Shapes
    ------
    It computes nothing itself.

    Examples
    --------
    >>> from workbench import nn
    >>> len(nn.ModuleList([nn.ReLU(), nn.ReLU()]))
    2
    """


class Named(Module):
    """A dict of what belongs to the module; a subclass says what it holds by `_entries` and ``__setitem__``."""

    def __init__(self, entries: Mapping[str, Any] | None) -> None:
        super().__init__()
        self.update(entries or {})

    def _entries(self) -> dict[str, Any]:
        raise NotImplementedError

    def update(self, entries: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Add or replace by name, from a mapping or pairs."""
        try:
            given = dict(entries.items() if hasattr(entries, "items") else entries)
        except (TypeError, ValueError):
            raise ArgumentError(f"{type(self).__name__}: expected a mapping of names or pairs of a name and a value, got {entries!r:.80}") from None
        for name, value in given.items():
            self[name] = value

    def __getitem__(self, name: str) -> Any:
        return self._entries()[name]

    def __delitem__(self, name: str) -> None:
        delattr(self, name)

    def pop(self, name: str) -> Any:
        """Take what is called `name` out."""
        taken = self[name]
        del self[name]
        return taken

    def clear(self) -> None:
        """Take everything out."""
        for name in self._entries():
            del self[name]

    def __contains__(self, name: str) -> bool:
        return name in self._entries()

    def __len__(self) -> int:
        return len(self._entries())

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries())

    def keys(self) -> Any:
        """Names."""
        return self._entries().keys()

    def values(self) -> Any:
        """What is held."""
        return self._entries().values()

    def items(self) -> Any:
        """Pairs of a name and what it names."""
        return self._entries().items()


class ModuleDict(Named):
    """A dict whose modules belong to the module that holds it.

    Parameters
    ----------
    modules : Mapping[str, Module], optional
        What it holds at first.

    Shapes
    ------
    It computes nothing itself.

    Examples
    --------
    >>> from workbench import nn
    >>> list(nn.ModuleDict({"act": nn.ReLU()}).keys())
    ['act']
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__(modules)

    def __setitem__(self, name: str, module: Module) -> None:
        self.add_module(name, module)

    def _entries(self) -> dict[str, Any]:
        return dict(self._held())
