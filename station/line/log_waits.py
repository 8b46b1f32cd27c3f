"""When the log begins to wait, for another program's lock or for room: people hear of it once, not at every try."""

from __future__ import annotations

OVER_S = 5.0
"""So long after the last word of it a lock or a full disk is over, and the next one is reported again."""


class LogWaits:
    """Remembers the last word of each."""

    def __init__(self) -> None:
        self._heard_s: dict[object, float] = {}

    def is_new(self, what: object, moment_s: float) -> bool:
        """Whether what is heard of at this moment (monotonic seconds) is another than the last one of its kind."""
        last_s = self._heard_s.get(what)
        self._heard_s[what] = moment_s
        return last_s is None or moment_s - last_s > OVER_S
