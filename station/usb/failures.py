"""What an errno of the bus means: the one place where errors of pyusb, libusb and the kernel are translated."""

from __future__ import annotations

import errno

from station.dfu.actions import GONE, STALLED, TIMED_OUT, Broken, Reply
from station.errors import IdentityError, StationError, UsbAccessError, UsbError, UsbHostError
from station.problem import sentence
from station.usb.busy_device import busy
from station.usb.sysfs import is_authorized, is_configured

KERNEL_TIMEOUT_S = 5.0
"""Linux gives SET_INTERFACE this long, and no caller can change it."""

_GONE = frozenset({errno.ENODEV, errno.ENOENT, errno.ESHUTDOWN})
_NO_ROOM = frozenset({errno.ENOMEM, errno.ENOSPC})
_NO_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})
_REFUSED = frozenset({errno.EACCES, errno.EPERM})
_REPLIES: dict[int, Reply] = {errno.EPIPE: STALLED, errno.ETIMEDOUT: TIMED_OUT, **dict.fromkeys(_GONE, GONE)}
_CODES = {errno.EPIPE: "usb.stall", errno.ETIMEDOUT: "usb.timeout", **dict.fromkeys(_GONE, "usb.disconnected")}


def errno_of(error: OSError | NotImplementedError) -> int:
    """The errno of whatever a backend raised. pyusb gives none for libusb's "other error": that is EIO."""
    if isinstance(error, NotImplementedError):
        return errno.ENOSYS
    return error.errno if error.errno is not None else errno.EIO


def failure_reply(number: int) -> Reply:
    """The reply for a control transfer that ended with this errno.

    libusb tells ENOENT for what is not there any more, and the kernel ESHUTDOWN while it takes a device down.
    """
    return _REPLIES.get(number) or Broken(number)


def set_interface_reply(error: OSError | NotImplementedError, waited_s: float) -> Reply:
    """The reply for a SET_INTERFACE that failed after `waited_s` seconds.

    libusb tells two cases only: ENODEV, and ENOENT for an alternate setting that the device does not have. The kernel's
    own time limit is among "other errors", and only the clock tells it from them.
    """
    number = errno_of(error)
    if number == errno.ENOENT:
        return STALLED
    if number == errno.EIO and waited_s >= KERNEL_TIMEOUT_S * 0.9:
        return TIMED_OUT
    return failure_reply(number)


def transfer_failure(number: int, what: str, error: Exception) -> UsbError:
    """The error for a transfer outside the DFU engine; `what` begins the message."""
    if number in _NO_ROOM:
        text = sentence("{what}: this machine had no room for it ({reason})", what=what, reason=error)
        return UsbHostError("usb.no_bandwidth", text)
    return UsbError(_CODES.get(number, "usb.io"), sentence("{what}: {error}", what=what, error=error))


def open_failure(error: OSError, node: str) -> StationError:
    """The error for a device that cannot be opened; `node` is its name on this machine."""
    number = errno_of(error)
    if number in _REFUSED:
        return UsbAccessError("usb.access_denied", sentence("no permission to open {node}", node=node))
    if number in _GONE:
        return UsbError(
            "usb.disconnected", sentence("the camera left the bus before it could be opened ({node})", node=node)
        )
    if number in _NO_DESCRIPTORS:
        text = sentence("{node} cannot be opened: too many files are open", node=node)
        return UsbHostError("station.no_descriptors", text)
    if number in _NO_ROOM:
        text = sentence("this machine has no room for another device ({node}): {reason}", node=node, reason=error)
        return UsbHostError("usb.no_bandwidth", text)
    return UsbError("usb.io", sentence("{node} cannot be opened: {error}", node=node, error=error))


def claim_failure(error: OSError, node: str, port_path: str) -> StationError:
    """The error for a device whose interface 0 cannot be claimed.

    ENOENT: the kernel has not configured it. It may do so in a moment; where it does not, it found that the hub has not
    the power that the camera asks for (choose_configuration in drivers/usb/core/generic.c), or no bandwidth for it; or
    a policy of this machine (USBGuard, authorized_default) keeps it from being used. Where it is configured, the device
    has no such interface: it is none of ours.
    """
    number = errno_of(error)
    place = _hub_of(port_path)
    if number == errno.ENOENT and not is_authorized(port_path):
        text = sentence("this machine's USB policy does not allow the camera ({node})", node=node)
        return UsbHostError("usb.not_authorized", text)
    if number == errno.ENOENT and is_configured(port_path):
        text = sentence("the device has no interface 0 ({node})", node=node)
        return IdentityError("identity.not_an_ae3", text)
    if number == errno.ENOENT:
        text = sentence("{place} has not the power for the camera ({node})", place=place, node=node)
        return UsbHostError("usb.no_power", text)
    if number in _NO_ROOM:
        text = sentence("{place} has no bandwidth for the camera ({node})", place=place, node=node)
        return UsbHostError("usb.no_bandwidth", text)
    if number == errno.EBUSY:
        return busy(node)
    return open_failure(error, node)


def _hub_of(port_path: str) -> str:
    """What a port belongs to, for messages."""
    hub = port_path.rpartition(".")[0]
    return sentence("the hub at {hub}", hub=hub) if hub else sentence("this machine's port {port}", port=port_path)
