"""Autocast: what runs in which precision, what gradients arrive in, and that nothing of it remains."""
from __future__ import annotations

import threading
import warnings
from typing import Any

import numpy as np
import pytest

import workbench as wb
from workbench import errors, nn, optim, train
from workbench.core.state import STATE, Closed
from workbench.nn import functional as F
from workbench.train.precision import FLOAT32, KEEP, LOW, POLICY

BF16, F16, F32, F64 = wb.bfloat16, wb.float16, wb.float32, wb.float64


@pytest.mark.parametrize("low", [BF16, F16], ids=str)
def test_products_are_low_and_what_loses_digits_is_float32(low: Any) -> None:
    x, w, image = wb.randn(4, 8), wb.randn(8, 8), wb.randn(1, 2, 6, 6)
    with wb.autocast(dtype=low):
        y = x @ w
        products = [y, wb.einsum("ij,jk", x, w), F.linear(x, w, wb.randn(8)), F.conv2d(image, wb.randn(3, 2, 3, 3), wb.randn(3)),
                    F.conv_transpose2d(image, wb.randn(2, 3, 3, 3), wb.randn(3)), F.scaled_dot_product_attention(x[None], x[None], x[None]), F.relu(y), y * 2, y.T]
        careful = [F.softmax(y, -1), F.log_softmax(y, -1), F.layer_norm(y, (8,)), wb.exp(y), wb.log(y.abs()), y ** 2, y.sum(), y.mean(),
                   F.cross_entropy(y, wb.tensor([0, 1, 2, 3])), F.softplus(y), wb.cumsum(y, 0), y + x, F.mse_loss(y, x)]
        untouched = [x.double() @ w.double(), x * 2, wb.arange(3) + 1]
    assert [t.dtype for t in products] == [np.dtype(low)] * len(products)
    assert [t.dtype for t in careful] == [F32] * len(careful)
    assert [t.dtype for t in untouched] == [F64, F32, wb.int64]


def test_every_name_of_the_policy_is_an_op() -> None:
    assert set(POLICY.values()) == {LOW, FLOAT32}
    with wb.autocast(policy=dict.fromkeys(POLICY, KEEP)):
        assert (wb.ones(2, 2) @ wb.ones(2, 2)).dtype == F32


def test_the_policy_can_be_changed_op_by_op() -> None:
    x = wb.randn(3, 3)
    with wb.autocast(policy={"softmax": LOW, "matmul": FLOAT32, "tanh": LOW}):
        assert [t.dtype for t in (F.softmax(x, -1), x @ x, wb.tanh(x))] == [np.dtype(BF16), F32, np.dtype(BF16)]
    for wrong in ({"softmaxx": LOW}, {"softmax": "high"}):
        with pytest.raises(errors.ArgumentError, match="softmax"):
            wb.autocast(policy=wrong)


@pytest.mark.parametrize("wrong", [dict(device_type="tpu"), dict(dtype=F32), dict(dtype=wb.int16)])
def test_arguments_without_sense_are_errors(wrong: dict[str, Any]) -> None:
    with pytest.raises(errors.ArgumentError, match=next(iter(wrong))):
        wb.autocast(**wrong)


def test_defaults_follow_the_device_and_contexts_nest() -> None:
    x = wb.ones(2, 2)
    product = lambda: (x @ x).dtype
    with wb.autocast("cuda"):
        assert product() == F16
        with wb.autocast("cpu"):
            assert product() == BF16
            with wb.autocast(enabled=False):
                assert product() == F32
                assert not wb.is_autocast_enabled()
            assert product() == BF16
        assert product() == F16
    assert product() == F32
    with pytest.raises(ZeroDivisionError), wb.autocast():
        raise ZeroDivisionError
    assert STATE.cast is None


def test_it_decorates_functions_and_methods() -> None:
    class Model(nn.Module):
        @wb.autocast("cpu")
        def forward(self, x: wb.Tensor) -> wb.Tensor:
            return x @ x

    assert Model()(wb.ones(2, 2)).dtype == BF16
    assert Model.forward.__name__ == "forward"
    assert STATE.cast is None


def test_afterwards_and_in_other_threads_ops_have_their_fast_paths() -> None:
    namespace = wb.tanh.__globals__
    seen = []
    with wb.autocast():
        assert namespace["Tensor"] is Closed
        thread = threading.Thread(target=lambda: seen.append((wb.ones(2, 2) @ wb.ones(2, 2)).dtype))
        thread.start()
        thread.join()
    assert seen == [F32]
    assert namespace["Tensor"] is wb.Tensor


def mixed(model: nn.Module, x: wb.Tensor, y: wb.Tensor, dtype: Any = None) -> wb.Tensor:
    with wb.autocast(dtype=dtype):
        return F.cross_entropy(model(x), y)


def network() -> nn.Module:
    wb.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 3))


def batch() -> tuple[wb.Tensor, wb.Tensor]:
    rng = np.random.default_rng(0)
    return wb.tensor(rng.normal(size=(5, 1, 8, 8)), dtype=F32), wb.tensor(rng.integers(0, 3, 5))


@pytest.mark.parametrize("low", [BF16, F16], ids=str)
def test_gradients_arrive_in_the_dtype_of_the_parameter_and_are_close(low: Any) -> None:
    model, exact = network(), network()
    loss = mixed(model, *batch(), low)
    loss.backward()
    F.cross_entropy(exact(batch()[0]), batch()[1]).backward()
    assert loss.dtype == F32
    for own, other in zip(model.parameters(), exact.parameters(), strict=True):
        assert own.grad.dtype == own.dtype == F32
        scale = float(other.grad.abs().max()) + 0.02
        np.testing.assert_allclose(own.grad.numpy() / scale, other.grad.numpy() / scale, atol=0.15 if low is BF16 else 0.02)


def test_a_compiled_function_makes_another_program_for_it() -> None:
    model = network().eval()
    step = wb.jit(lambda x: model(x))
    x = batch()[0]
    expected = model(x)
    for _ in range(2):
        np.testing.assert_allclose(step(x).numpy(), expected.numpy(), rtol=1e-5, atol=1e-6)
        with wb.autocast():
            assert step(x).dtype == BF16
            np.testing.assert_allclose(step(x).float().numpy(), model(x).float().numpy(), rtol=0.02, atol=0.02)
    assert step.traces == 2


def test_a_whole_compiled_step_gives_the_gradients_of_the_eager_one() -> None:
    results = []
    for compiled in (False, True):
        model = network()
        function = lambda x, y, model=model: mixed(model, x, y).backward()
        (wb.jit(function) if compiled else function)(*batch())
        results.append([p.grad.numpy() for p in model.parameters()])
    for eager, fast in zip(*results, strict=True):
        np.testing.assert_allclose(fast, eager, rtol=0.05, atol=5e-3)


def test_transformations_work_inside_and_outside() -> None:
    w, xs = wb.randn(3, 3), wb.randn(5, 3)

    def loss(w: wb.Tensor, x: wb.Tensor) -> wb.Tensor:
        with wb.autocast():
            return wb.tanh(x @ w).sum()

    exact = lambda w, x: wb.tanh(x @ w).sum()
    for transform in (wb.grad, lambda f: wb.vmap(wb.grad(f), in_axes=(None, 0)), lambda f: lambda w, x: wb.jvp(lambda w: f(w, x), (w,), (w,))[1],
                      lambda f: wb.checkpoint(f)):
        found = transform(loss)(w, xs)
        assert found.dtype == F32
        np.testing.assert_allclose(found.numpy(), transform(exact)(w, xs).numpy(), rtol=0.05, atol=0.05)


def test_what_a_checkpoint_computes_again_is_cast_again() -> None:
    grads = []
    for wrap in (lambda f: f, wb.checkpoint):
        model = network()
        with wb.autocast():
            loss = F.cross_entropy(wrap(model)(batch()[0]), batch()[1])
        loss.backward()
        grads.append([p.grad.numpy() for p in model.parameters()])
    for plain, again in zip(*grads, strict=True):
        np.testing.assert_array_equal(plain, again)


def test_a_second_derivative_has_the_dtypes_of_the_first() -> None:
    x = wb.tensor([[0.5, 1.0], [2.0, 3.0]], requires_grad=True)
    with wb.autocast():
        y = (x @ x).float().square().sum()
        y.backward(create_graph=True)
    assert x.grad.dtype == F32
    x.grad.sum().backward()


# The cache --------------------------------------------------------------------------------------------------------------------------
def casts(act: Any) -> int:
    count = []
    with wb.observing(lambda op, args, params, output: count.append(op.name == "cast" and args[0].shape == (2, 2))):
        act()
    return sum(count)


@pytest.mark.parametrize(("cache", "expected"), [(True, 1), (False, 3)])
def test_a_parameter_is_cast_once(cache: bool, expected: int) -> None:
    w, x = nn.Parameter(wb.ones(2, 2)), wb.ones(3, 2)

    def act() -> None:
        with wb.autocast(cache_enabled=cache):
            total = sum((x @ w for _ in range(3)), wb.zeros(1)).sum()
        total.backward()

    assert casts(act) == expected
    assert w.grad.tolist() == [[9.0, 9.0], [9.0, 9.0]]


def test_a_kept_cast_is_dropped_when_it_would_be_wrong() -> None:
    w, x = nn.Parameter(wb.ones(2, 2)), wb.ones(1, 2)
    with wb.autocast():
        assert (x @ w).tolist() == [[2.0, 2.0]]
        with wb.no_grad():
            w.mul_(3)  # written in place
            assert (x @ w).requires_grad is False
        assert (x @ w).tolist() == [[6.0, 6.0]]
        w.data = np.full((2, 2), 5, np.float32)  # replaced
        assert (x @ w).tolist() == [[10.0, 10.0]]
        for expected in (1, 2, 3):  # freed by a backward
            (x @ w).float().sum().backward()
            assert w.grad.tolist() == [[expected] * 2] * 2


# Training ---------------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("precision", ["32", "bf16", "16", train.Precision("16", policy={"gelu": "low"})], ids=str)
def test_a_trainer_learns_in_every_precision(precision: Any) -> None:
    wb.manual_seed(0)
    run = wb.fit(nn.Sequential(nn.Linear(4, 16), nn.GELU(), nn.Linear(16, 3)), wb.data.iris(), loss=F.cross_entropy, lr=0.02, epochs=25,
                 validation=0.2, precision=precision)
    assert run.history.last("val_accuracy") > 0.9
    assert all(parameter.dtype == F32 for parameter in run.model.parameters())


def test_a_step_that_overflows_is_skipped_and_so_is_the_schedule() -> None:
    model = nn.Linear(4, 3)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    scaler = train.GradScaler(init_scale=2.0**127, growth_interval=3)
    scheduler = optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    rates, scales = [], []
    spy = train.LambdaCallback(on_step_end=lambda trainer: (rates.append(optimizer.param_groups[0]["lr"]), scales.append(scaler.get_scale())))
    each = train.Trainer(model, lambda p, y: 1e4 * F.cross_entropy(p, y), optimizer, scheduler=scheduler, schedule="step", callbacks=[spy],
                         precision=train.Precision("16", scaler=scaler))
    before = model.weight.numpy().copy()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # NumPy has nothing to say of it
        each.fit([wb.data.iris()[:50]])
    np.testing.assert_array_equal(model.weight.numpy(), before)
    assert (rates, scales) == ([0.1], [2.0**126])


@pytest.mark.parametrize("wrong", [dict(policy={"softmax": "low"}), dict(scaler=train.GradScaler())])
def test_full_precision_takes_no_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(errors.ArgumentError, match="no effect"):
        train.Precision("32", **wrong)
