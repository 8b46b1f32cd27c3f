"""Small facts about the processes of a station."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class OpenedBy:
    """A process that has a file open; `program` is its name as ps shows it."""

    program: str
    pid: int

    def __str__(self) -> str:
        return f"{self.program} (process {self.pid})"


def processes_with(path: str, root: Path = Path("/")) -> list[OpenedBy]:
    """The other processes that have a file or device node open, as far as this user may look into them, by number.

    `root` is where the machine's proc is, and the file.
    """
    wanted = None
    with contextlib.suppress(OSError):
        wanted = os.stat(root / path.lstrip("/"))
    proc = root / "proc"
    numbers = sorted(int(entry.name) for entry in proc.iterdir() if entry.name.isdecimal()) if proc.is_dir() else []
    found = (pid for pid in numbers if pid != os.getpid() and _has_open(proc / f"{pid}/fd", path, wanted))
    return [OpenedBy(_program(proc / str(pid)), pid) for pid in found]


def _has_open(descriptors: Path, path: str, wanted: os.stat_result | None) -> bool:
    with contextlib.suppress(OSError):  # another user's, or it ended
        for entry in descriptors.iterdir():
            with contextlib.suppress(OSError):
                if os.readlink(entry) == path or (wanted is not None and _is_same(os.stat(entry), wanted)):
                    return True
    return False


def _is_same(one: os.stat_result, other: os.stat_result) -> bool:
    """A device is one by its numbers: udev may have made its node anew."""
    if stat.S_ISCHR(one.st_mode) and stat.S_ISCHR(other.st_mode):
        return one.st_rdev == other.st_rdev
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def _program(process: Path) -> str:
    try:
        return (process / "comm").read_text(errors="replace").strip()
    except OSError:
        return "?"


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
