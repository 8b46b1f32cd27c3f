"""What a firmware image must look like inside: checks over its bytes, before it may reach a camera.

They take anything that behaves like bytes, a memory map of the file among others.
"""

from __future__ import annotations

import mmap
import re
from typing import Final

from station.board.partition import Partition

Content = bytes | bytearray | memoryview | mmap.mmap

VECTOR_TABLE_BYTES: Final = 8
"""Initial stack pointer and reset vector, the two words that are looked at."""

_LABEL = re.compile(rb"OpenMV [!-:<-~]{1,80}; MicroPython [!-:<-~]{1,80}")
_THUMB = 1


def reset_vector(content: Content) -> int | None:
    """The address that the core starts at (second little-endian word, Thumb bit included); None where it is cut off."""
    if len(content) < VECTOR_TABLE_BYTES:
        return None
    return int.from_bytes(content[4:VECTOR_TABLE_BYTES], "little")


def starts_in(content: Content, partition: Partition) -> bool:
    """Whether a firmware image starts inside its own partition, in Thumb state: it runs in place, where it is written.

    The bootloader jumps through the second word unconditionally. So an image for the other core, or no image at all,
    makes a camera that never comes back, or one whose second core is dead. The first word is the stack's end: that one
    proves nothing, and is not looked at.
    """
    vector = reset_vector(content)
    return vector is not None and bool(vector & _THUMB) and partition.start <= vector - _THUMB < partition.limit


def version_label(content: Content) -> str | None:
    """The text "OpenMV <id>; MicroPython <id>" of an HP image; None where there is none.

    A label is no fingerprint: two builds may carry the same.
    """
    match = _LABEL.search(content)
    return bytes(match[0]).decode("ascii") if match else None


def label_span(content: Content) -> tuple[int, int] | None:
    """The offsets of the first and the last byte of an HP image's version label; None where there is none."""
    match = _LABEL.search(content)
    return (match.start(), match.end() - 1) if match else None
