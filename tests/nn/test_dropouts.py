"""The dropout family: the statistics of what is drawn, its shape, gradients through the same mask, and nothing in evaluation."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench import errors, nn
from workbench.nn import functional as F

LAYERS = {
    "nn.functional.variational_dropout": (nn.VariationalDropout(0.3), (6, 40, 50)), "nn.functional.gaussian_dropout": (nn.GaussianDropout(0.3), (100, 100)),
    "nn.functional.gaussian_noise": (nn.GaussianNoise(0.5), (100, 100)), "nn.functional.drop_block2d": (nn.DropBlock2d(0.1, 3), (20, 10, 12, 14)),
    "nn.functional.drop_block3d": (nn.DropBlock3d(0.1, 2), (20, 5, 6, 7, 8)), "nn.functional.stochastic_depth": (nn.StochasticDepth(0.3, "row"), (2000, 2)),
    "DropConnect": (nn.DropConnect(nn.Linear(50, 50, bias=False), 0.3), (20, 50)),
}
ROWS = pytest.mark.parametrize(("layer", "shape"), LAYERS.values(), ids=LAYERS)


@pytest.fixture(autouse=True)
def seeded():
    """What is drawn does not depend on which tests ran before."""
    wb.manual_seed(0)


@ROWS
def test_a_seed_repeats_training_and_evaluation_draws_nothing(layer, shape):
    x = wb.randn(*shape)
    first, second = (wb.manual_seed(1) or layer.train()(x).detach().numpy() for _ in range(2))
    third = layer(x).detach().numpy()
    assert np.array_equal(first, second)
    assert not np.array_equal(first, third)
    state = wb.get_rng_state()
    layer.eval()(x)
    assert wb.get_rng_state() == state
    layer.train()


@ROWS
def test_the_mean_is_kept(layer, shape):
    x = wb.ones(*shape, dtype="float64")
    wanted = layer.double().eval()(x).detach().numpy().mean()
    found = [layer.train()(x).detach().numpy().mean() for _ in range(20)]
    assert np.mean(found) == pytest.approx(wanted, abs=6 * np.std(found) / 20**0.5 + 1e-6)
    assert np.std(found) < 0.2


@pytest.mark.parametrize(("layer", "shape"), [row for name, row in LAYERS.items() if name != "DropConnect"], ids=[n for n in LAYERS if n != "DropConnect"])
def test_gradients_go_through_the_mask_that_was_drawn(layer, shape):
    x = wb.ones(*shape, requires_grad=True)
    out = layer.train()(x)
    out.sum().backward()
    wanted = np.ones(shape) if isinstance(layer, nn.GaussianNoise) else out.detach().numpy()
    np.testing.assert_allclose(x.grad.numpy(), wanted, rtol=1e-6)


@pytest.mark.parametrize("batch_first", [False, True])
def test_variational_dropout_drops_the_same_numbers_at_every_step(batch_first):
    out = nn.VariationalDropout(0.4, batch_first)(wb.ones(50, 60, 70)).numpy()
    steps = out if not batch_first else out.swapaxes(0, 1)
    assert (steps == steps[0]).all()
    assert (steps[0] == 0).mean() == pytest.approx(0.4, abs=0.03)
    assert not (steps[0] == steps[0, 0]).all()  # but others for other samples


def test_gaussian_dropout_has_the_variance_of_dropout():
    out = nn.GaussianDropout(0.2)(wb.ones(300, 300)).numpy()
    assert out.var() == pytest.approx(0.2 / 0.8, rel=0.03)


def test_gaussian_noise_has_its_standard_deviation():
    noise = nn.GaussianNoise(0.3)(wb.zeros(300, 300)).numpy()
    assert noise.std() == pytest.approx(0.3, rel=0.02)
    assert abs(noise.mean()) < 0.005


@pytest.mark.parametrize("side", [1, 2, 3, 20])
def test_drop_block_drops_whole_blocks(side):
    dropped = F.drop_block2d(wb.ones(60, 4, 12, 15), 0.15, side).numpy() == 0
    assert 0.05 < dropped.mean() < 0.2
    side = min(side, 12)
    windows = np.lib.stride_tricks.sliding_window_view(dropped, (side, side), axis=(2, 3))
    whole = windows.all(axis=(-1, -2))  # blocks that are dropped as a whole
    covered = np.zeros_like(dropped)
    for n, c, i, j in np.argwhere(whole):
        covered[n, c, i:i + side, j:j + side] = True
    assert np.array_equal(covered, dropped)


@pytest.mark.parametrize(("mode", "shapes"), [("row", 1000), ("batch", 1)])
def test_stochastic_depth_drops_whole_samples(mode, shapes):
    out = nn.StochasticDepth(0.25, mode)(wb.ones(1000, 3, 4)).numpy().reshape(1000, -1)
    assert (out == out[:, :1]).all()
    if mode == "batch":
        assert len(np.unique(out)) == 1
    else:
        assert set(np.unique(out).round(4)) == {0.0, np.float32(1 / 0.75).round(4)}
        assert (out[:, 0] == 0).mean() == pytest.approx(0.25, abs=0.05)


def test_drop_connect_drops_weights_and_leaves_biases_and_the_module():
    layer = nn.DropConnect(nn.Linear(200, 100), 0.4)
    with wb.no_grad():
        layer.module.weight.fill_(1.0)
        layer.module.bias.fill_(5.0)
    out = layer(wb.eye(200))
    weights = out.detach().numpy() - 5.0
    assert set(np.unique(weights).round(3)) == {0.0, np.float32(1 / 0.6).round(3)}
    assert (weights == 0).mean() == pytest.approx(0.4, abs=0.02)
    assert (layer.module.weight.numpy() == 1).all()
    out.sum().backward()
    np.testing.assert_allclose(layer.module.weight.grad.numpy(), weights.T, atol=1e-5)
    assert layer.module.bias.grad.tolist() == [200.0] * 100


def test_drop_connect_drops_the_recurrent_weights_of_an_lstm():
    layer = nn.DropConnect(nn.LSTM(3, 4), 1.0, ["weight_hh_l0"])
    bare = nn.LSTM(3, 4)
    bare.load_state_dict(layer.module.state_dict())
    with wb.no_grad():
        bare.weight_hh_l0.fill_(0.0)
    x = wb.randn(5, 2, 3)
    np.testing.assert_allclose(layer(x)[0].detach().numpy(), bare(x)[0].detach().numpy(), rtol=1e-6)


def test_drop_connect_passes_all_arguments_on():
    layer = nn.DropConnect(nn.LSTM(3, 4), 0.5)
    x, h = wb.randn(5, 2, 3), (wb.randn(1, 2, 4), wb.randn(1, 2, 4))
    wb.manual_seed(0)
    first = layer(x, hx=h)[0].detach().numpy()
    wb.manual_seed(0)
    np.testing.assert_array_equal(layer(x, h)[0].detach().numpy(), first)
    assert not np.array_equal(layer(x)[0].detach().numpy(), first)


def test_drop_connect_drops_anew_in_every_call_of_a_program():
    layer, x = nn.DropConnect(nn.Linear(30, 20), 0.5), wb.randn(4, 30)
    program = wb.jit(layer)
    assert not np.array_equal(program(x).detach().numpy(), program(x).detach().numpy())


@pytest.mark.parametrize("wrap", [wb.jit, wb.vmap], ids=["jit", "vmap"])
@pytest.mark.parametrize("name", ["nn.functional.gaussian_noise", "nn.functional.drop_block2d", "nn.functional.stochastic_depth"])
def test_inside_transformations_new_numbers_are_drawn(name, wrap):
    layer = LAYERS[name][0].train()
    run = wb.jit(layer) if wrap is wb.jit else wb.vmap(layer, randomness="different")
    x = wb.ones(3, 4, 2, 6, 7) if wrap is wb.vmap else wb.ones(4, 20, 6, 7)
    first, second = (run(x).numpy() for _ in range(2))
    assert first.shape == tuple(x.shape)
    assert not np.array_equal(first, second)


# Losses beside the loss ---------------------------------------------------------------------------------------------------------
def test_activity_regularization_adds_its_penalty_while_training_and_when_asked():
    layer, x = nn.ActivityRegularization(0.5, 0.25), wb.tensor([-2.0, 1.0], requires_grad=True)
    layer(x)  # nobody collects
    with nn.auxiliary_losses() as losses:
        with nn.auxiliary_losses() as inner:
            layer(x)
        layer.eval()(x)
    assert losses == []
    assert [loss.item() for loss in inner] == [0.5 * 3 + 0.25 * 5]
    inner[0].backward()
    assert x.grad.tolist() == [-0.5 - 1.0, 0.5 + 0.5]


def test_auxiliary_losses_go_through_grad_and_jit_when_collected_inside():
    layer = nn.ActivityRegularization(l2=1.0)

    def loss(x):
        with nn.auxiliary_losses() as losses:
            y = layer(x)
        return y.sum() + sum(losses)

    x = wb.tensor([1.0, 2.0])
    assert wb.grad(loss)(x).tolist() == [3.0, 5.0]
    assert wb.jit(wb.grad(loss))(x).tolist() == [3.0, 5.0]
    assert wb.jit(loss)(x).item() == 8.0


@pytest.mark.parametrize("wrap", [wb.jit, wb.vmap, wb.grad], ids=["jit", "vmap", "grad"])
def test_auxiliary_losses_cannot_leave_a_transformation(wrap):
    layer = nn.ActivityRegularization(l2=1.0)
    with nn.auxiliary_losses(), pytest.raises(errors.GraphError, match="open it inside"):
        wrap(lambda x: layer(x).sum())(wb.ones(3))


def test_penalties_have_the_gradients_of_weight_decay():
    layer = nn.Linear(3, 2)
    (0.5 * 0.1 * nn.l2_penalty(layer.parameters())).backward()
    np.testing.assert_allclose(layer.weight.grad.numpy(), 0.1 * layer.weight.detach().numpy(), rtol=1e-6)
    layer.zero_grad()
    nn.l1_penalty([layer.weight]).backward()
    assert np.array_equal(layer.weight.grad.numpy(), np.sign(layer.weight.detach().numpy()))
    assert layer.bias.grad is None


X, IMAGE = wb.ones(4, 3), wb.ones(2, 3, 4, 5)


@pytest.mark.parametrize(("call", "error", "words"), [
    (lambda: nn.Dropout3d(2.0), errors.ArgumentError, "Dropout3d: p=2.0"), (lambda: nn.FeatureAlphaDropout(-0.1), errors.ArgumentError, "p=-0.1"),
    (lambda: nn.VariationalDropout(1.5), errors.ArgumentError, "p=1.5"), (lambda: F.variational_dropout(X, dim=2), errors.ShapeError, "dim=2"),
    (lambda: nn.GaussianDropout(1.0), errors.ArgumentError, "below 1"), (lambda: F.gaussian_dropout(X, 1.0), errors.ArgumentError, "below 1"),
    (lambda: nn.GaussianNoise(-1.0), errors.ArgumentError, "stddev=-1"), (lambda: F.gaussian_noise(X, -1.0), errors.ArgumentError, "stddev=-1"),
    (lambda: nn.DropBlock2d(0.1, 0), errors.ArgumentError, "block_size=0"), (lambda: F.drop_block2d(X, 0.1, 2), errors.ShapeError, "4 axes"),
    (lambda: F.drop_block3d(IMAGE, 0.1, 2), errors.ShapeError, "5 axes"), (lambda: F.drop_block2d(IMAGE, 0.1, 0), errors.ArgumentError, "block_size=0"),
    (lambda: nn.StochasticDepth(0.1, "column"), errors.ArgumentError, "'column'"), (lambda: F.stochastic_depth(X, 1.1, "row"), errors.ArgumentError, "p=1.1"),
    (lambda: F.stochastic_depth(wb.tensor(1.0), 0.1, "row"), errors.ShapeError, "no samples"),
    (lambda: nn.DropConnect(nn.Linear(2, 2), names=["weights"]), errors.ArgumentError, "no weights; its parameters are weight, bias"),
    (lambda: nn.DropConnect(nn.ReLU()), errors.ArgumentError, "no weights to drop"),
    (lambda: nn.ActivityRegularization(-1.0), errors.ArgumentError, "l1=-1"), (lambda: nn.l1_penalty([]), errors.ArgumentError, "no parameters"),
])
def test_wrong_use(call, error, words):
    with pytest.raises(error, match=words):
        call()
