"""What commands ask an engineer for: with a PIN, without, with a wrong one, and what stands in the audit then."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import select
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from station.board.chosen import BOARD
from station.bundle.demo_release import make_demo_release
from station.bundle.store import BundleStore
from station.cli.line_and_dashboard import needs_engineer
from station.errors import HINTS
from station.ledger import audit, schema_version
from station.ledger.run_import import import_runs
from station.roles import wrong_pins
from station.roles.pin_file import set_pin
from station.wiring import restore_permit
from station.wiring.authority import engineer_needed
from tests.harness import PROGRAM
from tests.unit.cli.conftest import Station
from tests.unit.ledger.builders import SERIAL, a_run

PIN = "2580"
RELEASE = ("release", SERIAL, "--by", "Ada")
SCRAP = ("scrap", "--batch", "2026-47", "--reason", "dead", "--by", "Ada")


@pytest.fixture
def log(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("STATION_PIN_FILE", raising=False)
    monkeypatch.setenv("STATION_ID", "bench-1")
    schema_version.create_or_check(data_dir)
    import_runs(data_dir, [a_run(batch="2026-47")])
    return data_dir


@pytest.fixture
def bundle(log: Path, tmp_path: Path) -> str:
    make_demo_release(tmp_path / "release", BOARD)
    return BundleStore(log, BOARD).import_path(tmp_path / "release", "one").name


@pytest.fixture
def with_pin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    def named(pin: str) -> None:
        (tmp_path / "my-pin").write_text(f"{pin}\n")
        monkeypatch.setenv("STATION_PIN_FILE", str(tmp_path / "my-pin"))

    return named


def acts(log: Path) -> list[tuple[str, str, str, str]]:
    return [(row.act, row.subject, row.who, row.role) for row in audit.rows(log, "bench-1")]


def test_without_a_pin_everybody_may_and_it_is_written_down(station: Station, log: Path, bundle: str) -> None:
    for words in (RELEASE, SCRAP, ("bundle", "use", bundle)):
        assert station(*words).exit_code == 0
    assert acts(log)[:2] == [("unit.released", SERIAL, "Ada", "anybody"), ("unit.scrapped", "", "Ada", "anybody")]
    assert acts(log)[2][:2] == ("bundle.used", "one")
    assert acts(log)[2][3] == "anybody"


@pytest.mark.parametrize("words", [RELEASE, SCRAP, ("bundle", "use", "one"), ("pin", "remove")])
def test_with_a_pin_nobody_else_may(station: Station, log: Path, bundle: str, words: tuple[str, ...]) -> None:
    set_pin(log, "engineer", PIN)
    before = station("export").out
    told = station(*words)
    assert (told.exit_code, told.err.partition(":")[0]) == (2, "role.engineer_needed")
    assert station("export").out == before
    assert BundleStore(log, BOARD).used() is None
    assert acts(log) == []


def test_with_a_pin_the_engineer_may(station: Station, log: Path, bundle: str, with_pin: Any) -> None:
    set_pin(log, "engineer", PIN)
    with_pin(PIN)
    for words in (RELEASE, SCRAP, ("bundle", "use", bundle, "--by", "Ada")):
        assert station(*words).exit_code == 0
    assert [row[0] for row in acts(log)] == ["unit.released", "unit.scrapped", "bundle.used"]
    assert {row[2:] for row in acts(log)} == {("Ada", "engineer")}
    details = [json.loads(row.details) for row in audit.rows(log)]
    assert details[0] == {"batch": None}
    assert details[1]["batch"] == "2026-47"
    assert (details[2]["before"], len(details[2]["sha256"])) == (None, 64)


def test_wrong_pins_wait(station: Station, log: Path, with_pin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrong_pins, "FIRST_WAIT_S", 300.0)  # longer than any machine takes for the next try
    set_pin(log, "engineer", PIN)
    with_pin("1111")
    codes = [station(*RELEASE).err.partition(":")[0] for _ in range(4)]
    assert codes == ["role.wrong_pin"] * 3 + ["role.too_many_tries"]
    with_pin(PIN)
    told = station(*RELEASE)
    assert told.err.startswith("role.too_many_tries: 3 wrong PINs in a row: the next try is heard in ")
    assert acts(log) == [("pin.refused", "", "Ada", "operator")] * 2


def test_what_cannot_be_recorded_is_not_done(station: Station, log: Path, with_pin: Any) -> None:
    set_pin(log, "engineer", PIN)
    with_pin(PIN)
    with closing(sqlite3.connect(log / "station.sqlite3")) as locked:
        locked.execute("BEGIN IMMEDIATE")
        assert station(*RELEASE).exit_code == 4
        locked.rollback()
        assert locked.execute("SELECT count(*) FROM releases").fetchone() == (0,)


@pytest.fixture
def copy(station: Station, log: Path, tmp_path: Path) -> Path:
    station("db", "backup", tmp_path / "copy.sqlite3")
    set_pin(log, "engineer", PIN)
    return tmp_path / "copy.sqlite3"


def test_an_engineer_restores_the_log(station: Station, log: Path, copy: Path, with_pin: Any) -> None:
    with_pin(PIN)
    assert station("db", "restore", copy, "--by", "Ada").exit_code == 0
    assert acts(log) == [("log.restored", str(copy), "Ada", "engineer")]
    assert station("db", "check").exit_code == 0


@pytest.fixture
def permit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which root names a backup; root is whoever runs the tests."""
    folder = tmp_path / "run"
    folder.mkdir(mode=0o755)
    monkeypatch.setattr(restore_permit, "PERMIT", folder / "restore")
    monkeypatch.setattr(restore_permit, "ROOT", os.getuid())
    return folder / "restore"


def test_a_failed_upgrade_restores_its_log_without_a_pin(station: Station, log: Path, copy: Path, permit: Path) -> None:
    permit.write_text(f"{copy}\n")
    assert station("db", "restore", copy, "--by", "upgrade").exit_code == 0
    assert acts(log) == [("log.restored", str(copy), "upgrade", "operator")]


@pytest.mark.parametrize("wrong", ["none", "another backup", "another owner", "mode", "folder", "link", "pipe"])
def test_nobody_else_restores_it(
    station: Station, log: Path, copy: Path, permit: Path, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if wrong != "none":
        permit.write_text(f"{copy}{'2' if wrong == 'another backup' else ''}\n")
        permit.chmod(0o666 if wrong == "mode" else 0o644)
    if wrong == "another owner":
        monkeypatch.setattr(restore_permit, "ROOT", os.getuid() + 1)
    if wrong == "folder":
        permit.parent.chmod(0o777)
    if wrong == "link":
        permit.symlink_to(permit.rename(permit.with_name("elsewhere")))
    if wrong == "pipe":
        permit.unlink()
        os.mkfifo(permit)
    before = (log / "station.sqlite3").stat().st_ino
    assert station("db", "restore", copy).err.startswith("role.engineer_needed: ")
    assert (log / "station.sqlite3").stat().st_ino == before
    assert acts(log) == []


@pytest.mark.parametrize("pin", ["123", "", "x" * 129, " 1234"])
def test_a_pin_that_is_none(station: Station, log: Path, monkeypatch: pytest.MonkeyPatch, pin: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{pin}\n"))
    assert station("pin", "set").err.startswith("role.pin_form: ")
    assert not (log / "pins.json").exists()


def test_a_pin_is_set_changed_and_removed(
    station: Station, log: Path, monkeypatch: pytest.MonkeyPatch, with_pin: Any
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PIN}\n"))
    assert station("pin", "set", "--by", "Ada").exit_code == 0
    assert station("pin", "status", "--json").json["roles"] == {"engineer": True, "operator": False, "look": False}
    assert PIN not in (log / "pins.json").read_text()
    monkeypatch.setattr("sys.stdin", io.StringIO("9999\n"))
    assert station("pin", "set").err.startswith("role.engineer_needed: ")
    with_pin(PIN)
    monkeypatch.setattr("sys.stdin", io.StringIO("9999\n"))
    assert station("pin", "set", "--by", "Ada").exit_code == 0
    assert station(*RELEASE).err.startswith("role.wrong_pin: ")
    with_pin("9999")
    assert station("pin", "remove", "--by", "Ada").exit_code == 0
    assert [row[:2] for row in acts(log) if row[0] != "pin.refused"] == [
        ("pin.set", "engineer"), ("pin.set", "engineer"), ("pin.removed", "engineer")
    ]  # fmt: skip


def test_the_pin_is_asked_for_on_a_terminal_and_not_shown(log: Path) -> None:
    set_pin(log, "engineer", PIN)
    told = on_a_terminal([*PROGRAM, *RELEASE, "--data-dir", str(log)], "the engineer's PIN: ", PIN)
    assert "released" in told
    assert PIN not in told
    assert acts(log)[-1] == ("unit.released", SERIAL, "Ada", "engineer")


def on_a_terminal(command: list[str], question: str, answer: str) -> str:
    """All that a command shows on a terminal where somebody answers one question."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
                               preexec_fn=_own_terminal)  # fmt: skip
    os.close(theirs)
    seen, answered = "", False
    while select.select([ours], [], [], 120)[0]:
        try:
            seen += os.read(ours, 4096).decode()
        except OSError:
            break
        if question in seen and not answered:
            os.write(ours, f"{answer}\n".encode())
            answered = True
    assert process.wait(60) == 0, seen
    os.close(ours)
    return seen


def _own_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_what_a_line_needs_an_engineer_for_is_said_once_and_behind_its_warnings() -> None:
    what = "to start with what was changed: run.verify from true to false"
    refused = f"role.engineer_needed: {engineer_needed(what).message}. {HINTS['role.engineer_needed']}\n"
    assert needs_engineer(refused) == what
    assert needs_engineer(f"slot A1 (9-1) takes no camera: this machine has no bus 9\n{refused}") == what
    assert needs_engineer("bundle.unknown: there is no bundle x. role.engineer_needed: no\n") is None


def test_the_audit_is_listed(station: Station, log: Path) -> None:
    station(*RELEASE)
    station(*SCRAP)
    text = station("audit").out
    assert f"unit.released {SERIAL}  by Ada (anybody)" in text
    assert [row["act"] for row in station("audit", "--json").json] == ["unit.released", "unit.scrapped"]
    rows = list(csv.DictReader(io.StringIO(station("audit", "--format", "csv", "--act", "unit.scrapped").out)))
    assert [(row["act"], row["number"]) for row in rows] == [("unit.scrapped", "2")]
    assert station("audit", "--act", "nosuch").exit_code == 2
    assert station("audit", "--until", "2020-01-01", "--json").json == []


def test_db_check_names_the_row_that_was_changed(station: Station, log: Path) -> None:
    station(*RELEASE)
    assert "audit of station bench-1: 1 rows, the last hash is " in station("db", "check").out
    with closing(sqlite3.connect(log / "station.sqlite3")) as connection:
        connection.execute("DROP TRIGGER audit_no_update")
        connection.execute("UPDATE audit SET who = 'Eve'")
        connection.commit()
    told = station("db", "check")
    assert told.exit_code == 4
    assert told.err.startswith("ledger.audit_changed: ")
    assert "PROBLEM audit row 1 of station bench-1 (unit.released by Eve at " in told.out


def test_the_doctor_says_whether_a_pin_is_set(station: Station, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def pin() -> dict[str, Any]:
        checks: list[dict[str, Any]] = station("doctor", "--json").json["checks"]
        return next(check for check in checks if check["check"] == "engineer's PIN")

    assert pin()["ok"]
    assert "none is set" in pin()["found"]
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{PIN}\n"))
    station("pin", "set")
    assert pin()["found"] == "is set"
    (log / "pins.json").unlink()
    assert not pin()["ok"]
    assert "by hand" in pin()["found"]


def test_argon2_is_not_loaded_where_nobody_gives_a_pin() -> None:
    program = "import sys, station.control.server, station.wiring.line; print('argon2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "False\n"
