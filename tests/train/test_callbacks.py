"""Every callback: built from a configuration and back, and a run with all of them at once is disturbed by none."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import workbench as wb
from workbench import config, data, nn, train
from workbench.nn import functional as F

ROWS: dict[str, dict[str, Any]] = {
    "CSVLogger": dict(path="run.csv"), "Checkpoint": dict(folder="saved", every_steps=2, best="val_loss"),
    "EarlyStopping": dict(monitor="val_accuracy", mode="max", patience=3), "GradientClipping": dict(max_norm=1e9), "JSONLLogger": dict(path="run.jsonl"),
    "LearningRateMonitor": {}, "Progress": dict(wanted=False), "TensorBoard": dict(log_dir="board", histograms_every=3, hparams={"lr": 0.1}),
    "Throughput": {}, "Timer": dict(seconds=1000.0)}
OF_OBJECTS = {"BatchTransform", "LambdaCallback", "WeightAveraging"}
"""Made of functions or models, which a configuration does not hold; see `test_training`."""


def test_every_callback_has_a_row() -> None:
    assert set(ROWS) | OF_OBJECTS == set(wb.registry.callbacks())


@pytest.mark.parametrize("name", ROWS)
def test_a_callback_comes_back_from_its_configuration(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    described = {"type": name, **ROWS[name]}
    callback = config.build(described, "callbacks")
    assert type(callback) is getattr(train, name)
    assert config.to_config(config.build(config.loads(config.dumps(config.to_config(callback))), "callbacks")) == described


def test_a_run_with_all_of_them_learns_what_it_learns_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def learn(callbacks: list[Any]) -> train.Run:
        wb.manual_seed(0)
        return wb.fit(nn.Linear(4, 3), data.iris(), loss=F.cross_entropy, epochs=3, batch_size=30, validation=0.2, callbacks=callbacks)

    plain, full = learn([]), learn([config.build({"type": name, **settings}, "callbacks") for name, settings in ROWS.items()])
    for name in plain.history.names:
        np.testing.assert_array_equal(plain.history.column(name), full.history.column(name))
    assert {"grad_norm", "lr", "samples_per_second"} <= set(full.history.names)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["board", "run.csv", "run.jsonl", "saved"]


def test_a_timer_counts_on_after_a_restart(tmp_path: Path) -> None:
    def learn(seconds: float, **options: Any) -> tuple[train.Timer, train.Run]:
        timer = train.Timer(seconds)
        return timer, wb.fit(nn.Linear(4, 3), data.iris(), loss=F.cross_entropy, batch_size=50, callbacks=[timer], checkpoint=tmp_path, **options)

    first, _ = learn(1000.0, epochs=2)
    second, run = learn(first.elapsed + 1e-9, epochs=50, resume=True)
    assert run.step_index == 7
    assert second.elapsed > first.elapsed
    assert run.events[-1].code == "timer"
    with pytest.raises(wb.errors.ArgumentError, match="seconds"):
        train.Timer(0)


def test_mixup_and_cutmix_are_transforms_of_batches() -> None:
    for kind in (data.transforms.MixUp, data.transforms.CutMix):
        wb.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
        seen = []
        spy = train.LambdaCallback(on_batch_start=lambda trainer, batch, seen=seen: seen.append(batch[1].shape))
        run = wb.fit(model, data.digits(), loss=F.cross_entropy, lr=0.01, epochs=3, validation=0.2,
                     callbacks=[train.BatchTransform(kind(num_classes=10)), spy])
        assert seen[0] == (64, 10)
        assert run.history.last("val_accuracy") > 0.8


class Break(train.Callback):
    """Ruins the weights after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, trainer: train.Trainer) -> None:
        if trainer.run.step_index == self.step:
            with wb.no_grad():
                trainer.model.weight.fill_(float("nan"))


def test_a_run_that_ends_in_nan_says_so_and_its_best_is_from_before(tmp_path: Path) -> None:
    """A score belongs to the weights it was found with, not to those of later steps."""
    saved = train.Checkpoint(tmp_path / "saved", every_steps=1, best="val_loss", keep=1)
    run = wb.fit(nn.Linear(4, 3), data.iris(), loss=F.cross_entropy, batch_size=50, epochs=3, validation=data.iris(), checkpoint=saved,
                 callbacks=[Break(5), train.CSVLogger(tmp_path / "run.csv"), train.JSONLLogger(tmp_path / "run.jsonl")])
    assert np.isnan(run.history.last("loss"))
    assert (tmp_path / "run.csv").read_text().splitlines()[6].split(",")[:3] == ["6", "nan", "nan"]
    assert '"loss": "nan"' in (tmp_path / "run.jsonl").read_text().splitlines()[5]
    assert saved.manager.best_path().name == "step-000000003.wb"


@pytest.mark.parametrize("mode", ["min", "max"])
def test_the_best_is_saved_also_where_no_checkpoint_is_due(tmp_path: Path, mode: str) -> None:
    saved = train.Checkpoint(tmp_path, every_epochs=100, best="val_loss", mode=mode)
    model = nn.Linear(4, 3)
    trainer = train.Trainer(model, F.cross_entropy, wb.optim.SGD(model.parameters(), lr=0.05), evaluate_every=2)
    run = trainer.fit(data.DataLoader(data.iris(), 50), epochs=4, validation=[data.iris()[:]], checkpoint=saved, progress=False)
    steps, values = run.history.column("val_loss")
    best = int(steps[values.argmin() if mode == "min" else values.argmax()])
    assert saved.manager.best_path().name == f"step-{best:09d}.wb"
    assert wb.load(saved.manager.best_path())["run"]["step"] == best


def test_a_run_of_so_many_steps_can_be_prolonged(tmp_path: Path) -> None:
    def learn(steps: int, folder: Path) -> np.ndarray:
        wb.manual_seed(0)
        model = nn.Linear(4, 3)
        trainer = train.Trainer(model, F.cross_entropy, wb.optim.Adam(model.parameters(), lr=0.05))
        run = trainer.fit(data.DataLoader(data.iris(), 10, shuffle=True, seed=1), max_steps=steps, checkpoint=folder, resume="auto", progress=False)
        assert run.step_index == steps
        return model.weight.detach().numpy()

    learn(7, tmp_path / "parted")
    assert [path.name for path in (tmp_path / "parted").iterdir()] == ["step-000000007.wb"], "an epoch has 15 steps"
    np.testing.assert_array_equal(learn(20, tmp_path / "parted"), learn(20, tmp_path / "whole"))
