"""Initial values: the distributions of PyTorch, layer by layer and function by function."""
from __future__ import annotations

import copy
import inspect

import numpy as np
import pytest

import workbench as wb
from workbench import nn
from workbench.core import errors

torch = pytest.importorskip("torch",
                            reason="PyTorch is the judge of initial values: pip install neural-workbench[oracle]")
stats = pytest.importorskip("scipy.stats", reason="SciPy knows the distributions: pip install neural-workbench[oracle]")
pytestmark = pytest.mark.oracle

LAYERS = [("Linear", (300, 200)), ("Bilinear", (20, 30, 100)), ("Conv1d", (40, 60, 15)), ("Conv2d", (20, 60, 5)),
          ("Embedding", (200, 100)), ("MultiheadAttention", (200, 2)), ("BatchNorm2d", (50,)), ("LayerNorm", (50,)),
          ("GroupNorm", (5, 50)), ("PReLU", (50,)), ("TransformerEncoderLayer", (200, 2, 150)),
          ("TransformerDecoderLayer", (200, 2, 150)), ("Transformer", (200, 2, 1, 1, 150)), ("EmbeddingBag", (200, 100))]
FUNCTIONS = [("uniform_", (-1, 3)), ("normal_", (1, 2)), ("xavier_uniform_", (1.5,)), ("xavier_normal_", (1.5,)),
             ("kaiming_uniform_", ()), ("kaiming_uniform_", (0, "fan_out", "relu")), ("kaiming_normal_", ()),
             ("kaiming_normal_", (0.3, "fan_out")), ("trunc_normal_", ()), ("trunc_normal_", (0.5, 2, -1, 3)),
             ("constant_", (3,)), ("ones_", ()), ("zeros_", ()), ("orthogonal_", (2.0,)), ("sparse_", (0.3,))]
SHAPE = (120, 50, 3)
FAN_IN, FAN_OUT = 150, 360
NORMAL = lambda std: stats.norm(0, std)
UNIFORM = lambda std: stats.uniform(-std * 3**0.5, 2 * std * 3**0.5)
CUT = lambda std: stats.truncnorm(-2, 2, 0, std / 0.87962566103423978)
EXACT = {
    "uniform_": ((-1, 3), stats.uniform(-1, 4)), "normal_": ((1, 2), stats.norm(1, 2)), "trunc_normal_": ((0.5, 2, -1, 3), stats.truncnorm(-0.75, 1.25, 0.5, 2)),
    "xavier_uniform_": ((1.5,), UNIFORM(1.5 * (2 / (FAN_IN + FAN_OUT)) ** 0.5)), "xavier_normal_": ((1.5,), NORMAL(1.5 * (2 / (FAN_IN + FAN_OUT)) ** 0.5)),
    "kaiming_uniform_": ((0, "fan_out", "relu"), UNIFORM((2 / FAN_OUT) ** 0.5)), "kaiming_normal_": ((0.3,), NORMAL((2 / 1.09 / FAN_IN) ** 0.5)),
    "lecun_uniform_": ((), UNIFORM(FAN_IN**-0.5)), "lecun_normal_": ((), CUT(FAN_IN**-0.5)),
}
"""Arguments, and the distribution that each number of a tensor of shape SHAPE has."""


def assert_alike(mine: np.ndarray, theirs: np.ndarray, name: str) -> None:
    """Equal spread, mean and limits, within what chance allows."""
    spread = theirs.std()
    error = 5 * max(spread, 1e-12) / np.sqrt(theirs.size)
    assert abs(mine.std() - spread) <= error, name
    assert abs(mine.mean() - theirs.mean()) <= 1.5 * error, name
    assert abs(np.abs(mine).max() - np.abs(theirs).max()) <= 0.35 * np.abs(theirs).max() + 1e-12, name


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize(("name", "args"), LAYERS, ids=[name for name, _ in LAYERS])
def test_layers_start_like_those_of_torch(name, args):
    wb.manual_seed(0)
    torch.manual_seed(0)
    mine, theirs = getattr(nn, name)(*args).state_dict(), getattr(torch.nn, name)(*args).state_dict()
    for key, value in theirs.items():
        assert_alike(mine[key].numpy().astype(float), value.numpy().astype(float), f"{name}.{key}")


@pytest.mark.parametrize(("name", "args"), FUNCTIONS, ids=str)
def test_functions_draw_like_those_of_torch(name, args):
    wb.manual_seed(0)
    torch.manual_seed(0)
    tensor = nn.Parameter(wb.empty(150, 100))
    assert getattr(nn.init, name)(tensor, *args) is tensor
    assert tensor.is_leaf
    assert_alike(tensor.detach().numpy().astype(float),
                 getattr(torch.nn.init, name)(torch.empty(150, 100), *args).numpy().astype(float), name)


@pytest.mark.parametrize("name", EXACT)
def test_every_number_has_the_distribution_of_the_formula(name):
    """Kolmogorov and Smirnov's test, and mean and variance within four standard errors."""
    args, distribution = EXACT[name]
    wb.manual_seed(0)
    found = getattr(nn.init, name)(wb.empty(*SHAPE, dtype=wb.float64), *args).numpy().ravel()
    assert stats.kstest(found, distribution.cdf).pvalue > 1e-3
    mean, variance, kurtosis = distribution.stats(moments="mvk")
    assert abs(found.mean() - mean) < 4 * (variance / found.size) ** 0.5
    assert abs(found.var() / variance - 1) < 4 * ((kurtosis + 2) / found.size) ** 0.5


@pytest.mark.parametrize(("name", "args", "shape"), [
    *[(name, args, (60, 30, 3)) for name, (args, _) in EXACT.items() if not name.startswith("lecun")],
    ("orthogonal_", (), (40, 40)), ("orthogonal_", (2.0,), (20, 60)), ("sparse_", (0.3, 0.5), (60, 60))], ids=str)
def test_the_distribution_is_that_of_torch(name, args, shape):
    wb.manual_seed(0)
    torch.manual_seed(0)
    ours = [getattr(nn.init, name)(wb.empty(*shape, dtype=wb.float64), *args).numpy().ravel() for _ in range(5)]
    theirs = [getattr(torch.nn.init, name)(torch.empty(*shape, dtype=torch.float64), *args).numpy().ravel() for _ in range(5)]
    assert stats.ks_2samp(np.concatenate(ours), np.concatenate(theirs)).pvalue > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(("name", "shape", "order"), [("lecun_normal", (8, 60, 150), (2, 1, 0)), ("lecun_uniform", (8, 60, 150), (2, 1, 0))], ids=str)
def test_the_distribution_is_that_of_jax(name, shape, order):
    jax = pytest.importorskip("jax", reason="JAX has these: pip install neural-workbench[oracle]")
    theirs = np.asarray(getattr(jax.nn.initializers, name)()(jax.random.key(0), shape)).ravel()
    wb.manual_seed(0)
    ours = getattr(nn.init, f"{name}_")(wb.empty(*(shape[axis] for axis in order))).numpy().ravel()
    assert stats.ks_2samp(ours, theirs).pvalue > 1e-3


@pytest.mark.parametrize("name", [name for name in dir(torch.nn.init) if name.endswith("_") and not name.startswith("_")])
def test_signatures_are_those_of_torch(name):
    signature = lambda library: [(p.name, p.default) for p in inspect.signature(getattr(library, name)).parameters.values()]
    assert signature(nn.init) == signature(torch.nn.init)


@pytest.mark.parametrize(("name", "args"), [(name, args) for name, args in FUNCTIONS if name not in ("constant_", "ones_", "zeros_")] +
                         [("lecun_normal_", ()), ("lecun_uniform_", ()), ("delta_orthogonal_", ())], ids=str)
def test_a_generator_of_ones_own_draws_and_leaves_the_common_one_alone(name, args):
    state = wb.get_rng_state()
    shape = (4, 3, 3) if name == "delta_orthogonal_" else (4, 3)
    first, second = (getattr(nn.init, name)(wb.empty(*shape), *args, generator=np.random.default_rng(5)).tolist() for _ in range(2))
    assert first == second
    assert wb.get_rng_state() == state


@pytest.mark.parametrize("shape", [(5, 3, 3), (4, 4, 3, 4), (3, 2, 1, 2, 3)])
def test_delta_orthogonal_turns_channels_in_place(shape):
    filters = nn.init.delta_orthogonal_(wb.empty(*shape, dtype=wb.float64), 2.0)
    middle = (..., *((n - 1) // 2 for n in shape[2:]))
    centre = filters.numpy()[middle].copy()
    np.testing.assert_allclose(centre.T @ centre, 4 * np.eye(shape[1]), atol=1e-12)
    filters.numpy()[middle] = 0
    assert not filters.numpy().any()


@pytest.mark.parametrize("shape", [(5, 8), (8, 5), (4, 3, 2)])
def test_orthogonal_is_orthogonal(shape):
    matrix = nn.init.orthogonal_(wb.empty(*shape, dtype=wb.float64), 2.0).numpy().reshape(shape[0], -1)
    gram = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(gram, 4 * np.eye(len(gram)), atol=1e-12)


@pytest.mark.parametrize(("shape", "groups"), [((4, 4, 3), 1), ((6, 3, 3, 3), 2), ((2, 5, 4), 1)])
def test_dirac_is_that_of_torch(shape, groups):
    wanted = torch.nn.init.dirac_(torch.empty(*shape), groups)
    assert nn.init.dirac_(wb.empty(*shape), groups).tolist() == wanted.tolist()


def test_eye_and_seed():
    assert nn.init.eye_(wb.empty(2, 3)).tolist() == [[1, 0, 0], [0, 1, 0]]
    first, second = (wb.manual_seed(3) or nn.Linear(4, 4).weight.tolist() for _ in range(2))
    assert first == second


@pytest.mark.parametrize("name",
                         ["linear", "conv2d", "conv_transpose1d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"])
def test_gains_are_those_of_torch(name):
    assert nn.init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))


@pytest.mark.parametrize(("use", "error", "message"), [
    (lambda: nn.init.calculate_gain("gelu"), errors.ArgumentError, "gelu.*expected"),
    (lambda: nn.init.xavier_uniform_(wb.empty(3)), errors.ShapeError, "fan in"),
    (lambda: nn.init.kaiming_normal_(wb.empty(3, 3), mode="fan"), errors.ArgumentError, "fan_in"),
    (lambda: nn.init.orthogonal_(wb.empty(3)), errors.ShapeError, "two axes"),
    (lambda: nn.init.trunc_normal_(wb.empty(3), 0, 1, 50, 60), errors.ArgumentError, "interval"),
    (lambda: nn.init.sparse_(wb.empty(3), 0.1), errors.ShapeError, "two axes"),
    (lambda: nn.init.dirac_(wb.empty(3, 3)), errors.ShapeError, "3 to 5 axes"),
    (lambda: nn.init.lecun_normal_(wb.empty(3)), errors.ShapeError, "fan in"),
    (lambda: nn.init.delta_orthogonal_(wb.empty(2, 3, 3)), errors.ShapeError, "O of at least C"),
    (lambda: nn.init.from_pretrained(nn.Linear(2, 2), nn.Linear(3, 3)), errors.CheckpointError, "nothing of the source fits Linear.*weight, bias"),
    (lambda: nn.init.from_pretrained(nn.Linear(2, 2), {"a": wb.ones(2), "b": wb.ones(2)}, {"a": "bias", "b": "bias"}), errors.CheckpointError,
     "two names of the source become 'bias'"),
])
def test_what_cannot_be_filled_is_said(use, error, message):
    with pytest.raises(error, match=message):
        use()


def test_from_pretrained_copies_what_fits_and_says_what_did_not():
    source = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 10))
    source[1].running_mean.data[...] = 3.0
    model = nn.ModuleDict({"body": nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8)), "head": nn.Linear(8, 2)}).double()
    head, held = copy.deepcopy(model["head"]), model["body"][0].weight
    report = nn.init.from_pretrained(model, source.state_dict(), {"": "body.", "2.": "head.", "1.num_batches_tracked": None})
    assert report.copied == ["body.0.weight", "body.0.bias", "body.1.weight", "body.1.bias", "body.1.running_mean", "body.1.running_var"]
    assert report.not_found == ["body.1.num_batches_tracked", "head.weight", "head.bias"]
    assert report.unused == ["1.num_batches_tracked"]
    assert report.other_shape == ["2.weight", "2.bias"]
    assert model["body"][0].weight is held
    assert held.dtype == wb.float64
    np.testing.assert_array_equal(held.detach().numpy(), source[0].weight.detach().numpy())
    assert model["body"][1].running_mean.tolist() == [3.0] * 8
    assert np.array_equal(model["head"].weight.detach().numpy(), head.weight.detach().numpy())


def test_from_pretrained_takes_a_function_and_shapes_lazy_layers():
    source = {"encoder/kernel": np.ones((3, 5), dtype=np.float32), "encoder/offset": np.zeros(3, dtype=np.float32), "step": np.array(7)}
    model = nn.Sequential(nn.LazyLinear(3), nn.LazyLinear(2))
    names = {"encoder/kernel": "0.weight", "encoder/offset": "0.bias"}
    report = nn.init.from_pretrained(model, source, names.get)
    assert report == (["0.weight", "0.bias"], ["1.weight", "1.bias"], ["step"], [])
    assert (type(model[0]), model[0].in_features, type(model[1])) == (nn.Linear, 5, nn.LazyLinear)
