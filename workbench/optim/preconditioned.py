"""Steps turned by a matrix for each axis of a parameter: Shampoo, and SOAP, which runs Adam in Shampoo's directions."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

from .. import ops
from ..backend import arrays
from ..core.errors import ArgumentError
from ..ops import decompose
from .base import Common, Optimizer, Params, array_like


def along(matrix: Any, x: Any, axis: int) -> Any:
    """`matrix` times `x` along one axis; a vector scales it."""
    moved = ops.moveaxis(x, axis, 0)
    flat = moved.reshape(moved.shape[0], -1)
    turned = ops.matmul(matrix, flat) if len(matrix.shape) == 2 else matrix.reshape(-1, 1) * flat
    return ops.moveaxis(turned.reshape(moved.shape), 0, axis)


def second_moment(x: Any, axis: int, diagonal: bool) -> Any:
    """What the entries along one axis have in common: the matrix of their products, summed over the other axes."""
    flat = ops.moveaxis(x, axis, 0).reshape(x.shape[axis], -1)
    return (flat * flat).sum(1) if diagonal else ops.matmul(flat, ops.transpose(flat, -2, -1))


def now_and_then(due: Any, make: Callable[..., Any], *kept: Any) -> Any:
    """``make(*kept)`` if it is due, else the last of `kept`; inside jit the program decides."""
    if not hasattr(due, "dtype"):
        return make(*kept) if due else kept[-1]
    from ..graph.control import cond

    return cond(due, make, lambda *kept: kept[-1], *kept)


class Shampoo(Optimizer):
    """``p = p - lr L^(-1/4) g R^(-1/4)`` with sums ``L = eps I + sum g g'``, ``R = eps I + sum g' g`` (Gupta et al. 2018).

    With k axes there is a matrix for each, of exponent ``-1 / (2 k)``.

    Parameters
    ----------
    params : iterable
    lr, momentum, weight_decay : float
        The decay is added to the gradient, the momentum is that of the turned gradient.
    epsilon : float
        What L and R begin with, on their diagonals.
    update_freq : int
        Steps between two computations of the roots, which are most of the work.
    max_preconditioner_dim : int
        A longer axis has the diagonal of its matrix only.
    common
        Settings that all have: see `Optimizer`.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.eye(2)); p.grad = wb.eye(2) * 100
    >>> wb.optim.Shampoo([p], lr=0.25).step(); [[round(x, 4) for x in row] for row in p.tolist()]
    [[0.75, 0.0], [0.0, 0.75]]
    """

    takes_complex = False

    def __init__(self, params: Params, lr: float = 1e-1, momentum: float = 0, weight_decay: float = 0, epsilon: float = 1e-4, update_freq: int = 1,
                 max_preconditioner_dim: int = 1024, **common: Unpack[Common]) -> None:
        super().__init__(params, dict(lr=lr, momentum=momentum, weight_decay=weight_decay, epsilon=epsilon, update_freq=update_freq,
                                      max_preconditioner_dim=max_preconditioner_dim), **common)

    def check(self, group: dict[str, Any]) -> None:
        """Raise if a setting is out of range."""
        super().check(group)
        if group["epsilon"] < 0 or group["update_freq"] < 1:
            raise ArgumentError(f"Shampoo: epsilon={group['epsilon']}, update_freq={group['update_freq']}; expected at least 0, and at least 1")

    def _begin(self, parameter: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        xp = arrays.module_of(type(parameter))
        state.update(step=0)
        if group["momentum"]:
            state["momentum_buffer"] = array_like(parameter, 0)
        for axis, length in enumerate(parameter.shape or (1,)):
            start = xp.ones(length) if length > group["max_preconditioner_dim"] else xp.eye(length)
            state[f"preconditioner_{axis}"] = (start * group["epsilon"]).astype(parameter.dtype)
            state[f"root_{axis}"] = start.astype(parameter.dtype)

    def update(self, parameter: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step on one parameter."""
        if not state:
            self._begin(parameter, state, group)
        state["step"] = step = state["step"] + 1
        if group["weight_decay"]:
            grad = grad + parameter * group["weight_decay"]
        turned = gradient = grad.reshape(grad.shape or (1,))
        exponent = -0.5 / len(gradient.shape)
        for axis in range(len(gradient.shape)):
            moment, root = state[f"preconditioner_{axis}"], state[f"root_{axis}"]
            moment += second_moment(gradient, axis, len(moment.shape) == 1)
            root[...] = now_and_then((step - 1) % group["update_freq"] == 0, lambda moment, _: _power(moment, exponent), moment, root)
            turned = along(root, turned, axis)
        turned = turned.reshape(parameter.shape)
        if group["momentum"]:
            buffer = state["momentum_buffer"]
            buffer *= group["momentum"]
            buffer += turned
            turned = buffer
        parameter -= turned * group["lr"]


def _power(matrix: Any, exponent: float) -> Any:
    """A power of a symmetric positive matrix, or of a diagonal."""
    if len(matrix.shape) == 1:
        return matrix ** exponent
    eigen: tuple[Any, Any] = decompose.eigh(matrix)
    values = ops.maximum(eigen[0], 1e-30)  # rounding may leave one below zero
    return ops.matmul(eigen[1] * values ** exponent, ops.transpose(eigen[1], -2, -1))


class SOAP(Optimizer):
    """Adam in the directions in which Shampoo's matrices are diagonal (Vyas et al. 2024).

    ``g' = Ql' g Qr``, and so is the mean m turned; ``p = p - lr Ql (m' / (sqrt(v') + eps)) Qr'`` with Adam's v of g'. The
    matrices are running means of ``g g'`` and ``g' g``; Q follows their eigenvectors by one step of orthogonal iteration.
    The first gradient makes the directions and no step.

    Parameters
    ----------
    params : iterable
    lr : float
    betas : pair of float
    shampoo_beta : float, optional
        Of the matrices; by default the second of `betas`.
    eps, weight_decay : float
        The decay is decoupled.
    precondition_frequency : int
        Steps between two turns of the directions.
    max_precond_dim : int
        A longer axis is not turned.
    precondition_1d : bool
        Also turn parameters with one axis, which else have plain Adam.
    correct_bias : bool
        As Adam does for its first steps.
    common
        Settings that all have: see `Optimizer`.

    Examples
    --------
    >>> import workbench as wb
    >>> p = wb.nn.Parameter(wb.eye(2))
    >>> optimizer = wb.optim.SOAP([p], lr=0.25, weight_decay=0.0)
    >>> for _ in range(2):
    ...     p.grad = wb.eye(2) * wb.tensor([3.0, 1.0]); optimizer.step()
    >>> [[round(x, 4) for x in row] for row in p.tolist()]
    [[0.75, 0.0], [0.0, 0.75]]
    """

    takes_complex = False

    def __init__(self, params: Params, lr: float = 3e-3, betas: tuple[float, float] = (0.95, 0.95), shampoo_beta: float | None = None, eps: float = 1e-8,
                 weight_decay: float = 0.01, precondition_frequency: int = 10, max_precond_dim: int = 10000, precondition_1d: bool = False,
                 correct_bias: bool = True, **common: Unpack[Common]) -> None:
        super().__init__(params, dict(lr=lr, betas=betas, shampoo_beta=shampoo_beta, eps=eps, weight_decay=weight_decay,
                                      precondition_frequency=precondition_frequency, max_precond_dim=max_precond_dim, precondition_1d=precondition_1d,
                                      correct_bias=correct_bias), **common)

    def check(self, group: dict[str, Any]) -> None:
        """Raise if a setting is out of range."""
        super().check(group)
        beta = group["shampoo_beta"]
        if group["precondition_frequency"] < 1 or not (beta is None or 0 <= beta < 1):
            raise ArgumentError(f"SOAP: precondition_frequency={group['precondition_frequency']}, shampoo_beta={beta}; expected at least 1, and 0 <= beta < 1")

    def _turned(self, shape: tuple[int, ...], group: dict[str, Any]) -> list[int]:
        """The axes that have directions of their own."""
        if len(shape) < 2 and not (group["precondition_1d"] and shape):
            return []
        return [axis for axis, length in enumerate(shape) if length <= group["max_precond_dim"]]

    def update(self, parameter: Any, grad: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """One step on one parameter."""
        axes, (beta1, beta2), lr = self._turned(parameter.shape, group), group["betas"], group["lr"]
        kept = beta2 if group["shampoo_beta"] is None else group["shampoo_beta"]
        if not state:
            state.update(step=0, exp_avg=array_like(parameter, 0), exp_avg_sq=array_like(parameter, 0))
            for axis in axes:
                state[f"moment_{axis}"] = moment = second_moment(grad, axis, False) * (1 - kept)
                state[f"directions_{axis}"] = arrays.module_of(type(parameter)).ascontiguousarray(decompose.eigh(moment)[1][:, ::-1])
            return
        state["step"] = step = state["step"] + 1
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        turned = self._turn(grad, state, axes)
        mean += (grad - mean) * (1 - beta1)
        square += (turned * turned - square) * (1 - beta2)
        rate = lr * (1 - beta2**step) ** 0.5 / (1 - beta1**step) if group["correct_bias"] else lr
        change = self._turn(mean, state, axes) / (square ** 0.5 + group["eps"])
        for axis in axes:
            change = along(state[f"directions_{axis}"], change, axis)
        parameter -= change * rate
        parameter *= 1 - lr * group["weight_decay"]
        for axis in axes:
            moment, directions = state[f"moment_{axis}"], state[f"directions_{axis}"]
            moment += (second_moment(grad, axis, False) - moment) * (1 - kept)
            directions[...] = now_and_then(step % group["precondition_frequency"] == 0, lambda moment, old: decompose.qr(ops.matmul(moment, old), complete=False)[0],
                                           moment, directions)

    def _turn(self, x: Any, state: dict[str, Any], axes: list[int]) -> Any:
        """`x` as its directions see it."""
        for axis in axes:
            x = along(ops.transpose(state[f"directions_{axis}"], -2, -1), x, axis)
        return x
