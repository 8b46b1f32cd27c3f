"""How long a camera is busy, as data. All durations are seconds for one 4,096-byte block, unless said otherwise.

On-chip MRAM is a memory copy. The external memory hangs on one-bit SPI at 50 MHz: reading costs 2 to 3 ms whatever the
chip is, writing a few ms on Everspin MRAM (no erase cycle) and tens of ms on NOR flash.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class TimeProfile:
    """Busy times of one kind of board.

    `recovery_s` is the whole MRAM initialization inside its one block; `mram_poll_s` how long the bootloader polls for
    the write-enable bit of an uninitialized MRAM before it gives up on one block. `external` is the kind of chip.
    """

    onchip_write_s: float
    onchip_read_s: float
    external_write_s: float
    external_read_s: float
    recovery_s: float
    mram_poll_s: float
    external: str

    def scaled(self, factor: float) -> TimeProfile:
        """The same board with every duration multiplied by `factor` (0.05 is twenty times faster)."""
        times = {field.name: getattr(self, field.name) * factor for field in fields(self) if field.name != "external"}
        return TimeProfile(external=self.external, **times)


PROFILES: dict[str, TimeProfile] = {
    "instant": TimeProfile(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, "mram"),
    "mram": TimeProfile(0.001, 0.0005, 0.003, 0.0025, 8.0, 4.0, "mram"),
    "nor": TimeProfile(0.001, 0.0005, 0.030, 0.0025, 8.0, 4.0, "nor"),
}
