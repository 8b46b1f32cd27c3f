"""The screen at the bench: the status lines, the banner, the page that is looked at, the keys."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import ComposeResult
from textual.binding import ActiveBinding
from textual.screen import Screen
from textual.widgets import ContentSwitcher

from station.dashboard.engineer_words import engineer_text
from station.dashboard.keys import translated
from station.dashboard.pages.page import Page
from station.dashboard.state import State
from station.dashboard.widgets.keys_line import KeysLine
from station.dashboard.widgets.label_banner import LabelBanner
from station.dashboard.widgets.status_lines import Banner, StatusLines


class Desk(Screen[None]):
    """One page at a time, under what is the same for all of them."""

    DEFAULT_CSS = """
    Desk { background: $surface; }
    Desk ContentSwitcher { height: 1fr; }
    """
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (140, "-wide"), (156, "-broad")]  # noqa: RUF012 — as Textual declares it

    def __init__(self, state: State, pages: Iterable[Page]) -> None:
        super().__init__()
        self._state = state
        self._pages = tuple(pages)
        self.page = self._pages[0]
        """The one that is looked at."""

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The keys that work now, named in the operator's language."""
        return translated(super().active_bindings)

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield StatusLines()
        yield Banner()
        yield LabelBanner()
        yield ContentSwitcher(*self._pages, initial=self.page.id)
        yield KeysLine()

    def on_mount(self) -> None:
        """The keys go to the first page."""
        if self.page.is_attached:  # the program may end while it begins
            self.page.take_keys()

    def show_page(self, name: str) -> None:
        """Look at another page."""
        if name != self.page.id:
            self.page.leave()
            self.page = next(page for page in self._pages if page.id == name)
            self.query_one(ContentSwitcher).current = name
            self.page.come_up()

    def change_language(self) -> None:
        """Say everything again, in the language that is on now."""
        for page in self._pages:
            page.words_changed()
        self.show_state()
        self.facts_changed()
        self.refresh_bindings()

    def show_state(self) -> None:
        """Show the newest state of the line."""
        state = self._state
        engineer = engineer_text(state.engineer, state.engineer_left_s())
        self.query_one(StatusLines).show(state.about, state.report, state.now(), engineer, state.central)
        self.query_one(Banner).show(state.snapshot.status, state.about)
        self.query_one(LabelBanner).show(state.label_words())
        self.page.show_state()

    def facts_changed(self) -> None:
        """A run was finished, or the log was read again."""
        self.page.facts_changed()
