"""Pairs of the slot machine's table that are met seldom: an answer that comes late, a request while something waits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from station.flash.messages import AttemptEnded, CameraHeld, HoldWanted, Progressed
from station.line import left_alone
from station.line.log_decisions import Go
from station.line.slot import Phase
from station.line.slot_events import (
    Arrived,
    AskLog,
    CancelAsked,
    Doubled,
    Hold,
    HolderAnswered,
    HubLost,
    Left,
    LineStopped,
    LogAnswered,
    MovedAway,
    Report,
    Submit,
)
from station.model.events import AttemptFinished, RunCommitted, RunNotCommitted
from station.model.runs import AttemptRecord, Outcome
from station.model.slots import Progress, SlotState
from tests.unit.line.slot_world import SOUND, START, World
from tests.unit.line.test_slot import OTHER, asking, ended_run, finished, told, world_at

NEXT = replace(OTHER, address=11)


def with_next(phase: Phase = Phase.CLOSING) -> World:
    """Another camera came while the run before it is not in the log yet: it was to be held at once."""
    world = world_at(phase)
    world.feed(Left())
    assert Hold(NEXT) in world.feed(Arrived(NEXT))
    world.holding.clear()
    return world


def committed(world: World) -> tuple[object, ...]:
    return world.feed(RunCommitted(world.unclosed.pop()))


def pulled(phase: Phase) -> World:
    """A camera that left before its run: why is not known yet."""
    world = world_at(phase)
    world.feed(Left())
    assert world.slot.phase is Phase.PULLED
    return world


@pytest.mark.parametrize("held_first", [True, False])
def test_the_next_camera_gets_its_run_whoever_answers_first(held_first: bool) -> None:
    """The holder's answer is heard before the log took the run before it, and while the log is asked."""
    world = with_next()
    answer = HolderAnswered(CameraHeld(NEXT, "1.0.7", 0.2))
    if held_first:
        assert world.feed(answer) == ()
    assert committed(world)[1:] == (AskLog(NEXT),)
    if not held_first:
        assert world.feed(answer) == ()
    world.asked = None
    world.feed(LogAnswered(NEXT, Go()))
    assert world.slot.phase is Phase.OPENING
    assert world.slot.run is not None
    assert (world.slot.run.serial, world.slot.run.bootloader) == (OTHER.serial, "1.0.7")


def test_the_next_camera_that_leaves_again_gets_no_run() -> None:
    world = with_next()
    assert world.feed(Left()) == ()
    (report,) = committed(world)
    assert isinstance(report, Report)
    assert world.slot.phase is Phase.EMPTY


@pytest.mark.parametrize("held_first", [True, False])
@pytest.mark.parametrize("taken", [True, False])
def test_the_next_camera_that_has_a_twin_is_refused(held_first: bool, taken: bool) -> None:
    """However the log answers the run before it."""
    world = with_next()
    assert world.feed(Doubled(OTHER.serial, "A1 and A2")) == ()
    held = HolderAnswered(CameraHeld(NEXT, "1.0.7", 0.2))
    if held_first:
        assert world.feed(held) == ()
    before = world.unclosed.pop()
    effects = world.feed(RunCommitted(before) if taken else RunNotCommitted(before, "disk full"))
    if not held_first:
        effects = world.feed(held)
    assert finished(effects) == (Outcome.ERROR, "identity.duplicate_serial")
    assert ended_run(effects).serial == OTHER.serial


@pytest.mark.parametrize("phase", [Phase.CLOSING, Phase.RUNNING])
def test_a_line_that_ends_takes_no_next_camera(phase: Phase) -> None:
    world = with_next(phase)
    assert world.feed(LineStopped(abort=False)) == ()
    assert world.slot.arrival is None
    assert world.slot.is_awaited, "the run before it is still to come into the log"


@pytest.mark.parametrize("phase", [Phase.ASKING, Phase.HOLDING])
def test_a_line_that_ends_gives_a_camera_without_a_run_none(phase: Phase) -> None:
    world = asking() if phase is Phase.ASKING else world_at(phase)
    assert world.feed(LineStopped(abort=False)) == ()
    assert not world.slot.is_awaited
    assert (world.slot.phase, world.slot.state) == (Phase.FOREIGN, SlotState.WAITING)
    assert world.slot.message == left_alone.NOT_ACCEPTING
    assert world.feed(LogAnswered(SOUND, Go())) == ()
    assert world.feed(HolderAnswered(CameraHeld(SOUND, "1.0.3", 0.1))) == ()


@pytest.mark.parametrize("phase", [Phase.OPENING, Phase.QUEUED])
def test_one_that_left_before_its_run_can_be_cancelled_stopped_and_found_elsewhere(phase: Phase) -> None:
    how = finished(pulled(phase).feed(CancelAsked()))
    assert how == (Outcome.ABORTED, "operator.cancelled")
    run = ended_run(pulled(phase).feed(LineStopped(abort=False)))
    assert (run.outcome, run.code) == (Outcome.ABORTED, "operator.cancelled")
    assert run.message == "the station was stopped before the run"
    moved = finished(pulled(phase).feed(MovedAway()))
    assert moved == (Outcome.ABORTED, "operator.unplugged")
    twin = finished(pulled(phase).feed(Doubled(SOUND.serial, "A1 and A2")))
    assert twin == (Outcome.ERROR, "identity.duplicate_serial")


def test_one_that_left_in_its_run_and_is_in_another_slot_ends_here() -> None:
    world = world_at(Phase.RUNNING)
    world.feed(Left())
    assert world.slot.phase is Phase.GONE
    assert len(told(world.feed(MovedAway()))) == 1


@pytest.mark.parametrize("phase", [Phase.RUNNING, Phase.AWAY, Phase.GONE])
def test_a_worker_is_heard_wherever_its_camera_is(phase: Phase) -> None:
    world = world_at(Phase.RUNNING)
    if phase is Phase.AWAY:
        world.feed(HoldWanted(False))
    if phase is not Phase.RUNNING:
        world.feed(Left())
    assert world.slot.phase is phase
    assert world.slot.run is not None
    world.feed(Progressed(Progress("write", 1)))
    assert world.slot.view.progress == Progress("write", 1)
    attempt = AttemptRecord("k1", 1, Outcome.FAIL, "usb.io", "write", START, 1.0)
    assert world.feed(AttemptEnded(attempt)) == (Submit(AttemptFinished(world.slot.run.run_id, attempt)),)
    assert len(told(world.feed(CancelAsked()))) == 1
    assert len(told(world.feed(HubLost("1-1", 3)))) == 1


def test_an_empty_port_cannot_lose_its_camera_again() -> None:
    world = world_at(Phase.RUNNING)
    world.feed(Left())
    at_s = world.slot.left_at_s
    assert world.feed(Left(), 1.0) == ()
    assert world.slot.left_at_s == at_s
