from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from station.errors import LedgerError, UsageError
from station.ledger.reader import Reader
from station.ledger.recorder import Recorder
from station.ledger.run_import import Imported, import_runs
from station.model.events import RunOpened
from station.model.runs import Outcome
from station.yields.counting import summarize
from tests.unit.ledger.builders import a_run, an_attempt, opened, rounded
from tests.unit.ledger.conftest import LIMIT_S


def test_many_runs_of_another_station(data_dir: Path, reader: Reader) -> None:
    runs = [a_run(minute=minute, station_id="bench-2", serial=str(minute % 90)) for minute in range(250)]
    assert import_runs(data_dir, runs) == Imported(new=250)
    assert import_runs(data_dir, [*runs, a_run(minute=999)]) == Imported(new=1, known=250)
    assert list(reader.runs())[:250] == runs
    assert rounded(reader.report()) == rounded(summarize(reader.runs()))


def test_a_run_that_is_known_stays_as_it_is(data_dir: Path, reader: Reader) -> None:
    run = a_run()
    import_runs(data_dir, [run])
    changed = replace(run, outcome=Outcome.FAIL, code="usb.io", slot="Z9")
    assert import_runs(data_dir, [changed]) == Imported(known=1)
    assert import_runs(data_dir, [opened(run)]) == Imported(still_open=1)
    assert list(reader.runs()) == [run]


def test_a_run_that_was_open_here_is_completed(data_dir: Path, reader: Reader, recorder: Recorder) -> None:
    run = a_run(attempts=(an_attempt(1, Outcome.FAIL), an_attempt(2)))
    recorder.submit(RunOpened(opened(run)))
    assert recorder.close(LIMIT_S)
    assert import_runs(data_dir, [run]) == Imported(new=1)
    assert list(reader.runs()) == [run]
    assert (reader.report().open_runs, reader.report().units_passed) == (0, 1)


def test_a_run_twice_in_one_file(data_dir: Path, reader: Reader) -> None:
    run = a_run()
    assert import_runs(data_dir, [run, run]) == Imported(new=1, known=1)
    assert list(reader.runs()) == [run]


def test_an_open_run_of_another_station_is_not_taken(data_dir: Path, reader: Reader) -> None:
    assert import_runs(data_dir, [a_run(None, station_id="bench-2")]) == Imported(still_open=1)
    assert list(reader.runs()) == []


def test_a_run_that_no_log_can_hold(data_dir: Path, reader: Reader) -> None:
    twice = a_run(attempts=(an_attempt(1), an_attempt(1)))
    with pytest.raises(UsageError, match=twice.run_id) as caught:
        import_runs(data_dir, [twice])
    assert (caught.value.code, bool(caught.value.hint)) == ("usage.import", True)
    assert list(reader.runs()) == []


def test_without_a_log(tmp_path: Path) -> None:
    with pytest.raises(LedgerError):
        import_runs(tmp_path, [a_run()])
