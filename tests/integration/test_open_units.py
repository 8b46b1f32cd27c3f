"""A unit that was cut short after it passed is open again, wherever somebody asks; and who gets no run is reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from station.sim.faults import Fault
from tests.harness import Bench, station, wait_for
from tests.integration.conftest import MakeBench, camera, serial

CUT = {"at": {"request": "WRITE", "alt": 6, "block": 60}, "do": "vanish"}
"""Power is lost in ROMFS0, for good."""


def failed(bench: Bench, *words: str) -> list[dict[str, Any]]:
    """The list to run again."""
    done = station("failed", "--batch", "L1", "--json", *words, "--data-dir", bench.data_dir)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def report(bench: Bench) -> dict[str, Any]:
    done = station("report", "--batch", "L1", "--format", "json", "--data-dir", bench.data_dir)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def passed(bench: Bench) -> None:
    with bench.station("--batch", "L1", "--stop-after", "1") as running:
        assert running.run()["outcome"] == "PASS"
        assert running.end() == 0
    bench.line.unplug(serial(1))
    assert failed(bench) == []


def test_a_camera_that_lost_power_is_to_be_run_again(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1, faults=(Fault.from_json(CUT),))])
    with bench.station("--batch", "L1", "--stop-after", "1") as running:
        assert running.run()["outcome"] == "ABORTED"
        assert running.end() == 1
    assert [(row["serial"], row["code"]) for row in failed(bench)] == [(serial(1), "operator.unplugged")]
    assert report(bench)["open_units"] == [serial(1)]


def test_one_that_passed_and_was_pulled_out_of_another_firmware_is_open_again(
    make_bench: MakeBench, newer_release: Path
) -> None:
    bench = make_bench([camera(1)])
    passed(bench)
    bench.release = newer_release
    bench.line.add_fault(serial(1), CUT)
    with bench.station("--batch", "L1", "--stop-after", "1") as running:
        assert running.run()["outcome"] == "ABORTED"
        running.end()
    assert [row["serial"] for row in failed(bench)] == [serial(1)]
    found = report(bench)
    assert (found["first_pass_yield"], found["final_yield"], found["open_units"]) == (1.0, 0.0, [serial(1)])
    assert found["mixed"]


def test_one_that_ran_again_when_the_station_was_killed_is_open_before_and_after(
    make_bench: MakeBench, newer_release: Path
) -> None:
    bench = make_bench([camera(1, profile="nor", scale=3.0)])
    passed(bench)
    bench.release = newer_release
    before = bench.blocks_written(serial(1))
    with bench.station("--batch", "L1") as running:
        wait_for(lambda: bench.blocks_written(serial(1)) > before + 20, "its second run writes")
        assert [row["serial"] for row in failed(bench)] == [serial(1)]
        running.process.kill()
        running.process.wait()
    assert [row["serial"] for row in failed(bench)] == [serial(1)]
    with bench.station("--batch", "L1", plug=False) as again:
        again.interrupt()
        again.end()
    assert [(row["serial"], row["code"]) for row in failed(bench)] == [(serial(1), "station.interrupted")]


def test_another_board_of_the_maker_in_a_slot_is_named_once(make_bench: MakeBench) -> None:
    """An OpenMV N6 has the same vendor id, and was shown as an empty slot."""
    bench = make_bench([camera(1, bootloader_product_id=0x9206, forced=True), camera(2)])
    with bench.station("--stop-after", "1") as running:
        assert running.run()["port_path"] == "1-1.2"
        running.end()
    said = [line.strip() for line in running.talk if "no AE3" in line]
    assert said == ["1-1.1: an OpenMV board that is no AE3 (37C5:9206) is here: it is left alone"]
    assert bench.blocks_written(serial(1)) == 0


def test_a_camera_that_comes_and_goes_by_itself_is_named_once(make_bench: MakeBench) -> None:
    crash = (Fault.from_json({"do": "boot_crash", "after_s": 0.2}),)
    bench = make_bench([camera(1, faults=crash, crash="cycle", crash_s=0.1)])
    with bench.station(STATION_RUN__BOOT_TIMEOUT_S="1.0") as running:
        assert running.run()["code"] == "boot.timeout"
        wait_for(lambda: any("comes and goes" in line for line in running.talk), "that it is named")
        lives = len(bench.line.state(serial(1))["sessions"])
        wait_for(lambda: len(bench.line.state(serial(1))["sessions"]) > lives + 2, "two more lives")
        running.interrupt()
        running.end()
    assert sum("comes and goes" in line for line in running.talk) == 1
    assert running.rest == []
