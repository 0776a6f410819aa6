"""A whole model in a checkpoint: what was saved comes back as a model, without code, and what cannot be said is refused."""
from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import workbench as wb
from workbench import errors, nn
from workbench.train import checkpoints


def model():
    made = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(144, 3))
    made(wb.randn(5, 1, 8, 8))
    return made


def test_a_model_comes_back_with_its_state_modes_dtypes_and_frozen_parts(tmp_path):
    made = model().double()
    made[0].requires_grad_(False)
    made[1].eval()
    wb.save({"model": made, "epoch": 3}, tmp_path / "m.wb")
    wb.manual_seed(0)
    expected = wb.rand(1).item()
    wb.manual_seed(0)
    back = wb.load(tmp_path / "m.wb")["model"]
    assert wb.rand(1).item() == expected  # drawing weights that are replaced at once uses up no random numbers
    assert repr(back) == repr(made)
    for (name, value), (other, wanted) in zip(back.state_dict().items(), made.state_dict().items(), strict=True):
        assert (name, value.dtype) == (other, wanted.dtype)
        np.testing.assert_array_equal(value.numpy(), wanted.numpy())
    assert [p.requires_grad for p in back.parameters()] == [p.requires_grad for p in made.parameters()]
    assert [m.training for m in back.modules()] == [m.training for m in made.modules()]
    assert wb.load(tmp_path / "m.wb", "epoch") == 3
    assert repr(wb.load(tmp_path / "m.wb", "model")) == repr(made)


def test_a_loaded_model_trains(tmp_path):
    wb.save(nn.Linear(4, 3), tmp_path / "m.wb")
    run = wb.fit(wb.load(tmp_path / "m.wb"), wb.data.iris(), loss="cross_entropy", lr=0.1, epochs=5, progress=False)
    assert run.history.last("loss") < run.history.column("loss")[1][0]


def test_another_process_reads_it(tmp_path):
    made = model().eval()
    x = wb.ones(2, 1, 8, 8)
    wb.save({"model": made, "x": x, "y": made(x).detach()}, tmp_path / "m.wb")
    code = "import sys, workbench as wb; d = wb.load(sys.argv[1]); print(bool((d['model'](d['x']) == d['y']).all()))"
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "m.wb")], capture_output=True, text=True, check=True).stdout == "True\n"


def test_layers_tied_in_a_constructor_stay_tied(tmp_path, monkeypatch):
    monkeypatch.setattr(wb.registry, "_OWN", {kind: dict(own) for kind, own in wb.registry._OWN.items()})

    @wb.registry.register
    class Tied(nn.Module):
        """A head that shares the weight of the embedding."""

        def __init__(self, count: int = 7):
            super().__init__()
            self.embedding, self.head = nn.Embedding(count, 4), nn.Linear(4, count, bias=False)
            self.head.weight = self.embedding.weight

    wb.save(Tied(), tmp_path / "m.wb")
    back = wb.load(tmp_path / "m.wb")
    assert back.head.weight is back.embedding.weight
    del wb.registry._OWN["layers"]["Tied"]
    with pytest.raises(errors.CheckpointError, match="cannot be made: .*'Tied' is not among the layers.*register"):
        wb.load(tmp_path / "m.wb")


class Unknown(nn.Module):
    """Not registered."""


def test_what_no_configuration_describes_is_refused_and_nothing_written(tmp_path):
    with pytest.raises(errors.CheckpointError, match=r"the tree\['model'\] is a Unknown that no configuration describes.*Save its state_dict\(\)"):
        wb.save({"model": Unknown()}, tmp_path / "m.wb")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm", "orthogonal"])
def test_a_parametrized_model_comes_back(tmp_path, name):
    model = nn.Sequential(getattr(nn.utils.parametrizations, name)(nn.Linear(3, 3)), nn.ReLU()).eval()
    wb.save(model, tmp_path / "m.wb")
    again = wb.load(tmp_path / "m.wb")
    x = wb.randn(4, 3)
    np.testing.assert_array_equal(again(x).detach().numpy(), model(x).detach().numpy())
    assert list(again.state_dict()) == list(model.state_dict())


@pytest.mark.parametrize("config", [{"type": "CSVLogger", "path": "made.csv"}, {"type": "Sequential", "modules": [{"type": "MNIST", "root": "."}]},
                                    {"type": "Linear", "in_features": {"class": "CSVLogger"}, "out_features": 2}])
def test_a_file_can_have_nothing_built_but_layers(tmp_path, monkeypatch, config):
    monkeypatch.setattr(checkpoints.models, "packed", lambda model, path: {"config": config, "state": {}, "frozen": [], "evaluating": []})
    wb.save(nn.Linear(1, 1), tmp_path / "m.wb")
    with pytest.raises(errors.CheckpointError, match="is not among the layers or losses"):
        wb.load(tmp_path / "m.wb")
    assert [file.name for file in tmp_path.iterdir()] == ["m.wb"]


def test_safetensors_hold_tensors_only(tmp_path):
    with pytest.raises(errors.CheckpointError, match="state_dict"):
        wb.save(nn.Linear(1, 1), tmp_path / "m.safetensors")
