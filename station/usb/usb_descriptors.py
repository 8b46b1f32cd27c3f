"""Standard descriptors (USB 2.0, section 9.6), parsed under the names that pyusb asks a backend for."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

DEVICE, CONFIGURATION, STRING, INTERFACE, ENDPOINT = 1, 2, 3, 4, 5
"""Descriptor types (USB 2.0, table 9-5)."""

DEVICE_BYTES = 18
CONFIGURATION_BYTES = 9

_DEVICE = struct.Struct("<BBHBBBBHHHBBBB")
_CONFIGURATION = struct.Struct("<BBHBBBBB")
_INTERFACE = struct.Struct("<BBBBBBBBB")
_ENDPOINT = struct.Struct("<BBBBHB")


@dataclass(slots=True)
class DeviceDescriptor:
    """The 18 bytes that every device begins with."""

    bLength: int
    bDescriptorType: int
    bcdUSB: int
    bDeviceClass: int
    bDeviceSubClass: int
    bDeviceProtocol: int
    bMaxPacketSize0: int
    idVendor: int
    idProduct: int
    bcdDevice: int
    iManufacturer: int
    iProduct: int
    iSerialNumber: int
    bNumConfigurations: int

    @classmethod
    def decode(cls, raw: bytes) -> DeviceDescriptor:
        """ValueError where the bytes are no device descriptor."""
        if len(raw) != DEVICE_BYTES or raw[1] != DEVICE:
            raise ValueError(f"not a device descriptor: {raw.hex()}")
        return cls(*_DEVICE.unpack(raw))


@dataclass(slots=True)
class EndpointDescriptor:
    """An endpoint of an interface; `extra_descriptors` are the bytes of the class descriptors that follow it."""

    bLength: int
    bDescriptorType: int
    bEndpointAddress: int
    bmAttributes: int
    wMaxPacketSize: int
    bInterval: int
    bRefresh: int = 0
    bSynchAddress: int = 0
    extra_descriptors: list[int] = field(default_factory=list)


@dataclass(slots=True)
class InterfaceDescriptor:
    """One alternate setting of an interface, with its endpoints and the class descriptors that follow it."""

    bLength: int
    bDescriptorType: int
    bInterfaceNumber: int
    bAlternateSetting: int
    bNumEndpoints: int
    bInterfaceClass: int
    bInterfaceSubClass: int
    bInterfaceProtocol: int
    iInterface: int
    endpoints: list[EndpointDescriptor] = field(default_factory=list)
    extra_descriptors: list[int] = field(default_factory=list)


@dataclass(slots=True)
class ConfigurationDescriptor:
    """A configuration; `interfaces` holds, for each interface in order, its alternate settings in order."""

    bLength: int
    bDescriptorType: int
    wTotalLength: int
    bNumInterfaces: int
    bConfigurationValue: int
    iConfiguration: int
    bmAttributes: int
    bMaxPower: int
    interfaces: list[list[InterfaceDescriptor]] = field(default_factory=list)
    extra_descriptors: list[int] = field(default_factory=list)

    @classmethod
    def decode(cls, raw: bytes) -> ConfigurationDescriptor:
        """From the configuration descriptor and all that comes with it; ValueError where the bytes make no sense."""
        pieces = _split(raw)
        if not pieces or pieces[0][1] != CONFIGURATION or len(pieces[0]) < CONFIGURATION_BYTES:
            raise ValueError(f"not a configuration descriptor: {raw[:CONFIGURATION_BYTES].hex()}")
        configuration = cls(*_CONFIGURATION.unpack_from(pieces[0]))
        last: ConfigurationDescriptor | InterfaceDescriptor | EndpointDescriptor = configuration
        for piece in pieces[1:]:
            if piece[1] == INTERFACE and len(piece) >= _INTERFACE.size:
                last = configuration._add(InterfaceDescriptor(*_INTERFACE.unpack_from(piece)))
            elif piece[1] == ENDPOINT and len(piece) >= _ENDPOINT.size and configuration.interfaces:
                last = EndpointDescriptor(*_ENDPOINT.unpack_from(piece))
                configuration.interfaces[-1][-1].endpoints.append(last)
            else:
                last.extra_descriptors.extend(piece)
        return configuration

    def _add(self, interface: InterfaceDescriptor) -> InterfaceDescriptor:
        if self.interfaces and self.interfaces[-1][0].bInterfaceNumber == interface.bInterfaceNumber:
            self.interfaces[-1].append(interface)
        else:
            self.interfaces.append([interface])
        return interface


def read_configuration(read: Callable[[int], bytes]) -> bytes:
    """A whole configuration by two reads, as the kernel does it: the head says how long the whole is.

    `read(size_bytes)` is GET_DESCRIPTOR with that length. ValueError where the head is none.
    """
    head = read(CONFIGURATION_BYTES)
    if len(head) != CONFIGURATION_BYTES or head[1] != CONFIGURATION:
        raise ValueError(f"not a configuration descriptor: {head.hex()}")
    total_bytes = int.from_bytes(head[2:4], "little")
    if total_bytes < CONFIGURATION_BYTES:
        # Never a reading of no bytes: the camera's USB driver cannot send an empty data stage.
        raise ValueError(f"a configuration of {total_bytes} bytes in all")
    return read(total_bytes)


def _split(raw: bytes) -> list[bytes]:
    """Cut a chain of descriptors at the length that each begins with."""
    pieces = []
    offset = 0
    while offset < len(raw):
        length = raw[offset]
        if length < 2 or offset + length > len(raw):
            raise ValueError(f"a descriptor of {length} bytes at {offset} of {len(raw)}")
        pieces.append(raw[offset : offset + length])
        offset += length
    return pieces


def decode_string(raw: bytes) -> str:
    """The text of a string descriptor (UTF-16); ValueError where the bytes are none."""
    if len(raw) < 2 or raw[1] != STRING:
        raise ValueError(f"not a string descriptor: {raw.hex()}")
    return raw[2 : raw[0]].decode("utf-16-le", "replace")
