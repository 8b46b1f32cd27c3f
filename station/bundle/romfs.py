"""ROMFS, MicroPython's read-only filesystem: its header, and a small writer.

An image is one record: a kind, the payload's length, the payload. Kind and length are numbers in groups of seven
bits, the highest group first, each byte but the last with its top bit set. Leading 0x80 bytes carry nothing: builders
align what follows with them, OpenMV's with up to twelve in the header. The payload is records again: files, folders.
"""

from __future__ import annotations

from collections.abc import Iterable

from station.ae3.firmware import ROMFS_MAGIC, Content

_KIND_DATA = 2
_KIND_FILE = 5
_HEADER_LIMIT_BYTES = 32


def declared_bytes(content: Content) -> int | None:
    """How long the image says it is, header included; None where the header itself is cut off or has no end.

    The caller has checked the magic.
    """
    length = 0
    for offset in range(len(ROMFS_MAGIC), min(len(content), _HEADER_LIMIT_BYTES)):
        byte = content[offset]
        length = length << 7 | byte & 0x7F
        if not byte & 0x80:
            return offset + 1 + length
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
