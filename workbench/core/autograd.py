"""The imperative face of reverse mode: `backward` fills ``grad`` of leaves, `grad` returns gradients of chosen tensors.

The hooks and diagnostics that `torch.autograd` has under the same names are found here too (``wb.autograd``).
"""
from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from . import graph_hooks as graph
from .anomaly import detect_anomaly, is_anomaly_enabled, set_detect_anomaly
from .errors import ArgumentError, DTypeError, GraphError, ShapeError
from .function import Function
from .node import AfterAccumulation, Leaf, Node, held
from .op import REGISTRY
from .saved import disable_saved_tensors_hooks, save_on_cpu, save_on_disk, saved_tensors_hooks
from .state import STATE, enable_grad, no_grad
from .sweep import Cotangents, freed, reachable, sweep
from .tensor import Tensor, as_tensor, ensure_together

__all__ = ["Function", "backward", "detect_anomaly", "disable_saved_tensors_hooks", "grad", "graph", "is_anomaly_enabled", "save_on_cpu", "save_on_disk",
           "saved_tensors_hooks", "set_detect_anomaly"]


def backward(tensors: Sequence[Tensor], gradients: Sequence[Any] | None = None, *, retain_graph: bool | None = None,
             create_graph: bool = False) -> None:
    """Add the gradient of the sum of `tensors` (weighted by `gradients`) to ``grad`` of every leaf below them."""
    roots = _roots(tensors, gradients, "backward", create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    if create_graph:
        with enable_grad():
            swept = sweep(roots, raw=False, keep=keep)
            _accumulate({node: g for node, g in swept.of.items() if isinstance(node, Leaf)})
        return
    with no_grad():
        swept = sweep(roots, raw=True, keep=keep)
        _accumulate({node: _wrapped(swept, node) for node in swept.of if isinstance(node, Leaf)})


def _wrapped(swept: Cotangents, node: Node) -> Tensor:
    """The cotangent of `node` as a tensor of its own."""
    g = swept.of[node]
    return g._alone() if isinstance(g, Tensor) else Tensor(swept.take_private(node))


_accumulation = threading.RLock()


def _accumulate(found: dict[Leaf, Tensor]) -> None:
    for leaf, g in found.items():
        if STATE.trace is not None:
            STATE.trace.touch(leaf)
        if leaf.tensor is None or leaf.tensor() is None:
            continue
        with _accumulation:  # two threads may differentiate through one leaf
            leaf.grad = g if leaf.grad is None else leaf.grad + g
        for watch in STATE.observers:
            watch.accumulated(leaf)
        if leaf.hooked:
            for hook in [hook for hook in leaf.hooks if isinstance(hook, AfterAccumulation)]:
                hook.function(leaf.tensor())


def grad(outputs: Tensor | Sequence[Tensor], inputs: Tensor | Sequence[Tensor], grad_outputs: Any = None, *,
         retain_graph: bool | None = None, create_graph: bool = False, allow_unused: bool = False) -> tuple[Tensor | None, ...]:
    """The gradients of `outputs` with respect to `inputs`, without touching any ``grad``.

    Parameters
    ----------
    outputs, inputs : Tensor or sequence of Tensor
        Inputs may be leaves or computed tensors on the tape.
    grad_outputs : Tensor or sequence, optional
        Cotangents; may be left out for outputs with one element.
    retain_graph, create_graph : bool
        As in `Tensor.backward`.
    allow_unused : bool
        Return None for an input that the outputs do not depend on, instead of raising.

    Raises
    ------
    GraphError
        If an input was not used to compute the outputs and `allow_unused` is false.

    Examples
    --------
    >>> import workbench as wb
    >>> x = wb.tensor(3.0, requires_grad=True)
    >>> wb.autograd.grad(x * x, x)
    (tensor(6.),)
    """
    outputs = [outputs] if isinstance(outputs, Tensor) else list(outputs)
    inputs = [inputs] if isinstance(inputs, Tensor) else list(inputs)
    if isinstance(grad_outputs, Tensor):
        grad_outputs = [grad_outputs]
    wanted = [_node_of(_here(x), position) for position, x in enumerate(inputs)]
    roots = _roots(outputs, grad_outputs, "grad", create_graph)
    keep = create_graph if retain_graph is None else retain_graph
    order = reachable(node for node, _ in roots)
    if not set(order).issuperset(wanted):
        spent = next((node for node in order if held(node) is None), None)
        if spent is not None:  # what lay below it is not known any more
            raise freed(spent.op)
    if create_graph:
        with enable_grad():
            found: dict[Node, Any] = sweep(roots, raw=False, keep=keep, wanted=wanted, order=order).of
    else:
        with no_grad():
            swept = sweep(roots, raw=True, keep=keep, wanted=wanted, order=order)
        found = {node: _wrapped(swept, node) for node in wanted if node in swept.of}
    missing = [position for position, node in enumerate(wanted) if node not in found]
    if missing and not allow_unused:
        raise GraphError(f"grad: input {missing[0]} was not used to compute the outputs; check that the path is not cut "
                         "by detach(), no_grad() or a NumPy round trip, or pass allow_unused=True")
    return tuple(found.get(node) for node in wanted)


def _node_of(x: Tensor, position: int) -> Node:
    if not isinstance(x, Tensor):
        raise ArgumentError(f"grad: input {position} is a {type(x).__name__}, not a Tensor")
    if x.node is None:
        raise GraphError(f"grad: input {position} does not require a gradient; make it with requires_grad=True")
    return x.node


def _roots(tensors: Sequence[Tensor], gradients: Sequence[Any] | None, what: str, taped: bool) -> list[tuple[Node, Any]]:
    if gradients is not None and len(gradients) != len(tensors):
        raise ArgumentError(f"{what}: {len(gradients)} gradients for {len(tensors)} outputs")
    roots = []
    for position, out in enumerate(map(_here, tensors)):
        if type(out) is not Tensor and STATE.trace is None:
            raise GraphError(f"{what}: inside a transformation use wb.grad or wb.vjp; the value has no tape of its own")
        if out.node is None:
            raise GraphError(f"{what}: the output does not require a gradient: nothing it was computed from has "
                             "requires_grad=True, or the path is cut by detach(), no_grad() or a NumPy round trip")
        given = None if gradients is None else gradients[position]
        g = _seed(out, what) if given is None else _fit(given, out, what)
        roots.append((out.node, g if taped or type(g) is not Tensor else g.data))
    return roots


def _here(x: Any) -> Any:
    """A tensor as the value it has inside a trace."""
    return x if STATE.trace is None else STATE.trace.lift(x)


def _seed(out: Tensor, what: str) -> Tensor:
    if out.size != 1:
        raise ShapeError(f"{what}: the output has shape {out.shape}, so its gradient needs a direction; "
                         f"reduce it to one number first (.sum(), .mean()), or pass a gradient of that shape")
    if out.dtype.kind == "c":
        raise DTypeError(f"{what}: a complex output needs an explicit gradient; differentiate its .real or .abs()")
    return REGISTRY["ones_like"].call(out.detach())


def _fit(given: Any, out: Tensor, what: str) -> Tensor:
    g = as_tensor(given, dtype=out.dtype, device=None if isinstance(given, Tensor) else out.device)
    ensure_together(what, g, "gradient", out)
    if g.shape != out.shape:
        raise ShapeError(f"{what}: a gradient of shape {g.shape} for an output of shape {out.shape}")
    return g
