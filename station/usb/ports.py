"""Port paths: the names that Linux gives physical USB ports ("1-1.4.2": bus 1, root port 1, hub port 4, hub port 2)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_PORT_PATH = re.compile(r"([1-9][0-9]*)-([1-9][0-9]*(?:\.[1-9][0-9]*)*)")


class PortPath(NamedTuple):
    """A place on a bus: the bus number and the port number at each hub from the root down."""

    bus: int
    ports: tuple[int, ...]

    def __str__(self) -> str:
        """The name as sysfs writes it."""
        return f"{self.bus}-{'.'.join(map(str, self.ports))}"


def port_path(bus: int, ports: Iterable[int]) -> str:
    """The name of a port from what libusb tells (bus number, port numbers from the root down)."""
    return str(PortPath(bus, tuple(ports)))


def parse_port_path(text: str) -> PortPath:
    """The parts of a port path. ValueError for all else, interfaces ("1-1:1.0") and root hubs ("usb1") included."""
    match = _PORT_PATH.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a USB port path such as 1-1.4.2")
    return PortPath(int(match[1]), tuple(map(int, match[2].split("."))))
