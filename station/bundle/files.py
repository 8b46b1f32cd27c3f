"""Reading that cannot hang; folders that are made, and removed again."""

from __future__ import annotations

import contextlib
import os
import stat
from contextlib import ExitStack
from pathlib import Path

from station.atomic_write import sync_folder


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
