"""From a plan to a function that can be called: compile, and keep the machine code in memory and on disk.

The key on disk is a hash of the IR, the processor with its features, and LLVM's version, so a file can never be taken
for another machine's. A file that cannot be read is compiled again; a directory that cannot be written is no error.
"""
from __future__ import annotations

import ctypes
import functools
import hashlib
import itertools
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...core.errors import ArgumentError, DTypeError, ShapeError
from .loops import Nest
from .plan import Loop

log = logging.getLogger(__name__)
_lock = threading.Lock()
_names = itertools.count()
ENTRY = """
define void @kernel(ptr %pointers) {{
  call void @run(ptr %pointers, i64 0, i64 {length})
  ret void
}}
define void @part(ptr %pointers, i64 %begin, i64 %end) {{
  call void @run(ptr %pointers, i64 %begin, i64 %end)
  ret void
}}
define void @objects({arguments}) {{
  %pointers = alloca ptr, i64 {count}
{loads}
  call void @run(ptr %pointers, i64 0, i64 {length})
  ret void
}}
"""
"""`objects` takes NumPy arrays themselves: their first field, in a layout that NumPy promises, is the data pointer."""
MAGIC = b"workbench kernel 1\n"
SYMBOLS = ("kernel", "part", "objects")


class Machine:
    """LLVM set up for the processor that runs this."""

    def __init__(self) -> None:
        import llvmlite.binding as llvm

        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.llvm = llvm
        features = llvm.get_host_cpu_features()
        self.cpu, self.features = llvm.get_host_cpu_name(), features.flatten()
        self.vector_bits = 512 if features.get("avx512f") else 256 if features.get("avx") else 128
        self.identity = "|".join([".".join(map(str, llvm.llvm_version_info)), llvm.get_process_triple(), self.cpu, self.features])
        self.target = self._new_target()
        self.linker = llvm.create_lljit_compiler(self._new_target())

    def _new_target(self) -> Any:
        return self.llvm.Target.from_default_triple().create_target_machine(cpu=self.cpu, features=self.features, opt=2, jit=True)

    def assemble(self, ir: str) -> bytes:
        """Object code."""
        module = self.llvm.parse_assembly(ir)
        module.verify()
        return self.target.emit_object(module)

    def link(self, code: bytes, symbols: Sequence[str] = SYMBOLS) -> tuple[Any, dict[str, int]]:
        """The addresses of the entries, valid as long as the first result is kept."""
        library = self.llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
        for symbol in symbols:
            library.export_symbol(symbol)
        tracker = library.link(self.linker, f"kernel{next(_names)}")
        return tracker, {symbol: tracker[symbol] for symbol in symbols}


@functools.cache
def machine() -> Machine:
    """The one `Machine` of this process."""
    return Machine()


@functools.cache
def _prototypes(count: int) -> tuple[Any, Any, Any]:
    """Function types; calls through them release the interpreter lock."""
    pointer, length = ctypes.c_void_p, ctypes.c_int64
    return (ctypes.CFUNCTYPE(None, pointer), ctypes.CFUNCTYPE(None, pointer, length, length),
            ctypes.CFUNCTYPE(None, *[ctypes.py_object] * count))


class Kernel:
    """A compiled loop.

    Attributes
    ----------
    loop : Loop
    ir : str
        The text that was compiled.
    call_arrays : callable
        ``call_arrays(*inputs, *outputs)`` with NumPy arrays, unchecked: the fastest call where arrays are at hand.
    call_part : callable
        ``call_part(table, begin, end)`` computes indices of the outermost collapsed axis, `length` long, from `begin`
        to `end`, multiples of `grain`; allowed where `splittable`.
    from_disk : bool
        Was the machine code found in the cache?
    """

    def __init__(self, loop: Loop, nest: Nest, ir: str, code: bytes, from_disk: bool) -> None:
        self.loop, self.ir, self.from_disk = loop, ir, from_disk
        self.length, self.grain, self.splittable = nest.lengths[0], nest.grain, nest.splittable
        self._code, addresses = machine().link(code)
        self._inputs = [(np.dtype(o.dtype), *_span(loop.shape, [s * np.dtype(o.dtype).itemsize for s in o.strides])) for o in loop.operands]
        self._outputs = [(np.dtype(dtype), shape) for shape, dtype in loop.outputs]
        self._count = len(self._inputs) + len(self._outputs)
        kernel, part, objects = entries = [kind(addresses[s]) for kind, s in zip(_prototypes(self._count), SYMBOLS, strict=True)]
        for entry in entries:
            entry.code = self._code  # whoever keeps a function keeps the memory it lies in
        self._kernel, self._table = kernel, ctypes.c_void_p * self._count
        self.call_part: Callable[..., None] = part
        self.call_arrays: Callable[..., None] = objects

    def __call__(self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> None:
        """Compute into `outputs`: the stores of the plan, then its reductions.

        Raises
        ------
        ArgumentError, DTypeError, ShapeError
            If an array is not what the plan says.
        """
        self._check(inputs, outputs)
        self.call_arrays(*inputs, *outputs)

    def call_pointers(self, pointers: Any) -> None:
        """Compute with addresses: a ctypes array of pointers, the address of one, or a sequence of addresses."""
        self._kernel(self._table(*pointers) if isinstance(pointers, (list, tuple)) else pointers)

    def _check(self, inputs: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> None:
        if len(inputs) != len(self._inputs) or len(outputs) != len(self._outputs):
            raise ArgumentError(f"a kernel of {len(self._inputs)} inputs and {len(self._outputs)} outputs was given {len(inputs)} and {len(outputs)}")
        for array, (dtype, low, high) in zip(inputs, self._inputs, strict=True):
            _check_dtype(array, dtype)
            least, most = _span(array.shape, array.strides)
            if low < least or high > most or (array.size == 0 and 0 not in self.loop.shape):
                raise ShapeError(f"an array of shape {array.shape} with strides {array.strides} has no elements where the plan reads, at bytes {low} to {high}")
        for array, (dtype, shape) in zip(outputs, self._outputs, strict=True):
            _check_dtype(array, dtype)
            if array.shape != shape or not array.flags.c_contiguous or not array.flags.writeable:
                raise ShapeError(f"an output must be a writeable C-contiguous array of shape {shape}, not {array.shape} with strides {array.strides}")


def _check_dtype(array: Any, dtype: np.dtype) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != dtype:
        raise DTypeError(f"a kernel was given {getattr(array, 'dtype', type(array).__name__)} where its plan says {dtype}; convert the array first")


def _span(lengths: Sequence[int], steps: Sequence[int]) -> tuple[int, int]:
    """The lowest and the highest offset that strides reach; nothing is reached along an axis of length 0."""
    ends = [(n - 1) * s for n, s in zip(lengths, steps, strict=True)] if 0 not in lengths else [0]
    return sum(e for e in ends if e < 0), sum(e for e in ends if e > 0)


@functools.cache
def available() -> bool:
    """Is llvmlite there to compile with?

    Examples
    --------
    >>> available() in (True, False)
    True
    """
    try:
        import llvmlite.binding  # noqa: F401
    except (ImportError, OSError):  # not installed, or its library does not load here
        return False
    return True


@functools.lru_cache(4096)
def compile(loop: Loop) -> Kernel:
    """The kernel of a loop, from memory, from disk, or compiled now.

    Parameters
    ----------
    loop : Loop

    Returns
    -------
    Kernel

    Raises
    ------
    ArgumentError, DTypeError, ShapeError
        If the plan contradicts itself.

    Examples
    --------
    >>> from workbench.backend.cpu import Literal, Operand, Step
    >>> loop = Loop((4,), (Operand("float32", (1,)),), (Step("{0} * {1}", (0, Literal(2.0)), "float32"),), stores=(1,))
    >>> x, o = np.arange(4, dtype="float32"), np.empty(4, "float32")
    >>> compile(loop)([x], [o])
    >>> o.tolist()
    [0.0, 2.0, 4.0, 6.0]
    """
    loop.check()
    nest = Nest(loop, machine().vector_bits)
    ir = nest.write() + _entries(nest)
    return build(ir, lambda code, from_disk: Kernel(loop, nest, ir, code, from_disk))


def build(ir: str, load: Callable[[bytes, bool], Any]) -> Any:
    """``load(code, from_disk)`` with the machine code of `ir`, from disk or compiled now."""
    host = machine()
    path = _path(ir, host.identity)
    with _lock:  # LLVM's target machine serves one thread at a time
        code = _read(path)
        if code is not None:
            try:
                return load(code, True)
            except RuntimeError as error:
                log.warning("compiling again: %s cannot be loaded (%s)", path, error)
        code = host.assemble(ir)
        _write(path, code)
        return load(code, False)


def _entries(nest: Nest) -> str:
    offset, numbers = object.__basicsize__, range(len(nest.arrays))
    loads = "\n".join(f"  %f{k} = getelementptr i8, ptr %o{k}, i64 {offset}\n  %d{k} = load ptr, ptr %f{k}\n"
                      f"  %t{k} = getelementptr ptr, ptr %pointers, i64 {k}\n  store ptr %d{k}, ptr %t{k}" for k in numbers)
    return ENTRY.format(arguments=", ".join(f"ptr %o{k}" for k in numbers), count=len(nest.arrays), loads=loads, length=nest.lengths[0])


# On disk ----------------------------------------------------------------------------------------------------------
def cache_folder() -> Path:
    """Where machine code is kept: $WB_CACHE_DIR, or the user's directory for caches."""
    if named := os.environ.get("WB_CACHE_DIR"):
        return Path(named) / "kernels"
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "workbench" / "kernels"


def _path(ir: str, identity: str) -> Path:
    return cache_folder() / f"{hashlib.sha256(f'{identity}|{ir}'.encode()).hexdigest()}.o"


def _read(path: Path) -> bytes | None:
    """The machine code in a file, or None if it is not there whole."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    start = len(MAGIC) + 32
    code = content[start:]
    if content[:start] != MAGIC + hashlib.sha256(code).digest():
        log.warning("compiling again: %s is damaged", path)
        return None
    return code


def _write(path: Path, code: bytes) -> None:
    """Write beside the file and rename, so that nobody ever reads half of it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(MAGIC + hashlib.sha256(code).digest() + code)
        os.replace(file.name, path)
    except OSError as error:
        log.info("machine code is not kept: %s", error)
