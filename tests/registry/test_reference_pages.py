"""The pages in docs/reference are what the generator prints, and lead where they say."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from workbench import registry
from workbench.registry import reference

PAGES = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", ["README", *registry.KINDS])
def test_the_pages_are_up_to_date(name: str):
    wanted = reference.index() if name == "README" else reference.page(name)
    assert (PAGES / f"{name}.md").read_text(encoding="utf-8") == wanted, f"run: python -m workbench.registry.reference {PAGES}"


def test_a_page_links_to_sections_that_are_there():
    text = {name: (PAGES / f"{name}.md").read_text(encoding="utf-8") for name in ("README", *registry.KINDS)}
    sections = {name: {heading.lower() for heading in re.findall(r"^## (\w+)$", page, re.M)} for name, page in text.items()}
    lost = [(name, link) for name, page in text.items() for link in re.findall(r"\]\(([^)\s]+)\)", page) if not _leads_somewhere(name, link, sections)]
    assert not lost


def _leads_somewhere(page: str, link: str, sections: dict[str, set[str]]) -> bool:
    file, _, section = link.partition("#")
    target = (PAGES / file).resolve() if file else PAGES / f"{page}.md"
    return target.exists() and (not section or section in sections[target.stem])
