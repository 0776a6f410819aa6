"""Looks at a model are plain numbers, and they are the right ones."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench import errors, inspect, nn
from workbench.inspect.gradients import copy_weights
from workbench.inspect.numbers import histogram, summarize
from workbench.inspect.records import GraphNode


def learned() -> nn.Module:
    wb.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    model(wb.randn(8, 3)).sum().backward()
    return model


def test_gradient_flow_holds_norms_ratios_and_histograms() -> None:
    model = learned()
    before = copy_weights(model)
    with wb.no_grad():
        model[0].weight.copy_(model[0].weight * 1.5)
    flow = inspect.gradient_flow(model, step=7, before=before)
    weight, grad = model[0].weight.numpy(), model[0].weight.grad.numpy()
    assert flow.layers == ("0.weight", "0.bias", "2.weight", "2.bias")
    np.testing.assert_allclose(flow.stats[0], [np.linalg.norm(grad), np.linalg.norm(weight), 1 / 3, 0, 0], rtol=1e-5)
    assert flow.stats[2, 2] == 0, "a weight that did not change has no update"
    np.testing.assert_allclose(flow.range[0], [grad.min(), grad.max()])
    assert flow.counts[0].sum() == grad.size


def test_gradients_that_are_not_numbers_are_counted_and_missing_ones_are_nan() -> None:
    model = learned()
    model[0].weight.grad = wb.tensor(np.where(np.eye(4, 3) > 0, np.nan, np.inf).astype(np.float32))
    model[2].bias.grad = None
    flow = inspect.gradient_flow(model)
    assert flow.stats[0, 3:].tolist() == [3, 9]
    assert np.isnan(flow.stats[3, 0])
    assert flow.counts[3].sum() == 0


def test_activations_tell_dead_and_saturated_units() -> None:
    class Made(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dead, self.flat = nn.ReLU(), nn.Tanh()

        def forward(self, x: wb.Tensor) -> wb.Tensor:
            return self.flat(self.dead(x) * 100)

    x = wb.tensor([[-1.0, 2.0, -3.0, 4.0], [-1.0, 5.0, -2.0, 1.0]])
    found = inspect.activations(Made(), x)
    assert [layer.type for layer in found.layers] == ["ReLU", "Tanh"]
    assert found.stats[0, 4] == 0.5
    assert found.stats[1, 5] == 0.5
    assert found.counts[0].sum() == 8


def test_feature_maps_are_bytes_between_the_extremes() -> None:
    model = nn.Sequential(nn.Conv2d(1, 20, 3))
    x = wb.randn(2, 1, 8, 8)
    (maps,) = inspect.activations(model, x).maps
    output = model(x).detach().numpy()[0, :16]
    assert (maps.channels, maps.height, maps.width) == (16, 6, 6)
    assert (maps.lo, maps.hi) == (pytest.approx(output.min()), pytest.approx(output.max()))
    np.testing.assert_allclose(maps.lo + maps.data / 255 * (maps.hi - maps.lo), output, atol=(maps.hi - maps.lo) / 255)


def test_attention_is_that_of_the_layer_for_the_first_sample() -> None:
    wb.manual_seed(0)
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    x = wb.randn(3, 5, 8)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = layer

        def forward(self, x: wb.Tensor) -> wb.Tensor:
            return self.attention(x, x, x)[0]

    found = inspect.attention(Model(), x, tokens=list("abcd"))
    assert found.tokens == ("a", "b", "c", "d", "4")
    np.testing.assert_allclose(found.maps[0] / 255, layer.attention_weights(x).detach().numpy()[0], atol=1 / 255)
    with pytest.raises(errors.ArgumentError, match="no attention layer"):
        inspect.attention(nn.Linear(2, 1), wb.ones(1, 2))


def nodes(graph: inspect.graph.GraphModel, kind: str) -> list[GraphNode]:
    return [node for node in graph.nodes if node.kind == kind]


def test_the_graph_of_a_model_knows_modules_values_gradients_and_lines() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    graph = inspect.trace_graph(lambda x: model(x).sum(), wb.ones(2, 3))
    assert {node.type for node in nodes(graph, "op")} >= {"matmul", "add", "relu", "sum"}
    inner = inspect.trace_graph(model, wb.ones(2, 3))
    assert [node.type for node in nodes(inner, "module")] == ["Linear", "ReLU"]
    relu = next(node for node in nodes(inner, "op") if node.type == "relu")
    assert (relu.parent, relu.shape, relu.dtype) == ("m:1", (2, 4), "float32")
    assert relu.value.max == pytest.approx(model(wb.ones(2, 3)).amax().item())
    total = next(node for node in nodes(graph, "op") if node.type == "sum")
    assert total.grad.mean == 1
    assert total.source.where == "test_records.py"
    assert "model(x).sum()" in total.source.code


def test_every_edge_of_a_graph_joins_known_nodes() -> None:
    graph = inspect.trace_graph(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), wb.ones(2, 5, 8))
    known = {node.id for node in graph.nodes}
    assert graph.edges
    assert all(edge.source in known and edge.target in known for edge in graph.edges)
    assert all(node.parent in known | {""} for node in graph.nodes)


def test_a_tape_shows_values_and_gradients_without_touching_grad() -> None:
    x = wb.tensor(3.0, requires_grad=True)
    graph = inspect.tape_graph(x * x * 2)
    leaf = next(node for node in graph.nodes if node.kind == "parameter")
    assert (leaf.value.mean, leaf.grad.mean) == (3.0, 12.0)
    assert x.grad is None


def test_a_tape_that_is_gone_or_never_was_is_an_error() -> None:
    x = wb.tensor(3.0, requires_grad=True)
    y = x * x
    y.backward()
    with pytest.raises(errors.ArgumentError, match="freed"):
        inspect.tape_graph(y)
    with pytest.raises(errors.ArgumentError, match="not on the tape"):
        inspect.tape_graph(wb.ones(2))


@pytest.mark.parametrize("values", [[], [np.nan, np.inf], [2.0, 2.0], [-1e308, 1e308], [1.0, np.nan, 3.0]])
def test_numbers_of_odd_arrays_never_fail(values: list[float]) -> None:
    array = np.array(values)
    finite = array[np.isfinite(array)]
    low, high, counts = histogram(array)
    assert counts.sum() == finite.size
    found = summarize(array)
    assert (found.nan, found.inf) == (np.isnan(array).sum(), np.isinf(array).sum())
    if finite.size:
        assert (low, high) == (finite.min(), finite.max())
    else:
        assert found.mean is None
