"""What a line is given when it is built: frozen values and a few callables, no knowledge of who stands behind them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Literal, Protocol

from station.errors import StationError
from station.model.batches import Batch
from station.model.bundles import ANYWHERE, Binding
from station.model.devices import Device, DeviceEvent
from station.model.events import LedgerFact, UnitHistory
from station.model.functional_tests import FunctionalTests
from station.model.permission import FlashQuestion, Permission
from station.model.recipes import Recipe
from station.model.recovery_limits import RecoveryLimits
from station.model.runs import ImagePlan, Purpose, RunOptions
from station.model.slots import SlotMap
from station.model.unit_marks import UnitMarks
from station.model.write_times import WRITE_BOUNDS_S, Spread


class Watcher(Protocol):
    """Announces devices: all that are there, then every change."""

    def start(
        self, on_event: Callable[[DeviceEvent], None], on_failure: Callable[[StationError], None] | None = None
    ) -> None:
        """Begin; returns when every device that is there has been announced.

        Both are called in another thread: `on_failure` when nothing can be watched any more.
        """
        ...

    def stop(self) -> None:
        """End; no event comes after it returned."""
        ...


@dataclass(frozen=True, slots=True)
class PermissionTerms:
    """The factory's system that is asked before a camera is written to. Durations are seconds."""

    ask: Callable[[FlashQuestion], Permission]
    """Asks; called in a thread of its own. An exception is silence."""
    silent: Literal["hold", "allow"] = "hold"
    """What follows where it does not answer."""
    timeout_s: float = 5.0
    """How long `ask` takes at most."""
    again_s: float = 5.0
    """How long to wait before a system that was silent is asked again."""


def _no_units(_station_id: str, _batch: str) -> Collection[str]:
    return ()


def _no_unit(_application_serial: str) -> str | None:
    return None


def _nothing() -> None:
    pass


WithOthers = Callable[[UnitHistory], UnitHistory]
AskElsewhere = Callable[[str, str | None], WithOthers]


def nobody_else(_serial: str, _batch: str | None) -> WithOthers:
    """Where there are no other stations: this station's own history says all."""
    return lambda own: own


def _anything(_device: Device) -> bool:
    return True


def _not_refused(_device: Device) -> StationError | None:
    return None


@dataclass(frozen=True, slots=True)
class LineSetup:
    """One line: which cameras it takes and what it does with them."""

    station_id: str
    recipe: Recipe
    bundle: str
    bundle_sha256: str
    images: tuple[ImagePlan, ...]
    options: RunOptions
    bundle_version: str = ""
    tests: FunctionalTests = field(default_factory=FunctionalTests)
    label: str = ""
    """What the application calls itself after a run, "" where nobody knows."""
    files_image: ImagePlan | None = None
    """The image whose files the application shows after a run, None where nobody knows."""
    notes: tuple[str, ...] = ()
    """What every record of this line is to say."""
    read_only: bool = False
    """Nothing is written: the images are what the cameras must hold."""
    expectation: Callable[[str], tuple[ImagePlan, ...]] | None = None
    """The images of the next run at a port path, where they are not the same for all."""
    due: Callable[[], tuple[str, ...]] = tuple
    """The slots that are to be verified again, as a screen shows them."""
    qualifies: bool = False
    """The runs measure the bench, too."""
    purpose: Purpose = Purpose.PRODUCTION
    slots: SlotMap = field(default_factory=SlotMap)
    batch: str | None = None
    operator: str | None = None
    part_number: str | None = None
    hardware_revision: str | None = None
    location: str | None = None
    time_zone: str | None = None
    binding: Binding = ANYWHERE
    """The part numbers and batches that the bundle is for."""
    outside_batches: bool = False
    """The runs belong to no batch, also where one was begun at the bench."""
    errors_in_a_row: int = 5
    same_failures_in_a_row: int = 5
    slot_failures_in_a_row: int = 3
    attended: bool = False
    """Somebody looks at a screen: what stops a line without one pauses it."""
    workers_spare: int = 2
    stop_after: int | None = None
    application: Literal["leave", "take", "enter"] = "leave"
    """A camera that runs its application: left alone, taken unless it passed, or taken in any case."""
    bootloader_timeout_s: float = 15.0
    """How long a camera that was asked into its bootloader may take to be there."""
    recovery: RecoveryLimits = field(default_factory=RecoveryLimits)
    """How far a run goes to get a camera back whose transfer failed."""
    power_cycle: str = ""
    """The command that cycles the power of a port; "" where the hubs cannot."""
    permission: PermissionTerms | None = None
    """Who is to allow each run; None: nobody."""
    marks: UnitMarks = field(default_factory=UnitMarks)
    """What tells units apart in the factory, and what no camera is written to without."""
    only_present: bool = False
    """Run the cameras that are there when the line starts, and end."""
    accepts: Callable[[Device], bool] = _anything
    refuses: Callable[[Device], StationError | None] = _not_refused
    """Why a camera must not be touched with what this line flashes: it ends the line."""


def _no_writes() -> Spread:
    return Spread.nothing(WRITE_BOUNDS_S)


@dataclass(frozen=True, slots=True)
class OpenLog:
    """What the line uses of the log."""

    submit: Callable[[LedgerFact], None]
    """Hand a fact to the ledger; the answer comes back through `Line.ledger_replied`."""
    history: Callable[[str, str | None], UnitHistory]
    """What the interlock must know of a serial in a batch; answers within milliseconds."""
    counted_units: Callable[[str, str], Collection[str]] = _no_units
    """The units that have a counted run at a station in a batch, by `unit_key`."""
    unit_of_application: Callable[[str], str | None] = _no_unit
    """The unit, by its bootloader's serial, that showed an application's serial; None where not exactly one did."""
    hurry: Callable[[], None] = _nothing
    """The line ends: answers must come soon."""
    begun: Batch | None = None
    """The batch that was begun at the bench before the line was started and goes on."""
    elsewhere: Batch | None = None
    """A batch that is open under another id of this station, where none goes on and none is named."""
    ask_elsewhere: AskElsewhere = nobody_else
    """Asks other stations' log for the same. Returns at once; what it returns takes in their answer, or goes on without
    it, within what is left of a time that counts from here."""
    writes: Callable[[], Spread] = _no_writes
    """How long transactions of the log took so far."""
