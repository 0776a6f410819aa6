"""A run from a configuration trains what the same lines of Python train."""
from __future__ import annotations

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

import workbench as wb
from workbench import config, nn, optim

RUN = """\
seed: 3
model:
  type: Sequential
  modules:
    - {type: Linear, in_features: 4, out_features: 8}
    - {type: Tanh}
    - {type: Linear, in_features: 8, out_features: 3}
data: {type: iris}
loss: {type: CrossEntropyLoss, label_smoothing: 0.1}
optimizer: {type: SGD, lr: 0.1, momentum: 0.9}
scheduler: {type: StepLR, step_size: 1, gamma: 0.5}
metrics: [accuracy]
validation: 0.2
epochs: 3
batch_size: 32
progress: false
"""


def test_a_configured_run_equals_the_same_in_python(tmp_path):
    (tmp_path / "run.yaml").write_text(RUN)
    configured = config.fit(tmp_path / "run.yaml", overrides=["epochs=2"])
    wb.manual_seed(3)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    run = wb.fit(model, wb.data.iris(), loss=nn.CrossEntropyLoss(label_smoothing=0.1), optimizer=optimizer, metrics=["accuracy"],
                 scheduler=optim.lr_scheduler.StepLR(optimizer, 1, 0.5), validation=0.2, epochs=2, batch_size=32, progress=False, seed=3)
    for mine, wanted in zip(configured.model.parameters(), run.model.parameters(), strict=True):
        np.testing.assert_array_equal(mine.numpy(), wanted.numpy())
    assert configured.history.last("val_accuracy") == run.history.last("val_accuracy")


@pytest.mark.parametrize(("override", "message"), [
    ("epoch=3", r"epoch \(override\): no setting of fit; did you mean epochs\?"), ("optimizer.lr=fast", r"optimizer.lr \(override\): expected float, got 'fast'"),
    ("optimizer.momentun=0.1", "did you mean momentum"), ("data.type=irish", "did you mean iris"), ("model.type=SGD", "not among the layers"),
    ("optimizer.lr=-1", "optimizer.lr .*lr=-1; expected 0 or more"), ("validation=a", "validation"), ("batch_size=2.5", "batch_size .*expected int")])
def test_a_mistake_in_a_run_names_its_key(override: str, message: str):
    with pytest.raises(wb.errors.ConfigError, match=message):
        config.fit(config.loads(RUN), overrides=[override])


def test_loaders_and_averages_are_configured_and_come_back():
    text = """\
model: {type: Linear, in_features: 4, out_features: 3}
data: {type: DataLoader, dataset: {type: iris}, batch_size: 25, shuffle: true, seed: 1}
validation: {type: DataLoader, dataset: {type: iris}, batch_size: 150}
loss: cross_entropy
optimizer: adam
metrics: [accuracy, {type: F1, average: macro}]
callbacks: [{type: WeightAveraging, averaged: swa, every: epoch, start_epoch: 1}, {type: EarlyStopping, monitor: val_loss}]
epochs: 3
progress: false
"""
    runs = [config.fit(config.loads(text))]
    runs.append(config.fit(config.loads(config.dumps(config.to_config(runs[0])))))
    assert [run.step_index for run in runs] == [18, 18]
    assert runs[0].history.last("val_f1") == runs[1].history.last("val_f1")
    np.testing.assert_array_equal(runs[0].model.weight.numpy(), runs[1].model.weight.numpy())


def test_a_scheduler_needs_an_optimizer():
    given = config.loads(RUN)
    del given["optimizer"]
    with pytest.raises(wb.errors.ConfigError, match=r"scheduler .*needs a configured optimizer"):
        config.fit(given)


def test_a_run_comes_back_from_its_file(tmp_path):
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))
    callbacks = [wb.train.EarlyStopping("val_loss", patience=2), wb.train.JSONLLogger(tmp_path / "log.jsonl")]
    run = wb.fit(model, wb.data.iris(), loss=nn.functional.cross_entropy, optimizer=optim.AdamW, lr=0.02, epochs=2, validation=0.2,
                 callbacks=callbacks, progress=False)
    written = config.to_config(run)
    assert written["optimizer"] == {"type": "AdamW", "lr": 0.02}
    assert written["data"] == {"type": "iris"}
    assert written["loss"] == {"function": "nn.functional.cross_entropy"}
    assert best_match(Draft202012Validator(config.schema()).iter_errors(written)) is None
    config.save(written, tmp_path / "run.yaml")
    again = config.fit(tmp_path / "run.yaml", overrides={"epochs": 1})
    assert config.to_config(again) == {**written, "epochs": 1}


def test_a_run_whose_data_has_no_name_says_so():
    for data, message in [([(wb.ones(2), wb.ones(1))], None), (wb.data.TensorDataset(wb.ones(1_000_000, 2), wb.ones(1_000_000, 1)), "2000000 numbers .*register"),
                          (wb.data.iris().map(lambda item: (item[0][:2], item[0][:1])), "function .* is not public")]:
        run = wb.fit(nn.Linear(2, 1), data, loss=nn.MSELoss(), max_steps=1, progress=False)
        if message:
            with pytest.raises(wb.errors.ConfigError, match=r"run.data.*" + message):
                config.to_config(run)
        else:
            assert config.to_config(run)["data"] == [[{"tensor": [1.0, 1.0], "dtype": "float32"}, {"tensor": [1.0], "dtype": "float32"}]]
    with pytest.raises(wb.errors.ConfigError, match=r"not made by wb.fit"):
        config.to_config(wb.train.Run())


def test_the_schema_knows_a_run():
    validator = Draft202012Validator(config.schema())
    assert best_match(validator.iter_errors(config.loads(RUN))) is None
    assert best_match(validator.iter_errors(config.loads(RUN, overrides=["epoch=1"]))) is not None
    assert best_match(validator.iter_errors(config.loads(RUN, overrides=["model.type=Linaer"]))) is not None
