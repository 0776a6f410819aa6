"""Activations: what every layer puts out, how much of it is dead or saturated, and a few feature maps."""
from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..core import Tensor, no_grad
from ..nn import Module
from .numbers import BINS, histogram, host, to_bytes
from .records import ActivationLayer, Activations, FeatureMaps

CHANNELS, SIDE = 16, 64
"""A layer shows at most this many feature maps, each at most this high and wide."""

_LIMITS = {"Tanh": (-0.97, 0.97), "Sigmoid": (0.03, 0.97), "Hardtanh": (-0.999, 0.999), "Hardsigmoid": (0.001, 0.999)}


class ActivationProbe:
    """Collects the first output of every innermost layer while it is attached; ``spent`` counts its seconds."""

    def __init__(self, model: Module) -> None:
        self._model = model
        self._rows: dict[str, tuple[ActivationLayer, np.ndarray, tuple[float, float, np.ndarray], FeatureMaps | None]] = {}
        self._handles: list[Any] = []
        self.spent = 0.0

    def attach(self) -> None:
        """Start looking; what an earlier look found is dropped."""
        self._rows.clear()
        self.spent = 0.0
        for name, module in self._model.named_modules():
            if not any(True for _ in module.children()):
                self._handles.append(module._watch("forward", self._hook(name or type(module).__name__)))

    def detach(self) -> None:
        """Stop looking."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def record(self, step: int = 0) -> Activations | None:
        """What was seen since `attach`; None if no forward came by."""
        if not self._rows:
            return None
        layers, stats, histograms, maps = zip(*self._rows.values(), strict=True)
        return Activations(step, layers, np.array(stats, np.float32), np.array([h[:2] for h in histograms], np.float32),
                           np.array([h[2] for h in histograms], np.uint32).reshape(-1, BINS),
                           tuple(found for found in maps if found is not None))

    def _hook(self, name: str) -> Any:
        def look(module: Module, inputs: Any, output: Any) -> None:
            if type(output) is Tensor and name not in self._rows and output.size:
                begun = time.perf_counter()
                data = host(output.data)
                layer = ActivationLayer(name, type(module).__name__, tuple(data.shape))
                self._rows[name] = (layer, _statistics(data, layer.type), histogram(data), _feature_maps(name, data))
                self.spent += time.perf_counter() - begun

        return look


def _statistics(data: np.ndarray, kind: str) -> np.ndarray:
    low, high = _LIMITS.get(kind, (-np.inf, np.inf))
    saturated = float(((data < low) | (data > high)).mean()) if kind in _LIMITS else 0.0
    return np.array([data.mean(), data.std(), data.min(), data.max(), dead_fraction(data), saturated], np.float32)


def dead_fraction(data: np.ndarray) -> float:
    """The share of units (axis 1; the last axis of a sequence) that are zero for the whole batch."""
    if data.ndim < 2:
        return 0.0
    unit = 1 if data.ndim in (2, 4, 5) else data.ndim - 1
    alive = (data != 0).any(axis=tuple(a for a in range(data.ndim) if a != unit))
    return float(1 - alive.mean())


def _feature_maps(name: str, data: np.ndarray) -> FeatureMaps | None:
    if data.ndim != 4 or data.shape[2] * data.shape[3] < 2:
        return None
    rows, columns = (-(-n // SIDE) for n in data.shape[2:])
    maps = data[0, :CHANNELS, ::rows, ::columns]
    finite = maps[np.isfinite(maps)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    return FeatureMaps(name, low, high, to_bytes(maps, low, high))


@contextmanager
def watching(model: Module) -> Iterator[ActivationProbe]:
    """A probe that is attached inside the block."""
    probe = ActivationProbe(model)
    probe.attach()
    try:
        yield probe
    finally:
        probe.detach()


def activations(model: Module, *inputs: Any) -> Activations:
    """One forward pass without recording, looked at.

    Examples
    --------
    >>> import workbench as wb
    >>> model = wb.nn.Sequential(wb.nn.Linear(4, 3), wb.nn.ReLU())
    >>> [layer.type for layer in wb.inspect.activations(model, wb.ones(2, 4)).layers]
    ['Linear', 'ReLU']
    """
    with watching(model) as probe, no_grad():
        model(*inputs)
    record = probe.record()
    if record is None:
        from ..core.errors import ArgumentError

        raise ArgumentError("activations: no layer of the model was called in its forward; call submodules as modules, not "
                            "through their weights")
    return record
