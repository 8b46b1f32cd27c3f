"""When a screen that nobody leaves by hand is to end: a kiosk's, whose line has ended."""

from __future__ import annotations

from pathlib import Path

from station.clock import monotonic_s
from station.control.client import is_served

LAST_LOOK_S = 20.0
"""For so long it stays to be read why the line stopped."""


class LineEnd:
    """Looked at again and again: the line of a data folder has ended, and its last picture may go."""

    def __init__(self, data_dir: Path, last_look_s: float = LAST_LOOK_S) -> None:
        self._data_dir = data_dir
        self._last_look_s = last_look_s
        self._seen_s: float | None = None

    def may_go(self, *, ended: bool) -> bool:
        """Whether the last picture was there for long enough, or another line works already."""
        if not ended:
            return False
        if self._seen_s is None:
            self._seen_s = monotonic_s()
        return monotonic_s() - self._seen_s >= self._last_look_s or is_served(self._data_dir)
