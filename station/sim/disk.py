"""The disk of a camera's application: bulk-only transport and as much SCSI as a kernel asks of a removable disk.

It is the partition RWFS in blocks of 4,096 bytes (micropython `ports/alif/msc_disk.c`, TinyUSB `msc_device.c`; USB mass
storage class, bulk-only transport 1.0). No sockets and no time: bytes in by `take`, bytes out by `give`.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable

from station.sim.memory import SECTOR_BYTES, Memory

_COMMAND = struct.Struct("<4sIIBBB16s")
_COMMAND_MARK, _STATUS_MARK = b"USBC", b"USBS"
_GOOD, _FAILED = 0, 1
_ILLEGAL_REQUEST, _INVALID_OPCODE, _OUT_OF_RANGE = 0x05, 0x20, 0x21
_INQUIRY = bytes((0x00, 0x80, 0x02, 0x02, 31, 0, 0, 0)) + b"OpenMV  " + b"Mass Storage    " + b"1.00"
_BLOCKS = struct.Struct(">xxIxHx")


class Disk:
    """One logical unit; a reset forgets the command that it was at."""

    def __init__(self, memory: Memory, start: int, size_bytes: int) -> None:
        self._memory = memory
        self._start = start
        self._block_count = size_bytes // SECTOR_BYTES
        self._sense = (0, 0)
        self._out: deque[bytes] = deque()
        self._tag = 0
        self._address = 0
        self._incoming = bytearray()
        self._wanted_bytes = 0
        self._served: dict[int, Callable[[bytes], bytes | None]] = {
            0x00: lambda _: b"",
            0x03: self._request_sense,
            0x12: lambda _: _INQUIRY,
            0x1A: lambda _: bytes((3, 0, 0, 0)),
            0x1B: lambda _: b"",
            0x1E: lambda _: b"",
            0x25: lambda _: struct.pack(">II", self._block_count - 1, SECTOR_BYTES),
            0x28: self._read,
            0x2A: self._begin_write,
        }

    def reset(self) -> None:
        """Bulk-only reset, or a bus reset."""
        self._out.clear()
        self._incoming.clear()
        self._wanted_bytes = 0

    def take(self, data: bytes) -> None:
        """What the host sends: a command, or the data of a write."""
        if self._wanted_bytes:
            self._incoming += data
            if len(self._incoming) >= self._wanted_bytes:
                self._finish_write()
        elif len(data) == _COMMAND.size and data.startswith(_COMMAND_MARK):
            self._command(data)

    def give(self, length: int) -> bytes | None:
        """At most `length` bytes for the host, None while there are none. Data and status never share a transfer."""
        if not self._out:
            return None
        first = self._out.popleft()
        if len(first) > length:
            self._out.appendleft(first[length:])
        return first[:length]

    def _command(self, data: bytes) -> None:
        _, self._tag, length, flags, _, _, block = _COMMAND.unpack(data)
        served = self._served.get(block[0])
        answer = served(block) if served else None
        if served is None:
            self._sense = (_ILLEGAL_REQUEST, _INVALID_OPCODE)
        if self._wanted_bytes:
            return
        if flags & 0x80 and length:
            # A command that failed sends an empty packet instead of its data; a real one stalls, with the same effect.
            self._out.append((answer or b"")[:length])
        self._status(_FAILED if answer is None else _GOOD, length - min(length, len(answer or b"")))

    def _status(self, status: int, residue_bytes: int = 0) -> None:
        self._out.append(struct.pack("<4sIIB", _STATUS_MARK, self._tag, residue_bytes, status))

    def _request_sense(self, _: bytes) -> bytes:
        (key, reason), self._sense = self._sense, (0, 0)
        return bytes((0x70, 0, key, 0, 0, 0, 0, 10, 0, 0, 0, 0, reason, 0, 0, 0, 0, 0))

    def _range(self, block: bytes) -> tuple[int, int] | None:
        """Address and number of bytes of a READ(10) or WRITE(10), None past the end."""
        first, count = _BLOCKS.unpack(block[:10])
        if first + count > self._block_count:
            self._sense = (_ILLEGAL_REQUEST, _OUT_OF_RANGE)
            return None
        return self._start + first * SECTOR_BYTES, count * SECTOR_BYTES

    def _read(self, block: bytes) -> bytes | None:
        place = self._range(block)
        return self._memory.read(*place) if place else None

    def _begin_write(self, block: bytes) -> bytes | None:
        place = self._range(block)
        if place is None:
            return None
        self._address, self._wanted_bytes = place
        return b""

    def _finish_write(self) -> None:
        self._memory.overwrite(self._address, bytes(self._incoming[: self._wanted_bytes]))
        self._incoming.clear()
        self._wanted_bytes = 0
        self._status(_GOOD)
