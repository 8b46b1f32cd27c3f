"""The room on the log's disk: whether there is none left, and what is set aside of it while there is some.

1. Two files beside the log take room beforehand: one for the log itself, one for the journal. The first result that the
   log has no room for gives the log's away, and is written then; so are the others that were under way.
2. A new run is not begun on the reserve: it waits until there is room again, and the reserve with it.
3. Where the log's reserve is used up as well, results go into the journal, on its own, and wait too.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from station.errors import LedgerError
from station.ledger import sqlite
from station.problem import sentence

FULL = (errno.ENOSPC, errno.EDQUOT)
LOG_RESERVE = ".log-reserve"
LOG_RESERVE_BYTES = 4 << 20
"""A run writes some 20 pages of 4 KiB in all: enough for what is under way in the slots of any bench, and for more."""
LEAST_BYTES = 256 << 10
"""On a small disk less is taken, down to this."""
_PROBE_BYTES = 128 << 10
"""SQLite makes its -shm in steps of 32 KiB, and says only that it could not."""


class Reserve:
    """A file that takes room until it is given up."""

    def __init__(self, file: Path, size_bytes: int) -> None:
        self._file = file
        self._size_bytes = size_bytes
        self.is_given_up = False
        """Since the last time that it was taken."""

    def take(self) -> bool:
        """Take the room, or half of what there is; False on a full disk.

        Where the file system refuses for another reason, there is no reserve, and who writes sees why.
        """
        self.is_given_up = False
        self._size_bytes = max(LEAST_BYTES, min(self._size_bytes, self._free_bytes() // 2))
        while self._size_bytes >= LEAST_BYTES:
            try:
                self._allocate()
            except OSError as error:
                with suppress(OSError):
                    self._file.unlink(missing_ok=True)
                if error.errno not in FULL:
                    return True
                self._size_bytes //= 2
            else:
                return True
        self._size_bytes = LEAST_BYTES
        return False

    def take_again(self) -> bool:
        """The same after it was given up, all of it or nothing: what little comes free is for results."""
        try:
            if shutil.disk_usage(self._file.parent).free < self._size_bytes + LEAST_BYTES:
                return False
            self._allocate()
        except OSError:
            with suppress(OSError):
                self._file.unlink(missing_ok=True)
            return False
        self.is_given_up = False
        return True

    def give_up(self) -> bool:
        """Make room; False where there is no such file any more."""
        try:
            self._file.unlink()
        except OSError:
            return False
        self.is_given_up = True
        return True

    def _free_bytes(self) -> int:
        """What is free on the disk but for this file."""
        taken = self._file.stat().st_blocks * 512 if self._file.exists() else 0
        return shutil.disk_usage(self._file.parent).free + taken

    def _allocate(self) -> None:
        with self._file.open("ab") as stream:
            os.posix_fallocate(stream.fileno(), 0, self._size_bytes)


def no_room(folder: Path) -> LedgerError:
    """A line is not begun where its results would have no room."""
    text = sentence("the disk of {folder} is full: not even a few results would have room", folder=folder)
    return LedgerError("ledger.disk_full", text)


def is_full(error: BaseException, folder: Path) -> bool:
    """Whether a database or file error comes from a full disk, or a used-up quota, below this folder."""
    if isinstance(error, OSError):
        return error.errno in FULL
    if sqlite.is_full(error):
        return True
    return sqlite.is_io_error(error) and _has_no_room(folder)


def _has_no_room(folder: Path) -> bool:
    """Tried out: a quota, or a lack of inodes, is in no figure."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            os.posix_fallocate(probe.fileno(), 0, _PROBE_BYTES)
    except OSError as error:
        return error.errno in FULL
    return False
