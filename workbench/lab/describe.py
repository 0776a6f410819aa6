"""The views in words: a sentence and a small table each, for terminals, screen readers and saved notebooks."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..inspect.records import Activations, AttentionMaps, GradientFlow, GraphModel
from ..train import Run

Table = tuple[list[str], list[list[str]]]


def _number(value: float) -> str:
    return "–" if value is None or np.isnan(value) else f"{value:.4g}"


def curves(runs: Sequence[Run]) -> tuple[str, Table]:
    """First, best and last value of every curve."""
    rows, parts = [], []
    for run in runs:
        for name in run.history.names:
            steps, values = run.history.column(name)
            if not steps.size:
                continue
            first, last = (f"{value:.4g}" for value in values[[0, -1]])
            numbers = values[~np.isnan(values)] if not np.isnan(values).all() else values
            rows.append([run.title, name, first, _number(numbers.min()), _number(numbers.max()), last])
            parts.append(f"{name} went from {first} to {last}")
        over = f" ({run.state})" if run.state not in ("idle", "running") else ""
        parts[-1:] = [f"{parts[-1]} in {run.step_index} steps of {run.title}{over}"] if parts else []
    return "; ".join(parts) or "nothing has been logged yet", (["run", "curve", "first", "lowest", "highest", "last"], rows)


def gradflow(samples: Sequence[GradientFlow]) -> tuple[str, Table]:
    """Norms of the last sample, and whether gradients fade or explode on the way."""
    last = samples[-1]
    rows = [[name, *map(_number, row[:3]), str(int(np.nansum(row[3:])))] for name, row in zip(last.layers, last.stats, strict=True)]
    norms = last.stats[:, 0]
    there = norms[np.isfinite(norms) & (norms > 0)]
    text = f"gradients of {len(last.layers)} parameters at step {last.step}"
    if there.size > 1:
        text += f", norms between {_number(there.min())} and {_number(there.max())}"
        weights = [i for i, name in enumerate(last.layers) if name.endswith("weight") and np.isfinite(norms[i]) and norms[i] > 0]
        if len(weights) > 2 and norms[weights[0]] < 1e-2 * norms[weights[-1]]:
            text += f"; they vanish towards the input ({last.layers[weights[0]]} gets {_number(norms[weights[0]] / norms[weights[-1]])} of the last)"
    return text, (["parameter", "gradient norm", "weight norm", "update ratio", "NaN or Inf"], rows)


def activations(record: Activations) -> tuple[str, Table]:
    """Statistics of every layer."""
    rows = [[layer.name, layer.type, "×".join(map(str, layer.shape)), _number(row[0]), _number(row[1]), f"{row[4]:.0%}", f"{row[5]:.0%}"]
            for layer, row in zip(record.layers, record.stats, strict=True)]
    dead = [layer.name for layer, row in zip(record.layers, record.stats, strict=True) if row[4] > 0.5]
    text = f"outputs of {len(record.layers)} layers at step {record.step}" + (f"; more than half dead: {', '.join(dead)}" if dead else "")
    return text, (["layer", "type", "shape", "mean", "std", "dead", "saturated"], rows)


def attention(record: AttentionMaps) -> tuple[str, Table]:
    """How sharply each layer looks."""
    rows = []
    for layer, maps in zip(record.layers, record.maps, strict=True):
        weights = maps.astype(float) / 255
        sharp = weights.max(axis=-1).mean(axis=-1)
        rows.append([layer.name, str(layer.heads), f"{layer.queries}×{layer.keys}", ", ".join(f"{v:.2f}" for v in sharp)])
    return (f"attention of {len(record.layers)} layers over {record.layers[0].keys} tokens at step {record.step}",
            (["layer", "heads", "size", "mean largest weight per head"], rows))


def graph(model: GraphModel) -> tuple[str, Table]:
    """What the graph is made of."""
    ops = [node for node in model.nodes if node.kind == "op"]
    modules = [node for node in model.nodes if node.kind == "module"]
    rows = [[node.id[2:] if node.kind == "module" else node.label, node.type, "×".join(map(str, node.shape)), node.dtype,
             _number(node.value.mean) if node.value else "–", _number(node.grad.norm) if node.grad else "–"]
            for node in (modules or model.nodes)][:60]
    text = f"a graph of {len(ops)} operations" + (f" in {len(modules)} modules" if modules else "")
    return text, (["name", "type", "shape", "dtype", "mean", "gradient norm"], rows)


def as_text(title: str, sentence: str, table: Table) -> str:
    """Sentence and table as plain text."""
    head, rows = table
    cells: list[list[str]] = [head, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join([f"{title}: {sentence}", *(lines if rows else [])])


def as_html(title: str, sentence: str, table: Table, image: str | None) -> str:
    """A figure with its sentence, and the table behind a click."""
    from html import escape

    head, rows = table
    picture = f'<img src="{image}" alt="{escape(title)}: {escape(sentence)}" style="max-width:100%">' if image else ""
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    heading = "".join(f"<th>{escape(name)}</th>" for name in head)
    details = f"<details><summary>Numbers</summary><table><thead><tr>{heading}</tr></thead><tbody>{body}</tbody></table></details>" if rows else ""
    return f"<figure>{picture}<figcaption>{escape(title)}: {escape(sentence)}</figcaption>{details}</figure>"


EMPTY = {
    "curves": "nothing has been logged yet: run.step(loss=loss) once per step",
    "gradflow": "no gradients were seen: wb.show.gradients(model) after backward() shows those of this moment",
    "activations": "no layer was looked at: wb.show.activations(model, x) does so now",
    "attention": "no attention layer was looked at: wb.show.attention(model, x) does so now",
    "graph": "no forward pass was looked at: wb.show.graph(model, x) does so now",
    "dashboard": "nothing to show yet: it fills as the run goes on",
}
"""What an empty view says."""

TITLES: dict[str, str] = {"curves": "Curves", "gradflow": "Gradient flow", "activations": "Activations", "attention": "Attention", "graph": "Graph"}


def of(view: str, content: Any) -> tuple[str, Table]:
    """Sentence and table of a view."""
    return {"curves": curves, "gradflow": gradflow, "activations": activations, "attention": attention, "graph": graph}[view](content)
