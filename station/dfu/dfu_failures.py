"""Bad replies and statuses, as the errors that the rest of the station knows."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from station.dfu.actions import Broken, Gone, Reply, Stalled, TimedOut
from station.dfu.dfu_protocol import State, StatusCode
from station.dfu.transition_table import ProtocolMisuse
from station.errors import DfuError, UsbError, UsbHostError
from station.problem import Sentence, sentence


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the camera an operation works, for messages: "block 17 of ROMFS0"."""

    alt: int | None
    label: str = ""
    block: int | None = None

    def says(self, what: str) -> Sentence:
        """What happened there."""
        return sentence("{place}: {what}", place=self.words, what=what)

    @property
    def words(self) -> str:
        """The place, as a message names it."""
        if self.label:
            partition: str = self.label
        else:
            partition = sentence("the camera") if self.alt is None else f"alt {self.alt}"
        if self.block is None:
            return partition
        return sentence("block {block} of {partition}", block=self.block, partition=partition)


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
        return protocol_error(sentence("dfuERROR with status OK"), place)
    # What does not fit will not fit the next time either.
    retryable = status != StatusCode.ERR_ADDRESS
    message = place.says(status_name(status))
    return DfuError(code, message, retryable=retryable, alt=place.alt, block=place.block, status=status)


def protocol_error(what: Sentence, place: Place) -> DfuError:
    """The error for an answer that DFU does not allow where it came."""
    return DfuError("dfu.protocol", place.says(what), alt=place.alt, block=place.block)


def link_error(reply: Reply, request: str, place: Place) -> UsbError:
    """The error for a request that did not get its answer. ProtocolMisuse where `reply` is no failure at all."""
    if isinstance(reply, Gone):
        code, what = "usb.disconnected", sentence("the camera left the bus at {request}", request=request)
    elif isinstance(reply, TimedOut):
        code, what = "usb.timeout", sentence("no answer to {request}", request=request)
    elif isinstance(reply, Stalled):
        code, what = "usb.stall", sentence("{request} was refused", request=request)
    elif isinstance(reply, Broken) and reply.errno in (errno.ENOMEM, errno.ENOSPC):
        text = sentence("this machine had no room for {request}", request=request)
        return UsbHostError("usb.no_bandwidth", place.says(text))
    elif isinstance(reply, Broken):
        code, what = "usb.io", sentence("I/O error {number} at {request}", number=reply.errno, request=request)
    else:
        raise ProtocolMisuse(f"the transport answered {request} with {reply!r}")
    return UsbError(code, place.says(what))
