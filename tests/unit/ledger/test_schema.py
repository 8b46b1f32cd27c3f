from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from station.errors import LedgerError, UsageError
from station.ledger import migrate, schema_version
from station.ledger.backup import backup
from station.ledger.backup_list import BACKUP_FOLDER
from station.ledger.database import FILE_NAME, open_reader, open_writer
from station.ledger.integrity import check
from station.ledger.reader import Reader
from station.ledger.recorder import Recorder
from station.ledger.schema_version import SchemaState
from station.model.events import RunFinished
from tests.unit.ledger.builders import a_run
from tests.unit.ledger.conftest import Replies


def execute(data_dir: Path, *statements: str) -> None:
    with closing(sqlite3.connect(data_dir / FILE_NAME)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def code_of(action: object, *arguments: object) -> str:
    assert callable(action)
    with pytest.raises(LedgerError) as caught:
        action(*arguments)
    assert caught.value.exit_code == 4
    assert caught.value.hint
    return caught.value.code


def test_head_is_the_migrations_head() -> None:
    assert migrate.script_head() == schema_version.HEAD


def test_a_new_log_is_made_and_is_current(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there % yet"
    assert schema_version.state(folder) is SchemaState.MISSING
    schema_version.create_or_check(folder)
    assert schema_version.state(folder) is SchemaState.CURRENT
    schema_version.create_or_check(folder)
    assert check(folder).ok


def test_migrations_go_up_down_and_up_again(tmp_path: Path) -> None:
    migrate.to(tmp_path, "head")
    assert schema_version.state(tmp_path) is SchemaState.CURRENT
    migrate.to(tmp_path, "base")
    assert schema_version.state(tmp_path) is SchemaState.MISSING
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE sql IS NOT NULL")}
    assert names == {"alembic_version"}
    migrate.to(tmp_path, "head")
    assert check(tmp_path).ok


def test_the_rows_are_what_the_migrations_make(data_dir: Path) -> None:
    engine = open_reader(data_dir)
    with engine.connect() as connection:
        assert migrate.differences(connection) == []
    engine.dispose()


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE runs DROP COLUMN bootloader",
        "DROP INDEX ix_runs_batch_started_at_run_id",
        "ALTER TABLE runs ADD COLUMN mood VARCHAR",
        "CREATE TABLE extra (x INTEGER)",
    ],
)
def test_check_sees_a_schema_that_was_changed(data_dir: Path, change: str) -> None:
    execute(data_dir, change)
    assert any(problem.startswith("schema: ") for problem in check(data_dir).problems)


def test_check_sees_a_broken_reference(data_dir: Path) -> None:
    execute(
        data_dir,
        "INSERT INTO images VALUES ('nobody', 0, 'HP', 1, 1, 'x', NULL, 1, 1, 0.0, 0.0)",
    )
    found = check(data_dir)
    assert any("images" in problem and "attempts" in problem for problem in found.problems)
    assert not found.ok


def test_check_sees_damage(data_dir: Path, replies: Replies) -> None:
    recorder = Recorder(data_dir, replies)
    for minute in range(40):
        recorder.submit(RunFinished(a_run(minute=minute, message="x" * 2000)))
    assert recorder.close(120)
    file = data_dir / FILE_NAME
    data = bytearray(file.read_bytes())
    # Leave the schema alone, which the migrations made before, and spoil the runs behind it: they are 80 kB.
    among_runs = len(data) - 10 * 4096
    data[among_runs : among_runs + 8192] = b"\xa5" * 8192
    file.write_bytes(data)
    assert not check(data_dir).ok


def test_an_outdated_log_is_refused_until_it_is_upgraded(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_version, "REVISIONS", (*schema_version.REVISIONS, "9999"))
    monkeypatch.setattr(schema_version, "HEAD", "9999")
    assert schema_version.state(data_dir) is SchemaState.OUTDATED
    assert code_of(schema_version.create_or_check, data_dir) == "ledger.schema_outdated"
    assert code_of(Reader, data_dir) == "ledger.schema_outdated"


def test_upgrade_keeps_a_copy_first(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_version, "REVISIONS", ("0000", *schema_version.REVISIONS))
    execute(data_dir, "UPDATE alembic_version SET version_num = '0000'")
    upgraded: list[Path] = []
    monkeypatch.setattr(migrate, "to", lambda folder, revision: upgraded.append(folder))
    done = schema_version.upgrade(data_dir)
    assert upgraded == [data_dir]
    assert (done.before, done.after) == ("0000", schema_version.HEAD)
    assert done.backup_file is not None
    with closing(sqlite3.connect(done.backup_file)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0000",)]


def test_upgrade_makes_a_log_and_leaves_a_current_one(tmp_path: Path) -> None:
    assert schema_version.upgrade(tmp_path) == schema_version.Upgrade(None, schema_version.HEAD, None)
    assert schema_version.upgrade(tmp_path) == schema_version.Upgrade(schema_version.HEAD, schema_version.HEAD, None)
    assert not (tmp_path / BACKUP_FOLDER).exists()


def test_a_newer_log_is_refused_and_not_touched(data_dir: Path) -> None:
    execute(data_dir, "UPDATE alembic_version SET version_num = 'ffff'")
    assert schema_version.state(data_dir) is SchemaState.NEWER
    assert code_of(schema_version.create_or_check, data_dir) == "ledger.schema_unknown"
    assert code_of(schema_version.upgrade, data_dir) == "ledger.schema_unknown"
    assert not (data_dir / BACKUP_FOLDER).exists()


def test_a_file_that_is_no_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    file = tmp_path / FILE_NAME
    file.write_bytes(b"this is a letter, not a log\n" * 200)
    before = file.read_bytes()
    assert schema_version.state(tmp_path) is SchemaState.CORRUPT
    for action in (schema_version.create_or_check, schema_version.upgrade, check, Reader):
        assert code_of(action, tmp_path) == "ledger.corrupt"
    assert file.read_bytes() == before


def test_somebody_elses_database_is_refused(tmp_path: Path) -> None:
    execute(tmp_path, "CREATE TABLE recipes (name TEXT)")
    assert schema_version.state(tmp_path) is SchemaState.FOREIGN
    with pytest.raises(LedgerError, match="station db restore FILE") as caught:
        schema_version.create_or_check(tmp_path)
    assert caught.value.code == "ledger.corrupt"


def test_an_empty_file_becomes_a_log(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).touch()
    schema_version.create_or_check(tmp_path)
    assert schema_version.state(tmp_path) is SchemaState.CURRENT


def test_a_failed_migration_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_connection: object) -> None:
        raise OSError("the power went")

    monkeypatch.setattr(migrate, "_refuse_broken_keys", broken)
    assert code_of(schema_version.create_or_check, tmp_path) == "ledger.not_writable"
    assert schema_version.state(tmp_path) is SchemaState.MISSING


@pytest.mark.parametrize("action", [Reader, check])
def test_reading_a_log_that_is_not_there(tmp_path: Path, action: object) -> None:
    assert code_of(action, tmp_path) == "ledger.missing"
    assert not (tmp_path / FILE_NAME).exists()


def test_a_data_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert code_of(schema_version.create_or_check, tmp_path / "file" / "data") == "ledger.not_writable"
    (tmp_path / "data" / FILE_NAME).mkdir(parents=True)
    assert code_of(schema_version.create_or_check, tmp_path / "data") == "ledger.not_writable"


@contextmanager
def as_ordinary_user() -> Iterator[None]:
    """Root may write everywhere: be nobody for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_and_a_log_without_permission(data_dir: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        with as_ordinary_user():
            assert code_of(schema_version.create_or_check, folder) == "ledger.not_writable"
        folder.chmod(0o777)
        file = folder / FILE_NAME
        file.write_bytes((data_dir / FILE_NAME).read_bytes())
        file.chmod(0o444)
        with as_ordinary_user():
            assert code_of(schema_version.create_or_check, folder) == "ledger.not_writable"
        folder.chmod(0o700)


def test_a_log_that_another_program_is_writing_is_good(data_dir: Path) -> None:
    engine = open_writer(data_dir)
    with engine.begin():
        schema_version.create_or_check(data_dir)
    engine.dispose()


def test_the_writer_is_durable_and_keeps_references(data_dir: Path) -> None:
    engine = open_writer(data_dir)
    with engine.connect() as connection:
        names = ("journal_mode", "synchronous", "foreign_keys")
        found = [connection.execute(text(f"PRAGMA {name}")).scalar() for name in names]
    engine.dispose()
    assert found == ["wal", 2, 1]


def test_backup_while_the_log_is_being_written(data_dir: Path, tmp_path: Path, replies: Replies) -> None:
    recorder = Recorder(data_dir, replies)
    recorder.submit(RunFinished(a_run()))
    replies.next()
    (tmp_path / "copies").mkdir()
    copy = tmp_path / "copies" / FILE_NAME
    with closing(sqlite3.connect(data_dir / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM images")
        backup(data_dir, copy)
        other.execute("ROLLBACK")
    assert recorder.close(120)
    assert [path.name for path in copy.parent.iterdir()] == [FILE_NAME]
    # Read and write version 1: no write-ahead log belongs to it, so that it can be read where nothing may be written.
    assert copy.read_bytes()[18:20] == b"\x01\x01"
    assert check(copy.parent).ok
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM images").fetchone() == (2,)


def test_backup_overwrites_only_when_asked(data_dir: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite3"
    copy.write_text("precious")
    with pytest.raises(UsageError):
        backup(data_dir, copy)
    assert copy.read_text() == "precious"
    backup(data_dir, copy, overwrite=True)
    assert copy.read_bytes().startswith(b"SQLite format 3")
    for target in (tmp_path, data_dir / FILE_NAME):
        with pytest.raises(UsageError):
            backup(data_dir, target, overwrite=True)
    assert check(data_dir).ok


def test_backup_to_nowhere_and_of_nothing(data_dir: Path, tmp_path: Path) -> None:
    assert code_of(backup, data_dir, tmp_path / "missing" / "copy") == "ledger.not_writable"
    assert code_of(backup, tmp_path, tmp_path / "copy") == "ledger.missing"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_alembic_is_not_loaded_for_an_ordinary_start(data_dir: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from station.ledger import schema_version, recorder, reader\n"
        f"folder = Path({str(data_dir)!r}); schema_version.create_or_check(folder); reader.Reader(folder).open_runs()\n"
        "assert 'sqlalchemy' in sys.modules; print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "False"
