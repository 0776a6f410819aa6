"""Gradients of some rows (the op `lookup_rows`): what they are, and the optimizers that take them, against PyTorch."""
from __future__ import annotations

import copy

import numpy as np
import pytest

import workbench as wb
from workbench import nn, optim
from workbench.backend.rowsparse import RowSparse

torch = pytest.importorskip("torch", reason="PyTorch is the judge of sparse gradients: install the extra oracle")
pytestmark = pytest.mark.oracle

ROWS, STEPS = 12, 30
OPTIMIZERS = [("SparseAdam", {"lr": 0.05}), ("SparseAdam", {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-6, "maximize": True}), ("SGD", {"lr": 0.1}),
              ("SGD", {"lr": 0.1, "momentum": 0.9}), ("Adagrad", {"lr": 0.1}), ("Adagrad", {"lr": 0.1, "lr_decay": 0.01, "initial_accumulator_value": 0.5})]


def _walk(lib, embedding, optimizer, clip=None, reload=lambda optimizer: optimizer) -> np.ndarray:
    """Some steps, each on other rows; some rows several times, one never."""
    rng = np.random.default_rng(0)
    for step in range(STEPS):
        if step == STEPS // 2:
            optimizer = reload(optimizer)
        x = lib.tensor(rng.integers(1, ROWS, (2, 3)))
        optimizer.zero_grad()
        ((embedding(x) - lib.tensor(rng.normal(size=(2, 3, 4)))) ** 2).sum().backward()
        if clip:
            clip(embedding.parameters(), 1.0)
        optimizer.step()
    return embedding.weight.detach().numpy()


def _tables():
    start = np.random.default_rng(1).normal(size=(ROWS, 4))
    return nn.Embedding(ROWS, 4, sparse=True, _weight=wb.tensor(start)), torch.nn.Embedding(ROWS, 4, sparse=True, _weight=torch.tensor(start))


@pytest.mark.parametrize("reloaded", [False, True])
@pytest.mark.parametrize(("name", "settings"), OPTIMIZERS, ids=str)
def test_optimizers_walk_as_in_torch(name: str, settings: dict, reloaded: bool):
    mine, theirs = _tables()

    def reload(optimizer):
        fresh = type(optimizer)(mine.parameters(), **settings)
        fresh.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        return fresh

    found = _walk(wb, mine, getattr(optim, name)(mine.parameters(), **settings), reload=reload if reloaded else lambda o: o)
    wanted = _walk(torch, theirs, getattr(torch.optim, name)(theirs.parameters(), **settings))
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(found[0], np.random.default_rng(1).normal(size=(ROWS, 4))[0])


def test_others_refuse_them_before_anything_changes():
    mine, _ = _tables()
    before = mine.weight.detach().numpy().copy()
    for kind in (optim.Adam, optim.RMSprop, optim.Lion):
        mine(wb.tensor([1])).sum().backward()
        with pytest.raises(wb.errors.ArgumentError, match="takes no sparse gradients; use optim.SparseAdam"):
            kind(mine.parameters(), lr=0.1).step()
    np.testing.assert_array_equal(mine.weight.detach().numpy(), before)


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_gradients_are_those_of_a_plain_table(mode: str):
    start, x, offsets = np.random.default_rng(2).normal(size=(6, 3)), wb.tensor([1, 1, 4, 0, 5]), wb.tensor([0, 2])
    found = []
    for sparse in (True, False):
        bag = nn.EmbeddingBag(6, 3, mode=mode, sparse=sparse, _weight=wb.tensor(start), padding_idx=5)
        (bag(x, offsets) ** 3).sum().backward()
        found.append(bag.weight.grad)
        assert found[-1].is_sparse is sparse
    np.testing.assert_allclose(found[0].numpy(), found[1].numpy(), rtol=1e-12)


def test_two_uses_and_two_backwards_add_up():
    table, x = wb.nn.Parameter(wb.tensor(np.ones((5, 2)))), wb.tensor([3, 3, 1])
    for _ in range(2):
        (nn.functional.embedding(x, table, sparse=True).sum() + nn.functional.embedding(x[:1], table, sparse=True).sum() * 2).backward()
    assert table.grad.is_sparse
    assert table.grad.numpy()[:, 0].tolist() == [0, 2, 0, 8, 0]
    (table.sum() + nn.functional.embedding(x, table, sparse=True).sum()).backward()
    assert not table.grad.is_sparse
    assert table.grad.numpy()[:, 0].tolist() == [1, 4, 1, 11, 1]


def test_transformations_and_higher_orders_are_plain():
    table, x = wb.tensor(np.arange(8.0).reshape(4, 2), requires_grad=True), wb.tensor([1, 3])
    loss = lambda t: (nn.functional.embedding(x, t, sparse=True) ** 3).sum()
    plain = lambda t: (nn.functional.embedding(x, t) ** 3).sum()
    for transform in (wb.hessian, wb.jit, lambda f: wb.jit(wb.grad(f)), lambda f: lambda t: wb.jvp(f, (t,), (t,))[1]):
        np.testing.assert_allclose(transform(loss)(table.detach()).numpy(), transform(plain)(table.detach()).numpy())
    (g,) = wb.autograd.grad(loss(table), [table], create_graph=True)
    assert not g.is_sparse


def test_scaling_and_clipping_keep_rows_apart():
    table = nn.Embedding(1000, 4, sparse=True)
    table(wb.tensor([5, 9, 9])).sum().backward()
    dense = table.weight.grad.to_dense()
    norm = optim.clip_grad_norm_(table.parameters(), 1.0)
    assert norm.item() == pytest.approx(np.linalg.norm(dense.numpy()))
    assert table.weight.grad.is_sparse
    np.testing.assert_allclose(table.weight.grad.numpy(), dense.numpy() / norm.item(), rtol=1e-5)
    assert (table.weight.grad / 2).is_sparse
    assert (-table.weight.grad).is_sparse
    assert not (table.weight.grad + 1).is_sparse


def test_every_way_to_ask_for_numbers_gives_those_of_the_plain_array():
    rng = np.random.default_rng(0)
    g = RowSparse(np.array([3, 0, 3]), rng.normal(size=(3, 2)), (5, 2))
    dense = np.zeros((5, 2))
    np.add.at(dense, g.rows, g.values)
    t = wb.Tensor(g)
    for ask in (lambda t: t.sum(axis=0), lambda t: t * t, lambda t: t @ wb.tensor(dense.T), lambda t: t[3], lambda t: t.abs().max(), lambda t: t.reshape(-1),
                lambda t: wb.concat([t, t]), lambda t: 2 * t - t / 3, lambda t: wb.isfinite(t).all(), lambda t: t.to("float32"), lambda t: t.clone().T):
        np.testing.assert_allclose(ask(t).numpy(), ask(wb.tensor(dense)).numpy(), rtol=1e-6)
    assert repr(t) == repr(wb.tensor(dense))
    t.mul_(2.0)
    np.testing.assert_allclose(t.numpy(), 2 * dense)


def test_indices_and_values_are_for_sparse_ones():
    with pytest.raises(wb.errors.ArgumentError, match="plain tensor has no indices"):
        wb.ones(2).indices()
    assert wb.ones(2).to_dense().tolist() == [1.0, 1.0]
