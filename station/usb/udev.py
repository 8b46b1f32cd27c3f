"""What udev announces, as plain values: libudev's own objects must not leave the thread that made them."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from station.errors import UsbAccessError
from station.model.devices import Device
from station.usb.sysfs import read_camera

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
    """Listens from the moment it is made, for the thread that made it. UsbAccessError `usb.no_udev` where none runs."""

    def __init__(self) -> None:
        if not UDEV_CONTROL.exists():
            raise UsbAccessError(
                "usb.no_udev", f"udev does not run here ({UDEV_CONTROL} is missing; a container has none)"
            )
        # Imported here since only the station's main process watches.
        import pyudev

        try:
            self._context = pyudev.Context()
            self._monitor = pyudev.Monitor.from_netlink(self._context, source="udev")
            self._monitor.filter_by("usb", "usb_device")
            _enlarge_buffer(self._monitor)
            self._monitor.start()
        except (OSError, ImportError) as error:
            raise UsbAccessError("usb.no_udev", f"udev cannot be reached: {error}") from error

    def fileno(self) -> int:
        """Readable when there is something to receive."""
        return int(self._monitor.fileno())

    def receive(self) -> Iterator[UdevEvent]:
        """Everything that has been announced by now; raises Overflow in its place where something was lost."""
        while True:
            try:
                device = self._monitor.poll(timeout=0)
            except OSError as error:
                if error.errno == errno.ENOBUFS:
                    raise Overflow from error
                raise UsbAccessError("usb.no_udev", f"udev cannot be heard any more: {error}") from error
            if device is None:
                return
            address = device.properties.get("DEVNUM")
            yield UdevEvent(device.action, device.sys_path, int(address) if address else None)

    def cameras(self) -> dict[str, Device]:
        """Every camera that udev has dealt with, by its path; the others are announced when it has."""
        return _cameras(self._context, dealt_with=True)


def plugged_in() -> list[Device]:
    """Every camera on this machine now, with or without udev. UsbAccessError `usb.no_udev` where libudev is missing."""
    import pyudev

    try:
        return list(_cameras(pyudev.Context(), dealt_with=UDEV_CONTROL.exists()).values())
    except (OSError, ImportError) as error:
        raise UsbAccessError("usb.no_udev", f"libudev cannot be used: {error}") from error


def _cameras(context: Any, *, dealt_with: bool) -> dict[str, Device]:
    listing = context.list_devices(subsystem="usb", DEVTYPE="usb_device")
    if dealt_with:
        # Before udev has dealt with a device its node may not be opened by everybody who will be allowed to.
        listing.match_is_initialized()
    found = ((device.sys_path, read_camera(Path(device.sys_path))) for device in listing)
    return {path: device for path, device in found if device is not None}


def _enlarge_buffer(monitor: Any) -> None:
    """As far as this process may: beyond the system's limit (net.core.rmem_max) only root may go."""
    try:
        monitor.set_receive_buffer_size(RECEIVE_BUFFER_BYTES)
    except OSError:
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(monitor.fileno())) as alike:
            alike.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
