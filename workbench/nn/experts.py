"""Mixture of experts: a router sends every token to a few of many networks, so a large model costs as much as a small one."""
from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from .. import ops
from ..core import Tensor, tensor
from ..core.errors import ArgumentError, ShapeError
from . import functional as F
from .containers import ModuleList
from .linear import Linear
from .module import Module
from .regularization import add_auxiliary_loss, collecting


class Routing(NamedTuple):
    """Where a router sends tokens."""

    logits: Tensor
    """Scores, (tokens, experts)."""
    probabilities: Tensor
    """Their softmax."""
    experts: Tensor
    """The chosen experts, the best first, (tokens, k)."""
    weights: Tensor
    """What their outputs are multiplied by, (tokens, k)."""


class TopKRouter(Module):
    """Scores experts by a linear map and chooses the k best (Shazeer et al. 2017; Fedus et al. 2021).

    ``weight_e = softmax(gate(x))_e`` for the k largest scores, divided by their sum with `normalize`.

    Parameters
    ----------
    d_model : int
        Features of input and output.
    num_experts : int
        How many experts there are to choose from.
    k : int
        How many are chosen for a token.
    noisy : bool
        In training, add normal noise to the scores, whose size is learned for every token: ``softplus(noise(x))``.
    normalize : bool, optional
        Let the weights of the chosen add up to one. By default for k above 1: with k = 1 nothing would be left to learn
        from.

    Shapes
    ------
    (tokens, d_model) to a `Routing`.

    Examples
    --------
    >>> import workbench as wb
    >>> routing = wb.nn.TopKRouter(8, 4, k=2)(wb.randn(10, 8)); routing.experts.shape, routing.probabilities.shape
    ((10, 2), (10, 4))
    """

    def __init__(self, d_model: int, num_experts: int, k: int = 2, noisy: bool = False, normalize: bool | None = None, device: str | None = None,
                 dtype: Any = None) -> None:
        super().__init__()
        if not 1 <= k <= num_experts:
            raise ArgumentError(f"TopKRouter: k={k} of num_experts={num_experts}; expected at least one, and no more than there are")
        self.k, self.num_experts, self.normalize = k, num_experts, k > 1 if normalize is None else normalize
        self.gate = Linear(d_model, num_experts, bias=False, device=device, dtype=dtype)
        self.noise = Linear(d_model, num_experts, bias=False, device=device, dtype=dtype) if noisy else None

    def forward(self, x: Tensor) -> Routing:
        """Choose experts for tokens (tokens, d_model)."""
        if x.ndim != 2:
            raise ShapeError(f"TopKRouter: expected (tokens, {self.gate.in_features}), got {tuple(x.shape)}")
        logits = self.gate(x)
        if self.noise is not None and self.training:
            drawn = ops.randn(*logits.shape, dtype=logits.dtype, device=logits.device)
            logits = logits + drawn * ops.softplus(self.noise(x))
        probabilities = F.softmax(logits, -1)
        weights, experts = ops.topk(probabilities, self.k, -1)
        if self.normalize:
            weights = weights / ops.sum(weights, -1, keepdims=True)
        return Routing(logits, probabilities, experts, weights)

    def extra_repr(self) -> str:
        """Settings."""
        return f"k={self.k}, num_experts={self.num_experts}, normalize={self.normalize}"


class MixtureOfExperts(Module):
    """``y = sum over the k chosen experts of weight_e expert_e(x)``, token by token.

    In training it adds `load_balancing_loss` and `router_z_loss` to the auxiliary losses, if somebody collects them.

    Parameters
    ----------
    experts : sequence of Module
        Each maps (tokens, d_model) to (tokens, features); called once per forward with all its tokens.
    d_model, k, noisy, normalize
        Of the `TopKRouter`.
    capacity_factor : float, optional
        An expert takes at most ``capacity_factor k tokens / experts`` tokens, rounded up; first choices come before second ones, earlier tokens
        before later. What is over is dropped: it contributes nothing. None: nothing is dropped. Inside jit, where the numbers are not known,
        every expert then computes as if it had all tokens, so give a factor there.
    balance_weight, z_weight : float
        Of the two auxiliary losses.
    shared_expert : Module, optional
        Sees every token; its output is added (Dai et al. 2024).

    Shapes
    ------
    (..., d_model) to (..., features); keys ``router.gate.weight``, ``experts.0...``, ``shared_expert...``.

    Examples
    --------
    >>> import workbench as wb
    >>> from workbench import nn
    >>> layer = nn.MixtureOfExperts([nn.Linear(8, 8) for _ in range(4)], d_model=8, k=2)
    >>> with nn.auxiliary_losses() as losses:
    ...     y = layer(wb.randn(2, 5, 8))
    >>> y.shape, len(losses)
    ((2, 5, 8), 1)
    """

    def __init__(self, experts: Sequence[Module], d_model: int, k: int = 2, capacity_factor: float | None = None, noisy: bool = False,
                 normalize: bool | None = None, balance_weight: float = 0.01, z_weight: float = 0.0, shared_expert: Module | None = None,
                 device: str | None = None, dtype: Any = None) -> None:
        super().__init__()
        if (capacity_factor is not None and capacity_factor <= 0) or balance_weight < 0 or z_weight < 0:
            raise ArgumentError(f"MixtureOfExperts: capacity_factor={capacity_factor}, balance_weight={balance_weight}, z_weight={z_weight}; expected a "
                                "factor above 0 or None, and weights of at least 0")
        self.experts = ModuleList(experts)
        self.router = TopKRouter(d_model, len(self.experts), k, noisy, normalize, device=device, dtype=dtype)
        self.capacity_factor, self.balance_weight, self.z_weight = capacity_factor, balance_weight, z_weight
        self.shared_expert = shared_expert

    def forward(self, x: Tensor) -> Tensor:
        """(..., d_model) to (..., features)."""
        tokens = x.reshape(-1, x.shape[-1])
        routing = self.router(tokens)
        if self.training and collecting():
            loss = self.balance_weight * F.load_balancing_loss(routing.probabilities, routing.experts)
            add_auxiliary_loss(loss + self.z_weight * F.router_z_loss(routing.logits) if self.z_weight else loss)
        y = self._mixed(tokens, routing)
        if self.shared_expert is not None:
            y = y + self.shared_expert(tokens)
        return y.reshape(*x.shape[:-1], y.shape[-1])

    def _mixed(self, tokens: Tensor, routing: Routing) -> Tensor:
        """Gather the tokens of every expert, run the experts, and put the weighted outputs back."""
        count, k = routing.experts.shape
        chosen = ops.transpose(routing.experts, 0, 1).reshape(-1)  # first choices of all tokens, then second ones
        taken = ops.one_hot(chosen, len(self.experts))
        place = ops.sum(ops.cumsum(taken, 0) * taken, -1) - 1
        sizes = self._sizes(ops.sum(taken, 0), count)
        starts = list(itertools.accumulate(sizes, initial=0))
        kept = place < ops.index_select(tensor(sizes, device=tokens.device), 0, chosen)
        slot = ops.index_select(tensor(starts[:-1], device=tokens.device), 0, chosen) + place
        # Dropped tokens all go to one slot behind the last, which is cut off; slots that stay empty hold the first token.
        nobody = ops.zeros(starts[-1] + 1, dtype="int64", device=tokens.device)
        source = ops.index_put(nobody, (ops.where(kept, slot, starts[-1]),), ops.tile(ops.arange(count, device=tokens.device), (k,)))
        gathered = ops.index_select(tokens, 0, source[:-1])
        outputs = [expert(gathered[begin:end]) for expert, begin, end in zip(self.experts, starts, starts[1:], strict=False) if end > begin]
        weights = ops.transpose(routing.weights, 0, 1).reshape(-1, 1)
        parts = ops.index_select(ops.concat(outputs), 0, ops.where(kept, slot, 0)) * ops.where(ops.unsqueeze(kept, -1), weights, 0.0)
        return ops.sum(parts.reshape(k, count, -1), 0)

    def _sizes(self, loads: Tensor, count: int) -> list[int]:
        """How many tokens every expert computes: those it gets, where the numbers are known."""
        limit = count if self.capacity_factor is None else min(count, math.ceil(self.capacity_factor * self.router.k * count / len(self.experts)))
        return [min(load, limit) for load in loads.tolist()] if type(loads) is Tensor else [limit] * len(self.experts)

    def extra_repr(self) -> str:
        """Settings."""
        return f"capacity_factor={self.capacity_factor}, balance_weight={self.balance_weight}, z_weight={self.z_weight}"
