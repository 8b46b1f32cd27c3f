"""Keys in the order in which they were typed: the next one waits until the one before has done what it does.

Textual gives a key to the widget that has the focus when the key comes in. Two keys that come together (a scanner, a
quick hand, a terminal behind a slow link) then both go to the same widget, although the first of them opens a question
that the second one answers, or moves to the next field.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from textual.app import App, ScreenStackError
from textual.dom import DOMNode
from textual.events import Key
from textual.timer import Timer

from station.dashboard.scanned import GAP_S, Scan

LIMIT_S = 0.5
"""A widget that does not answer for so long is being taken down, and nothing is waited for."""
ROUNDS = 2
"""A key travels up to the app, and so does one message that a widget posts because of it."""


class Typed:
    """The keys that wait for their turn. `deliver` is how the app itself takes in a key.

    A serial that is scanned while `may_scan` is handed to `scanned` instead.
    """

    def __init__(
        self,
        app: App[Any],
        deliver: Callable[[Key], Awaitable[None]],
        may_scan: Callable[[], bool],
        scanned: Callable[[str], None],
    ) -> None:
        self._app = app
        self._deliver = deliver
        self._may_scan = may_scan
        self._scanned = scanned
        self._scan = Scan()
        self._pause: Timer | None = None
        self._waiting: deque[Key | str] = deque()
        self._turn: asyncio.Task[None] | None = None

    @property
    def is_done(self) -> bool:
        """Whether every key so far has done what it does."""
        return self._turn is None and not self._waiting and not self._scan.holds

    async def take(self, key: Key) -> None:
        """Deliver the key now, or in its turn. To be called by the app as it takes in messages."""
        if self._pause is not None:
            self._pause.stop()
            self._pause = None
        ready, serial = self._scan.take(key, key.time) if self._may_scan() else ([*self._scan.let_go(), key], "")
        if self._scan.holds:
            self._pause = self._app.set_timer(GAP_S, self._let_go)
        # The serial too: its first figure may be on its way into a field still.
        await self._queue([*ready, *([serial] if serial else [])])

    async def _let_go(self) -> None:
        await self._queue(self._scan.let_go())

    async def _queue(self, keys: Sequence[Key | str]) -> None:
        self._waiting.extend(keys)
        if self._turn is None:
            await self._next()

    async def _next(self) -> None:
        self._turn = None
        if self._waiting:
            reached = self._app.focused or self._app.screen
            first = self._waiting.popleft()
            if isinstance(first, str):
                self._scanned(first)
            else:
                await self._deliver(first)
            self._turn = asyncio.create_task(self._until_done(reached))

    async def _until_done(self, reached: DOMNode) -> None:
        for node in reached.ancestors_with_self * ROUNDS:
            await _caught_up(node)
        # Another screen may have come up: its widgets are there and one has the focus when it has caught up.
        with suppress(ScreenStackError):  # the app is on its way out
            await _caught_up(self._app.screen)
        self._app.call_later(self._next)


async def _caught_up(node: DOMNode) -> None:
    """Wait until a widget has dealt with all that was in its queue."""
    done = asyncio.Event()
    if node.call_later(done.set):
        with suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), LIMIT_S)
