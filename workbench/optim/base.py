"""Optimizer: parameter groups, state, and one rule per algorithm.

A subclass gives defaults and ``update(parameter, grad, state, group)`` on raw arrays, in place. Everything else
(groups, saving, stepping, kernels over all parameters, the write log) is here and beside.
"""
from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any, TypedDict, Unpack, get_type_hints

import numpy as np

from ..backend import cpu
from ..backend.arrays import beside
from ..core import Tensor, enable_grad, mutate, no_grad
from ..core.errors import ArgumentError, CheckpointError, ConfigError
from ..core.recorded import Recorded
from ..core.state import STATE
from . import lowering, pairs
from .hooks import Hooked, with_hooks
from .multi_tensor import GroupStep

Params = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
COUNTERS = ("step", "eta", "mu", "mu_product")
"""Entries of a state that are numbers; PyTorch keeps them as tensors."""


ALIKE = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "exp_inf", "momentum_buffer", "square_avg", "acc_delta", "grad_avg")
"""Entries of a state that are as their parameter, in shape and dtype."""


COMMON = {"maximize": False, "foreach": None, "capturable": False, "differentiable": False, "fused": None}


class Common(TypedDict, total=False):
    """Settings of every optimizer, by keyword; see `Optimizer`."""

    maximize: bool
    foreach: bool | None
    capturable: bool
    differentiable: bool
    fused: bool | None


def expanded(signature: inspect.Signature) -> inspect.Signature:
    """The signature of an ``__init__`` as a class shows it: without self, and with the settings of all optimizers by name."""
    own = list(signature.parameters.values())[1:]
    if not own or own[-1].name != "common" or own[-1].kind is not inspect.Parameter.VAR_KEYWORD:
        return inspect.Signature(own)
    return inspect.Signature([*own[:-1], *(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=COMMON[name], annotation=kind)
                                           for name, kind in get_type_hints(Common).items())])


def array_like(parameter: Any, value: Any) -> Any:
    """A new array of the shape of `parameter`, filled with `value`; also without axes something that can be written."""
    if isinstance(parameter, Tensor):
        raise STATE.trace.not_ready("the optimizer has no state yet")
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


class States(dict[Tensor, dict[str, Any]]):
    """What is remembered of each parameter; asked for one that is not there, it begins an empty one."""

    def __missing__(self, parameter: Tensor) -> dict[str, Any]:
        self[parameter] = made = {}
        return made


class Optimizer(Hooked, Recorded):
    """Base of all optimizers.

    Parameters
    ----------
    params : iterable of Tensor, of (name, Tensor), or of dict
        A dict is a group: ``{"params": [...], "lr": ...}``; what it leaves out comes from the defaults. Names are kept in the
        group as ``param_names``.
    defaults : dict
        Settings of the algorithm.
    maximize : bool
        Go up instead of down.
    foreach : bool, optional
        False: the rule runs in NumPy, parameter by parameter. Otherwise, where the rule is element-wise, the parameters on a
        CPU are float32 or float64 and llvmlite is installed, one kernel changes all parameters of a group; results are the
        same to the last bit. Rules with norms of whole parameters take two, and add the norms up in float64.
    fused : bool, optional
        True asks for those kernels: an error where llvmlite is missing.
    capturable : bool
        Every optimizer can be part of a jitted function, so this changes nothing.
    differentiable : bool
        Only False: steps write in place and are not recorded. Differentiate through `grad` of a function of parameters instead.

    Attributes
    ----------
    param_groups : list of dict
        Each holds ``params`` and its settings; changing one takes effect at the next step.
    state : dict
        What the algorithm remembers of each parameter.

    Raises
    ------
    ArgumentError
        If there are no parameters, one is no leaf or comes twice, or a setting is out of range.
    """

    given = ("params",)
    takes_complex = True
    """May a parameter be complex? Rules that treat matrices as matrices take none."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__signature__ = expanded(inspect.signature(cls.__init__))

    def __init__(self, params: Params, defaults: dict[str, Any], **common: Unpack[Common]) -> None:
        if unknown := sorted(set(common) - set(COMMON)):
            raise TypeError(f"{type(self).__name__}.__init__() got an unexpected keyword argument {unknown[0]!r}")
        self.defaults = {**defaults, **COMMON, **common}
        self.param_groups: list[dict[str, Any]] = []
        self._group_settings: list[dict[str, Any]] = []  # what each group was given; schedulers change the groups themselves
        self.state: dict[Tensor, dict[str, Any]] = States()
        self._hooks = {}
        self._steps: list[GroupStep] = []
        self._traced_with: dict[int, tuple[dict[str, Any], set[str]]] = {}
        if isinstance(params, (set, frozenset)):
            raise ArgumentError(f"{type(self).__name__}: parameters in a set have no order, by which a saved state finds them again; pass a list")
        if hasattr(params, "parameters"):
            raise ArgumentError(f"{type(self).__name__}: got a {type(params).__name__}, expected its parameters; pass model.parameters()")
        given = [params] if isinstance(params, (Tensor, dict)) else list(params)
        if not given:
            raise ArgumentError(f"{type(self).__name__}: no parameters; pass model.parameters() of a model that has some")
        for group in given if isinstance(given[0], dict) else [{"params": given}]:
            self.add_param_group(group)

    # ------------------------------------------------------------------ groups
    def add_param_group(self, group: dict[str, Any]) -> None:
        """Train further parameters, with settings of their own."""
        if not isinstance(group, dict) or "params" not in group:
            raise ArgumentError(f"{type(self).__name__}: a group is a dict with params, such as {{'params': [...], 'lr': 0.1}}, got {group!r:.80}")
        held = group["params"]
        held = [held] if isinstance(held, Tensor) else list(held)
        names = [p[0] for p in held if isinstance(p, tuple)] or list(group.get("param_names", ()))
        if names and len(names) != len(held) or any(bool(names) != ("param_names" in other) for other in self.param_groups):
            raise ArgumentError(f"{type(self).__name__}: some parameters have names and others none; pass model.named_parameters() for all groups")
        held = [p[1] if isinstance(p, tuple) else p for p in held]
        taken = {id(p) for other in self.param_groups for p in other["params"]}
        for parameter in held:
            self._check_parameter(parameter, taken)
            taken.add(id(parameter))
        settings = {name: value.item() if isinstance(value, Tensor) and name != "params" else value for name, value in {**self.defaults, **group}.items()}
        full = {**settings, "params": held, **({"param_names": names} if names else {})}
        self.check(full)
        self.param_groups.append(full)
        self._group_settings.append({name: value for name, value in group.items() if name not in ("params", "param_names")})

    def _check_parameter(self, parameter: Any, taken: set[int]) -> None:
        name = type(self).__name__
        if not isinstance(parameter, Tensor) or not parameter.is_leaf:
            hint = "; pass its parameters()" if hasattr(parameter, "parameters") else ""
            raise ArgumentError(f"{name}: parameters must be leaf tensors, got {type(parameter).__name__}{hint}")
        if hasattr(parameter, "materialize"):
            raise ArgumentError(f"{name}: a parameter of a lazy layer has no shape yet; call the model once on a batch before the optimizer is made")
        if not self.takes_complex and parameter.dtype.kind == "c":
            raise ArgumentError(f"{name}: a parameter is complex ({parameter.dtype}), which its rule is not made for; use Adam or SGD for it")
        if id(parameter) in taken:
            raise ArgumentError(f"{name}: a parameter of shape {tuple(parameter.shape)} is in two groups")

    def check(self, group: dict[str, Any]) -> None:
        """Raise if a setting of a group is out of range."""
        name = type(self).__name__
        for setting in ("lr", "weight_decay", "momentum", "eps"):
            values = group.get(setting, 0)
            if not all(value is None or not isinstance(value, str) and value >= 0 for value in (values if isinstance(values, tuple) else (values,))):
                raise ArgumentError(f"{name}: {setting}={group[setting]!r}; expected 0 or more")
        if len(group.get("betas", (0, 0))) != 2:
            raise ArgumentError(f"{name}: betas={group['betas']!r}; expected two numbers")
        for number, beta in enumerate(group.get("betas", ())):
            if not 0 <= beta < 1:
                raise ArgumentError(f"{name}: betas[{number}]={beta}; expected 0 <= beta < 1")
        if group["differentiable"]:
            raise ArgumentError(f"{name}: differentiable=True; steps write in place. Compute p - lr * g in a function of p and differentiate that")
        if group["foreach"] and group["fused"]:
            raise ArgumentError(f"{name}: foreach=True and fused=True; choose one, both mean the same kernels")
        if group["fused"] and not cpu.available():
            raise ConfigError(f"{name}: fused=True needs llvmlite; pip install \"neural-workbench[fast]\", or leave fused out")

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    parameter.grad = None if set_to_none else parameter.grad * 0

    # ------------------------------------------------------------------ stepping
    @with_hooks
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """Change every parameter that has a gradient.

        Parameters
        ----------
        closure : callable, optional
            Computes the loss again and returns it; called before the step, with gradients.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        if STATE.trace is not None:
            lowering.traced_step(self, STATE.trace)
            return loss
        with no_grad():
            if len(self._steps) != len(self.param_groups):
                self._steps = [GroupStep() for _ in self.param_groups]
            for group, together in zip(self.param_groups, self._steps, strict=True):
                if group["foreach"] is not False and cpu.available():
                    together(self, group)
                else:
                    for parameter in group["params"]:
                        if parameter.grad is not None:
                            self._change(parameter, group)
        return loss

    def _change(self, parameter: Tensor, group: dict[str, Any]) -> None:
        """The rule on one parameter."""
        data, grad = mutate.buffer(parameter), parameter.grad.data
        grad, state = -grad if group["maximize"] else grad, self.state[parameter]
        with beside(data):
            if parameter.grad.is_sparse:
                self._change_rows(data, grad, state, group)
            elif data.dtype.kind == "c":
                pairs.change(self, data, grad, state, group)
            else:
                self.update(data, grad, state, group)
        if not data.shape:  # what a rule computes of arrays without axes are scalars, which nobody can write into
            state.update({name: np.array(value) for name, value in state.items() if isinstance(value, np.generic)})
        mutate.stamp(data)

    def rows_only(self, group: dict[str, Any]) -> bool | None:
        """What a gradient of some rows means: the rule on those rows alone, on all (with zeros), or None: it is refused."""
        return None

    def _change_rows(self, data: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """The rule on the rows that a sparse gradient holds; where a first step makes arrays of state, it is on all."""
        alone = self.rows_only(group)
        if alone is None:
            raise ArgumentError(f"{type(self).__name__}: takes no sparse gradients; use optim.SparseAdam (or SGD, Adagrad) for this parameter, "
                                "or sparse=False in the embedding")
        rows = grad.coalesced()
        part = data[rows.rows]
        inside = {name: value[rows.rows] if lowering.is_array(value) else value for name, value in state.items()}
        if alone:
            self.update(part, rows.values, inside, group)
        if not alone or set(inside) != set(state):
            self.update(data, grad.dense(), state, group)
            return
        data[rows.rows] = part
        for name, value in inside.items():
            if lowering.is_array(value):
                state[name][rows.rows] = value
            else:
                state[name] = value

    def update(self, parameter: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change the array `parameter` in place; `grad` must not be changed. Complex numbers come as pairs, (..., 2)."""
        raise ArgumentError(f"{type(self).__name__} does not define update(parameter, grad, state, group)")

    # ------------------------------------------------------------------ saving
    def state_dict(self) -> dict[str, Any]:
        """State and settings, with parameters by their number: ``{"state": ..., "param_groups": ...}``."""
        self._call_hooks("state_dict_pre")
        numbers = {id(p): number for number, p in enumerate(p for group in self.param_groups for p in group["params"])}
        state = {numbers[id(p)]: {k: _saved(v) for k, v in held.items()}
                 for p, held in self.state.items() if id(p) in numbers}  # a group may have been taken away
        groups = [{**{k: v for k, v in group.items() if k != "params"}, "params": [numbers[id(p)] for p in group["params"]]}
                  for group in self.param_groups]
        return self._call_hooks("state_dict_post", {"state": state, "param_groups": groups})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned, for the same parameters in the same order.

        Raises
        ------
        CheckpointError
            If groups differ in number or size, or arrays in their shape; nothing is changed then. A state of PyTorch's is taken too.
        """
        state = self._call_hooks("load_state_dict_pre", dict(state_dict))
        if missing := {"param_groups", "state"} - set(state):
            raise CheckpointError(f"{type(self).__name__}: the state has no {' and no '.join(sorted(missing))}; is it that of an optimizer?")
        saved = state["param_groups"]
        sizes, own = [len(g["params"]) for g in saved], [len(g["params"]) for g in self.param_groups]
        if sizes != own:
            raise CheckpointError(f"{type(self).__name__}: the state has groups of {sizes} parameters, this optimizer of {own}")
        settings = set(self.defaults) - set(COMMON) - {"decoupled_weight_decay"}  # newer than some states of PyTorch's
        if foreign := [", ".join(sorted(lacking)) for stored in saved if (lacking := settings - set(stored))]:
            raise CheckpointError(f"{type(self).__name__}: the state is of another optimizer: it says nothing of {foreign[0]}")
        by_number = {number: p for group, stored in zip(self.param_groups, saved, strict=True)
                     for number, p in zip(stored["params"], group["params"], strict=True)}
        if unknown := [number for number in state["state"] if int(number) not in by_number]:
            raise CheckpointError(f"{type(self).__name__}: the state remembers parameter {unknown[0]}, which none of its groups has")
        self.state = States({by_number[int(number)]: {k: _loaded(k, v, by_number[int(number)]) for k, v in held.items()}
                             for number, held in state["state"].items()})
        for group, stored in zip(self.param_groups, saved, strict=True):
            group.update({k: v for k, v in stored.items() if k != "params"})
        self._call_hooks("load_state_dict_post")

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_steps": []}  # kernels are found again

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {number}")
            lines += [f"    {name}: {value}" for name, value in sorted(group.items()) if name != "params"]
        return "\n".join([*lines, ")"])


def _saved(value: Any) -> Any:
    """An entry of a state as it is saved: arrays as tensors of their own."""
    if isinstance(value, list):
        return [_saved(part) for part in value]
    return Tensor(value.copy()) if hasattr(value, "dtype") else value


def _loaded(name: str, value: Any, parameter: Tensor) -> Any:
    """An entry of a state as the rule keeps it: an array of its own where the parameter is, or a Python number."""
    if isinstance(value, list):
        return [_loaded(name, part, parameter) for part in value]
    if hasattr(value, "__array__") and not isinstance(value, Tensor):  # of PyTorch, or an array
        value = Tensor(np.asarray(value).copy())
    if not isinstance(value, Tensor):
        return value
    if name in COUNTERS and not value.shape:
        number = value.item()
        return int(number) if float(number).is_integer() and name == "step" else number
    if name in ALIKE:
        if value.shape != parameter.shape:
            raise CheckpointError(f"the state's {name} has shape {tuple(value.shape)}, its parameter {tuple(parameter.shape)}; is it the state of "
                                  "the same model?")
        value = value.to(dtype=parameter.dtype)
    return mutate.buffer(value.detach().clone() if value.device == parameter.device else value.detach().to(parameter.device))
