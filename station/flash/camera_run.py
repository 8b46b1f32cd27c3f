"""One run of one camera: its attempts, and the outcome that they come to. Runs inside a worker process."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from station.board.board import Board
from station.clock import monotonic_s, now
from station.errors import CameraError, StationError
from station.flash.application_attempt import ApplicationAttempt
from station.flash.attempt import Attempt
from station.flash.dfu_session import DfuSession
from station.flash.disconnection import Whereabouts, after_failure
from station.flash.messages import AttemptEnded, RunCamera, RunEnded
from station.flash.pipe import Cancelled, Link, Orphaned
from station.flash.recovery import Camera, Climbed, Recovery
from station.flash.recovery_ladder import Failure, failure_of
from station.model.devices import DeviceMode
from station.model.ids import new_id
from station.model.runs import AttemptRecord, Outcome
from station.model.verdicts import PASSED, Verdict, ended_by
from station.problem import mistake_of_ours, sentence
from station.usb.access import UsbAccess
from station.usb.transport import open_transport

AnyAttempt = Attempt | ApplicationAttempt


@dataclass(frozen=True, slots=True)
class Ended:
    """How one attempt ended, and whether another may follow on the device that returned."""

    verdict: Verdict
    camera: Camera | None = None
    again: bool = False
    climbed: Climbed = field(default_factory=Climbed)
    """What was done to get the camera back."""


LEFT_AS_IT_IS = Ended(
    ended_by(
        Outcome.SKIPPED,
        "unit.already_passed",
        sentence("this unit already passed with this bundle and recipe"),
    )
)


ENDED_LINKS = ("usb.io", "usb.disconnected")
"""What a transfer says that a hand interrupted. One that was silent, or refused, failed before it was pulled."""


class CameraRun:
    """The attempts on one camera, from the moment it is held."""

    def __init__(self, request: RunCamera, link: Link, access: UsbAccess, board: Board) -> None:
        self._plan = request.plan
        self._device = request.device
        self._bootloader = request.bootloader
        self._link = link
        self._access = access
        self._board = board
        self._session: DfuSession | None = None
        """One that is open already, from the attempt before."""
        self._recovery = Recovery(link, access, board, request.plan.recovery)
        self._mram_done = False
        self._notes = list(request.plan.hold_notes)

    def run(self) -> RunEnded:
        """Run attempts until one passes, none may follow, or their number is used up."""
        number = 0
        while True:
            number += 1
            attempt, ended = self._attempt(number)
            if attempt:
                self._notes += (note for note in attempt.notes if note not in self._notes)
            self._notes += (note for note in ended.climbed.notes if note not in self._notes)
            if not ended.again or self._is_last(number):
                return replace(_run_ended(attempt, ended.verdict, self._recovery), notes=tuple(self._notes))
            if camera := ended.camera:
                self._device, self._session = camera.device, camera.session
                self._bootloader = camera.bootloader or self._bootloader

    def _is_last(self, number: int) -> bool:
        return number >= self._plan.options.max_attempts

    def _attempt(self, number: int) -> tuple[AnyAttempt | None, Ended]:
        started_at, started_s = now(), monotonic_s()
        attempt: AnyAttempt | None = None
        try:
            attempt = self._begun(number)
            ended = Ended(PASSED) if attempt.run() else LEFT_AS_IT_IS
        except Orphaned:
            raise
        except Exception as error:
            ended = self._ended_by(error, attempt, number)
        finally:
            if attempt:
                self._mram_done = attempt.mram_done
        if attempt and not (ended.again and ended.camera and ended.camera.session):
            attempt.close()
        if ended is LEFT_AS_IT_IS:
            return attempt, ended
        self._link.tell(AttemptEnded(_record(attempt, number, ended, started_at, monotonic_s() - started_s)))
        return attempt, ended

    def _begun(self, number: int) -> AnyAttempt:
        """An attempt on what is there: a bootloader that is held, or an application that is only tested."""
        link, access, board = self._link, self._access, self._board
        if self._device.mode is DeviceMode.APPLICATION:
            link.want_hold(wanted=False)
            return ApplicationAttempt(self._plan, self._device, link, access, board, number)
        link.want_hold(wanted=True)
        session, self._session = self._session or DfuSession(open_transport(access, self._device), board), None
        return Attempt(
            self._plan,
            self._device,
            self._bootloader,
            link,
            session,
            number,
            mram_done=self._mram_done,
            access=access,
        )

    def _ended_by(self, error: Exception, attempt: AnyAttempt | None, number: int) -> Ended:
        """What an attempt's exception means: for the camera, the station, or the person at the bench."""
        try:
            if isinstance(error, CameraError):
                return self._ended_by_camera(error, attempt, number)
        except Cancelled as cancelled:
            error = cancelled
        if isinstance(error, Cancelled):
            return Ended(error.request.verdict)
        if isinstance(error, StationError):
            return Ended(Verdict(Outcome.ERROR, error.problem))
        if isinstance(error, ValueError | OSError):
            text = sentence("an image could not be read: {error}", error=error)
            if isinstance(error, OSError) and error.filename:
                text = sentence("the image {file} could not be read: {error}", file=error.filename, error=error)
            return Ended(ended_by(Outcome.ERROR, "bundle.unreadable", text))
        return Ended(Verdict(Outcome.ERROR, mistake_of_ours(error)))

    def _ended_by_camera(self, error: CameraError, attempt: AnyAttempt | None, number: int) -> Ended:
        started_s = monotonic_s()
        returned = after_failure(self._link, error, self._plan.options.return_window_s)
        where = returned.whereabouts
        if where is Whereabouts.LEFT:
            return Ended(_unplugged())
        if where is Whereabouts.STAYED:
            return self._ended_on_bus(error, attempt, number)
        text = sentence("the camera left the bus and came back by itself ({error})", error=error)
        gone = ended_by(Outcome.FAIL, "usb.disconnected", text)
        if returned.device is None or self._is_last(number) or not _is_writing(attempt):
            return Ended(gone)
        camera = Camera(returned.device, bootloader=returned.bootloader)
        if where is Whereabouts.CAME_BACK:
            return Ended(gone, camera, True, self._recovery.caught(monotonic_s() - started_s))
        climbed = self._recovery.climb(camera, Failure(on_bus=False))
        return Ended(gone, camera, climbed.helped, climbed)

    def _ended_on_bus(self, error: CameraError, attempt: AnyAttempt | None, number: int) -> Ended:
        """The camera is still there: what can be done so that another attempt may help, is."""
        verdict = Verdict(Outcome(error.outcome), error.problem)
        if not error.retryable or self._is_last(number) or verdict.outcome is not Outcome.FAIL:
            return Ended(verdict, again=error.retryable)
        if not _is_writing(attempt):
            return Ended(verdict, again=True)
        job, session = (attempt.stopped, attempt.session) if isinstance(attempt, Attempt) else (None, None)
        camera = Camera(self._device, session, self._bootloader, job)
        failure = failure_of(error, in_block=job is not None)
        climbed = self._recovery.climb(camera, failure)
        if climbed.helped:
            return Ended(verdict, camera, True, climbed)
        if error.code in ENDED_LINKS and self._link.camera_left and not self._recovery.moved:
            # The transfer was the first that a hand broke; that the camera left was reported later.
            return Ended(_unplugged(), climbed=climbed)
        if climbed.tried and not failure.refused:
            text = sentence("{error}; without success: {tried}", error=error, tried=climbed.words)
            return Ended(ended_by(verdict.outcome, error.code, text), climbed=climbed)
        # It answers, and refuses: a whole attempt has the last word. So it has where no rung is allowed at all.
        return Ended(verdict, again=failure.refused or not self._recovery.used, climbed=climbed)


def _unplugged() -> Verdict:
    return ended_by(Outcome.ABORTED, "operator.unplugged", sentence("the camera was unplugged during the run"))


def _is_writing(attempt: AnyAttempt | None) -> bool:
    """Whether it stopped before the camera was asked to leave its bootloader; None could not even be begun."""
    return attempt is None or (isinstance(attempt, Attempt) and attempt.phase not in ("boot", "test"))


def _record(
    attempt: AnyAttempt | None, number: int, ended: Ended, started_at: datetime, duration_s: float
) -> AttemptRecord:
    verdict, climbed = ended.verdict, ended.climbed
    return AttemptRecord(
        attempt_id=new_id(),
        number=number,
        outcome=verdict.outcome,
        code=verdict.code,
        phase=attempt.phase if attempt else "hold",
        started_at=started_at,
        duration_s=duration_s,
        message=verdict.message,
        mram_initialized=attempt.mram_initialized if attempt else False,
        images=attempt.images if attempt else (),
        notes=(*(attempt.notes if attempt else ()), *climbed.notes),
        measurements=(*(attempt.measurements if attempt else ()), *climbed.measurements),
    )


def _run_ended(attempt: AnyAttempt | None, verdict: Verdict, recovery: Recovery) -> RunEnded:
    code = verdict.code or ""
    return RunEnded(
        verdict,
        verified=bool(attempt and attempt.verified),
        boot_confirmed=bool(attempt and attempt.boot_confirmed),
        left_by_itself=code in ("usb.disconnected", "test.unstable")
        or code.startswith("boot.")
        or (bool(code) and recovery.moved),
        application_serial=attempt.application_serial if attempt else None,
    )
