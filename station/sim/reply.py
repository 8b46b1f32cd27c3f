"""What a camera does with one control transfer."""

from __future__ import annotations

from enum import IntEnum


class Kind(IntEnum):
    """How a control transfer ends, or that it does not."""

    DATA = 0
    """Served: the data stage of an IN request, nothing for an OUT request."""
    STALL = 1
    """Refused with a STALL handshake."""
    WAIT = 2
    """The camera is busy and has not looked at the request: ask again at `at_s`."""
    NEVER = 3
    """No answer; the host has to give up."""
    BROKEN = 4
    """The link breaks in this transfer (the host sees an I/O error)."""
    GONE = 5
    """The camera is no longer on the bus."""


class Reply:
    """One answer. `at_s` is the clock's time when it is due (DATA) or when to ask again (WAIT); 0 is at once."""

    __slots__ = ("at_s", "data", "kind")

    def __init__(self, kind: Kind, data: bytes = b"", at_s: float = 0.0) -> None:
        self.kind = kind
        self.data = data
        self.at_s = at_s

    def __repr__(self) -> str:
        return f"Reply({self.kind.name}, {self.data!r}, {self.at_s})"


STALL = Reply(Kind.STALL)
NEVER = Reply(Kind.NEVER)
BROKEN = Reply(Kind.BROKEN)
GONE = Reply(Kind.GONE)
ACKNOWLEDGED = Reply(Kind.DATA)


class PowerLost(Exception):
    """The script cuts the power now; `return_after_s` None means for good."""

    def __init__(self, return_after_s: float | None) -> None:
        super().__init__()
        self.return_after_s = return_after_s
