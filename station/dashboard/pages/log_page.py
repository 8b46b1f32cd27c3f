"""What happened in this shift, newest at the bottom."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from textual.app import ComposeResult
from textual.widgets import Input

from station.dashboard.language import tr, translated
from station.dashboard.line_port import LinePort
from station.dashboard.log_port import LogPort
from station.dashboard.pages.page import Page
from station.dashboard.state import LOG_LENGTH, Event, State, event_of_log
from station.dashboard.tiles.tile_content import outcome_text
from station.dashboard.widgets.plain_text import Plain
from station.dashboard.widgets.text_table import Rows, Toned
from station.local_time import span_text, time_text, zone_names
from station.model.sinks import Backlog, LostLabel
from station.model.units import FinishedRun

MISSED_FOR = timedelta(hours=24)
"""So long a label that was not printed is pointed out."""
SHIFT = timedelta(hours=12)
"""A screen that is opened later asks the log for what happened since."""
AT_ONCE = 250
"""So many rows are filled in before the keys have their turn again."""
PAUSE_S = 0.02
BACKLOG_S = 5.0
Row = tuple[str, ...]


class LogPage(Page):
    """Finished runs and cameras that were left alone, as they came; what is typed narrows them. Above them, where there
    is any, what the factory's systems have not taken yet."""

    DEFAULT_CSS = """
    LogPage Rows { height: 1fr; }
    LogPage #outbox { display: none; height: auto; max-height: 4; padding: 0 1; color: $text-warning; }
    LogPage #outbox.waits { display: block; }
    """
    FOCUS = "Rows"

    def __init__(self, name: str, state: State, line: LinePort, log: LogPort) -> None:
        super().__init__(name, state, line, log)
        self._rows: list[Row] = []
        self._to_show: list[Row] = []
        self._filling = False
        self._asked = False
        self._made: dict[Event, Row] = {}
        """What events look like in the language that is on."""

    def compose(self) -> ComposeResult:
        """The filter and the events."""
        yield Input()
        yield Plain(id="outbox")
        yield Rows()

    def on_mount(self) -> None:
        """Name the columns."""
        self.words_changed()
        self.set_interval(BACKLOG_S, self._ask_backlogs)

    def words_changed(self) -> None:
        """Name the columns and what the field is for."""
        self.query_one(Input).placeholder = tr("show only what contains this (Tab comes here)")
        table = self.query_one(Rows)
        table.clear(columns=True)
        time = tr("time ({zone})").format(zone=zone_names([self.state.now()]))
        table.add_columns(time, tr("event"), tr("slot"), tr("serial"), tr("what"))
        self._rows, self._made = [], {}

    def come_up(self) -> None:
        """The page is looked at: the first time the log is asked for what happened before this screen was opened."""
        super().come_up()
        self._ask_backlogs()
        about = self.state.about
        if about is not None and not self._asked:
            self._asked, since = True, self.state.now() - SHIFT
            self.log_port.ask(lambda log: log.finished(about.station_id, since, LOG_LENGTH), self._remember)

    def _ask_backlogs(self) -> None:
        """What waits for the factory's systems, and which labels were missed, while anybody looks."""
        since = self.state.now() - MISSED_FOR
        if self.display:
            self.log_port.ask(
                lambda log: (log.backlogs(), log.lost_labels(since), log.unbound_labels()),
                self._show_backlogs,
                at_once=False,
            )

    def _show_backlogs(self, found: tuple[list[Backlog], list[LostLabel], dict[str, int]]) -> None:
        backlogs, labels, unbound = found
        missed = Counter(label.sink for label in labels)
        lines = [backlog_text(backlog, self.state.now()) for backlog in backlogs]
        lines += [missed_text(printer, count) for printer, count in missed.items()]
        lines += [unbound_text(printer, count) for printer, count in unbound.items()]
        line = self.query_one("#outbox", Plain)
        line.set_class(bool(lines), "waits")
        line.say("\n".join(lines))

    def _remember(self, runs: list[FinishedRun]) -> None:
        self.state.remember(map(event_of_log, runs))
        self.facts_changed()

    def on_input_changed(self, _event: Input.Changed) -> None:
        """Another filter."""
        self.facts_changed()

    def facts_changed(self) -> None:
        """List the events that fit the filter."""
        wanted = self.query_one(Input).value.strip().lower()
        self._made = {event: self._made.get(event) or _cells(event) for event in self.state.events}
        self._to_show = [cells for cells in self._made.values() if wanted in " ".join(cells).lower()]
        if not self._filling:
            self._fill()

    def _fill(self) -> None:
        """Filling a table means to measure every cell: only what came since is added, where nothing else changed, and
        never so much that a key would wait for it."""
        table, rows, shown = self.query_one(Rows), self._to_show, len(self._rows)
        if rows[:shown] != self._rows:
            table.clear()
            shown = 0
        self._rows = rows[: shown + AT_ONCE]
        if self._rows[shown:] or not shown:
            table.append(self._rows[shown:])
            table.move_cursor(row=table.row_count - 1)
        self._filling = len(self._rows) < len(rows)
        if self._filling:
            self.set_timer(PAUSE_S, self._fill)


def backlog_text(backlog: Backlog, now: datetime) -> str:
    """What waits for one of the factory's systems, since when, and why."""
    text = tr("{system}: {count} results wait to be delivered, the oldest for {time}").format(
        system=backlog.sink, count=backlog.waiting, time=span_text(backlog.lag(now))
    )
    return f"{text} ({backlog.message})" if backlog.message else text


def missed_text(printer: str, count: int) -> str:
    """Labels that a printer did not print, or of which nobody knows."""
    return tr("{system}: {count} labels of the last 24 hours were not printed, or maybe (station label)").format(
        system=printer, count=count
    )


def unbound_text(printer: str, count: int) -> str:
    """Labels that are printed once something of their cameras is known."""
    return tr("{system}: {count} labels wait until the labels of their cameras are scanned").format(
        system=printer, count=count
    )


def _cells(event: Event) -> Row:
    word, tone = outcome_text(event.kind)
    text = f"{event.text} {translated(event.message)}"
    return (time_text(event.at, "%H:%M:%S"), Toned(word, tone), event.slot, event.serial, text.strip())
