"""Time limits of one partition, in seconds, as the engine wants them given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class TimeLimits(Protocol):
    """How long each kind of request may stay unanswered before it is given up.

    Giving up is dear: a control transfer that is abandoned may leave the device's endpoint 0 dead until a bus reset.
    So these are far above anything that a sound device needs; they only bound the wait for a dead one.
    """

    @property
    def request_s(self) -> float:
        """DNLOAD, the first GETSTATUS after it, and every short request."""
        ...

    @property
    def write_s(self) -> float:
        """The GETSTATUS behind a block: the device answers nothing while it writes, and announces no poll time."""
        ...

    @property
    def manifest_s(self) -> float:
        """The GETSTATUS behind the end of an image."""
        ...

    @property
    def upload_s(self) -> float:
        """UPLOAD of one block."""
        ...

    @property
    def detach_s(self) -> float:
        """DETACH, which is often answered by silence."""
        ...


@dataclass(frozen=True, slots=True)
class SameForAll:
    """Limits for a partition of which nothing is known."""

    request_s: float = 10.0
    write_s: float = 30.0
    manifest_s: float = 10.0
    upload_s: float = 10.0
    detach_s: float = 5.0


UNKNOWN_MEDIUM = SameForAll()
