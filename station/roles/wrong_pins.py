"""Wrong PINs in a row: how long the next try waits, kept in a file beside the PINs.

1. The file is one for everybody who tries at this data folder, the line, the commands and the browsers, so that nobody
   gets more tries by starting another process.
2. A clock that was set back lengthens no wait beyond its own length.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from station.atomic_write import write_durably

FREE_TRIES = 2
"""So many wrong ones cost nothing: a slip of the finger."""
FIRST_WAIT_S, LONGEST_WAIT_S = 5.0, 300.0


@dataclass(frozen=True, slots=True)
class WrongPins:
    """So many in a row; `last_at_s` is when the last was, in seconds of the machine's clock."""

    count: int = 0
    last_at_s: float = 0.0

    def wait_s(self, now_s: float) -> float:
        """How long the next try has to wait from now on."""
        wait_s = wait_after(self.count)
        return min(max(self.last_at_s + wait_s - now_s, 0.0), wait_s)

    def one_more(self, now_s: float) -> WrongPins:
        """After another one."""
        return WrongPins(self.count + 1, now_s)


def wait_after(count: int) -> float:
    """How long to wait after so many wrong PINs in a row: 5 s, then twice as long each time, to five minutes."""
    beyond = count - FREE_TRIES
    return 0.0 if beyond <= 0 else min(FIRST_WAIT_S * 2.0 ** min(beyond - 1, 30), LONGEST_WAIT_S)


def begins_or_doubles(count: int) -> bool:
    """Whether this wrong PIN of a series is worth a row of the audit: the first, third, sixth, twelfth and so on."""
    while count > 3 and count % 2 == 0:
        count //= 2
    return count in (1, 3)


def read(file: Path) -> WrongPins:
    """What the file says; none where there is no file. What cannot be understood counts as the longest wait's worth."""
    try:
        given = json.loads(file.read_bytes())
        if not isinstance(given, Mapping):
            raise ValueError
        return WrongPins(int(given["count"]), float(given["last_at_s"]))
    except FileNotFoundError:
        return WrongPins()
    except (ValueError, KeyError, TypeError):
        return WrongPins(FREE_TRIES + 1, file.stat().st_mtime)


def write(file: Path, tries: WrongPins, mode: int) -> None:
    """Keep it; OSError."""
    write_durably(file, json.dumps({"count": tries.count, "last_at_s": tries.last_at_s}).encode(), mode)
