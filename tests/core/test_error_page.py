"""The page of errors is complete, and its examples raise what they say."""
from __future__ import annotations

import builtins
import fnmatch
import re
from pathlib import Path

import pytest

import workbench as wb
from workbench.core import errors

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
SECTIONS = {match[1]: match[2] for match in re.finditer(r"^## `(\w+)`\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)}
CLASSES = {name: value for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, errors.WorkbenchError)}
EXAMPLES = [pytest.param(name, code, text, id=f"{name}-{number}") for name, section in SECTIONS.items()
            for number, (code, text) in enumerate(re.findall(r"```python\n(.*?)```\n```text\n(.*?)\n```", section, re.S))]
NEVER_RAISED = {"DistributedError"}


def test_every_class_has_a_section():
    assert set(SECTIONS) == set(CLASSES)


@pytest.mark.parametrize("name", CLASSES)
def test_a_section_is_complete(name):
    section = SECTIONS[name]
    assert "**Meaning.**" in section
    assert "remedy" in section.lower()
    builtin = re.search(rf"─ {name} +\((\w+)\)", PAGE)
    assert builtin is None or issubclass(CLASSES[name], getattr(builtins, builtin[1]))
    assert name in NEVER_RAISED or any(example.values[0] == name for example in EXAMPLES)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(("name", "code", "text"), EXAMPLES)
def test_an_example_raises_its_class_with_its_message(name, code, text):
    with pytest.raises(CLASSES[name]) as caught:
        exec(compile(code, "errors.md", "exec"), {"wb": wb})
    assert name in (type(caught.value).__name__, "WorkbenchError")
    pattern = re.sub(r"\[", "[[]", text).replace("?", "[?]").replace("...", "*")
    assert fnmatch.fnmatchcase(str(caught.value), pattern), str(caught.value)


def test_what_is_said_to_be_never_raised_is_not():
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "workbench").rglob("*.py"))
    for name in NEVER_RAISED:
        assert not re.search(rf"raise (errors\.)?{name}\(", sources), f"give {name} an example in docs/errors.md"
