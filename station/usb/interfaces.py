"""Which interfaces a device shows, read without opening it: no driver that works with it is disturbed."""

from __future__ import annotations

import os
from contextlib import suppress

from station.model.devices import Device
from station.usb.access import UsbAccess

SYSFS = "/sys/bus/usb/devices"

Classes = tuple[tuple[int, int], ...]
"""Class and subclass of each interface, in order."""


def interface_classes(access: UsbAccess, device: Device, root: str = SYSFS) -> Classes:
    """The interfaces of the device in this place; none where it is gone or cannot be read."""
    if access.kind == "usbip":
        # A station on real hardware never needs it.
        from station.usb.usbip.usbip_link import exported_interfaces

        sockets = (device.node,) if device.node else access.usbip_sockets
        with suppress(OSError):
            for socket in sockets:
                if found := exported_interfaces(socket, device.port_path):
                    return found
        return ()
    return _listed(device.port_path, root)


def _listed(port_path: str, root: str) -> Classes:
    try:
        names = sorted(name for name in os.listdir(os.path.join(root, port_path)) if name.startswith(f"{port_path}:"))
        return tuple(_pair(os.path.join(root, port_path, name)) for name in names)
    except (OSError, ValueError):
        return ()


def _pair(folder: str) -> tuple[int, int]:
    def number(name: str) -> int:
        with open(os.path.join(folder, name), encoding="ascii") as file:
            return int(file.read().strip(), 16)

    return number("bInterfaceClass"), number("bInterfaceSubClass")
