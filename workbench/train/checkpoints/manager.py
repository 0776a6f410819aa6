"""CheckpointManager: the checkpoints of one run in a folder, the newest few and the best."""
from __future__ import annotations

import math
import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...core.errors import ArgumentError, CheckpointError
from .atomic import remove_leftovers
from .file import describe, verify
from .store import load, save

_NAME = re.compile(r"step-(\d+)\.wb")


class CheckpointManager:
    """Saves states of a run by step and keeps the newest `keep` of them, and the best.

    Parameters
    ----------
    folder : path
        Made if it does not exist.
    keep : int or None
        How many of the newest to keep; None: all.
    best : str, optional
        The metric whose best checkpoint is kept as well.
    mode : {"min", "max"}
        Whether a low or a high value of `best` is good.

    Examples
    --------
    >>> import tempfile, workbench as wb
    >>> manager = wb.train.CheckpointManager(tempfile.mkdtemp(), keep=1, best="val_loss")
    >>> for step, loss in enumerate([3.0, 1.0, 2.0]):
    ...     _ = manager.save({"w": wb.ones(1) * step}, step, {"val_loss": loss})
    >>> [path.name for path in manager.paths()], manager.best_path().name
    (['step-000000002.wb', 'step-000000001.wb'], 'step-000000001.wb')
    """

    def __init__(self, folder: str | os.PathLike, keep: int | None = 3, best: str | None = None, mode: str = "min") -> None:
        if keep is not None and keep < 1:
            raise ArgumentError(f"CheckpointManager: keep={keep}; expected at least 1, or None to keep all")
        if mode not in ("min", "max"):
            raise ArgumentError(f"CheckpointManager: mode={mode!r}; expected 'min' or 'max'")
        self.folder, self.keep, self.best, self.mode = Path(folder), keep, best, mode
        self.folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.folder)

    def save(self, state: Any, step: int, metrics: Mapping[str, float] | None = None) -> Path:
        """Save `state` as that of `step`; older checkpoints go only when the new one is safely on the disk."""
        path = self.folder / f"step-{step:09d}.wb"
        save(state, path, meta={"step": step, "metrics": {name: float(value) for name, value in (metrics or {}).items()}})
        self._rotate()
        return path

    def paths(self) -> list[Path]:
        """All checkpoints, newest first."""
        return sorted((path for path in self.folder.iterdir() if _NAME.fullmatch(path.name)), key=_step, reverse=True)

    def latest(self) -> Path | None:
        """The newest undamaged checkpoint; damaged ones are passed over with a warning that names them."""
        for path in self.paths():
            try:
                verify(path)
            except FileNotFoundError:  # another process that writes here has removed it
                continue
            except CheckpointError as error:
                warnings.warn(f"passed over: {error}", stacklevel=2)
                continue
            return path
        return None

    def best_path(self) -> Path | None:
        """The checkpoint with the best value of the metric `best`; None if none has one."""
        scored = [(value, path) for path in self.paths() if (value := self._score(path)) is not None]
        return min(scored, key=lambda pair: pair[0])[1] if scored else None

    def best_score(self) -> float | None:
        """The value of the metric `best` there; None if none has one."""
        path = self.best_path()
        score = None if path is None else self._score(path)
        return score if score is None or self.mode == "min" else -score

    def load(self, path: str | os.PathLike | None = None) -> Any:
        """The state in `path`, by default the newest that is undamaged."""
        chosen = self.latest() if path is None else path
        if chosen is None:
            raise CheckpointError(f"{self.folder} holds no undamaged checkpoint")
        return load(chosen)

    def _score(self, path: Path) -> float | None:
        """The metric of a checkpoint as a number to be minimized."""
        if self.best is None:
            return None
        try:
            value = describe(path)["meta"]["metrics"].get(self.best)
        except (CheckpointError, FileNotFoundError):
            return None  # `latest` tells of damage; here it just cannot be the best
        if value is None or math.isnan(value):
            return None
        return value if self.mode == "min" else -value

    def _rotate(self) -> None:
        if self.keep is None:
            return
        best = self.best_path()
        for path in self.paths()[self.keep:]:
            if path != best:
                path.unlink(missing_ok=True)


def _step(path: Path) -> int:
    return int(_NAME.fullmatch(path.name)[1])  # type: ignore[index]
