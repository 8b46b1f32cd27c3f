"""A run whose unit is to have a product serial or a value: it waits for them, held and not written to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from station.line.line_terms import Terms
from station.line.slot import Phase
from station.line.slot_events import AskFactory, CancelAsked, GiveNotice, Left, StartWorker, WorkerGiven
from station.model.events import RunCommitted
from station.model.runs import Outcome, Purpose
from station.model.slots import SlotState
from station.model.unit_marks import UnitMarks
from station.model.unit_values import UnitKey
from tests.unit.line.quiet_line import SETUP
from tests.unit.line.slot_world import HELD_WHILE_SILENT, MARKED, PASSED, SERIALS, World, forward, marked
from tests.unit.line.test_slot import finished


def held_world(phase: Phase = Phase.UNBOUND, **setup: object) -> World:
    given = {"marks": MARKED, **setup}
    world = World(terms=Terms(replace(SETUP, **given)))  # type: ignore[arg-type]
    for _ in range(10):
        if world.slot.phase is phase:
            return world
        forward(world, 0.01)
    raise AssertionError(world.slot.phase)


def test_it_waits_says_for_what_and_begins_when_it_has_all() -> None:
    world = held_world()
    assert (world.slot.state, world.slot.code) == (SlotState.WAITING, "product.unbound")
    assert "product serial" in world.slot.message
    assert world.feed(WorkerGiven()) == ()
    world.feed(marked(SERIALS[1]))
    assert world.slot.phase is Phase.UNBOUND, "another unit was bound"
    world.feed(marked(SERIALS[0], panel="7"))
    assert world.slot.phase is Phase.UNBOUND
    assert "lens" in world.slot.message
    assert world.slot.view.product_serial == "P-1"
    world.feed(marked(SERIALS[0]))
    (start,) = world.feed(WorkerGiven())
    assert isinstance(start, StartWorker)
    assert (start.run.product_serial, start.run.unit_values.to_json()) == ("P-1", {"lens": "L-1"})


def test_one_whose_product_serial_was_taken_from_it_while_it_waited_for_a_worker_does_not_begin() -> None:
    world = held_world()
    world.feed(marked(SERIALS[0]))
    assert world.slot.phase is Phase.QUEUED
    world.feed(marked(SERIALS[0], None))
    (said,) = world.feed(WorkerGiven())
    assert isinstance(said, GiveNotice)
    assert (world.slot.phase, world.slot.code) == (Phase.UNBOUND, "product.unbound")
    world.feed(marked(SERIALS[0]))
    (start,) = world.feed(WorkerGiven())
    assert isinstance(start, StartWorker)


def test_the_factory_is_asked_when_it_can_hear_the_product_serial() -> None:
    world = held_world(permission=HELD_WHILE_SILENT)
    assert not world.factory_asked
    (asked,) = world.feed(marked(SERIALS[0]))
    assert isinstance(asked, AskFactory)
    assert asked.question.product_serial == "P-1"


def test_one_that_is_bound_while_it_runs_has_it_in_its_record() -> None:
    world = held_world(Phase.RUNNING, marks=UnitMarks())
    world.feed(marked(SERIALS[0]))
    world.feed(PASSED)
    (closing,) = world.unclosed
    assert closing.product_serial == "P-1"
    world.feed(RunCommitted(closing))
    assert world.slot.view.product_serial == "P-1"
    world.feed(marked(SERIALS[0], "P-1", lens="L-9"))
    assert world.slot.view.unit_values == (("lens", "L-9"),)


@pytest.mark.parametrize(
    "setup",
    [
        {"purpose": Purpose.ENGINEERING},
        {"read_only": True},
        {"qualifies": True},
        {"marks": UnitMarks(keys=(UnitKey("lens"),))},
    ],
)
def test_nothing_waits_where_it_is_not_required(setup: dict[str, object]) -> None:
    assert held_world(Phase.QUEUED, **setup).slot.run is not None


def test_cancelled_or_pulled_out_it_is_aborted() -> None:
    world = held_world()
    assert finished(world.feed(CancelAsked())) == (Outcome.ABORTED, "operator.cancelled")
    world = held_world()
    world.feed(Left())
    assert world.slot.phase is Phase.PULLED


def test_it_is_said_once_to_who_has_no_screen() -> None:
    world = World(terms=Terms(replace(SETUP, marks=MARKED)))
    notices = []
    take = world._take

    def watch(effect: object) -> None:
        if isinstance(effect, GiveNotice):
            notices.append(effect.code)
        take(effect)  # type: ignore[arg-type]

    world._take = watch  # type: ignore[method-assign]
    for _ in range(10):
        if world.slot.phase is not Phase.UNBOUND:
            forward(world, 0.01)
    world.feed(marked(SERIALS[0], panel="7"))
    assert notices == ["notice.unbound"]
