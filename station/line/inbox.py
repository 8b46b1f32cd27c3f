"""What other threads have the line's thread do: they post it and ring the bell, and it is done in that order."""

from __future__ import annotations

import queue
from collections.abc import Callable
from contextlib import suppress

from station.bell import Bell

Action = Callable[[], None]


class Inbox:
    """`post` is for any thread, the rest for the line's."""

    def __init__(self) -> None:
        self._posted: queue.SimpleQueue[Action] = queue.SimpleQueue()
        self._bell = Bell()

    def post(self, action: Action) -> None:
        """Have it done soon."""
        self._posted.put(action)
        self._bell.ring()

    def fileno(self) -> int:
        """Ready once something was posted; `silence` it before what was posted is taken."""
        return self._bell.fileno()

    def silence(self) -> None:
        """The bell was heard."""
        self._bell.silence()

    def taken(self) -> list[Action]:
        """All that was posted until now; empty where nothing was."""
        actions: list[Action] = []
        with suppress(queue.Empty):
            while True:
                actions.append(self._posted.get_nowait())
        return actions

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return self._posted.empty()

    def close(self) -> None:
        """Free the bell."""
        self._bell.close()
