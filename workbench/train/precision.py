"""Mixed precision: autocast with a policy per op, and what a trainer makes of it.

Ops that are products run in a low precision, where they are fast; ops that lose digits run in float32; all others take what
comes, in the wider dtype of their inputs. Nothing of this costs anything outside of the context: inside, the fast paths of
ops are closed and every op comes by.
"""
from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..backend import dtypes
from ..core import Tensor
from ..core.errors import ArgumentError
from ..core.mutate import written_after
from ..core.node import Leaf
from ..core.op import REGISTRY, Op
from ..core.state import STATE, closed_fast_paths
from .scaler import GradScaler

LOW, FLOAT32, KEEP = "low", "float32", "keep"
POLICY: dict[str, str] = {
    **dict.fromkeys(("matmul", "einsum", "conv_core", "conv_input", "conv_weight", "attention_core"), LOW),
    **dict.fromkeys(("softmax", "log_softmax", "nll_of_logits", "normalize", "exp", "expm1", "log", "log2", "log10", "log1p", "pow", "reciprocal",
                     "rsqrt", "acos", "asin", "cosh", "sinh", "tan", "softplus", "log_sigmoid", "logaddexp", "running_logsumexp", "sum", "mean",
                     "prod", "cumsum", "cumprod", "erfinv", "linear_recurrence"), FLOAT32)}
"""Name of an op → where autocast computes it; those that are not here take the wider dtype of their inputs."""


class Casting:
    """What one autocast context does to the arguments of ops."""

    def __init__(self, dtype: Any, policy: Mapping[str, str], keeps: bool) -> None:
        self.dtype, self.policy, self.keeps = dtype, policy, keeps
        self.key = dtype, tuple(sorted(policy.items()))
        self._casts: dict[int, tuple[Tensor, Any, Tensor]] = {}

    def fresh(self) -> Casting:
        """The same, with nothing kept."""
        return Casting(self.dtype, self.policy, self.keeps)

    def arguments(self, op: Op, args: tuple) -> tuple:
        """`args` as the policy for `op` wants them."""
        where = self.policy.get(op.name)
        if where is None or where == KEEP:
            return args
        if where == LOW:
            return tuple(self.low(arg) if isinstance(arg, Tensor) else arg for arg in args)
        return tuple(_cast(arg, dtypes.float32) if isinstance(arg, Tensor) and _is_castable(arg) else arg for arg in args)

    def low(self, x: Tensor) -> Tensor:
        """`x` in low precision; that of a parameter is kept until the context ends."""
        if not _is_castable(x) or x.dtype == self.dtype:
            return x
        if not (self.keeps and type(x) is Tensor and isinstance(x.node, Leaf)) or STATE.trace is not None or not STATE.mode & 1:
            return _cast(x, self.dtype)
        kept = self._casts.get(id(x))
        if kept is not None and kept[1] is x.data:
            node = kept[2].node
            if node is not None and node.saved is not None and not written_after(x.data, node.seq):
                return kept[2]
        cast = _cast(x, self.dtype)
        self._casts[id(x)] = x, x.data, cast
        return cast


def _is_castable(x: Tensor) -> bool:
    """Floating point, and not float64: who computes in that wants its digits."""
    return x.dtype.kind in "fV" and x.dtype.itemsize < 8


def _cast(x: Tensor, dtype: Any) -> Tensor:
    return x if x.dtype == dtype else REGISTRY["cast"].call(x, dtype=dtype)


class autocast:
    """Compute products in a low precision and what needs digits in float32; a context, or a decorator.

    Weights stay in float32 and get gradients in float32. Call ``backward`` outside of it. Functions compiled by jit make
    another program for it.

    Parameters
    ----------
    device_type : {"cpu", "cuda"}
        Says which `dtype` is the default: bfloat16 or float16.
    dtype : dtype, optional
        float16 or bfloat16. float16 needs a `GradScaler`.
    enabled : bool
        False switches autocast off inside.
    cache_enabled : bool
        Cast a parameter once and keep that until the outermost context ends.
    policy : dict, optional
        ``{"softmax": "low", "matmul": "float32", "exp": "keep"}``: changes to the policy, by names of ops.

    Examples
    --------
    >>> import workbench as wb
    >>> layer = wb.nn.Linear(4, 2)
    >>> with wb.autocast("cpu"):
    ...     y = layer(wb.ones(3, 4)); p = wb.nn.functional.softmax(y, -1)
    >>> y.dtype, p.dtype
    (dtype(bfloat16), dtype('float32'))
    >>> p[:, 0].sum().backward(); layer.weight.grad.dtype
    dtype('float32')
    """

    def __init__(self, device_type: str = "cpu", dtype: Any = None, enabled: bool = True, cache_enabled: bool = True, *,
                 policy: Mapping[str, str] | None = None) -> None:
        if device_type not in ("cpu", "cuda"):
            raise ArgumentError(f"autocast: device_type={device_type!r}; expected 'cpu' or 'cuda'")
        chosen = dtypes.as_dtype(dtype if dtype is not None else "bfloat16" if device_type == "cpu" else "float16")
        if chosen.kind not in "fV" or chosen.itemsize != 2:
            raise ArgumentError(f"autocast: dtype={chosen}; expected float16 or bfloat16")
        for name, where in (policy or {}).items():
            if name not in REGISTRY or where not in (LOW, FLOAT32, KEEP):
                raise ArgumentError(f"autocast: policy {name!r}: {where!r}; expected the name of an op (see wb.autocast's POLICY and docs/ops.md) "
                                    f"and one of '{LOW}', '{FLOAT32}', '{KEEP}'")
        self.dtype, self.enabled, self.cache_enabled = chosen, enabled, cache_enabled
        self.policy = {**POLICY, **(policy or {})}
        self._open: list[tuple[Any, contextlib.ExitStack]] = []

    def __enter__(self) -> autocast:
        before, stack = STATE.cast, contextlib.ExitStack()
        if not self.enabled:
            STATE.cast = None
        else:
            stack.enter_context(closed_fast_paths())
            cast = Casting(self.dtype, self.policy, self.cache_enabled)
            # inside another context of the same kind, what that has cast already serves on
            STATE.cast = before if before is not None and before.key == cast.key and before.keeps == cast.keeps else cast
        self._open.append((before, stack))
        return self

    def __exit__(self, *exc: object) -> None:
        before, stack = self._open.pop()
        STATE.cast = before
        stack.close()

    def __copy__(self) -> autocast:
        return autocast("cpu", self.dtype, self.enabled, self.cache_enabled, policy=self.policy)

    def __call__(self, function: Callable) -> Callable:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with copy.copy(self):  # threads may be in it at the same time
                return function(*args, **kwargs)

        return wrapped


def is_autocast_enabled() -> bool:
    """Is autocast at work in this thread just now?"""
    return STATE.cast is not None


class Precision:
    """How a trainer computes: a context for forward passes, and a scaler where the dtype needs one.

    Parameters
    ----------
    mode : {"32", "bf16", "16"}
    policy : dict, optional
        Changes to the policy of `autocast`.
    scaler : GradScaler, optional
        For "16"; one with PyTorch's settings by default.

    Examples
    --------
    >>> import workbench as wb
    >>> precision = wb.train.Precision("bf16", policy={"softmax": "keep"})
    >>> with precision:
    ...     (wb.ones(2, 2) @ wb.ones(2, 2)).dtype
    dtype(bfloat16)
    """

    _DTYPES = {"32": None, "bf16": "bfloat16", "16": "float16"}

    def __init__(self, mode: str = "32", *, policy: Mapping[str, str] | None = None, scaler: GradScaler | None = None) -> None:
        if mode not in self._DTYPES:
            raise ArgumentError(f"precision={mode!r}; expected {', '.join(map(repr, self._DTYPES))} or a Precision")
        if mode == "32" and (policy or scaler):
            raise ArgumentError("precision='32' casts nothing: a policy or a scaler would have no effect")
        self.mode, self.policy = mode, dict(policy or {})
        self.scaler = scaler or (GradScaler() if mode == "16" else None)
        self._context: Any = contextlib.nullcontext() if mode == "32" else autocast(dtype=self._DTYPES[mode], policy=policy)

    def __repr__(self) -> str:
        return f"Precision({self.mode!r}{f', policy={self.policy}' if self.policy else ''})"

    def overflowing(self) -> Any:
        """A context in which NumPy does not warn of overflow, where that is expected and dealt with."""
        return contextlib.nullcontext() if self.scaler is None else np.errstate(over="ignore", invalid="ignore")

    def __enter__(self) -> Precision:
        self._context.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._context.__exit__(*exc)
