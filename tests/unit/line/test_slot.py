"""The table of the slot machine, case by case: lists of events, and what the slot is and wants then."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from station.errors import BundleError, UsbAccessError
from station.flash.messages import CameraHeld, CameraNotHeld, CancelRun, HoldWanted, PortChanged
from station.line import admission, left_alone, run_rules
from station.line.interlock import Skip
from station.line.line_terms import Terms
from station.line.log_decisions import Go
from station.line.slot import Phase
from station.line.slot_events import (
    Arrived,
    AskLog,
    CancelAsked,
    Doubled,
    FindUnit,
    FreeWorker,
    GiveNotice,
    Hold,
    HolderAnswered,
    HubLost,
    Left,
    LineStopped,
    LogAnswered,
    MovedAway,
    Report,
    RerunAsked,
    Restored,
    StopLine,
    Submit,
    TakenOut,
    TellWorker,
    Ticked,
    WorkerDied,
)
from station.model.devices import Device, DeviceMode
from station.model.events import (
    DiskFull,
    LogLocked,
    OpeningCommitted,
    OpeningNotCommitted,
    RunCommitted,
    RunFinished,
    RunNotCommitted,
)
from station.model.runs import Outcome, RunOptions, RunRecord
from station.model.slots import SlotState
from station.model.verdicts import ended_by
from station.problem import Problem, Sentence
from tests.unit.line.quiet_line import SETUP
from tests.unit.line.slot_world import PASSED, SERIALS, SOUND, World, forward

OTHER = replace(SOUND, address=7, serial=SERIALS[1])
APPLICATION = replace(SOUND, address=6, product_id=0x16E3, serial="9fab9ab381000000", mode=DeviceMode.APPLICATION)
N6 = replace(SOUND, product_id=0x9206, mode=DeviceMode.OTHER)
ZERO = replace(SOUND, serial=SERIALS[2])


def world_at(phase: Phase, terms: Terms | None = None) -> World:
    """A sound camera that came as far as this."""
    world = World(terms=terms or Terms(SETUP))
    for _ in range(20):
        if world.slot.phase is phase:
            return world
        forward(world, 0.01)
    raise AssertionError(world.slot.phase)


def told(effects: tuple[object, ...]) -> list[object]:
    return [effect.message for effect in effects if isinstance(effect, TellWorker)]


def ended_run(effects: tuple[object, ...]) -> RunRecord:
    (run,) = [e.fact.run for e in effects if isinstance(e, Submit) and isinstance(e.fact, RunFinished)]
    return run


def finished(effects: tuple[object, ...]) -> tuple[Outcome | None, str | None]:
    run = ended_run(effects)
    return run.outcome, run.code


def test_the_way_of_a_sound_camera() -> None:
    world, phases = World(), []
    for _ in range(7):
        forward(world, 0.01)
        phases.append(world.slot.phase)
    ways = [Phase.HOLDING, Phase.HOLDING, Phase.OPENING, Phase.QUEUED, Phase.RUNNING, Phase.CLOSING, Phase.DONE]
    assert phases == ways
    assert world.slot.state is SlotState.PASSED
    assert world.slot.view.serial == SOUND.serial


ASKS_FIRST = Terms(replace(SETUP, options=replace(RunOptions(), already_passed="skip")))


def asking() -> World:
    """A camera of which the log alone decides whether it is left alone."""
    world = World(terms=ASKS_FIRST)
    world.feed(Arrived(SOUND))
    assert world.slot.phase is Phase.ASKING
    return world


def test_a_camera_is_held_at_once_and_asked_about_meanwhile() -> None:
    assert World().feed(Arrived(SOUND)) == (Hold(SOUND), AskLog(SOUND))


def test_a_log_that_is_slow_keeps_nobody_from_being_held() -> None:
    world = asking()
    assert world.feed(Ticked(), 0.1) == ()
    assert world.feed(Ticked(), admission.ASK_LIMIT_S) == (Hold(SOUND),)
    world.feed(HolderAnswered(CameraHeld(SOUND, "1.0.3", 0.1)))
    assert world.slot.run is None, "opened before the log has said what it knows"
    world.feed(LogAnswered(SOUND, Go()))
    assert world.slot.phase is Phase.OPENING


def test_a_unit_that_is_to_be_left_alone_by_the_log_is_never_held() -> None:
    world = asking()
    effects = world.feed(LogAnswered(SOUND, Skip(Problem("unit.set_aside", Sentence("three times")))))
    assert finished(effects) == (Outcome.SKIPPED, "unit.set_aside")
    assert not any(isinstance(effect, Hold) for effect in effects)


def test_what_a_passed_unit_must_show_first_reaches_its_worker() -> None:
    world = world_at(Phase.HOLDING)
    world.asked = None
    world.feed(LogAnswered(SOUND, Go(check=True)))
    for _ in range(2):
        forward(world, 0.01)
    assert world.slot.phase is Phase.QUEUED
    assert world.slot.check


@pytest.mark.parametrize("phase", [Phase.ASKING, Phase.HOLDING])
def test_one_that_left_before_it_was_held_is_reported_once(phase: Phase) -> None:
    world = asking() if phase is Phase.ASKING else world_at(phase)
    assert world.feed(Left()) == (GiveNotice("notice.not_held", left_alone.NOT_HELD),)
    assert (world.slot.phase, world.slot.code) == (Phase.EMPTY, "usb.not_held")


@pytest.mark.parametrize("phase", [Phase.OPENING, Phase.QUEUED])
def test_one_that_is_pulled_out_before_its_run_ends_it(phase: Phase) -> None:
    world = world_at(phase)
    assert world.feed(Left()) == ()
    assert world.feed(Ticked(), 0.1) == (), "its hub may have left with it"
    assert finished(world.feed(Ticked(), run_rules.HUB_DECISION_S)) == (Outcome.ABORTED, "operator.unplugged")


@pytest.mark.parametrize("phase", [Phase.OPENING, Phase.QUEUED])
def test_one_that_is_back_before_anybody_knows_why_it_left_gets_a_run_of_its_own(phase: Phase) -> None:
    world = world_at(phase)
    world.feed(Left())
    effects = world.feed(Arrived(replace(SOUND, address=9)), 0.1)
    assert finished(effects) == (Outcome.ABORTED, "operator.unplugged")
    assert effects[-1] == Hold(replace(SOUND, address=9))


@pytest.mark.parametrize("phase", [Phase.OPENING, Phase.QUEUED])
def test_one_whose_hub_left_before_its_run(phase: Phase) -> None:
    world = world_at(phase)
    world.feed(Left())
    assert finished(world.feed(HubLost("1-1", 4))) == (Outcome.ERROR, "usb.hub_lost")


@pytest.mark.parametrize("away", [False, True])
def test_one_whose_hub_left_in_its_run_is_run_anew_when_it_comes_back(away: bool) -> None:
    world = world_at(Phase.RUNNING)
    if away:
        world.feed(HoldWanted(False))
    world.feed(Left())
    (cancel,) = told(world.feed(HubLost("1-1", 4)))
    assert isinstance(cancel, CancelRun)
    assert (cancel.verdict.outcome, cancel.verdict.code) == (Outcome.ERROR, "usb.hub_lost")
    back = replace(SOUND, address=9)
    assert world.feed(Arrived(back)) == (Hold(back),), "the run that was lost hears nothing of it"
    # The worker had decided before it heard.
    late = replace(PASSED, verdict=ended_by(Outcome.FAIL, "usb.disconnected", Sentence("it left")), left_by_itself=True)
    assert finished(world.feed(late)) == (Outcome.ERROR, "usb.hub_lost")
    world.settle()
    assert world.slot.last is not None
    assert len(world.reported) == 2, "the camera that came back has a run of its own"


def test_a_run_that_was_done_before_its_hub_left_keeps_its_result() -> None:
    world = world_at(Phase.RUNNING)
    world.feed(HoldWanted(False))
    world.feed(Left())
    world.feed(HubLost("1-1", 4))
    assert finished(world.feed(PASSED)) == (Outcome.PASS, None)


def test_an_opening_that_the_log_refuses_leaves_the_camera_untouched() -> None:
    world = world_at(Phase.OPENING)
    effects = world.feed(OpeningNotCommitted(world.unanswered.pop(), "disk full"))
    assert finished(effects) == (Outcome.ERROR, "ledger.write_failed")


def test_a_result_that_the_log_refuses_is_no_green() -> None:
    world = world_at(Phase.CLOSING)
    (report,) = world.feed(RunNotCommitted(world.unclosed.pop(), "disk full"))
    assert isinstance(report, Report)
    assert (report.run.outcome, report.run.code) == (Outcome.ERROR, "ledger.write_failed")
    assert world.slot.state is SlotState.ERROR


def test_a_run_is_shown_as_it_ended_and_only_then() -> None:
    world = world_at(Phase.RUNNING)
    failed = replace(PASSED, verdict=ended_by(Outcome.FAIL, "dfu.err_write", Sentence("it refused block 7")))
    world.feed(failed)
    assert world.slot.phase is Phase.CLOSING
    assert world.slot.run is not None
    assert world.slot.run.outcome is Outcome.FAIL, "the slot's own record is the one that the log gets"
    assert (world.slot.state, world.slot.code) == (SlotState.RECORDING, None)
    world.feed(RunCommitted(world.unclosed.pop()))
    assert (world.slot.state, world.slot.code, world.slot.message) == (
        SlotState.FAILED,
        "dfu.err_write",
        "it refused block 7",
    )


@pytest.mark.parametrize(
    ("reply", "said"), [(LogLocked(), run_rules.LOG_LOCKED), (DiskFull(), run_rules.DISK_FULL)], ids=["lock", "disk"]
)
def test_what_waits_for_the_log_says_so_and_is_neither_begun_nor_green(
    reply: LogLocked | DiskFull, said: Sentence
) -> None:
    opening, closing, running = world_at(Phase.OPENING), world_at(Phase.CLOSING), world_at(Phase.RUNNING)
    for world, phase in ((opening, Phase.OPENING), (closing, Phase.CLOSING)):
        assert world.feed(reply) == ()
        assert (world.slot.phase, world.slot.message) == (phase, said)
    assert running.feed(reply) == ()
    assert running.slot.message != said
    opening.feed(OpeningCommitted(opening.unanswered.pop()))
    closing.feed(RunCommitted(closing.unclosed.pop()))
    assert (opening.slot.phase, closing.slot.state) == (Phase.QUEUED, SlotState.PASSED)
    assert said not in (opening.slot.message, closing.slot.message)


def test_what_happens_at_the_port_is_the_workers_business() -> None:
    world = world_at(Phase.RUNNING)
    assert told(world.feed(Left())) == [PortChanged(None)]
    assert world.slot.phase is Phase.GONE
    back = replace(SOUND, address=9)
    effects = world.feed(Arrived(back))
    assert told(effects) == [PortChanged(back)]
    assert Hold(back) in effects
    world.holding.clear()
    held = world.feed(HolderAnswered(CameraHeld(back, "1.0.4", 0.1)))
    assert told(held) == [PortChanged(back, held=True, bootloader="1.0.4")]


def test_a_camera_that_was_asked_to_leave_is_not_held_when_it_falls_back() -> None:
    world = world_at(Phase.RUNNING)
    world.feed(HoldWanted(False))
    world.feed(Left())
    back = replace(SOUND, address=9)
    effects = world.feed(Arrived(back))
    assert told(effects) == [PortChanged(back)]
    assert Hold(back) not in effects
    assert world.slot.phase is Phase.AWAY


@pytest.mark.parametrize("asked_to_leave", [True, False])
def test_another_bootloader_ends_the_run_and_gets_its_own(asked_to_leave: bool) -> None:
    world = world_at(Phase.RUNNING)
    world.feed(HoldWanted(not asked_to_leave))
    world.feed(Left())
    effects = world.feed(Arrived(OTHER))
    (cancel,) = told(effects)
    assert isinstance(cancel, CancelRun)
    assert (cancel.verdict.outcome, cancel.verdict.code) == (Outcome.ABORTED, "operator.unplugged")
    assert Hold(OTHER) in effects, "it is held at once: it waits 1.5 s"
    world.feed(replace(PASSED, verdict=cancel.verdict))
    world.settle()
    assert world.slot.last is not None
    assert world.slot.last.serial == OTHER.serial


def test_the_serial_of_the_application_ends_no_run() -> None:
    world = world_at(Phase.RUNNING)
    world.feed(HoldWanted(False))
    world.feed(Left())
    assert told(world.feed(Arrived(APPLICATION))) == [PortChanged(APPLICATION)]


def test_a_camera_that_comes_while_the_run_before_it_is_written_is_held_at_once() -> None:
    world = world_at(Phase.CLOSING)
    world.feed(Left())
    assert world.feed(Arrived(OTHER)) == (Hold(OTHER),)
    assert world.slot.phase is Phase.CLOSING
    world.asked = None
    world.feed(RunCommitted(world.unclosed.pop()))
    assert world.slot.phase is Phase.ASKING


def test_the_application_of_the_camera_that_was_just_run_shows_its_result() -> None:
    world = world_at(Phase.DONE)
    world.feed(Left())
    assert world.slot.state is SlotState.EMPTY
    assert world.feed(Arrived(APPLICATION)) == ()
    assert world.slot.state is SlotState.PASSED


def test_an_application_after_an_application_is_another_camera_until_its_serial_says_otherwise() -> None:
    world = world_at(Phase.DONE)
    world.feed(Arrived(APPLICATION))
    world.feed(Left())
    another = replace(APPLICATION, address=8, serial="0829c14000000000")
    assert world.feed(Arrived(another)) == (
        FindUnit(another),
        GiveNotice("notice.application", left_alone.APPLICATION),
    )
    assert world.slot.state is SlotState.APPLICATION


@pytest.mark.parametrize(("device", "code"), [(APPLICATION, "notice.application"), (N6, "notice.other_board")])
def test_what_gets_no_run_is_said_once(device: Device, code: str) -> None:
    world = World()
    (notice,) = [effect for effect in world.feed(Arrived(device)) if not isinstance(effect, FindUnit)]
    assert isinstance(notice, GiveNotice)
    assert notice.code == code
    assert world.feed(Arrived(device)) == ()


def test_a_port_that_is_no_slot_is_left_alone() -> None:
    world = World(replace(World().slot, in_line=False))
    (notice,) = world.feed(Arrived(SOUND))
    assert isinstance(notice, GiveNotice)
    assert notice.code == "notice.not_a_slot"
    assert world.slot.state is SlotState.NOT_A_SLOT


@pytest.mark.parametrize("setting", ["refuse", "flash"])
def test_a_serial_that_names_no_unit(setting: str) -> None:
    options = replace(RunOptions(), unidentified=setting)  # type: ignore[arg-type]
    world = World(terms=Terms(replace(SETUP, options=options)))
    assert world.feed(Arrived(ZERO)) == (Hold(ZERO),), "the log is not asked about it"
    world.holding.clear()
    effects = world.feed(HolderAnswered(CameraHeld(ZERO, "1.0.3", 0.1)))
    assert world.slot.run is not None
    assert not world.slot.run.identified
    if setting == "flash":
        assert world.slot.phase is Phase.OPENING
    else:
        assert finished(effects) == (Outcome.ERROR, "identity.default_serial")
        assert ended_run(effects).message == f"the serial '{ZERO.serial}' names no single unit"


@pytest.mark.parametrize("phase", [Phase.HOLDING, Phase.OPENING, Phase.QUEUED])
def test_a_twin_is_refused_before_it_is_written(phase: Phase) -> None:
    world = world_at(phase)
    effects = world.feed(Doubled(SOUND.serial, "A1 and A2"))
    world.asked = None
    if world.holding:
        effects = world.feed(HolderAnswered(CameraHeld(world.holding.pop(), "1.0.3", 0.1)))
    assert finished(effects) == (Outcome.ERROR, "identity.duplicate_serial")
    assert ended_run(effects).message == f"the serial {SOUND.serial} is plugged in more than once: A1 and A2"


def test_a_twin_of_a_running_camera_ends_its_run() -> None:
    world = world_at(Phase.RUNNING)
    (cancel,) = told(world.feed(Doubled(SOUND.serial, "A1 and A2")))
    assert isinstance(cancel, CancelRun)
    assert (cancel.verdict.outcome, cancel.verdict.code) == (Outcome.ERROR, "identity.duplicate_serial")
    assert world.slot.run is not None
    assert not world.slot.run.identified


def test_a_camera_that_moved_to_another_slot_ends_where_it_was_only_while_it_is_away() -> None:
    world = world_at(Phase.RUNNING)
    assert world.feed(MovedAway()) == ()
    world.feed(HoldWanted(False))
    world.feed(Left())
    (cancel,) = told(world.feed(MovedAway()))
    assert isinstance(cancel, CancelRun)
    assert cancel.verdict.code == "operator.unplugged"


def test_a_camera_that_may_not_be_opened_stops_the_line() -> None:
    world = world_at(Phase.HOLDING)
    world.feed(LogAnswered(SOUND, Go()))
    world.holding.clear()
    denied = CameraNotHeld(
        SOUND, ended_by(Outcome.ERROR, "usb.access_denied", Sentence("no permission to open it")), gone=False
    )
    effects = world.feed(HolderAnswered(denied))
    (stop,) = [effect for effect in effects if isinstance(effect, StopLine)]
    assert isinstance(stop.reason, UsbAccessError)
    assert stop.reason.exit_code == 5
    assert finished(effects) == (Outcome.ERROR, "usb.access_denied")


@pytest.mark.parametrize("application", ["leave", "take", "enter"])
@pytest.mark.parametrize("device", [SOUND, APPLICATION])
def test_a_camera_that_must_not_have_this_bundle_is_not_touched(device: Device, application: Any) -> None:
    refusal = BundleError("bundle.demo", "made up")
    world = World(terms=Terms(replace(SETUP, application=application, refuses=lambda _: refusal)))
    assert world.feed(Arrived(device)) == (StopLine(refusal),)
    assert (world.slot.state, world.slot.code, world.slot.run) == (SlotState.WAITING, "bundle.demo", None)
    assert refusal.exit_code == 3


def test_a_worker_that_dies_costs_its_run_and_one_that_was_cancelled_is_aborted() -> None:
    world = world_at(Phase.RUNNING)
    effects = world.feed(WorkerDied())
    assert FreeWorker(dead=True) in effects
    assert finished(effects) == (Outcome.ERROR, "worker.died")
    world = world_at(Phase.RUNNING)
    world.feed(CancelAsked())
    assert finished(world.feed(WorkerDied())) == (Outcome.ABORTED, "operator.cancelled")


def test_a_camera_that_comes_and_goes_by_itself_is_not_run_again_and_again() -> None:
    world = world_at(Phase.RUNNING)
    world.feed(replace(PASSED, verdict=ended_by(Outcome.FAIL, "boot.timeout", Sentence("late")), left_by_itself=True))
    world.settle()
    world.feed(Left())
    (notice,) = world.feed(Arrived(replace(SOUND, address=8)), 1.0)
    assert isinstance(notice, GiveNotice)
    assert notice.code == "notice.comes_and_goes"
    world.feed(Left())
    world.feed(Arrived(replace(SOUND, address=9)), 100.0)
    assert world.slot.phase is Phase.HOLDING, "a hand replugged it"


def test_a_camera_that_comes_back_while_its_failure_is_written_is_no_new_one() -> None:
    world = world_at(Phase.RUNNING)
    world.feed(Left())
    world.feed(replace(PASSED, verdict=ended_by(Outcome.FAIL, "boot.timeout", Sentence("late")), left_by_itself=True))
    assert world.feed(Arrived(replace(SOUND, address=8)), 1.0) == ()


def test_a_slot_that_was_taken_out_leaves_cameras_alone_until_it_is_restored() -> None:
    world = world_at(Phase.RUNNING)
    world.feed(TakenOut("three failed here"))
    assert world.slot.phase is Phase.RUNNING, "the run that is open goes on"
    world.feed(PASSED)
    world.settle()
    world.feed(Left())
    world.feed(Arrived(OTHER))
    assert (world.slot.state, world.slot.run) == (SlotState.TAKEN_OUT, None)
    assert world.feed(Restored()) == (Hold(OTHER), AskLog(OTHER))


def test_a_line_that_stops_ends_what_has_not_begun() -> None:
    world = world_at(Phase.QUEUED)
    assert finished(world.feed(LineStopped(abort=False))) == (Outcome.ABORTED, "operator.cancelled")
    world = world_at(Phase.RUNNING)
    assert world.feed(LineStopped(abort=False)) == ()
    assert len(told(world.feed(LineStopped(abort=True)))) == 1


def test_a_request_to_run_again_asks_and_holds_again() -> None:
    world = world_at(Phase.DONE)
    assert world.feed(RerunAsked()) == (Hold(SOUND), AskLog(SOUND))


def test_a_twin_of_the_camera_that_waits_behind_a_run_changes_nothing_of_that_run() -> None:
    """Found by the property over any events."""
    world = world_at(Phase.RUNNING)
    world.feed(Left())
    world.feed(Arrived(OTHER))
    world.feed(Doubled(OTHER.serial, "A1 and A2"))
    assert world.slot.phase is Phase.GONE
    assert world.slot.arrival is not None
    assert world.slot.arrival.places


# --- what mutants showed to be unproven -------------------------------------------------------------------------------


def test_a_camera_that_left_before_its_run_is_taken_for_pulled_out_after_a_moment() -> None:
    """Not before: its hub may turn out to have left. The clock of a station is far from zero."""
    for late in (0.0, 0.1):
        world = world_at(Phase.QUEUED)
        world.feed(Left(), 1000.0)
        assert world.feed(Ticked(), run_rules.HUB_DECISION_S - 0.01) == ()
        assert world.slot.phase is Phase.PULLED
        effects = world.feed(Ticked(), 0.01 + late)
        assert finished(effects) == (Outcome.ABORTED, "operator.unplugged")
        assert ended_run(effects).message == "the camera was unplugged before its run"


def test_a_run_that_its_camera_came_back_to_goes_on() -> None:
    world = world_at(Phase.RUNNING)
    world.feed(Left())
    world.feed(Arrived(replace(SOUND, address=9)))
    assert world.slot.phase is Phase.RUNNING
    world.feed(Left())
    effects = world.feed(Arrived(APPLICATION))
    assert world.slot.phase is Phase.RUNNING
    assert not [effect for effect in effects if isinstance(effect, Hold)], "an application is not held"


def test_a_camera_in_the_place_of_the_runs_own_is_held_once_and_runs_next() -> None:
    world = world_at(Phase.RUNNING)
    world.feed(Left())
    cancel, hold = world.feed(Arrived(OTHER))
    assert isinstance(cancel, TellWorker)
    assert isinstance(cancel.message, CancelRun)
    assert cancel.message.verdict == ended_by(Outcome.ABORTED, "operator.unplugged", run_rules.ANOTHER)
    assert hold == Hold(OTHER)
    world.holding.clear()
    assert world.feed(HolderAnswered(CameraHeld(OTHER, "2.0.0", 0.1))) == (), "the run of before hears nothing of it"
    world.feed(replace(PASSED, verdict=cancel.message.verdict))
    effects = world.feed(RunCommitted(world.unclosed.pop()))
    assert not [effect for effect in effects if isinstance(effect, Hold)], "it is held already"
    world.feed(LogAnswered(OTHER, Go()))
    assert world.slot.run is not None
    assert (world.slot.run.serial, world.slot.run.bootloader) == (OTHER.serial, "2.0.0")


def test_the_bootloader_is_the_one_that_was_held_last() -> None:
    world = world_at(Phase.RUNNING)
    world.feed(Left())
    back = replace(SOUND, address=9)
    world.feed(Arrived(back))
    world.holding.clear()
    world.feed(HolderAnswered(CameraHeld(back, "1.0.9", 0.1)))
    assert world.slot.bootloader == "1.0.9"


def test_a_twin_of_a_running_camera_is_named_and_flashed_where_the_setting_says_so() -> None:
    world = world_at(Phase.RUNNING)
    (cancel,) = told(world.feed(Doubled(SOUND.serial, "A1 and A2")))
    assert isinstance(cancel, CancelRun)
    assert cancel.verdict.message == f"the serial {SOUND.serial} is plugged in more than once: A1 and A2"
    assert world.slot.run is not None
    assert world.slot.run.identified is False
    world = world_at(Phase.RUNNING, Terms(replace(SETUP, options=replace(RunOptions(), unidentified="flash"))))
    assert world.feed(Doubled(SOUND.serial, "A1 and A2")) == ()
    assert world.slot.run is not None
    assert world.slot.run.identified is False


def test_a_camera_that_moved_is_remembered_as_moved() -> None:
    """Its application here would show that it did not: the one in the other slot is its twin."""
    world = world_at(Phase.RUNNING)
    world.feed(HoldWanted(False))
    world.feed(Left())
    (cancel,) = told(world.feed(MovedAway()))
    assert isinstance(cancel, CancelRun)
    assert cancel.verdict == ended_by(Outcome.ABORTED, "operator.unplugged", run_rules.MOVED)
    assert world.slot.moved is True


def test_a_line_that_is_stopped_at_once_cancels_what_runs_and_takes_no_next_one() -> None:
    world = world_at(Phase.RUNNING)
    world.feed(Left())
    world.feed(Arrived(OTHER))
    assert world.slot.arrival is not None
    assert told(world.feed(LineStopped(abort=True))) == [run_rules.CANCELLED]
    assert (world.slot.arrival, world.slot.cancelled) == (None, True)
    assert finished(world.feed(WorkerDied())) == (Outcome.ABORTED, "operator.cancelled")
    waiting = world_at(Phase.QUEUED)
    effects = waiting.feed(LineStopped(abort=False))
    assert ended_run(effects).message == "the station was stopped before the run"


def test_an_answer_of_the_log_to_another_run_changes_nothing() -> None:
    world = world_at(Phase.CLOSING)
    mine = world.unclosed.pop()
    other = replace(mine, run_id="another")
    assert world.feed(RunNotCommitted(other, "disk full")) == ()
    assert world.feed(RunCommitted(other)) == ()
    assert world.slot.phase is Phase.CLOSING
    (report,) = world.feed(RunNotCommitted(mine, "disk full"))
    assert isinstance(report, Report)
    assert report.run.message == "disk full (the run itself: PASS)"
    assert world.slot.run is None
    assert world.feed(RunNotCommitted(mine, "disk full")) == (), "said twice"
    failing = world_at(Phase.RUNNING)
    failing.feed(replace(PASSED, verdict=ended_by(Outcome.FAIL, "usb.io", Sentence("no"))))
    (report,) = failing.feed(RunNotCommitted(failing.unclosed.pop(), "disk full"))
    assert isinstance(report, Report)
    assert report.run.message == "disk full (the run itself: FAIL usb.io)"
