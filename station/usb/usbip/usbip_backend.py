"""A pyusb backend that reaches devices over USB/IP without a kernel: `usb.core.find(backend=UsbIpBackend(...))`.

It raises what pyusb's libusb backend would: `USBError` and `USBTimeoutError` with the same errno. Transfers go to
endpoint 0 only, since that is all a DFU device has.
"""

from __future__ import annotations

import errno
import os
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import usb.backend
from usb.core import USBError, USBTimeoutError

from station.usb import usb_descriptors
from station.usb.ports import parse_port_path
from station.usb.usb_descriptors import (
    ConfigurationDescriptor,
    DeviceDescriptor,
    EndpointDescriptor,
    InterfaceDescriptor,
)
from station.usb.usbip.usbip_link import Endpoint, UsbIpLink, import_device, list_exported
from station.usb.usbip.usbip_protocol import ExportedDevice

CONTROL_TIMEOUT_MS = 5000
"""For the standard requests of this backend, as the kernel allows them."""

_OUT_DEVICE, _IN_DEVICE, _OUT_INTERFACE = 0x00, 0x80, 0x01
_OUT_PORT = 0x23
_SET_FEATURE, _PORT_RESET = 3, 4
_GET_DESCRIPTOR, _GET_CONFIGURATION, _SET_CONFIGURATION, _SET_INTERFACE = 6, 8, 9, 11

_LIBUSB_SPEED = {1: 1, 2: 2, 3: 3, 5: 4}
"""Speeds as the kernel numbers them, and as libusb does (low, full, high, super)."""

_AS_LIBUSB = {errno.EPIPE: errno.EPIPE, errno.ENODEV: errno.ENODEV, errno.ESHUTDOWN: errno.ENODEV}
_AS_LIBUSB |= {errno.EOVERFLOW: errno.EOVERFLOW, errno.ETIMEDOUT: errno.ETIMEDOUT}
"""What libusb makes of the errno that the kernel gives for a transfer; all others are EIO."""


@dataclass(slots=True)
class UsbIpDevice:
    """A device of one enumeration; its open link and its descriptors are remembered."""

    endpoint: Endpoint
    exported: ExportedDevice
    link: UsbIpLink | None = None
    configurations: dict[int, ConfigurationDescriptor] = field(default_factory=dict)
    descriptor: DeviceDescriptor | None = None


@dataclass(slots=True)
class UsbIpHandle:
    """An opened device."""

    device: UsbIpDevice
    link: UsbIpLink


class ExportedDescriptor:
    """What `get_device_descriptor` answers: the descriptor itself and where the device is on its bus."""

    def __init__(self, exported: ExportedDevice, descriptor: DeviceDescriptor) -> None:
        self._descriptor = descriptor
        self.bus = exported.bus
        self.address = exported.address
        self.speed = _LIBUSB_SPEED.get(exported.speed)
        self.port_numbers = parse_port_path(exported.bus_id).ports
        self.port_number = self.port_numbers[-1]

    def __getattr__(self, name: str) -> Any:
        """The fields of the descriptor."""
        return getattr(self._descriptor, name)


class UsbIpBackend(usb.backend.IBackend):  # type: ignore[misc]
    """All devices of one or more USB/IP servers. Errors of one server do not hide the devices of the others."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        super().__init__()
        self._endpoints = tuple(endpoints)

    # --- enumeration ---------------------------------------------------------------------------------------------

    def enumerate_devices(self) -> Iterator[UsbIpDevice]:
        """Every device that is exported now."""
        for endpoint in self._endpoints:
            try:
                exported = list_exported(endpoint)
            except OSError:
                continue
            yield from (UsbIpDevice(endpoint, device) for device in exported)

    def get_parent(self, dev: UsbIpDevice) -> None:
        """Hubs are not exported."""

    def get_device_descriptor(self, dev: UsbIpDevice) -> ExportedDescriptor:
        """Read from the device once; where it cannot be asked (in use elsewhere), what the server knows of it."""
        if dev.descriptor is None:
            try:
                with self._opened(dev) as handle:
                    raw = self._read_descriptor(handle, usb_descriptors.DEVICE, 0, usb_descriptors.DEVICE_BYTES)
                dev.descriptor = DeviceDescriptor.decode(raw)
            except (USBError, ValueError):
                return ExportedDescriptor(dev.exported, _presumed(dev.exported))
        return ExportedDescriptor(dev.exported, dev.descriptor)

    def get_configuration_descriptor(self, dev: UsbIpDevice, config: int) -> ConfigurationDescriptor:
        """The configuration at an index; IndexError past the last."""
        if config >= dev.exported.configurations:
            raise IndexError(f"invalid configuration index {config}")
        if config not in dev.configurations:
            with self._opened(dev) as handle:
                read = partial(self._read_descriptor, handle, usb_descriptors.CONFIGURATION, config)
                dev.configurations[config] = ConfigurationDescriptor.decode(usb_descriptors.read_configuration(read))
        return dev.configurations[config]

    def get_interface_descriptor(self, dev: UsbIpDevice, intf: int, alt: int, config: int) -> InterfaceDescriptor:
        """One alternate setting, by indices; IndexError past the last."""
        return self.get_configuration_descriptor(dev, config).interfaces[intf][alt]

    def get_endpoint_descriptor(
        self, dev: UsbIpDevice, ep: int, intf: int, alt: int, config: int
    ) -> EndpointDescriptor:
        """One endpoint, by indices; IndexError past the last."""
        return self.get_interface_descriptor(dev, intf, alt, config).endpoints[ep]

    # --- handles -------------------------------------------------------------------------------------------------

    def open_device(self, dev: UsbIpDevice) -> UsbIpHandle:
        """Import the device. USBError ENODEV where it is gone or another process has it."""
        dev.exported, dev.link = _import(dev.endpoint, dev.exported.bus_id, dev.exported.address)
        return UsbIpHandle(dev, dev.link)

    def open_port(self, endpoint: Endpoint, bus_id: str, address: int) -> UsbIpHandle:
        """Import without enumerating: the device at a port, if it still has this address there."""
        exported, link = _import(endpoint, bus_id, address)
        return UsbIpHandle(UsbIpDevice(endpoint, exported, link), link)

    def close_device(self, dev_handle: UsbIpHandle) -> None:
        """Give the device back."""
        dev_handle.device.link = None
        dev_handle.link.close()

    def claim_interface(self, dev_handle: UsbIpHandle, intf: int) -> None:
        """Nothing to do: an imported device is all ours."""

    def release_interface(self, dev_handle: UsbIpHandle, intf: int) -> None:
        """Nothing to do."""

    def is_kernel_driver_active(self, dev_handle: UsbIpHandle, intf: int) -> bool:
        """Never: no kernel has seen the device."""
        return False

    def get_configuration(self, dev_handle: UsbIpHandle) -> int:
        """Ask the device for its configuration value."""
        answer = array("B", (0,))
        self.ctrl_transfer(dev_handle, _IN_DEVICE, _GET_CONFIGURATION, 0, 0, answer, CONTROL_TIMEOUT_MS)
        return answer[0]

    def set_configuration(self, dev_handle: UsbIpHandle, config_value: int) -> None:
        """SET_CONFIGURATION."""
        nothing = array("B")
        self.ctrl_transfer(dev_handle, _OUT_DEVICE, _SET_CONFIGURATION, config_value, 0, nothing, CONTROL_TIMEOUT_MS)

    def reset_device(self, dev_handle: UsbIpHandle) -> None:
        """Reset the port: USB/IP carries it as the request that a hub would be sent, SetPortFeature(PORT_RESET)."""
        nothing = array("B")
        self.ctrl_transfer(dev_handle, _OUT_PORT, _SET_FEATURE, _PORT_RESET, 0, nothing, CONTROL_TIMEOUT_MS)

    def set_interface_altsetting(self, dev_handle: UsbIpHandle, intf: int, altsetting: int) -> None:
        """SET_INTERFACE."""
        nothing = array("B")
        self.ctrl_transfer(dev_handle, _OUT_INTERFACE, _SET_INTERFACE, altsetting, intf, nothing, CONTROL_TIMEOUT_MS)

    # --- transfers -----------------------------------------------------------------------------------------------

    def ctrl_transfer(
        self,
        dev_handle: UsbIpHandle,
        bmRequestType: int,
        bRequest: int,
        wValue: int,
        wIndex: int,
        data: array[int],
        timeout: int,
    ) -> int:
        """One control transfer; `timeout` in milliseconds, 0 for none. The bytes that moved."""
        moved = dev_handle.link.control(bmRequestType, bRequest, wValue, wIndex, data, timeout)
        if moved < 0:
            raise usb_error(-moved)
        return moved

    def _read_descriptor(self, handle: UsbIpHandle, kind: int, index: int, size_bytes: int) -> bytes:
        room = array("B", bytes(size_bytes))
        value = kind << 8 | index
        moved = self.ctrl_transfer(handle, _IN_DEVICE, _GET_DESCRIPTOR, value, 0, room, CONTROL_TIMEOUT_MS)
        return room[:moved].tobytes()

    @contextmanager
    def _opened(self, dev: UsbIpDevice) -> Iterator[UsbIpHandle]:
        """The device over the link that is open, else over one for the moment."""
        if dev.link is not None:
            yield UsbIpHandle(dev, dev.link)
            return
        handle = self.open_device(dev)
        try:
            yield handle
        finally:
            self.close_device(handle)


def usb_error(number: int) -> Exception:
    """The exception that pyusb's libusb backend would raise for a transfer that the kernel ended with this errno."""
    number = _AS_LIBUSB.get(number, errno.EIO)
    kind = USBTimeoutError if number == errno.ETIMEDOUT else USBError
    error: Exception = kind(os.strerror(number), -number, number)
    return error


def _import(endpoint: Endpoint, bus_id: str, address: int) -> tuple[ExportedDevice, UsbIpLink]:
    try:
        exported, link = import_device(endpoint, bus_id)
    except OSError as error:
        number = errno.EIO if _is_exported(endpoint, bus_id, address) else errno.ENODEV
        raise USBError(str(error), None, number) from error
    if exported.address != address:
        link.close()
        raise USBError(f"another device is at {bus_id} now", None, errno.ENODEV)
    return exported, link


def _is_exported(endpoint: Endpoint, bus_id: str, address: int) -> bool:
    """Whether a device that could not be imported is there all the same, as a node that cannot be opened."""
    try:
        return any((device.bus_id, device.address) == (bus_id, address) for device in list_exported(endpoint))
    except OSError:
        return False


def _presumed(exported: ExportedDevice) -> DeviceDescriptor:
    """A descriptor from what the server knows: no strings, a high-speed device's usual numbers."""
    kinds = (exported.device_class, exported.device_subclass, exported.device_protocol)
    ids = (exported.vendor_id, exported.product_id, exported.bcd_device)
    return DeviceDescriptor(
        usb_descriptors.DEVICE_BYTES, usb_descriptors.DEVICE, 0x0200, *kinds, 64, *ids, 0, 0, 0, exported.configurations
    )
