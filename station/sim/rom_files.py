"""Names and sizes of the files in a ROMFS image (MicroPython `extmod/vfs_rom.c`), as far as a listing needs them."""

from __future__ import annotations

from collections.abc import Iterator

_MARK = b"\xd2\xcd\x31"
_VERBATIM, _POINTER, _FILE = 2, 3, 5
HEADER_LIMIT_BYTES = 32


def image_bytes(head: bytes) -> int:
    """The length of the image that begins with `head`, 0 where none does."""
    if not head.startswith(_MARK):
        return 0
    try:
        size, start = _number(head, len(_MARK))
    except IndexError:
        return 0
    return start + size


def rom_files(image: bytes) -> Iterator[tuple[str, int]]:
    """The files at the top, in order; nothing for an image that is none, and none behind what cannot be read."""
    if not image.startswith(_MARK):
        return
    try:
        size, start = _number(image, len(_MARK))
        for kind, payload in _records(image[start : start + size]):
            if kind == _FILE:
                length, at = _number(payload, 0)
                yield payload[at : at + length].decode(), _size_of(payload[at + length :])
    except (IndexError, UnicodeDecodeError):
        return


def _size_of(payload: bytes) -> int:
    for kind, content in _records(payload):
        if kind == _VERBATIM:
            return len(content)
        if kind == _POINTER:
            return _number(content, 0)[0]
    return 0


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        kind, at = _number(data, at)
        length, at = _number(data, at)
        yield kind, data[at : at + length]
        at += length


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number of 7 bits a byte, most significant first, and where it ends."""
    value = 0
    while True:
        byte = data[at]
        value, at = value << 7 | byte & 0x7F, at + 1
        if not byte & 0x80:
            return value, at
