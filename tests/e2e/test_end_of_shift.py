"""The end of a shift at the command line of the installed wheel: the report in four formats, the list to re-run, the
log's way elsewhere."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.bench.shift import BAD_SLOT, BAD_UNITS, BATCH, UNITS, record, serial_of
from tests.e2e.conftest import Installed


@dataclass(frozen=True)
class Log:
    """A data folder, and the installed station's commands on it."""

    installed: Installed
    folder: Path

    def station(self, *words: object) -> str:
        done = self.installed.run(*words, "--data-dir", self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def report(self) -> Any:
        """The report's JSON. An export rounds to microseconds, so figures are the same to five digits after it."""
        text = self.station("report", "--batch", BATCH, "--format", "json")
        return json.loads(text, parse_float=lambda digits: float(f"{float(digits):.5g}"))


@pytest.fixture(scope="module")
def log(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Log:
    """The log of a shift of 200 cameras; one slot has a bad cable, two cameras a bad memory."""
    folder = tmp_path_factory.mktemp("shift")
    record(folder)
    return Log(installed, folder)


def test_all_formats_name_the_slot_with_the_bad_cable(log: Log, tmp_path: Path) -> None:
    data = log.report()
    assert data["suspect_slots"] == [BAD_SLOT]
    assert data["units_started"] == UNITS
    assert f"LOOK AT SLOT {BAD_SLOT}:" in log.station("report", "--batch", BATCH)
    table = list(csv.DictReader(io.StringIO(log.station("report", "--batch", BATCH, "--format", "csv"))))
    assert [row["name"] for row in table if row["figure"] == "suspect" and row["value"] == "true"] == [BAD_SLOT]
    (final,) = [row["value"] for row in table if row["figure"] == "final_yield"]
    assert float(final) == pytest.approx(data["final_yield"], abs=1e-4)
    page = tmp_path / "report.html"
    log.station("report", "--batch", BATCH, "--format", "html", "--output", page)
    assert f"LOOK AT SLOT {BAD_SLOT}:" in page.read_text(encoding="utf-8")


def test_the_list_to_rerun_has_the_bad_cameras(log: Log) -> None:
    failed = json.loads(log.station("failed", "--batch", BATCH, "--json"))
    serials = {unit["serial"] for unit in failed}
    assert {serial_of(number) for number in BAD_UNITS} <= serials
    assert serials <= set(log.report()["open_units"])
    assert all(unit["hint"] and unit["slot"] and unit["runs"] for unit in failed)


def test_another_station_has_the_same_report_after_an_import(log: Log, tmp_path: Path) -> None:
    exported = tmp_path / "shift.jsonl"
    log.station("export", "--output", exported)
    there = Log(log.installed, tmp_path / "there")
    there.station("db", "upgrade")
    for _ in range(2):
        there.station("import", exported)
        assert there.report() == log.report()
    again = tmp_path / "again.jsonl"
    there.station("export", "--output", again)
    assert again.read_bytes() == exported.read_bytes()
