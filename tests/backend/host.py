"""Kernels of devices on the host: the text that CuPy would get as loops in C++."""
from __future__ import annotations

import ctypes
import subprocess
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


class ElementwiseKernel:
    """CuPy's kernel of the same name, compiled for the host."""

    def __init__(self, folder: Path, inputs: str, outputs: str, body: str, name: str, *, preamble: str) -> None:
        assert preamble == source.prelude()
        self.written, self.calls = cuda.Source(inputs, outputs, body, name), 0
        self.dtypes = [part.split()[0] for part in f"{inputs}, {outputs}".split(", ")]
        self.count, self.library = len(inputs.split(", ")), build([self.written], folder)

    def __call__(self, *args: Any) -> Any:
        """The one output, or nothing where outputs are given."""
        self.calls += 1
        assert len(args) in (self.count, len(self.dtypes))
        plain = [np.asarray(x, dtype) for x, dtype in zip(args, self.dtypes, strict=False)]
        shape = np.broadcast_shapes(*(x.shape for x in plain))
        inputs = [np.ascontiguousarray(np.broadcast_to(x, shape)) for x in plain[: self.count]]
        outputs = [np.empty(shape, dtype) for dtype in self.dtypes[self.count:]]
        run(self.library, self.written, *inputs, *outputs)
        if len(args) == self.count:
            return outputs[0]
        for target, value in zip(args[self.count:], outputs, strict=True):
            assert target.shape == value.shape
            target[...] = value
        return None
