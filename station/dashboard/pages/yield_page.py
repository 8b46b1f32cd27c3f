"""The yield of this line's batch, as numbers and bars."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from textual.app import ComposeResult
from textual.containers import Container, VerticalScroll

from station.dashboard.line_port import LinePort
from station.dashboard.log_source import LogSource
from station.dashboard.pages.sourced_page import SourcedPage, SourceLine
from station.dashboard.pages.yield_lines import BLANK, line_lines, part_lines, time_lines
from station.dashboard.state import State
from station.dashboard.widgets.sheet import Line, Sheet
from station.yields.counting import YieldReport


class YieldPage(SourcedPage):
    """First-pass and final yield, what passed in each hour, each slot, and what failed most."""

    DEFAULT_CSS = """
    YieldPage Container { height: auto; }
    YieldPage Sheet { padding: 1 1 0 1; }
    """
    FOCUS = "VerticalScroll"

    def __init__(self, name: str, state: State, line: LinePort, source: LogSource) -> None:
        super().__init__(name, state, line, source)
        self._shown: YieldReport | None = None
        self._asked: YieldReport | None = None
        """Of a batch that was scanned, looked at until the page is left."""
        self._of_all: YieldReport | None = None
        """Of the database of all stations."""

    def compose(self) -> ComposeResult:
        """Texts of bars, beside each other where there is room: the line as a whole, its parts, its hours."""
        yield SourceLine(self.source)
        with VerticalScroll(), Container():
            yield Sheet(id="whole")
            yield Sheet(id="parts")
            yield Sheet(id="hours")

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

    def source_changed(self) -> None:
        """Another log: its report."""
        self._asked = self._of_all = None
        super().source_changed()
        if self.source.reads_all:
            for sheet in self.query(Sheet):
                sheet.show(lambda _width: iter(()))

    def facts_changed(self) -> None:
        """Draw the newest report; the log is not asked for another than the header has."""
        if self.source.reads_all:
            batch, since = self.state.selection
            self.source.ask(lambda records: records.summary(batch, since), self._show_of_all, at_once=False)
        self._draw()

    def _show_of_all(self, report: YieldReport) -> None:
        self._of_all = report
        self._draw()

    def _draw(self) -> None:
        report = self._asked or (self._of_all if self.source.reads_all else self.state.report)
        if report is not None and report is not self._shown:
            self._shown, target = report, self.state.yield_target
            self.query_one("#whole", Sheet).show(partial(self._whole, report, target))
            self.query_one("#parts", Sheet).show(partial(part_lines, report, target))
            self.query_one("#hours", Sheet).show(partial(time_lines, report))

    def _whole(self, report: YieldReport, target: float | None, width: int) -> Iterator[Line]:
        """Beside the parts there is room for the hours too; below them they come last."""
        yield from line_lines(report, target, width)
        if not self.query_one("#hours").display:
            yield BLANK
            yield from time_lines(report, width)
