"""Every row under jit: the program gives what eager mode gives, in value and dtype, and so do the programs of its derivatives."""
import numpy as np
import pytest

import workbench as wb
from tests.ops.support import active, rng_of
from workbench.core import tree
from workbench.core.errors import GraphError
from workbench.testing import optable
from workbench.testing.rows import floating, leaves, ours

pytestmark = pytest.mark.sweep

ROWS = [row for row in optable.ROWS if row.cases]
DIFFERENTIABLE = [row for row in ROWS if row.gradient]


def _on_arrays(row, case, args):
    """The row as a function of its arrays, all else fixed."""
    flat, structure = tree.flatten(args)
    places = [i for i, value in enumerate(flat) if isinstance(value, wb.Tensor)]

    def function(*parts):
        full = list(flat)
        for place, part in zip(places, parts, strict=True):
            full[place] = part
        return row.function(*structure.unflatten(full), **case.options)

    return function, [flat[i] for i in places]


def equal(found, wanted, what):
    assert len(found) == len(wanted), what
    for f, w in zip(found, wanted, strict=True):
        assert f.dtype == w.dtype, f"{what}: dtype {f.dtype}, eager gives {w.dtype}"
        np.testing.assert_allclose(f.numpy(), w.numpy(), rtol=1e-6, atol=1e-9, err_msg=what)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_values(row):
    for case in row.cases:
        function, inputs = _on_arrays(row, case, ours(case.arguments(rng_of(row, case))))
        wanted = leaves(function(*inputs))
        if not row.batched and inputs:
            with pytest.raises(GraphError):
                wb.jit(function)(*inputs)
            continue
        program = wb.jit(function)
        equal(leaves(program(*inputs)), wanted, f"{row}{case}")
        assert program.traces == 1
        equal(leaves(program(*inputs)), wanted, f"{row}{case}, second call")


@pytest.mark.parametrize("row", [row for row in DIFFERENTIABLE if row.batched], ids=str)
def test_gradients(row):
    for case in row.cases:
        args = ours(case.arguments(rng_of(row, case)))
        places = active(args, case)
        if not places:
            continue
        flat, structure = tree.flatten([args[i] for i in places])

        def loss(*parts, args=args, places=places, structure=structure, case=case):
            full = list(args)
            for place, part in zip(places, structure.unflatten(parts), strict=True):
                full[place] = part
            return sum((wb.sum(out * out) for out in floating(row.function(*full, **case.options))), wb.zeros((), dtype="float64"))

        gradient = wb.grad(loss, argnums=tuple(range(len(flat))))
        wanted = gradient(*flat)
        equal(wb.jit(gradient)(*flat), wanted, f"{row}{case}: jit of grad")
        equal(wb.grad(wb.jit(loss), argnums=tuple(range(len(flat))))(*flat), wanted, f"{row}{case}: grad of jit")
