"""What holds of every public layer and loss, whoever judges its numbers: a row, float32, copies, a readable repr."""
from __future__ import annotations

import copy
import pickle
from pathlib import Path

import numpy as np
import pytest

import workbench as wb
from workbench import nn
from workbench.nn.lazy import LazyModule

pytest.importorskip("torch", reason="the rows are written for a comparison with PyTorch: install the extra oracle")

from tests.nn import oracle
from tests.nn.cases import LAYERS, LOSSES, Case
from tests.nn.formula import made
from tests.nn.formulas import ROWS

pytestmark = pytest.mark.oracle

CONTAINERS = {"Module", "Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict", "Model", "GraphModel"}
ELSEWHERE = {"CTCLoss": "test_ctc.py", "SyncBatchNorm": "test_sync_batchnorm.py",
             **dict.fromkeys(("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"), "test_recurrent.py")}
"""What a row cannot say: alignments to enumerate, members of an axis, packed sequences."""
CLASSES = sorted(name for name in nn.__all__ if isinstance(getattr(nn, name), type) and issubclass(getattr(nn, name), nn.Module)
                 and name not in CONTAINERS and not issubclass(getattr(nn, name), LazyModule))  # those are rows of test_lazy.py
EXAMPLES = list({case.name: case for case in reversed([*LAYERS, *LOSSES, *ROWS])}.values())


def test_every_class_has_a_row():
    assert set(CLASSES) - {case.name for case in EXAMPLES} == set(ELSEWHERE)
    for name, file in ELSEWHERE.items():
        assert name in (Path(__file__).parent / file).read_text(encoding="utf-8"), f"{file} no longer checks {name}"


@pytest.mark.parametrize("case", EXAMPLES, ids=str)
def test_float32_stays_float32(case: Case):
    module = oracle.ours(case).float()
    tensors = [wb.tensor(a.astype(np.float32) if a.dtype.kind == "f" else a, requires_grad=wanted)
               for a, wanted in oracle.numbers(case)]
    call = {name: wb.tensor(v.astype(np.float32) if v.dtype.kind == "f" else v) if isinstance(v, np.ndarray) else v
            for name, v in case.call.items()}
    outputs = oracle.flat(module(*oracle.spread_out(case, tensors), **call))
    assert {part.dtype.name for part in outputs if part.dtype.kind == "f"} == {"float32"}
    if outputs[0].requires_grad:
        outputs[0].sum().backward()
    leaves = [*module.parameters(), *(t for t in tensors if t.requires_grad)]
    assert {leaf.grad.dtype.name for leaf in leaves if leaf.grad is not None} <= {"float32"}


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))],
                         ids=["deepcopy", "pickle"])
@pytest.mark.parametrize("case", EXAMPLES, ids=str)
def test_a_copy_computes_the_same_and_shares_nothing(case: Case, copied):
    module = made(case).eval()
    twin = copied(module)
    oracle.assert_same(oracle.results(case, twin, "ours"), oracle.results(case, module, "ours"), 0.0)
    assert [name for name, _ in twin.named_parameters()] == [name for name, _ in module.named_parameters()]
    for mine, other in zip(module.state_dict().values(), twin.state_dict().values(), strict=True):
        assert not np.shares_memory(mine.numpy(), other.numpy())


@pytest.mark.parametrize("case", EXAMPLES, ids=str)
def test_repr_names_class_and_settings(case: Case):
    assert repr(oracle.ours(case)).startswith(f"{case.name}(")
