"""CUDA devices through CuPy, with PyTorch's names (`wb.cuda`): streams and events, memory of the pool, pinned and unified memory.

Everything asks for CuPy when it is called, never when it is imported; without a device `is_available` is False and the rest
says what is missing.
"""
from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from .checkpoint import RNG
from .errors import ArgumentError, DeviceError
from .tensor import Tensor, as_tensor


def _cupy(what: str) -> Any:
    """CuPy, if a device can be used."""
    try:
        cupy = importlib.import_module("cupy")
        count = cupy.cuda.runtime.getDeviceCount()
    except ImportError:
        raise DeviceError(f"cuda.{what} needs CuPy, which is not installed; pip install 'neural-workbench[cuda12]' (or [cuda13])") from None
    except Exception as error:
        raise DeviceError(f"cuda.{what}: no CUDA device is usable here: {error}") from None
    if not count:
        raise DeviceError(f"cuda.{what}: this machine has no CUDA device")
    return cupy


def is_available() -> bool:
    """Can tensors live on a CUDA device here?

    Examples
    --------
    >>> import workbench as wb
    >>> wb.cuda.is_available() in (True, False)
    True
    """
    try:
        _cupy("is_available")
    except DeviceError:
        return False
    return True


def manual_seed(seed: int) -> None:
    """`workbench.manual_seed`: one generator, on the host, draws for every device."""
    RNG["seed"](seed)


manual_seed_all = manual_seed


def device_count() -> int:
    """How many CUDA devices there are; 0 without CuPy.

    Examples
    --------
    >>> import workbench as wb
    >>> wb.cuda.device_count() >= 0
    True
    """
    return _cupy("device_count").cuda.runtime.getDeviceCount() if is_available() else 0


def synchronize(device: int | None = None) -> None:
    """Wait until everything that was started on a device is done."""
    cupy = _cupy("synchronize")
    with cupy.cuda.Device(device):
        cupy.cuda.runtime.deviceSynchronize()


# Streams and events ----------------------------------------------------------------------------------------------------------
class Event:
    """A mark in a stream: wait for it, or measure the time between two.

    Parameters
    ----------
    enable_timing : bool
        Needed for `elapsed_time`.
    """

    def __init__(self, enable_timing: bool = False) -> None:
        self.event = _cupy("Event").cuda.Event(disable_timing=not enable_timing)

    def record(self, stream: Stream | None = None) -> None:
        """Set the mark after what a stream (default: the current one) has been given so far."""
        self.event.record(None if stream is None else stream.stream)

    def query(self) -> bool:
        """Has everything before the mark been done?"""
        return bool(self.event.done)

    def synchronize(self) -> None:
        """Wait for it."""
        self.event.synchronize()

    def elapsed_time(self, end: Event) -> float:
        """Milliseconds from this mark to `end`."""
        return float(_cupy("Event").cuda.get_elapsed_time(self.event, end.event))


class Stream:
    """A queue of work on a device; queues run side by side. Use it as ``with stream:``."""

    def __init__(self) -> None:
        self.stream = _cupy("Stream").cuda.Stream(non_blocking=True)

    def __enter__(self) -> Stream:
        self.stream.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        self.stream.__exit__(*exc)

    def record_event(self, event: Event | None = None) -> Event:
        """A mark after what it has been given so far."""
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """Let what comes next wait for a mark of another stream."""
        self.stream.wait_event(event.event)

    def wait_stream(self, other: Stream) -> None:
        """Let what comes next wait for all that another stream has been given so far."""
        self.wait_event(other.record_event())

    def synchronize(self) -> None:
        """Wait until it is empty."""
        self.stream.synchronize()


# Memory -------------------------------------------------------------------------------------------------------------------------
def memory_stats() -> dict[str, int]:
    """Bytes of the memory pool: in use by arrays, held for reuse, and both; blocks of pinned memory held for reuse."""
    cupy = _cupy("memory_stats")
    pool = cupy.get_default_memory_pool()
    return {"used": pool.used_bytes(), "free": pool.free_bytes(), "total": pool.total_bytes(),
            "pinned_free_blocks": cupy.get_default_pinned_memory_pool().n_free_blocks()}


def memory_allocated() -> int:
    """Bytes in use by arrays."""
    return memory_stats()["used"]


def memory_reserved() -> int:
    """Bytes that the pool has taken from the device."""
    return memory_stats()["total"]


def empty_cache() -> None:
    """Give what the pool holds for reuse back to the device."""
    cupy = _cupy("empty_cache")
    cupy.get_default_memory_pool().free_all_blocks()
    cupy.get_default_pinned_memory_pool().free_all_blocks()


def set_memory_limit(nbytes: int) -> None:
    """Let the pool of the current device take at most so many bytes (0: no limit)."""
    if nbytes < 0:
        raise ArgumentError(f"cuda.set_memory_limit: nbytes={nbytes}; expected 0 or more")
    _cupy("set_memory_limit").get_default_memory_pool().set_limit(size=nbytes)


def pin_memory(x: Tensor) -> Tensor:
    """A copy of a CPU tensor in page-locked memory, from which transfers run at full speed and side by side with work.

    Raises
    ------
    DeviceError
        If there is no device, or the tensor is on one.
    """
    _cupy("pin_memory")
    x = as_tensor(x)
    if x.device != "cpu":
        raise DeviceError(f"cuda.pin_memory: the tensor is on {x.device}; only tensors on the CPU are pinned")
    pinned = importlib.import_module("cupyx").empty_pinned(x.shape, x.dtype)
    np.copyto(pinned, x.detach().numpy())
    return Tensor(pinned)


@contextlib.contextmanager
def unified_memory() -> Iterator[None]:
    """Arrays made inside live in memory that CPU and device share, so that more fits than the device holds."""
    cupy = _cupy("unified_memory")
    pool = cupy.cuda.MemoryPool(cupy.cuda.malloc_managed)
    with cupy.cuda.using_allocator(pool.malloc):
        yield
