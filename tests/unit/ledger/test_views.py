"""The views for those who bring their own SQL have the figures of the report, batch by batch."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from station.ledger.database import FILE_NAME
from station.ledger.reader import Reader
from station.model.runs import RunRecord
from station.model.units import RunFilter
from station.yields.counting import YieldReport
from tests.bench.shift import BATCH, record
from tests.unit.ledger.test_yields_in_sql import any_run, empty, put


def view(data_dir: Path, name: str, batch: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(data_dir / FILE_NAME)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f"SELECT * FROM {name} WHERE batch = ?", (batch,))]


def compare(data_dir: Path, report: YieldReport, batch: str) -> None:
    def rows(name: str) -> list[dict[str, Any]]:
        return view(data_dir, name, batch)

    data = report.to_json()
    for row in rows("report_yield"):
        assert {name: value for name, value in row.items() if name != "batch"} == {
            name: data[name] for name in row if name != "batch"
        }
    assert len(rows("report_yield")) == (report.units_begun > 0)
    outcomes = {row["outcome"]: row["runs"] for row in rows("report_outcomes") if row["outcome"]}
    assert outcomes == {name: count for name, count in data["outcomes"].items() if count}
    failures = {(row["code"], row["outcome"]): (row["runs"], row["units"]) for row in rows("report_failures")}
    assert failures == {(row["code"], row["outcome"]): (row["count"], row["units"]) for row in data["failures"]}
    _compare_slots(rows("report_slots"), rows("report_slot_codes"), data["slots"])
    images = {row["partition"]: row for row in rows("report_images") if row["images"] or row["retries"]}
    assert sorted(images) == [image["partition"] for image in data["images"]]
    for image in data["images"]:
        row = images[image["partition"]]
        assert (row["images"], row["retries"]) == (image["count"], image["retries"])
        assert row["mean_s"] == pytest.approx(image["mean_s"])
        assert row["mib_per_s"] == pytest.approx(image["mib_per_s"])
    for row in rows("report_durations"):
        assert {"p50": row["p50_s"], "p95": row["p95_s"]} == data["duration_s"]
    bundles = [
        (row["bundle"], row["recipe"], row["bundle_version"], row["units"], row["runs"])
        for row in rows("report_bundles")
    ]
    assert sorted(bundles) == [
        (one["bundle"], one["recipe"], one["bundle_version"], one["units"], one["runs"]) for one in data["bundles"]
    ]
    still_open = [
        (row["serial"], row["latest_code"], row["latest_slot"], row["runs"]) for row in rows("report_open_units")
    ]
    details = [(unit["serial"], unit["code"], unit["slot"], unit["runs"]) for unit in data["open_unit_details"]]
    assert sorted(map(repr, still_open)) == sorted(map(repr, details))


def _compare_slots(rows: list[dict[str, Any]], codes: list[dict[str, Any]], slots: list[dict[str, Any]]) -> None:
    by_name = {row["slot"]: row for row in rows}
    assert sorted(by_name) == [slot["slot"] for slot in slots]
    for slot in slots:
        row = by_name[slot["slot"]]
        for name in ("runs", "units_counted", "units_passed_first", "first_pass_yield"):
            assert row[name] == slot[name]
        for name in ("mean_s", "mib_per_s"):
            assert row[name] == pytest.approx(slot[name])
        assert {code["code"]: code["runs"] for code in codes if code["slot"] == slot["slot"]} == slot["codes"]


@pytest.fixture
def shift(tmp_path: Path) -> Iterator[tuple[Path, Reader]]:
    record(tmp_path)
    reader = Reader(tmp_path)
    yield tmp_path, reader
    reader.close()


def test_the_views_of_a_shift(shift: tuple[Path, Reader]) -> None:
    data_dir, reader = shift
    report = reader.report(RunFilter(batch=BATCH))
    assert report.units_started == 200
    assert report.open_details
    compare(data_dir, report, BATCH)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=st.lists(any_run(), max_size=12))
def test_the_views_of_any_history(data_dir: Path, reader: Reader, runs: list[RunRecord]) -> None:
    empty(data_dir)
    put(data_dir, tuple(runs))
    for batch in ("x", "y"):
        compare(data_dir, reader.report(RunFilter(batch=batch)), batch)
