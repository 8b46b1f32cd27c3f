"""The test phase: the running application is asked what the recipe wants to know, each question by itself.

1. A test in mode "note" decides nothing: whatever goes wrong is a note and a measurement without a value. Where the
   camera cannot be reached, the noted tests after it are left out, so that a mute camera costs its limit once.
2. A required test that fails is tried again with a port opened anew; then the camera fails, with the code of the test.
   Nothing is flashed again for it.
3. A camera that leaves the bus and does not come back was pulled out: the run is ABORTED where a test is required, and
   keeps its result where none is. One that comes back by itself is unstable.
4. The test of the second core leaves it running, so that the camera is restarted, and has to come back, behind it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from station.app.app_client import Client
from station.board.board import Board
from station.clock import monotonic_s
from station.errors import ApplicationError, CameraError, StationError, UsbAccessError
from station.flash.app_session import AppSession
from station.flash.checks.core_check import check_core
from station.flash.checks.finding import Finding, Subject
from station.flash.checks.picture_check import check_picture
from station.flash.checks.rom_check import check_files
from station.flash.checks.sensor_check import check_sensor
from station.flash.checks.version_check import check_version
from station.flash.messages import CancelRun
from station.flash.pipe import Cancelled, Link, Orphaned
from station.model.devices import Device, DeviceMode
from station.model.measurements import Measurement
from station.model.runs import Outcome, RunPlan
from station.model.verdicts import ended_by
from station.problem import Sentence, sentence
from station.usb.access import UsbAccess, tty_of

CHECKS: Final[dict[str, Callable[[Subject], Finding]]] = {
    "version": check_version,
    "sensor": check_sensor,
    "picture": check_picture,
    "files": check_files,
    "he": check_core,
}
FIRST_MEASURED: Final = {
    "version": "version",
    "sensor": "sensor_id",
    "picture": "picture_mean",
    "files": "rom_files",
    "he": "he_answer_s",
    "stays": "stays_s",
}
"""The measurement that stands for a test that measured nothing."""
UNREACHED: Final = ("test.no_port", "test.no_answer", "test.port_vanished", "test.port_io", "test.unstable")
"""Failures after which no other question is worth its time."""
LEAVING_S: Final = 3.0
"""How long a camera whose port vanished may take to leave the bus."""
HEARD_S: Final = 0.1
"""How long to listen for a departure that should have been announced already."""
RESTARTING_S: Final = 15.0
"""The same for one that was asked to restart: it leaves within a second, but a busy machine announces that late."""
UNPLUGGED: Final = sentence("the camera was unplugged during its test")


@dataclass
class FunctionalTest:
    """The tests of one attempt. After `run`, or after it raised, the lists tell what was found."""

    plan: RunPlan
    subject: Subject
    link: Link
    restart_s: float
    """How long a restarted camera may take to come back."""
    port_s: float
    """How long its serial port may take to appear the first time."""
    measurements: list[Measurement] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failure: StationError | None = None
    """Why the first test that decides nothing measured nothing."""
    _unreached: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The tests that are to be made."""
        return tuple(name for name in self.plan.recipe.tests if self.plan.tests.mode(name) != "off")

    @property
    def decides(self) -> bool:
        """Whether any of them is required."""
        return any(self._is_required(name) for name in self.names)

    @property
    def reached(self) -> bool:
        """Whether the camera answered anything."""
        return any(measurement.value is not None for measurement in self.measurements)

    def run(self) -> None:
        """Make the tests. ApplicationError for a required one that the camera does not pass; Cancelled."""
        try:
            for name in self.names:
                self._required(name) if self._is_required(name) else self._noted(name)
        except Cancelled as cancelled:
            if self.decides or cancelled.request.verdict.code != "operator.unplugged":
                raise
            self.notes.append(UNPLUGGED)
        finally:
            self._session.close()

    @property
    def _session(self) -> AppSession:
        return self.subject.session

    def _is_required(self, name: str) -> bool:
        return self.plan.tests.mode(name) == "required"

    def _noted(self, name: str) -> None:
        if self._unreached:
            self._measured_nothing(name, None)
            return
        try:
            finding = self._made(name)
        except (Cancelled, Orphaned):
            raise
        except Exception as error:  # whatever it is: it decides nothing
            code = self._kept(error)
            self.notes.append(_noted(name, code, error))
            self._unreached = code if code in UNREACHED else ""
            self._measured_nothing(name, None if code in UNREACHED or isinstance(error, UsbAccessError) else False)
            self._session.close()
            return
        self.measurements += finding.measurements
        if finding.complaint:
            self.notes.append(_noted(name, _code(name), finding.complaint))

    def _kept(self, error: Exception) -> str:
        """The code of what kept a noted test from measuring anything; the first such error is kept."""
        if not isinstance(error, StationError):
            return "station.internal"
        if isinstance(error, CameraError):
            error.retryable = False
        self.failure = self.failure or error
        return error.code

    def _required(self, name: str) -> None:
        for number in range(1, self.plan.tests.tries + 1):
            failure, finding = self._tried(name)
            if failure is None:
                break
            self._session.close()
            if number < self.plan.tests.tries:
                reason = sentence("{code}: {error}", code=failure.code, error=failure)
                self.notes.append(sentence("test-{test} was tried again: {reason}", test=name, reason=reason))
        self.measurements += finding.measurements
        if failure is not None:
            if not finding.measurements:
                self._measured_nothing(name, False)
            raise failure

    def _tried(self, name: str) -> tuple[CameraError | None, Finding]:
        try:
            finding = self._made(name)
        except CameraError as error:
            error.retryable = False
            return self._explained(error), Finding(())
        if not finding.complaint:
            return None, finding
        return ApplicationError(_code(name), finding.complaint, retryable=False), finding

    def _measured_nothing(self, name: str, passed: bool | None) -> None:
        self.measurements.append(Measurement(FIRST_MEASURED[name], None, passed=passed))

    def _made(self, name: str) -> Finding:
        if name == "stays":
            return self._stays()
        self._session.begin(self.port_s, self.plan.tests.he_answer_s if name == "he" else 0.0)
        self.port_s = self.plan.tests.port_s
        if name != "he":
            return CHECKS[name](self.subject)
        try:
            finding = check_core(self.subject)
        except ApplicationError as error:
            if error.code not in UNREACHED:
                self._restart()
            raise
        self._restart()
        return finding

    def _stays(self) -> Finding:
        limit_s, started_s = self.plan.tests.stays_s, monotonic_s()
        # A port that stays open would keep a camera that restarts from getting the same one again.
        self._session.close()
        change = self.link.wait_change(limit_s)
        stayed_s = monotonic_s() - started_s
        if change is None:
            return Finding((Measurement("stays_s", round(stayed_s, 3), "s", low=limit_s, passed=True),))
        self._came_back_or_unplugged()
        measured = Measurement("stays_s", round(min(stayed_s, limit_s), 3), "s", low=limit_s, passed=False)
        text = sentence("the application left the bus after {seconds} s", seconds=f"{stayed_s:.1f}")
        return Finding((measured,), text)

    def _restart(self) -> None:
        """SYS_RESET, and wait until the application is back. ApplicationError `test.unstable` where it is not."""
        # It may leave in the middle of its answer: what happens at the port tells.
        with suppress(ApplicationError):
            self._session.ask(Client.reset)
        self._session.close()
        if self.link.wait_change(RESTARTING_S) is None:
            raise ApplicationError(
                "test.unstable", sentence("the camera did not restart after the test of its second core")
            )
        self._wait_for_application(
            self.restart_s, sentence("the application did not come back after the camera was restarted")
        )

    def _explained(self, error: CameraError) -> CameraError:
        """What a failure means: a camera that left the bus may be silent before its port vanishes."""
        if error.code not in UNREACHED or error.code == "test.unstable":
            return error
        if self.link.wait_change(LEAVING_S if error.code == "test.port_vanished" else HEARD_S) is None:
            return error
        try:
            self._came_back_or_unplugged()
        except ApplicationError as worse:
            return worse
        text = sentence("the camera left the bus during its test")
        return ApplicationError("test.unstable", text, retryable=False)

    def _came_back_or_unplugged(self) -> None:
        """Wait for a camera that is off the bus; Cancelled where it does not come back by itself."""
        change = self.link.wait_change(self.plan.options.return_window_s)
        if change is None or change.device is None:
            raise Cancelled(CancelRun(ended_by(Outcome.ABORTED, "operator.unplugged", UNPLUGGED)))
        if change.device.mode is not DeviceMode.APPLICATION:
            self._wait_for_application(
                self.restart_s, sentence("the camera fell back into its bootloader during its test")
            )

    def _wait_for_application(self, limit_s: float, otherwise: Sentence) -> None:
        until_s = monotonic_s() + limit_s
        while (change := self.link.wait_change(max(0.0, until_s - monotonic_s()))) is not None:
            if change.device is not None and change.device.mode is DeviceMode.APPLICATION:
                return
        raise ApplicationError("test.unstable", otherwise, retryable=False)


def _noted(name: str, code: str, error: object) -> str:
    return sentence("test-{test}: {code}: {error}", test=name, code=code, error=error)


def _code(name: str) -> str:
    """The code of a test that found something wrong."""
    return "test.unstable" if name == "stays" else f"test.{name}"


def functional_test(
    plan: RunPlan,
    board: Board,
    access: UsbAccess,
    device: Device,
    bootloader: str,
    link: Link,
    look: Callable[[], None],
) -> FunctionalTest | None:
    """The tests of a plan for the camera in a place; None where there is nothing to test.

    `look` takes in what the worker is sent; it may raise to end everything.
    """
    if board.application is None or all(plan.tests.mode(name) == "off" for name in plan.recipe.tests):
        return None
    session = AppSession(device.port_path, lambda: tty_of(access, device.port_path), plan.tests, look)
    subject = Subject(session, board, board.application, plan.tests, bootloader, plan.label, plan.files_image)
    return FunctionalTest(plan, subject, link, plan.options.boot_timeout_s, plan.tests.port_s)
