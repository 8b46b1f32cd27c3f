"""Which blocks to read and which to write: pure decisions over block numbers.

Reading a block of the external flash costs a tenth of writing it, and every block is read back at the end anyway. So a
few sampled blocks decide: where no sample is right the image is written whole, unread; else only the stretches in which
a sample was wrong are read block by block, and the stretches between two right samples are presumed right until the
final reading, which is complete, says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

MAX_SAMPLES = 32
MIN_SAMPLES = 4


def sample_blocks(blocks_total: int) -> list[int]:
    """The block numbers to sample, ascending, first and last among them: one block in 32, from 4 to 32 of them.

    >>> sample_blocks(3)
    [0, 1, 2]
    >>> sample_blocks(100)
    [0, 33, 66, 99]
    """
    count = min(blocks_total, max(MIN_SAMPLES, min(MAX_SAMPLES, blocks_total // 32)))
    if count < 2:
        return list(range(blocks_total))
    return sorted({round(i * (blocks_total - 1) / (count - 1)) for i in range(count)})


def reading_pays(samples: Mapping[int, bool]) -> bool:
    """Whether any sampled block was already right."""
    return any(samples.values())


def doubtful_blocks(samples: Mapping[int, bool]) -> list[int]:
    """The blocks, samples left out, that lie in a stretch with a wrong sample at either end.

    >>> doubtful_blocks({0: True, 3: True, 6: False})
    [4, 5]
    """
    ends = sorted(samples)
    doubtful: list[int] = []
    for left, right in pairwise(ends):
        if not (samples[left] and samples[right]):
            doubtful.extend(range(left + 1, right))
    return doubtful


def unsampled_blocks(samples: Mapping[int, bool]) -> list[int]:
    """Every block between the samples: what is to be read where no complete reading follows."""
    ends = sorted(samples)
    return [block for left, right in pairwise(ends) for block in range(left + 1, right)]


def with_block_0_first(blocks: list[int], *, protected: bool) -> list[int]:
    """The write order. A protected partition's block 0 lifts its protection, so it goes first whatever else differs.

    >>> with_block_0_first([7, 9], protected=True)
    [0, 7, 9]
    """
    if protected and blocks and blocks[0] != 0:
        return [0, *blocks]
    return blocks
