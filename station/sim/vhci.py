"""A real kernel as the host: cameras are attached to Linux's virtual host controller (vhci-hcd).

The kernel takes the other end of a socket pair and speaks USB/IP on it, without OP_REQ_IMPORT. It enumerates by itself;
when it closes the connection the port has lost its power.
"""

from __future__ import annotations

import errno
import glob
import os
import socket
import threading
import time
from collections.abc import Callable

from station.errors import UsbAccessError
from station.problem import Sentence
from station.sim.camera_socket import Link
from station.sim.hub import Hub, Port
from station.sim.usbip_messages import SPEED_HIGH

VHCI = "/sys/devices/platform/vhci_hcd.0"
CONTROLLERS = 8
PORTS_A_CONTROLLER = 15
_PORT_STRIDE = 30
"""Port numbers count the 15 SuperSpeed ports of each controller too."""
_FREE_LIMIT_S = 90.0  # one thread of the kernel takes every device away: many restarts at once queue up for it
_FREE_POLL_S = 0.02
_FREE_POLL_MOST_S = 0.5
"""Asked more and more rarely: each try makes two threads in the kernel and a line on its console."""

Attach = Callable[[int, socket.socket, int], None]
"""(port number, the kernel's end, device id): hands the socket over. OSError EBUSY: the port is not free yet."""


def spread(index: int) -> int:
    """The port number of the n-th camera: controllers in turn, because each enumerates one device at a time."""
    return index % CONTROLLERS * _PORT_STRIDE + index // CONTROLLERS % PORTS_A_CONTROLLER


def attach(port_number: int, sock: socket.socket, device_id: int) -> None:
    """Give the kernel a connected socket for a high-speed port; it keeps a reference of its own."""
    _write_once("attach", f"{port_number} {sock.fileno()} {device_id} {SPEED_HIGH}")


def detach(port_number: int) -> None:
    """Make the kernel drop the device of a port: for the camera that is a power cut."""
    _write_once("detach", str(port_number))


def _write_once(name: str, order: str) -> None:
    """Python's buffered files write again, at close, what failed: a port that was busy and is free by then would be
    taken by an attempt that counts as failed, and nobody would serve the camera on it.
    """
    handle = os.open(f"{VHCI}/{name}", os.O_WRONLY)
    try:
        os.write(handle, order.encode())
    finally:
        os.close(handle)


def kernel_port_path(port_number: int) -> str:
    """The port path that the kernel gives to a device at this port; UsbAccessError when there is no such controller."""
    controller, root_port = divmod(port_number, _PORT_STRIDE)
    for root in sorted(glob.glob(f"{os.path.dirname(VHCI)}/vhci_hcd.{controller}/usb*")):
        with open(f"{root}/speed") as speed, open(f"{root}/busnum") as bus:
            if speed.read().strip() == "480":
                return f"{bus.read().strip()}-{root_port + 1}"
    text = f"no high-speed bus of vhci controller {controller}: load vhci-hcd"
    raise UsbAccessError("usb.access_denied", Sentence(text))


def kernel_tty(port_path: str) -> str | None:
    """The serial port that the kernel made of the application at a port, None while there is none."""
    names = glob.glob(f"/sys/bus/usb/devices/{port_path}:1.*/tty/tty*")
    return f"/dev/{os.path.basename(names[0])}" if names else None


class KernelHost:
    """Attaches what appears, and takes a connection that the kernel closed for an unplugged camera."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, attach_to: Attach = attach) -> None:
        self._clock = clock
        self._attach = attach_to
        self._hub: Hub | None = None
        self._numbers: dict[str, int] = {}

    def drive(self, hub: Hub) -> None:
        """The hub whose cameras are attached; before the first of them is plugged in."""
        self._hub = hub

    def number_of(self, port: Port) -> int:
        """The vhci port of a camera: what its spec says, else the next one of the spread."""
        wanted = port.camera.spec.vhci_port
        return self._numbers.setdefault(port.port_path, spread(len(self._numbers)) if wanted is None else wanted)

    def appeared(self, port: Port) -> None:
        """Connect it to its kernel port, in a thread: the port may not be free yet."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with port.camera.lock:
            link = Link(ours, port.camera, lambda _: self._poke(), self._clock, kernel=True)
        with port.links_lock:
            port.links.add(link)
        arguments = (port, self.number_of(port), link, theirs)
        threading.Thread(target=self._serve, args=arguments, name=f"vhci-{port.port_path}", daemon=True).start()

    def vanished(self, port: Port) -> None:
        """Drop its connection."""
        port.close_links()

    def step(self, port: Port, now: float) -> float | None:
        """The kernel plans for itself."""
        return None

    def _poke(self) -> None:
        if self._hub is not None:
            self._hub.poke()

    def _serve(self, port: Port, number: int, link: Link, theirs: socket.socket) -> None:
        with theirs:
            attached = self._attach_when_free(number, link, theirs)
        if attached:
            link.run()
        with port.links_lock:
            port.links.discard(link)
        with port.camera.lock:
            lost_power = link.ended_by_host and port.camera.connection == link.connection
        if lost_power and self._hub is not None:
            self._hub.unplug(port.port_path)

    def _attach_when_free(self, number: int, link: Link, theirs: socket.socket) -> bool:
        """The kernel frees a port a moment after its last connection ended."""
        limit_s = self._clock() + _FREE_LIMIT_S
        device_id = 1 << 16 | number + 1
        pause_s = _FREE_POLL_S
        while not link.closing and self._clock() < limit_s:
            try:
                self._attach(number, theirs, device_id)
            except OSError as error:
                if error.errno not in (errno.EBUSY, errno.EINVAL):
                    raise
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, _FREE_POLL_MOST_S)
            else:
                return True
        return False
