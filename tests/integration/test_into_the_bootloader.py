"""Cameras that run their application, sent into their bootloader by the real commands: no hand on the cable."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from station.control.client import ask
from station.control.requests import Rerun, TakeSnapshot
from station.problem import sentence_from_json
from station.sim.application_spec import ApplicationSpec
from station.sim.faults import Fault
from station.sim.virtual_line import ControlClient
from tests.harness import Bench, Station, station, wait_for
from tests.integration.conftest import MakeBench, camera, serial

PASSED = ("PASS", None)
STAND_IN = """
import json, socket, sys
folder, hub, port = sys.argv[1:]
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
    link.connect(folder + "/control.sock")
    link.sendall(json.dumps({"do": "replug", "port_path": f"{hub}.{port}"}).encode() + b"\\n")
    link.recv(4096)
"""
"""What uhubctl does to a hub that can: the power of one port goes off and comes on."""


def running(number: int, **changes: Any) -> Any:
    """A camera with firmware: it runs its application once nobody has held it for 1.5 s. The first six bytes of the
    tests' serials are alike, and so would the applications' serials be."""
    return camera(number, application_serial=f"9fab9ab38{number}000000", **changes)


def mute(number: int) -> Any:
    """One whose application answers nothing at all."""
    return running(number, application=ApplicationSpec(answers="none"))


def start_applications(bench: Bench) -> None:
    """Plug all in, and wait until every one runs its application."""
    bench.line.plug_all()
    for spec in bench.line.specs:
        in_application(bench, spec.serial)


def in_application(bench: Bench, name: str) -> None:
    """Until this camera runs its application."""
    bench.line.wait_until(name, lambda state: state["phase"] == "application" and state["tty"])


def arrive_unheld(bench: Bench, line: Station, number: int) -> None:
    """Plug one in while the station is too slow to hold it."""
    (holder,) = line.processes("station-holder")
    os.kill(holder, signal.SIGSTOP)
    bench.line.plug(serial(number))
    # Its application may be seen and asked away again between two looks.
    bench.line.wait_until(
        serial(number), lambda state: any(life["mode"] == "application" for life in state["sessions"])
    )
    os.kill(holder, signal.SIGCONT)


def views(bench: Bench) -> dict[str, dict[str, Any]]:
    """Every slot as screens see it, by port path."""
    slots = ask(bench.data_dir, TakeSnapshot())["snapshot"]["slots"]
    return {slot["port_path"]: {**slot, "message": str(sentence_from_json(slot["message"]))} for slot in slots}


def rerun(bench: Bench, *numbers: int) -> dict[str, list[str]]:
    """Key r on these slots; what is answered, without what is empty."""
    answer = ask(bench.data_dir, Rerun(tuple(f"1-1.{number}" for number in numbers)))
    return {way: names for way, names in answer["ways"].items() if names}


def bootloader_lives(bench: Bench, number: int) -> list[dict[str, Any]]:
    """Each time that the camera was in its bootloader."""
    return [life for life in bench.line.state(serial(number))["sessions"] if life["mode"] == "bootloader"]


def hinted(bench: Bench, number: int) -> dict[str, Any]:
    """The slot, once it says that its camera must be replugged."""
    path = f"1-1.{number}"
    wait_for(lambda: "unplug it and plug it in again" in views(bench)[path]["message"], "the hint")
    return views(bench)[path]


@pytest.fixture
def firmware(release: Path) -> str:
    """What a camera holds that has an application to run."""
    return str(release)


@contextmanager
def line_with_applications(bench: Bench, *words: str | Path, **settings: str) -> Iterator[Station]:
    """A station that finds every camera in its application, and sees all of them."""
    start_applications(bench)
    with bench.station(*words, plug=False, environment=settings) as line:
        paths = [spec.port_path for spec in bench.line.specs]
        wait_for(lambda: all(path in views(bench) for path in paths), "all are seen")
        yield line


def test_r_on_eight_cameras_in_their_applications(make_bench: MakeBench, firmware: str) -> None:
    numbers = range(1, 9)
    bench = make_bench([running(number, release=firmware) for number in numbers])
    with line_with_applications(bench, "--stop-after", "8") as line:
        assert {view["state"] for view in views(bench).values()} == {"application"}
        asked_s = time.monotonic()
        assert rerun(bench, *numbers) == {"entering": [f"1-1.{number}" for number in numbers]}
        runs = line.runs(8)
        assert line.end() == 0
    assert {run["serial"] for run in runs} == {serial(number) for number in numbers}
    assert {(run["outcome"], run["code"]) for run in runs} == {PASSED}
    held_s = []
    for number in numbers:
        first, second = bootloader_lives(bench, number)
        assert (first["attached_s"], second["forced"]) == (None, True), "it came by SYS_BOOT, and by nothing else"
        held_s.append(second["attached_s"] - asked_s)
    print("\nseconds from key to hold:", ", ".join(f"{seconds:.2f}" for seconds in sorted(held_s)))


def test_all_that_failed_run_again_without_a_hand(make_bench: MakeBench, firmware: str) -> None:
    """What R asks for: the slots that show a failure, whether the camera is in its application or its bootloader."""
    resets = Fault("app_resets", after_s=0.05, times=2)
    refuses = Fault("err_write", "WRITE", alt=1, times=2)
    bench = make_bench([camera(1, faults=(resets,)), camera(2, faults=(refuses,))])
    with bench.station("--stop-after", "4", STATION_RUN__BOOT_STAYS_S="1", STATION_RUN__BOOT_TIMEOUT_S="3") as line:
        failed = {run["serial"]: run for run in line.runs(2)}
        assert failed[serial(2)]["code"] == "dfu.err_write"
        assert failed[serial(1)]["code"].startswith("boot.")
        bench.line.wait_until(serial(1), lambda state: state["faults_struck"] == 2 and state["phase"] == "application")
        wait_for(lambda: {view["state"] for view in views(bench).values()} == {"failed"}, "both are there, and failed")
        ways = rerun(bench, 1, 2)
        assert ways == {"entering": ["1-1.1"], "rerun": ["1-1.2"]}
        assert {(run["outcome"], run["code"]) for run in line.runs(2)} == {PASSED}
        assert line.end() == 0


def test_a_firmware_that_speaks_no_protocol_is_asked_in_its_repl(make_bench: MakeBench, firmware: str) -> None:
    old = ApplicationSpec(answers="repl", firmware="4.7.0", main_runs=True)
    bench = make_bench([running(1, release=firmware, application=old)])
    with line_with_applications(bench, "--stop-after", "1") as line:
        rerun(bench, 1)
        assert line.run()["outcome"] == "PASS"
        assert line.end() == 0


def test_a_mute_camera_must_be_replugged_and_its_neighbour_runs(make_bench: MakeBench, firmware: str) -> None:
    bench = make_bench([running(1, release=firmware), mute(2).with_(release=firmware)])
    with line_with_applications(bench, "--stop-after", "2") as line:
        assert rerun(bench, 1, 2) == {"entering": ["1-1.1", "1-1.2"]}
        assert line.run()["serial"] == serial(1)
        shown = hinted(bench, 2)
        assert (shown["state"], shown["code"]) == ("application", "usb.not_entered")
        assert "the camera's REPL does not answer" in shown["message"]
        wait_for(lambda: any("1-1.2: it did not come into its bootloader" in said for said in line.talk), "it is said")
        bench.line.replug(serial(2))
        bench.line.wait_until(serial(2), lambda state: state["phase"] == "application")
        line.interrupt()
        line.end()
    assert len(bootloader_lives(bench, 2)) == 2


def test_the_port_of_a_mute_camera_is_power_cycled_where_the_hub_can(
    make_bench: MakeBench, firmware: str, tmp_path: Path
) -> None:
    script = tmp_path / "uhubctl.py"
    script.write_text(STAND_IN)
    bench = make_bench([mute(1).with_(release=firmware)])
    command = f"{sys.executable} {script} {bench.line.addresses[0]} {{hub}} {{port}}"
    with line_with_applications(bench, "--stop-after", "1", STATION_LINE__POWER_CYCLE=command) as line:
        assert rerun(bench, 1) == {"entering": ["1-1.1"]}
        assert line.run()["serial"] == serial(1)
        line.end()
    assert not bootloader_lives(bench, 1)[-1]["forced"], "it came by its power, not by its application"


def test_a_power_cycle_that_fails_is_one_line(make_bench: MakeBench, firmware: str) -> None:
    bench = make_bench([mute(1).with_(release=firmware)])
    command = "sh -c 'echo no such hub {hub} >&2; exit 7' {port}"
    with line_with_applications(bench, STATION_LINE__POWER_CYCLE=command) as line:
        rerun(bench, 1)
        message = hinted(bench, 1)["message"]
        assert "sh ended with 7: no such hub 1-1" in message
        assert "\n" not in message
        said = wait_for(lambda: [text for text in line.talk if "ended with 7" in text], "it is said")
        assert len(said) == 1
        line.interrupt()
        line.end()
    assert "Traceback" not in "".join(line.talk)


@pytest.mark.parametrize("moment", ["PROTO_SYNC", "SYS_BOOT"])
def test_a_camera_whose_port_vanishes_or_that_says_yes_and_does_not_come(
    make_bench: MakeBench, firmware: str, moment: str
) -> None:
    bench = make_bench([running(1, release=firmware, faults=(Fault("vanish", moment),))])
    with line_with_applications(bench, "--stop-after", "1", STATION_RUN__BOOTLOADER_TIMEOUT_S="1") as line:
        rerun(bench, 1)
        hinted(bench, 1)
        # The answer may be heard before the departure.
        wait_for(lambda: views(bench)["1-1.1"]["state"] == "empty", "the camera is gone")
        shown = hinted(bench, 1)
        assert (shown["state"], shown["code"]) == ("empty", "usb.not_entered")
        assert rerun(bench, 1) == {"replug": ["1-1.1"]}
        bench.line.unplug(serial(1))
        put(bench, camera(1))
        assert line.run()["outcome"] == "PASS"
        assert line.end() == 0


def put(bench: Bench, spec: Any) -> None:
    """Another camera in the place of the one at its port, plugged in."""
    client = ControlClient(bench.line.addresses[0])
    client.ask("plug", port_path=spec.port_path, camera=spec.to_json())
    client.close()


def test_another_camera_in_the_port_gets_a_run_of_its_own(make_bench: MakeBench, firmware: str) -> None:
    bench = make_bench([running(1, release=firmware, faults=(Fault("vanish", "SYS_BOOT"),))])
    with line_with_applications(bench, "--stop-after", "1") as line:
        rerun(bench, 1)
        bench.line.wait_until(serial(1), lambda state: not state["connected"])
        put(bench, camera(1, serial=serial(7)))
        run = line.run()
        assert line.end() == 0
    assert (run["serial"], run["outcome"]) == (serial(7), "PASS")


def test_taken_at_the_start_and_on_arrival_once_and_never_after_a_pass(make_bench: MakeBench, firmware: str) -> None:
    bench = make_bench([running(number, release=firmware) for number in (1, 2, 3)])
    bench.line.plug(serial(1))
    in_application(bench, serial(1))
    take = {"STATION_RUN__APPLICATION": "take"}
    with bench.station(plug=False, environment=take) as line:
        assert line.run()["serial"] == serial(1), "it was there at the start"
        in_application(bench, serial(1))
        arrive_unheld(bench, line, 2)
        assert line.run()["serial"] == serial(2)
        in_application(bench, serial(2))
        line.interrupt()
        line.end()
        assert line.rest == [], "taken again after it passed"
    lives = [len(bootloader_lives(bench, number)) for number in (1, 2)]
    assert lives == [2, 2]
    with bench.station("--stop-after", "1", plug=False, environment=take) as line:
        arrive_unheld(bench, line, 3)
        assert line.run()["serial"] == serial(3), "the log does not know it"
        assert line.end() == 0
        assert line.rest == []
    assert [len(bootloader_lives(bench, number)) for number in (1, 2)] == lives, "they passed, by the log"


def test_flash_takes_cameras_out_of_their_applications_where_it_is_told_to(
    make_bench: MakeBench, firmware: str
) -> None:
    bench = make_bench([running(1, release=firmware), running(2, release=firmware)])
    start_applications(bench)
    none = station("flash", bench.release, *bench.words, "--all")
    assert none.returncode == 1
    assert "--enter-bootloader" in none.stderr
    assert [len(bootloader_lives(bench, number)) for number in (1, 2)] == [1, 1]
    which = station("flash", bench.release, *bench.words, "--enter-bootloader")
    assert (which.returncode, "usage.which_camera" in which.stderr) == (2, True), which.stderr
    both = station("flash", bench.release, *bench.words, "--all", "--enter-bootloader")
    assert both.returncode == 0, both.stderr
    assert serial(1) in both.stdout
    assert serial(2) in both.stdout
    assert both.stdout.count("PASS") == 2
    in_application(bench, serial(2))
    again = station(
        "flash", bench.release, *bench.words, "--enter-bootloader", "--json", "--serial", serial(2), "--all"
    )
    assert again.returncode == 0, again.stderr
    assert '"unit.already_passed"' in again.stdout
    assert serial(1) not in again.stdout


def test_flash_did_not_pass_where_one_of_all_did_not_come(make_bench: MakeBench, firmware: str) -> None:
    bench = make_bench([mute(1).with_(release=firmware), running(2, release=firmware)])
    start_applications(bench)
    done = station("flash", bench.release, *bench.words, "--all", "--enter-bootloader", "--json")
    assert [json.loads(line)["outcome"] for line in done.stdout.splitlines()] == ["PASS"]
    assert "1-1.1: it did not come into its bootloader" in done.stderr
    assert done.returncode == 1


def test_flash_says_why_a_camera_did_not_come(make_bench: MakeBench, firmware: str) -> None:
    bench = make_bench([mute(1).with_(release=firmware)])
    start_applications(bench)
    done = station("flash", bench.release, *bench.words, "--enter-bootloader")
    assert done.returncode == 1
    assert "it did not come into its bootloader" in done.stderr
    assert "no camera was flashed" in done.stderr
    assert "Traceback" not in done.stderr
