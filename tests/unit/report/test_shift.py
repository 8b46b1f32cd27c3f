"""A shift of 200 units with a bad cable on one slot: the report names the slot, and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from station.ledger.reader import Reader
from station.model.units import RunFilter
from station.report.render import render_report
from station.yields.counting import summarize
from tests.bench.shift import BAD_SLOT, BAD_UNITS, BATCH, SLOTS, UNITS, record, serial_of, shift_runs
from tests.unit.ledger.builders import rounded


def test_the_shift_through_the_recorder(tmp_path: Path) -> None:
    runs = record(tmp_path)
    reader = Reader(tmp_path)
    report = reader.report(RunFilter(batch=BATCH))
    reader.close()
    assert rounded(report) == rounded(summarize(runs, batch=BATCH))
    assert report.units_started == UNITS
    assert [slot.slot for slot in report.suspects] == [BAD_SLOT]
    assert [slot.slot for slot in report.slots] == list(SLOTS)
    assert f"LOOK AT SLOT {BAD_SLOT}:" in render_report(report, "text")
    assert {serial_of(number) for number in BAD_UNITS} <= set(report.open_units)
    rates = {slot.slot: slot.mib_per_s or 0.0 for slot in report.slots}
    assert min(rates, key=lambda slot: rates[slot]) == BAD_SLOT


@pytest.mark.parametrize("seed", range(1, 21))
def test_other_shifts_name_it_too(seed: int) -> None:
    assert BAD_SLOT in [slot.slot for slot in summarize(shift_runs(seed)).suspects]


def test_a_shift_without_a_bad_cable_blames_no_slot() -> None:
    """False alarms: with Holm's correction fewer than one shift in twenty may have one."""
    blamed = 0
    for seed in range(40):
        good = [run for run in shift_runs(seed) if run.slot != BAD_SLOT]
        blamed += bool(summarize(good).suspects)
    assert blamed <= 3
