"""Mixture of experts token by token (Shazeer et al. 2017; Fedus et al. 2021): queues filled by first choices, then second ones."""
from __future__ import annotations

import math

import torch

from tests.nn.cases import Inner
from tests.nn.formula import formula


def router(k, normalize):
    def route(w, x, prefix=""):
        logits = x @ w[f"{prefix}gate.weight"].T
        probabilities = torch.exp(logits) / torch.exp(logits).sum(-1, keepdim=True)
        weights, experts = probabilities.sort(-1, descending=True)
        weights, experts = weights[:, :k], experts[:, :k]
        return logits, probabilities, experts, weights / weights.sum(-1, keepdim=True) if normalize else weights

    return route


def mixture(k, factor=None, normalize=None, shared=False):
    def reference(w, x):
        tokens = x.reshape(-1, x.shape[-1])
        count = len(w["router.gate.weight"])
        _, _, experts, weights = router(k, k > 1 if normalize is None else normalize)(w, tokens, "router.")
        capacity = math.inf if factor is None else math.ceil(factor * k * len(tokens) / count)
        linear = lambda name, token: token @ w[f"{name}.weight"].T + w[f"{name}.bias"]
        used = [0] * count
        out = [linear("shared_expert", token) if shared else 0.0 * linear("experts.0", token) for token in tokens]
        for choice in range(k):
            for number, token in enumerate(tokens):
                expert = int(experts[number, choice])
                if used[expert] < capacity:
                    used[expert] += 1
                    out[number] = out[number] + weights[number, choice] * linear(f"experts.{expert}", token)
        return torch.stack(out).reshape(*x.shape[:-1], -1)

    return reference


FOUR = [Inner("Linear", (6, 5))] * 4
ON = [(2, 7, 6)]
ROWS = [
    formula("TopKRouter", router(2, True), 6, 4, on=[(7, 6)]), formula("TopKRouter", router(1, False), 6, 4, 1, on=[(7, 6)]),
    formula("TopKRouter", router(3, False), 6, 4, 3, True, False, random=True, on=[(7, 6)]),
    *[formula("MixtureOfExperts", mixture(k), FOUR, 6, k, on=ON) for k in (1, 2, 4)],
    *[formula("MixtureOfExperts", mixture(k, factor), FOUR, 6, k, factor, on=ON) for k in (1, 2) for factor in (0.3, 1.0, 4.0)],
    formula("MixtureOfExperts", mixture(2, 0.7, False, True), FOUR, 6, capacity_factor=0.7, normalize=False, shared_expert=Inner("Linear", (6, 5)), on=ON),
]
