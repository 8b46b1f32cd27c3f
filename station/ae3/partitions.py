"""The AE3's partition table (bootloader of May 2025 and later), and the tables of older boards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

BLOCK_BYTES: Final = 4096
"""One DFU block: the stride of wBlockNum, whatever the length of a request."""
TRANSFER_BYTES: Final = 4096
"""wTransferSize of the DFU functional descriptor."""
END_FRAME_BYTES: Final = 4
"""What an UPLOAD brings where it would pass the partition's limit: four zero bytes."""
BOOT_HEADER_BLOCK: Final = 1
"""The block of BOOT that begins with the bootloader's header."""


class Medium(StrEnum):
    """What a partition is stored in."""

    ON_CHIP = "on-chip MRAM"
    EXTERNAL = "external SPI"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition, reached by one DFU alternate setting. `start` and `limit` are byte addresses in its medium.

    `writable`: this station may write it. `write_protected`: its block 0 has to be written before any other block, or
    the camera hangs. `never_upload`: reading it kills the control endpoint. `image_file`: its file in a release.
    """

    alt: int
    name: str
    start: int
    limit: int
    medium: Medium
    writable: bool = True
    never_upload: bool = False
    image_file: str = ""

    @property
    def size_bytes(self) -> int:
        """Its size, a multiple of the block size."""
        return self.limit - self.start

    @property
    def blocks(self) -> int:
        """How many blocks it has."""
        return (self.limit - self.start) // BLOCK_BYTES

    @property
    def write_protected(self) -> bool:
        """On-chip memory is write-protected from power-up until the partition's block 0 is written."""
        return self.medium is Medium.ON_CHIP


BOOT: Final = Partition(0, "BOOT", 0x80000000, 0x80020000, Medium.ON_CHIP, writable=False)
HP: Final = Partition(1, "HP", 0x80020000, 0x80320000, Medium.ON_CHIP, image_file="firmware_M55_HP.bin")
HE: Final = Partition(2, "HE", 0x80320000, 0x8047E000, Medium.ON_CHIP, image_file="firmware_M55_HE.bin")
ROMFS1: Final = Partition(3, "ROMFS1", 0x8047E000, 0x8057E000, Medium.ON_CHIP, image_file="romfs1.img")
TOC: Final = Partition(4, "TOC", 0x8057E000, 0x80580000, Medium.ON_CHIP, writable=False)
RWFS: Final = Partition(5, "RWFS", 0, 0x00800000, Medium.EXTERNAL)
ROMFS0: Final = Partition(6, "ROMFS0", 0x00800000, 0x02000000, Medium.EXTERNAL, image_file="romfs0.img")
RECOVERY: Final = Partition(7, "RECOVERY", 0, 0x1000, Medium.NONE, never_upload=True)

TABLE: Final = (BOOT, HP, HE, ROMFS1, TOC, RWFS, ROMFS0, RECOVERY)
"""Ordered by alternate setting."""
FLASH_ORDER: Final = (HP, HE, ROMFS1, ROMFS0)
"""The partitions of a release, in the order in which they are written."""
RELEASE_ARCHIVE: Final = "firmware_OPENMV_AE3.zip"

_BY_NAME: Final = {partition.name: partition for partition in TABLE}


def partition_named(name: str) -> Partition:
    """The partition of that name; KeyError where there is none."""
    return _BY_NAME[name]


def partition_at(alt: int) -> Partition:
    """The partition behind an alternate setting; KeyError where there is none."""
    if not 0 <= alt < len(TABLE):
        raise KeyError(alt)
    return TABLE[alt]


@dataclass(frozen=True, slots=True)
class SizeProbe:
    """An UPLOAD of a whole block that tells a partition's size without writing: how many bytes it must bring."""

    alt: int
    block: int
    expected_bytes: int


SIZE_PROBES: Final = tuple(
    probe
    for partition in TABLE
    if not partition.never_upload
    for probe in (
        SizeProbe(partition.alt, partition.blocks - 1, BLOCK_BYTES),
        SizeProbe(partition.alt, partition.blocks, END_FRAME_BYTES),
    )
)
"""The last block of each partition that may be read, and the one after it."""


@dataclass(frozen=True, slots=True)
class KnownTable:
    """A partition table that AE3s were built with."""

    built: str
    partitions: tuple[Partition, ...]

    def predicts(self, names: Sequence[str], answers: Mapping[tuple[int, int], int]) -> bool:
        """Whether the table explains the names found and the bytes that each (alt, block) brought when uploaded."""
        if [partition.name for partition in self.partitions] != list(names):
            return False
        return all(
            brought == (BLOCK_BYTES if block < self.partitions[alt].blocks else END_FRAME_BYTES)
            for (alt, block), brought in answers.items()
        )


_OLD_RWFS: Final = replace(RWFS, limit=0x01000000)
_OLD_ROMFS0: Final = replace(ROMFS0, start=0x01000000)

KNOWN_TABLES: Final = (
    KnownTable("from 20 May 2025", TABLE),
    KnownTable("before 20 May 2025", (BOOT, HP, HE, ROMFS1, TOC, _OLD_RWFS, _OLD_ROMFS0, RECOVERY)),
    KnownTable(
        "before 30 March 2025",
        (BOOT, HP, HE, replace(ROMFS1, name="ROMFS0"), TOC, _OLD_RWFS, replace(_OLD_ROMFS0, name="ROMFS1"), RECOVERY),
    ),
)
"""The table of today first. The second has the same names, so that only sizes tell it; the third has two swapped."""


def built(names: Sequence[str], answers: Mapping[tuple[int, int], int]) -> str | None:
    """When a board with that table was built, for a message; None where no known table explains what was found."""
    return next((table.built for table in KNOWN_TABLES if table.predicts(names, answers)), None)
