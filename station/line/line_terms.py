"""What holds for every slot of a line at the moment."""

from __future__ import annotations

from dataclasses import dataclass

from station.line.setup import LineSetup


@dataclass(frozen=True, slots=True)
class Terms:
    """`setup` is what the next runs are made of (a batch that is begun changes it); `accepting`: cameras are taken."""

    setup: LineSetup
    accepting: bool = True
