"""Formulas over arrays, written once: a kernel computes them on a device and along large sequences, NumPy elsewhere."""
from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable, Sequence
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
    row_numbers : int
        How many of the last arrays have one number in a row.

    Examples
    --------
    >>> import numpy as np
    >>> x, y = np.arange(3.0), np.zeros(3)
    >>> Formulas("x y", {"twice": "x * 2", "y": "twice + 1"}).on(x)(x, y)
    >>> y.tolist()
    [1.0, 3.0, 5.0]
    """

    def __init__(self, arrays: str, lines: dict[str, str], row_numbers: int = 0) -> None:
        self.arrays, self.lines, self.row_numbers = arrays.split(), lines, row_numbers
        self._kernels: dict[Any, Any] = {}

    def on(self, like: Any) -> Callable[..., None]:
        """A function of arrays of the module and the dtype of `like` that broadcast to each other."""
        xp = module_of(type(like))
        if xp.__name__ == "cupy" and like.dtype.char in "efd":
            return self._launch(like.dtype.name)
        return functools.partial(self._python, xp)

    def along(self, left: Any, weight: Any, bias: Any, arrays: Sequence[Any]) -> None:
        """At every step the parts of ``left @ weight + bias`` are the first arrays, and the formulas are computed.

        Parameters
        ----------
        left : array, shape (length, rows, inner)
            May be an array that the formulas write, for the steps behind.
        weight : array, shape (inner, parts * width)
        bias : array, shape (parts * width,), or None
        arrays : sequence of arrays, shapes (length, rows, width), or (rows, width) where every step meets the same
            The last axis is in one piece. The last `row_numbers` of them have the shape (length, rows, 1).

        Examples
        --------
        >>> states = np.array([[[1.0, 0.0]], [[0.0, 0.0]], [[0.0, 0.0]]])
        >>> Formulas("product new", {"new": "product + 1"}).along(states[:-1], np.eye(2) * 2, None, [states[1:]])
        >>> states[:, 0].tolist()
        [[1.0, 0.0], [3.0, 1.0], [7.0, 3.0]]
        """
        kernel = self._kernel(left.dtype) if type(left) is np.ndarray and left.shape[0] * left.shape[1] * weight.shape[1] >= LARGE else None
        if kernel is not None:
            kernel(left, weight, bias, arrays)
            return
        run, xp, width = self.on(left), module_of(type(left)), arrays[0].shape[-1]
        product = xp.empty((left.shape[1], weight.shape[1]), left.dtype)
        parts = [product[:, start:start + width] for start in range(0, weight.shape[1], width)]
        for t in range(len(left)):
            xp.matmul(left[t], weight, out=product)
            if bias is not None:
                product += bias
            run(*parts, *(array[t] if array.ndim == 3 else array for array in arrays))

    def _kernel(self, dtype: np.dtype) -> Callable[..., None] | None:
        """All steps in one call; None where nothing can be compiled."""
        if dtype not in self._kernels:
            from . import cpu

            if dtype.char in "fd" and cpu.available():
                plan = cpu.Steps(dtype.name, len(self.arrays) - self.row_numbers, self.row_numbers, *self._steps(dtype.name))
                self._kernels[dtype] = cpu.compile_steps(plan)
            else:
                self._kernels[dtype] = None
        return self._kernels[dtype]

    def _launch(self, dtype: str) -> Callable[..., None]:
        """The kernel of a device."""
        if ("cuda", dtype) not in self._kernels:
            from . import cuda

            steps, stores = self._steps(dtype)
            self._kernels["cuda", dtype] = cuda.in_place(len(self.arrays), steps, stores, dtype)
        return self._kernels["cuda", dtype]

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
