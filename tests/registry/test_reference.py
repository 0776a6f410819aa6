"""Every public class says what it computes, of which shapes, what each setting means, and shows it in an example that runs."""
from __future__ import annotations

import doctest
import functools
import importlib
import re

import pytest

from workbench import registry
from workbench.registry import reference

ENTRIES = [entry for kind in registry.KINDS for entry in reference.listed(kind)]

WITHOUT_FORMULA = {"callbacks": "they watch and act",
                   "datasets": "they hold or fetch what is there",
                   "samplers": "they choose indices",
                   "transforms": "they move pixels; those of numbers have one"}
COMPUTE_NOTHING = {"ModuleDict", "ModuleList", "ParameterDict", "ParameterList"}
"""Containers."""
WITH_SHAPES = ("layers", "losses", "metrics")


def names(entries: list[registry.Entry]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("entry", entries, ids=lambda entry: entry.path)


@names([entry for entry in ENTRIES if entry.kind not in WITHOUT_FORMULA and entry.name not in COMPUTE_NOTHING])
def test_it_says_what_it_computes(entry: registry.Entry):
    spans = re.findall(r"``(.+?)``", entry.sections[""], re.DOTALL)
    assert any(re.search(r"[-=(+*/^|<>]", span) for span in spans), f"{entry.path}: no formula such as ``y = x W' + b`` in its docstring"


def test_what_computes_nothing_is_there():
    assert set(registry.layers()) >= COMPUTE_NOTHING


@names([entry for entry in ENTRIES if entry.kind in WITH_SHAPES])
def test_it_says_which_shapes_go_in_and_out(entry: registry.Entry):
    assert entry.sections.get("Shapes"), f"{entry.path}: its docstring has no Shapes section"


@names(ENTRIES)
def test_it_says_what_every_setting_means(entry: registry.Entry):
    silent = [parameter.name for parameter in entry.parameters if not parameter.about or re.match(r"As (in|of|for) `\w+`\W?$", parameter.about)]
    assert not silent, f"{entry.path}: its docstring, and registry/common.py, say nothing of {', '.join(silent)}"


@names([entry for entry in ENTRIES if not any(parameter.variadic for parameter in entry.parameters)])
def test_what_is_said_is_said_of_a_setting(entry: registry.Entry):
    known = {parameter.name for parameter in entry.parameters} | {*entry.given, "common"}
    stale = [name for name in entry.documented if name not in known]
    assert not stale, f"{entry.path}: its docstring has {', '.join(stale)}, its signature has not"


@functools.cache
def examples_of(module: str) -> dict[str, int]:
    """How many lines, imports left out, are run of each docstring of a module, as pytest finds them."""
    found = doctest.DocTestFinder().find(importlib.import_module(module))
    return {test.name: sum(doctest.SKIP not in example.options and not example.source.startswith(("import ", "from ")) for example in test.examples)
            for test in found}


@names(ENTRIES)
def test_its_example_is_among_the_doctests_that_run(entry: registry.Entry):
    target = entry.target
    ran = examples_of(target.__module__).get(f"{target.__module__}.{target.__qualname__}", 0)
    assert ran >= 1, f"{entry.path}: no example that runs"
