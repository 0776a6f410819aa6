"""Optimizer: parameter groups, state, and one rule per algorithm.

A subclass gives defaults and ``update(parameter, grad, state, group)`` on raw arrays, in place. Everything else
(groups, saving, stepping, the write log) is here.
"""
from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from ..core import Tensor, mutate, no_grad
from ..core.errors import ArgumentError, CheckpointError
from ..core.recorded import Recorded
from ..core.state import STATE

Params = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]


def array_like(parameter: Any, value: Any) -> Any:
    """A new array of the shape of `parameter`, filled with `value`; also without axes something that can be written."""
    made = parameter.copy()
    made[...] = value
    return made


def begin(state: dict[str, Any], parameter: Any, *names: str) -> None:
    """Give an empty state a count of steps and arrays of zeros."""
    if not state:
        state.update(step=0, **{name: array_like(parameter, 0) for name in names})


def moments(grad: Any, state: dict[str, Any], betas: tuple[float, float]) -> tuple[Any, Any]:
    """Adam's running means of the gradient and of its square, brought up to date."""
    mean, square = state["exp_avg"], state["exp_avg_sq"]
    mean += (grad - mean) * (1 - betas[0])
    square *= betas[1]
    square += grad * grad * (1 - betas[1])
    return mean, square


def decayed(grad: Any, parameter: Any, group: dict[str, Any]) -> Any:
    """The gradient with weight decay; decoupled decay shrinks the parameter in place instead."""
    decay = group["weight_decay"]
    if not decay:
        return grad
    if not group.get("decoupled_weight_decay"):
        return grad + parameter * decay
    parameter *= 1 - group["lr"] * decay
    return grad


def traced_step(optimizer: Optimizer, trace: Any) -> None:
    """One step inside jit: the same `update` on symbols. State arrays are read and written by reference, the learning rate and
    step counts are read anew at every call, and any other setting that changes makes another program.
    """
    with no_grad():
        for group in optimizer.param_groups:
            settings = {name: trace.guard(functools.partial(group.get, name)) for name in group if name not in ("params", "lr")}
            for parameter in group["params"]:
                grad = parameter.grad
                if grad is None:
                    continue
                held = optimizer.state.get(parameter)
                if held is None:
                    raise trace.not_ready("the optimizer has no state yet")
                before = {name: trace.array(value) if hasattr(value, "dtype") else trace.counter(held, name) for name, value in held.items()}
                state = dict(before)
                value = trace.lift(parameter).detach()
                optimizer.update(value, -grad if group.get("maximize") else grad, state,
                                 {**settings, "lr": trace.scalar(functools.partial(group.get, "lr"), parameter.dtype)})
                trace.write(parameter, value)
                for name, sym in before.items():
                    if state[name] is not sym:
                        trace.write(sym, state[name])


class Optimizer(Recorded):
    """Base of all optimizers.

    Parameters
    ----------
    params : iterable of Tensor, of (name, Tensor), or of dict
        A dict is a group: ``{"params": [...], "lr": ...}``; what it leaves out comes from the defaults.
    defaults : dict
        Settings of the algorithm.

    Attributes
    ----------
    param_groups : list of dict
        Each holds ``params`` and its settings; changing one takes effect at the next step.
    state : dict
        What the algorithm remembers of each parameter.
    """

    given = ("params",)

    def __init__(self, params: Params, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Tensor, dict[str, Any]] = {}
        given = [params] if isinstance(params, (Tensor, dict)) else list(params)
        if not given:
            raise ArgumentError(f"{type(self).__name__}: no parameters; pass model.parameters() of a model that has some")
        for group in given if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(group)

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Train further parameters, with settings of their own."""
        held = group["params"]
        held = [held] if isinstance(held, Tensor) else [p[1] if isinstance(p, tuple) else p for p in held]
        taken = {id(p) for other in self.param_groups for p in other["params"]}
        for parameter in held:
            if not isinstance(parameter, Tensor) or not parameter.is_leaf:
                raise ArgumentError(f"{type(self).__name__}: parameters must be leaf tensors, got {type(parameter).__name__}")
            if hasattr(parameter, "materialize"):
                raise ArgumentError(f"{type(self).__name__}: a parameter of a lazy layer has no shape yet; call the model once on a batch before "
                                    "the optimizer is made")
            if id(parameter) in taken:
                raise ArgumentError(f"{type(self).__name__}: a parameter of shape {tuple(parameter.shape)} is in two groups")
            taken.add(id(parameter))
        full = {**self.defaults, **group, "params": held}
        self.check(full)
        self.param_groups.append(full)

    def check(self, group: dict[str, Any]) -> None:
        """Raise if a setting of a group is out of range."""
        for name in ("lr", "weight_decay", "momentum", "eps"):
            values = group.get(name, 0)
            if not all(value is None or value >= 0 for value in (values if isinstance(values, tuple) else (values,))):
                raise ArgumentError(f"{type(self).__name__}: {name}={group[name]}; expected 0 or more")
        for number, beta in enumerate(group.get("betas", ())):
            if not 0 <= beta < 1:
                raise ArgumentError(f"{type(self).__name__}: betas[{number}]={beta}; expected 0 <= beta < 1")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.grad = None if set_to_none else parameter.grad * 0

    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """Change every parameter that has a gradient.

        Parameters
        ----------
        closure : callable, optional
            Computes the loss again and returns it; called before the step.
        """
        loss = closure() if closure is not None else None
        if STATE.trace is not None:
            traced_step(self, STATE.trace)
            return loss
        with no_grad():
            for group in self.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        self._change(parameter, group)
        return loss

    def _change(self, parameter: Tensor, group: dict[str, Any]) -> None:
        data = mutate.buffer(parameter)
        grad = parameter.grad.data
        if group.get("maximize"):
            grad = -grad
        self.update(data, grad, self.state.setdefault(parameter, {}), group)
        mutate.stamp(data)

    def update(self, parameter: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change the array `parameter` in place; `grad` must not be changed."""
        raise ArgumentError(f"{type(self).__name__} does not define update(parameter, grad, state, group)")

    # ------------------------------------------------------------------ saving
    def state_dict(self) -> dict[str, Any]:
        """State and settings, with parameters by their number: ``{"state": ..., "param_groups": ...}``."""
        numbers = self._numbers()
        state = {numbers[id(p)]: {k: Tensor(v.copy()) if hasattr(v, "dtype") else v for k, v in held.items()}
                 for p, held in self.state.items()}
        groups = [{**{k: v for k, v in group.items() if k != "params"}, "params": [numbers[id(p)] for p in group["params"]]}
                  for group in self.param_groups]
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned, for the same parameters in the same order.

        Raises
        ------
        CheckpointError
            If groups differ in number or size; nothing is changed then.
        """
        saved = state["param_groups"]
        sizes, own = [len(g["params"]) for g in saved], [len(g["params"]) for g in self.param_groups]
        if sizes != own:
            raise CheckpointError(f"{type(self).__name__}: the state has groups of {sizes} parameters, this optimizer of {own}")
        by_number = {number: p for group, stored in zip(self.param_groups, saved, strict=True)
                     for number, p in zip(stored["params"], group["params"], strict=True)}
        loaded = {by_number[int(number)]: {k: v.data.copy() if isinstance(v, Tensor) else v for k, v in held.items()}
                  for number, held in state["state"].items()}
        self.state = loaded
        for group, stored in zip(self.param_groups, saved, strict=True):
            group.update({k: v for k, v in stored.items() if k != "params"})

    def _numbers(self) -> dict[int, int]:
        return {id(p): number for number, p in enumerate(p for group in self.param_groups for p in group["params"])}

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {number}")
            lines += [f"    {name}: {value}" for name, value in sorted(group.items()) if name != "params"]
        return "\n".join([*lines, ")"])
