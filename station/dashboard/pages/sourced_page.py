"""A page that reads this station's log or the database of all stations, and says which."""

from __future__ import annotations

from station.dashboard.line_port import LinePort
from station.dashboard.log_source import LogSource
from station.dashboard.pages.page import Page
from station.dashboard.state import State
from station.dashboard.widgets.plain_text import Plain


class SourceLine(Plain):
    """Which log is read, and how old that is. Nothing is said where there is only one."""

    DEFAULT_CSS = """
    SourceLine { height: auto; padding: 0 1; display: none; }
    SourceLine.choice { display: block; }
    SourceLine.all { background: $primary-muted; }
    SourceLine.away { background: $warning-muted; }
    """

    def __init__(self, source: LogSource) -> None:
        super().__init__(id="source")
        self._source = source
        self._said = ""

    def show(self, state: State) -> None:
        """Say how it stands now; costs nothing where nothing changed."""
        self.set_class(self._source.has_choice, "choice")
        self.set_class(self._source.reads_all, "all")
        self.set_class(self._source.is_away, "away")
        text = self._source.text(state.now()) if self._source.has_choice else ""
        if text != self._said:
            self._said = text
            self.say(text)


class SourcedPage(Page):
    """Begins with a `SourceLine`."""

    def __init__(self, name: str, state: State, line: LinePort, source: LogSource) -> None:
        super().__init__(name, state, line, source)
        self.source = source

    def show_state(self) -> None:
        """Show the newest state of the line, and how old what is read is."""
        self.query_one(SourceLine).show(self.state)

    def source_changed(self) -> None:
        """Another log is read: nothing of the one before stays."""
        self.words_changed()
        self.show_state()
        self.facts_changed()
