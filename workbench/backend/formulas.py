"""Formulas over arrays of one length, written once: a kernel computes them on a device and where arrays are large, NumPy elsewhere."""
from __future__ import annotations

import ast
import functools
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from .arrays import module_of
from .expression import Step
from .large import LARGE


class Formulas:
    """Names of arrays, and lines ``name = expression`` in C, in order; a line whose name is an array's is written there.

    Parameters
    ----------
    arrays : str
        Names, separated by blanks.
    lines : dict of str to str
        Expressions in the names of arrays and of lines before.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.arange(3.0), np.zeros(3)
    >>> Formulas("x y", {"twice": "x * 2", "y": "twice + 1"}).on(x)(x, y)
    >>> y.tolist()
    [1.0, 3.0, 5.0]
    """

    def __init__(self, arrays: str, lines: dict[str, str]) -> None:
        self.arrays, self.lines = arrays.split(), lines
        self._kernels: dict[Any, Any] = {}

    def on(self, like: Any) -> Callable[..., None]:
        """A function of the arrays, which must be contiguous and of the dtype of `like`; many calls shall work on parts of its size."""
        xp = module_of(type(like))
        if xp is np and like.dtype.char in "fd" and math.prod(like.shape) >= LARGE:
            kernel = self._kernel(like.dtype.name)
            if kernel is not None:
                return kernel
        if xp.__name__ == "cupy" and like.dtype.char in "efd":
            return self._launch(like.dtype.name)
        return functools.partial(self._python, xp)

    def _kernel(self, dtype: str) -> Callable[..., None] | None:
        if dtype not in self._kernels:
            from . import cpu

            self._kernels[dtype] = cpu.multi_call(self._plan(dtype)) if cpu.available() else None
        return self._kernels[dtype]

    def _launch(self, dtype: str) -> Callable[..., None]:
        """The kernel of a device."""
        if ("cuda", dtype) not in self._kernels:
            from . import cuda

            steps, stores = self._steps(dtype)
            self._kernels["cuda", dtype] = cuda.in_place(len(self.arrays), steps, stores, dtype)
        return self._kernels["cuda", dtype]

    def _plan(self, dtype: str) -> Any:
        from . import cpu

        steps, stores = self._steps(dtype)
        return cpu.Multi(dtype, len(self.arrays), 0, steps, stores)

    def _steps(self, dtype: str) -> tuple[tuple[Step, ...], tuple[tuple[int, int], ...]]:
        """The lines as steps, and which of their values goes to which array."""
        numbers = {name: number for number, name in enumerate(self.arrays)}
        steps, stores = [], {}
        for name, line in self.lines.items():
            used = [found for found in dict.fromkeys(re.findall(r"[A-Za-z_]\w*", line)) if found in numbers]
            places = {found: "{" + str(place) + "}" for place, found in enumerate(used)}
            text = re.sub(r"[A-Za-z_]\w*", lambda found, places=places: places.get(found[0], found[0]), line)
            steps.append(Step(text, tuple(numbers[found] for found in used), dtype))
            numbers[name] = len(self.arrays) + len(steps) - 1
            if name in self.arrays:
                stores[self.arrays.index(name)] = numbers[name]
        return tuple(steps), tuple((value, column) for column, value in stores.items())

    @functools.cached_property
    def _python(self) -> Callable[..., None]:
        """``function(xp, *arrays)`` with the same lines."""
        body = [f"    {name} = {line}" for name, line in self.lines.items()]
        body += [f"    room_{name}[...] = {name}" for name in self.lines if name in self.arrays]
        rooms = [f"    room_{name} = {name}" for name in self.lines if name in self.arrays]
        source = "\n".join([f"def formulas(xp, {', '.join(self.arrays)}):", "    tanh, max, where = xp.tanh, xp.maximum, xp.where", *rooms, *body])
        namespace: dict[str, Any] = {"__name__": __name__}
        exec(compile(ast.parse(source), "<workbench formulas>", "exec"), namespace)
        return namespace["formulas"]
