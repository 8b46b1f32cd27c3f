"""What stands at the top of a ROMFS image: names, and the sizes of files (MicroPython `extmod/vfs_rom.c`)."""

from __future__ import annotations

from collections.abc import Iterator

from station.board.firmware_image import Content
from station.bundle.romfs import ROMFS_MAGIC, is_romfs

_DATA, _POINTER, _FOLDER, _FILE = 2, 3, 4, 5


def rom_listing(content: Content) -> dict[str, int | None] | None:
    """Sizes in bytes by name, None for a folder's; None where the content is no whole ROMFS.

    Only the records' heads are read, however large the files are.
    """
    if not is_romfs(content):
        return None
    listing: dict[str, int | None] = {}
    try:
        size_bytes, start = _number(content, len(ROMFS_MAGIC))
        for kind, first, end in _records(content, start, start + size_bytes):
            if kind not in (_FOLDER, _FILE):
                continue
            length, at = _number(content, first)
            name = bytes(content[at : at + length]).decode()
            listing[name] = _size_of(content, at + length, end) if kind == _FILE else None
    except (IndexError, UnicodeDecodeError):
        return None
    return listing


def _size_of(content: Content, first: int, end: int) -> int:
    for kind, start, stop in _records(content, first, end):
        if kind == _DATA:
            return stop - start
        if kind == _POINTER:
            return _number(content, start)[0]
    return 0


def _records(content: Content, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Kind, first byte and end of each record's payload."""
    while at < end:
        kind, at = _number(content, at)
        length, at = _number(content, at)
        yield kind, at, at + length
        at += length


def _number(content: Content, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, the highest first, and where it ends. IndexError at the content's end."""
    value = 0
    while True:
        byte = content[at]
        value, at = value << 7 | byte & 0x7F, at + 1
        if not byte & 0x80:
            return value, at
