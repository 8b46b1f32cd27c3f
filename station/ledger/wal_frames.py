"""What SQLite takes for committed in a -wal, by the checksums in it (https://www.sqlite.org/walformat.html).

A process that was killed, or lost its power, in the middle of a frame leaves one that has the right salt and behind it
the bytes of an older use. SQLite reads up to the last frame of a transaction that is whole, and so does this.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

HEADER_BYTES = 32
FRAME_HEADER_BYTES = 24
SALT = slice(16, 24)
_PAGE_BYTES = slice(8, 12)
_ONES = 0xFFFFFFFF

_Sums = tuple[int, int]


def committed_pages(wal: Path, number: int) -> list[bytes]:
    """Each content of one page in it, the oldest first; some 0.1 ms a frame. FileNotFoundError without a -wal."""
    found: list[bytes] = []
    waiting: list[bytes] = []
    for page, pages_after, content in _whole_frames(wal.read_bytes()):
        if page == number:
            waiting.append(content)
        if pages_after:  # the last frame of its transaction says how many pages there are then
            found += waiting
            waiting = []
    return found


def _whole_frames(raw: bytes) -> Iterator[tuple[int, int, bytes]]:
    order = ">" if raw[3:4] == b"\x83" else "<"
    sums = _summed(raw[:24], (0, 0), order)
    if len(raw) < HEADER_BYTES or sums != struct.unpack_from(">2I", raw, 24):
        return
    frame_bytes = FRAME_HEADER_BYTES + int.from_bytes(raw[_PAGE_BYTES], "big")
    for at in range(HEADER_BYTES, len(raw) - frame_bytes + 1, frame_bytes):
        page, pages_after, salt, *said = struct.unpack_from(">2I8s2I", raw, at)
        content = raw[at + FRAME_HEADER_BYTES : at + frame_bytes]
        sums = _summed(content, _summed(raw[at : at + 8], sums, order), order)
        if salt != raw[SALT] or sums != tuple(said):
            return
        yield page, pages_after, content


def _summed(raw: bytes, sums: _Sums, order: str) -> _Sums:
    """The checksum of section 4.2, over whole pairs of words."""
    first, second = sums
    for one, other in struct.iter_unpack(f"{order}2I", raw[: len(raw) // 8 * 8]):
        first = first + one + second & _ONES
        second = second + other + first & _ONES
    return first, second
