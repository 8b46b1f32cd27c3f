"""Virtual cameras on a real socket, and a USB/IP server that says exactly what a test wants it to say."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from station.model.devices import Device
from station.sim.control import Control
from station.sim.faults import Fault
from station.sim.hub import Hub
from station.sim.spec import CameraSpec
from station.sim.usbip_server import UsbIpServer, listen_tcp, listen_unix
from station.sim.virtual_host import VirtualHost
from station.usb.access import UsbAccess

SERIAL = "0102030405060708090A0B0C"
LIMIT_S = 60.0


class Bench:
    """Virtual cameras served in one folder, as one process of a simulation does it."""

    def __init__(self, folder: Path) -> None:
        self.host = VirtualHost(time.monotonic)
        self.hub = Hub(self.host)
        self.server = UsbIpServer(self.hub, self.host)
        self.access = UsbAccess("usbip", (str(folder),))
        (self.socket,) = self.access.usbip_sockets
        self.server.serve_on(listen_unix(self.socket))
        (control,) = self.access.control_sockets
        self._control = listen_unix(control)
        Control(self.hub, self.host, lambda: None).serve_on(self._control)
        self._events = self.host.watch()

    def plug(self, port_path: str = "1-1", *faults: dict[str, Any], serial: str = SERIAL, **spec: Any) -> Device:
        """Plug a camera in and wait until it is announced."""
        scripted = tuple(Fault.from_json(fault) for fault in faults)
        self.hub.add([CameraSpec(serial, port_path, faults=scripted, forced=True, **spec)])
        return self.arrival(port_path)

    def arrival(self, port_path: str) -> Device:
        """The next device to be announced at a port."""
        while True:
            event = self._events.get(timeout=LIMIT_S)
            if event["event"] == "arrived" and event["device"]["port_path"] == port_path:
                found = [device for device, _ in self.host.devices() if device.port_path == port_path]
                return replace(found[0], node=self.socket)

    def departure(self, port_path: str) -> None:
        """Wait until the device at a port has left."""
        while self._events.get(timeout=LIMIT_S) != {"event": "left", "port_path": port_path}:
            pass

    def tcp(self) -> tuple[str, int]:
        """Serve over TCP too."""
        listener = listen_tcp("127.0.0.1", 0)
        self.server.serve_on(listener)
        host, port = listener.getsockname()
        return host, port

    def close(self) -> None:
        self.hub.close()
        self.server.close()
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_RDWR)
        self._control.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    opened = Bench(tmp_path)
    yield opened
    opened.close()


class Peer:
    """The server's end of one imported device, in a test's hands."""

    HEADER = struct.Struct(">IIIIIIiiii8s")

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def take(self) -> tuple[int, int, int, bytes]:
        """One request: command, sequence number, the SUBMIT that an UNLINK is about, and the data of an OUT."""
        command, sequence, _, direction, _, unlinked, length, *_ = self.HEADER.unpack(self._receive(48))
        data = self._receive(length) if command == 1 and direction == 0 else b""
        return command, sequence, unlinked, data

    def answer(self, sequence: int, data: bytes = b"", *, status: int = 0, moved: int | None = None) -> bytes:
        """The bytes of a RET_SUBMIT."""
        size = len(data) if moved is None else moved
        return struct.pack(">IIIIIiiiii8x", 3, sequence, 0, 0, 0, status, size, 0, 0, 0) + data

    def taken_back(self, sequence: int, status: int = -104) -> bytes:
        """The bytes of a RET_UNLINK."""
        return struct.pack(">IIIIIi24x", 4, sequence, 0, 0, 0, status)

    def send(self, *messages: bytes) -> None:
        self.connection.sendall(b"".join(messages))

    def hung_up(self) -> bool:
        """Wait for the other end to close; a reset is what it looks like where something was left unread."""
        try:
            return self.connection.recv(1) == b""
        except ConnectionResetError:
            return True

    def _receive(self, size: int) -> bytes:
        received = b""
        while len(received) < size:
            part = self.connection.recv(size - len(received))
            if not part:
                raise ConnectionError
            received += part
        return received


Script = Callable[[Peer], None]


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[Callable[[Script], str]]:
    """Serve one device `1-1` (address 7) whose transfers a script answers; gives the socket's path."""
    path = str(tmp_path / "scripted.sock")
    listener = listen_unix(path)
    listener.settimeout(LIMIT_S)
    threads: list[threading.Thread] = []
    failures: list[BaseException] = []

    def serve(script: Script) -> None:
        try:
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(LIMIT_S)
                connection.recv(40, socket.MSG_WAITALL)
                entry = struct.pack(
                    ">256s32sIIIHHHBBBBBB", b"/x", b"1-1", 1, 7, 3, 0x37C5, 0x96E3, 0x103, 0, 0, 0, 1, 1, 1
                )
                connection.sendall(struct.pack(">HHI", 0x0111, 0x0003, 0) + entry)
                script(Peer(connection))
                with suppress(OSError):
                    connection.recv(1)
        except BaseException as error:
            failures.append(error)

    def start(script: Script) -> str:
        thread = threading.Thread(target=serve, args=(script,))
        threads.append(thread)
        thread.start()
        return path

    yield start
    for thread in threads:
        thread.join(LIMIT_S)
        assert not thread.is_alive()
    listener.close()
    assert not failures
