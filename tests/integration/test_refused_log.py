"""A log that turns out to be unusable when the line starts: no camera is touched, and each waits as it was."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.harness import Bench, station
from tests.integration.conftest import MakeBench, camera, serial

NUMBERS = (1, 2, 3)


def _set_revision(file: Path, revision: str) -> str:
    """Have the log say that its schema is of this revision; returns what it said before."""
    with closing(sqlite3.connect(file)) as log, log:
        (before,) = log.execute("SELECT version_num FROM alembic_version").fetchone()
        log.execute("UPDATE alembic_version SET version_num = ?", [revision])
    return str(before)


def _lock(file: Path) -> sqlite3.Connection:
    """Nobody can read or write the log until this is closed: who opens it waits for some seconds, and gives up."""
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("PRAGMA journal_mode = DELETE")
    other.execute("BEGIN EXCLUSIVE")
    return other


@pytest.mark.parametrize("code", ["ledger.schema_outdated", "ledger.write_failed"])
def test_no_camera_is_taken_by_a_line_that_could_not_record_it(make_bench: MakeBench, code: str) -> None:
    bench = make_bench([camera(number) for number in NUMBERS])
    assert station("db", "upgrade", "--data-dir", bench.data_dir).returncode == 0
    file = bench.data_dir / "station.sqlite3"
    _set_revision(file, "0001")
    bench.line.plug_all()
    with ExitStack() as stack:
        if code == "ledger.write_failed":
            stack.enter_context(closing(_lock(file)))
        running = stack.enter_context(bench.station(plug=False))
        assert running.end() == 4
    assert running.rest == []
    assert [line.split(":")[0] for line in running.talk if line.startswith("ledger.")] == [code]
    assert "Traceback" not in "".join(running.talk)
    for number in NUMBERS:
        _is_untouched(bench, serial(number))


def test_no_camera_is_taken_with_a_log_that_was_put_back_beside_an_old_wal(make_bench: MakeBench) -> None:
    """`cp` puts a log back, the -wal of the killed station stays: nothing is flashed into what that makes."""
    bench = make_bench([camera(number) for number in NUMBERS])
    file, copy = bench.data_dir / "station.sqlite3", bench.data_dir / "copy"
    assert station("db", "upgrade", "--data-dir", bench.data_dir).returncode == 0
    assert station("db", "backup", copy, "--data-dir", bench.data_dir).returncode == 0
    for number in (1, 2):
        with bench.station(plug=False) as running:
            bench.line.plug(serial(number))
            assert running.run()["outcome"] == "PASS"
            with closing(sqlite3.connect(file)) as other:
                other.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
            bench.line.unplug(serial(number))
            running.interrupt(signal.SIGKILL)
            running.end()
    assert file.with_name(f"{file.name}-wal").stat().st_size
    shutil.copy(copy, file)
    bench.line.plug(serial(3))
    with bench.station(plug=False) as running:
        assert running.end() == 4
    assert running.talk[-1].startswith("ledger.corrupt: ")
    assert f"station db restore {copy} --data-dir {bench.data_dir}" in running.talk[-1]
    _is_untouched(bench, serial(3))
    assert station("db", "restore", copy, "--data-dir", bench.data_dir).returncode == 0
    bench.line.unplug(serial(3))
    with bench.station("--stop-after", "1", plug=False) as running:
        bench.line.plug(serial(3))
        assert running.run()["outcome"] == "PASS"
        assert running.end() == 0
    assert [run["serial"] for run in bench.export()] == [serial(3)]


def _is_untouched(bench: Bench, camera: str) -> None:
    lives = bench.line.state(camera)["sessions"]
    assert all(life["attached_s"] is None for life in lives if life["mode"] == "bootloader")
    assert bench.blocks_written(camera) == 0
