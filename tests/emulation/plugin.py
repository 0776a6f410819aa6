"""Real CuPy on a machine without CUDA: ``python -m pytest -p tests.emulation.plugin tests/devices``.

CuPy's own code runs, compiled and Python. What it calls is replaced: the runtime that is linked into it (its functions are
overwritten by jumps into `runtime.cpp`), the driver, the compiler (kernels become C++ for the host, see `cuda.h`), cuBLAS, and in
`libraries.py` what of cuSOLVER, cuFFT and Thrust is used. So what CuPy refuses, promotes and returns is CuPy's word, and numbers
are right; time, streams and the arithmetic of a GPU are not emulated.

Needs the wheel of CuPy 14 for CUDA 12 (x86-64 Linux) on the path, g++, nm, readelf, and CUDA's headers below CUDA_PATH.
"""
from __future__ import annotations

import ctypes
import hashlib
import importlib
import os
import re
import subprocess
import types
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BUILT = Path(os.environ.get("WB_EMULATION", Path.home() / ".cache" / "workbench-emulation"))
CUDA = Path(os.environ.setdefault("CUDA_PATH", "/usr/local/cuda"))
os.environ.setdefault("CUPY_CACHE_DIR", str(BUILT / "cupy"))
os.environ.setdefault("CUPY_ACCELERATORS", "")
LIBRARIES = ("cublas", "cusolver", "cusparse", "cufft", "curand")
JUMP = b"\xff\x25\x00\x00\x00\x00"
"""To the address that follows."""


def build(target: Path, *arguments: Any) -> Path:
    """A library of the host."""
    if not target.exists():
        subprocess.run(["g++", "-shared", "-fPIC", "-w", *map(str, arguments), f"-I{CUDA}/include", "-o", target, "-ldl"], check=True)
    return target


def lines(*command: Any) -> list[str]:
    """What a command prints."""
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True).stdout.splitlines()


def runtime() -> None:
    """Let the runtime inside of CuPy jump into ours."""
    ours = ctypes.CDLL(str(build(BUILT / "libcuda.so.1", "-O1", HERE / "runtime.cpp", "-Wl,-soname,libcuda.so.1")), ctypes.RTLD_GLOBAL)
    module = importlib.import_module("cupy_backends.cuda.api.runtime").__file__
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    base = next(int(line.split("-")[0], 16) for line in maps if line.endswith(module))
    protect = ctypes.CDLL(None).mprotect
    for line in lines("nm", module):
        found = re.match(r"(\w+) [tT] (cuda[A-Z]\w+)$", line)
        if found:
            place = base + int(found[1], 16)
            function = getattr(ours, f"emulated_{found[2]}", ours.emulated_default)
            protect(ctypes.c_void_p(place & ~0xFFF), ctypes.c_size_t(0x2000), 7)
            ctypes.memmove(place, JUMP + ctypes.cast(function, ctypes.c_void_p).value.to_bytes(8, "little"), 14)


def libraries() -> None:
    """Libraries with every function that CuPy's modules want; those that `blas.cpp` lacks fail."""
    folder = Path(importlib.import_module("cupy").__file__).parent.parent
    for name in LIBRARIES:
        module = next(iter([*folder.glob(f"cupy_backends/cuda/libs/{name}.*.so"), *folder.glob(f"cupy/cuda/{name}.*.so")]))
        wanted = sorted({line.split()[-1].split("@")[0] for line in lines("nm", "-D", module) if f" U {name}" in line})
        soname = next(re.search(r"\[(.*)\]", line)[1] for line in lines("readelf", "-d", module) if "NEEDED" in line and f"lib{name}." in line)
        own = (HERE / "blas.cpp").read_text(encoding="utf-8") if name == "cublas" else ""
        missing = BUILT / f"{name}.cpp"
        weak = "\n".join(f'extern "C" __attribute__((weak)) int {function}() {{ return 15; }}' for function in wanted)
        missing.write_text(weak, encoding="utf-8")
        (BUILT / f"{name}.map").write_text(f"{soname} {{ global: *; }};", encoding="utf-8")
        sources = [missing, *([HERE / "blas.cpp"] if own else [])]
        built = build(BUILT / soname, "-O2", *sources, f"-Wl,-soname,{soname}", f"-Wl,--version-script={BUILT / name}.map")
        ctypes.CDLL(str(built), ctypes.RTLD_GLOBAL)

    def load(name: str) -> Any:
        found = next(BUILT.glob(f"lib{name}.so*"), None)
        return types.SimpleNamespace(_handle_uint=0 if found is None else ctypes.CDLL(str(found), ctypes.RTLD_GLOBAL)._handle)

    importlib.import_module("cuda.pathfinder").load_nvidia_dynamic_lib = load


# The compiler ------------------------------------------------------------------------------------------------------------------
OPTIONS = ("-std=c++17", "-O0", "-fpermissive", "-ffp-contract=off")


def headers() -> list[str]:
    """Where CUDA's, CuPy's and our headers are."""
    include = Path(importlib.import_module("cupy").__file__).parent / "_core" / "include"
    return [f"-I{BUILT}", f"-I{HERE}", *(f"-I{include}/cupy/_cccl/{name}" for name in ("libcudacxx", "thrust", "cub")), f"-I{include}"]


def on_host(source: str, names: list[str] | tuple[str, ...] | None) -> tuple[str, dict[str, str]]:
    """CUDA C as C++ with an entry for every kernel, and the entries of those asked for by name."""
    kernels = re.findall(r"__global__\s+(?:void\s+)?(?:__launch_bounds__\([^)]*\)\s*)?(?:void\s+)?(\w+)\s*\(", source)
    asked = {name: f"asked{number}" for number, name in enumerate(names or ())}
    text = re.sub(r"__shared__((?:\s+\w+)+)\[\]", r"__shared__\1[65536]", source.replace("extern __shared__", "__shared__"))
    entries = asked or {name: name for name in kernels}
    calls = [f'extern "C" void emulated_{entry}(void** given) {{ emulated_call({name}, given); }}' for name, entry in entries.items()]
    fibrous = "true" if re.search("__syncthreads|__syncwarp", source) else "false"
    return "\n".join(['#include "cuda.h"', text, f'extern "C" {{ bool emulated_fibrous = {fibrous}; }}', *calls]), asked


def compiled(source: str, options: tuple[str, ...] = (), arch: Any = None, filename: str = "", name_expressions: Any = None, *rest: Any,
             **more: Any) -> tuple[bytes, dict[str, str]]:
    """In the place of NVRTC: the path of a library, which our driver loads."""
    text, asked = on_host(source, name_expressions)
    path = BUILT / "kernels" / f"{hashlib.sha256((text + version()).encode()).hexdigest()[:24]}.so"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.with_suffix(".cpp").write_text(text, encoding="utf-8")
        made = path.with_suffix(f".{os.getpid()}")
        build(made, *OPTIONS, *headers(), *(option for option in options if option.startswith("-D")), path.with_suffix(".cpp"))
        made.rename(path)
    return f"{path}\0".encode(), asked


def version() -> str:
    """What kernels that are kept depend on."""
    return (HERE / "cuda.h").read_text(encoding="utf-8")


def compiler() -> None:
    """Take the place of NVRTC; the headers are compiled once."""
    mark = hashlib.sha256(version().encode()).hexdigest()[:12]
    once = BUILT / f"cuda.h.gch-{mark}"
    if not once.exists():
        subprocess.run(["g++", "-x", "c++-header", "-w", "-fPIC", *OPTIONS, *headers()[1:], f"-I{CUDA}/include", HERE / "cuda.h", "-o", once], check=True)
        (BUILT / "cuda.h.gch").unlink(missing_ok=True)
        (BUILT / "cuda.h.gch").symlink_to(once)
    module = importlib.import_module("cupy.cuda.compiler")
    module._compile_using_nvrtc_no_warning = module.compile_using_nvrtc = compiled
    module._preprocess = lambda *args, **options: mark
    module._get_nvrtc_version = lambda: (12, 9)
    module._get_max_compute_capability = lambda: "90"


BUILT.mkdir(parents=True, exist_ok=True)
runtime()
libraries()
compiler()
importlib.import_module("tests.emulation.libraries")
