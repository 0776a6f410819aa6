"""The error taxonomy: one class per kind of mistake, used by every part of workbench.

Each message is one or two sentences: what was given, what was expected, and the likely fix. Classes also derive from
the built-in error a Python programmer would expect, so ``except ValueError`` keeps working.
"""
from __future__ import annotations

import linecache
import os
import sys


class WorkbenchError(Exception):
    """Base of every error that workbench raises on purpose."""


class ArgumentError(WorkbenchError, ValueError):
    """An argument has a value outside what is allowed."""


class ShapeError(WorkbenchError, ValueError):
    """Shapes do not fit together."""


class AxisError(ShapeError, IndexError):
    """An axis or an index lies outside the tensor."""


class DTypeError(WorkbenchError, TypeError):
    """A value has a type, or a tensor a dtype, that the operation does not take."""


class DeviceError(WorkbenchError, RuntimeError):
    """Tensors live on different devices, or a device is not there."""


class GraphError(WorkbenchError, RuntimeError):
    """The graph of the computation cannot give what was asked: freed, stale, or not connected."""


class AnomalyError(WorkbenchError, ArithmeticError):
    """Anomaly mode found a NaN or an infinity.

    Attributes
    ----------
    op, phase, kind : str
        Which op, ``"forward"`` or ``"backward"``, and ``"NaN"``, ``"Inf"`` or ``"-Inf"``.
    place : tuple of (str, int), optional
        The user's line.
    index : tuple of int
        Of the first bad number.
    """

    def __init__(self, message: str, *, op: str = "", phase: str = "", place: tuple[str, int] | None = None,
                 index: tuple[int, ...] = (), kind: str = "") -> None:
        super().__init__(message)
        self.op, self.phase, self.place, self.index, self.kind = op, phase, place, index, kind


class TraceError(GraphError):
    """jit met something that is known only when the program runs."""


class VersionError(WorkbenchError, RuntimeError):
    """Two parts that must agree on a version do not."""


class ConfigError(WorkbenchError, ValueError):
    """A configuration does not describe what it should."""


class CheckpointError(WorkbenchError, RuntimeError):
    """A file cannot be read as the state it claims to be, or does not fit the model."""


class WorkerError(WorkbenchError, RuntimeError):
    """A worker of a loader died, hung, could not start, or met an error that cannot be raised as it is."""


class DownloadError(WorkbenchError, OSError):
    """A file could not be fetched, or is not what it should be."""


class DistributedError(WorkbenchError, RuntimeError):
    """Ranks disagree, or one of them is lost."""


_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def user_frame() -> tuple[str, int]:
    """File and line of the innermost caller outside workbench."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_ours(frame.f_code.co_filename):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _is_ours(filename: str) -> bool:
    return filename.startswith((_OURS, "<workbench "))


def describe_place(place: tuple[str, int] | None) -> str:
    """`place` in words with its code: ``cell 3, line 2: x[0] = 1``."""
    if place is None:
        return "an unrecorded line"
    filename, line = place
    code = linecache.getline(filename, line).strip()
    where = place_name(filename)
    return f"{where}, line {line}" + (f": {code}" if code else "")


def place_name(filename: str) -> str:
    """A file as a person calls it: ``cell 3`` for a notebook cell, else the file's name."""
    ipython = sys.modules.get("IPython")
    if ipython is not None and "ipykernel" in filename:
        shell = ipython.get_ipython()
        number = getattr(getattr(shell, "compile", None), "_filename_map", {}).get(filename)
        return f"cell {number}" if number is not None else "a notebook cell"
    return os.path.basename(filename)
