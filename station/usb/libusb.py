"""The machine's own USB: pyusb over libusb 1.0, opened by device node where libusb can do that.

Opening by node needs no enumeration. An ordinary libusb context lists every device of the machine when it starts, and
follows every plug event in a thread of its own, in each process that has one: with a process a camera, each arrival
would be looked at dozens of times, in the very second that decides whether the camera is held. The station's watcher
already knows what arrived.
"""

from __future__ import annotations

import ctypes
import errno
import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from threading import Lock
from typing import Any

from station.errors import UsbAccessError
from station.model.devices import Device
from station.problem import sentence

PACKAGED_LIBRARY = "libusb-1.0.so"

_OPTION_NO_DEVICE_DISCOVERY = 2
"""LIBUSB_OPTION_NO_DEVICE_DISCOVERY (libusb 1.0.24 and later); set on no context, it holds for those to come."""
_ERROR_NO_DEVICE = -4
_DEVICE_DESCRIPTOR_BYTES = 18

_loading = Lock()


class NodeHandle:
    """A device opened by its node, in the place of pyusb's own handle object: its backend uses `handle` alone."""

    def __init__(self, node_fd: int) -> None:
        self.handle = ctypes.c_void_p()
        self.node_fd = node_fd


@dataclass(frozen=True, slots=True)
class Libusb:
    """A process's one pyusb backend, and how it opens devices. `open` raises OSError, USBError being one."""

    backend: Any
    opens_by_node: bool

    def open(self, device: Device) -> Any:
        """A handle for the backend's methods. errno ENODEV or ENOENT: the device is gone; EACCES: not permitted."""
        if self.opens_by_node:
            return self._open_node(device)
        return self.backend.open_device(self._find(device))

    def close(self, handle: Any) -> None:
        """Give the device back."""
        self.backend.close_device(handle)
        if isinstance(handle, NodeHandle):
            os.close(handle.node_fd)

    def _open_node(self, device: Device) -> NodeHandle:
        # The kernel keeps open() waiting while it configures the device: who opens at the first announcement does not
        # come too early.
        handle = NodeHandle(os.open(node_of(device), os.O_RDWR | os.O_CLOEXEC))
        try:
            _check_ids(handle.node_fd, device)
            self._wrap(handle)
        except BaseException:
            os.close(handle.node_fd)
            raise
        return handle

    def _wrap(self, handle: NodeHandle) -> None:
        code = self.backend.lib.libusb_wrap_sys_device(self.backend.ctx, handle.node_fd, ctypes.byref(handle.handle))
        if code < 0:
            number = errno.ENODEV if code == _ERROR_NO_DEVICE else errno.EIO
            raise OSError(number, f"libusb cannot use the device node (error {code})")

    def _find(self, device: Device) -> Any:
        """Enumerate: libusb has read the descriptors, so no device is opened for it."""
        for found in self.backend.enumerate_devices():
            descriptor = self.backend.get_device_descriptor(found)
            if (descriptor.bus, descriptor.address) == (device.bus, device.address):
                return found
        raise OSError(errno.ENODEV, "no such device on the bus")


def libusb() -> Libusb:
    """This process's libusb, with its one context; both live as long as the process.

    pyusb was seen to crash when contexts were dropped while devices came and went, so nothing here is ever given back,
    and a process that has called this must not fork. UsbAccessError `usb.no_libusb` where there is no library.
    """
    with _loading:
        return _libusb()


def libusb_backend() -> Any:
    """The pyusb backend of this process's libusb, for whoever wants no more than that."""
    return libusb().backend


def node_of(device: Device) -> str:
    """The device node: as the watcher saw it, else where Linux puts it."""
    return device.node or f"/dev/bus/usb/{device.bus:03d}/{device.address:03d}"


def packaged_library() -> str | None:
    """The library of the package libusb-package. The package is not imported: that costs more than all else here."""
    spec = importlib.util.find_spec("libusb_package")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = os.path.join(folder, PACKAGED_LIBRARY)
        if os.path.isfile(path):
            return path
    return None


@cache
def _libusb() -> Libusb:
    for library in _libraries():
        loaded = _load(library)
        if loaded is not None:
            return loaded
    text = sentence("libusb 1.0 cannot be loaded: neither libusb-package's nor the system's")
    raise UsbAccessError("usb.no_libusb", text)


def _libraries() -> Iterator[str]:
    packaged = packaged_library()
    if packaged is not None:
        yield packaged
    # A lazy import: looking for the system's library costs a compiler run on some machines.
    from ctypes.util import find_library

    system = find_library("usb-1.0")
    if system is not None:
        yield system


def _load(library: str) -> Libusb | None:
    import usb.backend.libusb1

    try:
        by_node = _without_discovery(ctypes.CDLL(library))
    except OSError:
        return None
    backend = usb.backend.libusb1.get_backend(find_library=lambda _: library)
    if backend is None:
        return None
    if by_node:
        wrap = backend.lib.libusb_wrap_sys_device
        wrap.argtypes = [ctypes.c_void_p, ctypes.c_ssize_t, ctypes.POINTER(ctypes.c_void_p)]
    return Libusb(backend, by_node)


def _without_discovery(library: ctypes.CDLL) -> bool:
    """Tell libusb, before its first context, that devices come by node; False where it is too old for that."""
    if not hasattr(library, "libusb_wrap_sys_device") or not hasattr(library, "libusb_set_option"):
        return False
    return bool(library.libusb_set_option(None, _OPTION_NO_DEVICE_DISCOVERY) == 0)


def _check_ids(node_fd: int, device: Device) -> None:
    """Bus addresses are used again: look, without a transfer, whether the node still is what was announced."""
    raw = os.pread(node_fd, _DEVICE_DESCRIPTOR_BYTES, 0)
    ids = tuple(int.from_bytes(raw[offset : offset + 2], sys.byteorder) for offset in (8, 10))
    if ids != (device.vendor_id, device.product_id):
        raise OSError(errno.ENODEV, "another device is there now")
