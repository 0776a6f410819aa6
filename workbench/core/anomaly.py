"""Anomaly mode: where a NaN or an infinity first comes from, forward or backward, down to the line that the user wrote.

A bad value in the forward pass is innocent until it is used: what a `where` (or anything else) leaves out of a finite
result was harmless forward. Its gradient is not, so backward names that `where` along with the op.
"""
from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ..backend import arrays, dtypes
from .errors import AnomalyError, describe_place, user_frame
from .node import Node, held
from .saved import operation_of
from .state import STATE, Watch, observing
from .tensor import Tensor

Place = tuple[str, int]
CHOOSERS = ("where", "maximum", "minimum", "amax", "amin", "relu")
"""Ops that can leave a value out, the most usual first."""


class Bad(NamedTuple):
    """The first NaN or infinity of an array."""

    kind: str
    index: tuple[int, ...]
    count: int


class Suspect:
    """A bad result of the forward pass of which it is not yet known whether anybody uses it."""

    def __init__(self, op: Any, output: Tensor, bad: Bad, inputs: str, place: Place, inherited: str | None) -> None:
        self.op, self.bad, self.inputs, self.place, self.inherited = op, bad, inputs, place, inherited
        self.tensor, self.node, self.size = weakref.ref(output), operation_of(output), output.size
        self.hidden_by: tuple[str, Place] | None = None

    def error(self) -> AnomalyError:
        """What went wrong, in words."""
        if self.inherited is not None:
            cause, remedy = f"{self.inherited}, and {self.op.name} passes it on", "Check the data and the weights before this line."
        else:
            cause, remedy = f"{self.op.name} produced {_described(self.bad, self.size)}", _forward_remedy(self.op.name)
        return AnomalyError(f"forward: {cause} ({describe_place(self.place)}); {self.inputs}. {remedy}",
                            op=self.op.name, phase="forward", place=self.place, index=self.bad.index, kind=self.bad.kind)


class detect_anomaly(Watch):
    """Raise an AnomalyError at the first NaN or infinity, naming the op, the line, the place in the tensor and its inputs.

    Usable as a context manager and as a decorator. Slow (every result is looked at): for finding a fault, not for runs.

    Parameters
    ----------
    check_nan : bool
        Look at numbers at all; without it, only the lines of operations are kept.
    check_inf : bool
        Count an infinity that comes from finite numbers as an anomaly too.

    Raises
    ------
    AnomalyError
        In the forward pass when something is computed from a bad value (or when the block ends) unless the result is finite all the same;
        in the backward pass when the rules of an op turn a finite gradient into a bad one. If the value was left out by a
        `where`, that line is named too.

    Notes
    -----
    Infinities that were there before, such as a mask of ``-inf``, are no anomaly. Functions compiled by jit run op by op here.

    Examples
    --------
    >>> import workbench as wb
    >>> x = wb.tensor([0.0, 1.0], requires_grad=True)
    >>> with wb.autograd.detect_anomaly():
    ...     wb.where(x > 0, wb.sqrt(x), x).sum().backward()
    Traceback (most recent call last):
    workbench.core.errors.AnomalyError: backward: ...
    """

    eager = True

    def __init__(self, check_nan: bool = True, *, check_inf: bool = True) -> None:
        self.check_nan, self.check_inf = check_nan, check_inf
        self._open: list[Any] = []
        self._forget()

    def _forget(self) -> None:
        self.suspects: dict[int, Suspect] = {}
        self.hidden: dict[Node, Suspect] = {}
        self.feeders: dict[Node, list[Node]] = {}

    def __enter__(self) -> detect_anomaly:
        session = observing(self)
        session.__enter__()
        self._open.append(session)
        return self

    def __exit__(self, kind: type | None, *exc: object) -> None:
        self._open.pop().__exit__(None, None, None)
        if self._open:
            return
        left = next(self._alive(self.suspects.values()), None)
        self._forget()
        if kind is None and left is not None:
            raise left.error()

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with type(self)(self.check_nan, check_inf=self.check_inf):
                return function(*args, **kwargs)

        return wrapped

    # ------------------------------------------------------------------ forward
    def forward(self, op: Any, args: tuple, params: dict[str, Any], output: Any, begin: int, end: int) -> None:
        """Look at the results of one operation."""
        if STATE.sweep is not None:
            return  # a rule at work: `backward` looks at what comes of it
        place = user_frame()
        node = operation_of(output)
        if node is not None:
            node.place = place
        if not self.check_nan:
            return
        results = output if isinstance(output, tuple) else (output,)
        used = list(self._alive(s for s in (self.suspects.get(id(arg)) for arg in args) if s is not None))
        found = [(result, bad) for result in results if (bad := self._new_bad(result.data, args, params)) is not None]
        if used and any(first_bad(result.data) is not None for result in results):
            raise used[0].error()
        for suspect in used:
            suspect.hidden_by = op.name, place
            del self.suspects[id(suspect.tensor())]
            if suspect.node is not None:
                self.hidden[suspect.node] = suspect
        for result, bad in found:
            self.suspects[id(result)] = Suspect(op, result, bad, describe_inputs(args), place, _inherited(op, args, bad))

    def _new_bad(self, data: Any, args: tuple, params: dict[str, Any]) -> Bad | None:
        """What is bad in a result and was not given: a NaN always is, an infinity only if all that went in was finite."""
        bad = first_bad(data)
        if bad is None or bad.kind == "NaN":
            return bad
        given = any(_infinite(value) for value in (*args, *params.values()))
        return None if given or not self.check_inf else bad

    def _alive(self, suspects: Any) -> Iterator[Suspect]:
        return (suspect for suspect in list(suspects) if suspect.tensor() is not None)

    # ------------------------------------------------------------------ backward
    def begin_sweep(self, roots: list) -> None:
        """A bad value from which gradients are taken is used."""
        self.feeders = {}
        for node, _ in roots:
            for suspect in self._alive(self.suspects.values()):
                if suspect.node is node or (suspect.node is not None and suspect.node in node.parents):
                    raise suspect.error()

    def backward(self, node: Node, g: Any, cotangents: list, begin: int, end: int) -> None:
        """Look at what the rules of one node returned."""
        if not self.check_nan:
            return
        for parent in node.parents:
            if parent is not None:
                self.feeders.setdefault(parent, []).append(node)
        given = [part for part in (g if isinstance(g, tuple) else (g,)) if part is not None]
        if any(first_bad(part) is not None for part in given):
            return  # the fault lies further up, or the gradient was given so
        for position, c in enumerate(cotangents):
            bad = None if c is None else first_bad(c)
            if bad is not None and (bad.kind == "NaN" or self.check_inf):
                raise self._backward_error(node, given, position, c, bad)

    def _backward_error(self, node: Node, given: list, position: int, c: Any, bad: Bad) -> AnomalyError:
        place = getattr(node, "place", None)
        recorded = f"recorded at {describe_place(place)}" if place is not None else "recorded outside detect_anomaly"
        ranges = " and ".join(f"from {describe_range(part)}" for part in given)
        text = (f"backward: the gradient of input {position} of {node.op.name} has {_described(bad, np.size(_raw(c)))} ({recorded}); "
                f"the gradient that came in ranges {ranges}; {_describe_saved(node)}.")
        chooser = self._chooser(node, given, c, bad)
        if chooser is not None:
            name, where = chooser
            text += (f" There the incoming gradient is 0, because {name} ({describe_place(where)}) did not take this value, and 0 times an infinite "
                     f"derivative is NaN: give {node.op.name} a safe input where it is not taken, "
                     f"as in where(condition, {node.op.name}(where(condition, x, 1)), y).")
        else:
            text += f" {_backward_remedy(node.op.name)}"
        return AnomalyError(text, op=node.op.name, phase="backward", place=place, index=bad.index, kind=bad.kind)

    def _chooser(self, node: Node, given: list, c: Any, bad: Bad) -> tuple[str, Place | None] | None:
        """The op above `node` that did not take the bad value, if the gradient that came from it is 0 there."""
        if len(given) != 1 or np.shape(_raw(given[0])) != np.shape(_raw(c)) or _raw(given[0])[bad.index] != 0:
            return None
        if node in self.hidden:
            return self.hidden[node].hidden_by
        above, seen = [node], {node}
        found: list[Node] = []
        while above:
            for feeder in self.feeders.get(above.pop(), ()):
                if feeder not in seen:
                    seen.add(feeder)
                    above.append(feeder)
                    if feeder.op.name in CHOOSERS:
                        found.append(feeder)
        best = min(found, key=lambda feeder: CHOOSERS.index(feeder.op.name), default=None)
        return None if best is None else (best.op.name, getattr(best, "place", None))


class set_detect_anomaly(detect_anomaly):
    """Turn anomaly mode on or off for this thread; as a context manager, what was before returns at its end.

    Parameters
    ----------
    mode : bool
        On or off.
    check_nan, check_inf : bool
        As in `detect_anomaly`.

    Examples
    --------
    >>> import workbench as wb
    >>> with wb.autograd.set_detect_anomaly(True):
    ...     wb.autograd.is_anomaly_enabled()
    True
    """

    def __init__(self, mode: bool, check_nan: bool = True, *, check_inf: bool = True) -> None:
        super().__init__(check_nan, check_inf=check_inf)
        self.mode = mode
        self.before = [watch for watch in STATE.observers if isinstance(watch, detect_anomaly)]
        self._set(mode)

    def _set(self, mode: bool) -> None:
        for watch in [watch for watch in STATE.observers if isinstance(watch, detect_anomaly)]:
            watch._open.pop().__exit__(None, None, None)
        if mode:
            super().__enter__()

    def __enter__(self) -> set_detect_anomaly:
        return self

    def __exit__(self, kind: type | None, *exc: object) -> None:
        left = next(self._alive(self.suspects.values()), None)
        self._set(False)
        for watch in self.before:
            detect_anomaly.__enter__(watch)
        self._forget()
        if kind is None and left is not None:
            raise left.error()

    def __call__(self, function: Callable) -> Callable:
        return function


def is_anomaly_enabled() -> bool:
    """Is anomaly mode on in this thread?"""
    return any(isinstance(watch, detect_anomaly) for watch in STATE.observers)


# Looking at numbers ------------------------------------------------------------------------------------------------------------------
def _raw(value: Any) -> Any:
    while isinstance(value, Tensor):
        value = value.data
    return value


def _numbers(value: Any) -> Any:
    """The raw array; bfloat16, which NumPy does not know, as float32."""
    data = _raw(value)
    return dtypes.converted(data, dtypes.float32) if getattr(getattr(data, "dtype", None), "kind", "") == "V" else data


def first_bad(value: Any) -> Bad | None:
    """The first NaN of an array, or its first infinity if it has no NaN; None if all is finite (or not floating point)."""
    data = _numbers(value)
    if getattr(data, "dtype", None) is None or data.dtype.kind not in "fc":
        return None
    xp = arrays.module_of(type(data))
    if xp.isfinite(data).all():
        return None
    nan = xp.isnan(data)
    kind = "NaN" if nan.any() else "Inf"
    mask = nan if kind == "NaN" else xp.isinf(data)
    index = tuple(int(i) for i in np.unravel_index(int(mask.argmax()), data.shape)) if data.shape else ()
    if kind == "Inf" and data.dtype.kind == "f" and data[index] < 0:
        kind = "-Inf"
    return Bad(kind, index, int(mask.sum()))


def _infinite(value: Any) -> bool:
    data = _numbers(value)
    if isinstance(data, (float, complex)):
        return not np.isfinite(data)
    return bool(arrays.is_array(data) and data.dtype.kind in "fc" and not arrays.module_of(type(data)).isfinite(data).all())


def _inherited(op: Any, args: tuple, bad: Bad) -> str | None:
    """Whether the bad value was already in an input that no observed operation made."""
    for position, arg in enumerate(args):
        before = first_bad(arg) if isinstance(arg, Tensor) else None
        if before is not None and before.kind == bad.kind == "NaN":
            return f"input {position} of {op.name} already has {_described(before, arg.size)}, from outside, an in-place write, or before the observed block"
    return None


def _described(bad: Bad, size: int) -> str:
    return f"{bad.kind} first at index {bad.index} ({bad.count} of {size} elements)"


def describe_range(value: Any) -> str:
    """The smallest and largest finite number, as in ``-1 to 2.5``."""
    data = np.asarray(arrays.to_device(_numbers(value), "cpu"))
    data = np.abs(data) if data.dtype.kind == "c" else data
    data = data[np.isfinite(data)] if data.dtype.kind == "f" else data
    return f"{data.min():.6g} to {data.max():.6g}" if data.size else "no finite number"


def describe_inputs(args: tuple) -> str:
    """Every input with its shape and range."""
    parts = []
    for position, arg in enumerate(args):
        if isinstance(arg, Tensor):
            bad = first_bad(arg)
            note = f", with {_described(bad, arg.size)}" if bad is not None else ""
            parts.append(f"input {position} of shape {arg.shape} ranges from {describe_range(arg)}{note}")
        elif arg is not None:
            parts.append(f"input {position} is {arg!r}")
    return "; ".join(parts)


def _describe_saved(node: Node) -> str:
    """The ranges of what a node saved, by the names of its rules."""
    names = {**{letter: f"input {number}" for number, letter in enumerate("xyzwuv")}, "o": "its output"}
    known = node.op.saves if len(node.op.saves) == len(held(node) or ()) else ()
    parts = [f"{names[name]} of shape {np.shape(_raw(value))} ranged from {describe_range(value)}"
             for name, value in zip(known, node.saved or (), strict=False)
             if name in names and (isinstance(value, Tensor) or arrays.is_array(value)) and np.size(_raw(value))]
    return "; ".join(parts) or "it saved no numbers"


# What to do --------------------------------------------------------------------------------------------------------------------------
_FORWARD = {"log": "take log of numbers above 0 (clamp, or add a small number)", "sqrt": "sqrt needs numbers of at least 0",
            "div": "the divisor is 0 or the quotient too large", "exp": "subtract the largest number first, or use logsumexp or softmax",
            "pow": "a negative base with a broken exponent has no real power, and large ones overflow"}
_BACKWARD = {"sqrt": "the derivative of sqrt at 0 is infinite: add a small number inside",
             "log": "the derivative of log at 0 is infinite: add a small number inside", "pow": "the derivative of x ** p at 0 is infinite for p < 1",
             "div": "the divisor is 0 or nearly so"}


def _forward_remedy(name: str) -> str:
    return f"Likely: {_FORWARD[name]}." if name in _FORWARD else "Look at the range of the inputs: is the step too long, or a number too large?"


def _backward_remedy(name: str) -> str:
    return f"Likely: {_BACKWARD[name]}." if name in _BACKWARD else "Its derivative is infinite or undefined at these inputs."
