"""The host's kernel as far as a virtual bus needs one: it resets, addresses and configures what is plugged in.

The station's own USB backend opens devices over USB/IP; who is there it learns from the announcements made here.
"""

from __future__ import annotations

import queue
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from station.model.devices import Device, DeviceMode
from station.sim.camera import Camera
from station.sim.camera_descriptors import DescriptorSet
from station.sim.camera_socket import Link
from station.sim.hub import Hub, Port
from station.sim.pseudo_terminal import PseudoTerminal
from station.sim.reply import Kind

_FIRST_ADDRESS, _LAST_ADDRESS = 2, 127
_SETUP = struct.Struct("<BBHHH")
_ENUMERATION = (
    (0x80, 6, 0x0100, 0, 64),
    (0x00, 5, 0x0002, 0, 0),
    (0x80, 6, 0x0100, 0, 18),
    (0x80, 6, 0x0600, 0, 10),
    (0x80, 6, 0x0200, 0, 9),
    (0x80, 6, 0x0200, 0, 255),
    (0x80, 6, 0x0300, 0, 255),
    (0x80, 6, 0x0302, 0x0409, 255),
    (0x80, 6, 0x0301, 0x0409, 255),
    (0x80, 6, 0x0303, 0x0409, 255),
    (0x00, 9, 0x0001, 0, 0),
)
"""What a host asks after a bus reset (USB 2.0 chapter 9); the last is SET_CONFIGURATION and starts the window."""

Event = dict[str, Any]
Watcher = queue.SimpleQueue[Event]


@dataclass(slots=True)
class _Seen:
    """The host's view of one appearance of a device; `device` once it is announced."""

    port: Port
    connection: int | None
    enumerate_at_s: float | None
    device: Device | None = None


class VirtualHost:
    """Enumerates, announces, opens. Locks are taken in the order hub, this, camera."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._on_change: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._seen: dict[str, _Seen] = {}
        self._next_address: dict[int, int] = {}
        self._watchers: list[Watcher] = []

    def drive(self, hub: Hub) -> None:
        """The hub whose cameras are enumerated; before the first of them is plugged in."""
        self._on_change = hub.poke

    def appeared(self, port: Port) -> None:
        """Enumerate it after the usual delay."""
        due_s = self._clock() + port.camera.spec.enumeration_s
        with self._lock:
            self._seen[port.port_path] = _Seen(port, port.seen, due_s)

    def vanished(self, port: Port) -> None:
        """End its connections, and announce that it left if it was announced."""
        with self._lock:
            port.close_links()
            seen = self._seen.pop(port.port_path, None)
            if seen is not None:
                self._forget(seen)

    def step(self, port: Port, now: float) -> float | None:
        """Enumerate when it is time to."""
        with self._lock:
            seen = self._seen.get(port.port_path)
            if seen is None:
                return None
            if seen.enumerate_at_s is not None and seen.enumerate_at_s <= now:
                with port.camera.lock:
                    seen.enumerate_at_s, enumerated = _enumerate(port.camera)
                if enumerated and seen.device is None:
                    self._announce_arrival(seen)
            return seen.enumerate_at_s

    def reset(self, port: Port) -> None:
        """After a bus reset: a device that is still there is enumerated again, one that crashed is given up."""
        with self._lock, port.camera.lock:
            seen = self._seen.get(port.port_path)
            if seen is None or port.camera.connection != seen.connection:
                return
            if port.camera.crashed:
                port.close_links()
                self._forget(seen)
            else:
                seen.enumerate_at_s = self._clock() + port.camera.spec.enumeration_s

    def open(
        self, port: Port, sock: socket.socket, on_change: Callable[[Link], None]
    ) -> tuple[Link, Device, DescriptorSet] | None:
        """A connection to an announced device, as open() of its node; None when it is not there or cannot be opened."""
        with self._lock:
            seen = self._seen.get(port.port_path)
            if seen is None or seen.device is None:
                return None
            with port.camera.lock:
                if port.camera.connection != seen.connection or not port.camera.opened():
                    return None
                link, identity = Link(sock, port.camera, on_change, self._clock), port.camera.identity
            with port.links_lock:
                port.links.add(link)
            return link, seen.device, identity

    def devices(self) -> list[tuple[Device, DescriptorSet]]:
        """What is announced now."""
        with self._lock:
            return [(seen.device, seen.port.camera.identity) for seen in self._seen.values() if seen.device]

    def watch(self) -> Watcher:
        """A queue of events: `arrived` for what is there now, `listed`, then whatever happens."""
        watcher: Watcher = queue.SimpleQueue()
        with self._lock:
            for seen in self._seen.values():
                if seen.device is not None:
                    watcher.put(_arrived(seen.device))
            watcher.put({"event": "listed"})
            self._watchers.append(watcher)
        return watcher

    def unwatch(self, watcher: Watcher) -> None:
        """No more events for this queue."""
        with self._lock:
            self._watchers.remove(watcher)

    def _announce_arrival(self, seen: _Seen) -> None:
        spec, identity = seen.port.camera.spec, seen.port.camera.identity
        seen.device = Device(
            port_path=spec.port_path,
            bus=spec.bus,
            address=self._new_address(spec.bus),
            vendor_id=identity.vendor_id,
            product_id=identity.product_id,
            serial=identity.serial,
            bcd_device=identity.bcd_device,
            mode=DeviceMode.DFU if identity.product_id == spec.bootloader_product_id else DeviceMode.APPLICATION,
        )
        if seen.device.mode is DeviceMode.APPLICATION:
            terminal = PseudoTerminal(seen.port.camera, seen.connection, self._on_change)
            seen.port.tty = terminal.path
            with seen.port.links_lock:
                seen.port.links.add(terminal)
        self._announce(_arrived(seen.device))

    def _forget(self, seen: _Seen) -> None:
        if seen.device is not None:
            self._announce({"event": "left", "port_path": seen.port.port_path})
        seen.device = None

    def _announce(self, event: Event) -> None:
        for watcher in self._watchers:
            watcher.put(event)

    def _new_address(self, bus: int) -> int:
        """Addresses grow with every enumeration and wrap around, past those in use."""
        used = {seen.device.address for seen in self._seen.values() if seen.device and seen.device.bus == bus}
        address = self._next_address.get(bus, _FIRST_ADDRESS)
        while address in used:
            address = _following(address)
        self._next_address[bus] = _following(address)
        return address


def _following(address: int) -> int:
    return address + 1 if address < _LAST_ADDRESS else _FIRST_ADDRESS


def _arrived(device: Device) -> Event:
    keys = ("port_path", "bus", "address", "vendor_id", "product_id", "serial", "bcd_device")
    return {"event": "arrived", "device": {key: getattr(device, key) for key in keys}}


def _enumerate(camera: Camera) -> tuple[float | None, bool]:
    """Reset, address and configure: when to try again (a silent camera), and whether it is configured now."""
    if not camera.configured:
        camera.bus_reset()
    for request in _ENUMERATION:
        reply = camera.handle_control(_SETUP.pack(*request))
        if reply.kind is Kind.WAIT:
            return reply.at_s, False
        if reply.kind not in (Kind.DATA, Kind.STALL):
            return None, False
    return None, camera.configured
