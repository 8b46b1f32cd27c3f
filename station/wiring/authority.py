"""Who may do what in a data folder, and the audit of what was done: for the line's server and for commands.

1. A command writes its row before it acts: what cannot be recorded is not done. Where no PIN is set, a log that is not
   there yet, or has another schema, keeps nobody from acting.
2. A line writes its rows in a thread of their own: no request waits for the disk.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from station.errors import LedgerError, UsageError
from station.problem import sentence
from station.roles import pin_file
from station.roles.guarded_acts import ANYBODY, ENGINEER, OPERATOR, Act, Done, Who
from station.roles.wrong_pins import begins_or_doubles

CLOSE_S = 10.0
_log = logging.getLogger(__name__)


class LineAuthority:
    """What the line's server asks. `noting` keeps the audit meanwhile."""

    def __init__(self, data_dir: Path, station_id: str, stays_s: float) -> None:
        self._data_dir = data_dir
        self._station_id = station_id
        self._stays_s = stays_s
        self._acts: queue.SimpleQueue[Done | None] = queue.SimpleQueue()

    @property
    def stays_s(self) -> float:
        """So long a connection stays an engineer's."""
        return self._stays_s

    def is_guarded(self) -> bool:
        """Whether a PIN is set by now."""
        return pin_file.is_guarded(self._data_dir)

    def prove(self, pin: str, name: str) -> None:
        """UsageError where it is not the engineer's PIN; the first of a series is a row of the audit."""
        if not self.is_guarded():
            raise UsageError("role.no_pin", sentence("no engineer's PIN is set: everybody may do everything"))
        try:
            pin_file.holder_of(self._data_dir, pin)
        except pin_file.WrongPinError as error:
            if (refused := refused_series(error, name)) is not None:
                self.note(refused)
            raise

    def mark(self) -> str:
        """What changes with the engineer's PIN."""
        return pin_file.marks(self._data_dir).get(ENGINEER, "")

    def note(self, done: Done) -> None:
        """Put an act into the audit, soon."""
        self._acts.put(done)

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Write what is noted, until the end of the block; what is left is written then."""
        thread = threading.Thread(target=self._write, name="audit", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._acts.put(None)
            thread.join(CLOSE_S)

    def _write(self) -> None:
        from station.ledger import audit

        while (done := self._acts.get()) is not None:
            try:
                audit.append(self._data_dir, self._station_id, done)
            except LedgerError as error:
                _log.error("not in the audit: %s by %s (%s): %s", done.act, done.who.name, done.subject, error.message)


def refused_series(error: pin_file.WrongPinError, name: str) -> Done | None:
    """The row of a wrong PIN; None where the series has one already. One that was not even tried is none."""
    if error.code != "role.wrong_pin" or not begins_or_doubles(error.tries):
        return None
    return Done(Act.PIN_REFUSED, Who(name, OPERATOR), "", {"wrong_in_a_row": error.tries})


def prove(data_dir: Path, station_id: str, pin: str, name: str) -> None:
    """UsageError where it is not the engineer's PIN, with its row in the audit."""
    try:
        pin_file.holder_of(data_dir, pin)
    except pin_file.WrongPinError as error:
        if (refused := refused_series(error, name)) is not None:
            with suppress(LedgerError):
                record(data_dir, station_id, refused)
        raise


def record(data_dir: Path, station_id: str, done: Done) -> None:
    """Put an act into the audit, now. LedgerError where a PIN is set and it cannot be put there."""
    from station.ledger import audit, schema_version

    guarded = pin_file.is_guarded(data_dir)
    try:
        if guarded and schema_version.state(data_dir) is schema_version.SchemaState.MISSING:
            schema_version.create_or_check(data_dir)
        audit.append(data_dir, station_id, done)
    except LedgerError:
        if guarded or done.who.role != ANYBODY:
            raise


def record_restored(data_dir: Path, station_id: str, done: Done) -> None:
    """The same for a log that may have an older schema: then it is in the audit once the log is upgraded."""
    from station.ledger import audit, schema_version

    if schema_version.state(data_dir) is schema_version.SchemaState.OUTDATED:
        audit.add_later(data_dir, station_id, done)
    else:
        record(data_dir, station_id, done)


def was_guarded(data_dir: Path, station_id: str) -> bool:
    """Whether the audit knows of an engineer's PIN that nobody took away with the PIN: then its file was removed."""
    from station.ledger import audit

    try:
        put, taken = (audit.last(data_dir, station_id, act, "engineer") for act in (Act.PIN_SET, Act.PIN_REMOVED))
    except LedgerError:
        return False
    return put is not None and (taken is None or taken.number < put.number)


def engineer_needed(what: str) -> UsageError:
    """The refusal of an act for which nobody gave the PIN."""
    return UsageError("role.engineer_needed", f"only an engineer may do this: {what}")
