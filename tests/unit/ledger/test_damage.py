"""A log that was put back beside the -wal of another day, and other damage: refused by all, put right by a restore."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from station.errors import LedgerError, UsageError
from station.ledger import damage, schema_version, wal_link
from station.ledger.backup import backup
from station.ledger.database import FILE_NAME, log_file, open_writer
from station.ledger.integrity import check
from station.ledger.journal import Journal, journal_files
from station.ledger.reader import Reader
from station.ledger.recorder import Recorder
from station.ledger.restore import ASIDE_FOLDER, restore
from station.model.events import RunCommitted, RunFinished, RunNotCommitted
from station.model.runs import Outcome, RunRecord
from tests.unit.ledger.builders import a_run
from tests.unit.ledger.conftest import LIMIT_S, Replies

NewRecorder = Callable[..., Recorder]


def record(recorder: Recorder, replies: Replies, count: int, first_minute: int = 0) -> list[RunRecord]:
    runs = [a_run(minute=first_minute + minute, message="x" * 500) for minute in range(count)]
    for run in runs:
        recorder.submit(RunFinished(run))
    assert all(isinstance(replies.next(), RunCommitted) for _ in runs)
    return runs


def run_ids(data_dir: Path) -> set[str]:
    with closing(Reader(data_dir)) as reader:
        return {run.run_id for run in reader.runs()}


def as_after_a_kill(data_dir: Path, other: Path) -> Path:
    """What the disk has of a log whose station was killed: the file and its -wal."""
    other.mkdir(exist_ok=True)
    for suffix in ("", "-wal"):
        shutil.copy(data_dir / f"{FILE_NAME}{suffix}", other)
    return other


def code_of(action: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises((LedgerError, UsageError)) as refused:
        action()
    return refused.value.code, refused.value.message


@pytest.fixture
def put_back(data_dir: Path, new_recorder: NewRecorder, replies: Replies, tmp_path: Path) -> Path:
    """Three runs, a copy; forty more, the station is killed, and the copy is put back by `cp`, the -wal left there."""
    writer = new_recorder()
    record(writer, replies, 3)
    assert writer.close(LIMIT_S)
    copy = shutil.copy(log_file(data_dir), tmp_path / "copy.sqlite3")
    record(new_recorder(), replies, 40, 100)
    with closing(sqlite3.connect(log_file(data_dir))) as other:
        other.execute("PRAGMA wal_checkpoint(RESTART)")
    record(new_recorder(), replies, 5, 200)
    killed = as_after_a_kill(data_dir, tmp_path / "killed")
    assert len(run_ids(killed)) == 48
    shutil.copy(copy, log_file(killed))
    return killed


def test_a_log_put_back_beside_an_old_wal_is_refused_by_all(put_back: Path, tmp_path: Path) -> None:
    actions: list[Callable[[Path], object]] = [Reader, schema_version.create_or_check, check]
    for action in (*actions, lambda folder: backup(folder, tmp_path / "b")):
        code, message = code_of(partial(action, put_back))
        assert code == "ledger.corrupt"
        assert "station db restore" in message


def test_a_log_put_back_needs_only_its_wal_removed(put_back: Path) -> None:
    (put_back / f"{FILE_NAME}-wal").unlink()
    assert len(run_ids(put_back)) == 3


def checkpoint_cut_short(file: Path, share: float) -> int:
    """Bring a part of the -wal's pages into the file, the lowest first, as a checkpoint that is killed or finds the
    disk full; how many pages the file then lacks of what its first one says."""
    wal = Path(f"{file}-wal").read_bytes()
    page_bytes, salt = int.from_bytes(wal[8:12], "big"), wal[16:24]
    newest: dict[int, bytes] = {}
    for at in range(32, len(wal) - page_bytes - 23, 24 + page_bytes):
        if wal[at + 8 : at + 16] == salt:
            newest[int.from_bytes(wal[at : at + 4], "big")] = wal[at + 24 : at + 24 + page_bytes]
    with file.open("r+b") as stream:
        for number in sorted(newest)[: max(1, round(share * len(newest)))]:
            stream.seek((number - 1) * page_bytes)
            stream.write(newest[number])
    return int.from_bytes(newest[1][28:32], "big") - file.stat().st_size // page_bytes


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_a_checkpoint_that_was_cut_short_is_no_damage(
    data_dir: Path, new_recorder: NewRecorder, replies: Replies, tmp_path: Path, share: float
) -> None:
    """The first page is written first, and says how many there are to be: the -wal has the rest."""
    writer = new_recorder()
    record(writer, replies, 40)
    killed = as_after_a_kill(data_dir, tmp_path / "killed")
    assert checkpoint_cut_short(log_file(killed), share) > 0
    schema_version.create_or_check(killed)
    assert len(run_ids(killed)) == 40
    assert check(killed).ok


@pytest.mark.parametrize("written_bytes", [24, 24 + 2000, 24 + 4096], ids=["its header", "half of it", "all but a bit"])
def test_a_frame_that_was_cut_short_is_no_damage(
    data_dir: Path, new_recorder: NewRecorder, replies: Replies, tmp_path: Path, written_bytes: int
) -> None:
    """Killed while the -wal was begun anew: behind the new frame's header are the bytes of its older use."""
    record(new_recorder(), replies, 3)
    with closing(sqlite3.connect(log_file(data_dir))) as other:
        other.execute("PRAGMA wal_checkpoint(RESTART)")
    older = Path(f"{log_file(data_dir)}-wal").read_bytes()
    record(new_recorder(), replies, 3, 100)
    killed = as_after_a_kill(data_dir, tmp_path / "killed")
    with closing(sqlite3.connect(log_file(data_dir))) as other:
        other.execute("PRAGMA wal_checkpoint(RESTART)")
    shutil.copy(log_file(data_dir), killed)  # as the checkpoint left it
    record(new_recorder(), replies, 1, 200)
    wal = Path(f"{log_file(data_dir)}-wal").read_bytes()
    cut = bytearray(wal[: 32 + written_bytes] + older[32 + written_bytes :])
    cut[32 + written_bytes - 1] ^= 1 if written_bytes > 24 else 0
    Path(f"{log_file(killed)}-wal").write_bytes(cut)
    schema_version.create_or_check(killed)
    assert len(run_ids(killed)) == 6


def test_a_log_put_back_in_the_middle_of_a_checkpoint_is_refused(put_back: Path) -> None:
    """As before, and the file is shorter than its first page says."""
    os.truncate(log_file(put_back), log_file(put_back).stat().st_size - 4096)
    for action in (Reader, schema_version.create_or_check):
        assert code_of(partial(action, put_back))[0] == "ledger.corrupt"


def test_the_last_good_backup_is_named(put_back: Path, data_dir: Path, tmp_path: Path) -> None:
    good, bad = tmp_path / "a good one.sqlite3", tmp_path / "bad.sqlite3"
    for file in (good, bad):
        backup(data_dir, file)
    shutil.copytree(data_dir / "backups", put_back / "backups")
    bad.write_bytes(bad.read_bytes()[:5000])
    _, message = code_of(lambda: Reader(put_back))
    assert f"station db restore '{good}' --data-dir {put_back}" in message


@pytest.mark.parametrize("trace", [schema_version.AUDIT_HEAD, f"{FILE_NAME}-wal"])
def test_a_log_that_was_emptied_is_no_new_one(data_dir: Path, tmp_path: Path, trace: str) -> None:
    """A file of no bytes, as a power cut may leave it: a line that began a new log would forget every camera."""
    copy = tmp_path / "copy.sqlite3"
    backup(data_dir, copy)
    (data_dir / trace).write_bytes(b"something")
    os.truncate(log_file(data_dir), 0)
    for action in (Reader, schema_version.create_or_check, schema_version.upgrade, check):
        code, message = code_of(partial(action, data_dir))
        assert (code, str(copy) in message) == ("ledger.corrupt", True)
    restore(data_dir, copy)
    assert check(data_dir).ok


def test_a_first_start_that_was_cut_off_is_begun_again(tmp_path: Path) -> None:
    log_file(tmp_path).touch()
    assert code_of(lambda: Reader(tmp_path))[0] == "ledger.missing"
    schema_version.create_or_check(tmp_path)
    assert check(tmp_path).ok


def test_a_folder_in_the_logs_place_is_named(tmp_path: Path) -> None:
    log_file(tmp_path).mkdir()
    code, message = code_of(lambda: Reader(tmp_path))
    assert (code, "it is a folder" in message) == ("ledger.not_writable", True)


def test_restore_leaves_nothing_stale(put_back: Path, data_dir: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite3"
    kept = Journal(put_back)
    waiting = a_run(Outcome.PASS, 900)
    kept.append(waiting, "the disk was full")
    before = log_file(put_back).read_bytes(), (put_back / f"{FILE_NAME}-wal").read_bytes()
    done = restore(put_back, copy)
    assert (done.runs, done.journaled_runs, done.upgrade_needed) == (4, 1, False)
    assert check(put_back).ok
    assert waiting.run_id in run_ids(put_back)
    assert journal_files(put_back) == []
    aside = next((put_back / ASIDE_FOLDER).glob("*.sqlite3"))
    assert (aside.read_bytes(), aside.with_name(f"{aside.name}-wal").read_bytes()) == before
    assert not [name for name in os.listdir(put_back) if "incoming" in name]
    schema_version.create_or_check(put_back)


def test_a_restore_that_is_cut_off_is_refused_and_can_be_done_again(
    put_back: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerCut(BaseException):
        pass

    def cut(_log: Path) -> None:
        raise PowerCut

    with monkeypatch.context() as patch:
        patch.setattr("station.ledger.restore._remove_stale", cut)
        with pytest.raises(PowerCut):
            restore(put_back, tmp_path / "copy.sqlite3")
    assert code_of(lambda: Reader(put_back))[0] == "ledger.corrupt"
    assert restore(put_back, tmp_path / "copy.sqlite3").runs == 3
    assert len(run_ids(put_back)) == 3


def test_no_other_backup_is_taken(put_back: Path, tmp_path: Path) -> None:
    log = log_file(put_back).read_bytes()
    torn, stranger, text = (tmp_path / name for name in ("torn", "stranger", "text"))
    whole = (tmp_path / "copy.sqlite3").read_bytes()
    torn.write_bytes(whole[:20480] + b"\xa5" * 4096 + whole[24576:])
    text.write_text("no log " * 1000)
    with closing(sqlite3.connect(stranger)) as other:
        other.execute("CREATE TABLE t(x)")
    for file in (torn, stranger, text):
        code, message = code_of(partial(restore, put_back, file))
        assert code == "ledger.bad_backup"
        assert message.startswith(f"the backup {file} is ")
    assert code_of(lambda: restore(put_back, tmp_path / "nothing"))[0] == "usage.no_backup"
    assert code_of(lambda: restore(put_back, log_file(put_back)))[0] == "usage.no_backup"
    assert log_file(put_back).read_bytes() == log


def test_a_backup_of_a_live_log_with_its_wal_is_taken_whole(
    data_dir: Path, recorder: Recorder, replies: Replies, tmp_path: Path
) -> None:
    runs = record(recorder, replies, 7)
    killed = as_after_a_kill(data_dir, tmp_path / "killed")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert restore(empty, log_file(killed)).kept_aside is None
    assert run_ids(empty) == {run.run_id for run in runs}


@pytest.mark.parametrize("how", ["copied over", "moved over", "wal removed", "folder moved"])
def test_a_log_that_is_taken_away_under_the_station_swallows_no_result(
    data_dir: Path, recorder: Recorder, replies: Replies, tmp_path: Path, how: str
) -> None:
    backup(data_dir, tmp_path / "copy")
    record(recorder, replies, 3)
    with closing(sqlite3.connect(log_file(data_dir))) as other:
        other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
    if how == "copied over":
        shutil.copyfile(tmp_path / "copy", log_file(data_dir))
    elif how == "moved over":
        (tmp_path / "copy").replace(log_file(data_dir))
    elif how == "wal removed":
        (data_dir / f"{FILE_NAME}-wal").unlink()
    else:
        data_dir.rename(tmp_path / "elsewhere")
    recorder.submit(RunFinished(a_run(minute=50)))
    assert isinstance(replies.next(), RunNotCommitted)


def test_who_loses_the_log_under_a_line_is_told_the_way_back(
    data_dir: Path, recorder: Recorder, replies: Replies, tmp_path: Path
) -> None:
    backup(data_dir, tmp_path / "copy.sqlite3")
    record(recorder, replies, 3)
    with log_file(data_dir).open("r+b") as log:
        log.write(bytes(100))
    run = a_run(minute=50)
    recorder.submit(RunFinished(run))
    reply = replies.next()
    assert isinstance(reply, RunNotCommitted)
    assert f"station db restore {tmp_path / 'copy.sqlite3'} --data-dir {data_dir}" in reply.reason
    assert str(data_dir / "journal") in reply.reason
    assert recorder.close(LIMIT_S)
    restore(data_dir, tmp_path / "copy.sqlite3")
    assert run.run_id in run_ids(data_dir)


def test_a_file_system_without_shared_memory_has_no_wal_and_takes_results_all_the_same(
    data_dir: Path, new_recorder: NewRecorder, replies: Replies, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite answers "delete" to journal_mode = WAL there."""
    with closing(sqlite3.connect(log_file(data_dir))) as other:
        other.execute("PRAGMA journal_mode = DELETE").fetchall()
    connect = sqlite3.connect

    class NoSharedMemory(sqlite3.Connection):
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            return super().execute("SELECT 'delete'" if sql == "PRAGMA journal_mode = WAL" else sql, *values)

    monkeypatch.setattr(sqlite3, "connect", partial(connect, factory=NoSharedMemory))
    runs = record(new_recorder(), replies, 3)
    assert not log_file(data_dir).with_name(f"{FILE_NAME}-wal").exists()
    assert run_ids(data_dir) == {run.run_id for run in runs}


def _write(data_dir: Path, rows: int) -> None:
    engine = open_writer(data_dir)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS t (x)")
        for _ in range(rows):
            connection.exec_driver_sql("INSERT INTO t VALUES (randomblob(3000))")
    engine.dispose()


@pytest.mark.parametrize("seed", range(4))
def test_a_log_at_work_is_never_taken_for_another(data_dir: Path, tmp_path: Path, seed: int) -> None:
    """Whatever checkpoints, readers and other programs do; and a file of another moment is never taken for it, unless
    the -wal makes the same of both."""
    acts = ["write", "much", "checkpoint", "restart", "read", *(["stranger"] if seed % 2 else [])]
    moments: list[bytes] = []
    known = wal_link.Marks()
    with closing(_connection(data_dir)) as other, closing(_connection(data_dir)) as reader:
        for act in random.Random(seed).choices(acts, k=12):
            _do(act, data_dir, other, reader)
            assert wal_link.belongs(log_file(data_dir))
            assert wal_link.belongs(log_file(data_dir), known)
            killed = as_after_a_kill(data_dir, tmp_path / "killed")
            assert damage.found_in(log_file(killed), None) == ""
            if not seed % 2:  # another program's changes are not marked
                _with_older_files(killed, moments)
            moments.append(log_file(data_dir).read_bytes())


def _connection(data_dir: Path) -> sqlite3.Connection:
    """While it is there, nobody's end removes the -wal."""
    connection = sqlite3.connect(log_file(data_dir), isolation_level=None, timeout=0)
    connection.execute("PRAGMA journal_mode = WAL").fetchall()
    connection.execute("CREATE TABLE IF NOT EXISTS other (x)")
    return connection


def _do(act: str, data_dir: Path, other: sqlite3.Connection, reader: sqlite3.Connection) -> None:
    if act in ("write", "much"):
        _write(data_dir, 2 if act == "write" else 150)
    elif act == "read":
        reader.execute("ROLLBACK" if reader.in_transaction else "BEGIN")
        reader.execute("SELECT count(*) FROM runs").fetchall()
    elif act == "stranger":
        other.execute("INSERT INTO other VALUES (randomblob(2000))")
    else:
        with suppress(sqlite3.OperationalError):  # a reader is in its way
            other.execute(f"PRAGMA wal_checkpoint({'PASSIVE' if act == 'checkpoint' else 'RESTART'})").fetchall()


def _with_older_files(killed: Path, moments: list[bytes]) -> None:
    """A file of another moment beside this -wal is refused, or is the same log by it."""
    wal = (killed / f"{FILE_NAME}-wal").read_bytes()
    with closing(sqlite3.connect(log_file(killed))) as connection:
        whole = list(connection.iterdump())
    for content in moments:
        log_file(killed).write_bytes(content)
        (killed / f"{FILE_NAME}-wal").write_bytes(wal)
        if wal_link.belongs(log_file(killed)):
            with closing(sqlite3.connect(log_file(killed))) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
                assert list(connection.iterdump()) == whole
