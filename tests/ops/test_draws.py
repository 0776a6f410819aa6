"""Random numbers: distributions against SciPy's, generators of one's own, errors."""
from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats

import workbench as wb
from workbench import data, errors

COUNT = 4000
EMPTY = wb.zeros(COUNT, dtype=wb.float64)
CONTINUOUS: dict[str, tuple[Callable[..., wb.Tensor], Any]] = {
    "normal_": (lambda g: EMPTY.clone().normal_(1.0, 2.0, generator=g), scipy.stats.norm(1, 2)),
    "uniform_": (lambda g: EMPTY.clone().uniform_(-1, 3, generator=g), scipy.stats.uniform(-1, 4)),
    "exponential_": (lambda g: EMPTY.clone().exponential_(2.0, generator=g), scipy.stats.expon(scale=0.5)),
    "log_normal_": (lambda g: EMPTY.clone().log_normal_(0.5, 0.7, generator=g), scipy.stats.lognorm(0.7, scale=np.exp(0.5))),
    "cauchy_": (lambda g: EMPTY.clone().cauchy_(1.0, 3.0, generator=g), scipy.stats.cauchy(1, 3)),
    "normal of numbers": (lambda g: wb.normal(1.0, 2.0, (COUNT,), generator=g), scipy.stats.norm(1, 2)),
    "normal of tensors": (lambda g: wb.normal(EMPTY + 1, EMPTY + 2, generator=g), scipy.stats.norm(1, 2)),
    "normal of a mean": (lambda g: wb.normal(EMPTY + 1, 2.0, generator=g), scipy.stats.norm(1, 2)),
}
COUNTS: dict[str, tuple[Callable[..., wb.Tensor], Any]] = {
    "bernoulli_": (lambda g: EMPTY.clone().bernoulli_(0.3, generator=g), scipy.stats.bernoulli(0.3)),
    "geometric_": (lambda g: EMPTY.clone().geometric_(0.25, generator=g), scipy.stats.geom(0.25)),
    "random_": (lambda g: EMPTY.clone().random_(2, 7, generator=g), scipy.stats.randint(2, 7)),
    "random_ below": (lambda g: EMPTY.clone().random_(7, generator=g), scipy.stats.randint(0, 7)),
    "poisson": (lambda g: wb.poisson(EMPTY + 2.5, g), scipy.stats.poisson(2.5)),
    "binomial": (lambda g: wb.binomial(EMPTY + 8, EMPTY + 0.3, g), scipy.stats.binom(8, 0.3)),
}
LIKE = {"rand_like": (wb.rand_like, wb.rand), "randn_like": (wb.randn_like, wb.randn)}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_numbers_are_distributed_as_scipy_says(name: str) -> None:
    draw, law = CONTINUOUS[name]
    assert scipy.stats.kstest(draw(wb.Generator().manual_seed(5)).numpy(), law.cdf).pvalue > 0.01


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_distributed_as_scipy_says(name: str) -> None:
    draw, law = COUNTS[name]
    drawn = draw(wb.Generator().manual_seed(5)).numpy()
    values = np.arange(law.ppf(0.001), law.ppf(0.99) + 1)
    seen = np.array([(drawn == v).sum() for v in values])
    assert np.isin(drawn, np.arange(law.support()[0], drawn.max() + 1)).all()
    np.testing.assert_allclose(seen / COUNT, law.pmf(values), atol=4 / np.sqrt(COUNT) / 2)


@pytest.mark.parametrize("name", LIKE)
def test_like_a_tensor(name: str) -> None:
    like, draw = LIKE[name]
    x = wb.zeros(2, 3, dtype=wb.float64)
    wb.manual_seed(1)
    found = like(x, requires_grad=True)
    wb.manual_seed(1)
    assert found.requires_grad
    np.testing.assert_array_equal(found.detach().numpy(), draw(2, 3, dtype=wb.float64).numpy())
    assert like(x, dtype=wb.float32).dtype == wb.float32


def test_integers_like_a_tensor() -> None:
    found = wb.randint_like(wb.zeros(50, dtype=wb.int32), 3, 5)
    assert (found.dtype, sorted(set(found.tolist()))) == (wb.int32, [3, 4])
    assert set(wb.randint_like(wb.zeros(50), 2).tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float16", "bfloat16", "float64"])
def test_any_number_that_a_dtype_holds(dtype: str) -> None:
    drawn = wb.zeros(200, dtype=dtype).random_(generator=wb.Generator().manual_seed(0))
    assert drawn.dtype == wb.zeros(1, dtype=dtype).dtype
    assert len(set(drawn.tolist())) == (2 if dtype == "bool" else pytest.approx(200, rel=0.6))


def test_a_generator_is_apart_from_the_common_one() -> None:
    own = wb.Generator().manual_seed(3)
    wb.manual_seed(0)
    expected = wb.rand(2).tolist()
    wb.manual_seed(0)
    first = wb.normal(0.0, 1.0, (3,), generator=own).tolist()
    assert wb.rand(2).tolist() == expected
    state = own.get_state()
    copies = [copy.deepcopy(own), pickle.loads(pickle.dumps(own))]
    second = wb.normal(0.0, 1.0, (3,), generator=own).tolist()
    assert [wb.normal(0.0, 1.0, (3,), generator=g).tolist() for g in copies] == [second, second]
    assert [g.initial_seed() for g in copies] == [3, 3]
    own.set_state(state)
    assert wb.normal(0.0, 1.0, (3,), generator=own).tolist() == second
    assert wb.normal(0.0, 1.0, (3,), generator=own.manual_seed(3)).tolist() == first
    assert own.seed() == own.initial_seed() != 3
    parts = [data.random_split(range(9), [4, 5], generator=wb.Generator().manual_seed(1))[0].indices.tolist() for _ in range(2)]
    assert parts[0] == parts[1]


@pytest.mark.parametrize(("call", "says"), [
    (lambda: wb.normal(0.0, 1.0), "size"), (lambda: wb.normal(wb.ones(2), 1.0, (2,)), "size"), (lambda: wb.normal(0.0, -1.0, (2,)), "std=-1"),
    (lambda: wb.poisson(wb.tensor([-1.0])), "poisson"), (lambda: wb.poisson(wb.tensor([1])), "floating"),
    (lambda: wb.binomial(wb.ones(1), wb.ones(1) * 2), "binomial"), (lambda: wb.zeros(1).uniform_(2, 1), "uniform_"),
    (lambda: wb.zeros(1).exponential_(0), "lambd=0"), (lambda: wb.zeros(1).geometric_(0), "p=0"), (lambda: wb.zeros(1).random_(3, 3), "random_"),
    (lambda: wb.Generator("cuda"), "host"), (lambda: wb.zeros(1, requires_grad=True).normal_(), "no_grad"),
])
def test_wrong_use_is_an_error(call: Callable[[], Any], says: str) -> None:
    with pytest.raises(errors.WorkbenchError, match=says):
        call()


DRAWS: dict[str, Callable[[np.random.Generator], wb.Tensor]] = {
    "rand": lambda g: wb.rand(3, generator=g), "randn": lambda g: wb.randn((3,), generator=g), "randint": lambda g: wb.randint(99, (3,), generator=g),
    "randperm": lambda g: wb.randperm(9, generator=g), "bernoulli": lambda g: wb.bernoulli(wb.full((20,), 0.5), generator=g),
    "multinomial": lambda g: wb.multinomial(wb.ones(20), 5, generator=g)}


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("make", [lambda: wb.Generator().manual_seed(4), lambda: np.random.default_rng(4)], ids=["ours", "numpys"])
def test_every_draw_takes_a_generator(name: str, make: Callable[[], np.random.Generator]) -> None:
    wb.manual_seed(0)
    state = wb.get_rng_state()
    assert DRAWS[name](make()).tolist() == DRAWS[name](make()).tolist()
    assert wb.get_rng_state() == state
