from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from station import __version__
from station.line.opened_run import closed_run, opened_run
from station.line.setup import LineSetup
from station.line.slot import Moment, Slot
from station.model.devices import Device, DeviceMode
from station.model.proof_settings import proofs_off
from station.model.recipes import Recipe
from station.model.runs import AttemptRecord, Outcome, Purpose, RunOptions
from station.model.verdicts import PASSED, ended_by
from station.problem import Sentence, joined

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
CAMERA = Device("1-1.1", 1, 5, 0x37C5, 0x96E3, "3A0F5C77B1D2E49600112233", 0x0103, DeviceMode.DFU)
NOW = Moment(5.0, START, "r1", "a1")
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


def test_the_opening_says_which_proofs_are_off_and_what_holds_for_the_whole_line() -> None:
    """A PASS without a reading back is another PASS: the row says so. A bootloader that nobody read is none."""
    setup = replace(SETUP, options=RunOptions(verify=False), notes=("the log is on a stick",))
    run = opened_run(setup, Slot("1-1.1", "A1"), CAMERA, Moment(5.0, START, "r1", "a1"), identified=True)
    assert (run.proofs_off, run.notes, run.bootloader) == (proofs_off(setup.options), ("the log is on a stick",), None)
    assert run.proofs_off
    assert opened_run(SETUP, Slot("1-1.1", "A1"), CAMERA, NOW, identified=True).proofs_off is None


def test_the_end_of_a_run_has_its_attempts_and_every_note_once() -> None:
    """A run that passed says in its message what was not as expected."""
    begun = opened_run(replace(SETUP, notes=("one",)), Slot("1-1.1", "A1"), CAMERA, NOW, identified=True)
    slot = Slot("1-1.1", "A1", run=begun, started_s=5.0)
    attempts = (
        AttemptRecord("k1", 1, Outcome.FAIL, "usb.io", "write", START, 1.0, notes=("two",)),
        AttemptRecord("k2", 2, Outcome.PASS, None, "boot", START, 1.0, notes=("two", "three")),
    )
    run = closed_run(slot, attempts, PASSED, NOW)
    assert (run.attempts, run.notes) == (attempts, ("one", "two", "three"))
    assert run.message == joined(("one", "two", "three"))
    failed = closed_run(slot, attempts, ended_by(Outcome.FAIL, "usb.io", Sentence("no")), NOW)
    assert (failed.outcome, failed.code, failed.message) == (Outcome.FAIL, "usb.io", "no")
    assert failed.notes == ("one", "two", "three")


@pytest.mark.parametrize("set_by", [timedelta(days=1), timedelta(days=-1)])
def test_a_clock_that_is_set_meanwhile_does_not_lengthen_a_run(set_by: timedelta) -> None:
    slot = Slot("1-1.1", "A1")
    begun = opened_run(SETUP, slot, CAMERA, Moment(5.0, START, "r1", "a1"), identified=True)
    slot = replace(slot, run=begun, started_s=5.0)
    run = closed_run(slot, (), PASSED, Moment(30.0, START + set_by, "r2", "a2"))
    assert run.duration_s == pytest.approx(25.0)
    assert run.finished_at == START + timedelta(seconds=25.0)
