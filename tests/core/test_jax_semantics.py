"""Our transformations have JAX's semantics: the programs of `jax_rows`, run in both, in float64.

Besides values, the trees that come back, their shapes and dtypes must agree.
"""
from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import workbench as wb
from tests.core.jax_rows import COMPLEX, CONTROL, CUSTOM, DOCUMENTED, FORWARD, GRAD, LINALG, RULES, VMAP, WHOLE, Row

jax = pytest.importorskip("jax", reason="the oracle needs jax")
pytestmark = pytest.mark.oracle
ROWS: list[Row] = [*GRAD, *RULES, *FORWARD, *WHOLE, *VMAP, *LINALG, *COMPLEX, *CUSTOM, *CONTROL, *DOCUMENTED]


class Names:
    """The functions of JAX as one namespace: `numpy` first, then its transformations and special functions."""

    def __getattr__(self, name: str) -> Any:
        for place in (jax.numpy, jax, jax.lax, jax.nn, jax.scipy.special):
            if hasattr(place, name):
                return getattr(place, name)
        raise AttributeError(name)


def leaves_to(function: Any, tree: Any) -> Any:
    """`function` on the arrays of nested dicts, tuples and lists; other leaves stay."""
    if isinstance(tree, dict):
        return {name: leaves_to(function, value) for name, value in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)(leaves_to(function, value) for value in tree)
    return function(tree) if isinstance(tree, (np.ndarray, np.generic, wb.Tensor, jax.Array)) else tree


def of_jax(row: Row) -> Any:
    with jax.enable_x64(True):
        return leaves_to(np.asarray, row.program(Names(), *leaves_to(jax.numpy.asarray, row.inputs)))


def of_ours(row: Row) -> Any:
    return leaves_to(lambda x: x.numpy(), row.program(wb, *leaves_to(wb.as_tensor, row.inputs)))


def assert_same(found: Any, wanted: Any, where: str = "result") -> None:
    assert type(found) is type(wanted), f"{where}: {type(found).__name__}, JAX has {type(wanted).__name__}"
    if isinstance(wanted, dict):
        assert set(found) == set(wanted), where
        for name in wanted:
            assert_same(found[name], wanted[name], f"{where}[{name!r}]")
    elif isinstance(wanted, (list, tuple)):
        assert len(found) == len(wanted), where
        for index, (a, b) in enumerate(zip(found, wanted, strict=True)):
            assert_same(a, b, f"{where}[{index}]")
    elif isinstance(wanted, np.ndarray):
        assert found.shape == wanted.shape, where
        assert found.dtype == wanted.dtype, where
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12, err_msg=where)
    else:
        assert found == wanted, where


@pytest.mark.parametrize("row", [row for row in ROWS if row.ours is None], ids=lambda row: row.name)
def test_a_program_means_what_it_means_in_jax(row):
    assert_same(of_ours(row), of_jax(row))


@pytest.mark.parametrize("row", [row for row in ROWS if row.ours is not None], ids=lambda row: row.name)
def test_where_ours_is_another_on_purpose(row):
    assert_same(of_ours(row), row.ours)
    with pytest.raises(AssertionError):
        assert_same(of_jax(row), row.ours)


def test_names_are_unique():
    assert len({row.name for row in ROWS}) == len(ROWS)
