"""K-FAC: natural gradients of linear and convolution layers, by the Kronecker factors of their curvature."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack

from .. import ops
from ..core import Tensor, enable_grad, no_grad
from ..core.errors import ArgumentError, TraceError
from ..core.state import STATE, is_grad_enabled
from ..ops import decompose
from .base import Common
from .sgd import SGD


class KFAC(SGD):
    """SGD along ``(G kron A + damping I)^-1 g`` for every layer that says what its factors are made of (Martens and Grosse 2015).

    ``A`` is the second moment of a layer's inputs, ``G`` that of the gradients at its outputs, both as running means over
    steps; see `nn.kfac_factors`. Parameters of other layers take plain steps. Gradients at the outputs are those of the
    loss, so this is the empirical Fisher matrix.

    Parameters
    ----------
    model : Module
        Its forward is watched in training mode; all its trainable parameters are optimized.
    lr, momentum, weight_decay : float
        As of `SGD`.
    damping : float
        Added to the factors, so that they can be inverted; the larger, the closer to steps of SGD.
    stat_decay : float
        How much of the running means is kept.
    kl_clip : float, optional
        Steps are shortened where ``lr^2`` times the step's product with the gradient is larger; None for no limit.
    factor_every, inverse_every : int
        Steps between two looks at the factors, and at their eigenvectors.
    common
        Settings that all have: see `Optimizer`.

    Raises
    ------
    ArgumentError
        If no layer has factors. The loss must be the mean over the examples of a batch.
    TraceError
        Inside jit: it watches the layers.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.manual_seed(0)
    >>> model = wb.nn.Linear(3, 1)
    >>> x = wb.randn(20, 3); y = x @ wb.tensor([[1.0], [2.0], [3.0]])
    >>> optimizer = wb.optim.KFAC(model, lr=0.1)
    >>> for _ in range(100):
    ...     optimizer.zero_grad(); loss = wb.nn.functional.mse_loss(model(x), y); loss.backward(); optimizer.step()
    >>> loss.item() < 0.1
    True
    """

    given = ("model",)

    takes_complex = False

    def __init__(self, model: Any, lr: float = 1e-2, momentum: float = 0.9, weight_decay: float = 0, damping: float = 1e-2, stat_decay: float = 0.95,
                 kl_clip: float | None = 1e-3, factor_every: int = 1, inverse_every: int = 10, **common: Unpack[Common]) -> None:
        if damping <= 0 or not 0 <= stat_decay < 1 or factor_every < 1 or inverse_every < 1:
            raise ArgumentError(f"KFAC: damping={damping}, stat_decay={stat_decay}, factor_every={factor_every}, inverse_every={inverse_every}; expected a "
                                "positive damping, 0 <= stat_decay < 1, and at least 1 step")
        self.layers = [layer for layer in model.modules() if callable(getattr(layer, "kronecker_rows", None)) and layer.weight.requires_grad]
        if not self.layers:
            raise ArgumentError("KFAC: the model has no Linear or convolution layer that is not frozen; use another optimizer")
        super().__init__([p for p in model.parameters() if p.requires_grad], lr, momentum, weight_decay=weight_decay, **common)
        for settings in (self.defaults, self.param_groups[0]):
            settings.update(damping=damping, stat_decay=stat_decay, kl_clip=kl_clip, factor_every=factor_every, inverse_every=inverse_every)
        self._count = 1
        self._met: dict[int, list[tuple[Tensor, Tensor]]] = {}
        self.handles = [model._watch("forward_pre", self._note_count), *(layer._watch("forward", self._watch) for layer in self.layers)]

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_met": {}}

    # ------------------------------------------------------------------ watching
    def _note_count(self, model: Any, args: tuple) -> None:
        self._count = next((len(x) for x in args if isinstance(x, Tensor) and x.shape), 1)

    def _watch(self, layer: Any, args: tuple, output: Tensor) -> None:
        due = self.state.get(layer.weight, {}).get("steps", 0) % self.param_groups[0]["factor_every"] == 0
        if layer.training and due and is_grad_enabled() and STATE.trace is None and output.requires_grad:
            x = args[0].detach()
            output.register_hook(lambda g: self._met.setdefault(id(layer), []).append((x, g.detach())))

    def _take_factors(self, layer: Any, group: dict[str, Any]) -> None:
        """Bring a layer's running means up to date with what it met."""
        met = self._met.pop(id(layer), [])
        if not met:
            return
        a, g = (ops.concat(parts, axis=1) for parts in zip(*[layer.kronecker_rows(x, g) for x, g in met], strict=True))
        if layer.bias is not None:
            a = ops.concat([a, ops.ones_like(a[..., :1])], axis=2)
        state = self.state.setdefault(layer.weight, {})
        for name, fresh in (("A", a.mT @ a / a.shape[1]), ("G", g.mT @ g * self._count)):
            keep = group["stat_decay"] if name in state else 0.0
            state[name] = fresh.data * (1 - keep) + (state[name] * keep if keep else 0.0)

    # ------------------------------------------------------------------ stepping
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """Turn the gradients of the layers, and take a step of SGD along them.

        Parameters
        ----------
        closure : callable, optional
            Computes the loss again, calls ``backward()`` and returns the loss.
        """
        if STATE.trace is not None:
            raise TraceError("KFAC watches the layers of a model, which jit hides; compile the loss instead of the step, or use SOAP or Shampoo")
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        before = [(p, p.grad) for layer in self.layers for p in (layer.weight, layer.bias) if p is not None]
        try:
            with no_grad():
                self._turn(self.param_groups[0])
            super().step()
        finally:
            for parameter, grad in before:
                parameter.grad = grad
        return loss

    def _turn(self, group: dict[str, Any]) -> None:
        """Put the natural gradient of each layer in the place of its gradient."""
        found, product = [], 0.0
        for layer in self.layers:
            self._take_factors(layer, group)
            state = self.state.get(layer.weight, {})
            if layer.weight.grad is None or "A" not in state:
                continue
            state.setdefault("steps", 0)
            if "A_vectors" not in state or state["steps"] % group["inverse_every"] == 0:
                for name in "AG":
                    state[f"{name}_values"], state[f"{name}_vectors"] = decompose.eigh(state[name])
            grads = [layer.weight.grad, *([layer.bias.grad] if layer.bias is not None else [])]
            groups = 1 if state["A"].ndim == 2 else len(state["A"])
            joint = ops.concat([grad.reshape(groups, len(grad) // groups, -1) for grad in grads], axis=2)
            turned = _solve(joint, state, group["damping"])
            product += float((joint * turned).sum())
            state["steps"] += 1
            found.append((layer, turned))
        limit, scale = group["kl_clip"], 1.0
        if limit is not None and product * group["lr"] ** 2 > limit:
            scale = (limit / (product * group["lr"] ** 2)) ** 0.5
        for layer, turned in found:
            turned = turned * scale
            if layer.bias is not None:
                layer.bias.grad = turned[..., -1].reshape(layer.bias.shape)
                turned = turned[..., :-1]
            layer.weight.grad = turned.reshape(layer.weight.shape)


def _solve(grad: Tensor, state: dict[str, Any], damping: float) -> Tensor:
    """``(G kron A + damping I)^-1 grad``, exactly: in the eigenvectors of both the matrix is diagonal."""
    A, G = Tensor(state["A_vectors"]), Tensor(state["G_vectors"])
    inside = (G.mT @ grad @ A) / (Tensor(state["G_values"])[..., :, None] * Tensor(state["A_values"])[..., None, :] + damping)
    return G @ inside @ A.mT
