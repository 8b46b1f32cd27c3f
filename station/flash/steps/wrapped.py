"""Is the external memory smaller than its partitions? Asked after ROMFS0 is proven; nothing is written.

An external chip of 8 or 16 MiB that ignores the high address bits stores ROMFS0 over RWFS: it reads back right, and the
filesystem that the first boot formats destroys it. Such a chip shows a block of ROMFS0 in RWFS too, where its address
wraps to. A sound camera would need the same bytes in the same blocks of its filesystem: several different blocks, none
of them blank, have to be there before a camera is failed for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from station.ae3.firmware import Content
from station.ae3.partitions import BLOCK_BYTES, ROMFS0, RWFS
from station.dfu.engine import ShortFrame
from station.errors import CameraError, MramError
from station.flash.session import DfuSession

CHIP_SIZES_BYTES: Final = (8 << 20, 16 << 20)
"""Sizes that such a chip may have: Everspin's 6B BB 17 says 8 MiB, its family ends at 16."""
WITNESSES: Final = 3
"""So many different blocks are compared for each size of chip."""
ENOUGH: Final = 2
"""With fewer there is no telling."""

Witness = tuple[int, int]
"""A block of ROMFS0 and the block of RWFS in which a wrapping chip would show it."""


def refuse_wrapped(session: DfuSession, content: Content, notes: list[str]) -> None:
    """MramError `mram.wrapped` where blocks of ROMFS0, proven to be `content`, stand in RWFS as well.

    A reading of RWFS that fails is a note: nobody has reported one on a real camera.
    """
    for size_bytes in CHIP_SIZES_BYTES:
        witnesses = chosen_witnesses(content, size_bytes)
        if len(witnesses) < ENOUGH:
            continue
        try:
            session.select(RWFS)
            wrapped = all(_stands_there(session, content, witness) for witness in witnesses)
        except CameraError as error:
            session.recover(RWFS, error)
            notes.append(f"RWFS could not be read, to see whether the external memory wraps: {error}")
            return
        if wrapped:
            text = (
                f"the external memory has {size_bytes >> 20} MiB and ROMFS0 lies over RWFS: blocks "
                f"{', '.join(str(block) for block, _ in witnesses)} of ROMFS0 read back from RWFS too"
            )
            raise MramError("mram.wrapped", text, retryable=False)


def chosen_witnesses(content: Content, size_bytes: int) -> list[Witness]:
    """Up to `WITNESSES` different blocks that are not blank and that a chip of that size would store over RWFS."""
    found: dict[bytes, Witness] = {}
    for witness in _candidates(len(content), size_bytes):
        block = bytes(content[witness[0] * BLOCK_BYTES : (witness[0] + 1) * BLOCK_BYTES])
        if len(block) == BLOCK_BYTES and len(set(block)) > 1 and block not in found:
            found[block] = witness
        if len(found) == WITNESSES:
            break
    return list(found.values())


def _candidates(image_bytes: int, size_bytes: int) -> Iterator[Witness]:
    """Whole blocks of the image that wrap into RWFS, from the last of them: the chip's newest contents."""
    for block in reversed(range(image_bytes // BLOCK_BYTES)):
        address = ROMFS0.start + block * BLOCK_BYTES
        stored_at = address % size_bytes
        if size_bytes <= address < 2 * size_bytes and RWFS.start <= stored_at < RWFS.limit:
            yield block, (stored_at - RWFS.start) // BLOCK_BYTES


def _stands_there(session: DfuSession, content: Content, witness: Witness) -> bool:
    block, there = witness
    found = session.upload(there, BLOCK_BYTES)
    wanted = content[block * BLOCK_BYTES : (block + 1) * BLOCK_BYTES]
    return not isinstance(found, ShortFrame) and bytes(found) == wanted
