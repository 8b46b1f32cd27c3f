"""The property of the slot machine has teeth: it catches each of these faults, planted into the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from station.flash.messages import RunEnded
from station.line import admission, entry, run_end, run_rules, transitions
from station.line.line_terms import Terms
from station.line.slot import Moment, Slot
from station.line.slot import Phase as SlotPhase
from station.line.slot_events import (
    Arrived,
    BatchChanged,
    Effect,
    FactoryAnswered,
    Left,
    RerunAsked,
    Ticked,
    UnitMarked,
    WorkerDied,
    WorkerGiven,
)
from station.model.events import OpeningCommitted, RunCommitted
from tests.unit.line.slot_world import World, delays_s, moves, play, worlds

Stepped = tuple[Slot, tuple[Effect, ...]]
Fault = tuple[type, SlotPhase, Callable[[Slot, Any, Moment, Terms], Stepped]]


def green_before_commit(slot: Slot, event: RunEnded, now: Moment, terms: Terms) -> Stepped:
    slot, effects = run_rules.ended(slot, event, now, terms)
    assert slot.run is not None
    return replace(run_end.shown(slot, slot.run), phase=SlotPhase.CLOSING, last=slot.run), effects


def a_second_run(slot: Slot, event: Arrived, now: Moment, terms: Terms) -> Stepped:
    """A camera that comes while the run before it is on its way into the log is opened at once."""
    return admission.received(replace(slot, run=None), event, now, terms)


def never_closed(slot: Slot, _event: Left, now: Moment, _terms: Terms) -> Stepped:
    return replace(slot, device=None, run=None, left_at_s=now.at_s).enters(SlotPhase.EMPTY), ()


def begun_before_the_disk(slot: Slot, event: WorkerGiven, now: Moment, terms: Terms) -> Stepped:
    return run_rules.started(slot, event, now, terms)


def closed_twice(slot: Slot, event: WorkerDied, now: Moment, terms: Terms) -> Stepped:
    slot, effects = run_rules.worker_died(slot, event, now, terms)
    return slot, (*effects, *(effect for effect in effects if type(effect).__name__ == "Submit"))


def blocked_by_the_unplugged(slot: Slot, event: RunCommitted, now: Moment, terms: Terms) -> Stepped:
    slot, effects = run_rules.committed(slot, event, now, terms)
    return (replace(slot, taken_out=False, in_line=False), effects) if slot.device is None else (slot, effects)


def waited_for_without_end(slot: Slot, _event: Ticked, _now: Moment, _terms: Terms) -> Stepped:
    return slot, ()


def taken_again_and_again(slot: Slot, event: Arrived, now: Moment, terms: Terms) -> Stepped:
    return admission.received(replace(slot, entry=None, settled=False), event, now, terms)


def asked_while_it_runs(slot: Slot, _event: RerunAsked, now: Moment, terms: Terms) -> Stepped:
    return entry.begun(slot, now, terms)


def opening_lost(slot: Slot, _event: OpeningCommitted, _now: Moment, _terms: Terms) -> Stepped:
    return replace(slot, run=None).enters(SlotPhase.EMPTY), ()


def any_answer_is_a_yes(slot: Slot, _event: FactoryAnswered, _now: Moment, _terms: Terms) -> Stepped:
    return slot.enters(SlotPhase.QUEUED), ()


def any_mark_is_enough(slot: Slot, _event: UnitMarked, _now: Moment, _terms: Terms) -> Stepped:
    return slot.enters(SlotPhase.QUEUED), ()


def allowed_in_another_batch(slot: Slot, event: BatchChanged, _now: Moment, _terms: Terms) -> Stepped:
    assert slot.run is not None
    return replace(slot, run=replace(slot.run, batch=event.batch)), ()


FAULTS: dict[str, Fault] = {
    "written although the factory's system refused": (FactoryAnswered, SlotPhase.PERMISSION, any_answer_is_a_yes),
    "written in a batch that nobody asked about": (BatchChanged, SlotPhase.QUEUED, allowed_in_another_batch),
    "written though nobody said whose label it has": (UnitMarked, SlotPhase.UNBOUND, any_mark_is_enough),
    "green before commit": (RunEnded, SlotPhase.RUNNING, green_before_commit),
    "a slot with two runs": (Arrived, SlotPhase.CLOSING, a_second_run),
    "a run never closed": (Left, SlotPhase.QUEUED, never_closed),
    "begun before the opening is on the disk": (WorkerGiven, SlotPhase.OPENING, begun_before_the_disk),
    "closed twice": (WorkerDied, SlotPhase.RUNNING, closed_twice),
    "an unplugged camera blocks its slot": (RunCommitted, SlotPhase.CLOSING, blocked_by_the_unplugged),
    "a camera is waited for without end": (Ticked, SlotPhase.ENTERING, waited_for_without_end),
    "a camera is taken again and again": (Arrived, SlotPhase.ENTERING, taken_again_and_again),
    "a running camera is sent into its bootloader": (RerunAsked, SlotPhase.RUNNING, asked_while_it_runs),
    "an opening is lost": (OpeningCommitted, SlotPhase.OPENING, opening_lost),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    event, phase, rule = FAULTS[name]
    rows = {**transitions.TABLE[event], phase: rule}
    monkeypatch.setattr(transitions, "TABLE", {**transitions.TABLE, event: rows})

    @settings(
        max_examples=20_000,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(worlds, st.lists(st.tuples(moves, delays_s), max_size=60))
    def any_sequence(world: World, given_moves: list[Any]) -> None:
        for move, later_s in given_moves:
            play(world, move, later_s)
        world.settle()
        world.check_end()
        world.check_usable()

    with pytest.raises(AssertionError):
        any_sequence()
