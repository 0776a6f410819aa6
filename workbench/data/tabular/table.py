"""A table as tensors: which encoder each column has, learnt on the training rows only, kept as JSON."""
from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...core import as_tensor
from ...core.errors import ArgumentError, CheckpointError, ConfigError, ShapeError
from ..dataset import TensorDataset
from .encoders import Encoder, Ordinal
from .reading import Columns, as_columns, read_csv

FORMAT = 1


class TableEncoder:
    """Columns of a table as a matrix of numbers and one of categories' numbers.

    Parameters
    ----------
    target : str, optional
        The column to predict. Texts become class numbers, numbers stay.
    numbers : {"standard", "minmax", "quantile", "number"}
        What columns of numbers get.
    categories : {"onehot", "ordinal"}
        What columns of texts get. Ordinal ones are apart from the numbers, for embeddings.
    columns : dict, optional
        What single columns get instead: a kind, ``"drop"``, or a dict of a kind and its settings, such as
        ``{"kind": "quantile", "normal": True}``.
    missing, indicator
        For all numbers: see `encoders.Number`.
    unknown : {"ignore", "error"}
        For all categories that the training rows did not have.

    Attributes
    ----------
    feature_names : list of str
        Of the columns of the matrix of numbers.
    category_names : list of str
    cardinalities : list of int
        How many numbers each ordinal column has: the sizes of its embedding.
    classes : list of str
        Of a target of texts.

    Examples
    --------
    >>> from workbench.data import TableEncoder
    >>> rows = {"rooms": [1, 3], "city": ["Rome", "Oslo"], "price": [10, 30]}
    >>> encoder = TableEncoder(target="price").fit(rows)
    >>> encoder.feature_names
    ['rooms', 'city=Oslo', 'city=Rome']
    >>> encoder.transform({"rooms": [2], "city": ["Paris"]})["numbers"].tolist()
    [[0.0, 0.0, 0.0]]
    """

    def __init__(self, target: str | None = None, *, numbers: str = "standard", categories: str = "onehot",
                 columns: Mapping[str, str | dict[str, Any]] | None = None, missing: str | float = "median", indicator: bool = False,
                 unknown: str = "ignore") -> None:
        self.target, self.numbers, self.categories = target, numbers, categories
        self.columns = dict(columns or {})
        self.missing, self.indicator, self.unknown = missing, indicator, unknown
        self.encoders: dict[str, Encoder] = {}
        self.classes: list[str] = []
        for value, takes in ((numbers, "numbers"), (categories, "categories")):
            if _kind(value).takes != takes:
                raise ConfigError(f"TableEncoder: {takes}={value!r}; expected one of {_kinds(takes)}")
        for name, spec in [("", numbers), ("", categories), *self.columns.items()]:
            if spec != "drop":
                self._make(name, spec)  # wrong settings show here, not at the first fit

    # ---------------------------------------------------------------- learning
    def fit(self, table: Any) -> TableEncoder:
        """Learn from the training rows."""
        columns = as_columns(table)
        absent = [name for name in [*self.columns, *([self.target] if self.target else [])] if name not in columns]
        if absent:
            raise ArgumentError(f"TableEncoder: no column {absent[0]!r}; there are {', '.join(columns)}")
        encoders = {name: self._learn(name, values) for name, values in columns.items()
                    if name != self.target and self.columns.get(name) != "drop"}
        if not encoders:
            raise ArgumentError("TableEncoder: no columns are left to learn from")
        self.encoders = encoders
        self.classes = []
        if self.target is not None and columns[self.target].dtype == object:
            known = set(columns[self.target])
            if None in known:
                raise ArgumentError(f"TableEncoder: the target {self.target!r} is missing in some rows; leave these rows out")
            self.classes = sorted(known)
        return self

    def _learn(self, name: str, values: np.ndarray) -> Encoder:
        encoder = self._make(name, self.columns.get(name, self.categories if values.dtype == object else self.numbers))
        try:
            encoder.fit(_as(encoder.takes, values))
        except ArgumentError as error:
            raise ArgumentError(f"TableEncoder: column {name!r}: {error}") from None
        return encoder

    def _make(self, name: str, spec: str | dict[str, Any]) -> Encoder:
        settings = dict(spec) if isinstance(spec, dict) else {"kind": spec}
        kind = _kind(settings.pop("kind", None), name)
        shared = {"missing": self.missing, "indicator": self.indicator} if kind.takes == "numbers" else {"unknown": self.unknown}
        try:
            return kind(**{**shared, **settings})
        except TypeError as error:
            raise ConfigError(f"TableEncoder: column {name!r}: {error}") from None

    # ---------------------------------------------------------------- applying
    @property
    def feature_names(self) -> list[str]:
        """What the columns of the matrix of numbers are called."""
        return [feature for name, encoder in self.encoders.items() if not isinstance(encoder, Ordinal) for feature in encoder.names(name)]

    @property
    def category_names(self) -> list[str]:
        """What the columns of the matrix of categories are called."""
        return [name for name, encoder in self.encoders.items() if isinstance(encoder, Ordinal)]

    @property
    def cardinalities(self) -> list[int]:
        """How many numbers each of `category_names` has."""
        return [encoder.cardinality for encoder in self.encoders.values() if isinstance(encoder, Ordinal)]

    def transform(self, table: Any) -> dict[str, np.ndarray]:
        """``numbers`` (n, features) of float32, ``categories`` (n, columns) of int64, and ``target`` if the table has it."""
        if not self.encoders:
            raise ArgumentError("TableEncoder: fit it on the training rows first")
        columns = as_columns(table)
        absent = [name for name in self.encoders if name not in columns]
        if absent:
            raise ArgumentError(f"TableEncoder: the table lacks {', '.join(map(repr, absent))}, which the training rows had")
        rows = len(next(iter(columns.values())))
        parts: dict[bool, list[np.ndarray]] = {True: [np.empty((rows, 0))], False: [np.empty((rows, 0))]}
        for name, encoder in self.encoders.items():
            try:
                parts[isinstance(encoder, Ordinal)].append(encoder.transform(_as(encoder.takes, columns[name])))
            except ArgumentError as error:
                raise ArgumentError(f"TableEncoder: column {name!r}: {error}") from None
        found = {"numbers": np.concatenate(parts[False], axis=1).astype(np.float32),
                 "categories": np.concatenate(parts[True], axis=1).astype(np.int64)}
        return {**found, "target": self._target(columns)} if self.target in columns else found

    def _target(self, columns: Columns) -> np.ndarray:
        values = columns[self.target or ""]
        if not self.classes:
            if np.isnan(_as("numbers", values)).any():
                raise ArgumentError(f"TableEncoder: the target {self.target!r} is missing in some rows; leave these rows out")
            return _as("numbers", values).astype(np.float32)[:, None]
        known = {category: number for number, category in enumerate(self.classes)}
        texts = _as("categories", values)
        strange = [value for value in texts if value not in known]
        if strange:
            raise ArgumentError(f"TableEncoder: the target {self.target!r} has {strange[0]!r}, which is none of the classes {self.classes}")
        return np.array([known[value] for value in texts], np.int64)

    # ---------------------------------------------------------------- files
    def save(self, path: str | os.PathLike) -> None:
        """Write settings and what was learnt to a JSON file."""
        settings = {name: getattr(self, name) for name in ("target", "numbers", "categories", "columns", "missing", "indicator", "unknown")}
        learnt = {name: {"kind": encoder.kind, **encoder.state()} for name, encoder in self.encoders.items()}
        temporary = Path(f"{os.fspath(path)}.part")
        content = {"format": FORMAT, "settings": settings, "classes": self.classes, "encoders": learnt}
        temporary.write_text(json.dumps(content, ensure_ascii=False, indent=1), "utf-8")
        temporary.replace(path)

    @classmethod
    def load(cls, path: str | os.PathLike) -> TableEncoder:
        """Read what `save` wrote."""
        try:
            content = json.loads(Path(path).read_text("utf-8"))
            if content["format"] != FORMAT:
                raise CheckpointError(f"{os.fspath(path)}: written by another version of workbench")
            encoder = cls(**content["settings"])
            encoder.classes = list(content["classes"])
            for name, state in content["encoders"].items():
                encoder.encoders[name] = encoder._make(name, encoder.columns.get(name, state["kind"]))
                encoder.encoders[name].load(state)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise CheckpointError(f"{os.fspath(path)}: not a file of a TableEncoder ({type(error).__name__}: {error})") from None
        return encoder


class TableDataset(TensorDataset):
    """A table as a dataset: items are (numbers, target), with ordinal columns (numbers, categories, target).

    Parameters
    ----------
    table : dict of columns, data frame or path of a CSV file
        Its rows are the items.
    target : str, optional
        The column to predict; without one items have no target.
    encoder : TableEncoder, optional
        One that was fitted on the training rows; otherwise one is fitted on these.
    settings
        Of the `TableEncoder` that is made otherwise.

    Attributes
    ----------
    encoder : TableEncoder
        For further rows, such as those to test with: ``TableDataset(rows, encoder=train.encoder)``.

    Examples
    --------
    >>> import workbench as wb
    >>> rows = {"height": [1.0, 2.0, 3.0], "colour": ["red", "blue", "red"], "kind": ["a", "b", "a"]}
    >>> data = wb.data.TableDataset(rows, target="kind")
    >>> x, y = data[0]
    >>> x.shape, y.item(), data.classes
    ((3,), 0, ('a', 'b'))
    """

    def __init__(self, table: Any, target: str | None = None, encoder: TableEncoder | None = None, **settings: Any) -> None:
        columns = read_csv(table) if isinstance(table, (str, os.PathLike)) else as_columns(table)
        if encoder is not None and (settings or target not in (None, encoder.target)):
            raise ArgumentError("TableDataset: an encoder is given; its settings and target are those it was made with")
        self.encoder = encoder if encoder is not None else TableEncoder(target, **settings).fit(columns)
        if self.encoder.target is not None and self.encoder.target not in columns:
            raise ShapeError(f"TableDataset: the table has no target {self.encoder.target!r}; TableEncoder.transform takes rows without one")
        parts = self.encoder.transform(columns)
        kept = ["numbers", *(["categories"] if self.encoder.category_names else []), *(["target"] if "target" in parts else [])]
        super().__init__(*(as_tensor(parts[part]) for part in kept), name="table", classes=self.encoder.classes)


def _kinds(takes: str) -> str:
    return ", ".join(kind for kind, encoder in Encoder.kinds.items() if encoder.takes == takes and kind != "category")


def _kind(kind: Any, column: str = "") -> type[Encoder]:
    if kind not in Encoder.kinds or kind == "category":
        where = f"column {column!r}: " if column else ""
        known = ", ".join([_kinds("numbers"), _kinds("categories"), *(["drop"] if column else [])])
        raise ConfigError(f"TableEncoder: {where}kind {kind!r}; expected one of {known}")
    return Encoder.kinds[kind]


def _as(takes: str, values: np.ndarray) -> np.ndarray:
    """A column in the form that an encoder takes: numbers as texts where they are categories."""
    if takes == "numbers":
        if values.dtype == object:
            raise ArgumentError(f"texts such as {next(value for value in values if value is not None)!r} where numbers are expected")
        return values
    if values.dtype == object:
        return values
    return np.array([None if np.isnan(value) else f"{value:g}" if value != int(value) else str(int(value)) for value in values], object)
