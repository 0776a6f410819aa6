"""Numbers of every dtype for the array API, and the comparison of one call with array-api-strict."""
from __future__ import annotations

import itertools

import array_api_strict as strict
import numpy as np

import workbench.array_api as xp
from workbench.core.tensor import Tensor

strict.set_array_api_strict_flags(api_version="2024.12")

KINDS = {
    "bool": ["bool"], "signed": ["int8", "int16", "int32", "int64"], "unsigned": ["uint8", "uint16", "uint32", "uint64"],
    "real floating": ["float32", "float64"], "complex": ["complex64", "complex128"],
}
KINDS["integral"] = KINDS["signed"] + KINDS["unsigned"]
KINDS["floating"] = KINDS["real floating"] + KINDS["complex"]
KINDS["real"] = KINDS["integral"] + KINDS["real floating"]
KINDS["numeric"] = KINDS["real"] + KINDS["complex"]
KINDS["bits"] = KINDS["bool"] + KINDS["integral"]
KINDS["any"] = KINDS["bool"] + KINDS["numeric"]
SHAPES = [(), (0,), (3,), (2, 3), (2, 1, 3)]
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 0.5, -2.5, 3.0, 2.0]


def numbers(dtype, shape, seed=0, low=-4, high=5):
    """Small numbers that any dtype holds, with zeros and repetitions among them."""
    random = np.random.default_rng([seed, *shape])
    if dtype == "bool":
        return np.asarray(random.integers(0, 2, shape), bool)
    values = random.integers(0 if dtype.startswith("u") else low, high, shape)
    if dtype.startswith(("i", "u")):
        return np.asarray(values, dtype)
    values = values + random.integers(0, 4, shape) / 4
    return np.asarray(values + 1j * random.integers(low, high, shape) if dtype.startswith("c") else values, dtype)


def special(dtype):
    """All pairs of special values, as two arrays."""
    pairs = np.array(list(itertools.product(SPECIAL, SPECIAL)))
    return np.asarray(pairs[:, 0], dtype), np.asarray(pairs[:, 1], dtype)


def agree(ours, theirs, exact=False):
    """The same structure, dtype, shape and numbers (NaN equals NaN, and the sign of zero counts)."""
    if isinstance(theirs, tuple | list):
        assert len(ours) == len(theirs)
        assert getattr(ours, "_fields", None) == getattr(theirs, "_fields", None)
        for one, other in zip(ours, theirs, strict=True):
            agree(one, other, exact)
        return
    if not isinstance(theirs, strict._array_object.Array):
        assert ours == getattr(theirs, "_np_dtype", theirs)
        return
    assert isinstance(ours, Tensor)
    wanted = np.asarray(theirs._array)
    assert str(ours.dtype) == str(wanted.dtype)
    assert tuple(ours.shape) == wanted.shape
    found = ours.numpy()
    if exact or wanted.dtype.kind not in "fc":
        np.testing.assert_array_equal(found, wanted)
    else:
        tolerance = 1e-5 if wanted.dtype.itemsize in (4, 8) and wanted.dtype != np.float64 else 1e-12
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


def converted(value, namespace):
    """`value` with its NumPy arrays as arrays of a namespace, and ``"dtype:name"`` as its dtype."""
    if isinstance(value, np.ndarray):
        return namespace.asarray(value)
    if isinstance(value, str) and value.startswith("dtype:"):
        return getattr(namespace, value[6:])
    if isinstance(value, list | tuple) and any(isinstance(item, np.ndarray) for item in value):
        return type(value)(converted(item, namespace) for item in value)
    return value


def compare(name, *args, exact=False, **options):
    """One call in both namespaces."""
    results = []
    for namespace in (xp, strict):
        function = namespace
        for part in name.split("."):
            function = getattr(function, part)
        results.append(function(*(converted(a, namespace) for a in args), **{k: converted(v, namespace) for k, v in options.items()}))
    agree(*results, exact=exact)
