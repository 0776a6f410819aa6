"""L-BFGS: Newton's method with a curvature remembered from the last steps."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

from .. import ops
from ..core import Tensor, enable_grad, mutate, no_grad
from ..core.errors import ArgumentError, TraceError
from ..core.state import STATE
from .base import Common, Optimizer, Params
from .line_search import Trial, strong_wolfe


class LBFGS(Optimizer):
    """Quasi-Newton steps along ``-H g``, with H from the last `history_size` changes of gradient and parameters (Liu and Nocedal 1989).

    ``p = p - lr H g``, for small problems whose loss is computed on all data: one step calls the closure many times.

    Parameters
    ----------
    params : iterable
        One group.
    lr : float
        The first step length that is tried; without a line search the only one.
    max_iter, max_eval : int
        Iterations and calls of the closure per step (by default ``1.25 max_iter``).
    tolerance_grad, tolerance_change : float
        Stop where no gradient is larger, or where parameters or loss change less.
    history_size : int
        How many changes are remembered.
    line_search_fn : {None, "strong_wolfe"}
        Choose step lengths that satisfy the strong Wolfe conditions, or take `lr` as it is.
    common
        Of the settings that all have, only maximize means something here.

    Raises
    ------
    ArgumentError
        For several groups, another line search, or a step without a closure.
    TraceError
        Inside jit: it decides by numbers. Compile the closure instead.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.tensor([2.0, -1.0]))
    >>> optimizer = wb.optim.LBFGS([p], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((p - wb.tensor([1.0, 3.0])) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> loss = optimizer.step(closure)
    >>> [round(x, 4) for x in p.tolist()]
    [1.0, 3.0]
    """

    takes_complex = False

    def __init__(self, params: Params, lr: float = 1, max_iter: int = 20, max_eval: int | None = None, tolerance_grad: float = 1e-7,
                 tolerance_change: float = 1e-9, history_size: int = 100, line_search_fn: str | None = None, **common: Unpack[Common]) -> None:
        if line_search_fn not in (None, "strong_wolfe"):
            raise ArgumentError(f"LBFGS: line_search_fn={line_search_fn!r}; expected None or 'strong_wolfe'")
        super().__init__(params, dict(lr=lr, max_iter=max_iter, max_eval=max_iter * 5 // 4 if max_eval is None else max_eval, tolerance_grad=tolerance_grad,
                                      tolerance_change=tolerance_change, history_size=history_size, line_search_fn=line_search_fn), **common)

    def add_param_group(self, group: dict[str, Any]) -> None:
        """The first group is the only one."""
        if self.param_groups:
            raise ArgumentError("LBFGS: all parameters share one curvature; put them into one group")
        super().add_param_group(group)

    needs_closure = True

    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """Iterate until something is small enough or often enough.

        Parameters
        ----------
        closure : callable
            Clears the gradients, computes the loss, calls ``backward()`` and returns the loss.
        """
        if closure is None:
            raise ArgumentError("LBFGS: step needs a closure that computes the loss again and calls backward()")
        if STATE.trace is not None:
            raise TraceError("LBFGS decides by the loss how far to go, which jit does not know; compile the closure instead of the step")
        group = self.param_groups[0]
        state = self.state.setdefault(group["params"][0], {})
        with no_grad():
            problem = _Problem(group["params"], closure, -1 if group["maximize"] else 1)
            loss, grad = problem.evaluate()
            first, evaluations = problem.returned, problem.evaluations
            if not state:
                state.update(func_evals=0, n_iter=0, old_dirs=[], old_stps=[], ro=[])
            _iterate(problem, group, state, loss, grad)
            state["func_evals"] += problem.evaluations - evaluations + 1
        return first


def _iterate(problem: _Problem, group: dict[str, Any], state: dict[str, Any], loss: float, grad: Any) -> None:
    """Directions and steps, until a reason to stop."""
    for iteration in range(1, group["max_iter"] + 1):
        if _largest(grad) <= group["tolerance_grad"]:
            return
        state["n_iter"] += 1
        direction = state["d"] = _direction(state, grad, group["history_size"])
        step = group["lr"] * (min(1.0, 1.0 / float(ops.abs(grad).sum())) if state["n_iter"] == 1 else 1)
        state.update(prev_flat_grad=grad, prev_loss=loss, t=step)
        slope = float(grad @ direction)
        if slope > -group["tolerance_change"]:
            return
        before = loss
        if group["line_search_fn"] is not None:
            start, length = problem.position(), _largest(direction)
            trial, _ = strong_wolfe(lambda step, start=start, direction=direction: problem.at(start, step, direction), Trial(0.0, loss, grad, slope), step,
                                    length=length, most=group["max_eval"] - problem.evaluations)
            loss, grad, step = trial.loss, trial.grad, trial.step
            problem.go(start, step, direction)
        else:
            problem.go(problem.position(), step, direction)
            if iteration < group["max_iter"]:
                loss, grad = problem.evaluate()
        state["t"] = step
        done = problem.evaluations >= group["max_eval"] or _largest(direction) * abs(step) <= group["tolerance_change"]
        if done or abs(loss - before) < group["tolerance_change"]:
            return


def _direction(state: dict[str, Any], grad: Any, history_size: int) -> Any:
    """``-H g`` by the two loops over what is remembered."""
    if state["n_iter"] == 1:
        state["H_diag"] = 1.0
        return -grad
    change, moved = grad - state["prev_flat_grad"], state["d"] * state["t"]
    gained = float(change @ moved)
    if gained > 1e-10:
        for name, value in (("old_dirs", change), ("old_stps", moved), ("ro", 1.0 / gained)):
            state[name] = [*state[name], value][-history_size:]
        state["H_diag"] = gained / float(change @ change)
    remembered = list(zip(state["old_dirs"], state["old_stps"], state["ro"], strict=True))
    shares = []
    found = -grad
    for change, moved, weight in reversed(remembered):
        shares.append(float(moved @ found) * weight)
        found = found - change * shares[-1]
    found = found * state["H_diag"]
    for (change, moved, weight), share in zip(remembered, reversed(shares), strict=True):
        found = found + moved * (share - float(change @ found) * weight)
    return found


def _largest(x: Any) -> float:
    return float(ops.abs(x).max())


class _Problem:
    """The loss as a function of one flat array."""

    def __init__(self, params: list[Tensor], closure: Callable[[], Tensor], sign: int) -> None:
        self.params, self.closure, self.sign = params, closure, sign
        self.evaluations = 0
        self.returned: Any = None

    def evaluate(self) -> tuple[float, Any]:
        """Loss and gradient where the parameters are."""
        with enable_grad():
            self.returned = self.closure()
        self.evaluations += 1
        parts = [ops.zeros_like(p.data).reshape(-1) if p.grad is None else p.grad.data.reshape(-1) for p in self.params]
        return float(self.returned) * self.sign, ops.concat(parts) * self.sign

    def position(self) -> list[Any]:
        """Copies of the parameters."""
        return [p.data.copy() for p in self.params]

    def go(self, start: list[Any], step: float, direction: Any) -> None:
        """Put the parameters `step` times `direction` from `start`."""
        place = 0
        for parameter, origin in zip(self.params, start, strict=True):
            data = mutate.buffer(parameter)
            data[...] = origin + direction[place:place + data.size].reshape(data.shape) * step
            mutate.stamp(data)
            place += data.size

    def at(self, start: list[Any], step: float, direction: Any) -> Trial:
        """Loss and slope there."""
        self.go(start, step, direction)
        loss, grad = self.evaluate()
        return Trial(step, loss, grad, float(grad @ direction))
