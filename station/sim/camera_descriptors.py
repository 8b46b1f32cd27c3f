"""The USB descriptors of a camera's two identities, as bytes (USB 2.0 chapter 9, DFU 1.1 section 4.1.3).

The bootloader: 37C5:96E3, one configuration, one interface FE/01/02 with an alternate setting for each partition and
one DFU functional descriptor behind the last. The application: 37C5:16E3, class EF/02/01, with a serial port (CDC
control and CDC data) and a disk (mass storage), so that a kernel binds what it binds to a real one: micropython
`ports/alif/boards/OPENMV_AE3`, `shared/tinyusb/mp_usbd_descriptor.c`, and TinyUSB's `usbd.h` for the templates.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from station.dfu.dfu_protocol import DESCRIPTOR_TYPE_DFU_FUNCTIONAL
from station.sim.partitions import BLOCK_BYTES
from station.sim.spec import CameraSpec

SERIAL_STRING_INDEX = 3
NOTIFICATION_ENDPOINT, SERIAL_ENDPOINT, DISK_ENDPOINT = 1, 2, 3
"""Endpoint numbers of the application: the first is IN only, the others are a pair."""
CDC_INTERFACE, CDC_DATA_INTERFACE, DISK_INTERFACE = 0, 1, 2

_DEVICE, _CONFIGURATION, _STRING, _INTERFACE, _ENDPOINT, _QUALIFIER, _ASSOCIATION = 1, 2, 3, 4, 5, 6, 11
_CLASS_SPECIFIC = 0x24
_BULK, _INTERRUPT = 2, 3
_BULK_BYTES, _NOTIFICATION_BYTES, _NOTIFICATION_INTERVAL = 512, 8, 16
_COMPOSITE = (0xEF, 0x02, 0x01)
_NO_CLASS = (0, 0, 0)
_CAN_DOWNLOAD_UPLOAD_TOLERANT = 0x01 | 0x02 | 0x04
_DETACH_TIMEOUT_MS = 1000
_EP0_BYTES = 64


@dataclass(frozen=True, slots=True)
class DescriptorSet:
    """All that one identity answers to GET_DESCRIPTOR, and what an enumerating host keeps of it."""

    vendor_id: int
    product_id: int
    bcd_device: int
    serial: str
    device_class: tuple[int, int, int]
    interface_classes: tuple[tuple[int, int, int], ...]
    answers: dict[int, bytes]
    """wValue (type in the high byte, index in the low one) -> the whole descriptor."""


def bcd_device(version: tuple[int, int, int]) -> int:
    """The bootloader's bcdDevice: 1.0.3 is 0x0103, and 0x0200 for everything before 1.0.1."""
    major, minor, patch = version
    return 0x0200 if version < (1, 0, 1) else major << 8 | minor << 4 | patch


def _string(text: str) -> bytes:
    raw = text.encode("utf-16-le")
    return bytes((2 + len(raw), _STRING)) + raw


def _device(vendor_id: int, product_id: int, bcd: int, device_class: tuple[int, int, int], serial_index: int) -> bytes:
    head = struct.pack("<BBHBBBB", 18, _DEVICE, 0x0200, *device_class, _EP0_BYTES)
    return head + struct.pack("<HHHBBBB", vendor_id, product_id, bcd, 1, 2, serial_index, 1)


def _qualifier(device_class: tuple[int, int, int]) -> bytes:
    return struct.pack("<BBHBBBBBB", 10, _QUALIFIER, 0x0200, *device_class, _EP0_BYTES, 1, 0)


def _configuration(interfaces: bytes, count: int, current_ma: int) -> bytes:
    """One configuration, bus powered."""
    length = 9 + len(interfaces)
    return struct.pack("<BBHBBBBB", 9, _CONFIGURATION, length, count, 1, 0, 0x80, current_ma // 2) + interfaces


def _interface(number: int, endpoints: int, interface_class: tuple[int, int, int], string: int) -> bytes:
    return struct.pack("<BBBBBBBBB", 9, _INTERFACE, number, 0, endpoints, *interface_class, string)


def _endpoint(address: int, kind: int, size_bytes: int, interval: int = 0) -> bytes:
    return struct.pack("<BBBBHB", 7, _ENDPOINT, address, kind, size_bytes, interval)


def _answers(
    device: bytes, configuration: bytes, strings: tuple[str, ...], device_class: tuple[int, int, int]
) -> dict[int, bytes]:
    answers = {_DEVICE << 8: device, _CONFIGURATION << 8: configuration, _QUALIFIER << 8: _qualifier(device_class)}
    answers[_STRING << 8] = bytes((4, _STRING, 0x09, 0x04))
    for index, text in enumerate(strings, start=1):
        answers[_STRING << 8 | index] = _string(text)
    return answers


def bootloader(spec: CameraSpec) -> DescriptorSet:
    """The identity in DFU mode; the serial may be empty."""
    table, serial = spec.partitions, spec.serial
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
    bcd = bcd_device(spec.version)
    strings = ("OpenMV", "OpenMV Camera (DFU Mode)", serial, *(partition.name for partition in table))
    device = _device(spec.vendor_id, spec.bootloader_product_id, bcd, _NO_CLASS, SERIAL_STRING_INDEX)
    answers = _answers(device, _configuration(alts + functional, 1, 500), strings, _NO_CLASS)
    return _described(device, serial, _NO_CLASS, ((0xFE, 0x01, 0x02),), answers)


def application(spec: CameraSpec, serial: str) -> DescriptorSet:
    """The identity after the jump; without a serial it names no string for it."""
    device = _device(
        spec.vendor_id, spec.application_product_id, 0x0100, _COMPOSITE, SERIAL_STRING_INDEX if serial else 0
    )
    classes = _APPLICATION_CLASSES
    configuration = _configuration(_serial_port() + _disk(), len(classes), 250)
    strings = ("OpenMV", "OpenMV Camera", serial, "Board CDC", "Board MSC")
    answers = _answers(device, configuration, strings, _COMPOSITE)
    if not serial:
        del answers[_STRING << 8 | SERIAL_STRING_INDEX]
    return _described(device, serial, _COMPOSITE, classes, answers)


def _described(
    device: bytes,
    serial: str,
    device_class: tuple[int, int, int],
    interface_classes: tuple[tuple[int, int, int], ...],
    answers: dict[int, bytes],
) -> DescriptorSet:
    """The set, its three numbers as the device descriptor has them."""
    vendor_id, product_id, bcd = struct.unpack_from("<HHH", device, 8)
    return DescriptorSet(vendor_id, product_id, bcd, serial, device_class, interface_classes, answers)


_APPLICATION_CLASSES = ((0x02, 0x02, 0x00), (0x0A, 0x00, 0x00), (0x08, 0x06, 0x50))
"""CDC control (abstract control model), CDC data, mass storage (SCSI, bulk only), by their interface number."""


def _serial_port() -> bytes:
    """TUD_CDC_DESCRIPTOR: the association, the control interface with its four functional descriptors, the data."""
    control, data, _ = _APPLICATION_CLASSES
    functional = (bytes((0, 0x20, 0x01)), bytes((1, 0, 1)), bytes((2, 2)), bytes((6, 0, 1)))
    return b"".join(
        (
            struct.pack("<BBBBBBBB", 8, _ASSOCIATION, CDC_INTERFACE, 2, *control, 0),
            _interface(CDC_INTERFACE, 1, control, 4),
            *(bytes((2 + len(content), _CLASS_SPECIFIC)) + content for content in functional),
            _endpoint(0x80 | NOTIFICATION_ENDPOINT, _INTERRUPT, _NOTIFICATION_BYTES, _NOTIFICATION_INTERVAL),
            _interface(CDC_DATA_INTERFACE, 2, data, 0),
            _endpoint(SERIAL_ENDPOINT, _BULK, _BULK_BYTES),
            _endpoint(0x80 | SERIAL_ENDPOINT, _BULK, _BULK_BYTES),
        )
    )


def _disk() -> bytes:
    """TUD_MSC_DESCRIPTOR."""
    return b"".join(
        (
            _interface(DISK_INTERFACE, 2, _APPLICATION_CLASSES[DISK_INTERFACE], 5),
            _endpoint(DISK_ENDPOINT, _BULK, _BULK_BYTES),
            _endpoint(0x80 | DISK_ENDPOINT, _BULK, _BULK_BYTES),
        )
    )
