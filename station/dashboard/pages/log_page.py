"""What happened since this screen was opened, newest at the bottom."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Input

from station.dashboard.language import tr, translated
from station.dashboard.line_port import LinePort
from station.dashboard.log_port import LogPort
from station.dashboard.pages.page import Page
from station.dashboard.state import Event, State
from station.dashboard.tiles.tile_content import OUTCOMES
from station.dashboard.widgets.text_table import Rows
from station.local_time import time_text


class LogPage(Page):
    """Finished runs as they came; what is typed narrows them."""

    DEFAULT_CSS = "LogPage Rows { height: 1fr; }"
    FOCUS = "Rows"

    def __init__(self, name: str, state: State, line: LinePort, log: LogPort) -> None:
        super().__init__(name, state, line, log)
        self._rows: list[tuple[str, ...]] = []

    def compose(self) -> ComposeResult:
        """The filter and the events."""
        yield Input()
        yield Rows()

    def on_mount(self) -> None:
        """Name the columns."""
        self.words_changed()

    def words_changed(self) -> None:
        """Name the columns and what the field is for."""
        self.query_one(Input).placeholder = tr("show only what contains this (Tab comes here)")
        table = self.query_one(Rows)
        table.clear(columns=True)
        table.add_columns(tr("time"), tr("event"), tr("slot"), tr("serial"), tr("what"))
        self._rows = []

    def on_input_changed(self, _event: Input.Changed) -> None:
        """Another filter."""
        self.facts_changed()

    def facts_changed(self) -> None:
        """List the events that fit the filter."""
        wanted = self.query_one(Input).value.strip().lower()
        every = map(_cells, self.state.events)
        rows = [cells for cells in every if wanted in " ".join(cells).lower()]
        if rows != self._rows:
            self._show(rows)

    def _show(self, rows: list[tuple[str, ...]]) -> None:
        """Filling a table means to measure every cell: only what came since is added, where nothing else changed."""
        table, shown = self.query_one(Rows), len(self._rows)
        if rows[:shown] != self._rows:
            table.clear()
            shown = 0
        self._rows = rows
        table.append(rows[shown:])
        table.move_cursor(row=table.row_count - 1)


def _cells(event: Event) -> tuple[str, ...]:
    kind, text = tr(OUTCOMES.get(event.kind, event.kind)), f"{event.text} {translated(event.message)}"
    return (time_text(event.at, "%H:%M:%S"), kind, event.slot, event.serial, text.strip())
