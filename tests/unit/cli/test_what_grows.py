"""A line works for months: what it keeps of its runs, what it says into a file, and the log's -wal stay small."""

from __future__ import annotations

import io
import logging
import sqlite3
import sys
import threading
import tracemalloc
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from station.cli import line_command
from station.cli.line_command import RunPrinter
from station.cli.talk_file import keep_small
from station.ledger import schema_version, wal_size
from station.ledger.database import FILE_NAME
from station.ledger.reader import Reader
from station.ledger.recorder import Recorder
from station.ledger.run_import import import_runs
from station.model.events import RunFinished
from station.model.ids import new_id
from station.model.runs import Outcome
from station.model.units import RunFilter
from tests.harness import wait_for
from tests.unit.cli.conftest import Station
from tests.unit.ledger.builders import SERIAL, a_run


def _runs(printer: RunPrinter, first: int, count: int, outcome: Outcome = Outcome.PASS) -> None:
    for number in range(first, first + count):
        printer(a_run(outcome, serial=f"{number:024d}"))


@pytest.mark.parametrize("reads", [True, False], ids=["printed", "nobody reads"])
def test_what_is_kept_does_not_grow_with_the_runs(monkeypatch: pytest.MonkeyPatch, *, reads: bool) -> None:
    monkeypatch.setattr(line_command, "MOST_UNPRINTED", 50)
    free = threading.Event()
    if reads:
        free.set()
    monkeypatch.setattr(line_command, "print_run", lambda run, *, as_json: free.wait())
    printer = RunPrinter(as_json=True)
    tracemalloc.start()
    try:
        with printer.printing():
            _runs(printer, 0, 1000)
            if reads:
                wait_for(printer._queue.empty, "all of them printed")
            before, _ = tracemalloc.get_traced_memory()
            _runs(printer, 1000, 2000)
            if reads:
                wait_for(printer._queue.empty, "all of them printed")
            after, _ = tracemalloc.get_traced_memory()
            free.set()
    finally:
        tracemalloc.stop()
    assert after - before < 2000 * 20
    assert printer.has_runs
    assert printer.all_passed


def test_runs_that_were_not_printed_are_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(line_command, "MOST_UNPRINTED", 5)
    stuck = threading.Event()
    monkeypatch.setattr(line_command, "print_run", lambda run, *, as_json: stuck.wait())
    printer = RunPrinter(as_json=True)
    with printer.printing():
        _runs(printer, 0, 50)
        stuck.set()
    assert "runs were not printed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("outcomes", "passed"),
    [
        ([Outcome.PASS], True),
        ([Outcome.FAIL, Outcome.PASS], True),
        ([Outcome.PASS, Outcome.FAIL], False),
        ([Outcome.FAIL, Outcome.SKIPPED], False),
        ([], True),
    ],
)
def test_whether_all_passed_in_the_end(outcomes: list[Outcome], *, passed: bool) -> None:
    printer = RunPrinter(as_json=True)
    for outcome in outcomes:
        printer(a_run(outcome, code=None))
    assert printer.all_passed is passed


def test_units_that_nobody_can_tell_apart_do_not_pass_for_each_other() -> None:
    printer = RunPrinter(as_json=True)
    printer(a_run(Outcome.ERROR, identified=False))
    printer(a_run(Outcome.PASS, identified=False))
    assert not printer.all_passed


def test_an_already_passed_unit_is_no_failure() -> None:
    printer = RunPrinter(as_json=True)
    printer(a_run(Outcome.FAIL))
    printer(replace(a_run(Outcome.SKIPPED), code="unit.already_passed"))
    assert printer.all_passed


def test_the_file_of_what_a_line_says_is_turned_over_under_it(tmp_path: Path) -> None:
    file = tmp_path / "line.log"
    with file.open("ab", buffering=0) as talk:
        for number in range(500):
            talk.write(b"%04d the same notice again and again\n" % number)
            keep_small(file, 2000)
        talk.write(b"the last word\n")
    older = file.with_name("line.log.1")
    assert file.stat().st_size + older.stat().st_size < 3 * 2000
    said = (older.read_bytes() + file.read_bytes()).splitlines()
    assert said[-1] == b"the last word"
    numbers = [int(line[:4]) for line in said[:-1]]
    assert numbers == list(range(numbers[0], 500))
    assert sorted(tmp_path.iterdir()) == [file, older]


def test_each_run_is_a_look_at_the_file() -> None:
    looks: list[None] = []
    printer = RunPrinter(as_json=True, after_each=lambda: looks.append(None))
    with printer.printing():
        _runs(printer, 0, 3)
    assert len(looks) == 3


@pytest.fixture
def log(data_dir: Path) -> Path:
    schema_version.create_or_check(data_dir)
    import_runs(data_dir, [a_run(minute=minute, run_id=new_id()) for minute in range(0, 300, 2)])
    return data_dir / FILE_NAME


def _can_be_used_up(log: Path) -> bool:
    """Whether the -wal can be begun anew: no reader is in the middle of an answer."""
    with closing(sqlite3.connect(log)) as connection:
        busy, _, _ = connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        return not busy


def test_a_reader_that_was_answered_holds_nothing(log: Path) -> None:
    with closing(Reader(log.parent)) as reader:
        reader.history(SERIAL, None)
        reader.newest(RunFilter(), 5)
        reader.report()
        reader.failed()
        list(reader.runs())
        assert _can_be_used_up(log)


def test_an_export_that_nobody_reads_holds_nothing(
    station: Station, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Piped into a pager: the first line is looked at for a day."""

    class Pager(io.StringIO):
        free: bool | None = None

        def write(self, text: str) -> int:
            if text and self.free is None:
                self.free = _can_be_used_up(log)
            return super().write(text)

    pager = Pager()
    monkeypatch.setattr(sys, "stdout", pager)
    assert station("export").exit_code == 0
    assert pager.free is True
    assert len(pager.getvalue().splitlines()) == 150


def test_a_program_that_reads_and_does_not_end_is_named(
    log: Path, station: Station, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(wal_size, "LARGE_BYTES", 100_000)
    recorder = Recorder(log.parent, lambda _reply: None)
    with closing(sqlite3.connect(log)) as idle:
        idle.execute("BEGIN")
        idle.execute("SELECT count(*) FROM runs").fetchone()
        for number in range(60):
            recorder.submit(RunFinished(a_run(Outcome.PASS, 400 + number)))
        assert recorder.close(120)
        said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert 1 <= len(said) < 10
        assert "does not end" in said[0]
        found = {one["check"]: one for one in station("doctor", "--json").json["checks"]}
        assert not found["write-ahead log"]["ok"]
        assert "End the program" in found["write-ahead log"]["fix"]
    found = {one["check"]: one for one in station("doctor", "--json").json["checks"]}
    assert "write-ahead log" not in found
