"""The host's end of USB/IP, as little of it as the tests need."""

from __future__ import annotations

import socket
import struct

OPERATION = struct.Struct(">HHI")
SUBMIT = struct.Struct(">IIIIIIiiii8s")
LIMIT_S = 60.0


class Client:
    """One connection; every wait has a limit."""

    def __init__(self, address: str | tuple[str, int] | socket.socket) -> None:
        if isinstance(address, socket.socket):
            self.sock = address
        elif isinstance(address, str):
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.connect(address)
        else:
            self.sock = socket.create_connection(address)
        self.sock.settimeout(LIMIT_S)
        self.seqnum = 0
        self._in_seqnums: set[int] = set()

    def take(self, size: int) -> bytes:
        """Exactly `size` bytes; ConnectionError at the end of the stream."""
        data = b""
        while len(data) < size:
            chunk = self.sock.recv(size - len(data))
            if not chunk:
                raise ConnectionError("the server hung up")
            data += chunk
        return data

    def listed(self) -> list[tuple[str, int, int, int]]:
        """(busid, bus, address, product id) of every device; also checks the interface entries."""
        self.sock.sendall(OPERATION.pack(0x0111, 0x8005, 0))
        assert OPERATION.unpack(self.take(8)) == (0x0111, 0x0005, 0)
        devices = []
        for _ in range(int.from_bytes(self.take(4), "big")):
            fields = struct.unpack(">256s32sIIIHHHBBBBBB", self.take(312))
            assert fields[4] == 3, "high speed"
            assert self.take(4 * fields[-1]) in (b"\xfe\x01\x02\x00", bytes.fromhex("02020000 0a000000 08065000"))
            devices.append((fields[1].rstrip(b"\0").decode(), fields[2], fields[3], fields[6]))
        return devices

    def imports(self, busid: str) -> bool:
        """Open a device on this connection."""
        self.sock.sendall(OPERATION.pack(0x0111, 0x8003, 0) + busid.encode().ljust(32, b"\0"))
        version, code, status = OPERATION.unpack(self.take(8))
        assert (version, code) == (0x0111, 0x0003)
        if status:
            return False
        assert self.take(312)[256:288].rstrip(b"\0").decode() == busid
        return True

    def submit(
        self, request_type: int, request: int, value: int, length: int, data: bytes = b"", endpoint: int = 0
    ) -> int:
        """Send one control transfer and do not wait; its seqnum."""
        self.seqnum += 1
        setup = struct.pack("<BBHHH", request_type, request, value, 0, length)
        direction = request_type >> 7
        if direction:
            self._in_seqnums.add(self.seqnum)
        header = SUBMIT.pack(1, self.seqnum, 0, direction, endpoint, 0, length, 0, -1, 0, setup)
        self.sock.sendall(header + data)
        return self.seqnum

    def unlink(self, victim: int) -> int:
        """Give a transfer up; the seqnum of the request to."""
        self.seqnum += 1
        self.sock.sendall(struct.pack(">IIIIII24x", 2, self.seqnum, 0, 0, 0, victim))
        return self.seqnum

    def answer(self) -> tuple[int, int, int, bytes]:
        """(command, seqnum, status, data) of the next message, the data of IN transfers included by its length."""
        header = self.take(48)
        command, seqnum = struct.unpack(">II", header[:8])
        status, actual = struct.unpack(">ii", header[20:28])
        inward = command == 3 and seqnum in self._in_seqnums
        return command, seqnum, status, self.take(actual) if inward else b""

    def control(self, request_type: int, request: int, value: int = 0, length: int = 0, data: bytes = b"") -> bytes:
        """One control transfer that has to work."""
        status, answer = self.try_control(request_type, request, value, length, data)
        assert status == 0, status
        return answer

    def try_control(
        self, request_type: int, request: int, value: int = 0, length: int = 0, data: bytes = b""
    ) -> tuple[int, bytes]:
        """One control transfer: status and data."""
        seqnum = self.submit(request_type, request, value, length, data)
        command, answered, status, answer = self.answer()
        assert (command, answered) == (3, seqnum)
        return status, answer

    def close(self) -> None:
        self.sock.close()
