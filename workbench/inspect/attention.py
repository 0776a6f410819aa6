"""Attention maps: the weights of every attention layer for the first sample of a batch."""
from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import Tensor, no_grad
from ..nn import Module
from .numbers import host, to_bytes
from .records import AttentionLayer, AttentionMaps

TOKENS = 512
"""Longer sequences are cut to their first positions."""


class AttentionProbe:
    """Collects the attention of every layer that can tell its weights, while it is attached."""

    def __init__(self, model: Module, tokens: Callable[[list[int]], Sequence[str]] | Sequence[str] | None = None) -> None:
        self._model, self.tokens = model, tokens
        self._maps: dict[str, np.ndarray] = {}
        self._input: Tensor | None = None
        self._handles: list[Any] = []
        self.spent = 0.0

    def layers(self) -> list[str]:
        """Names of the attention layers of the model."""
        return [name for name, module in self._model.named_modules() if hasattr(module, "attention_weights")]

    def attach(self) -> None:
        """Start looking; what an earlier look found is dropped."""
        self._maps.clear()
        self._input = None
        self.spent = 0.0
        for name, module in self._model.named_modules():
            if hasattr(module, "attention_weights"):
                self._handles.append(module._watch("forward", self._hook(name), with_kwargs=True))
        self._handles.append(self._model._watch("forward_pre", self._remember))

    def detach(self) -> None:
        """Stop looking."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def record(self, step: int = 0) -> AttentionMaps | None:
        """What was seen since `attach`; None if no attention came by."""
        if not self._maps:
            return None
        maps = tuple(to_bytes(weights, 0.0, 1.0) for weights in self._maps.values())
        layers = tuple(AttentionLayer(name, *weights.shape) for name, weights in self._maps.items())
        return AttentionMaps(step, self._labels(max(layer.keys for layer in layers)), layers, maps)

    def _remember(self, module: Module, inputs: tuple) -> None:
        first = inputs[0] if inputs else None
        if self._input is None and type(first) is Tensor:
            self._input = first[:1].detach()

    def _hook(self, name: str) -> Any:
        def look(module: Any, inputs: tuple, kwargs: dict[str, Any], output: Any) -> None:
            if name in self._maps or type(inputs[0] if inputs else next(iter(kwargs.values()), None)) is not Tensor:
                return
            begun = time.perf_counter()
            with no_grad():
                weights = module.attention_weights(*inputs, **kwargs)
            self._maps[name] = host(weights.data)[0, :, :TOKENS, :TOKENS]
            self.spent += time.perf_counter() - begun

        return look

    def _labels(self, count: int) -> tuple[str, ...]:
        ids = host(self._input.data).ravel()[:count].tolist() if self._input is not None else []
        whole = self._input is not None and self._input.dtype.kind in "iu" and len(ids) == count
        if callable(self.tokens):
            labels = [str(token) for token in self.tokens(ids)] if whole else []
        else:
            labels = [str(token) for token in self.tokens or (ids if whole else ())]
        return tuple(labels[:count]) + tuple(str(i) for i in range(len(labels), count))


def attention(model: Module, *inputs: Any, tokens: Callable[[list[int]], Sequence[str]] | Sequence[str] | None = None) -> AttentionMaps:
    """The attention of one forward pass without recording, for the first sample.

    Parameters
    ----------
    model : Module
    *inputs : Tensor
        Arguments of the model.
    tokens : sequence of str or callable, optional
        Labels of the positions, or a function from token ids to labels.
    """
    probe = AttentionProbe(model, tokens)
    if not probe.layers():
        from ..core.errors import ArgumentError

        raise ArgumentError(f"attention: {type(model).__name__} has no attention layer (a module with attention_weights)")
    probe.attach()
    try:
        with no_grad():
            model(*inputs)
    finally:
        probe.detach()
    record = probe.record()
    assert record is not None
    return record
