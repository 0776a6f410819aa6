"""The trainer's loop: what a step is, when hooks are called, and that every way of running it computes the same."""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import workbench as wb
from workbench import data, errors, nn, optim, train
from workbench.nn import functional as F
from workbench.optim import lr_scheduler


def classifier() -> nn.Module:
    wb.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3))


def trainer(model: nn.Module | None = None, lr: float = 0.1, **options: Any) -> train.Trainer:
    model = classifier() if model is None else model
    return train.Trainer(model, F.cross_entropy, optim.SGD(model.parameters(), lr=lr, momentum=0.9), **options)


def batches(*sizes: int) -> list[tuple[wb.Tensor, wb.Tensor]]:
    x, y = data.iris()[:]
    ends = np.cumsum(sizes)
    return [(x[end - size:end], y[end - size:end]) for end, size in zip(ends, sizes, strict=True)]


def weights(model: nn.Module) -> np.ndarray:
    return np.concatenate([p.numpy().ravel() for p in model.parameters()])


# One step ---------------------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("options", [dict(accumulate=3), dict(micro_batch=7), dict(accumulate=2, micro_batch=5)], ids=str)
def test_accumulated_and_divided_batches_make_the_step_of_the_whole(options: dict[str, int]) -> None:
    sizes = [20, 20, 8] if "accumulate" in options and options["accumulate"] == 3 else [24, 24]
    whole = trainer(classifier().double())
    x, y = data.iris()[:48]
    expected = whole.fit([(x.double(), y)])
    parted = trainer(classifier().double(), **options)
    given = [(x.double(), y) for x, y in batches(*sizes)] if "accumulate" in options else [(x.double(), y)]
    run = parted.fit(given)
    assert run.step_index == 1
    np.testing.assert_allclose(weights(parted.model), weights(whole.model), rtol=0, atol=1e-14)
    assert run.history.last("loss") == pytest.approx(expected.history.last("loss"), rel=1e-6)


def test_the_last_step_of_an_epoch_takes_what_is_left() -> None:
    seen = []
    callback = train.LambdaCallback(on_batch_start=lambda trainer, batch: seen.append((trainer.run.step_index, len(batch[1]))))
    run = trainer(accumulate=2, callbacks=[callback]).fit(batches(10, 10, 3), epochs=2)
    assert (run.step_index, run.total) == (4, 4)
    assert seen == [(0, 10), (0, 10), (1, 3), (2, 10), (2, 10), (3, 3)]


def test_batches_of_every_form() -> None:
    (x, y), = batches(30)

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, a: wb.Tensor, b: wb.Tensor, labels: wb.Tensor | None = None) -> Any:
            scores = self.layer(a + b)
            return scores if labels is None else {"loss": F.cross_entropy(scores, labels), "extra": 2.0}

    def make(**options: Any) -> train.Trainer:
        wb.manual_seed(0)
        model = Two()
        return train.Trainer(model, options.pop("loss", None), optim.SGD(model.parameters(), lr=0.1), **options)

    def by_hand(model: nn.Module, batch: Any) -> wb.Tensor:
        return F.cross_entropy(model(batch[0]["first"], x), batch[1])

    cases = [(make(loss=F.cross_entropy), (x, x, y)), (make(loss=F.cross_entropy), {"a": x, "b": x, "labels": y}),
             (make(), {"a": x, "b": x, "labels": y}), (make(step=by_hand), [{"first": x}, y])]
    results = []
    for each, batch in cases:
        run = each.fit([batch], epochs=2, validation=[batch])
        results.append(weights(each.model))
        assert run.history.last("val_loss") < run.history.column("loss")[1][0]
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])
    assert run.history.names == ("loss", "val_loss")


def test_a_step_may_log_numbers_and_serve_metrics() -> None:
    def step(model: nn.Module, batch: Any) -> dict[str, Any]:
        scores = model(batch[0])
        return {"loss": F.cross_entropy(scores, batch[1]), "margin": scores.mean(), "prediction": scores, "target": batch[1]}

    run = trainer(step=step, metrics=["accuracy"]).fit(batches(30, 30), validation=batches(20, 5))
    assert run.history.names == ("loss", "margin", "val_loss", "val_margin", "val_accuracy")


@pytest.mark.parametrize(("batch", "words"), [({"a": 1}, "no target"), (wb.ones(3), r"step\(model, batch\)"), ((wb.ones(3),), r"step\(model, batch\)")])
def test_batches_without_a_target_are_errors(batch: Any, words: str) -> None:
    with pytest.raises(errors.ArgumentError, match=words):
        trainer().fit([batch])


@pytest.mark.parametrize("wrong", [None, wb.ones(3), {"prediction": 1}])
def test_a_step_must_return_a_loss(wrong: Any) -> None:
    with pytest.raises(errors.ArgumentError, match="must return the loss"):
        trainer(step=lambda model, batch: wrong).fit(batches(3))


def test_a_batch_that_cannot_be_divided_is_an_error() -> None:
    with pytest.raises(errors.ArgumentError, match="cannot be divided"):
        trainer(micro_batch=2).fit([(wb.ones(4, 4), wb.ones(3))])


@pytest.mark.parametrize("wrong", [dict(accumulate=0), dict(micro_batch=0), dict(evaluate_every=0), dict(schedule="day"), dict(precision="8")])
def test_options_without_sense_are_errors(wrong: dict[str, Any]) -> None:
    with pytest.raises(errors.ArgumentError, match=next(iter(wrong))):
        trainer(**wrong)


def test_an_optimizer_and_sensible_lengths_are_needed() -> None:
    with pytest.raises(errors.ArgumentError, match="optimizer"):
        train.Trainer(classifier(), F.cross_entropy)
    for wrong in (dict(epochs=0), dict(max_steps=0)):
        with pytest.raises(errors.ArgumentError, match=next(iter(wrong))):
            trainer().fit(batches(3), **wrong)


# The loop ---------------------------------------------------------------------------------------------------------------------------
def test_hooks_are_called_in_order() -> None:
    calls: list[str] = []

    class Spy(train.Callback):
        def __getattribute__(self, name: str) -> Any:
            if name.startswith("on_"):
                calls.append(name[3:])
            return super().__getattribute__(name)

    trainer(callbacks=[Spy()]).fit(batches(5, 5), epochs=2, validation=batches(5))
    step = ["batch_start", "backward_end", "step_end"]
    epoch = ["epoch_start", *step, *step, "evaluate_end", "epoch_end"]
    assert calls == ["fit_start", *epoch, *epoch, "fit_end"]


def test_an_error_reaches_callbacks_and_the_caller() -> None:
    seen = []
    spy = train.LambdaCallback(on_exception=lambda trainer, error: seen.append(type(error)), on_fit_end=lambda trainer: seen.append(trainer.run.state))
    wrong = train.LambdaCallback(on_step_end=lambda trainer: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        trainer(callbacks=[spy, wrong]).fit(batches(5))
    assert seen == [ZeroDivisionError, "failed"]
    with pytest.raises(errors.ArgumentError, match="on_step_start"):
        train.LambdaCallback(on_step_start=print)


def test_steps_bound_the_training_and_what_remains_is_evaluated() -> None:
    run = trainer().fit(batches(5, 5, 5), max_steps=7, validation=batches(5))
    assert (run.step_index, run.total) == (7, 7)
    assert run.history.column("val_loss")[0].tolist() == [3, 6, 7]
    run = trainer().fit(batches(5, 5, 5), epochs=2, max_steps=100)
    assert (run.step_index, run.total) == (6, 6)


def test_evaluation_by_steps() -> None:
    run = trainer(evaluate_every=2).fit(batches(5, 5, 5), epochs=2, validation=batches(5))
    assert run.history.column("val_loss")[0].tolist() == [2, 4, 6]


def test_a_part_that_is_kept_in_evaluation_mode_stays_so() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    freeze = train.LambdaCallback(on_epoch_start=lambda trainer: model[1].eval() if trainer.epoch == 0 else None)
    trainer(model, callbacks=[freeze]).fit(batches(10, 10), epochs=3, validation=batches(10))
    assert (model.training, model[1].training, model[1].num_batches_tracked.item()) == (True, False, 0)


def test_evaluation_counts_every_sample_the_same() -> None:
    each = trainer(metrics=["accuracy"])
    x, y = data.iris()[:30]
    scores = each.model(x)
    found = each.evaluate(batches(20, 7, 3))
    assert found["loss"] == pytest.approx(F.cross_entropy(scores, y).item(), rel=1e-5)
    assert found["accuracy"] == pytest.approx(float((scores.numpy().argmax(1) == y.numpy()).mean()))


def test_an_optimizer_that_looks_at_several_points_gets_a_closure() -> None:
    losses = []
    for options in (dict(), dict(accumulate=3), dict(micro_batch=8), dict(compile=True)):
        model = classifier().double()
        optimizer = optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe", max_iter=5)
        given = [(x.double(), y) for x, y in (batches(10, 10, 10) if "accumulate" in options else batches(30))]
        run = train.Trainer(model, F.cross_entropy, optimizer, **options).fit(given, epochs=4)
        losses.append(run.history.column("loss")[1])
    assert losses[0][-1] < 0.1 * losses[0][0]
    for other in losses[1:]:
        np.testing.assert_allclose(other, losses[0], rtol=1e-4, atol=1e-6)
    with pytest.raises(errors.ArgumentError, match="LBFGS"):
        train.Trainer(model, F.cross_entropy, optimizer, precision="16")


def test_streams_have_no_length_and_train_nevertheless() -> None:
    class Stream(data.IterableDataset):
        def __iter__(self) -> Any:
            return iter([(each[0], int(each[1].item())) for each in (data.iris()[n] for n in range(0, 150, 5))])

    loader = data.DataLoader(Stream(), 8)
    run = wb.fit(classifier(), loader, loss=F.cross_entropy, epochs=2, validation=loader)
    assert (run.step_index, run.total) == (8, None)
    assert run.history.names == ("loss", "val_loss")
    assert wb.fit(classifier(), loader, loss=F.cross_entropy, epochs=9, max_steps=6).step_index == 6


def test_a_metric_that_is_no_number_is_kept_beside_the_log() -> None:
    each = trainer(metrics=["accuracy", "confusion_matrix"])
    run = each.fit(batches(50), validation=[data.iris()[:]])
    assert "val_confusion_matrix" not in run.history.names
    assert np.diag(each.scores["val_confusion_matrix"]).sum() / 150 == pytest.approx(run.history.last("val_accuracy"))


def test_schedules_by_step_by_epoch_and_by_what_was_reached() -> None:
    def rates(kind: Any, **options: Any) -> list[float]:
        each = trainer(callbacks=[train.LearningRateMonitor()], **options)
        each.scheduler = kind(each.optimizer)
        run = each.fit(batches(5, 5), epochs=3, validation=batches(5))
        return run.history.column("lr")[1].tolist()

    halved = lambda optimizer: lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    assert rates(halved) == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025, 0.025])
    assert rates(halved, schedule="step") == pytest.approx([0.1 / 2**n for n in range(6)])
    plateau = lambda optimizer: lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=10.0, threshold_mode="abs")
    assert rates(plateau) == pytest.approx([0.1, 0.1, 0.1, 0.1, 0.01, 0.01])
    assert rates(plateau, monitor="loss", schedule="step") == pytest.approx([0.1, 0.1, *(0.1 / 10**n for n in range(1, 5))])
    with pytest.raises(errors.ArgumentError, match="'beauty' has not been logged"):
        rates(plateau, monitor="beauty")


def test_clipping_by_norm_by_function_and_by_callback() -> None:
    moved = []
    for options in (dict(max_grad_norm=1e-3), dict(max_grad_norm=lambda parameters: optim.clip_grad_norm_(parameters, 1e-3)),
                    dict(callbacks=[train.GradientClipping(max_norm=1e-3)])):
        each = trainer(lr=1.0, **options)
        before = weights(each.model)
        each.fit(batches(5))
        moved.append(np.linalg.norm(weights(each.model) - before))
    assert moved == pytest.approx([1e-3] * 3, rel=1e-2)
    each = trainer(lr=1.0, callbacks=[train.GradientClipping(clip_value=1e-3)])
    before = weights(each.model)
    each.fit(batches(5))
    assert np.abs(weights(each.model) - before).max() == pytest.approx(1e-3, rel=1e-2)
    for wrong in ({}, dict(max_norm=1.0, clip_value=1.0)):
        with pytest.raises(errors.ArgumentError):
            train.GradientClipping(**wrong)


@pytest.mark.parametrize("options", [dict(), dict(accumulate=2), dict(max_grad_norm=0.1), dict(precision="bf16")], ids=str)
def test_a_compiled_trainer_computes_the_same(options: dict[str, Any]) -> None:
    def run(compile: bool) -> tuple[np.ndarray, np.ndarray]:
        each = trainer(compile=compile, **options)
        each.scheduler = lr_scheduler.StepLR(each.optimizer, 1, gamma=0.5)
        run = each.fit(batches(20, 20, 7), epochs=4, validation=batches(30))
        return weights(each.model), run.history.rows()[1]

    for found, expected in zip(run(True), run(False), strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-2 if "precision" in options else 2e-5, atol=1e-3 if "precision" in options else 1e-6)


def test_with_a_seed_a_run_repeats_bit_for_bit() -> None:
    def run() -> np.ndarray:
        model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))
        for parameter, start in zip(model.parameters(), classifier_of(8).parameters(), strict=True):
            parameter.data[...] = start.data
        noise = train.BatchTransform(lambda x, y: (x + wb.tensor(np.random.normal(size=x.shape), dtype=wb.float32), y))
        trainer(model, seed=3, callbacks=[noise]).fit(data.DataLoader(data.iris(), 30, shuffle=True, seed=1), epochs=2)
        return weights(model)

    np.testing.assert_array_equal(run(), run())


def classifier_of(width: int) -> nn.Module:
    wb.manual_seed(0)
    return nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, 3))


def test_a_loader_that_is_used_up_is_an_error_and_no_endless_loop() -> None:
    with pytest.raises(errors.ArgumentError, match="no batch in epoch 2; a generator"):
        trainer().fit(iter(batches(5, 5)), max_steps=100)
    with pytest.raises(errors.ArgumentError, match="no batch in epoch 1; is its data empty"):
        trainer().fit([])


# Callbacks --------------------------------------------------------------------------------------------------------------------------
def test_training_stops_when_nothing_gets_better_and_the_best_weights_return() -> None:
    kept = []
    spy = train.LambdaCallback(on_evaluate_end=lambda trainer, scores: kept.append((scores["val_loss"], weights(trainer.model).copy())))
    stop = train.EarlyStopping(patience=2, restore_best=True)
    each = trainer(lr=30.0, callbacks=[spy, stop])
    run = each.fit(batches(50, 50), epochs=50, validation=[data.iris()[100:]])
    best = min(range(len(kept)), key=lambda n: kept[n][0])
    assert len(kept) == best + 3 < 50
    assert run.state == "done"
    assert run.events[-1].code == "early-stopping"
    np.testing.assert_array_equal(weights(each.model), kept[best][1])


@pytest.mark.parametrize("wrong", [dict(patience=0), dict(mode="up"), dict(min_delta=-1.0)])
def test_early_stopping_refuses_what_makes_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(errors.ArgumentError):
        train.EarlyStopping(**wrong)


def test_early_stopping_names_what_it_could_watch() -> None:
    with pytest.raises(errors.ArgumentError, match="val_loss"):
        trainer(callbacks=[train.EarlyStopping("val_beauty")]).fit(batches(5), validation=batches(5))


@pytest.mark.parametrize(("every", "start", "count"), [("step", 0, 6), ("epoch", 0, 3), ("epoch", 1, 2), ("step", 2, 2)])
def test_evaluation_is_of_the_averaged_weights(every: str, start: int, count: int) -> None:
    each = trainer()
    averaged, taken = optim.swa_utils.AveragedModel(each.model), []
    spy = train.LambdaCallback(on_step_end=lambda trainer: taken.append(weights(trainer.model).copy()))
    each = trainer(each.model, callbacks=[spy, train.WeightAveraging(averaged, every, start)])
    each.fit(batches(20, 20), epochs=3)
    chosen = taken[start * 2:] if every == "step" else taken[1::2][start:]
    assert averaged.n_averaged.item() == count == len(chosen)
    np.testing.assert_allclose(weights(averaged.module), np.mean(chosen, axis=0), atol=1e-6)
    (x, y), = batches(40)
    assert each.evaluate([(x, y)])["loss"] == pytest.approx(F.cross_entropy(averaged.module(x), y).item(), rel=1e-6)


def test_an_exponential_average_is_evaluated_and_training_goes_on_with_the_weights() -> None:
    plain, averaged = trainer(), trainer(ema=0.5)
    runs = [each.fit(batches(20, 20), epochs=3, validation=batches(40)) for each in (plain, averaged)]
    np.testing.assert_array_equal(weights(plain.model), weights(averaged.model))
    np.testing.assert_array_equal(*(run.history.column("loss")[1] for run in runs))
    (x, y), = batches(40)
    with averaged.ema.apply():
        expected = F.cross_entropy(averaged.model(x), y).item()
    assert runs[1].history.last("val_loss") == averaged.evaluate([(x, y)])["loss"] == pytest.approx(expected, rel=1e-6)
    assert runs[1].history.last("val_loss") != runs[0].history.last("val_loss")
    with pytest.raises(errors.ArgumentError, match="AveragedModel"):
        train.WeightAveraging(classifier)


def test_sharpness_aware_steps_are_those_by_hand() -> None:
    each = trainer()
    by_hand = classifier()
    inside = optim.SGD(by_hand.parameters(), lr=0.1, momentum=0.9)
    for optimizer, model in ((each.optimizer, each.model), (inside, by_hand)):
        assert optimizer.param_groups[0]["params"][0] is next(model.parameters())
    train.Trainer(each.model, F.cross_entropy, optim.SAM(each.optimizer, rho=0.1)).fit(batches(20, 20), epochs=2)
    sam = optim.SAM(inside, rho=0.1)
    for _ in range(2):
        for x, y in batches(20, 20):
            def closure(x: wb.Tensor = x, y: wb.Tensor = y) -> wb.Tensor:
                sam.zero_grad()
                loss = F.cross_entropy(by_hand(x), y)
                loss.backward()
                return loss

            sam.step(closure)
    np.testing.assert_array_equal(weights(each.model), weights(by_hand))


def test_several_groups_log_their_rates_and_the_bar_shows_where_one_is_wanted(capsys: pytest.CaptureFixture) -> None:
    model = classifier()
    optimizer = optim.SGD([{"params": model[0].parameters()}, {"params": model[2].parameters(), "lr": 0.5}], lr=0.1)
    each = train.Trainer(model, F.cross_entropy, optimizer, callbacks=[train.LearningRateMonitor(), train.Throughput()], title="rates")
    run = each.fit(batches(5, 5), validation=batches(5), progress=True)
    assert [run.history.last(name) for name in ("lr/0", "lr/1")] == pytest.approx([0.1, 0.5])
    assert run.history.last("samples_per_second") == pytest.approx(5 / run.history.last("step_seconds"), rel=1e-5)
    shown = capsys.readouterr().err
    assert "rates" in shown
    assert "val_loss" in shown
    assert "2/2" in shown


def test_a_stop_from_outside_ends_at_a_complete_step(tmp_path: Any) -> None:
    def press(trainer: train.Trainer, batch: Any) -> None:
        if trainer.run.step_index == 2:
            trainer.run.stop()

    done = []
    each = trainer(callbacks=[train.LambdaCallback(on_batch_start=press, on_step_end=lambda trainer: done.append(trainer.run.step_index))])
    run = each.fit(batches(5, 5, 5, 5), checkpoint=tmp_path, validation=batches(5))
    assert (run.state, run.step_index, done) == ("stopped", 3, [1, 2, 3])
    resumed = trainer().fit(batches(5, 5, 5, 5), checkpoint=tmp_path, resume=True)
    assert (resumed.state, resumed.step_index) == ("done", 4)
