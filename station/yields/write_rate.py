"""Which images tell how fast a slot writes: those of which enough was written.

A re-run writes the blocks that differ, often three of two thousand. What it costs to begin and end an image then makes
nearly all of its time, and such a run would make a good slot look slow.
"""

from __future__ import annotations

from station.model.runs import ImageRecord

ENOUGH_BLOCKS = 64
"""So many blocks are enough, whatever the image's size: 256 KiB where a block has 4 KiB."""
ENOUGH_PARTS = 4
"""One of so many parts of the image is enough."""


def tells_write_rate(image: ImageRecord) -> bool:
    """Whether enough of the image was written: 64 blocks, or a quarter of it."""
    return image.blocks_written >= ENOUGH_BLOCKS or image.blocks_written * ENOUGH_PARTS >= image.blocks_total
