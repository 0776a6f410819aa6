"""Modules that hold modules: in order, in a list, in a dict."""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..core.errors import ArgumentError
from .module import Module


class _Indexed(Module):
    """Children under the names "0", "1", ..."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        for module in modules:
            self.append(module)

    def append(self, module: Module) -> Any:
        """Add a module at the end; returns itself."""
        if not isinstance(module, Module):
            raise ArgumentError(f"{type(self).__name__}: expected a Module, got {type(module).__name__}")
        setattr(self, str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> Any:
        """Add modules at the end; returns itself."""
        for module in modules:
            self.append(module)
        return self

    def __len__(self) -> int:
        return sum(1 for _ in self.children())

    def __iter__(self) -> Iterator[Module]:
        return iter(list(self.children()))

    def __getitem__(self, index: int | slice) -> Any:
        found = list(self.children())[index]
        return type(self)(*found) if isinstance(index, slice) and isinstance(self, Sequential) else (
            type(self)(found) if isinstance(index, slice) else found)


class Sequential(_Indexed):
    """Modules applied one after another.

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
                setattr(self, name, module)
        else:
            super().__init__(modules)

    def forward(self, x: Any) -> Any:
        """Pass `x` through every module in order."""
        for module in self.children():
            x = module(x)
        return x


class ModuleList(_Indexed):
    """A list whose modules belong to the module that holds it.

    Examples
    --------
    >>> from workbench import nn
    >>> len(nn.ModuleList([nn.ReLU(), nn.ReLU()]))
    2
    """


class ModuleDict(Module):
    """A dict whose modules belong to the module that holds it.

    Examples
    --------
    >>> from workbench import nn
    >>> list(nn.ModuleDict({"act": nn.ReLU()}).keys())
    ['act']
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        self.update(modules or {})

    def update(self, modules: Mapping[str, Module]) -> None:
        """Add or replace modules by name."""
        for name, module in modules.items():
            self[name] = module

    def __setitem__(self, name: str, module: Module) -> None:
        if hasattr(Module, name):
            raise ArgumentError(f"ModuleDict: {name!r} is the name of a Module attribute; choose another")
        setattr(self, name, module)

    def __getitem__(self, name: str) -> Module:
        return dict(self.named_children())[name]

    def __contains__(self, name: str) -> bool:
        return name in dict(self.named_children())

    def __len__(self) -> int:
        return sum(1 for _ in self.children())

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self.named_children()))

    def keys(self) -> Any:
        """Names of the modules."""
        return dict(self.named_children()).keys()

    def values(self) -> Any:
        """The modules."""
        return dict(self.named_children()).values()

    def items(self) -> Any:
        """Pairs of name and module."""
        return dict(self.named_children()).items()
