"""Whose PIN was typed in a browser, and its rows in the audit.

1. A login is a row. Of wrong PINs in a row it is the first, third, sixth, twelfth and so on, with the addresses from
   which they came since the row before.
2. Nobody fills the log from a browser: after `MOST_ROWS` there is one more every `ONE_MORE_S`. How many were left out
   stands in the next one.
3. A log that cannot be written keeps nobody from looking: what an engineer's act needs is asked for once more, and
   recorded, by the line.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from station.clock import monotonic_s
from station.errors import LedgerError
from station.roles import pin_file
from station.roles.guarded_acts import Act, Done, Who
from station.wiring.authority import record, refused_series

MOST_ROWS, ONE_MORE_S = 60, 300.0
MOST_ADDRESSES, OTHERS = 8, "others"
WHERE = "station web"
_log = logging.getLogger(__name__)


class WebLogins:
    """Any thread may ask; each is blocked for a part of a second, or longer."""

    def __init__(self, data_dir: Path, station_id: str, now_s: Callable[[], float] = monotonic_s) -> None:
        self._data_dir = data_dir
        self._station_id = station_id
        self._now_s = now_s
        self._lock = threading.Lock()
        self._wrong: Counter[str] = Counter()
        self._room = float(MOST_ROWS)
        self._room_at_s = now_s()
        self._left_out = 0

    def holder_of(self, pin: str, address: str) -> str:
        """The role whose PIN somebody typed at an address. Wrong ones keep nobody waiting at the bench. UsageError."""
        tries = pin_file.WEB_TRIES_NAME
        try:
            role = pin_file.holder_of(self._data_dir, pin, pin_file.HOLDERS, tries_name=tries)
        except pin_file.WrongPinError as error:
            self._refused(error, address)
            raise
        self._record(Done(Act.WEB_LOGIN, Who("", role), "", {"where": WHERE, "address": address}))
        return role

    def marks(self) -> Mapping[str, str]:
        """By role, what changes with its PIN; a role without one is not there."""
        return pin_file.marks(self._data_dir)

    def _refused(self, error: pin_file.WrongPinError, address: str) -> None:
        if error.code != "role.wrong_pin":
            return
        with self._lock:
            known = address in self._wrong or len(self._wrong) < MOST_ADDRESSES
            self._wrong[address if known else OTHERS] += 1
            if (refused := refused_series(error, "")) is None:
                return
            refused.details.update(where=WHERE, addresses=dict(self._wrong))
            self._wrong.clear()
        self._record(refused)

    def _record(self, done: Done) -> None:
        with self._lock:
            now_s = self._now_s()
            self._room = min(self._room + (now_s - self._room_at_s) / ONE_MORE_S, MOST_ROWS)
            self._room_at_s = now_s
            if self._room < 1:
                self._left_out += 1
                return
            self._room -= 1
            if self._left_out:
                done.details["left_out"] = self._left_out
                self._left_out = 0
        try:
            record(self._data_dir, self._station_id, done)
        except LedgerError as error:
            _log.error("not in the audit: %s (%s): %s", done.act, done.details, error.message)
