"""Every metric equals scikit-learn's (or the formula of its paper, written naively), however batches are cut and merged."""
from __future__ import annotations

import inspect
import math
import warnings
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest
import scipy.stats
import sklearn.calibration
import sklearn.metrics as sk
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import workbench as wb
from workbench import errors, train
from workbench.train import metrics

pytestmark = pytest.mark.filterwarnings("ignore")
EVERY = ("macro", "micro", "weighted", None)


# ---------------------------------------------------------------------- data
def sized(n: int, kind, *shape: int):
    return hnp.arrays(np.int64 if kind is not float else np.float64, (n, *shape), elements=kind)


def pairs(make):
    return st.integers(1, 24).flatmap(lambda n: st.tuples(*make(n)))


quarters = st.integers(-8, 8).map(lambda k: k / 4)
below = st.integers(-8, 8).map(lambda k: k / 4 - 3)  # rows that could not be taken for probabilities
# Eighths: sums of them are exact, so that what is constant is so for scikit-learn too, and not up to rounding.
reals = st.integers(-8000, 8000).map(lambda k: k / 8)


def chances(n: int, classes: int):
    return sized(n, st.integers(1, 6), n and classes).map(lambda k: k / k.sum(axis=1, keepdims=True))


def numbers(element, *shape: int):
    return lambda n: [hnp.arrays(np.float64, (n, *shape), elements=element)] * 2


DATA = {
    "labels": pairs(lambda n: [sized(n, st.integers(0, 3))] * 2),
    "binary": pairs(lambda n: [sized(n, st.integers(0, 1))] * 2),
    "maps": pairs(lambda n: [sized(n, st.integers(0, 2), 2, 3)] * 2),
    "scores": pairs(lambda n: [hnp.arrays(np.float64, n, elements=quarters), sized(n, st.integers(0, 1))]),
    "class scores": pairs(lambda n: [hnp.arrays(np.float64, (n, 3), elements=below), sized(n, st.integers(0, 2))]),
    "pixel scores": pairs(lambda n: [hnp.arrays(np.float64, (n, 3, 2), elements=below), sized(n, st.integers(0, 2), 2)]),
    "chance": pairs(lambda n: [hnp.arrays(np.float64, n, elements=st.integers(0, 16).map(lambda k: k / 16)), sized(n, st.integers(0, 1))]),
    "chances": pairs(lambda n: [chances(n, 3), sized(n, st.integers(0, 2))]),
    "many labels": pairs(lambda n: [sized(n, st.integers(0, 1), 3)] * 2),
    "many scores": pairs(lambda n: [hnp.arrays(np.float64, (n, 3), elements=quarters), sized(n, st.integers(0, 1), 3)]),
    "numbers": pairs(numbers(reals)),
    "far numbers": pairs(numbers(st.integers(-50, 50).map(lambda k: 1e6 + k / 8))),
    "columns": pairs(numbers(reals, 2)),
    "texts": st.integers(1, 6).flatmap(lambda n: st.tuples(
        st.lists(st.lists(st.sampled_from("abc"), max_size=7), min_size=n, max_size=n),
        st.lists(st.lists(st.lists(st.sampled_from("abc"), max_size=7), min_size=1, max_size=3), min_size=n, max_size=n))),
}


# ---------------------------------------------------------------------- formulas
def softmax(x: np.ndarray, axis: int = 1) -> np.ndarray:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def log_loss_of_logits(t, p) -> float:
    rows = softmax(np.moveaxis(p, 1, -1).reshape(-1, 3))
    return float(np.mean([-math.log(row[k]) for row, k in zip(rows, t.reshape(-1), strict=True)]))


def ece(t, confidence, right, bins: int, norm: str = "l1") -> float:
    gaps, shares = [], []
    for b in range(bins):
        inside = [i for i, c in enumerate(confidence) if b / bins < c <= (b + 1) / bins or (b == 0 and c == 0)]
        if inside:
            gaps.append(abs(np.mean([right[i] for i in inside]) - np.mean([confidence[i] for i in inside])))
            shares.append(len(inside) / len(confidence))
    return max(gaps) if norm == "max" else float(np.dot(gaps, shares))


def bleu(references, texts, max_n: int, smooth: bool) -> float:
    log_sum = 0.0
    if not any(texts):
        return 0.0
    for n in range(1, max_n + 1):
        hits = total = 0
        for text, refs in zip(texts, references, strict=True):
            grams = [tuple(text[i:i + n]) for i in range(len(text) - n + 1)]
            total += len(grams)
            for gram in set(grams):
                hits += min(grams.count(gram), max([tuple(r[i:i + n]) for i in range(len(r) - n + 1)].count(gram) for r in refs))
        if smooth and n > 1:
            hits, total = hits + 1, total + 1
        if hits == 0:
            return 0.0
        log_sum += math.log(hits / total) / max_n
    c = sum(map(len, texts))
    r = sum(min((len(ref) for ref in refs), key=lambda k, text=text: (abs(k - len(text)), k)) for text, refs in zip(texts, references, strict=True))
    return math.exp(log_sum) * (1.0 if c > r else math.exp(1 - r / c))


def correlation(t, p) -> float:
    return float(np.corrcoef(t, p)[0, 1]) if np.ptp(t) and np.ptp(p) else math.nan


def spearman(t, p) -> float:
    return scipy.stats.spearmanr(t, p).statistic


def columns(function):
    return lambda t, p: float(np.mean([function(a, b) for a, b in zip(t.T, p.T, strict=True)]))


def argmax(function):
    return lambda t, p: function(t.reshape(-1), p.argmax(axis=1).reshape(-1))


def flat(function):
    return lambda t, p: function(t.reshape(-1), p.reshape(-1))


@dataclass
class Row:
    """A metric with these arguments on these data is this function of (target, prediction)."""

    kind: type
    data: str
    reference: object
    how: dict = field(default_factory=dict)

    def __str__(self) -> str:
        return "-".join([self.kind.name, self.data.replace(" ", "_"), *(f"{name}={value}" for name, value in self.how.items())])


def overlaps():
    for kind, function in ((metrics.Precision, sk.precision_score), (metrics.Recall, sk.recall_score), (metrics.F1, sk.f1_score),
                           (metrics.IoU, sk.jaccard_score), (metrics.Dice, sk.f1_score), (metrics.FBeta, partial(sk.fbeta_score, beta=0.5))):
        beta = dict(beta=0.5) if kind is metrics.FBeta else {}
        for average in EVERY:
            yield Row(kind, "labels", partial(function, average=average), dict(average=average, **beta))
        yield Row(kind, "binary", function, dict(average="binary", **beta))
        yield Row(kind, "labels", partial(function, average="macro", zero_division=1.0), dict(average="macro", zero_division=1.0, **beta))
        yield Row(kind, "labels", partial(function, average=None, labels=range(5), zero_division=0.0),
                  dict(average=None, num_classes=5, zero_division=0.0, **beta))
        yield Row(kind, "many labels", partial(function, average="macro"), dict(average="macro", multilabel=True, **beta))
        yield Row(kind, "maps", flat(partial(function, average="weighted")), dict(average="weighted", **beta))
    for kind, function in ((metrics.Precision, sk.precision_score), (metrics.F1, sk.f1_score)):
        for average in ("macro", "weighted"):
            yield Row(kind, "labels", partial(function, average=average, zero_division=np.nan), dict(average=average, zero_division=np.nan))
    yield Row(metrics.Precision, "binary", partial(sk.precision_score, pos_label=0), dict(pos_label=0))
    yield Row(metrics.F1, "pixel scores", argmax(partial(sk.f1_score, average="macro")), dict(average="macro"))


def areas():
    for average in EVERY:
        yield Row(metrics.ROCAUC, "many scores", partial(sk.roc_auc_score, average=average), dict(average=average))
        yield Row(metrics.AveragePrecision, "many scores", partial(sk.average_precision_score, average=average), dict(average=average))
        yield Row(metrics.ROCAUC, "chances", partial(sk.roc_auc_score, average=average, multi_class="ovr", labels=range(3)),
                  dict(average=average, from_logits=False))
    for average in ("macro", "weighted"):
        yield Row(metrics.ROCAUC, "chances", partial(sk.roc_auc_score, average=average, multi_class="ovo", labels=range(3)),
                  dict(average=average, multi_class="ovo", from_logits=False))
    yield Row(metrics.ROCAUC, "class scores", lambda t, p: sk.roc_auc_score(t, softmax(p), multi_class="ovr", labels=range(3)))
    yield Row(metrics.AveragePrecision, "chances", lambda t, p: sk.average_precision_score(t[:, None] == range(3), p), dict(from_logits=False))


ROWS = [
    *overlaps(), *areas(),
    Row(metrics.Accuracy, "labels", sk.accuracy_score), Row(metrics.Accuracy, "class scores", argmax(sk.accuracy_score)),
    Row(metrics.Accuracy, "pixel scores", argmax(sk.accuracy_score)), Row(metrics.Accuracy, "scores", lambda t, p: sk.accuracy_score(t, p > 0)),
    *(Row(metrics.TopKAccuracy, "class scores", partial(sk.top_k_accuracy_score, k=k, labels=range(3)), dict(k=k)) for k in (1, 2, 3)),
    Row(metrics.BalancedAccuracy, "labels", sk.balanced_accuracy_score),
    Row(metrics.BalancedAccuracy, "labels", partial(sk.balanced_accuracy_score, adjusted=True), dict(adjusted=True)),
    Row(metrics.ConfusionMatrix, "labels", partial(sk.confusion_matrix, labels=range(4)), dict(num_classes=4)),
    *(Row(metrics.ConfusionMatrix, "labels", partial(sk.confusion_matrix, normalize=how), dict(normalize=how)) for how in (None, "true", "pred", "all")),
    Row(metrics.MatthewsCorrelation, "labels", sk.matthews_corrcoef), Row(metrics.MatthewsCorrelation, "binary", sk.matthews_corrcoef),
    *(Row(metrics.CohenKappa, "labels", partial(sk.cohen_kappa_score, weights=how), dict(weights=how)) for how in (None, "linear", "quadratic")),
    Row(metrics.ROCAUC, "scores", sk.roc_auc_score), Row(metrics.AveragePrecision, "scores", sk.average_precision_score),
    Row(metrics.LogLoss, "chances", partial(sk.log_loss, labels=range(3)), dict(from_logits=False)),
    Row(metrics.LogLoss, "chance", partial(sk.log_loss, labels=range(2)), dict(from_logits=False)),
    Row(metrics.LogLoss, "pixel scores", log_loss_of_logits),
    Row(metrics.LogLoss, "scores", lambda t, p: sk.log_loss(t, 1 / (1 + np.exp(-p)), labels=range(2))),
    Row(metrics.Perplexity, "pixel scores", lambda t, p: math.exp(log_loss_of_logits(t, p))),
    Row(metrics.Perplexity, "class scores", lambda t, p: math.exp(log_loss_of_logits(t[t > 0], p[t > 0])) if t.any() else math.nan,
        dict(ignore_index=0)),
    *(Row(metrics.CalibrationError, "chances", lambda t, p, b=b, norm=norm: ece(t, p.max(1), p.argmax(1) == t, b, norm),
          dict(n_bins=b, norm=norm, from_logits=False)) for b, norm in ((1, "l1"), (7, "l1"), (7, "max"))),
    Row(metrics.CalibrationError, "chance", lambda t, p: ece(t, p, t, 8), dict(n_bins=8, from_logits=False)),
    Row(metrics.CalibrationError, "class scores", lambda t, p: ece(t, softmax(p).max(1), p.argmax(1) == t, 15)),
    *(Row(metrics.BLEU, "texts", partial(bleu, max_n=n, smooth=smooth), dict(max_n=n, smooth=smooth)) for n, smooth in ((1, False), (2, False), (4, True))),
    *(Row(kind, data, partial(function, multioutput=how), dict(multioutput=how))
      for kind, function in ((metrics.MeanSquaredError, sk.mean_squared_error), (metrics.MeanAbsoluteError, sk.mean_absolute_error),
                             (metrics.RootMeanSquaredError, sk.root_mean_squared_error), (metrics.R2Score, sk.r2_score),
                             (metrics.MeanAbsolutePercentageError, sk.mean_absolute_percentage_error),
                             (metrics.ExplainedVariance, sk.explained_variance_score))
      for data in ("numbers", "far numbers", "columns") for how in ("uniform_average", "raw_values", "variance_weighted")
      if how in kind.averages),
    *(Row(metrics.Pearson, data, correlation) for data in ("numbers", "far numbers")), Row(metrics.Pearson, "columns", columns(correlation)),
    Row(metrics.Spearman, "numbers", spearman), Row(metrics.Spearman, "columns", columns(spearman)),
]


def test_every_metric_has_a_row_and_a_name() -> None:
    assert {row.kind for row in ROWS} == set(metrics.METRICS.values())
    assert {name: kind.name for name, kind in metrics.METRICS.items()} == {name: name for name in metrics.METRICS}
    classes = {value for module in vars(metrics).values() if inspect.ismodule(module) for value in vars(module).values()
               if inspect.isclass(value) and issubclass(value, metrics.Metric) and not value.__subclasses__()}
    assert classes <= set(metrics.METRICS.values())
    assert {kind.__name__ for kind in metrics.METRICS.values()} <= set(metrics.__all__)


def update(metric, prediction, target) -> None:
    metric.update(wb.tensor(prediction), wb.tensor(target)) if isinstance(target, np.ndarray) else metric.update(prediction, target)


def close(found, expected) -> None:
    np.testing.assert_allclose(np.asarray(found, np.float64), np.asarray(expected, np.float64), rtol=1e-12, atol=1e-12)


def compare(row: Row, examples: int) -> None:
    usable = 0

    @settings(max_examples=examples)
    @given(DATA[row.data], st.lists(st.integers(0, 24), max_size=4))
    def check(drawn, cuts) -> None:
        nonlocal usable
        prediction, target = drawn
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                expected = row.reference(target, prediction)
            except (ValueError, ZeroDivisionError):  # scikit-learn does not define it, or an empty text
                assume(False)
        usable += 1
        whole, ranks = row.kind(**row.how), [row.kind(**row.how) for _ in range(2)]
        update(whole, prediction, target)
        close(whole.compute(), expected)
        edges = [0, *sorted(min(cut, len(target)) for cut in cuts), len(target)]
        for number, (start, end) in enumerate(zip(edges, edges[1:], strict=False)):
            if end > start or isinstance(target, np.ndarray):
                update(ranks[number % 2], prediction[start:end], target[start:end])
        together = row.kind(**row.how)
        together.load_state_dict(ranks[1].state_dict())
        together.merge(ranks[0])
        close(together.compute(), expected)
        together.reset()
        assert np.isnan(together.compute())

    check()
    assert usable >= examples // 2, "the reference says too rarely what is right"


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_it_equals_its_reference_however_batches_are_cut_and_merged(row: Row) -> None:
    compare(row, 4)


WEIGHED = [row for row in ROWS if row.kind.weighted and row.how.get("multi_class") != "ovo"]


@pytest.mark.parametrize("row", {(row.kind, row.data): row for row in WEIGHED}.values(), ids=str)
def test_a_sample_that_weighs_three_counts_as_three(row: Row) -> None:
    @settings(max_examples=4)
    @given(DATA[row.data], st.data())
    def check(drawn, data) -> None:
        prediction, target = drawn
        weights = data.draw(hnp.arrays(np.int64, len(target), elements=st.integers(0, 3)))
        assume(np.count_nonzero(weights) > 1)  # of one sample there is no R2, however heavy it is
        some, once = row.kind(**row.how), row.kind(**row.how)
        for start in range(0, len(target), 5):
            some.update(*(wb.tensor(x[start:start + 5]) for x in (prediction, target)), sample_weight=weights[start:start + 5])
        update(once, np.repeat(prediction, weights, axis=0), np.repeat(target, weights, axis=0))
        close(some.compute(), once.compute())

    check()


@pytest.mark.parametrize("row", [row for row in WEIGHED if "sample_weight" in inspect.signature(row.reference).parameters], ids=str)
def test_weights_are_those_of_scikit_learn(row: Row) -> None:
    @settings(max_examples=3)
    @given(DATA[row.data], st.data())
    def check(drawn, data) -> None:
        prediction, target = drawn
        weights = data.draw(hnp.arrays(np.float64, len(target), elements=st.integers(1, 40).map(lambda k: k / 8)))
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                expected = row.reference(target, prediction, sample_weight=weights)
            except (ValueError, ZeroDivisionError):
                assume(False)
        metric = row.kind(**row.how)
        metric.update(prediction, target, weights)
        close(metric.compute(), expected)

    check()


def test_weights_that_make_no_sense_are_refused() -> None:
    metric = metrics.Accuracy()
    for weights, error, words in ([[1.0], errors.ShapeError, "sample_weight of shape"], [[1.0, -1.0], errors.ArgumentError, "negative"],
                                  [[1.0, math.nan], errors.ArgumentError, "NaN"]):
        with pytest.raises(error, match=words):
            metric.update([0, 1], [0, 1], weights)
    with pytest.raises(errors.ArgumentError, match="takes no sample_weight"):
        metrics.Perplexity().update(np.zeros((2, 3)), [0, 1], [1.0, 1.0])
    metric = metrics.ROCAUC(multi_class="ovo")
    metric.update(np.zeros((2, 3)), [0, 1], [1.0, 2.0])
    with pytest.raises(errors.ArgumentError, match="ovo' takes no sample_weight"):
        metric.compute()
    assert math.isnan(metrics.Accuracy().compute())


@pytest.mark.slow
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_it_does_so_for_many_more_data(row: Row) -> None:
    compare(row, 30)


@pytest.mark.parametrize("kind", metrics.METRICS.values(), ids=metrics.METRICS)
def test_before_the_first_sample_it_is_nan_and_its_state_is_empty(kind) -> None:
    metric = kind()
    assert math.isnan(metric.compute())
    assert metric.state_dict() == {}
    metric.load_state_dict({})
    metric.merge(kind())
    assert math.isnan(metric.compute())
    assert repr(metric) == f"{kind.__name__}(nan)"


def test_the_state_is_plain_arrays_that_add_up_or_follow_one_another() -> None:
    for kind in metrics.METRICS.values():
        assert set(kind.kept.values()) <= {"sum", "concatenate"}
    first, second = metrics.Precision(average="macro", zero_division=0), metrics.Precision(average="macro", zero_division=0)
    first.update([0, 1], [0, 1])
    second.update([3, 1], [2, 2])
    assert all(isinstance(value, np.ndarray) for value in first.state_dict().values())
    first.merge(second)
    assert first.state_dict()["matrix"].shape == (4, 4), "counts grow with the classes that are met"
    close(first.compute(), sk.precision_score([0, 1, 2, 2], [0, 1, 3, 1], average="macro", zero_division=0))


def test_a_state_is_a_copy_and_moments_stay_few() -> None:
    metric = metrics.R2Score()
    for number in range(500):
        metric.update([float(number)], [number * 1.5])
    assert len(metric.state_dict()["moments"]) == 500 % 64 or metric.state_dict()["moments"].shape[0] <= 65
    close(metric.compute(), sk.r2_score(np.arange(500) * 1.5, np.arange(500.0)))
    state = metrics.Accuracy()
    state.update([1], [1])
    state.state_dict()["total"][...] = 7
    assert state.compute() == 1.0


def test_one_class_only_is_as_in_scikit_learn() -> None:
    for metric, reference in ((metrics.ROCAUC(), sk.roc_auc_score), (metrics.AveragePrecision(), sk.average_precision_score)):
        for kind in (0, 1):
            metric.reset()
            metric.update([0.5, 0.25], [kind, kind])
            close(metric.compute(), reference([kind, kind], [0.5, 0.25]))
    for kind, reference in ((metrics.MatthewsCorrelation, sk.matthews_corrcoef), (metrics.CohenKappa, sk.cohen_kappa_score),
                            (metrics.BalancedAccuracy, sk.balanced_accuracy_score)):
        metric = kind()
        metric.update([1, 1], [1, 1])
        close(metric.compute(), reference([1, 1], [1, 1]))


def test_what_is_not_defined_warns() -> None:
    for metric in (metrics.Precision(), metrics.ROCAUC(), metrics.AveragePrecision(), metrics.R2Score()):
        metric.update([0], [0]) if isinstance(metric, metrics.Precision) else metric.update([0.5], [0])
        with pytest.warns(UserWarning, match=f"{metric.name} is not defined"):
            metric.compute()


def test_reliability_bins_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    chance = rng.random(500)
    target = (rng.random(500) < chance ** 2).astype(int)
    metric = metrics.CalibrationError(n_bins=10, from_logits=False)
    metric.update(chance[:200], target[:200])
    metric.update(chance[200:], target[200:])
    right, confidence = sklearn.calibration.calibration_curve(target, chance, n_bins=10)
    close(metric.bins()["accuracy"], right)
    close(metric.bins()["confidence"], confidence)
    assert metric.bins()["count"].sum() == 500


def test_ignored_targets_do_not_count() -> None:
    metric = metrics.IoU(ignore_index=255)
    metric.update([[0, 1, 1], [1, 0, 0]], [[0, 1, 255], [255, 0, 1]])
    close(metric.compute(), sk.jaccard_score([0, 1, 0, 1], [0, 1, 0, 0], average="macro"))


def test_half_precision_is_taken_in() -> None:
    for dtype in (wb.float16, wb.bfloat16):
        metric = metrics.MeanSquaredError()
        metric.update(wb.full((3000,), 200.0, dtype=dtype), wb.zeros(3000, dtype=dtype))
        assert metric.compute() == 40000.0


WRONG = {
    "shapes": lambda: metrics.Accuracy().update([[1.0, 2.0]], [1, 0]), "numbers of shape (n, 1)": lambda: metrics.MeanSquaredError().update([[1.0]], [1.0]),
    "k": lambda: metrics.TopKAccuracy(0), "top k of one score": lambda: metrics.TopKAccuracy().update([0.5], [1]),
    "average": lambda: metrics.F1("mean"), "binary of labels": lambda: metrics.F1(multilabel=True), "beta": lambda: metrics.FBeta(-1),
    "binary of three": lambda: (m := metrics.F1(), m.update([0, 1, 2], [0, 1, 2]), m.compute()),
    "no such class": lambda: metrics.F1(num_classes=2).update([2], [1]), "class below 0": lambda: metrics.F1().update([0], [-1]),
    "float targets": lambda: metrics.F1().update([1], [1.0]), "normalize": lambda: metrics.ConfusionMatrix("rows"),
    "kappa": lambda: metrics.CohenKappa("cubic"), "classes": lambda: metrics.ConfusionMatrix(num_classes=0),
    "labels of different shape": lambda: metrics.F1("macro", multilabel=True).update([[1, 0]], [1, 0]),
    "area average": lambda: metrics.ROCAUC("binary"), "pairs": lambda: metrics.ROCAUC("micro", "ovo"), "multi": lambda: metrics.ROCAUC(multi_class="all"),
    "chances as logits": lambda: metrics.LogLoss().update([[0.5, 0.5]], [0]),
    "logits as chances": lambda: metrics.LogLoss(from_logits=False).update([[1.0, -2.0]], [0]),
    "logit as chance": lambda: metrics.LogLoss(from_logits=False).update([1.5], [0]), "target of no class": lambda: metrics.LogLoss().update([[1.0, 2.0]], [2]),
    "perplexity of one score": lambda: metrics.Perplexity().update([1.0], [0]), "bins": lambda: metrics.CalibrationError(0),
    "bleu of a plain reference": lambda: metrics.BLEU().update(["a"], ["a"]), "bleu of fewer references": lambda: metrics.BLEU().update(["a", "b"], [["a"]]),
    "n-grams": lambda: metrics.BLEU(0), "multioutput": lambda: metrics.MeanSquaredError("variance_weighted"),
    "merge of another": lambda: metrics.F1().merge(metrics.Recall()),
    "nothing defined": lambda: metrics.Metric().update([1.0], [1.0]),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_wrong_use_is_an_error(wrong) -> None:
    with pytest.raises((errors.ArgumentError, errors.ShapeError)):
        wrong()


def test_a_foreign_state_is_refused() -> None:
    with pytest.raises(errors.CheckpointError, match="matrix"):
        metrics.F1().load_state_dict({"total": np.ones(1), "count": np.ones(1)})


def test_the_trainer_takes_metrics_by_name_class_and_instance() -> None:
    model = wb.nn.Linear(4, 3)
    trainer = train.Trainer(model, wb.nn.functional.cross_entropy, wb.optim.SGD(model.parameters(), lr=0.1),
                            metrics=["accuracy", "log_loss", metrics.ROCAUC, metrics.F1("macro")])
    scores = trainer.evaluate(wb.data.DataLoader(wb.data.iris(), 40))
    assert scores["log_loss"] == pytest.approx(scores["loss"], rel=1e-5)
    assert set(scores) == {"loss", "accuracy", "log_loss", "roc_auc", "f1"}
