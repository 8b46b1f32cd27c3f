"""The application's disk, asked as usb-storage asks."""

from __future__ import annotations

import struct

import pytest

from station.sim.disk import Disk
from station.sim.memory import Memory

BLOCKS = 2048


class Host:
    """Sends commands and takes what comes."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.disk = Disk(self.memory, 4096, BLOCKS * 4096)
        self.tag = 0

    def send(self, command: bytes, length: int = 0, *, inward: bool = True) -> None:
        self.tag += 1
        block = command.ljust(16, b"\0")
        self.disk.take(struct.pack("<4sIIBBB", b"USBC", self.tag, length, 0x80 * inward, 0, len(command)) + block)

    def status(self) -> tuple[int, int]:
        """Status and residue of the command."""
        answer = self.disk.give(13)
        assert answer is not None
        mark, tag, residue, status = struct.unpack("<4sIIB", answer)
        assert (mark, tag) == (b"USBS", self.tag)
        assert self.disk.give(13) is None
        return status, residue

    def ask(self, command: bytes, length: int) -> bytes:
        self.send(command, length)
        data = self.disk.give(length)
        assert data is not None
        assert self.status() == (0, length - len(data))
        return data


def place(opcode: int, block: int, count: int) -> bytes:
    return struct.pack(">BBIBHB", opcode, 0, block, 0, count, 0)


def test_it_says_what_it_is_and_how_large() -> None:
    host = Host()
    assert host.ask(bytes((0x12,)), 36)[8:] == b"OpenMV  Mass Storage    1.00"
    assert host.ask(bytes((0x25,)), 8) == struct.pack(">II", BLOCKS - 1, 4096)
    assert host.ask(bytes((0x1A,)), 192) == bytes((3, 0, 0, 0))
    host.send(bytes(6))
    assert host.status() == (0, 0)


def test_what_is_written_is_in_the_memory_and_reads_back() -> None:
    host = Host()
    data = bytes(range(256)) * 32
    host.send(place(0x2A, 5, 2), len(data), inward=False)
    for start in range(0, len(data), 512):
        assert host.disk.give(13) is None, "not before all has come"
        host.disk.take(data[start : start + 512])
    assert host.status() == (0, 0)
    assert host.memory.read(4096 + 5 * 4096, len(data)) == data
    host.send(place(0x28, 5, 2), len(data))
    pieces = [host.disk.give(4000) for _ in range(3)]
    assert b"".join(piece or b"" for piece in pieces) == data
    assert host.status() == (0, 0)


@pytest.mark.parametrize(("command", "reason"), [(place(0x28, BLOCKS - 1, 2), 0x21), (bytes((0x35,)), 0x20)])
def test_what_cannot_be_done_is_said(command: bytes, reason: int) -> None:
    host = Host()
    host.send(command, 512)
    assert host.disk.give(512) == b""
    assert host.status() == (1, 512)
    assert host.ask(bytes((0x03,)), 18)[2:13:10] == bytes((5, reason))
    assert host.ask(bytes((0x03,)), 18)[2] == 0, "told once"


def test_a_reset_ends_a_command() -> None:
    host = Host()
    host.send(place(0x2A, 0, 1), 4096, inward=False)
    host.disk.take(bytes(100))
    host.disk.reset()
    assert host.ask(bytes((0x12,)), 36)
    assert host.memory.stored_sectors == 0
