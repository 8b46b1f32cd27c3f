from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event
from sqlalchemy.engine import Engine

from station.errors import HINTS, LedgerError, UsageError
from station.ledger.database import FILE_NAME, open_reader
from station.ledger.history import Prepared, _of_batch, _of_no_batch
from station.ledger.reader import Reader
from station.ledger.recorder import Recorder
from station.ledger.run_import import import_runs
from station.ledger.tables import METADATA
from station.ledger.unit_release import release_unit
from station.model.batches import Batch
from station.model.events import BatchNoted, RunCommitted, RunFinished, RunOpened, UnitHistory
from station.model.run_json import run_from_json
from station.model.runs import Outcome, Purpose, RunRecord
from station.model.serials import reversed_serial
from station.model.units import Release, RunFilter
from station.yields.counting import summarize
from tests.unit.ledger.builders import OTHER_SERIAL, SERIAL, START, a_run, an_attempt, opened, sha256
from tests.unit.ledger.conftest import Replies

Store = Callable[..., None]


@pytest.fixture
def store(recorder: Recorder, replies: Replies) -> Store:
    """Puts runs into the log and waits until they are there."""

    def put(*runs: RunRecord) -> None:
        for run in runs:
            recorder.submit(RunOpened(run) if run.outcome is None else RunFinished(run))
        last = a_run(Outcome.SKIPPED, minute=1e6, station_id="marker", batch="marker", serial="", identified=False)
        recorder.submit(RunFinished(last))
        while replies.next() != RunCommitted(last):
            pass

    return put


HERE = RunFilter(station_id="bench-1")


def test_runs_come_in_the_order_they_started(store: Store, reader: Reader) -> None:
    runs = [a_run(minute=minute, serial=f"{minute:024X}") for minute in (5, 1, 9, 3)]
    store(*runs)
    assert list(reader.runs(HERE)) == sorted(runs, key=lambda run: run.started_at)


def test_times_are_of_any_zone_and_come_back_as_utc(store: Store, reader: Reader) -> None:
    there = timezone(timedelta(hours=9, minutes=30))
    run = a_run()
    assert run.finished_at is not None
    store(replace(run, started_at=run.started_at.astimezone(there), finished_at=run.finished_at.astimezone(there)))
    (found,) = reader.runs(HERE)
    assert found == run
    assert (found.started_at.utcoffset(), found.started_at.microsecond) == (timedelta(0), 123456)
    assert list(reader.runs(RunFilter(since=START.astimezone(there), until=START + timedelta(microseconds=1)))) == [run]


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (RunFilter(batch="2026-47"), "ab"),
        (RunFilter(since=START + timedelta(minutes=1)), "bcd"),
        (RunFilter(until=START + timedelta(minutes=1)), "a"),
        (RunFilter(since=START + timedelta(minutes=1), until=START + timedelta(minutes=3)), "bc"),
        (RunFilter(serial=SERIAL.lower()), "ac"),
        (RunFilter(slot="B2"), "b"),
        (RunFilter(operator="Bo", batch="other"), "c"),
        (RunFilter(bundle="v4.8.0"), "d"),
        (RunFilter(bundle="v4.8.0", slot="B2"), ""),
    ],
)
def test_selections(store: Store, reader: Reader, selection: RunFilter, expected: str) -> None:
    runs = {
        "a": a_run(minute=0),
        "b": a_run(minute=1, serial=OTHER_SERIAL, slot="B2"),
        "c": a_run(minute=2, batch="other", operator="Bo"),
        "d": a_run(minute=3, batch=None, bundle="v4.8.0", serial=SERIAL, identified=False),
    }
    store(*runs.values())
    assert list(reader.runs(replace(selection, station_id="bench-1"))) == [runs[name] for name in expected]


def test_many_runs_take_few_questions(store: Store, data_dir: Path) -> None:
    store(*[a_run(minute=minute, attempts=(an_attempt(1), an_attempt(2))) for minute in range(600)])
    statements: list[str] = []
    reader = Reader(data_dir)

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        assert sum(len(run.attempts) for run in reader.runs(HERE)) == 1200
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    reader.close()
    # BEGIN, the runs, and attempts and images of each of two chunks (in portions of 500 keys).
    assert len(statements) <= 10


def test_a_reader_sees_one_moment_while_the_station_writes(store: Store, reader: Reader) -> None:
    store(*[a_run(minute=minute) for minute in range(3)])
    going = reader.runs(HERE)
    first = next(going)
    store(a_run(minute=10), replace(first, message="changed"))
    assert len([first, *going]) == 3
    assert len(list(reader.runs(HERE))) == 4


def test_a_unit_is_found_in_either_byte_order_and_case(store: Store, reader: Reader) -> None:
    runs = (a_run(minute=0), a_run(Outcome.FAIL, minute=1, batch=None))
    store(*runs, a_run(serial=OTHER_SERIAL))
    other_way = reversed_serial(SERIAL)
    assert other_way == "3322110096E4D2B1775C0F3A"
    for spelling in (SERIAL, SERIAL.lower(), f" {SERIAL} ", other_way, other_way.lower()):
        story = reader.unit(spelling)
        assert story.serial == SERIAL
        assert story.runs == runs
    assert json.loads(json.dumps(story.to_json()))["runs"][1]["code"] == "dfu.err_write"


def test_a_unit_that_the_log_does_not_know(reader: Reader) -> None:
    for serial in ("abc", "", "ffff", "%", "'; DROP TABLE runs; --"):
        story = reader.unit(serial)
        assert story.runs == ()
        assert story.serial == serial.upper()


def test_a_units_story_has_runs_without_identity_and_releases(store: Store, reader: Reader, data_dir: Path) -> None:
    unsure = a_run(Outcome.FAIL, code="identity.duplicate_serial", identified=False)
    store(unsure)
    release = Release(SERIAL, "2026-47", START, "Ada")
    release_unit(data_dir, replace(release, serial=SERIAL.lower()))
    story = reader.unit(SERIAL)
    assert (story.runs, story.releases) == ((unsure,), (release,))
    assert reader.history(SERIAL, "2026-47") == UnitHistory()


def test_the_history_of_a_new_unit(reader: Reader) -> None:
    assert reader.history(SERIAL, None) == UnitHistory()


def test_the_history_is_of_the_newest_run_that_touched(store: Store, reader: Reader) -> None:
    passed = a_run(minute=1)
    store(
        a_run(Outcome.FAIL, minute=0),
        passed,
        a_run(Outcome.SKIPPED, minute=2, bundle_sha256=sha256("another")),
        a_run(Outcome.FAIL, minute=3, serial=OTHER_SERIAL),
        a_run(Outcome.FAIL, minute=4, identified=False),
    )
    expected = UnitHistory("PASS", passed.bundle_sha256, "full", True, True, 0)
    assert reader.history(SERIAL, "2026-47") == expected
    assert reader.history(SERIAL.lower(), "2026-47") == expected
    for outcome, minute in ((Outcome.ABORTED, 5), (Outcome.ERROR, 6), (Outcome.FAIL, 7)):
        store(a_run(outcome, minute=minute, recipe="hp", bundle_sha256=sha256("new")))
        found = reader.history(SERIAL, "2026-47")
        assert (found.touched_outcome, found.touched_recipe) == (outcome, "hp")
        assert found.touched_bundle_sha256 == sha256("new")
        assert (found.touched_verified, found.touched_boot_confirmed) == (False, False)
    store(a_run(None, minute=8))
    assert reader.history(SERIAL, "2026-47").touched_outcome == "OPEN"


def test_a_clock_that_was_set_back_hides_nothing(store: Store, reader: Reader) -> None:
    """The camera holds what the run recorded last has written, not what the one of the latest time has."""
    store(a_run(minute=60), a_run(Outcome.SKIPPED, minute=1))
    assert reader.history(SERIAL, "2026-47").touched_is_newest
    store(a_run(minute=2, bundle_sha256=sha256("another")))
    found = reader.history(SERIAL, "2026-47")
    assert (found.touched_bundle_sha256, found.touched_is_newest) == (sha256("another"), True)
    store(a_run(minute=61))
    assert reader.history(SERIAL, "2026-47").touched_bundle_sha256 == sha256("bundle")


def test_what_was_cut_short_after_the_clock_was_set_back_is_not_done(store: Store, reader: Reader) -> None:
    store(a_run(minute=60), a_run(Outcome.ABORTED, minute=2), a_run(minute=59, serial=OTHER_SERIAL))
    assert [unit.serial for unit in reader.failed()] == [SERIAL]
    assert reader.report().open_units == (SERIAL,)
    assert reader.batch_summary("2026-47").passed == 1
    store(a_run(minute=3))
    assert reader.failed() == []


def test_runs_that_are_imported_in_any_order_keep_their_times(store: Store, reader: Reader, data_dir: Path) -> None:
    import_runs(data_dir, [a_run(minute=60, station_id="bench-2")])
    import_runs(data_dir, [a_run(Outcome.FAIL, minute=2, station_id="bench-2")])
    assert reader.failed() == []
    import_runs(data_dir, [a_run(Outcome.ABORTED, minute=61, station_id="bench-3")])
    assert [unit.serial for unit in reader.failed()] == [SERIAL]


def test_an_older_run_of_another_station_is_no_doubt(store: Store, reader: Reader) -> None:
    store(a_run(minute=60), a_run(minute=2, station_id="bench-2", bundle_sha256=sha256("another")))
    assert reader.history(SERIAL, "2026-47").touched_is_newest


def test_failed_runs_count_in_their_batch_since_the_last_pass(store: Store, reader: Reader) -> None:
    def failures() -> list[int]:
        return [reader.history(SERIAL, batch).failed_runs for batch in ("2026-47", "2026-48", None)]

    store(a_run(Outcome.FAIL, minute=0), a_run(Outcome.FAIL, minute=1), a_run(Outcome.ERROR, minute=2))
    assert failures() == [2, 0, 0]
    store(a_run(Outcome.FAIL, minute=3, batch="2026-48"), a_run(Outcome.FAIL, minute=4, batch=None))
    assert failures() == [2, 1, 1]
    store(a_run(Outcome.SKIPPED, minute=5), a_run(Outcome.ABORTED, minute=6))
    assert failures() == [2, 1, 1]
    store(a_run(minute=7, batch="2026-49"))
    assert failures() == [0, 0, 0]
    store(a_run(Outcome.FAIL, minute=8))
    assert failures() == [1, 0, 0]


def test_a_release_forgives_in_its_batch_or_everywhere(store: Store, reader: Reader, data_dir: Path) -> None:
    batches = ("2026-47", "2026-48", None)
    store(*[a_run(Outcome.FAIL, minute=0, batch=batch) for batch in batches])

    def failures() -> list[int]:
        return [reader.history(SERIAL, batch).failed_runs for batch in batches]

    assert failures() == [1, 1, 1]
    release_unit(data_dir, Release(SERIAL, "2026-47", START + timedelta(seconds=30), "Ada"))
    store(*[a_run(Outcome.FAIL, minute=1, batch=batch) for batch in batches])
    assert failures() == [1, 2, 2]
    release_unit(data_dir, Release(OTHER_SERIAL, None, START + timedelta(hours=1), "Ada"))
    assert failures() == [1, 2, 2]
    release_unit(data_dir, Release(SERIAL, None, START + timedelta(hours=1), "Ada"))
    assert failures() == [0, 0, 0]
    store(a_run(Outcome.FAIL, minute=90))
    assert failures() == [1, 0, 0]


def test_a_release_after_the_clock_was_set_back_forgives_what_was_recorded_before_it(
    store: Store, reader: Reader, data_dir: Path
) -> None:
    """The engineer looked at the camera now, whatever hour the failures have."""
    store(a_run(Outcome.FAIL, minute=120), a_run(Outcome.FAIL, minute=121))
    release_unit(data_dir, Release(SERIAL, None, START, "Ada"))
    assert reader.history(SERIAL, "2026-47").failed_runs == 0
    store(a_run(Outcome.FAIL, minute=1))
    assert reader.history(SERIAL, "2026-47").failed_runs == 1


def test_failures_after_a_release_count_although_the_clock_was_set_back_since(
    store: Store, reader: Reader, data_dir: Path
) -> None:
    release_unit(data_dir, Release(SERIAL, None, START + timedelta(hours=2), "Ada"))
    store(a_run(Outcome.FAIL, minute=1), a_run(Outcome.FAIL, minute=2))
    assert reader.history(SERIAL, "2026-47").failed_runs == 2


def test_the_interlock_and_the_lists_use_indexes(data_dir: Path) -> None:
    statements: list[tuple[str, Any]] = []

    def note(_c: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            statements.append((statement, parameters))

    reader = Reader(data_dir)
    event.listen(Engine, "before_cursor_execute", note)
    try:
        reader.unit(SERIAL)
        list(reader.runs(RunFilter(batch="2026-47")))
        list(reader.runs(RunFilter(since=START)))
        list(reader.runs(RunFilter(serial=SERIAL)))
        reader.open_runs("bench-1")
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    reader.close()
    engine = open_reader(data_dir)
    for query in (_of_batch(sqlite=True), _of_no_batch(sqlite=True)):
        prepared = Prepared(engine, query)
        statements.append((prepared.statement, tuple(prepared.parameters({"serial": SERIAL, "batch": "2026-47"}))))
    assert len(statements) >= 8
    with engine.connect() as connection:
        for statement, parameters in statements:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            steps = [row[3] for row in plan]
            scanned = [step for step in steps if step.startswith("SCAN") and "INDEX" not in step]
            # What the statement itself makes up, as a row of constants, may be walked through.
            assert not [step for step in scanned if step.split()[1] in METADATA.tables], (statement, steps)
            # A unit's few runs, which may be of several rows in units, are the only ones that are sorted.
            of_one_unit = "WHERE runs.unit_id = (SELECT" in statement and "LIMIT" not in statement
            if "JOIN units" not in statement and not of_one_unit:
                assert not [step for step in steps if "TEMP B-TREE" in step], (statement, steps)
    engine.dispose()


def test_the_history_is_asked_by_many_threads(store: Store, reader: Reader) -> None:
    serials = [f"{number:024X}" for number in range(20)]
    store(*[a_run(Outcome.FAIL, minute=number, serial=serial) for number, serial in enumerate(serials)])
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda serial: reader.history(serial, "2026-47"), serials * 20))
    assert {(history.touched_outcome, history.failed_runs) for history in found} == {("FAIL", 1)}


def test_the_history_is_the_last_commit_and_says_what_is_wrong(store: Store, reader: Reader, data_dir: Path) -> None:
    store(a_run(Outcome.FAIL))
    assert reader.history(SERIAL, None).failed_runs == 0
    assert reader.history("A\0\ud800", "\udcff") == UnitHistory()
    with closing(sqlite3.connect(data_dir / FILE_NAME)) as connection:
        connection.execute("ALTER TABLE runs RENAME TO gone")
        with pytest.raises(LedgerError):
            reader.history(SERIAL, None)
        connection.execute("ALTER TABLE gone RENAME TO runs")
    assert reader.history(SERIAL, "2026-47").failed_runs == 1


IN_HOLD = (an_attempt(1, Outcome.ABORTED, phase="hold", images=()),)
"""The attempts of a run that ended before it wrote anything."""


def test_failed_lists_every_unit_that_is_not_done_and_why(store: Store, reader: Reader) -> None:
    passed_then = {
        "failed": a_run(Outcome.FAIL, minute=5, serial="FAILED", slot="B2", code="usb.io"),
        "cut": a_run(Outcome.ABORTED, minute=6, serial="CUT", bundle="B"),
        "killed": a_run(Outcome.ERROR, minute=7, serial="KILLED", code="station.interrupted", attempts=()),
        "running": a_run(None, minute=8, serial="RUNNING"),
    }
    nameless = [a_run(Outcome.FAIL, minute=minute, serial="", identified=False) for minute in (20, 21)]
    never = [
        a_run(Outcome.ERROR, minute=22, serial="ONLY-ERROR"),
        a_run(Outcome.ABORTED, minute=23, serial="ONLY-HELD", attempts=IN_HOLD),
        a_run(None, minute=24, serial="FIRST-RUN"),
    ]
    done = [
        a_run(Outcome.FAIL, minute=0, serial="FIXED"),
        a_run(minute=9, serial="FIXED"),
        a_run(minute=0, serial="HELD"),
        a_run(Outcome.ABORTED, minute=9, serial="HELD", attempts=IN_HOLD),
        a_run(minute=0, serial="SKIPPED"),
        a_run(Outcome.SKIPPED, minute=9, serial="SKIPPED"),
        a_run(Outcome.SKIPPED, minute=9, serial="SKIPPED-ONLY"),
        a_run(Outcome.ERROR, minute=0, serial="AGAIN"),
        a_run(minute=9, serial="AGAIN"),
    ]
    passes = [a_run(minute=0, serial=run.serial) for run in passed_then.values()]
    store(*passes, *passed_then.values(), *nameless, *never, *done)
    found = reader.failed()
    assert [unit.run_id for unit in found] == [run.run_id for run in (*passed_then.values(), *nameless, *never)]
    assert [unit.outcome for unit in found[:4]] == [Outcome.FAIL, Outcome.ABORTED, Outcome.ERROR, None]
    assert [unit.why for unit in found[:4]] == [
        f"{what}, after it had passed" for what in ("failed", "cut short", "station error", "a run is open")
    ]
    unit = found[0]
    assert (unit.serial, unit.code, unit.slot, unit.runs) == ("FAILED", "usb.io", "B2", 2)
    assert (unit.failed_at, unit.hint) == (passed_then["failed"].finished_at, HINTS["usb.io"])
    report, balance = reader.report(RunFilter(batch="2026-47")), reader.batch_summary("2026-47")
    assert sorted(report.open_units) == sorted(unit.serial for unit in found)
    # 4 passed and were cut short, 2 without a name failed, and 4 others are done: that is 10 with a counted run.
    assert (report.units_counted, report.units_passed, report.final_yield) == (10, 4, 0.4)
    assert (balance.passed, balance.passed_earlier, balance.failed, balance.unfinished) == (4, 1, 3, 6)


def test_a_pass_in_another_batch_does_not_count_here_but_what_was_cut_short_there_does(
    store: Store, reader: Reader
) -> None:
    """An engineer takes a camera out of the box, tries something, and puts it back."""
    tried = a_run(Outcome.ABORTED, minute=5, batch=None, purpose=Purpose.ENGINEERING)
    store(a_run(), tried)
    assert [unit.run_id for unit in reader.failed("2026-47")] == [tried.run_id]
    assert reader.batch_summary("2026-47").open == 1
    store(a_run(minute=6, batch="2026-48"))
    assert reader.failed("2026-47") == reader.failed() == []
    other = a_run(minute=7, batch=None, purpose=Purpose.ENGINEERING, bundle="trial")
    store(other)
    assert [unit.why for unit in reader.failed("2026-47")] == ["run for another purpose, after it had passed"]
    store(a_run(Outcome.SKIPPED, minute=8))
    assert reader.failed("2026-47") == []


def test_only_production_and_rework_count(store: Store, reader: Reader) -> None:
    trial = a_run(Outcome.FAIL, serial=OTHER_SERIAL, purpose=Purpose.ENGINEERING)
    store(a_run(Outcome.FAIL), a_run(minute=1, purpose=Purpose.REWORK), trial)
    assert (reader.report().units_counted, reader.report().units_passed, reader.failed()) == (1, 1, [])
    assert dict(reader.report().outcomes)[Outcome.FAIL] == 1
    assert reader.counted_units("bench-1", "2026-47") == {SERIAL}
    assert reader.history(OTHER_SERIAL, "2026-47").failed_runs == 0
    assert reader.history(OTHER_SERIAL, "2026-47").touched_outcome == "FAIL"
    assert [unit.serial for unit in reader.failed(purposes=(Purpose.ENGINEERING,))] == [OTHER_SERIAL]
    of_trials = reader.report(RunFilter(purposes=(Purpose.ENGINEERING,)))
    assert (of_trials.units_counted, of_trials.open_units) == (1, (OTHER_SERIAL,))


def test_a_unit_that_is_skipped_because_it_passed_has_its_result(store: Store, reader: Reader) -> None:
    store(a_run(batch="L1"), a_run(Outcome.SKIPPED, minute=1, batch="L2"))
    set_aside = a_run(Outcome.SKIPPED, minute=2, batch="L2", serial=OTHER_SERIAL, code="unit.set_aside")
    store(set_aside)
    assert reader.counted_units("bench-1", "L2") == {SERIAL}
    balance = reader.batch_summary("L2")
    assert (balance.planned, balance.passed, balance.passed_earlier, balance.open) == (1, 0, 1, 0)
    assert reader.failed("L2") == []


def test_a_batch_with_two_firmwares_or_recipes_names_each(store: Store, reader: Reader) -> None:
    other = {"bundle": "v4.8.0", "bundle_sha256": sha256("other"), "bundle_version": "OpenMV v4.8.0"}
    store(a_run(), a_run(minute=1), a_run(Outcome.FAIL, minute=2, serial=OTHER_SERIAL, **other))
    store(a_run(Outcome.SKIPPED, minute=3, recipe="romfs0"), a_run(minute=4, serial=OTHER_SERIAL, recipe="hp"))
    report = reader.report(RunFilter(batch="2026-47"))
    assert report.mixed
    assert [(one.bundle, one.bundle_version, one.recipe, one.units, one.runs) for one in report.bundles] == [
        ("v4.7.0", "", "full", 1, 2),
        ("v4.7.0", "", "hp", 1, 1),
        ("v4.8.0", "OpenMV v4.8.0", "full", 1, 1),
    ]
    assert not reader.report(RunFilter(batch="2026-47", bundle="v4.8.0")).mixed


def test_a_unit_is_found_by_its_applications_serial(store: Store, reader: Reader) -> None:
    store(
        a_run(application_serial="0829c14000000000"),
        a_run(minute=1, serial=OTHER_SERIAL, application_serial="085ce70000000000"),
        a_run(minute=2, serial="THIRD", application_serial="085CE70000000000"),
        a_run(minute=3, serial="", identified=False, application_serial="0829c14000000000"),
    )
    assert reader.unit_of_application("0829C14000000000 ") == SERIAL
    assert reader.unit_of_application("085ce70000000000") is None
    assert reader.unit_of_application("") is None
    story = reader.unit("0829C14000000000")
    assert (story.serial, story.application_serials) == (SERIAL, ("0829c14000000000",))
    assert story.to_json()["application_serials"] == ["0829c14000000000"]
    assert {line.serial for line in reader.found("085ce70000000000", 9)} == {OTHER_SERIAL, "THIRD"}
    assert {line.serial for line in reader.found("829c1", 9)} == {SERIAL, ""}


@pytest.mark.parametrize(
    ("kind", "wrong", "right"),
    [
        ("batch", "2026-74", "2026-47"),
        ("batch", "2026-48", "2026-49"),
        ("slot", "A11", "A1"),
        ("operator", "ada", "Ada"),
        ("bundle", "v4.7", "v4.7.0"),
        ("unit", SERIAL[:-1] + "0", SERIAL),
        ("batch", "L9", None),
    ],
)
def test_a_name_that_the_log_has_never_seen_is_refused(
    store: Store, recorder: Recorder, replies: Replies, reader: Reader, kind: str, wrong: str, right: str | None
) -> None:
    """A batch that was begun is seen, though it has no run; so is one with an open run only."""
    recorder.submit(BatchNoted(Batch("b", "bench-1", "2026-49", 5, None, START)))
    store(a_run(), a_run(None, minute=1, batch="OPEN", serial=OTHER_SERIAL))
    with pytest.raises(UsageError) as caught:
        reader.refuse_unknown(**{kind: wrong})
    assert (caught.value.code, caught.value.exit_code) == (f"usage.unknown_{kind}", 2)
    assert wrong in caught.value.message
    assert "\n" not in caught.value.message
    assert right is None or right in caught.value.message.partition("nearest: ")[2]
    assert caught.value.hint
    reader.refuse_unknown(**{kind: right})
    reader.refuse_unknown(operator=None)
    reader.refuse_unknown(batch="OPEN", slot="A1", unit=SERIAL.lower())


def test_failed_looks_at_one_batch_alone(store: Store, reader: Reader) -> None:
    store(a_run(Outcome.FAIL, minute=0), a_run(Outcome.PASS, minute=1, batch="2026-48"))
    assert [unit.serial for unit in reader.failed("2026-47")] == [SERIAL]
    assert reader.failed("2026-48") == []
    assert reader.failed() == []
    assert reader.failed("no such batch") == []


def test_summary_is_the_summary_of_the_selected_runs(store: Store, reader: Reader) -> None:
    runs = [a_run(Outcome.FAIL, minute=0), a_run(minute=1), a_run(minute=2, batch="2026-48", serial=OTHER_SERIAL)]
    store(*runs)
    assert reader.summary("2026-47") == summarize(runs[:2], batch="2026-47")
    until = START + timedelta(minutes=1)
    assert reader.summary("2026-47", until=until) == summarize(runs[:1], batch="2026-47", until=until)
    assert reader.summary("none").units_started == 0


outcomes = st.sampled_from([*Outcome, None])
any_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@st.composite
def any_run(draw: st.DrawFn) -> RunRecord:
    outcome = draw(outcomes)
    attempts = tuple(
        an_attempt(number, draw(st.sampled_from(list(Outcome))), notes=tuple(draw(st.lists(any_text, max_size=2))))
        for number in range(1, draw(st.integers(1, 4)))
    )
    return a_run(
        outcome,
        draw(st.integers(0, 5)),
        serial=draw(st.sampled_from(["A", "B", "C", "a"]) | any_text),
        identified=draw(st.booleans()),
        batch=draw(st.sampled_from(["x", "y", None])),
        message=draw(any_text),
        operator=draw(st.none() | any_text),
        attempts=attempts,
    )


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=st.lists(any_run(), max_size=12))
def test_any_history_comes_back_as_it_went_in(
    data_dir: Path, store: Store, reader: Reader, runs: list[RunRecord]
) -> None:
    _empty(data_dir)
    # An open run arrives without attempts; they follow one by one.
    runs = [run if run.outcome else opened(run) for run in runs]
    store(*runs)
    assert list(reader.runs(HERE)) == sorted(runs, key=lambda run: (run.started_at, run.run_id))
    for batch in ("x", "y", None):
        assert sorted(unit.serial.strip().upper() for unit in reader.failed(batch)) == sorted(
            reader.report(RunFilter(batch=batch)).open_units
        )
        for serial in ("A", "B"):
            assert reader.history(serial, batch) == _history_by_hand(runs, serial, batch)
    assert [run_from_json(json.loads(json.dumps(run.to_json()))) for run in runs] == runs


def _empty(data_dir: Path) -> None:
    with closing(sqlite3.connect(data_dir / FILE_NAME)) as connection, connection:
        for table in (
            "hour_runs",
            "hour_images",
            "hour_measurements",
            "releases",
            "images",
            "measurements",
            "attempts",
            "runs",
            "units",
        ):
            connection.execute(f"DELETE FROM {table}")


def _history_by_hand(runs: list[RunRecord], serial: str, batch: str | None) -> UnitHistory:
    # In the order in which they were recorded, whatever the clock said.
    mine = [run for run in runs if run.identified and run.serial.strip().upper() == serial]
    touched = [run for run in mine if run.outcome is not Outcome.SKIPPED]
    if not touched:
        return UnitHistory()
    last_pass = max((place for place, run in enumerate(mine) if run.outcome is Outcome.PASS), default=-1)
    failed = [run for run in mine[last_pass + 1 :] if run.outcome is Outcome.FAIL and run.batch == batch]
    newest = touched[-1]
    return UnitHistory(
        str(newest.outcome) if newest.outcome else "OPEN",
        newest.bundle_sha256,
        newest.recipe,
        newest.verified,
        newest.boot_confirmed,
        len(failed),
    )


def test_the_newest_runs_are_listed_up_to_a_limit(store: Store, reader: Reader) -> None:
    store(*(a_run(minute=minute, serial=f"{minute:024X}") for minute in (5, 1, 9, 3)), a_run(minute=7, batch="other"))
    listed = reader.newest(RunFilter(batch="2026-47"), 3)
    assert [line.serial for line in listed] == [f"{minute:024X}" for minute in (9, 5, 3)]
    assert reader.newest(RunFilter(batch="2026-47", since=START + timedelta(minutes=6)), 3) == listed[:1]
    [run] = reader.runs(RunFilter(serial=f"{9:024X}"))
    line = listed[0]
    assert (line.run_id, line.outcome, line.code) == (run.run_id, run.outcome, run.code)
    assert (line.slot, line.started_at) == (run.slot, run.started_at)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SERIAL, [SERIAL]),
        (f" {SERIAL.lower()} ", [SERIAL]),
        (reversed_serial(SERIAL), [SERIAL]),
        ("3a0f5c77b1", [OTHER_SERIAL, SERIAL, SERIAL]),
        ("3A0F5C77B1D2E49600112", [SERIAL, SERIAL]),
        ("112233", [SERIAL, SERIAL]),
        ("5566", [OTHER_SERIAL]),
        ("_", []),
        ("%", []),
        ("00000000", []),
        (" ", []),
        ("", []),
    ],
)
def test_units_are_found_by_a_part_of_their_serial(
    store: Store, reader: Reader, text: str, expected: list[str]
) -> None:
    store(a_run(Outcome.FAIL, serial=SERIAL), a_run(minute=1, serial=SERIAL), a_run(minute=2, serial=OTHER_SERIAL))
    whole = len(text.strip()) == 24
    assert [line.serial for line in reader.found(text, 1 if whole else 50)] == expected


def test_of_many_units_that_are_meant_the_newest_are_found(store: Store, reader: Reader) -> None:
    store(*(a_run(minute=minute, serial=f"3A0F5C77B1{minute:014X}") for minute in range(9)))
    newest = [f"3A0F5C77B1{minute:014X}" for minute in (8, 7, 6)]
    for text in ("3A0F5C77B1", "7B1"):
        assert [line.serial for line in reader.found(text, 3)] == newest


def test_what_failed_before_a_moment_is_not_asked(store: Store, reader: Reader) -> None:
    store(a_run(Outcome.FAIL, serial=SERIAL), a_run(Outcome.FAIL, minute=5, serial=OTHER_SERIAL))
    assert [unit.serial for unit in reader.failed(since=START + timedelta(minutes=1))] == [OTHER_SERIAL]


def test_rates_are_those_of_the_report(store: Store, reader: Reader) -> None:
    runs = [a_run(attempts=(an_attempt(),)), a_run(minute=3, slot="B2", attempts=(an_attempt(),)), a_run(Outcome.FAIL)]
    store(*(replace(run, duration_s=20.0 + number) for number, run in enumerate(runs)))
    rates = reader.rates(HERE)
    assert rates.images == reader.report(HERE).images
    assert rates.images
    assert rates.run_mean_s == 20.5
    assert reader.rates(RunFilter(since=START + timedelta(days=1))).run_mean_s is None


def test_how_the_newest_runs_of_a_station_ended(store: Store, reader: Reader) -> None:
    runs = [a_run(minute=minute, serial=f"{minute:024X}") for minute in (5, 1, 9, 3)]
    store(*runs, a_run(minute=7, station_id="another"))
    ended = reader.finished("bench-1", START + timedelta(minutes=2), 2)
    assert [run.serial for run in ended] == [f"{minute:024X}" for minute in (9, 5)]
    [run] = reader.runs(RunFilter(serial=f"{9:024X}"))
    newest = ended[0]
    assert (newest.run_id, newest.slot, newest.outcome, newest.code) == (run.run_id, run.slot, run.outcome, run.code)
    assert (newest.message, newest.finished_at, newest.duration_s) == (run.message, run.finished_at, run.duration_s)
    assert [run.serial[-1] for run in reader.finished("bench-1", START, 9)] == ["9", "5", "3", "1"]
