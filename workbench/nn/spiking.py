"""Spiking neurons in discrete time, with the names and formulas of snntorch.

A neuron is called as ``spikes, *state = neuron(current, *state)``; `Recurrent` with ``separate_output=True`` runs it over
time. Training goes through the spikes by a surrogate gradient, as if the threshold were soft.
"""
from __future__ import annotations

from collections.abc import Callable

from .. import ops
from ..core import Tensor, as_tensor
from ..core.errors import ArgumentError, ShapeError
from . import surrogate
from .module import Module
from .parameter import Parameter

SpikeGradient = str | Module | Callable[[Tensor], Tensor]
_RESETS = ("subtract", "zero", "none")


class SpikingNeuron(Module):
    """What the neurons share: a threshold, what a spike does to the potential, and numbers that may be learned."""

    def __init__(self, threshold: float | Tensor, spike_grad: SpikeGradient, learn_threshold: bool, reset_mechanism: str) -> None:
        super().__init__()
        if reset_mechanism not in _RESETS:
            raise ArgumentError(f"{type(self).__name__}: reset_mechanism={reset_mechanism!r}; expected one of {', '.join(_RESETS)}")
        self.spike_grad, self.reset_mechanism = surrogate.chosen(spike_grad), reset_mechanism
        self._hold("threshold", threshold, learn_threshold)

    def _hold(self, name: str, value: float | Tensor, learned: bool) -> None:
        """A number for all neurons, or one for each: a parameter if it is learned, else a buffer."""
        tensor = as_tensor(value).detach()
        tensor = tensor if tensor.dtype.kind == "f" else tensor.float()
        if learned:
            setattr(self, name, Parameter(tensor))
        else:
            self.register_buffer(name, tensor)

    def _state(self, name: str, given: Tensor | None, current: Tensor) -> Tensor:
        if given is not None and tuple(given.shape) != tuple(current.shape):
            raise ShapeError(f"{type(self).__name__}: {name} of shape {tuple(given.shape)} for a current of shape {tuple(current.shape)}; expected the same")
        return ops.zeros_like(current) if given is None else given

    def _fired(self, mem: Tensor) -> Tensor:
        """1 where the neuron has spiked; no gradient goes through its reset."""
        potential = ops.stop_gradient(mem)
        return (potential > ops.stop_gradient(self.threshold)).to(potential.dtype)

    def extra_repr(self) -> str:
        """Settings."""
        return f"reset_mechanism={self.reset_mechanism!r}"


class Leaky(SpikingNeuron):
    """A leaky integrate-and-fire neuron: ``mem' = beta mem + current - R threshold``, a spike where ``mem' > threshold``.

    R is 1 where ``mem > threshold``, that is, after a spike. With ``reset_mechanism="zero"`` it is ``mem' = beta (1 - R) mem + current``, with
    "none" ``mem' = beta mem + current`` (Eshraghian et al. 2023).

    Parameters
    ----------
    beta : float or Tensor
        What is left of the potential after a step, between 0 and 1; one for all neurons, or one for each.
    threshold : float or Tensor
        Where a neuron spikes.
    spike_grad : {"atan", "fast_sigmoid", "sigmoid", "straight_through"} or callable
        The gradient of a spike, or a function from `nn.surrogate` with a steepness of its own.
    learn_beta, learn_threshold : bool
        Whether these are parameters.
    reset_mechanism : {"subtract", "zero", "none"}
        What a spike does to the potential.

    Shapes
    ------
    Current and potential of any shape, the same; spikes likewise.

    Examples
    --------
    >>> import workbench as wb
    >>> neuron, mem = wb.nn.Leaky(beta=0.5), None
    >>> for _ in range(3):
    ...     spikes, mem = neuron(wb.tensor([0.8]), mem)
    ...     print(spikes.item(), round(mem.item(), 2))
    0.0 0.8
    1.0 1.2
    0.0 0.4
    """

    def __init__(self, beta: float | Tensor, threshold: float | Tensor = 1.0, *, spike_grad: SpikeGradient = "atan",
                 learn_beta: bool = False, learn_threshold: bool = False, reset_mechanism: str = "subtract") -> None:
        super().__init__(threshold, spike_grad, learn_threshold, reset_mechanism)
        self._hold("beta", beta, learn_beta)

    def forward(self, current: Tensor, mem: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Spikes, and the potential for the next step; without one it begins at rest."""
        mem = self._state("mem", mem, current)
        reset = self._fired(mem)
        if self.reset_mechanism == "zero":
            mem = (1 - reset) * mem
        mem = ops.clip(self.beta, 0.0, 1.0) * mem + current
        if self.reset_mechanism == "subtract":
            mem = mem - reset * self.threshold
        return self.spike_grad(mem - self.threshold), mem


class IF(Leaky):
    """An integrate-and-fire neuron that forgets nothing, ``mem' = mem + current - R threshold``: `Leaky` with beta 1
    (Lapicque 1907).

    Parameters
    ----------
    threshold, spike_grad, learn_threshold, reset_mechanism
        As in `Leaky`.

    Examples
    --------
    >>> import workbench as wb
    >>> spikes, mem = wb.nn.IF()(wb.tensor([0.3, 1.2])); spikes.tolist()
    [0.0, 1.0]
    """

    def __init__(self, threshold: float | Tensor = 1.0, *, spike_grad: SpikeGradient = "atan", learn_threshold: bool = False,
                 reset_mechanism: str = "subtract") -> None:
        super().__init__(1.0, threshold, spike_grad=spike_grad, learn_threshold=learn_threshold, reset_mechanism=reset_mechanism)


class Synaptic(SpikingNeuron):
    """A neuron behind a synapse: ``syn' = alpha syn + current``, ``mem' = beta mem + syn' - R threshold``, a spike where ``mem' > threshold``.

    R is 1 where ``mem > threshold``. With ``reset_mechanism="zero"`` it is ``mem' = (1 - R) (beta mem + syn')``
    (Eshraghian et al. 2023).

    Parameters
    ----------
    alpha : float or Tensor
        What is left of the synaptic current after a step.
    beta, threshold, spike_grad, learn_beta, learn_threshold, reset_mechanism
        As in `Leaky`.
    learn_alpha : bool
        Whether alpha is a parameter.

    Shapes
    ------
    Current, synaptic current and potential of any shape, the same; spikes likewise.

    Examples
    --------
    >>> import workbench as wb
    >>> spikes, syn, mem = wb.nn.Synaptic(alpha=0.9, beta=0.8)(wb.tensor([0.3, 1.2])); spikes.tolist()
    [0.0, 1.0]
    """

    def __init__(self, alpha: float | Tensor, beta: float | Tensor, threshold: float | Tensor = 1.0, *, spike_grad: SpikeGradient = "atan",
                 learn_alpha: bool = False, learn_beta: bool = False, learn_threshold: bool = False, reset_mechanism: str = "subtract") -> None:
        super().__init__(threshold, spike_grad, learn_threshold, reset_mechanism)
        self._hold("beta", beta, learn_beta)
        self._hold("alpha", alpha, learn_alpha)

    def forward(self, current: Tensor, syn: Tensor | None = None, mem: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Spikes, and synaptic current and potential for the next step."""
        syn, mem = self._state("syn", syn, current), self._state("mem", mem, current)
        reset = self._fired(mem)
        syn = ops.clip(self.alpha, 0.0, 1.0) * syn + current
        mem = ops.clip(self.beta, 0.0, 1.0) * mem + syn
        if self.reset_mechanism == "subtract":
            mem = mem - reset * self.threshold
        elif self.reset_mechanism == "zero":
            mem = (1 - reset) * mem
        return self.spike_grad(mem - self.threshold), syn, mem
