"""Keys in the order in which they were typed: the next one waits until the one before has done what it does.

Textual gives a key to the widget that has the focus when the key comes in. Two keys that come together (a quick hand, a
terminal behind a slow link) then both go to the same widget, although the first of them opens a question that the
second one answers, or moves to the next field.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from textual.app import App, ScreenStackError
from textual.dom import DOMNode
from textual.events import Key
from textual.timer import Timer
from textual.widgets import Input

from station.dashboard.input.barcode import Recognizer, Scan, Scanner, without_separators

LIMIT_S = 0.5
"""A widget that does not answer for so long is being taken down, and nothing is waited for."""
ROUNDS = 2
"""A key travels up to the app, and so does one message that a widget posts because of it."""
Undo = Callable[[], None]
"""Takes back what the characters of a scan did that went ahead as keys."""


@dataclass(frozen=True, slots=True)
class _Leading:
    """A key that goes ahead, and may be the first character of a scan."""

    key: Key


class Typed:
    """The keys that wait for their turn. `deliver` is how the app itself takes in a key.

    `harmless` says whether a key may go ahead of its scan; `remember` is asked before it does. `scanned` takes a scan.
    """

    def __init__(
        self,
        app: App[Any],
        scanner: Scanner,
        deliver: Callable[[Key], Awaitable[None]],
        harmless: Callable[[Key], bool],
        remember: Callable[[], Undo],
        scanned: Callable[[Scan, Undo], None],
    ) -> None:
        self._app = app
        self._recognizer: Recognizer[Key] = Recognizer(scanner)
        self._deliver = deliver
        self._harmless = harmless
        self._remember = remember
        self._scanned = scanned
        self._undo: Undo = _nothing
        self._pause: Timer | None = None
        self._taken = 0
        self._waiting: deque[Key | _Leading | Scan] = deque()
        self._turn: asyncio.Task[None] | None = None

    @property
    def is_done(self) -> bool:
        """Whether every key so far has done what it does."""
        return self._turn is None and not self._waiting and self._recognizer.wait_s is None

    async def take(self, key: Key) -> None:
        """Deliver the key now, or in its turn. To be called by the app as it takes in messages."""
        self._taken += 1
        if self._pause is not None:
            self._pause.stop()
            self._pause = None
        typed = isinstance(self._app.focused, Input)
        ready = self._recognizer.take(key, key.time, goes_ahead=typed or self._harmless(key), typed=typed)
        wait_s = self._recognizer.wait_s
        if wait_s is not None:
            taken = self._taken
            # Once more through the queue: a key that came while the app was busy is in it already.
            self._pause = self._app.set_timer(wait_s, lambda: self._app.call_later(self._let_go, taken))
        await self._queue([_Leading(one) if one is key and _is_character(key) else one for one in ready])

    async def paste(self, text: str) -> None:
        """What a terminal pastes is taken as scanned."""
        kept = without_separators(text)
        shown = "".join(character if character.isprintable() else " " for character in kept).strip()
        before = self._recognizer.let_go()
        scan = [Scan(shown, ended=text != text.rstrip("\r\n\t"))] if shown else []
        await self._queue([*before, *scan])

    async def _let_go(self, taken: int) -> None:
        if taken == self._taken:
            await self._queue(self._recognizer.let_go())

    async def _queue(self, keys: Sequence[Key | _Leading | Scan]) -> None:
        self._waiting.extend(keys)
        if self._turn is None:
            await self._next()

    async def _next(self) -> None:
        self._turn = None
        if self._waiting:
            reached = self._app.focused or self._app.screen
            await self._take_turn(self._waiting.popleft())
            self._turn = asyncio.create_task(self._until_done(reached))

    async def _take_turn(self, first: Key | _Leading | Scan) -> None:
        if isinstance(first, Scan):
            self._scanned(first, self._undo if first.ahead else _nothing)
        elif isinstance(first, _Leading):
            self._undo = self._remember()
            await self._deliver(first.key)
        else:
            await self._deliver(first)

    async def _until_done(self, reached: DOMNode) -> None:
        for node in reached.ancestors_with_self * ROUNDS:
            await _caught_up(node)
        # Another screen may have come up: its widgets are there and one has the focus when it has caught up.
        with suppress(ScreenStackError):  # the app is on its way out
            await _caught_up(self._app.screen)
        self._app.call_later(self._next)


def _nothing() -> None:
    """Nothing went ahead."""


def _is_character(key: Key) -> bool:
    return key.is_printable


async def _caught_up(node: DOMNode) -> None:
    """Wait until a widget has dealt with all that was in its queue."""
    done = asyncio.Event()
    if node.call_later(done.set):
        with suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), LIMIT_S)
