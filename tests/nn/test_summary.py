"""Summaries: their numbers, that looking changes nothing, and how they are written down."""
from __future__ import annotations

import html.parser
import json
import random

import numpy as np
import pytest

import workbench as wb
from workbench import nn
from workbench.core import errors


class Net(nn.Module):
    """Something of everything: a shared layer, a list that is never called, frozen weights, buffers, ops of its own."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.blocks = nn.ModuleList([nn.Linear(4, 4), nn.Dropout(0.5)])
        self.head = nn.Linear(4, 2)
        self.unused = nn.Linear(5, 5)
        self.calls = []

    def forward(self, x, *, twice=False):
        x = self.stem(x).mean(axis=(2, 3))
        for _ in range(2):
            x = self.blocks[1](self.blocks[0](x))
        y = self.head(x)
        self.last = y
        return {"scores": y, "features": (x, x)} if twice else y


@pytest.fixture
def model():
    net = Net()
    net.freeze("stem")
    return net


def test_shapes_parameters_and_costs_of_every_part(model):
    summary = model.summary(wb.randn(2, 3, 8, 8))
    assert [row.path for row in summary.rows] == [path for path, _ in model.named_modules()]
    conv, linear = summary["stem.0"], summary["blocks.0"]
    assert (conv.type, conv.inputs, conv.outputs, conv.depth) == ("Conv2d", (2, 3, 8, 8), (2, 4, 8, 8), 2)
    assert (conv.parameters, conv.trainable, conv.macs) == (112, 0, 2 * 4 * 64 * 27)
    assert (linear.calls, linear.macs, linear.activation_bytes) == (2, 2 * 2 * 16, 2 * 2 * 4 * 4)
    assert (summary["unused"].calls, summary["unused"].inputs, summary["unused"].macs) == (0, None, 0)
    assert summary["blocks"].calls == 0
    assert summary["blocks"].macs == linear.macs
    total = summary.total
    assert total.parameters == sum(p.size for p in model.parameters())
    assert total.parameters - total.trainable == sum(p.size for p in model.stem.parameters())
    assert total.parameter_bytes == 4 * total.parameters
    assert total.buffer_bytes == sum(b.size * b.dtype.itemsize for b in model.buffers())
    assert total.macs == conv.macs + linear.macs + 2 * 4 * 2
    children = sum(row.flops for row in summary.rows if row.depth == 1)
    assert total.flops == children + 2 * 4 * 64  # the mean is an op of the model's own


def test_shapes_of_several_inputs_and_outputs(model):
    assert model.summary(wb.randn(2, 3, 8, 8), twice=True).total.outputs == {"scores": (2, 2), "features": ((2, 4), (2, 4))}
    attention = nn.MultiheadAttention(4, 2).summary(*[wb.randn(5, 1, 4)] * 3, need_weights=False)
    assert (attention.total.inputs, attention.total.outputs) == (((5, 1, 4),) * 3, (5, 1, 4))
    assert nn.Bilinear(2, 3, 4).summary(input_size=[(5, 2), (5, 3)]).total.outputs == (5, 4)
    tokens = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 2)).summary(input_size=(3, 7), dtype=wb.int64)
    assert tokens["0"].outputs == (3, 7, 4)


def test_a_tied_weight_counts_once():
    model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    model[1].weight = model[0].weight
    summary = model.summary()
    assert (summary.total.parameters, summary["0"].parameters, summary["1"].parameters) == (9, 9, 0)


def test_looking_changes_nothing(model):
    seen = []
    model.head.register_forward_hook(lambda *args: seen.append(1))
    model.blocks.eval()
    model(wb.randn(2, 3, 8, 8)).sum().backward()
    seen.clear()
    last = model.last
    tensors = {name: (t, t.numpy().copy()) for name, t in [*model.named_parameters(), *model.named_buffers()]}
    gradients = {name: p.grad for name, p in model.named_parameters()}
    modes = [module.training for module in model.modules()]
    wb.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    before = wb.get_rng_state(), np.random.random(), random.random()
    wb.manual_seed(1)
    np.random.seed(1)
    random.seed(1)
    model.summary(input_size=(2, 3, 8, 8), training=True)
    assert (wb.get_rng_state(), np.random.random(), random.random()) == before
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        assert tensor is tensors[name][0]
        np.testing.assert_array_equal(tensor.numpy(), tensors[name][1])
    assert {name: p.grad for name, p in model.named_parameters()} == gradients
    assert [module.training for module in model.modules()] == modes
    assert not seen
    assert model.last is last
    assert [module._hooks for module in model.modules()].count(None) == len(modes) - 1


def test_a_lazy_layer_is_measured_and_stays_lazy():
    model = nn.Sequential(nn.LazyLinear(4), nn.BatchNorm1d(4))
    summary = model.summary(input_size=(2, 3))
    assert (summary["0"].parameters, summary["0"].macs) == (16, 24)
    assert type(model[0]) is nn.LazyLinear
    assert model.summary().total.parameters == 8


def test_a_compiled_model_is_counted_op_by_op(model):
    plain = model.summary(input_size=(2, 3, 8, 8))
    model.compile()
    assert model.summary(input_size=(2, 3, 8, 8)) == plain


def test_an_error_tells_where_it_happened():
    model = nn.Sequential(nn.Linear(3, 4), nn.Sequential(nn.Linear(3, 4)))
    with pytest.raises(errors.ShapeError) as caught:
        model.summary(input_size=(2, 3))
    assert caught.value.__notes__ == ["summary: this happened in 1.0 (Linear)"]


@pytest.mark.parametrize(("call", "message"), [
    (lambda m: m.summary(wb.ones(1), input_size=(1,)), "give one of them"), (lambda m: m.summary(input_size=[(1, 3), (1, 3)], dtype=[None]), "1 dtypes for 2"),
    (lambda m: m.summary()["nothing"], "no module has the path 'nothing'")])
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(errors.ArgumentError, match=message):
        call(nn.Linear(3, 4))


# Written down ---------------------------------------------------------------------------------------------------------------
def test_a_table_folds_below_its_depth_and_cuts_long_names(model):
    model.a_name_that_is_so_long_that_nobody_would_want_to_read_all_of_it_in_a_table = nn.Linear(2, 2)
    summary = model.summary(input_size=(2, 3, 8, 8), depth=1)
    lines = repr(summary).splitlines()
    assert "stem (+3)" in lines[2]
    assert not any("Conv2d" in line for line in lines)
    assert all(len(line) <= 100 for line in summary.table(depth=9, width=100).splitlines())
    assert "…" in summary.table(width=100)
    assert lines[-2].endswith("120 frozen; 40 B of buffers")
    assert "one call" not in repr(model.summary())


def test_what_could_not_be_counted_is_named():
    class Decomposed(nn.Module):
        def forward(self, x):
            return wb.linalg.svdvals(x)

    assert repr(Decomposed().summary(wb.randn(2, 2))).endswith("not counted: svdvals")


def test_it_is_plain_data(model):
    summary = model.summary(input_size=(2, 3, 8, 8))
    assert json.loads(json.dumps(summary.to_dict()))["rows"][0]["type"] == "Net"


class Tags(html.parser.HTMLParser):
    """Checks that tags close in order, and counts them."""

    def __init__(self):
        super().__init__()
        self.open, self.found = [], []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.mark.parametrize("inputs", [{"input_size": (2, 3, 8, 8)}, {}], ids=["called", "parameters-only"])
def test_html_is_well_formed_and_folds(model, inputs):
    tags = Tags()
    tags.feed(model.summary(**inputs, depth=1)._repr_html_())
    assert not tags.open
    details = [attrs for tag, attrs in tags.found if tag == "details"]
    assert [("open" in attrs) for attrs in details] == [True, False, False]  # the model, stem, blocks
    assert len([1 for tag, attrs in tags.found if attrs.get("class") == "r"]) == len(list(model.modules()))


def test_a_thousand_layers_are_no_trouble():
    summary = nn.Sequential(*(nn.Linear(2, 2) for _ in range(1000))).summary(input_size=(1, 2))
    assert (summary.total.macs, len(repr(summary).splitlines())) == (4000, 1004)
    assert summary._repr_html_().count('class="r"') == 1001


def test_a_tuple_of_numbers_in_place_of_an_input_is_its_size():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    assert repr(model.summary((2, 4))) == repr(model.summary(input_size=(2, 4))) == repr(model.summary(wb.zeros(2, 4)))
