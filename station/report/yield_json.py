"""The yield report for programs: one JSON object, or CSV with one figure a line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

from station.report.cells import BYTE_ORDER_MARK, csv_cell, spreadsheet_cell
from station.yields.definitions import DEFINITIONS
from station.yields.figures import YieldReport

CSV_HEADER = ("section", "name", "figure", "value")


def report_json(report: YieldReport) -> str:
    """The report as one JSON object."""
    return json.dumps(report.to_json(), indent=2) + "\n"


def report_csv(report: YieldReport, *, spreadsheet: bool = False) -> str:
    """The report as CSV: section, name (a code, slot or partition), figure, value. Yields are 0 to 1.

    For a `spreadsheet` it begins with a byte order mark, and no text can be taken for a number or a date.
    """
    stream = io.StringIO(BYTE_ORDER_MARK if spreadsheet else "")
    stream.seek(0, io.SEEK_END)
    cell = spreadsheet_cell if spreadsheet else csv_cell
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for line in _lines(report):
        writer.writerow([cell(value) for value in line])
    return stream.getvalue()


_TOTALS = (
    "planned",
    "units_started",
    "units_counted",
    "units_passed",
    "units_passed_first",
    "units_passed_earlier",
    "units_failed",
    "units_scrapped",
    "units_retested",
    "units_recovered",
    "first_pass_yield",
    "final_yield",
    "retest_yield",
    "first_started_at",
    "last_ended_at",
    "units_per_hour",
    "duration_p50_s",
    "duration_p95_s",
    "open_runs",
    "unproven_runs",
    "mixed",
)


def _lines(report: YieldReport) -> Iterator[tuple[str, str, str, object]]:
    for name in ("batch", "since", "until", "bundle", "station_id", "slot", "operator"):
        yield "selection", "", name, getattr(report, name)
    yield "selection", "", "purposes", " ".join(report.purposes)
    for name in _TOTALS:
        yield "total", "", name, getattr(report, name)
    yield from _interval_lines("total", "", "first_pass", report.first_pass_interval)
    yield from _interval_lines("total", "", "final", report.final_interval)
    for outcome, count in report.outcomes:
        yield "outcome", str(outcome), "runs", count
    for one in report.bundles:
        name = f"{one.bundle} {one.bundle_sha256} {one.recipe}"
        for figure in ("bundle_version", "units", "runs"):
            yield "bundle", name, figure, getattr(one, figure)
    for failure in report.failures:
        yield "failure", failure.code, f"{failure.outcome} runs", failure.count
        yield "failure", failure.code, f"{failure.outcome} units", failure.units
        yield "failure", failure.code, f"{failure.outcome} cumulative_share", failure.cumulative
    yield from _slot_lines(report)
    for image in report.images:
        for name in ("count", "mean_s", "mib_per_s", "retries"):
            yield "image", image.partition, name, getattr(image, name)
    for spread in report.measurements:
        for name in ("unit", "measured", "missing", "failed", "least", "mean", "most"):
            yield "measurement", f"{spread.name} {spread.label}", name, getattr(spread, name)
    for unit in report.open_details:
        yield "open unit", unit.serial, unit.code or "", f"{unit.why}. {unit.hint}".strip()
    for name, meaning in DEFINITIONS.items():
        yield "definition", name, "", meaning


def _interval_lines(
    section: str, name: str, figure: str, interval: tuple[float, float] | None
) -> Iterator[tuple[str, str, str, object]]:
    low, high = interval or (None, None)
    yield section, name, f"{figure}_low", low
    yield section, name, f"{figure}_high", high


def _slot_lines(report: YieldReport) -> Iterator[tuple[str, str, str, object]]:
    for slot in report.slots:
        for name in ("runs", "units_counted", "units_passed_first", "first_pass_yield", "mean_s", "mib_per_s"):
            yield "slot", slot.label, name, getattr(slot, name)
        yield from _interval_lines("slot", slot.label, "first_pass", slot.first_pass_interval)
        for name in ("p_value", "suspect"):
            yield "slot", slot.label, name, getattr(slot, name)
        for code, count in slot.codes:
            yield "slot", slot.label, f"code {code}", count
