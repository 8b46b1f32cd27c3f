"""The commands that read the log, over a log that a real recorder wrote."""

from __future__ import annotations

import csv
import json
import os
import queue
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from station.ledger import migrate, schema_version
from station.ledger.reader import Reader
from station.ledger.recorder import Recorder
from station.model.events import LedgerReply, RunCommitted, RunFinished
from station.model.ids import new_id
from station.model.run_json import run_from_json
from station.model.runs import Outcome, Purpose, RunRecord
from station.wiring.log import data_folder
from station.wiring.virtual_log import FOLDER, MARK
from tests.unit.cli.conftest import Station
from tests.unit.ledger.builders import OTHER_SERIAL, SERIAL, a_run


@pytest.fixture
def runs(data_dir: Path) -> list[RunRecord]:
    """A log of three runs: one unit failed and then passed, another one failed."""
    records = [
        a_run(Outcome.FAIL, 0),
        a_run(Outcome.PASS, 10),
        a_run(Outcome.FAIL, 20, serial=OTHER_SERIAL, batch="other", run_id=new_id()),
    ]
    schema_version.create_or_check(data_dir)
    replies: queue.SimpleQueue[LedgerReply] = queue.SimpleQueue()
    recorder = Recorder(data_dir, replies.put)
    for record in records:
        recorder.submit(RunFinished(record))
    assert recorder.close(120)
    assert all(isinstance(replies.get(timeout=1), RunCommitted) for _ in records)
    return records


def test_export_is_every_run_one_json_object_a_line(station: Station, runs: list[RunRecord]) -> None:
    told = station("export")
    assert (told.exit_code, told.err) == (0, "")
    assert [run_from_json(json.loads(line)) for line in told.out.splitlines()] == runs


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--since", "2026-11-22T08:05Z"], [1, 2]),
        (["--until", "2026-11-22T08:15Z"], [0, 1]),
        (["--since", "2026-11-22T08:05Z", "--until", "2026-11-22T08:15Z"], [1]),
        (["--batch", "other"], [2]),
        (["--since", "2126-01-01"], []),
    ],
)
def test_export_of_a_selection(station: Station, runs: list[RunRecord], words: list[str], expected: list[int]) -> None:
    told = station("export", *words)
    assert [json.loads(line)["run_id"] for line in told.out.splitlines()] == [runs[i].run_id for i in expected]


@pytest.mark.parametrize("command", ["report", "failed"])
def test_of_a_selection_without_runs_it_is_said_what_to_do(
    station: Station, runs: list[RunRecord], data_dir: Path, command: str
) -> None:
    assert station(command).err == ""
    assert "No run of this selection" in station(command, "--purpose", "rework").err
    (data_dir / FOLDER).mkdir()
    (data_dir / FOLDER / MARK).touch()
    assert f"{command} --data-dir {data_dir / FOLDER}" in station(command, "--purpose", "rework").err


def test_a_log_that_is_in_a_folder_inside_is_named(station: Station, runs: list[RunRecord], data_dir: Path) -> None:
    told = station("report", "--data-dir", data_dir.parent)
    assert (told.exit_code, str(data_dir) in told.err) == (4, True)


def test_export_to_a_file_is_whole_and_leaves_nothing_else(
    station: Station, runs: list[RunRecord], tmp_path: Path
) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    target = folder / "runs.csv"
    target.write_text("an older export")
    told = station("export", "--format", "csv", "--output", target)
    assert (told.exit_code, told.out) == (0, "")
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["run_id"] for row in rows] == [run.run_id for run in runs for _ in range(2)]
    assert list(folder.iterdir()) == [target]


def test_a_refused_export_keeps_the_older_file(station: Station, runs: list[RunRecord], tmp_path: Path) -> None:
    target = tmp_path / "runs.txt"
    target.write_text("an older export")
    told = station("export", "--format", "xml", "--output", target)
    assert told.exit_code == 2
    assert told.err.startswith("usage.format: ")
    assert target.read_text() == "an older export"


def test_an_output_that_cannot_be_written(station: Station, runs: list[RunRecord], tmp_path: Path) -> None:
    told = station("export", "--output", tmp_path / "no folder" / "runs.jsonl")
    assert told.exit_code == 2
    assert told.err.startswith("usage.output: cannot write ")


@pytest.mark.parametrize("command", ["export", "report"])
def test_an_output_that_is_no_file_is_written_to_and_stays(
    station: Station, runs: list[RunRecord], tmp_path: Path, command: str
) -> None:
    pipe, link, target = tmp_path / "pipe", tmp_path / "link", tmp_path / "target"
    os.mkfifo(pipe)
    link.symlink_to(target)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert [station(command, "--output", place).exit_code for place in (pipe, link)] == [0, 0]
        assert os.read(reader, 1 << 16)[:100] == target.read_bytes()[:100] != b""
    finally:
        os.close(reader)
    assert (pipe.is_fifo(), link.is_symlink()) == (True, True)


def test_a_reader_that_leaves_in_the_middle_is_no_failure(data_dir: Path, runs: list[RunRecord]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "station", "export"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(120) == 0


def test_the_report_as_json(station: Station, runs: list[RunRecord]) -> None:
    report = station("report", "--batch", "2026-47", "--format", "json").json
    assert (report["batch"], report["units_started"], report["units_passed"]) == ("2026-47", 1, 1)
    assert (report["first_pass_yield"], report["final_yield"]) == (0.0, 1.0)
    assert report["outcomes"]["FAIL"] == 1


def test_the_report_for_people_has_the_figures_and_their_definitions(station: Station, runs: list[RunRecord]) -> None:
    text = station("report").out
    assert "Final yield       50.0 %  (1 of 2)" in text
    assert "first-pass yield: Units whose first counted run passed" not in text
    assert "first-pass yield: Units whose first counted run passed" in station("report", "--explain").out
    assert OTHER_SERIAL in text


def test_failed_is_the_list_to_run_again(station: Station, runs: list[RunRecord]) -> None:
    assert [unit["serial"] for unit in station("failed", "--json").json] == [OTHER_SERIAL]
    assert [unit["code"] for unit in station("failed", "--batch", "other", "--json").json] == ["dfu.err_write"]
    assert OTHER_SERIAL in station("failed").out


@pytest.mark.parametrize("spelling", [SERIAL, SERIAL.lower(), bytes.fromhex(SERIAL)[::-1].hex()])
def test_the_story_of_one_unit(station: Station, runs: list[RunRecord], spelling: str) -> None:
    story = station("unit", spelling, "--json").json
    assert story["serial"] == SERIAL
    assert [run["outcome"] for run in story["runs"]] == ["FAIL", "PASS"]
    text = station("unit", spelling).out
    assert text.startswith(f"unit {SERIAL}: 2 run(s)\n")
    assert "HP        640 of   640 blocks written" in text
    assert "attempt 1: FAIL dfu.err_write in write" in text


@pytest.mark.parametrize("end", [SERIAL[-6:], SERIAL[-6:].lower(), SERIAL[-4:], SERIAL[-12:]])
def test_the_end_of_a_serial_that_a_tile_shows_is_enough(station: Station, runs: list[RunRecord], end: str) -> None:
    assert station("unit", end, "--json").json["serial"] == SERIAL
    assert f"released {SERIAL} " in station("release", end, "--by", "Ada").err


def test_the_end_of_an_application_serial_is_enough(station: Station, data_dir: Path, runs: list[RunRecord]) -> None:
    recorder = Recorder(data_dir, lambda reply: None)
    recorder.submit(RunFinished(a_run(minute=40, application_serial="0829c1400000ABCD")))
    assert recorder.close(120)
    assert station("unit", "00abcd", "--json").json["serial"] == SERIAL


def test_an_end_that_several_serials_have_is_refused_with_them(
    station: Station, data_dir: Path, runs: list[RunRecord]
) -> None:
    recorder = Recorder(data_dir, lambda reply: None)
    other = f"BEEF{SERIAL[-6:]}"
    recorder.submit(RunFinished(a_run(minute=40, serial=other)))
    assert recorder.close(120)
    told = station("unit", SERIAL[-6:])
    assert (told.exit_code, told.out) == (2, "")
    assert told.err.startswith(f"usage.several_units: 2 units' serials end in {SERIAL[-6:]}: {SERIAL}, {other}.")
    assert station("unit", other, "--json").json["serial"] == other


@pytest.mark.parametrize("end", [SERIAL[-3:], "%", "____"])
def test_what_is_too_short_or_no_end_names_no_unit(station: Station, runs: list[RunRecord], end: str) -> None:
    told = station("unit", end)
    assert told.exit_code == 2
    assert told.err.startswith("usage.unknown_unit: ")


def test_a_unit_that_the_log_does_not_know(station: Station, runs: list[RunRecord]) -> None:
    told = station("unit", "ABCD")
    assert (told.exit_code, told.out) == (2, "")
    assert told.err.startswith("usage.unknown_unit: the log has no run of a unit with the serial ABCD.")


@pytest.mark.parametrize("words", [["export"], ["report"], ["failed"], ["unit", SERIAL], ["db", "check"]])
def test_without_a_log(station: Station, data_dir: Path, words: list[str]) -> None:
    told = station(*words)
    assert (told.exit_code, told.out) == (4, "")
    assert told.err.startswith(f"ledger.missing: there is no log in {data_dir}.")
    assert list(data_dir.iterdir()) == []


@pytest.mark.parametrize("words", [["export"], ["report"], ["failed"], ["unit", SERIAL], ["db", "upgrade"]])
def test_with_a_log_of_a_newer_station(
    station: Station, runs: list[RunRecord], data_dir: Path, words: list[str]
) -> None:
    with sqlite3.connect(data_dir / "station.sqlite3") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    told = station(*words)
    assert told.exit_code == 4
    assert told.err.startswith("ledger.schema_unknown: ")


def test_the_report_of_a_narrower_selection(station: Station, runs: list[RunRecord]) -> None:
    for words, started in ((["--slot", "A1"], 2), (["--purpose", "engineering"], 0), (["--bundle", "v4.7.0"], 2)):
        assert station("report", *words, "--format", "json").json["units_started"] == started
    text = station("report", "--operator", "Ada", "--slot", "A1").out
    assert "  slot A1  operator Ada" in text.splitlines()[0]


def test_the_report_as_a_page(station: Station, runs: list[RunRecord], tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert station("report", "--format", "html", "--output", page).exit_code == 0
    assert page.read_text().startswith("<!DOCTYPE html>")
    told = station("report", "--format", "pdf")
    assert (told.exit_code, told.out) == (2, "")
    assert told.err.startswith("usage.format: ")


def test_a_unit_that_is_set_aside_is_released_by_name(station: Station, data_dir: Path, runs: list[RunRecord]) -> None:
    recorder = Recorder(data_dir, lambda _reply: None)
    for minute in (21, 22):
        recorder.submit(RunFinished(a_run(Outcome.FAIL, minute, serial=OTHER_SERIAL, batch="other")))
    assert recorder.close(120)
    (unit,) = station("failed", "--json").json
    assert (unit["serial"], unit["runs"], unit["set_aside"]) == (OTHER_SERIAL, 3, True)
    assert "SET ASIDE" in station("failed").out
    assert "station release" in station("failed").out
    assert f"released {OTHER_SERIAL} for batch 2026-47" in station("release", OTHER_SERIAL, "--batch", "2026-47").err
    assert station("failed", "--json").json[0]["set_aside"] is True
    released = station("release", OTHER_SERIAL.lower(), "--batch", "other", "--by", "Ada", "--json").json
    assert (released["serial"], released["batch"], released["released_by"]) == (OTHER_SERIAL, "other", "Ada")
    assert station("failed", "--json").json[0]["set_aside"] is False
    assert "released for batch other at " in station("unit", OTHER_SERIAL).out
    with closing(Reader(data_dir)) as reader:
        assert reader.history(OTHER_SERIAL, "other").failed_runs == 0


@pytest.mark.parametrize(
    ("words", "code", "nearest"),
    [
        (["failed", "--batch", "2026-74"], "usage.unknown_batch", "2026-47"),
        (["report", "--batch", "2026-74"], "usage.unknown_batch", "2026-47"),
        (["report", "--slot", "A11"], "usage.unknown_slot", "A1"),
        (["report", "--operator", "ada"], "usage.unknown_operator", "Ada"),
        (["report", "--bundle", "v4.7", "--format", "csv"], "usage.unknown_bundle", "v4.7.0"),
        (["export", "--batch", "2026-74", "--format", "csv"], "usage.unknown_batch", "2026-47"),
        (["release", SERIAL, "--batch", "2026-74"], "usage.unknown_batch", "2026-47"),
        (["release", SERIAL[:-1] + "0", "--batch", "2026-47"], "usage.unknown_unit", SERIAL),
        (["unit", SERIAL[:-1] + "0"], "usage.unknown_unit", SERIAL),
        (["report", "--purpose", "fun"], "usage.purpose", "rework"),
    ],
)
def test_a_name_that_the_log_has_never_seen_is_refused_in_one_line(
    station: Station, runs: list[RunRecord], data_dir: Path, words: list[str], code: str, nearest: str
) -> None:
    told = station(*words)
    assert (told.exit_code, told.out) == (2, "")
    assert told.err.startswith(f"{code}: ")
    assert len(told.err.splitlines()) == 1
    assert nearest in told.err
    with closing(Reader(data_dir)) as reader:
        assert reader.unit(SERIAL).releases == ()


def test_a_camera_that_was_cut_short_after_it_passed_is_to_be_run_again(
    station: Station, runs: list[RunRecord], data_dir: Path
) -> None:
    recorder = Recorder(data_dir, lambda _reply: None)
    recorder.submit(RunFinished(a_run(Outcome.ABORTED, 30, bundle="B")))
    assert recorder.close(120)
    failed = station("failed", "--batch", "2026-47")
    assert failed.exit_code == 0
    assert f"{SERIAL}  operator.unplugged  cut short, after it had passed  slot A1" in failed.out
    report = station("report", "--batch", "2026-47", "--json").json
    assert (report["final_yield"], report["open_units"], report["mixed"]) == (0.0, [SERIAL], True)


def test_the_story_tells_of_the_application(station: Station, runs: list[RunRecord], data_dir: Path) -> None:
    recorder = Recorder(data_dir, lambda _reply: None)
    shown = a_run(minute=30, application_serial="0829c14000000000", notes=("unknown form",), purpose=Purpose.REWORK)
    recorder.submit(RunFinished(shown))
    assert recorder.close(120)
    text = station("unit", "0829C14000000000").out
    assert text.startswith(f"unit {SERIAL}: 3 run(s)\nits application calls itself 0829c14000000000\n")
    assert "  purpose rework\n  unknown form\n" in text


def test_a_unit_that_the_log_does_not_know_is_not_released(station: Station, runs: list[RunRecord]) -> None:
    told = station("release", "ABCD")
    assert told.exit_code == 2
    assert told.err.startswith("usage.unknown_unit: ")


def test_what_one_station_exports_another_imports_once(station: Station, runs: list[RunRecord], tmp_path: Path) -> None:
    exported = tmp_path / "runs.jsonl"
    assert station("export", "--output", exported).exit_code == 0
    there = tmp_path / "there"  # a data folder without a log gets one
    counts = [station("import", exported, "--data-dir", there, "--json").json for _ in range(2)]
    assert counts == [{"new": 3, "known": 0, "still_open": 0}, {"new": 0, "known": 3, "still_open": 0}]
    for command in (["export"], ["report", "--format", "json"], ["failed", "--json"]):
        assert station(*command, "--data-dir", there).out == station(*command).out
    assert station("import", exported, "--json").json == {"new": 0, "known": 3, "still_open": 0}


@pytest.mark.parametrize(
    "wrong", ["no JSON", "[]", "{}", '"run"', "NaN", '{"run_id": "x"}', "\ud800", '{"run_id": 1, "attempts": {}}']
)
def test_nothing_of_a_file_with_a_wrong_line_is_taken(
    station: Station, runs: list[RunRecord], tmp_path: Path, wrong: str
) -> None:
    there = tmp_path / "there"
    station("db", "upgrade", "--data-dir", there)
    file = tmp_path / "runs.jsonl"
    file.write_text(station("export").out + wrong + "\n", encoding="utf-8", errors="surrogatepass")
    told = station("import", file, "--data-dir", there)
    assert (told.exit_code, told.out) == (2, "")
    assert told.err.startswith("usage.import: ")
    assert station("export", "--data-dir", there).out == ""


def test_a_file_that_is_not_there_makes_no_log(station: Station, data_dir: Path, tmp_path: Path) -> None:
    told = station("import", tmp_path / "none")
    assert (told.exit_code, told.err.partition(":")[0]) == (2, "usage.import")
    assert list(data_dir.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "as_json"),
    [(["report", "--format", "json"], ["report", "--json"]), (["export"], ["export", "--json"])],
)
def test_json_is_a_format_of_every_command(
    station: Station, runs: list[RunRecord], words: list[str], as_json: list[str]
) -> None:
    assert station(*as_json).out == station(*words).out != ""
    wrong = station(*as_json, "--format", "csv")
    assert (wrong.exit_code, wrong.out, wrong.err.partition(":")[0]) == (2, "", "usage.format")


def test_a_wrong_format_is_said_before_a_missing_log(station: Station, data_dir: Path) -> None:
    for command in ("export", "report"):
        assert station(command, "--format", "xml").err.startswith("usage.format: ")


def test_db_upgrade_makes_the_log_once(station: Station, data_dir: Path) -> None:
    first = station("db", "upgrade", "--json").json
    assert (first["before"], first["after"], first["backup_file"]) == (None, schema_version.HEAD, None)
    assert station("db", "upgrade", "--json").json["before"] == schema_version.HEAD
    assert "nothing to do" in station("db", "upgrade").err


def test_db_check(station: Station, runs: list[RunRecord], data_dir: Path) -> None:
    found = station("db", "check", "--json")
    assert (found.exit_code, found.json["ok"], found.json["runs"]) == (0, True, 3)
    assert "the log is sound" in station("db", "check").out


def test_db_check_of_a_damaged_log(station: Station, runs: list[RunRecord], data_dir: Path) -> None:
    with sqlite3.connect(data_dir / "station.sqlite3") as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("DELETE FROM runs WHERE run_id = ?", (runs[0].run_id,))
    connection.close()
    told = station("db", "check")
    assert told.exit_code == 4
    assert "PROBLEM attempts row" in told.out
    assert told.err.startswith("ledger.corrupt: ")
    as_json = station("db", "check", "--json")
    assert (as_json.exit_code, as_json.json["ok"]) == (4, False)


def test_db_backup_is_a_log_itself(station: Station, runs: list[RunRecord], tmp_path: Path) -> None:
    copy = tmp_path / "copy" / "station.sqlite3"
    copy.parent.mkdir()
    assert station("db", "backup", copy).exit_code == 0
    assert len(station("export", "--data-dir", copy.parent).out.splitlines()) == len(runs)
    again = station("db", "backup", copy)
    assert again.exit_code == 2
    assert again.err.startswith("usage.file_exists: ")
    assert station("db", "backup", copy, "--overwrite").exit_code == 0


@pytest.mark.parametrize("harm", ["a page", "an old -wal", "cut off", "no database"])
def test_a_damaged_log_is_refused_by_every_command_which_name_the_way_back(
    station: Station, runs: list[RunRecord], data_dir: Path, tmp_path: Path, harm: str
) -> None:
    copy, log = tmp_path / "copy", data_dir / "station.sqlite3"
    assert station("db", "backup", copy).exit_code == 0
    _harm(log, harm, runs)
    named = f"station db restore {copy} --data-dir {data_dir}"
    commands = ("report", "export", "failed", "unit " + SERIAL, "db check", f"db backup {tmp_path / 'other'}")
    for told in (station(*command.split()) for command in commands):
        assert (told.exit_code, told.err.split(":")[0]) == (4, "ledger.corrupt")
        assert named in told.err
        assert len(told.err.splitlines()) == 1
    (found,) = [check for check in station("doctor", "--json").json["checks"] if check["check"] == "log"]
    assert not found["ok"]
    assert named in found["found"]

    again = station("db", "restore", copy, "--json")
    assert (again.exit_code, again.json["runs"]) == (0, len(runs))
    assert Path(again.json["kept_aside"]).exists()
    assert [run_from_json(json.loads(line)) for line in station("export").out.splitlines()] == runs
    assert station("db", "check").exit_code == 0


def _harm(log: Path, how: str, runs: list[RunRecord]) -> None:
    if how == "an old -wal":
        before = log.read_bytes()
        with closing(sqlite3.connect(log)) as held:
            held.execute("SELECT 1 FROM runs").fetchall()
            _write_again(log.parent, runs)
            held.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
            _write_again(log.parent, runs)
            wal = log.with_name(f"{log.name}-wal").read_bytes()
        log.write_bytes(before)
        log.with_name(f"{log.name}-wal").write_bytes(wal)
        return
    whole = log.read_bytes()
    # Neither the schema, in the first pages, nor the end: most commands never read what is spoilt here.
    spoilt = whole[:-20480] + b"\xa5" * 4096 + whole[-16384:]
    log.write_bytes({"a page": spoilt, "cut off": whole[:-20480], "no database": b"no log" * 2000}[how])


def _write_again(data_dir: Path, runs: list[RunRecord]) -> None:
    recorder = Recorder(data_dir, lambda _reply: None)
    recorder.submit(RunFinished(replace(runs[0], run_id=new_id(), attempts=())))
    assert recorder.close(120)


def test_a_restore_while_a_station_works_there_is_refused(
    station: Station, runs: list[RunRecord], data_dir: Path, tmp_path: Path
) -> None:
    assert station("db", "backup", tmp_path / "copy").exit_code == 0
    before = (data_dir / "station.sqlite3").read_bytes()
    with data_folder(data_dir):
        told = station("db", "restore", tmp_path / "copy")
    assert (told.exit_code, told.err.split(":")[0]) == (6, "station.busy")
    assert (data_dir / "station.sqlite3").read_bytes() == before


def test_an_older_backup_is_restored_and_then_upgraded(
    station: Station, runs: list[RunRecord], data_dir: Path, tmp_path: Path
) -> None:
    migrate.to(data_dir, schema_version.REVISIONS[-2])
    older = tmp_path / "older"
    (data_dir / "station.sqlite3").rename(older)
    told = station("db", "restore", older, "--json")
    assert (told.exit_code, told.json["upgrade_needed"], told.json["kept_aside"]) == (0, True, None)
    assert station("db", "upgrade").exit_code == 0
    assert len(station("export").out.splitlines()) == len(runs)


@pytest.mark.parametrize("revision", ["0006", "0008", schema_version.REVISIONS[-2]])
def test_a_restore_of_an_older_backup_is_in_the_audit_once_it_is_upgraded(
    station: Station, runs: list[RunRecord], data_dir: Path, tmp_path: Path, revision: str
) -> None:
    """Also of one that is older than the audit, and beside rows of the log that was there; once, however often it is
    upgraded; with the time at which it was restored."""
    older = tmp_path / "older"
    station("db", "backup", tmp_path / "copy")
    migrate.to(data_dir, revision)
    (data_dir / "station.sqlite3").rename(older)
    for restored in (tmp_path / "copy", older):
        assert station("db", "restore", restored, "--by", "Ada").exit_code == 0
    before = datetime.now(UTC)
    for _ in range(2):
        assert station("db", "upgrade").exit_code == 0
    (row,) = station("audit", "--json").json
    assert (row["act"], row["subject"], row["who"], row["details"]) == (
        "log.restored",
        str(older),
        "Ada",
        {"runs": None},
    )
    assert datetime.fromisoformat(row["at"]) < before
    assert station("db", "restore", tmp_path / "copy", "--by", "Ada").exit_code == 0
    assert [row["subject"] for row in station("audit", "--json").json] == [str(tmp_path / "copy")]
    assert station("db", "check").exit_code == 0


def test_a_restore_that_nobody_upgraded_is_not_forgotten_by_the_next_one(
    station: Station, runs: list[RunRecord], data_dir: Path, tmp_path: Path
) -> None:
    older = tmp_path / "older"
    station("db", "backup", tmp_path / "copy")
    migrate.to(data_dir, schema_version.REVISIONS[-2])
    (data_dir / "station.sqlite3").rename(older)
    for restored in (older, tmp_path / "copy"):
        assert station("db", "restore", restored, "--by", "Ada").exit_code == 0
    rows = station("audit", "--json").json
    assert [row["subject"] for row in rows] == [str(older), str(tmp_path / "copy")]
    assert station("db", "check").exit_code == 0


def test_a_configuration_that_is_wrong_is_named(station: Station, tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text("[run]\nverifi = true\n")
    told = station("report", "--config", file)
    assert (told.exit_code, told.out) == (2, "")
    assert told.err.startswith(f"settings.invalid: {file}: run.verifi: unknown key")
    assert len(told.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("command", "time"),
    [
        (["unit", SERIAL], "2026-11-22 17:00:00"),
        (["failed"], "2026-11-22 17:2"),
        (["report"], "from 2026-11-22 17:00:00"),
        (["report", "--format", "html"], "2026-11-22 17:00:00"),
    ],
)
def test_people_read_the_stations_clock_and_its_name_once(
    station: Station, runs: list[RunRecord], monkeypatch: pytest.MonkeyPatch, command: list[str], time: str
) -> None:
    monkeypatch.setenv("STATION_TIME_ZONE", "Asia/Tokyo")
    text = station(*command).out
    assert time in text
    assert text.count("JST") == 1
    assert "+00:00" not in text


def test_a_zone_of_the_configuration_holds_beside_a_named_data_folder(
    station: Station, runs: list[RunRecord], data_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "station.toml").write_text('[station]\ntime_zone = "America/New_York"\n')
    assert "2026-11-22 03:00:00" in station("unit", SERIAL, "--data-dir", data_dir).out
    since = ["--since", "2026-11-22 03:05", "--data-dir", data_dir]
    assert len(station("export", *since).out.splitlines()) == 2
    report = station("report", "--format", "json", *since).json
    assert report["since"] == "2026-11-22T08:05:00+00:00"
    assert report["hours"][0]["hour_at"] == "2026-11-22T08:00:00+00:00"


@pytest.mark.parametrize("command", [["unit", SERIAL], ["failed"], ["report"], ["export"]])
def test_a_zone_that_there_is_not_is_refused(
    station: Station, runs: list[RunRecord], monkeypatch: pytest.MonkeyPatch, data_dir: Path, command: list[str]
) -> None:
    monkeypatch.setenv("STATION_TIME_ZONE", "europe/berlin")
    told = station(*command, "--data-dir", data_dir)
    assert (told.exit_code, told.out) == (2, "")
    assert told.err.startswith("settings.invalid: environment variable STATION_TIME_ZONE: station.time_zone: found")
    assert "did you mean Europe/Berlin" in told.err
