"""The yield report and the list to re-run as plain text, for a terminal or a file."""

from __future__ import annotations

from collections.abc import Sequence

from station.model.units import FailedUnit, hint_for
from station.model.yields import DEFINITIONS, YieldReport
from station.report.cells import moment, printable, seconds, share, table


def report_text(report: YieldReport) -> str:
    """The report with the definitions of its figures."""
    parts = [
        _head(report),
        _failures(report),
        _slots(report),
        _images(report),
        _open_units(report),
        ["Definitions", *(f"  {name}: {meaning}" for name, meaning in DEFINITIONS.items())],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def failed_text(units: Sequence[FailedUnit]) -> str:
    """The units to re-run, each with what to do now."""
    if not units:
        return "No unit's latest counted run failed.\n"
    blocks = [
        f"{printable(unit.serial) or '(no serial)'}  {printable(unit.code or '-')}  slot {printable(unit.slot)}"
        f"  {moment(unit.failed_at)}  runs {unit.runs}  batch {printable(unit.batch or '-')}\n  {unit.hint}".rstrip()
        for unit in units
    ]
    return "\n".join(blocks) + f"\n{len(units)} to re-run\n"


def _head(report: YieldReport) -> list[str]:
    counted = report.units_counted
    per_hour = "-" if report.units_per_hour is None else f"{report.units_per_hour:.1f}"
    outcomes = "  ".join(f"{outcome} {count}" for outcome, count in report.outcomes)
    return [
        f"Batch {printable(report.batch) if report.batch else '(all)'}"
        f"  from {moment(report.since)}  until {moment(report.until)}",
        f"Units started     {report.units_started}",
        f"Units passed      {report.units_passed}",
        f"First-pass yield  {share(report.first_pass_yield)}  ({report.units_passed_first} of {counted})",
        f"Final yield       {share(report.final_yield)}  ({report.units_passed} of {counted})",
        f"Units per hour    {per_hour}",
        f"Duration          p50 {seconds(report.duration_p50_s)}  p95 {seconds(report.duration_p95_s)}",
        f"Runs              {outcomes}  open {report.open_runs}",
    ]


def _failures(report: YieldReport) -> list[str]:
    if not report.failures:
        return []
    rows = [
        (printable(row.code) or "(none)", str(row.outcome), str(row.count), str(row.units), hint_for(row.code))
        for row in report.failures
    ]
    return ["Failures", *table(("code", "outcome", "runs", "units", "what to do"), rows)]


def _slots(report: YieldReport) -> list[str]:
    if not report.slots:
        return []
    rows = [
        (
            printable(row.slot),
            str(row.runs),
            share(row.first_pass_yield),
            seconds(row.mean_s),
            "  ".join(f"{printable(code)} {count}" for code, count in row.codes),
        )
        for row in report.slots
    ]
    return ["Slots", *table(("slot", "runs", "first-pass yield", "mean", "codes"), rows)]


def _images(report: YieldReport) -> list[str]:
    if not report.images:
        return []
    rows = [
        (
            printable(row.partition),
            str(row.count),
            seconds(row.mean_s),
            "-" if row.mib_per_s is None else f"{row.mib_per_s:.2f} MiB/s",
        )
        for row in report.images
    ]
    return ["Images written", *table(("partition", "images", "mean", "rate"), rows)]


def _open_units(report: YieldReport) -> list[str]:
    if not report.open_units:
        return []
    serials = (printable(serial) or "(no serial)" for serial in report.open_units)
    return [f"Open units ({len(report.open_units)})", *(f"  {serial}" for serial in serials)]
