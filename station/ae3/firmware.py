"""What an image must look like inside: checks over its bytes, before it may reach a camera.

They take anything that behaves like bytes, a memory map of the file among others.
"""

from __future__ import annotations

import mmap
import re
from typing import Final

from station.ae3.partitions import Partition

Content = bytes | bytearray | memoryview | mmap.mmap

ROMFS_MAGIC: Final = b"\xd2\xcd\x31"
"""How a ROMFS image begins."""
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

    Proven by openmv/openmv (July 2026): `boards/OPENMV_AE3/board_config.h` gives HP 0x80020000 and HE 0x80320000 as
    OMV_FLASH_ORIGIN, with the partitions' lengths, as every earlier revision does; `ports/alif/alif.ld.S` puts the
    vectors and all code there. The bootloader jumps through HP's word unconditionally; HE is started at
    0x80320000 (`alif_cfg.json`, openamp.RemoteProc). So an image for the other core, or no image at all, makes a camera
    that never comes back, or one whose second core is dead. The first word is the stack's end, 0x00040000 in real ones:
    that one proves nothing, and is not looked at.
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


def is_romfs(content: Content) -> bool:
    """Whether an image begins as a ROMFS does."""
    return bytes(content[: len(ROMFS_MAGIC)]) == ROMFS_MAGIC
