"""Training as methods of a model, with Keras' names: compile, fit, evaluate, predict.

What they do lives in `workbench.train`, which is built on this package; it is looked up by name when it is wanted.
"""
from __future__ import annotations

import pkgutil
from collections.abc import Mapping, Sequence
from typing import Any


def _train(name: str) -> Any:
    return pkgutil.resolve_name(f"workbench.train.compile_fit:{name}")


class Trainable:
    """The part of `Sequential` and `Model` that trains them."""

    def compile(self, optimizer: Any = None, loss: Any = None, metrics: Sequence[Any] = (), *, lr: float | None = None,
                loss_weights: Mapping[str, float] | Sequence[float] | None = None, jit_compile: bool = False, **options: Any) -> None:
        """Choose what `fit` trains with; without an optimizer and a loss, compile the calls instead (`Module.compile`).

        Parameters
        ----------
        optimizer : str, class, Optimizer or callable
            A name (``"adam"``) or a class is made with the parameters of the model and `lr`; a callable gets the parameters.
        loss : str, callable, or dict or sequence of them
            A name (``"cross_entropy"``, ``"mse"``), a class, or ``loss(prediction, target)``; several for several outputs.
            ``"cross_entropy"`` takes scores, without a softmax before it.
        metrics : sequence of str or Metric
            For validation and `evaluate`.
        lr : float, optional
            Learning rate; the optimizer's own default if left out.
        loss_weights : dict or sequence of float, optional
            Factors of several losses.
        jit_compile : bool
            Compile forward, backward and update with `jit`.
        **options
            Of `jit`, where only calls are compiled.

        Raises
        ------
        ArgumentError
            For a name that is not known; names like it are listed.
        """
        if optimizer is None and loss is None and not metrics:
            super().compile(**options)  # type: ignore[misc]
        else:
            vars(self)["_plan"] = _train("planned")(optimizer, loss, metrics, lr, loss_weights, jit_compile, options)

    def fit(self, x: Any, y: Any = None, batch_size: int = 32, epochs: int = 1, verbose: str | int = "auto", callbacks: Sequence[Any] = (),
            validation_split: float = 0.0, validation_data: Any = None, shuffle: bool = True, *, seed: int | None = None, **options: Any) -> Any:
        """Train for some epochs with what `compile` chose; a second call goes on with the same optimizer.

        Parameters
        ----------
        x : array, Tensor, list or dict of them, Dataset, DataLoader, or iterable of batches
            Several arrays are several inputs. Whatever is no array holds its targets itself.
        y : array or Tensor, or list or dict of them, optional
            Targets.
        batch_size, epochs : int
        verbose : {"auto", 0, 1}
            Whether a bar is shown: where there is a terminal, never, or always.
        callbacks : sequence of Callback
        validation_split : float
            Share of the samples, the last ones, that is not trained on but evaluated after every epoch.
        validation_data : (x, y), Dataset or DataLoader, optional
            Evaluated after every epoch.
        shuffle : bool
            Another order in every epoch.
        seed : int, optional
            Start all random numbers from here.
        **options
            Of `Trainer.fit`: `max_steps`, `checkpoint`, `resume`.

        Returns
        -------
        Run
            Its ``history`` holds ``loss`` per step and ``val_...`` per epoch.

        Examples
        --------
        >>> import workbench as wb
        >>> from workbench import nn
        >>> wb.manual_seed(0)
        >>> model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
        >>> model.compile(optimizer="adam", loss="cross_entropy", metrics=["accuracy"], lr=0.02)
        >>> x, y = wb.data.iris().tensors
        >>> run = model.fit(x, y, epochs=20, verbose=0, seed=0)
        >>> model.evaluate(x, y)["accuracy"] > 0.9
        True
        >>> model.predict(x[:5]).shape
        (5, 3)
        """
        return _train("fit")(self, x, y, batch_size, epochs, verbose, callbacks, validation_split, validation_data, shuffle, seed, options)

    def evaluate(self, x: Any, y: Any = None, batch_size: int = 32, verbose: str | int = "auto") -> dict[str, Any]:
        """Mean loss and metrics over data as `fit` takes it, in evaluation mode; `verbose` as in `fit`."""
        return _train("evaluate")(self, x, y, batch_size, verbose)

    def predict(self, x: Any, batch_size: int = 32, verbose: str | int = "auto") -> Any:
        """The outputs for `x` (as in `fit`), batch by batch in evaluation mode, put together along the first axis.

        Of a Dataset or a DataLoader as many parts of each item as the model has inputs are passed on, so targets may stay.
        """
        return _train("predict")(self, x, batch_size, verbose)
