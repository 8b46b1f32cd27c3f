"""Plug virtual cameras into the guest's kernel: Linux's USB/IP host controller (``vhci-hcd``), without the usbip tool.

A *port* here is the kernel's number for one socket of the virtual controllers, ``controller * 30 + 0…14`` for high
speed (15…29 are SuperSpeed, of no use to this camera). Debian builds eight controllers: 120 high-speed ports.
Everything goes through the files of ``vhci_hcd.0``, and needs root. Runs in the guest.
"""

from __future__ import annotations

import enum
import os
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

CONTROL = Path("/sys/devices/platform/vhci_hcd.0")
PORTS_PER_CONTROLLER = 30
"""Port numbers, high speed and SuperSpeed together."""

HIGH_SPEED = 3
"""enum usb_device_speed."""

_POLL_S = 0.01


class State(enum.IntEnum):
    """enum usbip_device_status, the half that a host controller's port uses."""

    FREE = 4
    NOT_ASSIGNED = 5  # attached, the kernel has not given it an address yet
    USED = 6
    ERROR = 7


@dataclass(frozen=True)
class Port:
    """One line of the status files."""

    number: int
    high_speed: bool
    state: State
    devid: int
    bus_id: str
    """The kernel's name of the device on it, for example ``3-1``; ``0-0`` while there is none."""

    @property
    def controller(self) -> int:
        """Which of the virtual controllers has it."""
        return self.number // PORTS_PER_CONTROLLER


def parse_status(text: str) -> list[Port]:
    """Read one status file: ``hub port sta spd dev sockfd local_busid``, ``dev`` in hexadecimal."""
    ports = []
    for line in text.splitlines():
        words = line.split()
        if len(words) == 7 and words[0] in ("hs", "ss"):
            hub, number, state, _speed, devid, _socket, bus_id = words
            ports.append(Port(int(number), hub == "hs", State(int(state)), int(devid, 16), bus_id))
    return ports


def read_ports(control: Path = CONTROL) -> list[Port]:
    """Read all ports of all controllers: ``status``, ``status.1``, ``status.2`` and so on."""
    files = sorted(control.glob("status*"), key=lambda file: int(file.suffix[1:] or 0))
    return [port for file in files for port in parse_status(file.read_text())]


def free_ports(count: int, control: Path = CONTROL) -> list[int]:
    """Choose free high-speed ports, one controller after the other.

    The kernel enumerates one device at a time on each controller (about 0.45 s emulated): 32 cameras spread over eight
    controllers are there after 2 s, packed into three after 7 s.
    """
    return spread(read_ports(control), count)


def spread(ports: Iterable[Port], count: int) -> list[int]:
    """Take the free high-speed ports in turn from each controller."""
    columns: dict[int, list[int]] = {}
    for port in ports:
        if port.high_speed and port.state is State.FREE:
            columns.setdefault(port.controller, []).append(port.number)
    chosen = [number for row in zip_longest(*columns.values()) for number in row if number is not None]
    if len(chosen) < count:
        raise RuntimeError(f"{count} vhci ports wanted, {len(chosen)} free")
    return chosen[:count]


def attach(connection: socket.socket, port: int, devid: int, control: Path = CONTROL) -> None:
    """Plug the device that speaks USB/IP at the other end of ``connection`` into ``port``.

    ``connection`` is a connected stream socket: one end of a ``socketpair()``, or TCP after OP_REP_IMPORT. The kernel
    takes a reference of its own: close this end afterwards, or the device will not notice that it was pulled.
    ``devid`` is in the header of every request: bus number << 16 | device number, by custom. OSError EBUSY: port taken.
    """
    _write_once(control / "attach", f"{port} {connection.fileno()} {devid} {HIGH_SPEED}")


def plug(port: int, devid: int, control: Path = CONTROL) -> socket.socket:
    """Attach a new socket pair and give the device's end of it. Closing that end pulls the device, too."""
    ours, kernels = socket.socketpair()
    with kernels:
        attach(kernels, port, devid, control=control)
    return ours


def detach(port: int, control: Path = CONTROL) -> None:
    """Pull the device out of ``port``: the kernel closes the connection. OSError EINVAL: there was none."""
    _write_once(control / "detach", f"{port}")


def _write_once(file: Path, order: str) -> None:
    """Python's buffered files write again, at close, what failed: the second order may be carried out unseen."""
    handle = os.open(file, os.O_WRONLY)
    try:
        os.write(handle, order.encode())
    finally:
        os.close(handle)


def port_path(port: int, control: Path = CONTROL) -> str:
    """Say how the kernel and udev name a device on ``port`` (``BUS-SOCKET``: ``3-1``), also before there is one."""
    controller, index = divmod(port, PORTS_PER_CONTROLLER)
    (bus,) = _high_speed_buses(control.with_name(f"vhci_hcd.{controller}"))
    return f"{bus}-{index + 1}"


def _high_speed_buses(controller: Path) -> list[int]:
    """Bus numbers of a controller's root hubs of 480 Mbit/s: exactly one (its twin is SuperSpeed)."""
    hubs = controller.glob("usb*/speed")
    return [int((hub.parent / "busnum").read_text()) for hub in hubs if hub.read_text().strip() == "480"]


def wait_state(port: int, state: State, timeout_s: float = 10.0, control: Path = CONTROL) -> None:
    """Wait until ``port`` is free again, or in use. A detached port stays busy until the kernel has cleaned up."""

    def reached() -> bool:
        return any(found.number == port and found.state is state for found in read_ports(control))

    _wait(reached, timeout_s, f"vhci port {port} is not {state.name}")


def wait_enumerated(port: int, timeout_s: float = 10.0, control: Path = CONTROL) -> str:
    """Wait until the kernel has configured the device on ``port``; give its port path."""
    path = port_path(port, control)
    value = Path("/sys/bus/usb/devices") / path / "bConfigurationValue"

    def configured() -> bool:
        try:
            return bool(value.read_text().strip())
        except OSError:
            return False

    _wait(configured, timeout_s, f"nothing was configured on vhci port {port} ({path})")
    return path


def _wait(condition: Callable[[], bool], timeout_s: float, message: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{message} after {timeout_s:g} s")
        time.sleep(_POLL_S)
