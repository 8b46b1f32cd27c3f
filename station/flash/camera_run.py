"""One run of one camera: its attempts, and the outcome that they come to. Runs inside a worker process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from station.board.board import Board
from station.clock import monotonic_s, now
from station.errors import CameraError, StationError, UsbAccessError, UsbError
from station.flash.application_attempt import ApplicationAttempt
from station.flash.attempt import Attempt
from station.flash.dfu_session import DfuSession
from station.flash.disconnection import Return, Whereabouts, after_failure
from station.flash.messages import AttemptEnded, CancelRun, RunCamera, RunEnded
from station.flash.pipe import Cancelled, Link, Orphaned
from station.model.devices import DeviceMode
from station.model.ids import new_id
from station.model.runs import AttemptRecord, Outcome
from station.usb.access import UsbAccess
from station.usb.transport import open_transport

AnyAttempt = Attempt | ApplicationAttempt


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one attempt ended, and whether another may follow on `device`."""

    outcome: Outcome
    code: str | None = None
    message: str = ""
    returned: Return | None = None
    again: bool = False


LEFT_AS_IT_IS = Verdict(Outcome.SKIPPED, "unit.already_passed", "this unit already passed with this bundle and recipe")


class CameraRun:
    """The attempts on one camera, from the moment it is held."""

    def __init__(self, request: RunCamera, link: Link, access: UsbAccess, board: Board) -> None:
        self._plan = request.plan
        self._device = request.device
        self._bootloader = request.bootloader
        self._link = link
        self._access = access
        self._board = board
        self._mram_done = False
        self._notes = list(request.plan.hold_notes)

    def run(self) -> RunEnded:
        """Run attempts until one passes, none may follow, or their number is used up."""
        number = 0
        while True:
            number += 1
            attempt, verdict = self._attempt(number)
            if attempt:
                self._notes += (note for note in attempt.notes if note not in self._notes)
            if not verdict.again or number >= self._plan.options.max_attempts:
                return replace(_ended(attempt, verdict), notes=tuple(self._notes))
            if verdict.returned and verdict.returned.device:
                self._device = verdict.returned.device
                self._bootloader = verdict.returned.bootloader or self._bootloader

    def _attempt(self, number: int) -> tuple[AnyAttempt | None, Verdict]:
        started_at, started_s = now(), monotonic_s()
        attempt: AnyAttempt | None = None
        try:
            attempt = self._begun(number)
            try:
                verdict = Verdict(Outcome.PASS) if attempt.run() else LEFT_AS_IT_IS
            finally:
                self._mram_done = attempt.mram_done
                attempt.close()
        except Orphaned:
            raise
        except Exception as error:
            verdict = self._verdict(error)
        if verdict is LEFT_AS_IT_IS:
            return attempt, verdict
        self._link.tell(AttemptEnded(_record(attempt, number, verdict, started_at, monotonic_s() - started_s)))
        return attempt, verdict

    def _begun(self, number: int) -> AnyAttempt:
        """An attempt on what is there: a bootloader that is held, or an application that is only tested."""
        link, access, board = self._link, self._access, self._board
        if self._device.mode is DeviceMode.APPLICATION:
            link.want_hold(wanted=False)
            return ApplicationAttempt(self._plan, self._device, link, access, board, number)
        link.want_hold(wanted=True)
        session = DfuSession(open_transport(access, self._device), board)
        return Attempt(
            self._plan, self._device, self._bootloader, link, session, access, number, mram_done=self._mram_done
        )

    def _verdict(self, error: Exception) -> Verdict:
        """What an attempt's exception means: for the camera, the station, or the person at the bench."""
        try:
            if isinstance(error, CameraError):
                return self._camera_verdict(error)
        except Cancelled as cancelled:
            error = cancelled
        if isinstance(error, Cancelled):
            return _cancelled(error.request)
        if isinstance(error, UsbAccessError):
            return Verdict(Outcome.ERROR, error.code, str(error))
        if isinstance(error, StationError):
            return Verdict(Outcome.ERROR, error.code, str(error))
        if isinstance(error, ValueError | OSError):
            return Verdict(Outcome.ERROR, "bundle.unreadable", f"an image could not be read: {error}")
        return Verdict(Outcome.ERROR, "station.internal", f"{type(error).__name__}: {error}")

    def _camera_verdict(self, error: CameraError) -> Verdict:
        returned = after_failure(self._link, error, self._plan.options.return_window_s)
        where = returned.whereabouts
        if where is Whereabouts.LEFT:
            return Verdict(Outcome.ABORTED, "operator.unplugged", "the camera was unplugged during the run")
        if where is Whereabouts.STAYED:
            return Verdict(Outcome(error.outcome), error.code, str(error), again=error.retryable)
        gone = UsbError("usb.disconnected", f"the camera left the bus and came back by itself ({error})")
        return Verdict(Outcome.FAIL, gone.code, str(gone), returned, again=where is Whereabouts.CAME_BACK)


def _cancelled(request: CancelRun) -> Verdict:
    return Verdict(request.outcome, request.code, request.message)


def _record(
    attempt: AnyAttempt | None, number: int, verdict: Verdict, started_at: datetime, duration_s: float
) -> AttemptRecord:
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
        notes=tuple(attempt.notes) if attempt else (),
        measurements=tuple(attempt.measurements) if attempt else (),
    )


def _ended(attempt: AnyAttempt | None, verdict: Verdict) -> RunEnded:
    code = verdict.code or ""
    notes = "; ".join(attempt.notes) if attempt else ""
    return RunEnded(
        outcome=verdict.outcome,
        code=verdict.code,
        message=verdict.message or notes,
        verified=bool(attempt and attempt.verified),
        boot_confirmed=bool(attempt and attempt.boot_confirmed),
        left_by_itself=code in ("usb.disconnected", "test.unstable") or code.startswith("boot."),
        application_serial=attempt.application_serial if attempt else None,
    )
