"""The rate finder: train for a moment with growing learning rates, see where the loss falls fastest, and leave no trace."""
from __future__ import annotations

import base64
import contextlib
import html
import io
import math
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core import Tensor, enable_grad, no_grad
from ..core.errors import ArgumentError
from ..optim import Optimizer
from .state import random_state, set_random_state
from .steps import plain_step


@dataclass(frozen=True)
class RateSearch:
    """What `lr_find` returns; shows itself as a curve, and as text without a notebook.

    Attributes
    ----------
    rates, losses, smoothed : array
        The rate of each step, its loss, and the running mean of losses.
    stopped : str
        Why it ended: ``"end"``, ``"diverged"`` or ``"not finite"``.
    """

    rates: np.ndarray
    losses: np.ndarray
    smoothed: np.ndarray
    stopped: str

    @property
    def suggestion(self) -> float | None:
        """The rate at which the loss falls fastest: the steepest of the lines through a fifth of the steps each; None if none falls."""
        reach = max(1, len(self.rates) // 10)
        if len(self.rates) < 2 * reach + 1:
            return None
        distances = np.arange(reach, -reach - 1, -1)  # convolve turns it round
        slopes = np.convolve(self.losses, distances / (distances**2).sum(), mode="valid")
        return float(self.rates[reach + slopes.argmin()]) if slopes.min() < 0 else None

    @property
    def lowest(self) -> float | None:
        """The rate at which the smoothed loss is lowest; a tenth of it is another usual choice."""
        return float(self.rates[self.smoothed.argmin()]) if len(self.rates) else None

    def plot(self, ax: Any = None) -> Any:
        """The curve with the suggestion marked, as a matplotlib figure.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Draw here.
        """
        from matplotlib.figure import Figure

        if ax is None:
            ax = Figure(figsize=(6, 3.5), layout="constrained").subplots()
        ax.plot(self.rates, self.losses, color="0.8", label="loss")
        ax.plot(self.rates, self.smoothed, label="smoothed")
        if self.suggestion is not None:
            ax.axvline(self.suggestion, color="C1", linestyle="--", label=f"suggestion {self.suggestion:.2g}")
        ax.set(xscale="log", xlabel="learning rate", ylabel="loss")
        ax.legend()
        return ax.figure

    def __repr__(self) -> str:
        return f"RateSearch({self._sentence()})"

    def _sentence(self) -> str:
        if not len(self.rates):
            return "the first loss was not finite"
        best = "the loss never fell" if self.suggestion is None else f"suggestion {self.suggestion:.3g}, lowest loss at {self.lowest:.3g}"
        why = {"end": "", "diverged": "; it diverged", "not finite": "; the loss was not finite"}[self.stopped]
        return f"{best}; {len(self.rates)} steps from {self.rates[0]:.3g} to {self.rates[-1]:.3g}{why}"

    def _repr_html_(self) -> str:
        sentence = html.escape(self._sentence())
        if not len(self.rates):
            return f"<p>{sentence}</p>"
        file = io.BytesIO()
        self.plot().savefig(file, format="png", dpi=110)
        picture = base64.b64encode(file.getvalue()).decode()
        return f'<figure><img src="data:image/png;base64,{picture}" alt="{sentence}"><figcaption>{sentence}</figcaption></figure>'


def lr_find(model: Any, loader: Iterable[Any], loss: Callable[..., Tensor] | None, optimizer: Optimizer, *, start_lr: float = 1e-7, end_lr: float = 10.0,
            steps: int = 100, smoothing: float = 0.98, diverge: float = 4.0) -> RateSearch:
    """Train for some steps with rates from `start_lr` to `end_lr`, and tell how the loss took it (Smith 2015).

    Model, gradients, optimizer, random numbers and loader are afterwards what they were, also after an error.

    Parameters
    ----------
    model : Module
    loader : iterable
        Of batches as a `Trainer` takes them; begun again when it ends.
    loss : callable
        ``loss(model(x), y)``; None for a model that returns its loss.
    optimizer : Optimizer
        Its groups keep the ratios of their rates; what is told is the rate of the first.
    start_lr, end_lr : float
        Each rate is the same factor larger than the one before.
    steps : int
    smoothing : float
        How much of the running mean of losses is kept.
    diverge : float
        Stop when the mean is so many times its lowest.

    Returns
    -------
    RateSearch
        With ``suggestion`` and ``plot()``.

    Raises
    ------
    ArgumentError
        If a number does not make sense, the loader is empty, or it can be walked through only once.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.manual_seed(0)
    >>> model = wb.nn.Linear(4, 3)
    >>> optimizer = wb.optim.SGD(model.parameters(), lr=0.1)
    >>> found = wb.train.lr_find(model, wb.data.DataLoader(wb.data.iris(), batch_size=30), wb.nn.functional.cross_entropy, optimizer)
    >>> 1e-7 < found.suggestion < 10, optimizer.param_groups[0]["lr"]
    (True, 0.1)
    """
    if not 0 < start_lr < end_lr or steps < 2 or not 0 <= smoothing < 1 or diverge <= 1:
        raise ArgumentError(f"lr_find: start_lr={start_lr}, end_lr={end_lr}, steps={steps}, smoothing={smoothing}, diverge={diverge}; expected growing rates, "
                            "at least 2 steps, a smoothing below 1 and a limit above 1")
    if isinstance(loader, Iterator):
        raise ArgumentError("lr_find: the loader is an iterator, which cannot be put back; pass a DataLoader, a list of batches or the like")
    rates, losses, means = np.geomspace(start_lr, end_lr, steps), [], []
    mean, stopped = 0.0, "end"
    with _as_it_was(model, loader, optimizer), contextlib.closing(_endless(loader)) as batches:
        model.train()
        first = [group["lr"] / (optimizer.param_groups[0]["lr"] or 1.0) or 1.0 for group in optimizer.param_groups]
        for step, rate in enumerate(rates, 1):
            for group, ratio in zip(optimizer.param_groups, first, strict=True):
                group["lr"] = float(rate) * ratio
            value = _train(model, next(batches), loss, optimizer)
            if not math.isfinite(value):
                stopped = "not finite"
                break
            mean = smoothing * mean + (1 - smoothing) * value
            losses.append(value)
            means.append(mean / (1 - smoothing**step))
            if step > 1 and means[-1] > diverge * min(means):
                stopped = "diverged"
                break
    return RateSearch(rates[:len(losses)], np.array(losses), np.array(means), stopped)


def _train(model: Any, batch: Any, loss: Callable[..., Tensor] | None, optimizer: Optimizer) -> float:
    """One step; the loss before it."""
    with enable_grad():
        def closure() -> Tensor:
            optimizer.zero_grad()
            value = plain_step(model, batch, loss)["loss"]
            value.backward()
            return value

        return float(optimizer.step(closure))


def _endless(loader: Iterable[Any]) -> Generator[Any, None, None]:
    """The batches, again and again."""
    while True:
        batch = None
        for batch in loader:
            yield batch
        if batch is None:
            raise ArgumentError("lr_find: the loader has no batches")


@contextlib.contextmanager
def _as_it_was(model: Any, loader: Any, optimizer: Optimizer) -> Iterator[None]:
    """Put everything back that a few steps change."""
    tensors = [*model.parameters(), *model.buffers()]
    values, grads = [x.detach().clone() for x in tensors], [(p, p.grad) for p in model.parameters()]
    modes = [(module, module.training) for module in model.modules()]
    place = loader.state_dict() if hasattr(loader, "state_dict") else None  # first: a loader may draw its seed only now
    saved, numbers = optimizer.state_dict(), random_state()
    for p, _ in grads:
        p.grad = None
    try:
        yield
    finally:
        with no_grad():
            for x, value in zip(tensors, values, strict=True):
                x.copy_(value)
        for p, grad in grads:
            p.grad = grad
        for module, training in modes:
            module.training = training
        optimizer.load_state_dict(saved)
        if place is not None:
            loader.load_state_dict(place)
        set_random_state(numbers)
