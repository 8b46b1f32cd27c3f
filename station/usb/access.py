"""Which bus this process works on: the machine's own, or virtual cameras behind USB/IP sockets."""

from __future__ import annotations

import os.path
from dataclasses import dataclass
from typing import Literal

USBIP_SOCKET = "usbip.sock"
CONTROL_SOCKET = "control.sock"


@dataclass(frozen=True, slots=True)
class UsbAccess:
    """Picklable, so that every process of a station opens the same bus.

    `directories` is for kind "usbip" only: one folder for each process that serves virtual cameras, with its
    `usbip.sock` (the devices) and its `control.sock` (what is plugged in).
    """

    kind: Literal["libusb", "usbip"] = "libusb"
    directories: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot work: ValueError."""
        if (self.kind == "usbip") != bool(self.directories):
            raise ValueError(f"a bus of kind {self.kind} does not go with the directories {self.directories}")

    @property
    def usbip_sockets(self) -> tuple[str, ...]:
        """The sockets that serve the devices, one for each directory."""
        return tuple(os.path.join(directory, USBIP_SOCKET) for directory in self.directories)

    @property
    def control_sockets(self) -> tuple[str, ...]:
        """The sockets that tell what is plugged in, one for each directory."""
        return tuple(os.path.join(directory, CONTROL_SOCKET) for directory in self.directories)


def tty_of(access: UsbAccess, port_path: str) -> str | None:
    """The node of the serial port that the camera in this place shows now, on either bus; None where it has none."""
    # Only a worker that speaks to an application needs what these load.
    if access.kind == "usbip":
        from station.usb.usbip.virtual_tty import find_virtual_tty

        return find_virtual_tty(access.control_sockets, port_path)
    from station.usb.tty import find_tty

    return find_tty(port_path)
