"""What each NAK means, and what follows from it (openmv `docs/protocol.md`, section 4.5; `protocol/omv_protocol.c`)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from types import MappingProxyType
from typing import Final, NamedTuple

from station.app.omv_protocol import NakStatus
from station.problem import sentence


class Reaction(Enum):
    """What to do after a NAK."""

    SEND_AGAIN = auto()
    """The packet was damaged on the way, and was not acted upon."""
    SEND_LATER = auto()
    """The camera has no time for it now."""
    SYNCHRONIZE = auto()
    """The two sides count differently. Every script that ends does it: the camera starts its protocol over."""
    GIVE_UP = auto()
    """It would be refused again."""


class Refusal(NamedTuple):
    """The meaning of one status: what to do, the code if that does not help, and the words for it."""

    reaction: Reaction
    code: str
    meaning: str


REFUSALS: Final[Mapping[int, Refusal]] = MappingProxyType(
    {
        NakStatus.FAILED: Refusal(Reaction.GIVE_UP, "test.refused", sentence("it failed")),
        NakStatus.INVALID: Refusal(Reaction.GIVE_UP, "test.unsupported", sentence("this firmware does not know it")),
        NakStatus.TIMEOUT: Refusal(Reaction.GIVE_UP, "test.refused", sentence("it took the camera too long")),
        NakStatus.BUSY: Refusal(Reaction.SEND_LATER, "test.busy", sentence("the camera is busy")),
        NakStatus.CHECKSUM: Refusal(Reaction.SEND_AGAIN, "test.protocol", sentence("it arrived damaged")),
        NakStatus.SEQUENCE: Refusal(Reaction.SYNCHRONIZE, "test.protocol", sentence("it arrived out of sequence")),
        NakStatus.OVERFLOW: Refusal(Reaction.SYNCHRONIZE, "test.protocol", sentence("it was longer than agreed")),
        NakStatus.FRAGMENT: Refusal(Reaction.SYNCHRONIZE, "test.protocol", sentence("a fragment was missing")),
        NakStatus.UNKNOWN: Refusal(Reaction.GIVE_UP, "test.refused", sentence("for a reason that it does not know")),
    }
)


def refusal_of(payload: bytes) -> Refusal:
    """The meaning of a NAK's payload."""
    status = int.from_bytes(payload[:2], "little")
    if len(payload) < 2 or status not in REFUSALS:
        status_hex = payload[:8].hex() or "-"
        return Refusal(
            Reaction.GIVE_UP, "test.protocol", sentence("with the unknown status {status}", status=status_hex)
        )
    return REFUSALS[status]
