from __future__ import annotations

from itertools import pairwise

import pytest

from station.board.openmv_ae3 import OPENMV_AE3
from station.board.partition import KnownTable, Medium

# The published table, written out a second time.
PUBLISHED = """
BOOT     0x80000000 0x80020000   131072 32
HP       0x80020000 0x80320000  3145728 768
HE       0x80320000 0x8047E000  1433600 350
ROMFS1   0x8047E000 0x8057E000  1048576 256
TOC      0x8057E000 0x80580000     8192 2
RWFS     0x00000000 0x00800000  8388608 2048
ROMFS0   0x00800000 0x02000000 25165824 6144
RECOVERY 0x00000000 0x00001000     4096 1
"""
TABLE, KNOWN_TABLES, SIZE_PROBES = OPENMV_AE3.partitions, OPENMV_AE3.known_tables, OPENMV_AE3.size_probes
NAMES = [partition.name for partition in TABLE]


@pytest.mark.parametrize(("alt", "line"), list(enumerate(PUBLISHED.strip().splitlines())))
def test_the_table_is_the_published_one(alt: int, line: str) -> None:
    name, start, limit, size_bytes, blocks = line.split()
    partition = TABLE[alt]
    assert (partition.alt, partition.name) == (alt, name)
    assert (partition.start, partition.limit) == (int(start, 16), int(limit, 16))
    assert (partition.size_bytes, OPENMV_AE3.blocks(partition)) == (int(size_bytes), int(blocks))
    assert partition.size_bytes == OPENMV_AE3.blocks(partition) * OPENMV_AE3.block_bytes
    assert OPENMV_AE3.partition(name) is partition


def test_who_may_be_written_and_read() -> None:
    assert [p.name for p in TABLE if not p.writable] == ["BOOT", "TOC"]
    assert [p.name for p in TABLE if p.locked] == ["BOOT", "HP", "HE", "ROMFS1", "TOC"]
    assert [p.name for p in TABLE if p.never_upload] == ["RECOVERY"]
    assert [p.name for p in TABLE if p.medium is Medium.EXTERNAL] == ["RWFS", "ROMFS0"]


def test_the_images_of_a_release_in_their_order() -> None:
    assert [(p.name, p.image and p.image.file) for p in OPENMV_AE3.images] == [
        ("HP", "firmware_M55_HP.bin"),
        ("HE", "firmware_M55_HE.bin"),
        ("ROMFS1", "romfs1.img"),
        ("ROMFS0", "romfs0.img"),
    ]
    assert [p.name for p in OPENMV_AE3.cores] == ["HP", "HE"]


def test_the_parts_of_one_medium_do_not_overlap() -> None:
    for table in KNOWN_TABLES:
        for medium in (Medium.ON_CHIP, Medium.EXTERNAL):
            parts = sorted((p.start, p.limit) for p in table.partitions if p.medium is medium)
            assert all(left[1] == right[0] for left, right in pairwise(parts))


def test_there_is_no_other_partition() -> None:
    with pytest.raises(KeyError):
        OPENMV_AE3.partition("QSPI")


def test_the_probes_ask_for_the_last_block_and_the_next() -> None:
    assert [(p.block, p.expected_bytes) for p in SIZE_PROBES if p.partition.alt == 5] == [(2047, 4096), (2048, 4)]
    assert [(p.block, p.expected_bytes) for p in SIZE_PROBES if p.partition.alt == 6] == [(6143, 4096), (6144, 4)]
    assert {p.partition.alt for p in SIZE_PROBES} == {0, 1, 2, 3, 4, 5, 6}
    assert len(SIZE_PROBES) == 14


def answers_of(table: KnownTable) -> dict[tuple[int, int], int]:
    """What a board with that table brings for each probe."""
    return {
        (probe.partition.alt, probe.block): 4096
        if (probe.block + 1) * 4096 <= table.partitions[probe.partition.alt].size_bytes
        else 4
        for probe in SIZE_PROBES
    }


@pytest.mark.parametrize("table", KNOWN_TABLES, ids=lambda table: table.built)
def test_each_known_table_is_told_by_names_and_probes(table: KnownTable) -> None:
    names = [p.name for p in table.partitions]
    assert OPENMV_AE3.built_by(names, answers_of(table)) == table.built


def test_the_old_table_has_the_same_names_and_other_sizes() -> None:
    new, old, first = KNOWN_TABLES
    assert [p.name for p in old.partitions] == NAMES
    assert answers_of(old) != answers_of(new)
    assert [p.size_bytes >> 20 for p in old.partitions[5:7]] == [16, 16]
    assert [p.name for p in first.partitions][3::3] == ["ROMFS0", "ROMFS1"]


def test_an_unknown_table_is_not_named() -> None:
    assert OPENMV_AE3.built_by(NAMES[:-1], {}) is None
    assert OPENMV_AE3.built_by(NAMES, {(5, 0): 4}) is None
