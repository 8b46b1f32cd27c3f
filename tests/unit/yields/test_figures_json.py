"""The names under which a report's slots and open units stand in JSON: other programs read them."""

from __future__ import annotations

from datetime import UTC, datetime

from station.model.runs import Outcome
from station.yields.figures import OpenUnit, SlotYield

AT = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def test_an_open_unit() -> None:
    unit = OpenUnit("C1", "verify.mismatch", "A1", 2, AT, Outcome.FAIL, station_id="s1")
    assert unit.to_json() == {
        "serial": "C1",
        "outcome": "FAIL",
        "code": "verify.mismatch",
        "why": unit.why,
        "hint": unit.hint,
        "slot": "A1",
        "station_id": "s1",
        "runs": 2,
        "last_at": "2026-11-28T12:00:00+00:00",
    }
    assert unit.why
    assert unit.hint
    assert OpenUnit("C1", None, "A1", 1, AT, None).to_json()["outcome"] is None


def test_a_slot() -> None:
    slot = SlotYield("A1", 5, 4, 3, 9.5, 0.2, (("usb.stall", 1),), 0.01, True, station_id="s1")
    found = slot.to_json()
    assert (found["station_id"], found["slot"], found["runs"]) == ("s1", "A1", 5)
    assert (found["units_counted"], found["units_passed_first"], found["first_pass_yield"]) == (4, 3, 0.75)
    low, high = found["first_pass_interval"]
    assert 0 < low < 0.75 < high < 1
    assert SlotYield("A1", 0, 0, 0, None, None, (), None, False).to_json()["first_pass_interval"] is None
