"""Tables as a dict of columns: from CSV, from a data frame, from arrays; numbers as float64, all else as texts."""
from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...core import Tensor
from ...core.errors import ArgumentError, ShapeError

MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "?"))
Columns = dict[str, np.ndarray]


def read_csv(path: str | os.PathLike, *, delimiter: str | None = None, names: Sequence[str] | None = None,
             encoding: str = "utf-8-sig") -> Columns:
    """The columns of a CSV file.

    A column is numbers (float64) if each of its values is one or missing, else texts. Missing are empty values, and NA, NaN, null,
    none and ? in any case: NaN among numbers, None among texts.

    Parameters
    ----------
    path : path
    delimiter : str, optional
        Found in the first lines by default, one of ``, ; tab |``.
    names : sequence of str, optional
        Of the columns, if the first line does not hold them.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from workbench.data import read_csv
    >>> place = pathlib.Path(tempfile.mkdtemp()) / "t.csv"
    >>> _ = place.write_text("city,rooms\\nOslo,3\\nRome,NA\\n")
    >>> columns = read_csv(place)
    >>> columns["city"].tolist(), columns["rooms"].tolist()
    (['Oslo', 'Rome'], [3.0, nan])
    """
    with open(path, newline="", encoding=encoding) as file:
        if delimiter is None:
            start = file.read(1 << 14)
            delimiter = max(",;\t|", key=lambda sign: start.split("\n", 1)[0].count(sign))
            file.seek(0)
        rows = [row for row in csv.reader(file, delimiter=delimiter, skipinitialspace=True) if row]
    header = list(names) if names is not None else [name.strip() for name in rows[0]] if rows else []
    body = rows if names is not None else rows[1:]
    if not header or not body:
        raise ArgumentError(f"{os.fspath(path)}: expected a line of names and lines of values, got {len(rows)} lines")
    for number, row in enumerate(body, start=1 if names is not None else 2):
        if len(row) != len(header):
            raise ShapeError(f"{os.fspath(path)}: row {number} has {len(row)} values, expected {len(header)} ({', '.join(header[:6])})")
    return as_columns({name: column(values) for name, values in zip(header, zip(*body, strict=True), strict=True)})


def column(values: Sequence[str]) -> np.ndarray:
    """Texts as numbers if they are, else as texts."""
    stripped = [value.strip() for value in values]
    try:
        return np.array([np.nan if value.lower() in MISSING else float(value) for value in stripped])
    except ValueError:
        return np.array([None if value.lower() in MISSING else value for value in stripped], object)


def as_columns(table: Any) -> Columns:
    """A mapping of arrays, or a data frame, as columns of float64 and of texts, all equally long.

    Examples
    --------
    >>> from workbench.data.tabular import as_columns
    >>> as_columns({"age": [3, None], "name": ["Ann", None]})
    {'age': array([ 3., nan]), 'name': array(['Ann', None], dtype=object)}
    """
    if not isinstance(table, Mapping) and not hasattr(table, "columns"):
        raise ArgumentError(f"expected a dict of columns or a data frame, got {type(table).__name__}; read_csv reads a file")
    names = list(table) if isinstance(table, Mapping) else list(table.columns)
    columns = {str(name): _plain(str(name), table[name]) for name in names}
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1:
        raise ShapeError(f"columns must be equally long, got {({name: len(values) for name, values in columns.items()})}")
    return columns


def _plain(name: str, values: Any) -> np.ndarray:
    # A list keeps its own kinds: as an array, ["x", nan] would become two texts.
    array = values.numpy() if isinstance(values, Tensor) else np.asarray(values, object if isinstance(values, (list, tuple)) else None)
    if array.ndim != 1:
        raise ShapeError(f"column {name!r} has shape {array.shape}; expected (rows,)")
    if array.dtype.kind in "iufb":
        return array.astype(np.float64)
    if array.dtype.kind not in "OUST":
        raise ArgumentError(f"column {name!r} has dtype {array.dtype}; expected numbers or texts")
    gaps = [value is None or value != value or str(value) == "<NA>" for value in array]  # NaN differs from itself
    known = [value for value, gap in zip(array, gaps, strict=True) if not gap]
    if known and all(isinstance(value, (int, float, np.number)) for value in known):
        return np.array([np.nan if gap else float(value) for value, gap in zip(array, gaps, strict=True)])
    return np.array([None if gap else str(value) for value, gap in zip(array, gaps, strict=True)], object)
