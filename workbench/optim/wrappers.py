"""Optimizers around another: Lookahead, which averages what it went through, and SAM, which looks for flat places."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import ops
from ..core import Tensor, enable_grad, no_grad
from ..core.errors import ArgumentError
from ..core.state import STATE
from .base import Optimizer


class Wrapper(Optimizer):
    """Base of optimizers around another: groups, settings and state are those of the one inside.

    Schedulers, clipping, gradient scaling, hooks and further wrappers take it as they take any optimizer.
    """

    given = ()

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise ArgumentError(f"{type(self).__name__}: expected an Optimizer to wrap, got {type(optimizer).__name__}")
        self.optimizer = optimizer
        self._hooks = {}

    @property
    def needs_closure(self) -> bool:
        """Does `step` compute the loss again?"""
        return getattr(self.optimizer, "needs_closure", False)

    @property
    def defaults(self) -> dict[str, Any]:  # type: ignore[override]  # nobody sets it
        """Those of the optimizer inside."""
        return self.optimizer.defaults

    @property
    def param_groups(self) -> list[dict[str, Any]]:  # type: ignore[override]  # nobody sets it
        """Those of the optimizer inside."""
        return self.optimizer.param_groups

    @property
    def state(self) -> dict[Tensor, dict[str, Any]]:  # type: ignore[override]  # nobody sets it
        """That of the optimizer inside."""
        return self.optimizer.state

    def params(self) -> list[Tensor]:
        """All parameters in order."""
        return [p for group in self.param_groups for p in group["params"]]

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Train further parameters, with settings of their own."""
        self.optimizer.add_param_group(group)

    def own_state(self) -> dict[str, Any]:
        """What the wrapper itself remembers."""
        return {}

    def load_own_state(self, state: dict[str, Any]) -> None:
        """Continue from what `own_state` returned."""

    def state_dict(self) -> dict[str, Any]:
        """The state of the optimizer inside, and under ``"wrapper"`` what is remembered here."""
        self._call_hooks("state_dict_pre")
        state = self.optimizer.state_dict()
        return self._call_hooks("state_dict_post", {**state, "wrapper": {**self.own_state(), "inside": state.get("wrapper")}})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        state = self._call_hooks("load_state_dict_pre", dict(state_dict))
        own = state.pop("wrapper")
        self.optimizer.load_state_dict(state if own["inside"] is None else {**state, "wrapper": own["inside"]})
        self.load_own_state(own)
        self._call_hooks("load_state_dict_post")

    def __getstate__(self) -> dict[str, Any]:
        return dict(vars(self))

    def __repr__(self) -> str:
        inside = repr(self.optimizer).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {inside}\n)"


class Lookahead(Wrapper):
    """Slow weights that go a part of the way after every k steps of another optimizer (Zhang et al. 2019).

    ``s = s + alpha (p - s)``, and p begins again from s.

    Parameters
    ----------
    optimizer : Optimizer
        Makes the fast steps.
    k : int
        Fast steps between two slow ones.
    alpha : float
        The part of the way that is gone.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.zeros(1))
    >>> optimizer = wb.optim.Lookahead(wb.optim.SGD([p], lr=1.0), k=2, alpha=0.5)
    >>> for _ in range(2):
    ...     p.grad = -wb.ones(1); optimizer.step(); print(p.item())
    1.0
    1.0
    """

    def __init__(self, optimizer: Optimizer, k: int = 5, alpha: float = 0.5) -> None:
        super().__init__(optimizer)
        if k < 1 or not 0 <= alpha <= 1:
            raise ArgumentError(f"Lookahead: k={k}, alpha={alpha}; expected at least one step, and a number between 0 and 1")
        self.k, self.alpha = k, alpha
        self.count = ops.zeros((), dtype="int64")
        self.slow = [p.detach().clone() for p in self.params()]

    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """A fast step, and after every k of them a slow one."""
        loss = self.optimizer.step(closure)
        with no_grad():
            self.count += 1
            due = self.count % self.k == 0
            if STATE.trace is not None or bool(due):
                self._meet(due if STATE.trace is not None else None)
        return loss

    def _meet(self, due: Any) -> None:
        """Move the slow weights, and put the fast ones there; inside jit where it is due."""
        params = self.params()
        self.slow += [p.detach().clone() for p in params[len(self.slow):]]  # of groups that were added later
        for fast, slow in zip(params, self.slow, strict=True):
            met = slow + (fast - slow) * self.alpha
            slow.copy_(met if due is None else ops.where(due, met, slow))
            fast.copy_(met if due is None else ops.where(due, met, fast))

    def own_state(self) -> dict[str, Any]:
        """The count of steps and the slow weights."""
        return {"count": self.count.item(), "slow": [s.clone() for s in self.slow]}

    def load_own_state(self, state: dict[str, Any]) -> None:
        """Continue from what `own_state` returned."""
        self.count.fill_(state["count"])
        for own, saved in zip(self.slow, state["slow"], strict=True):
            own.copy_(saved)


class SAM(Wrapper):
    """Steps with the gradient of the worst place nearby: sharpness-aware minimization (Foret et al. 2020).

    ``e = rho g / |g|``, and the optimizer inside gets the gradient at ``p + e``. With `adaptive`, "nearby" grows with each
    weight: ``e = rho p^2 g / |p g|`` (ASAM, Kwon et al. 2021). Each step computes the loss twice.

    Parameters
    ----------
    optimizer : Optimizer
        Makes the steps.
    rho : float
        How far to look.
    adaptive : bool
        Measure nearness by the size of each weight.

    Notes
    -----
    ``step(closure)`` does all of it. By hand, and so with a `GradScaler` (the direction does not depend on the scale):
    ``scaler.scale(loss).backward()``, ``optimizer.ascend()``, ``optimizer.zero_grad()``, ``scaler.scale(loss again).backward()``,
    ``scaler.step(optimizer)``, and ``optimizer.restore()`` for the case that the scaler skipped the step.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.tensor([1.0]))
    >>> optimizer = wb.optim.SAM(wb.optim.SGD([p], lr=0.5), rho=0.5)
    >>> def closure():
    ...     optimizer.zero_grad(); loss = (p * p).sum(); loss.backward(); return loss
    >>> optimizer.step(closure).item(), p.item()
    (1.0, -0.5)
    """

    needs_closure = True

    def __init__(self, optimizer: Optimizer, rho: float = 0.05, adaptive: bool = False) -> None:
        super().__init__(optimizer)
        if rho < 0:
            raise ArgumentError(f"SAM: rho={rho}; expected 0 or more")
        self.rho, self.adaptive = rho, adaptive
        self._origin: list[tuple[Tensor, Tensor]] = []

    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """Both passes and the step.

        Parameters
        ----------
        closure : callable
            Clears the gradients, computes the loss, calls ``backward()`` and returns the loss. May be left out after `ascend`.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
            self.ascend()
            try:
                with enable_grad():
                    closure()
            except BaseException:
                self.restore()
                raise
        elif not self._origin:
            raise ArgumentError("SAM: step needs a closure that computes the loss again and calls backward(), or ascend() before it")
        self.restore()
        self.optimizer.step()
        return loss

    def ascend(self) -> None:
        """Go to the worst place nearby, as the gradients see it."""
        self.restore()
        with no_grad():
            held = [(p, -p.grad if group["maximize"] else p.grad) for group in self.param_groups for p in group["params"] if p.grad is not None]
            if not held:
                return
            norm = ops.norm(ops.stack([ops.norm(ops.abs(p) * g if self.adaptive else g) for p, g in held]))
            scale = self.rho / (norm + 1e-12)
            for p, g in held:
                self._origin.append((p, p.detach().clone()))
                away = p * p * g if self.adaptive else g
                p.add_(ops.where(ops.isfinite(norm), away * scale, 0.0))

    def restore(self) -> None:
        """Go back from where `ascend` went; does nothing if that is done."""
        with no_grad():
            for parameter, origin in self._origin:
                parameter.copy_(origin)
        self._origin = []

    def own_state(self) -> dict[str, Any]:
        """Nothing, but only between steps."""
        if self._origin:
            raise ArgumentError("SAM: the weights are away from where they belong; save after step(), or call restore() first")
        return {}

    def load_own_state(self, state: dict[str, Any]) -> None:
        """Whoever loads a state has put the weights where they belong."""
        self._origin = []
