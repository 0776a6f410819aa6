"""Every view in both themes, in the panel and in an output: drawn, named, without faults that axe-core can find.

The pictures are meant to be looked at; those that begin with `readme-` are shown in the README.
"""
from __future__ import annotations

import pytest

from tests.browser.cells import SETUP
from tests.browser.page import DARK, LIGHT, Lab

# One run with everything to look at: convolutions for feature maps, a transformer layer for attention.
MODEL = """class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.rows = nn.Conv2d(1, 12, 3, padding=1)
        self.project = nn.Linear(96, 32)
        self.mix = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
        self.head = nn.Linear(256, 10)

    def forward(self, x):
        x = F.relu(self.rows(x)).permute(0, 2, 1, 3).reshape(-1, 8, 96)
        return self.head(self.mix(self.project(x)).reshape(-1, 256))

model = Reader()
run = wb.fit(model, digits, loss=F.cross_entropy, optimizer=optim.Adam, lr=3e-3, epochs=2, validation=0.2)
"""
SHOWN = ["wb.show.curves(run)", "wb.show.graph(model, images[:2])", "wb.show.gradients(run)",
         "wb.show.activations(model, images[:2])", "wb.show.attention(model, images[:1])"]
PANEL_VIEWS = {"curves": "curves", "graph": "graph", "gradients": "gradflow", "activations": "activations",
               "attention": "attention"}


@pytest.fixture(scope="module")
def trained(lab: Lab) -> Lab:
    lab.open(lab.server.write("looks.ipynb", [SETUP, MODEL, *SHOWN]))
    lab.open_panel()
    lab.run(0, wait=60)
    lab.run(1, wait=120)
    return lab


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize("name", PANEL_VIEWS)
def test_a_view_of_the_panel(trained: Lab, name: str, theme: str) -> None:
    trained.theme(theme)
    panel = trained.open_panel(name)
    view = panel.locator(f"[data-wb-view={PANEL_VIEWS[name]}]")
    view.wait_for(state="visible")
    view.locator(".wb-body").wait_for(state="visible", timeout=15_000)
    trained.page.wait_for_timeout(800)
    assert view.locator(".wb-sentence").inner_text().strip()
    trained.shot(f"panel-{name}-{theme.split()[-1].lower()}", panel)
    assert not trained.violations()


@pytest.mark.parametrize("index", range(len(SHOWN)), ids=[each.split("(")[0].split(".")[-1] for each in SHOWN])
def test_a_view_in_an_output(trained: Lab, index: int) -> None:
    trained.theme(LIGHT)
    trained.run(2 + index, wait=30)
    output = trained.output(2 + index)
    output.locator(".wb-view").wait_for(state="visible")
    output.locator(".wb-body").wait_for(state="visible", timeout=15_000)
    trained.page.wait_for_timeout(800)
    output.scroll_into_view_if_needed()
    trained.shot(f"output-{list(PANEL_VIEWS)[index]}", output)
    bundle = trained.outputs(2 + index)[-1]["data"]
    assert "<img" in "".join(bundle["text/html"])
    assert bundle["text/plain"]
    assert not trained.violations()


def test_a_view_has_a_table_twin(trained: Lab) -> None:
    panel = trained.open_panel("curves")
    panel.locator("button[data-wb-cmd=table]").click()
    panel.locator(".wb-twin table").wait_for(state="visible")
    assert panel.locator(".wb-twin tbody tr").count() > 5
    assert not trained.violations()
    panel.locator("button[data-wb-cmd=table]").click()


def test_tabs_are_reached_from_the_keyboard(trained: Lab) -> None:
    panel = trained.open_panel("curves")
    panel.locator("[data-wb-tab=curves]").focus()
    trained.page.keyboard.press("ArrowRight")
    assert panel.locator("[role=tab][aria-selected=true]").get_attribute("data-wb-tab") != "curves"
