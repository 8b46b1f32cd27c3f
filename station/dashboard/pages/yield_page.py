"""The yield of this line's batch, as numbers and bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from textual.app import ComposeResult
from textual.containers import Container, VerticalScroll

from station.dashboard.language import tr
from station.dashboard.line_port import LinePort
from station.dashboard.log_port import LogPort
from station.dashboard.pages.page import Page
from station.dashboard.state import State
from station.dashboard.text_wrap import pad
from station.dashboard.widgets.plain_text import Plain
from station.local_time import time_text
from station.yields.counting import HourCount, YieldReport

BAR = 24
NAME = 24
HOURS = 24
"""So many of the newest hours are drawn."""
HOUR = timedelta(hours=1)
_EIGHTHS = " ▏▎▍▌▋▊▉"


class YieldPage(Page):
    """First-pass and final yield, what passed in each hour, each slot, and what failed most."""

    DEFAULT_CSS = """
    YieldPage Container { height: auto; }
    YieldPage Static { height: auto; padding: 1 0 0 1; }
    """
    FOCUS = "VerticalScroll"

    def __init__(self, name: str, state: State, line: LinePort, log: LogPort) -> None:
        super().__init__(name, state, line, log)
        self._shown: YieldReport | None = None
        self._asked: YieldReport | None = None
        """Of a batch that was scanned, looked at until the page is left."""

    def compose(self) -> ComposeResult:
        """Two texts of bars, beside each other where there is room: the line as a whole, and its parts."""
        with VerticalScroll(), Container():
            yield Plain(id="whole")
            yield Plain(id="parts")

    def words_changed(self) -> None:
        """Draw it again in other words."""
        self._shown = None

    def leave(self) -> None:
        """What was scanned is looked at no longer."""
        super().leave()
        self._asked = None

    def look_at(self, report: YieldReport) -> None:
        """Show the report of another batch than the line's."""
        self._asked = report
        self.facts_changed()

    def facts_changed(self) -> None:
        """Draw the newest report; the log is not asked for another than the header has."""
        report = self._asked or self.state.report
        if report is not None and report is not self._shown:
            self._shown = report
            self.query_one("#whole", Plain).say("\n".join(line_lines(report)))
            self.query_one("#parts", Plain).say("\n".join(part_lines(report)))


def line_lines(report: YieldReport) -> Iterator[str]:
    """The yields and the hours of a report, as text with bars."""
    if report.batch:
        yield tr("Batch {name}").format(name=report.batch) + "\n"
    yield _share(tr("first-pass yield"), report.first_pass_yield, _of(report.units_passed_first, report))
    yield _share(tr("final yield"), report.final_yield, _of(report.units_passed, report))
    if report.mixed:
        yield "\n" + tr("SEVERAL FIRMWARES OR RECIPES")
        for one in report.bundles:
            counts = tr("{units} units, {runs} runs").format(units=one.units, runs=one.runs)
            yield f"  {one.bundle} {one.bundle_version} {one.bundle_sha256[:12]} {one.recipe}: {counts}"
    yield "\n" + tr("Passed in each hour")
    hours = newest_hours(report.hours)
    most = max((hour.passed for hour in hours), default=0)
    for hour in hours:
        failed = f"✗ {hour.failed}" if hour.failed else ""
        yield _line(_clock(hour.hour_at), hour.passed / most if most else 0.0, f"{hour.passed:>4}  {failed}")
    if not hours:
        yield "  -"


def part_lines(report: YieldReport) -> Iterator[str]:
    """The slots and the codes of a report, as text with bars."""
    yield tr("First-pass yield of each slot")
    for slot in report.slots:
        suspect = " " + tr("SUSPECT") if slot.suspect else ""
        counts = f"{slot.units_passed_first}/{slot.units_counted}"
        yield _share(slot.label, slot.first_pass_yield, counts + suspect)
    yield "\n" + tr("What failed most")
    most = max((failure.count for failure in report.failures), default=0)
    for failure in report.failures:
        counts = f"{failure.count:>4}  {100 * failure.cumulative:5.1f} %  {failure.outcome}"
        yield _line(failure.code or "-", failure.count / most, counts)
    if not report.failures:
        yield "  -"


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


def _of(part: int, report: YieldReport) -> str:
    return f"{part}/{report.units_counted}"


def _share(name: str, share: float | None, counts: str) -> str:
    percent = "     -" if share is None else f"{100 * share:5.1f} %"
    return _line(name, share or 0.0, f"{percent}  {counts}")


def _line(name: str, share: float, figures: str) -> str:
    return f"  {pad(name, NAME)} {bar(share)} {figures}".rstrip()


def bar(share: float) -> str:
    """A bar of BAR columns, `share` (0 to 1) of it filled."""
    whole, part = divmod(round(share * BAR * 8), 8)
    filled = "█" * whole + (_EIGHTHS[part] if part else "")
    return filled.ljust(BAR, "·")
