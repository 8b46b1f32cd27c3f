"""The USB/IP protocol's messages as bytes (Linux kernel documentation, usbip_protocol): all big-endian."""

from __future__ import annotations

import struct
from typing import NamedTuple

from station.model.devices import Device
from station.sim.camera_descriptors import DescriptorSet

VERSION = 0x0111
OP_REQ_DEVLIST, OP_REP_DEVLIST = 0x8005, 0x0005
OP_REQ_IMPORT, OP_REP_IMPORT = 0x8003, 0x0003
CMD_SUBMIT, CMD_UNLINK, RET_SUBMIT, RET_UNLINK = 1, 2, 3, 4
DIRECTION_IN = 1
SPEED_HIGH = 3

STATUS_STALL = -32
"""EPIPE."""
STATUS_BROKEN = -71
"""EPROTO: the host's library reports an I/O error."""
STATUS_GONE = -108
"""ESHUTDOWN: what a host controller says of the transfers of a device that was pulled."""
STATUS_UNLINKED = -104
"""ECONNRESET: the transfer was outstanding and is given up."""

OPERATION = struct.Struct(">HHI")
BUSID_BYTES = 32
HEADER_BYTES = 48
_SUBMIT = struct.Struct(">IIIIIIiiii8s")
_RET_SUBMIT = struct.Struct(">IIIIIiiiii8x")
_RET_UNLINK = struct.Struct(">IIIIIi24x")
_DEVICE = struct.Struct(">256s32sIIIHHHBBBBBB")


class Message(NamedTuple):
    """One CMD_SUBMIT or CMD_UNLINK. `unlinked` is the seqnum to give up; `data` that of an OUT transfer."""

    command: int
    seqnum: int
    direction: int
    endpoint: int
    unlinked: int
    length: int
    setup: bytes
    data: bytes = b""


def parse_header(header: bytes) -> Message:
    """The 48 bytes that begin every message; struct.error for another length."""
    command, seqnum, _, direction, endpoint, unlinked, length, _, _, _, setup = _SUBMIT.unpack(header)
    return Message(command, seqnum, direction, endpoint, unlinked, length, setup)


def submitted(seqnum: int, status: int, actual_length: int, data: bytes = b"") -> bytes:
    """USBIP_RET_SUBMIT; `data` only for IN transfers."""
    return _RET_SUBMIT.pack(RET_SUBMIT, seqnum, 0, 0, 0, status, actual_length, 0, 0, 0) + data


def unlinked(seqnum: int, status: int) -> bytes:
    """USBIP_RET_UNLINK: 0 when the transfer was answered already."""
    return _RET_UNLINK.pack(RET_UNLINK, seqnum, 0, 0, 0, status)


def device_entry(device: Device, identity: DescriptorSet) -> bytes:
    """The 312 bytes that describe one device in both operations; its busid is the port path."""
    return _DEVICE.pack(
        f"/sim/{device.port_path}".encode(),
        device.port_path.encode(),
        device.bus,
        device.address,
        SPEED_HIGH,
        device.vendor_id,
        device.product_id,
        device.bcd_device,
        *identity.device_class,
        *(1, 1, len(identity.interface_classes)),
    )


def interface_entries(identity: DescriptorSet) -> bytes:
    """The interfaces of a device in a list, four bytes each."""
    return b"".join(bytes((*interface_class, 0)) for interface_class in identity.interface_classes)


def list_reply(entries: list[tuple[Device, DescriptorSet]]) -> bytes:
    """OP_REP_DEVLIST."""
    body = b"".join(device_entry(device, identity) + interface_entries(identity) for device, identity in entries)
    return OPERATION.pack(VERSION, OP_REP_DEVLIST, 0) + len(entries).to_bytes(4, "big") + body


def import_reply(entry: bytes | None) -> bytes:
    """OP_REP_IMPORT: with the device's entry, or refused."""
    return OPERATION.pack(VERSION, OP_REP_IMPORT, 0 if entry else 1) + (entry or b"")
