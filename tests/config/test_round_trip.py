"""Whatever the tables of layers, losses, optimizers and schedulers make goes to a configuration, through a file, and back."""
from __future__ import annotations

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

import workbench as wb
from workbench import config, nn, optim

pytest.importorskip("torch", reason="the rows are written for a comparison with PyTorch: install the extra oracle")

from tests.nn import oracle
from tests.nn.cases import LAYERS, LOSSES, Case
from tests.nn.formulas import ROWS
from tests.optim.test_against_torch import OPTIMIZERS

pytestmark = pytest.mark.oracle

CASES = [*LAYERS, *LOSSES, *ROWS]


@pytest.fixture(scope="module")
def fits():
    """Does a configuration fit the schema of its class? Asked of the class alone, for all of a kind would be slow."""
    whole = config.schema()
    validator = Draft202012Validator({"$defs": whole["$defs"]})
    return lambda kind, read: best_match(validator.evolve(schema=whole["$defs"][f"{kind}.{read['type']}"]).iter_errors(read)) is None


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_layer_comes_back_from_its_file(case: Case, fits):
    module = oracle.ours(case)
    read = config.loads(config.dumps(config.to_config(module), "json"))
    assert config.loads(config.dumps(read, "yaml")) == read
    twin = config.build(read)
    assert type(twin) is type(module)
    assert repr(twin) == repr(module)
    assert [(name, v.shape, v.dtype) for name, v in twin.state_dict().items()] == [(name, v.shape, v.dtype) for name, v in module.state_dict().items()]
    assert config.to_config(twin) == config.to_config(module)
    assert fits("losses" if isinstance(module, nn.losses.Loss) else "layers", read)


@pytest.mark.parametrize(("name", "settings"), OPTIMIZERS, ids=str)
def test_an_optimizer_comes_back_from_its_file(name: str, settings: dict, fits):
    parameters = [nn.Parameter(wb.ones(2))]
    optimizer = getattr(optim, name)(parameters, **settings)
    read = config.loads(config.dumps(config.to_config(optimizer)))
    assert config.build(read, "optimizers", params=parameters).defaults == optimizer.defaults
    assert fits("optimizers", read)


def test_building_for_a_look_draws_no_random_numbers():
    model = nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.2))
    wb.manual_seed(5)
    wanted = wb.rand(3).tolist()
    wb.manual_seed(5)
    config.to_config(model)
    assert wb.rand(3).tolist() == wanted


def test_tensors_functions_and_infinities_have_a_plain_form():
    loss = nn.CrossEntropyLoss(weight=wb.tensor([1.0, 2.0]))
    layer = nn.TransformerEncoderLayer(8, 2, 16, activation=nn.functional.gelu)
    hard = nn.Hardtanh(-1.0, float("inf"))
    assert config.to_config(loss)["weight"] == {"tensor": [1.0, 2.0], "dtype": "float32"}
    np.testing.assert_array_equal(config.build(config.to_config(loss)).weight.numpy(), [1, 2])
    assert config.to_config(layer)["activation"] == {"function": "nn.functional.gelu"}
    assert config.build(config.to_config(layer)).activation is nn.functional.gelu
    assert config.build(config.loads(config.dumps(config.to_config(hard), "json"))).max_val == float("inf")


def test_a_sequential_is_described_as_it_is_now():
    model = nn.Sequential(nn.Linear(2, 3))
    model.append(nn.Tanh())
    model[0] = nn.Linear(2, 5)
    assert repr(config.build(config.to_config(model))) == repr(model)


def test_parametrizations_come_back_wherever_they_are(fits):
    ready = nn.utils.parametrizations
    model = nn.Sequential(ready.spectral_norm(ready.weight_norm(nn.Linear(4, 4), dim=None), n_power_iterations=2),
                          ready.orthogonal(nn.Linear(4, 4), "weight", "cayley", use_trivialization=False), nn.TransformerEncoderLayer(4, 2, 8))
    ready.weight_standardization(model[2].linear1)
    nn.utils.parametrize.register_parametrization(model[2].norm1, "weight", nn.Softplus(2.0))
    made = config.to_config(model)
    assert fits("layers", made)
    twin = config.build(config.loads(config.dumps(made)))
    assert config.to_config(twin) == made
    assert made["parametrizations"]["0.weight"] == [{"type": "weight_norm", "dim": None}, {"type": "spectral_norm", "n_power_iterations": 2}]
    twin.load_state_dict(model.state_dict())
    x = wb.randn(3, 2, 4)
    np.testing.assert_array_equal(twin.eval()(x).numpy(), model.eval()(x).numpy())


def test_a_layer_used_twice_is_refused_to_lose_its_tie():
    shared = nn.Linear(2, 2)
    with pytest.raises(wb.errors.ConfigError, match="share"):
        config.to_config(nn.Sequential(shared, nn.ReLU(), shared))
