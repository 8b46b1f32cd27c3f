"""The USB descriptors of a camera's two identities, as bytes (USB 2.0 chapter 9, DFU 1.1 section 4.1.3).

The bootloader: 37C5:96E3, one configuration, one interface FE/01/02 with an alternate setting for each partition and
one DFU functional descriptor behind the last. The application: 37C5:16E3 with a vendor-specific interface and no
endpoints, so that no kernel driver binds to it.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from station.dfu.wire import DESCRIPTOR_TYPE_DFU_FUNCTIONAL
from station.sim.partitions import BLOCK_BYTES, Table

VENDOR_ID = 0x37C5
BOOTLOADER_PRODUCT_ID = 0x96E3
APPLICATION_PRODUCT_ID = 0x16E3
SERIAL_STRING_INDEX = 3

_DEVICE, _CONFIGURATION, _STRING, _INTERFACE, _QUALIFIER = 1, 2, 3, 4, 6
_CAN_DOWNLOAD_UPLOAD_TOLERANT = 0x01 | 0x02 | 0x04
_DETACH_TIMEOUT_MS = 1000
_EP0_BYTES = 64


@dataclass(frozen=True, slots=True)
class DescriptorSet:
    """All that one identity answers to GET_DESCRIPTOR, and what an enumerating host keeps of it."""

    product_id: int
    bcd_device: int
    serial: str
    interface_class: tuple[int, int, int]
    alt_count: int
    answers: dict[int, bytes]
    """wValue (type in the high byte, index in the low one) -> the whole descriptor."""


def bcd_device(version: tuple[int, int, int]) -> int:
    """The bootloader's bcdDevice: 1.0.3 is 0x0103, and 0x0200 for everything before 1.0.1."""
    major, minor, patch = version
    return 0x0200 if version < (1, 0, 1) else major << 8 | minor << 4 | patch


def _string(text: str) -> bytes:
    raw = text.encode("utf-16-le")
    return bytes((2 + len(raw), _STRING)) + raw


def _device(product_id: int, bcd: int) -> bytes:
    head = struct.pack("<BBHBBBB", 18, _DEVICE, 0x0200, 0, 0, 0, _EP0_BYTES)
    return head + struct.pack("<HHHBBBB", VENDOR_ID, product_id, bcd, 1, 2, SERIAL_STRING_INDEX, 1)


def _qualifier() -> bytes:
    return struct.pack("<BBHBBBBBB", 10, _QUALIFIER, 0x0200, 0, 0, 0, _EP0_BYTES, 1, 0)


def _configuration(interfaces: bytes) -> bytes:
    """One configuration with one interface, bus powered, 500 mA."""
    return struct.pack("<BBHBBBBB", 9, _CONFIGURATION, 9 + len(interfaces), 1, 1, 0, 0x80, 250) + interfaces


def _answers(device: bytes, configuration: bytes, strings: tuple[str, ...]) -> dict[int, bytes]:
    answers = {_DEVICE << 8: device, _CONFIGURATION << 8: configuration, _QUALIFIER << 8: _qualifier()}
    answers[_STRING << 8] = bytes((4, _STRING, 0x09, 0x04))
    for index, text in enumerate(strings, start=1):
        answers[_STRING << 8 | index] = _string(text)
    return answers


def bootloader(table: Table, serial: str, version: tuple[int, int, int]) -> DescriptorSet:
    """The identity in DFU mode; `serial` is the string as the camera tells it, and may be empty."""
    alts = b"".join(
        struct.pack("<BBBBBBBBB", 9, _INTERFACE, 0, alt, 0, 0xFE, 0x01, 0x02, 4 + alt) for alt in range(len(table))
    )
    functional = struct.pack(
        "<BBBHHH",
        9,
        DESCRIPTOR_TYPE_DFU_FUNCTIONAL,
        _CAN_DOWNLOAD_UPLOAD_TOLERANT,
        _DETACH_TIMEOUT_MS,
        BLOCK_BYTES,
        0x0101,
    )
    bcd = bcd_device(version)
    strings = ("OpenMV", "OpenMV Camera (DFU Mode)", serial, *(partition.name for partition in table))
    answers = _answers(_device(BOOTLOADER_PRODUCT_ID, bcd), _configuration(alts + functional), strings)
    return DescriptorSet(BOOTLOADER_PRODUCT_ID, bcd, serial, (0xFE, 0x01, 0x02), len(table), answers)


def application(serial: str) -> DescriptorSet:
    """The identity after the jump: a vendor-specific interface without endpoints."""
    interface = struct.pack("<BBBBBBBBB", 9, _INTERFACE, 0, 0, 0, 0xFF, 0x00, 0x00, 0)
    answers = _answers(
        _device(APPLICATION_PRODUCT_ID, 0x0200), _configuration(interface), ("OpenMV", "OpenMV Camera", serial)
    )
    return DescriptorSet(APPLICATION_PRODUCT_ID, 0x0200, serial, (0xFF, 0x00, 0x00), 1, answers)


def reversed_serial(serial: str) -> str:
    """The application's form of a bootloader serial: the same bytes in reverse order (24 hex digits are 12 bytes)."""
    return "".join(serial[index : index + 2] for index in range(0, len(serial), 2)[::-1])
