"""fit in one line, the trainer behind it, and its metrics."""
from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

import workbench as wb
from workbench import data, errors, nn, optim, train
from workbench.nn import functional as F


def classifier() -> nn.Module:
    wb.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))


def test_one_line_learns_iris() -> None:
    run = wb.fit(classifier(), data.iris(), loss=F.cross_entropy, lr=0.02, epochs=30, validation=0.2)
    assert run.state == "done"
    assert run.history.last("val_accuracy") > 0.9
    assert run.history.last("loss") < 0.3
    assert run.total == run.step_index == 60


def test_the_same_seed_gives_the_same_weights() -> None:
    weights = []
    for _ in range(2):
        model = classifier()
        wb.fit(model, data.iris(), loss=F.cross_entropy, epochs=3, seed=5)
        weights.append(np.concatenate([p.numpy().ravel() for p in model.parameters()]))
    np.testing.assert_array_equal(*weights)


def test_regression_needs_no_classes() -> None:
    wb.manual_seed(0)
    run = wb.fit(nn.Linear(10, 1), data.diabetes(), loss=F.mse_loss, lr=1.0, epochs=20, validation=data.diabetes(), metrics=["mae"])
    assert run.history.column("val_loss")[1][-1] < run.history.column("val_loss")[1][0]
    assert run.history.last("val_mae") > 0


def test_validation_runs_in_evaluation_mode_and_leaves_training_mode() -> None:
    modes = []

    class Spy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, x: wb.Tensor) -> wb.Tensor:
            modes.append((self.training, wb.is_grad_enabled()))
            return self.layer(x)

    wb.fit(Spy(), data.iris(), loss=F.cross_entropy, epochs=1, batch_size=200, validation=0.5)
    assert modes == [(True, True), (False, False)]


def test_scheduler_and_clipping_are_applied() -> None:
    model = classifier()
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    wb.fit(model, data.iris(), loss=F.cross_entropy, optimizer=optimizer, epochs=2, batch_size=150, max_grad_norm=1e-6,
           scheduler=lambda each: optim.lr_scheduler.StepLR(each, 1, gamma=0.1))
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01)
    fresh = classifier()
    moved = sum(float(np.abs(a.numpy() - b.numpy()).sum()) for a, b in zip(model.parameters(), fresh.parameters(), strict=True))
    assert 0 < moved < 1e-4


def test_a_stop_keeps_what_was_learned() -> None:
    seen = []

    class Stop:
        def on_step(self, run: train.Run) -> None:
            seen.append(run.step_index)
            if run.step_index == 3:
                run.stop()

    train.run.LISTENERS.append(lambda run: run.listeners.append(Stop()))
    try:
        run = wb.fit(classifier(), data.iris(), loss=F.cross_entropy, epochs=50)
    finally:
        train.run.LISTENERS.pop()
    assert (run.state, seen) == ("stopped", [1, 2, 3])


@pytest.mark.parametrize("wrong", [dict(epochs=0), dict(validation=1.5), dict(metrics=["beauty"], validation=0.2)])
def test_wrong_arguments_are_errors(wrong: dict) -> None:
    with pytest.raises(errors.ArgumentError):
        wb.fit(classifier(), data.iris(), loss=F.cross_entropy, **wrong)


def test_metrics_are_scikit_learns_also_when_merged() -> None:
    rng = np.random.default_rng(0)
    scores, classes = rng.normal(size=(40, 3)), rng.integers(0, 3, 40)
    x, y = rng.normal(size=30), rng.normal(size=30)
    cases = [(train.Accuracy, scores, classes, reference.accuracy_score(classes, scores.argmax(1))),
             (train.MeanSquaredError, x, y, reference.mean_squared_error(y, x)),
             (train.MeanAbsoluteError, x, y, reference.mean_absolute_error(y, x))]
    for kind, prediction, target, expected in cases:
        parts = kind(), kind()
        for part, chosen in zip(parts, (slice(0, 11), slice(11, None)), strict=True):
            part.update(wb.tensor(prediction[chosen]), wb.tensor(target[chosen]))
        parts[0].merge(parts[1])
        assert parts[0].compute() == pytest.approx(expected)
        parts[0].reset()
        assert np.isnan(parts[0].compute())


def test_a_metric_refuses_shapes_that_would_broadcast() -> None:
    with pytest.raises(errors.ShapeError):
        train.MeanSquaredError().update(wb.ones(3, 1), wb.ones(3))


# Names ----------------------------------------------------------------------------------------------------------------------
LOSSES = {"name": "cross_entropy", "class": nn.CrossEntropyLoss, "instance": nn.CrossEntropyLoss(), "function": F.cross_entropy}
OPTIMIZERS = {"name": "sgd", "class": optim.SGD, "function": lambda parameters: optim.SGD(parameters, lr=0.1), "instance": None}


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_fit_trainer_and_compile_take_names_classes_functions_and_objects(loss, optimizer) -> None:
    runs = []
    for way in ("fit", "Trainer", "compile"):
        wb.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 3))
        chosen = optimizer or optim.SGD(model.parameters(), lr=0.1)
        rate = {"lr": 0.1} if isinstance(optimizer, (str, type)) else {}
        loader = data.DataLoader(data.iris(), 50)
        if way == "fit":
            run = wb.fit(model, loader, loss=loss, optimizer=chosen, **rate, epochs=2, metrics="accuracy", validation=loader)
        elif way == "Trainer":
            made = optim.SGD(model.parameters(), **rate) if rate else chosen
            run = train.Trainer(model, loss, made, metrics="accuracy").fit(loader, 2, validation=loader)
        else:
            model.compile(chosen, loss, "accuracy", **rate)
            run = model.fit(loader, epochs=2, validation_data=loader, verbose=0)
        runs.append((run.history.column("loss")[1].tolist(), run.history.last("val_accuracy")))
    assert runs[0] == runs[1] == runs[2]


def test_a_name_without_a_rate_takes_the_rate_of_its_class() -> None:
    assert train.Trainer(nn.Linear(4, 3), "mse", "adamw").optimizer.defaults["lr"] == 1e-3
    assert wb.fit(nn.Linear(4, 3), data.iris(), loss="cross_entropy", optimizer="sgd", epochs=1).optimizer.defaults["lr"] == 1e-3


@pytest.mark.parametrize(("wrong", "words"), [
    ({"optimizer": "adma"}, "fit: no optimizer is called 'adma'; did you mean adam"), ({"loss": "cross_entropi"}, "did you mean crossentropy"),
    ({"metrics": ["acuracy"]}, "no metric is called 'acuracy'; did you mean accuracy"), ({"optimizer": 3}, "optimizer=3; expected a name"),
    ({"loss": 3}, "loss=3; expected a name"), ({"metrics": [3]}, "metric 3; expected a name"),
    ({"optimizer": lambda parameters: optim.SGD(parameters, lr=0.1), "lr": 0.1}, "lr goes with the name")], ids=lambda part: str(part)[:30])
def test_names_that_are_not_known_and_things_that_are_none(wrong, words) -> None:
    with pytest.raises(errors.ArgumentError, match=words):
        wb.fit(nn.Linear(4, 3), data.iris(), **{"loss": "mse", **wrong})


# Data -----------------------------------------------------------------------------------------------------------------------
def test_fit_takes_arrays_as_keras_and_sklearn_do() -> None:
    x, y = (t.numpy() for t in data.iris().tensors)
    runs = []
    for given in (data.TensorDataset(x, y), (x, y), (wb.tensor(x), wb.tensor(y)), (x.astype(np.float64), y)):
        wb.manual_seed(0)
        runs.append(wb.fit(nn.Linear(4, 3), given, loss="cross_entropy", epochs=1, validation=given).history)
    assert len({(history.last("loss"), history.last("val_accuracy")) for history in runs}) == 1
    wb.fit(nn.Linear(4, 3), (x, y), loss="cross_entropy", epochs=1, validation=0.2)


@pytest.mark.parametrize(("given", "words"), [
    ({"data": np.zeros((9, 4))}, r"data is ndarray; expected a Dataset, a DataLoader, or arrays \(x, y\)"), ({"validation": 1}, "validation is int; expected"),
    ({"data": (np.zeros((9, 4)), np.zeros(8))}, "the same number of samples")])
def test_what_is_no_data_is_named(given, words) -> None:
    with pytest.raises((errors.ArgumentError, errors.ShapeError), match=words):
        wb.fit(nn.Linear(4, 3), given.get("data", data.iris()), loss="cross_entropy", validation=given.get("validation"))


class Slow(data.Dataset):
    """Gives one item at a time."""

    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return np.full(4, index, np.float32), index % 3


@pytest.mark.parametrize("given", [data.iris(), data.DataLoader(data.iris(), 50), Slow()], ids=["dataset", "loader", "items"])
def test_lazy_layers_see_a_sample_before_the_optimizer_takes_their_parameters(given) -> None:
    model = nn.Sequential(nn.LazyLinear(8), nn.BatchNorm1d(8), nn.LazyLinear(3))
    run = wb.fit(model, given, loss="cross_entropy", epochs=1, max_steps=1)
    assert [tuple(p.shape) for p in run.optimizer.param_groups[0]["params"]] == [(8, 4), (8,), (8,), (8,), (3, 8), (3,)]
    assert model.training
    assert model[1].num_batches_tracked.item() == 1


# Several places to evaluate, and callbacks that fail ----------------------------------------------------------------------------
def test_several_sets_are_evaluated_by_name() -> None:
    model = classifier()
    trainer = train.Trainer(model, "cross_entropy", optim.SGD(model.parameters(), lr=0.1), metrics=["accuracy"])
    loaders = {"val": [data.iris()[:50]], "other": [data.iris()[50:]]}
    run = trainer.fit([data.iris()[:]], epochs=2, validation=loaders, progress=False)
    assert run.history.names == ("loss", "val_loss", "val_accuracy", "other_loss", "other_accuracy")
    for name, loader in loaders.items():
        assert run.history.last(f"{name}_loss") == trainer.evaluate(loader)["loss"] == trainer.scores[f"{name}_loss"]


@pytest.mark.parametrize("hook", ["on_fit_start", "on_step_end", "on_fit_end", "on_exception"])
def test_a_callback_that_fails_does_not_keep_others_from_ending(hook) -> None:
    seen = []

    def fail(*args):
        raise KeyError(hook)

    def spy(name):
        return train.LambdaCallback(**{each: lambda *args, each=each: seen.append((name, each)) for each in ("on_fit_start", "on_exception", "on_fit_end")})

    wrong = train.LambdaCallback(**{hook: fail}, **({"on_step_end": fail} if hook == "on_exception" else {}))
    model = nn.Linear(4, 3)
    with pytest.raises(KeyError, match=hook):
        train.Trainer(model, "cross_entropy", optim.SGD(model.parameters(), lr=0.1), callbacks=[spy("a"), wrong, spy("b")]).fit(
            [data.iris()[:]], progress=False)
    both = hook != "on_fit_start"
    assert [pair for pair in seen if pair[1] == "on_fit_end"] == [("a", "on_fit_end"), ("b", "on_fit_end")][:1 + both]
    assert (("a", "on_exception") in seen) == (hook != "on_fit_end")


def _other() -> optim.Optimizer:
    return optim.SGD(nn.Linear(4, 3).parameters(), lr=0.1)


@pytest.mark.parametrize(("options", "words"), [
    ({"optimizer": _other()}, "none of the parameters of the optimizer belongs to this Linear"),
    ({"scheduler": optim.lr_scheduler.StepLR(_other(), 1)}, "StepLR. sets the rates of another optimizer"),
    ({"metrics": [train.metrics.F1("macro"), train.metrics.F1("micro")]}, "two metrics are called 'f1'"),
    ({"loss": lambda prediction, target: 1.0}, "the loss gave a float"),
    ({"callbacks": [train.EarlyStopping()]}, "watches 'val_loss', but nothing is evaluated")])
def test_what_would_quietly_do_nothing_is_an_error(options, words) -> None:
    model = nn.Linear(4, 3)
    with pytest.raises(errors.ArgumentError, match=words):
        train.Trainer(model, **{"loss": "cross_entropy", "optimizer": optim.SGD(model.parameters(), lr=0.1), **options}).fit([data.iris()[:]], progress=False)


def test_a_metric_may_have_a_name_of_its_own() -> None:
    micro = train.metrics.F1("micro")
    micro.name = "f1_micro"
    model = nn.Linear(4, 3)
    trainer = train.Trainer(model, "cross_entropy", optim.SGD(model.parameters(), lr=0.1), metrics=[train.metrics.F1("macro"), micro])
    assert list(trainer.evaluate([data.iris()[:]])) == ["loss", "f1", "f1_micro"]


def test_what_is_no_loader_is_named() -> None:
    model = nn.Linear(4, 3)
    with pytest.raises(errors.ArgumentError, match="loader is int; expected batches"):
        train.Trainer(model, "mse", optim.SGD(model.parameters(), lr=0.1)).fit(5)
