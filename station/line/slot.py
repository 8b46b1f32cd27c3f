"""One slot as a value: what is on its port, the run that is open there, and what it shows.

A slot is changed by `transitions.step` alone, which has the table and its rules. Nothing here does I/O, reads a clock
or makes a key: an event comes with its `Moment`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto

from station.flash.messages import CameraHeld, CameraNotHeld
from station.line.log_decisions import Decision
from station.model.devices import Device, DeviceMode
from station.model.runs import AttemptRecord, Outcome, RunRecord
from station.model.serials import canonical_serial, is_identity
from station.model.slots import Progress, SlotState, SlotView
from station.model.verdicts import Verdict


class Phase(Enum):
    """Where a slot is. A run is open from OPENING to CLOSING, and a worker has it from RUNNING to GONE."""

    EMPTY = auto()
    FOREIGN = auto()
    """What is there is left alone: no slot, another board, a slot that was taken out, a line that takes no camera."""
    APPLICATION = auto()
    """A camera that runs its application, without a run."""
    ENTERING = auto()
    """That camera was asked into its bootloader: it may go and come."""
    ASKING = auto()
    """The log is asked what it knows of the unit."""
    HOLDING = auto()
    """The holder keeps the camera in its bootloader."""
    OPENING = auto()
    """The run was handed to the log, which has not answered yet."""
    PERMISSION = auto()
    """The opening is on the disk: the factory's system is asked whether the camera may be written to."""
    UNBOUND = auto()
    """The opening is on the disk: the run waits until somebody says what its unit is."""
    QUEUED = auto()
    """The opening is on the disk: the run waits for a worker."""
    PULLED = auto()
    """The camera left before its run: whether it was pulled out, or its hub left, shows in a moment."""
    RUNNING = auto()
    AWAY = auto()
    """The worker asked the camera to leave its bootloader: it may come and go."""
    GONE = auto()
    """The camera left in the middle of the run."""
    CLOSING = auto()
    """The run has its outcome, and the log has not answered yet."""
    DONE = auto()
    """How the last run here ended is shown."""


WORKING = (Phase.RUNNING, Phase.AWAY, Phase.GONE)
"""A worker has the run."""
WAITING = (Phase.OPENING, Phase.UNBOUND, Phase.PERMISSION, Phase.QUEUED)
"""A run is open, and no worker has it."""
IDLE = (Phase.EMPTY, Phase.FOREIGN, Phase.APPLICATION, Phase.ASKING, Phase.HOLDING, Phase.DONE)
"""No run is open, and no camera is waited for."""

STATE_OF_OUTCOME = {
    Outcome.PASS: SlotState.PASSED,
    Outcome.FAIL: SlotState.FAILED,
    Outcome.ERROR: SlotState.ERROR,
    Outcome.ABORTED: SlotState.ABORTED,
    Outcome.SKIPPED: SlotState.SKIPPED,
}
_STATE_OF_PHASE = {
    Phase.EMPTY: SlotState.EMPTY,
    Phase.APPLICATION: SlotState.APPLICATION,
    Phase.ENTERING: SlotState.ENTERING,
    Phase.ASKING: SlotState.HOLDING,
    Phase.HOLDING: SlotState.HOLDING,
    Phase.OPENING: SlotState.WAITING,
    Phase.UNBOUND: SlotState.WAITING,
    Phase.PERMISSION: SlotState.WAITING,
    Phase.QUEUED: SlotState.WAITING,
    Phase.PULLED: SlotState.WAITING,
    Phase.RUNNING: SlotState.RUNNING,
    Phase.AWAY: SlotState.RUNNING,
    Phase.GONE: SlotState.RUNNING,
    Phase.CLOSING: SlotState.RECORDING,
}


@dataclass(frozen=True, slots=True)
class Moment:
    """When an event came: monotonic seconds, the wall clock (UTC), and two keys that nobody has used yet."""

    at_s: float
    utc: datetime
    run_id: str
    attempt_id: str


@dataclass(frozen=True, slots=True)
class Arrival:
    """A camera in its bootloader that has no run yet.

    `decision` is what follows from the log, None until it has answered. `places` names the slots with the same serial,
    "" where there is no other. A camera that arrives while the run before it is not in the log yet is held already.
    """

    device: Device
    at_s: float
    log_asked: bool = False
    decision: Decision | None = None
    hold_asked: bool = False
    answer: CameraHeld | CameraNotHeld | None = None
    places: str = ""

    @property
    def identified(self) -> bool:
        """Whether its serial names one unit."""
        return is_identity(self.device.serial) and not self.places


@dataclass(frozen=True, slots=True)
class Entry:
    """A camera that is wanted in its bootloader.

    `device` is the application that was asked, None where the port was empty. `until_s` is when the wait for the answer
    ends, and once there is one (`answered`) the wait for the bootloader. `reason` says what went wrong so far.
    """

    device: Device | None
    until_s: float
    answered: bool = False
    power: bool = False
    """The power of its port was asked for, the application no more."""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class PermissionAsked:
    """The question to the factory's system: its ticket, when it was asked, and whether the answer is to come (`open`);
    else when it stayed silent."""

    ticket: str
    at_s: float
    open: bool = True


@dataclass(frozen=True, slots=True)
class Slot:
    """One physical port. `name` is the port path where the port is no slot (`in_line` False)."""

    path: str
    name: str
    in_line: bool = True
    phase: Phase = Phase.EMPTY
    device: Device | None = None
    left_at_s: float = float("-inf")
    left_mode: DeviceMode | None = None
    """What the device was that left last. A camera that was sent into its bootloader counts as one that was there."""
    arrival: Arrival | None = None
    entry: Entry | None = None
    """In ENTERING alone."""
    permission: PermissionAsked | None = None
    """In PERMISSION alone."""
    undecided: bool = False
    """The log is asked whether the application here is to be taken."""
    settled: bool = False
    """The camera of this insertion had its run here, or was taken by itself: that is done once."""
    run: RunRecord | None = None
    attempts: tuple[AttemptRecord, ...] = ()
    bootloader: str = ""
    hold_s: float | None = None
    """How long it took to hold the run's camera the first time."""
    check: bool = False
    """The log says that the unit passed: the worker looks at its memory first."""
    started_s: float | None = None
    progress: Progress | None = None
    cancelled: bool = False
    hub_lost: Verdict | None = None
    """How the run ends whose hub left; what comes back is run anew."""
    moved: bool = False
    """The run's camera was lost, and one with its serial is in another slot."""
    taken_out: bool = False
    noticed: str = ""
    """The code of the last notice about what is here, so that it is given once."""
    hinted_at_s: float = float("-inf")
    """When the hint to replug a camera came that did not get into its bootloader."""
    known_serial: str = ""
    """The unit whose application this is, by the log; "" where it does not know."""
    known_product_serial: str = ""
    """The one that the unit of that application was given while it was here."""
    fickle: bool = False
    """The last run ended with a camera that comes and goes by itself."""
    last: RunRecord | None = None
    """The last run here, as it was reported."""
    state: SlotState = SlotState.EMPTY
    code: str | None = None
    message: str = ""

    @property
    def busy(self) -> bool:
        """Whether a run is open or not in the log yet."""
        return self.run is not None

    @property
    def is_awaited(self) -> bool:
        """Whether something is still to come of the camera here: a line that ends waits for it."""
        return self.busy or self.arrival is not None or self.entry is not None or self.undecided

    @property
    def view(self) -> SlotView:
        """The slot as screens show it."""
        return SlotView(
            slot=self.name,
            port_path=self.path,
            state=self.state,
            serial=self.unit_serial,
            run_id=self._shown_run.run_id if self._shown_run else "",
            code=self.code,
            message=self.message,
            progress=self.progress if self.phase in WORKING else None,
            started_at_s=self.started_s if self.run and self.phase is not Phase.CLOSING else None,
            duration_s=self._ended_run.duration_s if self._ended_run else None,
            attempts=len(self._ended_run.attempts) if self._ended_run else 0,
            product_serial=self._shown_product_serial,
            unit_values=self._shown_run.unit_values.pairs if self._shown_run else (),
        )

    @property
    def _ended_run(self) -> RunRecord | None:
        return self.last if self.run is None and self.phase is Phase.DONE else None

    @property
    def _shown_run(self) -> RunRecord | None:
        return self.run or self._ended_run

    @property
    def _shown_product_serial(self) -> str:
        if self._shown_run is not None:
            return self._shown_run.product_serial or ""
        return self.known_product_serial if self.known_serial else ""

    @property
    def unit_serial(self) -> str:
        """The application spells the serial in another way: a finished camera keeps the one that it ran under."""
        if self._shown_run is not None:
            return self._shown_run.serial
        return self.known_serial or (self.device.serial if self.device else "")

    def has_serial(self, serial: str) -> bool:
        """Whether a camera with this bootloader's serial is here: in its bootloader, or in a run and not away."""
        if self.run is not None and self.phase is not Phase.CLOSING and not self.lost:
            return canonical_serial(self.run.serial) == canonical_serial(serial)
        mine = self.arrival.device if self.arrival else self.device
        if mine is None or mine.mode is not DeviceMode.DFU:
            return False
        return canonical_serial(mine.serial) == canonical_serial(serial)

    @property
    def lost(self) -> bool:
        """Whether the run's camera is nowhere: it left, and may be in another slot by now."""
        return self.phase in (Phase.PULLED, Phase.AWAY, Phase.GONE) and self.device is None

    def enters(self, phase: Phase, state: SlotState | None = None, code: str | None = None, message: str = "") -> Slot:
        """The slot in another phase; `state` where the phase alone does not say what is shown."""
        asked = self.permission if phase is Phase.PERMISSION else None
        return replace(
            self, phase=phase, permission=asked, state=state or _STATE_OF_PHASE[phase], code=code, message=message
        )
