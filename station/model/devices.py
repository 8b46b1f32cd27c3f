"""What is on the bus now: a device, seen at a physical port."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DeviceMode(StrEnum):
    """Which of its two USB identities a camera shows, or that it is not a camera."""

    DFU = "dfu"
    APPLICATION = "application"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Device:
    """One enumerated USB device, as the watcher saw it; a plain value that may cross threads and processes.

    `port_path` ("1-1.4.2") addresses the place and survives re-enumeration; `bus` and `address` address this one
    enumeration and nothing more. `serial` is the string as found, "" when there is none.
    """

    port_path: str
    bus: int
    address: int
    vendor_id: int
    product_id: int
    serial: str
    bcd_device: int
    mode: DeviceMode
    node: str = ""


@dataclass(frozen=True, slots=True)
class DeviceArrived:
    """A device was announced at a port. The same device may be announced twice (listing and event, add and bind)."""

    device: Device


@dataclass(frozen=True, slots=True)
class DeviceLeft:
    """A port lost its device."""

    port_path: str


DeviceEvent = DeviceArrived | DeviceLeft
