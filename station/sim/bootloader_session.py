"""When a camera did what: the bootloader's window, seen from inside."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

ATTACH_WINDOW_S = 1.5
"""How long a configured bootloader listens before it jumps, unless it was attached."""
LEAVE_DELAY_S = 0.005
"""From the acknowledgement of a DETACH to the drop off the bus (a host needs 2 ms to see the answer)."""


@dataclass(slots=True)
class Session:
    """One life of the bootloader or application on the bus; times are the camera's clock, in seconds, None: not yet."""

    mode: str
    started_s: float
    configure_window_s: float
    forced: bool = False
    configured_s: float | None = None
    attached_s: float | None = None
    detached_s: float | None = None
    left_s: float | None = None

    @property
    def held_latency_s(self) -> float | None:
        """From configuration to the first request that held the bootloader."""
        if self.configured_s is None or self.attached_s is None:
            return None
        return self.attached_s - self.configured_s

    def window_end_s(self) -> float | None:
        """When the bootloader gives up listening, as things stand; None for never."""
        if self.configured_s is None:
            return self.started_s + self.configure_window_s
        if self.forced or self.attached_s is not None:
            return None
        return self.configured_s + ATTACH_WINDOW_S

    def to_json(self) -> dict[str, Any]:
        """For the control protocol."""
        return {**asdict(self), "held_latency_s": self.held_latency_s}
