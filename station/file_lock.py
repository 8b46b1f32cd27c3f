"""One process at a time: a file or a folder that is held.

The kernel lets go of it with the process, however that ends, and no lock is ever stale. It binds only those that ask
for it here.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

POLL_S = 0.05
FILE_MODE = 0o664


@contextmanager
def locked(path: Path, wait_s: float = 0.0) -> Iterator[None]:
    """Hold `path` until the end of the block: a folder, or a file, which is made where there is none.

    TimeoutError where another process, or another block of this one, holds it for longer than `wait_s`; another OSError
    where it cannot be opened. It is not inherited by programs that are started meanwhile.
    """
    descriptor = _opened(path)
    try:
        until_s = time.monotonic() + wait_s
        while not _is_taken(descriptor):
            if time.monotonic() >= until_s:
                raise TimeoutError(f"{path} is held by another process")
            time.sleep(POLL_S)
        yield
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    if path.is_dir():
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)


def _is_taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
