"""Lists and dicts of parameters: what they hold belongs to the module that holds them."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..core import Tensor
from .containers import Named
from .module import Module
from .parameter import Parameter


class ParameterList(Module):
    """A list whose parameters belong to the module that holds it; plain tensors become parameters.

    Parameters
    ----------
    values : Iterable[Tensor], optional
        What it holds at first.

    Shapes
    ------
    It computes nothing itself.

    Examples
    --------
    >>> import workbench as wb
    >>> scales = wb.nn.ParameterList([wb.ones(2), wb.zeros(3)])
    >>> [name for name, _ in scales.named_parameters()], scales[1].shape
    (['0', '1'], (3,))
    """

    def __init__(self, values: Iterable[Tensor] | None = None) -> None:
        super().__init__()
        self.extend(values or ())

    def append(self, value: Tensor) -> ParameterList:
        """Add a parameter at the end; returns itself."""
        self.register_parameter(str(len(self)), _parameter(value))
        return self

    def extend(self, values: Iterable[Tensor]) -> ParameterList:
        """Add parameters at the end; returns itself."""
        for value in values:
            self.append(value)
        return self

    def __len__(self) -> int:
        return len(self._own_parameters())

    def __iter__(self) -> Iterator[Tensor]:
        return iter(list(self._own_parameters().values()))

    def __getitem__(self, index: int | slice) -> Any:
        found = list(self)[index]
        return ParameterList(found) if isinstance(index, slice) else found

    def __setitem__(self, index: int, value: Tensor) -> None:
        setattr(self, list(self._own_parameters())[index], _parameter(value))

    def __iadd__(self, other: Iterable[Tensor]) -> ParameterList:
        return self.extend(other)

    def extra_repr(self) -> str:
        """Shapes."""
        return ", ".join(str(tuple(p.shape)) for p in self)


class ParameterDict(Named):
    """A dict whose parameters belong to the module that holds it; plain tensors become parameters.

    Parameters
    ----------
    parameters : Mapping[str, Tensor], optional
        What it holds at first.

    Shapes
    ------
    It computes nothing itself.

    Examples
    --------
    >>> import workbench as wb
    >>> table = wb.nn.ParameterDict({"scale": wb.ones(2)})
    >>> table["shift"] = wb.zeros(2)
    >>> list(table), table["shift"].requires_grad
    (['scale', 'shift'], True)
    """

    def __init__(self, parameters: Mapping[str, Tensor] | None = None) -> None:
        super().__init__(parameters)

    def __setitem__(self, name: str, value: Tensor) -> None:
        self.register_parameter(name, _parameter(value))

    def get(self, name: str, default: Any = None) -> Any:
        """What is called `name`, or `default`."""
        return self._entries().get(name, default)

    def setdefault(self, name: str, default: Any = None) -> Any:
        """What is called `name`, which is `default` from now on if there is none."""
        if name not in self:
            self[name] = default
        return self[name]

    def popitem(self) -> tuple[str, Any]:
        """Take out what came last, with its name."""
        name = list(self)[-1]
        return name, self.pop(name)

    def copy(self) -> ParameterDict:
        """Another one with the same parameters."""
        return ParameterDict(self._entries())

    def fromkeys(self, names: Iterable[str], default: Any = None) -> ParameterDict:
        """A new one with `default` under all of `names`."""
        return ParameterDict(dict.fromkeys(names, default))

    def __or__(self, other: ParameterDict) -> ParameterDict:
        return ParameterDict({**self._entries(), **other._entries()})

    def __ior__(self, other: ParameterDict) -> ParameterDict:
        self.update(other)
        return self

    def _entries(self) -> dict[str, Any]:
        return self._own_parameters()

    def extra_repr(self) -> str:
        """Names and shapes."""
        return ", ".join(f"{name}: {tuple(p.shape)}" for name, p in self.items())


def _parameter(value: Any) -> Tensor:
    return value if isinstance(value, Parameter) else Parameter(value)
