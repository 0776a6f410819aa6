"""The fast path of an op, written out as source and compiled when the op is declared.

No ``*args``, no loops, exact type checks: this is what keeps a taped add under four NumPy adds. The source is
registered in `linecache`, so tracebacks and debuggers show its lines; ``op.source`` is the text.
"""
from __future__ import annotations

import functools
import linecache
from collections.abc import Callable
from types import CodeType
from typing import Any

from .node import Node
from .op import ARGUMENTS, Op, explain, slow
from .state import STATE, add_fast_path, clock
from .tensor import Tensor

ALIASES = {"axis": "dim", "keepdims": "keepdim"}


def compile_fast_path(op: Op) -> Callable[..., Any]:
    """The public function of `op`; a variadic op gets one that always takes the general road."""
    name = op.name
    op.source = _variadic(op) if op.arity is None else _fixed(op)
    filename = f"<workbench op {name}>"
    linecache.cache[filename] = (len(op.source), None, op.source.splitlines(True), filename)
    namespace = dict(__name__="workbench.ops", new=object.__new__, Tensor=Tensor, Result=Tensor, Node=Node, STATE=STATE, clock=clock, OP=op, TABLE=op.table,
                     slow=slow, explain=explain, **{f"default_{key}": value for key, value in op.parameters.items()})
    # `Tensor` is what is tested and may be closed by another thread at any moment; `Result` is what is made.
    exec(_compiled(op.source.replace(f"def {name}(", "def fast_path(", 1)), namespace)
    add_fast_path(namespace)
    function = namespace.pop("fast_path")
    function.__code__ = function.__code__.replace(co_name=name, co_qualname=name, co_filename=filename)
    function.__name__ = function.__qualname__ = name
    function.__doc__ = op.doc
    function.__module__ = "workbench.ops"
    function.op = op
    return function


@functools.cache
def _compiled(source: str) -> CodeType:
    """The code of a source: ops of one kind differ in nothing but the name, and compiling is what costs time at import."""
    return compile(source, "<workbench op>", "exec")


def _fixed(op: Op) -> str:
    names = list(ARGUMENTS[: op.arity])
    required = op.arity - op.optional
    signature = [*names[:required], *(f"{n}=None" for n in names[required:])]
    signature += ["*"] if op.optional and op.parameters else []
    signature += [key if value is REQUIRED else f"{key}=default_{key}" for key, value in op.parameters.items()]
    signature += [f"{ALIASES[key]}=None" for key in op.parameters if key in ALIASES]
    params = "{" + ", ".join(f'"{key}": {key}' for key in op.parameters) + "}"
    leave = f"return slow(OP, ({', '.join(names)},), {params})"
    lines = [f"def {op.name}({', '.join(signature)}):"]
    lines += [f"    if {ALIASES[key]} is not None: {key} = {ALIASES[key]}" for key in op.parameters if key in ALIASES]
    if op.several:
        return "\n".join([*lines, f"    {leave}", ""])
    lines += _unpack(op, names, leave)
    keywords = "".join(f", {key}={key}" for key in op.parameters)
    call = f"TABLE[type({'yd if type(xd) in (float, int) else xd' if _reflects(op) else 'xd'})]({', '.join(n + 'd' for n in names)}{keywords})"
    lines += [f"    try: d = {call}",
              f"    except Exception as error: raise explain(OP, ({', '.join(names)},), {params}, error) from None",
              "    t = new(Result)"]
    if op.reference is not None:
        lines.append("    d, residual = d")
    lines.append("    t.data = d")
    if op.put is not None:
        lines.append(f"    t.origin = x, OP, {params}")
    if not op.differentiable:
        return "\n".join([*lines, "    t.node = None", "    return t", ""])
    nodes = ", ".join(n + "n" for n in names)
    untracked = " and ".join(f"{n}n is None" for n in names)
    lines += [f"    if {untracked}:",
              "        t.node = None",
              "        return t",
              "    m = STATE.mode",
              "    if m == 1:",
              "        n = new(Node); n.seq = clock(); n.op = OP; "
              f"n.parents = ({nodes},); n.saved = {_saved(op, names)}; "
              f"n.params = {params if op.parameters else 'None'}; n.shape = d.shape",
              "        t.node = n",
              "        return t",
              "    if m == 0:",
              "        t.node = None",
              "        return t",
              f"    {leave}", ""]
    return "\n".join(lines)


def _reflects(op: Op) -> bool:
    return op.arity == 2 and op.promotes and not op.optional and not op.parameters


def _saved(op: Op, names: list[str]) -> str:
    if op.reference is not None:
        return f"({', '.join(names)}, residual)"
    items = ["d" if name == "o" else name if len(name) == 1 else f"{name[0]}d.shape" for name in op.saves]
    return f"({', '.join(items)}{',' if items else ''})"


def _unpack(op: Op, names: list[str], leave: str) -> list[str]:
    """Lines that split tensors into data and node, or leave for the general road."""
    inexact = ' if xd.dtype.kind not in "fVc": ' + leave if op.inexact else ""
    lines = ["    if type(x) is Tensor:", "        xd = x.data; xn = x.node"]
    if inexact:
        lines.append("       " + inexact)
    for name in names[1:]:
        lines.append(f"        if type({name}) is Tensor:")
        lines.append(f"            {name}d = {name}.data; {name}n = {name}.node")
        if op.promotes:
            lines.append(f"            if {name}d.dtype is not xd.dtype: {leave}")
        if name in names[len(names) - op.optional:]:
            lines.append(f"        elif {name} is None: {name}d = None; {name}n = None")
        if _reflects(op):
            lines.append(f'        elif type({name}) is int or type({name}) is float and xd.dtype.kind in "fV":')
            lines.append(f"            {name}d = {name}; {name}n = None")
        lines.append(f"        else: {leave}")
    if _reflects(op):
        lines += ['    elif type(y) is Tensor and (type(x) is int or type(x) is float) and y.data.dtype.kind in "fV":',
                  "        xd = x; xn = None; yd = y.data; yn = y.node"]
    lines.append(f"    else: {leave}")
    return lines


def _variadic(op: Op) -> str:
    keys = op.parameters
    signature = "".join(f", {key}" if value is REQUIRED else f", {key}=default_{key}" for key, value in keys.items())
    params = "{" + ", ".join(f'"{key}": {key}' for key in keys) + "}"
    return f"def {op.name}(*args{signature}):\n    return slow(OP, args, {params})\n"


class _Required:
    """Marks a parameter without default."""


REQUIRED = _Required()
