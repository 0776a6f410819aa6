"""Every public class is in the registry, with a type for every setting and a docstring that covers them."""
from __future__ import annotations

import inspect

import pytest

import workbench as wb
from workbench import nn, optim, registry

ENTRIES = [entry for kind in registry.KINDS for entry in registry.entries(kind).values() if entry.path.startswith("workbench.")]


def test_every_public_class_is_there():
    held = {entry.target for entry in ENTRIES}
    missing = [name for part in (nn, optim, optim.lr_scheduler) for name in part.__all__ if isinstance(getattr(part, name), type)
               and issubclass(getattr(part, name), tuple(registry.base(kind) for kind in ("layers", "optimizers", "schedulers")))
               and getattr(part, name) not in held]
    assert set(missing) <= {"Module", "Optimizer", "LRScheduler"}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.path)
def test_every_setting_has_a_type_and_every_class_a_summary_and_an_example(entry: registry.Entry):
    assert entry.summary.endswith((".", ":", "``")), "a docstring begins with a sentence"
    assert ">>> " in entry.example or entry.kind in ("callbacks", "datasets", "transforms")
    untyped = [p.name for p in entry.parameters if p.type in (None, inspect.Parameter.empty)]
    assert not untyped
    assert all(registry.spelled(p.type) for p in entry.parameters)


def test_a_class_run_again_replaces_the_older():
    for _ in range(2):
        own = registry.register(type("OwnLayer", (nn.Module,), {"forward": lambda self, x: x}))
    assert registry.layers()["OwnLayer"].target is own
    assert type(wb.config.build("OwnLayer")) is own
