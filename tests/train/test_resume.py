"""A run that was interrupted, also by SIGKILL at any moment, goes on to the same bits as one that was not."""
from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import workbench as wb
from workbench import data, errors, nn, optim, train
from workbench.nn import functional as F
from workbench.optim import lr_scheduler
from workbench.train import state
from workbench.train.checkpoints import atomic

GOLDEN = Path(__file__).parent / "golden"


class Shuffled:
    """A loader as the trainer wants it: a new order every epoch, and a place to go on from."""

    def __init__(self, size: int = 10) -> None:
        self.x, self.y = data.iris()[:75]
        self.size, self.epoch, self.done = size, 0, 0

    def __len__(self) -> int:
        return -(-75 // self.size)

    def __iter__(self) -> Iterator[Any]:
        order = np.random.default_rng([7, self.epoch]).permutation(75)
        for number in range(self.done, len(self)):
            chosen = order[number * self.size:(number + 1) * self.size]
            self.done = number + 1
            yield self.x[chosen], self.y[chosen]
        self.epoch, self.done = self.epoch + 1, 0

    def state_dict(self) -> dict[str, Any]:
        return {"epoch": self.epoch, "done": self.done}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.epoch, self.done = state["epoch"], state["done"]


def loader(**options: Any) -> data.DataLoader:
    """The library's own, which augments by itself."""
    samples = data.MappedDataset(data.TensorDataset(*data.iris()[:75]), lambda pair: (pair[0] + 0.1 * wb.randn(4), pair[1]))
    return data.DataLoader(samples, 10, shuffle=True, seed=3, **options)


def build() -> nn.Module:
    wb.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))


def noise(x: wb.Tensor, y: wb.Tensor) -> tuple[wb.Tensor, wb.Tensor]:
    """Draws from all three generators."""
    return x + wb.tensor(np.random.normal(0, 0.1, x.shape), dtype=wb.float32) + 0.01 * random.random(), y


def trainer(folder: Path, **options: Any) -> train.Trainer:
    model = build()
    optimizer = optim.AdamW(model.parameters(), lr=0.01)
    callbacks = [train.BatchTransform(noise), train.LearningRateMonitor(), train.EarlyStopping(patience=99),
                 train.CSVLogger(folder / "log.csv"), train.JSONLLogger(folder / "log.jsonl"), train.TensorBoard(folder / "board", 4)]
    return train.Trainer(model, F.cross_entropy, optimizer, scheduler=lr_scheduler.CosineAnnealingLR(optimizer, 40), schedule="step",
                         metrics=["accuracy"], accumulate=3, seed=5, ema=0.9, callbacks=[*callbacks, *options.pop("callbacks", [])],
                         precision=options.pop("precision", "32"), **options)


def complete(folder: Path, resume: Any = "auto", callbacks: tuple = (), loader: Callable[[], Any] = Shuffled, epochs: int = 6, **options: Any) -> train.Trainer:
    each = trainer(folder, callbacks=list(callbacks), **options)
    each.fit(loader(), epochs=epochs, validation=[data.iris()[75:]], checkpoint=train.Checkpoint(folder / "saved", every_steps=2, keep=2), resume=resume)
    return each


def assert_same(a: Any, b: Any, path: str = "state") -> None:
    assert type(a) is type(b), path
    if isinstance(a, dict):
        assert list(a) == list(b), path
        for key in a:
            assert_same(a[key], b[key], f"{path}[{key!r}]")
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b), path
        for number, pair in enumerate(zip(a, b, strict=True)):
            assert_same(*pair, f"{path}[{number}]")
    elif isinstance(a, (wb.Tensor, np.ndarray)):
        x, y = (np.asarray(v.numpy() if isinstance(v, wb.Tensor) else v) for v in (a, b))
        assert (x.dtype, x.shape) == (y.dtype, y.shape), path
        assert x.tobytes() == y.tobytes(), path
    else:
        assert a == b or a != a and b != b, path


def final(folder: Path, each: train.Trainer) -> tuple[dict[str, Any], dict[str, Any]]:
    """Everything that must be equal to the bit: the state, and what was written."""
    reached = each.state_dict()
    del reached["callbacks"]["TensorBoard"]
    return reached, {"csv": (folder / "log.csv").read_bytes(), "jsonl": (folder / "log.jsonl").read_bytes(), "board": scalars(folder / "board")}


def scalars(folder: Path) -> list[bytes]:
    """The records of an event file without their times."""
    (path,) = folder.iterdir()
    raw, found, at = path.read_bytes(), [], 0
    while at < len(raw):
        length = int.from_bytes(raw[at:at + 8], "little")
        found.append(raw[at + 12 + 9:at + 12 + length])
        at += length + 16
    return found


class Interruption(Exception):  # noqa: N818 - it plays a fault
    pass


def interrupt_at(step: int) -> train.Callback:
    def act(trainer: train.Trainer) -> None:
        if trainer.run.step_index == step:
            raise Interruption

    return train.LambdaCallback(on_backward_end=act)


WAYS = {"plain": {}, "float16": dict(precision="16"), "compiled": dict(compile=True), "micro-batches": dict(micro_batch=5),
        "loader without a place": dict(loader=lambda: list(Shuffled())), "DataLoader": dict(loader=lambda: loader()),
        "DataLoader with workers": dict(loader=lambda: loader(num_workers=2, workers="thread"))}


@pytest.mark.parametrize("options", [pytest.param(options, id=way, marks=[] if way in ("plain", "DataLoader") else pytest.mark.slow)
                                     for way, options in WAYS.items()])
def test_an_interrupted_run_ends_in_the_same_bits(tmp_path: Path, options: dict[str, Any]) -> None:
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    expected = final(whole, complete(whole, **options))
    for step in (1, 5, 6, 12):  # in the middle of an epoch of 3 steps, at its end, before the first checkpoint
        with pytest.raises(Interruption):
            complete(parted, callbacks=(interrupt_at(step),), **options)
    assert_same(final(parted, complete(parted, **options)), expected)
    assert len(expected[1]["csv"].splitlines()) == 19


def test_a_finished_run_is_not_trained_further(tmp_path: Path) -> None:
    first = complete(tmp_path)
    again = complete(tmp_path)
    assert_same(final(tmp_path, again), final(tmp_path, first))


def test_more_epochs_go_on_where_the_run_ended(tmp_path: Path) -> None:
    each = trainer(tmp_path)
    each.fit(Shuffled(), epochs=2, validation=[data.iris()[75:]], checkpoint=tmp_path / "saved")
    whole = tmp_path / "whole"
    assert_same(final(tmp_path, _later(tmp_path)), final(whole, complete(whole)))


def _later(folder: Path) -> train.Trainer:
    each = trainer(folder)
    each.fit(Shuffled(), epochs=6, validation=[data.iris()[75:]], checkpoint=folder / "saved", resume=True)
    return each


def test_a_damaged_newest_checkpoint_costs_two_steps_and_no_bit(tmp_path: Path) -> None:
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    with pytest.raises(Interruption):
        complete(parted, callbacks=(interrupt_at(9),))
    assert len(list((parted / "board").iterdir())) == 1
    newest = train.CheckpointManager(parted / "saved").paths()[0]
    newest.write_bytes(newest.read_bytes()[:1000])
    with pytest.warns(UserWarning, match=newest.name):
        found = final(parted, complete(parted))
    assert_same(found, final(whole, complete(whole)))


# Formats ----------------------------------------------------------------------------------------------------------------------------
def small() -> train.Trainer:
    """What the golden files are states of: after two of four epochs, ``each.fit(golden_data(), epochs=2)``."""
    wb.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    return train.Trainer(model, F.cross_entropy, optimizer, scheduler=lr_scheduler.StepLR(optimizer, 1, 0.5), seed=0, callbacks=[train.EarlyStopping()],
                         precision=train.Precision("16", scaler=train.GradScaler(init_scale=8.0)))


def golden_data() -> dict[str, Any]:
    return dict(loader=data.DataLoader(data.iris(), 50, shuffle=True, seed=0), validation=[data.iris()[:]])


@pytest.mark.parametrize("format", range(1, state.FORMAT + 1))
def test_states_of_every_format_resume(format: int) -> None:
    expected = small()
    expected.fit(epochs=4, **golden_data())
    each = small()
    run = each.fit(epochs=4, resume=GOLDEN / f"training-{format}.wb", **golden_data())
    assert run.step_index == 12
    assert sorted(state.UPGRADES) == list(range(1, state.FORMAT))
    # Not to the bit: the version that wrote the file may have rounded elsewhere in float16, and a bias in front of a batch norm
    # goes where rounding sends it. What is learned is the same.
    np.testing.assert_allclose(run.history.rows()[1], expected.run.history.rows()[1], rtol=2e-2)
    assert each.evaluate(golden_data()["validation"])["loss"] == pytest.approx(expected.evaluate(golden_data()["validation"])["loss"], rel=2e-2)


def test_an_older_format_is_upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = wb.load(GOLDEN / "training-1.wb")
    old["format"], old["epochs_done"] = 0, old.pop("epoch")
    monkeypatch.setitem(state.UPGRADES, 0, lambda found: {**found, "epoch": found["epochs_done"]})
    wb.save(old, tmp_path / "old.wb")
    assert small().fit(epochs=4, resume=tmp_path / "old.wb", **golden_data()).step_index == 12


# Refusals ---------------------------------------------------------------------------------------------------------------------------
@pytest.mark.filterwarnings("ignore:TensorBoard.*a new file begins")
def test_another_model_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    complete(tmp_path)
    (path, _) = train.CheckpointManager(tmp_path / "saved").paths()
    saved = wb.load(path)
    cases = [("model", {"0.weight": wb.ones(2, 2)}, "does not fit"), ("optimizer", {"param_groups": [], "state": {}}, "groups"),
             ("scheduler", None, "does not fit"), ("random", {}, "does not fit"), ("format", 99, "update")]
    for name, value, words in cases:
        each = trainer(tmp_path / "other")
        each._plan(Shuffled(), 1, None, None)
        each.run = train.Run(each.model, each.optimizer)
        each.model(wb.ones(2, 4))
        before = wb.core.tree.map(lambda leaf: leaf.clone() if hasattr(leaf, "clone") else leaf, each.state_dict())
        with pytest.raises(errors.CheckpointError, match=words):
            each.load_state_dict({**saved, name: value})
        assert_same(each.state_dict(), before)


def test_what_is_no_training_or_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.CheckpointError, match="no state of a training"):
        trainer(tmp_path).load_state_dict({"weight": wb.ones(1)})
    model = build()
    simple = lambda: train.Trainer(model, F.cross_entropy, optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(errors.CheckpointError, match="holds no undamaged"):
        simple().fit(Shuffled(), checkpoint=tmp_path, resume=True)
    with pytest.raises(errors.ArgumentError, match="needs a folder"):
        simple().fit(Shuffled(), resume="auto")
    simple().fit(Shuffled(), checkpoint=tmp_path)
    with pytest.raises(errors.ArgumentError, match="resume='auto'"):
        simple().fit(Shuffled(), checkpoint=tmp_path)
    complete(tmp_path / "other")
    with pytest.raises(errors.CheckpointError, match="scheduler"):
        simple().fit(Shuffled(), resume=train.CheckpointManager(tmp_path / "other" / "saved").latest())


def test_without_a_run_there_is_no_state(tmp_path: Path) -> None:
    for act in (lambda each: each.state_dict(), lambda each: each.load_state_dict(wb.load(GOLDEN / "training-1.wb"))):
        with pytest.raises(errors.ArgumentError, match="resume=path"):
            act(small())


def test_a_rate_that_was_changed_by_hand_stays_changed(tmp_path: Path) -> None:
    def run(**options: Any) -> train.Run:
        each = small()
        each._given.append(train.LambdaCallback(on_epoch_end=lambda trainer: trainer.run.set("lr", 0.02) if trainer.epoch == 1 else None))
        return each.fit(checkpoint=tmp_path, **golden_data(), **options)

    first = run(epochs=2)
    second = run(epochs=3, resume=True)
    assert first.controls["lr"].value == second.controls["lr"].value == 0.02
    assert [event.code for event in second.events] == ["control"]


def test_other_callbacks_are_taken_with_a_warning(tmp_path: Path) -> None:
    model = build()
    make = lambda *callbacks: train.Trainer(model, F.cross_entropy, optim.SGD(model.parameters(), lr=0.1), callbacks=callbacks)
    make(train.EarlyStopping()).fit(Shuffled(), checkpoint=tmp_path, validation=Shuffled())
    with pytest.warns(UserWarning, match="EarlyStopping"):
        run = make().fit(Shuffled(), epochs=2, checkpoint=tmp_path, resume="auto")
    assert run.step_index == 16


# SIGKILL ----------------------------------------------------------------------------------------------------------------------------
def _life(folder: Path, reports: int) -> None:
    """What a child does: train, tell each step, take its time over writing, and say when it is done."""
    fsync = os.fsync
    atomic.os.fsync = lambda handle: (time.sleep(0.004), fsync(handle))[1]
    tell = train.LambdaCallback(on_backward_end=lambda trainer: os.write(reports, b"."))
    each = complete(folder, callbacks=(tell,), epochs=40, loader=loader)
    reached, written = final(folder, each)
    wb.save({"state": reached, "written": written}, folder / "final.wb")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither fork nor SIGKILL")
def test_killed_at_any_moment_it_ends_in_the_same_bits(tmp_path: Path) -> None:
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    expected, written = final(whole, complete(whole, epochs=40, loader=loader))
    context, chance = multiprocessing.get_context("fork"), random.Random(0)
    kills = torn = 0
    while not (parted / "final.wb").exists():
        reading, reports = os.pipe()
        child = context.Process(target=_life, args=(parted, reports))
        child.start()
        os.close(reports)
        _wait(reading, child, parted / "saved", chance, writing=kills % 2 == 1, spare=kills >= 18)
        if child.is_alive():
            os.kill(child.pid, signal.SIGKILL)
        child.join()
        os.close(reading)
        kills += child.exitcode == -signal.SIGKILL
        assert child.exitcode in (0, -signal.SIGKILL)
        torn += any((parted / "saved").glob(".*.tmp")) if (parted / "saved").exists() else 0
    assert kills >= 15
    assert torn >= 3
    found = wb.load(parted / "final.wb")
    assert_same(found["written"], written)
    assert_same(found["state"], wb.load(_saved(tmp_path / "expected.wb", expected)))


def _wait(reading: int, child: Any, folder: Path, chance: random.Random, *, writing: bool, spare: bool) -> None:
    """Until it is time to kill: after a step or two and a moment, or while a file is being written."""
    if spare:
        child.join()
        return
    for _ in range(chance.randint(1, 3)):
        if not os.read(reading, 1):
            return
    if not writing:
        time.sleep(chance.random() * 0.02)
        return
    while child.is_alive() and not any(folder.glob(".*.tmp")):
        time.sleep(0.0005)


def _saved(path: Path, tree: Any) -> Path:
    wb.save(tree, path)
    return path
