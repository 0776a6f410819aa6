"""The recorder looks now and then, within its budget, and leaves the model alone in between."""
from __future__ import annotations

import time

import numpy as np
import pytest

import workbench as wb
from workbench import nn, optim
from workbench.inspect import Recorder
from workbench.train import Run


def make(**options: object) -> tuple[Run, Recorder]:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    run = wb.watch(model, optim.SGD(model.parameters(), lr=0.1))
    return run, Recorder(run, **options)


def train(run: Run, steps: int, pause: float = 0.0) -> None:
    for _ in range(steps):
        loss = run.model(wb.ones(6, 4)).square().mean()
        run.optimizer.zero_grad()
        loss.backward()
        run.optimizer.step()
        time.sleep(pause)
        run.step(loss=loss)


def hooks(run: Run) -> int:
    return sum(len(module._hooks or ()) for module in run.model.modules())


def test_the_first_steps_are_looked_at_in_every_stream() -> None:
    run, recorder = make()
    train(run, 3)
    assert [record.step for record in recorder.history("gradflow")] == [1, 2, 3]
    assert [layer.type for layer in recorder.latest("activations").layers] == ["Linear", "ReLU", "Linear"]
    assert recorder.latest("graph").step == 1
    assert recorder.latest("attention") is None
    assert np.isfinite(recorder.latest("gradflow").stats[:, 2]).all(), "updates were measured"


def test_looks_are_rare_where_the_budget_is_small() -> None:
    run, recorder = make(budget=1e-6)
    train(run, 40)
    assert len(recorder.history("gradflow")) == 3
    assert hooks(run) == 0


def test_nobody_looking_attaches_nothing_and_keeps_nothing() -> None:
    run, recorder = make(probes=())
    train(run, 5)
    assert hooks(run) == 0
    assert recorder.history("gradflow") == []
    recorder.want({"gradflow"})
    train(run, 3)
    assert recorder.history("gradflow")
    assert recorder.latest("activations") is None


def test_a_long_run_is_thinned_and_keeps_its_first_and_last_look() -> None:
    run, recorder = make(probes={"gradflow"}, budget=1e9)
    train(run, 450)
    steps = [record.step for record in recorder.history("gradflow")]
    assert len(steps) <= 200
    assert (steps[0], steps[-1]) == (1, 450)
    assert steps == sorted(set(steps))


def test_a_subscriber_that_fails_does_not_stop_training(caplog: pytest.LogCaptureFixture) -> None:
    run, recorder = make()
    seen = []
    recorder.subscribe(lambda stream, record: 1 / 0)
    recorder.subscribe(lambda stream, record: seen.append(stream))
    train(run, 2)
    assert run.step_index == 2
    assert set(seen) == {"gradflow", "activations", "graph"}


def test_the_end_of_a_run_lets_go_of_the_model_and_keeps_measured_updates() -> None:
    run, recorder = make()
    train(run, 4)
    run.finish()
    assert hooks(run) == 0
    assert recorder.history("gradflow")[-1].step >= 3
    assert np.isfinite(recorder.history("gradflow")[-1].stats[:, 2]).all()


def test_labels_of_tokens_may_be_set_after_the_run_was_made() -> None:
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.attention = nn.Embedding(5, 8), nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, ids: wb.Tensor) -> wb.Tensor:
            x = self.table(ids)
            return self.attention(x, x, x)[0]

    run = wb.watch(Reader())
    recorder = Recorder(run, probes={"attention"})
    run.tokens = lambda ids: ["abcde"[i] for i in ids]
    for _ in range(2):
        run.model(wb.tensor([[0, 2, 4]]))
        run.step()
    assert recorder.latest("attention").tokens == ("a", "c", "e")
