"""When another program begins to hold the log locked: people hear of it once a lock, not at every try."""

from __future__ import annotations

OVER_S = 5.0
"""So long after the last word of it a lock is over, and the next one is reported again."""


class LogLocks:
    """Remembers the last word of a lock."""

    def __init__(self) -> None:
        self._heard_s: float | None = None

    def is_new(self, moment_s: float) -> bool:
        """Whether the lock that is heard of at this moment (monotonic seconds) is another than the last one."""
        last_s, self._heard_s = self._heard_s, moment_s
        return last_s is None or moment_s - last_s > OVER_S
