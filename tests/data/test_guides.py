"""The pages about loaders, metrics and estimators run as they stand."""
from __future__ import annotations

import re
from pathlib import Path

import pytest

from workbench.train import metrics

DOCS = Path(__file__).parents[2] / "docs"


def run(name: str) -> dict[str, object]:
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / name).read_text("utf-8"), re.S | re.M)
    names: dict[str, object] = {"__name__": "guide"}
    for block in blocks:
        exec(compile(block, name, "exec"), names)
    return names


def test_the_page_of_loaders_runs() -> None:
    names = run("loaders.md")
    assert len(names["first"]) + len(names["rest"]) == 5
    assert sorted(names["evens"]) == [0, 2, 4, 6]
    assert "not a picture" in names["told"]
    assert names["divided"] == [[0, 2, 4], [1, 3, 5], [6, 8, 10], [7, 9, 11]]
    assert names["calls"] == [1]


def test_the_page_of_metrics_runs_and_names_them_all() -> None:
    names = run("metrics.md")
    assert names["score"] == pytest.approx((1 + 0 + 2 / 3) / 3)
    assert names["area"] == 0.75
    assert names["within"].compute() == 0.5
    assert names["search"].best_score_ > 0.9
    page = (DOCS / "metrics.md").read_text("utf-8")
    assert [kind.__name__ for kind in metrics.METRICS.values() if f"`{kind.__name__}`" not in page] == []
