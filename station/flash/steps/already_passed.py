"""The check phase: does a camera that the log calls passed hold the images? A few blocks of each are read."""

from __future__ import annotations

import random
from collections.abc import Collection

from station.board.firmware_image import label_span
from station.dfu.engine import ShortFrame
from station.errors import CameraError
from station.flash.dfu_session import DfuSession
from station.flash.images import mapped
from station.model.runs import ImagePlan
from station.problem import sentence

BY_CHANCE = 6
"""Blocks of each image that are chosen by chance, beside the first and the last."""


def holds_images(session: DfuSession, images: Collection[ImagePlan], notes: list[str]) -> bool | None:
    """Whether the blocks that were read are the images'. None where there is nothing to read, or reading fails.

    A serial may occur twice, and a log knows only serials: the memory is the proof. CameraError where the camera left.
    """
    holds: bool | None = None
    for image in images:
        holds = _holds_image(session, image, notes)
        if not holds:
            return holds
    return holds


def _holds_image(session: DfuSession, image: ImagePlan, notes: list[str]) -> bool | None:
    board = session.board
    partition, size_bytes = board.partition(image.partition), board.block_bytes
    session.select(partition)
    with mapped(image) as content:
        label = label_span(content) if partition in board.cores[:1] else None
        held = {at // size_bytes for at in label} if label else set()
        for block in blocks_to_check(-(-len(content) // size_bytes), held):
            wanted = content[block * size_bytes : (block + 1) * size_bytes]
            try:
                found = session.upload(block, size_bytes)
            except CameraError as error:
                session.recover(partition, error)
                notes.append(
                    sentence(
                        "what {partition} holds could not be read before the run: {error}",
                        partition=partition.name,
                        error=error,
                    )
                )
                return None
            if isinstance(found, ShortFrame) or bytes(found[: len(wanted)]) != wanted:
                return False
    return True


def blocks_to_check(blocks_total: int, label: Collection[int] = ()) -> list[int]:
    """First, last, some by chance, and those that hold the version label."""
    chosen = {0, blocks_total - 1, *label, *random.sample(range(blocks_total), min(BY_CHANCE, blocks_total))}
    return sorted(chosen)
