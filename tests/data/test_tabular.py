"""Tables: encoders equal scikit-learn's, learn from training rows only, and come back from JSON."""
from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn import impute, preprocessing

import workbench as wb
from workbench import data, errors
from workbench.data.tabular import Encoder, MinMax, Number, OneHot, Ordinal, Quantile, Standard, as_columns, read_csv

RNG = np.random.default_rng(0)
TRAIN, TEST = RNG.normal(3, 5, 500), RNG.normal(2, 9, 200)
STEPS = RNG.integers(0, 4, 300).astype(float)
COLOURS = np.array(list("rgbrrgb"), object)

SKLEARN = {
    "number": [(Number(), impute.SimpleImputer(strategy="median")), (Number("mean"), impute.SimpleImputer(strategy="mean")),
               (Number(-1.0, indicator=True), impute.SimpleImputer(strategy="constant", fill_value=-1.0, add_indicator=True))],
    "standard": [(Standard(), preprocessing.StandardScaler())],
    "minmax": [(MinMax(), preprocessing.MinMaxScaler())],
    "quantile": [(Quantile(n_quantiles=n, normal=normal), preprocessing.QuantileTransformer(n_quantiles=n, subsample=None, output_distribution=out))
                 for n in (10, 300) for normal, out in ((False, "uniform"), (True, "normal"))],
}
GAPS = {"number"}


def test_every_encoder_of_numbers_has_a_row() -> None:
    assert {kind for kind, encoder in Encoder.kinds.items() if encoder.takes == "numbers"} == set(SKLEARN)


@pytest.mark.parametrize(("ours", "theirs"), [pytest.param(*pair, id=f"{kind}-{n}") for kind, pairs in SKLEARN.items() for n, pair in enumerate(pairs)])
@pytest.mark.parametrize(("train", "test"), [(TRAIN, TEST), (STEPS, np.array([-1.0, 0, 0.5, 1, 3, 9])), (np.full(20, 7.3), np.array([7.3, 8]))],
                         ids=["normal", "steps", "constant"])
def test_numbers_equal_sklearn(ours: Encoder, theirs, train: np.ndarray, test: np.ndarray) -> None:
    if ours.kind in GAPS:
        train, test = np.where(np.arange(len(train)) % 7 == 0, np.nan, train), np.where(np.arange(len(test)) % 5 == 1, np.nan, test)
    if isinstance(ours, Quantile):
        theirs.n_quantiles = min(theirs.n_quantiles, len(train))
    ours.fit(train)
    expected = theirs.fit(train[:, None]).transform(test[:, None])
    np.testing.assert_allclose(ours.transform(test), expected, rtol=1e-9, atol=1e-9)


def test_categories_equal_sklearn() -> None:
    test = np.array(list("bgxr"), object)
    hot, order = OneHot(), Ordinal()
    hot.fit(COLOURS)
    order.fit(COLOURS)
    theirs = preprocessing.OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(COLOURS[:, None])
    np.testing.assert_array_equal(hot.transform(test), theirs.transform(test[:, None]))
    numbers = preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1).fit(COLOURS[:, None])
    np.testing.assert_array_equal(order.transform(test) - 1, numbers.transform(test[:, None]))
    assert hot.names("c") == ["c=b", "c=g", "c=r"]
    assert order.cardinality == 4


def test_missing_is_a_category_where_training_has_it() -> None:
    hot = OneHot()
    hot.fit(np.array(["a", None, "b"], object))
    assert hot.names("c") == ["c=a", "c=b", "c=missing"]
    assert hot.transform(np.array([None, "z"], object)).tolist() == [[0, 0, 1], [0, 0, 0]]


# ---------------------------------------------------------------- whole tables
def table(count: int = 60, seed: int = 0) -> dict:
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, count).astype(float)
    age[::9] = np.nan
    return {"age": age, "income": rng.lognormal(10, 1, count), "city": rng.choice(["Oslo", "Rome", "Bonn"], count).tolist(),
            "zip": rng.integers(1, 5, count), "id": np.arange(count), "bought": rng.choice(["no", "yes"], count).tolist()}


SETTINGS = dict(target="bought", columns={"income": {"kind": "quantile", "normal": True, "n_quantiles": 20}, "zip": "ordinal", "id": "drop"}, indicator=True)


def test_what_is_learnt_comes_from_training_rows_only(tmp_path) -> None:
    train = data.TableDataset(table(), **SETTINGS)
    encoder = train.encoder
    assert encoder.feature_names == ["age", "age missing", "income", "city=Bonn", "city=Oslo", "city=Rome"]
    assert (encoder.category_names, encoder.cardinalities, train.classes) == (["zip"], [5], ("no", "yes"))
    numbers, codes, target = train[:]
    assert (numbers.dtype, codes.dtype, target.dtype) == (wb.float32, wb.int64, wb.int64)
    before = json.dumps([one.state() for one in encoder.encoders.values()])
    test = data.TableDataset(table(30, seed=1), encoder=encoder)
    assert json.dumps([one.state() for one in encoder.encoders.values()]) == before
    age = table()["age"]
    filled = np.where(np.isnan(age), np.nanmedian(age), age)
    shown = table(30, seed=1)["age"]
    expected = (np.where(np.isnan(shown), np.nanmedian(age), shown) - filled.mean()) / filled.std()
    np.testing.assert_allclose(test[:][0].numpy()[:, 0], expected, rtol=1e-5)

    encoder.save(tmp_path / "encoder.json")
    again = data.TableEncoder.load(tmp_path / "encoder.json")
    for part, values in again.transform(table(30, seed=1)).items():
        np.testing.assert_array_equal(values, encoder.transform(table(30, seed=1))[part])
    assert again.feature_names == encoder.feature_names


def test_a_csv_file_and_a_data_frame_are_the_same_table(tmp_path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(table())
    frame["city"] = frame["city"].astype("category")
    frame["zip"] = frame["zip"].astype("Int64")
    frame.to_csv(tmp_path / "t.csv", index=False)
    expected = data.TableDataset(table(), **SETTINGS)[:]
    for source in (frame, tmp_path / "t.csv", str(tmp_path / "t.csv")):
        for one, two in zip(data.TableDataset(source, **SETTINGS)[:], expected, strict=True):
            np.testing.assert_allclose(one.numpy(), two.numpy(), rtol=1e-5, atol=1e-6)


def test_csv_files_as_people_write_them(tmp_path) -> None:
    place = tmp_path / "t.csv"
    place.write_text('name; size ;note\n"Smith; Ann"; 1.5;x\nBob;?;\n\nEve;-2e3;NA\n')
    columns = read_csv(place)
    assert columns["name"].tolist() == ["Smith; Ann", "Bob", "Eve"]
    np.testing.assert_array_equal(columns["size"], [1.5, np.nan, -2000])
    assert columns["note"].tolist() == ["x", None, None]
    place.write_text("\ufeffn,c\n1,a\n", "utf-8")
    assert list(read_csv(place)) == ["n", "c"]
    place.write_text("1,a\n2,b\n")
    assert read_csv(place, names=["n", "c"])["n"].tolist() == [1.0, 2.0]


def test_a_table_trains_a_model() -> None:
    rng = np.random.default_rng(0)
    x, kind = rng.normal(size=200), rng.choice(["a", "b"], 200)
    rows = {"x": x, "kind": kind.tolist(), "y": 2 * x + np.where(kind == "a", 1, -1)}
    source = data.TableDataset(rows, target="y")
    model = wb.nn.Linear(3, 1)
    optimizer = wb.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(40):
        for features, target in data.DataLoader(source, 50, shuffle=True, seed=0):
            loss = wb.nn.functional.mse_loss(model(features), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert loss.item() < 1e-2


def test_columns_of_many_origins() -> None:
    columns = as_columns({"a": wb.tensor([1, 2]), "b": [True, False], "c": ["x", float("nan")], "d": np.array([1.5, None], object)})
    assert columns["a"].tolist() == [1.0, 2.0]
    assert columns["b"].tolist() == [1.0, 0.0]
    assert columns["c"].tolist() == ["x", None]
    np.testing.assert_array_equal(columns["d"], [1.5, np.nan])


ROWS = {"x": [1.0, 2.0], "c": ["a", "b"]}


@pytest.mark.parametrize("wrong", [
    lambda: data.TableEncoder(numbers="onehot"), lambda: data.TableEncoder(categories="standard"), lambda: data.TableEncoder(numbers="zscore"),
    lambda: data.TableEncoder(columns={"x": "zscore"}), lambda: data.TableEncoder(columns={"x": {"kind": "minmax", "range": 2}}),
    lambda: data.TableEncoder(missing="mode"), lambda: data.TableEncoder(unknown="guess"), lambda: data.TableEncoder("y").fit(ROWS),
    lambda: data.TableEncoder(columns={"z": "drop"}).fit(ROWS), lambda: data.TableEncoder(columns={"x": "drop", "c": "drop"}).fit(ROWS),
    lambda: data.TableEncoder().transform(ROWS), lambda: data.TableEncoder().fit(ROWS).transform({"x": [1.0]}),
    lambda: data.TableEncoder(columns={"c": "standard"}).fit(ROWS),
    lambda: data.TableEncoder(missing="error").fit({"x": [1.0, None]}), lambda: data.TableEncoder().fit({"x": np.full(2, np.nan)}),
    lambda: data.TableEncoder(unknown="error").fit(ROWS).transform({"x": [1.0], "c": ["z"]}),
    lambda: data.TableEncoder("c").fit(ROWS).transform({"x": [1.0], "c": ["z"]}),
    lambda: data.TableEncoder("c").fit({"x": [1, 2], "c": ["a", None]}), lambda: data.TableDataset({"x": [1.0, 2.0], "y": [1.0, np.nan]}, target="y"),
    lambda: data.TableDataset({"x": [1.0]}, encoder=data.TableEncoder("c").fit(ROWS)),
    lambda: data.TableDataset(ROWS, target="x", encoder=data.TableEncoder("c").fit(ROWS)),
    lambda: as_columns([1, 2]), lambda: as_columns({"a": [1], "b": [1, 2]}), lambda: as_columns({"a": [[1, 2]]}),
    lambda: as_columns({"a": np.zeros(2, "M8[s]")}),
    lambda: Quantile(n_quantiles=1),
])
def test_wrong_use_is_an_error(wrong) -> None:
    with pytest.raises((errors.ArgumentError, errors.ConfigError, errors.ShapeError)):
        wrong()


@pytest.mark.parametrize("content", ["a,b\n", "", "a,b\n1,2\n3\n"])
def test_damaged_csv_files_are_refused(content: str, tmp_path) -> None:
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises((errors.ArgumentError, errors.ShapeError), match=r"t\.csv"):
        read_csv(tmp_path / "t.csv")


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 1}', '{"format": 2, "settings": {}}',
                                     '{"format": 1, "settings": {}, "classes": [], "encoders": {"x": {"kind": "standard"}}}'])
def test_a_file_of_something_else_is_refused(content: str, tmp_path) -> None:
    (tmp_path / "e.json").write_text(content)
    with pytest.raises(errors.CheckpointError, match=r"e\.json"):
        data.TableEncoder.load(tmp_path / "e.json")
