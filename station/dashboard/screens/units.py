"""One camera's whole history, found by its serial: typed, or scanned (a scanner types and ends with Enter)."""

from __future__ import annotations

from collections.abc import Iterator

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import DataTable, Input, Static

from station.dashboard.face import OUTCOMES, PHASES
from station.dashboard.language import tr, tr_count
from station.dashboard.said import said
from station.dashboard.screens.base import StationScreen
from station.model.runs import AttemptRecord, RunRecord
from station.model.units import UnitStory

LISTED = 200
"""So many of the newest runs are listed."""


class UnitsScreen(StationScreen):
    """The runs of this line's batch, newest first; typing narrows them, Enter shows one unit's story."""

    DEFAULT_CSS = """
    UnitsScreen DataTable { height: 1fr; }
    UnitsScreen VerticalScroll { height: 1fr; border-top: solid $primary; }
    UnitsScreen #story { padding: 0 1; }
    """
    AUTO_FOCUS = "Input"

    def __init__(self) -> None:
        super().__init__()
        self._runs: list[RunRecord] = []
        self._listed: list[RunRecord] = []
        self._story: UnitStory | None = None

    def body(self) -> ComposeResult:
        """The search, the runs that fit it, and the story of one unit."""
        yield Input()
        yield DataTable(cursor_type="row", zebra_stripes=True)
        with VerticalScroll():
            yield Static(id="story", markup=False)

    def on_mount(self) -> None:
        """Name the columns and ask the log."""
        self.words_changed()
        self.facts_changed()

    def words_changed(self) -> None:
        """Name the columns and what the field is for; tell the story that is shown once more."""
        self.query_one(Input).placeholder = tr("serial, or its end: type or scan it, Enter shows its story")
        table = self.query_one(DataTable)
        table.clear(columns=True)
        table.add_columns(tr("serial"), tr("outcome"), tr("code"), tr("slot"), tr("started"))
        if self._story is not None:
            self._show_story(self._story)

    def on_screen_resume(self) -> None:
        """The screen is looked at again."""
        self.facts_changed()

    def facts_changed(self) -> None:
        """Ask the log for the runs, in a thread."""
        about = self.dashboard.state.about
        if about is not None:
            since = None if about.batch else about.started_at
            self.dashboard.ask_log(lambda records: records.runs(about.batch, since), self._show_runs)

    def _show_runs(self, runs: list[RunRecord]) -> None:
        self._runs = runs[::-1]
        self._list(self.query_one(Input).value)

    def _list(self, asked: str) -> None:
        wanted = asked.strip().upper()
        self._listed = [run for run in self._runs if wanted in run.serial.upper()][:LISTED]
        table = self.query_one(DataTable)
        table.clear()
        for run in self._listed:
            at = run.started_at.astimezone().strftime("%m-%d %H:%M:%S")
            table.add_row(run.serial, tr(OUTCOMES[run.outcome or "OPEN"]), run.code or "", run.slot, at)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrow the list while it is typed."""
        self._list(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Show the story of the unit that was named: a whole serial, or the first listed."""
        serial = self._listed[0].serial if self._listed else event.value.strip()
        if serial:
            self._ask(serial)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        """Show the story of the unit in this row."""
        if event.cursor_row < len(self._listed):
            self._ask(self._listed[event.cursor_row].serial)

    def _ask(self, serial: str) -> None:
        self.dashboard.ask_log(lambda records: records.unit(serial), self._show_story)

    def _show_story(self, story: UnitStory) -> None:
        self._story = story
        self.query_one("#story", Static).update("\n".join(story_lines(story)))


def story_lines(story: UnitStory) -> Iterator[str]:
    """One unit's runs with their attempts and images, newest run first."""
    yield f"{story.serial}: " + tr_count("{count} run", "{count} runs", len(story.runs))
    for run in reversed(story.runs):
        took = f"{run.duration_s:.1f} s" if run.duration_s is not None else ""
        at = run.started_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
        outcome = tr(OUTCOMES[run.outcome or "OPEN"])
        yield f"{at}  {outcome} {run.code or ''}  {run.slot}  {took}  {run.bundle}  {run.batch or ''}"
        if run.message:
            yield f"  {said(run.message)}"
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
