"""A wrong set-up stops the line or takes one slot out, and who is left alone is told why."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from station.sim.faults import Fault
from station.sim.spec import CameraSpec
from station.sim.virtual_line import ControlClient
from tests.harness import Bench, station, wait_for
from tests.integration.conftest import MakeBench, camera, serial

REFUSES = (Fault.from_json({"do": "err_write", "at": {"request": "WRITE", "alt": 1}, "times": None}),)


def swap(bench: Bench, spec: CameraSpec) -> None:
    """Another camera in the place of the one on its port."""
    with closing(ControlClient(bench.line.addresses[0])) as client:
        client.ask("unplug", port_path=spec.port_path)
        client.ask("plug", camera=spec.to_json())


def test_cameras_that_fail_in_one_way_stop_a_line_without_a_screen(make_bench: MakeBench) -> None:
    bench = make_bench([camera(number, faults=REFUSES) for number in range(1, 4)])
    with bench.station(STATION_LINE__SAME_FAILURES_IN_A_ROW="3") as running:
        runs = running.runs(3)
        assert running.end() == 1
    assert {run["code"] for run in runs} == {"dfu.err_write"}
    assert any("3 cameras in a row failed with dfu.err_write" in line for line in running.talk), running.talk


def test_a_slot_that_fails_unit_after_unit_is_taken_out_and_restored(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1, faults=REFUSES), camera(2)])
    with bench.station(STATION_LINE__SLOT_FAILURES_IN_A_ROW="2", STATION_RUN__MAX_ATTEMPTS="1") as running:
        assert {run["outcome"] for run in running.runs(2)} == {"FAIL", "PASS"}
        swap(bench, camera(1, faults=REFUSES).with_(serial=serial(5)))
        assert running.run()["outcome"] == "FAIL"
        swap(bench, camera(2).with_(serial=serial(6)))
        assert running.run()["outcome"] == "PASS"
        wait_for(lambda: any("taken out" in line for line in running.talk), "the slot taken out")
        assert station("slots", "restore", "1-1.7", "--data-dir", bench.data_dir).returncode == 2
        swap(bench, camera(1, forced=True).with_(serial=serial(7)))
        wait_for(lambda: any("left alone" in line for line in running.talk), "the camera left alone")
        restored = station("slots", "restore", "1-1.1", "--data-dir", bench.data_dir)
        assert (restored.returncode, restored.stderr) == (0, "slot 1-1.1 takes cameras again\n")
        assert running.run()["serial"] == serial(7)
        running.interrupt()
        running.end()


def test_restoring_where_no_line_runs_says_so(tmp_path: Path) -> None:
    done = station("slots", "restore", "A1", "--data-dir", tmp_path)
    assert (done.returncode, "usage.no_line" in done.stderr) == (2, True)


def test_who_is_left_alone_is_told_once(make_bench: MakeBench, release: Path, tmp_path: Path) -> None:
    config = tmp_path / "station.toml"
    config.write_text('[slots]\nA1 = "1-1.1"\n')
    bench = make_bench([camera(1, release=str(release)), camera(2, forced=True)])
    bench.line.plug_all()
    wait_for(lambda: bench.line.state(serial(1))["phase"] == "application", "its application")
    wait_for(lambda: bench.line.state(serial(1))["configured"], "that a host sees it")
    done = station("flash", bench.release, *bench.words, "--all", "--config", config)
    assert done.returncode == 1
    said = done.stderr.splitlines()
    assert said.count("A1: it runs its application: replug it to flash it, or run it again (key r)") == 1
    assert said.count("1-1.2: this port is not a slot: the camera is left alone") == 1
