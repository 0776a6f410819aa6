"""Which gradient is broken: a report on NaN, infinity and size, parameter by parameter."""
from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from .. import ops
from ..core import Tensor, no_grad
from ..core.errors import AnomalyError, TraceError
from ..core.state import STATE


class GradientRow(NamedTuple):
    """What there is to say of one gradient.

    Attributes
    ----------
    name : str
    shape : tuple of int
    norm : float
        Of the finite entries; NaN if there is no gradient.
    nans, infs : int
    index : tuple of int
        Of the first entry that is no finite number.
    """

    name: str
    shape: tuple[int, ...]
    norm: float
    nans: int
    infs: int
    index: tuple[int, ...]

    @property
    def broken(self) -> bool:
        """Is any entry no finite number?"""
        return bool(self.nans or self.infs)


class GradientReport:
    """What `check_gradients` returns; shows itself as a table.

    Attributes
    ----------
    rows : tuple of GradientRow
    first : GradientRow or None
        The broken one that comes last in the model: backward met it before the others.
    """

    def __init__(self, rows: Iterable[GradientRow]) -> None:
        self.rows = tuple(rows)
        self.first = next((row for row in reversed(self.rows) if row.broken), None)

    @property
    def ok(self) -> bool:
        """Are all gradients finite?"""
        return self.first is None

    def raise_if_broken(self) -> None:
        """Raise an AnomalyError that names the first broken gradient."""
        if self.first is not None:
            row = self.first
            raise AnomalyError(f"the gradient of {row.name} {row.shape} has {row.nans} NaN and {row.infs} infinite entries, the first at {row.index}; "
                               "with wb.autograd.detect_anomaly() backward names the line that made it",
                               phase="backward", index=row.index, kind="NaN" if row.nans else "Inf")

    def __repr__(self) -> str:
        cells = [("parameter", "shape", "norm", "NaN", "Inf"), *map(_cells, self.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(5)]
        return "\n".join([self._sentence(), *("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells)])

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in ("parameter", "shape", "norm", "NaN", "Inf"))
        body = "".join("<tr" + (" style='font-weight:bold'" if row.broken else "") + ">" + "".join(f"<td>{html.escape(cell)}</td>" for cell in _cells(row))
                       + "</tr>" for row in self.rows)
        return f"<p>{html.escape(self._sentence())}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _sentence(self) -> str:
        if self.first is None:
            return f"{len(self.rows)} gradients, all finite"
        broken = sum(row.broken for row in self.rows)
        return f"{broken} of {len(self.rows)} gradients are not finite; backward met {self.first.name} first"


def _cells(row: GradientRow) -> tuple[str, ...]:
    return row.name, "×".join(map(str, row.shape)) or "()", "none" if np.isnan(row.norm) else f"{row.norm:.4g}", str(row.nans), str(row.infs)


def check_gradients(model: Any, *, error: bool = False) -> GradientReport:
    """Look at all gradients of a model for NaN and infinity.

    Parameters
    ----------
    model : Module, or iterable of (name, Tensor)
        After ``backward()``, and before clipping, which spreads a NaN to all.
    error : bool
        Raise an AnomalyError instead of returning a report of broken gradients.

    Returns
    -------
    GradientReport

    Raises
    ------
    AnomalyError
        With `error`, naming the parameter.
    TraceError
        Inside jit, where there are no numbers to look at.

    Examples
    --------
    >>> import workbench as wb
    >>> model = wb.nn.Sequential(wb.nn.Linear(1, 2), wb.nn.Linear(2, 1))
    >>> for p in model.parameters():
    ...     p.grad = wb.ones(p.shape)
    >>> model[0].bias.grad = wb.tensor([1.0, float("nan")])
    >>> wb.optim.check_gradients(model)
    1 of 4 gradients are not finite; backward met 0.bias first
    parameter  shape  norm   NaN  Inf
    0.weight   2×1    1.414  0    0
    0.bias     2      1      1    0
    1.weight   1×2    1.414  0    0
    1.bias     1      1      0    0
    """
    if STATE.trace is not None:
        raise TraceError("check_gradients looks at numbers, which jit does not know; call it after the compiled step")
    with no_grad():
        report = GradientReport(_row(name, p) for name, p in (model.named_parameters() if hasattr(model, "named_parameters") else model))
    if error:
        report.raise_if_broken()
    return report


def _row(name: str, parameter: Tensor) -> GradientRow:
    g = parameter.grad
    if g is None:
        return GradientRow(name, tuple(parameter.shape), float("nan"), 0, 0, ())
    finite = ops.isfinite(g)
    nans = int(ops.isnan(g).sum().item())
    infs = int(finite.size - finite.sum().item()) - nans
    norm = ops.norm(ops.where(finite, g, 0.0)).item()
    first = int(ops.argmax((~finite).reshape(-1).to("int64")).item()) if nans + infs else 0
    index = tuple(int(n) for n in np.unravel_index(first, tuple(g.shape))) if nans + infs else ()
    return GradientRow(name, tuple(g.shape), norm, nans, infs, index)
