"""A run is steered from other threads, watched by listeners, and never broken by them."""
from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

import workbench as wb
from workbench import errors, nn, optim
from workbench.train import History, Run, RunStopped
from workbench.train import run as runs


def make(**options: object) -> Run:
    model = nn.Linear(2, 1)
    return Run(model, optim.SGD(model.parameters(), lr=0.1, momentum=0.5), **options)


def until(claim: Callable[[], bool], within: float = 3.0) -> None:
    end = time.monotonic() + within
    while not claim():
        assert time.monotonic() < end, "too late"
        time.sleep(0.005)


class Looping:
    """A loop on a thread of its own, as a cell would run it."""

    def __init__(self, run: Run) -> None:
        self.run, self.stopped = run, False
        self.thread = threading.Thread(target=self._loop, daemon=True)
        self.thread.start()

    def _loop(self) -> None:
        try:
            for _ in range(100_000):
                self.run.step(loss=1.0)
                time.sleep(0.001)
        except RunStopped:
            self.stopped = True


def test_pause_step_resume_and_stop_act_at_the_edge_of_a_step() -> None:
    loop = Looping(make())
    run = loop.run
    until(lambda: run.step_index > 3)
    run.pause()
    until(lambda: run.state == "paused")
    held = run.step_index
    time.sleep(0.3)
    assert run.step_index == held
    run.advance()
    until(lambda: run.step_index == held + 1 and run.state == "paused")
    run.resume()
    until(lambda: run.step_index > held + 3)
    run.stop()
    loop.thread.join(3)
    assert (loop.stopped, run.state) == (True, "stopped")


def test_a_paused_run_can_be_stopped() -> None:
    loop = Looping(make())
    until(lambda: loop.run.step_index > 1)
    loop.run.pause()
    until(lambda: loop.run.state == "paused")
    loop.run.stop()
    loop.thread.join(3)
    assert loop.run.state == "stopped"


def test_a_control_changes_every_group_and_is_noted_with_its_step() -> None:
    a, b = nn.Linear(2, 1), nn.Linear(2, 1)
    optimizer = optim.SGD([{"params": a.parameters()}, {"params": b.parameters(), "lr": 0.2}], lr=0.1)
    run = Run(a, optimizer)
    run.step(loss=1.0)
    run.set("lr", 0.01)
    assert optimizer.param_groups[0]["lr"] == 0.1, "nothing changes in the middle of a step"
    run.step(loss=1.0)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.01, 0.02])
    assert [(event.step, event.code) for event in run.events] == [(2, "control")]


def test_a_control_stays_within_its_limits_and_unknown_ones_are_errors() -> None:
    run = make()
    run.set("momentum", 7.0)
    run.step(loss=1.0)
    assert run.optimizer.param_groups[0]["momentum"] == pytest.approx(0.999)
    with pytest.raises(errors.ArgumentError, match="temperature"):
        run.set("temperature", 1.0)


def test_a_listener_that_raises_is_dropped_and_training_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    run, seen = make(), []
    run.listeners += [SimpleNamespace(on_step=lambda run: 1 / 0), SimpleNamespace(on_step=lambda run: seen.append(run.step_index))]
    with caplog.at_level(logging.ERROR, "workbench"):
        for _ in range(3):
            run.step(loss=1.0)
    assert seen == [1, 2, 3]
    assert len(run.listeners) == 1
    assert sum("was dropped" in record.message for record in caplog.records) == 1


def test_a_run_listener_that_cannot_be_loaded_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "LISTENERS", ["no.such:thing", lambda run: 1 / 0])
    make().step(loss=1.0)


def test_a_block_ends_in_the_state_of_what_happened() -> None:
    with make() as done:
        done.step(loss=1.0)
    assert done.state == "done"
    failed = make()
    with pytest.raises(ZeroDivisionError), failed:
        raise ZeroDivisionError("oh")
    assert failed.state == "failed"
    assert failed.events[-1].level == "error"
    interrupted = make()
    with pytest.raises(KeyboardInterrupt), interrupted:
        raise KeyboardInterrupt
    assert interrupted.state == "stopped"


def test_stopping_shows_one_line_in_a_notebook() -> None:
    with make() as run:
        run.stop()
        run.step(loss=1.0)
    assert run.state == "stopped"
    assert RunStopped("gone")._render_traceback_() == ["gone"]


def test_only_numbers_are_logged() -> None:
    run = make()
    run.step(loss=wb.tensor(2.0), accuracy=np.float32(0.5))
    assert (run.history.last("loss"), run.history.last("accuracy")) == (2.0, 0.5)
    with pytest.raises(errors.ArgumentError, match="loss"):
        run.step(loss="low")
    assert "loss=2" in repr(run)


def test_history_keeps_holes_and_fills_them_later() -> None:
    history = History()
    history.append(1, {"loss": 2.0})
    history.append(2, {"loss": 1.0})
    history.append(2, {"val": 5.0})
    steps, values = history.rows()
    assert steps.tolist() == [1, 2]
    np.testing.assert_array_equal(values, [[2, 1], [np.nan, 5]])
    assert history.column("val")[0].tolist() == [2]
    assert history.rows(since=1)[0].tolist() == [2]


def test_a_nan_that_was_logged_is_no_hole() -> None:
    history = History()
    history.append(1, {"loss": 2.0, "val": 1.0})
    history.append(2, {"loss": float("nan")})
    assert np.isnan(history.last("loss"))
    assert history.last("val") == 1.0
    again = History()
    again.load_state_dict(history.state_dict())
    assert repr(again.records()) == repr(history.records()) == repr([(1, {"loss": np.float32(2), "val": np.float32(1)}), (2, {"loss": np.float32("nan")})])
    old = history.state_dict()
    del old["logged"]
    again.load_state_dict(old)
    assert again.last("loss") == 2.0


def test_history_is_read_whole_while_it_grows() -> None:
    history, wrong = History(), []

    def read() -> None:
        while len(history) < 5000:
            steps, values = history.rows()
            if len(steps) != values.shape[1] or (len(steps) > 1 and not (np.diff(steps) == 1).all()):
                wrong.append(len(steps))

    reader = threading.Thread(target=read)
    reader.start()
    for step in range(5000):
        history.append(step, {"loss": step, f"name{step % 7}": 1.0})
    reader.join()
    assert not wrong


def test_a_history_reads_like_that_of_keras() -> None:
    history = wb.train.History()
    history.append(1, {"loss": 2.0})
    history.append(2, {"loss": 1.0, "accuracy": 0.5})
    assert {name: history[name].tolist() for name in history} == {"loss": [2.0, 1.0], "accuracy": [0.5]}
    assert (history.keys(), "loss" in history, "los" in history) == (("loss", "accuracy"), True, False)
    with pytest.raises(errors.ArgumentError, match="'los'.*loss, accuracy"):
        history["los"]
