"""A summary as a table: text for a terminal, and HTML that folds at every module without any script."""
from __future__ import annotations

import html as escaping
from typing import Any

HEAD = ("Layer", "Type", "Input", "Output", "Params", "MACs", "FLOPs")
STATIC = ("Layer", "Type", "Params")
NARROWEST = 12
"""Columns of words are not cut below this."""


def text(summary: Any, depth: int, width: int) -> str:
    """Rows down to `depth`; columns of words are cut until a line has `width` characters."""
    inside = _inside(summary.rows)
    shown = [row for row in summary.rows if row.depth <= depth]
    lines = [_cells(row, summary.ran, "  " * row.depth, inside[row.path] if row.depth == depth else 0) for row in shown]
    head = HEAD if summary.ran else STATIC
    words = 4 if summary.ran else 2
    table = [head, *lines]
    widths = _fitted([max(len(line[i]) for line in table) for i in range(len(head))], words, width)
    made = ["  ".join(_cut(cell, w).ljust(w) if i < words else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))).rstrip()
            for line in table]
    return "\n".join([*made, *footer(summary)])


def _cells(row: Any, ran: bool, indent: str, hidden: int) -> tuple[str, ...]:
    name = indent + (row.path.rpartition(".")[2] or "(the model)") + (f" (+{hidden})" if hidden else "")
    if not ran:
        return name, row.type, count(row.parameters)
    called = row.type + (f" x{row.calls}" if row.calls > 1 else "")
    return name, called, shapes(row.inputs), shapes(row.outputs), count(row.parameters), short(row.macs), short(row.flops)


def _inside(rows: tuple) -> dict[str, int]:
    """How many modules lie inside each."""
    found = {row.path: 0 for row in rows}
    for row in rows:
        path = row.path
        while path:
            path = path.rpartition(".")[0]
            found[path] += 1
    return found


def _fitted(widths: list[int], words: int, width: int) -> list[int]:
    """The widest column of words gives way until the table fits."""
    widths = list(widths)
    while sum(widths) + 2 * (len(widths) - 1) > width:
        widest = max(range(words), key=widths.__getitem__)
        if widths[widest] <= NARROWEST:
            break
        widths[widest] -= 1
    return widths


def _cut(words: str, width: int) -> str:
    """Long words lose their middle: both ends tell more."""
    if len(words) <= width:
        return words
    front = width // 2
    return f"{words[:front]}…{words[len(words) - (width - front - 1):]}"


def footer(summary: Any) -> list[str]:
    """Totals, in one to three lines."""
    total = summary.total
    frozen = total.parameters - total.trainable
    which = "all trained" if not frozen else f"{count(total.trainable)} trained, {count(frozen)} frozen"
    buffers = f"; {size(total.buffer_bytes)} of buffers" if total.buffer_bytes else ""
    lines = [f"{count(total.parameters)} parameters ({size(total.parameter_bytes)}), {which}{buffers}"]
    if summary.ran:
        lines.append(f"one call: {short(total.macs)} multiply-accumulates, {short(total.flops)} FLOPs, {size(total.activation_bytes)} of activations")
    if summary.uncounted:
        lines.append(f"not counted: {', '.join(summary.uncounted)}")
    return lines


# Words ----------------------------------------------------------------------------------------------------------------------
def shapes(value: Any) -> str:
    """Shapes as people write them."""
    if value is None:
        return "-"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {shapes(part)}" for name, part in value.items()) + "}"
    if isinstance(value, tuple) and any(not isinstance(part, int) for part in value):
        return ", ".join(f"({shapes(part)})" if isinstance(part, tuple) and any(not isinstance(n, int) for n in part) else shapes(part)
                         for part in value)
    return str(value)


def count(number: int) -> str:
    """With a comma between thousands."""
    return f"{number:,}"


def short(number: int) -> str:
    """Three digits and a letter: 1.23 M."""
    for unit, scale in (("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= scale:
            return f"{number / scale:.3g} {unit}"
    return str(number)


def size(count: int) -> str:
    """Bytes in a unit that reads well."""
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} B"


# HTML -----------------------------------------------------------------------------------------------------------------------
_STYLE = """<style>
.wb-summary{font:12px/1.5 var(--jp-code-font-family,monospace);overflow-x:auto;color:var(--jp-content-font-color1,inherit)}
.wb-summary .r{display:grid;grid-template-columns:minmax(12em,1.2fr) minmax(14em,1.2fr) minmax(9em,1fr) minmax(9em,1fr) 8em 6em 6em;min-width:70em;
border-bottom:1px solid var(--jp-border-color2,#8884)}
.wb-summary .h{font-weight:bold}
.wb-summary .r>*{overflow:hidden;text-overflow:ellipsis;white-space:nowrap;padding:0 .5em}
.wb-summary .s .r{grid-template-columns:minmax(12em,1.2fr) minmax(14em,1.2fr) 8em;min-width:34em}
.wb-summary .r>:nth-child(n+5),.wb-summary .s .r>:nth-child(3){text-align:right}
.wb-summary summary{cursor:pointer;list-style:none}
.wb-summary div.r .n::before{content:"\\00A0\\00A0"}
.wb-summary summary .n::before{content:"\\25B8\\00A0"}
.wb-summary details[open]>summary .n::before{content:"\\25BE\\00A0"}
</style>"""


def html(summary: Any, depth: int) -> str:
    """Every module with others inside can be folded; open are those above `depth`."""
    inside = _inside(summary.rows)
    kind, head = ("f", HEAD) if summary.ran else ("s", STATIC)
    parts = [_STYLE, f'<div class="wb-summary"><div class="{kind}"><div class="r h">', *(f"<span>{name}</span>" for name in head), "</div>"]
    around: list[int] = []
    for row in summary.rows:
        while around and around[-1] >= row.depth:
            around.pop()
            parts.append("</details>")
        cells = _html_cells(row, summary.ran)
        if inside[row.path]:
            parts.append(f'<details{" open" if row.depth < depth else ""}><summary class="r">{cells}</summary>')
            around.append(row.depth)
        else:
            parts.append(f'<div class="r">{cells}</div>')
    words = "".join(f"<div>{escaping.escape(line)}</div>" for line in footer(summary))
    return "".join([*parts, "</details>" * len(around), "</div>", words, "</div>"])


def _html_cells(row: Any, ran: bool) -> str:
    name, *others = _cells(row, ran, "", 0)
    title = escaping.escape(row.path or name)
    first = f'<span class="n" style="padding-left:{row.depth + 0.5}em" title="{title}">{escaping.escape(name)}</span>'
    return first + "".join(f'<span title="{escaping.escape(cell)}">{escaping.escape(cell)}</span>' for cell in others)
