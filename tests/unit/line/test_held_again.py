"""A camera that its worker has asked to leave and wants held again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from station.flash.messages import HoldWanted
from station.line.line_terms import Terms
from station.line.slot import Moment, Phase, Slot
from station.line.slot_events import Hold
from station.line.transitions import step
from station.model.runs import RunRecord
from tests.unit.ledger.builders import a_run, opened
from tests.unit.line.quiet_line import SETUP
from tests.unit.line.slot_world import SOUND

NOW = Moment(1.0, datetime(2026, 11, 25, tzinfo=UTC), "r1", "a1")
RUN: RunRecord = opened(a_run(serial=SOUND.serial))


@pytest.mark.parametrize(("phase", "held"), [(Phase.AWAY, (Hold(SOUND),)), (Phase.RUNNING, ())])
def test_one_that_is_back_already_or_never_left_is_held_at_once(phase: Phase, held: tuple[Hold, ...]) -> None:
    slot, effects = step(Slot("1-1", "A1", phase=phase, device=SOUND, run=RUN), HoldWanted(True), NOW, Terms(SETUP))
    assert (slot.phase, effects) == (Phase.RUNNING, held)
