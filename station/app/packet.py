"""Packets of the OpenMV protocol, and how they are found in whatever a serial port brings.

1. Bytes that are no packet are dropped, up to the next sync word.
2. A header counts only with its checksum right and a length that may be; a packet only with its payload's right too.
   What fails is left by one byte, not as a whole: the next packet may begin inside.
3. A header whose payload does not come holds up everything behind it. Only time tells: the owner calls `give_up`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from station.app.crc import crc16, crc32
from station.app.omv_protocol import (
    CRC_SIZE_BYTES,
    EVENT_NOTIFY,
    HEADER_FORMAT,
    HEADER_SIZE_BYTES,
    MAX_PAYLOAD_BYTES,
    SYNC_BYTES,
    SYNC_WORD,
    Flag,
)

_HEADER = struct.Struct(HEADER_FORMAT)
_LENGTH_AND_CRC = struct.Struct("<HH")
_CHECKED_BYTES = HEADER_SIZE_BYTES - 2


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet. `sequence`, `channel`, `flags` and `opcode` are bytes; what they mean is in `wire`."""

    sequence: int
    channel: int
    flags: int
    opcode: int
    payload: bytes = b""

    def encode(self) -> bytes:
        """The bytes on the wire."""
        head = _HEADER.pack(SYNC_WORD, self.sequence, self.channel, self.flags, self.opcode, len(self.payload), 0)[
            :_CHECKED_BYTES
        ]
        head += crc16(head).to_bytes(2, "little")
        return head + self.payload + crc32(self.payload).to_bytes(4, "little") if self.payload else head

    @property
    def is_event(self) -> bool:
        """Nobody asked for it, and it does not count in the sequence."""
        return bool(self.flags & Flag.EVENT)

    def acknowledgement(self) -> Packet:
        """The packet that says that this one has arrived."""
        return Packet(self.sequence, self.channel, Flag.ACK, self.opcode)


@dataclass(frozen=True, slots=True)
class CameraEvent:
    """What the camera said by itself. `number` is EVENT_NOTIFY where it only asks to be looked at."""

    channel: int
    number: int

    @classmethod
    def of(cls, packet: Packet) -> CameraEvent:
        """The event of an event packet."""
        number = int.from_bytes(packet.payload[:2], "little") if packet.payload else EVENT_NOTIFY
        return cls(packet.channel, number)


class PacketReader:
    """Finds packets in a stream. Holds at most one packet's bytes, and counts what it drops (`dropped_bytes`)."""

    def __init__(self, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> None:
        self._max_payload_bytes = max_payload_bytes
        self._held = b""
        self._at = 0
        self.dropped_bytes = 0

    def feed(self, data: bytes) -> list[Packet]:
        """Take in what arrived; the packets that are complete now."""
        self._held, self._at = self._held[self._at :] + data, 0
        return list(self._packets())

    def give_up(self) -> list[Packet]:
        """Do not wait any longer for the packet that is incomplete; the packets that it held up."""
        found: list[Packet] = []
        while not found and self._at < len(self._held):
            self._drop(1)
            found = list(self._packets())
        return found

    def clear(self) -> None:
        """Forget what is incomplete."""
        self._drop(len(self._held) - self._at)

    def _packets(self) -> Iterator[Packet]:
        while self._find_sync():
            size_bytes = self._size_of_first()
            if size_bytes is None:
                self._drop(1)
            elif len(self._held) - self._at < size_bytes:
                return
            elif (packet := self._first(size_bytes)) is None:
                self._drop(1)
            else:
                self._at += size_bytes
                yield packet

    def _find_sync(self) -> bool:
        """Drop what comes before the next sync word; whether a whole header stands there."""
        found = self._held.find(SYNC_BYTES, self._at)
        if found < 0:
            # The last byte may be the first half of a sync word.
            found = max(self._at, len(self._held) - self._held.endswith(SYNC_BYTES[:1]))
        self._drop(found - self._at)
        return len(self._held) - self._at >= HEADER_SIZE_BYTES

    def _size_of_first(self) -> int | None:
        """The bytes of the packet whose header is first; None where that is no header."""
        length_bytes, crc = _LENGTH_AND_CRC.unpack_from(self._held, self._at + 6)
        checked = self._held[self._at : self._at + _CHECKED_BYTES]
        if length_bytes > self._max_payload_bytes or crc != crc16(checked):
            return None
        return HEADER_SIZE_BYTES + (length_bytes + CRC_SIZE_BYTES if length_bytes else 0)

    def _first(self, size_bytes: int) -> Packet | None:
        raw = self._held[self._at : self._at + size_bytes]
        payload, crc = raw[HEADER_SIZE_BYTES:-CRC_SIZE_BYTES], raw[-CRC_SIZE_BYTES:]
        if payload and crc32(payload) != int.from_bytes(crc, "little"):
            return None
        sequence, channel, flags, opcode = raw[2:6]
        return Packet(sequence, channel, flags, opcode, payload)

    def _drop(self, count: int) -> None:
        self._at += count
        self.dropped_bytes += count
