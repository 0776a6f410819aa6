"""What inspection hands out: frozen dataclasses of plain numbers and NumPy arrays, with the fields of the protocol.

Nothing here refers to tensors, modules or Jupyter, so a record can be kept, sent, drawn or pickled.
"""
from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Summary:
    """A tensor in a few numbers; statistics are of its finite elements, None when there are none."""

    min: float | None
    max: float | None
    mean: float | None
    std: float | None
    norm: float | None
    nan: int
    inf: int


@dataclass(frozen=True)
class Source:
    """The user's line that made a node."""

    where: str
    line: int
    code: str


@dataclass(frozen=True)
class GraphNode:
    """A module (holding others) or an operation, parameter, buffer, input or output inside it."""

    id: str
    parent: str
    kind: str
    label: str
    type: str
    shape: tuple[int, ...] = ()
    dtype: str = ""
    parameters: int = 0
    source: Source | None = None
    value: Summary | None = None
    grad: Summary | None = None


@dataclass(frozen=True)
class GraphEdge:
    """A tensor of `shape` going from one node to another."""

    source: str
    target: str
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class GraphModel:
    """The module tree and the operations of one forward pass."""

    step: int
    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]


@dataclass(frozen=True)
class GradientFlow:
    """Gradients of every parameter at one step.

    ``stats`` has a row per parameter: gradient norm, weight norm, update/weight ratio, NaN count, Inf count. ``range``
    and ``counts`` are the histogram of the finite gradients.
    """

    step: int
    layers: tuple[str, ...]
    stats: np.ndarray
    range: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True)
class ActivationLayer:
    """A layer that was looked at, and the shape of its output."""

    name: str
    type: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class FeatureMaps:
    """Channels of one sample of one layer, quantised to bytes between `lo` and `hi`."""

    layer: str
    lo: float
    hi: float
    data: np.ndarray = field(repr=False)

    @property
    def channels(self) -> int:
        """Number of maps."""
        return self.data.shape[0]

    @property
    def height(self) -> int:
        """Rows of a map."""
        return self.data.shape[1]

    @property
    def width(self) -> int:
        """Columns of a map."""
        return self.data.shape[2]


@dataclass(frozen=True)
class Activations:
    """Outputs of every layer at one step.

    ``stats`` has a row per layer: mean, std, min, max, dead fraction, saturated fraction.
    """

    step: int
    layers: tuple[ActivationLayer, ...]
    stats: np.ndarray
    range: np.ndarray
    counts: np.ndarray
    maps: tuple[FeatureMaps, ...]


@dataclass(frozen=True)
class AttentionLayer:
    """An attention layer: how many heads, queries and keys its maps have."""

    name: str
    heads: int
    queries: int
    keys: int


@dataclass(frozen=True)
class AttentionMaps:
    """Attention weights of one sample: per layer bytes (heads, queries, keys), 255 for weight 1."""

    step: int
    tokens: tuple[str, ...]
    layers: tuple[AttentionLayer, ...]
    maps: tuple[np.ndarray, ...] = field(repr=False)
