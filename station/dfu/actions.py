"""What the engine asks of a transport, and what the transport may answer.

All class requests go to interface 0. A stall, a time limit and a device that is gone are replies, never exceptions: in
DETACH they can mean success. The values are small because a flash makes some 15,000 of them in each worker.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from station.dfu.dfu_protocol import Request

Payload = bytes | memoryview


@final
@dataclass(frozen=True, slots=True)
class ControlOut:
    """A class request from host to device (bmRequestType 0x21). Answered by `Done`, or one of the failures."""

    request: Request
    value: int
    data: Payload
    timeout_s: float


@final
@dataclass(frozen=True, slots=True)
class ControlIn:
    """A class request from device to host (bmRequestType 0xA1), at most `length` bytes, never 0. Answered by `Data`."""

    request: Request
    value: int
    length: int
    timeout_s: float


@final
@dataclass(frozen=True, slots=True)
class SetInterface:
    """SET_INTERFACE of interface 0. Its time limit is the operating system's own. Answered by `Done`."""

    alt: int


@final
@dataclass(frozen=True, slots=True)
class Wait:
    """Send nothing for a while: the device asked for it (bwPollTimeout). Answered by `Done`."""

    duration_s: float


Action = ControlOut | ControlIn | SetInterface | Wait


@final
@dataclass(frozen=True, slots=True)
class Done:
    """The OUT request, SET_INTERFACE or wait ended well."""


@final
@dataclass(frozen=True, slots=True)
class Data:
    """What an IN request brought. The transport may reuse the buffer: `payload` is valid until the next request."""

    payload: Payload


@final
@dataclass(frozen=True, slots=True)
class Stalled:
    """The device refused the request (EPIPE)."""


@final
@dataclass(frozen=True, slots=True)
class TimedOut:
    """No answer within the time limit; the transfer was given up."""


@final
@dataclass(frozen=True, slots=True)
class Gone:
    """There is no such device any more (ENODEV)."""


@final
@dataclass(frozen=True, slots=True)
class Broken:
    """The transfer failed on the link; `errno` is the system's number for it (EIO, EPROTO, EOVERFLOW, …)."""

    errno: int


Reply = Done | Data | Stalled | TimedOut | Gone | Broken

DONE = Done()
STALLED = Stalled()
TIMED_OUT = TimedOut()
GONE = Gone()
