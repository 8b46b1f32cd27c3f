"""A bit that turned inside a row: every page is well-formed, and the log is damaged all the same."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from station.errors import LedgerError
from station.ledger.backup import backup
from station.ledger.database import log_file, reading
from station.ledger.integrity import check
from station.ledger.reader import Reader
from station.ledger.run_import import import_runs
from station.ledger.unreadable import is_readable
from tests.unit.ledger.builders import a_run, an_attempt

SPOILT = {
    "a time": "UPDATE runs SET started_at = '2026-1q-29 06:47:14.163709'",
    "a text": "UPDATE runs SET bundle_version = CAST(x'4f70656ecd' AS TEXT)",
    "a word of a list": "UPDATE runs SET purpose = 'prodqction'",
    "JSON": "UPDATE runs SET notes = '{]'",
    "JSON of another kind": "UPDATE runs SET notes = '7'",
    "a part of a run": "UPDATE attempts SET started_at = 'yesterday'",
    "a table": "DROP TABLE measurements",
}


@pytest.mark.parametrize("statement", SPOILT.values(), ids=SPOILT)
def test_a_log_with_a_value_that_cannot_be_read_is_refused_with_the_way_back(
    data_dir: Path, tmp_path: Path, statement: str
) -> None:
    import_runs(data_dir, [a_run(attempts=(an_attempt(1),))])
    copy = tmp_path / "monday.sqlite3"
    backup(data_dir, copy)
    with closing(sqlite3.connect(log_file(data_dir))) as log:
        log.execute(statement)
        log.commit()
    backup(data_dir, tmp_path / "tuesday.sqlite3")  # it has the same damage, and is the newer one
    assert not is_readable(tmp_path / "tuesday.sqlite3")
    with closing(Reader(data_dir)) as reader, pytest.raises(LedgerError) as refused:
        list(reader.runs())
    assert refused.value.code == "ledger.corrupt"
    assert f"station db restore {copy}" in refused.value.message
    assert "Traceback" not in refused.value.message
    found = check(data_dir)
    assert (found.ok, found.is_damaged) == (False, True)


def test_a_mistake_of_ours_is_not_blamed_on_the_log(data_dir: Path) -> None:
    import_runs(data_dir, [a_run()])
    with pytest.raises(ValueError, match="ours"), reading(data_dir):
        raise ValueError("ours")


def test_a_log_that_can_be_read_is_sound(data_dir: Path) -> None:
    import_runs(data_dir, [a_run(attempts=(an_attempt(1), an_attempt(2)))])
    assert check(data_dir).ok
