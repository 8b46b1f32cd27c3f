"""Keys distinguished from scans. A scanner is a keyboard to the machine: only its speed tells it from a hand.

1. Characters that follow each other within `gap_s` are one burst, whatever they hold.
2. A burst of `min_length` characters is a scan. So is a shorter one with an end key right behind it, unless it goes
   into a field, where a quick hand does no harm. Every other burst is keys: two that a hand rolls over stay two keys.
3. Once a burst is a scan, it may pause for PATIENCE times as long: no hand begins a word that fast, and a loaded
   machine or a link holds up a scanner's characters.
4. The end key belongs to the scan; so do control characters within it, which stand between the fields of a label.
5. Characters wait until it is clear what they are, but the first of a burst may go ahead where it changes nothing that
   cannot be undone: a scan says how many did.

No Textual here: a key is anything with a name and a character.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

PATIENCE = 3
_AIM = re.compile(r"\][A-Za-z][0-9A-Za-z]")
"""The identifier that a scanner may send before the text (ISO/IEC 15424): which symbology it read, and how."""


class Stroke(Protocol):
    """A key that was pressed: its name, and the character that it stands for, None for none."""

    @property
    def key(self) -> str: ...  # noqa: D102

    @property
    def character(self) -> str | None: ...  # noqa: D102


K = TypeVar("K", bound=Stroke)


@dataclass(frozen=True, slots=True)
class Scanner:
    """How the bench's scanners send. `ends` are names of keys; prefixes are taken off, AIM identifiers always."""

    gap_s: float = 0.06
    ends: frozenset[str] = frozenset({"enter", "tab", "ctrl+j"})
    prefixes: tuple[str, ...] = ()
    min_length: int = 3

    def label(self, text: str) -> str:
        """What stood on the label: the text without blanks around it and without a prefix."""
        text = text.strip()
        for prefix in self.prefixes:
            text = text.removeprefix(prefix)
        match = _AIM.match(text)
        return (text[match.end() :] if match else text).strip()


def without_separators(text: str) -> str:
    """A label's text without the control characters between its fields (GS1's FNC1): as keys they are none,
    and the same label must be the same text however it came."""
    return "".join(letter for letter in text if not (letter < " " and letter not in "\t\r\n"))


USUAL = Scanner()
"""What fits the scanners that are common."""


@dataclass(frozen=True, slots=True)
class Scan:
    """A text that was scanned. Its first `ahead` characters went ahead as keys; `ended`: an end key stood behind it."""

    text: str
    ended: bool = True
    ahead: int = 0


class Recognizer(Generic[K]):
    """Takes keys in their order and gives back those whose turn it is, and scans among them."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._burst: list[K] = []
        self._ahead = 0
        self._typed = False
        self._last_s = float("-inf")

    @property
    def wait_s(self) -> float | None:
        """After so many seconds without a key, `let_go` is to be called; None where nothing waits."""
        waits = len(self._burst) > self._ahead
        return self._patience_s if waits else None

    @property
    def _is_scan(self) -> bool:
        return len(self._burst) >= self._scanner.min_length

    @property
    def _patience_s(self) -> float:
        return self._scanner.gap_s * (PATIENCE if self._is_scan else 1)

    def take(self, key: K, at_s: float, *, goes_ahead: bool = False, typed: bool = False) -> Sequence[K | Scan]:
        """A key that was pressed at a moment of the monotonic clock: the keys and scans whose turn it is.

        `typed`: it goes into a field. `goes_ahead`: it does, or can be undone, and need not wait.
        """
        late = at_s - self._last_s > self._patience_s
        before = self.let_go() if late else []
        self._last_s = at_s
        if key.character is not None and key.character.isprintable():
            return [*before, *self._take_character(key, goes_ahead=goes_ahead, typed=typed)]
        if self._burst and key.key in self._scanner.ends and (self._is_scan or not self._typed):
            return [*before, self._scan(ended=True)]
        if self._is_scan and key.character is not None and key.key != "escape":
            return before
        return [*before, *self.let_go(), key]

    def _take_character(self, key: K, *, goes_ahead: bool, typed: bool) -> Sequence[K]:
        self._burst.append(key)
        if len(self._burst) > 1:
            return []
        self._typed, self._ahead = typed, int(goes_ahead)
        return [key] if goes_ahead else []

    def let_go(self) -> Sequence[K | Scan]:
        """No more comes: it was a scan without an end, or keys."""
        if self._is_scan:
            return [self._scan(ended=False)]
        held = self._burst[self._ahead :]
        self._burst, self._ahead = [], 0
        return held

    def _scan(self, *, ended: bool) -> Scan:
        scan = Scan("".join(key.character or "" for key in self._burst), ended, self._ahead)
        self._burst, self._ahead = [], 0
        return scan
