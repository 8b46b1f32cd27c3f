"""What udev announces, as plain values: libudev's own objects must not leave the thread that made them."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from errno import ENOBUFS
from pathlib import Path
from typing import Any

from station.board.usb_ids import UsbIds
from station.errors import UsbAccessError
from station.model.devices import Device
from station.problem import sentence
from station.usb.sysfs import list_cameras

UDEV_CONTROL = Path("/run/udev/control")
"""Udev's own socket. libudev connects without complaint where nobody will ever send anything; this tells."""

RECEIVE_BUFFER_BYTES = 8 << 20
"""An event has about 1 KiB and takes twice that in the kernel: room for thousands while nobody reads."""


@dataclass(frozen=True, slots=True)
class UdevEvent:
    """One announcement about a USB device; `path` is its folder in sysfs. A departure has no more to tell than this."""

    action: str
    path: str
    address: int | None


class Overflow(Exception):
    """The kernel had no room for an announcement: some are lost."""


class UdevMonitor:
    """Listens from the moment it is made, for the thread that made it. UsbAccessError `usb.no_udev` where none runs.

    Root hears the kernel's own announcements, which on a busy machine come up to a second before udev's, out of the
    1.5 s that a camera waits. Whoever is not root must wait for udev: its rules give the permission to open a camera.
    """

    def __init__(self) -> None:
        self._before_udev = os.geteuid() == 0
        if not UDEV_CONTROL.exists():
            raise UsbAccessError(
                "usb.no_udev",
                sentence("udev does not run here ({file} is missing; a container has none)", file=UDEV_CONTROL),
            )
        # Imported here since only the station's main process watches.
        import pyudev

        try:
            self._context = pyudev.Context()
            self._monitor = pyudev.Monitor.from_netlink(self._context, source="kernel" if self._before_udev else "udev")
            self._monitor.filter_by("usb", "usb_device")
            _enlarge_buffer(self._monitor)
            self._monitor.start()
        except (OSError, ImportError) as error:
            raise UsbAccessError("usb.no_udev", sentence("udev cannot be reached: {error}", error=error)) from error

    def fileno(self) -> int:
        """Readable when there is something to receive."""
        return int(self._monitor.fileno())

    def receive(self) -> Iterator[UdevEvent]:
        """Everything that has been announced by now; raises Overflow in its place where something was lost."""
        while True:
            try:
                device = self._monitor.poll(timeout=0)
            except OSError as error:
                # pyudev looks at the socket before it reads, and finds an error there without saying which.
                if ENOBUFS in (error.errno, pending_error(self._monitor.fileno())):
                    raise Overflow from error
                raise UsbAccessError(
                    "usb.no_udev", sentence("udev cannot be heard any more: {error}", error=error)
                ) from error
            if device is None:
                return
            address = device.properties.get("DEVNUM")
            yield UdevEvent(device.action, device.sys_path, int(address) if address else None)

    def cameras(self, ids: UsbIds) -> dict[str, Device]:
        """Every camera that may be opened by now, by its path; the others are announced when udev has seen them."""
        listed = list_cameras(ids).items()
        return {path: device for path, device in listed if self._before_udev or self._dealt_with(path)}

    def _dealt_with(self, path: str) -> bool:
        """Whether udev's rules have been applied: before, the node may not be opened by all who will be allowed to."""
        import pyudev

        try:
            return bool(pyudev.Devices.from_sys_path(self._context, path).is_initialized)
        except pyudev.DeviceNotFoundError:
            return False


def pending_error(fd: int) -> int:
    """The errno that waits at a socket, 0 for none; asking takes it away."""
    with socket.socket(fileno=os.dup(fd)) as alike:
        return alike.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def _enlarge_buffer(monitor: Any) -> None:
    """As far as this process may: beyond the system's limit (net.core.rmem_max) only root may go."""
    try:
        monitor.set_receive_buffer_size(RECEIVE_BUFFER_BYTES)
    except OSError:
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(monitor.fileno())) as alike:
            alike.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
