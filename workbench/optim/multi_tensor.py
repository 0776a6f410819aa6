"""Updates of all parameters of a group as one kernel call (two with norms), where the rule is element-wise and LLVM is there.

What a step costs beside the arithmetic is looking whether everything is where it was, so that is done on whole lists. If
something is not (a state was loaded, a gradient is missing, a setting changed), rows are put together again. Results are
those of the rule on NumPy arrays, bit by bit where it has no norms; parameters that do not fit are changed by the rule itself.
"""
from __future__ import annotations

import itertools
import operator
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core import Tensor, mutate
from . import lowering
from .lowering import Rule, is_array

DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
_dtype = operator.attrgetter("dtype")
_size = operator.attrgetter("size")


class GroupStep:
    """How the parameters of one group are changed together.

    Attributes
    ----------
    rows : list of Rows
        What kernels change.
    rest : list of int
        Places of the parameters that the rule changes one by one.
    """

    def __init__(self) -> None:
        self.rows: list[Rows] = []
        self.rest: list[int] = []
        self._params: list[int] = []
        self._present: list[bool] = []
        self._settings: dict[str, Any] = {}
        self._changed: set[str] = set()
        self._numbers: list[tuple[str, int | None]] = []
        self._truths: list[bool] = []
        self._rules: dict[Any, Rule | None] = {}
        self._new = False
        """Had a parameter no state yet, which the first step makes?"""

    def __call__(self, optimizer: Any, group: dict[str, Any]) -> None:
        """One step on the parameters that have a gradient."""
        params = group["params"]
        found = [p.grad for p in params]
        present = [g is not None for g in found]
        numbers = [group[name] if place is None else group[name][place] for name, place in self._numbers]
        fits = not self._new and present == self._present and list(map(id, params)) == self._params and self._same(group, numbers)
        fits = fits and all(rows.fits(optimizer, found) for rows in self.rows)
        if not fits:
            self._arrange(optimizer, group, found)
            self._params, self._present = list(map(id, params)), present
            numbers = [lowering.read(group, *key) for key in self._numbers]
        for rows in self.rows:
            rows.run(numbers)
        for place in self.rest:
            optimizer._change(params[place], group)

    def _same(self, group: dict[str, Any], numbers: list[float]) -> bool:
        """Are the settings those that the rules were made for?"""
        return list(map(bool, numbers)) == self._truths and _equal(self._fixed(group), self._settings)

    def _fixed(self, group: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in group.items() if name not in lowering.UNSEEN and name not in lowering.VARYING and name not in self._changed}

    def _arrange(self, optimizer: Any, group: dict[str, Any], found: Sequence[Any]) -> None:
        """Put the parameters together that one kernel can change."""
        before, fixed = self._settings, self._fixed(group)
        self._changed |= lowering.changed(before, fixed)
        if not self._rules or not self._same(group, [lowering.read(group, *key) for key in self._numbers]):
            self._rules = {}
        self._settings, self._numbers = self._fixed(group), lowering.varying(group, (*lowering.VARYING, *sorted(self._changed)))
        self._truths = [bool(lowering.read(group, *key)) for key in self._numbers]
        together: dict[tuple, list[int]] = {}
        self.rest = []
        for place, (parameter, grad) in enumerate(zip(group["params"], found, strict=True)):
            if grad is None:
                continue
            rule = self._rule(optimizer, group, parameter, grad)
            if rule is None:
                self.rest.append(place)
            else:
                counters = tuple(value for value in optimizer.state[parameter].values() if not is_array(value))
                together.setdefault((rule, counters), []).append(place)
        self.rows = [Rows(rule, optimizer, places, [group["params"][place] for place in places]) for (rule, _), places in together.items()]
        if not all(rows.fits(optimizer, found) for rows in self.rows):  # nothing is kept that is not understood
            self.rest, self.rows = [place for place, grad in enumerate(found) if grad is not None], []
        self._new = any(not optimizer.state.get(group["params"][place]) for place in self.rest)

    def _rule(self, optimizer: Any, group: dict[str, Any], parameter: Tensor, grad: Tensor) -> Rule | None:
        state, data = optimizer.state.get(parameter), mutate.buffer(parameter)
        if state is None:
            return None
        arrays = [data, *filter(is_array, state.values())]
        if not all(map(_fits, arrays, itertools.repeat(data))) or type(grad.data) is not np.ndarray and not isinstance(grad.data, np.generic):
            return None
        if grad.dtype is not data.dtype or not all(is_array(v) or isinstance(v, (int, float)) for v in state.values()):
            return None
        key = (data.shape, data.dtype, tuple((name, is_array(value)) for name, value in state.items()))
        if key not in self._rules:
            rule = lowering.lower(optimizer, data.shape, data.dtype, state, group, self._changed)
            self._rules[key] = next((known for known in self._rules.values() if known == rule), rule)  # one object for equal rules
        return self._rules[key]


def _fits(array: Any, like: np.ndarray) -> bool:
    """Is it an array that a kernel can walk along together with `like`?"""
    return (type(array) is np.ndarray and array.dtype in DTYPES and array.dtype is like.dtype and array.shape == like.shape
            and array.flags.c_contiguous and array.flags.writeable and array.size > 0)


def _equal(first: dict[str, Any], second: dict[str, Any]) -> bool:
    try:
        return bool(first == second)
    except ValueError:  # arrays among the settings
        return False


class Rows:
    """Parameters that one kernel changes together: a row of its table is a parameter, its gradient, and its state.

    The table holds addresses of NumPy arrays; lists beside it hold the arrays themselves.
    """

    def __init__(self, rule: Rule, optimizer: Any, places: list[int], params: list[Tensor]) -> None:
        self.rule, self.places, self.params = rule, places, params
        self.held = [optimizer.state[p] for p in params]
        self.names = [name for name, value in self.held[0].items() if is_array(value)]
        self.counters = [name for name in self.held[0] if name not in self.names]
        self.columns = [[p.data for p in params], *([held[name] for held in self.held] for name in self.names)]
        self.ids = [list(map(id, column)) for column in self.columns]
        self.roots = [mutate.root(data) for data in self.columns[0]]
        self.sizes, self.lengths_of_states = list(map(_size, self.columns[0])), list(map(len, self.held))
        count, self.dtype = len(params), self.columns[0][0].dtype
        own, *others = self.ids
        self.table = np.array([own, [0] * count, *others], np.intp)
        self.lengths, self.numbers = np.array(self.sizes, np.int64), np.zeros(max(rule.plan.numbers, 1))
        self._pack_row, self._pack_numbers = struct.Struct(f"{count}n").pack_into, struct.Struct(f"{rule.plan.numbers}d").pack_into
        self.sums = np.zeros((count, len(rule.first.sums) if rule.first is not None else 0))
        self.own = np.zeros((count, rule.plan.row_numbers))
        self._addresses = self.table.ctypes.data, self.lengths.ctypes.data, count, self.numbers.ctypes.data
        self.grads: list[np.ndarray] = []

    def fits(self, optimizer: Any, found: Sequence[Any]) -> bool:
        """Is everything where it was? Takes up the gradients."""
        held = list(map(optimizer.state.get, self.params))
        if list(map(id, [p.data for p in self.params])) != self.ids[0] or list(map(id, held)) != list(map(id, self.held)):
            return False
        if list(map(len, held)) != self.lengths_of_states or any([id(h.get(name)) for h in held] != ids for name, ids in zip(self.names, self.ids[1:], strict=True)):
            return False
        for name in self.counters:
            values = [h.get(name) for h in held]
            if values.count(values[0]) < len(values):
                return False
        grads = [found[place].data for place in self.places]
        self.grads = [g if type(g) is np.ndarray and g.flags.c_contiguous else np.ascontiguousarray(g) for g in grads]
        return list(map(_size, self.grads)) == self.sizes and all(map(operator.is_, map(_dtype, self.grads), itertools.repeat(self.dtype)))

    def run(self, numbers: Sequence[float]) -> None:
        """Change them; `numbers` are the varying settings."""
        first, count = self.held[0], len(self.counters)
        results = self.rule.numbers(*[first[name] for name in self.counters], *numbers)
        passed_on = count + self.rule.plan.numbers
        self._pack_numbers(self.numbers, 0, *results[count:passed_on])
        self._pack_row(self.table, self.table.strides[0], *map(id, self.grads))
        if self.rule.first is not None:
            self.rule.call_first(*self._addresses, self.sums.ctypes.data, None)
            for place, own in enumerate(self.rule.rows(*results[passed_on:], *self.sums.T)):
                self.own[:, place] = own
        self.rule.call(*self._addresses, None, self.own.ctypes.data)
        for name, value in zip(self.counters, results, strict=False):
            for held in self.held:
                held[name] = value
        mutate.stamp_roots(self.roots)
        self.grads = []
