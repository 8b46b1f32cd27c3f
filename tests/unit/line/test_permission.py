"""A run that waits for the factory's system: its question, and what follows from each answer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from station.line.line_terms import Terms
from station.line.setup import PermissionTerms
from station.line.slot import Phase
from station.line.slot_events import (
    Arrived,
    AskFactory,
    BatchChanged,
    CancelAsked,
    FactoryAnswered,
    Left,
    LineStopped,
    StartWorker,
    Ticked,
    WorkerGiven,
)
from station.model.permission import Answer, Permission
from station.model.runs import Outcome
from station.model.slots import SlotState
from tests.unit.line.quiet_line import SETUP
from tests.unit.line.slot_world import ALLOWED_WHERE_SILENT, HELD_WHILE_SILENT, SERIALS, SOUND, World, forward
from tests.unit.line.test_slot import finished

NO = Permission(Answer.NO, "unknown order")
SILENT = Permission(Answer.SILENT, "mes cannot be reached")


def asked_world(terms: PermissionTerms = HELD_WHILE_SILENT, **setup: object) -> World:
    """A camera that is held, whose question is on its way."""
    world = World(terms=Terms(replace(SETUP, permission=terms, **setup)))  # type: ignore[arg-type]
    for _ in range(10):
        if world.factory_asked:
            return world
        forward(world, 0.01)
    raise AssertionError(world.slot.phase)


def answer(world: World, permission: Permission) -> tuple[object, ...]:
    return world.feed(FactoryAnswered(world.factory_asked.pop(0).ticket, permission))


def test_the_question_names_what_is_to_be_done_to_whom() -> None:
    world = asked_world(batch="L1", operator="Ada", bundle_version="4.7.0")
    (asked,) = world.factory_asked
    assert world.slot.phase is Phase.PERMISSION
    assert world.slot.state is SlotState.WAITING
    assert asked.question.to_json() == {
        "question": "may_flash",
        "run_id": world.slot.run.run_id if world.slot.run else "",
        "station_id": "s1",
        "serial": SERIALS[0],
        "product_serial": None,
        "part_number": None,
        "slot": "A1",
        "batch": "L1",
        "operator": "Ada",
        "recipe": "full",
        "bundle": "b",
        "bundle_sha256": "b1",
        "bundle_version": "4.7.0",
    }


def test_a_run_says_what_the_camera_is_and_where_it_was_run() -> None:
    place = {"part_number": "AE3-1", "hardware_revision": "C", "location": "hall 3", "time_zone": "Asia/Shanghai"}
    run = asked_world(HELD_WHILE_SILENT, **place).slot.run
    assert run is not None
    assert {name: run.to_json()[name] for name in place} == place


def test_yes_lets_it_run() -> None:
    world = asked_world()
    assert world.feed(WorkerGiven()) == ()
    answer(world, Permission(Answer.YES))
    assert any(isinstance(effect, StartWorker) for effect in world.feed(WorkerGiven()))


def test_no_skips_it_with_the_systems_words_and_nothing_is_written() -> None:
    world = asked_world()
    effects = answer(world, NO)
    assert finished(effects) == (Outcome.SKIPPED, "mes.refused")
    world.settle()
    world.check_end()
    assert world.slot.state is SlotState.SKIPPED
    assert world.slot.code == "mes.refused"
    assert world.slot.message == "the factory's system does not allow it: unknown order"


def test_no_without_a_reason_says_so() -> None:
    world = asked_world()
    answer(world, Permission(Answer.NO))
    world.settle()
    assert world.slot.message.endswith("it gave no reason")


def test_silence_holds_the_camera_and_it_is_asked_again() -> None:
    world = asked_world()
    assert answer(world, SILENT) == ()
    assert world.slot.phase is Phase.PERMISSION
    assert "mes cannot be reached" in world.slot.message
    assert world.feed(Ticked(), later_s=1.0) == ()
    (again,) = world.feed(Ticked(), later_s=5.0)
    assert isinstance(again, AskFactory)
    assert "mes cannot be reached" in world.slot.message
    answer(world, Permission(Answer.YES))
    assert world.slot.phase is Phase.QUEUED


def test_silence_that_allows_is_noted() -> None:
    world = asked_world(ALLOWED_WHERE_SILENT)
    answer(world, SILENT)
    assert world.slot.phase is Phase.QUEUED
    assert world.slot.run is not None
    assert "mes cannot be reached" in world.slot.run.notes[0]


@pytest.mark.parametrize("terms", [HELD_WHILE_SILENT, ALLOWED_WHERE_SILENT])
def test_a_question_that_nobody_answers_is_silence(terms: PermissionTerms) -> None:
    world = asked_world(terms)
    late = world.factory_asked.pop(0)
    world.feed(Ticked(), later_s=5.0)
    assert world.slot.permission is not None
    assert world.slot.permission.ticket == late.ticket
    world.feed(Ticked(), later_s=3.0)
    assert world.slot.phase is (Phase.QUEUED if terms.silent == "allow" else Phase.PERMISSION)
    world.feed(FactoryAnswered(late.ticket, NO))
    assert world.slot.run is not None


def test_another_batch_is_another_question() -> None:
    world = asked_world(batch="L1")
    old = world.factory_asked.pop(0)
    world.feed(BatchChanged("L2", None))
    (new,) = world.factory_asked
    assert new.question.batch == "L2"
    world.feed(FactoryAnswered(old.ticket, Permission(Answer.YES)))
    assert world.slot.phase is Phase.PERMISSION
    answer(world, Permission(Answer.YES))
    assert world.slot.phase is Phase.QUEUED
    world.feed(BatchChanged("L3", None))
    assert world.slot.phase is Phase.PERMISSION
    assert world.factory_asked[0].question.batch == "L3"


@pytest.mark.parametrize(
    ("event", "code"), [(CancelAsked(), "operator.cancelled"), (LineStopped(False), "operator.cancelled")]
)
def test_who_waits_for_an_answer_can_be_cancelled(event: CancelAsked | LineStopped, code: str) -> None:
    world = asked_world()
    answer(world, SILENT)
    assert finished(world.feed(event)) == (Outcome.ABORTED, code)


def test_one_that_is_pulled_out_meanwhile_blocks_nothing() -> None:
    world = asked_world()
    world.feed(Left())
    assert finished(world.feed(Ticked(), later_s=1.0)) == (Outcome.ABORTED, "operator.unplugged")
    answer(world, Permission(Answer.YES))
    world.settle()
    world.check_end()
    world.check_usable()


@pytest.mark.parametrize("setup", [{"read_only": True}, {"qualifies": True}])
def test_nobody_is_asked_about_what_is_not_written_or_measures_the_bench(setup: dict[str, bool]) -> None:
    world = World(terms=Terms(replace(SETUP, permission=HELD_WHILE_SILENT, **setup)))  # type: ignore[arg-type]
    world.feed(Arrived(SOUND))
    while world.slot.phase not in (Phase.QUEUED, Phase.PERMISSION):
        forward(world, 0.01)
    assert world.slot.phase is Phase.QUEUED
