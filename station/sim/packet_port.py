"""The device's end of the OpenMV protocol's packet layer (openmv `protocol/omv_protocol.c`), without I/O and clock.

1. There is one count for both directions: a request must carry it, what is answered carries it and moves it on, NAKs
   and fragments included, events not.
2. What is sent with ACK_WANTED must be acknowledged before anything else is done: repeated after 0.5, 1 and 2 s, then
   everything starts over. Only a PROTO_SYNC is looked for meanwhile.
3. An incomplete packet is searched for a PROTO_SYNC, so that it cannot block for ever.
4. PROTO_SYNC, giving up and a soft reset set the count to 0 and the capabilities back.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from station.app.omv_protocol import Flag, NakStatus, Opcode
from station.sim.omv_framing import (
    BUFFER_BYTES,
    HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    SYNC,
    Header,
    build,
    read_header,
    read_payload,
)

RETRIES, RETRY_S = 3, 0.5
_UNCOUNTED = (Opcode.PROTO_SYNC, Opcode.SYS_EVENT, Opcode.CHANNEL_EVENT)
_SYSTEM_CODES = Opcode.SYS_MEMORY

Sent = tuple[int, int, int, bytes]
"""Channel, flags, opcode, payload."""
Serve = Callable[[Header, bytes], None]


@dataclass(slots=True)
class Capabilities:
    """What was agreed."""

    sequence: bool = True
    acknowledge: bool = True
    events: bool = True
    max_payload_bytes: int = MAX_PAYLOAD_BYTES


@dataclass(slots=True)
class _Unacknowledged:
    """A packet that was sent and must be acknowledged."""

    sent: Sent
    sequence: int
    due_s: float
    wait_s: float = RETRY_S
    retries: int = RETRIES


@dataclass(slots=True)
class Statistics:
    """PROTO_STATS, in its order."""

    sent: int = 0
    received: int = 0
    checksum: int = 0
    sequence: int = 0
    retransmit: int = 0
    transport: int = 0
    events: int = 0

    def pack(self) -> bytes:
        """32 bytes."""
        counts = (self.sent, self.received, self.checksum, self.sequence, self.retransmit, self.transport, self.events)
        return struct.pack("<7I4x", *counts)


class PacketPort:
    """Bytes in by `receive`, packets to `serve`, answers by `answer`, `acknowledge`, `refuse`, bytes out to `write`."""

    def __init__(self, write: Callable[[bytes], None], serve: Serve) -> None:
        self._write = write
        self._serve = serve
        self.statistics = Statistics()
        self.capabilities = Capabilities()
        self.damage: Callable[[bytes], bytes] | None = None
        """What a fault does to the next packet that is sent."""
        self._buffer = bytearray()
        self._outbox: deque[Sent] = deque()
        self._waiting: _Unacknowledged | None = None
        self._sequence = 0

    @property
    def deadline_s(self) -> float | None:
        """When to call `receive` again even without bytes."""
        return None if self._waiting is None else self._waiting.due_s

    def receive(self, data: bytes, now: float) -> None:
        """Bytes from the host, or none: do what is due."""
        self._buffer += data[: BUFFER_BYTES - len(self._buffer)]
        while self._step(now):
            pass

    def begin_anew(self) -> None:
        """What a soft reset does, and giving up."""
        self._buffer.clear()
        self._outbox.clear()
        self._waiting = None
        self._sequence = 0
        self.capabilities = Capabilities()

    def answer(
        self, header: Header, payload: bytes, piece_bytes: int = MAX_PAYLOAD_BYTES, *, more: bool = False
    ) -> None:
        """Send data; in fragments where it is longer than a payload or a piece. `more`: the last one is not the end."""
        size = min(piece_bytes, self.capabilities.max_payload_bytes)
        pieces = [payload[start : start + size] for start in range(0, len(payload), size)] or [b""]
        for number, piece in enumerate(pieces, start=1):
            flags = Flag.FRAGMENT if more or number < len(pieces) else Flag(0)
            self._outbox.append((header.channel, flags, header.opcode, piece))

    def acknowledge(self, header: Header) -> None:
        """Done, and there is nothing more to say."""
        self._outbox.append((header.channel, Flag.ACK, header.opcode, b""))

    def refuse(self, header: Header, status: int) -> None:
        """NAK."""
        self.statistics.checksum += status == NakStatus.CHECKSUM
        self.statistics.sequence += status == NakStatus.SEQUENCE
        self._outbox.append((header.channel, Flag.NAK, header.opcode, struct.pack("<H", status)))

    def notify(self, channel: int, number: int | None) -> None:
        """An event; None is one without a number. `receive` sends it."""
        if self.capabilities.events:
            self.statistics.events += 1
            code = Opcode.CHANNEL_EVENT if channel else Opcode.SYS_EVENT
            self._outbox.append((channel, Flag.EVENT, code, b"" if number is None else struct.pack("<H", number)))

    def _step(self, now: float) -> bool:
        """One thing; False when there is nothing to do any more."""
        if self._waiting is not None:
            return self._find_acknowledgement() or self._repeat(self._waiting, now)
        if self._outbox:
            self._send(self._outbox.popleft(), now)
            return True
        return self._take_packet()

    def _send(self, sent: Sent, now: float) -> None:
        channel, flags, opcode, payload = sent
        if self.capabilities.acknowledge and not flags & (Flag.ACK | Flag.NAK | Flag.EVENT):
            flags |= Flag.ACK_WANTED
            self._waiting = _Unacknowledged((channel, flags, opcode, payload), self._sequence, now + RETRY_S)
        self._put(build(self._sequence, channel, flags, opcode, payload))
        if not flags & (Flag.EVENT | Flag.ACK_WANTED):
            self._count()
        if opcode == Opcode.PROTO_SYNC:
            self._sequence = 0

    def _put(self, packet: bytes) -> None:
        damage, self.damage = self.damage, None
        self._write(packet if damage is None else damage(packet))

    def _count(self) -> None:
        self._sequence = self._sequence + 1 & 0xFF
        self.statistics.sent += 1

    def _repeat(self, waiting: _Unacknowledged, now: float) -> bool:
        if now < waiting.due_s:
            return False
        if not waiting.retries:
            self.begin_anew()
            return False
        waiting.retries -= 1
        waiting.wait_s *= 2
        waiting.due_s = now + waiting.wait_s
        self.statistics.retransmit += 1
        channel, flags, opcode, payload = waiting.sent
        self._put(build(waiting.sequence, channel, flags | Flag.REPEATED, opcode, payload))
        return False

    def _find_acknowledgement(self) -> bool:
        """Look for the ACK, the NAK or a PROTO_SYNC anywhere in what has come."""
        waiting = self._waiting
        assert waiting is not None
        for offset, header in self._headers():
            if header.is_sync:
                self._synchronize(header)
                return True
            if header.sound and (header.opcode, header.sequence) == (waiting.sent[2], waiting.sequence):
                if header.flags & Flag.ACK:
                    self._waiting = None
                    self._count()
                elif header.flags & Flag.NAK:
                    waiting.due_s = 0.0
                else:
                    continue
                del self._buffer[offset : offset + HEADER_BYTES]
                return bool(header.flags & Flag.ACK)
        return False

    def _headers(self) -> list[tuple[int, Header]]:
        """Every whole header in the buffer, with its place."""
        found, offset = [], self._buffer.find(SYNC)
        while offset >= 0:
            header = read_header(self._buffer, offset)
            if header is not None:
                found.append((offset, header))
            offset = self._buffer.find(SYNC, offset + 1)
        return found

    def _take_packet(self) -> bool:
        """The next packet; False while none is whole."""
        start = self._buffer.find(SYNC)
        if start < 0:
            del self._buffer[: max(0, len(self._buffer) - 1)]
            return False
        del self._buffer[:start]
        header = read_header(self._buffer)
        if header is None:
            return False
        if not self._accept(header):
            del self._buffer[:1]
            return True
        if len(self._buffer) < header.packet_bytes:
            return self._recover()
        payload = read_payload(self._buffer, header)
        del self._buffer[: header.packet_bytes]
        self._process(header, payload)
        return True

    def _accept(self, header: Header) -> bool:
        """Whether the header may begin a packet; where it is whole and wrong the host hears why."""
        if not header.sound:
            return False
        if header.length > self.capabilities.max_payload_bytes:
            self.refuse(header, NakStatus.OVERFLOW)
            return False
        uncounted = header.flags & (Flag.ACK | Flag.NAK) or header.opcode in _UNCOUNTED
        if self.capabilities.sequence and not uncounted and header.sequence != self._sequence:
            self.refuse(header, NakStatus.SEQUENCE)
            return False
        return True

    def _recover(self) -> bool:
        sync = next((header for _, header in self._headers() if header.is_sync), None)
        if sync is None:
            return False
        self._synchronize(sync)
        return True

    def _process(self, header: Header, payload: bytes | None) -> None:
        if payload is None:
            self.refuse(header, NakStatus.CHECKSUM)
        elif header.channel and header.opcode <= _SYSTEM_CODES:
            self.refuse(header, NakStatus.INVALID)
        elif header.flags & (Flag.ACK | Flag.NAK):
            return
        elif header.is_sync:
            self._synchronize(header)
        else:
            self.statistics.received += 1
            self._serve(header, payload)

    def _synchronize(self, header: Header) -> None:
        self.statistics.received += 1
        self.begin_anew()
        self._serve(header, b"")
