"""The recovery ladder: what failed and what was tried, to the next thing to try. Pure; `recovery` carries it out.

Rungs from the cheapest to the dearest. What the camera's bootloader makes of each is why they stand in this order:

1. REPEAT_BLOCK: the engine has left dfuERROR by CLRSTATUS, or dropped a half block by ABORT, before the error was
   raised. SET_INTERFACE puts the state machine back to dfuIDLE, and the transfer that failed is made once more. Not
   after silence: there each request more costs its whole time limit.
2. REOPEN: the device is closed, opened and claimed again, and the transfer is repeated. This helps where this machine's
   end of the link was broken.
3. RESET_PORT: a control endpoint that was given up may stay dead until a bus reset. A camera leaves its bootloader upon
   it, so this is for one that does not answer, and only where it is asked for (the kernel's own tries hold up the
   controller's other ports): one that answers and refuses would lose its session, and with half an image in it not
   come back.
4. CATCH_WINDOW: a camera that left the bus comes back in its bootloader (one that cycles, every few seconds) and is
   held there; or its application comes, and is asked into the bootloader.
5. CYCLE_POWER: one that hangs needs it. Where the hub can, by its command; else a hand does it: the run fails, and
   says so.

A camera that answers and refuses (a status, a stall) needs no rung: its status is cleared already, and the next
attempt, in a session of its own, repeats the block. That is counted: how often a memory refuses must show in the yield.

No rung decides a result. What follows one that helped is a whole attempt with its whole proof, and the attempt that
failed stays a row of its own: the rungs stand in its notes and, with their seconds, in its measurements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from station.errors import CameraError
from station.model.recovery_limits import RecoveryLimits


class Rung(StrEnum):
    """One thing to try; its value names its measurement."""

    REPEAT_BLOCK = "recovery_repeat_block_s"
    REOPEN = "recovery_reopen_s"
    RESET_PORT = "recovery_reset_port_s"
    CATCH_WINDOW = "recovery_catch_window_s"
    CYCLE_POWER = "recovery_cycle_power_s"


_LADDER = tuple(Rung)


@dataclass(frozen=True, slots=True)
class Failure:
    """How a camera stands after a transfer that failed."""

    on_bus: bool = True
    refused: bool = False
    """It answered, and refused: its session is alive."""
    silent: bool = False
    """A request had no answer within its limit."""
    in_block: bool = False
    """The failed transfer was one block of an image."""


def failure_of(error: CameraError, *, in_block: bool) -> Failure:
    """The failure of a camera that is still on the bus.

    >>> failure_of(CameraError("dfu.err_write", "errWRITE"), in_block=True).refused
    True
    """
    refused = not error.code.startswith("usb.") or error.code == "usb.stall"
    return Failure(refused=refused, silent=error.code == "usb.timeout", in_block=in_block)


def next_rung(
    failure: Failure, last: Rung | None, used: Mapping[Rung, int], limits: RecoveryLimits, spent_s: float
) -> Rung | None:
    """The rung after `last`, which did not help; None where there is none any more.

    `used` counts those of the whole run, `spent_s` are the seconds that went into them.

    >>> next_rung(Failure(silent=True), None, {}, RecoveryLimits(), 0.0).name
    'REOPEN'
    """
    if spent_s >= limits.total_s:
        return None
    for rung in _LADDER[_LADDER.index(last) + 1 if last else 0 :]:
        if used.get(rung, 0) < allowed(rung, limits) and _fits(rung, failure):
            return rung
    return None


def allowed(rung: Rung, limits: RecoveryLimits) -> int:
    """How often it may be taken in one run."""
    if rung is Rung.CYCLE_POWER and not limits.power_cycle:
        return 0
    return {
        Rung.REPEAT_BLOCK: limits.block_repeats,
        Rung.REOPEN: limits.reopens,
        Rung.RESET_PORT: limits.port_resets,
        Rung.CATCH_WINDOW: limits.windows,
        Rung.CYCLE_POWER: limits.power_cycles,
    }[rung]


def _fits(rung: Rung, failure: Failure) -> bool:
    if failure.refused:
        return False
    if rung is Rung.REPEAT_BLOCK:
        return failure.on_bus and failure.in_block and not failure.silent
    if rung is Rung.CATCH_WINDOW:
        return not failure.on_bus
    return failure.on_bus or rung is Rung.CYCLE_POWER
