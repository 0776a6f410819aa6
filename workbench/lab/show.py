"""``wb.show``: look at anything. Each function returns a view that a notebook displays and a terminal prints."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import inspect
from ..core import Tensor
from ..core.errors import ArgumentError
from ..nn import Module
from ..train import Run
from .control import session
from .display import RecordView, RunView, View


def dashboard(run: Run) -> View:
    """All views of a run, one tab each."""
    return RunView("dashboard", session(), [session().add(_run("dashboard", run))])


def curves(run: Run, *others: Run) -> View:
    """The curves of a run, and of others to compare with.

    Examples
    --------
    >>> import workbench as wb
    >>> run = wb.watch(wb.nn.Linear(2, 1))
    >>> run.step(loss=2.0); run.step(loss=1.0); run.finish()
    >>> print(wb.show.curves(run))  # doctest: +ELLIPSIS
    Curves: loss went from 2 to 1 in 2 steps of Linear ... (done)
    ...
    """
    return RunView("curves", session(), [session().add(_run("curves", each)) for each in (run, *others)])


def gradients(what: Run | Module) -> View:
    """Gradient flow: of a run over time, or of a model as its ``grad`` is now.

    Examples
    --------
    >>> import workbench as wb
    >>> model = wb.nn.Linear(2, 1); model(wb.ones(1, 2)).sum().backward()
    >>> print(wb.show.gradients(model))  # doctest: +ELLIPSIS
    Gradient flow: gradients of 2 parameters at step 0, norms between 1 and 1.414
    ...
    """
    if isinstance(what, Module):
        return RecordView("gradflow", f"gradients of {type(what).__name__}", [inspect.gradient_flow(what)])
    view = RunView("gradflow", session(), [session().add(_run("gradients", what))])
    if view.content("gradflow") is None and not view.live and isinstance(what.model, Module):
        # A run that nobody watched left its last gradients in the model.
        return RecordView("gradflow", what.title, [inspect.gradient_flow(what.model, what.step_index)])
    return view


def activations(what: Run | Module, *inputs: Tensor) -> View:
    """What every layer puts out: as a run last saw it, or for inputs given here.

    Examples
    --------
    >>> import workbench as wb
    >>> print(wb.show.activations(wb.nn.Linear(2, 1), wb.ones(1, 2)))  # doctest: +ELLIPSIS
    Activations: outputs of 1 layers at step 0
    ...
    """
    if isinstance(what, Module):
        if not inputs:
            raise ArgumentError("activations: a model needs inputs to look at: wb.show.activations(model, x)")
        return RecordView("activations", f"activations of {type(what).__name__}", inspect.activations(what, *inputs))
    return RunView("activations", session(), [session().add(_run("activations", what))])


def attention(what: Run | Module, *inputs: Tensor, tokens: Sequence[str] | Callable[[list[int]], Sequence[str]] | None = None) -> View:
    """Attention maps of the first sample: as a run last saw them, or for inputs given here.

    Examples
    --------
    >>> import workbench as wb
    >>> layer = wb.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    >>> print(wb.show.attention(layer, wb.ones(1, 3, 8)))  # doctest: +ELLIPSIS
    Attention: attention of 1 layers over 3 tokens at step 0
    ...
    """
    if isinstance(what, Module):
        if not inputs:
            raise ArgumentError("attention: a model needs inputs to look at: wb.show.attention(model, x)")
        return RecordView("attention", f"attention of {type(what).__name__}", inspect.attention(what, *inputs, tokens=tokens))
    return RunView("attention", session(), [session().add(_run("attention", what))])


def graph(what: Tensor | Run | Callable[..., Any], *inputs: Any) -> View:
    """The graph of a computation: of a tensor's tape, of a model or function on inputs, or of a run's model.

    Examples
    --------
    >>> import workbench as wb
    >>> x = wb.tensor(3.0, requires_grad=True)
    >>> print(wb.show.graph(x * x))  # doctest: +ELLIPSIS
    Graph: a graph of 1 operations
    ...
    """
    if isinstance(what, Run):
        return RunView("graph", session(), [session().add(what)])
    if isinstance(what, Tensor):
        return RecordView("graph", f"graph of {what.node.op.name if what.node and what.node.op else 'a tensor'}", inspect.tape_graph(what))
    name = type(what).__name__ if isinstance(what, Module) else getattr(what, "__name__", "a function")
    return RecordView("graph", f"graph of {name}", inspect.trace_graph(what, *inputs))


def _run(what: str, value: Any) -> Run:
    if not isinstance(value, Run):
        raise ArgumentError(f"show.{what}: expected a run (from wb.fit or wb.watch), got {type(value).__name__}")
    return value
