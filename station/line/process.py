"""Small facts about the processes of a station."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

WORKER_NICENESS = 5
"""Workers step back a little, so that holding an arrival and committing a result come first on a loaded machine."""


def name_process(name: str) -> None:
    """Show `name` in ps and top (Linux keeps 15 characters)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(name[:15])


def step_back() -> None:
    """Lower this process's priority; where that is not allowed nothing is lost."""
    with contextlib.suppress(OSError):
        os.nice(WORKER_NICENESS)
