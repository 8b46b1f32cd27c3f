"""One camera's whole history, found by its serial: typed, or scanned (a scanner types and ends with Enter)."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.widgets import DataTable, Input

from station.dashboard.language import tr
from station.dashboard.line_port import LinePort
from station.dashboard.log_port import Records
from station.dashboard.log_source import LogSource
from station.dashboard.pages.sourced_page import SourcedPage, SourceLine
from station.dashboard.pages.story_lines import story_lines
from station.dashboard.state import State
from station.dashboard.tiles.tile_content import outcome_text
from station.dashboard.widgets.sheet import Sheet
from station.dashboard.widgets.text_table import Rows, Toned
from station.local_time import time_text, zone_names
from station.model.units import RunLine, UnitStory

PAGE = 200
"""So many of the newest runs are listed; where the cursor comes to their end, so many more."""


class UnitsPage(SourcedPage):
    """The newest runs of this line's batch, and the story of the unit under the cursor; typing looks through the whole
    log, Enter goes to the unit that was named."""

    DEFAULT_CSS = """
    UnitsPage Container { height: 1fr; }
    UnitsPage Rows { height: 1fr; width: 1fr; }
    UnitsPage VerticalScroll { height: 1fr; width: 1fr; border-top: solid $primary; }
    UnitsPage #story { padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "scroll(-1)", show=False),
        Binding("pagedown", "scroll(1)", show=False),
    ]
    FOCUS = "Input"

    def __init__(self, name: str, state: State, line: LinePort, source: LogSource) -> None:
        super().__init__(name, state, line, source)
        self._listed: list[RunLine] = []
        self._limit = PAGE
        self._story: UnitStory | None = None
        self._told: RunLine | None = None
        """The row whose story was asked for last."""

    def compose(self) -> ComposeResult:
        """The search, the runs that fit it, and the story of one unit."""
        yield SourceLine(self.source)
        yield Input()
        with Container():
            yield Rows()
            with VerticalScroll():
                yield Sheet(id="story")

    def on_mount(self) -> None:
        """Name the columns."""
        self.words_changed()

    def words_changed(self) -> None:
        """Name the columns and what the field is for; tell the story that is shown once more."""
        self.query_one(Input).placeholder = tr("serial, or its end: type or scan it; the arrows go through the list")
        table = self.query_one(Rows)
        table.clear(columns=True)
        started = tr("started ({zone})").format(zone=zone_names([self.state.now()]))
        station = (tr("station"),) if self.source.reads_all else ()
        table.add_columns(tr("serial"), tr("outcome"), tr("code"), *station, tr("slot"), started)
        self._listed = []
        if self._story is not None:
            self.query_one("#story", Sheet).show(partial(story_lines, self._story))

    def come_up(self) -> None:
        """The page is looked at: its list is asked for at once."""
        super().come_up()
        self._list()

    def source_changed(self) -> None:
        """Another log: its runs, and the story of the unit from there."""
        self._told = None
        super().source_changed()

    def facts_changed(self) -> None:
        """List the runs again."""
        self._list(at_once=False)

    def _list(self, *, at_once: bool = True) -> None:
        """Ask the log for the runs that fit what was typed, in a thread."""
        asked, limit = self.query_one(Input).value.strip(), self._limit
        batch, since = self.state.selection

        def question(records: Records) -> list[RunLine]:
            return records.found(asked, limit) if asked else records.newest(batch, since, limit)

        if self.state.about is not None:
            self.log_port.ask(question, self._show_runs, at_once=at_once)

    def _show_runs(self, runs: list[RunLine]) -> None:
        if runs == self._listed:
            return
        table, more = self.query_one(Rows), runs[: len(self._listed)] == self._listed
        shown = len(self._listed) if more else 0
        looked_at = self._listed[table.cursor_row].run_id if 0 < table.cursor_row < len(self._listed) else None
        if not more:
            table.clear()
        self._listed = runs
        table.append(_cells(run, of_all=self.source.reads_all) for run in runs[shown:])
        # Runs come in above: the cursor stays on the one that it was moved to.
        if not more and (row := next((row for row, run in enumerate(runs) if run.run_id == looked_at), None)):
            table.move_cursor(row=row)
        self._follow()

    def on_input_changed(self, _event: Input.Changed) -> None:
        """Narrow the list while it is typed."""
        self._limit = PAGE
        self._list()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Show the story of the unit that was named: a whole serial, or the newest that has this in it."""
        if asked := event.value.strip():
            self._told = None
            self.log_port.ask(partial(_story, asked), self._show_story)

    def look_up(self, serial: str) -> None:
        """As if the serial had been typed into the empty field, and Enter."""
        self.query_one(Input).value = serial
        self._told = None
        self.log_port.ask(partial(_story, serial), self._show_story)

    def action_move(self, rows: int) -> None:
        """The cursor goes through the list while the keys go to the field."""
        table = self.query_one(Rows)
        table.move_cursor(row=table.cursor_row + rows)

    def action_scroll(self, pages: int) -> None:
        """Read on in a long story while the keys go to the field."""
        story = self.query_one(VerticalScroll)
        story.scroll_relative(y=pages * max(1, story.size.height - 1), animate=False)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Tell the story of the unit in this row; at the end of the list, list more."""
        self._follow()
        if event.cursor_row == self._limit - 1:
            self._limit += PAGE
            self._list()

    def on_data_table_row_selected(self, _event: DataTable.RowSelected) -> None:
        """Tell the story of the unit in this row, also where another one was named since."""
        self._told = None
        self._follow()

    def _follow(self) -> None:
        """Ask for the story of the unit under the cursor, unless it is told already as it stands in the list."""
        row = self.query_one(Rows).cursor_row
        run = self._listed[row] if 0 <= row < len(self._listed) else None
        if run is not None and run != self._told:
            self._told = run
            self.log_port.ask(lambda records: records.unit(run.serial), self._show_story)

    def _show_story(self, story: UnitStory) -> None:
        if story != self._story:
            self._story = story
            self.query_one("#story", Sheet).show(partial(story_lines, story))
            self.query_one(VerticalScroll).scroll_home(animate=False)


def _cells(run: RunLine, *, of_all: bool) -> tuple[str, ...]:
    at = time_text(run.started_at, "%m-%d %H:%M:%S")
    station = (run.station_id,) if of_all else ()
    return run.serial, Toned(*outcome_text(run.outcome)), run.code or "", *station, run.slot, at


def _story(asked: str, records: Records) -> UnitStory:
    """The story of a unit by its serial or a part of it; not by the list, which may be of what was typed before."""
    found = records.found(asked, 1)
    return records.unit(found[0].serial if found else asked)
