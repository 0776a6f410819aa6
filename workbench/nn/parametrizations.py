"""Ready-made parametrizations (`nn.utils.parametrizations`): weight and spectral normalization, orthogonal matrices, standardized weights."""
from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np

from .. import ops
from ..core import Tensor, mutate, no_grad
from ..core.errors import ArgumentError, AxisError, GraphError, ShapeError
from ..core.recorded import Recipe
from ..core.state import STATE
from ..ops.resample import constant
from . import functional as F
from .conv import _ConvTranspose
from .module import Module
from .parametrize import is_parametrized, register_parametrization

Maker = TypeVar("Maker", bound=Callable[..., Module])


def _recorded(function: Maker) -> Maker:
    """Let the parametrization remember how it was asked for, so that a configuration can say it."""
    @functools.wraps(function)
    def parametrized(module: Module, name: str = "weight", *args: Any, **kwargs: Any) -> Module:
        function(module, name, *args, **kwargs)
        vars(module.parametrizations[name][-1])["_recipe"] = Recipe(parametrized, args, kwargs)
        return module

    parametrized.given = ("module", "name")  # type: ignore[attr-defined]
    return cast(Maker, parametrized)


# Weight normalization ------------------------------------------------------------------------------------------------------
class _WeightNorm(Module):
    """``g v / |v|``; norms over all axes but one, or over all."""

    def __init__(self, dim: int | None) -> None:
        super().__init__()
        self.dim = dim

    def _norm(self, v: Tensor) -> Tensor:
        if self.dim is None or self.dim == -1:  # -1 means the whole tensor, as in PyTorch
            return ops.sqrt(ops.sum(ops.square(v)))
        return ops.sqrt(ops.sum(ops.square(v), axis=_others(v, self.dim), keepdims=True))

    def forward(self, g: Tensor, v: Tensor) -> Tensor:
        """Length and direction to a weight."""
        return v * (g / self._norm(v))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """A weight to length and direction."""
        return self._norm(weight), weight


@_recorded
def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Train length and direction of weights apart: ``w = g v / |v|`` (Salimans and Kingma 2016).

    Parameters
    ----------
    module : Module
    name : str
    dim : int, optional
        One length for each index along this axis; None: one for the whole tensor.

    Returns
    -------
    Module
        The same module; ``parametrizations.<name>.original0`` holds g, ``original1`` v. States with the older names
        ``<name>_g`` and ``<name>_v`` load too.

    Examples
    --------
    >>> import workbench as wb
    >>> layer = wb.nn.utils.parametrizations.weight_norm(wb.nn.Linear(4, 3))
    >>> layer.parametrizations.weight.original0.shape
    (3, 1)
    """
    if is_parametrized(module, name):
        raise ArgumentError(f"weight_norm: {name!r} of {type(module).__name__} is parametrized already; weight_norm comes first, for it starts from two tensors")
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    return _loading_old(module, name, _g="original0", _v="original1")


# Spectral normalization ----------------------------------------------------------------------------------------------------
class _SpectralNorm(Module):
    """``W / sigma`` with the largest singular value ``sigma = u' W v``; u and v follow it by power iteration."""

    def __init__(self, weight: Tensor, n_power_iterations: int, dim: int, eps: float) -> None:
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise AxisError(f"spectral_norm: dim={dim} of a tensor of shape {tuple(weight.shape)}")
        if n_power_iterations < 1:
            raise ArgumentError(f"spectral_norm: n_power_iterations={n_power_iterations}; expected at least 1")
        self.dim, self.eps, self.n_power_iterations = dim % weight.ndim, eps, n_power_iterations
        if weight.ndim > 1:
            with no_grad():
                matrix = self._matrix(weight)
                start = (F.normalize(ops.random.randn(n, dtype=weight.dtype, device=weight.device), dim=0, eps=eps) for n in matrix.shape)
                self.register_buffer("_u", next(start))
                self.register_buffer("_v", next(start))
                u, v = self._iterated(matrix, 15)
                self._u.copy_(u)
                self._v.copy_(v)

    def _matrix(self, weight: Tensor) -> Tensor:
        return ops.moveaxis(weight, self.dim, 0).reshape(weight.shape[self.dim], -1)

    def _iterated(self, matrix: Tensor, times: int) -> tuple[Tensor, Tensor]:
        u, v = self._u, self._v
        for _ in range(times):
            u = F.normalize(matrix @ v, dim=0, eps=self.eps)
            v = F.normalize(matrix.T @ u, dim=0, eps=self.eps)
        return u, v

    def forward(self, weight: Tensor) -> Tensor:
        """A weight of spectral norm 1, as well as u and v know."""
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training and not STATE.again:  # a checkpoint that computes the call again wants the vectors of the call
            u, v = self._followed(ops.stop_gradient(matrix))
        else:
            u, v = self._u.clone(), self._v.clone()  # a later step in training writes into the buffers
        return weight / ops.sum(u * (matrix @ v))

    def _followed(self, matrix: Tensor) -> tuple[Tensor, Tensor]:
        if type(matrix) is not Tensor and (STATE.trace is None or matrix.level > STATE.trace.level):
            raise GraphError(f"spectral_norm: its vectors cannot be updated inside {type(matrix).transformation}; use .eval()")
        with no_grad():
            u, v = self._iterated(matrix, self.n_power_iterations)
            mutate.write(self._u, u, "spectral_norm")
            mutate.write(self._v, v, "spectral_norm")
        return u, v

    def right_inverse(self, value: Tensor) -> Tensor:
        """`value`, whose norm is lost."""
        return value


@_recorded
def spectral_norm(module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None) -> Module:
    """Divide a weight by its largest singular value, so that the layer never stretches: ``W / (u' W v)`` (Miyato et al. 2018).

    The singular vectors are followed by power iteration, one round each time the weight is asked for in training.

    Parameters
    ----------
    module : Module
    name : str
    n_power_iterations : int
        Rounds each time.
    eps : float
        Vectors count as at least this long.
    dim : int, optional
        The axis of outputs; 0, or 1 for transposed convolutions.

    Returns
    -------
    Module
        The same module; ``parametrizations.<name>`` holds ``original`` and the vectors ``0._u`` and ``0._v``. States with the older
        names ``<name>_orig``, ``<name>_u`` and ``<name>_v`` load too.

    Examples
    --------
    >>> import workbench as wb
    >>> layer = wb.nn.utils.parametrizations.spectral_norm(wb.nn.Linear(4, 3), n_power_iterations=50)
    >>> round(wb.linalg.norm(layer.weight.detach(), 2).item(), 4)
    1.0
    """
    weight = _tensor_of("spectral_norm", module, name)
    if dim is None:
        dim = 1 if isinstance(module, _ConvTranspose) else 0
    register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))
    return _loading_old(module, name, _orig="original", _u="0._u", _v="0._v")


# Orthogonal matrices -------------------------------------------------------------------------------------------------------
class _Orthogonal(Module):
    """A matrix with orthonormal columns (or rows, if it is wide) from one without constraints."""

    def __init__(self, weight: Tensor, orthogonal_map: str) -> None:
        super().__init__()
        self.shape, self.orthogonal_map = tuple(weight.shape), orthogonal_map

    def forward(self, x: Tensor) -> Tensor:
        """Any matrix to an orthogonal one."""
        wide = x.shape[-2] < x.shape[-1]
        x = ops.swapaxes(x, -1, -2) if wide else x
        q = _reflected(x) if self.orthogonal_map == "householder" else _turned(x, self.orthogonal_map)
        q = self._moved(q)
        return ops.swapaxes(q, -1, -2) if wide else q

    def _moved(self, q: Tensor) -> Tensor:
        return q

    def _tall(self, q: Tensor) -> tuple[Tensor, bool]:
        if tuple(q.shape) != self.shape:
            raise ShapeError(f"orthogonal: a value of shape {tuple(q.shape)}; expected {self.shape}")
        wide = q.shape[-2] < q.shape[-1]
        return (ops.swapaxes(q, -1, -2) if wide else q).detach(), wide


class _Reflections(_Orthogonal):
    """Householder reflections whose product is any given matrix."""

    def right_inverse(self, q: Tensor) -> Tensor:
        """The reflections below the diagonal, signs on it."""
        tall, wide = self._tall(q)
        flat = [_packed(matrix) for matrix in tall.reshape(-1, *tall.shape[-2:]).numpy()]
        out = constant(np.stack(flat).reshape(tall.shape), tall)
        return ops.swapaxes(out, -1, -2) if wide else out


class _Trivialized(_Orthogonal):
    """The map at the origin, moved to ``base``: ``base map(x)`` (Lezcano-Casado 2019)."""

    def __init__(self, weight: Tensor, orthogonal_map: str) -> None:
        super().__init__(weight, orthogonal_map)
        self.register_buffer("base", None)

    def _moved(self, q: Tensor) -> Tensor:
        return self.base @ q

    def right_inverse(self, q: Tensor) -> Tensor:
        """The origin; `q`, made orthogonal where it is not, becomes the base."""
        tall, _ = self._tall(q)
        n, k = tall.shape[-2:]
        if n != k:
            tall = ops.concat([tall, ops.random.randn(*tall.shape[:-1], n - k, dtype=tall.dtype, device=tall.device)], axis=-1)
        if n != k or not _is_orthogonal(tall):
            found, r = ops.linalg.qr(tall)
            self.base = found * ops.sign(ops.linalg.diagonal(r)).unsqueeze(-2)
        else:
            self.base = tall.clone()
        # minus one on the diagonal: no reflection, sign turned, which is what the Householder map makes an identity of
        return ops.zeros_like(q) - ops.eye(*q.shape[-2:], dtype=q.dtype, device=q.device)


def _turned(x: Tensor, orthogonal_map: str) -> Tensor:
    """The exponential, or the Cayley map, of a skew-symmetric matrix made of the lower triangle of x (n, k)."""
    n, k = x.shape[-2:]
    x = ops.tril(x)
    if n != k:
        x = ops.concat([x, ops.broadcast_to(ops.zeros_like(x[..., :1]), (*x.shape[:-1], n - k))], axis=-1)
    a = x - ops.swapaxes(x, -1, -2)
    if orthogonal_map == "matrix_exp":
        return ops.linalg.matrix_exp(a)[..., :k]
    one = ops.eye(n, dtype=a.dtype, device=a.device)
    return ops.linalg.solve(one - a / 2, one + a / 2)[..., :k]


def _reflected(x: Tensor) -> Tensor:
    """The product of the Householder reflections below the diagonal of x (n, k), columns with the signs of its diagonal.

    ``H1 ... Hk = I - V T V'`` with a triangular T whose inverse has V'V above its diagonal and half of it there.
    """
    n, k = x.shape[-2:]
    one = ops.eye(n, k, dtype=x.dtype, device=x.device)
    v = ops.tril(x, -1) + one
    gram = ops.swapaxes(v, -1, -2) @ v
    inverse = ops.triu(gram) - ops.triu(ops.tril(gram)) / 2
    q = one - v @ ops.linalg.solve_triangular(inverse, ops.swapaxes(v[..., :k, :], -1, -2), upper=True)
    signs = ops.stop_gradient(ops.linalg.diagonal(x))
    return q * ops.trunc(signs).unsqueeze(-2)


def _packed(matrix: np.ndarray) -> np.ndarray:
    """Reflections of one orthogonal matrix below the diagonal, signs on it."""
    packed, tau = np.linalg.qr(matrix, mode="raw")
    packed = packed.T.copy()
    rows = np.arange(packed.shape[1])
    packed[rows, rows] = np.sign(packed[rows, rows]) * np.where(tau == 0, -1.0, 1.0)
    return packed


def _is_orthogonal(q: Tensor) -> bool:
    n, k = q.shape[-2:]
    error = ops.abs(ops.swapaxes(q, -1, -2) @ q - ops.eye(k, dtype=q.dtype, device=q.device))
    return float(ops.amax(error)) <= 10 * n * np.finfo(q.dtype).eps


@_recorded
def orthogonal(module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True) -> Module:
    """Keep a weight (..., m, n) orthogonal while it is trained: ``W'W = I``, or ``WW' = I`` if it is wide.

    Parameters
    ----------
    module : Module
    name : str
    orthogonal_map : {"matrix_exp", "cayley", "householder"}, optional
        How orthogonal matrices are made of any: ``exp(A)`` or ``(I - A/2)^-1 (I + A/2)`` of a skew-symmetric A, or a product
        of reflections. By default the first for square matrices, the last for others.
    use_trivialization : bool
        Start at the weight as it is (made orthogonal where it is not), which is kept in the buffer ``base``; training
        moves away from there (Lezcano-Casado 2019).

    Returns
    -------
    Module
        The same module.

    Examples
    --------
    >>> import workbench as wb
    >>> w = wb.nn.utils.parametrizations.orthogonal(wb.nn.Linear(3, 3)).weight
    >>> bool(((w @ w.T - wb.eye(3)).abs() < 1e-5).all())
    True
    """
    weight = _tensor_of("orthogonal", module, name)
    if weight.ndim < 2 or weight.dtype.kind != "f":
        raise ShapeError(f"orthogonal: {name!r} has shape {tuple(weight.shape)} and dtype {weight.dtype}; expected a real matrix (..., m, n)")
    if orthogonal_map is None:
        orthogonal_map = "matrix_exp" if weight.shape[-2] == weight.shape[-1] else "householder"
    if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
        raise ArgumentError(f"orthogonal: orthogonal_map={orthogonal_map!r}; expected 'matrix_exp', 'cayley' or 'householder'")
    plain = _Reflections if orthogonal_map == "householder" else _Orthogonal
    return register_parametrization(module, name, (_Trivialized if use_trivialization else plain)(weight, orthogonal_map), unsafe=True)


# Standardized weights --------------------------------------------------------------------------------------------------------
class _Standardized(Module):
    def __init__(self, dim: int, eps: float) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, weight: Tensor) -> Tensor:
        """Mean 0 and variance 1 over all axes but one."""
        axes = _others(weight, self.dim)
        centred = weight - ops.mean(weight, axis=axes, keepdims=True)
        return centred / ops.sqrt(ops.mean(ops.square(centred), axis=axes, keepdims=True) + self.eps)

    def right_inverse(self, value: Tensor) -> Tensor:
        """`value`, whose mean and variance are lost."""
        return value


@_recorded
def weight_standardization(module: Module, name: str = "weight", dim: int = 0, eps: float = 1e-5) -> Module:
    """Give the weights of each output mean 0 and variance 1 (Qiao et al. 2019): ``(w - mean) / sqrt(var + eps)``.

    Parameters
    ----------
    module : Module
    name : str
    dim : int
        The axis of outputs.
    eps : float
        Added to the variance.

    Returns
    -------
    Module
        The same module.

    Examples
    --------
    >>> import workbench as wb
    >>> layer = wb.nn.utils.parametrizations.weight_standardization(wb.nn.Conv2d(3, 4, 3))
    >>> bool(layer.weight.mean((1, 2, 3)).abs().max() < 1e-6)
    True
    """
    return register_parametrization(module, name, _Standardized(dim, eps))


def _loading_old(module: Module, name: str, **names: str) -> Module:
    """Let states load whose keys are of the time before parametrizations."""
    module.register_load_state_dict_pre_hook(functools.partial(_rename, {name + old: f"parametrizations.{name}.{new}" for old, new in names.items()}))
    return module


def _rename(names: dict[str, str], module: Module, state: dict[str, Any], prefix: str, *more: Any) -> None:
    if all(prefix + old in state for old in names):
        state.update({prefix + new: state.pop(prefix + old) for old, new in names.items()})


def _others(x: Tensor, dim: int) -> tuple[int, ...]:
    return tuple(axis for axis in range(x.ndim) if axis != dim % x.ndim)


def _tensor_of(what: str, module: Module, name: str) -> Any:
    value = getattr(module, name, None)
    if not isinstance(value, Tensor):
        raise ArgumentError(f"{what}: {type(module).__name__} has no parameter or buffer {name!r}")
    return value


__all__ = ["orthogonal", "spectral_norm", "weight_norm", "weight_standardization"]
