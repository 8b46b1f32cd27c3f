"""A yield report as lines of bars and figures, in columns with headings: the line as a whole, its parts, its hours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial

from station.dashboard.language import tr
from station.dashboard.tiles.tile_content import outcome_text
from station.dashboard.widgets.bars import TARGET, BarRow, bar_table, count_bar, yield_bar
from station.dashboard.widgets.sheet import Line, Part, columns, paragraph, single
from station.errors import HINTS
from station.local_time import time_text, zone_names
from station.yields.counting import CodeCount, HourCount, SlotYield, YieldReport
from station.yields.figures import Interval
from station.yields.inference import yield_beside

HOURS = 24
"""So many of the newest hours are drawn."""
HOUR = timedelta(hours=1)
ROOMY = 100
"""From so many columns on a slot's speed is shown too."""
BELOW = "▽"
BLANK: Line = ()


def line_lines(report: YieldReport, target: float | None, width: int) -> Iterator[Line]:
    """The yields of a report, and how its runs ended. `target` is a first-pass yield, 0 to 1."""
    if report.batch:
        yield single(tr("Batch {name}").format(name=report.batch), "title")
        yield BLANK
    yield from _yields(report, target, width)
    yield from _bundles(report, width)
    yield BLANK
    yield from _runs(report, width)


def time_lines(report: YieldReport, width: int) -> Iterator[Line]:
    """The hours and the images of a report."""
    yield single(tr("Passed in each hour"), "title")
    yield from _hours(newest_hours(report.hours), width)
    yield from _images(report, width)


def part_lines(report: YieldReport, target: float | None, width: int) -> Iterator[Line]:
    """The slots and the codes of a report."""
    yield single(tr("First-pass yield of each slot"), "title")
    yield from _slots(report, target, width)
    yield BLANK
    yield single(tr("What failed most"), "title")
    yield from _failures(report.camera_failures, width)
    if report.station_errors:
        yield BLANK
        yield from paragraph(tr("Errors of the station: not counted, and of no camera"), width, tone="title")
        yield from _failures(report.station_errors, width)


def _yields(report: YieldReport, target: float | None, width: int) -> Iterator[Line]:
    first, final, counted = report.first_pass_yield, report.final_yield, report.units_counted
    tone, verdict = verdict_of(report.units_passed_first, counted, target)
    rows = [
        _share_row(
            tr("first-pass yield"), first, report.first_pass_interval, report.units_passed_first, counted, target, tone
        ),
        _share_row(tr("final yield"), final, report.final_interval, report.units_passed, counted, None, ""),
    ]
    yield from bar_table(("", tr("yield"), tr("units"), tr("95 % interval")), rows, width, "lrrr")
    if target is not None:
        text = tr("{mark} target {target} %: {verdict}").format(
            mark=TARGET, target=f"{100 * target:.1f}", verdict=verdict
        )
        yield from paragraph(text, width, tone=tone)


def _runs(report: YieldReport, width: int) -> Iterator[Line]:
    """How many runs ended how, and how long those took that passed."""
    yield single(tr("Runs"), "title")
    shown = [(*outcome_text(outcome), count) for outcome, count in report.outcomes]
    heads = [word for word, _, _ in shown]
    counts = [Part(str(count), tone if count else "") for _, tone, count in shown]
    took = [_seconds(report.duration_p50_s), _seconds(report.duration_p95_s)]
    yield from columns(heads, [counts], width, "r" * len(heads))
    text = tr("A run that passed took {middle}; 95 of 100 took {most} at most.")
    yield from paragraph(text.format(middle=took[0], most=took[1]), width)


def verdict_of(passed: int, counted: int, target: float | None) -> tuple[str, str]:
    """The tone and the words for a yield beside the target; what so few units leave open is not said."""
    if target is None or not counted:
        return "", tr("nothing was counted yet")
    beside = yield_beside(passed, counted, target)
    if beside:
        return ("failed", tr("missed")) if beside < 0 else ("passed", tr("reached"))
    return ("passed" if passed >= target * counted else "waiting"), tr("not decided yet by so few units")


def _bundles(report: YieldReport, width: int) -> Iterator[Line]:
    if report.mixed:
        yield BLANK
        yield single(tr("SEVERAL FIRMWARES OR RECIPES"), "failed")
        for one in report.bundles:
            counts = tr("{units} units, {runs} runs").format(units=one.units, runs=one.runs)
            text = f"{one.bundle} {one.bundle_version} {one.bundle_sha256[:12]} {one.recipe}: {counts}"
            yield from paragraph(text, width, 2)


def _hours(hours: Sequence[HourCount], width: int) -> Iterator[Line]:
    if not hours:
        yield single("-")
        return
    most = max(hour.passed for hour in hours) or 1
    rows: list[BarRow] = [
        (
            Part(_clock(hour.hour_at)),
            partial(count_bar, hour.passed / most),
            (Part(str(hour.passed), "passed"), Part(str(hour.failed), "failed" if hour.failed else "")),
        )
        for hour in hours
    ]
    zone = zone_names(hour.hour_at for hour in hours)
    heads = (tr("from ({zone})").format(zone=zone), tr("passed"), tr("failed"))
    yield from bar_table(heads, rows, width, "lrr")


def _images(report: YieldReport, width: int) -> Iterator[Line]:
    if report.images:
        yield BLANK
        yield single(tr("Images written"), "title")
        heads = (tr("image"), tr("images"), tr("mean"), tr("written at"), tr("retries"))
        rows = [
            [
                *(Part(text) for text in (one.partition, str(one.count), _seconds(one.mean_s), _rate(one.mib_per_s))),
                Part(str(one.retries), "waiting" if one.retries else ""),
            ]
            for one in report.images
        ]
        yield from columns(heads, rows, width, "lrrrr")


def _slots(report: YieldReport, target: float | None, width: int) -> Iterator[Line]:
    if not report.slots:
        yield single("-")
        return
    roomy = width >= ROOMY
    more = (tr("runs"), tr("mean"), tr("written at")) if roomy else ()
    heads = (tr("slot"), tr("yield"), tr("units"), tr("95 % interval"), *more, "")
    rows = [_slot_row(slot, report, target, roomy=roomy) for slot in report.slots]
    yield from bar_table(heads, rows, width, "lrrr" + "r" * len(more) + "l")
    ranks = {rank_of(slot, report)[1] for slot in report.slots}
    if report.suspects:
        text = tr("SUSPECT: worse than the other slots, and not by chance: look at its cable, port and hub.")
        yield from paragraph(text, width)
    if BELOW in ranks:
        yield from paragraph(
            tr("▽: the line's yield lies above this slot's interval; that may still be chance."), width
        )


def _slot_row(slot: SlotYield, report: YieldReport, target: float | None, *, roomy: bool) -> BarRow:
    tone, word = rank_of(slot, report)
    row = _share_row(
        slot.label, slot.first_pass_yield, slot.first_pass_interval, slot.units_passed_first, slot.units_counted,
        target, tone,
    )  # fmt: skip
    more = (str(slot.runs), _seconds(slot.mean_s), _rate(slot.mib_per_s)) if roomy else ()
    return row[0], row[1], (*row[2], *map(Part, more), Part(word, tone))


def rank_of(slot: SlotYield, report: YieldReport) -> tuple[str, str]:
    """The tone and the mark of a slot beside the line: SUSPECT as in the report, below the line, or like it. One
    failure says nothing of a slot."""
    line, interval = report.first_pass_yield, slot.first_pass_interval
    if slot.suspect:
        return "failed", tr("SUSPECT")
    if line is None or interval is None:
        return "", ""
    failed = slot.units_counted - slot.units_passed_first
    return ("waiting", BELOW) if interval[1] < line and failed > 1 else ("passed", "")


def _failures(failures: Sequence[CodeCount], width: int) -> Iterator[Line]:
    if not failures:
        yield single("-")
        return
    most = max(failure.count for failure in failures)
    rows: list[BarRow] = [
        (
            Part(failure.code or "-"),
            partial(count_bar, failure.count / most),
            [Part(text) for text in (str(failure.count), str(failure.units), f"{100 * failure.cumulative:.1f} %")],
        )
        for failure in failures
    ]
    heads = (tr("code"), tr("runs"), tr("units"), tr("cumulative share"))
    heading, *table = bar_table(heads, rows, width, "lrrr")
    yield heading
    for failure, row in zip(failures, table, strict=True):
        yield row
        yield from paragraph(tr(HINTS.get(failure.code, "")), width, 4)


def newest_hours(hours: Sequence[HourCount]) -> list[HourCount]:
    """The newest HOURS hours up to the last in which a run began, those in which nothing happened too."""
    if not hours:
        return []
    known, last = {hour.hour_at: hour for hour in hours}, hours[-1].hour_at
    first = max(hours[0].hour_at, last - (HOURS - 1) * HOUR)
    times = [first + number * HOUR for number in range((last - first) // HOUR + 1)]
    return [known.get(at, HourCount(at, 0, 0)) for at in times]


def _clock(hour_at: datetime) -> str:
    return time_text(hour_at, "%m-%d %H:%M")


def _share_row(
    name: str, share: float | None, interval: Interval | None, part: int, whole: int, target: float | None, tone: str
) -> BarRow:
    percent = "-" if share is None else f"{100 * share:.1f} %"
    ends = "-" if interval is None else f"{100 * interval[0]:.1f} - {100 * interval[1]:.1f} %"
    draw = partial(yield_bar, share, interval, target)
    return Part(name), draw, (Part(percent, tone), Part(f"{part}/{whole}"), Part(ends))


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f} MiB/s"
