"""The names under which a report's slots and open units stand in JSON: other programs read them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from station.model.runs import Outcome, Purpose
from station.model.scrapping import SCRAPPED
from station.model.units import hint_for, why_open
from station.yields.definitions import DEFINITIONS
from station.yields.figures import (
    BundleCount,
    CodeCount,
    HourCount,
    ImageRate,
    OpenUnit,
    SlotYield,
    YieldReport,
)

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
    for how in ((Outcome.FAIL, False, "usb.io"), (Outcome.FAIL, True, "usb.io"), (None, False, None)):
        outcome, passed_before, code = how
        assert OpenUnit("C1", code, "A1", 1, AT, outcome, passed_before).why == why_open(outcome, passed_before, code)
    scrapped = why_open(Outcome.FAIL, False, SCRAPPED)
    assert OpenUnit("C1", SCRAPPED, "A1", 1, AT, Outcome.FAIL).why == scrapped != unit.why


def test_a_slot() -> None:
    slot = SlotYield("A1", 5, 4, 3, 9.5, 0.2, (("usb.stall", 1),), 0.01, True, station_id="s1")
    low, high = slot.first_pass_interval or (0, 0)
    assert slot.to_json() == {
        "station_id": "s1",
        "slot": "A1",
        "runs": 5,
        "units_counted": 4,
        "units_passed_first": 3,
        "first_pass_yield": 0.75,
        "first_pass_interval": [low, high],
        "mean_s": 9.5,
        "mib_per_s": 0.2,
        "codes": {"usb.stall": 1},
        "p_value": 0.01,
        "suspect": True,
    }
    assert SlotYield("A1", 0, 0, 0, None, None, (), None, False).to_json()["first_pass_interval"] is None


def an_hour_later(hours: int) -> datetime:
    return AT + timedelta(hours=hours)


FAILED = CodeCount("usb.stall", Outcome.FAIL, 3, 2, 0.75)
BROKEN = CodeCount("usb.hub_lost", Outcome.ERROR, 1, 1, 1.0)
SCRAPPED_UNIT = OpenUnit("C2", SCRAPPED, "A2", 1, AT, Outcome.FAIL)
REPORT = YieldReport(
    batch="L1",
    since=AT,
    until=an_hour_later(9),
    bundle="b1",
    station_id="s1",
    slot="A1",
    operator="ann",
    planned=40,
    units_started=30,
    units_counted=20,
    units_passed=15,
    units_passed_first=10,
    units_retested=8,
    units_recovered=4,
    first_started_at=an_hour_later(1),
    last_ended_at=an_hour_later(8),
    units_per_hour=2.5,
    duration_p50_s=30.0,
    duration_p95_s=45.0,
    outcomes=((Outcome.PASS, 15), (Outcome.FAIL, 3)),
    open_runs=1,
    failures=(FAILED, BROKEN),
    slots=(
        SlotYield("A1", 5, 4, 3, 9.5, 0.2, (), 0.01, True, label="s1 A1"),
        SlotYield("A2", 5, 4, 4, 9.5, 0.2, (), None, False, label="s1 A2"),
    ),
    images=(ImageRate("HP", 20, 4.5, 0.3, 2),),
    hours=(HourCount(AT, 15, 3),),
    open_details=(OpenUnit("C1", "usb.stall", "A1", 2, AT, Outcome.FAIL), SCRAPPED_UNIT),
    purposes=(Purpose.PRODUCTION, Purpose.REWORK),
    units_passed_earlier=6,
    units_failed=5,
    units_with_result=26,
    unproven_runs=7,
    bundles=(BundleCount("b1", "0a", "v5", "full", 18, 19), BundleCount("b2", "0b", "v6", "hp", 2, 3)),
)


def test_a_report_whole() -> None:
    """Every name and every figure: one that changed would be missed by a program that reads it, and by nobody here."""
    found = REPORT.to_json()
    first, final = found.pop("first_pass_interval"), found.pop("final_interval")
    assert first[0] < 0.5 < first[1] < final[1]
    assert final[0] < 0.75
    assert found.pop("definitions") == DEFINITIONS
    assert found.pop("measurements") == []
    assert found == {
        "batch": "L1",
        "since": "2026-11-28T12:00:00+00:00",
        "until": "2026-11-28T21:00:00+00:00",
        "bundle": "b1",
        "station_id": "s1",
        "slot": "A1",
        "operator": "ann",
        "purposes": ["production", "rework"],
        "planned": 40,
        "units_started": 30,
        "units_counted": 20,
        "units_passed": 15,
        "units_passed_first": 10,
        "units_passed_earlier": 6,
        "units_failed": 5,
        "units_scrapped": 1,
        "units_retested": 8,
        "units_recovered": 4,
        "first_pass_yield": 0.5,
        "final_yield": 0.75,
        "retest_yield": 0.5,
        "first_started_at": "2026-11-28T13:00:00+00:00",
        "last_ended_at": "2026-11-28T20:00:00+00:00",
        "units_per_hour": 2.5,
        "duration_s": {"p50": 30.0, "p95": 45.0},
        "outcomes": {"PASS": 15, "FAIL": 3},
        "open_runs": 1,
        "unproven_runs": 7,
        "mixed": True,
        "bundles": [
            {
                "bundle": "b1",
                "bundle_sha256": "0a",
                "bundle_version": "v5",
                "recipe": "full",
                "units": 18,
                "runs": 19,
            },
            {"bundle": "b2", "bundle_sha256": "0b", "bundle_version": "v6", "recipe": "hp", "units": 2, "runs": 3},
        ],
        "failures": [
            {
                "code": "usb.stall",
                "outcome": "FAIL",
                "count": 3,
                "units": 2,
                "cumulative_share": 0.75,
                "hint": hint_for("usb.stall"),
            },
            {
                "code": "usb.hub_lost",
                "outcome": "ERROR",
                "count": 1,
                "units": 1,
                "cumulative_share": 1.0,
                "hint": hint_for("usb.hub_lost"),
            },
        ],
        "slots": [slot.to_json() for slot in REPORT.slots],
        "suspect_slots": ["s1 A1"],
        "images": [{"partition": "HP", "count": 20, "mean_s": 4.5, "mib_per_s": 0.3, "retries": 2}],
        "hours": [{"hour_at": "2026-11-28T12:00:00+00:00", "passed": 15, "failed": 3}],
        "open_units": ["C1"],
        "open_unit_details": [unit.to_json() for unit in REPORT.open_details],
    }


def test_what_a_report_says_of_itself() -> None:
    assert REPORT.camera_failures == (FAILED,)
    assert REPORT.station_errors == (BROKEN,)
    assert REPORT.units_begun == 23
    assert REPORT.telling_rate == 2.5
    quarter, nearly = timedelta(minutes=15), timedelta(minutes=14, seconds=59)
    assert replace(REPORT, last_ended_at=an_hour_later(1) + quarter).telling_rate == 2.5
    assert replace(REPORT, last_ended_at=an_hour_later(1) + nearly).telling_rate is None
    assert replace(REPORT, first_started_at=None).telling_rate is None
    assert replace(REPORT, last_ended_at=None).telling_rate is None
    assert not replace(REPORT, bundles=REPORT.bundles[:1]).mixed
    nothing = replace(REPORT, units_counted=0, units_passed=0, units_passed_first=0, units_retested=0, since=None)
    found = nothing.to_json()
    assert {found[name] for name in ("first_pass_yield", "final_yield", "retest_yield", "since")} == {None}
    assert found["first_pass_interval"] is None
    assert found["final_interval"] is None
