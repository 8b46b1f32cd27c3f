"""The end of a shift at the command line: the report in four formats, the list to re-run, the log's way elsewhere."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench.shift import BAD_SLOT, BAD_UNITS, BATCH, UNITS, record, serial_of


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log of a shift of 200 cameras; one slot has a bad cable, two cameras a bad memory."""
    folder = tmp_path_factory.mktemp("shift")
    record(folder)
    return folder


def station(data_dir: Path, *words: object) -> str:
    command = [sys.executable, "-m", "station", *map(str, words), "--data-dir", str(data_dir)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def report(data_dir: Path) -> Any:
    """The report's JSON. An export rounds to microseconds, so figures are the same to five digits after an import."""
    text = station(data_dir, "report", "--batch", BATCH, "--format", "json")
    return json.loads(text, parse_float=lambda digits: float(f"{float(digits):.5g}"))


def test_all_formats_name_the_slot_with_the_bad_cable(data_dir: Path, tmp_path: Path) -> None:
    data = report(data_dir)
    assert data["suspect_slots"] == [BAD_SLOT]
    assert data["units_started"] == UNITS
    assert f"LOOK AT SLOT {BAD_SLOT}:" in station(data_dir, "report", "--batch", BATCH)
    table = list(csv.DictReader(io.StringIO(station(data_dir, "report", "--batch", BATCH, "--format", "csv"))))
    assert [row["name"] for row in table if row["figure"] == "suspect" and row["value"] == "true"] == [BAD_SLOT]
    (final,) = [row["value"] for row in table if row["figure"] == "final_yield"]
    assert float(final) == pytest.approx(data["final_yield"], abs=1e-4)
    page = tmp_path / "report.html"
    station(data_dir, "report", "--batch", BATCH, "--format", "html", "--output", page)
    assert f"LOOK AT SLOT {BAD_SLOT}:" in page.read_text(encoding="utf-8")


def test_the_list_to_rerun_has_the_bad_cameras(data_dir: Path) -> None:
    failed = json.loads(station(data_dir, "failed", "--batch", BATCH, "--json"))
    serials = {unit["serial"] for unit in failed}
    assert {serial_of(number) for number in BAD_UNITS} <= serials
    assert serials <= set(report(data_dir)["open_units"])
    assert all(unit["hint"] and unit["slot"] and unit["runs"] for unit in failed)


def test_another_station_has_the_same_report_after_an_import(data_dir: Path, tmp_path: Path) -> None:
    exported = tmp_path / "shift.jsonl"
    station(data_dir, "export", "--output", exported)
    there = tmp_path / "there"
    station(there, "db", "upgrade")
    for _ in range(2):
        station(there, "import", exported)
        assert report(there) == report(data_dir)
    again = tmp_path / "again.jsonl"
    station(there, "export", "--output", again)
    assert again.read_bytes() == exported.read_bytes()
