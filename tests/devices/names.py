"""What CuPy has, as text: ``python -m tests.devices.names > tests/devices/cupy.txt`` where CuPy can be imported (no device is needed).

A line is a name and what it is: the parameters of a function, `ufunc`, `method` of its array, or `value`. Defaults are
written as 0, because only their being there matters.
"""
from __future__ import annotations

import importlib
import inspect
import types
from typing import Any

MODULES = ("cupy", "cupy.linalg", "cupy.fft", "cupy.lib.stride_tricks", "cupyx", "cupyx.scipy.special")
NOT_OURS = ("testing", "random", "polynomial", "array_api", "exceptions", "prof", "sparse", "typing", "show", "Poly", "poly")


def parameters(function: Any) -> str | None:
    """The parameters of a function, each default as 0."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    plain = [p.replace(annotation=p.empty, default=p.default if p.default is p.empty else 0) for p in signature.parameters.values()]
    return str(signature.replace(parameters=plain, return_annotation=signature.empty))


def described(value: Any) -> str:
    """What a name of CuPy stands for."""
    kind = type(value).__name__
    if kind in ("ufunc", "_GUFunc"):
        return "ufunc" if kind == "ufunc" else str(parameters(value))
    found = parameters(value) if isinstance(value, (types.FunctionType, types.BuiltinFunctionType)) or kind == "cython_function_or_method" else None
    return found or ("class" if isinstance(value, type) else "value")


def main() -> None:
    """Print every name."""
    import cupy

    print(f"# CuPy {cupy.__version__}")
    for module in MODULES:
        found = importlib.import_module(module)
        for name in sorted(set(dir(found)) - {"annotations"}):
            value = getattr(found, name)
            if not name.startswith("_") and not name.startswith(NOT_OURS) and not isinstance(value, types.ModuleType):
                print(f"{module}.{name} {described(value)}")
    for name in sorted(dir(cupy.ndarray)):
        if not name.startswith("_") or name.startswith("__") and not hasattr(object, name):
            print(f"cupy.ndarray.{name} method")


if __name__ == "__main__":
    main()
