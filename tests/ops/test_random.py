"""Random tensors: repeatable, right in distribution, and asked for by name inside vmap.

Rows that point here: empty, rand, randn, randint, randperm, bernoulli, multinomial, dropout, manual_seed,
get_rng_state, set_rng_state, empty_like.
"""
import numpy as np
import pytest

import workbench as wb
from workbench import errors


@pytest.fixture(autouse=True)
def _seeded():
    wb.manual_seed(0)


DRAWS = {
    "rand": lambda: wb.rand(3, 2), "randn": lambda: wb.randn((3, 2)), "randint": lambda: wb.randint(0, 9, (3, 2)),
    "randperm": lambda: wb.randperm(6), "bernoulli": lambda: wb.bernoulli(wb.full((3, 2), 0.5)),
    "multinomial": lambda: wb.multinomial(wb.ones(8), 6), "dropout": lambda: wb.dropout(wb.ones(3, 2)),
    "randint of one number": lambda: wb.randint(9, (3, 2)), "empty_like": lambda: wb.empty_like(wb.ones(3, 2)),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_seed_repeats(draw):
    wb.manual_seed(7)
    first = draw().tolist()
    assert draw().shape == np.shape(first)
    wb.manual_seed(7)
    assert draw().tolist() == first


def test_a_state_continues():
    wb.rand(3)
    state = wb.get_rng_state()
    wanted = wb.rand(3).tolist()
    wb.set_rng_state(state)
    assert wb.rand(3).tolist() == wanted


def test_moments():
    assert abs(wb.rand(20000).mean().item() - 0.5) < 0.02
    normal = wb.randn(20000)
    assert abs(normal.mean().item()) < 0.03
    assert abs(normal.std().item() - 1) < 0.03
    assert abs(wb.bernoulli(wb.full((20000,), 0.3)).mean().item() - 0.3) < 0.02


def test_dtypes_are_float32_and_int64_unless_asked():
    assert [DRAWS[name]().dtype for name in ("rand", "randn", "randint", "randperm")] == [wb.float32, wb.float32, wb.int64, wb.int64]
    assert wb.rand(2, dtype=wb.float64).dtype == wb.float64
    assert wb.empty(2, 3).dtype == wb.float32


def test_randint_stays_in_its_interval():
    values = wb.randint(-2, 3, (500,))
    assert (values.min().item(), values.max().item()) == (-2, 2)
    with pytest.raises(errors.ArgumentError, match="randint"):
        wb.randint(3, 3)


def test_multinomial_without_replacement_repeats_nothing_and_checks_its_probabilities():
    assert sorted(wb.multinomial(wb.ones(5), 5).tolist()) == [0, 1, 2, 3, 4]
    with pytest.raises(errors.ArgumentError, match="multinomial"):
        wb.multinomial(wb.tensor([-1.0, 1.0]), 1)
    with pytest.raises(errors.ArgumentError, match="multinomial"):
        wb.multinomial(wb.ones(2), 3)


def test_dropout_scales_what_it_keeps_and_its_gradient_is_the_mask():
    x = wb.ones(1000, requires_grad=True)
    y = wb.dropout(x, 0.25)
    assert set(np.unique(y.detach().numpy()).tolist()) == {0.0, np.float32(4 / 3).item()}
    y.sum().backward()
    assert x.grad.tolist() == y.detach().tolist()
    assert wb.dropout(x, 0.5, training=False) is x
    assert wb.dropout(x, 1.0).sum().item() == 0
    with pytest.raises(errors.ArgumentError, match="p=1.5"):
        wb.dropout(x, 1.5)


def test_vmap_refuses_random_functions_unless_told_how():
    with pytest.raises(errors.GraphError, match="randomness"):
        wb.vmap(lambda x: x + wb.rand(2))(wb.zeros(3, 2))
    same = wb.vmap(lambda x: x + wb.rand(2), randomness="same")(wb.zeros(3, 2))
    assert same[0].tolist() == same[1].tolist()
    different = wb.vmap(lambda x: x + wb.rand(2), randomness="different")(wb.zeros(3, 2))
    assert different.shape == (3, 2)
    assert different[0].tolist() != different[1].tolist()


def test_dropout_inside_vmap_of_grad_draws_for_each_example():
    gradients = wb.vmap(wb.grad(lambda x: wb.dropout(x, 0.5).sum()), randomness="different")(wb.ones(4, 50))
    assert gradients.shape == (4, 50)
    assert len({tuple(row) for row in gradients.tolist()}) == 4
