"""The recovery ladder on a running line: what each rung brings back, recorded with its time."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from station.flash.recovery_ladder import Rung
from station.sim.faults import Fault
from tests.harness import Bench
from tests.integration.conftest import MakeBench, camera, serial

SOUND = 9
QUICK = {"STATION_RUN__BOOT_TIMEOUT_S": "5", "STATION_RECOVERY__PORT_RESETS": "1"}
CYCLE = """\
import sys
from contextlib import closing
from station.sim.virtual_line import ControlClient
with closing(ControlClient(sys.argv[1])) as client:
    client.ask("replug", port_path=sys.argv[2], off_s=0.3)
"""
"""What uhubctl does to a real port."""


def fault(request: str, alt: int, block: int, do: str, **raw: Any) -> tuple[Fault, ...]:
    return (Fault.from_json({"do": do, "at": {"request": request, "alt": alt, "block": block}, **raw}),)


def rungs(run: dict[str, Any]) -> list[str]:
    """The rungs that a run recorded, attempt by attempt."""
    measured = [one for attempt in run["attempts"] for one in attempt["measurements"]]
    found = [one for one in measured if one["name"] in set(Rung)]
    assert all(one["unit"] == "s" for one in found)
    return [one["name"] for one in found]


def runs_of(bench: Bench, count: int, **environment: str) -> dict[str, dict[str, Any]]:
    with bench.station("--stop-after", str(count), environment=QUICK | environment) as running:
        found = {run["port_path"]: run for run in running.runs(count, limit_s=150)}
        running.end()
    sound = found[f"1-1.{SOUND}"]
    assert (sound["outcome"], len(sound["attempts"]), rungs(sound)) == ("PASS", 1, []), sound
    return found


@pytest.mark.parametrize(
    ("faults", "code", "expected"),
    [
        (fault("DNLOAD", 6, 40, "stall"), "usb.stall", []),
        (fault("WRITE", 1, 5, "err_write"), "dfu.err_write", []),
        (fault("UPLOAD", 6, 50, "eio"), "usb.io", [Rung.REPEAT_BLOCK]),
        (fault("DNLOAD", 6, 40, "eio", times=2), "usb.io", [Rung.REPEAT_BLOCK, Rung.REOPEN]),
        (fault("DNLOAD", 6, 40, "vanish_and_return"), "usb.disconnected", [Rung.CATCH_WINDOW]),
    ],
    ids=["stall", "err_write", "eio once", "eio twice", "vanishes"],
)
def test_a_rung_that_helps(make_bench: MakeBench, faults: tuple[Fault, ...], code: str, expected: list[Rung]) -> None:
    bench = make_bench([camera(1, faults=faults), camera(SOUND)])
    run = runs_of(bench, 2)["1-1.1"]
    assert [(attempt["outcome"], attempt["code"]) for attempt in run["attempts"]] == [("FAIL", code), ("PASS", None)]
    assert rungs(run) == expected
    assert len([note for note in run["attempts"][0]["notes"] if "help" in note]) == len(expected)
    assert bench.memory_is_release(serial(1))


def test_a_dead_endpoint_needs_a_reset_and_the_next_window(make_bench: MakeBench) -> None:
    """One boots its application, which is asked back; one crashes in its half image, and cycles; one hangs then."""
    dead = fault("UPLOAD", 6, 50, "ep0_dead")
    half = fault("DNLOAD", 1, 0, "ep0_dead")
    bench = make_bench(
        [
            camera(1, faults=dead),
            camera(2, faults=half, crash="cycle", crash_s=0.5),
            camera(3, faults=half, crash="dead"),
            camera(SOUND),
        ]
    )
    found = runs_of(bench, 4, STATION_RECOVERY__CATCH_S="6")
    for number in (1, 2):
        run = found[f"1-1.{number}"]
        assert [(one["outcome"], one["code"]) for one in run["attempts"]] == [("FAIL", "usb.timeout"), ("PASS", None)]
        assert rungs(run) == [Rung.REOPEN, Rung.RESET_PORT]
        assert bench.memory_is_release(serial(number))
    hung = found["1-1.3"]
    assert (hung["outcome"], hung["code"], len(hung["attempts"])) == ("FAIL", "usb.timeout", 1)
    assert rungs(hung) == [Rung.REOPEN, Rung.RESET_PORT]
    assert "without success: opening the device again; resetting the port" in hung["message"]


def test_the_power_of_its_port_brings_back_a_camera_that_hangs(make_bench: MakeBench, tmp_path: Path) -> None:
    script = tmp_path / "cycle.py"
    script.write_text(CYCLE)
    hangs = fault("UPLOAD", 6, 50, "silence")
    bench = make_bench([camera(1, faults=hangs), camera(2, faults=hangs), camera(SOUND)])
    command = f"{sys.executable} {script} {bench.line.addresses[0]} {{port_path}}"
    found = runs_of(bench, 3, STATION_LINE__POWER_CYCLE=command, STATION_RECOVERY__CATCH_S="20")
    for number in (1, 2):
        run = found[f"1-1.{number}"]
        assert [one["outcome"] for one in run["attempts"]] == ["FAIL", "PASS"], run
        assert rungs(run) == [Rung.REOPEN, Rung.RESET_PORT, Rung.CYCLE_POWER]
        assert bench.memory_is_release(serial(number))


def test_a_hopeless_camera_is_not_kept_beyond_the_total(make_bench: MakeBench) -> None:
    hangs = fault("UPLOAD", 6, 50, "silence")
    bench = make_bench([camera(1, faults=hangs), camera(SOUND)])
    found = runs_of(bench, 2, STATION_RECOVERY__TOTAL_S="1", STATION_RUN__MAX_ATTEMPTS="20")
    run = found["1-1.1"]
    assert (run["outcome"], run["code"], rungs(run)) == ("FAIL", "usb.timeout", [Rung.REOPEN])
