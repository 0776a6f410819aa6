"""Progress: a bar in a terminal. In a notebook the live view of the run takes its place."""
from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .base import Callback

if TYPE_CHECKING:
    from ..trainer import Trainer


def counted(batches: Iterable[Any], title: str, wanted: bool | None) -> Iterable[Any]:
    """The same batches, with a bar that counts them: `wanted` as in `Progress`."""
    if not (sys.stderr.isatty() if wanted is None else wanted):
        return batches
    from tqdm.auto import tqdm

    return tqdm(batches, desc=title, unit="batch")


class Progress(Callback):
    """A bar of the steps with the newest scores beside it.

    Parameters
    ----------
    wanted : bool, optional
        By default where the standard error is a terminal; True shows it everywhere, also in a notebook.

    Examples
    --------
    >>> import workbench as wb
    >>> run = wb.fit(wb.nn.Linear(4, 3), wb.data.iris(), loss=wb.nn.functional.cross_entropy, callbacks=[wb.train.Progress(False)])
    >>> run.step_index == run.total
    True
    """

    order = 50

    def __init__(self, wanted: bool | None = None) -> None:
        self.wanted = wanted
        self._bar: Any = None

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Show the bar, once."""
        self._show(trainer)

    def on_step_end(self, trainer: Trainer) -> None:
        """One step further."""
        self._show(trainer)
        if self._bar is not None:
            self._bar.update(trainer.run.step_index - self._bar.n)

    def on_evaluate_end(self, trainer: Trainer, scores: dict[str, float]) -> None:
        """Write the scores beside the bar."""
        if self._bar is not None:
            self._bar.set_postfix({name: f"{value:.4g}" for name, value in scores.items()})

    def on_fit_end(self, trainer: Trainer) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()
        self._bar = None

    def _show(self, trainer: Trainer) -> None:
        if self._bar is None and (sys.stderr.isatty() if self.wanted is None else self.wanted):
            from tqdm.auto import tqdm

            run = trainer.run
            self._bar = tqdm(total=run.total, desc=run.title, unit="step", initial=run.step_index)
