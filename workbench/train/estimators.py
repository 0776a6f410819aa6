"""Estimators of scikit-learn over the trainer: a network in a Pipeline, a GridSearchCV, a cross_val_score.

Parameters have the names of skorch. As scikit-learn asks, the constructor only keeps them, `fit` checks and starts anew, and
what is learned ends in an underscore.
"""
from __future__ import annotations

import copy
import functools
import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from .. import nn
from ..core import Tensor, as_tensor, no_grad
from ..core.errors import ArgumentError, ShapeError
from ..data import DataLoader, TensorDataset, random_split
from ..ops.random import drawing_from
from ..optim import Adam, Optimizer
from . import steps
from .run import unannounced
from .trainer import Trainer

_PARTS = ("module", "criterion", "optimizer")


class NeuralNet(BaseEstimator):
    """Base of the estimators.

    Parameters
    ----------
    module : Module, callable or class, optional
        A model, of which a copy is trained; or what makes one, called with the number of features and of outputs (and what begins with
        ``module__``). By default a network with one hidden layer of 64.
    criterion : class, Module or function, optional
        The loss ``criterion(model(x), y)``; it must take ``reduction="none"`` if samples are weighted.
    optimizer : class, optional
        Adam by default.
    lr : float
    max_epochs : int
    batch_size : int
    validation : float, optional
        The share of the data that is set aside and evaluated after each epoch, for callbacks such as `EarlyStopping`.
    callbacks : sequence of Callback
    warm_start : bool
        Let `fit` go on with the model there is.
    device : str
    random_state : int, RandomState or None
        Decides initial parameters, order and dropout. The generators of workbench are left alone.
    verbose : bool
        Show a bar in a terminal, the live view in a notebook.
    **kwargs
        ``module__name``, ``criterion__name``, ``optimizer__name``: arguments for these.
    """

    def __init__(self, module: Any = None, criterion: Any = None, optimizer: type[Optimizer] | None = None, *, lr: float = 0.01,
                 max_epochs: int = 100, batch_size: int = 128, validation: float | None = None, callbacks: Any = (),
                 warm_start: bool = False, device: str = "cpu", random_state: Any = None, verbose: bool = False, **kwargs: Any) -> None:
        self.module = module
        self.criterion = criterion
        self.optimizer = optimizer
        self.lr = lr
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.validation = validation
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.device = device
        self.random_state = random_state
        self.verbose = verbose
        vars(self).update(kwargs)  # scikit-learn asks that a constructor takes everything; `fit` refuses what is unknown

    # ------------------------------------------------------------------ parameters
    def _for_part(self, part: str) -> dict[str, Any]:
        return {name.removeprefix(f"{part}__"): value for name, value in vars(self).items() if name.startswith(f"{part}__")}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All parameters by name, those of parts too."""
        parts = {f"{part}__{name}": value for part in _PARTS for name, value in self._for_part(part).items()}
        return {**super().get_params(deep=False), **parts}

    def set_params(self, **params: Any) -> NeuralNet:
        """Change parameters, those of parts too."""
        vars(self).update(params)
        return self

    def _check_parameters(self) -> None:
        known = self.get_params()
        unknown = [name for name in vars(self) if name not in known and not name.startswith("_") and not name.endswith("_")]
        if unknown:
            raise ArgumentError(f"{type(self).__name__}: there is no parameter {unknown[0]!r}; it has {', '.join(known)}, and arguments of parts, "
                                f"which begin with {', '.join(f'{part}__' for part in _PARTS)}")
        if self.max_epochs < 1 or self.batch_size < 1:
            raise ArgumentError(f"{type(self).__name__}: max_epochs={self.max_epochs}, batch_size={self.batch_size}; expected at least 1")

    # ------------------------------------------------------------------ fitting
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> NeuralNet:
        """Train anew (or, with `warm_start`, further) on samples X (N, ...) and targets y."""
        going_on = self.warm_start and hasattr(self, "module_")
        X, target = self._checked(X, y, reset=not going_on)
        return self._train(X, target, sample_weight, self.max_epochs, going_on)

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[np.ndarray, np.ndarray]:
        """Samples, and targets as the criterion takes them; what y tells is remembered when `reset`."""
        raise ArgumentError(f"{type(self).__name__} does not define _checked(X, y, reset)")

    def _train(self, X: np.ndarray, target: np.ndarray, sample_weight: Any, epochs: int, going_on: bool) -> NeuralNet:
        self._check_parameters()
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
            X, target, weight = (array[weight > 0] for array in (X, target, weight))
        if not going_on:
            self._random = np.random.default_rng(check_random_state(self.random_state).randint(2**31 - 1))
        with drawing_from(self._random):
            if not going_on:
                self._build(X)
            self._run(X, target, weight, epochs)
        return self

    def _build(self, X: np.ndarray) -> None:
        sizes = math.prod(X.shape[1:]), self._outputs()
        if self.module is None:
            made = nn.Sequential(nn.Flatten(), nn.Linear(sizes[0], 64), nn.ReLU(), nn.Linear(64, sizes[1])).to(dtype=X.dtype)
        elif isinstance(self.module, nn.Module):
            made = copy.deepcopy(self.module)
        else:
            made = self.module(*sizes, **self._for_part("module"))
        self.module_ = made.to(self.device)
        self.optimizer_ = (self.optimizer or Adam)(self.module_.parameters(), lr=self.lr, **self._for_part("optimizer"))
        self.history_: list[dict[str, float]] = []

    def _run(self, X: np.ndarray, target: np.ndarray, weight: np.ndarray | None, epochs: int) -> None:
        data: Any = TensorDataset(*(self._tensor(part) for part in (X, target, weight) if part is not None))
        checking = None
        if self.validation is not None:
            data, held_out = random_split(data, [1 - self.validation, self.validation], self._random)
            checking = DataLoader(held_out, self.batch_size)
        loader = DataLoader(data, self.batch_size, shuffle=True, generator=self._random)
        step = functools.partial(_weighted_step, self._loss("none")) if weight is not None else None
        trainer = Trainer(self.module_, self._loss("mean"), self.optimizer_, step=step, callbacks=copy.deepcopy(list(self.callbacks)),
                          metrics=self._metrics if checking is not None else (), title=type(self).__name__)
        with unannounced(not self.verbose):
            run = trainer.fit(loader, epochs, validation=checking, progress=None if self.verbose else False)
        for epoch in range(trainer.epoch):
            self.history_.append(_row(run.history, (epoch + 1) * len(loader)))
        self.n_epochs_ = len(self.history_)

    def _tensor(self, values: np.ndarray) -> Tensor:
        """Numbers in the dtype of the model's parameters, classes as they are."""
        kind = next((parameter.dtype for parameter in self.module_.parameters()), values.dtype)
        return as_tensor(values.astype(kind) if values.dtype.kind == "f" else values)

    def _loss(self, reduction: str) -> Callable[[Tensor, Tensor], Tensor]:
        given, extra = self.criterion or self._criterion, self._for_part("criterion")
        how = {} if reduction == "mean" else {"reduction": reduction}
        if inspect.isclass(given):
            return given(**extra, **how)
        if isinstance(given, nn.Module):
            made = copy.deepcopy(given)
            vars(made).update(extra, **how)
            return made
        return functools.partial(given, **extra, **how)

    # ------------------------------------------------------------------ predicting
    def _forward(self, X: Any) -> np.ndarray:
        """The model's outputs for X (N, ...)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, allow_nd=True, dtype=[np.float64, np.float32])
        was_training = self.module_.training
        self.module_.eval()
        outputs = []
        with no_grad():
            for (x,) in DataLoader(TensorDataset(self._tensor(X)), self.batch_size):
                outputs.append(self.module_(steps.placed(x, steps.device_of(self.module_))).numpy())
        self.module_.train(was_training)
        return np.concatenate(outputs)


def _weighted_step(criterion: Callable[[Tensor, Tensor], Tensor], model: Any, batch: Any) -> dict[str, Any]:
    """The weighted mean of the losses of samples: a weight of 2 is that sample twice."""
    x, target, weight = batch
    prediction = model(x)
    each = criterion(prediction, target)
    each = each.reshape(each.shape[0], -1).mean(1)
    return {"loss": (each * weight).sum() / weight.sum(), "prediction": prediction, "target": target}


def _row(history: Any, step: int) -> dict[str, float]:
    """What was logged at a step."""
    found, values = history.rows()
    row = int(np.searchsorted(found, step))
    return {name: float(value) for name, value in zip(history.names, values[:, row], strict=True) if not np.isnan(value)} \
        if row < len(found) else {}


class NeuralNetClassifier(ClassifierMixin, NeuralNet):
    """A network that tells classes apart, as an estimator of scikit-learn; parameters as in `NeuralNet`.

    The model gives one score per class, and is trained with cross-entropy. Labels may be of any type.

    Attributes
    ----------
    classes_ : array
    module_ : Module
    optimizer_ : Optimizer
    history_ : list of dict
        What was logged at the end of each epoch.
    n_features_in_ : int

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> import workbench as wb
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), wb.train.NeuralNetClassifier(max_epochs=40, random_state=0))
    >>> model.fit(X, y).score(X, y) > 0.9
    True
    """

    _criterion = nn.CrossEntropyLoss
    _metrics = ("accuracy",)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> NeuralNetClassifier:
        """One epoch on a part of the data; the first call takes all `classes`."""
        going_on = hasattr(self, "module_")
        if not going_on and classes is None:
            raise ArgumentError("NeuralNetClassifier.partial_fit: the first call must name all classes; pass classes=np.unique(y) of all data")
        X, target = self._checked(X, y, reset=not going_on, classes=classes)
        return self._train(X, target, sample_weight, 1, going_on)

    def _checked(self, X: Any, y: Any, reset: bool, classes: Any = None) -> tuple[np.ndarray, np.ndarray]:
        X, y = validate_data(self, X, y, reset=reset, allow_nd=True, dtype=[np.float64, np.float32])
        check_classification_targets(y)
        if reset:
            self.classes_ = np.unique(y if classes is None else classes)
        target = np.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)
        unknown = np.unique(y[self.classes_[target] != y])
        if len(unknown):
            raise ArgumentError(f"NeuralNetClassifier: classes {unknown.tolist()} are not among {self.classes_.tolist()}; name all classes in the "
                                "first partial_fit, or fit anew")
        return X, target

    def _outputs(self) -> int:
        return len(self.classes_)

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of every class (N, classes), in the order of `classes_`."""
        scores = self._forward(X)
        if scores.shape[1:] != self.classes_.shape:
            raise ShapeError(f"NeuralNetClassifier: the model gives outputs of shape {scores.shape}, expected one score for each of "
                             f"{len(self.classes_)} classes; build it with as many outputs")
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of every sample."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)] if hasattr(self, "classes_") else self._forward(X)


class NeuralNetRegressor(RegressorMixin, NeuralNet):
    """A network that predicts numbers, as an estimator of scikit-learn; parameters as in `NeuralNet`.

    The model gives one number per target, (N, targets), and is trained with the mean squared error.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import cross_val_score
    >>> import workbench as wb
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = wb.train.NeuralNetRegressor(max_epochs=30, random_state=0)
    >>> bool(cross_val_score(model, X, (y - y.mean()) / y.std(), cv=3).mean() > 0.3)
    True
    """

    _criterion = nn.MSELoss
    _metrics = ("r2",)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> NeuralNetRegressor:
        """One epoch on a part of the data."""
        going_on = hasattr(self, "module_")
        X, target = self._checked(X, y, reset=not going_on)
        return self._train(X, target, sample_weight, 1, going_on)

    def _checked(self, X: Any, y: Any, reset: bool) -> tuple[np.ndarray, np.ndarray]:
        X, y = validate_data(self, X, y, reset=reset, allow_nd=True, multi_output=True, y_numeric=True, dtype=[np.float64, np.float32])
        columns = 1 if y.ndim == 1 else y.shape[1]
        if reset:
            self._columns, self._flat = columns, y.ndim == 1
        elif columns != self._columns:
            raise ShapeError(f"NeuralNetRegressor: y has {columns} targets, but the model was trained for {self._columns}")
        return X, y.reshape(len(y), columns).astype(X.dtype)

    def _outputs(self) -> int:
        return self._columns

    def predict(self, X: Any) -> np.ndarray:
        """The numbers of every sample: (N,) or (N, targets), as y was."""
        outputs = self._forward(X)
        if outputs.size != len(outputs) * self._columns:
            raise ShapeError(f"NeuralNetRegressor: the model gives outputs of shape {outputs.shape}, expected {self._columns} for each sample")
        return outputs.reshape(-1) if self._flat else outputs.reshape(len(outputs), -1)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
