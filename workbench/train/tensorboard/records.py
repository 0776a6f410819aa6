"""The two formats below an event file: protocol buffers, of which four kinds of field are enough, and TFRecords.

A TFRecord is length, checksum of the length, data, checksum of the data; checksums are CRC-32C, rotated and shifted by a constant
("masked") so that a checksum of data that holds checksums stays good.
"""
from __future__ import annotations

import struct
from collections.abc import Iterable

_POLYNOMIAL = 0x82F63B78  # Castagnoli's, bits reversed


def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _table()


def crc32c(data: bytes) -> int:
    """CRC-32C (RFC 3720).

    Examples
    --------
    >>> from workbench.train.tensorboard.records import crc32c
    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _masked(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def record(data: bytes) -> bytes:
    """`data` as a TFRecord."""
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


def varint(number: int) -> bytes:
    """A whole number, seven bits a byte; negative ones as 64 bits."""
    number &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def integer(field: int, value: int) -> bytes:
    """A field with a whole number."""
    return varint(field << 3) + varint(value)


def double(field: int, value: float) -> bytes:
    """A field with a number of 64 bits."""
    return varint(field << 3 | 1) + struct.pack("<d", value)


def single(field: int, value: float) -> bytes:
    """A field with a number of 32 bits."""
    return varint(field << 3 | 5) + struct.pack("<f", value)


def block(field: int, content: bytes | str) -> bytes:
    """A field with bytes, a text or another message."""
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def doubles(field: int, values: Iterable[float]) -> bytes:
    """A field with numbers of 64 bits, packed."""
    return block(field, b"".join(struct.pack("<d", value) for value in values))
