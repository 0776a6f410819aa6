"""K-FAC's steps are those of a dense solve with the Kronecker product of the running factors."""
from __future__ import annotations

import copy

import numpy as np
import pytest

import workbench as wb
from workbench import errors, nn, optim
from workbench.nn import functional as F

rng = np.random.default_rng(2)
BATCHES = [(wb.tensor(rng.normal(size=(6, 4, 5, 5))), wb.tensor(rng.integers(0, 3, 6))) for _ in range(8)]


class Net(nn.Module):
    """A convolution in two groups, a norm that has no factors, and a linear layer without a bias."""

    def __init__(self) -> None:
        super().__init__()
        wb.manual_seed(3)
        self.conv = nn.Conv2d(4, 4, 3, groups=2, stride=2, dtype=wb.float64)
        self.norm = nn.LayerNorm(4, dtype=wb.float64)
        self.last = nn.Linear(4, 3, bias=False, dtype=wb.float64)

    def forward(self, x):
        return self.last(wb.tanh(self.norm(wb.tanh(self.conv(x)).mean((2, 3)))))


def walk(model: Net, optimizer: optim.Optimizer, steps: int = 8, reload_at: int | None = None, **options) -> np.ndarray:
    for step, (x, y) in enumerate(BATCHES[:steps]):
        if step == reload_at:
            state = copy.deepcopy(optimizer.state_dict())
            for handle in optimizer.handles:
                handle.remove()
            optimizer = optim.KFAC(model, **options)
            optimizer.load_state_dict(state)
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return np.concatenate([p.detach().numpy().ravel() for p in model.parameters()])


def natural(model: Net, x, y, kept: dict, options: dict) -> dict:
    """Gradients by name, those of layers turned by a dense solve of each block."""
    factors = nn.kfac_factors(model, F.cross_entropy, x, y)
    grads = {name: p.grad.numpy() for name, p in model.named_parameters()}
    product, turned = 0.0, dict(grads)
    for name, fresh in factors.items():
        A, G = (f.numpy().reshape(-1, *f.shape[-2:]) for f in fresh)
        decay = options["stat_decay"] if name in kept else 0.0
        A, G = kept[name] = tuple(decay * old + (1 - decay) * new for old, new in zip(kept.get(name, (0.0, 0.0)), (A, G), strict=True))
        weight, bias = grads[f"{name}.weight"], grads.get(f"{name}.bias")
        joint = weight.reshape(len(A), G.shape[-1], -1)
        joint = joint if bias is None else np.concatenate([joint, bias.reshape(len(A), -1, 1)], 2)
        blocks = [np.linalg.solve(np.kron(g, a) + options["damping"] * np.eye(len(a) * len(g)), m.ravel()).reshape(m.shape)
                  for a, g, m in zip(A, G, joint, strict=True)]
        product += (joint * blocks).sum()
        found = np.stack(blocks)
        turned[f"{name}.weight"] = (found if bias is None else found[..., :-1]).reshape(weight.shape)
        if bias is not None:
            turned[f"{name}.bias"] = found[..., -1].reshape(bias.shape)
    limit, scale = options["kl_clip"], 1.0
    if limit is not None:
        scale = min(1.0, np.sqrt(limit / (product * options["lr"] ** 2)))
    return {name: g * (scale if name.split(".")[0] in factors else 1.0) for name, g in turned.items()}


@pytest.mark.parametrize("options", [dict(lr=0.05, stat_decay=0.9, damping=0.1, kl_clip=None), dict(lr=0.5, stat_decay=0.5, damping=0.01, kl_clip=1e-3)], ids=str)
def test_steps_are_those_of_a_dense_solve(options) -> None:
    model = Net()
    parameters = {name: p.detach().numpy().copy() for name, p in model.named_parameters()}
    speed, kept = dict.fromkeys(parameters, 0.0), {}
    for x, y in BATCHES:
        model.zero_grad()
        F.cross_entropy(model(x), y).backward()
        turned = natural(model, x, y, kept, options)
        with wb.no_grad():
            for name, p in model.named_parameters():
                speed[name] = 0.9 * speed[name] + turned[name] + 0.1 * p.numpy()
                p -= wb.tensor(options["lr"] * speed[name])
    wanted = np.concatenate([p.detach().numpy().ravel() for p in model.parameters()])
    for reload_at in (None, 4):
        again, own = Net(), dict(options, weight_decay=0.1, inverse_every=1)
        found = walk(again, optim.KFAC(again, **own), reload_at=reload_at, **own)
        np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-10)


def test_gradients_are_left_as_they_were_and_factors_are_kept_for_some_steps() -> None:
    model = Net()
    optimizer = optim.KFAC(model, factor_every=2, inverse_every=3)
    seen = []
    for x, y in BATCHES[:4]:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        before = model.last.weight.grad.numpy().copy()
        optimizer.step()
        np.testing.assert_array_equal(model.last.weight.grad.numpy(), before)
        state = optimizer.state[model.last.weight]
        seen.append((state["A"].copy(), state["A_values"].copy()))
    same = [(np.array_equal(a[0], b[0]), np.array_equal(a[1], b[1])) for a, b in zip(seen, seen[1:], strict=False)]
    assert same == [(True, True), (False, True), (True, False)]


def test_it_resumes_exactly_between_two_looks_at_the_eigenvectors() -> None:
    options = dict(factor_every=2, inverse_every=3)
    straight, cut = Net(), Net()
    np.testing.assert_array_equal(walk(straight, optim.KFAC(straight, **options)), walk(cut, optim.KFAC(cut, **options), reload_at=4, **options))


def test_evaluation_is_not_watched() -> None:
    model = Net()
    optimizer = optim.KFAC(model)
    model.eval()
    F.cross_entropy(model(BATCHES[0][0]), BATCHES[0][1]).backward()
    optimizer.step()
    assert "A" not in optimizer.state[model.last.weight]


def test_wrong_uses_are_errors() -> None:
    with pytest.raises(errors.ArgumentError, match="Linear"):
        optim.KFAC(nn.LayerNorm(3))
    with pytest.raises(errors.ArgumentError, match="damping"):
        optim.KFAC(nn.Linear(2, 2), damping=0)
    optimizer = optim.KFAC(nn.Linear(2, 2))
    with pytest.raises(errors.TraceError, match="SOAP"):
        wb.jit(optimizer.step)()
