"""The program: one connection to the line, its state on every screen. Data goes down, requests go up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from textual import events
from textual.app import App
from textual.binding import Binding, BindingType
from textual.command import CommandPalette, Provider
from textual.css.query import NoMatches
from textual.widgets import Input

from station.control.client import Bridge
from station.dashboard.batch_dialogs import BatchSteps
from station.dashboard.eta import Pace
from station.dashboard.exit_status import Leaving
from station.dashboard.input.barcode import USUAL, Scanner
from station.dashboard.input.key_queue import Typed
from station.dashboard.input.scan_targets import Scans
from station.dashboard.language import choose, following, mark, tr, tr_count
from station.dashboard.log_port import Records
from station.dashboard.log_queries import Inquiries
from station.dashboard.pages.failed_page import FailuresPage
from station.dashboard.pages.help_page import HelpPage
from station.dashboard.pages.line_page import LinePage
from station.dashboard.pages.log_page import LogPage
from station.dashboard.pages.page import Page
from station.dashboard.pages.units_page import UnitsPage
from station.dashboard.pages.yield_page import YieldPage
from station.dashboard.palette_commands import KeyCommands
from station.dashboard.screens.main_screen import Desk
from station.dashboard.screens.question import Question
from station.dashboard.state import State, event_of_notice, event_of_run
from station.model.slots import SlotState, SlotView
from station.terminal_text import printable
from station.yields.counting import Rates, YieldReport

PULL_S = 0.1
FIGURES_S = 2.0
"""The log is read again so often at most, after runs have finished."""
LEARNED_FROM = timedelta(days=7)
LEARNS_EVERY_S = 300.0
Answer = TypeVar("Answer")
STEERING = frozenset({"pause", "cancel", "rerun", "rerun_all", "batch", "restore", "move_camera"})
"""The actions that change something at the line."""
PAGES: dict[str, type[Page]] = {
    "line": LinePage,
    "units": UnitsPage,
    "failures": FailuresPage,
    "yield": YieldPage,
    "log": LogPage,
    "help": HelpPage,
}
FAILED = frozenset({SlotState.FAILED, SlotState.ERROR, SlotState.ABORTED})


def _now() -> datetime:
    return datetime.now(UTC)


def _switch(
    key: str, where_typed: str, page: str, name: str, key_display: str | None = None
) -> tuple[Binding, Binding]:
    """Two keys to a page. The footer names the first that works: in a field, a character is only typed."""
    action = f"show_page('{page}')"
    return (Binding(key, action, name, key_display=key_display), Binding(where_typed, action, name))


class Dashboard(App[Leaving]):
    """The operator's screen of the line that works in `data_dir`."""

    TITLE = "station"
    CSS_PATH = "dashboard.tcss"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {KeyCommands}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("b", "batch", "Batch"),
        Binding("q", "leave", "Leave"),
        Binding("ctrl+q", "leave", "Leave", show=False),
        Binding("ctrl+c", "leave", "Leave", show=False),
        *_switch("question_mark", "f6", "help", mark("Help"), key_display="?"),
        *_switch("1", "f1", "line", mark("Line")),
        *_switch("2", "f2", "units", mark("Units")),
        *_switch("3", "f3", "failures", mark("Failures")),
        *_switch("4", "f4", "yield", mark("Yield")),
        *_switch("5", "f5", "log", mark("Log")),
        Binding("l", "language", "Language"),
        Binding("f8", "language", "Language"),
        Binding("t", "theme", "Light/dark", show=False),
        Binding("s", "signals", "Sound, flash", show=False),
    ]

    def __init__(
        self,
        data_dir: Path,
        records: Records,
        *,
        language: str = "en",
        read_only: bool = False,
        scanner: Scanner = USUAL,
        now: Callable[[], datetime] = _now,
    ) -> None:
        super().__init__()
        choose(language)
        self.now = now
        self.state = State()
        self.records = records
        self.signals = True
        self.read_only = read_only
        self._stale = True
        self._desk = Desk(kind(name) for name, kind in PAGES.items())
        self._bridge = Bridge(data_dir, self._take_in, read_only=read_only)
        self._inquiries = Inquiries(self, records)
        self._batch = BatchSteps(self)
        scans = Scans(self, scanner)
        self._typed = Typed(self, scanner, super().on_event, scans.harmless, scans.remember, scans.take)

    def get_default_screen(self) -> Desk:
        """The screen that lies under every question."""
        return self._desk

    def on_mount(self) -> None:
        """Connect to the line and begin to pull."""
        self.run_worker(self._bridge.follow(), group="bridge")
        self.set_interval(PULL_S, self._pull)
        self.set_interval(FIGURES_S, self._read_figures)
        self.set_interval(LEARNS_EVERY_S, self._learn)

    async def on_event(self, event: events.Event) -> None:
        """Keys are taken in one after the other, all else as it comes."""
        if isinstance(event, events.Key) and not event.is_forwarded:
            await self._typed.take(event)
        elif isinstance(event, events.Paste) and not event.is_forwarded:
            await self._typed.paste(event.text)
        else:
            await super().on_event(event)

    # --- what comes from the line -----------------------------------------------------------------------------------

    def _pull(self) -> None:
        """Show the newest snapshot, and ask for the next."""
        self.state.snapshot = self._bridge.snapshot
        with suppress(NoMatches):  # it is being taken down
            self._desk.show_state()
        if not self.read_only:
            self._batch.look(nobody_types=self._desk.is_active and not isinstance(self.focused, Input))
        self._bridge.pull()

    def _take_in(self, name: str, fact: dict[str, Any]) -> None:
        """A fact that the line posted."""
        if name == "about":
            self.state.about, self._stale = self._bridge.about, True
            self._read_figures(at_once=True)
            self._learn()
        elif name == "run":
            self.state.events.append(event_of_run(fact))
            self._stale = True
            self._signal(fact["outcome"])
        elif name == "notice":
            self.state.events.append(event_of_notice(fact, self.now()))
        elif name == "refused":
            self.notify(printable(str(fact["text"])), severity="error", markup=False)
        self._facts_changed()

    def _facts_changed(self) -> None:
        with suppress(NoMatches):  # it is being taken down
            self._desk.facts_changed()

    def _signal(self, outcome: str) -> None:
        """One sound for a pass, two for what is none; its tile flashes as often."""
        if self.signals:
            self.bell()
            if outcome not in ("PASS", "SKIPPED"):
                self.set_timer(0.3, self.bell)

    # --- what comes from the log ------------------------------------------------------------------------------------

    def _read_figures(self, *, at_once: bool = False) -> None:
        """Read the header's figures again, where runs have finished since."""
        if self._stale and self.state.about is not None:
            self._stale = False
            batch, since = self.state.selection
            self.ask_log(lambda records: records.summary(batch, since), self._show_figures, at_once=at_once)

    def _show_figures(self, report: YieldReport) -> None:
        self.state.report = report
        if not self.state.pace.write_s:
            self._learn()
        self._facts_changed()

    def _learn(self) -> None:
        """Learn again how long an image takes here."""
        since = self.now() - LEARNED_FROM
        self.ask_log(lambda records: records.rates(since), self._show_pace, at_once=False)

    def _show_pace(self, rates: Rates) -> None:
        self.state.pace = Pace.learned(rates, self.state.images)

    def ask_log(
        self, question: Callable[[Records], Answer], show: Callable[[Answer], None], *, at_once: bool = True
    ) -> None:
        """Ask the log in a thread, and show the answer; what only keeps a screen current is not asked `at_once`."""
        self._inquiries.ask(getattr(show, "__qualname__", ""), question, show, at_once=at_once)

    # --- requests ---------------------------------------------------------------------------------------------------

    def ask_line(self, do: str, **given: object) -> None:
        """Send the line a request."""
        if self.read_only:
            self.notify(tr("This screen may only look."), severity="warning")
        elif not self._bridge.request(do, **given):
            self.notify(tr("The line has ended."), severity="warning")

    def rerun(self, views: Iterable[SlotView]) -> None:
        """Run the cameras in these slots once more."""
        if paths := [view.port_path for view in views]:
            self.ask_line("rerun", port_paths=paths)

    def rerun_failed(self) -> None:
        """Run every camera once more that failed and is still in its slot."""
        failed = [view for view in self.state.slots if view.state in FAILED]
        self.rerun(failed)
        self.notify(tr_count("Re-running {count} slot.", "Re-running {count} slots.", len(failed)))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Where one may only look, keys that steer do nothing and are not shown."""
        return not (self.read_only and action in STEERING)

    @property
    def desk(self) -> Desk:
        """The screen with the pages."""
        return self._desk

    def action_batch(self) -> None:
        """Begin a batch, change it or end it."""
        if not self.state.snapshot.status.ended and self.screen is self._desk:
            self._batch.open()

    def action_show_page(self, name: str) -> None:
        """Look at another page."""
        self._desk.show_page(name)

    def action_theme(self) -> None:
        """Light or dark."""
        self.theme = "textual-light" if self.current_theme.dark else "textual-dark"

    def action_language(self) -> None:
        """The next language."""
        choose(following())
        self._desk.change_language()

    def action_command_palette(self) -> None:
        """Every command by its name."""
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder=tr("type the name of a command"), id="--command-palette"))

    def action_signals(self) -> None:
        """Sounds and flashes on or off."""
        self.signals = not self.signals
        self.notify(tr("Sounds and flashes are on.") if self.signals else tr("Sounds and flashes are off."))

    # --- leaving ----------------------------------------------------------------------------------------------------

    def action_leave(self) -> None:
        """Leave; where the line still runs, ask what is to become of it."""
        if self.state.snapshot.status.ended:
            self.exit(Leaving(line_goes_on=False))
        elif self.read_only:
            self.exit(Leaving(line_goes_on=True))
        elif not isinstance(self.screen, Question):
            text = tr("Leave this screen. What about the line? Running cameras finish in either case.")
            answers = (("l", tr("Leave it running")), ("s", tr("Stop the line")))
            self.push_screen(Question(text, answers), self._left)

    def _left(self, answer: str | None) -> None:
        if answer == "l":
            self.exit(Leaving(line_goes_on=True))
        elif answer == "s":
            self.ask_line("stop")
            self.set_interval(PULL_S, self._leave_when_ended)

    def _leave_when_ended(self) -> None:
        if self.state.snapshot.status.ended:
            self.exit(Leaving(line_goes_on=False))
