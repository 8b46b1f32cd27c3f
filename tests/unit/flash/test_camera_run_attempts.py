"""What another attempt follows on, and what of each attempt is in the run: attempts that end as they are told to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from station.board.board import Board
from station.errors import ApplicationError, BootError, CameraError, UsbBusyError, UsbError, VerifyError
from station.flash import bootloader_entry, camera_run, disconnection
from station.flash import recovery as ladder
from station.flash.messages import BootloaderEntered, BootloaderNotEntered, HoldWanted, PortChanged, RunEnded
from station.flash.pipe import Link
from station.flash.recovery_ladder import Failure, Rung
from station.model.devices import Device
from station.model.measurements import Measurement
from station.model.recovery_limits import RecoveryLimits
from station.model.runs import ImageRecord, Outcome, RunOptions, RunPlan
from station.problem import Problem, Sentence
from station.usb.access import UsbAccess
from tests.unit.flash.exchanges import APPLICATION, CAMERA
from tests.unit.flash.test_camera_run import NO_RUNGS, OPTIONS, Bus, Ran

IMAGE_RECORD = ImageRecord("HE", 1, 8192, "aa", "aa", 2, 2, 0.5, 0.25)
HELD_AGAIN = replace(CAMERA, address=9)
BACK = [PortChanged(None), PortChanged(HELD_AGAIN, held=True, bootloader="1.0.4")]
BACK_IN_APPLICATION = [PortChanged(None), PortChanged(APPLICATION)]
WAITS = replace(OPTIONS, return_window_s=5)
STALLED = UsbError("usb.stall", Sentence("refused"))
SILENT = UsbError("usb.timeout", Sentence("silent"))
LEFT = UsbError("usb.disconnected", Sentence("it left"))

Way = tuple[str, Exception | bool]
"""The phase in which an attempt stops, and how it ends: what is raised, or what `run` returns."""
PASSES: Way = ("boot", True)


@pytest.fixture(autouse=True)
def _short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (disconnection, ladder):
        monkeypatch.setattr(module, "LEAVING_S", 0.02)
        monkeypatch.setattr(module, "HOLD_S", 0.02)
    monkeypatch.setattr(disconnection, "REPORTED_S", 0.02)


class Attempts:
    """Makes one attempt after the other, for cameras in their bootloader and for applications."""

    def __init__(self, *ways: Way) -> None:
        self.ways = list(ways)
        self.made: list[Any] = []

    def of_bootloader(self) -> type:
        return self._kind(lambda given, more: (given[1], given[5], given[2], more["mram_done"]))

    def of_application(self) -> type:
        return self._kind(lambda given, _more: (given[1], given[5]))

    def _kind(self, told: Callable[[tuple[Any, ...], dict[str, Any]], tuple[Any, ...]]) -> type:
        ways, made = self.ways, self.made

        class Made:
            def __init__(self, *given: Any, **more: Any) -> None:
                self.given, self.more, self.told = given, more, told(given, more)
                self.closed, self.stopped, self.session = False, None, None
                self.phase, self.end = ways.pop(0)
                number = len(made) + 1
                self.images, self.measurements = (IMAGE_RECORD,), (Measurement(f"m{number}", number),)
                self.notes = [f"note {number}", "of both"]
                self.mram_initialized = self.mram_done = number == 1
                self.verified = self.boot_confirmed = self.end is True
                self.application_serial = f"9FAB{number}"
                made.append(self)

            def run(self) -> bool:
                if isinstance(self.end, Exception):
                    raise self.end
                return self.end

            def close(self) -> None:
                self.closed = True

        return Made


def run_of(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    *ways: Way,
    port: list[PortChanged] | None = None,
    options: RunOptions = OPTIONS,
    recovery: RecoveryLimits = NO_RUNGS,
    device: Device = CAMERA,
) -> tuple[Ran, Attempts]:
    attempts = Attempts(*ways)
    monkeypatch.setattr(camera_run, "Attempt", attempts.of_bootloader())
    monkeypatch.setattr(camera_run, "ApplicationAttempt", attempts.of_application())
    monkeypatch.setattr(camera_run, "DfuSession", lambda opened, _board: opened.close())
    sessions: list[list[Any]] = [[] for _ in ways]
    ran = Ran(
        monkeypatch,
        folder,
        Bus(*([] if device is APPLICATION else sessions)),
        port=port or [],
        options=options,
        recovery=recovery,
        notes=("held late",),
        device=device,
    )
    assert not attempts.ways
    assert all(made.closed for made in attempts.made)
    return ran, attempts


def climbing(monkeypatch: pytest.MonkeyPatch, *helped: bool, **camera: Any) -> list[tuple[Any, ...]]:
    """Every climb is noted, and helps or does not; `camera` is how the camera stands then."""
    asked, answers = [], list(helped)

    def climb(_self: ladder.Recovery, at: ladder.Camera, failure: Failure) -> ladder.Climbed:
        asked.append((at.device, at.session, at.bootloader, at.job, failure))
        for name, value in camera.items():
            setattr(at, name, value)
        climbed = ladder.Climbed(answers.pop(0), [Rung.REOPEN], ["climbed"], [Measurement("rung", 1.0, "s")])
        _self.used[Rung.REOPEN] += 1
        return climbed

    monkeypatch.setattr(ladder.Recovery, "climb", climb)
    return asked


def test_a_row_has_all_that_its_attempt_came_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran, attempts = run_of(monkeypatch, tmp_path, ("verify", VerifyError("verify.mismatch", Sentence("wrong"))), PASSES)
    assert ran.how == (Outcome.PASS, None, 2)
    failed, passed = ran.attempts
    assert (failed.number, failed.phase, failed.message) == (1, "verify", "wrong")
    assert (passed.number, passed.phase, passed.message) == (2, "boot", "")
    assert (failed.images, failed.notes) == ((IMAGE_RECORD,), ("note 1", "of both"))
    assert failed.measurements == (Measurement("m1", 1),)
    assert (failed.mram_initialized, passed.mram_initialized) == (True, False)
    assert [made.told for made in attempts.made] == [(CAMERA, 1, "1.0.3", False), (CAMERA, 2, "1.0.3", True)]
    assert ran.ended.notes == ("held late", "note 1", "of both", "note 2")
    assert isinstance(attempts.made[0].more["access"], UsbAccess), "where the application's serial port is looked for"
    assert (ran.ended.verified, ran.ended.boot_confirmed, ran.ended.application_serial) == (True, True, "9FAB2")


def test_a_run_that_failed_has_proven_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran, _ = run_of(monkeypatch, tmp_path, ("verify", STALLED), ("verify", STALLED))
    assert (ran.ended.verified, ran.ended.boot_confirmed) == (False, False)
    none = Ran(monkeypatch, tmp_path, Bus(STALLED, STALLED)).ended
    assert (none.verified, none.boot_confirmed, none.application_serial) == (False, False, None)


@pytest.mark.parametrize("phase", ["boot", "test"])
def test_a_camera_that_was_asked_to_leave_is_not_recovered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, phase: str
) -> None:
    """Where it comes from there it is no camera to write again; where it stayed, it gets its attempts and no rung."""
    asked = climbing(monkeypatch)
    ran, _ = run_of(monkeypatch, tmp_path, (phase, LEFT), port=BACK, options=WAITS)
    assert ran.how == (Outcome.FAIL, "usb.disconnected", 1)
    assert ran.attempts[0].measurements == (Measurement("m1", 1),), "it was not caught"
    ran, _ = run_of(monkeypatch, tmp_path, (phase, BootError("boot.timeout", Sentence("late"))), PASSES)
    assert ran.how == (Outcome.PASS, None, 2)
    assert asked == []


def test_at_the_last_attempt_nothing_is_tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = climbing(monkeypatch)
    once = replace(WAITS, max_attempts=1)
    ran, _ = run_of(monkeypatch, tmp_path, ("write", LEFT), port=BACK, options=once)
    assert ran.how == (Outcome.FAIL, "usb.disconnected", 1)
    assert ran.attempts[0].measurements == (Measurement("m1", 1),)
    assert ran.ended.verdict.message == "the camera left the bus and came back by itself (it left)"
    ran, _ = run_of(monkeypatch, tmp_path, ("write", SILENT), options=once)
    assert ran.how == (Outcome.FAIL, "usb.timeout", 1)
    assert asked == []


def test_one_that_was_caught_by_itself_has_that_in_its_row(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran, attempts = run_of(monkeypatch, tmp_path, ("write", LEFT), PASSES, port=BACK, options=WAITS)
    assert ran.how == (Outcome.PASS, None, 2)
    assert attempts.made[1].told == (HELD_AGAIN, 2, "1.0.4", True)
    own, caught = ran.attempts[0].measurements
    assert (own.name, caught.name, caught.unit) == ("m1", Rung.CATCH_WINDOW, "s")
    assert 0 <= (caught.number or 0) < 5
    assert ran.attempts[0].notes[-1] in ran.ended.notes


@pytest.mark.parametrize(
    ("error", "failure"),
    [(SILENT, Failure(silent=True)), (STALLED, Failure(refused=True)), (UsbError("usb.io", Sentence("no")), Failure())],
)
def test_how_the_camera_stands_is_told_to_the_ladder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: CameraError, failure: Failure
) -> None:
    asked = climbing(monkeypatch, True, device=HELD_AGAIN, bootloader="1.0.5")
    ran, attempts = run_of(monkeypatch, tmp_path, ("write", error), PASSES)
    assert asked == [(CAMERA, None, "1.0.3", None, failure)]
    assert ran.how == (Outcome.PASS, None, 2)
    assert attempts.made[1].told == (HELD_AGAIN, 2, "1.0.5", True)
    assert ran.attempts[0].notes == ("note 1", "of both", "climbed")
    assert ran.attempts[0].measurements == (Measurement("m1", 1), Measurement("rung", 1.0, "s"))
    assert ran.ended.notes == ("held late", "note 1", "of both", "climbed", "note 2")


def test_a_device_that_could_not_be_opened_is_recovered_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = climbing(monkeypatch, True)
    attempts = Attempts(PASSES)
    monkeypatch.setattr(camera_run, "Attempt", attempts.of_bootloader())
    monkeypatch.setattr(camera_run, "DfuSession", lambda opened, _board: opened.close())
    ran = Ran(monkeypatch, tmp_path, Bus(SILENT, []))
    assert asked == [(CAMERA, None, "1.0.3", None, Failure(silent=True))]
    assert ran.how == (Outcome.PASS, None, 2)
    assert (ran.attempts[0].phase, ran.attempts[0].images, ran.attempts[0].mram_initialized) == ("hold", (), False)
    assert (ran.attempts[0].notes, ran.attempts[0].measurements) == (("climbed",), (Measurement("rung", 1.0, "s"),))


def test_what_no_rung_helped_fails_and_says_what_was_tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    climbing(monkeypatch, False)
    ran, _ = run_of(monkeypatch, tmp_path, ("write", SILENT))
    assert ran.how == (Outcome.FAIL, "usb.timeout", 1)
    assert ran.ended.verdict.message == "silent; without success: opening the device again"
    assert ran.attempts[0].notes[-1] == "climbed"


def test_one_that_answers_and_refuses_has_its_next_attempt_whatever_was_tried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    climbing(monkeypatch, False)
    ran, _ = run_of(monkeypatch, tmp_path, ("write", STALLED), PASSES)
    assert ran.how == (Outcome.PASS, None, 2)
    assert ran.attempts[0].message == "refused"


def test_a_rung_of_an_earlier_attempt_keeps_a_silent_camera_from_another_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its ladder is used up, so that a whole attempt has no last word."""
    spent = RecoveryLimits(block_repeats=0, reopens=1, port_resets=0, windows=0)
    options = replace(OPTIONS, max_attempts=5)
    silent = Bus(SILENT, SILENT)
    attempts = Attempts()
    monkeypatch.setattr(camera_run, "Attempt", attempts.of_bootloader())
    ran = Ran(monkeypatch, tmp_path, silent, options=options, recovery=spent)
    assert ran.how == (Outcome.FAIL, "usb.timeout", 1)
    assert len(silent.opened) == 2


def test_where_no_rung_is_allowed_every_attempt_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    options = replace(OPTIONS, max_attempts=3)
    ran, _ = run_of(monkeypatch, tmp_path, *[("write", SILENT)] * 3, options=options)
    assert ran.how == (Outcome.FAIL, "usb.timeout", 3)
    assert ran.ended.verdict.message == "silent"


def test_what_another_program_holds_is_tried_again_without_a_rung(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = climbing(monkeypatch)
    busy = UsbBusyError("usb.busy", Sentence("another program has it"))
    ran, _ = run_of(monkeypatch, tmp_path, ("write", busy), PASSES)
    assert [(each.outcome, each.code) for each in ran.attempts] == [(Outcome.ERROR, "usb.busy"), (Outcome.PASS, None)]
    assert asked == []


@pytest.mark.parametrize(
    ("error", "by_itself"),
    [
        (BootError("boot.timeout", Sentence("late")), True),
        (BootError("boot.unstable", Sentence("late")), True),
        (ApplicationError("test.unstable", Sentence("it restarts")), True),
        (ApplicationError("test.sensor", Sentence("none")), False),
        (VerifyError("verify.mismatch", Sentence("wrong")), False),
    ],
)
def test_which_failures_say_that_the_camera_comes_and_goes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: CameraError, by_itself: bool
) -> None:
    ran, _ = run_of(monkeypatch, tmp_path, ("boot", error), options=replace(OPTIONS, max_attempts=1))
    assert (ran.ended.verdict.code, ran.ended.left_by_itself) == (error.code, by_itself)


def test_one_that_a_rung_moved_is_not_taken_for_replugged_unless_it_passed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ladder.Recovery, "moved", property(lambda self: True))
    once = replace(OPTIONS, max_attempts=1)
    assert run_of(monkeypatch, tmp_path, ("write", STALLED), options=once)[0].ended.left_by_itself
    assert not run_of(monkeypatch, tmp_path, PASSES)[0].ended.left_by_itself


@pytest.mark.parametrize("answers", [True, False])
def test_one_whose_application_came_back_is_asked_into_its_bootloader(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answers: bool
) -> None:
    """As `windows` in [recovery] says. Where it cannot be asked, that it left is what the run ends with."""
    asked: list[Device] = []
    problem = Problem("test.no_repl", Sentence("mute"))

    def enter(_access: object, device: Device) -> BootloaderEntered | BootloaderNotEntered:
        asked.append(device)
        return BootloaderEntered(device) if answers else BootloaderNotEntered(device, problem)

    monkeypatch.setattr(bootloader_entry, "enter_bootloader", enter)
    port = [*BACK_IN_APPLICATION, *BACK] if answers else BACK_IN_APPLICATION
    ways: list[Way] = [("write", LEFT), PASSES] if answers else [("write", LEFT)]
    limits = RecoveryLimits(windows=1)
    ran, attempts = run_of(monkeypatch, tmp_path, *ways, port=port, options=WAITS, recovery=limits)
    assert asked == [APPLICATION]
    assert (ran.attempts[0].outcome, ran.attempts[0].code) == (Outcome.FAIL, "usb.disconnected")
    assert [each.name for each in ran.attempts[0].measurements] == ["m1", Rung.CATCH_WINDOW]
    if answers:
        assert ran.how == (Outcome.PASS, None, 2)
        assert attempts.made[1].told == (HELD_AGAIN, 2, "1.0.4", True)
    else:
        assert ran.how == (Outcome.FAIL, "usb.disconnected", 1)
        assert "mute" in ran.attempts[0].notes[-1]
        assert ran.ended.left_by_itself


def test_what_is_noted_again_and_again_is_in_the_run_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    climbing(monkeypatch, True, True)
    options = replace(OPTIONS, max_attempts=3)
    ran, _ = run_of(monkeypatch, tmp_path, ("write", SILENT), ("write", SILENT), PASSES, options=options)
    assert ran.ended.notes == ("held late", "note 1", "of both", "climbed", "note 2", "note 3")


# --- cameras in their application -------------------------------------------------------------------------------------


def test_an_application_is_only_tested_and_never_held(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = climbing(monkeypatch)
    no_answer = ApplicationError("test.no_answer", Sentence("mute"))
    ran, attempts = run_of(monkeypatch, tmp_path, ("test", no_answer), ("test", True), device=APPLICATION)
    assert ran.how == (Outcome.PASS, None, 2)
    assert [made.told for made in attempts.made] == [(APPLICATION, 1), (APPLICATION, 2)]
    kinds = (RunPlan, Device, Link, UsbAccess, Board, int)
    assert all(isinstance(each, kind) for each, kind in zip(attempts.made[0].given, kinds, strict=True))
    assert [fact.wanted for fact in ran.facts if isinstance(fact, HoldWanted)] == [False, False]
    assert asked == []
    assert ran.ended == RunEnded(
        ran.ended.verdict, True, True, False, "9FAB2", ("held late", "note 1", "of both", "note 2")
    )


def test_a_test_that_nothing_helps_is_made_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    final = ApplicationError("test.sensor", Sentence("none"), retryable=False)
    ran, _ = run_of(monkeypatch, tmp_path, ("test", final), device=APPLICATION)
    assert ran.how == (Outcome.FAIL, "test.sensor", 1)


# --- the station's own faults -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(5, "Input/output error"), "an image could not be read: input/output error"),
        (OSError(5, "Input/output error", "/b/HE.img"), "the image /b/HE.img could not be read: input/output error"),
        (ValueError("cannot mmap an empty file"), "an image could not be read: cannot mmap an empty file"),
    ],
)
def test_an_image_that_cannot_be_read_is_no_fault_of_the_camera_and_not_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, said: str
) -> None:
    ran, _ = run_of(monkeypatch, tmp_path, ("identify", error))
    assert ran.how == (Outcome.ERROR, "bundle.unreadable", 1)
    assert ran.ended.verdict.message == ran.attempts[0].message == said
