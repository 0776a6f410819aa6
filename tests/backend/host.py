"""Kernels of devices on the host: the text that CuPy would get as loops in C++, and a module that stands for CuPy."""
from __future__ import annotations

import ctypes
import subprocess
import types
from pathlib import Path
from typing import Any

import numpy as np

from workbench.backend import cuda
from workbench.backend.cuda import source


def parameters(text: str) -> list[tuple[str, str]]:
    """C types and names."""
    return [(source.TYPES[dtype], name) for dtype, name in (part.split() for part in text.split(", "))]


def on_host(written: Any) -> str:
    """A kernel as a loop in C++."""
    inputs, outputs = parameters(written.inputs), parameters(written.outputs)
    head = ", ".join([*(f"const {kind}* {name}_" for kind, name in inputs), *(f"{kind}* {name}_" for kind, name in outputs)])
    loads = " ".join([*(f"const {kind} {name} = {name}_[i];" for kind, name in inputs), *(f"{kind}& {name} = {name}_[i];" for kind, name in outputs)])
    return f'extern "C" void {written.name}(long n, {head}) {{ for (long i = 0; i < n; ++i) {{ {loads}\n{written.body}\n}} }}'


def on_device(written: Any) -> str:
    """A kernel as CUDA C, one element per thread."""
    return on_host(written).replace("void", "__global__ void", 1).replace(
        "for (long i = 0; i < n; ++i)", "const long i = blockIdx.x * (long)blockDim.x + threadIdx.x; if (i < n)")


def build(sources: list[Any], folder: Path) -> ctypes.CDLL:
    """The kernels as a library of the host."""
    header = Path(__file__).with_name("host.h").read_text(encoding="utf-8")
    text = "\n".join([header, source.prelude(), *dict.fromkeys(map(on_host, sources))])
    path = folder / f"{sources[0].name}.so"
    path.with_suffix(".cpp").write_text(text, encoding="utf-8")
    subprocess.run(["g++", "-std=c++17", "-O1", "-w", "-ffp-contract=off", "-shared", "-fPIC", path.with_suffix(".cpp"), "-o", path], check=True)
    return ctypes.CDLL(str(path))


def run(library: ctypes.CDLL, written: Any, *given: np.ndarray) -> None:
    """Compute a kernel on inputs and outputs."""
    getattr(library, written.name)(ctypes.c_long(given[0].size), *(ctypes.c_void_p(x.ctypes.data) for x in given))


def stand_in(folder: Path) -> tuple[types.ModuleType, type, list[Any]]:
    """A module like CuPy that computes with NumPy, its type of array, and the kernels that were made.

    Like CuPy it refuses NumPy's arrays, and its kernels take exactly the dtypes that they name.
    """
    made: list[Any] = []

    class Array(np.ndarray):
        def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = (), **options: Any) -> Any:
            plain = [_plain(x, Array) for x in inputs]
            result = getattr(ufunc, method)(*plain, **options, **({"out": tuple(x.view(np.ndarray) for x in out)} if out else {}))
            return out[0] if out else _up(result, Array)

        def __array_function__(self, function: Any, kinds: Any, args: Any, options: Any) -> Any:
            raise TypeError(f"numpy.{function.__name__} was called with an array of the device")

    Array.__module__ = "cupy"

    class ElementwiseKernel:
        def __init__(self, inputs: str, outputs: str, body: str, name: str, *, preamble: str) -> None:
            assert preamble == source.prelude()
            self.written, self.calls = cuda.Source(inputs, outputs, body, name), 0
            self.dtypes = [part.split()[0] for part in f"{inputs}, {outputs}".split(", ")]
            self.count, self.library = len(inputs.split(", ")), build([self.written], folder)
            made.append(self)

        def __call__(self, *args: Any) -> Any:
            self.calls += 1
            for arg, dtype in zip(args, self.dtypes, strict=False):
                assert isinstance(arg, (Array, bool, int, float, np.generic)), type(arg)
                assert not isinstance(arg, Array) or arg.dtype == dtype
            plain = [np.asarray(x, dtype).view(np.ndarray) for x, dtype in zip(args, self.dtypes, strict=False)]
            shape = np.broadcast_shapes(*(x.shape for x in plain))
            inputs = [np.ascontiguousarray(np.broadcast_to(x, shape)) for x in plain[: self.count]]
            outputs = [np.empty(shape, dtype) for dtype in self.dtypes[self.count:]]
            run(self.library, self.written, *inputs, *outputs)
            if len(args) == self.count:
                return outputs[0].view(Array)
            for target, value in zip(args[self.count:], outputs, strict=True):
                assert target.shape == value.shape
                target.view(np.ndarray)[...] = value
            return None

    module = types.ModuleType("cupy")
    module.ElementwiseKernel, module.ndarray = ElementwiseKernel, Array
    module.__getattr__ = lambda name: _through(getattr(np, name), Array)
    return module, Array, made


def _through(function: Any, kind: type) -> Any:
    """NumPy's function for arrays of the stand-in only."""
    if not callable(function) or isinstance(function, type):
        return function

    def called(*args: Any, **options: Any) -> Any:
        convert = function is np.asarray
        return _up(function(*(x if convert else _plain(x, kind) for x in args), **{k: _plain(v, kind) for k, v in options.items()}), kind)

    if isinstance(function, np.ufunc):
        called.reduce = _through(function.reduce, kind)  # type: ignore[attr-defined]
    return called


def _plain(value: Any, kind: type) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(part, kind) for part in value)
    if isinstance(value, kind):
        return value.view(np.ndarray)
    assert not isinstance(value, np.ndarray), "an array of NumPy among those of the device"
    return value


def _up(value: Any, kind: type) -> Any:
    if isinstance(value, tuple):
        return tuple(_up(part, kind) for part in value)
    return np.asarray(value).view(kind) if isinstance(value, (np.ndarray, np.generic)) else value

