"""The program: it wires the state, the line, the log and the screens together. Data goes down, requests go up."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual import events
from textual.app import App
from textual.binding import BindingType
from textual.command import CommandPalette, Provider
from textual.css.query import NoMatches
from textual.widgets import Input

from station.control.client import Bridge
from station.dashboard.batch_dialogs import BatchSteps
from station.dashboard.engineer_steps import EngineerSteps
from station.dashboard.exit_status import Leaving
from station.dashboard.input.barcode import USUAL, Scanner
from station.dashboard.input.key_queue import Typed
from station.dashboard.input.label_scans import LabelScans
from station.dashboard.input.scan_targets import Scans
from station.dashboard.keys import PROGRAM_KEYS
from station.dashboard.language import choose, following, tr
from station.dashboard.leave_question import LOOKS_EVERY_S, leave
from station.dashboard.line_end import LineEnd
from station.dashboard.line_facts import LineFacts
from station.dashboard.line_port import LinePort
from station.dashboard.log_figures import FIGURES_S, LEARNS_EVERY_S, Figures
from station.dashboard.log_port import AllStations, Records
from station.dashboard.log_queries import Inquiries
from station.dashboard.log_source import REFRESH_S, LogSource
from station.dashboard.pages.all_pages import pages
from station.dashboard.pages.line_page import LinePage
from station.dashboard.pages.sourced_page import SourcedPage
from station.dashboard.palette_commands import KeyCommands
from station.dashboard.screens.main_screen import Desk
from station.dashboard.state import State, utc_now

PULL_S = 0.1


class Dashboard(App[Leaving]):
    """The operator's screen of the line that works in `data_dir`."""

    TITLE = "station"
    CSS_PATH = "dashboard.tcss"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {KeyCommands}
    BINDINGS: ClassVar[list[BindingType]] = [*PROGRAM_KEYS]

    def __init__(
        self,
        data_dir: Path,
        records: Records,
        *,
        all_stations: AllStations | None = None,
        language: str = "en",
        read_only: bool = False,
        scanner: Scanner = USUAL,
        yield_target: float | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__()
        choose(language)
        self.state = State(yield_target=yield_target, now=now)
        self._bridge = Bridge(data_dir, self._on_fact, read_only=read_only)
        self.line = LinePort(self._bridge.request, partial(self.notify, severity="warning", markup=False), read_only)
        self._inquiries = Inquiries(self, records)
        self._source = LogSource(self._inquiries, Inquiries(self, records), all_stations, now)
        self.desk = Desk(self.state, pages(self.state, self.line, self._inquiries, self._source))
        self._figures = Figures(self.state, self._inquiries, self._facts_changed)
        say, refuse = (partial(self.notify, severity=kind, markup=False) for kind in ("information", "error"))
        self._engineer = EngineerSteps(self, self.state, self.line, self._facts_changed)
        changed = self._facts_changed
        self._labels = LabelScans(self.line.ask, lambda: self.state.about, time.monotonic)
        self.state.label_words = self._labels.words
        if isinstance(self.desk.page, LinePage) and not read_only:
            self.desk.page.labels = self._labels
        self._facts = LineFacts(
            self.state, self._figures, self._ring, refuse, say, changed, self._engineer, self._labels
        )
        self._batch = BatchSteps(self, self.state, self.line, self._inquiries)
        labels = None if read_only else self._labels
        scans = Scans(self, self.desk, self.state, self._inquiries, scanner, labels)
        self._line_end: LineEnd | None = None
        self._typed = Typed(self, scanner, super().on_event, scans.harmless, scans.remember, scans.take)

    def get_default_screen(self) -> Desk:
        """The screen that lies under every question."""
        return self.desk

    def on_mount(self) -> None:
        """Connect to the line and begin to pull."""
        self.run_worker(self._bridge.follow(), group="bridge")
        self.set_interval(PULL_S, self._pull)
        self.set_interval(FIGURES_S, self._figures.read)
        self.set_interval(LEARNS_EVERY_S, self._figures.learn)
        if self._source.has_choice:
            self.set_interval(REFRESH_S, self._refresh_all_stations)
        if self._line_end is not None:
            self.set_interval(LOOKS_EVERY_S, self._leave_ended_line)

    def leave_with(self, line_end: LineEnd) -> None:
        """End by itself once the line has ended; called before it runs."""
        self._line_end = line_end

    def _leave_ended_line(self) -> None:
        if self._line_end is not None and self._line_end.may_go(ended=self.state.snapshot.status.ended):
            self.exit(Leaving(line_goes_on=False))

    async def on_event(self, event: events.Event) -> None:
        """Keys are taken in one after the other, all else as it comes."""
        if isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            await (self._typed.take(event) if isinstance(event, events.Key) else self._typed.paste(event.text))
        else:
            await super().on_event(event)

    def _pull(self) -> None:
        """Show the newest snapshot, and ask for the next."""
        self.state.snapshot = self._bridge.snapshot
        self._labels.look(self.state.slots)
        with suppress(NoMatches):  # it is being taken down
            self.desk.show_state()
        if not self.line.read_only:
            self._batch.look(nobody_types=self.desk.is_active and not isinstance(self.focused, Input))
        self._bridge.pull()

    def _on_fact(self, name: str, fact: dict[str, Any]) -> None:
        self._facts.take(name, fact, self._bridge.about)

    def _facts_changed(self) -> None:
        with suppress(NoMatches):  # it is being taken down
            self.desk.facts_changed()

    def _ring(self, outcome: str) -> None:
        """One sound for a pass, two for what is none; its tile flashes as often."""
        if self.state.signals:
            self.bell()
            if outcome not in ("PASS", "SKIPPED"):
                self.set_timer(0.3, self.bell)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Where one may only look, keys that steer do nothing and are not shown."""
        return self.line.allows(action)

    def action_batch(self) -> None:
        """Begin a batch, change it or end it."""
        if not self.state.snapshot.status.ended and self.screen is self.desk:
            self._batch.open()

    def action_engineer(self) -> None:
        """Become an engineer with the PIN, or be one no longer."""
        if not self.state.snapshot.status.ended and self.screen is self.desk:
            self._engineer.toggle()

    def action_show_page(self, name: str) -> None:
        """Look at another page."""
        self.desk.show_page(name)

    def action_all_stations(self) -> None:
        """Read the other log: this station's, or that of all stations."""
        if self._source.has_choice and self.desk.is_active and isinstance(self.desk.page, SourcedPage):
            self._source.switch()
            self.desk.page.source_changed()

    def action_next_station(self) -> None:
        """Of all stations' log, only the next one's runs."""
        if self._source.reads_all and self.desk.is_active and isinstance(self.desk.page, SourcedPage):
            self._source.next_station()
            self.desk.page.source_changed()

    def _refresh_all_stations(self) -> None:
        if self._source.reads_all and isinstance(self.desk.page, SourcedPage):
            self.desk.page.facts_changed()

    def action_home(self) -> None:
        """Drop a label that waits; else the line's page."""
        if not self._labels.drop():
            self.desk.show_page("line")

    def action_theme(self) -> None:
        """Light or dark."""
        self.theme = "textual-light" if self.current_theme.dark else "textual-dark"

    def action_language(self) -> None:
        """The next language."""
        choose(following())
        self.desk.change_language()

    def action_command_palette(self) -> None:
        """Every command by its name."""
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder=tr("type the name of a command"), id="--command-palette"))

    def action_signals(self) -> None:
        """Sounds and flashes on or off."""
        self.state.signals = not self.state.signals
        self.notify(tr("Sounds and flashes are on.") if self.state.signals else tr("Sounds and flashes are off."))

    def action_leave(self) -> None:
        """Leave; where the line still runs, ask what is to become of it."""
        leave(self, self.state, self.line)
