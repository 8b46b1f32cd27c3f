"""What becomes of a scan: a unit's story, a batch's yield, a slot, a field, or a label that is bound to a camera.

A label that is bound is all that a scan ever asks of the line; it starts, stops and cancels nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from textual.app import App
from textual.css.query import NoMatches
from textual.events import Key
from textual.widgets import Input

from station.dashboard.input.barcode import Scan, Scanner
from station.dashboard.input.label_scans import LabelScans, Mark, mark_of, place_of
from station.dashboard.language import tr, translated
from station.dashboard.log_port import LogPort, Records
from station.dashboard.pages.line_page import LinePage
from station.dashboard.pages.units_page import UnitsPage
from station.dashboard.pages.yield_page import YieldPage
from station.dashboard.screens.batch_form import BatchDialog
from station.dashboard.screens.main_screen import Desk
from station.dashboard.state import State
from station.errors import HINTS
from station.model.units import UnitStory
from station.terminal_text import printable
from station.yields.counting import YieldReport

PAGE_KEYS = frozenset("12345?")
"""They only change the page, which is changed back where they belong to a scan."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the log knows by the name that was scanned."""

    asked: str
    label: str
    story: UnitStory | None = None
    batch: YieldReport | None = None


class Scans:
    """Takes the scans of one dashboard. All calls are to be made in the app's thread."""

    def __init__(
        self, app: App[Any], desk: Desk, state: State, log: LogPort, scanner: Scanner, labels: LabelScans | None = None
    ) -> None:
        self._app = app
        self._desk = desk
        self._state = state
        self._log = log
        self._scanner = scanner
        self._labels = labels

    def harmless(self, key: Key) -> bool:
        """Whether a key may go ahead of the scan that it may be the first character of."""
        return self._app.screen is self._desk and key.character in PAGE_KEYS

    def remember(self) -> Callable[[], None]:
        """How page and field are now, to be put back."""
        page, field = self._desk.page.id or "", self._app.focused
        value, cursor = (field.value, field.cursor_position) if isinstance(field, Input) else ("", 0)

        def put_back() -> None:
            self._desk.show_page(page)
            if isinstance(field, Input):
                field.value, field.cursor_position = value, cursor

        return put_back

    def take(self, scan: Scan, undo: Callable[[], None]) -> None:
        """A scan, after what its first characters did as keys has been taken back."""
        app, label = self._app, self._scanner.label(scan.text)
        if isinstance(app.screen, BatchDialog):
            self._fill(app.screen, label, scan, undo)
        elif app.screen is not self._desk:
            undo()
            self._say(tr("A question is open: {text} was scanned, which is no answer."), label)
        elif isinstance(app.focused, Input):
            undo()
            self._type(app.focused, scan.text)
            self._place(label)
        else:
            undo()
            self._place(label)

    def _fill(self, dialog: BatchDialog, label: str, scan: Scan, undo: Callable[[], None]) -> None:
        """Into the field that has the focus, or else the first; its end moves on to the next, as Enter does."""
        field = self._app.focused
        if not isinstance(field, Input):
            field = dialog.query_one("#name", Input)
            field.focus()
        else:
            undo()
        if not self._type(field, label):
            self._say(tr("{text} does not fit into this field."), label)
        elif scan.ended:
            field.post_message(Input.Submitted(field, field.value))

    def _type(self, field: Input, text: str) -> bool:
        """In place of what is selected; whether the field took it."""
        before, selection = field.value, sorted(field.selection)
        wanted = before[: selection[0]] + text + before[selection[1] :]
        field.replace(text, *selection)
        return field.value == wanted

    def _place(self, label: str) -> None:
        """Find what is called so: a slot, a unit or a batch; else it is a label that may be bound."""
        slots = self._state.slots
        view = place_of(label, slots)
        if view is not None and (self._label_waits or view.slot.casefold() == label.casefold()):
            self._desk.show_page("line")
            self._desk.query_one(LinePage).select(slots.index(view))
            if self._labels is not None:
                self._labels.place(view, slots)
        elif label:
            self._log.ask(lambda records: _ask(records, label), self._show)

    @property
    def _label_waits(self) -> bool:
        return self._labels is not None and self._labels.has_label

    def _is_mark(self, answer: _Answer) -> bool:
        """Whether it was a label: one that is not bound yet, or for a slot that waits for it."""
        labels = self._labels
        if labels is None or answer.batch is not None or (answer.story is not None and not labels.waits):
            return False
        mark = mark_of(answer.asked, labels.marks)
        if mark is not None:
            # The next scan is a slot's, which may be too short for a scan in a field, and Enter chooses a slot.
            self._take_back(answer.asked)
            self._desk.show_page("line")
        if isinstance(mark, Mark):
            labels.label(mark, self._state.slots)
        elif mark is not None:
            labels.refuse(f"{translated(mark.message)}. {tr(HINTS.get(mark.code, ''))}", answer.asked)
        return mark is not None

    def _take_back(self, label: str) -> None:
        """What was typed into a field is no search."""
        field = self._app.focused
        if isinstance(field, Input) and field.value.endswith(label):
            field.value = field.value.removesuffix(label)

    def _show(self, answer: _Answer) -> None:
        app = self._app
        if app.screen is not self._desk:
            return
        with suppress(NoMatches):  # it is being taken down
            if self._is_mark(answer):
                pass
            elif answer.story is not None:
                self._desk.show_page("units")
                self._desk.query_one(UnitsPage).look_up(answer.label)
            elif answer.batch is not None:
                self._desk.show_page("yield")
                self._desk.query_one(YieldPage).look_at(answer.batch)
            else:
                self._say(tr("No unit, batch or slot is called {text}."), answer.label)

    def _say(self, text: str, label: str) -> None:
        self._app.notify(text.format(text=printable(label[:80])), severity="warning", markup=False)


def _ask(records: Records, label: str) -> _Answer:
    """Ask the log, in a thread: as it was scanned, then without the dashes and blanks of a label."""
    for spelling in dict.fromkeys((label, "".join(label.replace("-", "").split()))):
        story = records.unit(spelling) if spelling else None
        if story is not None and story.runs:
            return _Answer(label, spelling, story=story)
    report = records.summary(label, None)
    if report.units_started or report.planned:
        return _Answer(label, label, batch=replace(report, batch=label))
    return _Answer(label, label)
