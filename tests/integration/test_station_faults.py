"""What happens to running cameras when the station itself is hit: every camera is accounted for."""

from __future__ import annotations

import hashlib
import json
import os
import queue
import resource
import signal
import sqlite3
import subprocess
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from station.control.client import is_served
from station.sim.faults import Fault
from tests.harness import FILES, PROGRAM, Bench, Station, station, wait_for
from tests.integration.conftest import MakeBench, camera, serial

SLOW = {"profile": "nor", "scale": 0.5}
"""About 2 s a camera: long enough to be hit in the middle."""


def in_the_middle(bench: Bench, *numbers: int) -> None:
    """Wait until each camera has a good part of its ROMFS0."""
    for number in numbers:
        wait_for(partial(_is_in_the_middle, bench, number), f"camera {number} in the middle")


def _is_in_the_middle(bench: Bench, number: int) -> bool:
    return bench.blocks_written(serial(number)) > 30


def test_a_killed_worker_costs_its_own_run(make_bench: MakeBench) -> None:
    bench = make_bench([camera(number, **SLOW) for number in (1, 2, 3)])
    with bench.station("--stop-after", "3") as running:
        in_the_middle(bench, 1, 2, 3)
        os.kill(running.processes("w 1-1.2")[0], signal.SIGKILL)
        found = {run["serial"]: run for run in running.runs(3)}
        assert running.end() == 1
    assert (found[serial(2)]["outcome"], found[serial(2)]["code"]) == ("ERROR", "worker.died")
    assert [found[serial(number)]["outcome"] for number in (1, 3)] == ["PASS", "PASS"]


def test_a_killed_holder_is_replaced(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1), camera(2)])
    with bench.station("--stop-after", "2", plug=False) as running:
        bench.line.plug(serial(1))
        assert running.run()["outcome"] == "PASS"
        os.kill(running.processes("station-holder")[0], signal.SIGKILL)
        bench.line.plug(serial(2))
        assert running.run()["outcome"] == "PASS"
        assert running.end() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_interrupted_once_running_cameras_finish(make_bench: MakeBench, number: int) -> None:
    bench = make_bench([camera(1, **SLOW), camera(2, **SLOW)])
    with bench.station() as running:
        in_the_middle(bench, 1, 2)
        running.interrupt(number)
        assert {run["outcome"] for run in running.runs(2)} == {"PASS"}
        assert running.end() == 130
    assert bench.memory_is_release(serial(1))


@pytest.mark.parametrize("signals", [(signal.SIGTERM,), (signal.SIGINT, signal.SIGINT)])
def test_told_to_end_now_every_row_is_closed(make_bench: MakeBench, signals: tuple[int, ...]) -> None:
    bench = make_bench([camera(1, **SLOW), camera(2, **SLOW)])
    with bench.station() as running:
        in_the_middle(bench, 1, 2)
        for number in signals:
            heard = len(running.talk)
            running.interrupt(number)
            wait_for(partial(_has_said_more, running, heard), "the signal heard")
        runs = running.runs(2)
        assert running.end() == 130
    assert {(run["outcome"], run["code"]) for run in runs} == {("ABORTED", "operator.cancelled")}
    assert {run["outcome"] for run in bench.export()} == {"ABORTED"}


def _has_said_more(running: Station, than: int) -> bool:
    return len(running.talk) > than


def test_a_silent_camera_does_not_keep_the_station_from_ending(make_bench: MakeBench) -> None:
    silent = Fault.from_json({"do": "silence", "at": {"request": "WRITE", "alt": 6, "block": 40}})
    bench = make_bench([camera(1, faults=(silent,))])
    with bench.station() as running:
        wait_for(lambda: bench.line.state(serial(1))["faults_struck"], "the silence")
        running.interrupt(signal.SIGTERM)
        run = running.run()
        assert running.end() == 130
    assert (run["outcome"], run["code"]) == ("ABORTED", "operator.cancelled")


def test_after_kill_9_every_camera_is_accounted_for(make_bench: MakeBench) -> None:
    bench = make_bench([camera(number, **SLOW) for number in (1, 2, 3)])
    with bench.station() as running:
        in_the_middle(bench, 1, 2, 3)
        children = running.processes("w ")
        running.interrupt(signal.SIGKILL)
        running.end()
    wait_for(lambda: not any(_alive(pid) for pid in children), "the workers of a dead station to end")
    for number in (1, 2, 3):
        bench.line.unplug(serial(number))
    with bench.station("--stop-after", "3") as running:
        assert {run["outcome"] for run in running.runs(3)} == {"PASS"}
        assert running.end() == 0
    assert [line for line in running.talk if line.startswith("3 runs were cut off when the station ended last")]
    history = [(run["serial"], run["outcome"], run["code"]) for run in bench.export()]
    for number in (1, 2, 3):
        mine = [entry[1:] for entry in history if entry[0] == serial(number)]
        assert mine == [("ERROR", "station.interrupted"), ("PASS", None)]


def test_results_that_nobody_can_read_are_kept_and_told(make_bench: MakeBench) -> None:
    """A journal that a bad disk has touched: one of its lines is a result, the other was one."""
    bench = make_bench([camera(1), camera(2)])
    with bench.station("--stop-after", "1", plug=False) as running:
        bench.line.plug(serial(1))
        kept = running.run() | {"run_id": "kept", "attempts": []}
        assert running.end() == 0
    journal = bench.data_dir / "journal"
    journal.mkdir(exist_ok=True)
    whole = json.dumps({"journaled_at": kept["started_at"], "reason": "no room", "run": kept})
    (journal / "1.jsonl").write_text(f"{whole}\n{whole[:200]}\n")
    with bench.station("--stop-after", "1", plug=False) as running:
        bench.line.plug(serial(2))
        assert running.run()["outcome"] == "PASS"
        assert running.end() == 0
    said = "".join(running.talk)
    assert "1 result that waited in the journal went into the log" in said
    assert f"1 line of the journal could not be read, and may be results: kept in {journal} (*.unusable)" in said
    assert "kept" in {run["run_id"] for run in bench.export()}
    assert str(journal / "1.jsonl.unusable") in station("doctor", "--data-dir", bench.data_dir).stdout


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_second_station_in_the_same_data_folder_is_refused(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1, **SLOW)])
    with bench.station() as running:  # until it is told to end: on a busy machine the second one starts after the run
        in_the_middle(bench, 1)
        second = station("run", "--headless", "--bundle", bench.release, *bench.words)
        assert second.returncode == 6
        assert str(bench.data_dir) in second.stderr
        assert "Traceback" not in second.stderr
        assert running.run()["outcome"] == "PASS"
        running.interrupt()
        assert (running.end(), running.rest) == (130, [])


def test_a_second_station_on_the_same_bus_is_refused(make_bench: MakeBench, tmp_path: Path) -> None:
    """Two stations with data folders of their own would write into each other's transfers."""
    bench = make_bench([camera(1)])
    with bench.station("--stop-after", "1", plug=False) as running:
        wait_for(lambda: any("ready" in line for line in running.talk), "ready")
        sims = [word for folder in bench.line.addresses for word in ("--sim", folder)]
        second = station("run", "--headless", "--bundle", bench.release, "--data-dir", tmp_path / "other", *sims)
        assert second.returncode == 6, second.stderr
        assert second.stderr.splitlines()[-1].startswith("station.busy: ")
        bench.line.plug_all()
        assert running.run()["outcome"] == "PASS"
        assert running.end() == 0


def test_a_line_that_nobody_listens_to_goes_on(make_bench: MakeBench) -> None:
    """`station run ... 2>&1 | head -1`: the reader is gone before the first camera comes."""
    never = (Fault.from_json({"do": "boot_never"}),)
    # Nothing tells when the line is ready, so these wait in their bootloader for as long as it takes.
    bench = make_bench([camera(1, forced=True), camera(2, forced=True, faults=never)])
    reading, writing = os.pipe()
    os.close(reading)
    words = ["run", "--headless", "--bundle", str(bench.release), "--stop-after", "2", *map(str, bench.words)]
    environment = {**os.environ, "STATION_RUN__BOOT_TIMEOUT_S": "1"}
    with subprocess.Popen([*PROGRAM, *words], stdout=writing, stderr=writing, env=environment) as running:
        os.close(writing)
        wait_for(lambda: (bench.data_dir / "station.sqlite3").exists() or running.poll() is not None, "the log")
        bench.line.plug_all()
        assert running.wait(120) == 1
    assert sorted(str(run["outcome"]) for run in bench.export()) == ["FAIL", "PASS"]


LOCKED = "another program has locked the log"


def _is_kept(bench: Bench) -> bool:
    return any(file.stat().st_size for file in (bench.data_dir / "journal").glob("*.jsonl"))


def test_a_log_that_an_sql_browser_locks_is_waited_for(make_bench: MakeBench) -> None:
    """Nothing is green meanwhile, the result is safe on the disk, the next camera is held: and then all goes on."""
    bench = make_bench([camera(1, **SLOW), camera(2)])
    with bench.station("--stop-after", "2", plug=False) as running:
        bench.line.plug(serial(1))
        in_the_middle(bench, 1)
        with closing(sqlite3.connect(bench.data_dir / "station.sqlite3")) as other:
            other.execute("BEGIN EXCLUSIVE")
            bench.line.plug(serial(2))
            wait_for(lambda: _is_kept(bench), "the result in the journal")
            wait_for(lambda: any(LOCKED in line for line in running.talk), "a word of it")
            wait_for(lambda: bench.held(serial(2)), "the next camera held")
            assert bench.blocks_written(serial(2)) == 0
            with pytest.raises(queue.Empty):
                running.run(limit_s=0.01)
            other.rollback()
        found = {run["serial"]: run for run in running.runs(2)}
        assert running.end() == 0
    assert {run["outcome"] for run in found.values()} == {"PASS"}
    assert [entry["outcome"] for entry in bench.export()] == ["PASS", "PASS"]
    assert not _is_kept(bench)
    assert len([line for line in running.talk if LOCKED in line]) == 1


def test_a_line_that_is_ended_while_the_log_is_locked_ends_and_keeps_its_result(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1, **SLOW)])
    with bench.station() as running:
        in_the_middle(bench, 1)
        with closing(sqlite3.connect(bench.data_dir / "station.sqlite3")) as other:
            other.execute("BEGIN EXCLUSIVE")
            wait_for(lambda: _is_kept(bench), "the result in the journal")
            running.interrupt()
            run = running.run()
            other.rollback()
        code = running.end()
    assert (run["outcome"], run["code"]) == ("ERROR", "ledger.write_failed")
    assert code == 4
    again = Station(["--bundle", bench.release, *bench.words, "--stop-after", "1"], {})
    wait_for(lambda: any("ready" in line for line in again.talk), "up")
    assert [entry["code"] for entry in bench.export()] == ["ledger.write_failed"]
    again.interrupt()
    again.end()


def test_a_camera_is_not_touched_before_its_run_is_in_the_log(make_bench: MakeBench) -> None:
    """Else, if power failed in the middle, the log would still say that the camera holds what it held before."""
    bench = make_bench([camera(1)])
    with bench.station(plug=False) as running:
        wait_for(lambda: is_served(bench.data_dir), "the log is open")
        with closing(sqlite3.connect(bench.data_dir / "station.sqlite3")) as other:
            other.execute("BEGIN IMMEDIATE")
            bench.line.plug(serial(1))
            wait_for(lambda: any(LOCKED in line for line in running.talk), "a word of the lock")
            running.interrupt()
            run = running.run()
            other.rollback()
        assert running.end() == 4
    assert (run["outcome"], run["code"]) == ("ERROR", "ledger.write_failed")
    assert bench.blocks_written(serial(1)) == 0
    bench.line.unplug(serial(1))
    with bench.station("--stop-after", "1", plug=False) as running:
        bench.line.plug(serial(1))
        assert running.run()["outcome"] == "PASS"
        assert running.end() == 0
    kept, passed = bench.export()
    assert (kept["code"], passed["outcome"]) == ("ledger.write_failed", "PASS")
    assert "was stopped before the run" in str(kept["message"])


def test_a_clock_that_is_behind_the_log_is_told(make_bench: MakeBench, tmp_path: Path) -> None:
    bench = make_bench([camera(1), camera(2)])
    with bench.station("--stop-after", "1", plug=False) as running:
        bench.line.plug(serial(1))
        run = running.run()
        assert running.end() == 0
    assert "the clock of this machine" not in "".join(running.talk)
    later = json.dumps(run | {"run_id": "another", "attempts": []}).replace(run["started_at"][:4], "2126")
    (tmp_path / "later.jsonl").write_text(later + "\n")
    imported = station("import", tmp_path / "later.jsonl", "--data-dir", bench.data_dir)
    assert imported.returncode == 0, imported.stderr
    with bench.station("--stop-after", "1", plug=False) as running:
        bench.line.plug(serial(2))
        assert running.run()["outcome"] == "PASS"
        assert running.end() == 0
    assert [line for line in running.talk if "the clock of this machine" in line and "2126" in line]


@pytest.mark.parametrize("verify", ["true", "false"])
def test_an_image_that_is_damaged_under_a_running_line_is_not_written(make_bench: MakeBench, verify: str) -> None:
    """It was hashed when the line started. The last image of the recipe: nothing of the others is written either."""
    bench = make_bench([camera(1), camera(2)])
    with bench.station("--stop-after", "2", plug=False, STATION_RUN__VERIFY=verify) as running:
        bench.line.plug(serial(1))
        assert running.run()["outcome"] == "PASS"
        _damage(bench, "ROMFS0")
        bench.line.plug(serial(2))
        run = running.run()
        assert running.end() == 1
    assert (run["outcome"], run["code"]) == ("ERROR", "bundle.corrupt")
    assert bench.blocks_written(serial(2)) == 0


def test_an_image_that_is_damaged_while_it_is_written_is_not_green(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1, **SLOW)])
    with bench.station("--stop-after", "1") as running:
        in_the_middle(bench, 1)
        _damage(bench, "HP")
        run = running.run()
        assert running.end() == 1
    assert run["outcome"] != "PASS"


def _damage(bench: Bench, partition: str) -> None:
    """Change one byte of a stored image, in place, as a bad disk does."""
    digest = hashlib.sha256((bench.release / FILES[partition]).read_bytes()).hexdigest()
    stored = bench.data_dir / "bundles" / "objects" / digest
    stored.chmod(0o644)
    with stored.open("r+b") as file:
        file.seek(5000)
        byte = file.read(1)[0]
        file.seek(5000)
        file.write(bytes([byte ^ 1]))


HOLDS_THE_LOG = """
import sqlite3, sys, time
log = sqlite3.connect(sys.argv[1], isolation_level=None)
log.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
time.sleep(600)
"""


def test_a_program_that_is_killed_while_it_holds_the_log(make_bench: MakeBench) -> None:
    """What it had begun is undone, its lock is gone with it, and the line goes on with what it kept meanwhile."""
    bench = make_bench([camera(1, **SLOW), camera(2, **SLOW)])
    with bench.station("--stop-after", "2") as running:
        in_the_middle(bench, 1, 2)
        command = [PROGRAM[0], "-c", HOLDS_THE_LOG, str(bench.data_dir / "station.sqlite3")]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
            assert holder.stdout
            assert holder.stdout.readline() == b"locked\n"
            wait_for(lambda: _is_kept(bench), "a result in the journal")
            holder.kill()
        assert [run["outcome"] for run in running.runs(2)] == ["PASS", "PASS"]
        assert running.end() == 0
    assert [entry["outcome"] for entry in bench.export()] == ["PASS", "PASS"]


def test_a_data_folder_that_vanishes_under_a_running_camera(make_bench: MakeBench) -> None:
    """An unplugged disk, an `rm -rf`, a `mv`: what cannot be recorded is not green, and the line ends or says so."""
    bench = make_bench([camera(1, **SLOW), camera(2)])
    elsewhere = bench.data_dir.with_name("elsewhere")
    with bench.station(plug=False) as running:
        bench.line.plug(serial(1))
        in_the_middle(bench, 1)
        bench.data_dir.rename(elsewhere)
        first = running.run()
        assert (first["outcome"], first["code"]) == ("ERROR", "ledger.write_failed")
        elsewhere.rename(bench.data_dir)
        running.interrupt(signal.SIGTERM)
        running.end()
    bench.line.unplug(serial(1))
    with bench.station("--stop-after", "2") as running:
        assert {run["outcome"] for run in running.runs(2)} == {"PASS"}
        assert running.end() == 0
    mine = [run for run in bench.export() if run["serial"] == serial(1)]
    assert [run["outcome"] for run in mine] == ["ERROR", "PASS"]


def test_out_of_file_descriptors_the_line_says_so_and_blames_no_camera(make_bench: MakeBench) -> None:
    bench = make_bench([camera(number) for number in range(1, 9)])
    with bench.station(plug=False) as running:
        bench.line.plug(serial(1))
        assert running.run()["outcome"] == "PASS"
        usual = resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE)
        now = len(os.listdir(f"/proc/{running.process.pid}/fd"))
        resource.prlimit(running.process.pid, resource.RLIMIT_NOFILE, (now, usual[1]))
        for number in range(2, 9):
            bench.line.plug(serial(number))
        assert running.end() != 0
    # Whatever needed one first says so: the pool of workers, or the log, which keeps what it could not write.
    code, _, said = running.talk[-1].partition(": ")
    assert code in ("station.no_descriptors", "ledger.write_failed"), running.talk
    assert "too many" in said
    assert "Traceback" not in "".join(running.talk)
    assert not [run for run in bench.export() if run["outcome"] == "FAIL"]
    with bench.station("--stop-after", "7", plug=False) as running:
        for number in range(2, 9):
            bench.line.unplug(serial(number))
            bench.line.plug(serial(number))
        assert {run["outcome"] for run in running.runs(7)} == {"PASS"}
        running.end()
