"""From a loop to machine code, and a cache of it on disk: keyed by the loop, this code, and the processor.

A file holds a checksum and an object file, is written under another name and renamed, and one that does not fit its
checksum is made again.
"""
from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding as llvm

from . import expression, loops, plan, values, vectormath
from .plan import Loop

_lock = threading.Lock()
_loaded: dict[Loop, Kernel] = {}


class Kernel:
    """A compiled loop; ``call(*inputs, *outputs)`` takes arrays that are laid out as the loop says, and checks nothing."""

    def __init__(self, loop: Loop, address: int, cached: bool) -> None:
        count = len(loop.operands) + len(loop.stores) + len(loop.reductions)
        self.loop, self.cached = loop, cached
        self.call: Callable[..., None] = ctypes.CFUNCTYPE(None, *[ctypes.py_object] * count)(address)

    def __call__(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        self.call(*inputs, *outputs)

    @property
    def ir(self) -> str:
        """Its LLVM IR, before optimization."""
        return str(loops.module_of(self.loop, "kernel"))


def compile_loop(loop: Loop) -> Kernel:
    """The kernel of a loop: from memory, from disk, or compiled now."""
    with _lock:
        if loop not in _loaded:
            _loaded[loop] = _load(loop)
        return _loaded[loop]


def _load(loop: Loop) -> Kernel:
    key = hashlib.sha256(f"{_identity()}\n{loop!r}".encode()).hexdigest()[:40]
    name = f"wb_{key}"
    code = _read(key)
    cached = code is not None
    if code is None:
        code = _machine().emit_object(_optimized(loop, name))
        _write(key, code)
    engine = _engine()
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return Kernel(loop, engine.get_function_address(name), cached)


def _optimized(loop: Loop, name: str) -> llvm.ModuleRef:
    module = loops.module_of(loop, name)
    module.triple = llvm.get_process_triple()
    parsed = llvm.parse_assembly(str(module))
    parsed.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = True
    builder = llvm.create_pass_builder(_machine(), options)
    builder.getModulePassManager().run(parsed, builder)
    return parsed


@functools.cache
def _machine() -> llvm.TargetMachine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3, jit=True)


@functools.cache
def _engine() -> llvm.ExecutionEngine:
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())


@functools.cache
def _identity() -> str:
    """Everything besides the loop that the machine code depends on."""
    _machine()
    sources = "".join(Path(module.__file__).read_text() for module in (expression, loops, plan, values, vectormath))
    return "\n".join([llvmlite.__version__, llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten(), hashlib.sha256(sources.encode()).hexdigest()])


# The cache on disk --------------------------------------------------------------------------------------------------------------
def cache_folder() -> Path:
    """Where compiled loops are kept: ``WB_CACHE_DIR``, or the user's cache folder."""
    base = os.environ.get("WB_CACHE_DIR") or os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "workbench")
    return Path(base) / "kernels"


def _read(key: str) -> bytes | None:
    try:
        data = (cache_folder() / f"{key}.o").read_bytes()
    except OSError:
        return None
    return data[32:] if hashlib.sha256(data[32:]).digest() == data[:32] else None


def _write(key: str, code: bytes) -> None:
    """Keep machine code for the next process; a folder that cannot be written only costs time."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder)
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(code).digest() + code)
        os.replace(temporary, folder / f"{key}.o")
    except OSError:
        return
