"""Initial values: the distributions of PyTorch, layer by layer and function by function."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench import nn
from workbench.core import errors

torch = pytest.importorskip("torch",
                            reason="PyTorch is the judge of initial values: pip install neural-workbench[oracle]")
pytestmark = pytest.mark.oracle

LAYERS = [("Linear", (300, 200)), ("Bilinear", (20, 30, 100)), ("Conv1d", (40, 60, 15)), ("Conv2d", (20, 60, 5)),
          ("Embedding", (200, 100)), ("MultiheadAttention", (200, 2)), ("BatchNorm2d", (50,)), ("LayerNorm", (50,)),
          ("GroupNorm", (5, 50)), ("PReLU", (50,)), ("TransformerEncoderLayer", (200, 2, 150))]
FUNCTIONS = [("uniform_", (-1, 3)), ("normal_", (1, 2)), ("xavier_uniform_", (1.5,)), ("xavier_normal_", (1.5,)),
             ("kaiming_uniform_", ()), ("kaiming_uniform_", (0, "fan_out", "relu")), ("kaiming_normal_", ()),
             ("kaiming_normal_", (0.3, "fan_out")), ("trunc_normal_", ()), ("trunc_normal_", (0.5, 2, -1, 3)),
             ("constant_", (3,)), ("ones_", ()), ("zeros_", ()), ("orthogonal_", (2.0,)), ("sparse_", (0.3,))]


def assert_alike(mine: np.ndarray, theirs: np.ndarray, name: str) -> None:
    """Equal spread, mean and limits, within what chance allows."""
    spread = theirs.std()
    error = 5 * max(spread, 1e-12) / np.sqrt(theirs.size)
    assert abs(mine.std() - spread) <= error, name
    assert abs(mine.mean() - theirs.mean()) <= 1.5 * error, name
    assert abs(np.abs(mine).max() - np.abs(theirs).max()) <= 0.35 * np.abs(theirs).max() + 1e-12, name


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
])
def test_what_cannot_be_filled_is_said(use, error, message):
    with pytest.raises(error, match=message):
        use()
