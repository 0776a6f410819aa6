"""One column as numbers: what is learnt from it (`fit`), how it is applied (`transform`), and its state as plain JSON.

Numbers come as float64 with NaN where a value is missing; categories as texts with None.
"""
from __future__ import annotations

import statistics
from typing import Any, ClassVar

import numpy as np

from ...core.errors import ArgumentError


class Encoder:
    """Base of encoders of a column; a subclass names what it learns in ``learnt``.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.tabular import Encoder, Standard
    >>> code = Standard()
    >>> code.fit(np.array([1.0, 3.0]))
    >>> again = Encoder.kinds["standard"]()
    >>> again.load(code.state())
    >>> again.transform(np.array([3.0])).tolist()
    [[1.0]]
    """

    kind: ClassVar[str] = ""
    takes: ClassVar[str] = "numbers"
    learnt: ClassVar[tuple[str, ...]] = ()
    kinds: ClassVar[dict[str, type[Encoder]]] = {}

    def __init_subclass__(cls) -> None:
        if "kind" in vars(cls):
            Encoder.kinds[cls.kind] = cls

    def fit(self, column: np.ndarray) -> None:
        """Learn from the column of the training data."""

    def transform(self, column: np.ndarray) -> np.ndarray:
        """(n,) to (n, width)."""
        raise ArgumentError(f"{type(self).__name__} does not define transform")

    def names(self, column: str) -> list[str]:
        """What the columns of the result are called."""
        return [column]

    def state(self) -> dict[str, Any]:
        """What was learnt."""
        return {name: getattr(self, name) for name in self.learnt}

    def load(self, state: dict[str, Any]) -> None:
        """Take over what `state` returned."""
        for name in self.learnt:
            setattr(self, name, state[name])


class Number(Encoder):
    """A number; a missing one becomes a value learnt from the others, if asked for with a column that marks it.

    Parameters
    ----------
    missing : {"median", "mean", "error"} or float
        What stands for a missing value.
    indicator : bool
        Add a column with 1 where a value is missing, if any was in the training data.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.tabular import Number
    >>> code = Number(indicator=True)
    >>> code.fit(np.array([1.0, np.nan, 3.0]))
    >>> code.transform(np.array([np.nan])).tolist()
    [[2.0, 1.0]]
    """

    kind = "number"
    learnt: ClassVar[tuple[str, ...]] = ("filler", "marked")

    def __init__(self, missing: str | float = "median", indicator: bool = False) -> None:
        if isinstance(missing, str) and missing not in ("median", "mean", "error"):
            raise ArgumentError(f"missing={missing!r}; expected 'median', 'mean', 'error' or a number")
        self.missing, self.indicator = missing, indicator
        self.filler: float | None = None
        self.marked = False

    def fit(self, column: np.ndarray) -> None:
        """The value that stands for missing ones, and what the subclass learns from the others."""
        gaps = np.isnan(column)
        known = column[~gaps]
        if not len(known):
            raise ArgumentError("the column has no values at all")
        fillers = {"median": float(np.median(known)), "mean": float(known.mean()), "error": None}
        self.filler = fillers[self.missing] if isinstance(self.missing, str) else float(self.missing)
        self.marked = bool(self.indicator and gaps.any())
        self.learn(self.filled(column))

    def filled(self, column: np.ndarray) -> np.ndarray:
        """Without gaps."""
        gaps = np.isnan(column)
        if not gaps.any():
            return column
        if self.filler is None:
            raise ArgumentError(f"{int(gaps.sum())} of {len(column)} values are missing, the first in row {int(gaps.argmax())}; "
                                "missing='median' fills them")
        return np.where(gaps, self.filler, column)

    def transform(self, column: np.ndarray) -> np.ndarray:
        """(n,) to (n, 1), or (n, 2) with an indicator."""
        value = self.scale(self.filled(column))
        return np.stack([value, np.isnan(column)], axis=1) if self.marked else value[:, None]

    def names(self, column: str) -> list[str]:
        """The column, and its indicator."""
        return [column, f"{column} missing"] if self.marked else [column]

    def learn(self, column: np.ndarray) -> None:
        """What else is learnt from a column without gaps."""

    def scale(self, column: np.ndarray) -> np.ndarray:
        """As it is."""
        return column


class Standard(Number):
    """``(x - mean) / std``; a constant column becomes 0.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.tabular import Standard
    >>> code = Standard()
    >>> code.fit(np.array([1.0, 3.0]))
    >>> code.transform(np.array([5.0])).tolist()
    [[3.0]]
    """

    kind = "standard"
    learnt = (*Number.learnt, "mean", "std")

    def learn(self, column: np.ndarray) -> None:
        """Mean and deviation."""
        deviation = float(column.std())
        # A deviation that is only rounding is none.
        flat = deviation <= 10 * np.finfo(np.float64).eps * abs(float(column.mean()))
        self.mean, self.std = float(column.mean()), 1.0 if flat else deviation

    def scale(self, column: np.ndarray) -> np.ndarray:
        """Standard scores."""
        return (column - self.mean) / self.std


class MinMax(Number):
    """``(x - min) / (max - min)``; a constant column becomes 0.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.tabular import MinMax
    >>> code = MinMax()
    >>> code.fit(np.array([1.0, 3.0]))
    >>> code.transform(np.array([2.0])).tolist()
    [[0.5]]
    """

    kind = "minmax"
    learnt = (*Number.learnt, "low", "high")

    def learn(self, column: np.ndarray) -> None:
        """Smallest and largest."""
        self.low, self.high = float(column.min()), float(column.max())

    def scale(self, column: np.ndarray) -> np.ndarray:
        """Between 0 and 1 on the training data."""
        return (column - self.low) / ((self.high - self.low) or 1.0)


class Quantile(Number):
    """The share of training values below it, by linear interpolation between quantiles.

    Parameters
    ----------
    n_quantiles : int
        How many are kept, at most as many as there are rows.
    normal : bool
        Turn the share into the normal value with that share below it.
    missing, indicator
        As in `Number`.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.tabular import Quantile
    >>> code = Quantile()
    >>> code.fit(np.array([1.0, 2.0, 100.0]))
    >>> code.transform(np.array([2.0])).tolist()
    [[0.5]]
    """

    kind = "quantile"
    learnt = (*Number.learnt, "quantiles")

    def __init__(self, missing: str | float = "median", indicator: bool = False, n_quantiles: int = 1000, normal: bool = False) -> None:
        super().__init__(missing, indicator)
        if n_quantiles < 2:
            raise ArgumentError(f"n_quantiles={n_quantiles}; expected at least 2")
        self.n_quantiles, self.normal = n_quantiles, normal

    def learn(self, column: np.ndarray) -> None:
        """Evenly spaced quantiles."""
        shares = np.linspace(0, 1, max(min(self.n_quantiles, len(column)), 2))
        self.quantiles = np.maximum.accumulate(np.quantile(column, shares)).tolist()

    def scale(self, column: np.ndarray) -> np.ndarray:
        """Between 0 and 1, or normal values within about 5.2."""
        quantiles, shares = np.array(self.quantiles), np.linspace(0, 1, len(self.quantiles))
        # Equal quantiles form a step; from both sides its middle is met.
        share = 0.5 * (np.interp(column, quantiles, shares) - np.interp(-column, -quantiles[::-1], -shares[::-1]))
        share = np.where(column <= quantiles[0], 0.0, np.where(column >= quantiles[-1], 1.0, share))
        if not self.normal:
            return share
        unique, back = np.unique(share.clip(1e-7 - np.spacing(1), 1 - (1e-7 - np.spacing(1))), return_inverse=True)
        inverse = statistics.NormalDist().inv_cdf
        return np.array([inverse(value) for value in unique])[back]


class Category(Encoder):
    """Base of encoders of categories: the different texts of the training data, sorted, and perhaps "missing".

    Parameters
    ----------
    unknown : {"ignore", "error"}
        What becomes of a category that the training data did not have.
    """

    kind = "category"
    takes = "categories"
    learnt = ("categories",)

    def __init__(self, unknown: str = "ignore") -> None:
        if unknown not in ("ignore", "error"):
            raise ArgumentError(f"unknown={unknown!r}; expected 'ignore' or 'error'")
        self.unknown = unknown
        self.categories: list[str | None] = []

    def fit(self, column: np.ndarray) -> None:
        """The different categories; None comes last."""
        known = set(column)
        self.categories = [*sorted(known - {None}), *(known & {None})]

    def places(self, column: np.ndarray) -> np.ndarray:
        """The place of each category, and -1 for an unknown one."""
        known = {category: place for place, category in enumerate(self.categories)}
        found = np.array([known.get(value, -1) for value in column], np.int64)
        if self.unknown == "error" and (found < 0).any():
            row = int((found < 0).argmax())
            raise ArgumentError(f"{column[row]!r} in row {row} is no category of the training data ({len(self.categories)} are); "
                                "unknown='ignore' takes it")
        return found


class OneHot(Category):
    """One column per category, 1 where it is the one; nothing but 0 for an unknown one.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.tabular import OneHot
    >>> code = OneHot()
    >>> code.fit(np.array(['a', 'b'], object))
    >>> code.transform(np.array(['b', 'z'], object)).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """

    kind = "onehot"

    def transform(self, column: np.ndarray) -> np.ndarray:
        """(n,) to (n, categories)."""
        return (self.places(column)[:, None] == np.arange(len(self.categories))).astype(np.float64)

    def names(self, column: str) -> list[str]:
        """One per category."""
        return [f"{column}={'missing' if category is None else category}" for category in self.categories]


class Ordinal(Category):
    """The number of the category from 1 on, and 0 for an unknown one: what an embedding takes.

    Examples
    --------
    >>> import numpy as np
    >>> from workbench.data.tabular import Ordinal
    >>> code = Ordinal()
    >>> code.fit(np.array(['a', 'b'], object))
    >>> code.transform(np.array(['b', 'z'], object)).tolist()
    [[2], [0]]
    """

    kind = "ordinal"

    def transform(self, column: np.ndarray) -> np.ndarray:
        """(n,) to (n, 1)."""
        return self.places(column)[:, None] + 1

    @property
    def cardinality(self) -> int:
        """How many different numbers there are: categories, and one for unknown."""
        return len(self.categories) + 1
