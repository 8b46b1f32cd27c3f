"""The figures that the screen reads from the log again and again: the header's yield, and how long an image takes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from station.dashboard.eta import Pace
from station.dashboard.log_port import LogPort
from station.dashboard.state import State
from station.yields.counting import Rates, YieldReport

FIGURES_S = 2.0
"""The log is read again so often at most, after runs have finished."""
LEARNED_FROM = timedelta(days=7)
LEARNS_EVERY_S = 300.0


class Figures:
    """Reads them into the state. `changed` is called after the header's figures came; `stale`: runs have finished."""

    def __init__(self, state: State, log: LogPort, changed: Callable[[], None]) -> None:
        self._state = state
        self._log = log
        self._changed = changed
        self.stale = True

    def read(self, *, at_once: bool = False) -> None:
        """Read the header's figures again, where runs have finished since."""
        if self.stale and self._state.about is not None:
            self.stale = False
            batch, since = self._state.selection
            self._log.ask(lambda records: records.summary(batch, since), self._show_figures, at_once=at_once)

    def learn(self) -> None:
        """Learn again how long an image takes here."""
        since = self._state.now() - LEARNED_FROM
        self._log.ask(lambda records: records.rates(since), self._show_pace, at_once=False)

    def _show_figures(self, report: YieldReport) -> None:
        self._state.report = report
        if not self._state.pace.write_s:
            self.learn()
        self._changed()

    def _show_pace(self, rates: Rates) -> None:
        self._state.pace = Pace.learned(rates, self._state.images)
