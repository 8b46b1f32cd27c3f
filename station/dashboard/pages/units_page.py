"""One camera's whole history, found by its serial: typed, or scanned (a scanner types and ends with Enter)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import DataTable, Input

from station.dashboard.language import tr, tr_count, translated
from station.dashboard.line_port import LinePort
from station.dashboard.log_port import LogPort, Records
from station.dashboard.pages.page import Page
from station.dashboard.state import State
from station.dashboard.tiles.tile_content import OUTCOMES, PHASES
from station.dashboard.widgets.plain_text import Plain
from station.dashboard.widgets.text_table import Rows
from station.local_time import time_text
from station.model.runs import AttemptRecord
from station.model.units import RunLine, UnitStory

PAGE = 200
"""So many of the newest runs are listed; where the cursor comes to their end, so many more."""


class UnitsPage(Page):
    """The newest runs of this line's batch; typing looks through the whole log, Enter shows one unit's story."""

    DEFAULT_CSS = """
    UnitsPage Rows { height: 1fr; }
    UnitsPage VerticalScroll { height: 1fr; border-top: solid $primary; }
    UnitsPage #story { padding: 0 1; }
    """
    FOCUS = "Input"

    def __init__(self, name: str, state: State, line: LinePort, log: LogPort) -> None:
        super().__init__(name, state, line, log)
        self._listed: list[RunLine] = []
        self._limit = PAGE
        self._story: UnitStory | None = None

    def compose(self) -> ComposeResult:
        """The search, the runs that fit it, and the story of one unit."""
        yield Input()
        yield Rows()
        with VerticalScroll():
            yield Plain(id="story")

    def on_mount(self) -> None:
        """Name the columns."""
        self.words_changed()

    def words_changed(self) -> None:
        """Name the columns and what the field is for; tell the story that is shown once more."""
        self.query_one(Input).placeholder = tr("serial, or its end: type or scan it, Enter shows its story")
        table = self.query_one(Rows)
        table.clear(columns=True)
        table.add_columns(tr("serial"), tr("outcome"), tr("code"), tr("slot"), tr("started"))
        self._listed = []
        if self._story is not None:
            self._show_story(self._story)

    def come_up(self) -> None:
        """The page is looked at: its list is asked for at once."""
        super().come_up()
        self._list()

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
        table.append(_cells(run) for run in runs[shown:])
        # Runs come in above: the cursor stays on the one that it was moved to.
        if not more and (row := next((row for row, run in enumerate(runs) if run.run_id == looked_at), None)):
            table.move_cursor(row=row)

    def on_input_changed(self, _event: Input.Changed) -> None:
        """Narrow the list while it is typed."""
        self._limit = PAGE
        self._list()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Show the story of the unit that was named: a whole serial, or the newest that has this in it."""
        asked = event.value.strip()
        if asked:
            self.log_port.ask(partial(_story, asked), self._show_story)
        elif self._listed:
            self._ask(self._listed[0].serial)

    def look_up(self, serial: str) -> None:
        """As if the serial had been typed into the empty field, and Enter."""
        self.query_one(Input).value = serial
        self.log_port.ask(partial(_story, serial), self._show_story)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """At the end of the list: list more."""
        if event.cursor_row == self._limit - 1:
            self._limit += PAGE
            self._list()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Show the story of the unit in this row."""
        if event.cursor_row < len(self._listed):
            self._ask(self._listed[event.cursor_row].serial)

    def _ask(self, serial: str) -> None:
        self.log_port.ask(lambda records: records.unit(serial), self._show_story)

    def _show_story(self, story: UnitStory) -> None:
        self._story = story
        self.query_one("#story", Plain).say("\n".join(story_lines(story)))


def _cells(run: RunLine) -> tuple[str, ...]:
    at = time_text(run.started_at, "%m-%d %H:%M:%S")
    return run.serial, tr(OUTCOMES[run.outcome or "OPEN"]), run.code or "", run.slot, at


def _story(asked: str, records: Records) -> UnitStory:
    """The story of a unit by its serial or a part of it; not by the list, which may be of what was typed before."""
    found = records.found(asked, 1)
    return records.unit(found[0].serial if found else asked)


def story_lines(story: UnitStory) -> Iterator[str]:
    """One unit's runs with their attempts and images, newest run first."""
    yield f"{story.serial}: " + tr_count("{count} run", "{count} runs", len(story.runs))
    if story.application_serials:
        yield tr("its application: {serials}").format(serials=", ".join(story.application_serials))
    for run in reversed(story.runs):
        took = f"{run.duration_s:.1f} s" if run.duration_s is not None else ""
        at = time_text(run.started_at)
        outcome = tr(OUTCOMES[run.outcome or "OPEN"])
        yield f"{at}  {outcome} {run.code or ''}  {run.slot}  {took}  {run.bundle}  {run.batch or ''}"
        if run.message:
            yield f"  {translated(run.message)}"
        yield from (f"  {note}" for note in run.notes)
        for attempt in run.attempts:
            yield from _attempt_lines(attempt)


def _attempt_lines(attempt: AttemptRecord) -> Iterator[str]:
    code = f" {attempt.code}" if attempt.code else ""
    outcome, phase = tr(OUTCOMES[attempt.outcome]), tr(PHASES.get(attempt.phase, attempt.phase)).lower()
    yield f"  #{attempt.number} {outcome}{code} ({phase}) {attempt.duration_s:.1f} s"
    for image in attempt.images:
        proof = tr("read back equal") if image.readback_sha256 == image.sha256 else tr("not proven")
        blocks = f"{image.blocks_written}/{image.blocks_total}"
        yield f"    {image.partition:<7} {blocks:>11}  {image.write_s:5.1f} s + {image.verify_s:5.1f} s  {proof}"
