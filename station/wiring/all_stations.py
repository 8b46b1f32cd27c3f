"""The database of all stations as a screen reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

from station.errors import LedgerError
from station.wiring.log import records_of

if TYPE_CHECKING:
    from station.dashboard.log_port import AllStations, Records
    from station.ledger.reader import Reader
    from station.settings import Settings

Answer = TypeVar("Answer")

LIMIT_S = 20.0
"""How long an answer may take, whatever the server does."""


@contextmanager
def all_stations(settings: Settings) -> Iterator[AllStations | None]:
    """What the centre answers to a screen; None where the configuration names none. Nothing is opened before the first
    question."""
    if not settings.central_url:
        yield None
        return
    from station.dashboard.log_port import AllStations

    centre = _Centre(settings.central_url)
    try:
        yield AllStations(partial(_records, centre), lambda: centre.ask(lambda reader: reader.stations()))
    finally:
        centre.close()


def _records(centre: _Centre, station_id: str | None) -> Records:
    from station.dashboard.log_port import Records

    def asked(name: str, *values: Any) -> Any:
        return centre.ask(lambda reader: getattr(records_of(reader, station_id), name)(*values))

    answers: dict[str, Any] = {field.name: partial(asked, field.name) for field in fields(Records)}
    return Records(**answers)


class _Centre:
    """A reader of the centre that is opened when it is asked, and again after it failed. One question at a time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = Lock()
        self._reader: Reader | None = None

    def ask(self, question: Callable[[Reader], Answer]) -> Answer:
        """The answer. Errors: LedgerError central.*."""
        from station.ledger.reader import Reader

        with self._lock:
            try:
                self._reader = self._reader or Reader.of_central(self._url, limit_s=LIMIT_S)
                return question(self._reader)
            except LedgerError:
                self.close()
                raise

    def close(self) -> None:
        """Hang up."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
