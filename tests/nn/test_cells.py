"""Cells over time: PyTorch's cells give PyTorch's layers, and so does a cell of one's own in every mode of the layer."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench import errors, nn

KINDS = {"RNN": nn.RNNCell, "LSTM": nn.LSTMCell, "GRU": nn.GRUCell}


class MinimalGatedUnit(nn.Module):
    """One gate that forgets and resets (Zhou et al. 2016)."""

    def __init__(self, inputs, hidden):
        super().__init__()
        self.gate = nn.Linear(inputs + hidden, hidden, dtype="float64")
        self.candidate = nn.Linear(inputs + hidden, hidden, dtype="float64")

    def forward(self, x, h=None):
        h = wb.zeros(len(x), self.gate.out_features, dtype=x.dtype) if h is None else h
        f = wb.sigmoid(self.gate(wb.concat([x, h], axis=-1)))
        return (1 - f) * h + f * wb.tanh(self.candidate(wb.concat([x, f * h], axis=-1)))


def minimal_gated_loop(cell, x):
    w, u = cell.gate, cell.candidate
    sigmoid = lambda z: 1 / (1 + np.exp(-z))
    h, outputs = np.zeros((x.shape[1], w.out_features)), []
    for step in x:
        f = sigmoid(np.concatenate([step, h], -1) @ w.weight.numpy().T + w.bias.numpy())
        h = (1 - f) * h + f * np.tanh(np.concatenate([step, f * h], -1) @ u.weight.numpy().T + u.bias.numpy())
        outputs.append(h)
    return np.stack(outputs)


def pair(kind, layers, bidirectional, **options):
    """PyTorch's kind of layer, and cells with its weights."""
    whole = getattr(nn, kind)(3, 4, layers, bidirectional=bidirectional, dtype="float64", **options)
    cells = []
    for layer in range(layers):
        for suffix in ("", "_reverse")[: 2 if bidirectional else 1]:
            cell = KINDS[kind](3 if layer == 0 else 4 * (1 + bidirectional), 4, dtype="float64")
            cell.load_state_dict({name: getattr(whole, f"{name}_l{layer}{suffix}").detach() for name in cell.state_dict()})
            cells.append(cell)
    return whole, nn.Recurrent(*cells, bidirectional=bidirectional, **options)


def columns(states, kind):
    """The states of all cells as PyTorch stacks them."""
    return [wb.stack(list(column)) for column in zip(*(state if kind == "LSTM" else (state,) for state in states), strict=True)]


def same(found, wanted, tolerance=1e-10):
    np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), rtol=tolerance, atol=1e-12)


@pytest.mark.parametrize("given", [False, True], ids=["zeros", "states"])
@pytest.mark.parametrize("packed", [None, True, False], ids=["padded", "packed", "packed-unsorted"])
@pytest.mark.parametrize(("layers", "bidirectional", "batch_first"), [(1, False, False), (2, True, True)])
@pytest.mark.parametrize("kind", KINDS)
def test_cells_of_a_layer_give_the_layer(kind, layers, bidirectional, batch_first, packed, given):
    whole, ours = pair(kind, layers, bidirectional, **({} if packed is not None else {"batch_first": batch_first}))
    x = wb.randn(5, 4, 3, dtype="float64")
    count = len(ours.cells)
    states = [[wb.randn(5 if batch_first and packed is None else 4, 4, dtype="float64") for _ in range(2 if kind == "LSTM" else 1)] for _ in range(count)]
    hx = None if not given else tuple(map(wb.stack, zip(*states, strict=True))) if kind == "LSTM" else wb.stack([s[0] for s in states])
    begin = None if not given else [tuple(s) if kind == "LSTM" else s[0] for s in states]
    if packed is not None:
        x = nn.utils.rnn.pack_padded_sequence(x, [5, 3, 3, 1] if packed else [3, 5, 1, 3], enforce_sorted=packed)
    (wanted, last), (found, ends) = whole(x, hx), ours(x, begin)
    same(*(value.data if packed is not None else value for value in (found, wanted)))
    for a, b in zip(columns(ends, kind), last if kind == "LSTM" else [last], strict=True):
        same(a, b)
    for a, b in ((found.data, wanted.data) if packed is not None else (found, wanted),):
        weights = wb.randn(*a.shape, dtype="float64")
        (a * weights).sum().backward()
        (b * weights).sum().backward()
    same(ours.cells[0].weight_hh.grad, whole.weight_hh_l0.grad)
    same(ours.cells[-1].weight_ih.grad, getattr(whole, f"weight_ih_l{layers - 1}{'_reverse' * bidirectional}").grad)


@pytest.mark.parametrize("backwards", [False, True])
def test_a_cell_from_a_paper_runs_over_time(backwards):
    cells = [MinimalGatedUnit(3, 4) for _ in range(1 + backwards)]
    x = np.random.default_rng(0).normal(size=(6, 2, 3))
    with wb.no_grad():
        found = nn.Recurrent(*cells, bidirectional=backwards)(wb.tensor(x))[0].numpy()
        np.testing.assert_allclose(found[..., :4], minimal_gated_loop(cells[0], x), rtol=1e-10)
        if backwards:
            np.testing.assert_allclose(found[..., 4:], minimal_gated_loop(cells[1], x[::-1])[::-1], rtol=1e-10)


def test_jit_runs_a_cell_as_one_loop_with_its_gradient():
    layer = nn.Recurrent(MinimalGatedUnit(3, 4), MinimalGatedUnit(4, 2))

    def loss(x):
        output, states = layer(x)
        return (output**2).sum() + states[0].sum()

    x = wb.randn(40, 2, 3, dtype="float64")
    same(wb.jit(loss)(x), loss(x))
    same(wb.jit(wb.grad(loss))(x), wb.grad(loss)(x))
    short, long = (len(str(wb.make_graph(loss, wb.randn(n, 2, 3, dtype="float64"))).splitlines()) for n in (5, 40))
    assert short == long


def test_scan_runs_a_cell_too():
    cell, x = MinimalGatedUnit(3, 4), wb.randn(6, 2, 3, dtype="float64")
    step = lambda h, x: (lambda new: (new, new))(cell(x, h))
    last, outputs = wb.scan(step, wb.zeros(2, 4, dtype="float64"), x)
    wanted, [state] = nn.Recurrent(cell)(x)
    same(outputs, wanted)
    same(last, state)


def test_a_cell_with_dropout_learns_from_the_masks_it_drew_inside_jit():
    class Dropped(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell, self.dropout = nn.GRUCell(3, 4, dtype="float64"), nn.Dropout(0.5)

        def forward(self, x, h=None):
            return self.cell(self.dropout(x), h)

    layer, x = nn.Recurrent(Dropped()), wb.randn(6, 2, 3, dtype="float64")
    gradient = wb.grad(lambda x: (layer(x)[0] ** 2).sum())
    found = []
    for run in (gradient, wb.jit(gradient)):
        wb.manual_seed(2)
        found.append(run(x).numpy())
    np.testing.assert_allclose(*found, rtol=1e-9, atol=1e-12)


def test_vmap_and_weights_as_arguments():
    layer, x = nn.Recurrent(MinimalGatedUnit(3, 4)), wb.randn(5, 6, 2, 3, dtype="float64")
    same(wb.vmap(lambda x: layer(x)[0])(x), wb.stack([layer(part)[0] for part in x.unbind()]))
    gradient = wb.grad(lambda layer, x: layer(x)[0].sum())(layer, x[0])
    layer(x[0])[0].sum().backward()
    same(gradient.cells[0].gate.weight, layer.cells[0].gate.weight.grad)


def test_a_cell_may_return_its_output_apart_from_its_states():
    class Slope(nn.Module):
        def forward(self, x, total=None, count=None):
            total, count = (x, wb.ones_like(x)) if total is None else (total + x, count + 1)
            return total / count, total, count

    x = wb.tensor(np.arange(12.0).reshape(4, 3, 1))
    output, [(total, count)] = nn.Recurrent(Slope(), separate_output=True)(x)
    np.testing.assert_allclose(output.numpy(), np.cumsum(x.numpy(), 0) / np.arange(1, 5)[:, None, None])
    assert total[:, 0].tolist() == [18.0, 22.0, 26.0]
    assert count[:, 0].tolist() == [4.0, 4.0, 4.0]


def test_films_go_through_a_convolutional_lstm_both_ways():
    layer = nn.Recurrent(nn.ConvLSTMCell(2, 3, 3), nn.ConvLSTMCell(2, 3, 3), bidirectional=True, batch_first=True)
    output, [(h, _), (back, _)] = layer(wb.randn(2, 4, 2, 5, 5))
    assert output.shape == (2, 4, 6, 5, 5)
    same(output[:, -1, :3], h)
    same(output[:, 0, 3:], back)


def test_dropout_between_layers_in_training_only():
    layer = nn.Recurrent(nn.GRUCell(3, 20), nn.GRUCell(20, 4), dropout=0.5)
    x = wb.randn(4, 2, 3)
    first, second = (layer(x)[0].detach().numpy() for _ in range(2))
    assert not np.array_equal(first, second)
    layer.eval()
    same(layer(x)[0], layer(x)[0])


def test_one_step():
    layer = nn.Recurrent(nn.GRUCell(3, 4))
    output, [state] = layer(wb.randn(1, 2, 3))
    same(output[0], state)


CELL = nn.GRUCell(3, 4)


@pytest.mark.parametrize(("call", "error", "words"), [
    (nn.Recurrent, errors.ArgumentError, "0 cells"), (lambda: nn.Recurrent(CELL, bidirectional=True), errors.ArgumentError, "1 cells"),
    (lambda: nn.Recurrent(CELL, CELL), errors.ArgumentError, "given twice"), (lambda: nn.Recurrent(CELL, dropout=2), errors.ArgumentError, "dropout=2"),
    (lambda: nn.Recurrent(lambda x, h: x), errors.ArgumentError, "expected modules"),
    (lambda: nn.Recurrent(CELL)(wb.ones(5, 3)), errors.ShapeError, r"\(L, N, ...\)"),
    (lambda: nn.Recurrent(CELL, batch_first=True)(wb.ones(2, 0, 3)), errors.ShapeError, "at least one step"),
    (lambda: nn.Recurrent(CELL)(wb.ones(5, 2, 3), [None, None]), errors.ArgumentError, "2 states for 1 cells"),
    (lambda: nn.ConvLSTMCell(2, 3, 4), errors.ArgumentError, "odd"), (lambda: nn.ConvLSTMCell(2, 3, 3)(wb.ones(2, 3, 5, 5)), errors.ShapeError, r"\(N, 2, H, W\)"),
])
def test_wrong_use(call, error, words):
    with pytest.raises(error, match=words):
        call()
