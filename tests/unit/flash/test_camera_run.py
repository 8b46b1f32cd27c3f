"""The attempts on one camera, and the outcome that they come to: over scripted cameras, without a worker process."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from station.board.openmv_ae3 import BOOT, HE, OPENMV_AE3
from station.dfu.actions import DONE, GONE, Action, Broken, ControlOut, Reply, TimedOut
from station.dfu.dfu_protocol import Request
from station.errors import UsbAccessError, UsbBusyError, UsbError
from station.flash import camera_run, disconnection
from station.flash import recovery as ladder
from station.flash.camera_run import CameraRun
from station.flash.messages import AttemptEnded, CancelRun, HoldWanted, PortChanged, RunCamera, RunEnded
from station.flash.pipe import Orphaned
from station.model.devices import Device
from station.model.recipes import Recipe, Step, StepKind
from station.model.recovery_limits import RecoveryLimits
from station.model.runs import AttemptRecord, Outcome, RunOptions, RunPlan
from station.model.verdicts import ended_by
from station.problem import Sentence
from station.usb.access import UsbAccess
from tests.unit.flash.exchanges import (
    APPLICATION,
    BLOCK_BYTES,
    CAMERA,
    CameraAtPort,
    Exchange,
    bench,
    block_of,
    contents,
    detach,
    download,
    full_write,
    plan_of,
    read_back,
    refused,
    reset,
    select,
    sent,
    sizes,
    transport,
    upload,
)

IMAGE = contents(1, 2)
BOOTS = [[PortChanged(None), PortChanged(APPLICATION)]]
GOOD = [*sizes(), *full_write(HE, IMAGE), *read_back(HE, IMAGE), *detach()]
REFUSED = [*sizes(), *select(HE), *refused(0, block_of(1))]
LOST = [*sizes(), *select(HE), *download(0, block_of(1)), *sent(1, block_of(2), GONE)]
TIMED_OUT = TimedOut()
OPTIONS = RunOptions(write="all", boot_timeout_s=30, boot_stays_s=0.01, return_window_s=0.01)
NO_RUNGS = RecoveryLimits(block_repeats=0, reopens=0, port_resets=0, windows=0)
"""The ladder has tests of its own."""
RECIPE = Recipe("he", (Step(StepKind.WRITE, "HE"),))


@pytest.fixture(autouse=True)
def _short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disconnection, "LEAVING_S", 0.02)
    monkeypatch.setattr(disconnection, "HOLD_S", 0.02)
    monkeypatch.setattr(disconnection, "REPORTED_S", 0.02)
    monkeypatch.setattr(ladder, "LEAVING_S", 0.02)
    monkeypatch.setattr(ladder, "HOLD_S", 0.02)


def abort(reply: Reply = DONE) -> list[Exchange]:
    return [(ControlOut(Request.ABORT, 0, b"", 0), reply)]


class Bus:
    """Opens one scripted camera after the other; an exception stands for a device that cannot be opened."""

    def __init__(self, *sessions: list[Exchange] | Exception) -> None:
        self.sessions = list(sessions)
        self.opened: list[Device] = []
        self.transports: list[CameraAtPort] = []
        self.moves: list[Any] = []
        """What each of them does when it is asked to leave, where that is not to boot."""

    def open(self, access: UsbAccess, device: Device) -> CameraAtPort:
        assert isinstance(access, UsbAccess)
        self.opened.append(device)
        session = self.sessions.pop(0)
        if isinstance(session, Exception):
            raise session
        made = transport(session)
        made.line, made.moves = self.line, self.moves.pop(0) if self.moves else BOOTS
        self.transports.append(made)
        return made

    line: Any = None


class Ran:
    """One run to its end: `ended`, and the attempts that the line heard of."""

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        folder: Path,
        bus: Bus,
        *,
        options: RunOptions = OPTIONS,
        port: Sequence[object] = (),
        check_first: bool = False,
        notes: tuple[str, ...] = (),
        recovery: RecoveryLimits = NO_RUNGS,
        device: Device = CAMERA,
    ) -> None:
        monkeypatch.setattr(camera_run, "open_transport", bus.open)
        monkeypatch.setattr(ladder, "open_transport", bus.open)
        plan = RunPlan(
            "r1",
            CAMERA.serial,
            RECIPE,
            (plan_of(folder, HE, IMAGE),),
            options,
            check_first=check_first,
            hold_notes=notes,
            recovery=recovery,
        )
        with bench() as at:
            bus.line = at.line
            for change in port:
                at.line.send(change)
            run = CameraRun(RunCamera(plan, device, "1.0.3"), at.link, UsbAccess(), OPENMV_AE3)
            self.ended: RunEnded = run.run()
            self.facts = at.heard
        self.attempts: list[AttemptRecord] = [fact.attempt for fact in self.facts if isinstance(fact, AttemptEnded)]
        assert not bus.sessions
        assert not any(made.left for made in bus.transports)
        assert all(made.closed for made in bus.transports)

    @property
    def how(self) -> tuple[Outcome, str | None, int]:
        return self.ended.verdict.outcome, self.ended.verdict.code, len(self.attempts)


def test_a_camera_that_passes_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran = Ran(monkeypatch, tmp_path, Bus(GOOD), notes=("held late",))
    assert ran.how == (Outcome.PASS, None, 1)
    assert (ran.ended.verified, ran.ended.boot_confirmed, ran.ended.left_by_itself) == (True, True, False)
    assert (ran.ended.application_serial, ran.ended.notes) == (APPLICATION.serial, ("held late",))
    assert ran.facts[0] == HoldWanted(True)
    assert [image.readback_sha256 for image in ran.attempts[0].images] == [plan_of(tmp_path, HE, IMAGE).sha256]


def test_what_helps_at_the_second_attempt_passes_and_both_are_rows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran = Ran(monkeypatch, tmp_path, Bus(REFUSED, GOOD))
    assert ran.how == (Outcome.PASS, None, 2)
    assert [(each.number, each.outcome, each.code) for each in ran.attempts] == [
        (1, Outcome.FAIL, "dfu.err_write"),
        (2, Outcome.PASS, None),
    ]


def test_the_attempts_are_used_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert Ran(monkeypatch, tmp_path, Bus(REFUSED, REFUSED)).how == (Outcome.FAIL, "dfu.err_write", 2)
    once = replace(OPTIONS, max_attempts=1)
    assert Ran(monkeypatch, tmp_path, Bus(REFUSED), options=once).how == (Outcome.FAIL, "dfu.err_write", 1)


def test_what_another_attempt_cannot_help_is_not_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    last = BOOT.size_bytes // BLOCK_BYTES - 1
    wrong = [*select(BOOT), *upload(last, bytes(7)), *sizes()[2:]]
    assert Ran(monkeypatch, tmp_path, Bus(wrong)).how == (Outcome.FAIL, "identity.wrong_partitions", 1)


def test_a_camera_that_left_and_stays_away_was_unplugged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran = Ran(monkeypatch, tmp_path, Bus(LOST), port=[PortChanged(None)])
    assert ran.how == (Outcome.ABORTED, "operator.unplugged", 1)
    assert ran.attempts[0].images[0].blocks_written == 1


def test_a_camera_that_came_back_by_itself_is_run_again_as_the_device_that_it_is_now(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    again = replace(CAMERA, address=9)
    bus = Bus(LOST, GOOD)
    options = replace(OPTIONS, return_window_s=5)
    ran = Ran(monkeypatch, tmp_path, bus, options=options, port=[PortChanged(None), PortChanged(again, held=True)])
    assert ran.how == (Outcome.PASS, None, 2)
    assert (ran.attempts[0].outcome, ran.attempts[0].code) == (Outcome.FAIL, "usb.disconnected")
    assert bus.opened == [CAMERA, again]


def test_one_that_came_back_as_an_application_cannot_be_run_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    options = replace(OPTIONS, return_window_s=5)
    ran = Ran(monkeypatch, tmp_path, Bus(LOST), options=options, port=[PortChanged(None), PortChanged(APPLICATION)])
    assert ran.how == (Outcome.FAIL, "usb.disconnected", 1)
    assert ran.ended.left_by_itself


def test_a_link_that_broke_while_the_camera_stayed_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran = Ran(monkeypatch, tmp_path, Bus(UsbError("usb.io", Sentence("an I/O error")), GOOD))
    assert ran.how == (Outcome.PASS, None, 2)
    assert ran.attempts[0].phase == "hold"


@pytest.mark.parametrize(
    ("error", "outcome", "code"),
    [
        (UsbBusyError("usb.busy", Sentence("another program has it")), Outcome.ERROR, "usb.busy"),
        (UsbAccessError("usb.access_denied", Sentence("no permission")), Outcome.ERROR, "usb.access_denied"),
        (FileNotFoundError(errno.ENOENT, "", "/b/HE.img"), Outcome.ERROR, "bundle.unreadable"),
        (RuntimeError("a defect"), Outcome.ERROR, "station.internal"),
    ],
)
def test_what_is_the_stations_fault_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception, outcome: Outcome, code: str
) -> None:
    once = replace(OPTIONS, max_attempts=1)
    ran = Ran(monkeypatch, tmp_path, Bus(error), options=once)
    assert ran.how == (outcome, code, 1)
    named = error.filename if isinstance(error, OSError) else str(error)
    assert named in ran.ended.verdict.message


def test_a_unit_that_passed_already_has_no_attempt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    checked = [*sizes(), *read_back(HE, IMAGE), *detach()]
    ran = Ran(monkeypatch, tmp_path, Bus(checked), check_first=True)
    assert ran.how == (Outcome.SKIPPED, "unit.already_passed", 0)


def test_a_cancellation_ends_the_run_with_its_own_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cancel = CancelRun(ended_by(Outcome.ABORTED, "operator.cancelled", Sentence("cancelled by an operator")))
    ran = Ran(monkeypatch, tmp_path, Bus([]), port=[cancel])
    assert ran.how == (Outcome.ABORTED, "operator.cancelled", 1)
    assert ran.ended.verdict.message == "cancelled by an operator"


def test_a_cancellation_is_heard_while_a_camera_is_waited_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cancel = CancelRun(ended_by(Outcome.ABORTED, "operator.cancelled", Sentence("cancelled by an operator")))

    def cancelled_when_lost(made: CameraAtPort, action: Action) -> Reply:
        reply = CameraAtPort.perform(made, action)
        if reply == GONE:
            assert made.line is not None
            made.line.send(PortChanged(None))
            made.line.send(cancel)
        return reply

    bus = Bus(LOST)
    opened = bus.open

    def opening(access: UsbAccess, device: Device) -> CameraAtPort:
        made = opened(access, device)
        monkeypatch.setattr(made, "perform", lambda action: cancelled_when_lost(made, action))
        return made

    monkeypatch.setattr(bus, "open", opening)
    ran = Ran(monkeypatch, tmp_path, bus, options=replace(OPTIONS, return_window_s=30))
    assert ran.how == (Outcome.ABORTED, "operator.cancelled", 1)


def test_a_worker_whose_station_is_gone_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plan = RunPlan("r1", CAMERA.serial, RECIPE, (plan_of(tmp_path, HE, IMAGE),), OPTIONS)
    with bench() as at:
        at.line.close()
        run = CameraRun(RunCamera(plan, CAMERA, "1.0.3"), at.link, UsbAccess(), OPENMV_AE3)
        with pytest.raises(Orphaned):
            run.run()


def test_what_an_attempt_came_to_is_whole_in_its_row(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran = Ran(monkeypatch, tmp_path, Bus(REFUSED, GOOD))
    failed, passed = ran.attempts
    assert failed.attempt_id != passed.attempt_id
    assert (failed.phase, passed.phase) == ("write", "boot")
    assert failed.started_at <= passed.started_at
    assert failed.started_at.tzinfo is not None
    assert 0 < failed.duration_s < 60
    assert failed.message
    assert passed.message == ""
    assert not failed.mram_initialized
    assert [image.blocks_written for image in failed.images] == [0]
    assert (failed.measurements, failed.notes) == ((), ())


def test_an_image_that_is_not_what_was_read_at_the_start_is_the_stations_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    once = replace(OPTIONS, max_attempts=1)
    ran = Ran(monkeypatch, tmp_path, Bus(ValueError("cut short")), options=once)
    assert ran.how == (Outcome.ERROR, "bundle.unreadable", 1)
    assert ran.ended.verdict.message == "an image could not be read: cut short"


class OtherAttempt:
    """An attempt that initialized the MRAM, then fails as it is told to."""

    made: ClassVar[list[tuple[str, bool]]] = []
    error: ClassVar[Exception]

    def __init__(self, *given: Any, mram_done: bool, **_more: Any) -> None:
        OtherAttempt.made.append((given[2], mram_done))
        self.mram_done = self.mram_initialized = True
        self.phase, self.images, self.measurements = "write", (), ()
        self.notes = ["the MRAM was initialized"]
        self.verified = self.boot_confirmed = False
        self.application_serial = None

    def run(self) -> bool:
        raise OtherAttempt.error

    def close(self) -> None:
        """Nothing is open."""


def test_what_was_initialized_is_not_again_and_the_bootloader_is_the_one_that_came_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Initializing destroys what the first attempt wrote. The note of it is in the run once."""
    OtherAttempt.made.clear()
    OtherAttempt.error = UsbError("usb.disconnected", Sentence("it left"))
    monkeypatch.setattr(camera_run, "Attempt", OtherAttempt)
    monkeypatch.setattr(camera_run, "DfuSession", lambda opened, _board: opened.close())
    again = replace(CAMERA, address=9)
    came = [PortChanged(None), PortChanged(again, held=True, bootloader="1.0.4")]
    options = replace(OPTIONS, return_window_s=5, max_attempts=3)
    nameless = [PortChanged(None), PortChanged(replace(CAMERA, address=10), held=True)]
    ran = Ran(monkeypatch, tmp_path, Bus([], [], []), options=options, port=[*came, *nameless, PortChanged(None)])
    assert OtherAttempt.made == [("1.0.3", False), ("1.0.4", True), ("1.0.4", True)]
    assert [attempt.mram_initialized for attempt in ran.attempts] == [True] * 3
    assert ran.ended.notes.count("the MRAM was initialized") == 1


ALL_RUNGS = RecoveryLimits(port_resets=1)


def test_a_block_that_is_stored_when_it_is_repeated_saves_the_session(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Block 0 first: it lifts the partition's protection."""
    second = [*sizes(), *select(HE), *download(0, block_of(1)), *sent(1, block_of(2), Broken(5)), *abort()]
    repeated = [*select(HE), *download(0, block_of(1)), *download(1, block_of(2))]
    ran = Ran(monkeypatch, tmp_path, Bus([*second, *repeated, *GOOD]), recovery=ALL_RUNGS)
    assert ran.how == (Outcome.PASS, None, 2)
    assert [(each.outcome, each.code) for each in ran.attempts] == [
        (Outcome.FAIL, "usb.io"),
        (Outcome.PASS, None),
    ]
    assert [each.name for each in ran.attempts[0].measurements] == ["recovery_repeat_block_s"]
    assert "repeating the block helped" in ran.attempts[0].notes[0]
    assert ran.ended.notes == ran.attempts[0].notes


def test_a_camera_that_refuses_for_ever_has_its_attempts_and_no_reset(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ran = Ran(monkeypatch, tmp_path, Bus(REFUSED, REFUSED), recovery=ALL_RUNGS)
    assert ran.how == (Outcome.FAIL, "dfu.err_write", 2)
    assert not any(each.measurements for each in ran.attempts)


def test_one_that_answers_nothing_is_reset_and_caught_in_its_window(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    silent = [*sizes(), *select(HE), *download(0, block_of(1)), *sent(1, block_of(2), TIMED_OUT), *abort(TIMED_OUT)]
    bus = Bus(silent, [*select(HE, TIMED_OUT), *reset()], GOOD)
    back = replace(CAMERA, address=9)
    bus.moves = [[], [[PortChanged(None), PortChanged(back, held=True)]], BOOTS]
    ran = Ran(monkeypatch, tmp_path, bus, recovery=ALL_RUNGS)
    assert ran.how == (Outcome.PASS, None, 2)
    assert [each.name for each in ran.attempts[0].measurements] == ["recovery_reopen_s", "recovery_reset_port_s"]
    assert bus.opened == [CAMERA, CAMERA, back]
    wanted = [fact.wanted for fact in ran.facts if isinstance(fact, HoldWanted)]
    assert wanted[:4] == [True, False, True, True], "asked to leave, then held again"


class PulledBus(Bus):
    """Its camera turns out to be gone when it is opened again, and that is reported only then."""

    def open(self, access: UsbAccess, device: Device) -> CameraAtPort:
        if self.opened:
            self.line.send(PortChanged(None))
        return super().open(access, device)


@pytest.mark.parametrize(
    ("first", "how"),
    [
        (Broken(5), (Outcome.ABORTED, "operator.unplugged", 1)),
        (GONE, (Outcome.ABORTED, "operator.unplugged", 1)),
        (TIMED_OUT, (Outcome.FAIL, "usb.timeout", 1)),
    ],
    ids=["broken", "gone", "silent"],
)
def test_one_that_was_pulled_out_as_its_transfer_broke_is_no_failure_however_late_that_is_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, first: Reply, how: tuple[Outcome, str, int]
) -> None:
    script = [*sizes(), *select(HE), *sent(0, block_of(1), first), *(abort(first) if first is not GONE else [])]
    if first == Broken(5):
        script += select(HE, GONE)
    gone = UsbError("usb.disconnected", Sentence("gone"))
    bus = PulledBus(script, gone, gone)
    ran = Ran(monkeypatch, tmp_path, bus, recovery=replace(ALL_RUNGS, catch_s=0.01))
    assert ran.how == how
    assert ran.attempts[0].code == how[1]


def test_one_that_the_reset_does_not_bring_back_fails_with_what_was_tried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    silent = [*sizes(), *select(HE), *sent(0, block_of(1), TIMED_OUT), *abort(TIMED_OUT)]
    bus = Bus(silent, [*select(HE, TIMED_OUT), *reset()])
    bus.moves = [[], [[PortChanged(None)]]]
    ran = Ran(monkeypatch, tmp_path, bus, recovery=replace(ALL_RUNGS, catch_s=0.01))
    assert ran.how == (Outcome.FAIL, "usb.timeout", 1)
    assert "without success: opening the device again; resetting the port" in ran.ended.verdict.message
    assert ran.ended.left_by_itself
