"""What a conversation asks of a serial port, and what the port may answer.

Nothing in `station.app` has a clock: each reply says when it came (`at_s`, seconds of any clock that never goes back),
and each wait names the moment at which it ends. A port that is gone is a reply, never an exception: where the camera
was asked to leave, it is what success looks like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True, slots=True)
class Send:
    """Send all of this within `limit_s`. Answered by `Sent` or `Stuck`."""

    data: bytes
    limit_s: float


@final
@dataclass(frozen=True, slots=True)
class Listen:
    """Wait for bytes until `until_s`. Answered by `Heard` as soon as there are any, else by `Silent`."""

    until_s: float


PortAction = Send | Listen


@final
@dataclass(frozen=True, slots=True)
class Sent:
    """Everything was handed to the camera."""

    at_s: float


@final
@dataclass(frozen=True, slots=True)
class Stuck:
    """The camera took not all of it within the limit: it does not read."""

    at_s: float


@final
@dataclass(frozen=True, slots=True)
class Heard:
    """Some bytes came, never none."""

    data: bytes
    at_s: float


@final
@dataclass(frozen=True, slots=True)
class Silent:
    """Nothing came until the moment that was named."""

    at_s: float


@final
@dataclass(frozen=True, slots=True)
class PortGone:
    """There is no such port any more."""


@final
@dataclass(frozen=True, slots=True)
class PortBroken:
    """The port failed and is still there; `errno` is the system's number for it."""

    errno: int


PortReply = Sent | Stuck | Heard | Silent | PortGone | PortBroken
PORT_GONE = PortGone()
