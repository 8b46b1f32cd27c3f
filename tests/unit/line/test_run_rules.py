"""The rules for an open run, one by one: what of it reaches the log, its worker and its slot."""

from __future__ import annotations

from dataclasses import replace

import pytest

from station.flash.messages import AttemptEnded, CameraHeld, CameraNotHeld, HoldWanted, PortChanged, Progressed
from station.line import left_alone, run_rules
from station.line.line_terms import Terms
from station.line.log_decisions import Go
from station.line.slot import Phase
from station.line.slot_events import (
    Arrived,
    AskFactory,
    BatchChanged,
    CancelAsked,
    Doubled,
    FoundTwin,
    FreeWorker,
    Hold,
    HolderAnswered,
    HubLost,
    Left,
    LineStopped,
    LogAnswered,
    MovedAway,
    Report,
    StartWorker,
    Submit,
    TakenOut,
    TellWorker,
    Ticked,
    WorkerDied,
    WorkerGiven,
)
from station.model.events import AttemptFinished, OpeningCommitted, OpeningNotCommitted, RunCommitted, RunOpened
from station.model.runs import AttemptRecord, Outcome, RunOptions
from station.model.slots import Progress, SlotState
from station.model.unit_values import UnitValues
from station.model.verdicts import Verdict, ended_by
from station.problem import Sentence
from tests.unit.line.quiet_line import SETUP
from tests.unit.line.slot_world import HELD_WHILE_SILENT, PASSED, SOUND, START, World, forward
from tests.unit.line.test_slot import APPLICATION, OTHER, ended_run, finished, world_at

FLASH_TWINS = Terms(replace(SETUP, options=replace(RunOptions(), unidentified="flash")))


def failed(code: str, outcome: Outcome = Outcome.FAIL) -> Verdict:
    return ended_by(outcome, code, Sentence("so it was"))


def an_attempt(number: int) -> AttemptRecord:
    return AttemptRecord(
        f"k{number}", number, Outcome.FAIL, "usb.timeout", "write", START, 1.0, notes=(f"note {number}",)
    )


# --- before a worker has it -------------------------------------------------------------------------------------------


def test_what_the_log_knows_of_the_unit_at_its_opening_is_in_the_run() -> None:
    world = world_at(Phase.OPENING)
    known = replace(world.unanswered.pop(), product_serial="P-7", unit_values=UnitValues.of({"lens": "L-7"}))
    world.feed(OpeningCommitted(known))
    (start,) = world.feed(WorkerGiven())
    assert isinstance(start, StartWorker)
    assert (start.run.product_serial, start.run.unit_values.to_json()) == ("P-7", {"lens": "L-7"})


def test_an_answer_to_the_opening_of_another_run_changes_nothing() -> None:
    world = world_at(Phase.OPENING)
    other = replace(world.unanswered[0], run_id="another")
    assert world.feed(OpeningCommitted(other)) == ()
    assert world.feed(OpeningNotCommitted(other, "disk full")) == ()
    assert world.slot.phase is Phase.OPENING


def test_a_run_that_no_worker_had_has_one_attempt_which_says_how_it_ended() -> None:
    world = world_at(Phase.OPENING)
    opened = world.unanswered.pop()
    run = ended_run(world.feed(OpeningNotCommitted(opened, "disk full"), 2.0))
    (attempt,) = run.attempts
    assert (attempt.number, attempt.outcome, attempt.code, attempt.phase) == (
        1,
        Outcome.ERROR,
        "ledger.write_failed",
        "hold",
    )
    assert attempt.attempt_id == f"a{world.keys}"
    assert attempt.message == run.message == "the log could not be written: disk full; the camera was not touched"
    assert attempt.duration_s == run.duration_s == pytest.approx(2.0)
    assert attempt.started_at == opened.started_at


def test_the_worker_is_given_the_camera_and_all_that_holding_it_told() -> None:
    world = world_at(Phase.HOLDING)
    world.asked = None
    world.feed(LogAnswered(SOUND, Go(check=True)))
    world.feed(HolderAnswered(CameraHeld(world.holding.pop(), "1.0.9", 0.25)))
    world.feed(OpeningCommitted(world.unanswered.pop()))
    assert world.slot.run is not None
    assert world.feed(WorkerGiven()) == (StartWorker(world.slot.run, SOUND, "1.0.9", True, world.slot.hold_s),)
    assert world.slot.hold_s == 0.25
    assert world.slot.phase is Phase.RUNNING


def test_one_that_left_for_its_application_before_its_run_shows_how_that_ended() -> None:
    """Its application on the same port is no new camera: what left was its bootloader."""
    world = world_at(Phase.QUEUED)
    world.feed(Left())
    world.feed(Ticked(), run_rules.HUB_DECISION_S)
    world.feed(RunCommitted(world.unclosed.pop()))
    assert world.feed(Arrived(APPLICATION)) == ()
    assert (world.slot.state, world.slot.code) == (SlotState.ABORTED, "operator.unplugged")


def test_what_was_cancelled_before_it_began_says_so() -> None:
    run = ended_run(world_at(Phase.QUEUED).feed(CancelAsked()))
    assert (run.outcome, run.code, run.message) == (
        Outcome.ABORTED,
        "operator.cancelled",
        "the run was cancelled before it started",
    )


CHANGED = BatchChanged("L2", "Bo")


@pytest.mark.parametrize("phase", [Phase.OPENING, Phase.QUEUED])
def test_a_run_that_has_not_begun_is_of_the_new_batch_and_operator_in_the_log_too(phase: Phase) -> None:
    world = world_at(phase)
    (submit,) = world.feed(CHANGED)
    assert isinstance(submit, Submit)
    assert isinstance(submit.fact, RunOpened)
    assert (submit.fact.run.batch, submit.fact.run.operator) == ("L2", "Bo")
    assert submit.fact.run == world.slot.run
    assert world.slot.phase is phase


def test_a_new_batch_is_asked_about_when_the_opening_is_on_the_disk() -> None:
    asks = Terms(replace(SETUP, permission=HELD_WHILE_SILENT))
    opening = world_at(Phase.OPENING, asks)
    (submit,) = opening.feed(CHANGED)
    assert isinstance(submit, Submit)
    assert opening.slot.phase is Phase.OPENING
    queued = world_at(Phase.QUEUED, asks)
    submit, asked = queued.feed(CHANGED)
    assert isinstance(submit, Submit)
    assert isinstance(asked, AskFactory)
    assert (asked.question.batch, queued.slot.phase) == ("L2", Phase.PERMISSION)


@pytest.mark.parametrize("phase", [Phase.OPENING, Phase.QUEUED, Phase.RUNNING])
def test_twins_are_known_by_any_spelling_of_their_serial_and_others_are_none(phase: Phase) -> None:
    world = world_at(phase)
    assert world.feed(Doubled(OTHER.serial, "A1 and A2")) == ()
    assert world.slot.run is not None
    assert world.slot.run.identified
    assert len(world.feed(Doubled(SOUND.serial.lower(), "A1 and A2"))) == 1
    world = World()
    world.feed(Arrived(replace(SOUND, serial=SOUND.serial.lower())))
    for _ in range(20):
        if world.slot.phase is not phase:
            forward(world, 0.01)
    assert len(world.feed(Doubled(SOUND.serial, "A1 and A2"))) == 1


@pytest.mark.parametrize("phase", [Phase.OPENING, Phase.QUEUED])
def test_a_twin_that_is_flashed_all_the_same_is_recorded_as_not_identified(phase: Phase) -> None:
    world = world_at(phase, FLASH_TWINS)
    assert world.feed(Doubled(SOUND.serial, "A1 and A2")) == ()
    assert world.slot.phase is phase
    assert world.slot.run is not None
    assert world.slot.run.identified is False
    refused = world_at(phase)
    assert ended_run(refused.feed(Doubled(SOUND.serial, "A1 and A2"))).identified is False


# --- while a worker has it --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "how"),
    [
        (failed("usb.timeout"), (Outcome.ERROR, "usb.hub_lost")),
        (failed("boot.timeout"), (Outcome.ERROR, "usb.hub_lost")),
        (failed("operator.unplugged", Outcome.ABORTED), (Outcome.ERROR, "usb.hub_lost")),
        (failed("verify.mismatch"), (Outcome.FAIL, "verify.mismatch")),
        (failed("operator.cancelled", Outcome.ABORTED), (Outcome.ABORTED, "operator.cancelled")),
    ],
)
def test_what_a_lost_hub_looks_like_is_not_blamed_on_the_camera(verdict: Verdict, how: tuple[Outcome, str]) -> None:
    world = world_at(Phase.RUNNING)
    world.feed(Left())
    world.feed(HubLost("1-1", 4))
    effects = world.feed(replace(PASSED, verdict=verdict, left_by_itself=True))
    assert finished(effects) == how
    assert not world.slot.fickle, "its hub left, and not the camera"
    if how[1] == "usb.hub_lost":
        assert ended_run(effects).message == "the hub at 1-1 left the bus with 4 cameras at one moment"


@pytest.mark.parametrize("left_by_itself", [True, False])
def test_only_a_camera_that_left_by_itself_is_not_taken_again_at_once(left_by_itself: bool) -> None:
    world = world_at(Phase.RUNNING)
    world.feed(replace(PASSED, verdict=failed("usb.timeout"), left_by_itself=left_by_itself))
    world.settle()
    world.feed(Left())
    effects = world.feed(Arrived(replace(SOUND, address=9)))
    assert any(isinstance(effect, Hold) for effect in effects) != left_by_itself


def test_what_the_worker_tells_at_the_end_is_in_the_record() -> None:
    world = world_at(Phase.RUNNING)
    assert world.slot.run is not None
    world.slot = replace(world.slot, run=replace(world.slot.run, notes=("held late",)))
    effects = world.feed(replace(PASSED, application_serial="9FAB", notes=("it was slow",)))
    run = ended_run(effects)
    assert effects[0] == FreeWorker(dead=False)
    assert (run.outcome, run.verified, run.boot_confirmed, run.application_serial) == (Outcome.PASS, True, True, "9FAB")
    assert run.notes == ("held late", "it was slow")
    unproven = world_at(Phase.RUNNING)
    run = ended_run(unproven.feed(replace(PASSED, verified=False, boot_confirmed=False)))
    assert (run.verified, run.boot_confirmed) == (False, False)


def test_every_attempt_is_told_to_the_log_and_is_in_the_run_in_its_order() -> None:
    world = world_at(Phase.RUNNING)
    assert world.slot.run is not None
    run_id = world.slot.run.run_id
    for number in (1, 2):
        assert world.feed(AttemptEnded(an_attempt(number))) == (Submit(AttemptFinished(run_id, an_attempt(number))),)
    run = ended_run(world.feed(replace(PASSED, notes=("of the run",))))
    assert run.attempts == (an_attempt(1), an_attempt(2))
    assert run.notes == ("of the run", "note 1", "note 2")


def test_a_worker_that_dies_leaves_the_attempts_before_and_the_one_that_it_was_at() -> None:
    world = world_at(Phase.RUNNING)
    world.feed(AttemptEnded(an_attempt(1)))
    world.feed(Progressed(Progress("verify", 2)))
    run = ended_run(world.feed(WorkerDied(), 3.0))
    assert run.attempts[0] == an_attempt(1)
    found = run.attempts[1]
    assert len(run.attempts) == 2
    assert (found.number, found.outcome, found.code, found.phase) == (2, Outcome.ERROR, "worker.died", "verify")
    assert found.message == run.message == "the worker process of this slot ended unexpectedly"
    assert run.duration_s is not None
    assert found.duration_s == run.duration_s > 3.0


def test_the_newest_progress_is_what_is_shown() -> None:
    world = world_at(Phase.RUNNING)
    for done in (1, 2):
        assert world.feed(Progressed(Progress("write", 1, "HP", 1, 1, done, 9))) == ()
        assert world.slot.view.progress == Progress("write", 1, "HP", 1, 1, done, 9)


def test_a_run_that_is_cancelled_is_told_so_and_its_end_is_the_workers() -> None:
    world = world_at(Phase.RUNNING)
    assert world.feed(CancelAsked()) == (TellWorker(run_rules.CANCELLED),)
    assert run_rules.CANCELLED.verdict.message == "the run was cancelled"
    assert world.slot.phase is Phase.RUNNING


def test_a_camera_that_waited_behind_a_run_and_left_gets_none() -> None:
    world = world_at(Phase.RUNNING)
    world.feed(Left())
    world.feed(Arrived(OTHER))
    world.holding.clear()
    world.feed(Left())
    assert world.slot.arrival is None
    effects = world.feed(PASSED)
    assert finished(effects) == (Outcome.PASS, None)
    (report,) = world.feed(RunCommitted(world.unclosed.pop()))
    assert isinstance(report, Report)
    assert world.slot.phase is Phase.EMPTY


def test_one_that_was_taken_for_moved_and_shows_its_application_here_has_a_twin() -> None:
    world = world_at(Phase.RUNNING)
    world.feed(HoldWanted(False))
    world.feed(Left())
    world.feed(MovedAway())
    effects = world.feed(Arrived(APPLICATION))
    assert effects == (TellWorker(PortChanged(APPLICATION)), FoundTwin(SOUND.serial))


def test_one_that_is_here_did_not_move() -> None:
    world = world_at(Phase.RUNNING)
    world.feed(HoldWanted(False))
    assert world.feed(MovedAway()) == ()
    assert not world.slot.moved


def test_the_holders_answer_about_another_device_or_a_refusal_is_not_told() -> None:
    world = world_at(Phase.RUNNING)
    world.feed(Left())
    back = replace(SOUND, address=9)
    world.feed(Arrived(back))
    world.holding.clear()
    refused = CameraNotHeld(back, failed("usb.timeout"), gone=False)
    assert world.feed(HolderAnswered(refused)) == ()
    assert world.feed(HolderAnswered(CameraHeld(replace(SOUND, address=8), "9.9.9", 0.1))) == ()
    assert world.slot.bootloader == "1.0.3"


def test_a_camera_that_is_wanted_held_and_is_away_is_waited_for() -> None:
    world = world_at(Phase.RUNNING)
    world.feed(HoldWanted(False))
    world.feed(Left())
    assert world.feed(HoldWanted(True)) == ()
    assert world.slot.phase is Phase.GONE
    back = replace(SOUND, address=9)
    assert Hold(back) in world.feed(Arrived(back))


def test_what_is_no_bootloader_or_is_held_already_or_is_another_camera_is_not_held_for_the_run() -> None:
    application, hub, other = (world_at(Phase.RUNNING) for _ in range(3))
    for world in (application, hub, other):
        world.feed(HoldWanted(False))
    other.feed(LineStopped(abort=False))
    for world in (application, hub, other):
        world.feed(Left())
    hub.feed(HubLost("1-1", 4))
    application.feed(Arrived(APPLICATION))
    assert hub.feed(Arrived(replace(SOUND, address=9))) == (Hold(replace(SOUND, address=9)),)
    assert not [effect for effect in other.feed(Arrived(OTHER)) if isinstance(effect, Hold)]
    for world in (application, hub, other):
        assert world.feed(HoldWanted(True)) == ()
        assert world.slot.phase is Phase.RUNNING


# --- its end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("here", [True, False])
def test_a_slot_that_was_taken_out_reports_its_run_and_takes_no_next_camera(here: bool) -> None:
    world = world_at(Phase.RUNNING)
    world.feed(TakenOut("three failed here"))
    if not here:
        world.feed(Left())
    world.feed(PASSED)
    closing = world.unclosed.pop()
    assert world.feed(RunCommitted(closing)) == (Report(closing),)
    assert (world.slot.state, world.slot.code, world.slot.message) == (SlotState.TAKEN_OUT, None, left_alone.OUT)
    assert world.slot.phase is (Phase.FOREIGN if here else Phase.EMPTY)


def test_a_camera_that_came_before_its_slot_was_taken_out_gets_no_run() -> None:
    world = world_at(Phase.CLOSING)
    world.feed(Left())
    world.feed(Arrived(OTHER))
    world.feed(TakenOut("three failed here"))
    closing = world.unclosed.pop()
    assert world.feed(RunCommitted(closing)) == (Report(closing),)
    assert (world.slot.state, world.slot.arrival) == (SlotState.TAKEN_OUT, None)


def test_a_run_is_reported_before_the_next_camera_is_asked_about() -> None:
    world = world_at(Phase.CLOSING)
    world.feed(Left())
    world.feed(Arrived(OTHER))
    closing = world.unclosed.pop()
    report, *asked = world.feed(RunCommitted(closing))
    assert report == Report(closing)
    assert asked


@pytest.mark.parametrize("verdict", [failed("usb.timeout"), failed("usb.hub_lost", Outcome.ERROR)])
def test_one_that_failed_and_is_off_the_bus_still_shows_what_to_do(verdict: Verdict) -> None:
    world = world_at(Phase.RUNNING)
    world.feed(Left())
    world.feed(replace(PASSED, verdict=verdict))
    world.feed(RunCommitted(world.unclosed.pop()))
    assert (world.slot.phase, world.slot.code) == (Phase.DONE, verdict.code)
    assert world.slot.message == "so it was"


@pytest.mark.parametrize("verdict", [PASSED.verdict, failed("unit.already_passed", Outcome.SKIPPED)])
def test_one_that_is_done_and_off_the_bus_leaves_an_empty_slot(verdict: Verdict) -> None:
    world = world_at(Phase.RUNNING)
    world.feed(HoldWanted(False))
    world.feed(Left())
    world.feed(replace(PASSED, verdict=verdict))
    world.feed(RunCommitted(world.unclosed.pop()))
    assert (world.slot.phase, world.slot.state) == (Phase.EMPTY, SlotState.EMPTY)
