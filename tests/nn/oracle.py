"""Both sides of a row: the same class of ours and of PyTorch's with the same weights, called with the same numbers."""
from __future__ import annotations

import functools
import warnings
from typing import Any

import numpy as np
import pytest

import workbench as wb
from tests.nn.cases import Case, Inner, Spread, Whole
from workbench import nn

torch = pytest.importorskip("torch",
                            reason="PyTorch is the judge of layers and losses: pip install neural-workbench[oracle]")


def numbers(case: Case, seed: int = 0) -> list[tuple[np.ndarray, bool]]:
    """The inputs of a row, each with whether a gradient is asked for."""
    rng = np.random.default_rng(seed)
    made = []
    for spec in case.inputs:
        if isinstance(spec, Whole):
            made.append((np.asarray(rng.integers(0, spec.high, spec.shape)), False))
        elif isinstance(spec, Spread):
            made.append((spec.draw(rng, spec.shape), not spec.constant))
        elif isinstance(spec, np.ndarray):
            made.append((spec, False))
        elif isinstance(spec, tuple):
            made.append((rng.normal(size=spec), True))
    return made


def spread_out(case: Case, tensors: list[Any]) -> list[Any]:
    """Arguments of the call: "same" in front of an input makes it query, key and value."""
    return tensors * 3 if any(isinstance(spec, str) and spec == "same" for spec in case.inputs) else tensors


def _made(case: Case, library: Any, array: Any) -> Any:
    layer = lambda: library.TransformerEncoderLayer(8, 2, 16, 0.0)
    special = {"layer": layer, "norm": lambda: library.LayerNorm(8), "silu": lambda: library.functional.silu,
               "decoder layer": lambda: library.TransformerDecoderLayer(8, 2, 16, 0.0)}

    def convert(value: Any) -> Any:
        if isinstance(value, Inner):
            return getattr(library, value.name)(*map(convert, value.args))
        if isinstance(value, list):
            return [convert(part) for part in value]
        return special[value]() if isinstance(value, str) and value in special else array(value) if isinstance(value, np.ndarray) else value

    return getattr(library, case.name)(*map(convert, case.args), **{k: convert(v) for k, v in case.settings.items()})


def ours(case: Case) -> Any:
    """The row's class of workbench."""
    return _made(case, nn, wb.tensor)


def theirs(case: Case) -> Any:
    """The row's class of PyTorch, with weights moved away from their special initial values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = _made(case, torch.nn, torch.tensor).double()
    torch.manual_seed(0)
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if value.is_floating_point() and not name.endswith(("weight_", "_samples")) and "weight" not in case.settings:
                value.copy_((value + 0.2 * torch.randn_like(value)).abs() if name.endswith("var")
                            else value + 0.2 * torch.randn_like(value))
    if case.name in ("Embedding", "EmbeddingBag") and module.padding_idx is not None:
        with torch.no_grad():
            module.weight[module.padding_idx] = 0
    return module


def pair(case: Case) -> tuple[Any, Any]:
    """Ours and PyTorch's in float64 with equal state."""
    reference = theirs(case)
    module = ours(case).double()
    module.load_state_dict({name: value.numpy() for name, value in reference.state_dict().items()})
    return module, reference


def flat(output: Any) -> list[Any]:
    """The tensors of an output."""
    if isinstance(output, (tuple, list)):
        return [part for item in output for part in flat(item)]
    return [] if output is None else [output]


def results(case: Case, module: Any, library: str, device: str = "cpu") -> dict[str, np.ndarray]:
    """Outputs, gradients of inputs and parameters, and buffers afterwards, by name; ours computed on a device."""
    tensor_of = functools.partial(wb.tensor, device=device) if library == "ours" else torch.tensor
    make = lambda array, wanted: tensor_of(array, requires_grad=wanted)
    tensors = [make(array, wanted) for array, wanted in numbers(case)]
    call = {name: make(value, False) if isinstance(value, np.ndarray) else value for name, value in case.call.items()}
    outputs = flat(module(*spread_out(case, tensors), **call))
    assert library != "ours" or all(part.device.startswith(device) for part in outputs)
    rng = np.random.default_rng(7)
    total = sum((part * make(rng.normal(size=tuple(part.shape)), False)).sum() for part in outputs)
    found = {f"output {i}": part.detach().numpy() for i, part in enumerate(outputs)}
    if total.requires_grad:
        total.backward()
    for i, tensor in enumerate(tensors):
        if tensor.requires_grad and tensor.grad is not None:
            found[f"gradient of input {i}"] = tensor.grad.numpy()
    found.update({f"gradient of {name}": p.grad.numpy() for name, p in module.named_parameters() if p.grad is not None})
    found.update({f"buffer {name}": b.detach().numpy() for name, b in module.named_buffers()})
    return found


def assert_same(mine: dict[str, np.ndarray], reference: dict[str, np.ndarray], tolerance: float) -> None:
    """Equal names and equal numbers."""
    assert mine.keys() == reference.keys()
    for name, wanted in reference.items():
        np.testing.assert_allclose(mine[name], wanted, rtol=tolerance, atol=tolerance, err_msg=name)
