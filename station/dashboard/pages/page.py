"""What every page has: a place of its own below the status lines, and the keys that work while it is looked at."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget

from station.dashboard.line_port import LinePort
from station.dashboard.log_port import LogPort
from station.dashboard.state import State


class Page(Vertical):
    """One of the parts of the screen that lie on top of each other. `show_state` is called several times a second.

    The pages are widgets of one screen and not screens of their own: changing to another one then only lays out what
    is different, and the status lines, the keys and every other page stand as they are.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "app.home", show=False)]
    FOCUS: ClassVar[str] = "*"
    """What the keys go to when the page is looked at for the first time: a selector."""

    def __init__(self, name: str, state: State, line: LinePort, log: LogPort) -> None:
        super().__init__(id=name)
        self.state = state
        self.line = line
        self.log_port = log
        self._had_focus: Widget | None = None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What the program does not allow where one may only look, its pages do not either."""
        return self.line.allows(action)

    def leave(self) -> None:
        """Another page comes up; the keys come back to where they go now."""
        focused = self.screen.focused
        self._had_focus = focused if focused is not None and self in focused.ancestors else None

    def come_up(self) -> None:
        """The page is looked at, for the first time or again: what it shows is the newest."""
        self.show_state()
        self.facts_changed()
        self.take_keys()

    def take_keys(self) -> None:
        """From now on the keys go to this page."""
        found = self._had_focus or next((widget for widget in self.query(self.FOCUS) if widget.focusable), None)
        self.screen.set_focus(found, scroll_visible=False)

    def words_changed(self) -> None:
        """Name again what is named once: columns, what an empty field says."""

    def show_state(self) -> None:
        """Show the newest state of the line."""

    def facts_changed(self) -> None:
        """A run was finished, or the log was read again."""
