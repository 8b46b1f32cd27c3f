"""What holds for every slot of a line at the moment."""

from __future__ import annotations

from dataclasses import dataclass

from station.line.setup import LineSetup


@dataclass(frozen=True, slots=True)
class Terms:
    """`setup` is what the next runs are made of (a batch that is begun changes it); `accepting`: cameras are taken.

    `returning`: those that were asked into their bootloader are, where only what is plugged in is run too. `stalled_s`:
    for so many seconds before this moment the line did not turn: nobody told the workers what came at their ports.
    """

    setup: LineSetup
    accepting: bool = True
    returning: bool = True
    stalled_s: float = 0.0
