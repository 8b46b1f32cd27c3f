"""The two checksums of the OpenMV protocol (openmv `docs/protocol.md`, section 6.1; `common/omv_crc.c`).

Both start with all ones, take the most significant bit first, and are neither reflected nor inverted at the end.
"""

from __future__ import annotations

from station.app.omv_protocol import CRC16_POLYNOMIAL, CRC32_POLYNOMIAL


def _table(polynomial: int, bits: int) -> tuple[int, ...]:
    """What a byte at the top of the register turns into, for each byte."""
    top, mask = 1 << (bits - 1), (1 << bits) - 1

    def entry(byte: int) -> int:
        value = byte << (bits - 8)
        for _ in range(8):
            value = value << 1 ^ polynomial if value & top else value << 1
        return value & mask

    return tuple(map(entry, range(256)))


_CRC16 = _table(CRC16_POLYNOMIAL, 16)
_CRC32 = _table(CRC32_POLYNOMIAL, 32)


def crc16(data: bytes | memoryview) -> int:
    """The checksum of a header."""
    value, table = 0xFFFF, _CRC16
    for byte in data:
        value = (value & 0xFF) << 8 ^ table[value >> 8 ^ byte]
    return value


def crc32(data: bytes | memoryview) -> int:
    """The checksum of a payload."""
    value, table = 0xFFFFFFFF, _CRC32
    for byte in data:
        value = (value & 0xFFFFFF) << 8 ^ table[value >> 24 ^ byte]
    return value
