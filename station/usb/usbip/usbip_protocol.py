"""The messages of USB/IP 1.1.1, as the Linux kernel documents and speaks them (all numbers big-endian).

A connection begins with one operation: DEVLIST lists what the server exports, IMPORT takes one device by its bus id.
After a successful IMPORT the same connection carries the device's transfers: SUBMIT is answered by RET_SUBMIT; UNLINK
withdraws a SUBMIT and is answered by RET_UNLINK. Every message after IMPORT starts with 48 bytes.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

VERSION = 0x0111
OP_REQ_DEVLIST, OP_REP_DEVLIST = 0x8005, 0x0005
OP_REQ_IMPORT, OP_REP_IMPORT = 0x8003, 0x0003

CMD_SUBMIT, CMD_UNLINK, RET_SUBMIT, RET_UNLINK = 1, 2, 3, 4
DIRECTION_OUT, DIRECTION_IN = 0, 1

OPERATION = struct.Struct(">HHI")
"""Version, code, status: the head of every operation and its reply."""
COUNT = struct.Struct(">I")
DEVICE = struct.Struct(">256s32sIIIHHHBBBBBB")
"""Path, bus id, bus number, device number, speed, vendor, product, bcdDevice, class, subclass, protocol, active
configuration, number of configurations, number of interfaces."""
INTERFACE = struct.Struct(">BBBx")
BUS_ID = struct.Struct(">32s")

HEADER_BYTES = 48
SUBMIT_HEAD = struct.Struct(">IIIIIIiiii")
"""Command, sequence number, device, direction, endpoint, flags, length, start frame, packets, interval; then SETUP."""
SETUP = struct.Struct("<BBHHH")
"""bmRequestType, bRequest, wValue, wIndex, wLength: little-endian, as on the wire of USB itself."""
SETUP_OFFSET = SUBMIT_HEAD.size
UNLINK = struct.Struct(">IIIIII24x")
"""Command, sequence number, device, direction, endpoint, sequence number of the SUBMIT to withdraw."""
REPLY = struct.Struct(">IIIIIii")
"""Command, sequence number, device, direction, endpoint, status (0 or a negative errno), bytes that moved."""


@dataclass(frozen=True, slots=True)
class ExportedDevice:
    """One device of a DEVLIST or IMPORT reply. `bus_id` is the port path; `speed` is 1 low, 2 full, 3 high, 5 super."""

    bus_id: str
    bus: int
    address: int
    speed: int
    vendor_id: int
    product_id: int
    bcd_device: int
    device_class: int
    device_subclass: int
    device_protocol: int
    configuration: int
    configurations: int
    interfaces: int

    @classmethod
    def decode(cls, raw: bytes | bytearray | memoryview) -> ExportedDevice:
        """From the 312 bytes of a device; struct.error for another length."""
        _, bus_id, *numbers = DEVICE.unpack(raw)
        return cls(bus_id.rstrip(b"\0").decode("ascii", "replace"), *numbers)
