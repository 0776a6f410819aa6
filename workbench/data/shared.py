"""Shared memory: how a batch goes from a worker to the loop without being pickled through a pipe.

The worker pickles a batch with its arrays left out (protocol 5), and lays the arrays side by side into a segment. The loop maps
the segment, takes its name away at once, so that nothing is left behind however the program ends, and builds the batch
on top of it. When the last array of the batch is gone, the segment goes back to the worker to be filled again.
"""
from __future__ import annotations

import os
import pickle
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np

from ..core.errors import WorkerError

_ALIGNMENT = 64
_SMALLEST = 1 << 16


@dataclass(slots=True)
class Packet:
    """A batch on its way: its head (the pickle, and where in the segment its arrays lie), and the number of the segment (-1: none).

    A head too long for a message lies in the segment too, at `tail`. A segment new to the loop comes with its name; numbers of
    those that the worker gave up are `dropped`.
    """

    head: bytes
    tail: tuple[int, int] = (0, 0)
    number: int = -1
    name: str | None = None
    dropped: list[int] = field(default_factory=list)


class SegmentWriter:
    """The worker's side: packs batches into segments, and fills again those that come back.

    Parameters
    ----------
    prefix : str
        Names of segments are ``prefix + number``, in the order in which they are made: so that the loop finds those it was
        never told of, should the worker be killed.
    inline : int
        Up to so many bytes a batch travels in the message itself.
    """

    def __init__(self, prefix: str, inline: int) -> None:
        self.prefix, self.inline = prefix, inline
        self._made = 0
        self._segments: dict[int, SharedMemory] = {}
        self._free: list[int] = []

    def reuse(self, numbers: Sequence[int]) -> None:
        """The loop needs these segments no longer."""
        self._free.extend(numbers)

    def pack(self, value: Any) -> Packet:
        """`value`, its arrays in shared memory."""
        buffers: list[pickle.PickleBuffer] = []
        stream = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        parts = [buffer.raw() for buffer in buffers]
        if len(stream) + sum(part.nbytes for part in parts) <= self.inline:
            return Packet(pickle.dumps((pickle.dumps(value, protocol=5), [])))
        places, size = [], 0
        for part in parts:
            places.append((size, part.nbytes))
            size += -(-part.nbytes // _ALIGNMENT) * _ALIGNMENT
        packet = Packet(pickle.dumps((stream, places)))
        if len(packet.head) > self.inline:
            packet.tail = (size, len(packet.head))
            parts, places, size, packet.head = [*parts, memoryview(packet.head)], [*places, packet.tail], size + len(packet.head), b""
        target = np.frombuffer(self._segment(packet, size).buf, np.uint8)
        for (start, length), part in zip(places, parts, strict=True):
            target[start:start + length] = np.frombuffer(part, np.uint8)
        return packet

    def _segment(self, packet: Packet, size: int) -> SharedMemory:
        """Memory for a packet: what is free and large enough, else new."""
        fitting = [number for number in self._free if self._segments[number].size >= size]
        if fitting:
            packet.number = min(fitting, key=lambda number: self._segments[number].size)
            self._free.remove(packet.number)
        else:
            if self._free:  # all too small: one goes for the one that is made
                packet.dropped.append(self._free.pop())
                self._segments.pop(packet.dropped[0]).close()
            packet.number = self._made
            packet.name = f"{self.prefix}{packet.number}"
            self._segments[packet.number] = _create(packet.name, max(size, _SMALLEST))
            self._made += 1
        return self._segments[packet.number]


def _create(name: str, size: int) -> SharedMemory:
    if os.path.isdir("/dev/shm"):
        free = os.statvfs("/dev/shm")
        if free.f_bavail * free.f_frsize < size:  # written to all the same, it would be a SIGBUS
            raise WorkerError(f"DataLoader: a batch needs {size / 1e6:.0f} MB of shared memory, but only "
                              f"{free.f_bavail * free.f_frsize / 1e6:.0f} MB are free in /dev/shm; give it more (docker run --shm-size=2g), "
                              "make batches smaller, or use workers='thread'")
    # A power of two, so that batches of varying size fit again: pages that nobody writes take no memory.
    return SharedMemory(name, create=True, size=1 << (size - 1).bit_length())


class _Lease:
    """Memory of a segment under the arrays of a batch; it lives as long as they do."""

    def __init__(self, segment: SharedMemory) -> None:
        self._segment = segment
        address = np.frombuffer(segment.buf, np.uint8).ctypes.data
        self.__array_interface__ = {"data": (address, False), "shape": (segment.size,), "typestr": "|u1", "version": 3}


class SegmentReader:
    """The loop's side, for one worker.

    Attributes
    ----------
    seen : int
        How many segments the loop was told of.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._lent: dict[int, weakref.ref[_Lease]] = {}
        self.seen = 0
        self._segments: dict[int, SharedMemory] = {}

    def receive(self, packet: Packet) -> None:
        """Map what is new of a packet, and take the name away."""
        for number in packet.dropped:
            self._segments.pop(number).close()
        if packet.name is not None:
            segment = self._segments[packet.number] = SharedMemory(packet.name)
            segment.unlink()
            self.seen = packet.number + 1

    def unpack(self, packet: Packet) -> Any:
        """The batch of a packet that was received."""
        if packet.number < 0:
            return pickle.loads(pickle.loads(packet.head)[0])
        lease = _Lease(self._segments[packet.number])
        self._lent[packet.number] = weakref.ref(lease)
        memory = np.asarray(lease)
        start, length = packet.tail
        stream, places = pickle.loads(packet.head or memory[start:start + length].tobytes())
        return pickle.loads(stream, buffers=[memory[start:start + length] for start, length in places])

    def take_returned(self) -> list[int]:
        """Segments that the worker may fill again: their arrays are gone.

        Asked for, not told by a finalizer: an interrupt that arrives in one is lost.
        """
        free = [number for number, lease in self._lent.items() if lease() is None]
        for number in free:
            del self._lent[number]
        return free

    def clean(self) -> None:
        """Remove segments that a worker, dead by now, made and did not tell of."""
        for number in range(self.seen, self.seen + 1000):
            try:
                segment = SharedMemory(f"{self.prefix}{number}")
            except (FileNotFoundError, ValueError):  # none, or one that was not given its size yet: nothing more was made
                break
            segment.close()
            segment.unlink()
