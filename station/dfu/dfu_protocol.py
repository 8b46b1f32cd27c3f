"""The numbers of USB DFU 1.1 and of the control requests under it (USB DFU 1.1, chapters 3, 6 and appendix A).

Only constants and codecs: the engine and the simulated camera share this file and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

REQUEST_TYPE_OUT = 0x21
"""bmRequestType of DETACH, DNLOAD, CLRSTATUS and ABORT: host to device, class, interface."""
REQUEST_TYPE_IN = 0xA1
"""bmRequestType of UPLOAD, GETSTATUS and GETSTATE: device to host, class, interface."""

STATUS_SIZE_BYTES = 6
DESCRIPTOR_TYPE_DFU_FUNCTIONAL = 0x21


class Request(IntEnum):
    """bRequest of the seven DFU class requests (DFU 1.1, table 3.2)."""

    DETACH = 0
    DNLOAD = 1
    UPLOAD = 2
    GETSTATUS = 3
    CLRSTATUS = 4
    GETSTATE = 5
    ABORT = 6


class State(IntEnum):
    """bState (DFU 1.1, section 6.1.2)."""

    APP_IDLE = 0
    APP_DETACH = 1
    DFU_IDLE = 2
    DFU_DNLOAD_SYNC = 3
    DFU_DNBUSY = 4
    DFU_DNLOAD_IDLE = 5
    DFU_MANIFEST_SYNC = 6
    DFU_MANIFEST = 7
    DFU_MANIFEST_WAIT_RESET = 8
    DFU_UPLOAD_IDLE = 9
    DFU_ERROR = 10


class StatusCode(IntEnum):
    """bStatus (DFU 1.1, section 6.1.2)."""

    OK = 0x00
    ERR_TARGET = 0x01
    ERR_FILE = 0x02
    ERR_WRITE = 0x03
    ERR_ERASE = 0x04
    ERR_CHECK_ERASED = 0x05
    ERR_PROG = 0x06
    ERR_VERIFY = 0x07
    ERR_ADDRESS = 0x08
    ERR_NOTDONE = 0x09
    ERR_FIRMWARE = 0x0A
    ERR_VENDOR = 0x0B
    ERR_USBR = 0x0C
    ERR_POR = 0x0D
    ERR_UNKNOWN = 0x0E
    ERR_STALLEDPKT = 0x0F


@dataclass(frozen=True, slots=True)
class Status:
    """A decoded GETSTATUS answer; `poll_timeout_ms` is bwPollTimeout."""

    status: int
    poll_timeout_ms: int
    state: int
    string_index: int = 0

    def encode(self) -> bytes:
        """The six bytes on the wire, bwPollTimeout as 24 bits little-endian."""
        return (
            bytes((self.status,)) + self.poll_timeout_ms.to_bytes(3, "little") + bytes((self.state, self.string_index))
        )

    @classmethod
    def decode(cls, raw: bytes) -> Status:
        """Decode six bytes; ValueError for any other length."""
        if len(raw) != STATUS_SIZE_BYTES:
            raise ValueError(f"a DFU status has {STATUS_SIZE_BYTES} bytes, not {len(raw)}")
        return cls(raw[0], int.from_bytes(raw[1:4], "little"), raw[4], raw[5])
