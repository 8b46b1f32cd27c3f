"""A bench of virtual cameras in this process, behind real sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from station.dfu.dfu_protocol import REQUEST_TYPE_OUT, Request
from station.sim.serve import CONTROL_SOCKET, USBIP_SOCKET, Bench
from station.sim.virtual_line import ControlClient
from tests.unit.sim.driver import bootable, spec
from tests.unit.sim.usbip_client import Client

LIMIT_S = 60.0


class Served:
    """One bench with a watcher; `host()` connects to it as a USB/IP host."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.bench = Bench(str(folder), **options)
        self.control = ControlClient(str(folder), LIMIT_S)
        self.watcher = ControlClient(str(folder), LIMIT_S)
        self.watcher.send({"do": "watch"})
        self._clients: list[Client] = []

    def add(self, **changes: Any) -> None:
        """A bootable camera at 1-1.1 that takes its time for nothing."""
        values = {"contents": bootable(self.folder), "boot_s": 0.01, "enumeration_s": 0.001, **changes}
        self.bench.add([spec(**values)])

    def events_until(self, done: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
        """Events up to the one that is waited for."""
        events = [self.watcher.read()]
        while not done(events[-1]):
            events.append(self.watcher.read())
        return events

    def arrival(self, product_id: int = 0x96E3) -> dict[str, Any]:
        """The next arrival of such a device."""
        events = self.events_until(lambda e: e["event"] == "arrived" and e["device"]["product_id"] == product_id)
        device: dict[str, Any] = events[-1]["device"]
        return device

    def application(self, **changes: Any) -> str:
        """A camera that was let go at once; the path of its application's serial port."""
        self.add(**changes)
        self.arrival()
        host = self.opened()
        host.control(REQUEST_TYPE_OUT, Request.DETACH)
        self.arrival(0x16E3)
        tty: str = self.control.ask("state", port_path="1-1.1")["tty"]
        return tty

    def departure(self) -> None:
        """Wait until a device has left."""
        self.events_until(lambda event: event["event"] == "left")

    def host(self) -> Client:
        """A new connection."""
        client = Client(str(self.folder / USBIP_SOCKET))
        self._clients.append(client)
        return client

    def opened(self, port_path: str = "1-1.1") -> Client:
        """A connection with an open device."""
        client = self.host()
        assert client.imports(port_path)
        return client

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self.control.close()
        self.watcher.close()
        self.bench.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    made = Served(tmp_path)
    assert (tmp_path / CONTROL_SOCKET).exists()
    yield made
    made.close()
