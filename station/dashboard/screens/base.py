"""What every screen has: the status lines, the banner, its own body, the keys in the footer."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer

from station.dashboard.keys import translated
from station.dashboard.language import chosen
from station.dashboard.widgets.status import Banner, StatusLines

if TYPE_CHECKING:
    from station.dashboard.app import Dashboard


STEERING = frozenset({"pause", "cancel", "rerun", "rerun_all", "batch"})
"""The actions that change something at the line."""


class StationScreen(Screen[None]):
    """A screen of the dashboard. `show_state` is called several times a second while the screen is the one on top."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "app.switch_mode('line')", show=False)]

    def __init__(self) -> None:
        super().__init__()
        self._language = chosen()

    @property
    def active_bindings(self) -> dict[str, ActiveBinding]:
        """The keys that work now, named in the operator's language."""
        return translated(super().active_bindings)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """As for the program's own keys; Textual asks only the one of both that has the action."""
        return self.dashboard.check_action(action, parameters)

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
        yield Footer(show_command_palette=False, compact=True)

    def body(self) -> ComposeResult:
        """The screen's own part."""
        yield from ()

    def on_screen_resume(self) -> None:
        """The screen is looked at again, perhaps in another language than before."""
        if self._language != chosen():
            self.change_language()

    def change_language(self) -> None:
        """Say everything again, in the language that is on now."""
        self._language = chosen()
        self.words_changed()
        self.show_state()
        self.facts_changed()
        self.refresh_bindings()

    def words_changed(self) -> None:
        """Name again what is named once: columns, what an empty field says."""

    def show_state(self) -> None:
        """Show the newest state of the line."""
        state = self.dashboard.state
        self.query_one(StatusLines).show(state.about, state.report, self.dashboard.now())
        self.query_one(Banner).show(state.snapshot.status)

    def facts_changed(self) -> None:
        """A run was finished, or the log was read again."""
