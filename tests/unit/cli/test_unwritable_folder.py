"""What only reads works on a data folder or a medium that cannot be written, in every state in which a station may have
left it; what writes says so."""

from __future__ import annotations

import ctypes
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from station.errors import LedgerError
from station.ledger import schema_version
from station.ledger.database import FILE_NAME
from station.ledger.reader import Reader
from station.ledger.recorder import Recorder
from station.model.events import RunFinished
from station.model.runs import Outcome
from station.wiring.log import data_folder
from tests.unit.cli.conftest import Station
from tests.unit.ledger.builders import OTHER_SERIAL, SERIAL, a_run

_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2
_LINUX_CAPABILITY_VERSION_3 = 0x20080522
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def _without_the_right_to_write_everything() -> Iterator[None]:
    """Root may write everything; without this capability its own folders are to it what they are to every owner."""
    header = (ctypes.c_uint32 * 2)(_LINUX_CAPABILITY_VERSION_3, 0)
    held = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable, for the lower 32 and the upper ones
    assert _libc.capget(header, held) == 0
    without = (ctypes.c_uint32 * 6)(*held)
    without[0] &= ~(1 << _CAP_DAC_OVERRIDE | 1 << _CAP_DAC_READ_SEARCH)
    assert _libc.capset(header, without) == 0
    try:
        yield
    finally:
        assert _libc.capset(header, held) == 0


@contextmanager
def _unwritable(folder: Path) -> Iterator[None]:
    """Inside, nothing can be made or changed in the folder, nor its log changed."""
    folder.chmod(0o555)
    files = [file for file in folder.iterdir() if file.is_file()]
    for file in files:
        file.chmod(0o444)
    try:
        with _without_the_right_to_write_everything():
            yield
    finally:
        folder.chmod(0o755)
        for file in files:
            file.chmod(0o644)


def _closed_in_order(_log: Path) -> None:
    """As the last program that closes a log leaves it: no -wal."""


def _cut_off(log: Path) -> None:
    """As a power cut leaves it: the newest run is in the -wal alone."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / log.name
        recorder = Recorder(log.parent, lambda _reply: None)
        with closing(Reader(log.parent)) as reader:
            reader.run_count()  # a -wal that is read is not taken away
            recorder.submit(RunFinished(a_run(Outcome.FAIL, 20, serial=OTHER_SERIAL)))
            assert recorder.close(120)
            for suffix in ("", "-wal", "-shm"):
                shutil.copy(f"{log}{suffix}", f"{copy}{suffix}")
        for suffix in ("", "-wal", "-shm"):
            shutil.copy(f"{copy}{suffix}", f"{log}{suffix}")


def _copied_without_shm(log: Path) -> None:
    """As somebody copies it to a medium: the -shm looks like nothing worth copying."""
    _cut_off(log)
    Path(f"{log}-shm").unlink()


def _empty_wal(log: Path) -> None:
    Path(f"{log}-wal").touch()


def _half_rolled_back(log: Path) -> None:
    """A backup is no longer a log with a -wal; a program that changed it was killed half-way."""
    with closing(sqlite3.connect(log, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("BEGIN")
        connection.execute("UPDATE runs SET batch = 'half'")
        connection.execute("CREATE TABLE spilled AS SELECT * FROM runs, attempts, images, (VALUES (1), (2), (3), (4))")
        journal = Path(f"{log}-journal")
        half = (log.read_bytes(), journal.read_bytes())
        connection.execute("ROLLBACK")
    log.write_bytes(half[0])
    journal.write_bytes(half[1])


_STATES = {
    _closed_in_order: 1,
    _cut_off: 2,
    _copied_without_shm: 2,
    _empty_wal: 1,
    _half_rolled_back: 1,
}


@pytest.fixture
def log(data_dir: Path) -> Path:
    schema_version.create_or_check(data_dir)
    recorder = Recorder(data_dir, lambda _reply: None)
    recorder.submit(RunFinished(a_run(Outcome.FAIL, 0)))
    assert recorder.close(120)
    return data_dir / FILE_NAME


@pytest.mark.parametrize("leave", _STATES)
@pytest.mark.parametrize(
    "words",
    [
        ["report"],
        ["report", "--batch", "2026-47", "--format", "html"],
        ["failed"],
        ["failed", "--json"],
        ["export", "--format", "csv"],
        ["export", "--format", "openhtf"],
        ["unit", SERIAL],
        ["db", "check"],
    ],
    ids=" ".join,
)
def test_reading(station: Station, log: Path, leave: Callable[[Path], None], words: list[str]) -> None:
    leave(log)
    before = sorted(log.parent.iterdir())
    with _unwritable(log.parent):
        told = station(*words)
    assert told.exit_code == 0, told.err
    assert told.err == ""
    assert sorted(log.parent.iterdir()) == before


def test_bundles_are_listed(station: Station, log: Path) -> None:
    with _unwritable(log.parent):
        assert station("bundle", "list", "--json").exit_code == 0


@pytest.mark.parametrize("leave", _STATES)
def test_every_run_is_read(station: Station, log: Path, leave: Callable[[Path], None]) -> None:
    """Those too that are only in the -wal, and nothing that was never committed."""
    leave(log)
    with _unwritable(log.parent):
        told = station("export")
    assert [json.loads(line)["batch"] for line in told.out.splitlines()] == ["2026-47"] * _STATES[leave]


@pytest.mark.parametrize("leave", _STATES)
def test_a_backup_of_a_folder_that_cannot_be_written(
    station: Station, log: Path, leave: Callable[[Path], None]
) -> None:
    leave(log)
    with tempfile.TemporaryDirectory() as target:
        Path(target).chmod(0o777)
        with _unwritable(log.parent):
            told = station("db", "backup", Path(target) / "copy.sqlite3")
        assert told.exit_code == 0, told.err
        with closing(sqlite3.connect(Path(target) / "copy.sqlite3")) as copy:
            assert copy.execute("SELECT count(*) FROM runs").fetchone() == (_STATES[leave],)


@pytest.mark.parametrize("leave", [_copied_without_shm, _half_rolled_back])
def test_restoring_from_a_medium(station: Station, log: Path, leave: Callable[[Path], None]) -> None:
    leave(log)
    with tempfile.TemporaryDirectory() as target:
        Path(target).chmod(0o777)
        with _unwritable(log.parent):
            told = station("db", "restore", log, "--data-dir", target)
        assert told.exit_code == 0, told.err
        with closing(Reader(Path(target))) as reader:
            assert reader.run_count() == _STATES[leave]


def test_what_is_written_later_is_read(log: Path) -> None:
    """A screen that was opened before the line: its reader does not stay with what it saw first."""
    with _unwritable(log.parent):
        reader = Reader(log.parent)
        assert reader.run_count() == 1
    recorder = Recorder(log.parent, lambda _reply: None)
    recorder.submit(RunFinished(a_run(Outcome.FAIL, 20, serial=OTHER_SERIAL)))
    assert recorder.close(120)
    with _unwritable(log.parent), closing(reader):
        assert reader.run_count() == 2


def test_nothing_stays_in_the_temporary_folder(station: Station, log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _copied_without_shm(log)
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o777)
        monkeypatch.setattr(tempfile, "tempdir", scratch)
        with _unwritable(log.parent):
            assert station("report").exit_code == 0
        assert not list(Path(scratch).iterdir())


def test_what_writes_says_so(station: Station, log: Path) -> None:
    with _unwritable(log.parent):
        told = station("release", SERIAL, "--by", "Ada")
    assert told.exit_code == 4
    assert "ledger.not_writable" in told.err


def _start_a_line(data_dir: Path) -> None:
    """What a line does with its data folder before the first camera."""
    with data_folder(data_dir):
        schema_version.create_or_check(data_dir)
        recorder = Recorder(data_dir, lambda _reply: None)
        try:
            recorder.close_interrupted()
        finally:
            recorder.close(120)


@pytest.mark.parametrize("name", ["station.lock", f"{FILE_NAME}-wal", "journal/", "journal/old.jsonl"])
def test_what_a_station_under_sudo_has_left_is_named_before_a_camera_comes(
    station: Station, log: Path, data_dir: Path, name: str
) -> None:
    """The folder is this user's, one thing in it is not: whoever looks at the folder alone finds nothing wrong."""
    _cut_off(log)
    thing = data_dir / name
    (data_dir / "journal").mkdir()
    if not name.endswith("/"):
        thing.touch()
    thing.chmod(0o500 if thing.is_dir() else 0o400 if "wal" in name else 0)
    try:
        with _without_the_right_to_write_everything():
            with pytest.raises(LedgerError) as refused:
                _start_a_line(data_dir)
            doctor = station("doctor", "--data-dir", data_dir)
    finally:
        thing.chmod(0o755)
    assert refused.value.code == "ledger.not_writable"
    assert str(thing) in refused.value.message
    assert f"{thing} may not be written by this user" in doctor.out
    _start_a_line(data_dir)


def test_a_journal_that_is_no_folder_is_told_before_a_camera_comes(log: Path, data_dir: Path) -> None:
    (data_dir / "journal").write_text("")
    with pytest.raises(LedgerError) as refused:
        _start_a_line(data_dir)
    assert f"{data_dir / 'journal'}: a part of its path is no folder" in refused.value.message
