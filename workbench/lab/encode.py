"""From runs and records to messages: nothing but a change of form."""
from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..inspect.records import Activations, AttentionMaps, GradientFlow, GraphEdge, GraphModel
from ..train import Event, Run
from .protocol import TO_VIEW, VERSION, Message

STREAMS = ("series", "gradflow", "activations", "attention", "graph")
CURVE_POINTS = 4000


def hello(run: Run) -> Message:
    """Announces a run with its controls."""
    controls = [dataclasses.asdict(control) for control in run.controls.values()]
    return TO_VIEW["hello"](v=VERSION, run=run.id, title=run.title, controls=controls, streams=list(STREAMS), total=run.total)


def runs(known: Sequence[Any]) -> Message:
    """The list of runs, as a session watches them."""
    return TO_VIEW["runs"](runs=[{"run": item.run.id, "title": item.run.title, "state": item.state} for item in known])


def state(run: Run, state: str, control: bool) -> Message:
    """Where a run stands."""
    values = {name: item.value for name, item in run.controls.items()}
    return TO_VIEW["state"](run=run.id, state=state, step=run.step_index, rate=run.rate, values=values, control=control)


def event(run: Run, happened: Event) -> Message:
    """Something a person should know."""
    return TO_VIEW["event"](run=run.id, step=happened.step, level=happened.level, code=happened.code, text=happened.text)


def series(run: Run, seq: int, steps: np.ndarray, values: np.ndarray, reset: bool) -> Message:
    """Rows of curves."""
    return TO_VIEW["series"](run=run.id, seq=seq, names=list(run.history.names)[:len(values)], n=len(steps), reset=reset,
                             arrays=[steps, values])


def decimate(steps: np.ndarray, values: np.ndarray, points: int = CURVE_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """At most about `points` rows: of every stretch those where a curve is lowest or highest, and all late arrivals.

    Rows where a sparse curve (a validation score) has its values are kept as long as they are few.
    """
    if len(steps) <= points:
        return steps, values
    keep = {0, len(steps) - 1}
    stretch = max(1, len(values) * 2 * len(steps) // points)
    for start in range(0, len(steps), stretch):
        part = values[:, start:start + stretch]
        for row in part:
            there = np.flatnonzero(~np.isnan(row))
            if there.size:
                keep.update((start + int(there[row[there].argmin()]), start + int(there[row[there].argmax()])))
    chosen = np.array(sorted(keep))
    return steps[chosen], values[:, chosen]


def gradflow(run: Run, seq: int, samples: Sequence[GradientFlow], reset: bool) -> Message:
    """Samples of gradient flow of the same layers."""
    layers, bins = list(samples[0].layers), samples[0].counts.shape[1]
    return TO_VIEW["gradflow"](run=run.id, seq=seq, layers=layers, n=len(samples), bins=bins, reset=reset, arrays=[
        np.array([s.step for s in samples], np.float64), np.stack([s.stats for s in samples]),
        np.stack([s.range for s in samples]), np.stack([s.counts for s in samples])])


def activations(run: Run, seq: int, record: Activations) -> Message:
    """The last look at every layer."""
    layers = [{"name": layer.name, "type": layer.type, "shape": list(layer.shape)} for layer in record.layers]
    maps = [{"layer": m.layer, "channels": m.channels, "height": m.height, "width": m.width, "lo": m.lo, "hi": m.hi} for m in record.maps]
    return TO_VIEW["activations"](run=run.id, seq=seq, step=record.step, bins=record.counts.shape[1], layers=layers, maps=maps,
                                  arrays=[record.stats, record.range, record.counts, *(m.data for m in record.maps)])


def attention(run: Run, seq: int, record: AttentionMaps) -> Message:
    """The last attention maps."""
    layers = [dataclasses.asdict(layer) for layer in record.layers]
    return TO_VIEW["attention"](run=run.id, seq=seq, step=record.step, tokens=list(record.tokens), layers=layers, arrays=list(record.maps))


def graph(run: Run, seq: int, record: GraphModel, detail: int = 1) -> Message:
    """The graph of a forward pass; without numbers and source lines, then without operations, when `detail` is less."""
    record = _modules(record) if detail > 4 else record
    bare = {"source": None, "value": None, "grad": None} if detail > 1 else {}
    nodes = [_finite({**dataclasses.asdict(node), "shape": list(node.shape), **bare}) for node in record.nodes]
    edges = [{"from": edge.source, "to": edge.target, "shape": list(edge.shape)} for edge in record.edges]
    return TO_VIEW["graph"](run=run.id, seq=seq, step=record.step, nodes=nodes, edges=edges)


def _finite(value: Any) -> Any:
    """JSON has no NaN: numbers that are not finite become null."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _modules(record: GraphModel) -> GraphModel:
    """Only modules, inputs and outputs, with the edges between them; a graph without modules stays as it is."""
    nodes = {node.id: node for node in record.nodes}
    kept = {node.id for node in record.nodes if node.kind in ("module", "input", "output")}
    if not any(nodes[name].kind == "module" for name in kept):
        return record

    def holder(name: str) -> str:
        while name and name not in kept:
            name = nodes[name].parent
        return name

    pairs = dict.fromkeys((holder(edge.source), holder(edge.target)) for edge in record.edges)
    edges = tuple(GraphEdge(start, end) for start, end in pairs if start and end and start != end)
    return GraphModel(record.step, tuple(node for node in record.nodes if node.id in kept), edges)


def record(stream: str, run: Run, seq: int, found: Any, detail: int = 1) -> Message:
    """The message of a record that replaces the one before; smaller the greater `detail` is."""
    if stream == "graph":
        return graph(run, seq, found, detail)
    maps = found.maps[:math.ceil(len(found.maps) / detail)]
    if stream == "attention":
        return attention(run, seq, dataclasses.replace(found, layers=found.layers[:len(maps)], maps=maps))
    return activations(run, seq, dataclasses.replace(found, maps=maps))
