"""The two clocks: wall time for records, monotonic time for durations and limits."""

from __future__ import annotations

import time
from datetime import UTC, datetime

monotonic_s = time.monotonic


def now() -> datetime:
    """The wall clock, timezone-aware UTC."""
    return datetime.now(UTC)
