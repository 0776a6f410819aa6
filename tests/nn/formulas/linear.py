"""Linear, as the smallest example of a formula's row; and bags whose rows' gradients are scaled, where PyTorch's own miscounts."""
from __future__ import annotations

import numpy as np
import torch

from tests.nn.cases import Whole
from tests.nn.formula import formula

STARTS = np.array([0, 2, 6])


def bags(w, x, starts, reduce):
    rows = torch.nn.functional.embedding(x, w["weight"], scale_grad_by_freq=True)
    return torch.stack([reduce(part) for part in torch.tensor_split(rows, starts[1:])])


ROWS = [
    formula("Linear", lambda w, x: x @ w["weight"].T + w["bias"], 3, 5),
    *[formula("EmbeddingBag", lambda w, x, starts, reduce=reduce: bags(w, x, starts, reduce), 7, 4, mode=mode, scale_grad_by_freq=True,
              on=[Whole(4, (9,)), STARTS]) for mode, reduce in (("sum", lambda part: part.sum(0)), ("mean", lambda part: part.mean(0)))],
]
