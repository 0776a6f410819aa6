"""The reference table of ops, made from their declarations and the op table: ``python -m workbench.testing.report``.

For every public function and declared op it says how its values are checked and on which rung of the fallback ladder each
transformation finds it. A test compares the page in the docs with what this prints.
"""
from __future__ import annotations

import operator

from .. import ops
from ..core import batching
from ..core.custom import OWN
from ..core.op import REGISTRY, Op
from ..graph.infer import rung
from ..nn import functional
from . import optable

HEADER = """# Every op

Made by `python -m workbench.testing.report` from the declarations; a test fails when it is out of date.

- **values**: what the results are compared with.
- **vjp**, **jvp**, **vmap**: *rule* of its own; *linear*: the op itself; *transpose* of the vjp; *family*: the batch rule that
  all ops of its kind share; *loop*: one call per example; *composite*: it is made of other ops and needs none; *reference*: a fused
  op, which transformations replace by its composite; *none*: no derivative.
- **shape**: how jit knows the shape: a *rule*, *broadcast*, or a *run* of the forward function on arrays without memory;
  *data* means that it depends on the numbers, so jit refuses it.
- **jit**: *loop*: fused into compiled loops; *call*: called by the program; *inlined*: its parts are.
- **CuPy**: the same row runs on a GPU where one is there, and on what stands for CuPy elsewhere (`tests/devices`, `docs/devices.md`); no GPU has run it yet.

| function | values | vjp | jvp | vmap | shape | jit | CuPy |
|---|---|---|---|---|---|---|---|
"""


LIBRARY = "nn.functional."


def describe(name: str) -> list[str]:
    """The columns of one function or op."""
    space, short = (functional, name.removeprefix(LIBRARY)) if name.startswith(LIBRARY) else (ops, name)
    function = operator.attrgetter(short)(space) if name in optable.public() else None
    op = getattr(function, "op", None) or REGISTRY.get(name)
    if op is None or (function is not None and not hasattr(function, "op")):
        return [f"`{name}`", _values(name), *["composite"] * 4, "inlined", "row"]
    return [f"`{name}`", _values(name), _vjp(op), _jvp(op), _vmap(op), "data" if op.dynamic else rung(op), "loop" if op.c else "call", "row"]


def _values(name: str) -> str:
    row = optable.BY_NAME.get(optable.ALIASES.get(name, name))
    if row is None:
        return "with another" if name in optable.covered() else "-"
    return "torch" if row.torch else f"[{row.elsewhere.rsplit('/', 1)[-1]}](../{row.elsewhere})" if row.elsewhere else "itself"


def _vjp(op: Op) -> str:
    return "none" if not op.differentiable else "rule"


def _jvp(op: Op) -> str:
    if not op.differentiable:
        return "none"
    if op.reference is not None:
        return "reference"
    return "linear" if op.linear else "rule" if op.jvp or op.joint_jvp else "transpose"


def _vmap(op: Op) -> str:
    if op.reference is not None:
        return "reference"
    if op.batch is None or op.batch is batching.loop:
        return "loop"
    return "family" if op.batch in (batching.elementwise, batching.reduction, batching.single_axis, batching.fold, batching.trailing) else "rule"


def page() -> str:
    """The whole page as Markdown."""
    rows = [describe(name) for name in sorted({*optable.public(), *(REGISTRY.keys() - OWN)})]
    return HEADER + "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    print(page(), end="")
