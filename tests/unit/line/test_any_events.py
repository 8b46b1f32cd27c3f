"""The property of the slot machine, over any sequence of events.

Each run that was opened is closed and reported exactly once; green comes only after the commit; no slot has two runs;
no worker begins before the opening is on the disk; an unplugged camera never blocks a slot; no camera is waited for
without end.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from station.line.slot_events import SlotEvent
from tests.unit.line.slot_world import Answer, World, delays_s, moves, play, worlds

EXAMPLES = int(os.environ.get("SLOT_EXAMPLES", "2000"))
"""By hand: SLOT_EXAMPLES=100000 tests/run tests/unit/line/test_any_events.py"""
pytestmark = pytest.mark.timeout(max(120, EXAMPLES // 20))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(worlds, st.lists(st.tuples(moves, delays_s), max_size=60))
def test_any_sequence_of_events(world: World, given_moves: list[tuple[SlotEvent | Answer, float]]) -> None:
    for move, later_s in given_moves:
        play(world, move, later_s)
    world.settle()
    world.check_end()
    world.check_usable()
    world.check_end()
