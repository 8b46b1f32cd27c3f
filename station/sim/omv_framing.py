"""Packets of the OpenMV protocol as a camera makes them (openmv `docs/protocol.md`, `protocol/omv_protocol.h`).

The numbers are the protocol's; framing and checksums are written apart from the station's own, which they test.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from station.app.omv_protocol import Opcode

SYNC = b"\xaa\xd5"
HEADER_BYTES, PAYLOAD_CHECK_BYTES = 10, 4
BUFFER_BYTES = 8192
"""`OMV_PROTOCOL_MAX_BUFFER_SIZE` of an AE3."""
MAX_PAYLOAD_BYTES = BUFFER_BYTES - HEADER_BYTES - PAYLOAD_CHECK_BYTES
MIN_PAYLOAD_BYTES = 64 - HEADER_BYTES - PAYLOAD_CHECK_BYTES
_HEADER = struct.Struct("<2sBBBBH")
_CHECK_16, _CHECK_32 = struct.Struct("<H"), struct.Struct("<I")


class Header(NamedTuple):
    """The first ten bytes of a packet; `sound` says whether their checksum is right."""

    sequence: int
    channel: int
    flags: int
    opcode: int
    length: int
    sound: bool

    @property
    def packet_bytes(self) -> int:
        """With payload and its checksum."""
        return HEADER_BYTES + (self.length + PAYLOAD_CHECK_BYTES if self.length else 0)

    @property
    def is_sync(self) -> bool:
        """A PROTO_SYNC that is beyond doubt."""
        return self.sound and self.opcode == Opcode.PROTO_SYNC and not self.channel and not self.length


def _remainders(polynomial: int, width: int) -> list[int]:
    """For each byte at the top of the register, what is left of it after eight shifts."""
    table = []
    for byte in range(256):
        register = byte << width - 8
        for _ in range(8):
            carry = register >> width - 1
            register = (register << 1 & (1 << width) - 1) ^ (polynomial if carry else 0)
        table.append(register)
    return table


_REMAINDERS_16, _REMAINDERS_32 = _remainders(0xF94F, 16), _remainders(0xFA567D89, 32)


def check_16(data: bytes | bytearray) -> int:
    """The checksum of a header's first eight bytes."""
    register = 0xFFFF
    for byte in data:
        register = (register << 8 & 0xFFFF) ^ _REMAINDERS_16[register >> 8 ^ byte]
    return register


def check_32(data: bytes | bytearray) -> int:
    """The checksum of a payload."""
    register = 0xFFFF_FFFF
    for byte in data:
        register = (register << 8 & 0xFFFF_FFFF) ^ _REMAINDERS_32[register >> 24 ^ byte]
    return register


def build(sequence: int, channel: int, flags: int, opcode: int, payload: bytes = b"") -> bytes:
    """A whole packet."""
    head = _HEADER.pack(SYNC, sequence, channel, flags, opcode, len(payload))
    packet = head + _CHECK_16.pack(check_16(head))
    return packet + payload + _CHECK_32.pack(check_32(payload)) if payload else packet


def read_header(data: bytes | bytearray, offset: int = 0) -> Header | None:
    """The header at `offset`, None where none begins or where it is not whole."""
    raw = data[offset : offset + HEADER_BYTES]
    if len(raw) < HEADER_BYTES or not raw.startswith(SYNC):
        return None
    _, sequence, channel, flags, opcode, length = _HEADER.unpack_from(raw)
    return Header(sequence, channel, flags, opcode, length, _CHECK_16.unpack_from(raw, 8)[0] == check_16(raw[:8]))


def read_payload(data: bytes | bytearray, header: Header) -> bytes | None:
    """The payload of the packet at the beginning of `data`, None where its checksum is wrong."""
    payload = bytes(data[HEADER_BYTES : HEADER_BYTES + header.length])
    if not payload:
        return b""
    (check,) = _CHECK_32.unpack_from(data, HEADER_BYTES + header.length)
    return payload if check == check_32(payload) else None
