from __future__ import annotations

import errno

import pytest
from usb.core import USBError, USBTimeoutError

from station.dfu.actions import GONE, STALLED, TIMED_OUT, Broken, Reply
from station.dfu.dfu_failures import Place, link_error
from station.errors import StationError, UsbAccessError, UsbError, UsbHostError
from station.usb.failures import (
    KERNEL_TIMEOUT_S,
    claim_failure,
    errno_of,
    failure_reply,
    open_failure,
    set_interface_reply,
    transfer_failure,
)

NODE = "/dev/bus/usb/001/005"


@pytest.mark.parametrize(
    ("error", "reply"),
    [
        (USBError("Pipe error", -9, 32), STALLED),
        (USBTimeoutError("Operation timed out", -7, 110), TIMED_OUT),
        (USBError("No such device", -4, 19), GONE),
        (USBError("Entity not found", -5, 2), GONE),
        (USBError("shut down", None, 108), GONE),
        (USBError("Input/Output Error", -1, 5), Broken(5)),
        (USBError("protocol", None, 71), Broken(71)),
        (USBError("Overflow", -8, 75), Broken(75)),
        (USBError("Resource busy", -6, 16), Broken(16)),
        (USBError("Other error", -99, None), Broken(errno.EIO)),
        (NotImplementedError("not supported"), Broken(errno.ENOSYS)),
    ],
)
def test_what_a_transfer_ends_with(error: OSError | NotImplementedError, reply: Reply) -> None:
    assert failure_reply(errno_of(error)) == reply


@pytest.mark.parametrize(
    ("error", "waited_s", "reply"),
    [
        (USBError("Other error", -99, None), KERNEL_TIMEOUT_S, TIMED_OUT),
        (USBError("Other error", -99, None), 0.1, Broken(errno.EIO)),
        (USBError("Entity not found", -5, 2), 0.0, STALLED),
        (USBError("No such device", -4, 19), KERNEL_TIMEOUT_S, GONE),
        (USBTimeoutError("Operation timed out", -110, 110), KERNEL_TIMEOUT_S, TIMED_OUT),
    ],
)
def test_set_interface_is_told_by_the_clock_where_libusb_says_nothing(
    error: OSError, waited_s: float, reply: Reply
) -> None:
    assert set_interface_reply(error, waited_s) == reply


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_a_node_that_may_not_be_opened_is_named(number: int) -> None:
    failure = open_failure(USBError("Access denied", -3, number), NODE)
    assert isinstance(failure, UsbAccessError)
    assert (failure.code, failure.exit_code) == ("usb.access_denied", 5)
    assert NODE in failure.message


@pytest.mark.parametrize("number", [errno.ENODEV, errno.ENOENT, errno.ESHUTDOWN])
def test_a_node_that_is_gone_is_a_camera_that_left(number: int) -> None:
    failure = open_failure(OSError(number, "gone"), NODE)
    assert isinstance(failure, UsbError)
    assert failure.code == "usb.disconnected"


def test_any_other_failure_to_open_is_an_io_error() -> None:
    assert open_failure(OSError(errno.EIO, "broken"), NODE).code == "usb.io"


@pytest.mark.parametrize(
    ("number", "code", "text"),
    [
        (errno.ENOENT, "usb.no_power", "the hub at 1-1.4 "),
        (errno.ENOSPC, "usb.no_bandwidth", "the hub at 1-1.4 "),
        (errno.ENOMEM, "usb.no_bandwidth", "the hub at 1-1.4 "),
        (errno.EBUSY, "usb.busy", "another program"),
        (errno.ENODEV, "usb.disconnected", "left the bus"),
        (errno.EACCES, "usb.access_denied", "no permission"),
    ],
)
def test_an_interface_that_cannot_be_claimed(number: int, code: str, text: str) -> None:
    failure = claim_failure(OSError(number, "why"), NODE, "1-1.4.2")
    assert failure.code == code
    assert text in failure.message


def test_a_camera_that_a_policy_keeps_off_has_power_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("station.usb.failures.is_authorized", lambda port_path: port_path != "1-1.4.2")
    failure = claim_failure(OSError(errno.ENOENT, "why"), NODE, "1-1.4.2")
    assert (failure.code, "USB policy" in failure.message) == ("usb.not_authorized", True)
    assert getattr(failure, "outcome", "") == "ERROR"


def test_a_device_that_is_configured_and_has_no_interface_is_no_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine is short of anything."""
    monkeypatch.setattr("station.usb.failures.is_configured", lambda port_path: port_path == "1-1.4.2")
    failure = claim_failure(OSError(errno.ENOENT, "why"), NODE, "1-1.4.2")
    assert (failure.code, getattr(failure, "outcome", "")) == ("identity.not_an_ae3", "FAIL")


def test_a_camera_in_the_machine_itself_has_no_hub() -> None:
    assert "this machine's port 1-4 " in claim_failure(OSError(errno.ENOENT, "why"), NODE, "1-4").message


@pytest.mark.parametrize(
    "failure",
    [
        claim_failure(OSError(errno.ENOENT, "why"), NODE, "1-4"),
        claim_failure(OSError(errno.ENOSPC, "why"), NODE, "1-4"),
        open_failure(OSError(errno.EMFILE, "why"), NODE),
        open_failure(OSError(errno.ENFILE, "why"), NODE),
        open_failure(OSError(errno.ENOMEM, "why"), NODE),
        transfer_failure(errno.ENOMEM, "a descriptor", OSError(errno.ENOMEM, "why")),
        link_error(Broken(errno.ENOMEM), "DNLOAD", Place(6)),
    ],
)
def test_what_this_machine_lacks_is_not_the_cameras_fault(failure: StationError) -> None:
    assert isinstance(failure, UsbHostError)
    assert failure.outcome == "ERROR"
    assert failure.hint
