"""What is not done: the units to run again, the longest waiting first; a unit that passes leaves the list."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from station.dashboard.language import tr, tr_count, translated
from station.dashboard.line_port import LinePort
from station.dashboard.log_source import LogSource
from station.dashboard.pages.sourced_page import SourcedPage, SourceLine
from station.dashboard.rerun_requests import rerun, rerun_failed
from station.dashboard.state import AT_WORK, State
from station.dashboard.tiles.tile_content import LOOKS, PHASES, outcome_text
from station.dashboard.widgets.bars import count_bar
from station.dashboard.widgets.plain_text import Plain
from station.dashboard.widgets.text_table import Rows, Toned
from station.local_time import time_text, zone_names
from station.model.serials import canonical_serial
from station.model.slots import SlotView
from station.model.units import FailedUnit, unit_key

LOOKS_BACK = timedelta(days=7)
"""Where the line has no batch, what failed longer ago is for `station failed`."""
LISTED = 500
BAR = 16
TO_DO, AT_IT = "☐", "▶"
Row = tuple[str, ...]


class FailuresPage(SourcedPage):
    """The list to re-run, with what happens to each unit now. Enter runs the camera of the row again."""

    DEFAULT_CSS = """
    FailuresPage #left { height: 1; padding: 0 1; text-style: bold; }
    FailuresPage Rows { height: 1fr; }
    FailuresPage #hint { height: 3; padding: 0 1; background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("R", "rerun_all", "Re-run failed")]

    def __init__(self, name: str, state: State, line: LinePort, source: LogSource) -> None:
        super().__init__(name, state, line, source)
        self._units: list[FailedUnit] = []
        self._was: list[Row] = []
        """Of each unit what does not change while it stands in the list."""
        self._rows: list[Row] = []
        self._listed: list[str] = []
        """The units whose rows those are."""

    def compose(self) -> ComposeResult:
        """How much is left, the table, and what to do with the unit under the cursor."""
        yield SourceLine(self.source)
        yield Plain(id="left")
        yield Rows()
        yield Plain(id="hint")

    def on_mount(self) -> None:
        """Name the columns."""
        self.words_changed()

    def words_changed(self) -> None:
        """Name the columns."""
        table = self.query_one(Rows)
        table.clear(columns=True)
        failed_at = tr("failed at ({zone})").format(zone=zone_names([self.state.now()]))
        table.add_columns("", tr("serial"), tr("now"), tr("what happened"), tr("runs"), failed_at, tr("was in"))
        self._rows, self._listed = [], []
        self._was = [self._was_of(unit) for unit in self._units]

    def source_changed(self) -> None:
        """Another log: its list."""
        self._units = []
        super().source_changed()

    def _was_of(self, unit: FailedUnit) -> Row:
        was = _was(unit)
        return (*was[:-1], f"{unit.station_id} {unit.slot}") if self.source.reads_all else was

    def facts_changed(self) -> None:
        """Ask the log for the list, in a thread."""
        batch, _ = self.state.selection
        since = None if batch else self.state.now() - LOOKS_BACK
        self.log_port.ask(lambda records: records.failed(batch, since), self._show_units, at_once=False)

    def _show_units(self, units: list[FailedUnit]) -> None:
        views = _by_unit(self.state.slots)
        units = [unit for unit in units if not _is_new(unit, _slot_of(unit, views))][-LISTED:]
        if units != self._units:
            self._units, self._was = units, [self._was_of(unit) for unit in units]
        self.show_state()
        self._show_left()
        self._show_hint()

    def show_state(self) -> None:
        """Show where each unit is now, and what is done to it."""
        super().show_state()
        views = _by_unit(self.state.slots)
        keys = [_key(unit) for unit in self._units]
        rows = [_row(was, _slot_of(unit, views)) for unit, was in zip(self._units, self._was, strict=True)]
        table = self.query_one(Rows)
        if keys == self._listed:
            for number, (before, now) in enumerate(zip(self._rows, rows, strict=True)):
                if before != now:
                    table.change(number, before, now)
        else:
            self._fill(table, keys, rows)
        self._rows, self._listed = rows, keys

    def _fill(self, table: Rows, keys: list[str], rows: list[Row]) -> None:
        """Other units: the cursor stays on its own, or where that was done on the one that came into its place."""
        at = table.cursor_row
        chosen = self._listed[at] if 0 <= at < len(self._listed) else None
        table.clear()
        table.append(rows)
        if rows:
            table.move_cursor(row=keys.index(chosen) if chosen in keys else min(at, len(rows) - 1))

    def _show_left(self) -> None:
        """How many are left; of those that failed at first, how many are done."""
        left, report = len(self._units), self.state.report
        text = tr_count("{count} unit to run again", "{count} units to run again", left)
        batch, _ = self.state.selection
        known = report is not None and report.batch == batch and not self.source.reads_all
        if known and report is not None and report.units_recovered:
            done = report.units_recovered
            bar = count_bar(done / (done + left), BAR)
            passed = tr_count("{count} that failed has passed since", "{count} that failed have passed since", done)
            text = f"{text}  {bar}  ✓ {passed}"
        self.query_one("#left", Plain).say(text)

    @property
    def _unit(self) -> FailedUnit | None:
        row = self.query_one(Rows).cursor_row
        return self._units[row] if 0 <= row < len(self._units) else None

    def _show_hint(self) -> None:
        unit = self._unit
        text = tr("Nothing to run again.") if unit is None else _why(unit)
        self.query_one("#hint", Plain).say(text)

    def on_data_table_row_highlighted(self, _event: DataTable.RowHighlighted) -> None:
        """Another row is under the cursor."""
        self._show_hint()

    def on_data_table_row_selected(self, _event: DataTable.RowSelected) -> None:
        """Run the camera of this row once more."""
        unit = self._unit
        here = _slot_of(unit, _by_unit(self.state.slots)) if unit else None
        if here is None:
            self.notify(tr("This camera is in no slot now: plug it in, that runs it."))
        else:
            rerun(self.line, [here])

    def action_rerun_all(self) -> None:
        """Run every camera once more that failed and is still in its slot."""
        rerun_failed(self.line, self.state.slots)


def _key(unit: FailedUnit) -> str:
    return unit_key(unit.serial, unit.identified, unit.run_id)


def _by_unit(views: tuple[SlotView, ...]) -> dict[str, SlotView]:
    """The slots by the unit in them: by its serial, and for one that names no unit by its run."""
    by_serial = {canonical_serial(view.serial): view for view in views if view.serial}
    return {**by_serial, **{view.run_id: view for view in views if view.run_id}}


def _slot_of(unit: FailedUnit, views: Mapping[str, SlotView]) -> SlotView | None:
    return views.get(_key(unit)) or views.get(unit.run_id)


def _is_new(unit: FailedUnit, here: SlotView | None) -> bool:
    """Whether it is in its first run: nothing is to be run again yet."""
    return unit.outcome is None and unit.runs == 1 and here is not None and here.state in AT_WORK


def _was(unit: FailedUnit) -> Row:
    at = time_text(unit.failed_at, "%m-%d %H:%M") if unit.failed_at else ""
    word, tone = outcome_text(unit.outcome)
    return unit.serial, Toned(f"{word} {unit.code or ''}".rstrip(), tone), str(unit.runs), at, unit.slot


def _row(was: Row, here: SlotView | None) -> Row:
    mark = AT_IT if here is not None and here.state in AT_WORK else TO_DO
    return mark, was[0], _now(here), *was[1:]


def _now(here: SlotView | None) -> str:
    """Where a unit is, and in which state."""
    if here is None:
        return tr("not plugged in")
    look, progress = LOOKS[here.state], here.progress
    word = look.word if progress is None else PHASES.get(progress.phase, look.word)
    return Toned(f"{here.slot} {look.glyph} {tr(word)}", look.tone)


def _why(unit: FailedUnit) -> str:
    """What to do, and what happened; a unit that passed before must not be taken for a good one."""
    passed = tr("It had passed; what came later may have changed it.") if unit.passed_before else ""
    lines = (tr(unit.hint) if unit.hint else "", translated(unit.message) if unit.message else "", passed)
    return "\n".join(line for line in lines if line)
