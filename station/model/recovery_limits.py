"""How far a station goes to get a camera back whose transfer failed: the settings of `[recovery]`, as values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RecoveryLimits:
    """How often each rung of the ladder (`station.flash.recovery_ladder`) may be taken in one run; 0 leaves it out.

    `catch_s`: how long a camera may take to be back after a rung that makes it leave the bus. `total_s`: all that a run
    may spend on rungs. `port_resets` is 0 unless it is asked for: in a real kernel the reset of a camera that stays
    silent took 88 s, in which no other camera of its controller can come up. `power_cycle`: the command that turns a
    port's power off and on, "" where the hubs cannot.
    """

    block_repeats: int = 2
    reopens: int = 2
    port_resets: int = 0
    windows: int = 20
    power_cycles: int = 1
    catch_s: float = 10.0
    total_s: float = 90.0
    bootloader_timeout_s: float = 15.0
    power_cycle: str = ""
