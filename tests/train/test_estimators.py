"""Estimators: scikit-learn's own checks, its tools around them, and what they add."""
from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import workbench as wb
from workbench import errors, nn, optim, train
from workbench.nn import functional as F
from workbench.train.run import LISTENERS

KINDS = (train.NeuralNetClassifier, train.NeuralNetRegressor)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
LABELS = np.array(["low", "mid", "high"])[np.digitize(X @ [1, -2, 0.5, 0], [-1, 1])]
Y = X @ [1, -2, 0.5, 0] + 0.1


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_scikit_learns_checks_all_pass(kind, monkeypatch) -> None:
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    results = check_estimator(kind(), on_skip=None)
    assert len(results) >= 60
    assert [result["check_name"] for result in results if result["status"] not in ("passed", "skipped")] == []
    assert {result["check_name"] for result in results if result["status"] == "skipped"} <= {"check_array_api_input"}


def test_it_works_in_a_pipeline_a_search_and_a_cross_validation() -> None:
    model = make_pipeline(StandardScaler(), train.NeuralNetClassifier(max_epochs=20, random_state=0))
    assert cross_val_score(model, X, LABELS, cv=2).mean() > 0.6
    search = GridSearchCV(model, {"neuralnetclassifier__lr": [1e-6, 0.05], "neuralnetclassifier__optimizer": [optim.Adam, optim.AdamW]}, cv=2)
    search.fit(X, LABELS)
    assert search.best_params_["neuralnetclassifier__lr"] == 0.05
    assert set(search.predict(X)) <= {"low", "mid", "high"}


def test_probabilities_follow_the_order_of_classes() -> None:
    model = train.NeuralNetClassifier(max_epochs=60, random_state=0).fit(X, LABELS)
    assert model.classes_.tolist() == ["high", "low", "mid"]
    chances = model.predict_proba(X)
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    assert (model.classes_[chances.argmax(axis=1)] == model.predict(X)).all()
    assert model.score(X, LABELS) > 0.9
    assert model.n_features_in_ == 4
    assert len(model.history_) == 60
    assert model.history_[-1]["loss"] < model.history_[0]["loss"]


def test_numbers_come_in_the_shape_of_the_targets() -> None:
    flat = train.NeuralNetRegressor(max_epochs=40, random_state=0).fit(X, Y)
    assert flat.predict(X).shape == (60,)
    assert flat.score(X, Y) > 0.9
    for y in (Y[:, None], np.stack([Y, -Y], axis=1)):
        assert train.NeuralNetRegressor(max_epochs=2).fit(X, y).predict(X).shape == y.shape


@pytest.mark.parametrize("kind", KINDS)
def test_it_repeats_by_random_state_and_leaves_global_random_numbers_alone(kind) -> None:
    y = LABELS if kind is KINDS[0] else Y
    wb.manual_seed(3), np.random.seed(3)
    before = wb.rand(1).item(), np.random.rand()
    wb.manual_seed(3), np.random.seed(3)
    first, second = (kind(max_epochs=3, random_state=5).fit(X, y).predict(X) for _ in range(2))
    assert (first == second).all()
    assert (wb.rand(1).item(), np.random.rand()) == before


def test_a_weight_is_a_count() -> None:
    weight = np.arange(60) % 3
    for kind, y in zip(KINDS, (LABELS, Y), strict=True):
        weighted = kind(max_epochs=30, batch_size=200, random_state=0).fit(X, y, sample_weight=weight)
        repeated = kind(max_epochs=30, batch_size=200, random_state=0).fit(X.repeat(weight, axis=0), y.repeat(weight))
        for a, b in zip(weighted.module_.parameters(), repeated.module_.parameters(), strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("criterion", [nn.CrossEntropyLoss, nn.CrossEntropyLoss(), F.cross_entropy])
def test_a_criterion_may_be_a_class_a_module_or_a_function(criterion) -> None:
    plain, smooth = (train.NeuralNetClassifier(criterion=criterion, max_epochs=3, random_state=0, **how).fit(X, LABELS, sample_weight=np.ones(60))
                     .predict_proba(X) for how in ({}, {"criterion__label_smoothing": 0.3}))
    assert not np.allclose(plain, smooth)
    reference = train.NeuralNetClassifier(max_epochs=3, random_state=0).fit(X, LABELS).predict_proba(X)
    np.testing.assert_allclose(plain, reference, rtol=1e-6)


class Net(nn.Module):
    def __init__(self, inputs: int, outputs: int, width: int = 3) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(inputs, width), nn.Linear(width, outputs)

    def forward(self, x):
        return self.b(self.a(x).tanh())


def test_a_module_may_be_made_from_sizes_and_searched_over() -> None:
    model = train.NeuralNetClassifier(Net, module__width=7, optimizer__weight_decay=0.1, max_epochs=2)
    assert clone(model).get_params() == model.get_params()
    assert model.fit(X, LABELS).module_.a.weight.shape == (7, 4)
    assert model.optimizer_.param_groups[0]["weight_decay"] == 0.1
    search = GridSearchCV(model, {"module__width": [2, 5]}, cv=2).fit(X, LABELS)
    assert search.best_estimator_.module_.a.weight.shape[0] in (2, 5)


def test_a_given_model_is_copied_and_keeps_its_dtype() -> None:
    mine = Net(4, 1)
    before = copy.deepcopy(mine.state_dict())
    fitted = train.NeuralNetRegressor(mine, max_epochs=3).fit(X, Y)
    assert all((mine.state_dict()[name].numpy() == value.numpy()).all() for name, value in before.items())
    assert fitted.module_.a.weight.dtype == wb.float32 == fitted.predict(X).dtype
    assert train.NeuralNetRegressor(max_epochs=1).fit(X, Y).predict(X).dtype == np.float64


def test_images_go_in_as_they_are() -> None:
    images, digits = (part.numpy() for part in wb.data.digits()[:200])
    model = train.NeuralNetClassifier(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10)), max_epochs=15, random_state=0)
    assert model.fit(images, digits).score(images, digits) > 0.9


def test_parts_of_the_data_one_after_the_other() -> None:
    model = train.NeuralNetClassifier(random_state=0)
    with pytest.raises(errors.ArgumentError, match="classes=np.unique"):
        model.partial_fit(X, LABELS)
    for epoch in range(30):
        for part in (slice(0, 30), slice(30, 60)):
            model.partial_fit(X[part], LABELS[part], classes=np.unique(LABELS) if not epoch else None)
    assert model.score(X, LABELS) > 0.8
    assert model.n_epochs_ == 60
    with pytest.raises(errors.ArgumentError, match="not among"):
        model.partial_fit(X, np.where(LABELS == "mid", "other", LABELS))
    numbers = train.NeuralNetRegressor(random_state=0).partial_fit(X, Y)
    with pytest.raises(errors.ShapeError, match="2 targets"):
        numbers.partial_fit(X, np.stack([Y, Y], axis=1))


def test_warm_start_goes_on() -> None:
    model = train.NeuralNetRegressor(max_epochs=5, warm_start=True, random_state=0).fit(X, Y)
    first = model.module_
    assert model.fit(X, Y).module_ is first
    assert model.n_epochs_ == 10
    assert model.set_params(warm_start=False).fit(X, Y).n_epochs_ == 5


def test_a_share_is_set_aside_and_callbacks_act_on_it() -> None:
    stop = train.EarlyStopping("val_loss", patience=2)
    model = train.NeuralNetClassifier(max_epochs=200, lr=0.1, validation=0.3, callbacks=[stop], random_state=0).fit(X, LABELS)
    assert set(model.history_[0]) == {"loss", "val_loss", "val_accuracy"}
    assert model.n_epochs_ < 200
    assert "val_r2" in train.NeuralNetRegressor(max_epochs=2, validation=0.3).fit(X, Y).history_[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_fitted_one_can_be_pickled_and_goes_on(kind) -> None:
    y = LABELS if kind is KINDS[0] else Y
    model = kind(max_epochs=3, warm_start=True, random_state=0).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert (again.predict(X) == model.predict(X)).all()
    assert (again.fit(X, y).predict(X) == model.fit(X, y).predict(X)).all()


def test_only_a_verbose_one_is_shown() -> None:
    seen: list = []
    LISTENERS.append(seen.append)
    try:
        train.NeuralNetRegressor(max_epochs=1).fit(X, Y)
        assert seen == []
        train.NeuralNetRegressor(max_epochs=1, verbose=True).fit(X, Y)
        assert len(seen) == 1
    finally:
        LISTENERS.remove(seen.append)


@pytest.mark.parametrize(("wrong", "match"), [
    (lambda: train.NeuralNetClassifier(max_epoch=3).fit(X, LABELS), "no parameter 'max_epoch'"),
    (lambda: train.NeuralNetClassifier().set_params(modul__width=3).fit(X, LABELS), "no parameter 'modul__width'"),
    (lambda: train.NeuralNetClassifier(max_epochs=0).fit(X, LABELS), "max_epochs=0"),
    (lambda: train.NeuralNetClassifier(batch_size=0).fit(X, LABELS), "batch_size=0"),
    (lambda: train.NeuralNetClassifier(max_epochs=1).fit(X, LABELS, np.zeros(60)), "at least one non-zero"),
    (lambda: train.NeuralNetClassifier(max_epochs=1).fit(X, LABELS, -np.ones(60)), "[Nn]egative"),
    (lambda: train.NeuralNetClassifier(nn.Linear(4, 5), max_epochs=1).fit(X, LABELS).predict(X), "one score for each of 3 classes"),
    (lambda: train.NeuralNetRegressor(nn.Linear(4, 1), max_epochs=1).fit(X, Y).predict(X[:, :3]), "features"),
    (lambda: train.NeuralNetClassifier(max_epochs=1).fit(X, Y), "Unknown label type"),
])
def test_wrong_use_is_an_error(wrong, match) -> None:
    with pytest.raises(ValueError, match=match):
        wrong()
