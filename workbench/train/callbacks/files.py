"""CSVLogger and JSONLLogger: the numbers of a run in a file that grows with it.

What they write is the history of the run, and a row is written when it is complete: at the start of the next step. A run
that resumes has its history back, so the file is first written anew as it was at the checkpoint: whatever a kill has left
in it, no row is missing and none is there twice.
"""
from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from ..checkpoints.atomic import write_atomically
from .base import Callback

if TYPE_CHECKING:
    from ..history import History
    from ..trainer import Trainer


class HistoryWriter(Callback):
    """Base: passes every complete row of the history on to `write`, once."""

    order = 90

    def __init__(self) -> None:
        self.rows = 0

    def on_fit_start(self, trainer: Trainer) -> None:
        """A run begins, and with it its history."""
        self.rows = 0

    def on_batch_start(self, trainer: Trainer, batch: Any) -> None:
        """The step before is complete."""
        self._pass_on(trainer.run.history)

    def on_fit_end(self, trainer: Trainer) -> None:
        """So is the last."""
        self._pass_on(trainer.run.history)
        self.close()

    def _pass_on(self, history: History) -> None:
        if len(history) > self.rows:
            self.write(history, self.rows)
            self.rows = len(history)

    def write(self, history: History, since: int) -> None:
        """Write the rows from number `since` on; 0 says that the file begins."""

    def close(self) -> None:
        """The run is over."""


class CSVLogger(HistoryWriter):
    """Writes the history into a CSV file: a column ``step``, and one for each name.

    Parameters
    ----------
    path : path
        Of one run: what is there already is replaced.

    Examples
    --------
    >>> import os, tempfile, workbench as wb
    >>> path = os.path.join(tempfile.mkdtemp(), "run.csv")
    >>> run = wb.fit(wb.nn.Linear(4, 3), wb.data.iris(), loss=wb.nn.functional.cross_entropy, batch_size=50, epochs=1,
    ...              callbacks=[wb.train.CSVLogger(path)])
    >>> [line.split(",")[0] for line in open(path)]
    ['step', '1', '2', '3']
    """

    def __init__(self, path: str | os.PathLike) -> None:
        super().__init__()
        self.path = Path(path)
        self._file: IO[bytes] | None = None
        self._names: tuple[str, ...] = ()

    def write(self, history: History, since: int) -> None:
        """Append rows; write the file anew where it begins or has other columns."""
        if since and self._file is not None and history.names == self._names:
            self._file.write(self.text(history, since))
            self._file.flush()
            return
        self.close()
        self._names = history.names
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, [self.text(history, 0)])
        self._file = open(self.path, "ab")

    def text(self, history: History, since: int) -> bytes:
        """The lines of rows; with the names above the first."""
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\n")
        if not since:
            writer.writerow(["step", *history.names])
        for step, values in history.records(since):
            writer.writerow([step, *(values.get(name, "") for name in history.names)])
        return out.getvalue().encode()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        self._file = None


class JSONLLogger(CSVLogger):
    """Writes the history as one JSON object a line: ``{"step": 1, "loss": 0.5}``; infinities and NaN as strings.

    Parameters
    ----------
    path : path
        Of one run: what is there already is replaced.

    Examples
    --------
    >>> import json, os, tempfile, workbench as wb
    >>> path = os.path.join(tempfile.mkdtemp(), "run.jsonl")
    >>> run = wb.fit(wb.nn.Linear(4, 3), wb.data.iris(), loss=wb.nn.functional.cross_entropy, batch_size=50, epochs=1,
    ...              callbacks=[wb.train.JSONLLogger(path)])
    >>> [sorted(json.loads(line)) for line in open(path)][0]
    ['loss', 'step']
    """

    def text(self, history: History, since: int) -> bytes:
        """The lines of rows."""
        lines = []
        for step, values in history.records(since):
            named = {name: float(str(value)) if np.isfinite(value) else str(value) for name, value in values.items()}
            lines.append(json.dumps({"step": step, **named}) + "\n")
        return "".join(lines).encode()
