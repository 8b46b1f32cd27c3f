"""What every screen has: the status lines, the banner, its own body, the keys in the footer."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer

from station.dashboard.widgets.status import Banner, StatusLines

if TYPE_CHECKING:
    from station.dashboard.app import Dashboard


class StationScreen(Screen[None]):
    """A screen of the dashboard. `show_state` is called several times a second while the screen is the one on top."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "app.switch_mode('line')", "Line", show=False)]

    @property
    def dashboard(self) -> Dashboard:
        """The program that this screen belongs to."""
        from station.dashboard.app import Dashboard

        assert isinstance(self.app, Dashboard)
        return self.app

    def compose(self) -> ComposeResult:
        """Lay out the screen."""
        yield StatusLines()
        yield Banner()
        yield from self.body()
        yield Footer(show_command_palette=False)

    def body(self) -> ComposeResult:
        """The screen's own part."""
        yield from ()

    def show_state(self) -> None:
        """Show the newest state of the line."""
        state = self.dashboard.state
        self.query_one(StatusLines).show(state.about, state.report, self.dashboard.now())
        self.query_one(Banner).show(state.snapshot.status)

    def facts_changed(self) -> None:
        """A run was finished, or the log was read again."""
