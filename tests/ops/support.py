"""Calling a row on both sides, and saying which call of which row went wrong."""
from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from workbench import vjp
from workbench.testing.rows import Case, Row, as_numpy, floating, leaves, ours, theirs


def rng_of(row: Row, case: Case) -> np.random.Generator:
    """Numbers that depend on the row and the call alone."""
    return np.random.default_rng(zlib.crc32(f"{row}{case}".encode()))


def call(row: Row, args: list[Any], case: Case) -> list[Any]:
    """The tensors that our function returns."""
    return leaves(row.function(*args, **case.options))


def compare(row: Row, case: Case, found: list[Any], wanted: list[Any], rtol: float, what: str, *, dtypes: bool = True) -> None:
    """Fail unless both lists of tensors hold the same numbers, shapes and dtypes."""
    assert len(found) == len(wanted), f"{row}{case}: {len(found)} {what}, PyTorch has {len(wanted)}"
    for a, b in zip(found, wanted, strict=True):
        a, b = as_numpy(a), as_numpy(b)
        assert a.shape == b.shape, f"{row}{case}: {what} of shape {a.shape}, PyTorch {b.shape}"
        if dtypes:
            assert a.dtype == b.dtype, f"{row}{case}: {what} of dtype {a.dtype}, PyTorch {b.dtype}"
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol, equal_nan=True, err_msg=f"{row}{case}: {what}")


def active(args: list[Any], case: Case) -> list[int]:
    """Positions of arguments (or of list arguments) that have gradients."""
    return [i for i in case.tracked if floating(args[i])]


def pulled(row: Row, case: Case, args: list[Any], cotangents: list[np.ndarray]) -> list[Any]:
    """Our gradients of the floating-point inputs for these cotangents, by `vjp`."""
    places = active(args, case)

    def chosen(*parts: Any) -> list[Any]:
        full = list(args)
        for place, part in zip(places, parts, strict=True):
            full[place] = part
        return floating(row.function(*full, **case.options))

    outputs, pullback = vjp(chosen, *(args[i] for i in places))
    return leaves(pullback([g.to(o.device) for g, o in zip(ours(cotangents), outputs, strict=True)]))


def pulled_by_torch(row: Row, case: Case, args: list[Any], cotangents: list[np.ndarray]) -> list[Any]:
    """PyTorch's gradients of the same inputs; an input that was not used counts as zero."""
    import torch

    inputs = [leaf for i in case.tracked for leaf in leaves(args[i]) if leaf.requires_grad]
    outputs = [out for out in leaves(row.reference(*args, **case.options)) if out.is_floating_point()]
    grads = torch.autograd.grad(outputs, inputs, theirs(cotangents), allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(inputs, grads, strict=True)]
