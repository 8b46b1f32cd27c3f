"""A serial that a scanner types among the keys: digits faster than any hand, and Enter.

Its digits must not be taken for keys: a `c` would cancel a slot. The first character of what may be a serial goes its
way at once if it is a figure, which only changes the page; a letter waits for a moment, to see whether more follows.
"""

from __future__ import annotations

import string

from textual.events import Key

GAP_S = 0.04
"""No hand goes on typing with shorter pauses than this; a scanner does."""
LEAST_DIGITS = 12
"""Shorter than any serial, longer than what a hand or a slow link brings in one go."""


class Scan:
    """Takes keys in their order and gives back those whose turn it is, or the serial that was scanned."""

    def __init__(self) -> None:
        self._digits = ""
        self._held: list[Key] = []
        self._last_s = float("-inf")

    @property
    def holds(self) -> bool:
        """Whether keys wait to be told from a serial: `let_go` is to be called GAP_S after the last one."""
        return bool(self._held)

    def take(self, key: Key, at_s: float) -> tuple[list[Key], str]:
        """A key that was pressed at a moment of the monotonic clock: the keys whose turn it is, and a serial or ""."""
        goes_on = bool(self._digits) and at_s - self._last_s <= GAP_S
        self._last_s = at_s
        if key.character is not None and key.character in string.hexdigits:
            return self._take_digit(key, key.character, goes_on=goes_on), ""
        if key.key == "enter" and goes_on and len(self._digits) >= LEAST_DIGITS:
            serial = self._digits
            self.let_go()
            return [], serial
        return [*self.let_go(), key], ""

    def _take_digit(self, key: Key, digit: str, *, goes_on: bool) -> list[Key]:
        if goes_on:
            self._digits += digit
            self._held.append(key)
            return []
        ready, self._digits = self.let_go(), digit
        if digit.isdigit():
            return [*ready, key]
        self._held.append(key)
        return ready

    def let_go(self) -> list[Key]:
        """They were keys, after all."""
        held, self._held, self._digits = self._held, [], ""
        return held
