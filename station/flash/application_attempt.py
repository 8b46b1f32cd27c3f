"""One attempt on a camera that runs its application already: the tests alone. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, field

from station.board.board import Board
from station.flash.functional_test import functional_test
from station.flash.pipe import Link
from station.model.devices import Device
from station.model.measurements import Measurement
from station.model.runs import ImageRecord, RunPlan
from station.model.slots import Progress
from station.problem import sentence
from station.usb.access import UsbAccess


@dataclass
class ApplicationAttempt:
    """After `run`, or after it raised, the fields tell what was found. A test that answers nothing is no pass."""

    plan: RunPlan
    device: Device
    link: Link
    access: UsbAccess
    board: Board
    number: int
    phase: str = "test"
    notes: list[str] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    images: tuple[ImageRecord, ...] = ()
    mram_initialized: bool = False
    mram_done: bool = False
    verified: bool = False
    boot_confirmed: bool = False

    @property
    def application_serial(self) -> str | None:
        """What the application shows."""
        return self.device.serial or None

    def run(self) -> bool:
        """Make the tests. A camera that none of them reached fails, however little they decide."""
        self._tell()
        test = functional_test(self.plan, self.board, self.access, self.device, "", self.link, self._look)
        if test is None:
            self.notes.append(sentence("nothing is tested: the configuration turns every test off"))
            return True
        try:
            test.run()
        finally:
            self.measurements += test.measurements
            self.notes += test.notes
        if test.failure is not None and not test.reached:
            raise test.failure
        return True

    def close(self) -> None:
        """Nothing is open between two tests."""

    def _look(self) -> None:
        if self.link.tick_due():
            self._tell()

    def _tell(self) -> None:
        self.link.progress(Progress(self.phase, self.number))
