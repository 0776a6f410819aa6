"""Activations with an underscore write into their input and are PyTorch's, in value and gradient."""
from __future__ import annotations

import operator

import numpy as np
import pytest

import workbench as wb
from workbench import errors
from workbench.nn import functional as F

CALLS = {"nn.functional.relu_": (), "nn.functional.elu_": (0.7,), "nn.functional.celu_": (0.7,), "nn.functional.selu_": (),
         "nn.functional.hardtanh_": (-0.5, 0.8), "nn.functional.leaky_relu_": (0.2,), "nn.functional.rrelu_": (0.1, 0.3), "nn.functional.threshold_": (0.1, 7.0)}
X = np.random.default_rng(0).normal(size=(4, 5))


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "args"), CALLS.items(), ids=CALLS)
def test_values_and_gradients_are_those_of_torch(name, args):
    torch = pytest.importorskip("torch", reason="PyTorch is the judge: install the extra oracle")
    found = []
    for library, tensor in ((wb, wb.tensor), (torch, torch.tensor)):
        x = tensor(X, requires_grad=True)
        inner = x * 2
        out = operator.attrgetter(name)(library)(inner, *args)
        assert out is inner
        (out * tensor(X)).sum().backward()
        found.append((out.detach().numpy(), x.grad.numpy()))
    for mine, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-7)  # PyTorch keeps 1 / alpha of celu in float32


def test_they_write_into_the_memory_of_their_input():
    x = wb.tensor(X)
    view = x[0]
    F.hardtanh_(view, -0.1, 0.1)
    assert abs(x.numpy()[0]).max() <= 0.1
    assert np.array_equal(x.numpy()[1:], X[1:])


def test_a_leaf_that_requires_a_gradient_is_not_overwritten():
    with pytest.raises(errors.GraphError):
        F.relu_(wb.tensor(X, requires_grad=True))
