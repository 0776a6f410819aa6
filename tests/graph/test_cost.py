"""What ops cost: by hand, by PyTorch's counter, and that every op is counted or said not to be."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench import nn
from workbench.core import batching
from workbench.core.custom import OWN
from workbench.core.op import REGISTRY, Op
from workbench.graph import cost
from workbench.graph.cost import CostCounter, cost_of, graph_cost


def counted(function, *args, **kwargs):
    counter = CostCounter()
    with wb.no_grad(), wb.observing(counter):
        function(*args, **kwargs)
    assert not counter.unknown
    return counter.total


def test_every_op_is_counted_or_said_not_to_be():
    tables = {"free": cost.FREE, "reductions": cost.REDUCTIONS, "formulas": set(cost.FORMULAS), "unknown": cost.UNKNOWN}
    placed = [name for table in tables.values() for name in table]
    assert len(placed) == len(set(placed))
    derived = {name for name, op in REGISTRY.items() if op.reference is not None or op.inline is not None or op.batch is batching.elementwise}
    assert not REGISTRY.keys() - OWN - set(placed) - derived
    assert set(placed) - set(REGISTRY) == {"barrier", "random"}  # of traces


N, L, E, H = 2, 5, 8, 2
HAND = {
    # name: (module, input shapes, multiply-accumulates, other operations or None where they are not worth a formula)
    "linear": (lambda: nn.Linear(7, 3), [(4, 7)], 4 * 7 * 3, 4 * 3),
    "linear-3d": (lambda: nn.Linear(7, 3, bias=False), [(2, 4, 7)], 8 * 7 * 3, 0),
    "bilinear": (lambda: nn.Bilinear(3, 4, 5, bias=False), [(6, 3), (6, 4)], None, None),
    "conv1d": (lambda: nn.Conv1d(4, 6, 3, stride=2), [(2, 4, 11)], 2 * 6 * 5 * 4 * 3, 2 * 6 * 5),
    "conv2d-grouped-dilated": (lambda: nn.Conv2d(4, 6, 3, padding=2, dilation=2, groups=2, bias=False), [(1, 4, 9, 9)], 6 * 81 * 2 * 9, 0),
    "conv2d-depthwise": (lambda: nn.Conv2d(4, 4, 3, groups=4, bias=False), [(1, 4, 5, 5)], 4 * 9 * 9, 0),
    "conv-transposed": (lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, bias=False), [(1, 4, 5, 5)], 4 * 25 * 6 * 9, 0),
    "relu": (lambda: nn.ReLU(), [(3, 4)], 0, 12),
    "tanh": (lambda: nn.Tanh(), [(3, 4)], 0, 12),
    "flatten": (lambda: nn.Flatten(), [(3, 4, 5)], 0, 0),
    "dropout": (lambda: nn.Dropout(0.5).eval(), [(3, 4)], 0, 0),
    "batchnorm": (lambda: nn.BatchNorm1d(4).eval(), [(3, 4)], 0, 2 * 3 * 4 + 5 * 4),  # x * scale + shift, and those from the statistics
    "rnn": (lambda: nn.RNN(3, 4, batch_first=True), [(2, 5, 3)], 2 * 5 * (3 * 4 + 4 * 4), None),
    "lstm": (lambda: nn.LSTM(3, 4, 2, batch_first=True), [(2, 5, 3)], 2 * 5 * (4 * 4 * (3 + 4) + 4 * 4 * (4 + 4)), None),
    "gru-bidirectional": (lambda: nn.GRU(3, 4, bidirectional=True), [(5, 2, 3)], 2 * 2 * 5 * 3 * 4 * (3 + 4), None),
    "attention": (lambda: nn.MultiheadAttention(E, H, batch_first=True), [(N, L, E)] * 3, 4 * N * L * E * E + 2 * N * L * L * E, None),
}


@pytest.mark.parametrize("name", HAND)
def test_layers_cost_what_the_hand_counts(name):
    make, shapes, macs, other = HAND[name]
    module = make()
    found = counted(module, *(wb.randn(*shape) for shape in shapes))
    if name == "bilinear":  # from the left: rows by weights, then the products by the other rows
        macs = 6 * 3 * 4 * 5 + 6 * 4 * 5
    assert found.macs == macs
    assert found.flops == 2 * found.macs + found.other
    if other is not None:
        assert found.other == other


def test_layer_norm_costs_a_few_operations_per_element():
    found = counted(nn.LayerNorm(8), wb.randn(4, 8))
    assert found.macs == 0
    assert 5 * 32 <= found.other <= 10 * 32


def test_a_fused_op_costs_what_its_composite_costs():
    x = wb.randn(3, 4)
    assert counted(lambda: wb.softmax(x, axis=-1)).other == counted(lambda: REGISTRY["softmax"].reference(x, axis=-1)).other > 12


@pytest.mark.parametrize(("equation", "shapes", "macs", "other"), [
    ("ij,jk->ik", [(2, 3), (3, 4)], 24, 0), ("i,j->ij", [(2,), (3,)], 0, 6), ("bij,bjk,bkl->bil", [(5, 2, 3), (5, 3, 4), (5, 4, 6)], 5 * (24 + 48), 0),
    ("ij->i", [(2, 3)], 0, 6), ("ij->ji", [(2, 3)], 0, 0)])
def test_einsum_is_counted_two_operands_at_a_time(equation, shapes, macs, other):
    found = cost_of(REGISTRY["einsum"], [np.zeros(shape) for shape in shapes], {"equation": equation}, [])
    assert found == (macs, other)


def test_what_jit_compiled_is_counted_too():
    model, x = nn.Sequential(nn.Linear(3, 4), nn.Tanh()), wb.randn(2, 3)
    compiled = wb.jit(model)
    with wb.no_grad():
        compiled(x)
    assert counted(compiled, x) == counted(model, x) == graph_cost(wb.make_graph(model, x))


def test_an_op_whose_work_depends_on_the_numbers_is_named():
    counter = CostCounter()
    with wb.observing(counter):
        wb.linalg.svdvals(wb.randn(3, 3)) + 1
    assert counter.unknown == {"svdvals"}
    assert counter.total.other == 3
    assert graph_cost(wb.make_graph(wb.linalg.svdvals, wb.randn(3, 3))) is None


def test_a_composite_that_looks_at_numbers_is_not_counted():
    def reference(x):
        return x * 2 if x.sum().item() > 0 else x

    assert cost_of(Op("looking", lambda xp: None, arity=1, reference=reference), [np.ones(3)], {}, [np.ones(3)]) is None


@pytest.mark.parametrize(("name", "shape", "flops"), [("cholesky", (6, 6), 72), ("inv", (2, 6, 6), 864), ("det", (6, 6), 144), ("qr", (6, 6), 288)])
def test_matrices_cost_the_leading_term_of_the_textbook(name, shape, flops):
    matrix = wb.eye(6) + wb.zeros(*shape)
    assert counted(getattr(wb.linalg, name), matrix).flops == flops


TORCH = {
    "linear": (lambda library: library.Linear(8, 5), (3, 8)),
    "conv1d": (lambda library: library.Conv1d(4, 6, 3, padding=1), (2, 4, 17)),
    "conv2d": (lambda library: library.Conv2d(8, 6, 3, stride=2, padding=1, dilation=2, groups=2), (2, 8, 17, 13)),
    "conv3d": (lambda library: library.Conv3d(2, 6, 3), (2, 2, 7, 6, 5)),
    "transposed": (lambda library: library.ConvTranspose2d(4, 6, 3, stride=2, groups=2), (2, 4, 7, 5)),
    "gru": (lambda library: library.GRU(5, 7), (6, 2, 5)),
    "encoder": (lambda library: library.TransformerEncoderLayer(8, 2, 16, batch_first=True), (3, 5, 8)),
    "norm": (lambda library: library.LayerNorm(8), (3, 8)),
}


@pytest.mark.oracle
@pytest.mark.parametrize("name", TORCH)
def test_products_are_those_of_torch(name):
    torch = pytest.importorskip("torch", reason="compared with PyTorch's FlopCounterMode")
    from torch.utils.flop_counter import FlopCounterMode

    make, shape = TORCH[name]
    x = np.zeros(shape, np.float32)
    with FlopCounterMode(display=False) as theirs, torch.no_grad():
        make(torch.nn)(torch.from_numpy(x))
    assert 2 * counted(make(nn), wb.tensor(x)).macs == theirs.get_total_flops()
