"""Yields counted by hand, one case for each trap, and what must hold for any history."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.model.runs import Outcome, RunRecord
from station.yields.counting import percentile, summarize
from tests.unit.ledger.builders import START, a_run, an_attempt, an_image, rounded

PASS, FAIL, ERROR, ABORTED, SKIPPED = Outcome.PASS, Outcome.FAIL, Outcome.ERROR, Outcome.ABORTED, Outcome.SKIPPED


def runs_of(*outcomes: Outcome | None, serial: str = "U1", minute: float = 0, **changes: Any) -> list[RunRecord]:
    return [a_run(outcome, minute + 2 * number, serial=serial, **changes) for number, outcome in enumerate(outcomes)]


def unwritten(outcome: Outcome, **changes: Any) -> RunRecord:
    """A later run that ended before it wrote anything."""
    attempt = an_attempt(1, outcome, phase="identify", images=())
    return a_run(outcome, 50, serial="U1", attempts=(attempt,), **changes)


def passed_at_second_attempt(serial: str = "U1", **changes: Any) -> RunRecord:
    return a_run(PASS, serial=serial, attempts=(an_attempt(1, FAIL), an_attempt(2, PASS)), **changes)


@pytest.mark.parametrize(
    ("runs", "started", "counted", "first", "final"),
    [
        pytest.param([], 0, 0, 0, 0, id="nothing"),
        pytest.param(runs_of(PASS), 1, 1, 1, 1, id="passed at once"),
        pytest.param([passed_at_second_attempt()], 1, 1, 0, 1, id="passed at the second attempt"),
        pytest.param(runs_of(FAIL, PASS), 1, 1, 0, 1, id="failed, then passed later"),
        pytest.param(runs_of(PASS, FAIL), 1, 1, 1, 0, id="passed, then failed"),
        pytest.param(runs_of(ABORTED, PASS), 1, 1, 1, 1, id="aborted first"),
        pytest.param(runs_of(ERROR, PASS), 1, 1, 1, 1, id="error first"),
        pytest.param(runs_of(ERROR, FAIL, ERROR), 1, 1, 0, 0, id="error before and after a failure"),
        pytest.param(runs_of(PASS, SKIPPED), 1, 1, 1, 1, id="skipped after it passed"),
        pytest.param(runs_of(SKIPPED), 0, 0, 0, 0, id="only skipped"),
        pytest.param(runs_of(ABORTED, ERROR), 1, 0, 0, 0, id="never counted"),
        pytest.param(runs_of(PASS, None), 1, 1, 1, 0, id="passed, and running again"),
        pytest.param(runs_of(PASS, ABORTED), 1, 1, 1, 0, id="passed, then cut short while it was written"),
        pytest.param(runs_of(PASS, ERROR), 1, 1, 1, 0, id="passed, then a station error while it was written"),
        pytest.param(runs_of(PASS, ABORTED, SKIPPED), 1, 1, 1, 1, id="cut short, and then found to be right"),
        pytest.param([*runs_of(PASS), unwritten(ABORTED)], 1, 1, 1, 1, id="passed, then cancelled in hold"),
        pytest.param(
            [*runs_of(PASS), unwritten(ERROR, code="worker.died")], 1, 1, 1, 0, id="passed, then nobody saw the end"
        ),
        pytest.param(
            [*runs_of(PASS), replace(unwritten(ERROR), attempts=())], 1, 1, 1, 0, id="passed, then interrupted"
        ),
        pytest.param([unwritten(ABORTED)], 1, 0, 0, 0, id="only held"),
        pytest.param(runs_of(None), 1, 0, 0, 0, id="running for the first time"),
        pytest.param(runs_of(FAIL) + runs_of(PASS, serial="u1 ", minute=9), 1, 1, 0, 1, id="one serial, two spellings"),
        pytest.param(runs_of(PASS) + runs_of(PASS, serial="U2"), 2, 2, 2, 2, id="two units"),
        pytest.param(
            runs_of(FAIL, slot="A1") + runs_of(PASS, slot="B2", minute=9), 1, 1, 0, 1, id="moved to another slot"
        ),
        pytest.param(
            runs_of(PASS, bundle="old") + runs_of(PASS, bundle="new", minute=9), 1, 1, 1, 1, id="one unit, two bundles"
        ),
        pytest.param(
            runs_of(FAIL, batch="x") + runs_of(PASS, batch="y", minute=9),
            1,
            1,
            0,
            1,
            id="one unit, two batches",
        ),
        pytest.param(runs_of(PASS, PASS, FAIL, serial="", identified=False), 3, 3, 2, 2, id="runs without identity"),
        pytest.param(
            runs_of(PASS) + runs_of(FAIL, identified=False, minute=9), 2, 2, 1, 1, id="one serial, with and without"
        ),
    ],
)
def test_yield_traps(runs: list[RunRecord], started: int, counted: int, first: int, final: int) -> None:
    report = summarize(runs)
    assert (report.units_started, report.units_counted) == (started, counted)
    assert (report.units_passed_first, report.units_passed) == (first, final)
    assert report.first_pass_yield == (first / counted if counted else None)
    assert report.final_yield == (final / counted if counted else None)
    assert len(report.open_units) == started - final


def test_two_batches_count_apart() -> None:
    runs = runs_of(FAIL, FAIL, batch="x") + runs_of(PASS, batch="y", minute=9)
    of_x = summarize([run for run in runs if run.batch == "x"], batch="x")
    of_y = summarize([run for run in runs if run.batch == "y"], batch="y")
    assert (of_x.batch, of_x.first_pass_yield, of_x.final_yield) == ("x", 0.0, 0.0)
    assert (of_y.batch, of_y.first_pass_yield, of_y.final_yield) == ("y", 1.0, 1.0)


def test_a_shift_counted_by_hand() -> None:
    """Ten units: six at once, one at the second attempt, one after a failure, one failed, one only aborted."""
    runs = [run for number in range(6) for run in runs_of(PASS, serial=f"GOOD{number}", slot="A1")]
    runs.append(passed_at_second_attempt("RETRIED", slot="A1"))
    runs += runs_of(FAIL, serial="REPAIRED", slot="B2") + runs_of(PASS, serial="REPAIRED", slot="A1", minute=30)
    runs += runs_of(FAIL, FAIL, serial="BAD", slot="B2", code="usb.io")
    runs += runs_of(ABORTED, serial="PULLED", slot="B2", minute=1)
    runs += runs_of(ERROR, serial="GOOD0", slot="A1", minute=2) + runs_of(SKIPPED, serial="GOOD1", slot="C3")
    report = summarize(runs)
    assert (report.units_started, report.units_counted, report.units_passed) == (10, 9, 7)
    assert report.first_pass_yield == pytest.approx(6 / 9)
    # GOOD0 passed, and an error followed while it was written.
    assert report.final_yield == pytest.approx(7 / 9)
    assert report.open_units == ("PULLED", "BAD", "GOOD0")
    assert dict(report.outcomes) == {PASS: 8, FAIL: 3, ERROR: 1, ABORTED: 1, SKIPPED: 1}
    assert [(row.code, row.outcome, row.count, row.units) for row in report.failures] == [
        ("usb.io", FAIL, 2, 1),
        ("dfu.err_write", FAIL, 1, 1),
        ("worker.died", ERROR, 1, 1),
    ]
    slots = {slot.slot: slot for slot in report.slots}
    assert sorted(slots) == ["A1", "B2"]
    assert slots["A1"].runs == 9
    assert slots["A1"].first_pass_yield == pytest.approx(6 / 7)
    assert (slots["B2"].runs, slots["B2"].first_pass_yield) == (4, 0.0)
    assert slots["B2"].codes == (("usb.io", 2), ("dfu.err_write", 1))
    assert slots["A1"].mean_s == pytest.approx(60.0)
    assert slots["B2"].mean_s is None
    # From the first start to the end of the last run: 31 minutes.
    assert report.units_per_hour == pytest.approx(7 / (31 / 60))


def test_durations_are_of_the_runs_that_passed() -> None:
    runs = [a_run(PASS, serial=str(seconds), duration_s=float(seconds)) for seconds in range(1, 21)]
    report = summarize([*runs, a_run(FAIL, serial="x", duration_s=1000.0)])
    assert (report.duration_p50_s, report.duration_p95_s) == (10.0, 19.0)
    assert summarize([]).duration_p50_s is None


def test_percentiles_by_nearest_rank() -> None:
    assert percentile([5.0], 0.95) == 5.0
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([4.0, 1.0, 2.0, 3.0], 0.5) == 2.0
    assert percentile([1.0, 2.0], 0.0) == 1.0
    assert percentile([1.0, 2.0], 1.0) == 2.0


def test_image_rates_are_of_what_was_written() -> None:
    whole = an_image("HP", written=640, seconds=2.0)
    half = an_image("HP", written=320, seconds=0.5)
    nothing = an_image("HP", written=0, seconds=0.1)
    failed = an_attempt(1, FAIL, images=(whole,))
    passed = an_attempt(2, PASS, images=(whole, half, nothing))
    (rate,) = summarize([a_run(PASS, attempts=(failed, passed))]).images
    assert (rate.partition, rate.count) == ("HP", 2)
    assert rate.mean_s == pytest.approx((3.0 + 1.5) / 2)
    assert rate.mib_per_s == pytest.approx((2.5 + 1.25) / 2.5)


def test_an_image_without_blocks_or_time_does_no_harm() -> None:
    odd = replace(an_image("HP"), blocks_total=0, blocks_written=1, write_s=0.0, size_bytes=0)
    (rate,) = summarize([a_run(PASS, attempts=(an_attempt(images=(odd,)),))]).images
    assert rate.mib_per_s is None


def test_the_json_has_the_promised_names() -> None:
    data = summarize(runs_of(FAIL, PASS), batch="x", since=START, until=START + timedelta(days=1)).to_json()
    assert {
        "batch", "since", "until", "planned", "units_started", "units_passed", "first_pass_yield", "final_yield",
        "units_per_hour", "duration_s", "outcomes", "failures", "slots", "images", "open_units",
        "mixed", "bundles", "purposes",
    } <= set(data)  # fmt: skip
    assert data["since"] == "2026-11-22T08:00:00.123456+00:00"
    assert set(data["duration_s"]) == {"p50", "p95"}
    assert data["outcomes"] == {"PASS": 1, "FAIL": 1, "ERROR": 0, "ABORTED": 0, "SKIPPED": 0}
    assert {"code", "count", "units"} <= set(data["failures"][0])
    assert {"slot", "runs", "first_pass_yield", "mean_s", "codes"} <= set(data["slots"][0])
    assert data["slots"][0]["codes"] == {"dfu.err_write": 1}
    assert {"partition", "mean_s", "mib_per_s"} <= set(data["images"][0])


@st.composite
def any_run(draw: st.DrawFn) -> RunRecord:
    outcome = draw(st.sampled_from([*Outcome, None]))
    return a_run(
        outcome,
        draw(st.integers(0, 5)),
        serial=draw(st.sampled_from("ABC")),
        identified=draw(st.booleans()),
        slot=draw(st.sampled_from(["A1", "B2"])),
        attempts=tuple(an_attempt(number, draw(st.sampled_from([PASS, FAIL, ERROR]))) for number in range(1, 3)),
    )


@given(st.lists(any_run(), max_size=30), st.randoms(use_true_random=False))
def test_any_history_balances_in_any_order(runs: list[RunRecord], order: random.Random) -> None:
    report = summarize(runs)
    shuffled = list(runs)
    order.shuffle(shuffled)
    again = summarize(shuffled)
    assert rounded(again) == rounded(report)
    assert report.units_begun == report.units_passed + report.units_passed_earlier + len(report.open_units)
    assert report.units_started <= report.units_begun
    assert report.units_failed <= len(report.open_units)
    assert 0 <= report.units_passed_first <= report.units_counted <= report.units_started
    assert report.units_passed <= report.units_counted
    assert sum(count for _, count in report.outcomes) + report.open_runs == len(runs)
    by_outcome = dict(report.outcomes)
    for outcome in (FAIL, ERROR):
        assert sum(row.count for row in report.failures if row.outcome is outcome) == by_outcome[outcome]
    assert sum(slot.units_counted for slot in report.slots) == report.units_counted
    assert sum(slot.runs for slot in report.slots) == len(runs) - by_outcome[SKIPPED] - report.open_runs


def test_hours_count_what_passed_and_failed_of_the_runs_that_began_in_them() -> None:
    runs = [a_run(PASS, minute, serial=str(minute)) for minute in (0, 50, 130)]
    others = [a_run(outcome, 10, serial=str(outcome)) for outcome in (FAIL, ERROR, ABORTED, SKIPPED, None)]
    eight = START.replace(minute=0, second=0, microsecond=0)
    hours = [(hour.hour_at, hour.passed, hour.failed) for hour in summarize([*runs, *others]).hours]
    assert hours == [(eight, 2, 1), (eight + timedelta(hours=2), 1, 0)]


@pytest.mark.parametrize(
    ("written", "total", "tells"), [(3, 640, 0), (63, 640, 0), (64, 640, 1), (3, 12, 1), (2, 12, 0)]
)
def test_a_write_rate_comes_from_images_of_which_enough_was_written(written: int, total: int, tells: int) -> None:
    """Three blocks in two seconds beside a whole image in ten: the slot is as fast as the whole one says."""
    whole = replace(an_image("HP", written=640, seconds=10.0), size_bytes=10 << 20, blocks_total=640)
    part = replace(an_image("HP", written=written, seconds=2.0), size_bytes=10 << 20, blocks_total=total)
    runs = [a_run(attempts=(an_attempt(images=(whole,)),)), a_run(minute=5, attempts=(an_attempt(images=(part,)),))]
    report = summarize(runs)
    expected = (10 + tells * 10 * written / total) / (10 + tells * 2)
    assert report.slots[0].mib_per_s == pytest.approx(expected)
    assert report.images[0].mib_per_s == pytest.approx(expected)
    assert report.images[0].count == 2


def test_a_slot_where_too_little_was_written_has_no_rate() -> None:
    part = an_image("HP", written=3, seconds=2.0)
    report = summarize([a_run(attempts=(an_attempt(images=(part,)),))])
    assert (report.slots[0].mib_per_s, report.images[0].mib_per_s) == (None, None)
    assert report.images[0].mean_s is not None


def test_errors_of_the_station_take_no_share_of_the_cameras_failures() -> None:
    runs = runs_of(FAIL, FAIL, FAIL, code="usb.io") + runs_of(FAIL, minute=20, code="boot.timeout")
    runs += runs_of(*[ERROR] * 6, minute=30, code="station.interrupted")
    assert [(row.code, row.count, row.cumulative) for row in summarize(runs).failures] == [
        ("usb.io", 3, 0.75),
        ("boot.timeout", 1, 1.0),
        ("station.interrupted", 6, 1.0),
    ]


def test_slots_stand_in_the_order_in_which_people_count() -> None:
    names = ["1-1.10", "1-1.2", "A10", "A2", "1-1.1", "b1", "1-2"]
    runs = [a_run(serial=name, slot=name, minute=number) for number, name in enumerate(names)]
    assert [slot.slot for slot in summarize(runs).slots] == ["A2", "A10", "b1", "1-1.1", "1-1.2", "1-1.10", "1-2"]
