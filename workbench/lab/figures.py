"""Static pictures of the views, for notebooks without a kernel and places without JavaScript.

Drawn by matplotlib on a white card, so they can be read in both themes. No pyplot: nothing global is touched, and
pictures may be drawn on any thread.
"""
from __future__ import annotations

import base64
import io
import shutil
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import graphviz
import numpy as np
from matplotlib.figure import Figure

from ..inspect.records import Activations, AttentionMaps, GradientFlow, GraphModel
from ..train import Run

COLORS = ("#0072B2", "#D55E00", "#009E73", "#B0578A", "#A66F00", "#000000")
DASHES = ("-", "--", ":", "-.")
LARGEST_SVG = 100_000
ROWS, HEADS = 12, 8
STRIP = 6.5
"""Width of the feature maps of a layer, when their row is 1 high."""


def data_uri(figure: Figure) -> str:
    """A figure as an image that lies in the page itself: SVG, or PNG when that is smaller by far."""
    out = io.BytesIO()
    figure.savefig(out, format="svg", bbox_inches="tight")
    kind = "svg+xml"
    if out.tell() > LARGEST_SVG:
        out = io.BytesIO()
        figure.savefig(out, format="png", dpi=110, bbox_inches="tight")
        kind = "png"
    return _uri(kind, out.getvalue())


def picture(view: str, content: Any) -> str:
    """A view as an image that lies in the page itself; a graph by Graphviz where its `dot` program is installed."""
    if view == "graph" and shutil.which("dot"):
        svg = dot(content).pipe(format="svg")
        if len(svg) <= LARGEST_SVG:
            return _uri("svg+xml", svg)
    return data_uri(globals()[view](content))


def _uri(kind: str, data: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _card(width: float, height: float, **grid: Any) -> tuple[Figure, Any]:
    figure = Figure(figsize=(width, height), facecolor="white", layout="constrained")
    return figure, figure.subplots(**grid)


def curves(runs: Sequence[Run]) -> Figure:
    """Every curve of every run over its steps."""
    figure, axes = _card(7, 3)
    number = 0
    for run in runs:
        for name in run.history.names:
            steps, values = run.history.column(name)
            label = name if len(runs) == 1 else f"{run.title}: {name}"
            thin = max(1, len(steps) // 1000)
            axes.plot(steps[::thin], values[::thin], label=label, color=COLORS[number % len(COLORS)],
                      linestyle=DASHES[number // len(COLORS) % len(DASHES)], linewidth=1.5, marker="o" if len(steps) < 20 else None, markersize=3)
            number += 1
    axes.set_xlabel("step")
    axes.grid(alpha=0.3)
    if number:
        axes.legend(fontsize=8, ncols=2)
    return figure


def gradflow(samples: Sequence[GradientFlow]) -> Figure:
    """Layers by time: the logarithm of the gradient norm."""
    layers = samples[-1].layers
    figure, axes = _card(7, 1 + 0.2 * min(len(layers), 40))
    steps = [s.step for s in samples]
    with np.errstate(divide="ignore"):
        image = np.log10(np.stack([s.stats[:, 0] for s in samples], axis=1))
    image[~np.isfinite(image)] = np.nan
    mesh = axes.imshow(image, cmap="cividis", aspect="auto", interpolation="none")
    axes.set_facecolor("#D9D9D9")
    every = -(-len(layers) // 40)
    axes.set_yticks(np.arange(0, len(layers), every), layers[::every], fontsize=7)
    shown = np.linspace(0, len(steps) - 1, min(6, len(steps))).astype(int)
    axes.set_xticks(shown, [str(steps[i]) for i in shown], fontsize=8)
    axes.set_xlabel("step")
    figure.colorbar(mesh, ax=axes, label="log10 of gradient norm")
    return figure


def activations(record: Activations) -> Figure:
    """A histogram for every layer, with some feature maps beside it where there are any."""
    layers, maps = record.layers[:ROWS], {m.layer: m for m in record.maps}
    figure, grid = _card(7, 0.6 * len(layers) + 0.3, ncols=2 if maps else 1, squeeze=False, width_ratios=[2, 3] if maps else [1])
    histograms, *beside = grid[0]
    for number, (counts, (low, high)) in enumerate(zip(record.counts[:ROWS], record.range, strict=False)):
        heights = number + 0.7 - 0.65 * counts / max(counts.max(), 1)
        histograms.stairs(heights, np.linspace(0, 1, len(counts) + 1), baseline=number + 0.7, fill=True, color=COLORS[0])
        for place, value in ((0, low), (1, high)):
            histograms.text(place, number + 0.74, f"{value:.3g}", fontsize=6, va="top", ha="right" if place else "left")
    histograms.set_yticks(np.arange(len(layers)) + 0.5, [f"{layer.name}\n{layer.type}" for layer in layers], fontsize=7)
    for axes in grid[0]:
        axes.set_ylim(len(layers), 0)
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelbottom=False)
    for axes in beside:
        for number, layer in enumerate(layers):
            if layer.name in maps:
                strip = _strip(maps[layer.name].data)
                width = 0.9 * strip.shape[1] / strip.shape[0]
                axes.imshow(strip, cmap="cividis", vmin=0, vmax=255, aspect="auto", interpolation="none",
                            extent=(0, width, number + 0.9, number))
        axes.set_xlim(0, STRIP)
        axes.set_ylim(len(layers), 0)
        axes.set_yticks([])
    return figure


def _strip(data: np.ndarray) -> np.ma.MaskedArray:
    """As many maps in a row as there is room for, with gaps between them."""
    gap = max(1, data.shape[2] // 8)
    count = max(1, int(STRIP / 0.9 * data.shape[1] / (data.shape[2] + gap)))
    padded = np.pad(data[:count].astype(float), ((0, 0), (0, 0), (0, gap)), constant_values=-1)
    return np.ma.masked_less(np.concatenate(list(padded), axis=1), 0)


def attention(record: AttentionMaps) -> Figure:
    """The heads of the first layers as images, each from 0 to the largest weight of its layer."""
    rows, columns = min(len(record.maps), HEADS), min(HEADS, max(layer.heads for layer in record.layers))
    words = record.tokens if len(record.tokens) <= 16 else ()
    figure, grid = _card(1.6 * columns + 0.6, 1.7 * rows, nrows=rows, ncols=columns, squeeze=False)
    for row, layer, maps in zip(grid, record.layers, record.maps, strict=False):
        row[0].set_ylabel(layer.name, fontsize=7)
        largest = max(int(maps.max()), 1)
        for number, axes in enumerate(row):
            labelled = len(words) == layer.keys and number < len(maps)
            axes.set_xticks(range(layer.keys) if labelled else [], words if labelled else [], fontsize=5, rotation=90)
            axes.set_yticks(range(layer.queries) if labelled and not number and layer.queries == layer.keys else [],
                            words if labelled and not number and layer.queries == layer.keys else [], fontsize=5)
            axes.tick_params(length=0)
            if number < len(maps):
                axes.imshow(maps[number], cmap="cividis", vmin=0, vmax=largest, interpolation="none")
                axes.set_title(f"head {number}", fontsize=7)
            else:
                axes.axis("off")
        row[-1].text(1.03, 0.5, f"max {largest / 255:.2f}", transform=row[-1].transAxes, rotation=90, va="center", fontsize=6)
    return figure


def graph(model: GraphModel) -> Figure:
    """Nodes in layers by their distance from the inputs, arrows between them; modules closed when there are many nodes."""
    names, edges = _closed(model)
    places = _layers(names, edges)
    depth = 1 + max((y for _, y in places.values()), default=0)
    width = 1 + max((x for x, _ in places.values()), default=0)
    figure, axes = _card(min(10, 1.9 * width), min(14, 0.65 * depth + 0.3))
    for start, end in edges:
        (x0, y0), (x1, y1) = places[start], places[end]
        axes.annotate("", (x1, y1 - 0.28), (x0, y0 + 0.28), arrowprops={"arrowstyle": "->", "color": "#777777"})
    for name, (x, y) in places.items():
        axes.text(x, y, names[name], ha="center", va="center", fontsize=7,
                  bbox={"boxstyle": "round", "facecolor": "#DCE9F5", "edgecolor": "#0072B2", "linewidth": 0.6})
    axes.set_xlim(-0.6, width - 0.4)
    axes.set_ylim(depth - 0.5, -0.5)
    axes.axis("off")
    return figure


def dot(model: GraphModel) -> graphviz.Digraph:
    """The same nodes and arrows as DOT."""
    names, edges = _closed(model)
    drawing = graphviz.Digraph(graph_attr={"bgcolor": "white", "ranksep": "0.3"}, edge_attr={"color": "#777777", "arrowsize": "0.6"}, node_attr={
        "shape": "box", "style": "rounded,filled", "fillcolor": "#DCE9F5", "color": "#0072B2", "fontname": "Helvetica", "fontsize": "10"})
    numbers = {name: f"n{number}" for number, name in enumerate(names)}
    for name, label in names.items():
        drawing.node(numbers[name], graphviz.escape(label).replace("\n", "\\n"))
    drawing.edges([(numbers[start], numbers[end]) for start, end in edges])
    return drawing


def _closed(model: GraphModel) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Labels and edges of what is drawn: operations, or the outermost modules in their place when there are too many."""
    parents = {node.id: node.parent for node in model.nodes}
    modules = any(node.kind == "module" for node in model.nodes)
    many = modules and sum(node.kind == "op" for node in model.nodes) > 40

    def shown(identity: str) -> str:
        while many and parents.get(identity):
            identity = parents[identity]
        return identity

    hidden = {node.id for node in model.nodes if node.kind in ("module", "parameter", "buffer") and modules and not many}
    edges = dict.fromkeys((shown(e.source), shown(e.target)) for e in model.edges)
    drawn = [(a, b) for a, b in edges if a != b and a not in hidden and b not in hidden]
    kept = {identity for edge in drawn for identity in edge}
    return {node.id: _label(node) for node in model.nodes if node.id in kept}, drawn


def _label(node: Any) -> str:
    shape = "×".join(map(str, node.shape))
    value = f"{node.value.mean:.3g}" if node.value is not None and node.value.mean is not None and not node.shape else shape
    return node.label + (f"\n{value}" if value else "")


def _layers(names: dict[str, str], edges: list[tuple[str, str]]) -> dict[str, tuple[float, int]]:
    """A place for every node: as deep as its longest way from a start, and near what it is connected with."""
    below: dict[str, list[str]] = defaultdict(list)
    above: dict[str, list[str]] = defaultdict(list)
    for start, end in edges:
        below[start].append(end)
        above[end].append(start)
    depth = _depths(names, below, above)
    levels: dict[int, list[str]] = defaultdict(list)
    for name in names:
        levels[depth[name]].append(name)
    places: dict[str, tuple[float, int]] = {}
    for level in sorted(levels):
        x_above = {name: float(np.mean([places[a][0] for a in above[name] if a in places] or [np.inf])) for name in levels[level]}
        for number, name in enumerate(sorted(levels[level], key=x_above.__getitem__)):
            places[name] = (number, level)
    return places


def _depths(names: dict[str, str], below: dict[str, list[str]], above: dict[str, list[str]]) -> dict[str, int]:
    waiting = {name: len(above[name]) for name in names}
    depth = dict.fromkeys(names, 0)
    ready = [name for name, count in waiting.items() if not count]
    while ready:
        name = ready.pop()
        for end in below[name]:
            depth[end] = max(depth[end], depth[name] + 1)
            waiting[end] -= 1
            if not waiting[end]:
                ready.append(end)
    for name in names:
        # A start that is only needed further down (a weight turned round) is drawn just above its use.
        if not above[name] and below[name]:
            depth[name] = max(0, min(depth[end] for end in below[name]) - 1)
    return depth
