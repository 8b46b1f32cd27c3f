"""Which log the pages of units, failures and yields read: this station's, or the database of all stations.

1. What is shown is of one of them at a time: an answer that comes after it was changed is thrown away.
2. The centre is asked in threads like the log. Where it does not answer, what it said last stays, with its age; the
   station's own log is one key away and knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps

from station.dashboard.language import tr
from station.dashboard.log_port import AllStations, Answer, LogPort, Records
from station.errors import LedgerError
from station.local_time import span_text

REFRESH_S = 5.0
"""What other stations recorded is asked for so often, while anybody looks."""


class _Away:
    """No answer."""

    def __init__(self, code: str) -> None:
        self.code = code


class LogSource:
    """The pages' way to the log that is chosen. All calls are to be made in the app's thread."""

    def __init__(
        self, own: LogPort, centre: LogPort, all_stations: AllStations | None, now: Callable[[], datetime]
    ) -> None:
        """`centre` answers questions in threads as `own` does, but stands in nobody's way there."""
        self._now = now
        self._own = own
        self._centre = centre
        self._all_stations = all_stations
        self.reads_all = False
        self.station: str | None = None
        """The one of which the centre is asked, None for all."""
        self._stations: list[str] = []
        self._read_at: datetime | None = None
        self._away = ""

    @property
    def has_choice(self) -> bool:
        """Whether there is a database of all stations."""
        return self._all_stations is not None

    def switch(self) -> None:
        """Read the other log from now on."""
        self.reads_all = self.has_choice and not self.reads_all
        self._forget(None)
        if self.reads_all and self._all_stations is not None:
            stations = self._all_stations.stations
            self._ask_centre(lambda _records: stations(), self._show_stations, at_once=True)

    def next_station(self) -> None:
        """Of the centre, only the next station's runs; after the last one all stations'."""
        names: list[str | None] = [None, *self._stations]
        at = names.index(self.station) if self.station in names else 0
        self._forget(names[(at + 1) % len(names)])

    def _forget(self, station: str | None) -> None:
        self.station = station
        self._read_at, self._away = None, ""

    def _show_stations(self, names: list[str]) -> None:
        self._stations = sorted(names)

    def ask(
        self, question: Callable[[Records], Answer], show: Callable[[Answer], None], *, at_once: bool = True
    ) -> None:
        """Ask the log that is chosen."""
        if self.reads_all:
            self._ask_centre(question, show, at_once=at_once)
        else:
            self._own.ask(question, self._if_still(show), at_once=at_once)

    def _ask_centre(
        self, question: Callable[[Records], Answer], show: Callable[[Answer], None], *, at_once: bool
    ) -> None:
        assert self._all_stations is not None
        records = self._all_stations.records(self.station)

        def asked(_own: Records) -> Answer | _Away:
            try:
                return question(records)
            except LedgerError as error:
                return _Away(error.code)

        @wraps(show)
        def shown(answer: Answer | _Away) -> None:
            if isinstance(answer, _Away):
                self._away = answer.code
                return
            self._away = ""
            self._read_at = self._now()
            show(answer)

        self._centre.ask(asked, self._if_still(shown), at_once=at_once)

    def _if_still(self, show: Callable[[Answer], None]) -> Callable[[Answer], None]:
        asked_of = self.reads_all, self.station

        @wraps(show)
        def shown(answer: Answer) -> None:
            if asked_of == (self.reads_all, self.station):
                show(answer)

        return shown

    def text(self, now: datetime) -> str:
        """Which log is read, how old that is, and the keys to another one."""
        if not self.reads_all:
            return tr("This station's log. F7: all stations")
        what = tr("Station {station}").format(station=self.station) if self.station else tr("All stations")
        back = tr("F7: this station's log") if not self._stations else tr("F7: this station's log, F9: one station")
        age = "" if self._read_at is None else span_text(now - self._read_at)
        if self._away:
            said = tr("the central log does not answer ({code})").format(code=self._away)
            if age:
                said = f"{said}, {tr('this was read {time} ago').format(time=age)}"
        else:
            said = tr("read {time} ago").format(time=age) if age else tr("asking")
        return f"{what}: {said}. {back}"

    @property
    def is_away(self) -> bool:
        """Whether the centre that is to be read did not answer last."""
        return bool(self._away)
