"""How tensors are printed."""
from __future__ import annotations

from typing import Any

import numpy as np

from .errors import ArgumentError

PROFILES: dict[str, dict[str, Any]] = {
    "default": {"threshold": 1000, "edgeitems": 3, "precision": None, "linewidth": None, "suppress_small": None},
    "short": {"threshold": 1000, "edgeitems": 2, "precision": 2, "linewidth": None, "suppress_small": None},
    "full": {"threshold": 2**62, "edgeitems": 3, "precision": None, "linewidth": None, "suppress_small": None}}
_options = dict(PROFILES["default"])


def set_printoptions(precision: int | None = None, threshold: int | None = None, edgeitems: int | None = None, linewidth: int | None = None,
                     profile: str | None = None, sci_mode: bool | None = None) -> None:
    """Choose how tensors are printed; what is left out stays as it was.

    Parameters
    ----------
    precision : int, optional
        Digits behind the point.
    threshold : int, optional
        A tensor of more elements is abbreviated.
    edgeitems : int, optional
        Elements shown at each end of an abbreviated axis.
    linewidth : int, optional
        Characters of a line.
    profile : {"default", "short", "full"}, optional
        All of these at once; the others then change it.
    sci_mode : bool, optional
        False writes small numbers without exponent.

    Raises
    ------
    ArgumentError
        If there is no such profile.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.set_printoptions(precision=2); wb.tensor([1 / 3])
    tensor([0.33])
    >>> wb.set_printoptions(profile="default")
    """
    if profile is not None and profile not in PROFILES:
        raise ArgumentError(f"set_printoptions: profile={profile!r}; expected one of {', '.join(PROFILES)}")
    _options.update(PROFILES[profile] if profile is not None else {})
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth,
             "suppress_small": None if sci_mode is None else not sci_mode}
    _options.update({name: value for name, value in given.items() if value is not None})


def numbers_text(numbers: np.ndarray, prefix: str) -> str:
    """The numbers in brackets, every line but the first as far in as `prefix` is long."""
    return np.array2string(numbers.astype(np.float32) if numbers.dtype.kind == "V" else numbers, separator=", ", prefix=prefix,
                           max_line_width=_options["linewidth"], precision=_options["precision"], suppress_small=_options["suppress_small"],
                           threshold=_options["threshold"], edgeitems=_options["edgeitems"])
