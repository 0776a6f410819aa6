"""The reference pages, made from the registry: ``python -m workbench.registry.reference docs/reference``.

One page per kind, one section per class: signature, text, formula, settings, shapes, source, example. Everything comes from the
docstring and the signature; a test compares the pages in the docs with what this prints.
"""
from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

from . import KINDS, Entry, entries, spelled
from .entry import Parameter

TITLES = {"layers": "Layers", "losses": "Losses", "optimizers": "Optimizers", "schedulers": "Learning-rate schedulers", "metrics": "Metrics",
          "callbacks": "Callbacks", "datasets": "Datasets",
          "samplers": "Samplers", "transforms": "Transforms of images"}


def page(kind: str) -> str:
    """One page as Markdown."""
    known = [entry for entry in entries(kind).values() if entry.path.startswith("workbench.")]
    contents = " · ".join(f"[{entry.name}](#{entry.name.lower()})" for entry in known)
    return (f"# {TITLES[kind]}\n\nMade by `python -m workbench.registry.reference` from the classes; a test fails when it is out of date, and runs every "
            f"example.\n\n{contents}\n\n" + "\n".join(map(_section, known)))


def _section(entry: Entry) -> str:
    parts = [f"## {entry.name}\n\n```python\n{entry.path.removeprefix('workbench.')}{_signature(entry)}\n```\n", _prose(entry.sections[""])]
    if entry.parameters:
        parts.append("| setting | type | default | |\n|---|---|---|---|\n" + "".join(map(_row, entry.parameters)))
    for name, text in entry.sections.items():
        if name not in ("", "Parameters", "Examples"):
            parts.append(f"**{name}**\n\n{_prose(text)}")
    parts.append(f"```python\n{entry.example}\n```\n")
    return "\n".join(parts)


def _signature(entry: Entry) -> str:
    leading = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in entry.given]
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in entry.signature.parameters.values()]
    return str(inspect.Signature([*leading, *plain]))


def _row(parameter: Parameter) -> str:
    default = "required" if parameter.required else "" if parameter.variadic else f"`{_default(parameter.default)}`"
    cells = [f"`{parameter.name}`", f"`{spelled(parameter.type)}`", default, _inline(parameter.about)]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _default(value: object) -> str:
    return value.__name__ if inspect.isroutine(value) or isinstance(value, type) else repr(value)


def _inline(text: str) -> str:
    """Code as Markdown writes it."""
    return re.sub(r"``(.+?)``", r"`\1`", text)


def _prose(text: str) -> str:
    """Paragraphs, with definition lists as list items."""
    return _inline(re.sub(r"^([\w, ]+ :( .*|)$)", r"- \1", text, flags=re.MULTILINE)) + "\n"


def main(folder: str) -> None:
    """Write all pages."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        (Path(folder) / f"{kind}.md").write_text(page(kind), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
