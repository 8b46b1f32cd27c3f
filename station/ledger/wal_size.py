"""How large the write-ahead log beside the log grows, and who keeps it from being used up.

SQLite begins the -wal anew once all of it is in the log and no reader is in the middle of an answer. One program that
asked and never took the end of its answer (a pager, a database browser) stops that: from then on each run is appended.
Nothing but its end helps, so it is named.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

from station.process_facts import processes_with

LARGE_BYTES = 64 << 20
"""A station alone stays under 5 MiB: SQLite brings the -wal into the log every thousand pages."""
_MOST_NAMED = 5
_log = logging.getLogger(__name__)


def wal_bytes(log: Path) -> int:
    """The size of the -wal; 0 where there is none."""
    with suppress(OSError):
        return _wal(log).stat().st_size
    return 0


def is_large(log: Path) -> bool:
    """Whether somebody keeps it from being used up."""
    return wal_bytes(log) > LARGE_BYTES


def readers_of(log: Path) -> str:
    """The other programs that have the -wal open, as far as this user may see them; "none that can be seen"."""
    named = ", ".join(map(str, processes_with(str(_wal(log)))[:_MOST_NAMED]))
    return named or "none that this user may see"


class WalWatch:
    """Says that the -wal grows: once when it is large, and again each time it has doubled."""

    def __init__(self) -> None:
        self._said_at = LARGE_BYTES

    def look(self, log: Path) -> None:
        """After a commit."""
        size = wal_bytes(log)
        if size > self._said_at:
            self._said_at = 2 * size
            text = "%s-wal has %d MiB: a program reads the log and does not end; it is open in: %s"
            _log.warning(text, log, size >> 20, readers_of(log))


def _wal(log: Path) -> Path:
    return log.with_name(f"{log.name}-wal")
