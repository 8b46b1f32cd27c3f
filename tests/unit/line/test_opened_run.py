from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from station import __version__
from station.line.opened_run import closed_run, opened_run
from station.line.setup import LineSetup
from station.line.slot import Moment, Slot
from station.model.devices import Device, DeviceMode
from station.model.recipes import Recipe
from station.model.runs import Purpose, RunOptions
from station.model.verdicts import PASSED

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
CAMERA = Device("1-1.1", 1, 5, 0x37C5, 0x96E3, "3A0F5C77B1D2E49600112233", 0x0103, DeviceMode.DFU)
SETUP = LineSetup(
    "bench-1", Recipe("full", ()), "v5", "0" * 64, (), RunOptions(), bundle_version="OpenMV 5", purpose=Purpose.REWORK
)


def test_the_opening_says_what_the_run_is_made_of() -> None:
    slot = Slot("1-1.1", "A1", bootloader="1.0.3")
    run = opened_run(SETUP, slot, CAMERA, Moment(5.0, START, "r1", "a1"), identified=True)
    assert (run.run_id, run.slot, run.port_path, run.bootloader, run.started_at) == (
        "r1",
        "A1",
        "1-1.1",
        "1.0.3",
        START,
    )
    assert (run.station_version, run.bundle_version, run.purpose) == (__version__, "OpenMV 5", Purpose.REWORK)


@pytest.mark.parametrize("set_by", [timedelta(days=1), timedelta(days=-1)])
def test_a_clock_that_is_set_meanwhile_does_not_lengthen_a_run(set_by: timedelta) -> None:
    slot = Slot("1-1.1", "A1")
    begun = opened_run(SETUP, slot, CAMERA, Moment(5.0, START, "r1", "a1"), identified=True)
    slot = replace(slot, run=begun, started_s=5.0)
    run = closed_run(slot, (), PASSED, Moment(30.0, START + set_by, "r2", "a2"))
    assert run.duration_s == pytest.approx(25.0)
    assert run.finished_at == START + timedelta(seconds=25.0)
