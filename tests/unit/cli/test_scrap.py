"""Planned three, two passed, one dead on arrival: an engineer scraps it, and the batch is done."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from station.ledger import schema_version
from station.ledger.reader import Reader
from station.ledger.recorder import Recorder
from station.ledger.run_import import import_runs
from station.model.batches import Batch
from station.model.ids import new_id
from station.model.runs import Outcome
from station.yields.counting import summarize
from tests.unit.cli.conftest import Station
from tests.unit.ledger.builders import START, a_run, rounded
from tests.unit.ledger.test_batches import note

DEAD = "3A0F5C77B1D2E49600999999"
BY = ("--batch", "2026-47", "--reason", "dead on arrival", "--by", "Eve")
LATER = timedelta(minutes=1)


@pytest.fixture
def log(data_dir: Path) -> Path:
    schema_version.create_or_check(data_dir)
    recorder = Recorder(data_dir, lambda _reply: None)
    note(recorder, Batch(new_id(), "bench-1", "2026-47", 3, "Ada", START))
    assert recorder.close(120)
    import_runs(data_dir, [a_run(minute=2 * number, serial=f"{number + 1:024X}") for number in range(2)])
    return data_dir


def balance(data_dir: Path) -> tuple[int, ...]:
    with closing(Reader(data_dir)) as reader:
        one = reader.batch_summary("2026-47")
        assert rounded(reader.report()) == rounded(summarize(reader.runs()))
        return one.planned, one.passed, one.open, one.failed, one.scrapped


@pytest.mark.parametrize("words", [[], [DEAD]], ids=["no serial", "the serial on its label"])
def test_the_batch_is_done(station: Station, log: Path, words: list[str]) -> None:
    assert balance(log) == (3, 2, 1, 0, 0)
    assert station("scrap", *words, *BY).exit_code == 0
    assert balance(log) == (3, 2, 0, 1, 1)
    with closing(Reader(log)) as reader:
        run = list(reader.runs())[-1]
    assert (run.outcome, run.code, run.operator, run.serial) == (Outcome.FAIL, "unit.scrapped", "Eve", "".join(words))


def test_what_report_and_failed_say(station: Station, log: Path) -> None:
    before = station("report", "--batch", "2026-47", "--json").json
    station("scrap", DEAD, *BY)
    report = station("report", "--batch", "2026-47", "--json").json
    assert (report["units_passed"], report["units_failed"], report["units_scrapped"]) == (2, 1, 1)
    assert report["final_yield"] == pytest.approx(2 / 3)
    assert report["open_units"] == []
    assert [(one["code"], one["units"]) for one in report["failures"]] == [("unit.scrapped", 1)]
    # It says nothing of the bench, the firmware or how fast the line is.
    for figure in ("slots", "bundles", "mixed", "units_per_hour", "duration_s", "last_ended_at"):
        assert report[figure] == before[figure]
    (unit,) = station("failed", "--batch", "2026-47", "--json").json
    assert (unit["serial"], unit["scrapped"], unit["why"]) == (DEAD, True, "scrapped")
    assert "dead on arrival" in unit["message"]
    text = station("failed", "--batch", "2026-47").out
    assert "Units to run again: 0, scrapped: 1" in text
    assert "Units scrapped    1" in station("report", "--batch", "2026-47").out
    assert "dead on arrival" in station("unit", DEAD).out


def test_a_unit_that_failed_is_named_by_the_end_of_its_serial(station: Station, log: Path) -> None:
    import_runs(log, [a_run(Outcome.FAIL, 9, serial=DEAD)])
    assert balance(log) == (3, 2, 0, 1, 0)
    assert station("scrap", DEAD[-6:], *BY).exit_code == 0
    assert balance(log) == (3, 2, 0, 1, 1)


def test_one_that_passes_after_all_is_done(station: Station, log: Path) -> None:
    station("scrap", DEAD, *BY)
    with closing(Reader(log)) as reader:
        scrapped = list(reader.runs())[-1].started_at
    minutes = (scrapped + LATER - START) / timedelta(minutes=1)
    import_runs(log, [a_run(Outcome.PASS, minutes, serial=DEAD)])
    assert balance(log) == (3, 3, 0, 0, 0)


@pytest.mark.parametrize("left_out", ["--batch", "--reason", "--by"])
def test_nothing_is_scrapped_without_saying_what_and_why(station: Station, log: Path, left_out: str) -> None:
    at = BY.index(left_out)
    for words, code in (
        ((*BY[:at], *BY[at + 2 :]), "usage.scrap"),
        ((*BY[:at], left_out, "  ", *BY[at + 2 :]), "usage.empty"),
    ):
        told = station("scrap", DEAD, *words)
        assert (told.exit_code, told.err.partition(":")[0]) == (2, code)
    assert balance(log) == (3, 2, 1, 0, 0)


def test_a_batch_or_unit_that_nobody_knows(station: Station, log: Path) -> None:
    assert station("scrap", DEAD, "--batch", "2026-48", *BY[2:]).err.startswith("usage.unknown_batch: ")
    assert station("scrap", "999999", *BY).err.startswith("usage.scrap: ")
    assert balance(log) == (3, 2, 1, 0, 0)
