"""Limits on gradients are PyTorch's or the papers', eager and inside jit; reports name the parameter that broke first."""
from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from workbench import errors, nn, optim

SHAPES = [(3, 2), (4,), (), (2, 3, 2, 2)]


def gradients(seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) * 3 for shape in SHAPES]


def fed(arrays: list[np.ndarray]) -> list[wb.Tensor]:
    parameters = [wb.tensor(np.asarray(w), requires_grad=True) for w in gradients(1)]
    for p, g in zip(parameters, arrays, strict=True):
        p.grad = wb.tensor(np.asarray(g))
    return parameters


def of_torch(arrays: list[np.ndarray]) -> tuple:
    torch = pytest.importorskip("torch", reason="the comparison needs PyTorch")
    parameters = [torch.zeros(g.shape, dtype=torch.float64, requires_grad=True) for g in map(np.asarray, arrays)]
    for p, g in zip(parameters, arrays, strict=True):
        p.grad = torch.tensor(g)
    return torch, parameters


@pytest.mark.oracle
@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.5, float("inf")])
@pytest.mark.parametrize("max_norm", [0.7, 1e3])
def test_the_norm_of_clipped_gradients_is_pytorchs(norm_type, max_norm) -> None:
    ours = fed(gradients())
    torch, theirs = of_torch(gradients())
    total = optim.get_total_norm([p.grad for p in ours], norm_type)
    assert total.item() == pytest.approx(torch.nn.utils.get_total_norm([p.grad for p in theirs], norm_type).item(), rel=1e-12)
    found = optim.clip_grad_norm_(ours, max_norm, norm_type, foreach=True)
    assert found.item() == pytest.approx(torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type).item(), rel=1e-12)
    again, theirs_again = fed(gradients()), of_torch(gradients())[1]
    optim.clip_grads_with_norm_(again, max_norm, total)
    torch.nn.utils.clip_grads_with_norm_(theirs_again, max_norm, torch.tensor(total.item()))
    for p, q, r, s in zip(ours, theirs, again, theirs_again, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-9)
        np.testing.assert_allclose(r.grad.numpy(), s.grad.numpy(), rtol=1e-6)


@pytest.mark.oracle
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_broken_norm_breaks_all_gradients_as_in_pytorch_or_is_an_error(bad) -> None:
    arrays = gradients()
    arrays[0][1, 0] = bad
    ours = fed(arrays)
    with pytest.raises(errors.GraphError, match="check_gradients"):
        optim.clip_grad_norm_(ours, 1.0, error_if_nonfinite=True)
    np.testing.assert_array_equal(ours[1].grad.numpy(), arrays[1])
    torch, theirs = of_torch(arrays)
    optim.clip_grad_norm_(ours, 1.0)
    torch.nn.utils.clip_grad_norm_(theirs, 1.0)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(p.grad.numpy(), q.grad.numpy())


@pytest.mark.oracle
@pytest.mark.parametrize("norm_type", [2.0, 3.0])
def test_large_gradients_in_half_precision_have_a_norm(norm_type) -> None:
    """The square of 300 is beyond float16."""
    torch = pytest.importorskip("torch", reason="the comparison needs PyTorch")
    found = []
    for library, clip in ((wb, optim.clip_grad_norm_), (torch, torch.nn.utils.clip_grad_norm_)):
        p = library.zeros(3, dtype=library.float16, requires_grad=True)
        p.grad = library.tensor([300.0, -400.0, 0.5], dtype=library.float16)
        found.append([clip([p], 5.0, norm_type).item(), *p.grad.tolist()])
    np.testing.assert_allclose(*found, rtol=2e-3)


def test_without_gradients_there_is_nothing_to_clip() -> None:
    p = wb.nn.Parameter(wb.ones(2))
    assert optim.clip_grad_norm_([p], 0.0).item() == 0
    assert optim.clip_grad_norm_([], 1.0).item() == 0
    optim.clip_grad_value_([p], 1.0)
    assert p.grad is None


@pytest.mark.oracle
def test_values_are_clipped_as_in_pytorch() -> None:
    ours = fed(gradients())
    torch, theirs = of_torch(gradients())
    optim.clip_grad_value_(ours, 0.5)
    torch.nn.utils.clip_grad_value_(theirs, 0.5)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(p.grad.numpy(), q.grad.numpy())


def adaptive(w: np.ndarray, g: np.ndarray, factor: float, eps: float) -> np.ndarray:
    """Unit by unit, as the paper has it."""
    if w.ndim <= 1:
        most, size = factor * max(np.linalg.norm(w.ravel()), eps), np.linalg.norm(g.ravel())
        return g * most / size if size > most else g
    return np.stack([adaptive(a.ravel(), b.ravel(), factor, eps).reshape(a.shape) for a, b in zip(w, g, strict=True)])


@pytest.mark.parametrize(("factor", "eps"), [(0.01, 1e-3), (0.5, 1e-3), (0.3, 5.0)])
def test_adaptive_clipping_is_the_papers(factor, eps) -> None:
    ours = fed(gradients())
    optim.adaptive_clip_grad_(ours, factor, eps)
    for p, w, g in zip(ours, gradients(1), gradients(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), adaptive(np.asarray(w), np.asarray(g), factor, eps), rtol=1e-12)


def test_each_layer_is_clipped_by_itself() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 1, bias=False), nn.Tanh()))
    for p, value in zip(model.parameters(), (3.0, 4.0, 0.1), strict=True):
        p.grad = wb.ones(p.shape) * value
    norms = optim.clip_grad_norm_per_layer_(model, 1.0)
    assert norms["0"].item() == pytest.approx((6 * 9 + 3 * 16) ** 0.5)
    assert norms["1.0"].item() == pytest.approx(0.03**0.5)
    assert sum((p.grad**2).sum().item() for p in model[0].parameters()) == pytest.approx(1.0, rel=1e-5)
    assert model[1][0].weight.grad[0, 0].item() == pytest.approx(0.1)


CLIPS = {
    "norm": lambda ps: optim.clip_grad_norm_(ps, 0.5), "value": lambda ps: optim.clip_grad_value_(ps, 0.2),
    "adaptive": lambda ps: optim.adaptive_clip_grad_(ps, 0.1),
    "known norm": lambda ps: optim.clip_grads_with_norm_(ps, 0.5, optim.get_total_norm([p.grad for p in ps])),
}


@pytest.mark.parametrize("kind", CLIPS)
def test_inside_jit_it_is_the_same(kind) -> None:
    found = []
    for wrap in (lambda f: f, wb.jit):
        parameters = [wb.tensor(np.asarray(w), requires_grad=True) for w in gradients(1)]
        optimizer = optim.SGD(parameters, lr=0.1, momentum=0.9)

        def step(x, parameters=parameters, optimizer=optimizer):
            optimizer.zero_grad()
            sum((p * p * x).sum() for p in parameters).backward()
            CLIPS[kind](parameters)
            optimizer.step()

        step = wrap(step)
        for number in range(5):
            step(wb.tensor(float(number), dtype="float64"))
        found.append([p.detach().numpy() for p in parameters])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


def test_noise_fades_with_the_steps_and_is_drawn_anew_inside_jit() -> None:
    p = wb.zeros(4000, requires_grad=True)

    def noise(step):
        p.grad = wb.zeros(4000)
        optim.add_gradient_noise_([p], step, eta=0.3, gamma=0.55)
        return p.grad

    for run in (noise, wb.jit(noise)):
        wb.manual_seed(0)
        first, second, late = (run(wb.tensor(float(n))).numpy().copy() for n in (0, 0, 100))
        assert first.std() == pytest.approx(0.3**0.5, rel=0.05)
        assert late.std() == pytest.approx((0.3 / 101**0.55) ** 0.5, rel=0.05)
        assert abs(np.corrcoef(first, second)[0, 1]) < 0.1
    with pytest.raises(errors.ArgumentError, match="eta"):
        optim.add_gradient_noise_([p], 0, eta=-1)


def model_with(bad: dict[str, float]) -> nn.Module:
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    for name, p in model.named_parameters():
        p.grad = wb.ones(p.shape)
        if name in bad:
            p.grad[..., -1] = bad[name]
    return model


def test_the_report_names_the_gradient_that_backward_met_first() -> None:
    report = optim.check_gradients(model_with({"0.weight": np.nan, "1.weight": -np.inf}))
    assert not report.ok
    assert report.first.name == "1.weight"
    assert (report.first.infs, report.first.nans, report.first.index) == (1, 0, (0, 2))
    assert {row.name: row.nans for row in report.rows} == {"0.weight": 3, "0.bias": 0, "1.weight": 0, "1.bias": 0}
    assert report.rows[0].norm == pytest.approx(3**0.5)
    assert "met 1.weight first" in repr(report)
    assert "<b" not in repr(report)
    assert "1.weight" in report._repr_html_()
    with pytest.raises(errors.AnomalyError, match="1.weight") as caught:
        report.raise_if_broken()
    assert (caught.value.kind, caught.value.phase, caught.value.index) == ("Inf", "backward", (0, 2))


def test_finite_and_missing_gradients_are_no_anomaly() -> None:
    model = model_with({})
    model[1].bias.grad = None
    report = optim.check_gradients(model.named_parameters(), error=True)
    assert report.ok
    assert "all finite" in repr(report)
    assert "none" in repr(report)
    report.raise_if_broken()
    with pytest.raises(errors.AnomalyError, match="0.bias"):
        optim.check_gradients(model_with({"0.bias": np.nan}), error=True)
    with pytest.raises(errors.TraceError, match="jit"):
        wb.jit(lambda: optim.check_gradients(model))()


def test_kernels_and_the_general_road_clip_alike(monkeypatch) -> None:
    """Transposed gradients, several dtypes and machines without LLVM go the general road."""
    found = []
    for road in ("kernel", "transposed", "no llvm"):
        arrays = [g.astype("float32") for g in map(np.asarray, gradients())]
        parameters = [wb.nn.Parameter(wb.zeros(g.shape)) for g in arrays]
        for p, g in zip(parameters, arrays, strict=True):
            p.grad = wb.Tensor(np.array(g, order="F" if road == "transposed" else "C"))
        if road == "no llvm":
            monkeypatch.setattr(optim.many.cpu, "available", lambda: False)
        norm = optim.clip_grad_norm_(parameters, 0.7)
        assert norm.dtype == np.float32
        found.append([norm.item(), *(p.grad.numpy() for p in parameters)])
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)


def test_clipping_is_noted_in_the_write_log() -> None:
    p = wb.nn.Parameter(wb.ones(3))
    p.grad = wb.ones(3) * 10
    saved = p.grad
    x = wb.ones(3, requires_grad=True)
    loss = (saved * x).sum()
    optim.clip_grad_norm_([p], 1.0)
    with pytest.raises(errors.GraphError, match="overwritten"):
        loss.backward()
