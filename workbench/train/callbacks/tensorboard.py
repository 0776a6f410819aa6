"""TensorBoard: the numbers of a run, and histograms of its weights and gradients, as an event file."""
from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.errors import ArgumentError
from ..tensorboard import SummaryWriter
from .files import HistoryWriter

if TYPE_CHECKING:
    from ..history import History
    from ..trainer import Trainer


class TensorBoard(HistoryWriter):
    """Writes what TensorBoard shows. A run that resumes goes on in its file, cut back to where the checkpoint was made.

    Parameters
    ----------
    log_dir : path
        Of one run: the file of an earlier one is replaced.
    histograms_every : int, optional
        Histograms of parameters and gradients every so many steps.
    hparams : dict, optional
        Settings of the run.

    Attributes
    ----------
    writer : SummaryWriter
        For more: ``callback.writer.add_image("sample", x, step)``.

    Examples
    --------
    >>> import tempfile, workbench as wb
    >>> board = wb.train.TensorBoard(tempfile.mkdtemp(), hparams={"lr": 0.1})
    >>> run = wb.fit(wb.nn.Linear(4, 3), wb.data.iris(), loss=wb.nn.functional.cross_entropy, lr=0.1, epochs=2, callbacks=[board])
    """

    def __init__(self, log_dir: str | os.PathLike, histograms_every: int | None = None, hparams: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        if histograms_every is not None and histograms_every < 1:
            raise ArgumentError(f"TensorBoard: histograms_every={histograms_every}; expected at least 1")
        self.log_dir, self.histograms_every, self.hparams = Path(log_dir), histograms_every, dict(hparams or {})
        self.path = self.log_dir / "events.out.tfevents.workbench"
        self._writer: SummaryWriter | None = None

    @property
    def writer(self) -> SummaryWriter:
        """What the file is written with; made when it is first asked for."""
        if self._writer is None:
            self.path.unlink(missing_ok=True)
            self._writer = SummaryWriter(self.log_dir, self.path)
        return self._writer

    def on_fit_start(self, trainer: Trainer) -> None:
        """A new file for a new run."""
        super().on_fit_start(trainer)
        self.close()

    def on_epoch_start(self, trainer: Trainer) -> None:
        """The model and its settings, once."""
        if trainer.epoch == 0:
            self.writer.add_text("model", f"```\n{trainer.model!r}\n```")
            if self.hparams:
                self.writer.add_hparams(self.hparams)

    def on_backward_end(self, trainer: Trainer) -> None:
        """Histograms, if it is time; gradients that are not finite have none."""
        step = trainer.run.step_index + 1
        if self.histograms_every is None or step % self.histograms_every:
            return
        for name, parameter in trainer.model.named_parameters():
            for kind, values in (("weights", parameter), ("gradients", parameter.grad)):
                if values is not None and np.isfinite(values.numpy()).any():
                    self.writer.add_histogram(f"{kind}/{name}", values, step)

    def write(self, history: History, since: int) -> None:
        """Complete rows as scalars."""
        for step, values in history.records(since):
            for name, value in values.items():
                self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
        self._writer = None

    def state_dict(self) -> dict[str, Any]:
        """How long the file is, and how many rows are in it."""
        return {"bytes": 0 if self._writer is None else self._writer.flush(), "rows": self.rows}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on in the same file, without what came after the checkpoint."""
        self.close()
        self.rows = 0
        if not state["bytes"]:
            return
        if not self.path.is_file() or self.path.stat().st_size < state["bytes"]:
            warnings.warn(f"TensorBoard: {self.path} is gone or shorter than it was; a new file begins", stacklevel=2)
            return
        os.truncate(self.path, state["bytes"])
        self._writer, self.rows = SummaryWriter(self.log_dir, self.path), state["rows"]
