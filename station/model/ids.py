"""Keys: time-ordered UUIDs (version 7, RFC 9562), so that the rows of many stations can meet in one log.

This is the one place of the model that reads a clock: a key is made of the time. Standard library only, because
worker processes make keys too and must start fast.
"""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime

_FRACTION_BITS = 12
_RANDOM_BITS = 62
_lock = threading.Lock()
_last_tick = 0


def new_id() -> str:
    """A new key, in the usual 36 characters, lower case.

    Keys that one process makes rise strictly, also within a millisecond and while its clock is set back. Thread-safe.
    """
    return _text(_next_tick(), int.from_bytes(os.urandom(8), "big"))


def made_at(key: str) -> datetime:
    """When a key was made, by the clock of who made it."""
    return datetime.fromtimestamp(int(key.replace("-", "")[:12], 16) / 1000, UTC)


def _next_tick() -> int:
    """Milliseconds since 1970 with 12 more bits of fraction, never the same twice."""
    global _last_tick
    milliseconds, rest_ns = divmod(time.time_ns(), 1_000_000)
    tick = (milliseconds << _FRACTION_BITS) | (rest_ns << _FRACTION_BITS) // 1_000_000
    with _lock:
        _last_tick = max(tick, _last_tick + 1)
        return _last_tick


def _text(tick: int, random: int) -> str:
    """The key of a tick: 48 bits of milliseconds, version 7, 12 bits of fraction, variant 2, 62 random bits."""
    milliseconds, fraction = divmod(tick, 1 << _FRACTION_BITS)
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80 | 7 << 76 | fraction << 64
    value |= 2 << _RANDOM_BITS | random & ((1 << _RANDOM_BITS) - 1)
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
