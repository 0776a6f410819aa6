"""Formulas over the rows of a matrix, such as softmax: sweeps over a row that use what sweeps before have found."""
from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np

LARGE = 8192
"""Elements from which a kernel is used."""
NAME = re.compile(r"[A-Za-z_]\w*")


class RowFormulas:
    """A kernel over rows, written as lines ``name = expression`` in C.

    Parameters
    ----------
    matrices : str
        Names of arrays (rows, width), separated by blanks.
    sweeps : dict of str to str
        Lines of one sweep each. A line "sum: ..." or "max: ..." is reduced over the row, for the sweeps behind; a line whose name is
        an array's is written there; a sweep that reads only numbers of rows computes numbers of rows.
    numbers : str
        Names of arrays (rows,).
    shared : str
        Names of arrays (width,).
    constants : str
        Names of arrays (1,).

    Examples
    --------
    >>> share = RowFormulas("x o", {"total": "sum: x"}, {"o": "x / total"})
    >>> x = np.ones((100, 100)); o = np.empty_like(x)
    >>> kernel = share.on(x)
    >>> if kernel is not None: kernel(x, o)  # there is none without llvmlite
    """

    def __init__(self, matrices: str, *sweeps: dict[str, str], numbers: str = "", shared: str = "", constants: str = "") -> None:
        groups = {"m": matrices.split(), "r": numbers.split(), "c": shared.split(), "n": constants.split()}
        self.arrays = [name for group in groups.values() for name in group]
        self.kinds = "".join(kind * len(group) for kind, group in groups.items())
        self.sweeps = sweeps
        self._kernels: dict[np.dtype, Callable[..., None] | None] = {}

    def on(self, x: Any) -> Callable[..., None] | None:
        """A function of C-contiguous arrays in the order matrices, numbers, shared, constants; None where x had better stay with its array module."""
        if type(x) is not np.ndarray or x.size < LARGE or x.dtype.char not in "fd":
            return None
        if x.dtype not in self._kernels:
            from . import cpu

            self._kernels[x.dtype] = cpu.compile_rows(self._plan(x.dtype.name)) if cpu.available() else None
        return self._kernels[x.dtype]

    def _plan(self, dtype: str) -> Any:
        from . import cpu
        from .expression import Step  # with the first kernel: `import workbench` does not need it

        known: list[str] = []
        sweeps = []
        for lines in self.sweeps:
            places = {name: number for number, name in enumerate([*self.arrays, *known])}
            steps, stores, found = [], {}, []
            for name, line in lines.items():
                kind, _, text = line.rpartition(":")
                used = [word for word in dict.fromkeys(NAME.findall(text)) if word in places]
                spelled = {word: f"{{{number}}}" for number, word in enumerate(used)}
                steps.append(Step(NAME.sub(lambda word, spelled=spelled: spelled.get(word[0], word[0]), text.strip()), tuple(places[word] for word in used), dtype))
                places[name] = len(self.arrays) + len(known) + len(steps) - 1
                if name in self.arrays:
                    stores[self.arrays.index(name)] = places[name]
                found += [(name, kind)] if kind else []
            numbers = not found and self._only_numbers(lines, known)
            found = [(name, "") for name in lines] if numbers else found
            sweeps.append(cpu.Sweep(tuple(steps), tuple((value, array) for array, value in stores.items()),
                                    tuple((places[name], kind) for name, kind in found), numbers))
            known += [name for name, _ in found]
        return cpu.Rows(dtype, self.kinds, tuple(sweeps))

    def _only_numbers(self, lines: dict[str, str], known: list[str]) -> bool:
        long = {name for name, kind in zip(self.arrays, self.kinds, strict=True) if kind in "mc"}
        return not any(word in long for line in lines.values() for word in NAME.findall(line)) and not long & set(lines)
