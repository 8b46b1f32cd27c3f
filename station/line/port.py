"""One physical port as the dispatcher sees it: what is in it, and the run that is going on."""

from __future__ import annotations

from dataclasses import dataclass, field

from station.clock import monotonic_s
from station.line.pool import Child
from station.model.devices import Device, DeviceMode
from station.model.runs import AttemptRecord, Outcome, RunRecord
from station.model.serials import canonical_serial, same_serial
from station.model.slots import Progress, Slot, SlotState, SlotView

STATE_OF = {
    Outcome.PASS: SlotState.PASSED,
    Outcome.FAIL: SlotState.FAILED,
    Outcome.ERROR: SlotState.ERROR,
    Outcome.ABORTED: SlotState.ABORTED,
    Outcome.SKIPPED: SlotState.SKIPPED,
}
BOOTED_S = 120.0
"""For how long a camera that comes up as an application is taken for the one that was in DFU mode on this port."""


@dataclass(eq=False)
class Port:
    """The newest state of one port. `run` is the open run, `device` what is on the bus."""

    path: str
    slot: Slot | None
    device: Device | None = None
    state: SlotState = SlotState.EMPTY
    run: RunRecord | None = None
    attempts: list[AttemptRecord] = field(default_factory=list)
    worker: Child | None = None
    bootloader: str = ""
    hold_since_s: float | None = None
    hold_wanted: bool = True
    recorded: bool = False
    """The open run stands in the log, on the disk."""
    check_first: bool = False
    """The log says that the camera passed: its memory is read before anything is written."""
    taken_out: bool = False
    """Too many units in a row failed here while others passed: cameras here are left alone."""
    bootloader_serial: str = ""
    """Of the bootloader that was seen here last: whose application comes here next."""
    application_serial: str | None = None
    """What the camera of the last run showed once it ran its application; None where it was not seen."""
    known_serial: str = ""
    """The unit of a camera that runs its application, by the log."""
    hold_notes: tuple[str, ...] = ()
    history_due: bool = False
    """The camera is to be held before the log is open: the interlock has not been asked yet."""
    cancelled: bool = False
    left_at_s: float = float("-inf")
    newcomer: bool = False
    """The camera that is here now took the place of the one whose run is open: it waits for that to end."""
    fickle: bool = False
    """The last run ended with a camera that comes and goes by itself."""
    last_serial: str = ""
    last: SlotView | None = None
    """How the last run on this port ended, as shown."""
    progress: Progress | None = None
    started_s: float | None = None
    code: str | None = None
    message: str = ""

    @property
    def name(self) -> str:
        """The slot's name, or the port path where it is no slot."""
        return self.slot.name if self.slot else self.path

    @property
    def absent_s(self) -> float:
        """Seconds since the port's device last left."""
        return monotonic_s() - self.left_at_s

    @property
    def view(self) -> SlotView:
        """The newest state, for screens."""
        # Asked for in another thread: every field is read once.
        run, device, last, state = self.run, self.device, self.last, self.state
        shown = run or (last if last is not None and last.state is state else None)
        return SlotView(
            slot=self.name,
            port_path=self.path,
            state=state,
            # The application has another serial: a finished camera keeps the one it ran under.
            serial=shown.serial if shown else self._serial_of(device, state),
            run_id=shown.run_id if shown else "",
            code=self.code,
            message=self.message,
            progress=self.progress if run else None,
            started_at_s=self.started_s if run else None,
        )

    def _serial_of(self, device: Device | None, state: SlotState) -> str:
        if state is SlotState.RECORDING:
            return self.last_serial
        return self.known_serial or device.serial if device else ""

    def show(self, state: SlotState, code: str | None = None, message: str = "") -> None:
        """Set what the port shows."""
        self.state, self.code, self.message = state, code, message

    def show_nothing(self) -> None:
        """Show that nothing is in it."""
        if self.taken_out:
            self.show(SlotState.TAKEN_OUT, self.code, self.message)
        else:
            self.show(SlotState.EMPTY)

    def show_ended(self, run: RunRecord, code: str | None, message: str, state: SlotState) -> None:
        """Show how a run ended, and remember it for the time the camera re-enumerates."""
        self.show(state, code, message)
        self.last = SlotView(self.name, self.path, state, run.serial, run.run_id, code, message)

    def show_last(self) -> None:
        """Show again how the last run ended."""
        if self.last:
            self.show(self.last.state, self.last.code, self.last.message)

    def begin(self, run: RunRecord) -> None:
        """A run is open on this port."""
        self.run, self.attempts, self.started_s = run, [], monotonic_s()
        self.progress, self.hold_wanted, self.cancelled, self.fickle = None, True, False, False
        self.recorded, self.application_serial = False, None
        self.show(SlotState.WAITING)

    def is_same_unit_again(self) -> bool:
        """Whether the bootloader that is here now is the unit of the last run."""
        return self.device is not None and same_serial(self.device.serial, self.last_serial)

    def is_application_of_last(self) -> bool:
        """Whether the application that is here now is that of the last run's camera: by port and time.

        A camera that was put in its place shows its own bootloader first. One with a battery need not: so an
        application that was seen before has to be the same one again.
        """
        if self.last is None or self.device is None or self.absent_s >= BOOTED_S:
            return False
        seen, shows = self.application_serial, self.device.serial
        same_bootloader = canonical_serial(self.bootloader_serial) == canonical_serial(self.last_serial)
        return same_bootloader and (seen is None or seen == shows)

    def came_back_by_itself(self, return_window_s: float) -> bool:
        """A camera of a run that ended in coming and going, back too soon for a hand to have replugged it."""
        return self.fickle and self.absent_s < return_window_s and self.is_same_unit_again()

    def runs_another_than(self, device: Device) -> bool:
        """Whether the open run is of another unit than the bootloader that is here now.

        An application says nothing: its serial is another one, and a camera shows its bootloader before it.
        """
        if self.run is None or device.mode is not DeviceMode.DFU:
            return False
        return canonical_serial(self.run.serial) != canonical_serial(device.serial)

    def waits_for(self, device: Device) -> bool:
        """Whether the camera of the open run was asked to leave its bootloader, is nowhere, and is `device`'s unit."""
        nowhere = self.device is None and self.worker is not None and not self.hold_wanted
        return nowhere and self.run is not None and same_serial(self.run.serial, device.serial)

    def runs(self, bootloader_serial: str) -> bool:
        """Whether a run of a camera with this serial is open here."""
        return self.run is not None and same_serial(self.run.serial, bootloader_serial)

    def has_unit_of(self, device: Device) -> bool:
        """Whether the bootloader at this port, or that of its open run, has the serial of `device`.

        A camera that left in the middle of its run is nowhere: it may be in another slot by now.
        """
        vanished = self.device is None and self.worker is not None
        if self.run is not None and not vanished and same_serial(self.run.serial, device.serial):
            return True
        mine = self.device
        return mine is not None and mine.mode is DeviceMode.DFU and same_serial(mine.serial, device.serial)
