"""Every figure of one report, counted by hand: two stations, a unit of each kind, and runs that do not belong to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from station.model.measurements import Measurement
from station.model.runs import AttemptRecord, ImageRecord, Outcome, Purpose, RunRecord
from station.model.scrapping import SCRAPPED, scrapped_run
from station.model.units import RunFilter
from station.yields.balance import BatchSummary, summary_of
from station.yields.counting import Rates, _Tally, hour_of, passed_at_once, rates_of, report_of, summarize
from station.yields.figures import BundleCount, CodeCount, HourCount, ImageRate, OpenUnit, YieldReport
from station.yields.inference import fisher_worse, holm
from station.yields.measurement_spread import MeasurementSpread
from station.yields.sums import Counts
from tests.unit.ledger.builders import START, a_run, an_attempt

PASS, FAIL, ERROR, ABORTED, SKIPPED = Outcome.PASS, Outcome.FAIL, Outcome.ERROR, Outcome.ABORTED, Outcome.SKIPPED
MIB = 1 << 20


def image(partition: str = "HP", written: int = 256, write_s: float = 2.0, verify_s: float = 1.0) -> ImageRecord:
    """One of 256 blocks of 4 KiB: 1 MiB."""
    return ImageRecord(partition, 1, MIB, "aa", "aa", 256, written, write_s, verify_s)


def attempt(
    number: int, outcome: Outcome, *images: ImageRecord, measured: tuple[Measurement, ...] = ()
) -> AttemptRecord:
    return an_attempt(number, outcome, images=images, measurements=measured, mram_initialized=False)


def temperature(value: float | None, passed: bool | None = True) -> Measurement:
    return Measurement("temperature", value, "C", passed=passed)


def run(serial: str, outcome: Outcome | None, minute: float, *attempts: AttemptRecord, **changes: object) -> RunRecord:
    return a_run(outcome, minute, serial=serial, attempts=attempts, **{"bundle_version": "5.0", **changes})


TEXT = Measurement("sensor", "ov7670")
AT_ONCE = run("A", PASS, 0, attempt(1, PASS, image(), measured=(temperature(20.0), TEXT)), duration_s=10.0)
AT_SECOND = run(
    "B",
    PASS,
    5,
    attempt(1, FAIL, image(written=100, write_s=9.0), measured=(temperature(None, None),)),
    attempt(2, PASS, image(written=64, write_s=1.0), image("ROM", written=0), measured=(temperature(40.0, False),)),
    duration_s=20.0,
    proofs_off="verify",
)
FAILED_FIRST = run(
    "C", FAIL, 10, attempt(1, FAIL, image()), attempt(2, FAIL, image()), slot="A2", code="usb.io", duration_s=99.0
)
RECOVERED = run("C", PASS, 70, attempt(1, PASS, image(written=3, write_s=7.0)), slot="A1", duration_s=40.0)
BAD = [run("D", FAIL, minute, attempt(1, FAIL), slot="A2", code="usb.io", duration_s=99.0) for minute in (12, 71)]
BROKEN = run("E", ERROR, 14, attempt(1, ERROR), slot="A2", code="usb.hub_lost", duration_s=99.0)
PULLED = run("F", ABORTED, 16, attempt(1, ABORTED), slot="A2", duration_s=99.0)
RUNNING = run("G", None, 90, slot="A2")
EARLIER = run("H", SKIPPED, 18, slot="A1", duration_s=1.0)
SET_ASIDE = run("D", SKIPPED, 80, slot="A2", code="unit.set_aside")
ELSEWHERE = run(
    "K", PASS, 20, attempt(1, PASS, image("ROM")), station_id="bench-2", slot="A1", bundle="v4.8.0", duration_s=30.0
)
SCRAP = replace(
    scrapped_run("bench-1", "M", "2026-47", "dropped", "Eve", START + timedelta(minutes=300)), run_id="scrap"
)
NAMELESS = [
    run("0000", outcome, 22, attempt(1, outcome), identified=False, duration_s=50.0) for outcome in (PASS, FAIL)
]
TRIED_OUT = run("N", PASS, -60, attempt(1, PASS, image()), purpose=Purpose.ENGINEERING)
RUNS = [
    *(AT_ONCE, AT_SECOND, FAILED_FIRST, RECOVERED, *BAD, BROKEN, PULLED, RUNNING, EARLIER, SET_ASIDE),
    *(ELSEWHERE, SCRAP, *NAMELESS, TRIED_OUT),
]
SELECTION = RunFilter(
    batch="2026-47", since=START, until=START + timedelta(days=1), station_id=None, slot=None, operator="Ada"
)


def report() -> YieldReport:
    return summarize(reversed(RUNS), selection=SELECTION)


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def test_units() -> None:
    """A, B, C, D, E, F, G, K, M and the two without a name were touched; H was only skipped."""
    found = report()
    assert (found.units_started, found.units_counted, found.units_begun) == (11, 8, 12)
    assert (found.units_passed, found.units_passed_first, found.units_passed_earlier) == (5, 3, 1)
    assert (found.units_failed, found.units_scrapped, found.units_with_result) == (3, 1, 9)
    assert (found.units_retested, found.units_recovered) == (2, 1)
    assert (found.open_runs, found.unproven_runs) == (1, 1)
    assert dict(found.outcomes) == {PASS: 5, FAIL: 5, ERROR: 1, ABORTED: 1, SKIPPED: 2}
    assert list(dict(found.outcomes)) == list(Outcome)


def test_units_that_are_not_done() -> None:
    """The longest untouched first; each with the run that tells why."""
    found = [
        (unit.serial, unit.outcome, unit.code, unit.slot, unit.station_id, unit.runs, unit.last_at, unit.passed_before)
        for unit in report().open_details
    ]
    assert found == [
        ("E", ERROR, "usb.hub_lost", "A2", "bench-1", 1, minute(14), False),
        ("F", ABORTED, "operator.unplugged", "A2", "bench-1", 1, minute(16), False),
        ("0000", FAIL, "dfu.err_write", "A1", "bench-1", 1, minute(22), False),
        ("D", FAIL, "usb.io", "A2", "bench-1", 2, minute(71), False),
        ("G", None, None, "A2", "bench-1", 1, minute(90), False),
        ("M", FAIL, SCRAPPED, "", "bench-1", 1, minute(300), False),
    ]
    assert report().open_units == ("E", "F", "0000", "D", "G")


def test_times() -> None:
    found = report()
    assert (found.duration_p50_s, found.duration_p95_s) == (30.0, 50.0)
    assert (found.first_started_at, found.last_ended_at) == (START, minute(72))
    assert found.units_per_hour == pytest.approx(5 / 1.2)
    eight = datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert found.hours == (
        HourCount(eight, 4, 3),
        HourCount(eight + timedelta(hours=1), 1, 1),
        HourCount(eight + timedelta(hours=5), 0, 1),
    )


def test_what_failed() -> None:
    assert report().failures == (
        CodeCount("usb.io", FAIL, 3, 2, 0.6),
        CodeCount("dfu.err_write", FAIL, 1, 1, 0.8),
        CodeCount(SCRAPPED, FAIL, 1, 1, 1.0),
        CodeCount("usb.hub_lost", ERROR, 1, 1, 1.0),
    )


def test_slots() -> None:
    """A1 of the second station stands for itself: it is compared with nobody. What was scrapped was in no slot."""
    a1, a2, other = report().slots
    chances = holm([fisher_worse(2, 2, 2, 0), fisher_worse(2, 0, 2, 2)])
    assert [(one.station_id, one.slot, one.label) for one in (a1, a2, other)] == [
        ("bench-1", "A1", "bench-1 A1"),
        ("bench-1", "A2", "bench-1 A2"),
        ("bench-2", "A1", "bench-2 A1"),
    ]
    assert [(one.runs, one.units_counted, one.units_passed_first) for one in (a1, a2, other)] == [
        (5, 4, 2),
        (5, 2, 0),
        (1, 1, 1),
    ]
    assert [one.mean_s for one in (a1, a2, other)] == [pytest.approx(30.0), None, pytest.approx(30.0)]
    assert [one.codes for one in (a1, a2, other)] == [
        (("dfu.err_write", 1),),
        (("usb.io", 3), ("usb.hub_lost", 1)),
        (),
    ]
    assert [one.p_value for one in (a1, a2, other)] == [pytest.approx(chances[0]), pytest.approx(chances[1]), None]
    assert not any(one.suspect for one in (a1, a2, other))
    # One MiB in 2 s, a quarter in 1 s; three blocks in 7 s tell nothing, nor does what failed.
    assert a1.mib_per_s == pytest.approx(1.25 / 3)
    assert a2.mib_per_s is None
    assert other.mib_per_s == pytest.approx(0.5)


def test_images() -> None:
    """Of attempts that passed; written in a later attempt they are retries, passed or not."""
    found = report().images
    hp, rom = found
    assert rom == ImageRate("ROM", 1, 3.0, 0.5, 0)
    assert (hp.partition, hp.count, hp.retries) == ("HP", 3, 2)
    assert (hp.mean_s, hp.mib_per_s) == (pytest.approx((3 + 2 + 8) / 3), pytest.approx(1.25 / 3))
    assert rates_of(counts_of(RUNS)) == Rates(found, 150 / 5)
    assert rates_of(counts_of([])) == Rates()


def counts_of(runs: list[RunRecord]) -> Counts:
    tally = _Tally((Purpose.PRODUCTION, Purpose.REWORK))
    for one in runs:
        tally.add(one)
    return tally.counts()


def test_measurements() -> None:
    """In every attempt, also one that failed."""
    sensor, warm = report().measurements
    assert sensor == MeasurementSpread("sensor", None, "A1", 1, 0, 0, None, None, None, "bench-1", "A1")
    assert warm == MeasurementSpread("temperature", "C", "A1", 2, 1, 1, 20.0, 30.0, 40.0, "bench-1", "A1")


def test_bundles() -> None:
    """Each that touched a camera, with its newest version; not where all that ever was is reported."""
    sha256 = AT_ONCE.bundle_sha256
    assert report().bundles == (
        BundleCount("v4.7.0", sha256, "5.0", "full", 9, 11),
        BundleCount("v4.8.0", sha256, "5.0", "full", 1, 1),
    )
    assert summarize(RUNS).bundles == ()


def test_what_was_selected_is_repeated() -> None:
    selection = RunFilter("b", START, minute(9), None, "s", "A1", "Ada", "v5", (Purpose.ENGINEERING,))
    found = summarize(RUNS, selection=selection)
    assert (found.batch, found.since, found.until, found.bundle) == ("b", START, minute(9), "v5")
    assert (found.station_id, found.slot, found.operator) == ("s", "A1", "Ada")
    assert found.purposes == (Purpose.ENGINEERING,)
    assert (found.units_started, found.units_passed, found.open_runs) == (1, 1, 0)
    assert (found.planned, report_of(counts_of(RUNS), SELECTION, 40).planned) == (None, 40)
    assert report().purposes == (Purpose.PRODUCTION, Purpose.REWORK)


def test_a_run_elsewhere_takes_away_that_a_unit_is_done_and_counts_nothing() -> None:
    later = run("A", FAIL, 95, attempt(1, FAIL), batch="2026-48", slot="A9", code="verify.mismatch")
    found = summarize(RUNS, selection=SELECTION, others=[later])
    assert (found.units_passed, found.units_counted, dict(found.outcomes)[FAIL]) == (4, 8, 5)
    assert [
        (unit.serial, unit.code, unit.slot, unit.passed_before) for unit in found.open_details if unit.slot == "A9"
    ] == [("A", "verify.mismatch", "A9", True)]
    stranger = run("Z", FAIL, 95, attempt(1, FAIL))
    assert summarize(RUNS, selection=SELECTION, others=[stranger]).units_started == 11


def test_a_run_passed_at_once_where_its_first_attempt_did() -> None:
    assert not passed_at_once(replace(AT_SECOND, attempts=AT_SECOND.attempts[::-1]))
    assert passed_at_once(replace(AT_SECOND, attempts=()))
    assert not passed_at_once(replace(AT_ONCE, outcome=FAIL))


def test_one_station_has_no_name_in_its_labels_and_a_bad_slot_is_suspect() -> None:
    good = [run(f"G{number}", PASS, number, attempt(1, PASS), slot="A1") for number in range(12)]
    bad = [run(f"B{number}", FAIL, number, attempt(1, FAIL), slot="A2") for number in range(6)]
    a1, a2 = summarize([*good, *bad]).slots
    assert (a1.label, a2.label) == ("A1", "A2")
    assert (a1.suspect, a2.suspect) == (False, True)
    assert a2.p_value == pytest.approx(2 * fisher_worse(6, 0, 0, 12))
    (alone,) = summarize(bad).slots
    assert (alone.p_value, alone.suspect) == (None, False)
    assert [slot.slot for slot in summarize([*bad, *good]).suspects] == ["A2"]


def test_of_two_codes_as_frequent_the_first_by_name_comes_first() -> None:
    runs = [run(code, FAIL, number, attempt(1, FAIL), code=code) for number, code in enumerate(["b.b", "a.a", "c.c"])]
    found = summarize([*runs, run("d", FAIL, 9, attempt(1, FAIL), code="c.c")])
    assert [row.code for row in found.failures] == ["c.c", "a.a", "b.b"]
    assert found.slots[0].codes == (("c.c", 2), ("a.a", 1), ("b.b", 1))


def test_open_units_of_one_moment_stand_in_one_order() -> None:
    runs = [run(serial, FAIL, 5, attempt(1, FAIL), slot=slot) for serial, slot in (("B", "A1"), ("A", "A2"))]
    expected = [("A", "A2"), ("B", "A1")]
    for given in (runs, runs[::-1]):
        assert [(unit.serial, unit.slot) for unit in summarize(given).open_details] == expected
    twice = [run("0", FAIL, 5, attempt(1, FAIL), identified=False, slot=slot) for slot in ("A2", "A1")]
    assert [unit.slot for unit in summarize(twice).open_details] == ["A1", "A2"]


def test_the_balance_of_a_batch() -> None:
    found = report()
    assert summary_of("L1", replace(found, planned=20)) == BatchSummary(
        name="L1",
        is_planned=True,
        planned=20,
        beyond=0,
        passed=5,
        passed_earlier=1,
        failed=3,
        unfinished=3,
        not_run=8,
        first_pass_yield=3 / 8,
        final_yield=5 / 8,
        scrapped=1,
    )
    more = summary_of("L1", replace(found, planned=10))
    assert (more.planned, more.beyond, more.not_run, more.open) == (10, 2, 0, 3)
    nobody_said = summary_of("L1", found)
    assert (nobody_said.is_planned, nobody_said.planned, nobody_said.beyond, nobody_said.not_run) == (False, 12, 0, 0)
    nothing = summary_of("L1", replace(summarize([]), planned=0))
    assert (nothing.is_planned, nothing.planned, nothing.open) == (True, 0, 0)
    assert summary_of("L1", replace(found, planned=20)).open == 11


def test_an_open_unit_without_a_code_stands_among_the_others() -> None:
    unit = OpenUnit("A", None, "A1", 1, START, None)
    assert unit.outcome is None
    runs = [run("0", None, 5, identified=False), run("0", FAIL, 5, attempt(1, FAIL), identified=False)]
    assert [unit.code for unit in summarize(runs).open_details] == [None, "dfu.err_write"]


def test_units_without_a_name_stand_in_one_order_whatever_came_first() -> None:
    """Of one moment and one slot: by their code, then by how they ended."""
    ends: list[tuple[Outcome | None, str | None]] = [
        (None, None),
        (FAIL, "a.a"),
        (ERROR, "b.b"),
        (FAIL, "b.b"),
        (ERROR, "c.c"),
    ]
    runs = [run("0", outcome, 5, attempt(1, FAIL), identified=False, code=code) for outcome, code in ends]
    for given in (runs, runs[::-1]):
        assert [(unit.outcome, unit.code) for unit in summarize(given).open_details] == ends


def test_bundles_stand_in_one_order_and_have_their_newest_version() -> None:
    made = [("b", "1", "full", "4"), ("a", "2", "full", "5"), ("a", "1", "hp", "5"), ("a", "1", "full", "5")]
    runs = [
        run(f"U{number}", PASS, number, bundle=bundle, bundle_sha256=sha256, recipe=recipe, bundle_version=version)
        for number, (bundle, sha256, recipe, version) in enumerate(made)
    ]
    named = replace(runs[0], run_id="later", bundle_version="")
    for given in ([*runs, named], [named, *runs][::-1]):
        found = summarize(given, batch="2026-47").bundles
        assert found == (
            BundleCount("a", "1", "5", "full", 1, 1),
            BundleCount("a", "1", "5", "hp", 1, 1),
            BundleCount("a", "2", "5", "full", 1, 1),
            BundleCount("b", "1", "4", "full", 1, 2),
        )


def test_an_hour_is_one_of_utc_from_its_first_moment() -> None:
    kolkata = timezone(timedelta(hours=5, minutes=30))
    assert hour_of(datetime(2026, 11, 22, 13, 59, 59, 999, tzinfo=kolkata)) == datetime(2026, 11, 22, 8, tzinfo=UTC)
    assert hour_of(datetime(2026, 11, 22, 14, 20, tzinfo=kolkata)).isoformat() == "2026-11-22T08:00:00+00:00"


def test_of_nothing_nothing_is_said() -> None:
    for found in (summarize([]), summarize([EARLIER])):
        assert (found.units_per_hour, found.first_started_at, found.last_ended_at) == (None, None, None)
        assert (found.duration_p50_s, found.duration_p95_s, found.failures, found.slots) == (None, None, (), ())
        assert (found.images, found.hours, found.measurements) == ((), (), ())
    until = minute(30)
    found = summarize([AT_ONCE], batch="L1", since=START, until=until)
    assert (found.batch, found.since, found.until) == ("L1", START, until)
