"""What a line does with cameras that fail: outcome, code, and what was written, each beside a sound camera."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from station.sim.faults import Fault
from station.sim.virtual_line import ControlClient
from tests.harness import FILES, wait_for
from tests.integration.conftest import MakeBench, camera, serial

SOUND = 9
ROMFS0_BLOCKS = 98
QUICK = {"STATION_RUN__BOOT_TIMEOUT_S": "2"}


def words(given: Any) -> str | None:
    """A fault as a test's name says it."""
    if not isinstance(given, dict):
        return None
    where = " ".join(map(str, given["at"].values()))
    return f"{given['do']} at {where}"


def fault(**raw: Any) -> tuple[Fault, ...]:
    return (Fault.from_json(raw),)


def run_beside_a_sound_one(make_bench: MakeBench, runs: int = 2, **changes: Any) -> tuple[Any, dict[str, Any]]:
    """Run camera 1 with `changes` beside a sound one, which must pass; the bench and camera 1's (last) run."""
    bench = make_bench([camera(1, **changes), camera(SOUND)])
    with bench.station("--stop-after", str(runs), environment=QUICK) as running:
        found = running.runs(runs)
        running.end()
    sound = [run for run in found if run["port_path"] == f"1-1.{SOUND}"]
    assert [(run["outcome"], run["code"], run["message"]) for run in sound] == [("PASS", None, "")]
    assert bench.memory_is_release(serial(SOUND))
    return bench, next(run for run in found if run["port_path"] == "1-1.1")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ({"do": "stall", "at": {"request": "DNLOAD", "alt": 6, "block": 40}}, "usb.stall"),
        ({"do": "eio", "at": {"request": "DNLOAD", "alt": 6, "block": 70}}, "usb.io"),
        ({"do": "err_write", "at": {"request": "WRITE", "alt": 6, "block": 40}}, "dfu.err_write"),
        ({"do": "flip_byte", "at": {"request": "WRITE", "alt": 6, "block": 40}, "offset": 7}, "verify.mismatch"),
        ({"do": "flip_byte", "at": {"request": "WRITE", "alt": 2, "block": 1}, "offset": 7}, "verify.mismatch"),
        ({"do": "vanish_and_return", "at": {"request": "DNLOAD", "alt": 6, "block": 40}}, "usb.disconnected"),
    ],
    ids=words,
)
def test_one_fault_costs_one_attempt(make_bench: MakeBench, raw: dict[str, Any], code: str) -> None:
    bench, run = run_beside_a_sound_one(make_bench, faults=fault(**raw))
    assert [(attempt["outcome"], attempt["code"]) for attempt in run["attempts"]] == [("FAIL", code), ("PASS", None)]
    assert (run["outcome"], run["code"]) == ("PASS", None)
    assert bench.memory_is_release(serial(1))
    second = sum(image["blocks_written"] for image in run["attempts"][1]["images"])
    assert second < ROMFS0_BLOCKS, "the second attempt wrote what was there"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ({"do": "err_write", "at": {"request": "WRITE", "alt": 6, "block": 40}, "times": None}, "dfu.err_write"),
        ({"do": "err_write", "at": {"request": "WRITE", "alt": 1}, "times": None}, "dfu.err_write"),
        ({"do": "flip_byte", "at": {"request": "WRITE", "alt": 3, "block": 1}, "times": None}, "verify.mismatch"),
        ({"do": "stall", "at": {"request": "DNLOAD", "alt": 6, "block": 40}, "times": None}, "usb.stall"),
        (
            {"do": "vanish_and_return", "at": {"request": "DNLOAD", "alt": 6, "block": 40}, "times": None},
            "usb.disconnected",
        ),
    ],
    ids=words,
)
def test_a_lasting_fault_fails_the_camera(make_bench: MakeBench, raw: dict[str, Any], code: str) -> None:
    _, run = run_beside_a_sound_one(make_bench, faults=fault(**raw))
    assert (run["outcome"], run["code"]) == ("FAIL", code)
    assert len(run["attempts"]) == 2


def test_pulled_in_the_middle_then_plugged_in_again(make_bench: MakeBench) -> None:
    pulled = {"do": "vanish", "at": {"request": "DNLOAD", "alt": 6, "block": 60}}
    bench = make_bench([camera(1, faults=fault(**pulled))])
    with bench.station("--stop-after", "2") as running:
        aborted = running.run()
        assert (aborted["outcome"], aborted["code"]) == ("ABORTED", "operator.unplugged")
        bench.line.unplug(serial(1))
        bench.line.plug(serial(1))
        again = running.run()
        assert running.end() == 0
    assert again["outcome"] == "PASS"
    assert sum(image["blocks_written"] for image in again["attempts"][0]["images"]) < ROMFS0_BLOCKS / 2
    assert bench.memory_is_release(serial(1))


def _pulled_in_the_middle(state: dict[str, Any]) -> bool:
    return not state["connected"] and sum(state["blocks_written"].values()) > 30


def test_moved_to_another_slot_in_the_middle(make_bench: MakeBench) -> None:
    """At once, while the first slot still waits whether its camera comes back: one camera, not two of one serial."""
    pulled = {"do": "vanish", "at": {"request": "DNLOAD", "alt": 6, "block": 60}}
    bench = make_bench([camera(1, faults=fault(**pulled)), camera(2).with_(serial=serial(1))])
    with bench.station("--stop-after", "2", plug=False) as running:
        bench.line.plug("1-1.1")
        bench.line.wait_until("1-1.1", _pulled_in_the_middle)
        bench.line.plug("1-1.2")
        found = {run["port_path"]: run for run in running.runs(2)}
        assert running.end() == 0, "its newest run passed"
    assert (found["1-1.1"]["outcome"], found["1-1.1"]["code"]) == ("ABORTED", "operator.unplugged")
    assert (found["1-1.2"]["outcome"], found["1-1.2"]["identified"]) == ("PASS", True)


def _starts(state: dict[str, Any]) -> bool:
    """Told to leave its bootloader, and not back yet."""
    return not state["connected"] and state["sessions"][-1]["detached_s"] is not None


def test_moved_to_another_slot_while_it_starts(make_bench: MakeBench) -> None:
    """The first slot waits for an application that will not come: one camera, not two of one serial."""
    bench = make_bench([camera(1, boot_s=60.0), camera(2).with_(serial=serial(1))])
    with bench.station("--stop-after", "2", plug=False) as running:
        bench.line.plug("1-1.1")
        bench.line.wait_until("1-1.1", _starts)
        bench.line.unplug("1-1.1")
        bench.line.plug("1-1.2")
        found = {run["port_path"]: run for run in running.runs(2)}
        assert running.end() == 0, "its newest run passed"
    assert (found["1-1.1"]["outcome"], found["1-1.1"]["code"]) == ("ABORTED", "operator.unplugged")
    assert (found["1-1.2"]["outcome"], found["1-1.2"]["identified"]) == ("PASS", True)


def test_a_twin_that_comes_while_the_first_starts_is_not_green(make_bench: MakeBench) -> None:
    slow = {"profile": "nor", "scale": 4.0}
    bench = make_bench([camera(1, boot_s=2.0), camera(2, **slow).with_(serial=serial(1))])
    with bench.station("--stop-after", "2", plug=False) as running:
        bench.line.plug("1-1.1")
        bench.line.wait_until("1-1.1", _starts)
        bench.line.plug("1-1.2")
        found = {run["port_path"]: run for run in running.runs(2)}
        assert running.end() == 1
    assert found["1-1.1"]["outcome"] != "PASS"
    assert (found["1-1.2"]["outcome"], found["1-1.2"]["code"]) == ("ERROR", "identity.duplicate_serial")


def test_swapped_for_another_camera_in_the_middle(make_bench: MakeBench) -> None:
    """Within the return window: the run is not the new camera's, which gets one of its own."""
    pulled = {"do": "vanish", "at": {"request": "DNLOAD", "alt": 6, "block": 60}}
    bench = make_bench([camera(1, faults=fault(**pulled))])
    with bench.station("--stop-after", "2") as running:
        bench.line.wait_until("1-1.1", _pulled_in_the_middle)
        other = camera(1).with_(serial=serial(9)).to_json()
        with closing(ControlClient(bench.line.addresses[0])) as client:
            client.ask("plug", camera=other)
        found = {run["serial"]: run for run in running.runs(2)}
        assert running.end() == 1
    assert (found[serial(1)]["outcome"], found[serial(1)]["code"]) == ("ABORTED", "operator.unplugged")
    assert found[serial(9)]["outcome"] == "PASS"
    whole = sum(-(-(bench.release / name).stat().st_size // 4096) for name in FILES.values())
    assert sum(image["blocks_written"] for image in found[serial(9)]["attempts"][0]["images"]) == whole


@pytest.mark.parametrize("table", ["april_2025", "first", "wrong_names"])
def test_another_partition_table_is_refused_unwritten(make_bench: MakeBench, table: str) -> None:
    bench, run = run_beside_a_sound_one(make_bench, table=table)
    assert (run["outcome"], run["code"]) == ("FAIL", "identity.wrong_partitions")
    assert "expected" in run["message"]
    assert bench.blocks_written(serial(1)) == 0


@pytest.mark.parametrize("bad", ["", "0" * 24, "0123456789ABCDEF"])
def test_a_serial_that_names_no_unit_is_refused(make_bench: MakeBench, bad: str) -> None:
    bench = make_bench([camera(1, serial=bad), camera(SOUND)])
    with bench.station("--stop-after", "2") as running:
        found = {run["port_path"]: run for run in running.runs(2)}
        assert running.end() == 1
    assert found[f"1-1.{SOUND}"]["outcome"] == "PASS"
    assert (found["1-1.1"]["outcome"], found["1-1.1"]["code"]) == ("ERROR", "identity.default_serial")
    assert not found["1-1.1"]["identified"]


def test_two_cameras_with_one_serial_are_both_refused(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1), camera(2).with_(serial=serial(1)), camera(SOUND)])
    with bench.station("--stop-after", "3") as running:
        found = {run["port_path"]: run for run in running.runs(3)}
        assert running.end() == 1
    assert found[f"1-1.{SOUND}"]["outcome"] == "PASS"
    for port_path in ("1-1.1", "1-1.2"):
        run = found[port_path]
        assert (run["outcome"], run["code"]) == ("ERROR", "identity.duplicate_serial")
        assert not run["identified"]


def test_an_uninitialized_mram_is_initialized_once(make_bench: MakeBench) -> None:
    bench, run = run_beside_a_sound_one(make_bench, external="mram", mram_initialized=False)
    assert run["outcome"] == "PASS"
    assert [attempt["mram_initialized"] for attempt in run["attempts"]] == [True]
    assert bench.memory_is_release(serial(1))


def test_a_nor_flash_that_refuses_cannot_be_initialized(make_bench: MakeBench) -> None:
    refuses = {"do": "err_write", "at": {"request": "WRITE", "alt": 6}, "times": None}
    _, run = run_beside_a_sound_one(make_bench, external="nor", faults=fault(**refuses))
    assert (run["outcome"], run["code"]) == ("FAIL", "mram.init_failed")


def test_an_application_that_never_comes_is_a_failure(make_bench: MakeBench) -> None:
    _, run = run_beside_a_sound_one(make_bench, faults=fault(do="boot_never"))
    assert (run["outcome"], run["code"]) == ("FAIL", "boot.timeout")
    assert not run["boot_confirmed"]


def test_a_camera_that_crashes_for_ever_is_one_failure(make_bench: MakeBench) -> None:
    crash = fault(do="boot_crash", after_s=0.2)
    bench = make_bench([camera(1, faults=crash), camera(2)])
    with bench.station("--stop-after", "2", environment=QUICK) as running:
        found = {run["port_path"]: run for run in running.runs(2)}
        running.end()
    assert running.rest == [], running.rest
    assert (found["1-1.1"]["outcome"], found["1-1.1"]["code"]) == ("FAIL", "boot.timeout")


def test_a_lost_detach_is_repeated_and_noted(make_bench: MakeBench) -> None:
    _, run = run_beside_a_sound_one(
        make_bench, boot_s=0.05, faults=fault(do="ignore", at={"request": "DETACH"}, times=1)
    )
    assert run["outcome"] == "PASS"
    assert run["attempts"][0]["notes"]


def test_an_old_bootloader_is_reset_after_detach(make_bench: MakeBench) -> None:
    _, run = run_beside_a_sound_one(make_bench, bootloader="1.0.1", forced=True)
    assert (run["outcome"], run["bootloader"]) == ("PASS", "1.0.1")


def test_a_bootloader_without_header_is_flashed(make_bench: MakeBench) -> None:
    _, run = run_beside_a_sound_one(make_bench, bootloader="1.0.0")
    assert (run["outcome"], run["bootloader"]) == ("PASS", "<1.0.1")


def test_whatever_serial_the_application_shows_the_port_ties_it_to_its_bootloader(make_bench: MakeBench) -> None:
    _, run = run_beside_a_sound_one(make_bench, faults=fault(do="app_serial", serial="C0FFEE00" * 3))
    assert (run["outcome"], run["code"]) == ("PASS", None)
    assert run["attempts"][0]["notes"] == [f"the application's serial {'C0FFEE00' * 3} has none of the known forms"]


def test_set_aside_after_too_many_failures(make_bench: MakeBench) -> None:
    refuses = {"do": "err_write", "at": {"request": "WRITE", "alt": 1}, "times": None}
    bench = make_bench([camera(1, faults=fault(**refuses))])
    with bench.station("--stop-after", "3", "--batch", "L1", STATION_RUN__MAX_RUNS="2") as running:
        outcomes = []
        for _ in range(3):
            run = running.run()
            outcomes.append((run["outcome"], run["code"]))
            bench.line.unplug(serial(1))
            bench.line.plug(serial(1))
        assert running.end() == 1
    assert outcomes == [("FAIL", "dfu.err_write"), ("FAIL", "dfu.err_write"), ("SKIPPED", "unit.set_aside")]


def test_a_camera_in_its_boot_loop_is_caught_and_mended(make_bench: MakeBench) -> None:
    """Power lost in the middle of HP: the camera cycles through its bootloader every second until it is caught."""
    cut = {"do": "vanish_and_return", "at": {"request": "WRITE", "alt": 1, "block": 5}, "after_s": 0.3}
    bench, run = run_beside_a_sound_one(make_bench, faults=fault(**cut), crash="cycle", crash_s=0.3)
    assert [(attempt["outcome"], attempt["code"]) for attempt in run["attempts"]] == [
        ("FAIL", "usb.disconnected"),
        ("PASS", None),
    ]
    assert wait_for(lambda: bench.memory_is_release(serial(1)), "the release")


@pytest.mark.parametrize("external", ["nor", "mram"])
def test_a_bad_block_is_no_reason_to_initialize_the_mram(make_bench: MakeBench, external: str) -> None:
    bad = {"do": "err_write", "at": {"request": "WRITE", "alt": 6, "block": 40}, "times": None}
    bench, run = run_beside_a_sound_one(make_bench, external=external, faults=fault(**bad))
    assert (run["outcome"], run["code"]) == ("FAIL", "dfu.err_write")
    assert [attempt["mram_initialized"] for attempt in run["attempts"]] == [False, False]
    assert bench.line.state(serial(1))["mram_initializations"] == 0


def test_a_twin_that_comes_later_takes_the_green_from_both(make_bench: MakeBench) -> None:
    slow = {"profile": "nor", "scale": 0.5}
    bench = make_bench([camera(1, **slow), camera(2).with_(serial=serial(1)), camera(SOUND, **slow)])
    with bench.station("--stop-after", "3", plug=False) as running:
        bench.line.plug("1-1.1")
        bench.line.plug(f"1-1.{SOUND}")
        wait_for(lambda: bench.blocks_written("1-1.1") > 30, "the first in the middle of its run")
        bench.line.plug("1-1.2")
        found = {run["port_path"]: run for run in running.runs(3)}
        assert running.end() == 1
    assert found[f"1-1.{SOUND}"]["outcome"] == "PASS"
    logged = {run["port_path"]: run for run in bench.export()}
    for port_path in ("1-1.1", "1-1.2"):
        assert (found[port_path]["outcome"], found[port_path]["code"]) == ("ERROR", "identity.duplicate_serial")
        assert logged[port_path] == found[port_path]
        assert not logged[port_path]["identified"]
    assert bench.blocks_written("1-1.2") == 0
