"""One table: what the host believes of the device, and what may follow.

`TABLE[belief]` has, for each event that is allowed there, the belief that comes after it. An event is a request that
was answered (`Event.DNLOAD`), a request that was not (`Event.LOST` and its three siblings), or a bState that the device
named in GETSTATUS or GETSTATE (`SAID + bState`). A request that is missing must not be sent; a bState that is missing
is an answer out of turn.

Where it is stricter than DFU 1.1 the reason is the class driver in the camera (TinyUSB): a dfuDNLOAD-IDLE right after a
DNLOAD means that the block was dropped unwritten, and a dfuIDLE right after the end of an image means that the manifest
was skipped. Where it is laxer, too: UPLOAD changes no state there, so it may be mixed with whole blocks.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum, auto
from types import MappingProxyType
from typing import Final

from station.dfu.dfu_protocol import State


class ProtocolMisuse(RuntimeError):
    """The program asked for something that must never be sent to this device. A mistake of ours, not of the camera."""


class Belief(IntEnum):
    """What the host believes of the device."""

    UNSELECTED = auto()
    """No SET_INTERFACE has been answered: nothing is known."""
    IDLE = auto()
    """dfuIDLE."""
    BLOCK_SENT = auto()
    """dfuDNLOAD-SYNC with a block pending that the device has not begun to write."""
    BLOCK_WRITING = auto()
    """dfuDNBUSY: the device writes."""
    DOWNLOADING = auto()
    """dfuDNLOAD-IDLE: the last block is stored."""
    END_SENT = auto()
    """dfuMANIFEST-SYNC."""
    MANIFESTING = auto()
    """dfuMANIFEST."""
    ERROR = auto()
    """dfuERROR."""
    BLOCK_LOST = auto()
    """A DNLOAD failed: half a block may be pending, and a GETSTATUS would write it."""
    BLOCK_SILENT = auto()
    """A GETSTATUS of a block had no answer: the block may be pending, being written, stored or refused."""
    END_SILENT = auto()
    """A GETSTATUS of an image's end had no answer."""
    SILENT = auto()
    """Another request had no answer; no block is pending."""
    LEAVING = auto()
    """DETACH was sent."""
    GONE = auto()
    """The device left the bus."""


class Event(IntEnum):
    """What happened: a request was answered, or it was lost. Numbers from `SAID` on are answers (SAID + bState)."""

    SELECT = auto()
    UPLOAD = auto()
    DNLOAD = auto()
    DNLOAD_END = auto()
    GETSTATUS = auto()
    GETSTATE = auto()
    CLRSTATUS = auto()
    ABORT = auto()
    DETACH = auto()
    LOST = auto()
    SELECT_LOST = auto()
    DNLOAD_LOST = auto()
    DETACH_LOST = auto()


SAID: Final = 32
"""`SAID + bState` is the event that the device named that state."""

LOSS_OF: Final[Mapping[Event, Event]] = MappingProxyType(
    {
        Event.SELECT: Event.SELECT_LOST,
        Event.UPLOAD: Event.LOST,
        Event.DNLOAD: Event.DNLOAD_LOST,
        Event.DNLOAD_END: Event.DNLOAD_LOST,
        Event.GETSTATUS: Event.LOST,
        Event.GETSTATE: Event.LOST,
        Event.CLRSTATUS: Event.LOST,
        Event.ABORT: Event.LOST,
        Event.DETACH: Event.DETACH_LOST,
    }
)
"""The event that a request's failure is, for each request."""

_SELECT: dict[int, Belief] = {Event.SELECT: Belief.IDLE, Event.SELECT_LOST: Belief.UNSELECTED}
_LEAVE: dict[int, Belief] = {Event.DETACH: Belief.LEAVING, Event.DETACH_LOST: Belief.LEAVING}
_SAID_ERROR = {SAID + State.DFU_ERROR: Belief.ERROR}


def _asking(belief: Belief) -> dict[int, Belief]:
    """GETSTATUS and GETSTATE change nothing by themselves; what is said then does."""
    return {Event.GETSTATUS: belief, Event.GETSTATE: belief}


_BLOCK_ANSWERS = {
    SAID + State.DFU_DNLOAD_SYNC: Belief.BLOCK_WRITING,
    SAID + State.DFU_DNBUSY: Belief.BLOCK_WRITING,
    **_SAID_ERROR,
}
_BLOCK_END_ANSWERS = {**_BLOCK_ANSWERS, SAID + State.DFU_DNLOAD_IDLE: Belief.DOWNLOADING}
_END_ANSWERS = {
    SAID + State.DFU_MANIFEST_SYNC: Belief.MANIFESTING,
    SAID + State.DFU_MANIFEST: Belief.MANIFESTING,
    **_SAID_ERROR,
}
_MANIFEST_ANSWERS = {**_END_ANSWERS, SAID + State.DFU_IDLE: Belief.IDLE}

TABLE: Final[Mapping[Belief, Mapping[int, Belief]]] = MappingProxyType(
    {
        Belief.UNSELECTED: _SELECT,
        Belief.IDLE: {
            **_SELECT,
            **_LEAVE,
            **_asking(Belief.IDLE),
            Event.UPLOAD: Belief.IDLE,
            Event.DNLOAD: Belief.BLOCK_SENT,
            Event.DNLOAD_LOST: Belief.BLOCK_LOST,
            Event.ABORT: Belief.IDLE,
            Event.LOST: Belief.SILENT,
            SAID + State.DFU_IDLE: Belief.IDLE,
            **_SAID_ERROR,
        },
        Belief.BLOCK_SENT: {
            Event.GETSTATUS: Belief.BLOCK_SENT,
            Event.LOST: Belief.BLOCK_SILENT,
            **_BLOCK_ANSWERS,
        },
        Belief.BLOCK_WRITING: {
            **_SELECT,
            **_LEAVE,
            **_asking(Belief.BLOCK_WRITING),
            Event.LOST: Belief.BLOCK_SILENT,
            **_BLOCK_END_ANSWERS,
        },
        Belief.DOWNLOADING: {
            **_SELECT,
            **_LEAVE,
            **_asking(Belief.DOWNLOADING),
            Event.UPLOAD: Belief.DOWNLOADING,
            Event.DNLOAD: Belief.BLOCK_SENT,
            Event.DNLOAD_END: Belief.END_SENT,
            Event.DNLOAD_LOST: Belief.BLOCK_LOST,
            Event.ABORT: Belief.IDLE,
            Event.LOST: Belief.SILENT,
            SAID + State.DFU_DNLOAD_IDLE: Belief.DOWNLOADING,
            **_SAID_ERROR,
        },
        Belief.END_SENT: {
            Event.GETSTATUS: Belief.END_SENT,
            Event.LOST: Belief.END_SILENT,
            **_END_ANSWERS,
        },
        Belief.MANIFESTING: {
            **_SELECT,
            **_LEAVE,
            **_asking(Belief.MANIFESTING),
            Event.LOST: Belief.END_SILENT,
            **_MANIFEST_ANSWERS,
        },
        Belief.ERROR: {
            **_SELECT,
            **_LEAVE,
            **_asking(Belief.ERROR),
            Event.CLRSTATUS: Belief.IDLE,
            Event.ABORT: Belief.IDLE,
            Event.LOST: Belief.SILENT,
            **_SAID_ERROR,
        },
        Belief.BLOCK_LOST: {
            **_SELECT,
            **_LEAVE,
            Event.ABORT: Belief.IDLE,
            # An ABORT without an answer has proved nothing: the half block may still be pending.
            Event.LOST: Belief.BLOCK_LOST,
        },
        Belief.BLOCK_SILENT: {
            **_SELECT,
            **_LEAVE,
            **_asking(Belief.BLOCK_SILENT),
            Event.LOST: Belief.BLOCK_SILENT,
            **_BLOCK_END_ANSWERS,
        },
        Belief.END_SILENT: {
            **_SELECT,
            **_LEAVE,
            **_asking(Belief.END_SILENT),
            Event.LOST: Belief.END_SILENT,
            **_MANIFEST_ANSWERS,
        },
        Belief.SILENT: {
            **_SELECT,
            **_LEAVE,
            **_asking(Belief.SILENT),
            Event.LOST: Belief.SILENT,
            SAID + State.DFU_IDLE: Belief.IDLE,
            SAID + State.DFU_DNLOAD_IDLE: Belief.DOWNLOADING,
            **_SAID_ERROR,
        },
        Belief.LEAVING: {**_SELECT, **_LEAVE},
        Belief.GONE: {},
    }
)
"""(belief, event) -> belief. `Belief.GONE` follows everywhere from a device that is gone, and is left by nothing."""
