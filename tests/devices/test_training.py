"""What training is made of on a device: moves, random draws, hooks, mixed precision, files, transformations, and errors between devices."""
from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import workbench as wb
from tests.devices.support import same_on_both
from workbench import errors, nn, optim, train
from workbench.nn import functional as F

pytestmark = pytest.mark.sweep
X = np.random.default_rng(0).normal(size=(8, 4))


def at(device: str, values: Any = X, **options: Any) -> wb.Tensor:
    return wb.tensor(values, device=device, **options)


# Moves ---------------------------------------------------------------------------------------------------------------------------
def test_a_tensor_goes_there_and_back() -> None:
    x = wb.tensor(X)
    there = x.to("cuda")
    assert (there.device, there.dtype, there.shape) == ("cuda:0", x.dtype, x.shape)
    assert there.cuda() is there
    assert there.to("cuda:0") is there
    assert x.cpu() is x
    np.testing.assert_array_equal(there.cpu().numpy(), X)
    np.testing.assert_array_equal(there.numpy(), X)
    assert there.tolist() == X.tolist()
    assert there[0, 0].item() == X[0, 0]
    assert repr(there).startswith("tensor(")
    assert "cuda:0" in repr(there)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128"])
def test_every_dtype_goes_there_and_back(dtype: str) -> None:
    x = wb.tensor([0, 1, 2]).to(getattr(wb, dtype))
    there = x.cuda()
    assert there.dtype == x.dtype
    assert there.cpu().dtype == x.dtype
    same_on_both(lambda device: [(x.to(device) == x.to(device)), x.to(device).float().sum() if dtype == "bfloat16" else x.to(device).sum()])


def test_gradients_go_back_to_where_a_tensor_came_from() -> None:
    x = wb.tensor(X, requires_grad=True)
    (x.cuda() ** 2).sum().backward()
    assert x.grad.device == "cpu"
    np.testing.assert_array_equal(x.grad.numpy(), 2 * X)


def test_copies_and_pickles_stay_on_the_device() -> None:
    x = at("cuda")
    for twin in (copy.deepcopy(x), x.clone(), pickle.loads(pickle.dumps(x))):
        assert twin.device == "cuda:0"
        np.testing.assert_array_equal(twin.numpy(), X)


def test_a_module_moves_with_all_it_holds() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).cuda()
    assert {t.device for t in (*model.parameters(), *model.buffers())} == {"cuda:0"}
    assert all(p.is_leaf and p.requires_grad for p in model.parameters())
    assert {t.device for t in model.cpu().state_dict().values()} == {"cpu"}
    assert {t.device for t in model.to(wb.ones(1, device="cuda")).state_dict().values()} == {"cuda:0"}


# Errors --------------------------------------------------------------------------------------------------------------------------
MIXED: dict[str, Callable[[wb.Tensor, wb.Tensor], Any]] = {
    "add": lambda here, there: here + there, "turned": lambda here, there: there * here, "matmul": lambda here, there: there @ here,
    "linear": lambda here, there: F.linear(there, here), "concat": lambda here, there: wb.cat([here, there]),
    "where": lambda here, there: wb.where(there > 0, there, here), "in place": lambda here, there: there.add_(here),
    "cross entropy": lambda here, there: F.cross_entropy(there, here), "einsum": lambda here, there: wb.einsum("ij,ij", here, there),
    "numpy": lambda here, there: there + here.numpy(), "jit": lambda here, there: wb.jit(lambda x, y: wb.tanh(x) * y)(here, there),
    "backward": lambda here, there: (there.detach().requires_grad_() * 2).backward(here),
    "vjp": lambda here, there: wb.vjp(wb.tanh, there)[1](here), "jvp": lambda here, there: wb.jvp(wb.tanh, (there,), (here,)),
    "grad": lambda here, there: setattr(there.detach().requires_grad_(), "grad", here),
    "layer": lambda here, there: nn.Linear(4, 2).double()(there), "attention": lambda here, there: F.scaled_dot_product_attention(there, here, here),
}


@pytest.mark.parametrize("name", MIXED)
def test_tensors_of_two_devices_are_an_error_that_names_both(name: str) -> None:
    here, there = wb.ones(4, 4, dtype=wb.float64), wb.ones(4, 4, dtype=wb.float64, device="cuda")
    with pytest.raises(errors.DeviceError, match=r"cpu.*cuda:0|cuda:0.*cpu"):
        MIXED[name](here, there)


@pytest.mark.parametrize("device", ["cuda:99", "cuda:x", "cudax", "tpu"])
def test_a_device_that_is_not_there(device: str) -> None:
    with pytest.raises(errors.WorkbenchError, match=device):
        wb.ones(2).to(device)


# Random numbers --------------------------------------------------------------------------------------------------------------------
DRAWS: dict[str, Callable[[str], Any]] = {
    "rand": lambda device: wb.rand(3, 4, device=device), "randn": lambda device: wb.randn(3, 4, device=device),
    "randint": lambda device: wb.randint(0, 9, (5,), device=device), "randperm": lambda device: wb.randperm(6, device=device),
    "bernoulli": lambda device: wb.bernoulli(at(device, [0.2, 0.8, 0.5])),
    "multinomial": lambda device: wb.multinomial(at(device, [0.2, 0.5, 0.3]), 5, True),
    "dropout": lambda device: F.dropout(at(device), 0.4), "rand_like": lambda device: wb.rand_like(at(device)),
    "normal_": lambda device: at(device).normal_(), "init": lambda device: nn.init.orthogonal_(at(device)),
}


@pytest.mark.parametrize("name", DRAWS)
def test_the_same_seed_draws_the_same_numbers(name: str) -> None:
    same_on_both(DRAWS[name])


# Transformations -------------------------------------------------------------------------------------------------------------------
def body(x: wb.Tensor) -> wb.Tensor:
    return (wb.tanh(x @ x.T) * wb.softmax(x, -1).sum()).logsumexp(-1).sum()


TRANSFORMED: dict[str, Callable[[wb.Tensor], Any]] = {
    "grad": wb.grad(body), "second": wb.grad(lambda x: (wb.grad(body)(x) ** 2).sum()), "jit": wb.jit(wb.grad(body)),
    "vmap": wb.vmap(lambda row: wb.tanh(row).sum() * row), "hvp": lambda x: wb.jvp(wb.grad(body), (x,), (wb.ones_like(x),)),
    "jacobian": wb.jacrev(lambda x: wb.tanh(x).sum(0)), "forward": wb.jacfwd(lambda x: wb.tanh(x).sum(0)),
    "per sample": wb.vmap(wb.grad(lambda row: (row ** 3).sum())), "checkpoint": wb.grad(wb.checkpoint(body)),
    "scan": lambda x: wb.scan(lambda carry, row: (carry * 0.5 + row, carry), wb.zeros_like(x[0]), x),
    "cond": lambda x: wb.cond(x.sum() > 0, lambda x: x * 2, lambda x: x - 1, x),
    "filled": wb.jit(lambda x: (wb.zeros_like(x), wb.ones_like(x) * 2, x + wb.zeros_like(x))),
    "vmap of jit": wb.vmap(wb.jit(lambda row: row.cumsum(0).max())),
}


@pytest.mark.parametrize("name", TRANSFORMED)
def test_transformations_are_the_hosts(name: str) -> None:
    same_on_both(lambda device: TRANSFORMED[name](at(device)), 1e-9)


def test_writes_into_views() -> None:
    def written(device: str) -> list[wb.Tensor]:
        x = at(device, requires_grad=True)
        y = x * 1
        y[1:3, 0] = 5
        y[:, 2].mul_(3)
        y[wb.tensor([0, 0, 5], device=device)] += 1
        y[y > 2] = 0.5
        (y ** 2).sum().backward()
        return [y, x.grad]

    same_on_both(written)


@pytest.mark.parametrize("value", [wb.ones(2), np.ones(2), [1.0, 1.0], 1.0], ids=["tensor", "array", "list", "number"])
@pytest.mark.parametrize("index", [slice(0, 2), [0, 1]], ids=["slice", "list"])
def test_what_is_written_may_come_from_the_host(index: Any, value: Any) -> None:
    x, y = wb.zeros(3, device="cuda"), wb.zeros(3)
    x[index] = value
    assert x.tolist() == [1.0, 1.0, 0.0]
    y[index] = wb.ones(2, device="cuda")
    assert y.tolist() == x.tolist()
    assert y.copy_(x * 2).tolist() == x.copy_(wb.tensor([2.0, 2.0, 0.0])).tolist()
    assert (x.device, y.device) == ("cuda:0", "cpu")


# Training --------------------------------------------------------------------------------------------------------------------------
class Network(nn.Module):
    """A bit of everything."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        self.memory = nn.GRU(3, 4, batch_first=True)
        self.attention = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.2, batch_first=True)
        self.head = nn.Linear(4, 3)

    def forward(self, x: wb.Tensor) -> wb.Tensor:
        rows = self.body(x).reshape(len(x), -1, 3)
        return self.head(self.attention(self.memory(rows)[0]).mean(1))


IMAGES, CLASSES = np.random.default_rng(0).normal(size=(12, 1, 4, 4)).astype(np.float32), np.arange(12) % 3


def loader() -> Any:
    return wb.data.DataLoader(wb.data.TensorDataset(wb.tensor(IMAGES), wb.tensor(CLASSES)), batch_size=4)


@pytest.mark.parametrize("options", [{}, dict(precision="bf16"), dict(precision="16"), dict(max_grad_norm=0.1, accumulate=2)], ids=str)
def test_a_trainer_learns_the_same(options: dict) -> None:
    def learned(device: str) -> list[Any]:
        model = Network().to(device)
        trainer = train.Trainer(model, "cross_entropy", optim.SGD(model.parameters(), lr=0.1), **options)
        run = trainer.fit(loader(), epochs=2, progress=False)
        return [*model.parameters(), float(run.history.last("loss"))]

    same_on_both(learned, 2e-2 if options.get("precision") else 2e-4)


def test_a_scaled_step_in_float16() -> None:
    def stepped(device: str) -> list[Any]:
        model = nn.Linear(4, 3).to(device)
        optimizer, scaler = optim.SGD(model.parameters(), lr=0.1), train.GradScaler(init_scale=2.0 ** 8)
        for scale in (1.0, 1e30, 1.0):
            optimizer.zero_grad()
            with wb.autocast("cuda"):
                loss = F.cross_entropy(model(at(device, X.astype(np.float32) * scale)), at(device, np.arange(8) % 3))
            scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            optim.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
        return [*model.parameters(), scaler.get_scale()]

    same_on_both(stepped, 2e-3)


def test_files_hold_what_a_device_held(tmp_path: Path) -> None:
    model = Network().cuda()
    wb.save(model.state_dict(), tmp_path / "model.wb")
    here, there = Network(), Network().cuda()
    for other in (here, there):
        other.load_state_dict(wb.load(tmp_path / "model.wb"))
    for a, b, c in zip(model.parameters(), here.parameters(), there.parameters(), strict=True):
        assert (b.device, c.device) == ("cpu", "cuda:0")
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
        np.testing.assert_array_equal(a.detach().numpy(), c.detach().numpy())


@pytest.mark.parametrize("keep", [wb.autograd.save_on_cpu, lambda: wb.autograd.save_on_cpu(pin_memory=True), wb.autograd.save_on_disk],
                         ids=["cpu", "pinned", "disk"])
def test_saved_values_wait_elsewhere(keep: Callable[[], Any]) -> None:
    def pulled(device: str) -> wb.Tensor:
        x = at(device, requires_grad=True)
        with keep():
            y = (wb.tanh(x) * x).sum()
        y.backward()
        return x.grad

    same_on_both(pulled)


def test_an_anomaly_is_found_on_the_device() -> None:
    x = at("cuda", [0.0, 1.0], requires_grad=True)
    with pytest.raises(errors.WorkbenchError, match="sqrt"), wb.autograd.detect_anomaly():
        wb.sqrt(x * 0).sum().backward()


# wb.cuda ---------------------------------------------------------------------------------------------------------------------------
def test_streams_events_and_memory() -> None:
    assert wb.cuda.is_available()
    assert wb.cuda.device_count() >= 1
    first, second, mark = wb.cuda.Stream(), wb.cuda.Stream(), wb.cuda.Event(enable_timing=True)
    with first:
        y = at("cuda") * 2
        mark.record(first)
    second.wait_stream(first)
    second.wait_event(mark)
    end = second.record_event(wb.cuda.Event(enable_timing=True))
    end.synchronize()
    assert end.query()
    assert mark.elapsed_time(end) >= 0
    wb.cuda.synchronize()
    np.testing.assert_array_equal(y.numpy(), X * 2)
    assert set(wb.cuda.memory_stats()) == {"used", "free", "total", "pinned_free_blocks"}
    assert wb.cuda.memory_allocated() <= wb.cuda.memory_reserved()
    wb.cuda.set_memory_limit(0)
    wb.cuda.empty_cache()
    with wb.cuda.unified_memory():
        assert wb.ones(2, device="cuda").sum().item() == 2
    pinned = wb.cuda.pin_memory(wb.arange(3))
    assert (pinned.device, pinned.tolist()) == ("cpu", [0, 1, 2])
    with pytest.raises(errors.DeviceError, match="cuda:0"):
        wb.cuda.pin_memory(at("cuda"))



# Several devices -------------------------------------------------------------------------------------------------------------------
@pytest.fixture
def second() -> str:
    """Another device."""
    if wb.cuda.device_count() < 2:
        pytest.skip("needs two CUDA devices")
    return "cuda:1"


def test_what_is_computed_stays_on_its_device(second: str) -> None:
    x = at(second, requires_grad=True)
    y = wb.tanh(x) @ x.T + x.sum() * 2
    loss = wb.logsumexp(y, -1).mean() + (x * x).mean() + F.gelu(x).sum()
    loss.backward()
    assert {t.device for t in (y, loss, x.grad, wb.zeros_like(x), x.clone(), x[1:].contiguous())} == {second}
    same = at("cpu", requires_grad=True)
    y = wb.tanh(same) @ same.T + same.sum() * 2
    (wb.logsumexp(y, -1).mean() + (same * same).mean() + F.gelu(same).sum()).backward()
    np.testing.assert_allclose(x.grad.numpy(), same.grad.numpy(), rtol=1e-9)


def test_a_model_over_two_devices_learns_what_one_would(second: str) -> None:
    def learned(devices: tuple[str, str]) -> list[np.ndarray]:
        wb.manual_seed(0)
        first, last = nn.Linear(4, 5).double().to(devices[0]), nn.Linear(5, 1).double().to(devices[1])
        optimizer = optim.Adam([*first.parameters(), *last.parameters()], lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            hidden = wb.tanh(first(at(devices[0])))
            (last(hidden.to(devices[1])) ** 2).mean().backward()
            optimizer.step()
        assert [p.device for p in (first.weight, last.weight)] == list(devices)
        assert [p.grad.device for p in (first.weight, last.weight)] == list(devices)
        return [p.detach().numpy() for p in (*first.parameters(), *last.parameters())]

    for a, b in zip(learned(("cuda:0", second)), learned(("cpu", "cpu")), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)


@pytest.mark.parametrize("name", [name for name in MIXED if name != "numpy"])
def test_two_cuda_devices_do_not_mix(name: str, second: str) -> None:
    first, other = wb.ones(4, 4, dtype=wb.float64, device="cuda"), wb.ones(4, 4, dtype=wb.float64, device=second)
    with pytest.raises(errors.DeviceError, match="cuda:[01].*(cuda:[01]|cpu)|cpu.*cuda:1"):
        MIXED[name](first, other)
