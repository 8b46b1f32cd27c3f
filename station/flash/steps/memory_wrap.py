"""Is the external memory smaller than its partitions? Asked after its image is proven; nothing is written.

A small external chip that ignores the high address bits stores the image over the filesystem: it reads back right, and
the filesystem that the first boot formats destroys it. Such a chip shows a block of the image in the filesystem too,
where its address wraps to. A sound camera would need the same bytes in the same blocks of its filesystem: several
different blocks, none of them blank, have to be there before a camera is failed for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from station.board.board import Board, Wrapping
from station.board.firmware_image import Content
from station.dfu.engine import ShortFrame
from station.errors import CameraError, MramError
from station.flash.dfu_session import DfuSession
from station.problem import sentence

WITNESSES: Final = 3
"""So many different blocks are compared for each size of chip."""
ENOUGH: Final = 2
"""With fewer there is no telling."""

Witness = tuple[int, int]
"""A block of the image and the block of the filesystem in which a wrapping chip would show it."""


def refuse_wrapped(session: DfuSession, wrapping: Wrapping, content: Content, notes: list[str]) -> None:
    """MramError `mram.wrapped` where blocks of the image, proven to be `content`, stand in the filesystem as well.

    A reading of that one that fails is a note: nobody has reported one on a real camera.
    """
    over = session.board.partition(wrapping.over)
    for size_bytes in wrapping.chip_sizes_bytes:
        witnesses = chosen_witnesses(session.board, wrapping, content, size_bytes)
        if len(witnesses) < ENOUGH:
            continue
        try:
            session.select(over)
            wrapped = all(_stands_there(session, content, witness) for witness in witnesses)
        except CameraError as error:
            session.recover(over, error)
            notes.append(
                sentence(
                    "{partition} could not be read, to see whether the external memory wraps: {error}",
                    partition=over.name,
                    error=error,
                )
            )
            return
        if wrapped:
            text = sentence(
                "the external memory has {size} MiB and {image} lies over {filesystem}: blocks {blocks} of "
                "{partition} read back from {place} too",
                size=size_bytes >> 20,
                image=wrapping.image,
                filesystem=over.name,
                blocks=", ".join(str(block) for block, _ in witnesses),
                partition=wrapping.image,
                place=over.name,
            )
            raise MramError("mram.wrapped", text, retryable=False)


def chosen_witnesses(board: Board, wrapping: Wrapping, content: Content, size_bytes: int) -> list[Witness]:
    """Up to `WITNESSES` different blocks that are not blank and that such a chip would store over the filesystem."""
    found: dict[bytes, Witness] = {}
    for witness in _candidates(board, wrapping, len(content), size_bytes):
        block = _block(board, content, witness[0])
        if len(block) == board.block_bytes and len(set(block)) > 1 and block not in found:
            found[block] = witness
        if len(found) == WITNESSES:
            break
    return list(found.values())


def _candidates(board: Board, wrapping: Wrapping, image_bytes: int, size_bytes: int) -> Iterator[Witness]:
    """Whole blocks of the image that wrap into the filesystem, from the last of them: the chip's newest contents."""
    image, over = board.partition(wrapping.image), board.partition(wrapping.over)
    for block in reversed(range(image_bytes // board.block_bytes)):
        address = image.start + block * board.block_bytes
        stored_at = address % size_bytes
        if size_bytes <= address < 2 * size_bytes and over.start <= stored_at < over.limit:
            yield block, (stored_at - over.start) // board.block_bytes


def _stands_there(session: DfuSession, content: Content, witness: Witness) -> bool:
    block, there = witness
    found = session.upload(there, session.board.block_bytes)
    return not isinstance(found, ShortFrame) and bytes(found) == _block(session.board, content, block)


def _block(board: Board, content: Content, block: int) -> bytes:
    return bytes(content[block * board.block_bytes : (block + 1) * board.block_bytes])
