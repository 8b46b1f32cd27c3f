"""A hub that drops all its cameras at one moment: the bench's fault, and none of the cameras'."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from tests.harness import Bench, station
from tests.integration.conftest import MakeBench, camera, serial

SLOW = {"profile": "nor", "scale": 2.0}
NUMBERS = (1, 2, 3, 4)
ELSEWHERE = 5


def _has_more(than: int, state: dict[str, Any]) -> bool:
    written: int = sum(state["blocks_written"].values())
    return written > than + 20


def in_the_middle(bench: Bench, *numbers: int) -> None:
    """Wait until each camera has been written some more."""
    so_far = {number: bench.blocks_written(serial(number)) for number in numbers}
    for number in numbers:
        bench.line.wait_until(serial(number), partial(_has_more, so_far[number]))


@pytest.mark.parametrize("back_at_once", [False, True])
def test_a_hub_that_blinks_twice_fails_no_camera(make_bench: MakeBench, back_at_once: bool) -> None:
    """All of them are run again when they are back; a camera on another hub hears nothing of it, and three errors in a
    row do not stop the line, since it was two."""
    cameras = [camera(number, **SLOW) for number in NUMBERS]
    bench = make_bench([*cameras, camera(ELSEWHERE, port_path="1-2.1", **SLOW)])
    found = []
    with bench.station("--stop-after", "13", STATION_LINE__ERRORS_IN_A_ROW="3") as running:
        for _ in range(2):
            in_the_middle(bench, *NUMBERS)
            for number in NUMBERS:
                bench.line.unplug(serial(number))
            if not back_at_once:
                found += running.runs(4)
            for number in NUMBERS:
                bench.line.plug(serial(number))
        found += running.runs(13 - len(found))
        assert running.end() == 0
    lost = [run for run in found if run["outcome"] != "PASS"]
    assert {(run["outcome"], run["code"]) for run in lost} == {("ERROR", "usb.hub_lost")}
    assert all("the hub at 1-1 left the bus with 4 cameras" in run["message"] for run in lost)
    passed = sorted(run["serial"] for run in found if run["outcome"] == "PASS")
    assert passed == [serial(number) for number in (*NUMBERS, ELSEWHERE)]
    report = json.loads(station("report", "--format", "json", "--data-dir", bench.data_dir).stdout)
    assert (report["first_pass_yield"], report["outcomes"]) == (
        1.0,
        {"PASS": 5, "FAIL": 0, "ERROR": 8, "ABORTED": 0, "SKIPPED": 0},
    )
    assert all(bench.memory_is_release(serial(number)) for number in NUMBERS)


def test_two_of_two_hubs_at_one_moment_were_pulled_out(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1, **SLOW), camera(2, port_path="1-2.1", **SLOW)])
    with bench.station("--stop-after", "2") as running:
        in_the_middle(bench, 1, 2)
        for number in (1, 2):
            bench.line.unplug(serial(number))
        assert {(run["outcome"], run["code"]) for run in running.runs(2)} == {("ABORTED", "operator.unplugged")}
        running.end()


def test_one_of_a_hub_was_pulled_out(make_bench: MakeBench) -> None:
    bench = make_bench([camera(1, **SLOW), camera(2, **SLOW)])
    with bench.station("--stop-after", "2") as running:
        in_the_middle(bench, 1, 2)
        bench.line.unplug(serial(1))
        found = {run["serial"]: run for run in running.runs(2)}
        running.end()
    assert (found[serial(1)]["outcome"], found[serial(1)]["code"]) == ("ABORTED", "operator.unplugged")
    assert found[serial(2)]["outcome"] == "PASS"
