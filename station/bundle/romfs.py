"""ROMFS, MicroPython's read-only filesystem: its header, and a small writer.

An image is one record: a kind, the payload's length, the payload. Kind and length are numbers in groups of seven
bits, the highest group first, each byte but the last with its top bit set. Leading 0x80 bytes carry nothing: builders
align what follows with them, OpenMV's with up to twelve in the header. The payload is records again: files, folders.
"""

from __future__ import annotations

from collections.abc import Iterable

from station.board.firmware_image import Content

ROMFS_MAGIC = b"\xd2\xcd\x31"
"""How an image begins."""

_KIND_DATA = 2
_KIND_FILE = 5
_KINDS = range(1, 6)
"""Padding, data, a pointer to data, a folder, a file."""
_HEADER_LIMIT_BYTES = 32


def is_romfs(content: Content) -> bool:
    """Whether an image begins as a ROMFS does."""
    return bytes(content[: len(ROMFS_MAGIC)]) == ROMFS_MAGIC


def declared_bytes(content: Content) -> int | None:
    """How long the image says it is, header included; None where the header itself is cut off or has no end.

    The caller has checked the magic.
    """
    found = _read_number(content, len(ROMFS_MAGIC))
    return None if found is None else found[1] + found[0]


def is_cut_off(content: Content) -> bool:
    """Whether an image that says it is longer than the file is the beginning of a real one.

    It is when its header is, and the first record inside too: a kind that exists and a length that has room. Other
    bytes behind the magic are something else, and no sign of a file that was cut.
    """
    header = _read_number(content, len(ROMFS_MAGIC))
    if header is None:
        return len(content) < _HEADER_LIMIT_BYTES
    payload_bytes, start = header
    kind = _read_number(content, start)
    length = None if kind is None else _read_number(content, kind[1])
    if kind is None or length is None:
        return len(content) < start + _HEADER_LIMIT_BYTES
    return kind[0] in _KINDS and length[0] <= payload_bytes


def _read_number(content: Content, start: int) -> tuple[int, int] | None:
    """A number and the offset behind it; None where it is cut off or has no end."""
    value = 0
    for offset in range(start, min(len(content), start + _HEADER_LIMIT_BYTES)):
        byte = content[offset]
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, offset + 1
    return None


def build(files: Iterable[tuple[str, bytes]]) -> bytes:
    """An image with these files (name, content) in its root, as mpremote's builder makes it."""
    payload = b"".join(_file(name, content) for name, content in files)
    length = _number(len(payload))
    if (len(ROMFS_MAGIC) + len(length) + len(payload)) % 2:
        length = b"\x80" + length  # an even size
    return ROMFS_MAGIC + length + payload


def _file(name: str, content: bytes) -> bytes:
    encoded = name.encode("ascii")
    return _record(_KIND_FILE, _number(len(encoded)) + encoded + _record(_KIND_DATA, content))


def _record(kind: int, payload: bytes) -> bytes:
    return _number(kind) + _number(len(payload)) + payload


def _number(value: int) -> bytes:
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))
