"""Reading that cannot hang; folders that are made, removed again, and held against others."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from station.atomic_write import sync_folder

_LOCK_POLL_S = 0.05


class NotRegularError(OSError):
    """A folder, a pipe, a device or a link where a file should be."""


def open_regular(path: Path) -> int:
    """A descriptor to read a regular file; NotRegularError for all else, OSError where it cannot be opened.

    A pipe without a writer would wait for ever and a device may do anything when it is opened: neither is touched.
    """
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise NotRegularError(f"{path.name} is not a regular file")
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):  # it was another one a moment ago
        os.close(descriptor)
        raise NotRegularError(f"{path.name} is not a regular file")
    return descriptor


def read_regular(path: Path, limit_bytes: int) -> bytes:
    """A regular file's bytes, at most one more than the limit, so that the caller sees that it was passed."""
    with open(open_regular(path), "rb") as file:
        return file.read(limit_bytes + 1)


def make_folder(folder: Path, undo: ExitStack) -> None:
    """Make a folder and those above it; `undo` removes again what was made here, as far as it is empty."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        try:
            path.mkdir()
        except FileExistsError:  # another import was quicker
            continue
        undo.callback(_remove_empty, path)
        sync_folder(path.parent)


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


@contextlib.contextmanager
def locked(folder: Path, timeout_s: float) -> Iterator[None]:
    """Hold a folder against others that ask for it in this way; TimeoutError when they hold it too long."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        deadline_s = time.monotonic() + timeout_s
        while not _try_lock(descriptor):
            if time.monotonic() >= deadline_s:
                raise TimeoutError(f"{folder} is held by another process")
            time.sleep(_LOCK_POLL_S)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
