"""Control transfers by the kernel's own call for them, one system call each.

libusb makes five or more of one transfer (submit, two timers, poll, reap), since it can follow many at once. A worker
has one camera and one transfer at a time, 2,000 and more a camera: with 16 cameras at work that is what a processor is
busy with. Everything else about the device stays libusb's.
"""

from __future__ import annotations

import fcntl
import struct
from typing import Any

from station.usb.libusb import NodeHandle

_TRANSFER = struct.Struct("@BBHHHIP")
"""struct usbdevfs_ctrltransfer (linux/usbdevice_fs.h): type, request, value, index, length, time limit in ms, data."""
CONTROL = 3 << 30 | _TRANSFER.size << 16 | ord("U") << 8
"""USBDEVFS_CONTROL: _IOWR('U', 0, struct usbdevfs_ctrltransfer)."""


class NodeBackend:
    """A pyusb backend for one device that was opened by its node. For one thread at a time."""

    def __init__(self, backend: Any, handle: NodeHandle) -> None:
        self._node_fd = handle.node_fd
        self._order = bytearray(_TRANSFER.size)
        self.claim_interface = backend.claim_interface
        self.set_interface_altsetting = backend.set_interface_altsetting
        self.reset_device = backend.reset_device

    def ctrl_transfer(
        self, _handle: Any, bmRequestType: int, bRequest: int, wValue: int, wIndex: int, data: Any, timeout: int
    ) -> int:
        """One control transfer of at most a page; the bytes that moved. OSError with the kernel's own errno."""
        address, length = data.buffer_info()
        _TRANSFER.pack_into(self._order, 0, bmRequestType, bRequest, wValue, wIndex, length, timeout, address)
        moved: int = fcntl.ioctl(self._node_fd, CONTROL, self._order)
        return moved
