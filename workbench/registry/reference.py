"""The reference pages, made from the registry: ``python -m workbench.registry.reference docs/reference``.

One page per kind, one section per class: signature, text, formula, settings, shapes, source, example; and an index. Everything
comes from the docstring and the signature; a test compares the pages in the docs with what this prints.
"""
from __future__ import annotations

import inspect
import re
import sys
import textwrap
from pathlib import Path

from . import KINDS, Entry, entries, spelled
from .entry import Parameter, items

TITLES = {"layers": "Layers", "losses": "Losses", "optimizers": "Optimizers", "schedulers": "Learning-rate schedulers", "metrics": "Metrics",
          "callbacks": "Callbacks", "datasets": "Datasets", "samplers": "Samplers", "transforms": "Transforms of images",
          "parametrizations": "Parametrizations"}
GUIDES = {"layers": "layers", "losses": "layers", "optimizers": "optimizers", "schedulers": "optimizers", "metrics": "metrics", "callbacks": "training",
          "datasets": "data", "samplers": "loaders", "transforms": "data", "parametrizations": "modules"}
MADE = "Made by `python -m workbench.registry.reference docs/reference` from the classes; a test fails when it is out of date, and runs every example."
LISTS = ("Raises", "Attributes", "Returns")


def listed(kind: str) -> list[Entry]:
    """What a page shows: all that is part of workbench, a user's own classes left out."""
    return [entry for entry in entries(kind).values() if entry.path.startswith("workbench.")]


def index() -> str:
    """The page that lists the pages."""
    rows = "".join(f"| [{TITLES[kind]}]({kind}.md) | {len(listed(kind))} | `wb.registry.{kind}()` | [{GUIDES[kind]}](../{GUIDES[kind]}.md) |\n" for kind in KINDS)
    return (f"# Reference\n\n{MADE}\n\n| page | classes | in Python | guide |\n|---|---|---|---|\n{rows}\n"
            "A section has the signature, what is computed, the settings with their types and defaults, the shapes that go in and out, where it comes "
            "from, and an example. In formulas `x y` is a product, `x^2` a power, `W'` a transpose or the next value, and `x = ...` of an optimizer or "
            "a recurrence an assignment. Where no paper is named, the definition is that of the class of this name in PyTorch, scikit-learn (metrics) or "
            "torchvision (transforms), or is ours and stands in the text.\n\n"
            "[Configuration](../configuration.md) tells how the same registry builds these classes from a file.\n")


def page(kind: str) -> str:
    """One page as Markdown."""
    contents = " · ".join(f"[{entry.name}](#{entry.name.lower()})" for entry in listed(kind))
    return f"# {TITLES[kind]}\n\n{MADE} [All pages](README.md).\n\n{contents}\n\n" + "\n".join(map(_section, listed(kind)))


def _section(entry: Entry) -> str:
    parts = [f"## {entry.name}\n\n```python\n{_signature(entry)}\n```\n", _text(entry, entry.sections[""])]
    if entry.parameters:
        parts.append("| setting | type | default | |\n|---|---|---|---|\n" + "".join(_row(entry, parameter) for parameter in entry.parameters))
    for name, text in entry.sections.items():
        if name not in ("", "Parameters", "Examples"):
            parts.append(f"**{name}**\n\n{_list(entry, text) if name in LISTS else _text(entry, text)}")
    parts.append(f"```pycon\n{entry.example}\n```\n")
    return "\n".join(parts)


def _signature(entry: Entry) -> str:
    """The call with all its settings, in lines that one can read."""
    leading = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in entry.given]
    plain = [p.replace(annotation=inspect.Parameter.empty, default=_Named(p.default) if callable(p.default) and p.default is not p.empty else p.default)
             for p in entry.signature.parameters.values()]
    name = entry.path.removeprefix("workbench.")
    return textwrap.fill(f"{name}{inspect.Signature([*leading, *plain])}", 100, subsequent_indent=" " * (len(name) + 1), break_long_words=False,
                         break_on_hyphens=False)


class _Named:
    """A default that is a function or a class, shown by its name."""

    def __init__(self, value: object) -> None:
        self.value = value

    def __repr__(self) -> str:
        return getattr(self.value, "__name__", repr(self.value))


def _row(entry: Entry, parameter: Parameter) -> str:
    value = parameter.default
    default = "required" if parameter.required else "" if parameter.variadic else f"`{_Named(value) if callable(value) else repr(value)}`"
    kind = spelled(parameter.type)
    words = parameter.words if parameter.words.startswith("{") or (kind == "Any" and parameter.words) else kind
    cells = [f"`{parameter.name}`", f"`{words}`", default, _inline(entry, parameter.about)]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _inline(entry: Entry, text: str) -> str:
    """Code as Markdown writes it; a name of the registry leads to its section."""
    def code(match: re.Match[str]) -> str:
        return f"`{match[1]}`" if match[1] else _link(entry, match[2])

    return re.sub(r"``(.+?)``|`([^`]+)`", code, text, flags=re.DOTALL)


def _link(entry: Entry, name: str) -> str:
    for kind in dict.fromkeys((entry.kind, *KINDS)):
        if name in entries(kind) and name != entry.name:
            return f"[`{name}`]({'' if kind == entry.kind else f'{kind}.md'}#{name.lower()})"
    return f"`{name}`"


def _text(entry: Entry, text: str) -> str:
    return _inline(entry, text) + "\n"


def _list(entry: Entry, section: str) -> str:
    """What is raised, held or returned, one line each."""
    def line(name: str, about: str) -> str:
        word, _, kind = name.partition(" : ")
        return f"- `{word}`" + (f" ({kind})" if kind else "") + (f": {_inline(entry, about)}" if about else "") + "\n"

    return "".join(line(*item) for item in items(section))


def main(folder: str) -> None:
    """Write all pages."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, text in {"README": index(), **{kind: page(kind) for kind in KINDS}}.items():
        (Path(folder) / f"{name}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
