"""What is not done: the units to run again, the longest waiting first."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from station.dashboard.language import tr, translated
from station.dashboard.line_port import LinePort
from station.dashboard.log_port import LogPort
from station.dashboard.pages.page import Page
from station.dashboard.rerun_requests import rerun, rerun_failed
from station.dashboard.state import State
from station.dashboard.tiles.tile_content import OUTCOMES
from station.dashboard.widgets.plain_text import Plain
from station.dashboard.widgets.text_table import Rows
from station.local_time import time_text
from station.model.slots import SlotView
from station.model.units import FailedUnit

LOOKS_BACK = timedelta(days=7)
"""Where the line has no batch, what failed longer ago is for `station failed`."""
LISTED = 500


class FailuresPage(Page):
    """The list to re-run. Enter runs the camera again that is in the row's slot, where it is still that unit."""

    DEFAULT_CSS = """
    FailuresPage Rows { height: 1fr; }
    FailuresPage #hint { height: 3; padding: 0 1; background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("R", "rerun_all", "Re-run failed")]

    def __init__(self, name: str, state: State, line: LinePort, log: LogPort) -> None:
        super().__init__(name, state, line, log)
        self._units: list[FailedUnit] = []
        self._rows: list[tuple[str | int, ...]] = []

    def compose(self) -> ComposeResult:
        """The table, and what to do with the unit under the cursor."""
        yield Rows()
        yield Plain(id="hint")

    def on_mount(self) -> None:
        """Name the columns."""
        self.words_changed()

    def words_changed(self) -> None:
        """Name the columns."""
        table = self.query_one(Rows)
        table.clear(columns=True)
        table.add_columns(tr("serial"), tr("slot"), tr("code"), tr("runs"), tr("failed at"), tr("now in"))
        self._rows = []

    def facts_changed(self) -> None:
        """Ask the log for the list, in a thread."""
        batch, _ = self.state.selection
        since = None if batch else self.state.now() - LOOKS_BACK
        self.log_port.ask(lambda records: records.failed(batch, since), self._show_units, at_once=False)

    def _show_units(self, units: list[FailedUnit]) -> None:
        self._units = units = units[-LISTED:]
        rows = [self._cells(unit) for unit in units]
        # Filling a table means to measure every cell: the same rows are left as they stand.
        if rows != self._rows:
            table = self.query_one(Rows)
            row = table.cursor_row
            table.clear()
            self._rows = rows
            table.append(rows)
            if rows:
                table.move_cursor(row=min(row, len(rows) - 1))
        self._show_hint()

    def _cells(self, unit: FailedUnit) -> tuple[str | int, ...]:
        at = time_text(unit.failed_at, "%m-%d %H:%M") if unit.failed_at else ""
        here = self._slot_of(unit)
        return (
            unit.serial,
            unit.slot,
            unit.code or tr(OUTCOMES[unit.outcome or "OPEN"]),
            unit.runs,
            at,
            here.slot if here else "-",
        )

    def _slot_of(self, unit: FailedUnit) -> SlotView | None:
        return next((view for view in self.state.slots if view.run_id == unit.run_id), None)

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
        here = self._slot_of(unit) if unit else None
        if here is None:
            self.notify(tr("This camera is in no slot now: plug it in, that runs it."))
        else:
            rerun(self.line, [here])

    def action_rerun_all(self) -> None:
        """Run every camera once more that failed and is still in its slot."""
        rerun_failed(self.line, self.state.slots)


def _why(unit: FailedUnit) -> str:
    """What to do, and what happened; a unit that passed before must not be taken for a good one."""
    passed = tr("It had passed; what came later may have changed it.") if unit.passed_before else ""
    lines = (tr(unit.hint) if unit.hint else "", translated(unit.message) if unit.message else "", passed)
    return "\n".join(line for line in lines if line)
