"""Spiking neurons step by step; a spike is a step plus a smooth function minus itself, which torch differentiates."""
from __future__ import annotations

import math

import numpy as np
import torch

from tests.nn.cases import Inner
from tests.nn.formula import formula

SMOOTH = {
    "fast_sigmoid": lambda x, k=25.0: x / (1 + k * x.abs()), "atan": lambda x, k=2.0: torch.atan(math.pi / 2 * k * x) / math.pi,
    "sigmoid": lambda x, k=25.0: torch.sigmoid(k * x), "straight_through": lambda x, k=1.0: x,
}


def spike(x, kind):
    soft = SMOOTH[kind](x)
    return (x > 0).to(x.dtype) + soft - soft.detach()


def leaky(reset="subtract", kind="atan"):
    def step(w, current, mem=None):
        mem = torch.zeros_like(current) if mem is None else mem
        fired = (mem > w["threshold"]).to(mem.dtype)
        beta = w["beta"].clamp(0, 1)
        new = {"subtract": beta * mem + current - fired * w["threshold"], "zero": beta * (mem - fired * mem) + current, "none": beta * mem + current}[reset]
        return spike(new - w["threshold"], kind), new

    return step


def synaptic(reset="subtract"):
    def step(w, current, syn=None, mem=None):
        mem = torch.zeros_like(current) if mem is None else mem
        fired = (mem > w["threshold"]).to(mem.dtype)
        syn = w["alpha"].clamp(0, 1) * (0 if syn is None else syn) + current
        new = w["beta"].clamp(0, 1) * mem + syn
        new = {"subtract": new - fired * w["threshold"], "zero": torch.where(fired > 0, 0.0, new), "none": new}[reset]
        return spike(new - w["threshold"], "atan"), syn, new

    return step


def over_time(step, states):
    """A neuron along (L, N, features)."""
    def reference(w, x):
        w, state, outputs = {name.removeprefix("cells.0."): value for name, value in w.items()}, (None,) * states, []
        for now in x:
            out, *state = step(w, now, *state)
            outputs.append(out)
        return torch.stack(outputs), *state

    return reference


PAIR, THREE = [(4, 3)] * 2, [(4, 3)] * 3
RESETS = ("subtract", "zero", "none")
BETAS = np.array([0.2, 0.5, 0.95])
ROWS = [
    *[formula("Surrogate", lambda w, x, f=smooth, k=k: (x > 0).to(x.dtype) + f(x, k) - f(x, k).detach(), kind, k) for kind, smooth in SMOOTH.items()
      for k in ((1.0,) if kind == "straight_through" else (3.0, 25.0))],
    formula("Leaky", leaky(kind="atan"), 0.9, 0.4, spike_grad=Inner("Surrogate", ("atan", 2.0)), on=PAIR),
    formula("Leaky", leaky(), 0.9), *[formula("Leaky", leaky(reset), 0.9, 0.4, reset_mechanism=reset, on=PAIR) for reset in RESETS],
    *[formula("Leaky", leaky(kind=kind), 0.9, 0.4, spike_grad=kind, on=PAIR) for kind in SMOOTH],
    *[formula("Leaky", leaky(reset), BETAS, learn_beta=True, learn_threshold=True, reset_mechanism=reset, on=PAIR) for reset in RESETS],
    formula("Leaky", leaky(), 1.7, learn_beta=True, on=PAIR, label="-clipped"),
    formula("IF", leaky()), formula("IF", leaky("zero"), 0.3, reset_mechanism="zero", on=PAIR),
    formula("Synaptic", synaptic(), 0.8, 0.9), *[formula("Synaptic", synaptic(reset), 0.8, 0.9, 0.4, reset_mechanism=reset, on=THREE) for reset in RESETS],
    formula("Synaptic", synaptic(), BETAS, 0.9, learn_alpha=True, learn_beta=True, learn_threshold=True, on=THREE),
    formula("Recurrent", over_time(leaky(), 1), Inner("Leaky", (0.9, 0.5)), separate_output=True, on=[(12, 2, 3)]),
    formula("Recurrent", over_time(synaptic(), 2), Inner("Synaptic", (0.8, 0.9, 0.5)), separate_output=True, on=[(12, 2, 3)]),
]
