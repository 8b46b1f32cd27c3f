"""Small facts about the processes of a station."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

WORKER_NICENESS = 5
"""Workers step back a little, so that holding an arrival and committing a result come first on a loaded machine."""

_MANY_FILES = 65_536

URGENT_NICENESS = -10
"""What stands between an arrival and its hold goes before all else: a camera waits 1.5 s and not a moment longer, while
sixteen at once keep every processor busy with their enumeration."""


def name_process(name: str) -> None:
    """Show `name` in ps and top (Linux keeps 15 characters)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(name[:15])


def step_back() -> None:
    """Lower this process's priority; where that is not allowed nothing is lost."""
    with contextlib.suppress(OSError):
        os.nice(WORKER_NICENESS)


def step_forward() -> None:
    """Raise the priority of the calling thread and of threads it starts, where that is allowed (as root it is)."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), URGENT_NICENESS)


def allow_many_files() -> int:
    """As many open files as this process may have: a line has some for each camera, and a shell often allows 1,024.

    How many those are.
    """
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MANY_FILES if hard == resource.RLIM_INFINITY else min(hard, _MANY_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return _MANY_FILES if soft == resource.RLIM_INFINITY else max(soft, wanted)
