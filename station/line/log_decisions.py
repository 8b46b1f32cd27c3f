"""What follows for a camera from what the log says of its unit."""

from __future__ import annotations

from dataclasses import dataclass

from station.line.interlock import Skip


@dataclass(frozen=True, slots=True)
class Go:
    """Run it. `check`: the log says that it passed; a few blocks of its memory decide whether it is run after all."""

    check: bool = False
    notes: tuple[str, ...] = ()
    """What the run's record is to say of how the log was asked."""
    product_serial: str | None = None
    """The one that the unit is bound to, by the log."""
    central_wait_s: float | None = None
    """How long the database of all stations was waited for."""


Decision = Go | Skip
