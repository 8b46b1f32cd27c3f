"""Control requests to one opened camera: the actions of `station.dfu.actions`, carried out over a pyusb backend.

The backend's own methods are called, not those of `usb.core.Device`, which makes a new array for every transfer: a
flash makes some 15,000 of them.
"""

from __future__ import annotations

import errno
import math
import time
from array import array
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeVar

from station.dfu.actions import DONE, Action, Broken, ControlIn, ControlOut, Data, Reply, SetInterface
from station.dfu.dfu_protocol import REQUEST_TYPE_IN, REQUEST_TYPE_OUT
from station.errors import UsbError
from station.model.devices import Device
from station.problem import sentence
from station.usb import usb_descriptors
from station.usb.access import UsbAccess
from station.usb.failures import (
    claim_failure,
    errno_of,
    failure_reply,
    open_failure,
    set_interface_reply,
    transfer_failure,
)
from station.usb.libusb import libusb, node_of
from station.usb.usb_descriptors import DeviceDescriptor

INTERFACE = 0
DESCRIPTOR_TIMEOUT_S = 5.0

_REQUEST_TYPE_STANDARD_IN = 0x80
_GET_DESCRIPTOR = 6
_STRING_ROOM_BYTES = 255

Decoded = TypeVar("Decoded")


class Backend(Protocol):
    """What a transport needs of a pyusb `IBackend`. Time limits are milliseconds, and 0 is none at all."""

    def ctrl_transfer(
        self, dev_handle: Any, bmRequestType: int, bRequest: int, wValue: int, wIndex: int, data: Any, timeout: int
    ) -> int:
        """One control transfer; the bytes that moved."""
        ...

    def claim_interface(self, dev_handle: Any, intf: int) -> None:
        """Keep other programs off an interface."""
        ...

    def set_interface_altsetting(self, dev_handle: Any, intf: int, altsetting: int) -> None:
        """SET_INTERFACE."""
        ...

    def reset_device(self, dev_handle: Any) -> None:
        """Reset the port."""
        ...


class Transport:
    """One open device with interface 0 claimed; for one thread at a time.

    `perform` answers with a reply whatever the bus does. The other methods raise UsbError (`usb.disconnected`,
    `usb.timeout`, `usb.stall`, `usb.io`).
    """

    def __init__(self, backend: Backend, handle: Any, close: Callable[[Any], None]) -> None:
        self._backend = backend
        self._handle = handle
        self._close = close
        self._closed = False
        self._buffers: dict[int, tuple[array[int], memoryview]] = {}
        self._language: int | None = None

    def perform(self, action: Action) -> Reply:
        """Carry one action out. EIO can also mean that the camera was pulled: only the port tells.

        The payload of `Data` is a view of a buffer that the next action uses again.
        """
        if isinstance(action, ControlIn):
            return self._control_in(action)
        if isinstance(action, ControlOut):
            return self._control_out(action)
        if isinstance(action, SetInterface):
            return self._set_interface(action)
        time.sleep(action.duration_s)
        return DONE

    def device_descriptor(self) -> DeviceDescriptor:
        """The device descriptor, asked of the camera itself."""
        return self._decoded("device", DeviceDescriptor.decode, self._device_raw)

    def configuration_descriptor_raw(self) -> bytes:
        """The configuration descriptor with its interfaces and class descriptors, as the camera sends it."""
        read = partial(self._descriptor, usb_descriptors.CONFIGURATION, 0, 0)
        return self._decoded("configuration", bytes, partial(usb_descriptors.read_configuration, read))

    def string(self, index: int) -> str:
        """A string descriptor in the camera's first language; "" for index 0, which means that there is none."""
        if index == 0:
            return ""
        if self._language is None:
            table = self._descriptor(usb_descriptors.STRING, 0, 0, _STRING_ROOM_BYTES)
            self._language = int.from_bytes(table[2:4], "little")
        read = partial(self._descriptor, usb_descriptors.STRING, index, self._language, _STRING_ROOM_BYTES)
        return self._decoded("string", usb_descriptors.decode_string, read)

    def reset(self) -> None:
        """Reset the port. A camera that leaves the bus over it is what a reset is for, not a failure."""
        try:
            self._backend.reset_device(self._handle)
        except (OSError, NotImplementedError) as error:
            failure = transfer_failure(errno_of(error), sentence("the port could not be reset"), error)
            if failure.code != "usb.disconnected":
                raise failure from error

    def close(self) -> None:
        """Give the device back; safe to call twice."""
        if not self._closed:
            self._closed = True
            self._close(self._handle)

    def _control_in(self, action: ControlIn) -> Reply:
        room, view = self._buffer(action.length)
        timeout_ms = math.ceil(action.timeout_s * 1000) or 1
        try:
            moved = self._backend.ctrl_transfer(
                self._handle, REQUEST_TYPE_IN, action.request, action.value, INTERFACE, room, timeout_ms
            )
        except (OSError, NotImplementedError) as error:
            return failure_reply(errno_of(error))
        return Data(view[:moved])

    def _control_out(self, action: ControlOut) -> Reply:
        length = len(action.data)
        room, view = self._buffer(length)
        view[:] = action.data
        timeout_ms = math.ceil(action.timeout_s * 1000) or 1
        try:
            moved = self._backend.ctrl_transfer(
                self._handle, REQUEST_TYPE_OUT, action.request, action.value, INTERFACE, room, timeout_ms
            )
        except (OSError, NotImplementedError) as error:
            return failure_reply(errno_of(error))
        # A device may end the data stage early; then the block did not arrive as sent.
        return DONE if moved == length else Broken(errno.EIO)

    def _set_interface(self, action: SetInterface) -> Reply:
        started_s = time.monotonic()
        try:
            self._backend.set_interface_altsetting(self._handle, INTERFACE, action.alt)
        except (OSError, NotImplementedError) as error:
            return set_interface_reply(error, time.monotonic() - started_s)
        return DONE

    def _buffer(self, length: int) -> tuple[array[int], memoryview]:
        """The one buffer of this length: a backend takes the length from the array, and a flash uses few lengths."""
        found = self._buffers.get(length)
        if found is None:
            room = array("B", bytes(length))
            found = self._buffers[length] = (room, memoryview(room))
        return found

    def _device_raw(self) -> bytes:
        return self._descriptor(usb_descriptors.DEVICE, 0, 0, usb_descriptors.DEVICE_BYTES)

    def _descriptor(self, kind: int, index: int, language: int, size_bytes: int) -> bytes:
        room, view = self._buffer(size_bytes)
        timeout_ms = math.ceil(DESCRIPTOR_TIMEOUT_S * 1000)
        try:
            moved = self._backend.ctrl_transfer(
                self._handle, _REQUEST_TYPE_STANDARD_IN, _GET_DESCRIPTOR, kind << 8 | index, language, room, timeout_ms
            )
        except (OSError, NotImplementedError) as error:
            raise transfer_failure(errno_of(error), sentence("a descriptor could not be read"), error) from error
        return bytes(view[:moved])

    def _decoded(self, what: str, decode: Callable[[bytes], Decoded], read: Callable[[], bytes]) -> Decoded:
        try:
            return decode(read())
        except ValueError as error:
            raise UsbError(
                "usb.io", sentence("the camera's {kind} descriptor makes no sense: {error}", kind=what, error=error)
            ) from error


def prepare(access: UsbAccess) -> None:
    """Load what `open_transport` needs, before the first camera comes: a process that has done so must not fork."""
    if access.kind == "libusb":
        libusb()
    else:
        import station.usb.usbip.usbip_backend  # noqa: F401


def open_transport(access: UsbAccess, device: Device) -> Transport:
    """Open the device that the watcher announced, and claim its DFU interface.

    UsbAccessError `usb.access_denied` or `usb.no_libusb`; UsbError `usb.disconnected` where the device is gone or
    another one has its place, `usb.io` where it is broken; UsbBusyError where it is in use elsewhere; UsbHostError
    where it is not configured (yet), or this machine has no room for it.
    """
    return _open_virtual(access, device) if access.kind == "usbip" else _open_real(device)


def _open_real(device: Device) -> Transport:
    bus = libusb()
    node = node_of(device)
    try:
        handle = bus.open(device)
    except OSError as error:
        raise open_failure(error, node) from error
    try:
        bus.backend.claim_interface(handle, INTERFACE)
    except OSError as error:
        bus.close(handle)
        raise claim_failure(error, node, device.port_path) from error
    return Transport(bus.backend, handle, bus.close)


def _open_virtual(access: UsbAccess, device: Device) -> Transport:
    # Imported here since a station on real hardware never needs it, and every process would pay for it.
    from station.usb.usbip.usbip_backend import UsbIpBackend

    sockets = (device.node,) if device.node else access.usbip_sockets
    backend = UsbIpBackend(sockets)
    for socket in sockets:
        try:
            handle = backend.open_port(socket, device.port_path, device.address)
        except OSError as error:
            failure = open_failure(error, f"{device.port_path} at {socket}")
        else:
            return Transport(backend, handle, backend.close_device)
    raise failure
