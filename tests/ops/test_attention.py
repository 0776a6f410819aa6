"""Attention in blocks: equal to the formula whatever the blocks are, with everything composed, in memory that grows with T."""
from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import workbench as wb
from workbench import errors
from workbench.ops import attention_blocks as blocks
from workbench.ops.attention import attention_core, attention_keep, attention_reference

attention = wb.scaled_dot_product_attention
RNG = np.random.default_rng(0)
L, S, E = 11, 14, 4
SOME = RNG.random((2, 1, L, S)) < 0.6
SOME[1, 0, 3] = False  # a query that sees nothing
NUMBERS = np.where(SOME, RNG.normal(size=(2, 1, L, S)), -np.inf)
FAR = np.abs(np.arange(L)[:, None] - np.arange(S)) < 3
CAUSAL = np.tri(L, S, dtype=bool)
PADDING = np.arange(S) < np.array([S, 0])[:, None, None, None]  # the second sample has no key at all
BIAS, HEADS = RNG.normal(size=(3, L, S)), RNG.normal(size=(3, L + S - 1))
TOEPLITZ = HEADS[:, np.arange(S) - np.arange(L)[:, None] + L - 1]
CASES = {  # options of ours, and what is visible and added by the formula
    "plain": ({}, True, 0.0), "causal": ({"is_causal": True}, CAUSAL, 0.0), "scale": ({"scale": 0.2}, True, 0.0),
    "boolean": ({"attn_mask": SOME}, SOME, 0.0), "numbers": ({"attn_mask": NUMBERS}, SOME, NUMBERS), "padding": ({"attn_mask": PADDING}, PADDING, 0.0),
    "boolean-causal": ({"attn_mask": SOME, "is_causal": True}, SOME & CAUSAL, 0.0),
    "row": ({"attn_mask": SOME[0, 0, 0]}, SOME[0, 0, 0], 0.0), "bias": ({"attn_mask": BIAS}, True, BIAS),
    "window": ({"window": 3}, FAR, 0.0), "causal-window": ({"window": 3, "is_causal": True}, FAR & CAUSAL, 0.0),
    "offset": ({"is_causal": True, "offset": 3}, np.tri(L, S, 3, dtype=bool), 0.0),
    "offset-window": ({"is_causal": True, "offset": 9, "window": 2}, np.tri(L, S, 9, dtype=bool) & ~np.tri(L, S, 7, dtype=bool), 0.0),
    "behind": ({"is_causal": True, "offset": -4}, np.tri(L, S, -4, dtype=bool), 0.0),
    "diagonals": ({"relative_bias": HEADS}, True, TOEPLITZ), "diagonals-shared": ({"relative_bias": HEADS[0]}, True, TOEPLITZ[0]),
    "diagonals-causal": ({"relative_bias": HEADS, "is_causal": True, "window": 4}, CAUSAL & (np.arange(L)[:, None] - np.arange(S) < 4), TOEPLITZ),
    "everything": ({"relative_bias": HEADS, "attn_mask": NUMBERS, "window": 5, "scale": 0.3}, SOME & (np.abs(np.arange(L)[:, None] - np.arange(S)) < 5),
                   TOEPLITZ + NUMBERS),
}
SIZES = {"blocks": (4, 6, 0), "one-row": (L, 3, 0), "heads": (16, 20, 10**9), "samples": (16, 32, 10**9),
         "whole": (256, 512, 10**9)}


@pytest.fixture(params=SIZES.values(), ids=SIZES)
def sizes(request, monkeypatch):
    for name, value in zip(("ROWS", "COLUMNS", "SHORT"), request.param, strict=True):
        monkeypatch.setattr(blocks, name, value)


def inputs(dtype=np.float64, groups: int = 1) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.normal(size=shape).astype(dtype) for shape in ((2, 3 * groups, L, E), (2, 3, S, E), (2, 3, S, 5))]


def tensors(arrays, **options):
    made = [wb.tensor(a, requires_grad=True) for a in arrays]
    return made, {k: wb.tensor(v, requires_grad=v.dtype.kind == "f") if isinstance(v, np.ndarray) else v for k, v in options.items()}


def by_formula(q, k, v, visible, added, scale=None):
    scores = q @ k.swapaxes(-1, -2) * (E**-0.5 if scale is None else scale) + np.where(np.isfinite(added), added, 0)
    weights = np.where(visible, np.exp(scores - scores.max()), 0)
    total = weights.sum(-1, keepdims=True)
    return weights / np.where(total == 0, 1, total) @ v


def gradients(run, leaves, cotangent):
    out = run()
    out.backward(cotangent)
    return [out.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)]


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("groups", [1, 2])
def test_blocks_give_the_formula_and_the_gradients_of_the_composite(name, groups, sizes):
    options, visible, added = CASES[name]
    arrays = inputs(groups=groups)
    spread = lambda x: np.repeat(x, groups, 1)
    if groups > 1:  # heads of queries that share a key share its bias too
        widen = lambda x: spread(x) if np.ndim(x) == 4 and x.shape[1] == 3 else np.repeat(x, groups, 0) if np.ndim(x) > 1 and x.shape[0] == 3 else x
        options, visible, added = {k: widen(v) for k, v in options.items()}, widen(visible), widen(added)
    made, call = tensors(arrays, **options)
    given = [x for x in call.values() if isinstance(x, wb.Tensor) and x.requires_grad]
    g = wb.tensor(np.random.default_rng(2).normal(size=(2, 3 * groups, L, 5)))
    found = gradients(lambda: attention(*made, enable_gqa=groups > 1, **call), [*made, *given], g)
    q, k, v = arrays
    np.testing.assert_allclose(found[0], by_formula(q, spread(k), spread(v), visible, added, options.get("scale")), atol=1e-12)

    def composite(*leaves):
        rest = dict(zip([name for name, x in call.items() if isinstance(x, wb.Tensor) and x.requires_grad], leaves[3:], strict=True))
        return attention(*leaves[:3], enable_gqa=groups > 1, **{**call, **rest})

    wanted = wb.vjp(wb.vmap(composite), *[x.detach()[None] for x in (*made, *given)])[1](g[None])
    for mine, other in zip(found[1:], wanted, strict=True):
        np.testing.assert_allclose(mine, other.numpy()[0], atol=1e-12)


@pytest.mark.parametrize("name", ["plain", "everything", "diagonals-causal", "padding"])
def test_second_derivatives_and_forward_mode_agree_with_differences(name, sizes):
    made, call = tensors(inputs(), **CASES[name][0])
    small = [wb.tensor(x.detach().numpy()[:, :1]) for x in made]
    call = {k: v.detach()[:1] if k == "relative_bias" else v.detach() if isinstance(v, wb.Tensor) else v for k, v in call.items()}
    run = lambda q, k, v: attention(q, k, v, **call)
    tangents = [wb.tensor(np.random.default_rng(i).normal(size=x.shape)) for i, x in enumerate(small)]
    at = lambda step: run(*(x + step * t for x, t in zip(small, tangents, strict=True)))
    np.testing.assert_allclose(wb.jvp(run, tuple(small), tuple(tangents))[1].numpy(), ((at(1e-6) - at(-1e-6)) / 2e-6).numpy(), atol=1e-8)
    slope = lambda step: wb.grad(lambda q: (run(q, *small[1:]) ** 2).sum())(small[0] + step * tangents[0])
    second = wb.grad(lambda q: (wb.grad(lambda q: (run(q, *small[1:]) ** 2).sum())(q) * tangents[0]).sum())(small[0])
    np.testing.assert_allclose(second.numpy(), ((slope(1e-5) - slope(-1e-5)) / 2e-5).numpy(), atol=1e-7)


@pytest.mark.parametrize("p", [0.0, 0.4])
def test_jit_vmap_and_checkpoint_equal_the_plain_call(p, sizes):
    q, k, v = (wb.tensor(x) for x in inputs())
    loss = lambda q, k, v: (attention(q, k, v, dropout_p=p, is_causal=True, window=9) ** 2).sum()
    step = wb.jit(wb.grad(loss, argnums=(0, 1, 2)))
    runs = [wb.grad(loss, argnums=(0, 1, 2)), wb.grad(wb.checkpoint(loss), argnums=(0, 1, 2)), step, step]
    plain, *others = [(wb.manual_seed(5), run(q, k, v))[1] for run in runs]
    for other in others:
        for mine, wanted in zip(other, plain, strict=True):
            np.testing.assert_allclose(mine.numpy(), wanted.numpy(), atol=1e-12)
    if not p:
        each = wb.vmap(lambda q, k, v: attention(q, k, v, is_causal=True))(q, k, v)
        np.testing.assert_allclose(each.numpy(), attention(q, k, v, is_causal=True).numpy(), atol=1e-12)


def test_what_is_dropped_is_the_same_forward_backward_and_in_the_composite(sizes):
    made, _ = tensors(inputs())
    g = wb.tensor(np.random.default_rng(2).normal(size=(2, 3, L, 5)))
    settings = dict(scale=0.5, causal=False, window=None, offset=0, dropout=0.3)
    seed = wb.tensor(12345)
    found = gradients(lambda: attention_core(*made, None, None, seed, **settings), made, g)
    out, back = wb.vjp(lambda *x: attention_reference(*x, None, None, seed, **settings), *[x.detach() for x in made])
    for mine, wanted in zip(found, [out, *back(g)], strict=True):
        np.testing.assert_allclose(mine, wanted.detach().numpy(), atol=1e-12)


def test_attention_keep_draws_each_block_as_it_draws_all(sizes):
    whole = attention_keep(wb.tensor([7, 8]), shape=(2, 3, L, S), p=0.4).numpy()
    dropped = blocks.Dropped(8, (L, S), 0.4)
    spans = lambda length, step: [slice(i, min(i + step, length)) for i in range(0, length, step)]
    for rows in spans(L, blocks.ROWS):
        for columns in spans(S, blocks.COLUMNS):
            assert np.array_equal(dropped.kept(4, rows, columns), whole[1, 1, 1, rows, columns])
    assert not np.array_equal(whole[0], whole[1])


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_dropout_keeps_its_share_and_the_mean(p, sizes):
    wb.manual_seed(0)
    q, k, v = wb.zeros(40, L, E), wb.zeros(40, 200, E), wb.ones(40, 200, 1)
    first, second = attention(q, k, v, dropout_p=p), attention(q, k, v, dropout_p=p)
    assert not np.array_equal(first.numpy(), second.numpy())
    assert first.numpy().mean() == pytest.approx(1, abs=0.02)
    assert first.numpy().std() == pytest.approx((p / (1 - p) / 200) ** 0.5, rel=0.15)
    assert not attention(q, k, v, dropout_p=1.0).numpy().any()


def test_vmap_draws_as_its_randomness_says(sizes):
    q = wb.zeros(3, L, E)
    run = lambda randomness: wb.vmap(lambda q: attention(q, q, wb.eye(L), dropout_p=0.5), randomness=randomness)(q).numpy()
    same, different = run("same"), run("different")
    assert np.array_equal(same[0], same[1])
    assert not np.array_equal(different[0], different[1])


@pytest.mark.parametrize(("policy", "computed"), [("nothing_saveable", 2), ("dots_saveable", 1)])
def test_a_checkpoint_that_keeps_products_keeps_attention(policy, computed, monkeypatch, sizes):
    calls, made = [], [wb.tensor(x, requires_grad=True) for x in inputs()]
    forward = attention_core.op.table[np.ndarray]
    monkeypatch.setitem(attention_core.op.table, np.ndarray, lambda *args, **settings: calls.append(1) or forward(*args, **settings))
    wb.checkpoint(lambda *x: wb.sin(attention(*x)), policy=getattr(wb.checkpoint_policies, policy))(*made).sum().backward()
    found = [x.grad.numpy() for x in made]
    assert len(calls) == computed
    for mine, wanted in zip(found, wb.grad(lambda *x: wb.sin(attention(*x)).sum(), (0, 1, 2))(*[x.detach() for x in made]), strict=True):
        np.testing.assert_allclose(mine, wanted.numpy(), atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_dtype_is_kept_and_half_precision_is_summed_in_single(dtype, sizes):
    made, call = tensors(inputs(dtype), attn_mask=NUMBERS.astype(dtype))
    out = attention(*made, **call)
    out.sum().backward()
    assert {out.dtype.name, *(x.grad.dtype.name for x in made)} == {np.dtype(dtype).name}
    wanted = by_formula(*(a.astype(np.float64) for a in inputs(dtype)), SOME, NUMBERS)
    np.testing.assert_allclose(out.detach().numpy(), wanted, atol=2e-3 if dtype == np.float16 else 1e-6)


def test_real_blocks_in_float32_are_close_to_one_block_in_float64(monkeypatch):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=(1, 2, 700, 16)).astype(np.float32) * 3 for _ in range(3)]
    found = []
    for short, dtype in ((0, np.float32), (10**9, np.float64)):
        monkeypatch.setattr(blocks, "SHORT", short)
        made, _ = tensors([a.astype(dtype) for a in arrays])
        found.append(gradients(lambda made=made: attention(*made, is_causal=True, window=400), made, wb.ones(1, 2, 700, 16, dtype=dtype)))
    for mine, wanted in zip(*found, strict=True):
        np.testing.assert_allclose(mine, wanted, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize("options", [{}, {"is_causal": True, "dropout_p": 0.1}, {"relative_bias": np.zeros((1, 4095), np.float32)}], ids=list)
def test_memory_is_far_below_the_matrix_of_weights(options):
    length = 2048
    made, call = tensors([np.zeros((1, length, 8), np.float32)] * 3, **options)
    tracemalloc.start()
    try:
        attention(*made, **call).sum().backward()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < length * length * 4 / 4


WRONG = [
    ({"window": 0}, errors.ArgumentError, "window=0"),
    ({"dropout_p": 1.5}, errors.ArgumentError, "dropout_p=1.5"), ({"attn_mask": np.ones((L, S), int)}, errors.DTypeError, "attn_mask of dtype int64"),
    ({"attn_mask": np.ones((S, L), bool)}, errors.ShapeError, r"attn_mask of shape \(14, 11\)"),
    ({"relative_bias": np.ones((3, L + S))}, errors.ShapeError, r"expected \(\.\.\., 24\)"),
    ({"enable_gqa": True, "query": np.ones((2, 4, L, E))}, errors.ShapeError, "multiple"),
]


@pytest.mark.parametrize(("options", "error", "message"), WRONG, ids=[message for _, _, message in WRONG])
def test_wrong_arguments_are_one_clear_error(options, error, message):
    q, k, v = inputs()
    with pytest.raises(error, match=message):
        attention(wb.tensor(options.pop("query", q)), wb.tensor(k), wb.tensor(v),
                  **{k: wb.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()})
