"""A disk that is full, at every moment of a station's life: nothing is lost, nothing is green that is not in the log,
nothing is half there, and everything goes on when there is room."""

from __future__ import annotations

import json
import os
import queue
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from station.control.client import ask
from station.control.requests import BeginBatch
from station.ledger import migrate
from tests.harness import Bench, Station, station, wait_for
from tests.integration.conftest import MakeBench, camera, serial
from tests.integration.test_outbox import backlog, configured, told
from tests.integration.test_station_faults import SLOW, in_the_middle
from tests.receivers import HttpSystem
from tests.rig.small_disk import SmallDisk

ROOM_MIB = 48
SLOWER = {"profile": "nor", "scale": 1.5}
NOTICE = "the disk of the log is full"
RESERVES = (".log-reserve", ".journal-reserve")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """The data folder of `make_bench`, on a disk of its own."""
    try:
        made = SmallDisk(tmp_path / "data", ROOM_MIB)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount a file system")
    yield made
    made.unmount()


def fill(disk: SmallDisk) -> None:
    wait_for(disk.fill_up, "a full disk")


def is_said(running: Station) -> bool:
    return any(NOTICE in line for line in running.talk)


def is_given_up(bench: Bench, reserve: str) -> bool:
    return not (bench.data_dir / reserve).exists()


def waits_in_the_journal(bench: Bench) -> bool:
    return any(b'"waiting"' in file.read_bytes() for file in (bench.data_dir / "journal").glob("*.jsonl"))


def ended(bench: Bench) -> list[tuple[str, str, str | None]]:
    return [(run["serial"], run["outcome"], run["code"]) for run in bench.export()]


def refused(*words: str | Path, code: str = "ledger.disk_full", exit_code: int = 4) -> str:
    """A command that finds no room says so in one line of its own."""
    done = station(*words)
    assert done.returncode == exit_code, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"{code}: "), done.stderr
    assert "Traceback" not in done.stderr
    return last


def test_a_disk_that_fills_while_cameras_are_at_work(make_bench: MakeBench, disk: SmallDisk) -> None:
    """Those that run pass, and are in the log when they are green; the next one is held, and begun once there is
    room."""
    bench = make_bench([camera(1, **SLOW), camera(2, **SLOW), camera(3, **SLOW), camera(4)])
    with bench.station("--stop-after", "4", plug=False) as running:
        for number in (1, 2, 3):
            bench.line.plug(serial(number))
        in_the_middle(bench, 1, 2, 3)
        fill(disk)
        bench.line.plug(serial(4))
        for run in running.runs(3):
            assert run["outcome"] == "PASS"
            assert (run["serial"], "PASS", None) in ended(bench)
        assert is_said(running)
        assert bench.held(serial(4))
        assert bench.blocks_written(serial(4)) == 0
        with pytest.raises(queue.Empty):
            running.run(limit_s=0.01)
        disk.empty()
        assert (running.run()["serial"], running.end()) == (serial(4), 0)
    assert sorted(ended(bench)) == [(serial(number), "PASS", None) for number in (1, 2, 3, 4)]
    assert len([line for line in running.talk if NOTICE in line]) == 1
    assert not any(is_given_up(bench, reserve) for reserve in RESERVES)


def test_a_disk_without_a_byte_for_the_log_keeps_results_until_there_is_room(
    make_bench: MakeBench, disk: SmallDisk
) -> None:
    """Somebody takes the log's reserve too: what ends then waits in the journal, and is green when the log has it."""
    bench = make_bench([camera(1, **SLOW), camera(2, **SLOWER), camera(3, **SLOWER)])
    with bench.station("--stop-after", "3") as running:
        in_the_middle(bench, 1, 2, 3)
        fill(disk)
        assert running.run()["serial"] == serial(1)
        fill(disk)
        wait_for(partial(waits_in_the_journal, bench), "a result in the journal")
        with pytest.raises(queue.Empty):
            running.run(limit_s=0.01)
        disk.empty()
        assert [run["outcome"] for run in running.runs(2)] == ["PASS", "PASS"]
        assert running.end() == 0
    assert sorted(ended(bench)) == [(serial(number), "PASS", None) for number in (1, 2, 3)]
    assert not waits_in_the_journal(bench)


def test_a_station_that_is_killed_while_results_wait_for_room_loses_none(
    make_bench: MakeBench, disk: SmallDisk
) -> None:
    bench = make_bench([camera(1, **SLOW), camera(2, **SLOWER)])
    with bench.station() as running:
        in_the_middle(bench, 1, 2)
        fill(disk)
        assert running.run()["serial"] == serial(1)
        fill(disk)
        wait_for(partial(waits_in_the_journal, bench), "a result in the journal")
        running.interrupt(signal.SIGKILL)
        running.end()
    fill(disk)
    refused("run", "--headless", "--bundle", bench.release, *bench.words)
    disk.empty()
    bench.line.unplug(serial(2))
    with bench.station("--stop-after", "1", plug=False) as running:
        bench.line.plug(serial(2))
        assert running.run()["outcome"] == "PASS"
        assert running.end() == 0
    kept = (serial(2), "ERROR", "ledger.write_failed")
    assert ended(bench) == [(serial(1), "PASS", None), kept, (serial(2), "PASS", None)]


def test_a_line_that_is_ended_on_a_full_disk_leaves_no_run_open(make_bench: MakeBench, disk: SmallDisk) -> None:
    bench = make_bench([camera(1, **SLOW), camera(2)])
    with bench.station(plug=False) as running:
        bench.line.plug(serial(1))
        in_the_middle(bench, 1)
        fill(disk)
        bench.line.plug(serial(2))
        wait_for(partial(is_said, running), "a word of it")
        running.interrupt(signal.SIGTERM)
        runs = {run["serial"]: (run["outcome"], run["code"]) for run in running.runs(2)}
        assert running.end() == 130
    assert runs == dict.fromkeys((serial(1), serial(2)), ("ABORTED", "operator.cancelled"))
    assert bench.blocks_written(serial(2)) == 0
    disk.empty()
    assert {outcome for _, outcome, _ in ended(bench)} == {"ABORTED"}


def test_no_camera_is_taken_where_the_disk_is_full_before_the_start(make_bench: MakeBench, disk: SmallDisk) -> None:
    """Without a log yet, and with one."""
    bench = make_bench([camera(1, forced=True)])
    bench.line.plug_all()
    words = ("run", "--headless", "--bundle", bench.release, "--stop-after", "1", *bench.words)
    assert station("bundle", "import", bench.release, "--data-dir", bench.data_dir).returncode == 0
    fill(disk)
    refused(*words)
    disk.empty()
    assert station("db", "upgrade", "--data-dir", bench.data_dir).returncode == 0
    fill(disk)
    refused(*words)
    assert bench.blocks_written(serial(1)) == 0
    disk.empty()
    done = station(*words, "--json")
    assert [json.loads(line)["outcome"] for line in done.stdout.splitlines()] == ["PASS"]
    assert [outcome for _, outcome, _ in ended(bench)] == ["PASS"]


def batches(bench: Bench) -> list[str]:
    with closing(sqlite3.connect(f"file:{bench.data_dir / 'station.sqlite3'}?mode=ro", uri=True)) as log:
        return [str(name) for (name,) in log.execute("SELECT name FROM batches")]


def test_a_batch_that_begins_on_a_full_disk_is_in_the_log(make_bench: MakeBench, disk: SmallDisk) -> None:
    """Its cameras wait; the batch is the one that goes on after a restart, even one by force."""
    bench = make_bench([camera(1)])
    with bench.station(plug=False) as running:
        fill(disk)
        ask(bench.data_dir, BeginBatch("L1", "ann", 5))
        bench.line.plug_all()
        wait_for(partial(batches, bench), "the batch in the log")
        wait_for(partial(bench.held, serial(1)), "the camera held")
        assert is_said(running)
        assert bench.blocks_written(serial(1)) == 0
        running.interrupt(signal.SIGKILL)
        running.end()
    disk.empty()
    bench.line.unplug(serial(1))
    with bench.station("--stop-after", "1") as running:
        run = running.run()
        assert running.end() == 0
    assert (run["outcome"], run["batch"], run["operator"]) == ("PASS", "L1", "ann")


def a_log(bench: Bench) -> None:
    """One run is in it."""
    with bench.station("--stop-after", "1") as running:
        assert running.run()["outcome"] == "PASS"
        running.end()


def test_an_upgrade_without_room_changes_nothing(make_bench: MakeBench, disk: SmallDisk) -> None:
    bench = make_bench([camera(1)])
    a_log(bench)
    migrate.to(bench.data_dir, "0008")
    before = (bench.data_dir / "station.sqlite3").read_bytes()
    fill(disk)
    refused("db", "upgrade", "--data-dir", bench.data_dir)
    assert (bench.data_dir / "station.sqlite3").read_bytes() == before
    assert not list((bench.data_dir / "backups").glob(".*"))
    disk.empty()
    assert station("db", "upgrade", "--data-dir", bench.data_dir).returncode == 0
    assert ended(bench) == [(serial(1), "PASS", None)]


def test_files_that_find_no_room_are_not_half_there(make_bench: MakeBench, disk: SmallDisk) -> None:
    """Backup, report, export, a page: what was there under that name stays, and nothing is left beside it."""
    bench = make_bench([camera(1)])
    a_log(bench)
    target = bench.data_dir / "given"
    target.mkdir()
    folder = ("--data-dir", bench.data_dir)
    for name in ("report.html", "export.jsonl", "page.html"):
        (target / name).write_text("as before")
    fill(disk)
    refused("db", "backup", target / "copy.sqlite3", *folder)
    file = target / "report.html"
    output = {"code": "usage.output", "exit_code": 2}
    refused("report", "--purpose", "production", "--format", "html", "--output", file, *folder, **output)  # type: ignore[arg-type]
    refused("export", "--output", target / "export.jsonl", *folder, **output)  # type: ignore[arg-type]
    refused("operators-page", "--output", target / "page.html", *folder, **output)  # type: ignore[arg-type]
    assert {path.name: path.read_text() for path in target.iterdir()} == dict.fromkeys(
        ("report.html", "export.jsonl", "page.html"), "as before"
    )
    assert not list((bench.data_dir / "backups").glob("*"))


def test_what_only_reads_works_on_a_full_disk(make_bench: MakeBench, disk: SmallDisk) -> None:
    bench = make_bench([camera(1)])
    a_log(bench)
    folder = ("--data-dir", bench.data_dir)
    fill(disk)
    for words in (("report",), ("unit", serial(1)), ("failed",), ("export",), ("audit",), ("outbox",), ("db", "check")):
        done = station(*words, *folder)
        assert done.returncode == 0, (words, done.stderr)
    assert ended(bench) == [(serial(1), "PASS", None)]
    checks = {
        check["check"]: check["ok"] for check in json.loads(station("doctor", "--json", *folder).stdout)["checks"]
    }
    assert not checks["disk"]


def test_an_audited_act_without_room_is_not_half_done(make_bench: MakeBench, disk: SmallDisk) -> None:
    bench = make_bench([camera(1)])
    a_log(bench)
    folder = ("--data-dir", bench.data_dir)
    words = ("release", serial(1), "--by", "Ada", *folder)
    assert station(*words).returncode == 0
    rows = station("audit", "--json", *folder).stdout
    fill(disk)
    refused(*words)
    disk.empty()
    assert station("audit", "--json", *folder).stdout == rows
    assert station(*words).returncode == 0
    assert len(json.loads(station("audit", "--json", *folder).stdout)) == len(json.loads(rows)) + 1
    check = station("db", "check", *folder)
    assert check.returncode == 0, check.stdout


def test_the_factory_is_told_of_each_run_although_the_disk_is_full(
    make_bench: MakeBench, disk: SmallDisk, tmp_path: Path
) -> None:
    """What was delivered can only be noted later: it is not sent again for that."""
    bench = make_bench([camera(1, **SLOW), camera(2)])
    http = HttpSystem()
    with http.serving() as address:
        config = configured(tmp_path, mes=f"http {address}")
        with bench.station("--config", config, "--stop-after", "2", plug=False) as running:
            bench.line.plug(serial(1))
            in_the_middle(bench, 1)
            fill(disk)
            first = running.run()
            http.wait_for(lambda records: bool(records))
            bench.line.plug(serial(2))
            wait_for(partial(is_said, running), "a word of it")
            disk.empty()
            second = running.run()
            assert running.end() == 0
    assert told(http) == {run["run_id"]: run for run in (first, second)}
    assert len(http.records) == 2
    assert backlog(bench, config)["waiting"] == []


def test_a_disk_that_turns_read_only_under_a_running_camera(make_bench: MakeBench, tmp_path: Path) -> None:
    """As Linux does with one that has an error. Nothing can be kept: nothing is green; the line ends and says why."""
    image, folder = tmp_path / "image", tmp_path / "data"
    image.touch()
    os.truncate(image, 32 << 20)
    folder.mkdir()
    try:
        subprocess.run(["mkfs.ext4", "-q", image], check=True, capture_output=True)
        mount = ["mount", "-o", "loop,errors=remount-ro", str(image), str(folder)]
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount a file system")
    try:
        _turns_read_only(make_bench, folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _turns_read_only(make_bench: MakeBench, folder: Path) -> None:
    bench = make_bench([camera(1, **SLOW)])
    source = subprocess.run(["findmnt", "-no", "SOURCE", str(folder)], check=True, capture_output=True, text=True)
    with bench.station() as running:
        in_the_middle(bench, 1)
        trigger = Path("/sys/fs/ext4", Path(source.stdout.strip()).name, "trigger_fs_error")
        trigger.write_text("a test")
        run = running.run()
        assert running.end() == 4
    assert (run["outcome"], run["code"]) == ("ERROR", "ledger.write_failed")
    assert "Traceback" not in "".join(running.talk)
    assert "ledger.write_failed: " in running.talk[-1]
    assert ended(bench) == [(serial(1), None, None)]
