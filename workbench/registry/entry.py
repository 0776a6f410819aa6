"""Entry: what the registry knows of a class, read from its signature and its docstring and from nowhere else."""
from __future__ import annotations

import functools
import inspect
import operator
import re
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..core import Tensor
from .common import COMMON

REQUIRED = inspect.Parameter.empty


@dataclass(frozen=True)
class Parameter:
    """One setting: its type, what it is when left out, and what the docstring says of it and of its type."""

    name: str
    type: Any
    default: Any
    about: str
    words: str = ""
    variadic: bool = False

    @property
    def required(self) -> bool:
        """Must it be given?"""
        return self.default is REQUIRED and not self.variadic


@dataclass(frozen=True)
class Entry:
    """A class (or a function that makes a dataset, or parametrizes a module) under its public name.

    Examples
    --------
    >>> import workbench as wb
    >>> entry = wb.registry.layers()["Dropout"]
    >>> [(p.name, p.default) for p in entry.parameters]
    [('p', 0.5), ('inplace', False)]
    """

    name: str
    kind: str
    target: Callable[..., Any]
    path: str

    @cached_property
    def given(self) -> tuple[str, ...]:
        """Leading arguments that are there when it is built, such as an optimizer's parameters."""
        return getattr(self.target, "given", ())

    @cached_property
    def signature(self) -> inspect.Signature:
        """The settings with their types; what is given when it is built is left out."""
        found: list[inspect.Parameter] = []
        for parameter in _accepted(self.target).parameters.values():
            kind = self._types.get(parameter.name) or _annotated(parameter) or _like(parameter.default, self._words(parameter.name))
            if typing.get_origin(kind) is typing.Unpack:
                found += _unpacked(typing.get_args(kind)[0])
            elif parameter.name not in self.given:
                found.append(parameter.replace(annotation=kind))
        return inspect.Signature(found)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The settings in order."""
        return tuple(Parameter(p.name, p.annotation, p.default, self.about(p.name), self._words(p.name),
                               variadic=p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)) for p in self.signature.parameters.values())

    def about(self, name: str) -> str:
        """What is said of a setting: by this docstring, by the class that it points to, by a base class, or of the whole kind."""
        text = next((known[name][1] for known in self._texts if name in known and known[name][1]), "")
        return self._elsewhere(name, text) if text else COMMON.get(self.kind, {}).get(name, "")

    def _words(self, name: str) -> str:
        """The type of a setting as the docstring, or that of a base class, has it."""
        return next((known[name][0] for known in self._texts if name in known and known[name][0]), "")

    def _elsewhere(self, name: str, text: str) -> str:
        """What another class says of a setting, where the text is only "As in `Other`"."""
        other = re.fullmatch(r"(?:As (?:in|of|for)|Of the) `(\w+)`[.;]?", text)
        if other is None:
            return text
        from . import KINDS, entries

        named = entries(self.kind).get(other[1]) if self.kind in KINDS else None
        return text if named is None else named.about(name)

    @property
    def _bases(self) -> tuple[type, ...]:
        return self.target.__mro__[1:] if isinstance(self.target, type) else ()

    @cached_property
    def documented(self) -> dict[str, tuple[str, str]]:
        """Type and text of every parameter in the docstring."""
        return _documented(self._own_sections)

    @cached_property
    def _texts(self) -> tuple[dict[str, tuple[str, str]], ...]:
        """What this docstring and those of the base classes say of settings, from the nearest on."""
        return self.documented, *(_documented(_sections(base.__doc__)) for base in self._bases)

    @cached_property
    def _types(self) -> dict[str, Any]:
        if not isinstance(self.target, type):
            return _hints(self.target, self.target)
        makers = {base: vars(base)["__init__"] for base in reversed(self.target.__mro__) if "__init__" in vars(base) and base is not object}
        return {name: kind for base, maker in makers.items() for name, kind in _hints(base, maker).items()}

    @cached_property
    def _own_sections(self) -> dict[str, str]:
        return _sections(inspect.getdoc(self.target))

    @cached_property
    def sections(self) -> dict[str, str]:
        """The docstring by heading; what stands above the first one is under ``""``. Shapes may be those of a base class."""
        found = dict(self._own_sections)
        for base in self._bases:
            if "Shapes" in (held := _sections(base.__doc__)):
                found.setdefault("Shapes", held["Shapes"])
        return found

    @property
    def summary(self) -> str:
        """The first sentence, or line, of the docstring."""
        return self.sections[""].split("\n\n")[0].replace("\n", " ")

    @property
    def example(self) -> str:
        """The example, as a doctest."""
        return self.sections.get("Examples", "")


def _hints(owner: Any, maker: Callable[..., Any]) -> dict[str, Any]:
    """Types by name, as the module of `owner` understands them."""
    module = inspect.getmodule(owner)
    return typing.get_type_hints(maker, {**typing.__dict__, **vars(module)} if module else None)


def _annotated(parameter: inspect.Parameter) -> Any:
    """The type in a signature that was put together, where names are resolved already."""
    return None if isinstance(parameter.annotation, str) or parameter.annotation is parameter.empty else parameter.annotation


def _accepted(target: Callable[..., Any]) -> inspect.Signature:
    """The signature of what makes it: where ``__new__`` only passes arguments on, that of ``__init__``."""
    found = inspect.signature(target)
    if isinstance(target, type) and [p.kind for p in found.parameters.values()] == [inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD]:
        own = [] if target.__init__ is object.__init__ else list(inspect.signature(target.__init__).parameters.values())[1:]
        return found.replace(parameters=own)
    return found


@functools.cache
def _sections(docstring: str | None) -> dict[str, str]:
    """A docstring by heading; what stands above the first one is under ``""``."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", inspect.cleandoc(docstring or ""), flags=re.MULTILINE)
    return {"": parts[0].strip(), **{name: text.strip("\n") for name, text in zip(parts[1::2], parts[2::2], strict=True)}}


def _documented(sections: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Type and text of every parameter in a docstring."""
    found = {}
    for line, text in items(sections.get("Parameters", "")):
        names, _, type_text = line.partition(" :")
        found |= {name.lstrip("*"): (type_text.strip(), text) for name in re.split(r", *", names)}
    return found


def items(section: str) -> list[tuple[str, str]]:
    """Pairs of a section's entry and the indented text below it."""
    found: list[tuple[str, str]] = []
    for line in section.splitlines():
        if line[:1].strip():
            found.append((line, ""))
        elif found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}".strip())
    return found


def _unpacked(settings: type) -> list[inspect.Parameter]:
    """The keys of a TypedDict of settings that are off unless given."""
    return [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False if kind is bool else None, annotation=kind)
            for name, kind in typing.get_type_hints(settings).items()]


_WORDS = {"bool": bool, "int": int, "float": float, "str": str, "Tensor": Tensor, "callable": Callable, "path": str, "sequence of int": Sequence[int],
          "sequence of float": Sequence[float]}


def _like(default: Any, documented: str) -> Any:
    """The type of a setting that a row gives in words, or by its default alone: 1 may stand for any number."""
    words, optional = re.subn(r", optional$", "", documented)
    kinds = [_WORDS.get(word) for word in words.split(" or ")]
    if words.startswith('{"'):
        kinds = [str]
    if all(kinds):
        return functools.reduce(operator.or_, [*kinds, *([None] if optional or default is None else [])])
    if default is REQUIRED or default is None:
        return Any
    return {int: int | float, float: float | None}.get(type(default), type(default))


def spelled(annotation: Any) -> str:
    """A type as one would write it.

    Examples
    --------
    >>> from workbench.registry.entry import spelled
    >>> spelled(int | tuple[int, int])
    'int | tuple[int, int]'
    """
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        return " | ".join(dict.fromkeys(map(spelled, typing.get_args(annotation))))
    arguments = typing.get_args(annotation)
    if arguments and typing.get_origin(annotation) is not typing.Literal:
        inside = ", ".join("[" + ", ".join(map(spelled, a)) + "]" if isinstance(a, list) else "..." if a is ... else spelled(a) for a in arguments)
        return f"{spelled(typing.get_origin(annotation))}[{inside}]"
    if annotation is type(None):
        return "None"
    if isinstance(annotation, type):
        return annotation.__name__
    return str(annotation).replace("typing.", "")
