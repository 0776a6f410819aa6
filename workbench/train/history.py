"""The numbers of a run: one row per logged step, one column per name, holes as NaN; a NaN that was logged is no hole.

The loop appends while other threads read; a reader gets copies and never waits longer than an append takes.
"""
from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..core.errors import ArgumentError


class History:
    """An append-only table of scalars by step; ``revision`` counts the changes.

    Examples
    --------
    >>> from workbench.train import History
    >>> history = History()
    >>> history.append(1, {"loss": 2.0}); history.append(2, {"loss": 1.0, "accuracy": 0.5})
    >>> steps, values = history.rows()
    >>> steps.tolist(), values.tolist()
    ([1.0, 2.0], [[2.0, 1.0], [nan, 0.5]])
    >>> history["accuracy"].tolist(), list(history)
    ([0.5], ['loss', 'accuracy'])
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._names: list[str] = []
        self._length = 0
        self.revision = 0
        self._steps = np.empty(256)
        self._values = np.empty((0, 256), np.float32)
        self._logged = np.empty((0, 256), np.bool_)

    def __len__(self) -> int:
        return self._length

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in the order they first appeared."""
        return tuple(self._names)

    def keys(self) -> tuple[str, ...]:
        """Names of the columns, as of a dictionary."""
        return self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __getitem__(self, name: str) -> np.ndarray:
        """The values of one column, without the holes."""
        if name not in self._names:
            raise ArgumentError(f"history[{name!r}]: nothing of that name was logged; expected one of {', '.join(self._names) or 'none yet'}")
        return self.column(name)[1]

    def append(self, step: int, values: Mapping[str, float]) -> None:
        """Add a row, or fill in the last one when `step` is its step."""
        with self._lock:
            self.revision += 1
            row = self._row(step)
            for name, value in values.items():
                column = self._column(name)
                self._values[column, row], self._logged[column, row] = value, True

    def rows(self, since: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Steps (n,) and values (names, n) from row `since` on."""
        with self._lock:
            return self._steps[since:self._length].copy(), self._values[:, since:self._length].copy()

    def records(self, since: int = 0) -> list[tuple[int, dict[str, np.float32]]]:
        """Step and what was logged at it, by name, from row `since` on."""
        with self._lock:
            rows = range(since, self._length)
            return [(int(self._steps[row]), {name: self._values[column, row] for column, name in enumerate(self._names) if self._logged[column, row]})
                    for row in rows]

    def last(self, name: str) -> float:
        """The newest value of a column; NaN before the first."""
        steps, values = self.column(name)
        return float(values[-1]) if steps.size else float("nan")

    def column(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Steps and values of one column, without the holes."""
        with self._lock:
            if name not in self._names:
                return np.empty(0), np.empty(0, np.float32)
            column = self._names.index(name)
            there = self._logged[column, :self._length]
            return self._steps[:self._length][there], self._values[column, :self._length][there]

    def state_dict(self) -> dict[str, Any]:
        """Everything that was logged, for a checkpoint."""
        with self._lock:
            parts = {"steps": self._steps[:self._length], "values": self._values[:, :self._length], "logged": self._logged[:, :self._length]}
            return {"names": list(self._names), **{name: part.copy() for name, part in parts.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Become the history that `state_dict` was taken of."""
        with self._lock:
            self.revision += 1
            self._names, self._length = list(state["names"]), len(state["steps"])
            room = max(256, 2 * self._length)
            self._steps, self._values = np.empty(room), np.full((len(self._names), room), np.nan, np.float32)
            self._logged = np.zeros(self._values.shape, np.bool_)
            self._steps[:self._length], self._values[:, :self._length] = state["steps"], state["values"]
            self._logged[:, :self._length] = state.get("logged", ~np.isnan(state["values"]))  # older states do not tell

    def _row(self, step: int) -> int:
        if self._length and self._steps[self._length - 1] == step:
            return self._length - 1
        if self._length == self._steps.size:
            self._steps = np.concatenate([self._steps, np.empty_like(self._steps)])
            self._values = np.concatenate([self._values, np.empty_like(self._values)], axis=1)
            self._logged = np.concatenate([self._logged, np.empty_like(self._logged)], axis=1)
        self._steps[self._length] = step
        self._values[:, self._length], self._logged[:, self._length] = np.nan, False
        self._length += 1
        return self._length - 1

    def _column(self, name: str) -> int:
        if name not in self._names:
            self._values = np.concatenate([self._values, np.full((1, self._steps.size), np.nan, np.float32)])
            self._logged = np.concatenate([self._logged, np.zeros((1, self._steps.size), np.bool_)])
            self._names.append(name)
        return self._names.index(name)
