"""Rows of the functions of `nn.functional` that PyTorch lacks: state-space models and what else layers are made of."""
from __future__ import annotations

from .rows import Draw, Row
from .table_spatial import KINKS, Functional, functional
from .table_structured import FLAT, apart, whole

SIGNAL, RATES, SELECTED = Draw((2, 4, 5)), Draw((4, 3), -2.0, -0.1), Draw((2, 3, 5))
STEPS = Draw((2, 4, 5), 0.05, 0.5)
GATED = {"return_last_state": True, "delta_softplus": True}

IMAGE, CHANNELS = Draw((2, 3, 4), away=(0.0,)), Draw((3,), 0.4, 1.5)
HALVES = "F.{}((h := x.chunk(2, k.get('dim', -1)))[0]) * h[1]"
LEARNED = {
    "swish": (1, "x * torch.sigmoid({y} * x)"), "snake": (1, "x + torch.sin({y} * x)**2 / {y}"),
    "pelu": (2, "torch.where(x > 0, {y} / {z} * x, {y} * torch.expm1(x / {z}))"),
    "acon": (3, "({y} - {z}) * x * torch.sigmoid({u} * ({y} - {z}) * x) + {z} * x"),
}


def _learned(name: str) -> Row:
    """One number for all, and one per channel."""
    count, formula = LEARNED[name]
    shaped = {letter: f"({letter}.reshape(-1, 1) if {letter}.numel() > 1 else {letter})" for letter in "yzu"}
    return functional(name, (IMAGE, *[Draw((1,), 0.4, 1.5)] * count), (IMAGE, *[CHANNELS] * count), torch=formula.format(**shaped))


ACTIVATIONS = (
    *(functional(name, (Draw((3, 4), away=(0.0,)),), (Draw((4, 3), away=(0.0,)), {"dim": 0}), torch=HALVES.format(gate))
      for name, gate in (("swiglu", "silu"), ("geglu", "gelu"), ("reglu", "relu"))),
    functional("maxout", (apart(3, 4), 2, 1), (apart(6, 4), 3, 0), torch="x.unflatten(z, (-1, y)).amax(z + 1)"),
    functional("squared_relu", (KINKS,), torch="F.relu(x)**2"), *map(_learned, LEARNED),
)

ROWS: tuple[Row, ...] = (
    functional("load_balancing_loss", (Draw((6, 4), 0.0, 1.0), whole(4, 6, 2)),
               torch="x.shape[1] * (F.one_hot(y.reshape(-1), x.shape[1]).to(x.dtype).mean(0) * x.mean(0)).sum()"),
    functional("router_z_loss", (Draw((6, 4)),), torch="torch.log(torch.exp(x).sum(-1)).square().mean()"),
    *ACTIVATIONS, Row("surrogate_spike", elsewhere="tests/nn/test_spiking.py"),
    Row("recurrence", elsewhere="tests/nn/test_recurrence.py"),
    functional("embedding", (Draw((2, 3), 0, 5, kind="i"), Draw((5, 4)))),
    Row("lookup_rows", elsewhere="tests/optim/test_sparse.py"),
    *(Functional(f"nn.functional.{name}_", elsewhere="tests/nn/test_inplace_activations.py", **FLAT)
      for name in ("relu", "elu", "celu", "selu", "hardtanh", "leaky_relu", "rrelu", "threshold")),
    *(Functional(f"nn.functional.{name}", elsewhere="tests/nn/test_dropouts.py", **FLAT)
      for name in ("variational_dropout", "gaussian_dropout", "gaussian_noise", "drop_block2d", "drop_block3d", "stochastic_depth")),
    functional("selective_scan", (SIGNAL, STEPS, RATES, SELECTED, SELECTED), (SIGNAL, STEPS, RATES, Draw((2, 2, 3, 5)), Draw((4, 3))),
               (SIGNAL, SIGNAL, RATES, SELECTED, SELECTED, Draw((4,)), SIGNAL, Draw((4,)), GATED),
               (Draw((1, 2, 67)), Draw((1, 2, 67), 0.05, 0.5), Draw((2, 1), -2.0, -0.1), Draw((1, 1, 67)), Draw((1, 1, 67))),
               torch=None, elsewhere="tests/nn/test_state_space.py", covers=("selective_scan_core",)),
)
