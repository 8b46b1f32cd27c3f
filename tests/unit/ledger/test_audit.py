"""The audit's chain: whatever is done to it by hand with sqlite3 is found and named."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import astuple, replace
from pathlib import Path

import pytest

from station.errors import LedgerError
from station.ledger import audit, schema_version
from station.ledger.audit_chain import AuditRow, Head, canonical_json, hash_of, problems
from station.ledger.database import log_file
from station.ledger.integrity import check
from station.roles.guarded_acts import Act, Done, Who
from station.roles.wrong_pins import FREE_TRIES, LONGEST_WAIT_S, WrongPins, begins_or_doubles

ADA = Who("Ada", "engineer")
Change = Callable[[sqlite3.Connection], object]


def done(number: int) -> Done:
    return Done(Act.UNIT_RELEASED, ADA, f"S{number}", {"batch": "L1", "number": number})


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Two stations, of five rows each."""
    schema_version.create_or_check(tmp_path)
    for number in range(1, 6):
        for station in ("bench-1", "bench-2"):
            assert audit.append(tmp_path, station, done(number)) == number
    return tmp_path


def by_hand(data_dir: Path, change: Change, *, triggers: bool = True) -> None:
    """As with the sqlite3 tool: what keeps rows from being changed is taken away, and put up again."""
    with closing(sqlite3.connect(log_file(data_dir))) as connection:
        kept = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in kept:
            connection.execute(f"DROP TRIGGER {name}")
        change(connection)
        for _, text in kept if triggers else ():
            connection.execute(text)
        connection.commit()


def sql(*statements: str) -> Change:
    return lambda connection: [connection.execute(one) for one in statements]


def test_an_untouched_chain_is_sound(log: Path) -> None:
    found = check(log)
    assert found.problems == ()
    assert [(name, number) for name, number, _ in found.audit] == [("bench-1", 5), ("bench-2", 5)]


def test_rows_are_only_added(log: Path) -> None:
    with closing(sqlite3.connect(log_file(log))) as connection:
        for statement in ("UPDATE audit SET who = 'Eve'", "DELETE FROM audit"):
            with pytest.raises(sqlite3.IntegrityError, match="only added"):
                connection.execute(statement)


COPIED = "SELECT {station}, {number}, at, who, role, act, subject, details, previous_hash, hash FROM audit"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (sql("UPDATE audit SET who = 'Eve' WHERE number = 3 AND station_id = 'bench-1'"), "row 3 of station bench-1"),
        (
            sql("UPDATE audit SET details = '{}' WHERE number = 1 AND station_id = 'bench-2'"),
            "row 1 of station bench-2",
        ),
        (sql("UPDATE audit SET at = 'noon' WHERE number = 5 AND station_id = 'bench-1'"), "row 5 of station bench-1"),
        (sql("DELETE FROM audit WHERE number = 3 AND station_id = 'bench-1'"), "rows 3 to 3 of station bench-1"),
        (sql("DELETE FROM audit WHERE number = 1 AND station_id = 'bench-2'"), "rows 1 to 1 of station bench-2"),
        (sql("DELETE FROM audit WHERE number > 3 AND station_id = 'bench-1'"), "rows 4 to 5 of station bench-1"),
        (sql("DELETE FROM audit WHERE station_id = 'bench-1'"), "rows 1 to 5 of station bench-1"),
        (
            sql(
                "DELETE FROM audit WHERE number = 3 AND station_id = 'bench-1'",
                "UPDATE audit SET number = number - 1 WHERE number > 3 AND station_id = 'bench-1'",
            ),
            "row 3 of station bench-1",
        ),
        (
            sql(
                "UPDATE audit SET number = number + 100 WHERE number > 2 AND station_id = 'bench-1'",
                f"INSERT INTO audit {COPIED.format(station='station_id', number=3)} WHERE number = 2"
                " AND station_id = 'bench-1'",
                "UPDATE audit SET number = number - 99 WHERE number > 100",
            ),
            "row 3 of station bench-1",
        ),
    ],
)
def test_what_was_changed_by_hand_is_named(log: Path, change: Change, named: str) -> None:
    by_hand(log, change)
    found = check(log)
    assert any(named in problem for problem in found.problems), found.problems
    other = "bench-2" if "bench-1" in named else "bench-1"
    assert not any(f"station {other}" in problem for problem in found.problems), found.problems


def chain_anew(connection: sqlite3.Connection, change: Callable[[AuditRow], AuditRow | None]) -> None:
    """The forger who knows how the hashes are made."""
    columns = ("station_id", "number", "at", "who", "role", "act", "subject", "details", "previous_hash", "hash")
    rows = connection.execute(f"SELECT {', '.join(columns)} FROM audit WHERE station_id = 'bench-1' ORDER BY number")
    kept = [row for row in (change(AuditRow(*row)) for row in rows.fetchall()) if row is not None]
    connection.execute("DELETE FROM audit WHERE station_id = 'bench-1'")
    before = ""
    for number, row in enumerate(kept, 1):
        made = replace(row, number=number, previous_hash=before)
        before = hash_of(made)
        connection.execute(f"INSERT INTO audit VALUES ({', '.join('?' * 10)})", astuple(replace(made, hash=before)))


def test_all_hashes_made_again_differ_from_the_second_place(log: Path) -> None:
    by_hand(log, lambda c: chain_anew(c, lambda row: None if row.number == 2 else row))
    assert check(log).problems == ("audit rows 5 to 5 of station bench-1 are missing at the end",)


def test_a_second_place_that_was_taken_away_is_found(log: Path) -> None:
    (log / audit.HEAD_FILE).unlink()
    assert any("no second place" in problem for problem in check(log).problems)


def test_a_trigger_that_was_taken_away_is_found(log: Path) -> None:
    by_hand(log, sql(), triggers=False)
    assert sum("trigger" in problem for problem in check(log).problems) == 2


def test_what_was_cut_off_is_found_also_after_the_next_row(log: Path) -> None:
    by_hand(log, sql("DELETE FROM audit WHERE number > 3 AND station_id = 'bench-1'"))
    audit.append(log, "bench-1", done(6))
    assert any("rows 4 to 5" in problem for problem in check(log).problems), check(log).problems


@pytest.mark.parametrize("cut", ["before the commit", "after the commit"])
def test_a_power_cut_between_the_two_places_is_no_finding(log: Path, monkeypatch: pytest.MonkeyPatch, cut: str) -> None:
    kept, calls = audit._keep, []

    def keep(data_dir: Path, heads: dict[str, Head]) -> None:
        calls.append(heads)
        if len(calls) == 1:
            kept(data_dir, heads)
        if len(calls) == 2 or cut == "before the commit":
            raise OSError(5, "power cut")

    monkeypatch.setattr(audit, "_keep", keep)
    with pytest.raises(LedgerError):
        audit.append(log, "bench-1", done(6))
    monkeypatch.setattr(audit, "_keep", kept)
    assert len(audit.rows(log, "bench-1")) == (5 if cut == "before the commit" else 6)
    assert check(log).problems == ()
    audit.append(log, "bench-1", done(7))
    assert check(log).problems == ()


def test_two_processes_never_fork_the_chain(log: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from station.ledger import audit;"
        "from station.roles.guarded_acts import Act, Done, Who;"
        "[audit.append(Path(sys.argv[1]), 'bench-1', Done(Act.SLOT_RESTORED, Who('x', 'engineer'), str(n)))"
        " for n in range(15)]"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program, str(log)]) for _ in range(3)]
    assert [process.wait(240) for process in processes] == [0, 0, 0]
    rows = audit.rows(log, "bench-1")
    assert [row.number for row in rows] == list(range(1, 51))
    assert check(log).problems == ()


def test_a_row_is_hashed_as_documented(log: Path) -> None:
    import hashlib

    row = audit.rows(log, "bench-1")[1]
    values = {
        "act": "unit.released", "at": row.at, "details": '{"batch":"L1","number":2}', "number": 2,
        "previous_hash": row.previous_hash, "role": "engineer", "station_id": "bench-1", "subject": "S2", "who": "Ada",
    }  # fmt: skip
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert row.hash == hashlib.sha256(text.encode()).hexdigest()


def test_a_restored_backup_is_where_the_chain_goes_on(log: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    from station.ledger.backup import backup
    from station.ledger.restore import restore

    copy = tmp_path_factory.mktemp("medium") / "copy.sqlite3"
    backup(log, copy)
    audit.append(log, "bench-1", done(6))
    restore(log, copy)
    assert check(log).problems == ()
    assert audit.append(log, "bench-1", done(7)) == 6


def test_an_upgrade_that_was_taken_back_leaves_no_finding(log: Path) -> None:
    from station.ledger import migrate

    migrate.to(log, "0007")
    schema_version.upgrade(log)
    assert check(log).problems == ()
    assert audit.append(log, "bench-1", done(1)) == 1
    assert check(log).problems == ()


def test_no_chain_is_sound() -> None:
    assert problems([], {}) == []
    assert canonical_json({"b": 1, "a": "ü"}) == '{"a":"ü","b":1}'


def test_wrong_pins_wait_twice_as_long_each_time() -> None:
    tries, waits = WrongPins(), []
    for _ in range(FREE_TRIES + 9):
        tries = tries.one_more(100.0)
        waits.append(tries.wait_s(100.0))
    assert waits == [0.0, 0.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, LONGEST_WAIT_S, LONGEST_WAIT_S, LONGEST_WAIT_S]
    assert tries.wait_s(100.0 + LONGEST_WAIT_S) == 0.0
    assert tries.wait_s(0.0) == LONGEST_WAIT_S, "a clock that was set back"
    assert [count for count in range(1, 50) if begins_or_doubles(count)] == [1, 3, 6, 12, 24, 48]


def test_a_log_elsewhere_is_read_as_it_is(log: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("elsewhere")
    shutil.copy(log_file(log), log_file(other))
    if log_file(log).with_name("station.sqlite3-wal").exists():
        shutil.copy(f"{log_file(log)}-wal", f"{log_file(other)}-wal")
    assert [row.number for row in audit.rows(other, "bench-2", "unit.released")] == [1, 2, 3, 4, 5]
