"""Bad replies and statuses, as the errors that the rest of the station knows."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from station.dfu.actions import Broken, Gone, Reply, Stalled, TimedOut
from station.dfu.dfu_protocol import State, StatusCode
from station.dfu.transition_table import ProtocolMisuse
from station.errors import DfuError, UsbError, UsbHostError


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the camera an operation works, for messages: "block 17 of ROMFS0"."""

    alt: int | None
    label: str = ""
    block: int | None = None

    def __str__(self) -> str:
        partition = self.label or ("the camera" if self.alt is None else f"alt {self.alt}")
        return partition if self.block is None else f"block {self.block} of {partition}"


def status_name(status: int) -> str:
    """The name of a bStatus in DFU 1.1 ("errWRITE").

    >>> status_name(3), status_name(200)
    ('errWRITE', 'status 200')
    """
    try:
        code = StatusCode(status)
    except ValueError:
        return f"status {status}"
    return "OK" if code is StatusCode.OK else "err" + code.name.removeprefix("ERR_")


def state_name(state: int) -> str:
    """The name of a bState in DFU 1.1 ("dfuDNLOAD-IDLE").

    >>> state_name(5), state_name(99)
    ('dfuDNLOAD-IDLE', 'state 99')
    """
    try:
        mode, _, rest = State(state).name.partition("_")
    except ValueError:
        return f"state {state}"
    return mode.lower() + rest.replace("_", "-")


def status_error(status: int, place: Place) -> DfuError:
    """The error for a device in dfuERROR."""
    try:
        code = f"dfu.{StatusCode(status).name.lower()}"
    except ValueError:
        code = "dfu.error"
    if status == StatusCode.OK:
        return protocol_error("dfuERROR with status OK", place)
    # What does not fit will not fit the next time either.
    retryable = status != StatusCode.ERR_ADDRESS
    message = f"{place}: {status_name(status)}"
    return DfuError(code, message, retryable=retryable, alt=place.alt, block=place.block, status=status)


def protocol_error(what: str, place: Place) -> DfuError:
    """The error for an answer that DFU does not allow where it came."""
    return DfuError("dfu.protocol", f"{place}: {what}", alt=place.alt, block=place.block)


def link_error(reply: Reply, request: str, place: Place) -> UsbError:
    """The error for a request that did not get its answer. ProtocolMisuse where `reply` is no failure at all."""
    if isinstance(reply, Gone):
        return UsbError("usb.disconnected", f"{place}: the camera left the bus at {request}")
    if isinstance(reply, TimedOut):
        return UsbError("usb.timeout", f"{place}: no answer to {request}")
    if isinstance(reply, Stalled):
        return UsbError("usb.stall", f"{place}: {request} was refused")
    if isinstance(reply, Broken) and reply.errno in (errno.ENOMEM, errno.ENOSPC):
        return UsbHostError("usb.no_bandwidth", f"{place}: this machine had no room for {request}")
    if isinstance(reply, Broken):
        return UsbError("usb.io", f"{place}: I/O error {reply.errno} at {request}")
    raise ProtocolMisuse(f"the transport answered {request} with {reply!r}")
