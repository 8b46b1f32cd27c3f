"""What can happen to a slot (past tense), and what a slot wants done about it (imperative).

Beside these, a slot takes the answers of the log (`model.events`) and the facts of its worker (`flash.messages`) as
they come.
"""

from __future__ import annotations

from dataclasses import dataclass

from station.errors import StationError
from station.flash.messages import (
    AttemptEnded,
    BootloaderEntered,
    BootloaderNotEntered,
    CameraHeld,
    CameraNotHeld,
    CancelRun,
    HoldWanted,
    PortChanged,
    PowerCycled,
    PowerNotCycled,
    Progressed,
    RunEnded,
)
from station.line.log_decisions import Decision
from station.model.devices import Device
from station.model.events import (
    DiskFull,
    LedgerFact,
    LogLocked,
    OpeningCommitted,
    OpeningNotCommitted,
    RunCommitted,
    RunNotCommitted,
)
from station.model.permission import FlashQuestion, Permission
from station.model.runs import RunRecord
from station.model.unit_values import UnitBinding

# --- events ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Arrived:
    """A device is on the port. The same one may be announced twice."""

    device: Device


@dataclass(frozen=True, slots=True)
class Left:
    """The port lost its device."""


@dataclass(frozen=True, slots=True)
class LogAnswered:
    """What follows from the log for the camera that it was asked about."""

    device: Device
    decision: Decision


@dataclass(frozen=True, slots=True)
class UnitMarked:
    """The log has what somebody said of a unit: all that it has now."""

    unit: UnitBinding


@dataclass(frozen=True, slots=True)
class FactoryAnswered:
    """What the factory's system says to the question with this ticket."""

    ticket: str
    permission: Permission


@dataclass(frozen=True, slots=True)
class UnitFound:
    """What the log knows of an application: the serial of its unit, "" where it does not know it; and whether that is
    not to be taken out of its application by itself, because it passed or was set aside."""

    device: Device
    serial: str
    is_left: bool = False


@dataclass(frozen=True, slots=True)
class HolderAnswered:
    """A hold has ended."""

    answer: CameraHeld | CameraNotHeld


@dataclass(frozen=True, slots=True)
class Doubled:
    """Another port has a camera with the same serial now; `places` names all of them."""

    serial: str
    places: str


@dataclass(frozen=True, slots=True)
class MovedAway:
    """The camera that was lost here is in another slot."""


@dataclass(frozen=True, slots=True)
class HubLost:
    """The camera left with `count` - 1 others at one moment: the hub at the port `hub` left."""

    hub: str
    count: int


@dataclass(frozen=True, slots=True)
class WorkerGiven:
    """A worker is free for this slot's run."""


@dataclass(frozen=True, slots=True)
class WorkerDied:
    """The worker's process ended."""


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """Somebody wants the run ended."""


@dataclass(frozen=True, slots=True)
class RerunAsked:
    """Somebody wants the camera that is here run once more."""


@dataclass(frozen=True, slots=True)
class LineStopped:
    """The line takes no camera any more; with `abort` running ones end now."""

    abort: bool


@dataclass(frozen=True, slots=True)
class BatchChanged:
    """Runs that no worker has yet are of this batch and operator."""

    batch: str | None
    operator: str | None


@dataclass(frozen=True, slots=True)
class TakenOut:
    """Too many different cameras failed here: the slot is not used until it is restored."""

    message: str


@dataclass(frozen=True, slots=True)
class Restored:
    """The slot is used again."""


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time went by."""


WorkerFact = Progressed | HoldWanted | AttemptEnded | RunEnded
SlotEvent = (
    Arrived
    | Left
    | LogAnswered
    | FactoryAnswered
    | UnitMarked
    | UnitFound
    | BootloaderEntered
    | BootloaderNotEntered
    | PowerCycled
    | PowerNotCycled
    | HolderAnswered
    | Doubled
    | MovedAway
    | HubLost
    | OpeningCommitted
    | OpeningNotCommitted
    | RunCommitted
    | RunNotCommitted
    | LogLocked
    | DiskFull
    | WorkerGiven
    | WorkerFact
    | WorkerDied
    | CancelAsked
    | RerunAsked
    | LineStopped
    | BatchChanged
    | TakenOut
    | Restored
    | Ticked
)

# --- effects --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AskLog:
    """Ask the log what follows for this camera: `LogAnswered`."""

    device: Device


@dataclass(frozen=True, slots=True)
class AskFactory:
    """Ask the factory's system whether the camera may be written to: `FactoryAnswered` with this ticket."""

    ticket: str
    question: FlashQuestion


@dataclass(frozen=True, slots=True)
class FindUnit:
    """Ask the log whose application this is: `UnitFound`."""

    device: Device


@dataclass(frozen=True, slots=True)
class AskApplication:
    """Have this application asked to go into its bootloader: `BootloaderEntered` or `BootloaderNotEntered`."""

    device: Device


@dataclass(frozen=True, slots=True)
class CyclePower:
    """Have the power of the port turned off and on again: `PowerCycled` or `PowerNotCycled`."""

    template: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Have this camera kept in its bootloader, now: `HolderAnswered`."""

    device: Device


@dataclass(frozen=True, slots=True)
class Submit:
    """Hand a fact to the log."""

    fact: LedgerFact


@dataclass(frozen=True, slots=True)
class StartWorker:
    """Give the run to the worker. `check`: it first looks whether the memory is already right."""

    run: RunRecord
    device: Device
    bootloader: str
    check: bool
    hold_s: float | None = None


@dataclass(frozen=True, slots=True)
class TellWorker:
    """Send the worker a message."""

    message: PortChanged | CancelRun


@dataclass(frozen=True, slots=True)
class FreeWorker:
    """The worker has no run any more; `dead`: its process ended."""

    dead: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """The run is in the log, or by its code is not: tell everybody."""

    run: RunRecord


@dataclass(frozen=True, slots=True)
class GiveNotice:
    """One line for the operator about something that has no run. `code` is stable, "" where nothing is wrong."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class FoundTwin:
    """The camera that was taken for moved is still here: the one in the other slot has the same serial."""

    serial: str


@dataclass(frozen=True, slots=True)
class StopLine:
    """No camera of this line can be run any more."""

    reason: StationError


Effect = (
    AskLog
    | AskFactory
    | FindUnit
    | AskApplication
    | CyclePower
    | Hold
    | Submit
    | StartWorker
    | TellWorker
    | FreeWorker
    | Report
    | GiveNotice
    | FoundTwin
    | StopLine
)
