"""The check phase: does a camera that the log calls passed hold the images? A few blocks of each are read."""

from __future__ import annotations

import random
from collections.abc import Collection

from station.ae3.firmware import label_span
from station.ae3.partitions import BLOCK_BYTES, HP, partition_named
from station.dfu.engine import ShortFrame
from station.errors import CameraError
from station.flash.images import mapped
from station.flash.session import DfuSession
from station.model.runs import ImagePlan

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
    partition = partition_named(image.partition)
    session.select(partition)
    with mapped(image) as content:
        label = label_span(content) if partition is HP else None
        for block in blocks_to_check(-(-len(content) // BLOCK_BYTES), label):
            wanted = content[block * BLOCK_BYTES : (block + 1) * BLOCK_BYTES]
            try:
                found = session.upload(block, BLOCK_BYTES)
            except CameraError as error:
                session.recover(partition, error)
                notes.append(f"what {partition.name} holds could not be read before the run: {error}")
                return None
            if isinstance(found, ShortFrame) or bytes(found[: len(wanted)]) != wanted:
                return False
    return True


def blocks_to_check(blocks_total: int, label: tuple[int, int] | None = None) -> list[int]:
    """First, last, some by chance, and those that hold the version label (its first and last byte)."""
    chosen = {0, blocks_total - 1, *random.sample(range(blocks_total), min(BY_CHANCE, blocks_total))}
    if label is not None:
        chosen.update(range(label[0] // BLOCK_BYTES, label[1] // BLOCK_BYTES + 1))
    return sorted(chosen)
