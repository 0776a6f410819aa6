"""Sums, gathers and permutations over a named axis (`all_sum` and its kin): the same under vmap and pmap, differentiated and nested."""
import numpy as np
import pytest

import workbench as wb
from workbench import errors

X = np.array([[1.0, -2.0], [3.0, 0.5], [-1.0, 4.0]])
MAPS = {"vmap": lambda f, **k: wb.vmap(f, axis_name="i", **k), "pmap": lambda f, **k: wb.pmap(f, "i", **k)}
CASES = {
    "psum": (lambda x: wb.psum(x, "i"), lambda x: np.broadcast_to(x.sum(0), x.shape)),
    "pmean": (lambda x: wb.pmean(x, "i"), lambda x: np.broadcast_to(x.mean(0), x.shape)),
    "pmax": (lambda x: wb.pmax(x, "i"), lambda x: np.broadcast_to(x.max(0), x.shape)),
    "pmin": (lambda x: wb.pmin(x, "i"), lambda x: np.broadcast_to(x.min(0), x.shape)),
    "all_gather": (lambda x: wb.all_gather(x, "i"), lambda x: np.broadcast_to(x, (3, 3, 2))),
    "psum_scatter": (lambda x: wb.psum_scatter(wb.all_gather(x, "i"), "i"), lambda x: x * 3),
    "ppermute": (lambda x: wb.ppermute(x, "i", [(0, 1), (1, 2)]), lambda x: np.stack([x[0] * 0, x[0], x[1]])),
    "axis_index": (lambda x: x * wb.axis_index("i"), lambda x: x * np.arange(3)[:, None]),
    "a constant": (lambda x: x + wb.psum(wb.tensor(2.0), "i"), lambda x: x + 6),
    "normalize": (lambda x: (x - wb.pmean(x, "i")) / wb.sqrt(wb.pmean((x - wb.pmean(x, "i")) ** 2, "i")), lambda x: (x - x.mean(0)) / x.std(0)),
}


@pytest.mark.parametrize("mapped", MAPS.values(), ids=MAPS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_values(case, mapped):
    np.testing.assert_allclose(mapped(case[0])(wb.tensor(X)).numpy(), case[1](X))
    np.testing.assert_allclose(wb.jit(mapped(case[0]))(wb.tensor(X)).numpy(), case[1](X))


@pytest.mark.parametrize("mapped", MAPS.values(), ids=MAPS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_gradients_against_differences(case, mapped):
    assert wb.testing.gradgradcheck(lambda x: mapped(case[0])(x) ** 2, [wb.tensor(X)])


@pytest.mark.parametrize("mapped", MAPS.values(), ids=MAPS)
def test_gradients_inside(mapped):
    """Data parallel training in one line: the gradient of each part, averaged."""
    w = wb.tensor([0.5, -1.0])
    loss = lambda w, x: ((x * w).sum() - 1) ** 2
    found = mapped(lambda w, x: wb.pmean(wb.grad(loss)(w, x), "i"), in_axes=(None, 0))(w, wb.tensor(X))
    wanted = wb.grad(lambda w: wb.vmap(loss, (None, 0))(w, wb.tensor(X)).mean())(w)
    for row in found:
        np.testing.assert_allclose(row.numpy(), wanted.numpy(), rtol=1e-6)


def test_two_names_in_any_nesting():
    f = lambda x: wb.psum(x, "rows") * 10 + wb.psum(x, "columns") + wb.psum(wb.psum(x, "rows"), "columns") * 100
    wanted = X.sum(0) * 10 + X.sum(1)[:, None] + X.sum() * 100
    np.testing.assert_allclose(wb.vmap(wb.vmap(f, axis_name="columns"), axis_name="rows")(wb.tensor(X)).numpy(), wanted)
    np.testing.assert_allclose(wb.vmap(wb.vmap(f, axis_name="rows"), axis_name="columns", in_axes=1, out_axes=1)(wb.tensor(X)).numpy(), wanted)
    np.testing.assert_allclose(wb.pmap(wb.vmap(f, axis_name="columns"), "rows")(wb.tensor(X)).numpy(), wanted)
    np.testing.assert_allclose(wb.vmap(wb.pmap(f, "columns"), axis_name="rows")(wb.tensor(X)).numpy(), wanted)


def test_pmap_is_vmap_without_the_batch():
    model = wb.nn.Sequential(wb.nn.Linear(2, 4), wb.nn.Tanh(), wb.nn.Linear(4, 1))
    x = wb.tensor(X.astype(np.float32))
    np.testing.assert_allclose(wb.pmap(model)(x).detach().numpy(), wb.vmap(model)(x).detach().numpy(), rtol=1e-6)
    assert wb.pmap(lambda x, s: {"a": x * s, "b": (x.sum(), s)}, in_axes=(0, None), out_axes={"a": 1, "b": (0, None)})(x, 2)["a"].shape == (2, 3)
    assert wb.pmap(lambda x: wb.rand(2), randomness="different")(x).shape == (3, 2)


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda x: wb.psum(x, "i"), errors.ArgumentError, "no axis named 'i'.*bound: none"),
    (lambda x: wb.vmap(lambda x: wb.psum(x, "j"), axis_name="i")(x), errors.ArgumentError, "bound: 'i'"),
    (lambda x: wb.vmap(lambda x: wb.ppermute(x, "i", [(0, 1), (0, 2)]), axis_name="i")(x), errors.ArgumentError, "at most once"),
    (lambda x: wb.vmap(lambda x: wb.psum_scatter(x, "i"), axis_name="i")(x), errors.ArgumentError, "must be the size 3"),
    (lambda x: wb.pmap(lambda x: x, devices=["cpu"])(x), errors.ArgumentError, "3 parts and 1 devices"),
    (lambda x: wb.pmap(lambda x, y: x)(x, x[:2]), errors.ShapeError, r"\[2, 3\]"),
    (lambda x: wb.pmap(lambda x: x if x.sum() > 0 else -x)(x), errors.GraphError, "differs between devices"),
])
def test_wrong_use(call, error, words):
    with pytest.raises(error, match=words):
        call(wb.tensor(X))
