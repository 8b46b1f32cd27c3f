"""Whether the write-ahead log beside the log's file was written for that file.

SQLite does not know: it lays a -wal over any database of that name, and a log that was put back by `cp` beside the -wal
of another day is malformed from then on. So every transaction of the station leaves a mark in the database's header:

1. `user_version` is a random number, new in each transaction; `application_id` is the `user_version` before it.
2. The main file has the mark of the last transaction that was brought into it (a checkpoint), or an older one that is
   still in the -wal.
3. So its mark is one of those in the -wal, or the one that the first of them came after. Any other file is a stranger.

The header is on page 1, and a frame of the -wal is a page (https://www.sqlite.org/walformat.html). The main file is
read by SQLite itself, as an immutable one (that is, without its -wal): to open and close it by hand would drop the
locks that this process has on it. A checkpoint that was killed, or found the disk full, leaves a file that is shorter
than its first page says, until the next one; `writable_schema` has SQLite read that, too.
"""

from __future__ import annotations

import os
import random
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from station.ledger.wal_frames import FRAME_HEADER_BYTES, HEADER_BYTES, SALT, committed_pages

_MAGIC = (0x377F0682, 0x377F0683)
_USER_VERSION_AT = 60
_APPLICATION_ID_AT = 68
_LARGEST = (1 << 31) - 1
_LOOKS = 20
"""A checkpoint may come between two looks; so many in a row show that the log is at work."""


class Mark(NamedTuple):
    """What a transaction left in the header: the number of the one before it, and its own."""

    before: int
    own: int


def mark_after(before: int) -> tuple[str, str]:
    """The statements that mark a transaction; `before` is the `user_version` that it finds."""
    return f"PRAGMA application_id = {before}", f"PRAGMA user_version = {random.randint(1, _LARGEST)}"


class Place(NamedTuple):
    """Which file bears the log's name, however its content changes."""

    device: int
    inode: int


def place_of(file: Path) -> Place:
    """Errors: OSError where there is none."""
    found = file.stat()
    return Place(found.st_dev, found.st_ino)


def is_in_place(file: Path, place: Place, *, has_wal: bool) -> bool:
    """Whether what was just committed can be found again: neither the log nor its -wal was taken away meanwhile.

    `has_wal`: SQLite uses one. Where the file system cannot share memory, it does not.
    """
    return place_of(file) == place and (not has_wal or _wal_of(file).exists())


@dataclass(slots=True)
class Marks:
    """The marks in a -wal as far as it was read. Who asks again and again keeps one: only what is new is read then."""

    header: bytes = b""
    at: int = HEADER_BYTES
    first: Mark | None = None
    own: set[int] = field(default_factory=set)

    def read_on(self, wal: Path) -> None:
        """Read what came behind; from the beginning where the -wal was begun anew. FileNotFoundError without one."""
        with wal.open("rb", buffering=0) as stream:
            header = os.pread(stream.fileno(), HEADER_BYTES, 0)
            if header != self.header:
                self.header, self.at, self.first, self.own = header, HEADER_BYTES, None, set()
            for behind, mark in _marks_in(stream.fileno(), header, self.at):
                self.at = behind
                if mark is not None:
                    self.add(mark)

    def add(self, mark: Mark) -> None:
        """One more, behind the others."""
        self.first = self.first or mark
        self.own.add(mark.own)

    def fit(self, own: int) -> bool:
        """Whether a main file with this mark is one that they came after."""
        return self.first is None or own == self.first.before or own in self.own


def belongs(file: Path, known: Marks | None = None) -> bool:
    """Whether the -wal beside the log is its own; True where there is none. Errors: sqlite3.Error, OSError."""
    for _ in range(_LOOKS):
        seen = _seen(file)
        if seen is None or _fits(seen[0], _wal_of(file), known):
            return True
        if _seen(file) == seen:
            return False
    return True


def _seen(file: Path) -> tuple[int, bytes] | None:
    """The main file's mark and the header of the -wal, in this order; None without a -wal that SQLite would use."""
    wal = _wal_of(file)
    if not wal.exists() or wal.stat().st_size <= HEADER_BYTES:
        return None
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?immutable=1", uri=True)) as main:
        main.execute("PRAGMA writable_schema = ON")
        (own,) = main.execute("PRAGMA user_version").fetchone()
    try:
        with wal.open("rb") as stream:
            header = stream.read(HEADER_BYTES)
    except FileNotFoundError:
        return None
    whole = len(header) == HEADER_BYTES and int.from_bytes(header[:4], "big") in _MAGIC
    return (int(own), header) if whole else None


def _fits(own: int, wal: Path, known: Marks | None) -> bool:
    try:
        if known is not None:
            known.read_on(wal)
            if known.fit(own):
                return True
        # Frames of a transaction that was rolled back are written over: what was read on may have missed some.
        anew = Marks()
        anew.read_on(wal)
        return anew.fit(own) or _committed(wal).fit(own)
    except FileNotFoundError:
        return True


def _committed(wal: Path) -> Marks:
    """The marks of what SQLite would read: looked at before a log is refused. What was read on may end in a frame that
    was cut short."""
    marks = Marks()
    for page in committed_pages(wal, 1):
        marks.add(_mark_of(page))
    return marks


def _marks_in(descriptor: int, header: bytes, at: int) -> Iterator[tuple[int, Mark | None]]:
    """The frames of a -wal from one on: where the next one begins, and the mark of one that has page 1.

    Frames of an older use, behind them, have another salt.
    """
    page_bytes = int.from_bytes(header[8:12], "big")
    while len(frame := os.pread(descriptor, FRAME_HEADER_BYTES, at)) == FRAME_HEADER_BYTES:
        if frame[8:16] != header[SALT]:
            return
        mark = None
        if int.from_bytes(frame[:4], "big") == 1:
            mark = _mark_of(os.pread(descriptor, 100, at + FRAME_HEADER_BYTES))
        at += FRAME_HEADER_BYTES + page_bytes
        yield at, mark


def _mark_of(page: bytes) -> Mark:
    return Mark(_number(page, _APPLICATION_ID_AT), _number(page, _USER_VERSION_AT))


def _number(page: bytes, at: int) -> int:
    found: tuple[int] = struct.unpack_from(">i", page.ljust(100, b"\0"), at)
    return found[0]


def _wal_of(file: Path) -> Path:
    return file.with_name(f"{file.name}-wal")
