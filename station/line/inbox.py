"""What other threads want done in the dispatcher's thread, in the order in which they said it."""

from __future__ import annotations

import queue
from collections.abc import Callable
from contextlib import suppress

from station.bell import Bell

Action = Callable[[], None]


class Inbox:
    """Give it to `multiprocessing.connection.wait` among the rest; `post` may be called from any thread."""

    def __init__(self) -> None:
        self._actions: queue.SimpleQueue[Action] = queue.SimpleQueue()
        self._bell = Bell()

    def fileno(self) -> int:
        """What is waited for: readable once something was posted."""
        return self._bell.fileno()

    def post(self, action: Action) -> None:
        """Have `action` called, and wake who waits."""
        self._actions.put(action)
        self._bell.ring()

    def silence(self) -> None:
        """It was heard. To be called before `take_all`."""
        self._bell.silence()

    def take_all(self) -> list[Action]:
        """Everything that was posted until now."""
        actions: list[Action] = []
        with suppress(queue.Empty):
            while True:
                actions.append(self._actions.get_nowait())
        return actions

    @property
    def empty(self) -> bool:
        """Whether nothing is left to be done."""
        return self._actions.empty()

    def close(self) -> None:
        """Free what wakes."""
        self._bell.close()
