"""The yield report and the list to re-run as plain text, for a terminal or a file."""

from __future__ import annotations

from collections.abc import Sequence

from station.local_time import zone_names
from station.model.done import COUNTED_PURPOSES
from station.model.slots import slot_label
from station.model.units import FailedUnit, hint_for
from station.report.cells import chance, figure, hour, interval, moment, number, rate, seconds, share, table
from station.terminal_text import printable
from station.yields.definitions import DEFINITIONS
from station.yields.figures import BundleCount, CodeCount, YieldReport

MOST_HOURS = 24
"""So many of the last hours are printed; the JSON report has all."""
TO_EXPLAIN = "What each figure means: station report --explain"


def report_text(report: YieldReport, *, explain: bool = False) -> str:
    """The report; with `explain` also what each of its figures means."""
    parts = [
        _head(report),
        _failures(report),
        _station_errors(report),
        _slots(report),
        _images(report),
        _measurements(report),
        _hours(report),
        _open_units(report),
        _definitions() if explain else [TO_EXPLAIN],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _definitions() -> list[str]:
    return ["Definitions", *(f"  {name}: {meaning}" for name, meaning in DEFINITIONS.items())]


def failed_text(units: Sequence[FailedUnit]) -> str:
    """The units to re-run, each with what to do now."""
    if not units:
        return "Every unit is done: there is none to run again.\n"
    several = len({unit.station_id for unit in units}) > 1
    blocks = [
        f"{printable(unit.serial) or '(no serial)'}  {printable(unit.code or '-')}  {unit.why}"
        f"  slot {printable(slot_label((unit.station_id, unit.slot), several_stations=several))}"
        f"  {moment(unit.failed_at)}  runs {unit.runs}"
        f"  batch {printable(unit.batch or '-')}"
        f"{'  SET ASIDE' if unit.set_aside else ''}\n  {unit.hint}".rstrip()
        for unit in units
    ]
    waiting = sum(not unit.scrapped for unit in units)
    scrapped = f", scrapped: {len(units) - waiting}" if waiting < len(units) else ""
    heading = f"Units to run again: {waiting}{scrapped}; times are {zone_names(unit.failed_at for unit in units)}"
    return "\n".join([heading, *blocks, f"{waiting} to re-run"]) + "\n"


def _head(report: YieldReport) -> list[str]:
    counted, at_once = report.units_counted, report.units_passed_first
    outcomes = "  ".join(f"{outcome} {count}" for outcome, count in report.outcomes)
    first, final = interval(report.first_pass_interval), interval(report.final_interval)
    return [
        f"Batch {printable(report.batch) if report.batch else '(all)'}"
        f"  from {moment(report.since)}  until {moment(report.until)}{_narrower(report)}"
        f"  times are {zone_of_report(report)}",
        *_plan(report),
        f"Units started     {report.units_started}",
        f"Units passed      {report.units_passed}",
        *([f"Units scrapped    {report.units_scrapped}"] if report.units_scrapped else []),
        *([f"Passed earlier    {report.units_passed_earlier}"] if report.units_passed_earlier else []),
        f"First-pass yield  {share(report.first_pass_yield)}  ({at_once} of {counted})  95 %: {first}",
        f"Final yield       {share(report.final_yield)}  ({report.units_passed} of {counted})  95 %: {final}",
        f"Retest yield      {share(report.retest_yield)}  ({report.units_recovered} of {report.units_retested})",
        f"Units per hour    {_an_hour(report)}"
        f"  from {moment(report.first_started_at)} to {moment(report.last_ended_at)}",
        f"Duration          p50 {seconds(report.duration_p50_s)}  p95 {seconds(report.duration_p95_s)}",
        f"Runs              {outcomes}  open {report.open_runs}",
        *unproven_lines(report),
        *suspicions(report),
        *mixture(report),
    ]


def _an_hour(report: YieldReport) -> str:
    """The rate, or that there is none yet."""
    too_early = report.telling_rate is None and report.units_per_hour is not None
    return f"{number(report.telling_rate)}{'  (not before a quarter of an hour)' if too_early else ''}"


def zone_of_report(report: YieldReport) -> str:
    """The short name of the zone of the times that the report prints."""
    span = (report.since, report.until, report.first_started_at, report.last_ended_at)
    hours, last = (hour.hour_at for hour in report.hours), (unit.last_at for unit in report.open_details)
    return zone_names([*span, *hours, *last])


def _plan(report: YieldReport) -> list[str]:
    return [] if report.planned is None else [f"Units planned     {report.planned}"]


def _narrower(report: YieldReport) -> str:
    """What the selection names besides batch and time."""
    purposes = ", ".join(report.purposes) if report.purposes != COUNTED_PURPOSES else None
    words = (
        ("bundle", report.bundle),
        ("station", report.station_id),
        ("slot", report.slot),
        ("operator", report.operator),
        ("purpose", purposes),
    )
    return "".join(f"  {name} {printable(value)}" for name, value in words if value is not None)


def unproven_lines(report: YieldReport) -> list[str]:
    """Where runs passed without a proof that the configuration turned off."""
    count = report.unproven_runs
    runs = "1 run passed" if count == 1 else f"{count} runs passed"
    return [f"NOT PROVEN: {runs} while verify or confirm_boot was off in the configuration"] if count else []


def mixture(report: YieldReport) -> list[str]:
    """Where there are several firmwares or recipes: a sentence, and a line for each."""
    if not report.mixed:
        return []
    return [mixed_sentence(report), *(f"  {bundle_line(one)}" for one in report.bundles)]


def mixed_sentence(report: YieldReport) -> str:
    """How many firmwares and recipes there are."""
    firmwares, recipes = {one.bundle_sha256 for one in report.bundles}, {one.recipe for one in report.bundles}
    what = "This batch" if report.batch is not None else "This selection"
    parts = (_counted(len(firmwares), "firmware"), _counted(len(recipes), "recipe"))
    return f"MIXED: {what} has {' and '.join(parts)}."


def bundle_line(one: BundleCount) -> str:
    """One firmware and recipe with its units and runs."""
    version = f" ({printable(one.bundle_version)})" if one.bundle_version else ""
    name = f"{printable(one.bundle)}{version}, sha256 {one.bundle_sha256[:12]}, recipe {printable(one.recipe)}"
    return f"{name}: {_counted(one.units, 'unit')}, {_counted(one.runs, 'run')}"


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def suspicions(report: YieldReport) -> list[str]:
    """A sentence for each slot that is worse than the others."""
    return [
        f"LOOK AT SLOT {printable(slot.label)}: its first-pass yield of {share(slot.first_pass_yield)} is worse than"
        f" that of the other slots{' of that station' if slot.label != slot.slot else ''}, and not by chance"
        f" (p {chance(slot.p_value)})."
        " Look at its cable, port and hub before its cameras."
        for slot in report.suspects
    ]


def _failures(report: YieldReport) -> list[str]:
    rows = [(*_code_cells(row), share(row.cumulative), hint_for(row.code)) for row in report.camera_failures]
    header = ("code", "outcome", "runs", "units", "cumulative share", "what to do")
    return ["Failures", *table(header, rows)] if rows else []


def _station_errors(report: YieldReport) -> list[str]:
    rows = [(*_code_cells(row), hint_for(row.code)) for row in report.station_errors]
    title = "Errors of the station: they are not counted, and speak of no camera"
    return [title, *table(("code", "outcome", "runs", "units", "what to do"), rows)] if rows else []


def _code_cells(row: CodeCount) -> tuple[str, str, str, str]:
    return printable(row.code) or "(none)", str(row.outcome), str(row.count), str(row.units)


def _slots(report: YieldReport) -> list[str]:
    if not report.slots:
        return []
    rows = [
        (
            printable(row.label),
            str(row.runs),
            share(row.first_pass_yield),
            f"{row.units_passed_first} of {row.units_counted}",
            seconds(row.mean_s),
            rate(row.mib_per_s),
            chance(row.p_value),
            "SUSPECT" if row.suspect else "",
            "  ".join(f"{printable(code)} {count}" for code, count in row.codes),
        )
        for row in report.slots
    ]
    header = ("slot", "runs", "first-pass yield", "units", "mean", "write rate", "p", "", "codes")
    return ["Slots", *table(header, rows)]


def _images(report: YieldReport) -> list[str]:
    if not report.images:
        return []
    rows = [
        (printable(row.partition), str(row.count), seconds(row.mean_s), rate(row.mib_per_s), str(row.retries))
        for row in report.images
    ]
    return ["Images written", *table(("partition", "images", "mean", "rate", "retries"), rows)]


def _measurements(report: YieldReport) -> list[str]:
    if not report.measurements:
        return []
    telling = {one.name for one in report.measurements if one.mean is not None or one.failed or one.missing}
    texts = dict.fromkeys(printable(one.name) for one in report.measurements if one.name not in telling)
    rows = [
        (
            printable(one.name),
            printable(one.unit or ""),
            printable(one.label),
            str(one.measured),
            figure(one.least),
            figure(one.mean),
            figure(one.most),
            str(one.failed),
            str(one.missing),
        )
        for one in report.measurements
        if one.name in telling
    ]
    header = ("name", "unit", "slot", "measured", "least", "mean", "most", "failed", "missing")
    more = [f"  texts, none failed or missing in any slot: {', '.join(texts)}"] if texts else []
    return ["Measurements", *(table(header, rows) if rows else []), *more]


def _hours(report: YieldReport) -> list[str]:
    if not report.hours:
        return []
    rows = [(hour(one.hour_at), str(one.passed), str(one.failed)) for one in report.hours[-MOST_HOURS:]]
    more = f" (the last {MOST_HOURS} with runs)" if len(report.hours) > MOST_HOURS else ""
    return [f"Hours{more}", *table(("from", "passed", "failed"), rows)]


def _open_units(report: YieldReport) -> list[str]:
    if not report.open_details:
        return []
    several = len({unit.station_id for unit in report.open_details}) > 1
    rows = [
        (
            printable(unit.serial) or "(no serial)",
            printable(unit.code or "-"),
            printable(slot_label((unit.station_id, unit.slot), several_stations=several)),
            str(unit.runs),
            moment(unit.last_at),
            unit.why,
            unit.hint,
        )
        for unit in report.open_details
    ]
    header = ("serial", "code", "slot", "runs", "last run", "why", "what to do")
    return [f"Open units ({len(rows)})", *table(header, rows)]
